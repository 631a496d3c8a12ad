//! When people do not want to hear of an endpoint: silences they asked for, and maintenance windows of the fleet file.
//!
//! A muted endpoint is judged as ever, but nothing is said or done about it. When the mute ends, what people were last
//! told is compared with what is: an endpoint that is still sick is told then, one that fell ill and recovered is not.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ledger::HealthLedger, policy::HealthPolicy};
use crate::fleet::glob::Glob;

/// A silence that an operator asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Names or globs (`fraud-*`); `*` is all.
    pub endpoints: Vec<String>,
    /// It ends by itself.
    pub until: Timestamp,
    /// Why, in the operator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When.
    pub at: Timestamp,
}

impl Silence {
    /// It concerns this endpoint.
    pub fn covers(&self, endpoint: &str) -> bool {
        covers(&self.endpoints, endpoint)
    }
}

/// One of these names or globs means the endpoint.
pub fn covers(patterns: &[String], endpoint: &str) -> bool {
    patterns.iter().any(|pattern| matches(pattern, endpoint))
}

/// A pattern that is no glob matches only itself.
fn matches(pattern: &str, endpoint: &str) -> bool {
    pattern == endpoint || Glob::parse(pattern).is_ok_and(|glob| glob.matches(endpoint))
}

/// Why nothing is said of an endpoint, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mute {
    /// An operator asked.
    Silenced {
        /// It ends by itself.
        until: Timestamp,
    },
    /// A maintenance window of the fleet file is open.
    Maintenance {
        /// When it closes, if it closes within a week.
        until: Option<Timestamp>,
    },
}

/// The mute in force, the longest silence first.
pub fn mute(now: Timestamp, ledger: &HealthLedger, policy: &HealthPolicy, endpoint: &str) -> Option<Mute> {
    let silences = ledger
        .silences
        .iter()
        .filter(|silence| silence.at <= now && now < silence.until && silence.covers(endpoint));
    if let Some(until) = silences.map(|silence| silence.until).max() {
        return Some(Mute::Silenced { until });
    }
    let open = policy.maintenance.iter().filter(|window| window.open_at(now));
    open.map(|window| window.until(now))
        .max_by_key(|until| until.unwrap_or(Timestamp::MAX))
        .map(|until| Mute::Maintenance { until })
}

/// Silences at one time: they are all in one document, which every sweep reads.
pub const MOST_SILENCES: usize = 200;

/// There are [`MOST_SILENCES`] already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "There are {MOST_SILENCES} silences in force, the most there may be, and nothing was done. End some with unsilence, or name more endpoints in one."
)]
pub struct TooManySilences;

/// Adds a silence; the same endpoints asked again is the newer wish, also when it is shorter.
///
/// # Errors
/// [`TooManySilences`]; then nothing is added.
pub fn silence(ledger: &mut HealthLedger, wanted: Silence) -> Result<(), TooManySilences> {
    ledger
        .silences
        .retain(|present| present.until > wanted.at && present.endpoints != wanted.endpoints);
    if ledger.silences.len() >= MOST_SILENCES {
        return Err(TooManySilences);
    }
    ledger.silences.push(wanted);
    Ok(())
}

/// Ends the silences of exactly these endpoints or patterns, and of those that cover one of them by name. Returns what
/// was ended; a pattern covering more than what was asked ends as a whole, because a silence is one wish.
pub fn unsilence(ledger: &mut HealthLedger, endpoints: &[String]) -> Vec<Silence> {
    let (ended, kept) = std::mem::take(&mut ledger.silences).into_iter().partition(|silence| {
        endpoints
            .iter()
            .any(|name| silence.endpoints.contains(name) || silence.covers(name) || name == "*")
    });
    ledger.silences = kept;
    ended
}
