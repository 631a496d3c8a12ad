//! What people are told of how a repair went: that it helped, that it did not, or that it never was.

use super::ladder::verbs;
use crate::{
    health::{
        fixture::{Look, Stage, bare, look, minutes, stage},
        observation::{ActOutcome, News},
        policy::Rung,
        recovery::Verb,
        silence::{self, Silence},
        status,
    },
    probe::Cause,
};

fn sick() -> Look {
    look("fraud").failed(Cause::ServerError)
}

/// Redeployed under another config, which the answer is the name of.
fn redeployed(stage: &mut Stage) -> String {
    stage.sweeps(3, &sick());
    let [Verb::Redeploy { to, .. }] = &verbs(stage)[..] else {
        panic!("not one redeployment: {:?}", stage.steps())
    };
    let to = to.clone();
    stage.accepted();
    to
}

fn with_config(look: Look, config: &str) -> Look {
    look.endpoint(|endpoint| endpoint.config = Some(config.to_owned()))
}

fn quiet(stage: &mut Stage, lasts: u64) {
    let silenced = Silence {
        endpoints: vec!["fraud".into()],
        until: stage.now.checked_add(minutes(lasts)).unwrap(),
        reason: None,
        by: None,
        at: stage.now,
    };
    silence::silence(&mut stage.ledger, silenced).unwrap();
}

#[test]
fn a_repair_that_sagemaker_shows_and_that_did_not_help_is_told_as_failed() {
    let mut stage = stage().allowing(&[Rung::Redeploy]);
    let to = redeployed(&mut stage);
    stage.heard();
    stage.sweeps(15, &with_config(sick(), &to));
    assert_eq!(stage.heard(), "");
    stage.sweeps(20, &with_config(sick(), &to));
    assert!(stage.told.iter().all(|alert| !alert.resolved));
    insta::assert_snapshot!(stage.heard(), @r"
    08:20 fraud recovery.failed warning: made, and it did not help
    08:20 fraud recovery.exhausted critical: every rung that is safe here was tried
    ");
}

#[test]
fn a_repair_is_done_when_the_endpoint_is_healthy_again() {
    let mut stage = stage().allowing(&[Rung::Redeploy]);
    let to = redeployed(&mut stage);
    stage.heard();
    stage.sweeps(5, &with_config(sick(), &to));
    assert_eq!(stage.heard(), "");
    stage.sweeps(2, &with_config(look("fraud"), &to));
    insta::assert_snapshot!(stage.heard(), @r"
    08:11 fraud endpoint.recovered info: after 9 min
    08:11 fraud recovery.finished info: done
    ");
}

#[test]
fn nobody_is_told_of_a_repair_while_the_endpoint_is_silenced() {
    let mut stage = stage().allowing(&[Rung::Redeploy]);
    stage.sweeps(3, &sick()).heard();
    quiet(&mut stage, 10);
    stage.sweeps(9, &sick());
    assert_eq!((stage.heard().as_str(), stage.steps().len()), ("", 0));
    stage.sweep([sick()]);
    assert!(stage.told.iter().all(|alert| !alert.resolved), "{:?}", stage.told);
    insta::assert_snapshot!(stage.heard(), @"08:14 fraud recovery.withdrawn info: it is silenced or in maintenance");
}

#[test]
fn a_repair_that_fails_during_a_silence_is_told_after_it() {
    let mut stage = stage().allowing(&[Rung::Redeploy]);
    stage.sweeps(3, &sick()).heard();
    quiet(&mut stage, 10);
    let step = stage.steps().remove(0);
    let refused = stage.acted(&step, ActOutcome::Refused("AccessDenied".into()));
    stage.hear(&News {
        acted: vec![refused],
        ..News::default()
    });
    stage.sweeps(9, &sick());
    assert_eq!(stage.heard(), "");
    stage.sweep([sick()]);
    assert_eq!(stage.heard(), "08:14 fraud recovery.failed warning: AccessDenied");
}

#[test]
fn a_shift_of_traffic_is_no_end_of_the_trouble_while_the_variant_is_sick() {
    let mut stage = stage().allowing(&[Rung::ShiftAway]);
    stage.sweeps(3, &super::ladder::sick_blue()).accepted();
    stage.sweep([super::ladder::blue_without_traffic(Some(Cause::ServerError))]);
    let finished = stage.told.last().expect("told");
    assert_eq!(
        (finished.kind.as_str(), finished.resolved),
        ("recovery.finished", false)
    );
}

#[test]
fn whoever_waits_for_the_fleets_limit_is_told_so_once_and_repaired_when_it_allows() {
    let mut stage = bare(&["fraud", "other"]).allowing(&[Rung::Redeploy]);
    stage.fleet.recoveries_per_hour = 1;
    stage.fleet.suppression_minimum = 100;
    stage.sweep([look("fraud"), look("other")]);
    let other = look("other").failed(Cause::ServerError);
    stage.sweeps(3, &other);
    stage.sweeps(3, &sick());
    insta::assert_snapshot!(stage.heard(), @r"
    08:04 other endpoint.unhealthy critical: errors
    08:04 other recovery.started info: redeploy
    08:07 fraud endpoint.unhealthy critical: errors
    08:07 fraud recovery.exhausted critical: the fleet's limit of 1 recovery in an hour is reached
    ");
    stage.sweeps(50, &sick());
    assert_eq!(stage.heard(), "");
    stage.sweeps(10, &sick());
    assert!(stage.heard().contains("fraud recovery.started info: redeploy"));
}

#[test]
fn what_was_tried_and_what_is_left_is_said_when_it_begins_and_in_the_status() {
    let mut stage = stage().allowing(&[Rung::Redeploy]);
    redeployed(&mut stage);
    let started = stage.told.last().expect("told");
    assert_eq!(started.done[1], "This counts: of the budget of 3 in 24 h, 2 are left.");
    let status = status::status(stage.now, &stage.watch, &stage.ledger, &[]);
    assert!(
        status
            .summary
            .contains("tried redeploy (of the budget of 3 in 24 h, 2 are left)"),
        "{}",
        status.summary
    );
    assert_eq!(status.endpoints["fraud"]["budget_left"], 2);
}
