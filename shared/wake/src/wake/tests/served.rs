//! Work that was done asks for nothing, whoever put the endpoint to sleep; whatever waits does.

use std::time::Duration;

use crate::wake::{fake::*, *};

/// Awake, with a queue that took some minutes.
fn worked_off() -> Fake {
    let mut fake = Fake::asynchronous();
    fake.scales_in = false;
    (fake.current, fake.desired) = (1, 1);
    fake.does = 20;
    fake.backlog = 40;
    fake.pass(180);
    assert_eq!(fake.backlog, 0);
    fake
}

fn minutes(fake: &mut Fake, count: u32) {
    for _ in 0..count {
        fake.pass(60);
        fake.quietly();
    }
}

#[test]
fn a_queue_that_was_worked_off_does_not_undo_a_sleep() {
    let mut fake = worked_off();
    fake.pass(360);
    let answer = fake.order(Order::Sleep { force: false });
    assert_eq!(answer.said, "the endpoint is put to sleep");
    minutes(&mut fake, 30);
    assert_eq!(fake.calls, ["put variant main to sleep"]);
    assert_eq!((fake.current, fake.wake()), (0, None));
    fake.asked(1);
    minutes(&mut fake, 1);
    assert_eq!(fake.desired, 1, "a single request that waits");
}

#[test]
fn what_its_own_schedule_puts_to_sleep_after_its_work_stays_asleep() {
    let mut fake = worked_off();
    fake.change(0);
    minutes(&mut fake, 30);
    assert_eq!((fake.calls.len(), fake.current), (0, 0));
}

#[test]
fn what_idleness_puts_to_sleep_is_not_woken_by_what_its_last_wake_served() {
    let mut fake = Fake::asynchronous();
    fake.policy.idle_after = Some(Duration::from_secs(600));
    fake.policy.cooldown = Duration::from_secs(300);
    fake.scales_in = false;
    fake.backlog = 1;
    fake.pass(60);
    fake.alarmed();
    minutes(&mut fake, 12);
    fake.asked(3);
    minutes(&mut fake, 60);
    assert_eq!((fake.current, fake.ledger.serial), (0, 1));
}

#[test]
fn a_forced_sleep_leaves_the_queue_until_more_waits() {
    let mut fake = worked_off();
    fake.does = 0;
    fake.backlog = 200;
    fake.pass(120);
    let answer = fake.order(Order::Sleep { force: true });
    assert_eq!(
        answer.said,
        "the endpoint is put to sleep; the 200 requests that wait in its queue do not wake it, more of them do"
    );
    minutes(&mut fake, 5);
    fake.alarmed();
    minutes(&mut fake, 30);
    assert_eq!((fake.current, fake.wake()), (0, None));
    // Some expire, and one comes.
    fake.backlog = 50;
    minutes(&mut fake, 2);
    fake.asked(1);
    minutes(&mut fake, 1);
    assert_eq!(fake.desired, 4);
    assert_eq!(fake.ledger.things[&Thing::Variant].left, None);
}

#[test]
fn a_wake_that_waits_for_its_turn_because_requests_do_is_not_ended_without_force() {
    let mut fake = Fake::asynchronous();
    fake.most = 0;
    fake.backlog = 3;
    fake.pass(60);
    fake.alarmed();
    assert_eq!(fake.wake().map(|wake| wake.phase), Some(Phase::Waiting));
    let answer = fake.order(Order::Sleep { force: false });
    assert!(
        !answer.accepted && answer.said.contains("there was work"),
        "{}",
        answer.said
    );
}

#[test]
fn an_alarm_that_rings_because_the_queue_is_empty_wakes_nothing() {
    let mut fake = Fake::asynchronous();
    fake.pass(300);
    fake.alarmed();
    assert_eq!((fake.calls.len(), fake.wake()), (0, None));
    // Where nobody knows what waits, it is believed.
    fake.metrics = false;
    fake.pass(900);
    fake.alarmed();
    assert_eq!(fake.calls, ["raise the minimum of variant main to 1"]);
}

#[test]
fn a_change_that_was_refused_because_the_endpoint_is_busy_is_no_trouble() {
    for (said, told) in [
        ("Failed to set desired capacity to 3: the resource is being updated.", 0),
        ("Cannot update in-progress endpoint images.", 0),
        ("The primary container did not pass the ping health check.", 1),
    ] {
        let mut fake = Fake::asynchronous();
        fake.backlog = 1;
        fake.pass(60);
        fake.alarmed();
        fake.activities.push(Activity {
            at: fake.now,
            code: "Failed".to_owned(),
            said: said.to_owned(),
        });
        minutes(&mut fake, 1);
        let struggling = fake.told().iter().filter(|told| told.contains("struggling")).count();
        assert_eq!(struggling, told, "{said}: {:?}", fake.told());
    }
}
