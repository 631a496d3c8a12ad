//! What is named and need not be there yet: declared and not made, or standing by in the Region of its backups.

use crate::health::{
    fixture::{Stage, bare, look, minutes, time},
    ledger::State,
    observation::Hint,
    silence::{self, Silence},
    status,
};
use crate::{endpoint::EndpointStatus, fleet::Unmade};

fn unmade(why: Unmade) -> Stage {
    let mut stage = bare(&["fraud"]);
    stage.watch.unmade.insert("fraud".to_owned(), why);
    stage
}

#[test]
fn what_stands_by_is_no_alert_and_says_so_in_its_status() {
    let mut stage = unmade(Unmade::StandsBy).with(|policy| policy.reminder = Some(minutes(5)));
    stage.sweeps(30, &look("fraud").absent());
    assert_eq!(
        (stage.heard().as_str(), stage.record("fraud").state),
        ("", State::Unknown)
    );
    let status = status::status(stage.now, &stage.watch, &stage.ledger, &[]);
    insta::assert_snapshot!(status.summary, @r"
    1 endpoint, 0 sick; last sweep 0 ms ago.
    fraud  unknown  for 29 min  standing by: its backups go to this Region, so it serves in another one; it is watched once a restore made it here
    ");
}

#[test]
fn what_is_declared_is_not_gone_before_it_was_made_and_is_once_it_was_seen() {
    let mut stage = unmade(Unmade::Declared);
    stage.sweeps(3, &look("fraud").absent());
    assert_eq!(stage.heard(), "");
    assert_eq!(stage.record("fraud").evidence, [Unmade::Declared.to_string()]);
    let began = stage.now;
    stage.sweeps(3, &look("fraud").status(EndpointStatus::Creating, began));
    stage.sweeps(2, &look("fraud"));
    assert_eq!(stage.heard(), "");
    stage.sweep([look("fraud").absent()]);
    assert_eq!(
        stage.heard(),
        "08:09 fraud endpoint.vanished critical: no such endpoint"
    );
    stage.later(minutes(3 * 24 * 60)).check([look("fraud").absent()]);
    assert_eq!(stage.record("fraud").state, State::Vanished);
}

#[test]
fn what_an_event_said_is_being_deleted_was_there() {
    let mut stage = unmade(Unmade::Declared);
    let mut gone = look("fraud").absent();
    gone.0.hint = Some(Hint {
        status: EndpointStatus::Deleting,
        at: stage.now,
    });
    stage.sweep([gone]);
    assert_eq!(stage.heard(), "08:01 fraud endpoint.vanished warning: no such endpoint");
}

#[test]
fn what_a_restore_made_is_told_when_it_vanishes_and_stands_by_again_a_day_after_somebody_deleted_it() {
    let mut stage = unmade(Unmade::StandsBy);
    stage.sweep([look("fraud").absent()]).sweeps(3, &look("fraud"));
    let now = stage.now;
    stage
        .sweep([look("fraud").status(EndpointStatus::Deleting, now)])
        .sweep([look("fraud").absent()]);
    assert_eq!(stage.heard(), "08:06 fraud endpoint.vanished warning: no such endpoint");
    stage.later(minutes(23 * 60)).check([look("fraud").absent()]);
    assert_eq!(
        (stage.heard().as_str(), stage.record("fraud").state),
        ("", State::Vanished)
    );
    stage.later(minutes(60)).check([look("fraud").absent()]);
    insta::assert_snapshot!(stage.heard(), @"08:06 fraud endpoint.dismissed info: standing by: its backups go to this Region, so it serves in another one; it is watched once a restore made it here");
    assert_eq!(stage.record("fraud").state, State::Unknown);
    // One that vanished without anybody seeing it deleted is missed until somebody says otherwise.
    let mut lost = unmade(Unmade::StandsBy);
    lost.sweeps(3, &look("fraud")).sweep([look("fraud").absent()]);
    lost.later(minutes(48 * 60)).check([look("fraud").absent()]);
    assert_eq!(lost.record("fraud").state, State::Vanished);
    assert_eq!(lost.heard(), "08:04 fraud endpoint.vanished critical: no such endpoint");
}

#[test]
fn what_was_told_as_gone_and_is_declared_since_is_closed_but_not_during_a_silence() {
    let mut stage = bare(&["fraud"]);
    stage.sweep([look("fraud").absent()]);
    assert_eq!(
        stage.heard(),
        "08:01 fraud endpoint.vanished critical: no such endpoint"
    );
    stage.watch.unmade.insert("fraud".to_owned(), Unmade::Declared);
    let quiet = Silence {
        endpoints: vec!["fraud".into()],
        until: time("2026-03-02T08:05:30Z"),
        reason: None,
        by: None,
        at: stage.now,
    };
    silence::silence(&mut stage.ledger, quiet).expect("added");
    stage.sweeps(4, &look("fraud").absent());
    assert_eq!(stage.heard(), "");
    stage.sweep([look("fraud").absent()]);
    insta::assert_snapshot!(stage.heard(), @"08:06 fraud endpoint.dismissed info: declared, not made yet: a plan of the fleet reconciler makes it (`provision`); it is watched once it was seen");
    stage.sweeps(3, &look("fraud").absent());
    assert_eq!(stage.heard(), "");
}

#[test]
fn a_name_that_was_never_seen_and_is_not_declared_is_compared_with_those_there_are() {
    let mut stage = bare(&["fraud"]);
    stage.sweep([look("fraud").absent()]);
    insta::assert_snapshot!(stage.told[0].message().text);
}

#[test]
fn a_name_that_was_never_seen_is_forgotten_when_only_a_pattern_is_left_of_it() {
    for why in [None, Some(Unmade::StandsBy)] {
        let mut stage = bare(&["fraud"]);
        stage.watch.unmade.extend(why.map(|why| ("fraud".to_owned(), why)));
        stage.sweep([look("fraud").absent()]).heard();
        stage = stage.by_pattern();
        stage.watch.unmade.clear();
        stage.sweep([look("fraud").absent()]);
        assert!(stage.ledger.endpoints.is_empty(), "{why:?}");
        assert!(!stage.heard().contains("vanished"), "{why:?}");
    }
}
