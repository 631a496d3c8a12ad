//! What people and schedules ask of something that is being woken already.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::wake::{fake::*, *};

fn minutes(fake: &mut Fake, count: u32) {
    for _ in 0..count {
        fake.pass(60);
        fake.quietly();
    }
}

/// From nine o'clock on, with two instances for two hours.
fn scheduled() -> (Fake, Timestamp) {
    let mut fake = Fake::asynchronous();
    fake.policy.prewarm = vec![prewarm("0 9 * * ? *", 7200)];
    let nine = fake.policy.prewarm[0].cron.next(fake.now, &jiff::tz::TimeZone::UTC);
    (fake, nine.unwrap())
}

#[test]
fn a_schedule_that_opens_while_a_wake_is_at_work_gets_its_instances_and_its_time() {
    for targeted in [true, false] {
        let (mut fake, nine) = scheduled();
        fake.scaling = fake.scaling.filter(|_| targeted);
        fake.scales_in = false;
        fake.now = nine - SignedDuration::from_mins(15);
        fake.backlog = 1;
        fake.pass(60);
        fake.alarmed();
        minutes(&mut fake, 10);
        assert_eq!(fake.wake().map(|wake| wake.phase), Some(Phase::Serving));
        minutes(&mut fake, 12);
        assert_eq!(
            (fake.current, fake.min()),
            (2, targeted.then_some(2)),
            "{:?}",
            fake.calls
        );
        minutes(&mut fake, 100);
        assert_eq!(fake.ledger.serial, 1, "the same wake");
        assert!(fake.wake().is_some(), "until eleven");
        fake.until_calm(30);
        assert_eq!(fake.min(), targeted.then_some(0));
    }
}

#[test]
fn a_schedule_whose_wake_failed_is_begun_again_after_the_pause() {
    let (mut fake, nine) = scheduled();
    fake.now = nine;
    fake.scarce_until = Some(nine + SignedDuration::from_mins(32));
    minutes(&mut fake, 33);
    assert!(fake.wake().is_none(), "it has failed");
    fake.ledger.outbox = crate::outbox::Outbox::default();
    let turn = |fake: &Fake| due(fake.now, "images", Some(&fake.policy), &fake.ledger);
    let looks = (0..2).filter(|_| {
        fake.pass(60);
        fake.quietly();
        turn(&fake)
    });
    assert!(looks.count() < 2, "the pause costs no more than sleeping");
    minutes(&mut fake, 12);
    assert_eq!((fake.current, fake.min()), (2, Some(2)));
}

#[test]
fn a_wake_with_more_instances_is_what_people_get_also_without_a_target() {
    let mut fake = Fake::asynchronous();
    fake.scaling = None;
    fake.backlog = 1;
    fake.pass(60);
    fake.alarmed();
    minutes(&mut fake, 8);
    let order = Order::Wake {
        instances: Some(4),
        lasts: Some(Duration::from_secs(3600)),
    };
    let answer = fake.order(order);
    assert!(
        answer.said.ends_with("that goes on, with 4 instances at least"),
        "{}",
        answer.said
    );
    assert_eq!(fake.calls.last().unwrap(), "set variant main to 4 instances");
    minutes(&mut fake, 8);
    assert_eq!(fake.current, 4);
}

#[test]
fn a_command_that_was_refused_is_obeyed_when_it_comes_again() {
    let mut fake = Fake::asynchronous();
    (fake.current, fake.desired) = (1, 1);
    fake.does = 20;
    fake.asked(1);
    fake.pass(120);
    let sleep = |fake: &mut Fake| {
        let command = Some(Command {
            order: Order::Sleep { force: false },
            component: None,
            id: Some("night-1".to_owned()),
            by: None,
            reason: None,
        });
        let answer = fake.tick(&Woken { alarms: &[], command }, |_| Some(Fault::None));
        answer.expect("an answer")
    };
    assert!(!sleep(&mut fake).accepted);
    fake.pass(600);
    assert_eq!(sleep(&mut fake).said, "the endpoint is put to sleep");
    assert!(sleep(&mut fake).said.contains("obeyed before"));
}

#[test]
fn of_two_components_the_one_that_refused_is_asked_again_by_the_same_command() {
    let fake = Fake::component();
    let policy = WakePolicy {
        components: vec!["llm".to_owned(), "gone".to_owned()],
        ..fake.policy.clone()
    };
    let facts = Facts {
        policy: Some(&policy),
        ..fake.facts()
    };
    let command = Command {
        order: Order::Wake {
            instances: None,
            lasts: None,
        },
        component: None,
        id: Some("both".to_owned()),
        by: None,
        reason: None,
    };
    let mut look = fake.look(&needs(fake.now, Some(&policy), &fake.ledger, true));
    let gone = look.things.get_mut(&Thing::Component("gone".to_owned())).unwrap();
    gone.component = Some(Known::Yes(None));
    let news = News {
        look: Some(&look),
        command: Some(&command),
        ..News::default()
    };
    let first = decide(&facts, &fake.ledger, &news);
    assert!(!first.answer.unwrap().accepted);
    let second = decide(&facts, &first.ledger, &news).answer.unwrap();
    assert_eq!(
        second.said,
        "component llm obeyed the same command before; there is no component gone"
    );
}

#[test]
fn a_suspended_action_of_the_target_is_not_taken_to_have_set_the_minimum() {
    let mut fake = Fake::asynchronous();
    let due = fake.now + SignedDuration::from_mins(6);
    if let Some(scaling) = &mut fake.scaling {
        scaling.suspended.scheduled = true;
        scaling.actions.push(action(due, 2));
    }
    fake.backlog = 1;
    fake.pass(60);
    fake.alarmed();
    minutes(&mut fake, 8);
    // Resumed later, it still was not done then.
    if let Some(scaling) = &mut fake.scaling {
        scaling.suspended.scheduled = false;
    }
    fake.until_calm(60);
    assert_eq!(fake.min(), Some(0));
}

#[test]
fn a_slot_lasts_as_long_as_all_pools_of_its_wake() {
    let mut fake = Fake::asynchronous();
    fake.pools = ["ml.g5.xlarge", "ml.g6.xlarge", "ml.p4d.24xlarge"]
        .map(str::to_owned)
        .to_vec();
    fake.scarce_until = Some(fake.now + SignedDuration::from_hours(5));
    fake.backlog = 1;
    fake.pass(60);
    fake.alarmed();
    // Nobody's deadline is moved by what the fleet file says meanwhile, or the slot would not last as long.
    fake.policy.deadline = Duration::from_secs(7200);
    minutes(&mut fake, 89);
    assert_eq!(fake.wake().map(|wake| wake.phase), Some(Phase::Starting));
    assert!(fake.slots.held.values().all(|until| *until > fake.now));
    minutes(&mut fake, 2);
    assert!(
        fake.wake().is_none_or(|wake| wake.phase == Phase::Restoring),
        "after three times 30 minutes"
    );
}

/// The work has drained, and no call that gives the minimum back comes through.
fn giving_back(fake: &mut Fake) {
    for _ in 0..60 {
        if fake.wake().is_some_and(|wake| wake.phase == Phase::Restoring) {
            return;
        }
        fake.pass(60);
        let woken = Woken {
            alarms: &[],
            command: None,
        };
        fake.tick(&woken, |effect| match effect {
            Effect::RestoreMinimum(..) => Some(Fault::LostBefore),
            _ => Some(Fault::None),
        });
    }
    panic!("it is not given back: {:?}", fake.wake());
}

#[test]
fn a_schedule_that_opens_while_a_wake_gives_its_minimum_back_is_not_lost() {
    // What is in service already is enough for one of them.
    for (instances, after_its_end) in [(1, false), (1, true), (2, false), (2, true)] {
        let (mut fake, nine) = scheduled();
        fake.policy.prewarm[0].instances = instances;
        let declared = fake.policy.prewarm.clone();
        fake.scales_in = false;
        fake.now = nine - SignedDuration::from_mins(60);
        fake.backlog = 1;
        fake.pass(60);
        fake.alarmed();
        giving_back(&mut fake);
        if after_its_end {
            // Nobody looks until the wake has ended within the time of the schedule.
            fake.policy.prewarm.clear();
            fake.now = nine + SignedDuration::from_mins(1);
            fake.until_calm(30);
            fake.policy.prewarm = declared;
        } else {
            fake.now = nine;
        }
        minutes(&mut fake, 12);
        assert_eq!(
            (fake.current, fake.min()),
            (instances, Some(instances)),
            "{:?}",
            fake.calls
        );
        fake.scales_in = true;
        minutes(&mut fake, 60);
        assert_eq!(
            (fake.current, fake.min()),
            (instances, Some(instances)),
            "for its whole time"
        );
        fake.until_calm(120);
        assert_eq!(fake.min(), Some(0));
    }
}

#[test]
fn what_is_in_service_when_its_schedule_opens_is_kept_and_no_wake_is_told() {
    for late in [0, 60] {
        let (mut fake, nine) = scheduled();
        (fake.current, fake.desired) = (2, 2);
        fake.scales_in = false;
        fake.now = nine + SignedDuration::from_mins(late);
        fake.backlog = 1;
        minutes(&mut fake, 20);
        assert_eq!(fake.told(), [""; 0], "{late} minutes late");
        assert!(fake.wake().is_some(), "until eleven");
        assert_eq!((fake.current, fake.min()), (2, Some(2)));
    }
}

#[test]
fn a_schedule_that_is_declared_within_its_time_was_not_waited_for_since_it_began() {
    let (mut fake, nine) = scheduled();
    fake.now = nine + SignedDuration::from_mins(60);
    let declared = fake.now;
    fake.quietly();
    assert_eq!(fake.wake().map(|wake| wake.demanded), Some(declared));
    fake.until_calm(300);
    (fake.current, fake.desired) = (0, 0);
    // From then on it is known: what is late is late since nine o'clock.
    let nine = nine + SignedDuration::from_hours(24);
    fake.now = nine + SignedDuration::from_mins(20);
    fake.quietly();
    assert_eq!(fake.wake().map(|wake| wake.demanded), Some(nine));
}
