//! Alarms that say nothing.

use super::{
    super::{fake::*, look::MissingData, request::Order, *},
    variants::{as_it_was, started},
};
use crate::{alert::AlertKind, trigger::Trigger};

fn silenced(world: &mut Fake) {
    world.no_data.insert("errors".to_owned());
}

#[test]
fn an_alarm_without_data_holds_the_bake_is_told_once_and_ends_with_the_deadline() {
    let mut world = Fake::new();
    silenced(&mut world);
    world.start(&request("one"));
    world.until("baking");
    world.ticks(60);
    assert_eq!(world.phase(), "baking");
    assert!(world.share("green") < 0.11);
    let held = world
        .kinds()
        .iter()
        .filter(|kind| **kind == AlertKind::RolloutHeld)
        .count();
    assert_eq!(held, 1);
    let look = world.look(&needs(world.now, &world.ledger));
    let said = status(&world.facts(), &world.ledger, Some(&look));
    assert!(said.contains("alarm errors: has no data"), "{said}");
    assert!(said.contains("alarm errors has no data (INSUFFICIENT_DATA)"), "{said}");
    assert_eq!(world.run(), Ended::RolledBack);
    assert_eq!(world.ledger.history[0].cause.as_ref().unwrap().label(), "deadline");
    as_it_was(&world);
}

#[test]
fn an_alarm_that_gets_data_with_greens_traffic_holds_nothing_longer_than_that() {
    let mut world = Fake::new();
    silenced(&mut world);
    world.start(&request("one"));
    world.until("baking");
    world.no_data.clear();
    assert_eq!(world.run(), Ended::Completed);
}

#[test]
fn an_alarm_that_loses_its_data_holds_every_pass_and_what_it_holds_ends() {
    for phase in ["baking", "sizing", "shifting", "gate"] {
        let mut asked = request("one");
        asked.policy.strategy.steps[1].gate = phase == "gate";
        let mut world = started(&asked);
        if phase != "baking" {
            world.until("baking");
        }
        world.until(phase);
        silenced(&mut world);
        world.ticks(30);
        assert!(
            world.phase() != "removing" && world.phase() != "none",
            "{phase}: {}",
            world.told()
        );
        assert_eq!(world.run(), Ended::RolledBack, "{phase}: {}", world.told());
        assert_eq!(
            world.ledger.history[0].cause.as_ref().unwrap().label(),
            "deadline",
            "{phase}"
        );
        as_it_was(&world);
    }
}

#[test]
fn an_operators_word_stands_in_for_an_alarm_without_data_in_a_step() {
    let mut world = started(&request("one"));
    world.until("baking");
    silenced(&mut world);
    world.ticks(20);
    assert!(world.order(Order::Skip).accepted);
    for _ in 0..20 {
        world.ticks(1);
    }
    assert_eq!(world.phase(), "baking", "the next step is held again");
    assert!(world.share("green") > 0.4);
}

#[test]
fn a_policy_that_promotes_at_a_gate_does_not_do_it_on_an_alarm_without_data() {
    let mut gated = request("one");
    gated.policy.strategy.steps[0].gate = true;
    gated.policy.on_deadline = policy::OnDeadline::Promote;
    let mut world = started(&gated);
    world.until("gate");
    silenced(&mut world);
    assert_eq!(world.run(), Ended::RolledBack);
}

#[test]
fn a_plan_says_which_alarms_have_no_data_and_which_do_not_see_green() {
    let mut world = Fake::new();
    silenced(&mut world);
    world.watched = ["blue".to_owned()].into();
    let warnings = world.planned(&request("one")).unwrap().warnings;
    insta::assert_snapshot!(warnings.join("\n"));
    world.no_data.clear();
    world.watched.insert("green".to_owned());
    let warnings = world.planned(&request("one")).unwrap().warnings.join("\n");
    assert!(!warnings.contains("alarm"), "{warnings}");
}

#[test]
fn a_healthy_green_is_not_taken_back_for_an_alarm_on_blue_that_the_rollout_left_without_data() {
    for phase in ["finishing", "keeping"] {
        let mut world = Fake::new();
        world.watched = ["blue".to_owned()].into();
        world.start(&request("one"));
        while world.endpoint().share("green").unwrap_or(0.0) < 1.0 {
            world.ticks(1);
        }
        assert_eq!(world.phase(), "baking");
        if phase == "keeping" {
            world.until(phase);
        }
        silenced(&mut world);
        let look = world.look(&needs(world.now, &world.ledger));
        let said = status(&world.facts(), &world.ledger, Some(&look));
        assert!(
            said.contains("alarm errors: has no data, as it watches blue alone"),
            "{said}"
        );
        assert_eq!(world.run(), Ended::Completed, "{phase}: {}", world.told());
    }
}

#[test]
fn an_alarm_on_blue_without_data_holds_as_long_as_blue_has_traffic() {
    for phase in ["baking", "shifting"] {
        let mut world = Fake::new();
        world.watched = ["blue".to_owned()].into();
        world.start(&request("one"));
        world.until("baking");
        while phase == "shifting" && world.phase() != "shifting" {
            world.ticks(1);
        }
        silenced(&mut world);
        assert_eq!(world.run(), Ended::RolledBack, "{phase}: {}", world.told());
    }
}

#[test]
fn an_alarm_on_anything_besides_blue_is_waited_for_at_100_percent_too() {
    let mut world = Fake::new();
    world.watched = ["blue".to_owned(), "shadow".to_owned()].into();
    world.start(&request("one"));
    world.until("keeping");
    silenced(&mut world);
    world.ticks(200);
    assert_eq!(world.phase(), "keeping", "{}", world.told());
    world.no_data.clear();
    assert_eq!(world.run(), Ended::Completed);
}

#[test]
fn an_alarm_without_data_keeps_blue_and_is_told_and_no_reason_to_take_back_what_passed_everything() {
    let mut world = started(&request("one"));
    world.until("keeping");
    silenced(&mut world);
    // A night without requests, longer than the phase's deadline and the rollout's.
    world.ticks(10 * 60);
    assert_eq!((world.phase(), world.share("green")), ("keeping", 1.0));
    let held = world.kinds();
    assert_eq!(held.iter().filter(|kind| **kind == AlertKind::RolloutHeld).count(), 1);
    let mut data = world.clone();
    data.no_data.clear();
    assert_eq!(data.run(), Ended::Completed);
    let mut harmed = world.clone();
    harmed.no_data.clear();
    harmed.alarms.insert("errors".to_owned(), true);
    assert_eq!(harmed.run(), Ended::RolledBack);
    // Nor has it to wait for requests for ever: a person's word stands in.
    assert!(world.order(Order::Skip).accepted);
    assert_eq!(world.run(), Ended::Completed);
}

#[test]
fn an_alarm_that_would_ring_because_blue_has_no_requests_is_refused_with_what_to_do() {
    let mut world = Fake::new();
    world.watched = ["blue".to_owned()].into();
    world.missing = MissingData::Breaching;
    insta::assert_snapshot!(world.planned(&request("one")).unwrap_err());
    world.missing = MissingData::NotBreaching;
    assert!(world.planned(&request("one")).is_ok());
    // Seen from the other engines the name stays, and its traffic.
    world.missing = MissingData::Breaching;
    let mut rolling = request("one");
    rolling.policy.engine = policy::Engine::Rolling;
    rolling.policy.strategy = strategy(&[100]);
    rolling.policy.strategy.kind = strategy::StrategyKind::AllAtOnce;
    assert!(world.planned(&rolling).is_ok());
}

#[test]
fn alarms_of_other_regions_and_accounts_are_not_ours() {
    let change = |region: &str, account: &str| {
        let event = serde_json::json!({
            "source": "aws.cloudwatch",
            "alarmArn": format!("arn:aws:cloudwatch:{region}:{account}:alarm:errors"),
            "accountId": account, "time": "2026-11-22T08:00:00.000+0000", "region": region,
            "alarmData": {"alarmName": "errors",
                "state": {"value": "ALARM", "reason": "x", "timestamp": "2026-11-22T08:00:00.000+0000"}},
        });
        match Trigger::parse(&event).unwrap() {
            Trigger::Alarms(changes) => changes,
            other => panic!("{other:?}"),
        }
    };
    let here = |region, account| of_here(&change(region, account), "eu-west-1", "111122223333").count();
    assert_eq!(here("eu-west-1", "111122223333"), 1);
    assert_eq!(here("us-east-1", "111122223333"), 0);
    assert_eq!(here("eu-west-1", "999999999999"), 0);
}

/// What an invocation that is told of this alarm looks at.
fn looked_at(world: &Fake, alarm: &AlarmNews) -> look::Needs {
    needs_told(world.now, &world.ledger, Some(alarm), None)
}

#[test]
fn an_alarm_that_takes_green_back_waits_for_no_metrics() {
    for phase in ["smoke", "sizing", "shifting", "baking", "keeping"] {
        let mut world = started(&request("one"));
        world.until(phase);
        let alarm = AlarmNews {
            name: "errors".to_owned(),
            at: world.now,
            reason: "Threshold Crossed".to_owned(),
        };
        assert_eq!(looked_at(&world, &alarm), look::Needs::default(), "{phase}");
        let of_another = AlarmNews {
            name: "others".to_owned(),
            ..alarm.clone()
        };
        let of_before = AlarmNews {
            at: at_start(&world) - jiff::SignedDuration::from_secs(1),
            ..alarm.clone()
        };
        for alarm in [of_another, of_before] {
            assert_eq!(looked_at(&world, &alarm), needs(world.now, &world.ledger), "{phase}");
        }
        world.wake(None, Some(alarm));
        assert!(
            world.ledger.active.as_ref().is_none_or(|one| one.back.is_some()),
            "{phase}"
        );
        assert_eq!(world.run(), Ended::RolledBack, "{phase}");
        as_it_was(&world);
    }
}

#[test]
fn an_alarm_that_no_decision_was_told_of_is_lost_only_while_green_could_go_back_on_it() {
    let mut world = started(&request("one"));
    world.until("baking");
    let alarm = AlarmNews {
        name: "errors".to_owned(),
        at: world.now,
        reason: "Threshold Crossed".to_owned(),
    };
    let of_another = AlarmNews {
        name: "others".to_owned(),
        ..alarm.clone()
    };
    assert!(would_count(&world.ledger, &alarm));
    assert!(!would_count(&world.ledger, &of_another));
    world.wake(None, Some(alarm.clone()));
    assert!(!would_count(&world.ledger, &alarm), "it goes back");
    world.run();
    assert!(!would_count(&world.ledger, &alarm), "it is over");
}

fn at_start(world: &Fake) -> jiff::Timestamp {
    world.ledger.active.as_ref().unwrap().started
}

#[test]
fn an_abort_waits_for_no_probes_and_a_repeated_one_looks_as_any_other_command() {
    let abort = Command::Order {
        order: Order::Abort,
        step: None,
        component: None,
        id: Some("stop-1".to_owned()),
        by: None,
        reason: None,
    };
    let mut world = started(&request("one"));
    world.until("baking");
    let mut other = abort.clone();
    if let Command::Order { order, .. } = &mut other {
        *order = Order::Pause;
    }
    let looked_at = |world: &Fake, command| needs_told(world.now, &world.ledger, None, Some(command));
    assert_eq!(looked_at(&world, &abort), look::Needs::default());
    assert_eq!(looked_at(&world, &other), needs(world.now, &world.ledger));
    assert!(world.command(abort.clone()).accepted);
    assert_eq!(looked_at(&world, &abort), needs(world.now, &world.ledger));
    assert_eq!(world.run(), Ended::RolledBack);
    as_it_was(&world);
}
