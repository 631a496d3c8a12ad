//! What is seen of an endpoint's health, by those who judge it and those who ask them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::probe::ProbeVerdict;

/// One probe's outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProbeResult {
    /// The probe's name.
    pub probe: String,
    /// The variant asked, when it was asked by `TargetVariant`.
    pub variant: Option<String>,
    /// What the answer says.
    pub verdict: ProbeVerdict,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Tries that a container answered at once, well or not: requests as the endpoint's metrics count them.
    #[serde(skip)]
    pub answered: u32,
    /// From the first try to the end of the last, in milliseconds.
    #[serde(skip)]
    pub lasted_ms: u64,
    /// Of an asynchronous probe that was queued, the inference: the `s3://` URI of its input, which no other has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference: Option<String>,
}

/// What the probes say of an endpoint or a variant, after the thresholds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Not judged yet.
    #[default]
    Unknown,
    /// Well.
    Healthy,
    /// Serves, but not as it should.
    Degraded,
    /// Does not serve as it should.
    Unhealthy,
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        })
    }
}

impl Level {
    /// Something is wrong.
    pub fn is_ill(self) -> bool {
        matches!(self, Self::Degraded | Self::Unhealthy)
    }
}

/// What the health checker knows of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthSeen {
    /// What its probes say, after the thresholds.
    pub level: Level,
    /// The first of the checks that made its level ill, or the one that made Degraded Unhealthy: checks that passed, and are
    /// too few for Healthy, end no illness. While the level is not ill, the same as `failing_since`.
    pub ill_since: Option<Timestamp>,
    /// The first check of the present streak of checks that did not pass.
    pub failing_since: Option<Timestamp>,
    /// The last check that said anything of the endpoint.
    pub counted: Option<Timestamp>,
    /// What the last check saw, one observation an item.
    pub evidence: Vec<String>,
    /// The probes whose payload was accepted before: refused now, it is the model that refuses what it used to accept.
    pub proven: BTreeSet<String>,
    /// The variants that are probed for themselves: what their probes say, and since when.
    pub variants: BTreeMap<String, (Level, Timestamp)>,
}
