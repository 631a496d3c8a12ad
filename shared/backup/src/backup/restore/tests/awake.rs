//! What may scale to zero, while it is restored.

use super::{
    super::{fake::*, *},
    begun,
};
use crate::{backup::definition::ScaledThing, scaling::Scaling};

/// Its minimum is 0.
fn sleeper() -> Given {
    let mut given = given();
    given.point.restored.scaling[0].scaling.min = 0;
    given
}

fn min(fake: &Fake) -> Option<u32> {
    fake.scaling.values().next().map(|scaling: &Scaling| scaling.min)
}

fn minima(state: &mut Result<Restoration, Past>, fake: &mut Fake) -> Vec<Option<u32>> {
    let mut seen = vec![];
    while state.is_ok() {
        fake.tick(state, |_| Some(Fault::None));
        if min(fake).is_some() && seen.last() != Some(&min(fake)) {
            seen.push(min(fake));
        }
        fake.pass(60);
    }
    seen
}

#[test]
fn what_may_scale_to_zero_is_kept_awake_until_it_is_proven_or_given_up() {
    let wrong = ProbeRound::Failed("score 0.9".into());
    for (probes, passes) in [(ProbeRound::Passed, true), (wrong, false)] {
        let (given, mut fake) = (sleeper(), Fake::new());
        fake.later = vec![Wanted {
            probe: "one".into(),
            input: "s3://in/probes/".into(),
        }];
        (fake.probes, fake.answers_after) = (probes, 100);
        let mut state = begun(&given, &fake, Kind::Restore);
        assert_eq!(minima(&mut state, &mut fake), [Some(1), Some(0)]);
        let past = state.unwrap_err();
        assert_eq!(past.how == Ended::Passed, passes, "{}", past.how);
        assert_eq!(past.restless, None);
        assert!(fake.objects.is_empty(), "{:?}", fake.objects);
    }
}

#[test]
fn while_it_is_kept_awake_the_minimum_that_it_gets_is_known_by_its_tags() {
    let (given, mut fake) = (sleeper(), Fake::new());
    let mut state = begun(&given, &fake, Kind::Restore);
    let mut kept = 0;
    while let Ok(restoration) = &state {
        let made = fake.things.iter().find(|(thing, _)| thing.kind == ThingKind::Endpoint);
        if let Some((_, made)) = made {
            assert_eq!(origin(&made.tags), Some(("fraud", restoration.plan.mark.1.as_str())));
        }
        for ((of, dimension), scaling) in &fake.scaling {
            let raised = restoration.raised(of, dimension, fake.now);
            assert_eq!(scaling.given_back(raised.as_slice()).min, 0);
            kept += scaling.min;
        }
        let mut calls = 0;
        // The function dies after each call, so that every state is seen.
        fake.tick(&mut state, |_| {
            calls += 1;
            (calls == 1).then_some(Fault::None)
        });
        fake.pass(60);
    }
    assert!(kept > 0, "it was kept awake");
}

#[test]
fn an_operators_word_lets_it_sleep_too() {
    let (given, mut fake) = (sleeper(), Fake::new());
    fake.probes = ProbeRound::Blind("throttled".into());
    let mut state = begun(&given, &fake, Kind::Restore);
    fake.tick(&mut state, |_| Some(Fault::None));
    fake.pass(180);
    fake.tick(&mut state, |_| Some(Fault::None));
    assert_eq!(min(&fake), Some(1));
    let world = World {
        now: fake.now,
        look: None,
        acted: None,
        abort: Some("ana"),
    };
    state = decide(&state.unwrap(), &world).state;
    fake.tick(&mut state, |_| Some(Fault::None));
    assert_eq!(state.unwrap_err().how, Ended::Aborted("ana".into()));
    assert_eq!(min(&fake), Some(0));
}

#[test]
fn a_minimum_that_cannot_be_restored_keeps_nothing_from_ending_and_is_named() {
    for fault in [Fault::Refused, Fault::LostBefore] {
        let (given, mut fake) = (sleeper(), Fake::new());
        let mut state = begun(&given, &fake, Kind::Restore);
        while state.is_ok() {
            let fault = |effect: &Effect| match effect {
                Effect::Scale(scaled) if scaled.scaling.min == 0 => fault,
                _ => Fault::None,
            };
            fake.tick(&mut state, |effect| Some(fault(effect)));
            fake.pass(60);
        }
        let past = state.unwrap_err();
        assert_eq!(past.how, Ended::Passed);
        assert_eq!(min(&fake), Some(1));
        let said = past.restless.expect("why");
        assert!(said.contains("register the scaling of variant"), "{said}");
        let rto = past.figures.rto.expect("proven").as_secs();
        assert_eq!(rto, 180, "letting it sleep is no part of it");
    }
}

#[test]
fn a_drill_is_kept_awake_and_its_scaling_goes_with_it() {
    let (given, mut fake) = (sleeper(), Fake::new());
    let mut state = begun(&given, &fake, Kind::Drill);
    minima(&mut state, &mut fake);
    let past = state.unwrap_err();
    assert_eq!(past.how, Ended::Passed);
    assert!(fake.scaling.is_empty(), "{:?}", fake.scaling);
    assert!(past.log.iter().all(|line| !line.what.contains("letting sleep")));
}

#[test]
fn what_would_be_made_says_that_it_is_kept_awake() {
    let (given, fake) = (sleeper(), Fake::new());
    let plan = fake.plan(&given.ask(Kind::Restore)).unwrap();
    let said = table(&plan, &given.point, &super::seen(&given.point));
    assert!(said.contains("; from 1 until it is proven"), "{said}");
    let variant = |one: &crate::backup::definition::Scaled| matches!(one.of, ScaledThing::Variant(_));
    assert!(plan.definition.scaling.iter().all(variant));
}

#[test]
fn under_a_name_that_nothing_wakes_it_stays_awake_and_people_are_told_which_entry_it_needs() {
    for (cover, min_after) in [(Cover::Nothing, 1), (Cover::Asleep, 1), (Cover::Same, 0)] {
        let (given, mut fake) = (sleeper(), Fake::new());
        fake.later = vec![Wanted {
            probe: "one".into(),
            input: "s3://in/probes/".into(),
        }];
        let ask = Ask {
            name: Some("fraud-eu"),
            cover,
            ..given.ask(Kind::Restore)
        };
        let plan = fake.plan(&ask).unwrap();
        let table = table(&plan, &given.point, &super::seen(&given.point));
        let past = fake.run(plan);
        assert_eq!(past.how, Ended::Passed);
        assert_eq!(min(&fake), Some(min_after));
        assert!(fake.objects.is_empty(), "{:?}", fake.objects);
        let entry = match cover {
            Cover::Nothing => "`endpoints: { fraud-eu: ... }`",
            Cover::Asleep => "write it under `fraud-eu`, too",
            Cover::Same => {
                assert_eq!((past.lacks, past.restless), (None, None));
                continue;
            }
        };
        assert!(table.contains(entry), "{table}");
        assert!(table.contains("; from 1, and kept there"), "{table}");
        assert!(past.lacks.is_some_and(|said| said.contains(entry)));
        assert_eq!(past.restless.as_deref(), Some("nothing would wake fraud-eu"));
    }
}

#[test]
fn what_never_sleeps_needs_an_entry_all_the_same() {
    let (given, fake) = (given(), Fake::new());
    let ask = Ask {
        name: Some("fraud-eu"),
        cover: Cover::Nothing,
        ..given.ask(Kind::Restore)
    };
    let plan = fake.plan(&ask).unwrap();
    assert_eq!((plan.lacks.is_some(), plan.awake), (true, None));
}
