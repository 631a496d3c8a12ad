//! The ranges of scalable targets, which move on between the backup and the restore.

use super::{
    super::{fake::*, *},
    begun, thing,
};
use crate::{backup::fixture::at, scaling::ScheduledAction};

fn action(name: &str, schedule: &str, range: (u32, u32)) -> ScheduledAction {
    ScheduledAction {
        name: name.into(),
        schedule: schedule.into(),
        timezone: None,
        start: None,
        end: None,
        min: Some(range.0),
        max: Some(range.1),
    }
}

/// A point begun at 14:13:20, in the range of the night. The day begins at 15:00, and the night at 22:00.
pub(super) fn made_at_night() -> Given {
    let mut given = given();
    let scaling = &mut given.point.restored.scaling[0].scaling;
    (scaling.min, scaling.max) = (1, 2);
    scaling.actions = vec![
        action("day", "cron(0 15 ? * * *)", (4, 10)),
        action("night", "cron(0 22 ? * * *)", (1, 2)),
    ];
    given.id = given.point.write().0;
    given
}

pub(super) fn ask_at(given: &Given, kind: Kind, seconds: i64) -> Ask<'_> {
    Ask {
        now: at(seconds),
        ..given.ask(kind)
    }
}

fn planned(given: &Given, kind: Kind, seconds: i64) -> Plan {
    Fake::new().plan(&ask_at(given, kind, seconds)).unwrap()
}

/// The instances of blue, and its range.
fn sizes(plan: &Plan) -> (u64, (u32, u32)) {
    let count = plan.definition.config.body["ProductionVariants"][0]["InitialInstanceCount"].as_u64();
    let scaling = &plan.definition.scaling[0].scaling;
    (count.unwrap(), (scaling.min, scaling.max))
}

pub(super) fn registered(fake: &Fake) -> Vec<(u32, u32)> {
    fake.scaling
        .values()
        .map(|scaling| (scaling.min, scaling.max))
        .collect()
}

#[test]
fn a_point_that_was_made_at_night_is_restored_by_day_with_the_range_of_the_day() {
    let (given, mut fake) = (made_at_night(), Fake::new());
    let plan = planned(&given, Kind::Restore, 3600);
    assert_eq!(sizes(&plan), (4, (4, 10)));
    let table = table(&plan, &given.point, &super::seen(&given.point));
    let note = "Note: by its scheduled actions the range of variant blue is 4 to 10 by now; it was 1 to 2 when the point was \
                made.";
    assert!(table.contains(note), "{table}");
    let past = fake.run(plan);
    assert_eq!((past.how, registered(&fake)), (Ended::Passed, vec![(4, 10)]));
}

#[test]
fn before_the_next_action_the_range_is_that_of_the_point_and_nothing_is_said() {
    let given = made_at_night();
    let plan = planned(&given, Kind::Restore, 60);
    assert_eq!(sizes(&plan), (2, (2, 2)), "two instances, in two zones");
    assert_eq!(plan.warnings, [""; 0]);
}

#[test]
fn a_point_that_was_made_by_day_is_restored_at_night_with_no_more_than_the_night_has() {
    let mut given = made_at_night();
    let scaling = &mut given.point.restored.scaling[0].scaling;
    (scaling.min, scaling.max) = (4, 10);
    given.point.restored.live[0].instances = Some(8);
    assert_eq!(sizes(&planned(&given, Kind::Restore, 60)), (8, (4, 10)));
    // 22:43 of the next day.
    assert_eq!(
        sizes(&planned(&given, Kind::Restore, 30_600 + 86_400)),
        (2, (2, 2)),
        "the rest would be taken away when the range is registered"
    );
}

#[test]
fn a_range_that_moves_while_the_endpoint_is_made_is_registered_as_it_is_then() {
    let (given, mut fake) = (made_at_night(), Fake::new());
    // 14:59, and the endpoint takes three minutes.
    fake.now = at(2740);
    let plan = fake.plan(&ask_at(&given, Kind::Restore, 2740)).unwrap();
    assert_eq!(sizes(&plan), (2, (2, 2)));
    let past = fake.run(plan);
    assert_eq!((past.how, registered(&fake)), (Ended::Passed, vec![(4, 10)]));
}

#[test]
fn a_plan_of_an_earlier_build_is_registered_as_it_says() {
    let (given, mut fake) = (made_at_night(), Fake::new());
    let mut plan = serde_json::to_value(planned(&given, Kind::Restore, 60)).unwrap();
    plan.as_object_mut().unwrap().remove("ranges").unwrap();
    let past = fake.run(serde_json::from_value(plan).unwrap());
    assert_eq!((past.how, registered(&fake)), (Ended::Passed, vec![(2, 2)]));
}

#[test]
fn a_drill_by_day_is_as_small_as_one_at_night() {
    let given = made_at_night();
    for seconds in [60, 3600] {
        let (count, (min, _)) = sizes(&planned(&given, Kind::Drill, seconds));
        assert_eq!((count, min), (1, 1));
    }
}

#[test]
fn what_may_sleep_at_night_is_not_let_sleep_by_day() {
    let (mut given, mut fake) = (made_at_night(), Fake::new());
    given.point.restored.scaling[0].scaling.min = 0;
    let past = fake.run(planned(&given, Kind::Restore, 3600));
    assert_eq!((past.how, registered(&fake)), (Ended::Passed, vec![(4, 10)]));
}

#[test]
fn scheduled_actions_that_are_over_are_left_out_and_named_and_all_others_registered() {
    for kind in [Kind::Restore, Kind::Drill] {
        let (mut given, mut fake) = (made_at_night(), Fake::new());
        let actions = &mut given.point.restored.scaling[0].scaling.actions;
        let mut season = action("season", "cron(0 3 ? * * *)", (3, 9));
        season.end = Some(at(1800));
        actions.extend([
            season,
            action("sale", "at(2026-09-21T14:30:00)", (3, 3)),
            // While the endpoint is made.
            action("soon", "at(2026-09-21T15:14:00)", (5, 10)),
            action("later", "at(2026-09-21T18:00:00)", (6, 10)),
        ]);
        let plan = fake.plan(&given.ask(kind)).unwrap();
        let over: Vec<&String> = plan.warnings.iter().filter(|said| said.contains("is over")).collect();
        assert_eq!(
            over,
            [
                "scheduled action season of variant blue is over, so it is not registered",
                "scheduled action sale of variant blue is over, so it is not registered",
            ]
        );
        let mut state = Ok(Restoration::new(plan, fake.now, None));
        let mut names = vec![];
        while state.is_ok() {
            fake.tick(&mut state, |_| Some(Fault::None));
            let actions = fake.scaling.values().flat_map(|scaling| &scaling.actions);
            let seen: Vec<String> = actions.map(|action| action.name.clone()).collect();
            names = if seen.is_empty() { names } else { seen };
            fake.pass(60);
        }
        assert_eq!(state.unwrap_err().how, Ended::Passed);
        if kind == Kind::Restore {
            assert_eq!(names, ["day", "night", "later"]);
            assert_eq!(registered(&fake), [(5, 10)]);
        }
    }
}

/// What was restored at 14:14, as it is when it is there.
fn restored_at_night(given: &Given) -> Fake {
    let mut fake = Fake::new();
    fake.now = at(60);
    fake.run(fake.plan(&ask_at(given, Kind::Restore, 60)).unwrap());
    fake
}

#[test]
fn what_was_restored_at_another_hour_is_found_again() {
    let given = made_at_night();
    let fake = restored_at_night(&given);
    let again = fake.plan(&ask_at(&given, Kind::Restore, 3600)).unwrap();
    assert_eq!(again.reused.len(), 4, "{:?}", again.reused);
    assert_eq!(sizes(&again), (2, (4, 10)), "the config is said as it is");
}

#[test]
fn a_config_that_begins_with_too_few_for_the_hour_is_another_one_and_one_with_more_is_used() {
    let given = made_at_night();
    let name = |plan: &Plan| plan.definition.config.name.clone();
    let by_night = |fake: &Fake| fake.plan(&ask_at(&given, Kind::Restore, 60)).unwrap();
    let by_day = |fake: &Fake| fake.plan(&ask_at(&given, Kind::Restore, 3600)).unwrap();
    let mut fake = restored_at_night(&given);
    let endpoint = thing(ThingKind::Endpoint, "fraud");
    fake.things.remove(&endpoint);
    let plan = by_day(&fake);
    let other = format!("fraud-config-{}", given.id.digest);
    assert_eq!((name(&plan), sizes(&plan).0), (other.clone(), 4));
    fake.run(plan);
    // The endpoint that is there has it, whatever the hour.
    for plan in [by_night(&fake), by_day(&fake)] {
        assert_eq!((name(&plan), plan.reused.len()), (other.clone(), 4));
    }
    // One that is gone begins with what there is.
    fake.things.remove(&endpoint);
    assert_eq!(name(&by_night(&fake)), "fraud-config");
    let config = fake.things.get_mut(&thing(ThingKind::Config, &other)).unwrap();
    config.body["ProductionVariants"][0]["InitialInstanceCount"] = 3.into();
    assert_eq!(name(&by_day(&fake)), other, "registering its range does the rest");
    let config = fake.things.get_mut(&thing(ThingKind::Config, "fraud-config")).unwrap();
    config.body["ProductionVariants"][0]["InitialInstanceCount"] = 5.into();
    assert_eq!(name(&by_day(&fake)), "fraud-config");
}

#[test]
fn a_variant_that_nothing_scales_has_exactly_the_instances_that_it_is_to_have() {
    let mut given = given();
    given.point.restored.scaling.clear();
    let mut fake = Fake::new();
    fake.run(fake.plan(&given.ask(Kind::Restore)).unwrap());
    fake.things.remove(&thing(ThingKind::Endpoint, "fraud"));
    let config = fake.things.get_mut(&thing(ThingKind::Config, "fraud-config")).unwrap();
    config.body["ProductionVariants"][0]["InitialInstanceCount"] = 9.into();
    let plan = fake.plan(&given.ask(Kind::Restore)).unwrap();
    assert_ne!(plan.definition.config.name, "fraud-config");
    assert!(begun(&given, &fake, Kind::Restore).is_ok());
}
