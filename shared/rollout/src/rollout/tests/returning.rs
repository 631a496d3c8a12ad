//! The way back when SageMaker does not go it: no instances for blue, a quota, an operator who ends it.

use super::{
    super::{fake::*, request::Order, *},
    variants::{as_it_was, started},
};
use crate::{
    alert::{AlertKind, Severity},
    analysis::Verdict,
    endpoint::EndpointStatus,
    scaling::{Scaling, Suspended},
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
    // The config and the deregistration are taken, then the update is refused: for good, or for as long as the quota is.
    for refusal in [Call::Refused, Call::Quota, Call::Lost] {
        let mut world = world.clone();
        world.calls = [Call::Works, Call::Works, refusal].into();
        world.order(Order::Rollback);
        assert!(green_serves_and_scales(&world), "{}", world.did());
        world.ticks(5);
        assert!(green_serves_and_scales(&world));
        assert_eq!(updates(&world), 1, "{}", world.did());
        assert_eq!(world.run(), Ended::RolledBack);
        as_it_was(&world);
    }
}

/// What serves, and what it is scaled by, an hour and more after the end.
fn changed_since(change: impl Fn(&mut Scaling), removing: bool) -> Fake {
    let mut world = started(&request("one"));
    if removing {
        world.until("keeping");
        world.fates = std::iter::repeat_n(Fate::TakenBack, 200).collect();
        world.until("removing");
        world.ticks(30);
        while world.change.is_some() {
            world.ticks(1);
        }
        assert!(!world.scaling.contains_key("blue"));
    } else {
        world.run();
    }
    change(world.scaling.get_mut("green").unwrap());
    let green = world
        .endpoint_mut()
        .variants
        .iter_mut()
        .find(|live| live.name == "green");
    let green = green.unwrap();
    (green.desired_instances, green.current_instances) = (Some(25), Some(25));
    world.fates.clear();
    world
}

#[test]
fn blue_is_scaled_as_what_served_until_now_and_not_as_at_the_rollouts_end() {
    for removing in [false, true] {
        let mut world = changed_since(
            |green| {
                (green.min, green.max) = (3, 30);
                green.policies[0].alarms.clear();
                green.policies[0].name = "theirs".to_owned();
            },
            removing,
        );
        let order = if removing { Order::Abort } else { Order::Rollback };
        assert!(world.order(order).accepted);
        assert_eq!(world.run(), Ended::RolledBack, "{}", world.told());
        let blue = &world.scaling["blue"];
        assert_eq!((blue.min, blue.max, blue.suspended), (3, 30, Suspended::default()));
        assert_eq!(blue.policies[0].name, "theirs");
        assert_eq!(
            world.endpoint().variants[0].desired_instances,
            Some(25),
            "{}",
            world.did()
        );
        assert_eq!(world.scaling.len(), 1);
    }
}

#[test]
fn no_range_is_registered_that_takes_instances_from_what_gets_the_traffic() {
    for removing in [false, true] {
        // More than its maximum, by hand.
        let mut world = changed_since(|_| (), removing);
        world.order(if removing { Order::Abort } else { Order::Rollback });
        assert_eq!(world.run(), Ended::RolledBack);
        assert_eq!(world.scaling["blue"].max, 25);
        assert_eq!(world.endpoint().variants[0].desired_instances, Some(25));
    }
}

#[test]
fn what_nobody_scales_any_more_is_not_scaled_after_the_way_back_and_what_somebody_does_is() {
    let mut world = started(&request("one"));
    world.run();
    let taken = world.scaling.remove("green").unwrap();
    world.order(Order::Rollback);
    assert_eq!(world.run(), Ended::RolledBack);
    assert!(world.scaling.is_empty(), "{:?}", world.scaling);
    let mut world = Fake::new();
    world.scaling.clear();
    world.start(&request("one"));
    world.run();
    world.scaling.insert("green".to_owned(), taken);
    world.order(Order::Rollback);
    assert_eq!(world.run(), Ended::RolledBack);
    as_it_was(&world);
}

#[test]
fn a_way_back_that_waited_is_as_large_as_green_is_when_it_succeeds() {
    let mut world = taken_back_in_vain();
    world.ticks(60);
    for count in [6, 9] {
        while world.change.is_some() {
            world.ticks(1);
        }
        world.endpoint_mut().variants[0].desired_instances = Some(count);
        world.endpoint_mut().variants[0].current_instances = Some(count);
        world.ticks(30);
    }
    world.fates.clear();
    assert_eq!(world.run(), Ended::RolledBack, "{}", world.did());
    assert_eq!(world.endpoint().variants[0].current_instances, Some(9));
    as_it_was(&world);
    world.pass(minutes(25 * 60));
    world.ticks(5);
    let kept: Vec<_> = world.configs.keys().collect();
    assert_eq!(kept.len(), 2, "those that were outgrown are deleted: {kept:?}");
}

#[test]
fn a_rollback_after_its_abort_takes_it_back_after_all() {
    let mut world = taken_back_in_vain();
    world.ticks(2);
    world.order(Order::Abort);
    let again = |world: &mut Fake| {
        world.command(Command::Order {
            order: Order::Rollback,
            step: None,
            component: None,
            id: Some("again".to_owned()),
            by: Some("ana".to_owned()),
            reason: None,
        })
    };
    let answer = again(&mut world);
    assert!(
        answer.accepted && answer.said.contains("what bo stopped at"),
        "{}",
        answer.said
    );
    world.fates.clear();
    assert_eq!(world.run(), Ended::RolledBack, "{}", world.told());
    assert!(world.told().contains("goes on, asked for by ana"), "{}", world.told());
    as_it_was(&world);
    let echo = again(&mut world);
    assert!(echo.accepted && echo.said.contains("was obeyed at"), "{}", echo.said);
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
