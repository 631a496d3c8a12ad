//! The binary that is deployed, as Lambda runs it: its Runtime API on one side, AWS over HTTP on the other. It gets every
//! file of `events/health-checker`, so what these tests see is what `sam local invoke` shows.
//!
//! `HEALTH_CHECKER` names another binary than the one just built, such as that of a release build.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use rehearsal::{
    clock::SimClock,
    cloud::Cloud,
    faults::FaultPlan,
    play::deploy,
    runtime_api::{Answer, Function, Sandbox},
    scenario::{Scenario, served},
    serve::Server,
    world::World,
};
use serde_json::Value;
use tokio::{sync::oneshot, task::JoinHandle};

const REGION: &str = "eu-west-1";
const BUCKET: &str = "steward-state-123456789012-eu-west-1";

/// The simulated AWS of `rehearse serve`, on a port of its own.
struct Aws {
    cloud: Cloud,
    url: String,
    _stop: oneshot::Sender<()>,
    _served: JoinHandle<std::io::Result<()>>,
}

impl Aws {
    async fn serve() -> Self {
        let scenario = Scenario::parse(served(), "serve.yaml").unwrap_or_else(|problems| panic!("{problems}"));
        let start = jiff::Timestamp::now();
        let world = World::new(&scenario.world, 1, start).unwrap();
        let cloud = Cloud::new(world, FaultPlan::new([], 1), SimClock::new(start));
        deploy(&scenario, &cloud);
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        let url = server.url();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async {
            // Dropped with the test: that stops the server, too.
            let _ = stopped.await;
        };
        let served = tokio::spawn(server.run(cloud.clone(), |_| {}, stopped));
        Self {
            cloud,
            url,
            _stop: stop,
            _served: served,
        }
    }

    /// The health checker, started, with the variables of `env.json`.
    async fn function(&self) -> Sandbox {
        Sandbox::start(self.as_deployed())
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    fn as_deployed(&self) -> Function {
        let all: Value = serde_json::from_slice(&fs::read(root().join("env.json")).unwrap()).unwrap();
        let env: BTreeMap<String, String> = all["HealthChecker"]
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| name.as_str() != "AWS_ENDPOINT_URL")
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect();
        let binary = std::env::var_os("HEALTH_CHECKER")
            .map_or_else(|| env!("CARGO_BIN_EXE_health-checker").into(), PathBuf::from);
        Function {
            region: REGION.to_owned(),
            env,
            endpoint: Some(self.url.clone()),
            ..Function::new(binary, "health-checker")
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The samples of a folder by name, in order.
fn samples(folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<PathBuf> = fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} holds no sample");
    files
        .into_iter()
        .map(|path| {
            (
                path.file_stem().unwrap().to_string_lossy().into_owned(),
                fs::read(&path).unwrap(),
            )
        })
        .collect()
}

fn sample(name: &str) -> Vec<u8> {
    fs::read(root().join(format!("events/health-checker/{name}.json"))).unwrap()
}

/// What a person reads of an answer. Times of today are no part of a snapshot.
fn readable(answer: &Answer) -> String {
    let text = match answer {
        Answer::Response(report) => report["summary"].as_str().unwrap_or("NO SUMMARY").to_owned(),
        Answer::Error { kind, message } => format!("{kind}: {message}"),
        other => format!("{other:?}"),
    };
    text.replace('\n', "\n    ")
}

fn outcome(answer: &Answer) -> &str {
    match answer {
        Answer::Response(report) => report["outcome"].as_str().unwrap_or_default(),
        _ => "",
    }
}

fn redacted() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[time]");
    settings.add_filter(r"\b\d\d:\d\d( UTC)?", "[time]");
    settings.add_filter(r"\b\d+(\.\d+)? ?m?s\b", "[span]");
    settings
}

#[tokio::test]
async fn the_binary_answers_every_sample_event() {
    let aws = Aws::serve().await;
    let mut function = aws.function().await;
    let mut told = String::new();
    for (name, event) in samples("events/health-checker") {
        let invoked = function.invoke(event).await.unwrap();
        assert!(
            matches!(&invoked.result, Answer::Response(report) if report["summary"].is_string()),
            "{name}: {:?}\n{}{}",
            invoked.result,
            function.stdout(),
            function.stderr()
        );
        writeln!(told, "{name}\n    {}", readable(&invoked.result)).unwrap();
    }
    assert_eq!(function.usage().inits.len(), 1, "one process served them all");
    redacted().bind(|| insta::assert_snapshot!("health_checker_answers", told));
}

#[tokio::test]
async fn the_binary_refuses_every_refused_sample_and_lives_on() {
    let aws = Aws::serve().await;
    let mut function = aws.function().await;
    let mut told = String::new();
    for (name, event) in samples("events/health-checker/refused") {
        let invoked = function.invoke(event).await.unwrap();
        assert_eq!(outcome(&invoked.result), "refused", "{name}: {:?}", invoked.result);
        writeln!(told, "{name}\n    {}", readable(&invoked.result)).unwrap();
    }
    assert_eq!(function.usage().inits.len(), 1, "one process served them all");
    let writes = aws
        .cloud
        .calls()
        .into_iter()
        .filter(|call| call.operation.starts_with("Put") || call.operation == "Publish");
    assert_eq!(writes.count(), 0, "a refused event does nothing");
    redacted().bind(|| insta::assert_snapshot!("health_checker_refusals", told));
}

#[tokio::test]
async fn what_is_no_json_or_too_large_is_refused_and_the_next_event_is_served() {
    let aws = Aws::serve().await;
    let mut function = aws.function().await;
    let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    for event in [b"{\"command\":".to_vec(), vec![0xff, 0xfe], deep.into_bytes()] {
        let invoked = function.invoke(event).await.unwrap();
        assert!(matches!(invoked.result, Answer::Error { .. }), "{:?}", invoked.result);
    }
    let large = format!(
        r#"{{"command":"check","endpoints":["{}"]}}"#,
        "x".repeat(2 * 1024 * 1024)
    );
    let invoked = function.invoke(large).await.unwrap();
    assert_eq!(outcome(&invoked.result), "refused", "{:?}", invoked.result);
    let invoked = function.invoke(sample("command-status")).await.unwrap();
    assert!(matches!(invoked.result, Answer::Response(_)), "{:?}", invoked.result);
}

#[tokio::test]
async fn wrong_settings_are_all_named_in_the_answer() {
    let aws = Aws::serve().await;
    let mut function = aws.as_deployed();
    function.env.insert("STEWARD_FLEET".to_owned(), "fleet.yaml".to_owned());
    function.env.remove("STEWARD_STATE");
    function.env.insert("STEWARD_TOPIK_ARN".to_owned(), "typo".to_owned());
    let mut function = Sandbox::start(function).await.unwrap_or_else(|error| panic!("{error}"));
    let invoked = function.invoke(sample("command-status")).await.unwrap();
    let Answer::Error { message, .. } = &invoked.result else {
        panic!("{:?}", invoked.result)
    };
    for variable in ["STEWARD_FLEET", "STEWARD_STATE", "STEWARD_TOPIK_ARN"] {
        assert!(message.contains(variable), "{variable} is not named in: {message}");
    }
}

#[tokio::test]
async fn a_sweep_remembers_what_it_saw_and_logs_json_lines_only() {
    let aws = Aws::serve().await;
    let mut function = aws.function().await;
    function.invoke(sample("schedule-scheduler-input")).await.unwrap();
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
    let invoked = fresh.invoke(sample("command-status-one")).await.unwrap();
    assert!(
        readable(&invoked.result).contains("fraud-detector"),
        "{:?}",
        invoked.result
    );
}
