//! The binary that is deployed, as Lambda runs it: its Runtime API on one side, AWS over HTTP on the other. It gets every
//! file of `events/health-checker`, so what these tests see is what `sam local invoke` shows.
//!
//! `HEALTH_CHECKER` names another binary than the one just built, such as that of a release build.

use std::{path::PathBuf, time::Duration};

use rehearsal::{runtime_api::Answer, scenario::served};
use serde_json::Value;

#[path = "support/binary.rs"]
mod support;

use support::{Aws, Deployed, REGION, is_report, outcome, readable, redacted, start};

const BUCKET: &str = "steward-state-123456789012-eu-west-1";

async fn serve() -> Aws {
    let binary =
        std::env::var_os("HEALTH_CHECKER").map_or_else(|| env!("CARGO_BIN_EXE_health-checker").into(), PathBuf::from);
    let function = Deployed {
        name: "health-checker",
        resource: "HealthChecker",
        binary,
    };
    Aws::serve(served(), function).await
}

#[tokio::test]
async fn the_binary_answers_every_sample_event() {
    let aws = serve().await;
    let mut function = aws.function().await;
    let told = aws.answers(&mut function, "", is_report).await;
    redacted().bind(|| insta::assert_snapshot!("health_checker_answers", told));
}

#[tokio::test]
async fn the_binary_refuses_every_refused_sample_and_lives_on() {
    let aws = serve().await;
    let mut function = aws.function().await;
    let told = aws.refusals(&mut function).await;
    redacted().bind(|| insta::assert_snapshot!("health_checker_refusals", told));
}

#[tokio::test]
async fn what_is_no_json_or_too_large_or_too_deep_is_refused_and_the_next_event_is_served() {
    let aws = serve().await;
    let mut function = aws.function().await;
    for event in [b"{\"command\":".to_vec(), vec![0xff, 0xfe]] {
        let invoked = function.invoke(event).await.unwrap();
        assert!(matches!(invoked.result, Answer::Error { .. }), "{:?}", invoked.result);
    }
    let large = format!(
        r#"{{"command":"check","endpoints":["{}"]}}"#,
        "x".repeat(2 * 1024 * 1024)
    );
    let deep = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
    for event in [large, deep] {
        let invoked = function.invoke(event).await.unwrap();
        assert_eq!(outcome(&invoked.result), "refused", "{:?}", invoked.result);
    }
    let invoked = function.invoke(aws.sample("command-status")).await.unwrap();
    assert!(matches!(invoked.result, Answer::Response(_)), "{:?}", invoked.result);
}

#[tokio::test]
async fn wrong_settings_are_all_named_in_the_answer() {
    let aws = serve().await;
    let mut function = aws.deployed_in(REGION);
    function.env.insert("STEWARD_FLEET".to_owned(), "fleet.yaml".to_owned());
    function.env.remove("STEWARD_STATE");
    function.env.insert("STEWARD_TOPIK_ARN".to_owned(), "typo".to_owned());
    let mut function = start(function).await;
    let invoked = function.invoke(aws.sample("command-status")).await.unwrap();
    let Answer::Error { message, .. } = &invoked.result else {
        panic!("{:?}", invoked.result)
    };
    for variable in ["STEWARD_FLEET", "STEWARD_STATE", "STEWARD_TOPIK_ARN"] {
        assert!(message.contains(variable), "{variable} is not named in: {message}");
    }
}

#[tokio::test]
async fn a_sweep_remembers_what_it_saw_and_logs_json_lines_only() {
    let aws = serve().await;
    let mut function = aws.function().await;
    function.invoke(aws.sample("schedule-scheduler-input")).await.unwrap();
    // Lambda reads what a function writes after it has answered.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let logged = function.stdout();
    let lines: Vec<Value> = logged
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let sweeps = lines
        .iter()
        .filter(|line| line["Sweeps"].as_f64() == Some(1.0) && line["_aws"].is_object())
        .count();
    assert_eq!(sweeps, 1, "{logged}");
    assert_eq!(function.stderr(), "");

    let wrote = aws
        .cloud
        .calls()
        .into_iter()
        .find(|call| call.operation == "PutObject" && call.caller == "health-checker");
    let resource = wrote.and_then(|call| call.resource).unwrap_or_default();
    assert!(
        resource.starts_with(&format!("{BUCKET}/steward/")),
        "the ledger is at {resource}"
    );

    // A new process, as after a deployment, knows it.
    let mut fresh = aws.function().await;
    let invoked = fresh.invoke(aws.sample("command-status-one")).await.unwrap();
    assert!(
        readable(&invoked.result).contains("fraud-detector"),
        "{:?}",
        invoked.result
    );
}
