//! Scheduled actions between the backup and the restore.

use super::{
    super::{fake::*, *},
    begun,
};
use crate::scaling::ScheduledAction;

fn action(name: &str, schedule: String, range: (u32, u32)) -> ScheduledAction {
    ScheduledAction {
        name: name.to_owned(),
        schedule,
        timezone: None,
        start: None,
        end: None,
        min: Some(range.0),
        max: Some(range.1),
    }
}

/// In the minute of this time, every day.
fn daily(at: jiff::Timestamp) -> String {
    at.strftime("cron(%M %H ? * * *)").to_string()
}

/// At this time, once.
fn once(at: jiff::Timestamp) -> String {
    at.strftime("at(%Y-%m-%dT%H:%M:%S)").to_string()
}

fn range(fake: &Fake) -> (u32, u32) {
    let scaling = fake.scaling.values().next().expect("a scalable target");
    (scaling.min, scaling.max)
}

/// An action each at so many seconds from when the endpoint is restored.
fn scheduled(actions: &[(&str, bool, i64, (u32, u32))]) -> (Given, Fake) {
    let (mut given, fake) = (given(), Fake::new());
    let actions = actions.iter().map(|(name, again, seconds, range)| {
        let at = fake.now + jiff::SignedDuration::from_secs(*seconds);
        action(name, if *again { daily(at) } else { once(at) }, *range)
    });
    given.point.restored.scaling[0].scaling.actions = actions.collect();
    (given, fake)
}

#[test]
fn what_was_backed_up_at_night_has_the_range_of_the_day_when_it_is_restored_by_day() {
    let (mut given, mut fake) = scheduled(&[("day", true, -1200, (3, 8)), ("night", true, -40_000, (1, 2))]);
    given.point.began = fake.now - jiff::SignedDuration::from_hours(2);
    let mut state = begun(&given, &fake, Kind::Restore);
    while state.is_ok() {
        fake.tick(&mut state, |_| Some(Fault::None));
        fake.pass(60);
    }
    assert_eq!(range(&fake), (3, 8));
    // What was due before the backup is in its range already.
    given.point.began = fake.now - jiff::SignedDuration::from_mins(10);
    let planned = fake.plan(&given.ask(Kind::Restore)).expect("a plan");
    assert_eq!(planned.definition.scaling[0].scaling.max, 4);
}

#[test]
fn what_is_over_by_then_is_not_registered_and_its_range_is() {
    let (mut given, mut fake) = scheduled(&[("sale", false, 120, (4, 9)), ("later", false, 90_000, (5, 9))]);
    given.point.began = fake.now - jiff::SignedDuration::from_hours(2);
    let mut state = begun(&given, &fake, Kind::Restore);
    while state.is_ok() {
        fake.tick(&mut state, |_| Some(Fault::None));
        fake.pass(60);
    }
    assert_eq!(range(&fake), (4, 9));
    let left = fake.scaling.values().flat_map(|scaling| &scaling.actions);
    assert_eq!(left.map(|action| action.name.as_str()).collect::<Vec<_>>(), ["later"]);
    assert_eq!(state.unwrap_err().how, Ended::Passed);
}

#[test]
fn what_could_not_be_looked_up_for_the_point_is_said_before_it_is_restored() {
    let (mut given, fake) = (given(), Fake::new());
    given.point.source.unsure = vec!["whether a wake had raised a minimum is not known".to_owned()];
    let planned = fake.plan(&given.ask(Kind::Restore)).expect("a plan");
    assert!(
        planned.warnings.contains(&given.point.source.unsure[0]),
        "{:?}",
        planned.warnings
    );
}
