//! How far a sweep came, and what people are told of what it did not reach.

use std::collections::BTreeMap;

use super::observation::{Observation, ProbeResult, Trouble, TroubleKind};
use crate::probe::Cause;

/// Endpoints named in one alert; the rest is counted.
const NAMED: usize = 5;

/// There was no time to hear this probe to the end.
pub fn cut_short(result: &ProbeResult) -> bool {
    result.verdict.cause == Some(Cause::CutShort)
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
