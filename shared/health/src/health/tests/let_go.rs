//! Endpoints that the fleet file lets go of in the middle of a repair, or before what it took is given back.

use std::sync::Arc;

use super::ladder::{blue_without_traffic, failed, reborn, sick_blue, verbs};
use crate::{
    alert::{Alert, AlertKind},
    endpoint::EndpointStatus,
    fleet::Fleet,
    health::{
        fixture::{Stage, look, minutes, stage, variant},
        policy::Rung,
        recovery::Verb,
    },
    probe::Cause,
};

/// No entry of the fleet file selects the endpoint any more.
fn let_go(stage: &mut Stage) {
    stage.watch.policies.clear();
    stage.watch.named.clear();
}

/// As the function does it for what goes on without an entry.
fn follow(stage: &mut Stage) {
    assert!(stage.record("fraud").recovery.is_half_made());
    let policy = Arc::new(Fleet::health_let_go());
    stage.watch.policies.insert("fraud".into(), policy);
}

fn withdrawn(stage: &Stage) -> &Alert {
    let of_kind = |alert: &&Alert| alert.kind == AlertKind::RecoveryWithdrawn;
    stage.told.iter().find(of_kind).expect("told")
}

/// Deleted by Steward to be created again when the fleet file lets go of it.
fn deleted() -> Stage {
    let mut stage = stage().allowing(&[Rung::Recreate]);
    stage.sweep([failed()]).accepted();
    let_go(&mut stage);
    stage.sweep([]);
    stage
}

#[test]
fn what_was_deleted_to_be_created_again_is_created_though_no_entry_selects_it_any_more() {
    let mut stage = deleted();
    follow(&mut stage);
    stage.sweep([failed().absent()]);
    assert!(matches!(&verbs(&stage)[..], [Verb::Create { .. }]));
    stage.accepted().sweep([reborn(EndpointStatus::Creating)]);
    let mut unprobed = reborn(EndpointStatus::InService);
    unprobed.0.probes.clear();
    stage.sweep([unprobed]);
    let_go(&mut stage);
    stage.sweep([]);
    insta::assert_snapshot!(stage.heard(), @r"
    08:02 fraud endpoint.failed critical: it serves nothing
    08:02 fraud recovery.started info: recreate
    08:06 fraud endpoint.recovered info: after 4 min
    08:06 fraud recovery.finished info: done
    ");
    assert!(stage.ledger.endpoints.is_empty());
}

#[test]
fn an_endpoint_that_is_created_again_late_has_the_time_of_its_own_to_start() {
    let mut stage = deleted();
    follow(&mut stage);
    // SageMaker refuses it for want of a quota, for longer than a recreation takes.
    stage.now += minutes(180);
    stage.sweep([failed().absent()]).accepted();
    let created = stage.now;
    let made = |status: EndpointStatus| {
        let mut look = reborn(status).endpoint(|endpoint| endpoint.created = created);
        look.0.probes.clear();
        look
    };
    stage.sweep([made(EndpointStatus::Creating)]);
    assert!(stage.record("fraud").recovery.is_half_made(), "{}", stage.heard());
    stage.sweep([made(EndpointStatus::InService)]);
    let_go(&mut stage);
    stage.sweep([]);
    assert!(
        stage.heard().contains("recovery.finished info: done"),
        "{}",
        stage.heard()
    );
    assert!(!stage.heard().contains("recovery.failed"), "{}", stage.heard());
}

#[test]
fn a_recreation_that_does_not_help_is_told_before_its_endpoint_is_let_go_and_not_as_healthy() {
    let mut stage = deleted();
    follow(&mut stage);
    stage.sweep([failed().absent()]).accepted();
    let mut again = reborn(EndpointStatus::Failed);
    again.0.probes.clear();
    stage.sweep([again]);
    assert!(!stage.record("fraud").recovery.is_half_made());
    let_go(&mut stage);
    stage.sweep([]);
    insta::assert_snapshot!(stage.heard(), @r"
    08:02 fraud endpoint.failed critical: it serves nothing
    08:02 fraud recovery.started info: recreate
    08:05 fraud recovery.failed warning: the new endpoint is Failed: SageMaker gave no reason
    08:06 fraud endpoint.dismissed info: watched no more: no entry of the fleet file selects it
    ");
    assert!(stage.ledger.endpoints.is_empty());
}

#[test]
fn a_recreation_of_which_nothing_was_done_is_withdrawn_when_no_entry_selects_the_endpoint() {
    let mut stage = stage().allowing(&[Rung::Recreate]);
    stage.sweep([failed()]);
    let_go(&mut stage);
    stage.sweep([]);
    follow(&mut stage);
    stage.sweep([failed()]);
    assert_eq!(verbs(&stage), []);
    assert_eq!(withdrawn(&stage).title, "the fleet file no longer allows it");
}

#[test]
fn traffic_that_was_taken_is_told_with_the_command_that_gives_it_back_when_no_entry_selects_the_endpoint() {
    let mut stage = stage().allowing(&[Rung::ShiftAway]);
    stage.sweeps(3, &sick_blue()).accepted();
    stage.sweep([blue_without_traffic(Some(Cause::ServerError))]);
    stage.told.clear();
    let_go(&mut stage);
    stage.sweep([]);
    let alert = withdrawn(&stage);
    assert!(
        alert.evidence[2].starts_with("variant blue gets no traffic since"),
        "{:?}",
        alert.evidence
    );
    insta::assert_snapshot!(alert.next, @"Steward does not undo it any more. When variant blue is well, give it its traffic back: aws sagemaker update-endpoint-weights-and-capacities --endpoint-name fraud --desired-weights-and-capacities VariantName=blue,DesiredWeight=1");
    insta::assert_snapshot!(stage.heard(), @r"
    08:06 fraud endpoint.dismissed info: watched no more: no entry of the fleet file selects it
    08:06 fraud recovery.withdrawn warning: what an earlier repair changed is left as it is: watched no more: no entry of the fleet file selects it
    ");
}

#[test]
fn a_minimum_that_was_raised_is_told_with_the_command_that_lowers_it_when_no_entry_selects_the_endpoint() {
    let mut stage = stage().allowing(&[Rung::AddInstance]);
    stage.sweeps(3, &look("fraud").degraded().scaled(1, 4)).accepted();
    let three = look("fraud").endpoint(|endpoint| endpoint.variants = vec![variant("blue", 1.0, 3)]);
    stage.sweeps(5, &three.scaled(3, 4));
    stage.told.clear();
    let_go(&mut stage);
    stage.sweep([]);
    let alert = withdrawn(&stage);
    assert_eq!(
        alert.evidence[1],
        "Steward raised the minimum of variant blue from 1 to 3 at 2026-03-02T08:05:00Z"
    );
    insta::assert_snapshot!(alert.next, @"Steward does not undo it any more. Lower the minimum of variant blue from 3 to 1 again: aws application-autoscaling register-scalable-target --service-namespace sagemaker --scalable-dimension sagemaker:variant:DesiredInstanceCount --resource-id endpoint/fraud/variant/blue --min-capacity 1");
    assert_eq!(stage.told.len(), 1, "it was well: there is nothing to close");
}

#[test]
fn a_repair_under_way_is_told_as_given_up_when_no_entry_selects_the_endpoint() {
    let mut stage = stage().allowing(&[Rung::ShiftAway]);
    stage.sweeps(3, &sick_blue()).accepted();
    let_go(&mut stage);
    stage.sweep([]);
    let alert = withdrawn(&stage);
    assert!(
        alert.done[0].starts_with("AWS accepted a change at"),
        "{:?}",
        alert.done
    );
    assert!(
        alert.next.contains("VariantName=blue,DesiredWeight=1"),
        "{}",
        alert.next
    );
}

#[test]
fn an_endpoint_that_had_its_traffic_back_is_let_go_without_a_word() {
    let mut stage = stage().allowing(&[Rung::ShiftAway]);
    stage.sweeps(3, &sick_blue()).accepted();
    stage.sweep([blue_without_traffic(Some(Cause::ServerError))]);
    stage.sweeps(18, &blue_without_traffic(None)).accepted();
    stage.sweeps(2, &look("fraud").two(None));
    stage.told.clear();
    let_go(&mut stage);
    stage.later(minutes(1)).sweep([]);
    assert_eq!(stage.heard(), "");
}
