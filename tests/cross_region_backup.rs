//! The binary that is deployed, as Lambda runs it in two Regions, driven through backups, a restore and a drill by the
//! files of `events/cross-region-backup`: what these tests see is what `sam local invoke` shows.
//!
//! `CROSS_REGION_BACKUP` names another binary than the one just built, such as that of a release build.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use rehearsal::{
    faults::{Fault, FaultKind},
    runtime_api::{Answer, Sandbox},
    scenario::served,
};
use serde_json::Value;
use steward::{
    aws::{Base, Clock, Emit, sagemaker::SageMaker},
    endpoint::EndpointStatus,
    failure::Failure,
};

#[path = "support/asking.rs"]
mod asking;
#[path = "support/binary.rs"]
mod support;

use asking::{ask, done};
use support::{Aws, Deployed, REGION, is_report, outcome, redacted, start};

/// Where the backups are, and where they are restored.
const OTHER: &str = "eu-central-1";

const MODELS: &str = "product-ranker-models-123456789012";
const COPIES: &str = "models-dr-123456789012-eu-central-1";

/// The world of `rehearse serve`.
async fn serve(world: &str) -> Aws {
    let binary = std::env::var_os("CROSS_REGION_BACKUP")
        .map_or_else(|| env!("CARGO_BIN_EXE_cross-region-backup").into(), PathBuf::from);
    let function = Deployed {
        name: "cross-region-backup",
        resource: "CrossRegionBackup",
        binary,
    };
    Aws::serve(world, function).await
}

/// The same world, where SageMaker creates and deletes within a second.
fn in_a_hurry() -> String {
    let quick = "world:\n  timing: {create: 1s, delete: 1s, instance: 1s, further_instance: 1s}\n";
    served().replacen("world:\n", quick, 1)
}

/// The function in both Regions: here it backs up, there it restores.
async fn both(aws: &Aws) -> (Sandbox, Sandbox) {
    (aws.function().await, start(aws.deployed_in(OTHER)).await)
}

fn settings() -> insta::Settings {
    let mut settings = redacted();
    settings.add_filter(r"\d{8}T\d{6}Z-[0-9a-f]{8}", "[point]");
    settings.add_filter(r"/objects/[0-9a-f]{32}/", "/objects/[digest]/");
    settings
}

/// Ticks until nothing is restored or drilled, or it is in this phase.
async fn until(aws: &Aws, there: &mut Sandbox, phase: Option<&str>) -> Value {
    let mut report = Value::Null;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(120) {
        report = done(aws, there, "schedule-scheduler-input").await;
        let found = &report["restores"]["product-ranker"];
        if phase.map_or_else(|| !found["job"].is_string(), |phase| found["phase"] == phase) {
            return report;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    panic!("never {phase:?}: {report:#}");
}

/// A drill ends five minutes after its last creation at the earliest. Nobody waits here: the ledger in the other Region
/// remembers its calls as made six minutes earlier.
fn no_call_comes_late(aws: &Aws) {
    let (bucket, key) = (
        format!("steward-state-123456789012-{OTHER}"),
        "steward/backup/product-ranker.json",
    );
    let store = aws.cloud.store();
    let mut ledger: Value = serde_json::from_slice(&store.get(&bucket, key).expect("a ledger")).unwrap();
    let intents = ledger["document"]["restore"]["intents"]
        .as_array_mut()
        .expect("what it made");
    for moment in intents.iter_mut().filter_map(|intent| intent.get_mut("last")) {
        let made: Timestamp = moment.as_str().unwrap().parse().unwrap();
        *moment = (made - SignedDuration::from_mins(6)).to_string().into();
    }
    store.put(&bucket, key, ledger.to_string(), "application/json");
}

/// The subjects of the alerts that were published in a Region.
fn told(aws: &Aws, region: &str) -> Vec<String> {
    aws.cloud.with_world(|world| {
        let published = world.published().iter().filter(|one| one.region == region);
        published.filter_map(|one| one.message.subject.clone()).collect()
    })
}

async fn status_of(aws: &Aws, endpoint: &str) -> Option<EndpointStatus> {
    let base = Base::new(
        aws.cloud.sdk_config("operator", OTHER),
        Clock::system(),
        Emit::new(std::io::sink()),
    );
    match SageMaker::new(&base).describe_endpoint(endpoint).await {
        Ok(endpoint) => Some(endpoint.status),
        Err(error) if error.failure == Failure::NotFound => None,
        Err(error) => panic!("{error}"),
    }
}

/// What the function logged, each line as JSON.
async fn logged(function: &Sandbox) -> Vec<Value> {
    // Lambda reads what a function writes after it has answered.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(function.stderr(), "");
    function
        .stdout()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

#[tokio::test]
async fn the_binary_answers_every_sample_event_in_both_regions() {
    let aws = serve(served()).await;
    let (mut here, mut there) = both(&aws).await;
    let told = aws.answers(&mut here, "", is_report).await;
    settings().bind(|| insta::assert_snapshot!("cross_region_backup_answers", told));
    let told = aws.answers(&mut there, "", is_report).await;
    settings().bind(|| insta::assert_snapshot!("cross_region_backup_answers_there", told));
}

#[tokio::test]
async fn the_binary_refuses_every_refused_sample_and_lives_on() {
    let aws = serve(served()).await;
    let mut function = aws.function().await;
    let told = aws.refusals(&mut function).await;
    redacted().bind(|| insta::assert_snapshot!("cross_region_backup_refusals", told));
}

#[tokio::test]
async fn the_sample_events_drive_a_backup_a_drill_and_a_restore() {
    let aws = serve(&in_a_hurry()).await;
    let (mut here, mut there) = both(&aws).await;
    let ticked = done(&aws, &mut here, "schedule-scheduler-input").await;
    let status = done(&aws, &mut here, "command-status-one").await;
    let newest = status["endpoints"]["product-ranker"]["newest"].clone();
    assert!(newest.is_string(), "the schedule made a point: {ticked:#}\n{status:#}");
    done(&aws, &mut here, "command-verify").await;
    let listed = done(&aws, &mut here, "command-list").await;
    assert_eq!(listed["points"], Value::Array(vec![newest]), "{listed:#}");
    assert_copied(&aws);

    let again = done(&aws, &mut here, "command-backup").await;
    assert!(
        again["summary"].as_str().unwrap().contains("recovery point"),
        "{again:#}"
    );
    assert_copied(&aws);
    let calls = aws.cloud.calls();
    let copied = calls.iter().filter(|call| call.operation == "UploadPartCopy").count();
    assert_eq!(copied, 11, "the second backup found what the first one copied");

    let plan = done(&aws, &mut there, "command-plan-restore").await;
    assert_eq!(plan["possible"], true, "{plan:#}");
    drilled(&aws, &mut there).await;
    restored(&aws, &mut there).await;

    for line in logged(&here).await.iter().chain(&logged(&there).await) {
        let refused = line["message"]
            .as_str()
            .is_some_and(|said| said.starts_with("refused: "));
        assert!(refused || line["level"] != "ERROR", "{line:#}");
    }
    let foreign = |call: &&rehearsal::cloud::CallRecord| call.region == REGION && call.service != "iam";
    let calls = aws.cloud.take_calls();
    let after = calls.iter().skip_while(|call| call.operation != "CreateModel");
    assert_eq!(
        after.filter(foreign).count(),
        0,
        "a restore asks nothing of the other Region"
    );
}

/// The model lies in the other Region, byte for byte, and nothing is left half done.
fn assert_copied(aws: &Aws) {
    let store = aws.cloud.store();
    let source = store.look(MODELS, "v12/model.tar.gz").unwrap();
    let keys = store.keys(COPIES);
    let copies: Vec<_> = keys.iter().filter(|key| key.ends_with("/model.tar.gz")).collect();
    assert_eq!(copies.len(), 1, "{keys:?}");
    let copy = store.look(COPIES, copies[0]).unwrap();
    assert_eq!(
        (copy.content.len(), &copy.checksum, copy.composite, &copy.content_type),
        (source.content.len(), &source.checksum, false, &source.content_type)
    );
    assert!(store.uploads(COPIES).is_empty());
}

async fn drilled(aws: &Aws, there: &mut Sandbox) {
    let report = done(aws, there, "command-drill").await;
    assert_eq!(report["restore"]["job"], "drill-1", "{report:#}");
    until(aws, there, Some("tearing-down")).await;
    no_call_comes_late(aws);
    until(aws, there, None).await;
    assert_eq!(status_of(aws, "product-ranker-drill-1").await, None);
    let lines = logged(there).await;
    let figures = |line: &&Value| {
        line["_aws"].is_object() && line["DrillRTO"].as_f64() > Some(0.0) && line["DrillRPO"].as_f64() > Some(0.0)
    };
    assert_eq!(lines.iter().filter(figures).count(), 1, "{lines:#?}");
    let status = done(aws, there, "command-status-one").await;
    let said = status["summary"].as_str().unwrap();
    assert!(said.contains("The last drill passed"), "{said}");

    // Another one, which is aborted, is deleted as well.
    done(aws, there, "command-drill").await;
    done(aws, there, "command-abort").await;
    no_call_comes_late(aws);
    until(aws, there, None).await;
    assert_eq!(status_of(aws, "product-ranker-drill-2").await, None);
}

async fn restored(aws: &Aws, there: &mut Sandbox) {
    let report = done(aws, there, "command-restore").await;
    assert_eq!(report["restore"]["job"], "restore-3", "{report:#}");
    let busy = ask(aws, there, "command-drill").await;
    assert_eq!(busy["outcome"], "refused", "one at a time: {busy:#}");
    let began = Instant::now();
    while status_of(aws, "product-ranker").await != Some(EndpointStatus::InService) {
        assert!(began.elapsed() < Duration::from_secs(60), "it never serves");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // SageMaker's event is enough: nobody waits for the schedule.
    let event = String::from_utf8(aws.sample("state-change-in-service")).unwrap();
    let woken = there.invoke(event.replace(REGION, OTHER)).await.unwrap();
    assert_eq!(outcome(&woken.result), "done", "{:?}", woken.result);
    let status = done(aws, there, "command-status-one").await;
    assert!(
        status["endpoints"]["product-ranker"]["restore"].is_null(),
        "its probes passed: {status:#}"
    );
    settings().bind(|| insta::assert_snapshot!("cross_region_backup_alerts", told(aws, OTHER).join("\n")));
}

#[tokio::test]
async fn a_backup_that_does_not_fit_into_an_invocation_is_continued_by_the_sample_of_that() {
    let world = format!(
        "{}\nfunctions:\n  - {{name: cross-region-backup, region: {REGION}}}\n",
        served().replacen("backup: {destination:", "backup: {concurrency: 2, destination:", 1)
    );
    let aws = serve(&world).await;
    // Of twelve seconds eight are for copying: two times two parts begin, the last two are not waited for.
    let slow = Fault::every(FaultKind::Slow(Duration::from_secs(4)));
    aws.cloud.add_fault(slow.on("s3", "UploadPartCopy"));
    let mut deployed = aws.deployed_in(REGION);
    deployed.timeout = Duration::from_secs(12);
    let mut function = start(deployed).await;
    let mut report = ask(&aws, &mut function, "command-backup").await;
    let mut hops = 0;
    while report["summary"].as_str().unwrap().contains("goes on") {
        hops += 1;
        let mut event: Value = serde_json::from_slice(&aws.sample("command-continue")).unwrap();
        event["job"] = 1.into();
        event["hop"] = hops.into();
        let invoked = function.invoke(event.to_string()).await.unwrap();
        let Answer::Response(next) = invoked.result else {
            panic!("{:?}\n{}", invoked.result, function.stdout())
        };
        report = next;
        assert!(hops < 12, "{report:#}");
    }
    assert_eq!(
        hops, 3,
        "eleven parts, four with each invocation, and the end: {report:#}"
    );
    assert_copied(&aws);
    let calls = aws.cloud.calls();
    let made = |operation: &str| calls.iter().filter(|call| call.operation == operation).count();
    assert!(
        made("UploadPartCopy") <= 11 + 2 * hops,
        "only those under way are made again"
    );
    assert_eq!(made("Invoke"), hops, "each invocation asks for the next");
    // The same continuation once more changes nothing.
    let invoked = function
        .invoke(format!(
            r#"{{"command": "continue", "endpoint": "product-ranker", "job": 1, "hop": {hops}}}"#
        ))
        .await
        .unwrap();
    assert!(is_report(&invoked.result), "{:?}", invoked.result);
    let keys = aws.cloud.store().keys(COPIES);
    let points = keys.iter().filter(|key| key.contains("/points/"));
    assert_eq!(points.count(), 1, "{keys:?}");
}
