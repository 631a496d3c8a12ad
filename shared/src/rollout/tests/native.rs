//! SageMaker's own engines.

use std::collections::BTreeMap;

use super::super::{
    effect::{Effect, Routing},
    fake::*,
    look::ComponentSeen,
    policy::Engine,
    request::{Order, Request},
    strategy::{StrategyKind, Weight},
    *,
};
use crate::{alert::AlertKind, analysis::Verdict, endpoint::EndpointStatus};

fn canary(id: &str) -> Request {
    let mut request = request(id);
    request.policy.engine = Engine::Guardrails;
    request.policy.strategy = strategy(&[10, 100]);
    request.policy.strategy.kind = StrategyKind::Canary;
    request.policy.strategy.name = "canary-10".to_owned();
    request
}

fn component(id: &str) -> Request {
    let mut request = canary(id);
    request.component = Some("fraud-component".to_owned());
    request.policy.engine = Engine::Rolling;
    request.policy.strategy = strategy(&[100]);
    request.policy.strategy.kind = StrategyKind::AllAtOnce;
    request.policy.analysis = None;
    request
}

fn with_component() -> Fake {
    let mut world = Fake::new();
    world.component = Some(ComponentSeen {
        endpoint: ENDPOINT.to_owned(),
        variant: "blue".to_owned(),
        status: "InService".to_owned(),
        failure: None,
        model: Some("fraud-v1".to_owned()),
        copies: Some(2),
    });
    world
}

#[test]
fn a_canary_is_translated_and_believed_only_when_green_is_in_force() {
    let mut world = Fake::new();
    world.start(&canary("one"));
    let update = world.effects.iter().find_map(|effect| match effect {
        Effect::UpdateEndpoint { deployment, .. } => deployment.clone(),
        _ => None,
    });
    let deployment = update.unwrap();
    assert_eq!(
        deployment.routing,
        Routing::Canary {
            size: Weight::percent(10).unwrap(),
            wait: minutes(10),
            termination_wait: minutes(60),
        }
    );
    assert_eq!(deployment.alarms, ["errors", "steward-abort-fraud-1"]);
    assert_eq!(world.run(), Ended::Completed);
    assert_eq!(world.endpoint().variants[0].name, "blue");
    world.ticks(2);
    assert!(!world.alarms.contains_key("steward-abort-fraud-1"));
    insta::assert_snapshot!(world.did());
    insta::assert_snapshot!(world.told());
}

#[test]
fn a_deployment_that_sagemaker_takes_back_in_silence_is_no_success() {
    let mut world = Fake::new();
    world.fates.push_back(Fate::TakenBack);
    world.start(&canary("one"));
    assert_eq!(world.run(), Ended::RolledBack);
    assert_eq!(world.endpoint().config.as_deref(), Some("fraud-1"));
    insta::assert_snapshot!(world.told());
}

#[test]
fn what_takes_a_rollout_back_stops_sagemaker_by_stewards_own_alarm() {
    for harm in ["analysis", "alarm", "operator"] {
        let mut world = Fake::new();
        world.slow = minutes(40);
        world.start(&canary("one"));
        world.ticks(10);
        match harm {
            "analysis" => world.verdict = Verdict::Fail,
            "alarm" => {
                world.alarms.insert("errors".to_owned(), true);
            }
            _ => assert!(world.order(Order::Abort).accepted),
        }
        world.ticks(1);
        let last = world.effects.last().unwrap();
        assert!(matches!(last, Effect::TripAlarm { .. }), "{harm}: {last:?}");
        assert_eq!(world.run(), Ended::RolledBack, "{harm}");
        assert_eq!(world.ledger.history[0].cause.as_ref().unwrap().label(), harm);
        world.ticks(2);
        assert_eq!(world.alarms.keys().collect::<Vec<_>>(), ["errors"]);
    }
}

#[test]
fn a_deployment_that_wins_the_race_against_its_abort_is_undone() {
    let mut world = Fake::new();
    world.start(&canary("one"));
    world.pass(minutes(2));
    // The abort is decided, the call is lost, and the deployment ends meanwhile.
    world.calls.push_back(Call::Lost);
    world.order(Order::Abort);
    world.pass(minutes(5));
    assert_eq!(world.run(), Ended::RolledBack);
    assert_eq!(world.endpoint().config.as_deref(), Some("fraud-1"));
    insta::assert_snapshot!(world.told());
}

#[test]
fn pause_is_refused_because_sagemaker_cannot_wait() {
    let mut world = Fake::new();
    world.start(&canary("one"));
    for order in [Order::Pause, Order::Promote, Order::Skip, Order::Resume] {
        let answer = world.order(order);
        assert!(!answer.accepted);
        assert!(answer.said.contains("can only be stopped"), "{}", answer.said);
    }
}

#[test]
fn a_completed_deployment_is_taken_back_within_its_window() {
    let mut world = Fake::new();
    world.start(&canary("one"));
    assert_eq!(world.run(), Ended::Completed);
    assert!(world.order(Order::Rollback).accepted);
    assert_eq!(world.run(), Ended::RolledBack);
    assert_eq!(world.endpoint().config.as_deref(), Some("fraud-1"));
    assert!(world.ledger.history.last().unwrap().returned);
}

#[test]
fn an_update_that_fails_with_its_rollback_is_told_and_left_to_people() {
    let mut world = Fake::new();
    world.start(&canary("one"));
    world.pass(minutes(1));
    world.change = None;
    world.endpoint_mut().status = EndpointStatus::UpdateRollbackFailed;
    world.endpoint_mut().failure_reason = Some("no capacity".to_owned());
    assert_eq!(world.run(), Ended::Failed);
    assert_eq!(world.kinds().last(), Some(&AlertKind::RolloutFailed));
}

#[test]
fn a_component_gets_another_model_and_its_old_one_back() {
    let mut world = with_component();
    world.start(&component("one"));
    assert_eq!(world.run(), Ended::Completed);
    assert_eq!(world.component.as_ref().unwrap().model.as_deref(), Some("fraud-v2"));
    assert!(world.order(Order::Rollback).accepted);
    assert_eq!(world.run(), Ended::RolledBack);
    assert_eq!(world.component.as_ref().unwrap().model.as_deref(), Some("fraud-v1"));
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
fn everything_that_sagemakers_engines_cannot_do_is_said_at_once() {
    let mut world = Fake::new();
    world.endpoint_mut().variants[0].current_instances = Some(1);
    world.endpoint_mut().variants[0].desired_instances = Some(1);
    let mut request = canary("one");
    request.green.instances = Some(3);
    request.green.instance_type = Some("ml.inf1.xlarge".to_owned());
    request.green.variant = Some("green".to_owned());
    request.policy.strategy = strategy(&[60, 100]);
    request.policy.strategy.kind = StrategyKind::Canary;
    request.policy.strategy.steps[0].bake = minutes(90);
    request.policy.strategy.steps[0].gate = true;
    request.policy.deadline = minutes(20 * 60);
    request.policy.alarms = (0..10).map(|n| format!("alarm-{n}")).collect();
    world.alarms = request
        .policy
        .alarms
        .iter()
        .map(|name| (name.clone(), false))
        .collect::<BTreeMap<_, _>>();
    insta::assert_snapshot!(world.planned(&request).unwrap_err());
}

#[test]
fn a_rolling_update_is_for_one_variant_in_batches() {
    let mut world = Fake::new();
    let mut request = component("one");
    request.component = None;
    request.policy.batch_percent = 60;
    insta::assert_snapshot!(world.planned(&request).unwrap_err());
    request.policy.batch_percent = 25;
    let plan = world.planned(&request).unwrap();
    assert!(matches!(
        plan.deployment.unwrap().routing,
        Routing::Rolling { batch: 25, .. }
    ));
    world.start(&request);
    assert_eq!(world.run(), Ended::Completed);
}
