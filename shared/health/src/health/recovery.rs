//! What is done about a sick endpoint: an intent in the ledger, followed to its end over as many sweeps as it takes.
//!
//! `ladder` decides whether to begin something and what; `follow` looks at the world and says how far it has come. A step
//! is handed out only after the intent is committed, is safe to repeat, and is handed out again until its effect is seen:
//! nothing is remembered of an effect but what SageMaker itself shows.

mod account;
pub(super) mod budget;
mod follow;
mod ladder;
mod let_go;
mod measure;
mod outcome;
mod undo;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Facts, Why, alerts,
    ledger::{HealthLedger, after},
    observation::{ActOutcome, Acted, Observation},
    policy::{HealthPolicy, Rung},
};
use crate::{alert::AlertKind, scaling, text::printable};

pub(super) use self::{
    let_go::let_go,
    outcome::tell,
    undo::give_back,
    waiting::{delay, tell as tell_missing},
};
pub use self::{
    measure::{Measure, Step, Verb},
    outcome::{Ended, Ending},
    waiting::{Hindrance, Missing},
};

/// What recovery did and does on one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recovery {
    /// What is being done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// When the last one ended; the cooldown counts from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// How it ended, until people were told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub untold: Option<Ended>,
    /// Traffic taken away, to be given back when the variant is well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shifted: Vec<Shifted>,
    /// Minimums of scalable targets raised, to be lowered when the endpoint is well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub raised: Vec<Raised>,
}

impl Recovery {
    /// Nothing done, nothing doing, nothing to undo.
    pub fn is_idle(&self) -> bool {
        *self == Self::default()
    }

    /// What repairs have raised of the minimum of this variant's scalable target, or are about to, and lower one day.
    pub fn minimum(&self, variant: &str) -> Vec<scaling::Raised> {
        let raised = self.raised.iter().filter(|raised| raised.variant == variant);
        let raised = raised.map(|raised| (raised.to, raised.from));
        let doing = self.intent.as_ref().and_then(|intent| match &intent.measure {
            Measure::AddInstance {
                variant: of,
                count,
                minimum: Some(minimum),
            } if of == variant => Some((*count, *minimum)),
            _ => None,
        });
        let all = raised.chain(doing);
        all.map(|(to, from)| scaling::Raised { to: vec![to], from }).collect()
    }

    /// Without what is left to do there may be no endpoint at all, and people wait to hear that there is one: this goes on
    /// though nothing watches the endpoint any more.
    pub fn is_half_made(&self) -> bool {
        let untold = self.untold.as_ref().map(|ended| &ended.intent.measure);
        self.recreates() || matches!(untold, Some(Measure::Recreate { .. }))
    }

    /// The endpoint may be absent because it is being recreated.
    pub(super) fn recreates(&self) -> bool {
        matches!(
            &self.intent,
            Some(Intent {
                measure: Measure::Recreate { .. },
                ..
            })
        )
    }
}

/// Something to be done, committed before it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// Unique; names of new configs are made from it.
    pub id: String,
    /// The stem of the ids of its alerts.
    pub incident: String,
    /// What.
    pub measure: Measure,
    /// When it was decided.
    pub begun: Timestamp,
    /// When it counts as failed if its end was not seen.
    pub deadline: Timestamp,
    /// When AWS first accepted it, as far as is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Timestamp>,
    /// Why it has not happened yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What kind of reason that is, and since when it has been the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hindrance: Option<Hindrance>,
    /// There is no endpoint: it was deleted, and is not created again yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
    /// Steps handed out so far.
    #[serde(default)]
    pub handed: u32,
    /// The numbers of those whose outcome was not heard of: they may have been taken.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unheard: BTreeSet<u32>,
    /// What attempts left in the world although the whole has not happened, or may have: sentences for people.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub left: BTreeSet<String>,
}

/// Traffic taken off variants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shifted {
    /// Which.
    pub variants: BTreeSet<String>,
    /// All weights as they are when nothing is taken away, by this shift or by another one in force.
    pub before: BTreeMap<String, f64>,
    /// When.
    pub at: Timestamp,
    /// Left to a person to give back.
    #[serde(default)]
    pub keep: bool,
    /// When it was given back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<Timestamp>,
}

/// A minimum raised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Raised {
    /// Where.
    pub variant: String,
    /// From.
    pub from: u32,
    /// To.
    pub to: u32,
    /// When.
    pub at: Timestamp,
}

/// What holds for the endpoint in this decision.
#[derive(Clone, Copy)]
pub(super) struct Situation<'a> {
    pub(super) name: &'a str,
    pub(super) policy: &'a HealthPolicy,
    /// The look that this decision is made on; without one nothing is begun and no step handed out.
    pub(super) look: &'a Observation,
    /// Nobody wants to hear of it, or a common cause is assumed.
    pub(super) held: bool,
    /// Nobody wants to hear of it.
    pub(super) muted: bool,
}

impl Situation<'_> {
    pub(super) fn why_held(&self) -> &'static str {
        if self.muted {
            "it is silenced or in maintenance"
        } else {
            "so much fails at once that a common cause is assumed"
        }
    }
}

/// Things left behind that one attempt may name.
const MOST_LEFT: usize = 4;

/// Takes note of how steps went.
pub(super) fn note(facts: &Facts<'_>, ledger: &mut HealthLedger, acted: &Acted) -> Option<Why> {
    let record = ledger.endpoints.get_mut(&acted.endpoint)?;
    let intent = record
        .recovery
        .intent
        .as_mut()
        .filter(|intent| intent.id == acted.intent)?;
    intent.unheard.remove(&acted.step);
    intent
        .left
        .extend(acted.left.iter().take(MOST_LEFT).map(|line| printable(line, 300)));
    match &acted.outcome {
        ActOutcome::Accepted => {
            intent.accepted = intent.accepted.or(Some(acted.at));
            intent.problem = None;
            intent.hindrance = None;
            None
        }
        ActOutcome::Later(obstacle) => {
            waiting::hindered(intent, obstacle, acted.at);
            None
        }
        ActOutcome::Refused(problem) => {
            let problem = printable(problem, 300);
            Some(outcome::end(facts, ledger, &acted.endpoint, Ending::Failed(problem)))
        }
    }
}

/// Follows what is being done, then decides whether to begin something.
pub(super) fn decide(facts: &Facts<'_>, ledger: &mut HealthLedger, at: Situation<'_>) -> (Option<Step>, Vec<Why>) {
    let mut whys: Vec<Why> = tell(facts, ledger, at.name, at.policy, at.muted).into_iter().collect();
    let recovery = ledger.endpoints.get(at.name).map(|record| &record.recovery);
    let doing = recovery.is_some_and(|recovery| recovery.intent.is_some());
    if !doing && recovery.is_some_and(|recovery| recovery.untold.is_some()) {
        whys.push(Why::NoRecovery("whether the last try helped is not known yet".into()));
        return (None, whys);
    }
    if doing {
        let (step, why) = follow::follow(facts, ledger, at);
        whys.extend(why);
        return (step, whys);
    }
    let begun = match ladder::choose(facts, ledger, at) {
        ladder::Choice::Begin(measure) => begin(facts, ledger, at, measure),
        ladder::Choice::Nothing(why) => {
            whys.extend(why);
            None
        }
        ladder::Choice::Exhausted(because) => {
            whys.extend(exhausted(facts, ledger, at, because));
            None
        }
        ladder::Choice::Limited => {
            whys.push(limited(facts, ledger, at));
            None
        }
    };
    if let Some(why) = begun {
        whys.push(why);
    } else if let Some(measure) = undo::choose(facts, ledger, at) {
        whys.extend(begin(facts, ledger, at, measure));
    }
    let (step, why) = follow::follow(facts, ledger, at);
    whys.extend(why);
    (step, whys)
}

fn begin(facts: &Facts<'_>, ledger: &mut HealthLedger, at: Situation<'_>, mut measure: Measure) -> Option<Why> {
    let serial = ledger.next_serial();
    let id = format!("{}-{}-{serial}", at.name, facts.now.as_second());
    if let Measure::Redeploy { from, to } = &mut measure {
        *to = measure::config_name(from, &id);
    }
    let record = ledger.endpoints.get_mut(at.name)?;
    let rung = measure.rung();
    let incident = match (&mut record.incident, rung) {
        (Some(incident), Some(rung)) => {
            incident.tried.push(rung);
            incident.id.clone()
        }
        _ => format!("health:{}:{}-{serial}", at.name, facts.now.as_second()),
    };
    let described = measure.describe();
    let intent = Intent {
        id,
        incident,
        begun: facts.now,
        deadline: after(facts.now, measure.patience()),
        accepted: None,
        problem: None,
        hindrance: None,
        missing: None,
        handed: 0,
        unheard: BTreeSet::new(),
        left: BTreeSet::new(),
        measure,
    };
    let mut alert = alerts::new(
        facts,
        format!("{}:r{serial}:1", intent.incident),
        AlertKind::RecoveryStarted,
        Some(at.name),
        facts.now,
        Some(at.policy),
    );
    alert.title = rung.map_or("undoing an earlier recovery", Rung::as_str).to_owned();
    alert.evidence.clone_from(&record.evidence);
    alert.done.push(format!("Steward {described}."));
    record.recovery.intent = Some(intent);
    if let Some(rung) = rung {
        ledger.recoveries.push(super::ledger::Started {
            endpoint: at.name.to_owned(),
            rung,
            at: facts.now,
        });
        let left = budget::left(ledger, at.name, &at.policy.recovery, facts.now);
        alert.done.push(format!(
            "This counts: {}.",
            budget::described(left, &at.policy.recovery)
        ));
    }
    ledger.outbox.push(alert);
    Some(Why::Begun(described))
}

fn exhausted(facts: &Facts<'_>, ledger: &mut HealthLedger, at: Situation<'_>, because: String) -> Option<Why> {
    let record = ledger.endpoints.get_mut(at.name)?;
    let incident = record.incident.as_mut().filter(|incident| !incident.exhausted)?;
    incident.exhausted = true;
    let mut alert = alerts::of_incident(facts, incident, AlertKind::RecoveryExhausted, at.name, Some(at.policy));
    alert.title.clone_from(&because);
    alert.evidence.clone_from(&record.evidence);
    alert.evidence.extend(alerts::context(record));
    ledger.outbox.push(alert);
    Some(Why::Exhausted(because))
}

/// The fleet's limit keeps a repair from beginning that would be right. Told once an incident: whoever waits for it does so
/// in vain for now.
fn limited(facts: &Facts<'_>, ledger: &mut HealthLedger, at: Situation<'_>) -> Why {
    let most = facts.fleet.recoveries_per_hour;
    let recoveries = if most == 1 { "recovery" } else { "recoveries" };
    let because = format!("the fleet's limit of {most} {recoveries} in an hour is reached");
    let free = budget::free_in_fleet(ledger, facts.fleet, facts.now);
    let why = Why::NoRecovery(because.clone());
    let Some(record) = ledger.endpoints.get_mut(at.name) else {
        return why;
    };
    let Some(incident) = record.incident.as_mut().filter(|incident| !incident.limited) else {
        return why;
    };
    incident.limited = true;
    let mut alert = alerts::of_incident(facts, incident, AlertKind::RecoveryExhausted, at.name, Some(at.policy));
    alert.title = because;
    alert.evidence.clone_from(&record.evidence);
    alert.evidence.extend(alerts::context(record));
    alert.next = match free {
        Some(free) => format!(
            "Take over, or wait: from {} UTC on Steward may begin another repair in this fleet (`fleet.recoveries_per_hour`).",
            free.strftime("%H:%M")
        ),
        None => "Take over: `fleet.recoveries_per_hour` allows no repair at all.".to_owned(),
    };
    ledger.outbox.push(alert);
    why
}
