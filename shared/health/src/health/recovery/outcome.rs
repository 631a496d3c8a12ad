//! How a repair ends, and what people are told of it.
//!
//! That SageMaker shows a change is no sign that it helped: a repair is over when the endpoint is known to be well, or still
//! sick after the cooldown. Until people are told, which nobody is while they are not to be disturbed, nothing else is
//! begun, so that of each repair there is one alert that it began and one of how it ended.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    super::ledger::{EndpointRecord, HealthLedger, Level, State, after},
    Intent, Measure, account, undo,
};
use crate::{
    alert::{Alert, AlertKind},
    health::{Facts, Why, alerts, incident, policy::HealthPolicy},
};

/// A repair that goes on no more, of which people were not told yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// What was intended.
    pub intent: Intent,
    /// When it ended.
    pub at: Timestamp,
    /// How.
    pub how: Ending,
}

/// How an intent ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// SageMaker shows its effect. Whether that helped is another matter.
    Made,
    /// Its effect will not come, because of this.
    Failed(String),
    /// Not begun, and for this reason not wanted any more.
    Withdrawn(String),
}

/// What is known of a repair that ended.
enum Verdict<'a> {
    Helped,
    NoHelp,
    Failed(&'a str),
    Withdrawn(&'a str),
}

/// Ends the intent, and remembers what is to be undone one day.
pub(super) fn end(facts: &Facts<'_>, ledger: &mut HealthLedger, name: &str, how: Ending) -> Why {
    let Some(record) = ledger.endpoints.get_mut(name) else {
        return Why::Stale;
    };
    let Some(intent) = record.recovery.intent.take() else {
        return Why::Stale;
    };
    record.recovery.ended = Some(facts.now);
    let why = match &how {
        Ending::Made => {
            undo::remember(record, &intent, facts.now);
            Why::Made(intent.measure.describe())
        }
        Ending::Failed(why) => {
            undo::leave_to_people(record, &intent, facts.now);
            Why::Failed(why.clone())
        }
        Ending::Withdrawn(why) => {
            untry(record, &intent);
            Why::Withdrawn(why.clone())
        }
    };
    record.recovery.untold = Some(Ended {
        intent,
        at: facts.now,
        how,
    });
    why
}

/// What was never done was not tried: the incident may need it yet. The budget keeps counting it, so that this ends.
fn untry(record: &mut EndpointRecord, intent: &Intent) {
    if let (Some(incident), Some(rung)) = (&mut record.incident, intent.measure.rung()) {
        incident.tried.retain(|tried| *tried != rung);
    }
}

/// Tells how the last repair went, as soon as that is known and nobody minds.
pub(in crate::health) fn tell(
    facts: &Facts<'_>,
    ledger: &mut HealthLedger,
    name: &str,
    policy: &HealthPolicy,
    muted: bool,
) -> Option<Why> {
    let record = ledger.endpoints.get_mut(name).filter(|_| !muted)?;
    let ended = record.recovery.untold.as_ref()?;
    let verdict = verdict(facts, record, ended, policy)?;
    let intent = &ended.intent;
    let described = intent.measure.describe();
    let (kind, title) = match verdict {
        Verdict::Helped if intent.measure.rung().is_none() => {
            (AlertKind::RecoveryFinished, "an earlier one is undone".to_owned())
        }
        Verdict::Helped => (AlertKind::RecoveryFinished, "done".to_owned()),
        Verdict::NoHelp => (AlertKind::RecoveryFailed, "made, and it did not help".to_owned()),
        Verdict::Failed(why) => (AlertKind::RecoveryFailed, why.to_owned()),
        Verdict::Withdrawn(why) => (AlertKind::RecoveryWithdrawn, why.to_owned()),
    };
    let mut alert = alerts::new(facts, id(intent), kind, Some(name), intent.begun, Some(policy));
    alert.title = title;
    // A variant that is sick without traffic, say, is told as over by the endpoint's own alert.
    alert.resolved &= incident::ailment(record).is_none();
    if let Verdict::NoHelp = verdict {
        alert.evidence.clone_from(&record.evidence);
    }
    alert.evidence.extend(alerts::context(record));
    match verdict {
        Verdict::Helped | Verdict::NoHelp => alert.done.push(format!("Steward {described}.")),
        Verdict::Failed(_) | Verdict::Withdrawn(_) => alert.done.extend(account::of_attempt(intent, record.gone)),
    }
    say_next(&mut alert, name, record, intent, &verdict);
    let why = match verdict {
        Verdict::Helped => Some(Why::Finished(described)),
        Verdict::NoHelp => Some(Why::Failed(format!("it did not help that Steward {described}"))),
        Verdict::Failed(_) | Verdict::Withdrawn(_) => None,
    };
    record.recovery.untold = None;
    ledger.outbox.push(alert);
    why
}

/// Of the alert that says how it ended.
pub(super) fn id(intent: &Intent) -> String {
    let serial = intent.id.rsplit('-').next().unwrap_or_default();
    format!("{}:r{serial}:2", intent.incident)
}

/// `None` while it is not known.
fn verdict<'a>(
    facts: &Facts<'_>,
    record: &EndpointRecord,
    ended: &'a Ended,
    policy: &HealthPolicy,
) -> Option<Verdict<'a>> {
    match &ended.how {
        Ending::Failed(why) => return Some(Verdict::Failed(why)),
        Ending::Withdrawn(why) => return Some(Verdict::Withdrawn(why)),
        Ending::Made => {}
    }
    let well = incident::known_well(record, policy) && record.streak.passing > 0;
    let helped = match &ended.intent.measure {
        // These give back what an endpoint that is well had lost.
        Measure::ShiftBack { .. } | Measure::LowerMinimum { .. } => true,
        Measure::ShiftAway { variants, before, .. } => well || others_serve(record, variants, before),
        Measure::AddInstance { .. } | Measure::Redeploy { .. } | Measure::Recreate { .. } => well,
    };
    if helped {
        return Some(Verdict::Helped);
    }
    let failing = match incident::ailment(record)? {
        State::Degraded | State::Unhealthy => {
            record.streak.impaired > 0 && record.counted.is_some_and(|counted| counted > ended.at)
        }
        _ => true,
    };
    (failing && facts.now >= after(ended.at, policy.recovery.cooldown)).then_some(Verdict::NoHelp)
}

/// The variants that took over the traffic are known to be well.
fn others_serve(record: &EndpointRecord, shifted: &BTreeSet<String>, before: &BTreeMap<String, f64>) -> bool {
    before
        .iter()
        .filter(|(name, weight)| !shifted.contains(*name) && **weight > 0.0)
        .all(|(name, _)| {
            record
                .variants
                .get(name)
                .is_some_and(|variant| variant.level == Level::Healthy && variant.streak.impaired == 0)
        })
}

/// What is left to a person that nobody would guess.
fn say_next(alert: &mut Alert, name: &str, record: &EndpointRecord, intent: &Intent, verdict: &Verdict<'_>) {
    let made = matches!(verdict, Verdict::Helped | Verdict::NoHelp);
    let said = match &intent.measure {
        Measure::AddInstance {
            minimum: None, variant, ..
        } if made => Some(format!(
            "Take the added instance back when variant {variant} no longer needs it: Steward does not."
        )),
        Measure::ShiftAway { .. } if made => undo::give_back(name, record),
        Measure::ShiftBack { .. } if matches!(verdict, Verdict::Failed(_)) => undo::give_back(name, record),
        Measure::Recreate { config, .. } if matches!(verdict, Verdict::Failed(_)) && record.gone => Some(format!(
            "Create the endpoint again: it was deleted to be created from config {config}, and that did not succeed."
        )),
        _ if !made && account::is_open(intent) => {
            Some("See in the console what of it took effect; Steward does not go on with it by itself.".to_owned())
        }
        _ => None,
    };
    match (said, verdict) {
        // Here the way on is the more urgent half.
        (Some(said), Verdict::NoHelp) => alert.next = format!("{} {said}", alert.next),
        (Some(said), _) => alert.next = said,
        (None, _) => {}
    }
}
