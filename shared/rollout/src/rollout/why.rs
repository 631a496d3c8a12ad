//! Why a decision is what it is, also when it is to do nothing.

use std::fmt;

use jiff::Timestamp;

use super::{cause::Cause, phase::Phase};
use crate::{endpoint::EndpointStatus, text::lasting};

/// The reason at the end of one decision: what is done, or what is waited for.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// No rollout, and nothing to tidy.
    Idle,
    /// The world was not looked at; [`super::needs`] says what to look at.
    NotLooked,
    /// A call is handed out.
    Acting(String),
    /// A call did not take effect now; again at the next wake-up.
    Later {
        /// Which.
        call: String,
        /// What came.
        said: String,
    },
    /// A call was accepted, and what it does is not seen yet.
    NotSeenYet(String),
    /// The endpoint could not be described.
    Unseen(String),
    /// Something else that is needed to go on could not be looked at.
    Unknown(String),
    /// SageMaker takes no change now.
    Busy(EndpointStatus),
    /// SageMaker makes the change asked for.
    Working(String),
    /// An operator holds it.
    Paused {
        /// Who.
        by: Option<String>,
        /// Why.
        reason: Option<String>,
    },
    /// Probes have to pass more often.
    Probing {
        /// Passed in a row.
        passes: u32,
        /// Needed in a row.
        needed: u32,
        /// What the last round, if it was counted in this look, said.
        said: Vec<String>,
    },
    /// Instances are not there yet.
    Growing {
        /// `VariantName`.
        variant: String,
        /// There now.
        current: u32,
        /// Wanted.
        wanted: u32,
    },
    /// The bake lasts.
    Baking {
        /// Seconds to go.
        left: i64,
    },
    /// The bake has passed, and the analysis has not shown that green is well.
    Inconclusive(Vec<String>),
    /// The endpoint is not as Steward left it.
    Drifted(String),
    /// Waits for `promote`.
    Waiting {
        /// Until then; what then is in the policy.
        until: Timestamp,
    },
    /// Blue is kept.
    Keeping {
        /// Seconds to go.
        left: i64,
    },
    /// A rollout ended in this decision.
    Ended,
    /// Configs of earlier rollouts are kept until then.
    Retaining(Timestamp),
    /// A config that Steward made was to be deleted, and is kept.
    Kept {
        /// `EndpointConfigName`.
        config: String,
        /// Why.
        because: String,
        /// When it is looked at again.
        until: Timestamp,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle => f.write_str("nothing to do"),
            Self::NotLooked => f.write_str("the endpoint was not looked at"),
            Self::Acting(call) => write!(f, "the next call: {call}"),
            Self::Later { call, said } => write!(f, "{call} did not take effect ({said}); again at the next wake-up"),
            Self::NotSeenYet(call) => write!(f, "{call} was accepted, and is not seen yet"),
            Self::Unseen(said) => write!(f, "the endpoint could not be described: {said}"),
            Self::Unknown(said) => f.write_str(said),
            Self::Busy(status) => write!(
                f,
                "the endpoint is {status}, and SageMaker takes no change until it is InService"
            ),
            Self::Working(what) => write!(f, "SageMaker is at work: {what}"),
            Self::Paused { by, reason } => {
                write!(f, "paused by {}", by.as_deref().unwrap_or("an operator"))?;
                reason.as_ref().map_or(Ok(()), |reason| write!(f, ": {reason}"))?;
                f.write_str("; `resume` goes on")
            }
            Self::Probing { passes, needed, said } => {
                write!(f, "{passes} of {needed} rounds of probes in a row have passed")?;
                if said.is_empty() {
                    Ok(())
                } else {
                    write!(f, "; the last one: {}", said.join("; "))
                }
            }
            Self::Growing {
                variant,
                current,
                wanted,
            } => {
                write!(f, "{variant} has {current} of {wanted} instances")
            }
            Self::Baking { left } => write!(f, "bakes for another {}", lasting(*left)),
            Self::Inconclusive(said) => write!(f, "not shown to be well yet: {}", said.join("; ")),
            Self::Drifted(said) => write!(f, "{said}; held until it is put right or the deadline comes"),
            Self::Waiting { until } => write!(f, "waits for `promote` until {until:.0}"),
            Self::Keeping { left } => write!(f, "blue is kept for another {}", lasting(*left)),
            Self::Ended => f.write_str("over"),
            Self::Kept { config, because, until } => {
                write!(f, "config {config} is kept: {because}; looked at again at {until:.0}")
            }
            Self::Retaining(until) => write!(f, "keeps configs of earlier rollouts until {until:.0}"),
        }
    }
}

/// One change of phase: a line in the log, a metric, and for some of them an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The rollout's id: `fraud-detector/7`.
    pub rollout: String,
    /// When.
    pub at: Timestamp,
    /// Where it was; `None` at the start.
    pub from: Option<Phase>,
    /// Where it is.
    pub to: To,
    /// Why green goes, from the decision to go back on.
    pub cause: Option<Cause>,
}

/// Where a transition leads.
#[derive(Clone, Debug, PartialEq)]
pub enum To {
    /// On.
    Phase(Phase),
    /// To the end.
    End(super::ledger::Ended),
}

impl To {
    /// For metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Phase(phase) => phase.name(),
            Self::End(ended) => ended.as_str(),
        }
    }
}
