//! Which endpoints a tick looks at.

use std::time::Duration;

use jiff::SignedDuration;

use crate::wake::{fake::*, *};

fn turns(name: &str, fake: &Fake) -> Vec<i64> {
    let minutes = 0..20_i64;
    let due = |minute: &i64| {
        let now = at(0) + SignedDuration::from_secs(60 * minute);
        due(now, name, Some(&fake.policy), &fake.ledger)
    };
    minutes.filter(due).collect()
}

#[test]
fn what_sleeps_has_one_of_five_minutes_and_not_all_the_same() {
    let fake = Fake::asynchronous();
    let mut firsts = std::collections::BTreeSet::new();
    for name in ["a", "b", "c", "images", "images-2", "ranker", "llm", "tagger"] {
        let turns = turns(name, &fake);
        assert_eq!(turns.len(), 4, "{name}: {turns:?}");
        assert!(turns.windows(2).all(|pair| pair[1] - pair[0] == 5), "{name}: {turns:?}");
        firsts.insert(turns[0]);
    }
    assert!(firsts.len() > 2, "{firsts:?}");
}

#[test]
fn what_is_at_work_is_looked_at_every_minute() {
    let mut fake = Fake::asynchronous();
    fake.backlog = 1;
    fake.pass(60);
    fake.alarmed();
    assert_eq!(turns("images", &fake).len(), 20);
    // Also when the fleet file does not name it any more: its minimum has to be given back.
    assert!(due(fake.now, "images", None, &fake.ledger));
    assert!(!due(fake.now, "images", None, &WakeLedger::default()));
}

#[test]
fn a_schedule_that_opens_does_not_wait_for_the_sweep() {
    let mut fake = Fake::asynchronous();
    let open = fake.now.to_zoned(jiff::tz::TimeZone::UTC) + SignedDuration::from_secs(3 * 60);
    let cron = format!("{} {} * * ? *", open.minute(), open.hour());
    fake.policy.prewarm = vec![prewarm(&cron, 3600)];
    let turns = turns("images", &fake);
    assert!((3..20).all(|minute| turns.contains(&minute)), "{turns:?}");
    assert!(turns.iter().filter(|minute| **minute < 3).count() < 2, "{turns:?}");

    fake.pass(180);
    fake.quietly();
    let begun = |one: &Remembered| one.prewarmed.contains_key("office");
    assert!(fake.ledger.things.values().all(begun));
    // Its wake over, the sweep is enough for the rest of the time.
    fake.ledger.things.values_mut().for_each(|one| one.wake = None);
    let later = (1..6).map(|minute| fake.now + Duration::from_secs(60 * minute));
    let due = later.filter(|now| due(*now, "images", Some(&fake.policy), &fake.ledger));
    assert_eq!(due.count(), 1);
}
