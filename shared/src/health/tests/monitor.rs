//! The monitor's own troubles, told apart from the endpoints'.

use crate::{
    health::{
        fixture::{bare, look, stage},
        ledger::State,
        observation::{Trouble, TroubleKind},
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
