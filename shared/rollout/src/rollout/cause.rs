//! Why a rollout went back or ended without success: what the alert says, and a label for the metric.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why green does not stay. Decided once and never taken back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
pub enum Cause {
    /// A CloudWatch alarm that the rollout names is in ALARM.
    Alarm {
        /// `AlarmName`.
        name: String,
        /// `StateReason`.
        reason: String,
    },
    /// Green is worse than the analysis allows.
    Analysis {
        /// The checks that failed, one an item.
        said: Vec<String>,
    },
    /// Green does not answer its probes as it should.
    Smoke {
        /// What the last round said, one probe an item.
        said: Vec<String>,
    },
    /// The health checker found green, or with its traffic the endpoint, unhealthy.
    Health {
        /// What it saw, one observation an item.
        said: Vec<String>,
    },
    /// SageMaker did not make the change, or took it back by itself.
    Sagemaker {
        /// What SageMaker says, or what was seen.
        said: String,
    },
    /// The endpoint is `Failed` or `UpdateRollbackFailed`.
    Endpoint {
        /// Status and `FailureReason`.
        said: String,
    },
    /// There is no such endpoint, or variant, or inference component any more.
    Gone {
        /// What.
        said: String,
    },
    /// Somebody else gave the endpoint another config, or another rollout its weights.
    TakenOver {
        /// What was seen.
        said: String,
    },
    /// AWS will never make this call.
    Refused {
        /// The call and the answer.
        said: String,
    },
    /// Not done, not shown to be well, or not promoted in time.
    Deadline {
        /// Which deadline, and what was missing.
        said: String,
    },
    /// Somebody asked for it.
    Operator {
        /// Who.
        by: Option<String>,
        /// Why.
        reason: Option<String>,
    },
}

impl Cause {
    /// For a metric's dimension: few, fixed words.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Alarm { .. } => "alarm",
            Self::Analysis { .. } => "analysis",
            Self::Smoke { .. } => "smoke",
            Self::Health { .. } => "health",
            Self::Sagemaker { .. } => "sagemaker",
            Self::Endpoint { .. } => "endpoint",
            Self::Gone { .. } => "gone",
            Self::TakenOver { .. } => "taken-over",
            Self::Refused { .. } => "refused",
            Self::Deadline { .. } => "deadline",
            Self::Operator { .. } => "operator",
        }
    }

    /// Everything that was seen, one observation an item.
    pub fn evidence(&self) -> Vec<String> {
        match self {
            Self::Analysis { said } | Self::Smoke { said } | Self::Health { said } if said.len() > 1 => said.clone(),
            _ => vec![self.to_string()],
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alarm { name, reason } if reason.is_empty() => write!(f, "alarm {name} is in ALARM"),
            Self::Alarm { name, reason } => write!(f, "alarm {name} is in ALARM: {reason}"),
            Self::Analysis { said } => write!(f, "analysis failed: {}", said.join("; ")),
            Self::Smoke { said } => write!(f, "green failed its probes: {}", said.join("; ")),
            Self::Health { said } => write!(f, "the health checker found it unhealthy: {}", said.join("; ")),
            Self::Sagemaker { said }
            | Self::Endpoint { said }
            | Self::Gone { said }
            | Self::TakenOver { said }
            | Self::Refused { said }
            | Self::Deadline { said } => f.write_str(said),
            Self::Operator { by, reason } => {
                write!(f, "asked for by {}", by.as_deref().unwrap_or("an operator"))?;
                reason.as_ref().map_or(Ok(()), |reason| write!(f, ": {reason}"))
            }
        }
    }
}
