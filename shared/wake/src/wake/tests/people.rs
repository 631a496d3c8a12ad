//! Schedules, commands, and what other people do to the target and to the fleet file.

use std::time::Duration;

use crate::wake::{fake::*, *};

#[test]
fn what_is_awake_by_schedule_is_there_before_anybody_asks_and_once_for_each_time() {
    let mut fake = Fake::component();
    fake.policy.prewarm = vec![prewarm("0 9 * * ? *", 3600)];
    let nine = fake.policy.prewarm[0]
        .cron
        .next(fake.now, &jiff::tz::TimeZone::UTC)
        .unwrap();
    fake.now = nine;
    fake.quietly();
    assert_eq!(fake.calls, ["raise the minimum of component llm to 2"]);
    fake.pass(1800);
    fake.quietly();
    assert_eq!((fake.current, fake.min()), (2, Some(2)));
    let answer = fake.order(Order::Sleep { force: true });
    assert!(answer.accepted, "{}", answer.said);
    fake.until_calm(30);
    assert_eq!((fake.desired, fake.min()), (0, Some(0)), "a person's word ends it");
    fake.pass(600);
    fake.quietly();
    assert!(fake.wake().is_none(), "and it does not begin again for the same time");
    fake.now = nine + jiff::SignedDuration::from_hours(24);
    fake.quietly();
    assert!(fake.wake().is_some());
}

#[test]
fn a_scheduled_action_of_the_target_is_nobodys_quarrel() {
    let mut fake = Fake::asynchronous();
    fake.backlog = 1;
    fake.pass(120);
    fake.alarmed();
    let due = fake.now + jiff::SignedDuration::from_secs(300);
    fake.scaling.as_mut().unwrap().actions.push(action(due, 1));
    fake.pass(360);
    fake.until_calm(60);
    assert_eq!(
        fake.min(),
        Some(1),
        "the same as Steward's, and still not Steward's to take back"
    );
    assert!(
        fake.told().iter().all(|told| !told.contains("yielded")),
        "{:?}",
        fake.told()
    );
}

#[test]
fn a_target_whose_maximum_is_zero_is_left_alone() {
    let mut fake = Fake::asynchronous();
    fake.scaling = Some(scaling(0, 0));
    fake.backlog = 1;
    fake.pass(120);
    fake.alarmed();
    assert_eq!(fake.calls, Vec::<String>::new());
    assert!(
        fake.told()[0].contains("maximum of its scalable target is 0"),
        "{:?}",
        fake.told()
    );
}

#[test]
fn the_commands_say_what_they_do_and_what_they_refuse() {
    let mut fake = Fake::asynchronous();
    fake.pass(1200);
    let mut said = vec![];
    let mut order = |fake: &mut Fake, order| said.push(fake.order(order).said);
    let wake = |instances| Order::Wake {
        instances,
        lasts: Some(Duration::from_secs(7200)),
    };
    order(&mut fake, Order::Sleep { force: false });
    order(&mut fake, wake(Some(9)));
    order(&mut fake, wake(Some(2)));
    order(&mut fake, wake(Some(3)));
    for _ in 0..10 {
        fake.pass(60);
        fake.quietly();
    }
    assert_eq!(fake.current, 3);
    fake.backlog = 1;
    fake.pass(60);
    order(&mut fake, Order::Sleep { force: false });
    fake.pass(600);
    fake.metrics = false;
    fake.pass(600);
    order(&mut fake, Order::Sleep { force: false });
    order(&mut fake, Order::Sleep { force: true });
    insta::assert_snapshot!(said.join("\n"));
    fake.until_calm(30);
    assert_eq!((fake.desired, fake.min()), (0, Some(0)));
}

#[test]
fn the_same_command_twice_is_obeyed_once() {
    let fake = Fake::asynchronous();
    let command = Command {
        order: Order::Wake {
            instances: None,
            lasts: None,
        },
        component: None,
        id: Some("release-42".to_owned()),
        by: None,
        reason: None,
    };
    let news = News {
        command: Some(&command),
        ..News::default()
    };
    let first = decide(&fake.facts(), &fake.ledger, &news);
    assert!(first.again, "it wants to look");
    let second = decide(&fake.facts(), &first.ledger, &news);
    assert_eq!(second.ledger, first.ledger);
    assert!(second.answer.unwrap().said.contains("obeyed before"));
}

#[test]
fn an_endpoint_that_left_the_fleet_file_gets_its_minimum_back() {
    let mut fake = Fake::asynchronous();
    fake.backlog = 1;
    fake.pass(120);
    fake.alarmed();
    let needs = needs(fake.now, None, &fake.ledger, false);
    let look = fake.look(&needs);
    let facts = Facts {
        policy: None,
        ..fake.facts()
    };
    let news = News {
        look: Some(&look),
        ..News::default()
    };
    let decision = decide(&facts, &fake.ledger, &news);
    assert!(
        matches!(decision.effect, Some(Effect::Release(_))),
        "{:?}",
        decision.effect
    );
    let acted = Acted {
        effect: decision.effect.unwrap(),
        at: fake.now,
        outcome: Outcome::Accepted,
    };
    let news = News {
        look: Some(&look),
        acted: Some(&acted),
        ..News::default()
    };
    let next = decide(&facts, &decision.ledger, &news);
    assert_eq!(
        next.effect.unwrap().to_string(),
        "restore the minimum of variant main to 0"
    );
}

/// A person orders it to sleep, and so many minutes every call is refused.
fn ordered(fake: &mut Fake, refused: u32) {
    let command = Some(Command {
        order: Order::Sleep { force: false },
        component: None,
        id: None,
        by: Some("ana".to_owned()),
        reason: Some("night".to_owned()),
    });
    let answer = fake.tick(&Woken { alarms: &[], command }, |_| Some(Fault::Refused));
    assert!(answer.is_some_and(|answer| answer.accepted));
    for _ in 0..refused {
        fake.pass(60);
        let woken = Woken {
            alarms: &[],
            command: None,
        };
        fake.tick(&woken, |_| Some(Fault::Refused));
    }
}

fn awake() -> Fake {
    let mut fake = Fake::asynchronous();
    fake.scaling = None;
    (fake.current, fake.desired) = (1, 1);
    fake.does = 20;
    fake.pass(600);
    fake
}

#[test]
fn a_sleep_that_a_person_ordered_is_tried_until_it_is_done_and_told_again() {
    let mut fake = awake();
    ordered(&mut fake, 8 * 60);
    let told = [
        "wake.held: it was to be put to sleep 1h ago, and is awake",
        "wake.held: it was to be put to sleep 7h ago, and is awake",
    ];
    assert_eq!(fake.told(), told);
    let alert = &fake.ledger.outbox.pending()[0];
    insta::assert_snapshot!([alert.evidence.join("\n"), alert.done.join("\n")].join("\n---\n"));
    fake.until_calm(5);
    assert_eq!(fake.current, 0, "without `idle_after`, too");
    assert_eq!(fake.told(), told);
}

#[test]
fn an_order_to_sleep_is_told_anew_whatever_was_told_before() {
    let mut fake = awake();
    fake.ledger.things.entry(Thing::Variant).or_default().restless = true;
    ordered(&mut fake, 61);
    assert_eq!(fake.told().len(), 1, "{:?}", fake.told());
    ordered(&mut fake, 61);
    assert_eq!(fake.told().len(), 2, "{:?}", fake.told());
}

#[test]
fn an_order_to_sleep_ends_with_a_wake_and_waits_for_work_unless_it_is_forced() {
    let mut fake = awake();
    ordered(&mut fake, 10);
    fake.asked(40);
    fake.pass(60);
    fake.quietly();
    assert_eq!((fake.desired, fake.calls.len()), (1, 0), "somebody uses it now");
    fake.until_calm(15);
    assert_eq!(fake.current, 0, "and not any more");

    let mut fake = awake();
    ordered(&mut fake, 10);
    let answer = fake.order(Order::Wake {
        instances: None,
        lasts: None,
    });
    assert!(answer.accepted);
    fake.until_calm(60);
    let told = ["wake.served: in service after 0s"];
    assert_eq!(fake.told(), told, "the later word counts");
    assert_eq!(fake.current, 1);
}

#[test]
fn nothing_is_put_to_sleep_under_a_health_probe_and_it_is_looked_at_again_in_a_minute() {
    let mut fake = awake();
    fake.policy.idle_after = Some(Duration::from_secs(600));
    fake.awaited = true;
    for _ in 0..10 {
        fake.pass(60);
        fake.quietly();
    }
    assert_eq!((fake.desired, fake.calls.len()), (1, 0));
    assert!(
        due(fake.now, "images", Some(&fake.policy), &fake.ledger),
        "at every tick"
    );
    fake.awaited = false;
    fake.until_calm(5);
    assert_eq!(fake.current, 0);
}
