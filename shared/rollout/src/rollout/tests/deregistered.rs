//! Alarms that lost their actions with the step policies that Steward deregistered.

use super::{
    super::{
        decide::decide,
        effect::Effect,
        fake::*,
        look::{Action, AlarmSeen, Known},
        request::Order,
        triggers::Named,
        *,
    },
    triggers::{started, unscaled},
};
use crate::{analysis::Verdict, trigger::AlarmState};

fn completed() -> Fake {
    let mut world = started();
    assert_eq!(world.run(), Ended::Completed);
    world.ticks(3);
    world
}

fn policies(alarm: &AlarmSeen) -> Vec<(AlarmState, &str)> {
    let policies = alarm
        .actions
        .iter()
        .filter(|action| action.arn.contains(":scalingPolicy:"));
    policies.map(|action| (action.on, action.arn.as_str())).collect()
}

#[test]
fn each_action_comes_back_in_the_list_it_was_taken_from() {
    let mut world = Fake::stepped();
    let both = [
        (AlarmState::Alarm, "busy"),
        (AlarmState::Ok, "backlog"),
        (AlarmState::InsufficientData, "backlog"),
    ];
    let actions = both.map(|(on, policy)| Action {
        on,
        arn: world.arn("blue", policy),
    });
    world.triggers.get_mut("busy-high").unwrap().actions = actions.into();
    world.start(&request("one"));
    assert_eq!(world.run(), Ended::Completed);
    world.ticks(3);
    let named = |world: &Fake, variant: &str| both.map(|(on, policy)| (on, world.arn(variant, policy)));
    let is = |world: &Fake| {
        let policies = policies(&world.triggers["busy-high"]);
        policies
            .into_iter()
            .map(|(on, arn)| (on, arn.to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(is(&world), named(&world, "green"));
    // Green, too, where it is registered anew because the update was refused.
    world.calls = [Call::Works, Call::Works, Call::Quota].into();
    assert!(world.order(Order::Rollback).accepted);
    world.ticks(3);
    assert_eq!(is(&world), named(&world, "green"));
    assert_eq!(world.run(), Ended::RolledBack);
    assert_eq!(is(&world), named(&world, "blue"));
    assert_eq!(world.triggers["busy-high"].watches[0].variant.as_deref(), Some("blue"));
    assert_eq!(unscaled(&world), 0);
}

#[test]
fn an_alarm_that_had_no_action_before_the_deregistration_is_left_to_whoever_took_it() {
    for rollback in [false, true] {
        let mut world = started();
        if rollback {
            world.run();
            world.ticks(3);
        } else {
            world.until("keeping");
        }
        world.triggers.get_mut("busy-high").unwrap().actions.pop();
        let before = world.triggers["busy-high"].clone();
        if rollback {
            assert!(world.order(Order::Rollback).accepted);
        } else {
            world.verdict = Verdict::Fail;
        }
        assert_eq!(world.run(), Ended::RolledBack);
        assert_eq!(world.triggers["busy-high"], before);
        assert_eq!(policies(&world.triggers["backlog-high"]).len(), 1);
        assert_eq!(unscaled(&world), 0);
    }
}

#[test]
fn an_alarm_that_refused_and_then_lost_its_action_is_told_and_pointed_as_soon_as_it_lets_itself_be() {
    let mut world = started();
    world.stubborn = true;
    world.until("removing");
    world.ticks(1);
    assert!(!world.scaling.contains_key("blue"), "{}", world.did());
    assert_eq!(policies(&world.triggers["busy-high"]), []);
    let mut mended = world.clone();
    mended.stubborn = false;
    assert_eq!(mended.run(), Ended::Completed);
    assert!(mended.scales("green"), "{:#?}", mended.triggers);
    assert_eq!(unscaled(&mended), 0);
    assert_eq!(world.run(), Ended::Completed);
    assert_eq!(unscaled(&world), 1);
    let left: Vec<&String> = world.ledger.history[0].unpointed.keys().collect();
    assert_eq!(left, ["backlog-high", "busy-high"]);
}

#[test]
fn what_is_told_of_an_alarm_stays_told_when_it_triggers_nothing() {
    let mut world = started();
    world.stubborn = true;
    world.until("keeping");
    world.ticks(2);
    let told = world.ledger.active.as_ref().unwrap().unpointed.clone();
    assert_eq!(told["busy-high"], "AccessDenied");
    world.triggers.get_mut("busy-high").unwrap().actions.pop();
    let news = News {
        look: Some(world.look(&needs(world.now, &world.ledger))),
        ..News::default()
    };
    let decision = decide(&world.facts(), &world.ledger, &news);
    let rollout = decision.ledger.active.unwrap();
    assert_eq!(rollout.unpointed, told);
}

#[test]
fn a_deregistration_that_comes_late_or_half_does_not_make_forget_what_an_alarm_triggered() {
    let mut world = completed();
    // Taken, and the answer says "later": the look still shows the target, and no action.
    world.calls = [Call::Works, Call::Lost].into();
    assert!(world.order(Order::Rollback).accepted);
    assert!(world.scaling.contains_key("green"), "{}", world.did());
    for seen in world.triggers.values_mut() {
        seen.actions.pop();
    }
    assert_eq!(world.run(), Ended::RolledBack);
    assert!(world.scales("blue"), "{:#?}", world.triggers);
    assert_eq!(unscaled(&world), 0);
}

#[test]
fn an_alarm_that_a_late_call_pointed_at_green_just_before_its_deregistration_comes_back_to_blue() {
    let mut world = started();
    while world.share("green") < 1.0 || world.phase() != "baking" {
        world.pass(minutes(1));
        world.wake(None, None);
    }
    // As if the calls that point at green were on their way while somebody aborts.
    for (policy, seen) in ["backlog", "busy"].into_iter().zip(world.triggers.clone().into_keys()) {
        let arn = world.arn("blue", policy);
        let seen = world.triggers.get_mut(&seen).unwrap();
        seen.actions[1].arn = arn;
        if policy == "busy" {
            seen.watches[0].variant = Some("blue".to_owned());
        }
    }
    assert!(world.scales("blue"));
    world.order(Order::Abort);
    world.calls.clear();
    while !world
        .effects
        .iter()
        .any(|effect| matches!(effect, Effect::Unscale { .. }))
    {
        // The deregistration is decided, and lost; then the late calls arrive, and so does it.
        world.pass(minutes(1));
        let news = News {
            look: Some(world.look(&needs(world.now, &world.ledger))),
            ..News::default()
        };
        let decision = decide(&world.facts(), &world.ledger, &news);
        if matches!(decision.effect, Some(Effect::Unscale { .. })) {
            world.commit(&decision);
            for seen in world.triggers.values_mut() {
                seen.actions.pop();
                seen.watches[0].variant = seen.watches[0].variant.as_ref().map(|_| "green".to_owned());
            }
            world.scaling.remove("green");
            break;
        }
        world.wake(None, None);
    }
    assert_eq!(world.run(), Ended::RolledBack);
    assert!(world.scales("blue"), "{:#?}", world.triggers);
    assert_eq!(unscaled(&world), 0);
}

#[test]
fn alarms_that_cannot_be_described_are_remembered_by_what_the_policies_say() {
    let mut world = completed();
    world.calls = [Call::Works, Call::Lost].into();
    assert!(world.order(Order::Rollback).accepted);
    let rollout = world.ledger.active.as_mut().unwrap();
    rollout.named.clear();
    let mut look = world.look(&needs(world.now, &world.ledger));
    look.alarms = Known::No("throttled".to_owned());
    let news = News {
        look: Some(look),
        ..News::default()
    };
    let decision = decide(&world.facts(), &world.ledger, &news);
    assert!(
        matches!(&decision.effect, Some(Effect::Unscale { variant }) if variant == "green"),
        "{:?}",
        decision.effect
    );
    let named = decision.ledger.active.unwrap().named;
    for policy in ["backlog", "busy"] {
        let one = Named {
            policy: policy.to_owned(),
            on: AlarmState::Alarm,
        };
        assert_eq!(named[&format!("{policy}-high")], [one].into());
    }
}

#[test]
fn a_ledger_of_a_build_that_did_not_know_what_alarms_lose_is_read() {
    let mut world = completed();
    assert!(world.order(Order::Rollback).accepted);
    assert!(!world.ledger.active.as_ref().unwrap().named.is_empty());
    let mut document = serde_json::to_value(&world.ledger).unwrap();
    assert_eq!(
        document["active"]["named"]["busy-high"],
        serde_json::json!([{"policy": "busy", "on": "ALARM"}])
    );
    document["active"].as_object_mut().unwrap().remove("named");
    let read: RolloutLedger = serde_json::from_value(document).unwrap();
    assert!(read.active.unwrap().named.is_empty());
}
