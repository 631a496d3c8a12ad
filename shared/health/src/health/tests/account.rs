//! What an alert says was and was not done when a recovery did not come to its end.

use crate::{
    endpoint::EndpointStatus,
    health::{
        fixture::{Look, Stage, look, stage},
        observation::{ActOutcome, Acted, News},
        policy::Rung,
    },
    probe::Cause,
};

fn sick() -> Look {
    look("fraud").failed(Cause::ServerError)
}

fn hear(stage: &mut Stage, outcome: ActOutcome, left: &[&str]) {
    let step = stage.steps().remove(0);
    let acted = Acted {
        left: left.iter().map(|line| (*line).to_owned()).collect(),
        ..stage.acted(&step, outcome)
    };
    stage.hear(&News {
        acted: vec![acted],
        ..News::default()
    });
}

/// A redeployment whose first attempt went like this, and that was withdrawn because the endpoint recovered.
fn withdrawn(outcome: Option<ActOutcome>, left: &[&str]) -> (Vec<String>, String) {
    let mut stage = stage().allowing(&[Rung::Redeploy]);
    stage.sweeps(3, &sick());
    if let Some(outcome) = outcome {
        hear(&mut stage, outcome, left);
    }
    // The second look that passes withdraws it; the first hands the step out again.
    stage.sweep([look("fraud")]);
    hear(&mut stage, ActOutcome::Later("busy".into()), &[]);
    stage.told.clear();
    stage.sweep([look("fraud")]);
    let alert = stage
        .told
        .iter()
        .find(|alert| alert.title.starts_with("withdrawn"))
        .expect("withdrawn");
    (alert.done.clone(), alert.next.clone())
}

#[test]
fn nothing_was_changed_is_said_only_when_it_is_known() {
    let busy = || ActOutcome::Later("busy".into());
    let (done, next) = withdrawn(Some(busy()), &[]);
    assert!(
        done[0].starts_with("Nothing was changed; this was wanted: Steward redeploys"),
        "{done:?}"
    );
    assert!(!next.contains("See in the console"));

    let left = "Endpoint config fraud-config-2 was created as a copy, and the endpoint does not use it.";
    let (done, next) = withdrawn(Some(busy()), &[left]);
    assert_eq!(done[0], left);
    assert!(done[1].starts_with("Nothing else was changed"), "{done:?}");
    assert!(next.contains("See in the console"));

    let (done, _) = withdrawn(None, &[]);
    assert_eq!(
        done[0],
        "The outcome of an attempt was not heard of: it may have taken effect."
    );

    let mut stage = stage().allowing(&[Rung::AddInstance]);
    stage.sweeps(3, &look("fraud").degraded()).accepted();
    stage.told.clear();
    stage.sweeps(2, &look("fraud"));
    let alert = stage
        .told
        .iter()
        .find(|alert| alert.title.starts_with("withdrawn"))
        .expect("withdrawn");
    assert_eq!(
        alert.done[0],
        "AWS accepted a change at 2026-03-02T08:04:00Z; its whole effect was not seen."
    );
}

#[test]
fn a_recreation_that_deleted_and_did_not_create_says_so() {
    let mut stage = stage().allowing(&[Rung::Recreate]);
    let failed = look("fraud").status(EndpointStatus::Failed, stage.now);
    stage.sweep([failed.clone()]).accepted();
    stage.sweep([failed.absent()]);
    hear(&mut stage, ActOutcome::Refused("no such config".into()), &[]);
    let alert = stage.told.last().expect("an alert");
    assert_eq!(alert.kind.as_str(), "recovery.failed");
    assert_eq!(alert.done[0], "The endpoint was deleted and is not created again.");
    assert!(alert.next.starts_with("Create the endpoint again"), "{}", alert.next);
}
