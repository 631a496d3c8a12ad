//! Endpoints that keep changing, and failures that never come in a row.

use crate::{
    health::{
        fixture::{Look, Stage, bare, look, minutes, stage},
        ledger::State,
        policy::Rung,
    },
    probe::Cause,
};

#[test]
fn flapping_is_told_once_and_then_that_it_is_calm() {
    let mut stage = stage().with(|policy| (policy.failure_threshold, policy.success_threshold) = (1, 1));
    for _ in 0..10 {
        stage
            .sweep([look("fraud").failed(Cause::ServerError)])
            .sweep([look("fraud")]);
    }
    stage.sweeps(70, &look("fraud"));
    insta::assert_snapshot!(stage.heard(), @r"
    08:02 fraud endpoint.unhealthy critical: errors
    08:03 fraud endpoint.recovered info: after 60 s
    08:04 fraud endpoint.unhealthy critical: errors
    08:05 fraud endpoint.recovered info: after 60 s
    08:06 fraud endpoint.unhealthy critical: errors
    08:07 fraud endpoint.recovered info: after 60 s
    08:08 fraud endpoint.flapping warning: 7 changes in 60 min
    09:21 fraud endpoint.recovered info: calm since 60 min
    ");
}

#[test]
fn flapping_that_ends_sick_says_so() {
    let mut stage = stage().with(|policy| (policy.failure_threshold, policy.success_threshold) = (1, 1));
    for _ in 0..4 {
        stage
            .sweep([look("fraud").failed(Cause::ServerError)])
            .sweep([look("fraud")]);
    }
    stage.heard();
    stage.sweeps(70, &look("fraud").failed(Cause::ServerError));
    assert_eq!(stage.heard(), "08:30 fraud endpoint.unhealthy critical: errors");
}

fn flapped() -> Stage {
    let mut stage = stage().with(|policy| {
        (policy.failure_threshold, policy.success_threshold) = (1, 1);
        policy.flapping.outage = minutes(15);
    });
    for _ in 0..4 {
        stage
            .sweep([look("fraud").failed(Cause::ServerError)])
            .sweep([look("fraud")]);
    }
    assert!(
        stage
            .heard()
            .ends_with("endpoint.flapping warning: 7 changes in 60 min")
    );
    stage
}

#[test]
fn an_outage_seen_only_by_probes_is_told_soon_although_the_endpoint_was_flapping() {
    let mut stage = flapped().allowing(&[Rung::Redeploy]);
    let sick = look("fraud").failed(Cause::ServerError);
    stage.sweeps(15, &sick);
    assert_eq!((stage.heard().as_str(), stage.steps().len()), ("", 0));
    stage.sweeps(5, &sick).sweeps(2, &look("fraud"));
    insta::assert_snapshot!(stage.heard(), @r"
    08:25 fraud endpoint.unhealthy critical: errors
    08:25 fraud recovery.started info: redeploy
    08:30 fraud endpoint.recovered info: after 28 min
    08:30 fraud recovery.finished info: withdrawn: the endpoint recovered by itself
    ");
}

#[test]
fn an_endpoint_that_flapped_and_cannot_be_judged_is_not_called_an_outage() {
    let mut stage = flapped();
    stage
        .sweep([look("fraud").failed(Cause::ServerError)])
        .sweeps(40, &look("fraud").inconclusive(Cause::Throttled));
    assert!(!stage.heard().contains("endpoint.unhealthy"));
}

/// Two failures and a success, again and again.
fn two_of_three(stage: &mut Stage, times: u32, sick: &Look, well: &Look) {
    for _ in 0..times {
        stage.sweeps(2, sick).sweep([well.clone()]);
    }
}

#[test]
fn two_failures_of_three_are_told_although_three_never_come_in_a_row() {
    let mut stage = stage();
    two_of_three(&mut stage, 4, &look("fraud").failed(Cause::TimedOut), &look("fraud"));
    assert_eq!(
        stage.told[0].evidence[..2],
        ["probe smoke: made up: TimedOut", "6 of the last 10 checks failed"]
    );
    assert_eq!(
        stage.heard(),
        "08:09 fraud endpoint.unhealthy critical: no answer in time"
    );
    assert_eq!(stage.record("fraud").state, State::Unhealthy);
    stage.sweep([look("fraud")]);
    assert_eq!(stage.heard(), "08:14 fraud endpoint.recovered info: after 6 min");
}

#[test]
fn two_slow_answers_of_three_degrade() {
    let mut stage = stage();
    two_of_three(&mut stage, 4, &look("fraud").degraded(), &look("fraud"));
    assert_eq!(stage.heard(), "08:09 fraud endpoint.degraded warning: too slow");
}

#[test]
fn a_variant_that_fails_two_times_of_three_loses_its_traffic() {
    let mut stage = stage().allowing(&[Rung::ShiftAway]);
    let (sick, well) = (look("fraud").two(Some(Cause::ServerError)), look("fraud").two(None));
    stage.sweep([well.clone()]);
    two_of_three(&mut stage, 2, &sick, &well);
    stage.sweep([sick.clone()]);
    assert_eq!(stage.heard(), "");
    stage.sweep([sick]);
    assert!(stage.heard().contains("recovery.started info: shift-away"));
}

#[test]
fn blips_say_nothing_and_a_recovery_wipes_what_was_before() {
    let mut stage = stage();
    let sick = look("fraud").failed(Cause::TimedOut);
    for _ in 0..30 {
        stage.sweep([sick.clone()]).sweep([look("fraud")]);
    }
    assert_eq!(stage.heard(), "");
    two_of_three(&mut stage, 3, &sick, &look("fraud"));
    stage.sweeps(2, &look("fraud")).heard();
    stage.sweeps(2, &sick);
    assert_eq!(
        (stage.heard().as_str(), stage.record("fraud").state),
        ("", State::Healthy)
    );
}

#[test]
fn the_share_of_failures_can_be_turned_off_and_never_undercuts_the_threshold() {
    for (checks, threshold) in [(0, 3), (10, 7)] {
        let mut stage = stage().with(|policy| {
            policy.failure_share.checks = checks;
            policy.failure_threshold = threshold;
        });
        two_of_three(&mut stage, 2, &look("fraud").failed(Cause::TimedOut), &look("fraud"));
        stage.sweeps(2, &look("fraud").failed(Cause::TimedOut));
        assert_eq!(stage.heard(), "", "{checks} {threshold}");
    }
}

#[test]
fn an_endpoint_that_is_well_remembers_no_checks() {
    let mut stage = bare(&["fraud"]);
    stage.sweeps(30, &look("fraud"));
    assert!(stage.record("fraud").recent.is_empty());
    stage
        .sweep([look("fraud").failed(Cause::TimedOut)])
        .sweeps(12, &look("fraud"));
    assert!(stage.record("fraud").recent.is_empty());
}
