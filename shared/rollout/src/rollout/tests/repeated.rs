//! Commands that come twice: by id, without one, and for another rollout.

use std::time::Duration;

use super::{
    super::{fake::*, request::Order, *},
    variants::started,
};

fn order(world: &mut Fake, order: Order, id: &str) -> Answer {
    world.command(Command::Order {
        order,
        step: None,
        component: None,
        id: Some(id.to_owned()),
        by: None,
        reason: None,
    })
}

/// Without an id, for one step only.
fn of_step(world: &mut Fake, order: Order, step: usize, by: &str) -> Answer {
    world.command(Command::Order {
        order,
        step: Some(step),
        component: None,
        id: None,
        by: Some(by.to_owned()),
        reason: None,
    })
}

fn is_refused(answer: &Answer, said: &str) {
    assert!(!answer.accepted && answer.said.contains(said), "{answer:?}");
}

fn is_done(answer: &Answer, said: &str) {
    assert!(answer.accepted && answer.said.contains(said), "{answer:?}");
}

/// Wake-ups in short order until the rollout is in this phase.
fn hurry(world: &mut Fake, phase: &str) {
    for _ in 0..20 {
        if world.phase() == phase {
            return;
        }
        world.pass(Duration::from_secs(5));
        world.wake(None, None);
    }
    panic!("not {phase} at once: {:#?}", world.ledger.active);
}

#[test]
fn the_same_command_twice_is_obeyed_once() {
    let mut world = Fake::new();
    world.start(&request("one"));
    world.until("baking");
    assert!(order(&mut world, Order::Pause, "p").accepted);
    is_done(&order(&mut world, Order::Pause, "p"), "was obeyed at");
    assert!(order(&mut world, Order::Resume, "r").accepted);
    is_refused(&order(&mut world, Order::Pause, "p"), "send it with another id");
    assert!(world.ledger.active.as_ref().unwrap().paused.is_none());
}

#[test]
fn one_id_for_all_commands_of_a_release_swallows_none_of_them() {
    let mut gated = request("release-42");
    gated.policy.strategy.steps[0].gate = true;
    let mut world = started(&gated);
    world.until("gate");
    assert!(order(&mut world, Order::Promote, "release-42").accepted);
    world.ticks(3);
    assert!(order(&mut world, Order::Abort, "release-42").accepted);
    assert_eq!(world.phase(), "rolling-back");
    is_done(&order(&mut world, Order::Abort, "release-42"), "was obeyed at");
    assert_eq!(world.run(), Ended::RolledBack);
    is_done(&order(&mut world, Order::Abort, "release-42"), "was obeyed at");
}

#[test]
fn the_id_of_an_earlier_rollouts_abort_stops_the_next_one_too_and_that_of_its_promote_opens_no_other_gate() {
    let mut gated = request("one");
    gated.policy.strategy.steps[0].gate = true;
    let mut world = started(&gated);
    world.until("gate");
    assert!(order(&mut world, Order::Promote, "runbook-7").accepted);
    assert!(order(&mut world, Order::Abort, "runbook-7").accepted);
    assert_eq!(world.run(), Ended::RolledBack);
    gated.id = "two".to_owned();
    world.start(&gated);
    world.until("gate");
    is_refused(&order(&mut world, Order::Promote, "runbook-7"), "in rollout fraud/1");
    assert_eq!(world.phase(), "gate");
    assert!(order(&mut world, Order::Abort, "runbook-7").accepted);
    assert_eq!(world.run(), Ended::RolledBack);
}

#[test]
fn a_rollback_that_was_stopped_is_not_begun_again_by_its_echo() {
    let mut world = started(&request("one"));
    assert_eq!(world.run(), Ended::Completed);
    world.fates = std::iter::repeat_n(Fate::TakenBack, 30).collect();
    assert!(order(&mut world, Order::Rollback, "x").accepted);
    world.ticks(2);
    assert!(order(&mut world, Order::Abort, "x").accepted);
    is_refused(&order(&mut world, Order::Rollback, "x"), "not obeyed twice");
    world.fates.clear();
    assert_eq!(world.run(), Ended::Completed);
    is_refused(&order(&mut world, Order::Rollback, "x"), "not obeyed twice");
    is_done(&order(&mut world, Order::Abort, "x"), "was obeyed at");
    assert!(world.ledger.active.is_none());
    assert!(order(&mut world, Order::Rollback, "y").accepted);
}

#[test]
fn a_command_with_an_id_that_an_earlier_build_wrote_down_is_refused_by_name_or_obeyed_and_never_done() {
    let mut world = started(&request("one"));
    world.until("baking");
    let mut document = serde_json::to_value(&world.ledger).unwrap();
    document["commands"] = serde_json::json!(["release-42"]);
    world.ledger = serde_json::from_value(document).unwrap();
    for of in [
        Order::Pause,
        Order::Resume,
        Order::PromoteFull,
        Order::Skip,
        Order::Rollback,
    ] {
        is_refused(
            &order(&mut world.clone(), of, "release-42"),
            "an earlier version of Steward",
        );
    }
    assert!(order(&mut world, Order::Abort, "release-42").accepted);
    assert_eq!(world.run(), Ended::RolledBack);
    world.start(&request("two"));
    world.until("baking");
    assert!(order(&mut world, Order::Pause, "release-42").accepted);
}

#[test]
fn a_known_id_begins_neither_the_same_rollout_again_nor_another_one_and_says_done_only_of_what_serves() {
    let mut world = Fake::new();
    let first = world.planned(&request("nightly")).unwrap();
    let mut other = request("nightly");
    other.green.instance_type = Some("ml.c7i.xlarge".to_owned());
    let mut echo = request("nightly");
    (echo.by, echo.reason) = (None, Some("sent again".to_owned()));
    let answer = |world: &Fake, request: &request::Request| begun_before(&world.ledger, request).unwrap().1;
    assert!(begun_before(&world.ledger, &echo).is_none());

    assert!(world.command(Command::Start(Box::new(first.clone()))).accepted);
    world.until("baking");
    is_done(&answer(&world, &echo), "it is baking");
    is_refused(
        &answer(&world, &other),
        "`instance_type` is ml.c7i.xlarge and was not given",
    );
    let mut back = world.clone();
    back.order(Order::Abort);
    is_refused(&answer(&back, &echo), "is being taken back");
    back.run();
    is_refused(&answer(&back, &echo), "has ended: rolled-back, asked for by bo");
    let retried = again(&back.ledger, ENDPOINT, "nightly", None, None).unwrap();
    is_refused(&answer(&back, &retried), "send another id");
    is_refused(&back.command(Command::Start(Box::new(first))), "send another id");

    assert_eq!(world.run(), Ended::Completed);
    is_done(&answer(&world, &echo), "has ended: completed");
    is_refused(&answer(&world, &other), "This asks for another one");
    world.models.push("fraud-v3".to_owned());
    let mut next = request("next");
    next.green.model = Some("fraud-v3".to_owned());
    world.start(&next);
    world.order(Order::Abort);
    assert_eq!(world.run(), Ended::RolledBack);
    is_done(&answer(&world, &echo), "has ended: completed");
    next.id = "third".to_owned();
    world.start(&next);
    assert_eq!(world.run(), Ended::Completed);
    is_refused(&answer(&world, &echo), "others came after it");
    assert_eq!(world.ledger.serial, 3);
}

/// Three steps, of which the first two have gates, waiting at the first one.
fn at_the_first_gate() -> Fake {
    let mut gated = request("one");
    gated.policy.strategy.steps[0].gate = true;
    gated.policy.strategy.steps[1].gate = true;
    let mut world = started(&gated);
    world.until("gate");
    world
}

#[test]
fn two_people_who_open_the_same_gate_open_no_other_one() {
    let mut world = at_the_first_gate();
    assert!(of_step(&mut world, Order::Promote, 1, "ana").accepted);
    assert_eq!(world.phase(), "sizing");
    is_refused(&world.order(Order::Promote), "ana opened the gate of step 1 at");
    is_refused(
        &of_step(&mut world, Order::Promote, 1, "bob"),
        "ana opened the gate of step 1 at",
    );
    world.until("baking");
    is_refused(&world.order(Order::Promote), "`promote` with `\"full\": true`");
    world.until("gate");
    is_refused(&of_step(&mut world, Order::Promote, 1, "bob"), "not at step 1");
    world.ticks(3);
    assert_eq!(world.phase(), "gate");
    assert!(world.share("green") < 0.51);
    assert!(of_step(&mut world, Order::Promote, 2, "bob").accepted);
    assert_eq!(world.run(), Ended::Completed);
}

#[test]
fn the_echo_of_a_promote_opens_no_gate_that_comes_right_behind_the_first_one() {
    let mut gated = request("one");
    for step in [0, 1] {
        gated.policy.strategy.steps[step].gate = true;
        gated.policy.strategy.steps[step].bake = minutes(0);
    }
    gated.policy.analysis = None;
    let mut world = started(&gated);
    world.until("gate");
    world.slow = Duration::ZERO;
    assert!(order(&mut world, Order::Promote, "release-42").accepted);
    hurry(&mut world, "gate");
    is_refused(&world.clone().order(Order::Promote), "send it with `\"step\": 2`");
    is_refused(&order(&mut world, Order::Promote, "release-42"), "not obeyed twice");
    assert!(of_step(&mut world.clone(), Order::Promote, 2, "bob").accepted);
    world.ticks(2);
    assert!(world.order(Order::Promote).accepted);
}

#[test]
fn a_skip_ends_one_bake_and_its_echo_neither_the_next_one_nor_a_gate_nor_the_time_for_which_blue_is_kept() {
    let mut asked = request("one");
    asked.policy.strategy.steps[1].gate = true;
    let mut world = started(&asked);
    world.until("baking");
    world.slow = Duration::ZERO;
    assert!(world.order(Order::Skip).accepted);
    hurry(&mut world, "baking");
    is_refused(&world.order(Order::Skip), "for the bake of step 1 at");
    assert!(of_step(&mut world.clone(), Order::Skip, 2, "bob").accepted);
    world.ticks(2);
    assert!(world.order(Order::Skip).accepted);
    assert_eq!(world.phase(), "gate");
    is_refused(&world.order(Order::Skip), "`promote` opens it");
    assert!(world.order(Order::Promote).accepted);
    world.until("baking");
    world.ticks(2);
    assert!(world.order(Order::Skip).accepted);
    hurry(&mut world, "keeping");
    is_refused(&world.order(Order::Skip), "send it again after");
    world.ticks(2);
    assert!(world.order(Order::Skip).accepted);
    assert_eq!(world.run(), Ended::Completed);
}

#[test]
fn a_full_promote_opens_every_gate_and_comes_twice_without_harm() {
    let mut world = at_the_first_gate();
    assert!(world.order(Order::PromoteFull).accepted);
    is_done(&world.order(Order::PromoteFull), "already, as bo asked for at");
    is_done(&world.order(Order::Promote), "already, as bo asked for at");
    assert_eq!(world.run(), Ended::Completed);
}

#[test]
fn what_a_full_promote_passed_was_not_judged_at_that_share_and_that_is_what_is_said() {
    let mut world = at_the_first_gate();
    assert!(world.order(Order::PromoteFull).accepted);
    world.until("keeping");
    let passed = &world.ledger.active.as_ref().unwrap().passed;
    let last = passed.last().unwrap();
    assert_eq!(last.step, 2);
    assert!(
        last.said.concat().contains("not a whole minute of metrics yet"),
        "{last:?}"
    );
}
