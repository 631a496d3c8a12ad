//! How far a sweep came, where the next one begins, and what people are told of what it did not reach.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    ledger::{Cut, EndpointRecord, HealthLedger},
    observation::{Observation, ProbeResult, Trouble, TroubleKind, Watch},
};
use crate::probe::Cause;

/// Endpoints named in one alert; the rest is counted.
const NAMED: usize = 5;

/// There was no time to hear this probe to the end.
pub fn cut_short(result: &ProbeResult) -> bool {
    result.verdict.cause == Some(Cause::CutShort)
}

/// What to remember of a look for the order of the next sweep.
pub(super) fn cut(record: &EndpointRecord, look: &Observation) -> Option<Cut> {
    let before = record.cut.unwrap_or(Cut {
        heard: record.seen,
        times: 0,
    });
    look.probes.iter().any(cut_short).then(|| Cut {
        times: before.times.saturating_add(1),
        ..before
    })
}

/// All that is watched, in the order in which a sweep looks at it: first what the last one left over, then what is being
/// recovered, then what was not heard for longest.
pub fn order(watch: &Watch, ledger: &HealthLedger) -> Vec<String> {
    let left: BTreeSet<&String> = ledger.sweep.unreached.iter().collect();
    let mut names: Vec<String> = watch.policies.keys().cloned().collect();
    names.sort_by_cached_key(|name| {
        let record = ledger.endpoints.get(name);
        let recovering = record.is_some_and(|record| record.recovery.intent.is_some());
        (!left.contains(name), !recovering, record.map(turn))
    });
    names
}

/// Since when it waits for its turn. A look that a sweep began as it ended is no turn: of a fleet that takes two sweeps the
/// same endpoints would come last in each. Every second one in a row is, as it had the time of a sweep and hangs.
fn turn(record: &EndpointRecord) -> Timestamp {
    match record.cut {
        Some(cut) if cut.times % 2 == 1 => cut.heard,
        _ => record.seen,
    }
}

/// The trouble of a sweep that did not reach all endpoints, or not to the end. Those that were begun come first: what takes
/// so long is what others wait for.
pub(super) fn behind(unreached: &[String], looks: &[Observation]) -> Option<Trouble> {
    if unreached.is_empty() {
        return None;
    }
    let begun: BTreeMap<&String, &ProbeResult> = looks
        .iter()
        .filter_map(|look| Some((&look.endpoint, look.probes.iter().find(|result| cut_short(result))?)))
        .collect();
    let others = unreached.iter().filter(|name| !begun.contains_key(name));
    let mut named: Vec<String> = begun
        .iter()
        .map(|(name, result)| format!("{name} (probe {}: {})", result.probe, result.verdict.reason))
        .chain(others.cloned())
        .take(NAMED)
        .collect();
    if unreached.len() > NAMED {
        named.push(format!("and {} more", unreached.len() - NAMED));
    }
    let (endpoints, were) = match unreached.len() {
        1 => ("endpoint", "was"),
        _ => ("endpoints", "were"),
    };
    Some(Trouble {
        kind: TroubleKind::Behind,
        what: "sweep".into(),
        endpoint: None,
        detail: format!(
            "{} {endpoints} {were} not reached, or not heard to the end, in the last sweep: {}",
            unreached.len(),
            named.join(", ")
        ),
    })
}
