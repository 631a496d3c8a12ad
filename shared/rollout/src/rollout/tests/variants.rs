//! Two variants on one endpoint: what may come in between.

use super::super::{
    effect::Effect,
    fake::*,
    policy::OnDeadline,
    request::{Order, Request},
    *,
};
use crate::{alert::AlertKind, analysis::Verdict, scaling::Suspended};

pub(super) fn started(request: &Request) -> Fake {
    let mut world = Fake::new();
    assert!(world.start(request).accepted);
    world
}

/// Blue serves as before, alone, autoscaled as before.
pub(super) fn as_it_was(world: &Fake) {
    let live = world.endpoint();
    assert_eq!(live.variants.len(), 1, "{live:?}");
    assert_eq!(live.share("blue"), Some(1.0));
    assert!(live.variants[0].current_instances >= Some(4));
    assert!(world.scaling["blue"].does(&scaling()), "{:?}", world.scaling);
    assert_eq!(world.scaling.len(), 1);
}

#[test]
fn an_alarm_in_any_minute_brings_everything_back_until_blue_is_being_removed() {
    for minute in 0..120 {
        let mut world = started(&request("one"));
        world.ticks(minute);
        let phase = world.phase();
        world.alarms.insert("errors".to_owned(), true);
        world.wake(None, None);
        let outcome = world.run();
        match phase {
            "removing" | "none" => assert_eq!(outcome, Ended::Completed, "minute {minute}"),
            _ => {
                assert_eq!(outcome, Ended::RolledBack, "minute {minute}, {phase}");
                assert_eq!(world.ledger.history[0].cause.as_ref().unwrap().label(), "alarm");
                as_it_was(&world);
            }
        }
    }
}

#[test]
fn every_call_of_a_rollout_may_fail_in_every_way() {
    let mut whole = started(&request("one"));
    whole.run();
    whole.ticks(3);
    let calls = whole.effects.len();
    for at in 0..calls {
        for fault in [Call::Lost, Call::Dies, Call::Mumbles] {
            let mut world = Fake::new();
            world.calls = std::iter::repeat_n(Call::Works, at).chain([fault]).collect();
            world.start(&request("one"));
            assert_eq!(world.run(), Ended::Completed, "call {at}, {fault:?}");
            assert_eq!(world.endpoint().share("green"), Some(1.0));
            world.ticks(3);
            assert_eq!(
                world.configs.len(),
                2,
                "call {at}, {fault:?}: {:?}",
                world.configs.keys()
            );
        }
    }
}

#[test]
fn every_call_of_a_rollback_may_fail_in_every_way() {
    for at in 0..12 {
        for fault in [Call::Lost, Call::Dies, Call::Mumbles, Call::Refused] {
            let mut world = started(&request("one"));
            world.until("keeping");
            world.calls = std::iter::repeat_n(Call::Works, at).chain([fault]).collect();
            world.order(Order::Abort);
            assert_eq!(world.run(), Ended::RolledBack, "call {at}, {fault:?}");
            as_it_was(&world);
        }
    }
}

#[test]
fn what_aws_will_never_take_brings_it_back_with_the_reason() {
    for at in 0..=10 {
        let mut world = Fake::new();
        world.calls = std::iter::repeat_n(Call::Works, at).chain([Call::Refused]).collect();
        world.start(&request("one"));
        let outcome = world.run();
        // All steps have passed: what is refused then is only asked for again.
        if at == 10 {
            assert_eq!(outcome, Ended::Completed);
            continue;
        }
        assert_eq!(outcome, Ended::RolledBack, "call {at}");
        assert_eq!(world.ledger.history[0].cause.as_ref().unwrap().label(), "refused");
        as_it_was(&world);
    }
}

#[test]
fn every_change_may_be_taken_back_by_sagemaker() {
    for at in 0..8 {
        let mut world = Fake::new();
        world.fates = std::iter::repeat_n(Fate::Done, at).chain([Fate::TakenBack]).collect();
        world.start(&request("one"));
        let outcome = world.run();
        if at == 0 {
            assert_eq!(outcome, Ended::RolledBack);
            assert_eq!(world.ledger.history[0].cause.as_ref().unwrap().label(), "sagemaker");
            as_it_was(&world);
        } else {
            assert_eq!(outcome, Ended::Completed, "change {at}");
        }
    }
}

#[test]
fn an_update_that_can_wait_is_asked_for_again_after_a_rest_in_which_the_endpoint_can_scale() {
    for abort in [false, true] {
        let mut world = started(&request("one"));
        world.until("keeping");
        let asked = |world: &Fake| {
            let updates = world.effects.iter();
            updates
                .filter(|effect| matches!(effect, Effect::UpdateEndpoint { .. }))
                .count()
        };
        let before = asked(&world);
        world.fates = std::iter::repeat_n(Fate::TakenBack, 3).collect();
        if abort {
            // The weights are set first.
            world.fates.push_front(Fate::Done);
            world.order(Order::Abort);
        }
        world.until(if abort { "cleaning-up" } else { "removing" });
        world.ticks(25);
        // At first, and about every 10 minutes: not whenever the endpoint is InService again.
        assert!((2..=3).contains(&(asked(&world) - before)), "{}", world.did());
        assert_eq!(world.run(), if abort { Ended::RolledBack } else { Ended::Completed });
        assert_eq!(asked(&world) - before, 4, "{}", world.did());
    }
}

#[test]
fn no_capacity_for_green_ends_with_the_phase_deadline_and_blue_untouched() {
    let mut world = started(&request("one"));
    world.until("baking");
    // One for each time that it is asked for within the hour: weights need no capacity.
    world.fates = std::iter::repeat_n(Fate::TakenBack, 5).collect();
    assert_eq!(world.run(), Ended::RolledBack);
    as_it_was(&world);
    insta::assert_snapshot!(world.told());
}

/// Each change that SageMaker takes back keeps the endpoint busy for minutes, in which it cannot scale.
#[test]
fn instances_that_there_are_none_of_are_asked_for_again_after_a_rest() {
    let mut world = started(&request("one"));
    world.until("baking");
    world.fates = std::iter::repeat_n(Fate::TakenBack, 20).collect();
    world.until("sizing");
    let asked = |world: &Fake| world.did().matches("set green to").count();
    world.ticks(45);
    assert!((3..=5).contains(&asked(&world)), "{}", world.did());
    world.fates.clear();
    assert_eq!(world.run(), Ended::Completed);
}

#[test]
fn missing_data_holds_is_told_once_and_never_promotes() {
    let mut world = started(&request("one"));
    world.until("baking");
    world.verdict = Verdict::Inconclusive;
    world.ticks(60);
    assert_eq!(world.phase(), "baking");
    assert!(world.share("green") < 0.11);
    let held = world
        .kinds()
        .iter()
        .filter(|kind| **kind == AlertKind::RolloutHeld)
        .count();
    assert_eq!(held, 1);
    assert_eq!(world.run(), Ended::RolledBack);
    assert_eq!(world.ledger.history[0].cause.as_ref().unwrap().label(), "deadline");
    insta::assert_snapshot!(world.told());
}

#[test]
fn an_operators_skip_stands_in_for_missing_data_and_is_remembered() {
    let mut world = started(&request("one"));
    world.until("baking");
    world.verdict = Verdict::Inconclusive;
    world.ticks(20);
    assert!(world.order(Order::Skip).accepted);
    assert_eq!(world.phase(), "sizing");
    let passed = &world.ledger.active.as_ref().unwrap().passed[0];
    assert_eq!(passed.word.as_ref().unwrap().by.as_deref(), Some("bo"));
}

#[test]
fn not_even_an_operators_word_stands_in_for_an_alarm_that_cannot_be_read() {
    let mut world = started(&request("one"));
    world.until("baking");
    world.alarms.clear();
    world.order(Order::Promote);
    world.ticks(30);
    assert_eq!(world.phase(), "baking");
    world.alarms.insert("errors".to_owned(), false);
    assert_eq!(world.run(), Ended::Completed);
}

#[test]
fn a_pause_holds_and_its_time_does_not_count_as_bake() {
    let mut world = started(&request("one"));
    world.until("baking");
    world.ticks(4);
    assert!(world.order(Order::Pause).accepted);
    world.ticks(30);
    assert_eq!(world.phase(), "baking");
    let refused = world.order(Order::Promote);
    assert!(
        !refused.accepted && refused.said.contains("Send `resume` first"),
        "{}",
        refused.said
    );
    assert!(world.order(Order::Resume).accepted);
    world.ticks(5);
    assert_eq!(world.phase(), "baking");
    world.ticks(1);
    assert_eq!(world.phase(), "sizing");
    assert_eq!(world.run(), Ended::Completed);
}

#[test]
fn a_forgotten_pause_ends_with_the_deadline() {
    let mut world = started(&request("one"));
    world.until("baking");
    world.order(Order::Pause);
    assert_eq!(world.run(), Ended::RolledBack);
    as_it_was(&world);
    let mut world = started(&request("one"));
    world.until("keeping");
    world.order(Order::Pause);
    assert_eq!(world.run(), Ended::Completed);
}

#[test]
fn a_gate_waits_for_a_person_and_then_does_what_the_policy_says() {
    let mut gated = request("one");
    gated.policy.strategy.steps[0].gate = true;
    let mut world = started(&gated);
    world.until("gate");
    world.ticks(30);
    assert_eq!(world.phase(), "gate");
    assert!(world.order(Order::Promote).accepted);
    assert_eq!(world.phase(), "sizing");
    assert_eq!(world.run(), Ended::Completed);

    let mut world = started(&gated);
    assert_eq!(world.run(), Ended::RolledBack);
    insta::assert_snapshot!(world.told());

    gated.policy.on_deadline = OnDeadline::Promote;
    let mut world = started(&gated);
    assert_eq!(world.run(), Ended::Completed);
    let mut world = started(&gated);
    world.until("gate");
    world.verdict = Verdict::Inconclusive;
    assert_eq!(world.run(), Ended::RolledBack);
}

#[test]
fn promote_goes_to_the_last_step_at_once() {
    let mut world = started(&request("one"));
    world.until("baking");
    assert!(world.order(Order::Promote).accepted);
    assert_eq!(world.run(), Ended::Completed);
    insta::assert_snapshot!(world.told());
}

#[test]
fn a_bad_green_is_found_by_its_probes_before_it_has_any_traffic() {
    let mut world = started(&request("one"));
    world.healthy = false;
    assert_eq!(world.run(), Ended::RolledBack);
    assert!(
        !world
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::SetWeights(_))),
        "{}",
        world.did()
    );
    assert_eq!(world.ledger.history[0].cause.as_ref().unwrap().label(), "smoke");
    as_it_was(&world);
}

#[test]
fn an_hour_without_a_tick_loses_nothing() {
    for phase in ["preparing", "smoke", "shifting", "baking", "keeping"] {
        let mut world = started(&request("one"));
        world.until(phase);
        world.pass(minutes(61));
        assert_eq!(world.run(), Ended::Completed, "{phase}");
    }
}

#[test]
fn a_rollback_needs_no_look_at_the_endpoint() {
    let mut world = started(&request("one"));
    world.until("baking");
    world.blind = true;
    let before = world.effects.len();
    world.order(Order::Abort);
    assert!(
        matches!(world.effects[before..], [Effect::SetWeights(_)]),
        "{}",
        world.did()
    );
}

#[test]
fn weights_that_somebody_lowered_hold_and_raised_ones_bring_it_back() {
    let mut world = started(&request("one"));
    world.until("baking");
    world.endpoint_mut().variants[1].current_weight = 0.0;
    world.ticks(20);
    assert_eq!(world.phase(), "baking");
    assert!(world.kinds().contains(&AlertKind::RolloutHeld));
    let mut world = started(&request("one"));
    world.until("baking");
    world.endpoint_mut().variants[1].current_weight = 0.5;
    assert_eq!(world.run(), Ended::RolledBack);
    as_it_was(&world);
}

#[test]
fn an_endpoint_that_somebody_else_took_over_is_left_alone_but_for_what_was_suspended() {
    let mut world = started(&request("one"));
    world.until("baking");
    world.endpoint_mut().config = Some("theirs".to_owned());
    let before = world.effects.len();
    assert_eq!(world.run(), Ended::Failed);
    assert!(
        matches!(
            &world.effects[before..],
            [Effect::Suspend {
                suspended: Suspended { scale_in: false, .. },
                ..
            }]
        ),
        "{}",
        world.did()
    );
    let alert = world.alerts.last().unwrap();
    assert_eq!(alert.kind, AlertKind::RolloutFailed);
    insta::assert_snapshot!(alert.message().text);
}

#[test]
fn an_endpoint_that_fails_or_is_deleted_ends_the_rollout_with_an_alert() {
    let mut world = Fake::new();
    world.fates.push_back(Fate::Failed);
    world.start(&request("one"));
    assert_eq!(world.run(), Ended::Failed);
    assert_eq!(world.ledger.history[0].cause.as_ref().unwrap().label(), "endpoint");
    let mut world = started(&request("one"));
    world.until("baking");
    world.endpoint = None;
    assert_eq!(world.run(), Ended::Failed);
    assert_eq!(world.ledger.history[0].cause.as_ref().unwrap().label(), "gone");
    assert_eq!(world.kinds().last(), Some(&AlertKind::RolloutFailed));
}

#[test]
fn blues_instances_are_given_back_when_somebody_takes_them() {
    let mut world = started(&request("one"));
    world.until("baking");
    world.endpoint_mut().variants[0].desired_instances = Some(1);
    world.endpoint_mut().variants[0].current_instances = Some(1);
    world.ticks(1);
    let back = Effect::SetInstances {
        variant: "blue".to_owned(),
        count: 4,
    };
    assert_eq!(world.effects.last(), Some(&back));
    assert_eq!(world.run(), Ended::Completed);
}

#[test]
fn green_grows_with_what_blue_needed_meanwhile() {
    let mut world = started(&request("one"));
    world.until("baking");
    world.endpoint_mut().variants[0].desired_instances = Some(9);
    world.endpoint_mut().variants[0].current_instances = Some(9);
    assert_eq!(world.run(), Ended::Completed);
    // Nine were enough for nine tenths of the traffic.
    assert_eq!(world.endpoint().variants[0].current_instances, Some(10));
}

#[test]
fn a_deadline_of_a_phase_does_not_count_the_time_in_which_nobody_looked() {
    for (phase, calls) in [("sizing", 1), ("shifting", 1), ("preparing", 2)] {
        for blind in [false, true] {
            let mut world = started(&request("one"));
            while world.phase() != phase || world.change.is_none() {
                world.ticks(1);
            }
            // Longer than any phase may last; meanwhile SageMaker does what it was asked for.
            for _ in 0..calls {
                world.pass(minutes(65));
                world.blind = blind;
                world.wake(None, None);
                world.blind = false;
                world.ticks(1);
            }
            assert!(
                world.ledger.active.as_ref().unwrap().back.is_none(),
                "{phase}: {}",
                world.told()
            );
            assert_eq!(world.run(), Ended::Completed, "{phase}: {}", world.told());
        }
    }
}
