//! The way back when SageMaker does not go it: no instances for blue, a quota, an operator who ends it.

use super::{
    super::{fake::*, request::Order, *},
    variants::{as_it_was, started},
};
use crate::{
    alert::{AlertKind, Severity},
    analysis::Verdict,
    endpoint::EndpointStatus,
};

/// A completed rollout that is being taken back, and SageMaker never has the instances.
fn taken_back_in_vain() -> Fake {
    let mut world = started(&request("one"));
    assert_eq!(world.run(), Ended::Completed);
    world.ticks(3);
    world.effects.clear();
    world.fates = std::iter::repeat_n(Fate::TakenBack, 200).collect();
    assert!(world.order(Order::Rollback).accepted);
    world
}

fn updates(world: &Fake) -> usize {
    world.did().matches("update the endpoint").count()
}

/// Whoever serves has its autoscaling whenever SageMaker lets anybody scale.
fn green_serves_and_scales(world: &Fake) -> bool {
    world.endpoint().status != EndpointStatus::InService
        || (world.share("green") == 1.0 && world.scaling.get("green").is_some_and(|seen| seen.does(&scaling())))
}

#[test]
fn what_serves_keeps_its_autoscaling_while_there_are_no_instances_for_the_way_back() {
    let mut world = taken_back_in_vain();
    for minute in 0..90 {
        world.ticks(1);
        assert!(green_serves_and_scales(&world), "minute {minute}: {:?}", world.scaling);
    }
    // Three minutes of work and ten of rest: not whenever the endpoint is InService again.
    assert!((6..=8).contains(&updates(&world)), "{}", world.did());
    world.fates.clear();
    assert_eq!(world.run(), Ended::RolledBack);
    as_it_was(&world);
}

#[test]
fn a_way_back_that_lasts_is_told_after_ten_minutes_and_once() {
    let mut world = taken_back_in_vain();
    world.ticks(9);
    assert!(!world.kinds().contains(&AlertKind::RolloutHeld));
    world.ticks(60);
    let held: Vec<_> = world
        .alerts
        .iter()
        .filter(|alert| alert.kind == AlertKind::RolloutHeld)
        .collect();
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].severity, Severity::Critical);
    insta::assert_snapshot!(held[0].message().text);
}

#[test]
fn an_abort_ends_the_taking_back_and_leaves_the_endpoint_as_it_was() {
    for minute in 0..40 {
        let mut world = taken_back_in_vain();
        let config = world.endpoint().config.clone();
        world.ticks(minute);
        assert!(world.order(Order::Abort).accepted);
        assert!(world.order(Order::Abort).said.contains("already"));
        assert_eq!(world.run(), Ended::Completed, "minute {minute}");
        assert_eq!(world.endpoint().config, config);
        assert_eq!(world.share("green"), 1.0);
        assert!(
            world.scaling["green"].does(&scaling()),
            "minute {minute}: {:?}",
            world.scaling
        );
        assert_eq!(world.scaling.len(), 1);
        world.ticks(3);
        assert_eq!(world.configs.len(), 2, "minute {minute}: {:?}", world.configs.keys());
        if minute == 5 {
            insta::assert_snapshot!(format!(
                "{}\n{}",
                world.told(),
                status(&world.facts(), &world.ledger, None)
            ));
        }
        // It can be begun anew, with as many instances as green has then.
        world.fates.clear();
        world.endpoint_mut().variants[0].desired_instances = Some(6);
        world.endpoint_mut().variants[0].current_instances = Some(6);
        assert!(world.order(Order::Rollback).accepted);
        assert_eq!(world.run(), Ended::RolledBack, "minute {minute}");
        as_it_was(&world);
        world.pass(minutes(25 * 60));
        world.ticks(3);
        let kept: Vec<_> = world.configs.keys().collect();
        assert_eq!(kept.len(), 2, "{kept:?}");
    }
}

#[test]
fn an_abort_that_comes_too_late_lets_the_old_model_arrive() {
    let mut world = taken_back_in_vain();
    world.ticks(5);
    world.fates = [Fate::Done].into();
    while world.change.is_none() {
        world.ticks(1);
    }
    assert!(world.order(Order::Abort).accepted);
    assert_eq!(world.run(), Ended::RolledBack);
    as_it_was(&world);
}

#[test]
fn every_call_of_a_way_back_may_fail_in_every_way_and_so_may_those_of_its_end() {
    for stop in [false, true] {
        for at in 0..10 {
            for fault in [Call::Lost, Call::Dies, Call::Mumbles, Call::Refused] {
                let mut world = started(&request("one"));
                world.run();
                world.ticks(3);
                world.fates = [Fate::TakenBack, Fate::TakenBack].into();
                world.calls = std::iter::repeat_n(Call::Works, at).chain([fault]).collect();
                world.order(Order::Rollback);
                if stop {
                    world.ticks(5);
                    world.order(Order::Abort);
                }
                match world.run() {
                    Ended::RolledBack => as_it_was(&world),
                    Ended::Completed if stop => {
                        assert_eq!(world.share("green"), 1.0);
                        assert!(world.scaling["green"].does(&scaling()), "call {at}, {fault:?}");
                    }
                    other => panic!("call {at}, {fault:?}: {other:?}"),
                }
            }
        }
    }
}

#[test]
fn a_quota_that_refuses_the_way_back_takes_nothing_from_what_serves() {
    let mut world = started(&request("one"));
    world.run();
    world.ticks(3);
    world.effects.clear();
    // The config and the deregistration are taken, then the update is refused.
    world.calls = [Call::Works, Call::Works, Call::Refused].into();
    world.order(Order::Rollback);
    assert!(green_serves_and_scales(&world), "{}", world.did());
    world.ticks(5);
    assert!(green_serves_and_scales(&world));
    assert_eq!(updates(&world), 1, "{}", world.did());
    assert_eq!(world.run(), Ended::RolledBack);
    as_it_was(&world);
}

#[test]
fn a_rollout_that_passed_everything_is_not_taken_back_because_blue_cannot_be_removed() {
    let mut world = started(&request("one"));
    world.until("keeping");
    world.effects.clear();
    world.fates = std::iter::repeat_n(Fate::TakenBack, 200).collect();
    world.until("removing");
    world.ticks(300);
    assert_eq!(world.phase(), "removing");
    assert_eq!(world.share("green"), 1.0);
    assert!((20..=25).contains(&updates(&world)), "{}", world.did());
    let held: Vec<_> = world
        .alerts
        .iter()
        .filter(|alert| alert.kind == AlertKind::RolloutHeld)
        .collect();
    assert_eq!(held.len(), 1);
    insta::assert_snapshot!(held[0].message().text);
    // Harm still takes it back.
    let mut harmed = world.clone();
    harmed.verdict = Verdict::Fail;
    harmed.fates.clear();
    assert_eq!(harmed.run(), Ended::RolledBack);
    as_it_was(&harmed);
    world.fates.clear();
    assert_eq!(world.run(), Ended::Completed);
}

#[test]
fn a_refusal_after_the_last_bake_is_no_harm_of_greens() {
    let mut world = started(&request("one"));
    world.until("baking");
    while world.ledger.active.as_ref().unwrap().phase.step() != Some(2) || world.phase() != "baking" {
        world.ticks(1);
    }
    world.calls = std::iter::repeat_n(Call::Refused, 100).collect();
    world.ticks(100);
    assert_eq!(world.phase(), "finishing");
    assert!(world.kinds().contains(&AlertKind::RolloutHeld));
    world.calls.clear();
    assert_eq!(world.run(), Ended::Completed);
}

#[test]
fn sagemakers_own_engine_is_asked_for_the_way_back_with_rests_and_it_can_be_stopped() {
    let mut world = super::native::completed();
    world.effects.clear();
    world.fates = std::iter::repeat_n(Fate::TakenBack, 200).collect();
    assert!(world.order(Order::Rollback).accepted);
    world.ticks(60);
    assert!((4..=6).contains(&updates(&world)), "{}", world.did());
    assert!(world.order(Order::Abort).accepted);
    assert_eq!(world.run(), Ended::Completed);
    assert!(world.order(Order::Rollback).accepted);
    world.fates.clear();
    assert_eq!(world.run(), Ended::RolledBack);
}
