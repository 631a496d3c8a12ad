//! Whether a green variant is worse than it may be: against absolute limits, and against blue on the same minutes.
//!
//! A rollout looks every minute and stops at the first bad look, so a test made for one look would roll back healthy
//! models again and again. Shares (errors, slow requests) and paired latencies are judged by a test that may be looked
//! at any time (`sequential`); the plain rule of so many bad minutes is there too, for those who want it.
//!
//! Three principles:
//!
//! - **No data never passes.** A check that lacks traffic, metrics or something to compare with is
//!   [`Verdict::Inconclusive`] and says what is [`Missing`]; the rollout holds. Steward's own [`Probes`] are no traffic.
//! - **A minimum of requests is needed to pass, not to fail.** Harm that is proven on few requests is proven.
//! - **Failing is sticky within a step.** What counts is the most evidence there ever was, so that later good minutes
//!   do not talk a proven harm away: `judge` on a longer series never takes a failure back.
//!
//! Each step of a rollout is judged on its own minutes; a rollout of `k` steps so has at most `k` times the chance of a
//! false alarm that its checks are given for one.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

mod alone;
mod bad_minutes;
mod latency;
mod sequential;
mod series;
mod shares;
mod words;

use shared::analysis::policy;

pub use alone::{judge_alone, judge_deployment, said_without_blue, watches_without_blue, without_blue};
pub use series::{Errors, Minute, NotMeasured, Probes, Series, count, microseconds};
pub use shared::analysis::{
    Against, Alpha, AnalysisPolicy, BadMinutes, ErrorCheck, ErrorKind, LatencyCheck, LatencyLimit, OutOfRange,
    Percentile, Ratio, ShareLimit, SlowCheck,
};

/// What was found, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Harm is shown: roll back.
    Fail,
    /// Something is missing: hold.
    Inconclusive,
    /// There is enough data and no harm in it.
    Pass,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::Pass => "pass",
        })
    }
}

/// Why a check is inconclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// Not one minute of green has this metric: none is published yet, or no request came (SageMaker publishes nothing
    /// then), or every reading of it failed.
    Metrics,
    /// Green's minutes are there, without a single request.
    Traffic,
    /// Green has fewer requests than a pass needs, those aside that may be Steward's own probes.
    Requests,
    /// Blue has too few requests of that kind in green's minutes, or none.
    Blue,
    /// Too few minutes had the requests that a percentile needs.
    Minutes,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CheckResult {
    /// `requests`, `errors`, `errors against blue`, `errors without blue`, the same of `slow`, `p99`, `p99 against blue`.
    pub name: String,
    /// What it found.
    pub verdict: Verdict,
    /// It is reported and decides nothing.
    pub dry_run: bool,
    /// With [`Verdict::Inconclusive`], and only then.
    pub missing: Option<Missing>,
    /// With [`Verdict::Fail`], and only then: the minute that made the harm certain.
    pub since: Option<Timestamp>,
    /// The evidence, for people, on one line.
    pub said: String,
}

impl CheckResult {
    /// Harm decides whatever is missing; `needed` says what a pass would take.
    fn found(
        name: String,
        dry_run: bool,
        since: Option<Timestamp>,
        missing: Option<Missing>,
        said: String,
        needed: &str,
    ) -> Self {
        let missing = missing.filter(|_| since.is_none());
        let said = match missing {
            None => said,
            Some(Missing::Metrics) => format!("green: not measured, no metrics yet or no requests; {needed}"),
            Some(Missing::Traffic) => format!("green: no requests; {needed}"),
            Some(_) => format!("{said}; {needed}"),
        };
        let verdict = match (since, missing) {
            (Some(_), _) => Verdict::Fail,
            (None, Some(_)) => Verdict::Inconclusive,
            (None, None) => Verdict::Pass,
        };
        Self {
            name,
            verdict,
            dry_run,
            missing,
            since,
            said,
        }
    }
}

/// What came out of all checks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Analysis {
    /// The worst of the checks that are no dry run.
    pub verdict: Verdict,
    /// In the order of the policy; `requests` comes first and is always there.
    pub checks: Vec<CheckResult>,
}

impl Analysis {
    fn of(checks: Vec<CheckResult>) -> Self {
        let deciding = checks.iter().filter(|check| !check.dry_run);
        let verdict = deciding.map(|check| check.verdict).min();
        Self {
            verdict: verdict.unwrap_or(Verdict::Inconclusive),
            checks,
        }
    }

    /// The checks that made the verdict what it is; of a pass, all that decide.
    pub fn deciding(&self) -> impl Iterator<Item = &CheckResult> {
        self.checks
            .iter()
            .filter(|check| !check.dry_run && check.verdict == self.verdict)
    }
}

impl fmt::Display for Analysis {
    /// The verdict, then one line for each check.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.verdict)?;
        for check in &self.checks {
            write!(f, "\n- {} ({}", check.name, check.verdict)?;
            if let Some(since) = check.since {
                write!(f, " since {since}")?;
            }
            if check.dry_run {
                f.write_str(", dry run")?;
            }
            write!(f, "): {}", check.said)?;
        }
        Ok(())
    }
}

/// Judges the minutes of one step of a rollout. Hand over only minutes that are complete; see [`Series::before`].
///
/// Where blue gets no requests by design, [`judge_alone`] instead: a comparison with nothing is inconclusive for ever.
/// Where SageMaker moves the traffic and does not say how far it is, [`judge_deployment`].
pub fn judge(policy: &AnalysisPolicy, blue: &Series, green: &Series) -> Analysis {
    let mut checks = vec![shares::requests(policy.min_requests, green)];
    if let Some(errors) = &policy.errors {
        checks.extend(shares::errors(policy.min_requests, errors, blue, green));
    }
    for check in &policy.latency {
        checks.extend(latency::judge(check, blue, green));
    }
    if let Some(slow) = &policy.slow {
        checks.extend(shares::slow(policy.min_requests, slow, blue, green));
    }
    Analysis::of(checks)
}

#[cfg(test)]
mod false_alarms;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
