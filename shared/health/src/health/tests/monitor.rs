//! The monitor's own troubles, told apart from the endpoints'.

use crate::{
    health::{
        fixture::{bare, look, minutes, stage},
        ledger::{MonitorRecord, State},
        observation::{News, Trouble, TroubleKind},
    },
    probe::Cause,
};

fn denied() -> Trouble {
    Trouble {
        kind: TroubleKind::Denied,
        what: "sagemaker:DescribeEndpoint".into(),
        endpoint: None,
        detail: "not authorized to perform sagemaker:DescribeEndpoint".into(),
    }
}

#[test]
fn a_trouble_of_the_monitor_is_its_own_alert_and_never_the_endpoints() {
    let mut stage = stage();
    stage.sweeps(10, &look("fraud").unseen(denied()));
    assert_eq!(stage.record("fraud").state, State::Healthy);
    assert_eq!(
        stage.heard(),
        "08:03 - monitor.trouble warning: denied: sagemaker:DescribeEndpoint"
    );
    stage.sweeps(2, &look("fraud"));
    assert_eq!(
        stage.heard(),
        "08:13 - monitor.trouble info: over: denied sagemaker:DescribeEndpoint"
    );
}

#[test]
fn throttled_probes_neither_count_nor_break_a_streak() {
    let mut stage = stage();
    stage.sweeps(2, &look("fraud").failed(Cause::ServerError));
    stage.sweeps(2, &look("fraud").inconclusive(Cause::Throttled));
    assert_eq!(stage.heard(), "");
    stage.sweep([look("fraud").failed(Cause::ServerError)]);
    assert_eq!(stage.heard(), "08:06 fraud endpoint.unhealthy critical: errors");
}

#[test]
fn a_payload_never_accepted_is_the_probes_fault_and_one_once_accepted_is_the_endpoints() {
    let refused = look("fraud").inconclusive(Cause::PayloadRefused);
    let mut new = bare(&["fraud"]);
    new.sweeps(8, &refused);
    assert_eq!(
        new.heard(),
        "08:03 fraud monitor.trouble warning: probe-refused: probe smoke/fraud"
    );
    let mut known = stage();
    known.sweeps(3, &refused);
    assert_eq!(
        known.heard(),
        "08:04 fraud endpoint.unhealthy critical: refuses what it used to accept"
    );
}

#[test]
fn another_payload_must_prove_itself_anew() {
    let mut stage = stage().with(|policy| policy.probes[0].payload = "[1]".into());
    stage.sweeps(3, &look("fraud").inconclusive(Cause::PayloadRefused));
    assert_eq!(
        stage.heard(),
        "08:04 fraud monitor.trouble warning: probe-refused: probe smoke/fraud"
    );
}

#[test]
fn a_trouble_that_was_told_is_over_when_its_endpoint_is_watched_no_more() {
    let mut stage = bare(&["fraud"]);
    stage.sweeps(3, &look("fraud").inconclusive(Cause::PayloadRefused));
    assert!(stage.heard().contains("probe-refused"));
    stage.watch.policies.clear();
    stage.sweep([]);
    assert_eq!(
        stage.told[0].evidence,
        ["the endpoint is watched no more: no entry of the fleet file selects it"]
    );
    assert_eq!(
        stage.heard(),
        "08:04 fraud monitor.trouble info: over: probe-refused probe smoke/fraud"
    );
    assert!(stage.ledger.monitor.is_empty());
}

#[test]
fn a_trouble_nobody_was_told_of_is_forgotten_with_its_endpoint_in_silence() {
    let mut stage = bare(&["fraud"]);
    stage.sweeps(2, &look("fraud").inconclusive(Cause::PayloadRefused));
    stage.watch.policies.clear();
    stage.sweep([]);
    assert_eq!((stage.heard().as_str(), stage.ledger.monitor.len()), ("", 0));
}

#[test]
fn that_there_is_no_fleet_file_yet_is_told_at_once_and_again_every_six_hours_until_there_is_one() {
    let mut stage = bare(&[]);
    let none = || News {
        troubles: vec![Trouble {
            kind: TroubleKind::NoFleetFile,
            what: "s3://config/fleet.yaml".into(),
            endpoint: None,
            detail: "there is no fleet file yet".into(),
        }],
        ..News::default()
    };
    for _ in 0..13 * 60 {
        stage.later(minutes(1)).hear(&none());
    }
    let first = stage.told[0].message().text;
    let ids: Vec<String> = stage.told.iter().map(|alert| alert.id.clone()).collect();
    insta::assert_snapshot!(stage.heard(), @r"
    08:01 - fleet-file.broken warning: there is none yet, so nothing is watched
    14:01 - fleet-file.broken warning reminder 1: there is none yet, so nothing is watched
    20:01 - fleet-file.broken warning reminder 2: there is none yet, so nothing is watched
    ");
    insta::assert_snapshot!(ids.join("\n"), @r"
    monitor:no-fleet-file:1772438460-1:1
    monitor:no-fleet-file:1772438460-1:1:1
    monitor:no-fleet-file:1772438460-1:1:2
    ");
    insta::assert_snapshot!("there_is_no_fleet_file_yet", first);
    stage.sweep([]).sweep([]).sweep([]);
    insta::assert_snapshot!(stage.heard(), @"21:02 - fleet-file.restored info: over: no-fleet-file s3://config/fleet.yaml");
    let known: MonitorRecord = serde_json::from_str(
        r#"{"kind":"denied","since":"2026-03-02T08:00:00Z","last":"2026-03-02T08:00:00Z","met":1,"example":""}"#,
    )
    .expect("of an earlier build");
    assert_eq!(known.reminded, None);
}
