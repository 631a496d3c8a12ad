//! The binary of a function as Lambda runs it: its Runtime API on one side, the simulated AWS over HTTP on the other.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use rehearsal::{
    clock::SimClock,
    cloud::Cloud,
    faults::FaultPlan,
    play::deploy,
    runtime_api::{Answer, Function, Sandbox},
    scenario::Scenario,
    serve::Server,
    world::World,
};
use serde_json::Value;
use tokio::{sync::oneshot, task::JoinHandle};

/// Where everything is.
pub(crate) const REGION: &str = "eu-west-1";

/// A simulated AWS, on a port of its own, and the binary under test.
pub(crate) struct Aws {
    pub(crate) cloud: Cloud,
    url: String,
    function: Deployed,
    _stop: oneshot::Sender<()>,
    _served: JoinHandle<std::io::Result<()>>,
}

/// Which function it is.
#[derive(Clone, Debug)]
pub(crate) struct Deployed {
    /// Its name, and the folder of its samples.
    pub(crate) name: &'static str,
    /// Its resource in the template, and its variables in `env.json`.
    pub(crate) resource: &'static str,
    pub(crate) binary: PathBuf,
}

impl Aws {
    /// The world of a scenario; nothing of it is played.
    pub(crate) async fn serve(world: &str, function: Deployed) -> Self {
        let scenario = Scenario::parse(world, "serve.yaml").unwrap_or_else(|problems| panic!("{problems}"));
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
            function,
            _stop: stop,
            _served: served,
        }
    }

    /// The function, started, with the variables of `env.json`.
    pub(crate) async fn function(&self) -> Sandbox {
        start(self.deployed_in(REGION)).await
    }

    /// The function as it is deployed in a Region: `env.json` names what is in [`REGION`].
    pub(crate) fn deployed_in(&self, region: &str) -> Function {
        let all: Value = serde_json::from_slice(&fs::read(root().join("env.json")).unwrap()).unwrap();
        let env: BTreeMap<String, String> = all[self.function.resource]
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| name.as_str() != "AWS_ENDPOINT_URL")
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().replace(REGION, region)))
            .collect();
        Function {
            region: region.to_owned(),
            env,
            endpoint: Some(self.url.clone()),
            ..Function::new(self.function.binary.clone(), self.function.name)
        }
    }

    /// What the function answers to each of its samples, for a snapshot. None is an error of the function.
    pub(crate) async fn answers(
        &self,
        function: &mut Sandbox,
        folder: &str,
        accepted: impl Fn(&Answer) -> bool,
    ) -> String {
        let mut told = String::new();
        for (name, event) in samples(&format!("events/{}{folder}", self.function.name)) {
            let invoked = function.invoke(event).await.unwrap();
            assert!(
                accepted(&invoked.result),
                "{name}: {:?}\n{}{}",
                invoked.result,
                function.stdout(),
                function.stderr()
            );
            writeln!(told, "{name}\n    {}", readable(&invoked.result)).unwrap();
        }
        assert_eq!(function.usage().inits.len(), 1, "one process served them all");
        told
    }

    /// What the function answers to each of its samples of what it refuses, for a snapshot. None of them does anything.
    pub(crate) async fn refusals(&self, function: &mut Sandbox) -> String {
        let told = self
            .answers(function, "/refused", |answer| outcome(answer) == "refused")
            .await;
        assert_eq!(self.writes(), 0, "a refused event does nothing");
        told
    }

    /// One of its samples.
    pub(crate) fn sample(&self, name: &str) -> Vec<u8> {
        fs::read(root().join(format!("events/{}/{name}.json", self.function.name))).unwrap()
    }

    /// Writes of the function, its copy of the fleet file aside: what a refused event must not make.
    pub(crate) fn writes(&self) -> usize {
        let writes = |operation: &str| {
            ["Put", "Create", "Update", "Delete", "Register", "Set"]
                .iter()
                .any(|verb| operation.starts_with(verb))
                || operation == "Publish"
        };
        let copy = |resource: &Option<String>| resource.as_ref().is_some_and(|resource| resource.contains("fleet"));
        self.cloud
            .calls()
            .into_iter()
            .filter(|call| writes(&call.operation) && !copy(&call.resource))
            .count()
    }
}

/// A function, started.
pub(crate) async fn start(function: Function) -> Sandbox {
    Sandbox::start(function).await.unwrap_or_else(|error| panic!("{error}"))
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

/// What a person reads of an answer. Times of today are no part of a snapshot.
pub(crate) fn readable(answer: &Answer) -> String {
    let text = match answer {
        Answer::Response(report) => report["summary"].as_str().unwrap_or("NO SUMMARY").to_owned(),
        Answer::Error { kind, message } => format!("{kind}: {message}"),
        other => format!("{other:?}"),
    };
    text.replace('\n', "\n    ")
}

/// `outcome` of a report; empty for everything else.
pub(crate) fn outcome(answer: &Answer) -> &str {
    match answer {
        Answer::Response(report) => report["outcome"].as_str().unwrap_or_default(),
        _ => "",
    }
}

/// It is a report.
pub(crate) fn is_report(answer: &Answer) -> bool {
    matches!(answer, Answer::Response(report) if report["summary"].is_string())
}

/// Snapshots beside those of the other tests, without times.
pub(crate) fn redacted() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[time]");
    settings.add_filter(r"\b\d\d:\d\d( UTC)?", "[time]");
    settings.add_filter(r"\b\d+(\.\d+)? ?m?s\b", "[span]");
    // An asynchronous endpoint answers in its own time: how many are healthy by now depends on the machine.
    settings.add_filter(
        r"[45] healthy( \([^)]*\))?\.( 1 could not be judged this time and counts as before\.)?",
        "4 healthy, and the asynchronous one as soon as it has answered.",
    );
    settings.add_filter(r"doc-summarizer  (unknown|healthy)", "doc-summarizer  [so far]");
    // What is healthy is listed by name, after what is not known yet; columns are as wide as the longest span.
    settings.add_filter(
        r"( *chat-assistant +healthy +for \[span\]\n)( *doc-summarizer +\[so far\] +for \[span\]\n)",
        "$2$1",
    );
    settings.add_filter(r"\[span\] {2,}", "[span]  ");
    settings
}
