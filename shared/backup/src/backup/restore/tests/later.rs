//! Asynchronous probes.

use std::time::Duration;

use super::{
    super::{fake::*, *},
    begun,
};
use crate::backup::fixture::at;

fn asynchronous(fake: &mut Fake, names: &[&str]) {
    let wanted = |name: &&str| Wanted {
        probe: (*name).to_owned(),
        input: "s3://in/probes/".into(),
    };
    fake.later = names.iter().map(wanted).collect();
}

#[test]
fn an_asynchronous_endpoint_is_restored_when_the_answers_are_there_and_nothing_of_the_asking_stays() {
    for kind in [Kind::Restore, Kind::Drill] {
        let (given, mut fake) = (given(), Fake::new());
        asynchronous(&mut fake, &["one", "two"]);
        fake.answers_after = 100;
        let past = fake.run(fake.plan(&given.ask(kind)).unwrap());
        assert_eq!(past.how, Ended::Passed);
        let name = &past.endpoint;
        let input = |probe| {
            format!(
                "s3://in/probes/steward-{name}-{probe}-{}-7-{}-1",
                kind.as_str(),
                at(3600).as_second()
            )
        };
        assert_eq!(fake.asked, [input("one"), input("two")]);
        assert!(fake.objects.is_empty(), "{:?}", fake.objects);
        // The endpoint takes 180 seconds, the answers 100, found at the next minute.
        assert_eq!(past.figures.rto, Some(Duration::from_secs(180 + 120)));
        assert!(past.figures.probed);
    }
}

#[test]
fn what_happens_while_answers_are_awaited_reads_like_this() {
    let (given, mut fake) = (given(), Fake::new());
    asynchronous(&mut fake, &["one", "two"]);
    let mut state = begun(&given, &fake, Kind::Restore);
    fake.tick(&mut state, |_| Some(Fault::None));
    fake.pass(180);
    fake.tick(&mut state, |_| Some(Fault::None));
    let waiting = state.as_ref().unwrap();
    assert_eq!(waiting.later.iter().filter(|later| later.job.is_some()).count(), 2);
    insta::assert_snapshot!(serde_json::to_string_pretty(&waiting.later).unwrap());
    fake.pass(60);
    fake.tick(&mut state, |_| Some(Fault::None));
    let past = state.unwrap_err();
    let log: Vec<&str> = past.log.iter().rev().take(5).map(|line| line.what.as_str()).collect();
    assert_eq!(
        log,
        [
            "ended: passed",
            "removing the objects of its probes",
            "passed",
            "asking the asynchronous probes one, two",
            "probing",
        ]
    );
}

#[test]
fn wrong_answers_are_asked_for_three_times_and_late_ones_too() {
    for (wrong, after, said) in [(true, 20, "score 0.9"), (false, 10_000, "no output")] {
        let (given, mut fake) = (given(), Fake::new());
        asynchronous(&mut fake, &["one"]);
        if wrong {
            fake.probes = ProbeRound::Failed("score 0.9, expected 0.1".into());
        }
        fake.answers_after = after;
        let past = fake.run(fake.plan(&given.ask(Kind::Restore)).unwrap());
        let Ended::Failed(why) = &past.how else {
            panic!("{}", past.how)
        };
        assert!(
            why.starts_with("3 rounds of probes in a row") && why.contains(said),
            "{why}"
        );
        assert_eq!(fake.asked.len(), 3);
        let rounds: Vec<bool> = fake.asked.iter().map(|input| fake.objects.contains(input)).collect();
        assert_eq!(rounds, [false; 3], "{:?}", fake.objects);
        assert_eq!(past.figures.rto, None);
    }
}

#[test]
fn an_answer_that_comes_too_late_is_asked_for_again() {
    let (given, mut fake) = (given(), Fake::new());
    asynchronous(&mut fake, &["one"]);
    fake.answers_after = WITHIN + 60;
    let mut state = begun(&given, &fake, Kind::Restore);
    // By the second round it is faster.
    while state.is_ok() {
        fake.tick(&mut state, |_| Some(Fault::None));
        fake.pass(60);
        if fake.asked.len() == 1 {
            fake.answers_after = 20;
        }
    }
    assert_eq!(state.unwrap_err().how, Ended::Passed);
    assert_eq!(fake.asked.len(), 2);
    // The answer of the first round came after it was overdue, and was removed too.
    assert!(fake.objects.is_empty(), "{:?}", fake.objects);
}

#[test]
fn a_function_that_dies_while_it_asks_puts_the_same_input_again() {
    let (given, mut fake) = (given(), Fake::new());
    asynchronous(&mut fake, &["one"]);
    let mut state = begun(&given, &fake, Kind::Drill);
    fake.tick(&mut state, |_| Some(Fault::None));
    fake.pass(180);
    fake.tick(&mut state, |effect| match effect {
        Effect::Ask(..) => Some(Fault::LostAfter),
        _ => Some(Fault::None),
    });
    while state.is_ok() {
        fake.tick(&mut state, |_| Some(Fault::None));
        fake.pass(60);
    }
    assert_eq!(state.unwrap_err().how, Ended::Passed);
    assert_eq!(fake.asked.len(), 2);
    assert_eq!(fake.asked[0], fake.asked[1]);
    assert!(!fake.objects.contains(&fake.asked[0]));
}

#[test]
fn what_s3_does_not_remove_keeps_nothing_from_ending_and_is_named() {
    for keeps in [Outcome::Refused("denied".into()), Outcome::Later("throttled".into())] {
        let (given, mut fake) = (given(), Fake::new());
        asynchronous(&mut fake, &["one"]);
        fake.keeps = Some(keeps);
        let past = fake.run(fake.plan(&given.ask(Kind::Restore)).unwrap());
        assert_eq!(past.how, Ended::Passed);
        assert_eq!(past.objects.len(), 3, "{:?}", past.objects);
        assert_eq!(
            past.figures.rto,
            Some(Duration::from_secs(180 + 60)),
            "clearing away is no part of it"
        );
    }
}

#[test]
fn an_operators_word_ends_what_is_asked_and_its_objects_go() {
    let (given, mut fake) = (given(), Fake::new());
    asynchronous(&mut fake, &["one"]);
    let mut state = begun(&given, &fake, Kind::Restore);
    fake.tick(&mut state, |_| Some(Fault::None));
    fake.pass(180);
    fake.tick(&mut state, |_| Some(Fault::None));
    assert_eq!(fake.objects.len(), 1);
    let world = World {
        now: fake.now,
        look: None,
        acted: None,
        abort: Some("ana"),
    };
    state = decide(&state.unwrap(), &world).state;
    fake.tick(&mut state, |_| Some(Fault::None));
    assert_eq!(state.unwrap_err().how, Ended::Aborted("ana".into()));
    assert!(fake.objects.is_empty());
}

#[test]
fn two_failures_with_a_long_death_between_them_leave_no_object() {
    let (given, mut fake) = (given(), Fake::new());
    asynchronous(&mut fake, &["one"]);
    let mut state = begun(&given, &fake, Kind::Restore);
    let lost = |effect: &Effect| match effect {
        Effect::Remove(_) => Some(Fault::LostBefore),
        _ => Some(Fault::None),
    };
    for _ in 0..60 {
        if state.as_ref().is_ok_and(|state| state.waiting.is_some()) {
            break;
        }
        fake.tick(&mut state, lost);
        fake.pass(60);
    }
    fake.pass(3600);
    fake.tick(&mut state, lost);
    assert!(state.is_ok(), "given up after two tries");
    fake.tick(&mut state, |_| Some(Fault::None));
    let past = state.unwrap_err();
    assert_eq!((past.how, past.objects), (Ended::Passed, vec![]));
    assert!(fake.objects.is_empty());
}
