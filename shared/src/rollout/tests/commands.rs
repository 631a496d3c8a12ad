//! Commands, repeated and misplaced.

use super::{
    super::{fake::*, request::Order, *},
    variants::started,
};

fn order(world: &mut Fake, order: Order, id: &str) -> Answer {
    world.command(Command::Order {
        order,
        step: None,
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

#[test]
fn the_same_start_twice_is_one_rollout() {
    let mut world = Fake::new();
    let plan = world.planned(&request("one")).unwrap();
    for _ in 0..3 {
        assert!(world.command(Command::Start(Box::new(plan.clone()))).accepted);
        world.ticks(2);
    }
    assert_eq!(world.run(), Ended::Completed);
    let answer = world.command(Command::Start(Box::new(plan)));
    assert!(
        answer.accepted && answer.said.contains("has ended: completed"),
        "{}",
        answer.said
    );
    assert_eq!((world.ledger.serial, world.ledger.history.len()), (1, 1));
}

#[test]
fn two_starts_at_once_are_one_rollout_and_one_refusal() {
    let mut world = Fake::new();
    let first = world.planned(&request("one")).unwrap();
    let second = world.planned(&request("two")).unwrap();
    assert!(world.command(Command::Start(Box::new(first.clone()))).accepted);
    let answer = world.command(Command::Start(Box::new(second.clone())));
    assert!(
        !answer.accepted && answer.said.contains("is at work since"),
        "{}",
        answer.said
    );
    world.run();
    let answer = world.command(Command::Start(Box::new(second)));
    assert!(
        !answer.accepted && answer.said.contains("Send `start` again"),
        "{}",
        answer.said
    );
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
    assert_eq!(world.share("green"), 0.0);
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
    for of in [Order::Pause, Order::Resume, Order::PromoteFull, Order::Skip, Order::Rollback] {
        is_refused(&order(&mut world.clone(), of, "release-42"), "an earlier version of Steward");
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
    is_refused(&answer(&world, &other), "`instance_type` is ml.c7i.xlarge and was not given");
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
    is_refused(&of_step(&mut world, Order::Promote, 1, "bob"), "ana opened the gate of step 1 at");
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
    world.slow = minutes(0);
    assert!(order(&mut world, Order::Promote, "release-42").accepted);
    world.ticks(1);
    world.until("gate");
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
    world.slow = minutes(0);
    assert!(world.order(Order::Skip).accepted);
    world.until("baking");
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
    world.until("keeping");
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
fn a_command_out_of_place_is_answered_with_what_to_do() {
    let orders = [
        Order::Pause,
        Order::Resume,
        Order::Promote,
        Order::PromoteFull,
        Order::Skip,
        Order::Abort,
        Order::Rollback,
    ];
    let mut said = String::new();
    let mut world = Fake::new();
    let mut ask = |world: &mut Fake, when: &str| {
        said.push_str(&format!("{when}\n"));
        for order in orders {
            let answer = world.clone().order(order);
            let mark = if answer.accepted { "yes" } else { "no " };
            said.push_str(&format!("  {order:<13}{mark}  {}\n", answer.said));
        }
    };
    ask(&mut world, "never a rollout");
    let mut gated = request("one");
    gated.policy.strategy.steps[1].gate = true;
    world.start(&gated);
    ask(&mut world, "preparing");
    world.until("baking");
    ask(&mut world, "baking");
    world.until("gate");
    ask(&mut world, "gate");
    world.order(Order::Promote);
    ask(&mut world, "sizing");
    world.until("keeping");
    ask(&mut world, "keeping");
    world.clone().order(Order::Abort);
    let mut back = world.clone();
    back.order(Order::Abort);
    ask(&mut back, "rolling back");
    back.run();
    ask(&mut back, "rolled back");
    world.run();
    ask(&mut world, "completed");
    insta::assert_snapshot!(said);
}

#[test]
fn what_was_taken_back_can_be_tried_again_and_what_completed_cannot() {
    let mut world = Fake::new();
    assert!(!again(&world.ledger, ENDPOINT, "two", None, None).unwrap_err().accepted);
    world.start(&request("one"));
    world.ticks(2);
    let said = again(&world.ledger, ENDPOINT, "two", None, None).unwrap_err().said;
    assert!(said.contains("is at work"), "{said}");
    world.order(Order::Abort);
    world.run();
    let retried = again(&world.ledger, ENDPOINT, "two", Some("bo"), None).unwrap();
    assert_eq!((retried.id.as_str(), retried.by.as_deref()), ("two", Some("bo")));
    assert!(world.start(&retried).accepted);
    assert_eq!(again(&world.ledger, ENDPOINT, "two", None, None).unwrap().id, "two");
    assert_eq!(world.run(), Ended::Completed);
    let said = again(&world.ledger, ENDPOINT, "three", None, None).unwrap_err().said;
    assert!(said.contains("nothing to retry"), "{said}");
}

#[test]
fn a_rollout_that_begins_in_the_millisecond_of_the_one_before_is_told_too() {
    let mut world = Fake::new();
    for id in ["one", "two"] {
        let plan = world.planned(&request(id)).unwrap();
        let endpoint = world.endpoint.take();
        world.command(Command::Start(Box::new(plan)));
        assert!(world.ledger.active.is_none());
        world.endpoint = endpoint;
    }
    let told: std::collections::BTreeSet<&str> = world.alerts.iter().map(|alert| alert.id.as_str()).collect();
    assert_eq!(told.len(), 4, "{told:?}");
}

#[test]
fn what_cannot_be_held_is_not_said_to_be_held() {
    let mut world = started(&request("one"));
    world.until("removing");
    let sent = world.alerts.len();
    let answer = world.order(Order::Pause);
    assert!(
        !answer.accepted && answer.said.contains("`abort` puts the old model back"),
        "{}",
        answer.said
    );
    assert_eq!(world.alerts.len(), sent, "nothing is told of it");
    assert_eq!(world.run(), Ended::Completed);
}

#[test]
fn a_pause_while_blue_is_kept_holds_after_the_rollouts_deadline_and_says_until_when() {
    let mut asked = request("one");
    asked.policy.keep_blue = minutes(8 * 60);
    let mut world = started(&asked);
    world.until("keeping");
    world.ticks(5 * 60);
    assert!(world.now > world.ledger.active.as_ref().unwrap().started + asked.policy.deadline);
    let answer = world.order(Order::Pause);
    let until = world.now + minutes(24 * 60);
    assert!(
        answer.accepted && answer.said.contains(&format!("until {until:.0}")),
        "{}",
        answer.said
    );
    let told = world.alerts.last().unwrap().evidence.join("\n");
    assert!(told.contains(&format!("blue is kept until {until:.0}")), "{told}");
    let mut resumed = world.clone();
    world.ticks(23 * 60);
    assert_eq!((world.phase(), world.share("green")), ("keeping", 1.0));
    assert!(world.order(Order::Pause).said.contains("already"));
    // Its time is over, and so is that for which blue is kept.
    world.ticks(4 * 60 + 10);
    assert_eq!(world.run(), Ended::Completed);
    // Held time is no part of it.
    resumed.ticks(6 * 60);
    assert!(resumed.order(Order::Resume).accepted);
    resumed.ticks(60);
    assert_eq!(resumed.phase(), "keeping");
    resumed.ticks(3 * 60);
    assert_eq!(resumed.ledger.history[0].outcome, Ended::Completed);
}

#[test]
fn a_pause_after_the_deadline_of_what_has_not_passed_is_refused_with_the_reason() {
    let mut world = started(&request("one"));
    world.until("baking");
    // Nobody looked for a day, and the pause is the first to come.
    world.pass(minutes(24 * 60));
    let answer = world.order(Order::Pause);
    assert!(
        !answer.accepted && answer.said.contains("passed its deadline"),
        "{}",
        answer.said
    );
    assert_eq!(world.run(), Ended::RolledBack);
}
