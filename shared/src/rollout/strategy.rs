//! How traffic moves from blue to green: which shares, and how long each of them bakes.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::analysis::AnalysisPolicy;

/// A share of the replaced variant's traffic in ten-thousandths: 0 to 10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Weight(u16);

impl Weight {
    /// No traffic.
    pub const ZERO: Self = Self(0);
    /// All of it.
    pub const FULL: Self = Self(10_000);

    /// `None` above 10,000.
    pub const fn from_ten_thousandths(parts: u16) -> Option<Self> {
        if parts <= 10_000 { Some(Self(parts)) } else { None }
    }

    /// From whole percent; `None` above 100.
    pub const fn percent(percent: u8) -> Option<Self> {
        if percent <= 100 {
            Some(Self(percent as u16 * 100))
        } else {
            None
        }
    }

    /// 0 to 10,000.
    pub const fn ten_thousandths(self) -> u16 {
        self.0
    }

    /// 0 to 1.
    pub fn share(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }

    /// What is left for blue.
    #[must_use]
    pub const fn rest(self) -> Self {
        Self(10_000 - self.0)
    }
}

impl TryFrom<u16> for Weight {
    type Error = String;

    fn try_from(parts: u16) -> Result<Self, String> {
        Self::from_ten_thousandths(parts)
            .ok_or_else(|| format!("{parts} ten-thousandths are more than all of the traffic"))
    }
}

impl From<Weight> for u16 {
    fn from(weight: Weight) -> Self {
        weight.0
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(f, "{whole}%"),
            (whole, part) if part % 10 == 0 => write!(f, "{whole}.{}%", part / 10),
            (whole, part) => write!(f, "{whole}.{part:02}%"),
        }
    }
}

/// One step: green takes `weight`, then bakes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Step {
    /// Green's share from here on. Grows from step to step.
    pub weight: Weight,
    /// How long green keeps that share and is watched before the next step. No upper limit but the deadline.
    pub bake: Duration,
    /// After the bake wait for `promote`.
    pub gate: bool,
    /// Probe green again once its weight is verified.
    pub smoke: bool,
    /// CloudWatch alarms that count in this step, besides those of the rollout, which count in every one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<String>,
    /// How green is judged in this step; `None`: as the rollout says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<OwnAnalysis>,
}

impl Step {
    /// Neither gate nor probes, and nothing of its own: the rollout's alarms and analysis watch it.
    pub const fn new(weight: Weight, bake: Duration) -> Self {
        Self {
            weight,
            bake,
            gate: false,
            smoke: false,
            alarms: Vec::new(),
            analysis: None,
        }
    }

    /// It has alarms or an analysis that other steps do not have.
    pub fn has_its_own(&self) -> bool {
        !self.alarms.is_empty() || self.analysis.is_some()
    }
}

/// How green is judged in one step where that is not as the rollout says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnAnalysis {
    /// Not at all.
    Off,
    /// By what the step says, laid over what the rollout says.
    On(AnalysisPolicy),
}

/// The steps, in order. At least one; weights strictly grow; the last one is [`Weight::FULL`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Strategy {
    /// How people call it: a name from the fleet file, or `inline`.
    pub name: String,
    /// Which family it is of: the `guardrails` engine can do only some.
    pub kind: StrategyKind,
    /// The steps it comes down to.
    pub steps: Vec<Step>,
}

impl Strategy {
    /// All bakes together.
    pub fn bakes(&self) -> Duration {
        self.steps.iter().map(|step| step.bake).sum()
    }

    /// Index of the last step.
    pub fn last(&self) -> usize {
        self.steps.len().saturating_sub(1)
    }
}

/// The families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StrategyKind {
    /// Everything at once.
    AllAtOnce,
    /// A first share, then everything.
    Canary,
    /// Equal shares.
    Linear,
    /// Any.
    Steps,
}
