//! How far an intent has come, by what SageMaker shows.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    super::ledger::{EndpointRecord, HealthLedger, Told},
    Ending, Intent, Measure, Situation, Step, Verb, ladder, outcome, waiting,
};
use crate::{
    endpoint::{Endpoint, EndpointStatus},
    health::{
        Facts, Why, incident,
        observation::{Observation, Seen},
    },
    probe::seconds,
};

/// How far it has come.
enum Progress {
    /// Its effect is not there: this is the call to make.
    ToDo(Verb),
    /// SageMaker is at work, or nothing could be seen.
    Working,
    /// Its effect is there.
    Done,
    /// Its effect will not come.
    Failed(String),
}

pub(super) fn follow(facts: &Facts<'_>, ledger: &mut HealthLedger, at: Situation<'_>) -> (Option<Step>, Option<Why>) {
    if let Some(record) = ledger.endpoints.get_mut(at.name)
        && let Some(intent) = &mut record.recovery.intent
    {
        waiting::look(intent, at.look);
    }
    let Some(record) = ledger.endpoints.get(at.name) else {
        return (None, None);
    };
    let Some(intent) = &record.recovery.intent else {
        return (None, None);
    };
    let progress = progress(intent, at.look);
    let unwanted = unwanted(record, intent, at);
    let end = match progress {
        Progress::Done => Ending::Made,
        Progress::Failed(why) => Ending::Failed(why),
        Progress::ToDo(_) if unwanted.is_some() && !half_done(intent, at.look) => {
            Ending::Withdrawn(unwanted.unwrap_or_default().to_owned())
        }
        // A half-made recreation is never given up: without it there is no endpoint at all.
        _ if facts.now >= deadline(intent, at.look) && !half_done(intent, at.look) => {
            Ending::Failed(match &intent.problem {
                Some(problem) => format!("not done within {}: {problem}", seconds(intent.measure.patience())),
                None => format!("not done within {}", seconds(intent.measure.patience())),
            })
        }
        Progress::ToDo(verb) => {
            let described = intent.measure.describe();
            let Some(intent) = ledger
                .endpoints
                .get_mut(at.name)
                .and_then(|record| record.recovery.intent.as_mut())
            else {
                return (None, None);
            };
            intent.handed = intent.handed.saturating_add(1);
            intent.unheard.insert(intent.handed);
            let step = Step {
                endpoint: at.name.to_owned(),
                intent: intent.id.clone(),
                number: intent.handed,
                verb,
            };
            return (Some(step), Some(Why::Acting(described)));
        }
        Progress::Working => return (None, Some(Why::InProgress(intent.measure.describe()))),
    };
    (None, Some(outcome::end(facts, ledger, at.name, end)))
}

/// A new endpoint has the time of its own, however late SageMaker took the call that makes it.
fn deadline(intent: &Intent, look: &Observation) -> Timestamp {
    match (&intent.measure, &look.seen) {
        (Measure::Recreate { .. }, Seen::Described(endpoint)) if endpoint.created >= intent.begun => {
            let own = endpoint.created.checked_add(intent.measure.patience());
            own.unwrap_or(Timestamp::MAX).max(intent.deadline)
        }
        _ => intent.deadline,
    }
}

/// The old endpoint is deleted and the new one is not created.
fn half_done(intent: &Intent, look: &Observation) -> bool {
    matches!((&intent.measure, &look.seen), (Measure::Recreate { .. }, Seen::Absent))
}

/// Why an intent whose effect is not there should not be pursued.
fn unwanted(record: &EndpointRecord, intent: &Intent, at: Situation<'_>) -> Option<&'static str> {
    if at.held {
        return Some(at.why_held());
    }
    if intent.measure.beside(at.look.holder.as_ref()).is_err() {
        return Some("somebody else began to change the endpoint");
    }
    if record
        .incident
        .as_ref()
        .is_some_and(|incident| incident.told == Told::Flapping)
    {
        return Some("it is flapping");
    }
    let rung = intent.measure.rung()?;
    if !at.policy.recovery.rungs.contains(&rung) {
        return Some("the fleet file no longer allows it");
    }
    if incident::ailment(record).is_none() {
        return Some("the endpoint recovered by itself");
    }
    match (&intent.measure, &at.look.seen) {
        (Measure::ShiftAway { variants, .. }, Seen::Described(endpoint)) => {
            ladder::others_carry(record, endpoint, variants)
                .is_err()
                .then_some("the other variants are no longer known to be well enough to carry the traffic")
        }
        _ => None,
    }
}

fn progress(intent: &Intent, look: &Observation) -> Progress {
    match (&intent.measure, &look.seen) {
        (_, Seen::Nothing) => Progress::Working,
        (Measure::Recreate { config, tags }, Seen::Absent) => Progress::ToDo(Verb::Create {
            config: config.clone(),
            tags: tags.clone(),
        }),
        (_, Seen::Absent) => Progress::Failed("the endpoint is gone".into()),
        (Measure::Recreate { config, .. }, Seen::Described(endpoint)) => recreated(intent, config, endpoint),
        (_, Seen::Described(endpoint)) if endpoint.status.in_transition() => Progress::Working,
        (Measure::Redeploy { from, to }, Seen::Described(endpoint)) => redeployed(intent, from, to, endpoint, look),
        (_, Seen::Described(endpoint)) if endpoint.status != EndpointStatus::InService => {
            Progress::Failed(format!("the endpoint is {}", endpoint.status))
        }
        (Measure::ShiftAway { variants, before, .. }, Seen::Described(endpoint)) => {
            let weights = before
                .iter()
                .map(|(name, weight)| (name.clone(), if variants.contains(name) { 0.0 } else { *weight }));
            weighed(weights.collect(), before, variants, endpoint)
        }
        (Measure::ShiftBack { weights, variants }, Seen::Described(endpoint)) => {
            weighed(weights.clone(), weights, variants, endpoint)
        }
        (
            Measure::AddInstance {
                variant,
                count,
                minimum,
            },
            Seen::Described(endpoint),
        ) => grown(variant, *count, minimum.is_some(), endpoint, look),
        (Measure::LowerMinimum { variant, minimum }, Seen::Described(_)) => match &look.scaling {
            None => Progress::Working,
            Some(scaling) => match scaling.iter().find(|target| target.variant == *variant) {
                None => Progress::Done,
                Some(target) if target.min <= *minimum => Progress::Done,
                Some(_) => Progress::ToDo(Verb::SetMinimum {
                    variant: variant.clone(),
                    minimum: *minimum,
                }),
            },
        },
    }
}

/// `full`: the weights while `moved` carry traffic. Any others than those with and without it are somebody else's, and
/// setting old ones over them could send traffic where it was just taken away.
fn weighed(
    wanted: BTreeMap<String, f64>,
    full: &BTreeMap<String, f64>,
    moved: &BTreeSet<String>,
    endpoint: &Endpoint,
) -> Progress {
    let names = |variant: &crate::endpoint::Variant| wanted.contains_key(&variant.name);
    if endpoint.variants.len() != wanted.len() || !endpoint.variants.iter().all(names) {
        return Progress::Failed("its variants are others now".into());
    }
    if wanted.values().sum::<f64>() <= 0.0 {
        return Progress::Failed("no variant would carry traffic".into());
    }
    let same = |a: f64, b: f64| (a - b).abs() <= f64::from(f32::EPSILON) * a.abs().max(b.abs()).max(1.0);
    if endpoint
        .variants
        .iter()
        .all(|variant| same(variant.current_weight, wanted[&variant.name]))
    {
        return Progress::Done;
    }
    let ours = |variant: &crate::endpoint::Variant| {
        let weight = variant.current_weight;
        full.get(&variant.name).is_some_and(|full| same(weight, *full))
            || (moved.contains(&variant.name) && weight == 0.0)
    };
    if !endpoint.variants.iter().all(ours) {
        return Progress::Failed("somebody else changed its weights".into());
    }
    Progress::ToDo(Verb::SetWeights(wanted))
}

fn grown(name: &str, count: u32, by_minimum: bool, endpoint: &Endpoint, look: &Observation) -> Progress {
    let Some(variant) = endpoint.variants.iter().find(|variant| variant.name == name) else {
        return Progress::Failed(format!("variant {name} is gone"));
    };
    if variant.current_instances.is_some_and(|has| has >= count) {
        return Progress::Done;
    }
    if !by_minimum {
        return Progress::ToDo(Verb::SetInstances {
            variant: name.to_owned(),
            count,
        });
    }
    match look
        .scaling
        .as_ref()
        .map(|scaling| scaling.iter().find(|target| target.variant == name))
    {
        None => Progress::Working,
        Some(None) => Progress::Failed(format!("variant {name} has no scalable target any more")),
        Some(Some(target)) if target.min >= count => Progress::Working,
        Some(Some(_)) => Progress::ToDo(Verb::SetMinimum {
            variant: name.to_owned(),
            minimum: count,
        }),
    }
}

/// The truth check: SageMaker may roll back silently and be `InService` with the old config.
fn redeployed(intent: &Intent, from: &str, to: &str, endpoint: &Endpoint, look: &Observation) -> Progress {
    match (endpoint.status, endpoint.config.as_deref()) {
        (EndpointStatus::InService, Some(config)) if config == to => Progress::Done,
        (EndpointStatus::InService, Some(config)) if config == from => match intent.accepted {
            Some(accepted) if accepted < look.at => {
                let reason = endpoint.failure_reason.as_deref().unwrap_or("SageMaker gave no reason");
                Progress::Failed(format!(
                    "SageMaker accepted config {to} and rolled back to {from} without an error: {}",
                    crate::text::printable(reason, 200)
                ))
            }
            _ => Progress::ToDo(Verb::Redeploy {
                from: from.to_owned(),
                to: to.to_owned(),
            }),
        },
        (EndpointStatus::InService, config) => {
            Progress::Failed(format!("somebody else deployed config {}", config.unwrap_or("(none)")))
        }
        (status, _) => Progress::Failed(format!("the endpoint is {status}")),
    }
}

fn recreated(intent: &Intent, config: &str, endpoint: &Endpoint) -> Progress {
    let reborn = endpoint.created >= intent.begun;
    match (endpoint.status, reborn) {
        (EndpointStatus::Failed, false) => Progress::ToDo(Verb::Delete {
            created: endpoint.created,
            config: config.to_owned(),
        }),
        (EndpointStatus::InService, _) => match endpoint.config.as_deref() {
            Some(now) if now == config => Progress::Done,
            now => Progress::Failed(format!(
                "somebody else created it with config {}",
                now.unwrap_or("(none)")
            )),
        },
        (status, _) if status.in_transition() => Progress::Working,
        (status, _) => {
            let reason = endpoint.failure_reason.as_deref().unwrap_or("SageMaker gave no reason");
            let reason = crate::text::printable(reason, 300);
            Progress::Failed(format!("the new endpoint is {status}: {reason}"))
        }
    }
}
