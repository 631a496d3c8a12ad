//! The alarms by which step policies scale.

use super::super::{effect::Effect, fake::*, look::AlarmSeen, request::Order, *};
use crate::{alert::AlertKind, analysis::Verdict};

pub(super) fn started() -> Fake {
    let mut world = Fake::stepped();
    assert!(world.start(&request("one")).accepted);
    world
}

/// Once in a world in which alarms lose the actions of policies that are deregistered, once where they keep them.
fn in_both_forms(check: impl Fn(&Fake)) {
    for keeps_actions in [false, true] {
        let mut world = started();
        world.keeps_actions = keeps_actions;
        check(&world);
    }
}

fn points(world: &Fake) -> Vec<String> {
    let points = world
        .effects
        .iter()
        .filter(|effect| matches!(effect, Effect::Point { .. }));
    points.map(ToString::to_string).collect()
}

pub(super) fn unscaled(world: &Fake) -> usize {
    let told = world.kinds();
    told.iter().filter(|kind| **kind == AlertKind::RolloutUnscaled).count()
}

/// The policy of a variant that is gone, as an alarm names it.
fn dead(alarm: &mut AlarmSeen, variant: &str) {
    let name = alarm.name.trim_end_matches("-high");
    alarm.actions[1].arn = format!(
        "arn:aws:autoscaling:eu-west-1:111122223333:scalingPolicy:0:resource/sagemaker/endpoint/fraud/variant/{variant}:\
         policyName/{name}"
    );
}

#[test]
fn alarms_scale_blue_as_long_as_it_serves_and_green_from_when_it_has_all_traffic() {
    let mut world = started();
    let mut baked = false;
    while world.ledger.active.is_some() {
        world.ticks(1);
        if world.endpoint().status != crate::endpoint::EndpointStatus::InService {
            continue;
        }
        if world.endpoint().share("blue").is_some_and(|share| share > 0.0) {
            assert!(world.scales("blue"), "{}", world.phase());
        } else {
            assert!(world.scales("green"), "{}", world.phase());
            baked |= world.phase() == "baking";
        }
    }
    assert!(baked);
    assert_eq!(world.ledger.history[0].outcome, Ended::Completed);
    assert_eq!(
        points(&world),
        ["point alarm backlog-high at green", "point alarm busy-high at green"]
    );
    assert_eq!(
        world.triggers["busy-high"].actions[0].arn,
        "arn:aws:sns:eu-west-1:111122223333:people"
    );
    assert_eq!(unscaled(&world), 0);
}

#[test]
fn a_rollout_that_goes_back_in_any_minute_leaves_blue_scaled_by_its_alarms() {
    in_both_forms(|started| {
        for minute in 0..130 {
            let mut world = started.clone();
            world.ticks(minute);
            world.verdict = Verdict::Fail;
            let serves = match world.run() {
                Ended::RolledBack => "blue",
                Ended::Completed => "green",
                Ended::Failed => panic!("minute {minute}"),
            };
            assert!(world.scales(serves), "minute {minute}: {:#?}", world.triggers);
            assert_eq!(unscaled(&world), 0, "minute {minute}");
        }
    });
}

#[test]
fn a_completed_rollout_that_is_taken_back_brings_the_alarms_along_and_so_does_one_whose_way_back_is_stopped() {
    in_both_forms(|started| {
        let mut completed = started.clone();
        completed.run();
        completed.ticks(3);
        let mut back = completed.clone();
        assert!(back.order(Order::Rollback).accepted);
        assert_eq!(back.run(), Ended::RolledBack);
        assert!(back.scales("blue"), "{:#?}", back.triggers);
        assert_eq!(unscaled(&back), 0);
        for minute in 0..40 {
            let mut stopped = completed.clone();
            stopped.fates = std::iter::repeat_n(Fate::TakenBack, 200).collect();
            assert!(stopped.order(Order::Rollback).accepted);
            stopped.ticks(minute);
            assert!(stopped.order(Order::Abort).accepted);
            assert_eq!(stopped.run(), Ended::Completed, "minute {minute}");
            assert!(stopped.scales("green"), "minute {minute}: {:#?}", stopped.triggers);
            assert_eq!(unscaled(&stopped), 0, "minute {minute}");
        }
    });
}

#[test]
fn what_serves_is_scaled_by_its_alarms_while_there_are_no_instances_for_the_way_back() {
    let mut world = started();
    world.run();
    world.ticks(3);
    world.fates = std::iter::repeat_n(Fate::TakenBack, 200).collect();
    assert!(world.order(Order::Rollback).accepted);
    for minute in 0..60 {
        world.ticks(1);
        let settled = world.endpoint().status == crate::endpoint::EndpointStatus::InService;
        assert!(
            !settled || world.scales("green"),
            "minute {minute}: {:#?}",
            world.triggers
        );
    }
}

#[test]
fn a_quota_that_refuses_the_way_back_leaves_the_alarms_with_what_serves() {
    in_both_forms(|started| {
        let mut completed = started.clone();
        completed.run();
        completed.ticks(3);
        // The config and the deregistration are taken, then the update is refused, again and again.
        for refusal in [Call::Refused, Call::Quota, Call::Lost] {
            let mut world = completed.clone();
            world.calls = [Call::Works, Call::Works, refusal].into();
            assert!(world.order(Order::Rollback).accepted);
            assert!(world.calls.is_empty(), "{}", world.did());
            for minute in 0..8 {
                assert!(world.scales("green"), "{refusal:?}, {minute}: {:#?}", world.triggers);
                world.ticks(1);
            }
            assert_eq!(world.run(), Ended::RolledBack);
            assert!(world.scales("blue"), "{refusal:?}: {:#?}", world.triggers);
            assert_eq!(unscaled(&world), 0);
        }
    });
}

#[test]
fn a_step_policy_that_green_got_since_the_rollouts_end_goes_back_with_its_alarm() {
    let mut world = started();
    world.run();
    world.ticks(3);
    world
        .scaling
        .get_mut("green")
        .unwrap()
        .policies
        .push(step_policy("night"));
    world.register("green");
    let mut alarm = world.triggers["backlog-high"].clone();
    alarm.name = "night-high".to_owned();
    alarm.actions[1].arn = world.arn("green", "night");
    world.triggers.insert(alarm.name.clone(), alarm);
    assert!(world.scales("green"));
    // Also where green is registered anew in between.
    world.calls = [Call::Works, Call::Works, Call::Quota].into();
    assert!(world.order(Order::Rollback).accepted);
    world.ticks(3);
    assert!(world.scales("green"), "{:#?}", world.triggers);
    assert_eq!(world.run(), Ended::RolledBack);
    assert!(world.scales("blue"), "{:#?}", world.triggers);
    assert_eq!(unscaled(&world), 0);
}

#[test]
fn an_alarm_that_refused_in_a_rollout_is_pointed_when_that_is_taken_back() {
    in_both_forms(|started| {
        let mut world = started.clone();
        world.stubborn = true;
        assert_eq!(world.run(), Ended::Completed);
        assert_eq!(unscaled(&world), 1);
        world.stubborn = false;
        assert!(world.order(Order::Rollback).accepted);
        assert_eq!(world.run(), Ended::RolledBack);
        assert!(world.scales("blue"), "{:#?}", world.triggers);
        assert_eq!(unscaled(&world), 1);
    });
}

#[test]
fn an_alarm_that_blues_policy_gets_during_the_last_bake_is_not_taken_for_gone() {
    let mut world = Fake::stepped();
    let alarm = world.triggers.remove("busy-high").unwrap();
    let mut asked = request("one");
    asked.policy.strategy.steps[2].bake = minutes(60);
    world.start(&asked);
    while world.share("green") < 1.0 || world.phase() != "baking" {
        world.ticks(1);
    }
    world.triggers.insert(alarm.name.clone(), alarm);
    world.ticks(2);
    assert_eq!(world.phase(), "baking");
    assert!(world.scales("green"), "{:#?}", world.triggers);
    assert_eq!(world.run(), Ended::Completed);
    assert_eq!(unscaled(&world), 0);
}

#[test]
fn a_blue_that_grows_with_greens_traffic_and_gets_it_back_is_scaled_by_its_alarms_and_keeps_its_instances() {
    let count = |world: &Fake, name: &str| {
        let mut variants = world.endpoint().variants.iter();
        variants.find(|variant| variant.name == name).unwrap().desired_instances
    };
    let mut world = started();
    world.until("keeping");
    for variant in &mut world.endpoint_mut().variants {
        if variant.name == "green" {
            variant.current_instances = Some(7);
            variant.desired_instances = Some(7);
        }
    }
    world.ticks(8);
    assert_eq!(world.phase(), "keeping");
    assert_eq!(count(&world, "blue"), Some(7), "{}", world.did());
    assert!(world.scales("green"));
    assert!(world.order(Order::Abort).accepted);
    assert_eq!(world.run(), Ended::RolledBack);
    assert_eq!(count(&world, "blue"), Some(7));
    assert!(world.scales("blue"), "{:#?}", world.triggers);
}

#[test]
fn every_call_of_a_rollout_and_of_its_way_back_may_fail_in_every_way_and_the_alarms_arrive() {
    let whole = |harm: bool| {
        let mut world = started();
        world.until("keeping");
        if harm {
            world.verdict = Verdict::Fail;
        }
        world.run();
        world.effects.len()
    };
    for harm in [false, true] {
        for at in 0..whole(harm) {
            for fault in [Call::Lost, Call::Dies, Call::Mumbles] {
                let mut world = Fake::stepped();
                world.calls = std::iter::repeat_n(Call::Works, at).chain([fault]).collect();
                world.start(&request("one"));
                world.until("keeping");
                if harm {
                    world.verdict = Verdict::Fail;
                }
                world.run();
                let serves = if harm { "blue" } else { "green" };
                assert!(world.scales(serves), "call {at}, {fault:?}: {:#?}", world.triggers);
                assert_eq!(unscaled(&world), 0, "call {at}, {fault:?}");
            }
        }
    }
}

#[test]
fn an_alarm_that_refuses_holds_neither_a_rollout_nor_its_way_back_and_is_told_at_the_end() {
    let mut world = started();
    world.stubborn = true;
    let mut back = world.clone();
    assert_eq!(world.run(), Ended::Completed);
    assert_eq!(unscaled(&world), 1);
    let asked = points(&world).len();
    assert!((2..=8).contains(&asked), "once in a phase: {asked}");
    back.until("keeping");
    assert!(back.scales("blue"));
    for alarm in back.triggers.values_mut() {
        dead(alarm, "blue");
    }
    back.verdict = Verdict::Fail;
    assert_eq!(back.run(), Ended::RolledBack);
    assert_eq!(unscaled(&back), 1);
    let told = world
        .alerts
        .iter()
        .find(|alert| alert.kind == AlertKind::RolloutUnscaled);
    insta::assert_snapshot!(format!(
        "{}\n\n{}",
        told.unwrap().message().text,
        status(&world.facts(), &world.ledger, None)
    ));
}

#[test]
fn an_alarm_that_is_gone_is_told_at_the_end_and_the_others_arrive() {
    for harm in [false, true] {
        let mut world = started();
        world.until("keeping");
        world.triggers.remove("busy-high");
        if harm {
            world.verdict = Verdict::Fail;
        }
        let serves = match world.run() {
            Ended::RolledBack => "blue",
            _ => "green",
        };
        assert_eq!(serves == "blue", harm);
        assert!(world.scales(serves));
        assert_eq!(unscaled(&world), 1);
        let left = &world.ledger.history[0].unpointed;
        assert_eq!(left.get("busy-high").map(String::as_str), Some("it is gone"));
    }
}

#[test]
fn an_alarm_that_names_a_policy_long_gone_or_was_put_back_by_its_deployment_is_pointed_again() {
    let mut world = started();
    world.until("keeping");
    dead(world.triggers.get_mut("busy-high").unwrap(), "blue");
    dead(world.triggers.get_mut("backlog-high").unwrap(), "green");
    assert_eq!(world.run(), Ended::Completed);
    assert!(world.scales("green"), "{:#?}", world.triggers);
}

#[test]
fn an_alarm_that_was_taken_from_the_policies_is_left_to_whoever_did_it() {
    let mut world = started();
    world.until("shifting");
    let theirs = "arn:aws:autoscaling:eu-west-1:111122223333:scalingPolicy:9:resource/sagemaker/endpoint/ranker/variant/\
                  blue:policyName/busy";
    world.triggers.get_mut("busy-high").unwrap().actions[1].arn = theirs.to_owned();
    let before = world.triggers["busy-high"].clone();
    assert_eq!(world.run(), Ended::Completed);
    assert_eq!(world.triggers["busy-high"], before);
    assert_eq!(unscaled(&world), 0);
}

#[test]
fn nothing_more_is_looked_at_where_no_alarm_scales() {
    let mut world = Fake::new();
    world.start(&request("one"));
    while world.ledger.active.is_some() {
        world.ticks(1);
        let needs = needs(world.now, &world.ledger);
        assert!(needs.alarms.is_empty() || needs.alarms == ["errors"], "{needs:?}");
        assert!(world.phase() != "keeping" || needs.scaling.is_empty(), "{needs:?}");
    }
}

#[test]
fn with_sagemakers_own_engines_the_policies_stay_and_so_do_the_alarms() {
    let mut world = Fake::stepped();
    let mut request = request("one");
    request.policy.engine = policy::Engine::Guardrails;
    request.policy.strategy = strategy(&[100]);
    request.policy.strategy.kind = strategy::StrategyKind::AllAtOnce;
    world.start(&request);
    assert_eq!(world.run(), Ended::Completed);
    assert_eq!(points(&world), Vec::<String>::new());
    assert!(world.scales("blue"));
}

#[test]
fn a_status_says_what_the_alarms_scale() {
    let mut world = started();
    world.until("keeping");
    world.triggers.get_mut("backlog-high").unwrap().actions.pop();
    let look = world.look(&needs(world.now, &world.ledger));
    let said = status(&world.facts(), &world.ledger, Some(&look));
    assert!(said.contains("alarm busy-high: triggers a policy of green"), "{said}");
    assert!(
        said.contains("alarm backlog-high: triggers no policy of the endpoint"),
        "{said}"
    );
}

#[test]
fn an_outage_of_stewards_own_does_not_count_toward_the_time_in_which_an_alarm_is_pointed() {
    let mut world = started();
    while world.share("green") < 1.0 || world.phase() != "baking" {
        world.ticks(1);
    }
    world.calls = std::iter::repeat_n(Call::Lost, 100).collect();
    world.until("finishing");
    dead(world.triggers.get_mut("busy-high").unwrap(), "blue");
    world.pass(minutes(65));
    // Green's autoscaling, and the alarm, which CloudWatch throttles.
    world.calls = [Call::Works, Call::Lost].into();
    world.wake(None, None);
    assert!(world.calls.is_empty(), "{}", world.did());
    assert_eq!(world.phase(), "finishing");
    world.ticks(1);
    assert_eq!(world.phase(), "keeping");
    assert!(world.scales("green"), "{:#?}", world.triggers);
}
