//! The words of the alerts about health: titles, evidence and the ids that tie the alerts of one incident together.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{
    Facts,
    ledger::{EndpointRecord, Incident, Level, State},
    policy::HealthPolicy,
};
use crate::{
    alert::{Alert, AlertKind, Severity},
    probe::Cause,
};

/// The next alert of an incident: `<incident>:<number>`, so that every one relates to the first.
pub(super) fn of_incident(
    facts: &Facts<'_>,
    incident: &mut Incident,
    kind: AlertKind,
    endpoint: &str,
    policy: Option<&HealthPolicy>,
) -> Alert {
    incident.alerts = incident.alerts.saturating_add(1);
    let id = format!("{}:{}", incident.id, incident.alerts);
    new(facts, id, kind, Some(endpoint), incident.since, policy)
}

/// An alert with Region, links and labels.
pub(super) fn new(
    facts: &Facts<'_>,
    id: String,
    kind: AlertKind,
    endpoint: Option<&str>,
    since: Timestamp,
    policy: Option<&HealthPolicy>,
) -> Alert {
    let mut alert = Alert::new(kind, endpoint, since, facts.now);
    alert.id = id;
    alert.runbook = policy.and_then(|policy| policy.runbook.clone());
    alert.labels.clone_from(&facts.fleet.labels);
    alert.linked(facts.links)
}

/// Another next step than the usual one: nobody deleted what was never seen.
pub(super) fn next(state: State, record: &EndpointRecord) -> Option<&'static str> {
    (state == State::Vanished && !record.was_there()).then_some(
        "Compare the name in the fleet file with the endpoints of this Region and account: capital letters count. One that lives in another Region belongs in the fleet file there; one that is made later is named later, or declared under `provision`.",
    )
}

pub(super) fn with_since(mut alert: Alert, since: Timestamp) -> Alert {
    alert.since = since;
    alert
}

/// The kind of alert that a state is told by.
pub(super) fn kind(state: State) -> AlertKind {
    match state {
        State::Degraded | State::RollbackFailed => AlertKind::EndpointDegraded,
        State::Stuck => AlertKind::EndpointStuck,
        State::Failed => AlertKind::EndpointFailed,
        State::Vanished => AlertKind::EndpointVanished,
        State::Unhealthy
        | State::OutOfService
        | State::Unknown
        | State::Healthy
        | State::Changing
        | State::Deleting => AlertKind::EndpointUnhealthy,
    }
}

/// The fact in a few words.
pub(super) fn title(state: State, causes: &BTreeSet<Cause>) -> String {
    match state {
        State::Degraded | State::Unhealthy => {
            let said: Vec<&str> = causes.iter().map(|cause| cause_in_words(*cause)).collect();
            if said.is_empty() {
                "probes did not pass".into()
            } else {
                said.join(", ")
            }
        }
        State::RollbackFailed => "an update and its rollback failed".into(),
        State::OutOfService => "out of service".into(),
        State::Failed => "it serves nothing".into(),
        State::Stuck => "a transition does not end".into(),
        State::Vanished => "no such endpoint".into(),
        State::Unknown | State::Healthy | State::Changing | State::Deleting => String::new(),
    }
}

fn cause_in_words(cause: Cause) -> &'static str {
    match cause {
        Cause::Slow => "too slow",
        Cause::WrongAnswer => "wrong answers",
        Cause::TimedOut => "no answer in time",
        Cause::ServerError => "errors",
        Cause::NotReady => "model not ready",
        Cause::NotFound => "not found by SageMaker Runtime",
        Cause::Backlog => "the queue does not drain",
        Cause::PayloadRefused => "refuses what it used to accept",
        Cause::Asleep => "scaled to zero",
        Cause::Throttled => "throttled",
        Cause::Denied => "denied",
        Cause::Network => "no network",
        Cause::TooLarge => "answers too large to be judged",
        Cause::CutShort => "not heard to the end",
    }
}

/// What a reader wants beside the evidence: the config, the last good one, which variants are sick, what is shifted.
pub(super) fn context(record: &EndpointRecord) -> Vec<String> {
    let mut lines = Vec::new();
    let sick: Vec<&str> = record
        .variants
        .iter()
        .filter(|(_, variant)| variant.level.is_ill())
        .map(|(name, _)| name.as_str())
        .collect();
    let well: Vec<&str> = record
        .variants
        .iter()
        .filter(|(_, variant)| variant.level == Level::Healthy)
        .map(|(name, _)| name.as_str())
        .collect();
    if !sick.is_empty() {
        let rest = if well.is_empty() {
            String::new()
        } else {
            format!("; {} well", named(&well))
        };
        lines.push(format!("{} sick{rest}", named(&sick)));
    }
    match (&record.config, &record.last_good) {
        (Some(config), Some(good)) if good.config != *config => {
            lines.push(format!("config {config}; last healthy with config {}", good.config));
        }
        (Some(config), None) => lines.push(format!("config {config}; never seen healthy")),
        (Some(config), Some(_)) => lines.push(format!("config {config}")),
        (None, _) => {}
    }
    if let Some(holder) = &record.holder {
        lines.push(format!(
            "{} is changing it, for {}: Steward begins no repair beside that, but to take traffic off the variant on trial",
            holder.name, holder.purpose
        ));
    }
    for shifted in &record.recovery.shifted {
        let variants: Vec<&str> = shifted.variants.iter().map(String::as_str).collect();
        if shifted.back.is_none() {
            let then = if shifted.keep {
                ", and leaves it to a person to give it back"
            } else {
                ""
            };
            lines.push(format!(
                "{} gets no traffic since {:.0}: Steward took it away{then}",
                named(&variants),
                shifted.at
            ));
        }
    }
    lines
}

fn named(variants: &[&str]) -> String {
    let word = if variants.len() == 1 { "variant" } else { "variants" };
    format!("{word} {}", variants.join(", "))
}

/// What recovery may do here.
pub(super) fn may_recover(policy: &HealthPolicy) -> String {
    if policy.recovery.rungs.is_empty() {
        return "Only this alert: the fleet file allows no recovery here.".into();
    }
    let rungs: Vec<&str> = policy.recovery.rungs.iter().map(|rung| rung.as_str()).collect();
    format!(
        "Recovery may try, where it is safe: {}. Each try is told in an alert of its own.",
        rungs.join(", ")
    )
}

/// A named endpoint that somebody deleted on purpose is a fleet file to correct, not a page at night.
pub(super) fn severity(state: State, record: &EndpointRecord) -> Option<Severity> {
    (state == State::Vanished && record.leaving.is_some()).then_some(Severity::Warning)
}
