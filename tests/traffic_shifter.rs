//! The binary that is deployed, as Lambda runs it, driven through whole rollouts by the files of
//! `events/traffic-shifter`: what these tests see is what `sam local invoke` shows.
//!
//! `TRAFFIC_SHIFTER` names another binary than the one just built, such as that of a release build.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use rehearsal::{
    runtime_api::{Invoked, Sandbox},
    scenario::served,
};
use serde_json::Value;
use steward::{
    aws::{Base, Clock, Emit, sagemaker::SageMaker},
    endpoint::Endpoint,
};

#[path = "support/asking.rs"]
mod asking;
#[path = "support/binary.rs"]
mod support;

use asking::done;
use support::{Aws, Deployed, REGION, is_report, outcome, readable, redacted};

/// The world of `rehearse serve`.
async fn serve(world: &str) -> Aws {
    let binary =
        std::env::var_os("TRAFFIC_SHIFTER").map_or_else(|| env!("CARGO_BIN_EXE_traffic-shifter").into(), PathBuf::from);
    let function = Deployed {
        name: "traffic-shifter",
        resource: "TrafficShifter",
        binary,
    };
    Aws::serve(world, function).await
}

/// The same world in a hurry: SageMaker works in seconds, blue is not kept, and nothing waits for metrics, or for the health
/// checker, which nobody runs.
fn in_a_hurry() -> String {
    let timing = "{update: 2s, weights: 1s, instance: 1s, further_instance: 1s, rollback: 1s}";
    let rollout = "{analysis: false, health: false, keep_blue: 0s}";
    served()
        .replacen("world:\n", &format!("world:\n  timing: {timing}\n"), 1)
        .replacen("  defaults:\n", &format!("  defaults:\n    rollout: {rollout}\n"), 1)
}

/// Ticks until the rollout is in this phase; `none` for after its end. Nothing ends within two minutes of going back.
async fn until(aws: &Aws, function: &mut Sandbox, phase: &str) -> Value {
    let mut status = Value::Null;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(240) {
        done(aws, function, "schedule-scheduler-input").await;
        status = done(aws, function, "command-status-one").await;
        if status["active"]["phase"]["phase"].as_str().unwrap_or("none") == phase {
            return status;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    panic!("never {phase}: {status:#}");
}

async fn endpoint(aws: &Aws) -> Endpoint {
    let base = Base::new(
        aws.cloud.sdk_config("operator", REGION),
        Clock::system(),
        Emit::new(std::io::sink()),
    );
    SageMaker::new(&base).describe_endpoint("product-ranker").await.unwrap()
}

fn weights(endpoint: &Endpoint) -> Vec<(&str, f64)> {
    let variants = endpoint.variants.iter();
    variants
        .map(|variant| (variant.name.as_str(), variant.desired_weight))
        .collect()
}

#[tokio::test]
async fn the_binary_answers_every_sample_event() {
    let aws = serve(served()).await;
    let mut function = aws.function().await;
    let told = aws.answers(&mut function, "", is_report).await;
    let mut settings = redacted();
    settings.add_filter(r"-r(\d+)-[0-9a-f]{6}-", "-r$1-[hash]-");
    settings.add_filter(r"in \d+h \d+m", "in [span]");
    settings.bind(|| insta::assert_snapshot!("traffic_shifter_answers", told));
}

#[tokio::test]
async fn the_binary_refuses_every_refused_sample_and_lives_on() {
    let aws = serve(served()).await;
    let mut function = aws.function().await;
    let told = aws.refusals(&mut function).await;
    redacted().bind(|| insta::assert_snapshot!("traffic_shifter_refusals", told));
}

#[tokio::test]
async fn the_sample_events_drive_a_whole_rollout_and_take_it_back() {
    let aws = serve(&in_a_hurry()).await;
    let mut function = aws.function().await;
    done(&aws, &mut function, "command-start").await;
    until(&aws, &mut function, "baking").await;
    let now = endpoint(&aws).await;
    assert_eq!(weights(&now).len(), 2, "{now:?}");
    let green = now
        .variants
        .iter()
        .find(|variant| variant.name != "AllTraffic")
        .unwrap();
    assert!((green.current_weight - 0.1).abs() < 1e-6, "{now:?}");

    let held = done(&aws, &mut function, "command-pause").await;
    assert!(held["summary"].as_str().unwrap().contains("paused"), "{held:#}");
    done(&aws, &mut function, "command-resume").await;
    done(&aws, &mut function, "command-skip").await;
    loop {
        let status = until(&aws, &mut function, "baking").await;
        if status["active"]["phase"]["step"] == 1 {
            break;
        }
    }
    done(&aws, &mut function, "command-skip-step").await;
    until(&aws, &mut function, "none").await;
    let now = endpoint(&aws).await;
    assert_eq!(weights(&now), [("green", 1.0)], "{now:?}");
    let history = done(&aws, &mut function, "command-history").await;
    assert_eq!(history["rollouts"][0]["outcome"], "completed", "{history:#}");

    done(&aws, &mut function, "command-rollback").await;
    until(&aws, &mut function, "none").await;
    let now = endpoint(&aws).await;
    assert_eq!(weights(&now), [("AllTraffic", 1.0)], "{now:?}");
}

#[tokio::test]
async fn an_alarm_puts_all_traffic_back_on_blue_in_its_own_invocation() {
    let aws = serve(&in_a_hurry()).await;
    let mut function = aws.function().await;
    done(&aws, &mut function, "command-start").await;
    until(&aws, &mut function, "baking").await;
    let now = jiff::Timestamp::now().to_string();
    let alarm = String::from_utf8(aws.sample("alarm-direct")).unwrap();
    let alarm = alarm.replace("2026-03-02T09:15:03.221+0000", &now);
    let Invoked { result, .. } = function.invoke(alarm.into_bytes()).await.unwrap();
    assert_eq!(outcome(&result), "done", "{}", readable(&result));
    let now = endpoint(&aws).await;
    assert!(weights(&now).contains(&("AllTraffic", 1.0)), "{now:?}");
    assert!(weights(&now).contains(&("green", 0.0)), "{now:?}");

    until(&aws, &mut function, "none").await;
    let now = endpoint(&aws).await;
    assert_eq!(now.config.as_deref(), Some("product-ranker-config-v12"));
    let history = done(&aws, &mut function, "command-history").await;
    assert_eq!(history["rollouts"][0]["cause"]["cause"], "alarm", "{history:#}");

    // Lambda reads what a function writes after it has answered.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let logged = function.stdout();
    let lines: Vec<Value> = logged
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let aborted = lines
        .iter()
        .filter(|line| line["_aws"].is_object() && line["RolloutAborts"] == 1.0 && line["Reason"] == "alarm");
    assert_eq!(aborted.count(), 1, "{logged}");
    let told = lines
        .iter()
        .any(|line| line["endpoint"] == "product-ranker" && line["rollout"] == "product-ranker/1");
    assert!(told, "{logged}");
    assert_eq!(function.stderr(), "");

    // What was taken back can be tried again, and aborted.
    done(&aws, &mut function, "command-retry").await;
    until(&aws, &mut function, "baking").await;
    done(&aws, &mut function, "command-abort").await;
    let status = until(&aws, &mut function, "cleaning-up").await;
    assert_eq!(status["active"]["back"]["cause"]["cause"], "operator", "{status:#}");
}
