//! A restore of an endpoint that an earlier one made, and that serves.

use super::{
    super::{fake::*, *},
    ranges::{ask_at, made_at_night, registered},
};
use crate::{
    backup::{definition::Scaled, fixture::at},
    scaling::{Scaling, ScalingPolicy},
};

/// What was restored at 14:14, in the range of the night, as it is when it is there.
fn serving(given: &Given) -> Fake {
    let mut fake = Fake::new();
    fake.now = at(60);
    let past = fake.run(fake.plan(&ask_at(given, Kind::Restore, 60)).unwrap());
    assert!(past.how == Ended::Passed && past.figures.rto.is_some());
    fake.now = at(3600);
    fake
}

fn scaled(fake: &mut Fake) -> &mut Scaling {
    fake.scaling.values_mut().next().unwrap()
}

/// Restores again, and says what came of it and each call about scaling.
fn again(given: &Given, fake: &mut Fake, seconds: i64) -> (Past, Vec<Scaled>) {
    let mut calls = vec![];
    let plan = fake.plan(&ask_at(given, Kind::Restore, seconds)).unwrap();
    assert!(plan.goes_on());
    let mut state = Ok(Restoration::new(plan, fake.now, None));
    for _ in 0..200 {
        fake.tick(&mut state, |effect| {
            if let Effect::Scale(scaled) = effect {
                calls.push(scaled.clone());
            }
            Some(Fault::None)
        });
        if state.is_err() {
            break;
        }
        fake.pass(60);
    }
    (state.unwrap_err(), calls)
}

#[test]
fn what_its_schedules_the_reconciler_and_people_made_of_its_scaling_stays() {
    let given = made_at_night();
    let mut fake = serving(&given);
    let theirs = ScalingPolicy {
        name: "steward-load".into(),
        ..scaled(&mut fake).policies[0].clone()
    };
    scaled(&mut fake).policies.push(theirs);
    scaled(&mut fake).policies[0].alarms = vec!["made by AWS".into()];
    scaled(&mut fake).suspended.scale_in = true;
    (scaled(&mut fake).min, scaled(&mut fake).max) = (3, 12);
    let before = fake.scaling.clone();
    let (past, calls) = again(&given, &mut fake, 3600);
    assert_eq!((past.how, calls), (Ended::Passed, vec![]));
    assert_eq!(fake.scaling, before);
}

#[test]
fn a_policy_and_an_action_that_it_lacks_are_added_and_its_range_stays() {
    let given = made_at_night();
    let mut fake = serving(&given);
    let whole = scaled(&mut fake).clone();
    let seen = Scaling {
        min: 5,
        max: 7,
        policies: vec![],
        actions: whole.actions[1..].to_vec(),
        ..whole.clone()
    };
    *scaled(&mut fake) = seen;
    // 15:13: the day began too long ago to be in doubt.
    let (past, calls) = again(&given, &mut fake, 3600);
    assert_eq!((past.how, calls.len()), (Ended::Passed, 1));
    let now = scaled(&mut fake).clone();
    assert!(!now.lacks(&whole), "{now:?}");
    assert_eq!((now.min, now.max), (5, 7));
}

#[test]
fn an_action_that_is_due_this_minute_is_not_undone_by_the_range_that_was_seen() {
    let given = made_at_night();
    let mut fake = serving(&given);
    scaled(&mut fake).policies.clear();
    // 15:00:05, and AWS is at it.
    fake.now = at(2805);
    let (past, _) = again(&given, &mut fake, 2805);
    assert_eq!((past.how, registered(&fake)), (Ended::Passed, vec![(4, 10)]));
}

#[test]
fn where_nothing_is_registered_all_of_it_is_as_it_is_by_now() {
    let given = made_at_night();
    let mut fake = serving(&given);
    fake.scaling.clear();
    let (past, _) = again(&given, &mut fake, 3600);
    assert_eq!((past.how, registered(&fake)), (Ended::Passed, vec![(4, 10)]));
}

#[test]
fn one_that_sleeps_is_kept_awake_while_it_is_probed_and_then_sleeps_as_before() {
    for (range, calls_wanted) in [((0, 2), 2), ((0, 0), 2), ((1, 2), 0)] {
        let mut given = made_at_night();
        given.point.restored.scaling[0].scaling.min = 0;
        given.point.restored.scaling[0].scaling.actions.clear();
        given.id = given.point.write().0;
        let mut fake = serving(&given);
        assert_eq!(registered(&fake), [(0, 2)]);
        (scaled(&mut fake).min, scaled(&mut fake).max) = range;
        let (past, calls) = again(&given, &mut fake, 3600);
        assert_eq!(
            (past.how, past.restless, calls.len()),
            (Ended::Passed, None, calls_wanted)
        );
        assert!(calls.first().is_none_or(|first| first.scaling.min == 1));
        assert_eq!(registered(&fake), [range]);
    }
}

#[test]
fn it_measures_no_rto_and_its_plan_says_that_what_is_registered_stays() {
    let given = made_at_night();
    let mut fake = serving(&given);
    let plan = fake.plan(&ask_at(&given, Kind::Restore, 3600)).unwrap();
    let said = table(&plan, &given.point, &super::seen(&given.point));
    assert!(said.contains("; where it is registered, only what it lacks"), "{said}");
    assert!(!said.contains("by now"), "{said}");
    let past = fake.run(plan);
    assert_eq!((past.how, past.figures.rto), (Ended::Passed, None));
}

#[test]
fn a_policy_that_somebody_adds_while_it_is_registered_keeps_no_restore_from_its_end() {
    let (given, mut fake) = (made_at_night(), Fake::new());
    let plan = fake.plan(&given.ask(Kind::Restore)).unwrap();
    let theirs = ScalingPolicy {
        name: "theirs".into(),
        ..plan.definition.scaling[0].scaling.policies[0].clone()
    };
    let mut state = Ok(Restoration::new(plan, fake.now, None));
    let mut late = None;
    while state.is_ok() {
        fake.tick(&mut state, |effect| match effect {
            // The function dies while it registers it.
            Effect::Scale(_) if late.is_none() => {
                late = Some(effect.clone());
                None
            }
            _ => Some(Fault::None),
        });
        if let Some(effect) = late.as_ref().filter(|_| fake.scaling.is_empty()) {
            fake.take(effect, Fault::None);
            scaled(&mut fake).policies.push(theirs.clone());
        }
        fake.pass(60);
    }
    let past = state.unwrap_err();
    assert_eq!(past.how, Ended::Passed);
    assert_eq!(fake.scaling.values().next().unwrap().policies.len(), 2);
}
