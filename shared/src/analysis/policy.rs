//! What is asked of a green variant.

use std::{collections::BTreeSet, fmt, num::NonZeroU32};

use serde::{Deserialize, Serialize};

use super::percentile::Percentile;
use crate::quantity::{Share, Span};

/// The checks of one step. A check that is left out is not made.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct AnalysisPolicy {
    /// Requests that green, and for a comparison also blue, must have had in this step to pass, besides Steward's own
    /// probes; 0 counts as 1.
    /// Default 50: without a single error among them, the true rate is below 6% with 95% confidence.
    pub min_requests: u64,
    /// Failed requests. By default compared with blue.
    pub errors: Option<ErrorCheck>,
    /// Latency percentiles. None by default.
    pub latency: Vec<LatencyCheck>,
    /// Slow requests. Not made by default.
    pub slow: Option<SlowCheck>,
}

impl Default for AnalysisPolicy {
    fn default() -> Self {
        Self {
            min_requests: 50,
            errors: Some(ErrorCheck::default()),
            latency: Vec::new(),
            slow: None,
        }
    }
}

impl AnalysisPolicy {
    /// Only the minimum of requests.
    pub fn none() -> Self {
        Self {
            errors: None,
            ..Self::default()
        }
    }

    /// There is a check that can fail green, beside blue at least.
    pub fn decides(&self) -> bool {
        let errors = self.errors.as_ref().is_some_and(|check| !check.dry_run);
        let slow = self.slow.as_ref().is_some_and(|check| !check.dry_run);
        errors || slow || self.latency.iter().any(|check| !check.dry_run)
    }

    /// What can never do what its author meant, for people; each with the field it is about.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let nothing = |field: &str| format!("{field}: has neither `limit` nor `against_blue`, so it checks nothing");
        let endless = |field: &str, limit: &Option<ShareLimit>| {
            limit
                .as_ref()
                .is_some_and(|limit| limit.share.fraction() >= 1.0)
                .then(|| format!("{field}.limit: no share is above 100%, so it never fails"))
        };
        if let Some(errors) = &self.errors {
            if errors.counted.is_empty() {
                problems.push("errors.counted: counts no kind of error, so it is inconclusive for ever".to_owned());
            }
            if errors.limit.is_none() && errors.against_blue.is_none() {
                problems.push(nothing("errors"));
            }
            problems.extend(endless("errors", &errors.limit));
        }
        for (at, check) in self.latency.iter().enumerate() {
            if check.limit.is_none() && check.against_blue.is_none() {
                problems.push(nothing(&format!("latency[{at}]")));
            }
        }
        if let Some(slow) = &self.slow {
            if slow.limit.is_none() && slow.against_blue.is_none() {
                problems.push(nothing("slow"));
            }
            if slow.slower_than.duration().is_zero() {
                problems.push("slow.slower_than: every request is slower than 0s".to_owned());
            }
            problems.extend(endless("slow", &slow.limit));
        }
        problems
    }
}

/// Failed requests as a share of all.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorCheck {
    /// What counts as failed. By default what is the model's own doing: 5xx and model errors.
    pub counted: BTreeSet<ErrorKind>,
    /// The share it may never be above. None by default: a limit that suits every model does not exist. Where blue gets no
    /// requests, the crate `rollout` makes one (`without_blue`).
    pub limit: Option<ShareLimit>,
    /// How it may compare with blue.
    pub against_blue: Option<Against>,
    /// Report, and decide nothing.
    pub dry_run: bool,
}

impl Default for ErrorCheck {
    fn default() -> Self {
        Self {
            counted: BTreeSet::from([ErrorKind::Server, ErrorKind::Model]),
            limit: None,
            against_blue: Some(Against::default()),
            dry_run: false,
        }
    }
}

/// The ways in which SageMaker counts a request as failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ErrorKind {
    /// `Invocation4XXErrors`: the caller's own, unless the new model refuses what the old one took.
    #[serde(rename = "4xx")]
    Client,
    /// `Invocation5XXErrors`.
    #[serde(rename = "5xx")]
    Server,
    /// `InvocationModelErrors`; mostly counted as 4xx or 5xx too, and then not counted twice here.
    #[serde(rename = "model")]
    Model,
}

/// Requests slower than a limit, as a share of all. Far sharper than a percentile: every request is evidence.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SlowCheck {
    /// A request that took longer is slow.
    pub slower_than: Span,
    /// The share it may never be above.
    #[serde(default)]
    pub limit: Option<ShareLimit>,
    /// How it may compare with blue.
    #[serde(default)]
    pub against_blue: Option<Against>,
    /// Report, and decide nothing.
    #[serde(default)]
    pub dry_run: bool,
}

impl SlowCheck {
    /// Compared with blue, without a limit of its own.
    pub fn against_blue(slower_than: Span) -> Self {
        Self {
            slower_than,
            limit: None,
            against_blue: Some(Against::default()),
            dry_run: false,
        }
    }
}

/// One latency percentile.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LatencyCheck {
    /// Which one.
    pub percentile: Percentile,
    /// What it may never be above for long.
    #[serde(default)]
    pub limit: Option<LatencyLimit>,
    /// How it may compare with blue's. `ratio` is of the latencies, minute by minute.
    #[serde(default)]
    pub against_blue: Option<Against>,
    /// Requests that both variants need in a minute for it to be compared; by default
    /// [`Percentile::enough_requests`].
    #[serde(default)]
    pub minute_requests: Option<u64>,
    /// Report, and decide nothing.
    #[serde(default)]
    pub dry_run: bool,
}

impl LatencyCheck {
    /// Compared with blue, without a limit of its own.
    pub fn against_blue(percentile: Percentile) -> Self {
        Self {
            percentile,
            limit: None,
            against_blue: Some(Against::default()),
            minute_requests: None,
            dry_run: false,
        }
    }

    /// Held to a limit, not compared.
    pub fn limit(percentile: Percentile, limit: Span) -> Self {
        Self {
            limit: Some(LatencyLimit::new(limit)),
            against_blue: None,
            ..Self::against_blue(percentile)
        }
    }
}

/// The most a share may be.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ShareLimit {
    /// Above this it is too much. 0%: the first one is.
    pub share: Share,
    /// How often a variant exactly at the limit may be failed in one step, at most.
    #[serde(default)]
    pub alpha: Alpha,
    /// Also fail on so many minutes above the limit. This plain rule has no bound on false alarms: with a true share
    /// just below the limit, every other minute is above. None by default.
    #[serde(default)]
    pub bad_minutes: Option<BadMinutes>,
}

impl ShareLimit {
    /// Judged by the sequential test alone.
    pub fn new(share: Share) -> Self {
        Self {
            share,
            alpha: Alpha::default(),
            bad_minutes: None,
        }
    }
}

/// The most a percentile may be.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LatencyLimit {
    /// A minute above it is bad.
    pub limit: Span,
    /// How many bad minutes are too many.
    #[serde(default)]
    pub bad_minutes: BadMinutes,
}

impl LatencyLimit {
    /// With the default number of bad minutes.
    pub fn new(limit: Span) -> Self {
        Self {
            limit,
            bad_minutes: BadMinutes::default(),
        }
    }
}

/// How many bad minutes are too many.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct BadMinutes {
    /// So many in a row. A minute that cannot be judged is left out: it neither counts nor breaks the row. Default 3.
    pub consecutive: NonZeroU32,
    /// So many in all. None by default.
    pub total: Option<NonZeroU32>,
    /// Green's requests that a minute needs to be judged; 0 counts as 1. Default 20.
    pub minute_requests: u64,
}

impl Default for BadMinutes {
    fn default() -> Self {
        const THREE: NonZeroU32 = NonZeroU32::MIN.saturating_add(2);
        Self {
            consecutive: THREE,
            total: None,
            minute_requests: 20,
        }
    }
}

/// How green may compare with blue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Against {
    /// Green may be so many times blue.
    pub ratio: Ratio,
    /// How often a green that is exactly so many times blue may be failed in one step, at most.
    pub alpha: Alpha,
}

/// A factor from 1 to 1,000 in steps of a thousandth. Default 1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Ratio(u32);

impl Ratio {
    /// What is accepted, for people.
    pub const FORM: &str = "a factor from 1 to 1000, such as 1.2";

    /// Rounded to a thousandth.
    ///
    /// # Errors
    /// Below 1, above 1,000 or not a number.
    pub fn new(factor: f64) -> Result<Self, OutOfRange> {
        if (1.0..=1000.0).contains(&factor) {
            // At most 1,000,000.
            Ok(Self((factor * 1000.0).round() as u32))
        } else {
            Err(OutOfRange {
                found: factor.to_string(),
                accepted: Self::FORM,
            })
        }
    }

    /// At least 1.
    pub fn factor(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

impl Default for Ratio {
    fn default() -> Self {
        Self(1200)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.factor())
    }
}

impl TryFrom<f64> for Ratio {
    type Error = OutOfRange;

    fn try_from(factor: f64) -> Result<Self, OutOfRange> {
        Self::new(factor)
    }
}

impl From<Ratio> for f64 {
    fn from(ratio: Ratio) -> Self {
        ratio.factor()
    }
}

/// The greatest chance of a false alarm, above 0% and up to 20%. Default 1%.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Share", into = "Share")]
pub struct Alpha(Share);

impl Alpha {
    /// What is accepted, for people.
    pub const FORM: &str = "a share above 0% and up to 20%, such as 1%";

    /// # Errors
    /// 0%, or more than 20%: what is failed that often is not judged.
    pub fn new(share: Share) -> Result<Self, OutOfRange> {
        if share.fraction() > 0.0 && share.fraction() <= 0.2 {
            Ok(Self(share))
        } else {
            Err(OutOfRange {
                found: share.to_string(),
                accepted: Self::FORM,
            })
        }
    }

    /// The e-value that fails: 1/alpha, at least 5.
    pub fn threshold(self) -> f64 {
        1.0 / self.0.fraction()
    }
}

impl Default for Alpha {
    fn default() -> Self {
        const PERCENT: Share = Share::from_percent(1).expect("1 is at most 100");
        Self(PERCENT)
    }
}

impl TryFrom<Share> for Alpha {
    type Error = OutOfRange;

    fn try_from(share: Share) -> Result<Self, OutOfRange> {
        Self::new(share)
    }
}

impl From<Alpha> for Share {
    fn from(alpha: Alpha) -> Self {
        alpha.0
    }
}

/// A value that a policy cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found} is out of range; accepted: {accepted}")]
pub struct OutOfRange {
    /// What was given.
    pub found: String,
    /// What would be right.
    pub accepted: &'static str,
}
