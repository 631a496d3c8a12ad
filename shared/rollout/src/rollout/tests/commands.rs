//! Commands, repeated and misplaced.

use super::{
    super::{fake::*, request::Order, *},
    variants::started,
};

fn order(world: &mut Fake, order: Order, id: &str) -> Answer {
    world.command(Command::Order {
        order,
        id: Some(id.to_owned()),
        by: None,
        reason: None,
    })
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
    assert!(order(&mut world, Order::Resume, "r").accepted);
    let answer = order(&mut world, Order::Pause, "p");
    assert!(
        answer.accepted && answer.said.contains("obeyed before"),
        "{}",
        answer.said
    );
    assert!(world.ledger.active.as_ref().unwrap().paused.is_none());
}

#[test]
fn a_command_out_of_place_is_answered_with_what_to_do() {
    let orders = [
        Order::Pause,
        Order::Resume,
        Order::Promote,
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
            said.push_str(&format!("  {order:<9}{mark}  {}\n", answer.said));
        }
    };
    ask(&mut world, "never a rollout");
    world.start(&request("one"));
    ask(&mut world, "preparing");
    world.until("baking");
    ask(&mut world, "baking");
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
