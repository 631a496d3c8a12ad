//! What the answers of one look's probes make of the endpoint's level: who is believed, what counts, and the thresholds.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{FIRST_SIGHT_PATIENCE, Heard, SPACING};
use crate::{
    endpoint::{Endpoint, EndpointStatus},
    health::{
        Why,
        awaited::is_news,
        ledger::{EndpointRecord, Level, Streak, VariantRecord, between},
        observation::{Observation, ProbeResult, Trouble, TroubleKind},
        policy::{HealthPolicy, Probe},
        reach,
        recent::Recent,
    },
    probe::{Cause, Judgement},
};

/// Counts the probes' verdicts toward the thresholds.
pub(super) fn count(
    record: &mut EndpointRecord,
    policy: &HealthPolicy,
    heard: &Heard<'_>,
    troubles: &mut Vec<Trouble>,
) -> Why {
    let Heard { look, endpoint, .. } = heard;
    let results: Vec<(&ProbeResult, Judgement)> = heard
        .probes()
        .filter(|result| is_news(&heard.known, result))
        .map(|result| (result, believed(record, policy, result)))
        .collect();
    troubles.extend(
        results
            .iter()
            .filter(|(_, judgement)| *judgement == Judgement::Inconclusive)
            .filter_map(|(result, _)| trouble_of(&look.endpoint, result)),
    );
    for (result, _) in results.iter().filter(|(_, judgement)| *judgement == Judgement::Passed) {
        if let Some(probe) = policy.probes.iter().find(|probe| probe.name == result.probe) {
            record.proven.insert(probe.name.clone(), fingerprint(probe));
        }
    }
    record
        .proven
        .retain(|name, _| policy.probes.iter().any(|probe| probe.name == *name));
    remember_ailing(record, policy, &results, endpoint, look);
    let verdict = if look.asleep {
        Some(Judgement::Passed)
    } else if policy.probes.is_empty() {
        (endpoint.status != EndpointStatus::Unknown).then_some(Judgement::Passed)
    } else {
        verdict(&results)
    };
    let Some(verdict) = verdict else {
        return Why::Inconclusive;
    };
    // Others pass, but the probe that failed has not answered since, or one was not heard to the end: that is no sign of
    // health.
    if verdict == Judgement::Passed && (!record.ailing.is_empty() || look.probes.iter().any(reach::cut_short)) {
        return Why::Inconclusive;
    }
    describe_evidence(record, &results, look);
    if record
        .counted
        .is_some_and(|counted| between(counted, look.at) < SPACING)
    {
        return Why::TooSoonToCount;
    }
    record.counted = Some(look.at);
    record.ill_since = match verdict {
        Judgement::Passed => None,
        _ => record.ill_since.or(Some(look.at)),
    };
    variants(record, policy, &results, endpoint, look.at);
    lengthen(&mut record.streak, verdict);
    record.recent.push(verdict, policy.failure_share.checks);
    let patience = if record.well_once { 1 } else { FIRST_SIGHT_PATIENCE };
    let level = next_level(record.level, record.streak, &record.recent, policy, patience);
    if let Some(share) = record.recent.broken(record.streak, policy) {
        record.evidence.push(share);
    }
    if level == Level::Healthy && record.level != level {
        record.recent = Recent::default();
    }
    record.well_once |= verdict == Judgement::Passed;
    change_level(record, policy, level, look.at);
    if level == Level::Unhealthy {
        record.unhealthy = Some(look.at);
    }
    if let Some(incident) = &mut record.incident {
        let checks = &mut incident.checks;
        checks.counted = checks.counted.saturating_add(1);
        checks.failed = checks.failed.saturating_add(u32::from(verdict == Judgement::Failed));
    }
    Why::Counted(verdict)
}

/// Keeps which probes did not pass when they last said something of the endpoint.
fn remember_ailing(
    record: &mut EndpointRecord,
    policy: &HealthPolicy,
    results: &[(&ProbeResult, Judgement)],
    endpoint: &Endpoint,
    look: &Observation,
) {
    record.ailing.retain(|(name, variant)| {
        let asked_like_this = results
            .iter()
            .filter(|(result, _)| result.probe == *name)
            .all(|(result, _)| result.variant.is_some() == variant.is_some());
        let is_there = |name: &String| endpoint.variants.iter().any(|variant| variant.name == *name);
        !look.asleep
            && !look.resting.contains(name)
            && asked_like_this
            && policy.probes.iter().any(|probe| probe.name == *name)
            && variant.as_ref().is_none_or(is_there)
    });
    for (result, judgement) in results {
        let key = (result.probe.clone(), result.variant.clone());
        match judgement {
            Judgement::Passed => {
                record.ailing.remove(&key);
            }
            Judgement::Failed | Judgement::Degraded => {
                record.ailing.insert(key);
            }
            Judgement::Inconclusive => {}
        }
    }
}

/// A payload that this endpoint once took and now refuses is the endpoint's failure.
fn believed(record: &EndpointRecord, policy: &HealthPolicy, result: &ProbeResult) -> Judgement {
    let proven = || {
        policy
            .probes
            .iter()
            .find(|probe| probe.name == result.probe)
            .is_some_and(|probe| record.proven.get(&probe.name) == Some(&fingerprint(probe)))
    };
    match (result.verdict.judgement, result.verdict.cause) {
        (Judgement::Inconclusive, Some(Cause::PayloadRefused)) if proven() => Judgement::Failed,
        (judgement, _) => judgement,
    }
}

/// What a probe sends, in 12 hexadecimal digits: another payload is another probe.
fn fingerprint(probe: &Probe) -> String {
    let sent = format!(
        "{:?}\n{}\n{:?}\n{}",
        probe.kind, probe.content_type, probe.accept, probe.payload
    );
    Sha256::digest(sent.as_bytes())
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn trouble_of(endpoint: &str, result: &ProbeResult) -> Option<Trouble> {
    let (kind, what, about) = match result.verdict.cause? {
        Cause::Throttled => (TroubleKind::Throttled, "sagemaker:InvokeEndpoint".to_owned(), None),
        Cause::Denied => (TroubleKind::Denied, "sagemaker:InvokeEndpoint".to_owned(), None),
        Cause::Network => (TroubleKind::Network, "sagemaker:InvokeEndpoint".to_owned(), None),
        Cause::PayloadRefused => (
            TroubleKind::ProbeRefused,
            format!("probe {}", result.probe),
            Some(endpoint.to_owned()),
        ),
        Cause::TooLarge => (
            TroubleKind::AnswerTooLarge,
            format!("probe {}", result.probe),
            Some(endpoint.to_owned()),
        ),
        _ => return None,
    };
    Some(Trouble {
        kind,
        what,
        endpoint: about,
        detail: format!("endpoint {endpoint}: {}", result.verdict.reason),
    })
}

/// The verdict on the endpoint. A probe of the whole endpoint decides alone; variants fail together or degrade it.
/// `None`: nothing conclusive.
fn verdict(results: &[(&ProbeResult, Judgement)]) -> Option<Judgement> {
    let conclusive: Vec<_> = results
        .iter()
        .filter(|(_, judgement)| *judgement != Judgement::Inconclusive)
        .collect();
    let failed = |(_, judgement): &&&(&ProbeResult, Judgement)| *judgement == Judgement::Failed;
    if conclusive.is_empty() {
        return None;
    }
    if conclusive
        .iter()
        .filter(failed)
        .any(|(result, _)| result.variant.is_none())
    {
        return Some(Judgement::Failed);
    }
    let sick: BTreeSet<_> = conclusive
        .iter()
        .filter(failed)
        .map(|(result, _)| &result.variant)
        .collect();
    let all: BTreeSet<_> = results
        .iter()
        .filter(|(result, _)| result.variant.is_some())
        .map(|(result, _)| &result.variant)
        .collect();
    if !sick.is_empty() {
        return Some(if sick.len() == all.len() {
            Judgement::Failed
        } else {
            Judgement::Degraded
        });
    }
    conclusive.iter().map(|(_, judgement)| *judgement).max()
}

/// Items of evidence kept for one endpoint; the rest is counted.
const EVIDENCE: usize = 6;

fn describe_evidence(record: &mut EndpointRecord, results: &[(&ProbeResult, Judgement)], look: &Observation) {
    let mut lines: Vec<String> = results
        .iter()
        .filter(|(_, judgement)| matches!(judgement, Judgement::Failed | Judgement::Degraded))
        .map(|(result, _)| match &result.variant {
            Some(variant) => format!("probe {} on variant {variant}: {}", result.probe, result.verdict.reason),
            None => format!("probe {}: {}", result.probe, result.verdict.reason),
        })
        .collect();
    if lines.len() > EVIDENCE {
        let more = lines.len() - EVIDENCE;
        lines.truncate(EVIDENCE);
        lines.push(format!("and {more} more"));
    }
    if look.asleep {
        lines.push("scaled to zero and not probed".into());
    } else if !look.resting.is_empty() {
        let resting: Vec<&str> = look.resting.iter().map(String::as_str).collect();
        lines.push(format!("scaled to zero and not asked: {}", resting.join(", ")));
    }
    record.evidence = lines;
    record.causes = results
        .iter()
        .filter(|(_, judgement)| matches!(judgement, Judgement::Failed | Judgement::Degraded))
        .filter_map(|(result, _)| result.verdict.cause)
        .collect();
}

fn variants(
    record: &mut EndpointRecord,
    policy: &HealthPolicy,
    results: &[(&ProbeResult, Judgement)],
    endpoint: &Endpoint,
    at: Timestamp,
) {
    record
        .variants
        .retain(|name, _| endpoint.variants.iter().any(|variant| variant.name == *name));
    let mut worst: BTreeMap<&str, (Judgement, Option<Cause>)> = BTreeMap::new();
    for (result, judgement) in results
        .iter()
        .filter(|(_, judgement)| *judgement != Judgement::Inconclusive)
    {
        if let Some(variant) = result.variant.as_deref() {
            let entry = worst.entry(variant).or_insert((Judgement::Passed, None));
            if *judgement > entry.0 {
                *entry = (*judgement, result.verdict.cause);
            }
        }
    }
    for (name, (judgement, cause)) in worst {
        let variant = record.variants.entry(name.to_owned()).or_insert_with(|| VariantRecord {
            level: Level::Unknown,
            since: at,
            streak: Streak::default(),
            recent: Recent::default(),
            cause: None,
        });
        lengthen(&mut variant.streak, judgement);
        variant.cause = cause;
        variant.recent.push(judgement, policy.failure_share.checks);
        let level = next_level(variant.level, variant.streak, &variant.recent, policy, 1);
        if level != variant.level {
            if level == Level::Healthy {
                variant.recent = Recent::default();
            }
            variant.level = level;
            variant.since = at;
        }
    }
}

fn lengthen(streak: &mut Streak, verdict: Judgement) {
    let step = |counter: &mut u32, goes_on: bool| *counter = if goes_on { counter.saturating_add(1) } else { 0 };
    step(&mut streak.failing, verdict == Judgement::Failed);
    step(
        &mut streak.impaired,
        matches!(verdict, Judgement::Failed | Judgement::Degraded),
    );
    step(&mut streak.passing, verdict == Judgement::Passed);
    step(
        &mut streak.serving,
        matches!(verdict, Judgement::Passed | Judgement::Degraded),
    );
}

/// The hysteresis: worse after `failure_threshold` checks in a row or a share of the last ones, better after
/// `success_threshold`. An endpoint that never passed has no successes that break its failures.
fn next_level(level: Level, streak: Streak, recent: &Recent, policy: &HealthPolicy, patience: u32) -> Level {
    let worse = policy.failure_threshold.max(1).saturating_mul(patience);
    let better = policy.success_threshold.max(1);
    let often = |count: u32| {
        level != Level::Unknown
            && policy
                .failure_share
                .enough(policy.failure_threshold)
                .is_some_and(|enough| count >= enough)
    };
    if streak.failing >= worse || (streak.failing > 0 && often(recent.failed())) {
        Level::Unhealthy
    } else if streak.passing >= better || (level == Level::Unknown && streak.passing > 0) {
        Level::Healthy
    } else if level == Level::Unhealthy {
        if streak.serving >= better && streak.impaired > 0 {
            Level::Degraded
        } else {
            Level::Unhealthy
        }
    } else if streak.impaired >= worse || (streak.impaired > 0 && often(recent.impaired())) {
        Level::Degraded
    } else {
        level
    }
}

fn change_level(record: &mut EndpointRecord, policy: &HealthPolicy, level: Level, at: Timestamp) {
    if record.level != Level::Unknown && record.level != level {
        record.changes.push(at);
    }
    record
        .changes
        .retain(|change| between(*change, at) < policy.flapping.window);
    let excess = record.changes.len().saturating_sub(MOST_CHANGES);
    record.changes.drain(..excess);
    record.sick_since = match (record.level, level) {
        (Level::Degraded, Level::Unhealthy) => Some(at),
        (_, level) => record.sick_since.or(record.ill_since).filter(|_| level.is_ill()),
    };
    record.level = level;
}

/// Changes remembered for an endpoint: more say nothing new.
const MOST_CHANGES: usize = 100;
