//! The rules as properties of every state, and what must be reachable for the check to mean anything.

use stateright::Property;
use steward::rollout::Ended;

use super::{model::Rollouts, rules::Rule, setup::Setup, state::State};

/// Only the first state that breaks a rule counts: the checker would replace its path, the shortest, by later ones.
fn keeps(model: &Rollouts, state: &State, rule: Rule) -> bool {
    state.wrong.iter().all(|(broken, _)| *broken != rule) || !model.is_first(state, rule)
}

macro_rules! always {
    ($($rule:ident),*) => {
        vec![$(Property::<Rollouts>::always(Rule::$rule.name(), |model, state| keeps(model, state, Rule::$rule))),*]
    };
}

/// A rollout went back for a cause with this label.
fn went_back(state: &State, label: &str) -> bool {
    let back = state
        .ledger
        .active
        .as_ref()
        .and_then(|it| it.back.as_ref())
        .map(|back| &back.cause);
    let past = state.ledger.history.iter().filter_map(|past| past.cause.as_ref());
    back.into_iter().chain(past).any(|cause| cause.label() == label)
}

fn ended(state: &State, how: Ended) -> bool {
    state.ledger.history.iter().any(|past| past.outcome == how)
}

/// A label of a cause as a property that must be reached.
macro_rules! reached {
    ($($label:literal),*) => {
        vec![$(($label, Property::<Rollouts>::sometimes(
            concat!("goes back for ", $label),
            |_, state| went_back(state, $label),
        ))),*]
    };
}

/// Those of the setup.
pub(crate) fn all(setup: &Setup) -> Vec<Property<Rollouts>> {
    let mut properties = always![
        Gates,
        NeverUpAgain,
        Capacity,
        Safekeeping,
        Truth,
        Ends,
        Told,
        Harm,
        Rest,
        Over,
        Scaled,
        Kept
    ];
    if setup.sabotage.is_some() {
        return properties;
    }
    if setup.completes {
        properties.push(Property::sometimes("completes", |_, state| {
            ended(state, Ended::Completed)
        }));
    }
    let causes = reached![
        "alarm",
        "analysis",
        "smoke",
        "health",
        "sagemaker",
        "endpoint",
        "gone",
        "taken-over",
        "refused",
        "deadline",
        "operator"
    ];
    let wanted = causes.into_iter().filter(|(label, _)| setup.reaches.contains(label));
    properties.extend(wanted.map(|(_, property)| property));
    if setup.reaches.contains(&"late") {
        // No store can call back a call that is on its way: what is decided after it has to make up for it.
        properties.push(Property::sometimes("a late call raises green", |_, state: &State| {
            state.ghost.overtaken
        }));
    }
    if !setup.reaches.is_empty() {
        properties.push(Property::sometimes("rolls back", |_, state| {
            ended(state, Ended::RolledBack)
        }));
    }
    properties
}
