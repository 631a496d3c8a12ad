//! Inference components, which SageMaker moves from one model to another.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{
        effect::Effect,
        fake::*,
        look::{ComponentSeen, HealthSeen, Known},
        request::Order,
        *,
    },
    native::component,
};
use crate::health::seen::Level;

fn with_component() -> Fake {
    let mut world = Fake::new();
    let seen = ComponentSeen {
        endpoint: ENDPOINT.to_owned(),
        variant: "blue".to_owned(),
        status: "InService".to_owned(),
        failure: None,
        model: Some("fraud-v1".to_owned()),
        copies: Some(2),
        modified: Some(world.now),
        guards: BTreeSet::new(),
    };
    world.components.insert(COMPONENT.to_owned(), seen);
    world
}

/// Unhealthy since now.
fn ill(world: &mut Fake) {
    world.health = Known::Yes(Some(HealthSeen {
        level: Level::Unhealthy,
        ill_since: Some(world.now),
        failing_since: Some(world.now),
        counted: Some(world.now),
        evidence: vec!["hello: 500".to_owned()],
        proven: Default::default(),
        variants: BTreeMap::new(),
    }));
}

fn label(world: &Fake) -> &str {
    world.ledger.history[0].cause.as_ref().unwrap().label()
}

#[test]
fn a_component_gets_another_model_and_its_old_one_back() {
    let mut world = with_component();
    world.start(&component("one"));
    assert_eq!(world.run(), Ended::Completed);
    assert_eq!(world.component().model.as_deref(), Some("fraud-v2"));
    assert!(world.order(Order::Rollback).accepted);
    assert_eq!(world.run(), Ended::RolledBack);
    assert_eq!(world.component().model.as_deref(), Some("fraud-v1"));
    insta::assert_snapshot!(world.did());
}

#[test]
fn a_component_that_keeps_its_old_model_was_taken_back() {
    let mut world = with_component();
    world.fates.push_back(Fate::TakenBack);
    world.start(&component("one"));
    assert_eq!(world.run(), Ended::RolledBack);
    assert_eq!(world.ledger.history[0].cause.as_ref().unwrap().label(), "sagemaker");
}

#[test]
fn a_component_that_its_autoscaling_updates_is_not_taken_for_one_that_got_its_old_model_back() {
    let mut world = with_component();
    world.calls.extend([Call::Works, Call::Lost]);
    world.start(&component("one"));
    world.until("deploying");
    assert!(world.did().contains("update component"), "{}", world.did());
    world.component_mut().status = "Updating".to_owned();
    world.ticks(3);
    world.component_mut().status = "InService".to_owned();
    assert_eq!(world.run(), Ended::Completed);
    assert_eq!(world.component().model.as_deref(), Some("fraud-v2"));
}

#[test]
fn a_component_that_falls_ill_is_taken_back_whether_or_not_its_updates_answer_came() {
    for answer in [Call::Works, Call::Mumbles, Call::Dies] {
        let mut world = with_component();
        world.slow = minutes(30);
        // The first call puts the alarm.
        world.calls.extend([Call::Works, answer]);
        world.start(&component("one"));
        world.ticks(5);
        ill(&mut world);
        world.ticks(1);
        let last = world.effects.last().unwrap();
        assert!(matches!(last, Effect::TripAlarm { .. }), "{answer:?}: {last:?}");
        assert_eq!(world.run(), Ended::RolledBack, "{answer:?}");
        assert_eq!(label(&world), "health", "{answer:?}");
        assert_eq!(world.component().model.as_deref(), Some("fraud-v1"));
    }
}

#[test]
fn a_component_that_was_replaced_while_nobody_looked_is_not_complete_before_its_health_is_looked_at() {
    let mut world = with_component();
    world.calls.extend([Call::Works, Call::Dies]);
    // An invocation that dies looks no more, and none comes before SageMaker is done.
    world.start(&component("one"));
    world.pass(minutes(5));
    ill(&mut world);
    assert_eq!(world.run(), Ended::RolledBack);
    assert_eq!(label(&world), "health");
    assert_eq!(world.component().model.as_deref(), Some("fraud-v1"));
}

#[test]
fn a_component_whose_update_sagemaker_took_back_does_not_get_it_again_because_the_answer_was_lost() {
    for answer in [Call::Mumbles, Call::Dies] {
        let mut world = with_component();
        world.fates.push_back(Fate::TakenBack);
        world.calls.extend([Call::Works, answer]);
        world.start(&component("one"));
        // Nobody looks before it is over.
        world.pass(minutes(5));
        assert_eq!(world.run(), Ended::RolledBack, "{answer:?}");
        assert_eq!(label(&world), "sagemaker", "{answer:?}");
        let updates = world
            .effects
            .iter()
            .filter(|effect| matches!(effect, Effect::UpdateComponent { .. }));
        assert_eq!(updates.count(), 1, "{answer:?}");
    }
}

#[test]
fn what_the_alarm_of_a_rollout_without_a_ledger_left_on_a_component_is_no_update_of_this_one() {
    let mut world = with_component();
    world.component_mut().guards = BTreeSet::from(["steward-abort-fraud-1".to_owned()]);
    world.calls.extend([Call::Works, Call::Lost]);
    world.start(&component("one"));
    assert_eq!(world.run(), Ended::Completed);
}

#[test]
fn what_changed_between_a_call_that_was_not_taken_and_the_next_one_says_nothing_of_the_next() {
    let mut world = with_component();
    world.calls.extend([Call::Works, Call::Lost]);
    world.start(&component("one"));
    world.until("deploying");
    let update = world.ledger.active.as_ref().unwrap().update.as_ref();
    assert!(
        update.is_some_and(|update| update.accepted.is_none()),
        "{}",
        world.did()
    );
    // Its autoscaling changes it meanwhile.
    world.pass(minutes(1));
    let changed = Some(world.now);
    world.component_mut().modified = changed;
    world.slow = minutes(30);
    world.ticks(1);
    let update = world.ledger.active.as_ref().unwrap().update.as_ref().unwrap();
    assert!(update.accepted.is_some(), "{}", world.did());
    assert_eq!(
        update.before, changed,
        "a look that still shows this does not show it taken back"
    );
    assert_eq!(world.run(), Ended::Completed);
}

mod several;
