//! The binary that is deployed, as Lambda runs it, driven through a whole wake by the files of
//! `events/scale-from-zero`: what these tests see is what `sam local invoke` shows.
//!
//! `SCALE_FROM_ZERO` names another binary than the one just built, such as that of a release build.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use rehearsal::{
    runtime_api::{Answer, Sandbox},
    scenario::served,
};
use serde_json::Value;
use steward::{
    aws::{
        Base, Clock, Emit,
        autoscaling::{AutoScaling, Scaled},
    },
    scaling::Scaling,
};

#[path = "support/asking.rs"]
mod asking;
#[path = "support/binary.rs"]
mod support;

use asking::done;
use support::{Aws, Deployed, REGION, is_report, redacted};

/// The world of `rehearse serve`.
async fn serve(world: &str) -> Aws {
    let binary =
        std::env::var_os("SCALE_FROM_ZERO").map_or_else(|| env!("CARGO_BIN_EXE_scale-from-zero").into(), PathBuf::from);
    let function = Deployed {
        name: "scale-from-zero",
        resource: "ScaleFromZero",
        binary,
    };
    Aws::serve(world, function).await
}

/// The same world with an asynchronous endpoint that sleeps, and in a hurry: SageMaker works in seconds.
fn asleep() -> String {
    let timing = "{update: 2s, weights: 1s, instance: 2s, further_instance: 1s, rollback: 1s}";
    let awake = "instances: 1, latency: 2s}}";
    assert!(served().contains(awake), "the world of serve has changed");
    served()
        .replacen("world:\n", &format!("world:\n  timing: {timing}\n"), 1)
        .replacen(awake, "instances: 0, latency: 2s, scaling: {min: 0, max: 4}}}", 1)
}

async fn tell(function: &mut Sandbox, what: &str, event: Vec<u8>) -> Value {
    let report = match function.invoke(event).await.unwrap().result {
        Answer::Response(report) => report,
        other => panic!("{what}: {other:?}\n{}", function.stdout()),
    };
    assert_eq!(report["outcome"], "done", "{what}: {report:#}");
    report
}

/// Ticks until `status` says this.
async fn until(aws: &Aws, function: &mut Sandbox, said: &str) {
    let (began, mut status) = (Instant::now(), Value::Null);
    while began.elapsed() < Duration::from_secs(240) {
        done(aws, function, "schedule-scheduler-input").await;
        status = done(aws, function, "command-status-one").await;
        if status["summary"].as_str().unwrap().contains(said) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    panic!("never {said:?}: {status:#}");
}

async fn scaling(aws: &Aws) -> Scaling {
    let base = Base::new(
        aws.cloud.sdk_config("operator", REGION),
        Clock::system(),
        Emit::new(std::io::sink()),
    );
    let scaled = Scaled::VariantInstances {
        endpoint: "doc-summarizer".to_owned(),
        variant: "AllTraffic".to_owned(),
    };
    AutoScaling::new(&base)
        .scaling(&scaled)
        .await
        .unwrap()
        .expect("a scalable target")
}

#[tokio::test]
async fn the_binary_answers_every_sample_event() {
    let aws = serve(served()).await;
    let mut function = aws.function().await;
    let told = aws.answers(&mut function, "", is_report).await;
    redacted().bind(|| insta::assert_snapshot!("scale_from_zero_answers", told));
}

#[tokio::test]
async fn the_binary_refuses_every_refused_sample_and_lives_on() {
    let aws = serve(served()).await;
    let mut function = aws.function().await;
    let told = aws.refusals(&mut function).await;
    redacted().bind(|| insta::assert_snapshot!("scale_from_zero_refusals", told));
}

#[tokio::test]
async fn an_alarm_wakes_a_queue_in_its_own_invocation_and_a_command_puts_it_to_sleep() {
    let aws = serve(&asleep()).await;
    let mut function = aws.function().await;
    let now = jiff::Timestamp::now().to_string();
    let alarm = String::from_utf8(aws.sample("alarm-direct-queue")).unwrap();
    let alarm = alarm.replace("2026-03-02T09:15:03.221+0000", &now);
    let woken = tell(&mut function, "alarm-direct-queue", alarm.clone().into_bytes()).await;
    assert_eq!(
        woken["wakes"]["doc-summarizer"]["variant"]["phase"], "starting",
        "{woken:#}"
    );
    assert_eq!(scaling(&aws).await.min, 1);

    // Told again, it is the same wake.
    let again = tell(&mut function, "alarm-direct-queue", alarm.into_bytes()).await;
    assert_eq!(again["wakes"]["doc-summarizer"]["variant"]["wake"], 1, "{again:#}");
    until(&aws, &mut function, "1 instances in service").await;
    // `status` may see it before a tick notes it.
    let began = Instant::now();
    while !function.stdout().contains("WakeTimeToService") && began.elapsed() < Duration::from_secs(240) {
        done(&aws, &mut function, "schedule-scheduler-input").await;
        tokio::time::sleep(Duration::from_millis(250)).await;
    }

    let held = String::from_utf8(aws.sample("command-sleep")).unwrap();
    let forced = held.replacen('{', "{\"force\": true,", 1);
    tell(&mut function, "command-sleep, forced", forced.into_bytes()).await;
    until(&aws, &mut function, "doc-summarizer: asleep").await;
    assert_eq!(scaling(&aws).await.min, 0);

    // Lambda reads what a function writes after it has answered.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let logged = function.stdout();
    let lines: Vec<Value> = logged
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let timed = lines
        .iter()
        .filter(|line| line["_aws"].is_object() && line["WakeTimeToService"].is_number());
    assert_eq!(timed.count(), 1, "{logged}");
    assert_eq!(function.stderr(), "");
}
