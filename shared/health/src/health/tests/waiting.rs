//! A recreation that is half done, and that SageMaker does not let Steward finish.

use super::ladder::{failed, reborn, verbs};
use crate::{
    alert::Alert,
    endpoint::EndpointStatus,
    health::{
        fixture::{Stage, look, minutes, stage},
        ledger::HealthLedger,
        observation::{ActOutcome, News},
        policy::Rung,
        recovery::Verb,
        status,
    },
    probe::Cause,
};

const QUOTA: &str = "quota The account-level service limit 'ml.g5.xlarge for endpoint usage' is 0 Instances.";
const BUSY: &str = "throttled Rate exceeded.";

/// Deleted at 08:02, first seen gone at 08:03.
fn deleted(reminder: Option<u64>) -> Stage {
    let mut stage = stage()
        .allowing(&[Rung::Recreate])
        .with(|policy| policy.reminder = reminder.map(minutes));
    stage.sweep([failed()]).accepted();
    stage.heard();
    stage
}

/// So many sweeps in which the creation is refused.
fn refused(stage: &mut Stage, said: &str, times: u32) {
    for _ in 0..times {
        stage.sweep([failed().absent()]);
        assert!(matches!(&verbs(stage)[..], [Verb::Create { .. }]));
        let step = stage.steps().remove(0);
        let acted = stage.acted(&step, ActOutcome::Later(said.into()));
        stage.hear(&News {
            acted: vec![acted],
            ..News::default()
        });
    }
}

fn last(stage: &Stage) -> Alert {
    stage.told.last().expect("told").clone()
}

#[test]
fn an_endpoint_that_waits_for_a_quota_to_be_created_again_is_told_and_reminded_of_until_it_is_there() {
    let mut stage = deleted(Some(60));
    refused(&mut stage, QUOTA, 5);
    assert_eq!(stage.heard(), "");
    refused(&mut stage, QUOTA, 1);
    let told = last(&stage);
    assert_eq!(told.evidence[0], "there has been no endpoint for 5 min");
    assert!(told.evidence[1].contains(QUOTA), "{:?}", told.evidence);
    assert!(told.next.starts_with(&format!("Advice on {QUOTA}.")), "{}", told.next);
    assert!(
        told.message()
            .subject
            .starts_with("[CRITICAL] fraud not created again since 08:03 UTC: quota")
    );
    refused(&mut stage, QUOTA, 125);
    assert_eq!(last(&stage).evidence[0], "there has been no endpoint for 2 h 5 min");
    insta::assert_snapshot!(stage.heard().replace(QUOTA, "(quota)"), @r"
    08:08 fraud recovery.waiting critical: (quota)
    09:08 fraud recovery.waiting critical reminder 1: (quota)
    10:08 fraud recovery.waiting critical reminder 2: (quota)
    ");
    let status = status::status(stage.now, &stage.watch, &stage.ledger, &[]);
    let says = format!("there has been no endpoint for 2 h 10 min; {QUOTA}");
    assert!(status.summary.starts_with("1 endpoint, 1 sick;"), "{}", status.summary);
    assert!(status.summary.contains(&says), "{}", status.summary);
    assert_eq!(status.endpoints["fraud"]["recovery"]["problem"], QUOTA);
    assert_eq!(
        status.endpoints["fraud"]["recovery"]["missing_since"],
        "2026-03-02T08:03:00Z"
    );
    stage.sweep([failed().absent()]).accepted();
    let made = |status: EndpointStatus| {
        reborn(status).endpoint(|endpoint| {
            endpoint.created = stage.now;
            endpoint.modified = stage.now;
        })
    };
    let (creating, serving) = (made(EndpointStatus::Creating), made(EndpointStatus::InService));
    stage.sweep([creating]).sweep([serving]);
    insta::assert_snapshot!(stage.heard(), @r"
    10:16 fraud endpoint.recovered info: after 2 h 14 min
    10:16 fraud recovery.finished info: done
    ");
}

#[test]
fn where_nothing_is_reminded_of_the_wait_is_told_once() {
    let mut stage = deleted(None);
    refused(&mut stage, QUOTA, 600);
    assert_eq!(stage.heard().lines().count(), 1);
}

#[test]
fn another_reason_that_lasts_is_told_and_one_that_passes_is_not() {
    let mut stage = deleted(None);
    refused(&mut stage, QUOTA, 20);
    stage.heard();
    refused(&mut stage, BUSY, 3);
    refused(&mut stage, QUOTA, 20);
    assert_eq!(stage.heard(), "");
    refused(&mut stage, BUSY, 20);
    let told = last(&stage);
    assert_eq!((told.reminder, told.title.as_str()), (1, BUSY));
    assert_eq!(told.evidence[2], "the alert before named another reason: quota");
    assert_eq!(stage.heard().lines().count(), 1);
}

#[test]
fn attempts_of_which_nothing_is_heard_are_told_too() {
    let mut stage = deleted(None);
    stage.sweeps(10, &failed().absent());
    assert_eq!(last(&stage).title, "no attempt to create it was answered yet");
}

#[test]
fn a_ledger_of_a_build_that_did_not_count_the_wait_is_read_and_the_wait_is_told() {
    let mut stage = deleted(None);
    refused(&mut stage, QUOTA, 1);
    let mut ledger = serde_json::to_value(&stage.ledger).unwrap();
    let intent = &mut ledger["endpoints"]["fraud"]["recovery"]["intent"];
    let intent = intent.as_object_mut().unwrap();
    intent.remove("missing").unwrap();
    intent.remove("hindrance").unwrap();
    stage.ledger = serde_json::from_value::<HealthLedger>(ledger).unwrap();
    refused(&mut stage, QUOTA, 6);
    assert!(stage.heard().contains("recovery.waiting critical"), "{}", stage.heard());
}

#[test]
fn what_sagemaker_says_of_the_new_endpoint_that_failed_is_told() {
    let mut stage = deleted(None);
    refused(&mut stage, QUOTA, 10);
    stage.heard();
    stage.sweep([failed().absent()]).accepted();
    let again = reborn(EndpointStatus::Failed).endpoint(|endpoint| {
        endpoint.created = stage.now;
        endpoint.failure_reason = Some("There is not enough capacity of ml.g5.xlarge.".to_owned());
    });
    stage.sweep([again]);
    assert!(
        stage
            .heard()
            .contains("recovery.failed warning: the new endpoint is Failed: There is not enough capacity"),
    );
}

#[test]
fn an_endpoint_that_steward_deleted_is_not_told_as_one_whose_probes_fail() {
    let mut stage = stage().allowing(&[Rung::Recreate]);
    stage.sweeps(3, &look("fraud").failed(Cause::ServerError));
    stage.sweep([failed()]).accepted();
    stage.heard();
    let deleting = failed().status(EndpointStatus::Deleting, stage.now);
    stage.sweep([deleting]).sweeps(2, &failed().absent());
    assert_eq!(stage.heard(), "");
}
