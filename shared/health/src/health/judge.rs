//! What one look at an endpoint makes of what was known before: level, state, variants, evidence.
//!
//! SageMaker's own word (`Failed`, stuck, gone) counts at once: it is not noisy. Probes count by threshold, in both
//! directions, also while SageMaker is at work on an endpoint that serves: autoscaling keeps one `Updating` for hours.

mod probes;
mod unserved;

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use super::{
    FORGET_VANISHED, Why,
    awaited::{AsyncJobs, remembered},
    ledger::{EndpointRecord, GoodConfig, Level, State, Streak, between},
    observation::{Observation, ProbeResult, Seen, Trouble, TroubleKind},
    own,
    policy::HealthPolicy,
    reach,
    recent::Recent,
};
use crate::{
    endpoint::{Endpoint, EndpointStatus},
    fleet::Unmade,
    probe::{Judgement, seconds},
};

/// Checks closer together than this count once. Half of the shortest interval that EventBridge can schedule: a sweep
/// a minute always counts, and an event, a command or a duplicate invocation beside it does not count again.
pub const SPACING: Duration = Duration::from_secs(30);

/// An endpoint that never passed a check is given this many times the failure threshold: it may still be warming up,
/// and an alert for every new endpoint would teach people to ignore them. It is told all the same if it stays sick.
pub const FIRST_SIGHT_PATIENCE: u32 = 2;

/// How an observation changes the record. `expected`: the fleet file names the endpoint, and why it need not be there yet.
/// Returns the monitor's troubles that the probes showed.
pub(super) fn apply(
    record: &mut EndpointRecord,
    policy: &HealthPolicy,
    expected: (bool, Option<Unmade>),
    look: &Observation,
) -> (Why, Vec<Trouble>) {
    take_hint(record, look);
    own::answered_at_once(record, policy, look);
    if look.at <= record.seen {
        return (Why::Stale, Vec::new());
    }
    let mut troubles = look.troubles.clone();
    let before = record.state;
    let awaited = policy.remembers.map(|_| record.jobs.clone());
    let why = match &look.seen {
        Seen::Nothing => {
            return (Why::Unseen, troubles);
        }
        Seen::Absent => absent(record, expected, look.at),
        Seen::Described(endpoint) => described(record, policy, look, endpoint, &mut troubles),
    };
    if let Some(awaited) = awaited {
        own::answered_later(record, &awaited, look);
    }
    record.cut = reach::cut(record, look);
    record.seen = look.at;
    record.holder.clone_from(&look.holder);
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

fn absent(record: &mut EndpointRecord, (named, unmade): (bool, Option<Unmade>), at: Timestamp) -> Why {
    record.gone = true;
    record.jobs.clear();
    record.causes.clear();
    let gone_for = between(record.since, at);
    let deleted = record.state == State::Vanished && record.leaving.is_some();
    if deleted && unmade == Some(Unmade::StandsBy) && gone_for >= FORGET_VANISHED {
        // It serves in its own Region again, and what a restore made here is not wanted any more.
        *record = EndpointRecord {
            gone: true,
            incident: record.incident.take(),
            ..EndpointRecord::new(at)
        };
    }
    if let Some(unmade) = unmade.filter(|_| !record.was_there()) {
        record.state = State::Unknown;
        record.evidence = vec![unmade.to_string()];
        return Why::Unmade(unmade);
    }
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
    record.status = endpoint.status;
    if record.config != endpoint.config {
        start_counting_anew(record);
    }
    record.config.clone_from(&endpoint.config);
    if endpoint.status == EndpointStatus::Deleting {
        // What Steward deletes to create it again was not wished away by anybody.
        record.leaving = (!record.recovery.recreates()).then_some(look.at);
    } else {
        // Whatever was announced, it is not going: it is there and in another status.
        record.leaving = record.leaving.filter(|leaving| *leaving > look.at);
    }
    let known = std::mem::take(&mut record.jobs);
    record.jobs = remembered(&known, &look.jobs, true);
    let heard = Heard {
        look,
        endpoint,
        known,
        unserved: unserved::results(record, policy, look),
    };
    if endpoint.status.in_transition() {
        return moving(record, policy, &heard, troubles);
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
    let why = counted(record, policy, &heard, troubles);
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

/// What the probes of one look say, sent or not.
struct Heard<'a> {
    look: &'a Observation,
    endpoint: &'a Endpoint,
    /// The inferences that were awaited before this look.
    known: BTreeMap<String, AsyncJobs>,
    /// The failed checks among the probes that were not sent.
    unserved: Vec<ProbeResult>,
}

impl Heard<'_> {
    fn probes(&self) -> impl Iterator<Item = &ProbeResult> {
        self.look.probes.iter().chain(&self.unserved)
    }
}

fn counted(record: &mut EndpointRecord, policy: &HealthPolicy, heard: &Heard<'_>, troubles: &mut Vec<Trouble>) -> Why {
    let why = probes::count(record, policy, heard, troubles);
    if why == Why::TooSoonToCount {
        record.jobs = remembered(&heard.known, &heard.look.jobs, false);
    }
    why
}

/// SageMaker is at work. What it serves meanwhile is judged as ever; a transition that takes too long is told unless
/// something worse is.
fn moving(record: &mut EndpointRecord, policy: &HealthPolicy, heard: &Heard<'_>, troubles: &mut Vec<Trouble>) -> Why {
    let Heard { look, endpoint, .. } = heard;
    let status = endpoint.status;
    let limit = if status == EndpointStatus::Creating {
        policy.stuck_creating
    } else {
        policy.stuck_updating
    };
    let lasting = between(endpoint.modified, look.at);
    let stuck = (lasting > limit).then(|| {
        format!(
            "status {status} for {}, expected at most {}",
            seconds(lasting),
            seconds(limit)
        )
    });
    let why = if status.serves() && !look.asleep && heard.probes().next().is_some() {
        counted(record, policy, heard, troubles)
    } else {
        if !record.level.is_ill() {
            record.evidence.clear();
        }
        Why::InTransition
    };
    record.state = match (record.level, &stuck) {
        (Level::Unhealthy, _) if status.serves() => State::Unhealthy,
        (_, Some(_)) => State::Stuck,
        (Level::Degraded, None) if status.serves() => State::Degraded,
        (_, None) if status == EndpointStatus::Deleting => State::Deleting,
        (_, None) => State::Changing,
    };
    let Some(stuck) = stuck else {
        return why;
    };
    // Of an earlier look, where this one's probes said nothing new.
    let before = format!("status {status} for ");
    record.evidence.retain(|line| !line.starts_with(&before));
    if record.state == State::Stuck {
        record.evidence.insert(0, stuck);
        return Why::Stuck;
    }
    record.evidence.push(stuck);
    why
}

/// Another fleet answers from now on: checks of the one before are no part of its streaks.
fn start_counting_anew(record: &mut EndpointRecord) {
    if !record.level.is_ill() {
        record.ill_since = None;
    }
    record.streak = Streak::default();
    record.recent = Recent::default();
    record.ailing.clear();
    for variant in record.variants.values_mut() {
        variant.streak = Streak::default();
        variant.recent = Recent::default();
    }
}

/// Another endpoint of the same name: nothing that was learnt about the old one holds, but an open incident and a
/// recovery stay until the new one is well.
fn begin_anew(record: &mut EndpointRecord, endpoint: &Endpoint) {
    record.created = Some(endpoint.created);
    record.level = Level::Unknown;
    record.sick_since = None;
    start_counting_anew(record);
    record.counted = None;
    record.unhealthy = None;
    record.well_once = false;
    record.leaving = None;
    record.variants.clear();
    record.wanting.clear();
    record.jobs.values_mut().for_each(AsyncJobs::count_no_more);
    record.evidence.clear();
    record.causes.clear();
}
