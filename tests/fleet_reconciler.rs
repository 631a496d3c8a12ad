//! The binary that is deployed, as Lambda runs it, driven by the files of `events/fleet-reconciler`: what these tests see is
//! what `sam local invoke` shows.
//!
//! `FLEET_RECONCILER` names another binary than the one just built, such as that of a release build.

use std::path::PathBuf;

use rehearsal::{
    runtime_api::{Answer, Sandbox},
    scenario::served,
};
use serde_json::{Value, json};

#[path = "support/asking.rs"]
mod asking;
#[path = "support/binary.rs"]
mod support;

use asking::done;
use support::{Aws, Deployed, is_report, redacted};

/// The world of `rehearse serve`.
async fn serve(world: &str) -> Aws {
    let binary = std::env::var_os("FLEET_RECONCILER")
        .map_or_else(|| env!("CARGO_BIN_EXE_fleet-reconciler").into(), PathBuf::from);
    let function = Deployed {
        name: "fleet-reconciler",
        resource: "FleetReconciler",
        binary,
    };
    Aws::serve(world, function).await
}

async fn command(function: &mut Sandbox, command: Value) -> Value {
    match function.invoke(command.to_string().into_bytes()).await.unwrap().result {
        Answer::Response(report) => report,
        other => panic!("{command}: {other:?}\n{}", function.stdout()),
    }
}

#[tokio::test]
async fn the_binary_answers_every_sample_event() {
    let aws = serve(served()).await;
    let mut function = aws.function().await;
    let told = aws.answers(&mut function, "", is_report).await;
    redacted().bind(|| insta::assert_snapshot!("fleet_reconciler_answers", told));
}

#[tokio::test]
async fn the_binary_refuses_every_refused_sample_and_lives_on() {
    let aws = serve(served()).await;
    let mut function = aws.function().await;
    let told = aws.refusals(&mut function).await;
    redacted().bind(|| insta::assert_snapshot!("fleet_reconciler_refusals", told));
}

#[tokio::test]
async fn what_was_planned_is_applied_once_and_then_nothing_is_left() {
    let aws = serve(served()).await;
    let mut function = aws.function().await;
    let planned = done(&aws, &mut function, "command-plan").await;
    let plan = planned["plan"].as_str().unwrap().to_owned();
    assert!(!planned["changes"].as_array().unwrap().is_empty(), "{planned:#}");

    let apply = json!({ "command": "apply", "plan": plan, "by": "ana" });
    let applied = command(&mut function, apply.clone()).await;
    assert_eq!(applied["outcome"], "done", "{applied:#}");
    assert_eq!(applied["made"], planned["changes"].as_array().unwrap().len());

    let again = command(&mut function, apply).await;
    assert_eq!(again["outcome"], "refused", "{again:#}");
    let empty = done(&aws, &mut function, "command-plan").await;
    assert_eq!(empty["changes"], json!([]), "{empty:#}");
    let drift = done(&aws, &mut function, "command-drift").await;
    assert_eq!(drift["drifted"], json!([]), "{drift:#}");
    let ticked = done(&aws, &mut function, "schedule-scheduler-input").await;
    assert_eq!(ticked["drifted"], 0, "{ticked:#}");

    // Lambda reads what a function writes after it has answered.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert!(function.stdout().contains("CapacityTicks"), "{}", function.stdout());
    assert_eq!(function.stderr(), "");
}
