//! What a decision asks to be done: one call, safe to repeat.

use std::fmt;

use jiff::Timestamp;

use super::{slots::Slot, thing::Thing};

/// One thing to do after the decision was committed; all but the slots under the endpoint's lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// [`super::Slots::claim`], written on condition that nobody else wrote. No lease is needed.
    Claim(Slot),
    /// [`super::Slots::release`], likewise, by the id of the slot.
    Release(String),
    /// `RegisterScalableTarget` with `MinCapacity` alone: the capacity is moved up into the range.
    RaiseMinimum(Target, u32),
    /// `RegisterScalableTarget` with `MinCapacity` alone: the minimum that there was before.
    RestoreMinimum(Target, u32),
    /// `RegisterScalableTarget` with neither: Application Auto Scaling moves the capacity into the range once more.
    Nudge(Target),
    /// `UpdateEndpointWeightsAndCapacities` with this count of one variant, or `UpdateInferenceComponentRuntimeConfig`.
    SetCount(Target, u32),
}

/// What is called upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Which.
    pub thing: Thing,
    /// `VariantName`, or `InferenceComponentName`.
    pub name: String,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.thing {
            Thing::Variant => write!(f, "variant {}", self.name),
            Thing::Component(_) => write!(f, "component {}", self.name),
        }
    }
}

impl Effect {
    /// The scalable target or thing that it changes; `None` for slots.
    pub const fn target(&self) -> Option<&Target> {
        match self {
            Self::Claim(_) | Self::Release(_) => None,
            Self::RaiseMinimum(target, _)
            | Self::RestoreMinimum(target, _)
            | Self::Nudge(target)
            | Self::SetCount(target, _) => Some(target),
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Claim(_) => f.write_str("claim one of the fleet's simultaneous wakes"),
            Self::Release(_) => f.write_str("give its place among the fleet's simultaneous wakes back"),
            Self::RaiseMinimum(target, min) => write!(f, "raise the minimum of {target} to {min}"),
            Self::RestoreMinimum(target, min) => write!(f, "restore the minimum of {target} to {min}"),
            Self::Nudge(target) => write!(f, "have {target} moved into its range once more"),
            Self::SetCount(target, 0) => write!(f, "put {target} to sleep"),
            Self::SetCount(target, count) => {
                write!(f, "set {target} to {count} {}", target.thing.unit())
            }
        }
    }
}

/// How an effect went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acted {
    /// Which.
    pub effect: Effect,
    /// When the answer came.
    pub at: Timestamp,
    /// What came.
    pub outcome: Outcome,
}

/// What came of an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Taken, or it was so already. What came of it is seen only by looking. Of a claim: the slot is held.
    Accepted,
    /// Not now (busy, throttled, no lease, no slot, no answer): the same again later. It may have taken effect.
    Later(String),
    /// It will never be taken.
    Refused(String),
}
