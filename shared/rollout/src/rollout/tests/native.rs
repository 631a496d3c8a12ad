//! SageMaker's own engines.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::super::{
    effect::{Effect, Routing},
    fake::*,
    policy::Engine,
    request::{Order, Request},
    strategy::{Step, StrategyKind, Weight},
    *,
};
use crate::{
    alert::AlertKind,
    analysis::{AnalysisPolicy, LatencyCheck, Percentile, Verdict},
    endpoint::EndpointStatus,
};

pub(super) fn canary(id: &str) -> Request {
    let mut request = request(id);
    request.policy.engine = Engine::Guardrails;
    request.policy.strategy = strategy(&[10, 100]);
    request.policy.strategy.kind = StrategyKind::Canary;
    request.policy.strategy.name = "canary-10".to_owned();
    request
}

pub(super) fn component(id: &str) -> Request {
    let mut request = canary(id);
    request.component = Some(COMPONENT.to_owned());
    request.policy.engine = Engine::Rolling;
    request.policy.strategy = strategy(&[100]);
    request.policy.strategy.kind = StrategyKind::AllAtOnce;
    request.policy.analysis = None;
    request
}

/// SageMaker's own blue/green deployment, over.
pub(super) fn completed() -> Fake {
    let mut world = Fake::new();
    world.start(&canary("one"));
    assert_eq!(world.run(), Ended::Completed);
    world.ticks(3);
    world
}

proptest! {
    /// What the fleet file lets through is not refused at `start`, and what it refuses is refused there too.
    #[test]
    fn a_start_and_the_fleet_file_have_the_same_limits(
        first in 1..=10_000_u16, kind in 0..3_usize, bake in 1..5_000_u64, keep_blue in 0..5_000_u64,
        alarms in 0..12_usize, deadline in 600..40_000_u64, batch_percent in 5..=50_u8, rolling: bool,
    ) {
        let kind = [StrategyKind::AllAtOnce, StrategyKind::Canary, StrategyKind::Linear][kind];
        let mut weights: Vec<u16> = match kind {
            StrategyKind::Canary => vec![first],
            StrategyKind::Linear => (1..=10_000 / first.max(100)).map(|step| step * first.max(100)).collect(),
            _ => Vec::new(),
        };
        weights.retain(|weight| *weight < 10_000);
        weights.push(10_000);
        prop_assume!(kind != StrategyKind::Canary || weights.len() == 2);
        let mut request = canary("one");
        request.policy.engine = if rolling { Engine::Rolling } else { Engine::Guardrails };
        request.policy.strategy.kind = kind;
        request.policy.strategy.steps = weights
            .into_iter()
            .map(|weight| Step::new(Weight::from_ten_thousandths(weight).unwrap(), Duration::from_secs(bake)))
            .collect();
        request.policy.keep_blue = Duration::from_secs(keep_blue);
        request.policy.deadline = Duration::from_secs(deadline);
        request.policy.batch_percent = batch_percent;
        request.policy.alarms = (0..alarms).map(|number| format!("alarm-{number}")).collect();
        let mut world = Fake::new();
        world.alarms = request.policy.alarms.iter().map(|alarm| (alarm.clone(), false)).collect();
        let planned = world.planned(&request);
        let wrong = limits::contradictions(&request.policy);
        prop_assert_eq!(planned.is_ok(), wrong.is_empty(), "{:?} but {:?}", planned, wrong);
    }
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
fn sagemakers_deployments_are_judged_beside_blue_and_by_blues_hour_before() {
    let mut world = Fake::new();
    world.slow = minutes(40);
    world.start(&canary("one"));
    world.ticks(10);
    let window = needs(world.now, &world.ledger).analysis.unwrap();
    let began = time("2026-11-22T08:00:00Z");
    let before = window.before.unwrap();
    assert_eq!((before.from, before.to), (began - minutes(60), began));
    // SageMaker is said not to publish a config's name of a fleet that no update brought.
    assert_eq!(before.blue.config, None);
    assert_eq!(window.blue.unwrap().config.as_deref(), Some("fraud-1"));
    assert_eq!(window.whole, Some(before.blue));
}

#[test]
fn a_plan_for_sagemakers_engines_says_what_watches_at_100_percent() {
    let said = Fake::new().planned(&canary("one")).unwrap().to_string();
    assert!(said.contains("analysis without blue"), "{said}");
    assert!(said.contains("at 100% there is no blue to compare with"), "{said}");
    let mut blind = canary("one");
    blind.policy.alarms.clear();
    blind.policy.analysis = Some(AnalysisPolicy {
        latency: vec![LatencyCheck::against_blue(Percentile::P99)],
        ..AnalysisPolicy::none()
    });
    let said = Fake::new().planned(&blind).unwrap_err().to_string();
    assert!(said.contains("At 100% nothing would watch green"), "{said}");
}

#[test]
fn a_deployment_that_no_alarm_stops_is_told_with_what_it_takes_and_undone_at_its_end() {
    let mut world = Fake::new();
    world.slow = minutes(30);
    let plan = world.planned(&canary("one")).unwrap().to_string();
    assert!(
        plan.contains("allows cloudwatch:DescribeAlarms on errors and steward-abort-fraud-1"),
        "{plan}"
    );
    world.start(&canary("one"));
    world.ticks(5);
    world.calls.push_back(Call::Lost);
    let answer = world.order(Order::Abort);
    assert!(
        answer
            .said
            .contains("alarm steward-abort-fraud-1 tells SageMaker to stop"),
        "{}",
        answer.said
    );
    world.alarms.insert("steward-abort-fraud-1".to_owned(), true);
    let now = |world: &Fake| {
        status(
            &world.facts(),
            &world.ledger,
            Some(&world.look(&needs(world.now, &world.ledger))),
        )
    };
    world.ticks(2);
    assert!(now(&world).contains("the deployment is taken back"), "{}", now(&world));
    world.ticks(2);
    let said = "SageMaker goes on with the deployment, though alarm steward-abort-fraud-1 is in ALARM";
    assert!(now(&world).contains(said), "{}", now(&world));
    world.ticks(8);
    let held = world
        .alerts
        .iter()
        .find(|alert| alert.kind == AlertKind::RolloutHeld)
        .unwrap();
    assert!(format!("{held:?}").contains("cloudwatch:DescribeAlarms"), "{held:?}");
    assert_eq!(world.run(), Ended::RolledBack);
    assert_eq!(world.endpoint().config.as_deref(), Some("fraud-1"));
}

#[test]
fn pause_is_refused_because_sagemaker_cannot_wait() {
    let mut world = Fake::new();
    world.start(&canary("one"));
    for order in [
        Order::Pause,
        Order::Promote,
        Order::PromoteFull,
        Order::Skip,
        Order::Resume,
    ] {
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

#[test]
fn a_deployment_that_was_over_before_anybody_looked_is_not_complete_before_it_is_judged() {
    let mut world = Fake::new();
    // The config, the alarm, the update.
    world.calls.extend([Call::Works, Call::Works, Call::Dies]);
    world.start(&canary("one"));
    assert!(
        matches!(world.effects.last(), Some(Effect::UpdateEndpoint { .. })),
        "{}",
        world.did()
    );
    world.pass(minutes(5));
    world.verdict = Verdict::Fail;
    assert_eq!(world.run(), Ended::RolledBack);
    assert_eq!(world.ledger.history[0].cause.as_ref().unwrap().label(), "analysis");
}
