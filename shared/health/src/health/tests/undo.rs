//! What a recovery took, and how it comes back.

use super::ladder::{blue_without_traffic, sick_blue, verbs, weights};
use crate::{
    endpoint::EndpointStatus,
    health::{
        fixture::{Look, Stage, look, minutes, stage, variant},
        policy::Rung,
        recovery::Verb,
    },
    probe::Cause,
    scaling::{Scaling, Suspended},
};

#[test]
fn the_sick_variant_loses_its_traffic_and_gets_it_back_when_it_is_well() {
    let mut stage = stage().allowing(&[Rung::ShiftAway]);
    stage.sweeps(3, &sick_blue());
    assert_eq!(verbs(&stage), [weights([("blue", 0.0), ("green", 1.0)])]);
    stage.accepted();
    let now = stage.now;
    stage.sweep([sick_blue().status(EndpointStatus::Updating, now)]);
    assert_eq!(verbs(&stage), []);
    stage.sweep([blue_without_traffic(Some(Cause::ServerError))]);
    stage.sweeps(16, &blue_without_traffic(None));
    assert_eq!(verbs(&stage), []);
    stage.sweeps(2, &blue_without_traffic(None));
    assert_eq!(verbs(&stage), [weights([("blue", 1.0), ("green", 1.0)])]);
    stage.sweep([look("fraud").two(None)]);
    insta::assert_snapshot!(stage.heard(), @r"
    08:04 fraud endpoint.degraded warning: errors
    08:04 fraud recovery.started info: shift-away
    08:06 fraud recovery.finished info: done
    08:08 fraud endpoint.recovered info: after 6 min
    08:23 fraud recovery.started info: undoing an earlier recovery
    08:25 fraud recovery.finished info: an earlier one is undone
    ");
}

#[test]
fn traffic_goes_back_once_and_then_waits_for_a_person() {
    let mut stage = stage()
        .allowing(&[Rung::ShiftAway])
        .with(|policy| policy.recovery.cooldown = minutes(1));
    stage.sweeps(4, &sick_blue()).accepted();
    stage
        .sweep([blue_without_traffic(Some(Cause::ServerError))])
        .sweeps(5, &blue_without_traffic(None));
    stage
        .sweep([look("fraud").two(None)])
        .sweeps(4, &sick_blue())
        .accepted();
    stage
        .sweep([blue_without_traffic(Some(Cause::ServerError))])
        .sweeps(30, &blue_without_traffic(None));
    assert_eq!(verbs(&stage), []);
    let kept = &stage.record("fraud").recovery.shifted;
    assert_eq!(kept.iter().filter(|shifted| shifted.keep).count(), 1);
    let told: Vec<_> = stage
        .told
        .iter()
        .filter(|alert| alert.next.contains("aws sagemaker"))
        .collect();
    let kinds: Vec<_> = told.iter().map(|alert| alert.kind.as_str()).collect();
    assert_eq!(kinds, ["recovery.finished", "endpoint.recovered"]);
    insta::assert_snapshot!(told[0].next, @"Steward does not give variant blue its traffic back by itself. When it is well: aws sagemaker update-endpoint-weights-and-capacities --endpoint-name fraud --desired-weights-and-capacities VariantName=blue,DesiredWeight=1");
    assert!(
        told[1]
            .evidence
            .iter()
            .any(|line| line.ends_with("leaves it to a person to give it back"))
    );
}

/// Blue has no traffic since Steward took it, and is well; `weights` are what somebody else made of it.
fn changed_by_somebody(blue: f64, green: f64) -> Stage {
    let mut stage = stage().allowing(&[Rung::ShiftAway]);
    stage.sweeps(4, &sick_blue()).accepted();
    stage.sweep([blue_without_traffic(Some(Cause::ServerError))]);
    let theirs = look("fraud")
        .two(None)
        .endpoint(|endpoint| endpoint.variants = vec![variant("blue", blue, 2), variant("green", green, 2)]);
    stage.sweeps(30, &theirs);
    assert_eq!(stage.steps(), [], "weights that somebody else set are left alone");
    stage
}

#[test]
fn once_somebody_else_gave_it_traffic_a_variant_is_theirs() {
    assert!(
        changed_by_somebody(3.0, 7.0)
            .record("fraud")
            .recovery
            .shifted
            .is_empty()
    );
}

#[test]
fn what_still_has_no_traffic_after_somebody_changed_other_weights_is_left_to_a_person_and_not_forgotten() {
    let stage = changed_by_somebody(0.0, 7.0);
    let shifted = &stage.record("fraud").recovery.shifted;
    assert!(
        matches!(&shifted[..], [one] if one.keep && one.back.is_none()),
        "{shifted:?}"
    );
    let advice = crate::health::recovery::give_back("fraud", stage.record("fraud")).expect("said in the status");
    assert!(advice.contains("VariantName=blue,DesiredWeight=1"), "{advice}");
}

#[test]
fn an_autoscaled_variant_grows_by_its_minimum_which_is_lowered_again() {
    let mut stage = stage().allowing(&[Rung::AddInstance]);
    let three = |look: Look| look.endpoint(|endpoint| endpoint.variants = vec![variant("blue", 1.0, 3)]);
    stage.sweeps(3, &look("fraud").degraded().scaled(1, 4));
    assert_eq!(
        verbs(&stage),
        [Verb::SetMinimum {
            variant: "blue".into(),
            minimum: 3
        }]
    );
    let own = |stage: &Stage, min: u32| {
        let seen = Scaling {
            min,
            max: 4,
            suspended: Suspended::default(),
            policies: vec![],
            actions: vec![],
        };
        seen.given_back(&stage.record("fraud").recovery.minimum("blue")).min
    };
    assert_eq!(
        (own(&stage, 1), own(&stage, 2), own(&stage, 3)),
        (1, 2, 1),
        "about to be raised"
    );
    stage.accepted().sweep([look("fraud").degraded().scaled(3, 4)]);
    assert_eq!(verbs(&stage), []);
    assert_eq!((own(&stage, 3), own(&stage, 4)), (1, 4));
    stage.sweeps(16, &three(look("fraud")).scaled(3, 4));
    assert_eq!(
        verbs(&stage),
        [Verb::SetMinimum {
            variant: "blue".into(),
            minimum: 1
        }]
    );
    stage.sweep([three(look("fraud")).scaled(1, 4)]);
    assert!(stage.record("fraud").recovery.raised.is_empty());
}

/// Three variants of weight 1; those named in `away` have none, and those named in `sick` fail.
fn three(away: &[&str], sick: &[&str]) -> Look {
    let names = ["blue", "green", "red"];
    let weight = |name| if away.contains(&name) { 0.0 } else { 1.0 };
    let look = look("fraud")
        .endpoint(|endpoint| endpoint.variants = names.map(|name| variant(name, weight(name), 4)).to_vec());
    names.into_iter().fold(look, |look, name| {
        if sick.contains(&name) {
            look.variant_failed(name, Cause::ServerError)
        } else {
            look.variant_passed(name)
        }
    })
}

/// Blue fell ill and lost its traffic, then green did.
fn shifted_twice() -> Stage {
    let mut stage = stage()
        .allowing(&[Rung::ShiftAway])
        .with(|policy| policy.recovery.cooldown = minutes(5));
    stage.sweep([three(&[], &[])]);
    stage.sweeps(3, &three(&[], &["blue"])).accepted();
    stage.sweep([three(&["blue"], &["blue"])]);
    // Blue is still ill when green falls ill: the incident goes on.
    stage.sweep([three(&["blue"], &[])]).sweep([three(&["blue"], &[])]);
    stage
        .sweeps(3, &three(&["blue"], &["green"]))
        .sweeps(3, &three(&["blue"], &["green"]));
    assert_eq!(verbs(&stage), [weights([("blue", 0.0), ("green", 0.0), ("red", 1.0)])]);
    stage.accepted();
    stage.sweep([three(&["blue", "green"], &["green"])]);
    stage.heard();
    stage
}

#[test]
fn of_two_shifts_each_variant_gets_its_own_traffic_back() {
    let mut stage = shifted_twice();
    // Blue is well for a cooldown first, green only later.
    stage.sweeps(5, &three(&["blue", "green"], &["green"]));
    assert_eq!(verbs(&stage), [weights([("blue", 1.0), ("green", 0.0), ("red", 1.0)])]);
    stage.accepted();
    stage.sweeps(12, &three(&["green"], &[]));
    assert_eq!(verbs(&stage), [weights([("blue", 1.0), ("green", 1.0), ("red", 1.0)])]);
    stage.accepted();
    stage.sweeps(2, &three(&[], &[]));
    let shifted = &stage.record("fraud").recovery.shifted;
    assert!(shifted.iter().all(|shifted| shifted.back.is_some()), "{shifted:?}");
}

#[test]
fn the_later_of_two_shifts_may_be_given_back_first() {
    let mut stage = shifted_twice();
    stage.sweeps(12, &three(&["blue", "green"], &["blue"]));
    assert_eq!(verbs(&stage), [weights([("blue", 0.0), ("green", 1.0), ("red", 1.0)])]);
    stage.accepted();
    stage.sweeps(12, &three(&["blue"], &[]));
    assert_eq!(verbs(&stage), [weights([("blue", 1.0), ("green", 1.0), ("red", 1.0)])]);
}
