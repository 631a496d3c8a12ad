use proptest::prelude::*;

use super::{fake::*, *};
use crate::{backup::fixture, scaling::ScheduledAction};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Event {
    /// A wake-up in which the so-manieth call is lost, or the function dies before it.
    Tick(usize, Option<bool>),
    /// Time passes, seconds.
    Pass(i64),
    /// A call of a function that died takes effect.
    Late(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..6_usize, proptest::option::of(any::<bool>())).prop_map(|(which, fault)| Event::Tick(which, fault)),
        3 => (1..400_i64).prop_map(Event::Pass),
        1 => (0..4_usize).prop_map(Event::Late),
    ]
}

fn given_with_components() -> Given {
    let mut given = given();
    given.point.restored = fixture::with_components(&[("one", 3), ("two", 3)]);
    given.id = given.point.write().0;
    given
}

proptest! {
    #[test]
    fn whatever_happens_it_ends_and_a_drill_leaves_nothing_and_nobodys_things_go(
        drill in any::<bool>(),
        doomed in any::<bool>(),
        components in any::<bool>(),
        (later, answers_after, wrong) in (0..3_usize, 1..2000_i64, any::<bool>()),
        events in proptest::collection::vec(event(), 0..40),
    ) {
        let given = if components { given_with_components() } else { given() };
        let kind = if drill { Kind::Drill } else { Kind::Restore };
        let mut fake = Fake::new();
        fake.someone_makes(
            Thing { kind: ThingKind::Model, name: "other".into() },
            serde_json::json!({"ModelName": "other"}),
        );
        fake.doomed = doomed;
        fake.later = (0..later)
            .map(|number| Wanted { probe: format!("later-{number}"), input: "s3://in/probes/".into() })
            .collect();
        fake.answers_after = answers_after;
        if wrong {
            fake.probes = ProbeRound::Failed("score 0.9".into());
        }
        let mut state = Ok(Restoration::new(fake.plan(&given.ask(kind)).unwrap(), fake.now, None));
        let mut late: Vec<(jiff::Timestamp, Effect)> = vec![];
        for event in events {
            match event {
                Event::Tick(which, fault) => {
                    let mut calls = 0;
                    let mut dead = None;
                    fake.tick(&mut state, |effect| {
                        calls += 1;
                        match fault {
                            _ if calls <= which => Some(Fault::None),
                            None if calls == which + 1 => {
                                dead = Some(effect.clone());
                                None
                            }
                            Some(true) if calls == which + 1 => Some(Fault::LostAfter),
                            Some(false) if calls == which + 1 => Some(Fault::LostBefore),
                            _ => Some(Fault::None),
                        }
                    });
                    // What was put and queued ends with its function: nobody makes it for it.
                    let made = dead.filter(|effect| !matches!(effect, Effect::Ask(..)));
                    late.extend(made.map(|effect| (fake.now, effect)));
                }
                Event::Pass(seconds) => fake.pass(seconds),
                Event::Late(which) if !late.is_empty() => {
                    let (made, effect) = late.swap_remove(which % late.len());
                    // No call outlives its function for longer than it is waited for.
                    if fake.now.duration_since(made).as_secs() < 300 {
                        fake.take(&effect, Fault::None);
                    }
                }
                Event::Late(_) => {}
            }
        }
        let mut ticks = 0;
        while state.is_ok() {
            fake.tick(&mut state, |_| Some(Fault::None));
            fake.pass(60);
            ticks += 1;
            prop_assert!(ticks < 1000, "no end: {:?}", state);
        }
        let past = state.unwrap_err();
        if drill {
            let left: Vec<String> = fake.things.keys().map(ToString::to_string).collect();
            prop_assert_eq!(left, ["model other"]);
            prop_assert!(fake.scaling.is_empty());
        } else {
            prop_assert!(fake.deleted.is_empty());
        }
        let litter: Vec<&String> = fake.objects.iter().filter(|object| fake.asked.contains(object)).collect();
        prop_assert!(litter.is_empty() && past.objects.is_empty(), "{litter:?}, {:?}", past.objects);
        if past.how == Ended::Passed {
            prop_assert!(!doomed && !wrong && past.figures.rto.is_some());
            prop_assert!(past.figures.probed);
        }
        if !doomed && !wrong && (later == 0 || answers_after < WITHIN) && past.how != Ended::Passed {
            // Only time can have run out.
            prop_assert!(matches!(&past.how, Ended::Failed(why) if why.starts_with("not done within")), "{}", past.how);
        }
    }
}

/// What Application Auto Scaling would have made of a range, minute by minute: actions at full hours, by (hour, range).
fn minute_by_minute(mut range: (u32, u32), actions: &[(i8, (u32, u32))], from: i64, until: i64) -> (u32, u32) {
    for second in (from..=until).filter(|second| fixture::at(*second).as_second() % 3600 == 0) {
        let hour = fixture::at(second).to_zoned(jiff::tz::TimeZone::UTC).hour();
        for (_, to) in actions.iter().filter(|(due, _)| *due == hour) {
            range = *to;
        }
    }
    range
}

proptest! {
    #[test]
    fn whenever_it_is_restored_it_has_the_range_of_the_hour_and_a_second_restore_leaves_it_alone(
        actions in proptest::collection::vec((0..24_i8, (0..6_u32, 0..8_u32)), 0..4),
        (begins, again_after) in (0..200_000_i64, 0..200_000_i64),
        (min, more, stands) in (1..6_u32, 0..6_u32, any::<bool>()),
    ) {
        let actions: Vec<(i8, (u32, u32))> =
            actions.into_iter().map(|(hour, (min, more))| (hour, (min, (min + more).max(1)))).collect();
        let mut given = given();
        let scaling = &mut given.point.restored.scaling[0].scaling;
        scaling.actions = actions.iter().enumerate().map(|(number, (hour, (min, max)))| ScheduledAction {
            name: format!("action-{number}"),
            schedule: format!("cron(0 {hour} ? * * *)"),
            timezone: None,
            start: None,
            end: None,
            min: Some(*min),
            max: Some(*max),
        }).collect();
        let point = (scaling.min, scaling.max);
        given.id = given.point.write().0;
        let mut fake = Fake::new();
        fake.now = fixture::at(begins);
        let plan = |fake: &Fake| fake.plan(&Ask { now: fake.now, ..given.ask(Kind::Restore) }).unwrap();
        let mut state = Ok(Restoration::new(plan(&fake), fake.now, None));
        let mut registered = begins;
        while state.is_ok() {
            let now = fake.now.as_second() - fixture::at(0).as_second();
            fake.tick(&mut state, |effect| {
                if matches!(effect, Effect::Scale(_)) {
                    registered = now;
                }
                Some(Fault::None)
            });
            fake.pass(60);
        }
        prop_assert_eq!(state.unwrap_err().how, Ended::Passed);
        let (least, most) = minute_by_minute(point, &actions, -60, registered + 10);
        let least = if least == 0 { 0 } else { least.max(2) };
        let seen = |fake: &Fake| fake.scaling.values().map(|one| (one.min, one.max)).collect::<Vec<_>>();
        prop_assert_eq!(seen(&fake), [(least, most.max(least))]);
        // Whatever it is by then.
        if stands {
            for one in fake.scaling.values_mut() {
                (one.min, one.max) = (min, min + more);
            }
        }
        fake.pass(again_after);
        let before = fake.scaling.clone();
        let past = fake.run(plan(&fake));
        prop_assert_eq!((past.how, past.figures.rto), (Ended::Passed, None));
        prop_assert_eq!(&fake.scaling, &before);
    }
}
