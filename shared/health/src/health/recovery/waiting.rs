//! What is told of an endpoint that Steward deleted and cannot create again yet: a quota may be used up for hours.
//!
//! A recreation is never given up half way, so nothing else would end it, and nobody would hear of it: its alert said that
//! it began, and the endpoint's own incident said that it was `Failed`.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{super::ledger::between, HealthLedger, Intent, Measure};
use crate::{
    alert::AlertKind,
    health::{
        Facts, Why, alerts,
        ledger::after,
        observation::{Observation, Obstacle, Seen},
        policy::HealthPolicy,
    },
    probe::seconds,
    text::printable,
};

/// A deletion and a creation that goes well are two sweeps apart, and what the old endpoint used may be counted for some
/// minutes more. A reason that lasts this long is no passing one.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// What keeps the next step from being taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hindrance {
    /// [`Obstacle::kind`].
    pub kind: String,
    /// Since when it has been this one.
    pub since: Timestamp,
    /// [`Obstacle::advice`], as of the last attempt.
    pub advice: String,
}

/// There is no endpoint, because it was deleted to be created again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Since when, as far as it was looked at.
    pub since: Timestamp,
    /// What people were last told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
}

/// What people were last told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// When.
    pub at: Timestamp,
    /// So often before.
    pub reminders: u32,
    /// The [`Hindrance::kind`] of it; `None` when no attempt was answered until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// Takes note of what keeps a step from being taken.
pub(super) fn hindered(intent: &mut Intent, by: &Obstacle, at: Timestamp) {
    intent.problem = Some(printable(&by.said, 300));
    let same = intent.hindrance.take().filter(|known| known.kind == by.kind);
    intent.hindrance = Some(Hindrance {
        kind: by.kind.clone(),
        since: same.map_or(at, |known| known.since),
        advice: printable(&by.advice, 500),
    });
}

/// Takes note of whether there is an endpoint.
pub(super) fn look(intent: &mut Intent, look: &Observation) {
    match (&intent.measure, &look.seen) {
        (_, Seen::Nothing) => {}
        (Measure::Recreate { .. }, Seen::Absent) => {
            intent.missing.get_or_insert(Missing {
                since: look.at,
                told: None,
            });
        }
        _ => intent.missing = None,
    }
}

/// What a person wants to know of an intent that is not done yet, after what it is.
pub(in crate::health) fn delay(intent: &Intent, now: Timestamp) -> Option<String> {
    let problem = intent.problem.as_deref();
    match &intent.missing {
        Some(missing) => Some(format!(
            "there has been no endpoint for {}; {}",
            seconds(between(missing.since, now)),
            problem.unwrap_or(UNANSWERED)
        )),
        None => problem.map(|problem| format!("not yet: {problem}")),
    }
}

const UNANSWERED: &str = "no attempt to create it was answered yet";

/// Tells it when it has lasted for some minutes, when another reason has, and as often as `reminder` says.
pub(in crate::health) fn tell(
    facts: &Facts<'_>,
    ledger: &mut HealthLedger,
    name: &str,
    policy: &HealthPolicy,
    muted: bool,
) -> Option<Why> {
    let record = ledger.endpoints.get_mut(name).filter(|_| !muted)?;
    let lasts = |since: Timestamp| between(since, facts.now);
    let intent = record.recovery.intent.as_mut()?;
    let Measure::Recreate { config, .. } = &intent.measure else {
        return None;
    };
    let missing = intent
        .missing
        .as_mut()
        .filter(|missing| lasts(missing.since) >= PATIENCE)?;
    let hindrance = intent.hindrance.as_ref();
    let kind = hindrance.map(|hindrance| hindrance.kind.clone());
    let reminder = match &missing.told {
        None => 0,
        Some(told) => {
            let another = hindrance.filter(|now| told.kind.as_ref() != Some(&now.kind) && lasts(now.since) >= PATIENCE);
            let due = policy.reminder.is_some_and(|every| facts.now >= after(told.at, every));
            if another.is_none() && !due {
                return None;
            }
            told.reminders.saturating_add(1)
        }
    };
    let serial = intent.id.rsplit('-').next().unwrap_or_default();
    let since = missing.since;
    let id = format!("{}:r{serial}:w{}:{reminder}", intent.incident, since.as_second());
    let mut alert = alerts::new(facts, id, AlertKind::RecoveryWaiting, Some(name), since, Some(policy));
    alert.reminder = reminder;
    let problem = intent.problem.as_deref().unwrap_or(UNANSWERED);
    alert.title = problem.to_owned();
    alert
        .evidence
        .push(format!("there has been no endpoint for {}", seconds(lasts(since))));
    match hindrance {
        Some(hindrance) => alert
            .evidence
            .push(format!("in the way since {:.0}: {problem}", hindrance.since)),
        None => alert.evidence.push(problem.to_owned()),
    }
    if let Some(before) = missing.told.as_ref().and_then(|told| told.kind.as_ref())
        && kind.as_ref().is_some_and(|kind| kind != before)
    {
        alert
            .evidence
            .push(format!("the alert before named another reason: {before}"));
    }
    alert.done.push(format!(
        "Steward deleted the endpoint, and tries with every sweep to create it from config {config}."
    ));
    let advice = hindrance
        .map(|hindrance| format!("{} ", hindrance.advice))
        .unwrap_or_default();
    alert.next = format!(
        "{advice}Steward creates endpoint {name} as soon as it can. If that takes too long, create it yourself, from a config with other instances or in another way: what Steward finds there it leaves alone."
    );
    let why = Why::Waiting(problem.to_owned());
    // Not where the first of it waits in the outbox yet.
    if !ledger.outbox.push(alert) {
        return None;
    }
    missing.told = Some(Told {
        at: facts.now,
        reminders: reminder,
        kind,
    });
    Some(why)
}
