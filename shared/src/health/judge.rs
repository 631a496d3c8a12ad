//! What one look at an endpoint makes of what was known before: level, state, variants, evidence.
//!
//! SageMaker's own word (`Failed`, stuck, gone) counts at once: it is not noisy. Probes count by threshold, in both
//! directions, and only while SageMaker is not at work on the endpoint.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{
    Why,
    ledger::{EndpointRecord, GoodConfig, Level, State, Streak, VariantRecord, between},
    observation::{Observation, ProbeResult, Seen, Trouble, TroubleKind},
    policy::{HealthPolicy, Probe},
};
use crate::{
    endpoint::{Endpoint, EndpointStatus},
    probe::{Cause, Judgement, seconds},
};

/// Checks closer together than this count once. Half of the shortest interval that EventBridge can schedule: a sweep
/// a minute always counts, and an event, a command or a duplicate invocation beside it does not count again.
pub const SPACING: Duration = Duration::from_secs(30);

/// An endpoint that never passed a check is given this many times the failure threshold: it may still be warming up,
/// and an alert for every new endpoint would teach people to ignore them. It is told all the same if it stays sick.
pub const FIRST_SIGHT_PATIENCE: u32 = 2;

/// How an observation changes the record. Returns the monitor's troubles that the probes showed.
pub(super) fn apply(
    record: &mut EndpointRecord,
    policy: &HealthPolicy,
    named: bool,
    look: &Observation,
) -> (Why, Vec<Trouble>) {
    take_hint(record, look);
    if look.at <= record.seen {
        return (Why::Stale, Vec::new());
    }
    let mut troubles = look.troubles.clone();
    let before = record.state;
    let why = match &look.seen {
        Seen::Nothing => {
            return (Why::Unseen, troubles);
        }
        Seen::Absent => absent(record, named),
        Seen::Described(endpoint) => described(record, policy, look, endpoint, &mut troubles),
    };
    record.seen = look.at;
    if look.tags.is_some() {
        record.tags.clone_from(&look.tags);
    }
    if record.state != before {
        record.since = look.at;
    }
    (why, troubles)
}

/// A `Deleting` told by an event is believed however late it comes, unless the endpoint was created after it.
fn take_hint(record: &mut EndpointRecord, look: &Observation) {
    if let Some(hint) = look.hint.filter(|hint| hint.status == EndpointStatus::Deleting)
        && !record.recovery.recreates()
        && record.created.is_none_or(|created| created < hint.at)
        && record.leaving.is_none_or(|leaving| leaving < hint.at)
    {
        record.leaving = Some(hint.at);
    }
}

fn absent(record: &mut EndpointRecord, named: bool) -> Why {
    record.gone = true;
    record.jobs.clear();
    record.causes.clear();
    if record.recovery.recreates() {
        record.state = State::Changing;
        record.evidence = vec!["SageMaker has no endpoint of this name: deleted by Steward to be created again".into()];
        return Why::BeingRecreated;
    }
    record.evidence = match (record.leaving, record.created) {
        (Some(leaving), _) => vec![format!(
            "SageMaker has no endpoint of this name; it was being deleted at {leaving:.0}"
        )],
        (None, Some(_)) => {
            let last = format!(
                "SageMaker has no endpoint of this name; it was there at {:.0}, with status {}",
                record.seen, record.status
            );
            let unexplained = (record.status != EndpointStatus::Deleting).then(|| "no deletion was seen".to_owned());
            [last].into_iter().chain(unexplained).collect()
        }
        (None, None) => vec!["SageMaker has no endpoint of this name, and none was ever seen".into()],
    };
    if record.leaving.is_some() && !named {
        record.state = State::Deleting;
        return Why::Deleted;
    }
    record.state = State::Vanished;
    Why::Vanished
}

fn described(
    record: &mut EndpointRecord,
    policy: &HealthPolicy,
    look: &Observation,
    endpoint: &Endpoint,
    troubles: &mut Vec<Trouble>,
) -> Why {
    if record.created != Some(endpoint.created) {
        begin_anew(record, endpoint);
    }
    record.gone = false;
    let worked = record.status.in_transition();
    record.status = endpoint.status;
    if record.config != endpoint.config {
        start_counting_anew(record);
    }
    record.config.clone_from(&endpoint.config);
    record.jobs.clone_from(&look.jobs);
    if endpoint.status == EndpointStatus::Deleting {
        // What Steward deletes to create it again was not wished away by anybody.
        record.leaving = (!record.recovery.recreates()).then_some(look.at);
    } else {
        // Whatever was announced, it is not going: it is there and in another status.
        record.leaving = record.leaving.filter(|leaving| *leaving > look.at);
    }
    let lasting = between(endpoint.modified, look.at);
    if endpoint.status.in_transition() {
        start_counting_anew(record);
        let limit = if endpoint.status == EndpointStatus::Creating {
            policy.stuck_creating
        } else {
            policy.stuck_updating
        };
        if lasting > limit {
            record.state = State::Stuck;
            record.evidence = vec![format!(
                "status {} for {}, expected at most {}",
                endpoint.status,
                seconds(lasting),
                seconds(limit)
            )];
            return Why::Stuck;
        }
        record.state = if endpoint.status == EndpointStatus::Deleting {
            State::Deleting
        } else {
            State::Changing
        };
        if !record.level.is_ill() {
            record.evidence.clear();
        }
        return Why::InTransition;
    }
    if worked && !record.level.is_ill() {
        record.ill_since = None;
    }
    let reason = endpoint
        .failure_reason
        .as_deref()
        .map_or("none was given".to_owned(), |reason| {
            crate::text::printable(reason, 300)
        });
    match endpoint.status {
        EndpointStatus::Failed => {
            record.state = State::Failed;
            record.evidence = vec![format!("status Failed; the reason: {reason}")];
            return Why::StatusSick;
        }
        EndpointStatus::OutOfService => {
            record.state = State::OutOfService;
            record.evidence = vec![format!("status OutOfService; the reason: {reason}")];
            return Why::StatusSick;
        }
        _ => {}
    }
    if endpoint.status == EndpointStatus::Unknown {
        troubles.push(Trouble {
            kind: TroubleKind::Unexpected,
            what: "EndpointStatus".into(),
            endpoint: Some(look.endpoint.clone()),
            detail: format!(
                "endpoint {} has a status that this version does not know: only its probes are judged",
                look.endpoint
            ),
        });
    }
    let why = probes(record, policy, look, endpoint, troubles);
    record.state = match record.level {
        Level::Unknown => State::Unknown,
        Level::Healthy => State::Healthy,
        Level::Degraded => State::Degraded,
        Level::Unhealthy => State::Unhealthy,
    };
    if endpoint.status == EndpointStatus::UpdateRollbackFailed && record.level != Level::Unhealthy {
        record.state = State::RollbackFailed;
        record.evidence.insert(
            0,
            format!("status UpdateRollbackFailed: an update and its rollback failed, and it serves from a mix of both configs; the reason: {reason}"),
        );
        return Why::StatusSick;
    }
    // The level outlives an update; only checks that passed since then speak for the new config.
    let proof = record.last_good.as_ref().map_or(1, |_| policy.success_threshold.max(1));
    if let (Level::Healthy, EndpointStatus::InService, Some(config)) = (record.level, endpoint.status, &endpoint.config)
        && why == Why::Counted(Judgement::Passed)
        && record.streak.passing >= proof
        && !look.asleep
        && record.last_good.as_ref().is_none_or(|good| good.config != *config)
    {
        record.last_good = Some(GoodConfig {
            config: config.clone(),
            since: look.at,
        });
    }
    why
}

/// Another fleet answers from now on: checks of the one before are no part of its streaks.
fn start_counting_anew(record: &mut EndpointRecord) {
    record.streak = Streak::default();
    record.ailing.clear();
    for variant in record.variants.values_mut() {
        variant.streak = Streak::default();
    }
}

/// Another endpoint of the same name: nothing that was learnt about the old one holds, but an open incident and a
/// recovery stay until the new one is well.
fn begin_anew(record: &mut EndpointRecord, endpoint: &Endpoint) {
    record.created = Some(endpoint.created);
    record.level = Level::Unknown;
    start_counting_anew(record);
    record.counted = None;
    record.ill_since = None;
    record.well_once = false;
    record.leaving = None;
    record.variants.clear();
    record.jobs.clear();
    record.evidence.clear();
    record.causes.clear();
}

/// Counts the probes' verdicts toward the thresholds.
fn probes(
    record: &mut EndpointRecord,
    policy: &HealthPolicy,
    look: &Observation,
    endpoint: &Endpoint,
    troubles: &mut Vec<Trouble>,
) -> Why {
    let results: Vec<(&ProbeResult, Judgement)> = look
        .probes
        .iter()
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
    remember_ailing(record, policy, &results, endpoint, look.asleep);
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
    // Others pass, but the probe that failed has not answered since: that is no sign of health.
    if verdict == Judgement::Passed && !record.ailing.is_empty() {
        return Why::Inconclusive;
    }
    describe_evidence(record, &results, look.asleep);
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
    count(&mut record.streak, verdict);
    let patience = if record.well_once { 1 } else { FIRST_SIGHT_PATIENCE };
    let level = next_level(record.level, record.streak, policy, patience);
    record.well_once |= verdict == Judgement::Passed;
    change_level(record, policy, level, look.at);
    Why::Counted(verdict)
}

/// Keeps which probes did not pass when they last said something of the endpoint.
fn remember_ailing(
    record: &mut EndpointRecord,
    policy: &HealthPolicy,
    results: &[(&ProbeResult, Judgement)],
    endpoint: &Endpoint,
    asleep: bool,
) {
    record.ailing.retain(|(name, variant)| {
        let asked_like_this = results
            .iter()
            .filter(|(result, _)| result.probe == *name)
            .all(|(result, _)| result.variant.is_some() == variant.is_some());
        let is_there = |name: &String| endpoint.variants.iter().any(|variant| variant.name == *name);
        !asleep
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

fn describe_evidence(record: &mut EndpointRecord, results: &[(&ProbeResult, Judgement)], asleep: bool) {
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
    if asleep {
        lines.push("scaled to zero and not probed".into());
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
            cause: None,
        });
        count(&mut variant.streak, judgement);
        variant.cause = cause;
        let level = next_level(variant.level, variant.streak, policy, 1);
        if level != variant.level {
            variant.level = level;
            variant.since = at;
        }
    }
}

fn count(streak: &mut Streak, verdict: Judgement) {
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

/// The hysteresis: worse after `failure_threshold` checks in a row, better after `success_threshold`.
fn next_level(level: Level, streak: Streak, policy: &HealthPolicy, patience: u32) -> Level {
    let worse = policy.failure_threshold.max(1).saturating_mul(patience);
    let better = policy.success_threshold.max(1);
    if streak.failing >= worse {
        Level::Unhealthy
    } else if streak.passing >= better || (level == Level::Unknown && streak.passing > 0) {
        Level::Healthy
    } else if level == Level::Unhealthy {
        if streak.serving >= better && streak.impaired > 0 {
            Level::Degraded
        } else {
            Level::Unhealthy
        }
    } else if streak.impaired >= worse {
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
    record.level = level;
}

/// Changes remembered for an endpoint: more say nothing new.
const MOST_CHANGES: usize = 100;
