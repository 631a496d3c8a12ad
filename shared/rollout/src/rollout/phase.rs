//! Where a rollout is.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The phases, in the order in which a rollout that goes well passes them; then those of one that does not.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "kebab-case")]
pub enum Phase {
    /// Accepted; nothing is changed before the endpoint was seen to be as planned.
    Pending,
    /// Blue's scale-in is suspended, green is added at weight zero.
    Preparing,
    /// Green is probed before it gets any traffic.
    Smoke(Rounds),
    /// Green gets the instances that the step's share needs, and its autoscaling.
    Sizing {
        /// Index into the strategy's steps.
        step: usize,
        /// Green's instances for it; absent for serverless.
        count: Option<u32>,
    },
    /// The step's weights are set and read back.
    Shifting {
        /// Index into the strategy's steps.
        step: usize,
    },
    /// Green is probed again, with its share of traffic.
    Probing {
        /// Index into the strategy's steps.
        step: usize,
        /// Its probes.
        rounds: Rounds,
    },
    /// Green keeps its share and is watched.
    Baking {
        /// Index into the strategy's steps.
        step: usize,
    },
    /// Baked; waits for `promote`.
    Gate {
        /// Index into the strategy's steps.
        step: usize,
    },
    /// Green has all traffic and gets blue's autoscaling for good.
    Finishing,
    /// Green has all traffic, blue is kept at its size.
    Keeping,
    /// Blue is removed from the endpoint.
    Removing,
    /// SageMaker's own engine is at work.
    Deploying,
    /// Blue gets all traffic back; with SageMaker's own engines: the deployment is stopped.
    RollingBack,
    /// Blue has all traffic; green, and what was done to blue, is undone.
    CleaningUp,
    /// Green replaced blue already; blue is put in its place again.
    Returning,
    /// Somebody else has taken the endpoint over; Steward gives back what it suspended, and leaves.
    Leaving,
}

/// Probe rounds counted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rounds {
    /// Passed in a row.
    pub passes: u32,
    /// Failed in a row.
    pub failures: u32,
    /// The last one that counted.
    pub counted: Option<Timestamp>,
}

impl Phase {
    /// The name, for metrics and people.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Preparing => "preparing",
            Self::Smoke(_) => "smoke",
            Self::Sizing { .. } => "sizing",
            Self::Shifting { .. } => "shifting",
            Self::Probing { .. } => "probing",
            Self::Baking { .. } => "baking",
            Self::Gate { .. } => "gate",
            Self::Finishing => "finishing",
            Self::Keeping => "keeping",
            Self::Removing => "removing",
            Self::Deploying => "deploying",
            Self::RollingBack => "rolling-back",
            Self::CleaningUp => "cleaning-up",
            Self::Returning => "returning",
            Self::Leaving => "leaving",
        }
    }

    /// The step it belongs to.
    pub const fn step(&self) -> Option<usize> {
        match self {
            Self::Sizing { step, .. }
            | Self::Shifting { step }
            | Self::Probing { step, .. }
            | Self::Baking { step }
            | Self::Gate { step } => Some(*step),
            _ => None,
        }
    }

    /// Green is on its way, or there and still watched: harm takes it back.
    pub const fn is_forward(&self) -> bool {
        !matches!(
            self,
            Self::RollingBack | Self::CleaningUp | Self::Returning | Self::Leaving
        )
    }

    /// The last bake has not passed: the overall deadline counts.
    pub const fn is_before_the_end(&self) -> bool {
        self.is_forward() && !matches!(self, Self::Finishing | Self::Keeping | Self::Removing)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step() {
            Some(step) => write!(f, "{} (step {})", self.name(), step.saturating_add(1)),
            None => f.write_str(self.name()),
        }
    }
}
