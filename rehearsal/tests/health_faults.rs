//! The health checker under every fault: whichever of its AWS calls fails, before or after taking effect, and between
//! whichever two of them it dies, the next sweeps end in the same state, and people are told the same things, once.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use health_checker::{Context, handle};
use jiff::Timestamp;
use rehearsal::{
    clock::SimClock,
    cloud::Cloud,
    faults::{Fault, FaultKind, FaultPlan},
    world::{Call, Service, World, spec::WorldSpec},
};
use serde_json::{Value, json};
use steward::aws::{Base, Clock, Emit, Invocation};

const REGION: &str = "eu-west-1";
const NAME: &str = "health-checker";
const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:alerts";

/// One variant of `fraud` fails from the second minute on, and its traffic is taken away.
const WORLD: &str = r#"
regions:
  eu-west-1:
    topics: [alerts]
    endpoints:
      fraud: {variants: {blue: {instances: 2}, green: {instances: 2}}, traffic: 5 rps}
      search: {}
incidents:
  - {at: 1m30s, for: 3h, endpoint: fraud, variant: blue, behaves: {errors: 100%, status: 500}}
"#;

const FLEET: &str = r#"
version: 1
defaults:
  health: {failure_threshold: 2, success_threshold: 1}
endpoints:
  fraud:
    health:
      probes: [{name: smoke, payload: {amount: 12}, per_variant: true, retries: 0}]
      recovery: {rungs: [shift-away]}
  search:
    health: {probes: [{name: smoke, payload: {q: a}, retries: 0}]}
"#;

/// Faults are tried on the sweeps in which everything happens.
const WATCHED: std::ops::Range<u32> = 2..4;
const SWEEPS: u32 = 7;

struct Stage {
    cloud: Cloud,
    ctx: Context,
    failures: Vec<String>,
}

impl Stage {
    fn new() -> Self {
        Self::of(WORLD, FLEET)
    }

    fn of(world: &str, fleet: &str) -> Self {
        let start: Timestamp = "2026-03-02T08:00:00Z".parse().expect("a timestamp");
        let spec = WorldSpec::parse(world, "world.yaml").expect("a sound world");
        let world = World::new(&spec, 7, start).expect("a world");
        let cloud = Cloud::new(world, FaultPlan::none(), SimClock::new(start));
        cloud.store().ensure_bucket("state", REGION);
        cloud
            .store()
            .put("state", "fleet.yaml", fleet.to_owned(), "application/yaml");
        Self {
            ctx: context(&cloud),
            cloud,
            failures: Vec::new(),
        }
    }

    /// One tick of the schedule, a minute after the last. A function that dies starts anew, and Lambda repeats what
    /// failed a minute later.
    async fn tick(&mut self) {
        self.cloud.clock().sleep(Duration::from_secs(60)).await;
        self.send(json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}))
            .await;
    }

    async fn send(&mut self, event: Value) -> Option<Value> {
        let now = self.cloud.clock().now();
        let call = Invocation {
            request_id: format!("request-{}", now.as_second()),
            deadline: now.checked_add(Duration::from_secs(50)).expect("in time"),
        };
        let died = self.cloud.crash_signal(NAME);
        let answer = tokio::select! {
            answer = handle(&self.ctx, &call, event) => Some(answer),
            _ = died => None,
        };
        match answer {
            Some(Ok(answer)) => Some(answer),
            Some(Err(error)) => {
                self.failures.push(error.to_string());
                None
            }
            None => {
                self.ctx = context(&self.cloud);
                None
            }
        }
    }

    async fn ticks(&mut self, times: u32) {
        for _ in 0..times {
            self.tick().await;
        }
    }

    fn whats(&self) -> Vec<String> {
        self.told().into_iter().map(|(_, what)| what).collect()
    }

    /// What people were told, in order, each id once: subscribers drop what they have.
    fn told(&self) -> Vec<(String, String)> {
        let mut told: Vec<(String, String)> = Vec::new();
        self.cloud.with_world(|world| {
            for published in world.published() {
                let attribute = |name: &str| published.message.attributes.get(name).cloned().unwrap_or_default();
                let what = format!("{} {}", attribute("endpoint"), attribute("kind"));
                let id = published
                    .message
                    .body
                    .split("| id ")
                    .nth(1)
                    .and_then(|rest| rest.split(['"', '\\', '\n']).next());
                let id = id.expect("every alert bears its id").to_owned();
                if !told.iter().any(|(known, _)| *known == id) {
                    told.push((id, what));
                }
            }
        });
        told
    }

    fn ledger(&self) -> Value {
        let body = self.cloud.store().get("state", "health.json").expect("a ledger");
        serde_json::from_slice(&body).expect("JSON")
    }

    fn state(&self, endpoint: &str) -> Value {
        self.ledger()["document"]["endpoints"][endpoint]["state"].clone()
    }

    fn weights(&self) -> BTreeMap<String, String> {
        let view = self
            .cloud
            .with_world(|world| world.endpoint(REGION, "fraud"))
            .expect("fraud");
        let view = serde_json::to_value(view).expect("JSON");
        let variants = view["variants"].as_array().cloned().unwrap_or_default();
        let weight = |variant: &Value| (variant["name"].to_string(), variant["weight"].to_string());
        variants.iter().map(weight).collect()
    }
}

fn context(cloud: &Cloud) -> Context {
    context_writing(cloud, Emit::new(io::sink()))
}

fn context_writing(cloud: &Cloud, emit: Emit) -> Context {
    let sdk = cloud
        .sdk_config(NAME, REGION)
        .into_builder()
        .retry_config(steward::aws::retries())
        .timeout_config(steward::aws::timeouts())
        .build();
    let clock = *cloud.clock();
    let base = Base::new(sdk, Clock::new(move || clock.now()), emit);
    let env = [
        ("STEWARD_FLEET", "s3://state/fleet.yaml"),
        ("STEWARD_STATE", "s3://state"),
        ("STEWARD_TOPIC_ARN", TOPIC),
        ("AWS_REGION", REGION),
        ("AWS_LAMBDA_FUNCTION_NAME", NAME),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Context::new(&BTreeMap::from(env), base).expect("settings")
}

/// The calls of the watched sweeps, as numbers of the health checker's calls from the start.
async fn calls_in_question() -> std::ops::RangeInclusive<u64> {
    let mut stage = Stage::new();
    stage.ticks(WATCHED.start).await;
    let before = stage.cloud.calls().len() as u64;
    stage.ticks(WATCHED.end - WATCHED.start).await;
    before + 1..=stage.cloud.calls().len() as u64
}

#[tokio::test(start_paused = true)]
async fn a_sick_variant_loses_its_traffic_and_people_are_told() {
    let mut stage = Stage::new();
    stage.ticks(SWEEPS).await;
    assert_eq!(stage.failures, Vec::<String>::new());
    assert_eq!(stage.state("fraud"), "degraded");
    assert_eq!(
        stage.whats(),
        [
            "fraud endpoint.degraded",
            "fraud recovery.started",
            "fraud recovery.finished"
        ]
    );
}

async fn the_end_is_the_same(kind: FaultKind) {
    let mut calm = Stage::new();
    calm.ticks(SWEEPS).await;
    for nth in calls_in_question().await {
        let mut stage = Stage::new();
        stage.cloud.add_fault(Fault::every(kind).nth(nth));
        stage.ticks(SWEEPS).await;
        let hit = stage
            .cloud
            .calls()
            .iter()
            .find(|call| call.fault.is_some())
            .map(|call| call.operation.clone());
        let what = format!("{kind} at call {nth}, {hit:?}");
        assert!(hit.is_some(), "{what}: the fault hits something");
        assert_eq!(stage.weights(), calm.weights(), "{what}");
        assert_eq!(stage.state("fraud"), calm.state("fraud"), "{what}");
        assert_eq!(stage.whats(), calm.whats(), "{what}: each alert once");
        let intent = &stage.ledger()["document"]["endpoints"]["fraud"]["recovery"]["intent"];
        assert!(intent.is_null(), "{what}: {intent}");
    }
}

#[tokio::test(start_paused = true)]
async fn whichever_call_is_cut_before_it_takes_effect_the_end_is_the_same() {
    the_end_is_the_same(FaultKind::CutBefore).await;
}

#[tokio::test(start_paused = true)]
async fn whichever_call_is_cut_after_it_took_effect_the_end_is_the_same() {
    the_end_is_the_same(FaultKind::CutAfter).await;
}

#[tokio::test(start_paused = true)]
async fn whichever_call_is_answered_500_the_end_is_the_same() {
    the_end_is_the_same(FaultKind::Error500).await;
}

#[tokio::test(start_paused = true)]
async fn before_whichever_call_the_function_dies_the_end_is_the_same() {
    the_end_is_the_same(FaultKind::CrashBefore).await;
}

#[tokio::test(start_paused = true)]
async fn after_whichever_call_the_function_dies_the_end_is_the_same() {
    the_end_is_the_same(FaultKind::CrashAfter).await;
}

impl Stage {
    /// The texts of the alerts of this kind.
    fn texts(&self, kind: &str) -> Vec<String> {
        self.cloud.with_world(|world| {
            let of_kind = world.published().iter().filter(|published| {
                published
                    .message
                    .attributes
                    .get("kind")
                    .is_some_and(|told| told == kind)
            });
            of_kind.map(|published| published.message.body.clone()).collect()
        })
    }

    fn called(&self, operation: &str) -> usize {
        let calls = self.cloud.calls();
        calls.iter().filter(|call| call.operation == operation).count()
    }

    fn operator(&self, operation: &str, input: Value) {
        let now = self.cloud.clock().now();
        let call = Call {
            region: REGION,
            caller: "operator",
            service: Service::SageMaker,
            operation,
            input,
        };
        self.cloud.with_world(|world| world.call(now, call)).expect("taken");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_endpoint_whose_config_is_gone_is_not_deleted_and_people_are_told_why() {
    let world = r#"
regions: {eu-west-1: {topics: [alerts], endpoints: {fraud: {}}}}
incidents: [{at: 2m30s, endpoint: fraud, becomes: failed, reason: no capacity}]
"#;
    let fleet = "version: 1\nendpoints: {fraud: {health: {recovery: {rungs: [recreate]}}}}\n";
    let mut stage = Stage::of(world, fleet);
    stage.ticks(2).await;
    let good = &stage.ledger()["document"]["endpoints"]["fraud"]["last_good"]["config"];
    stage.cloud.clock().sleep(Duration::from_secs(40)).await;
    stage.cloud.advance();
    stage.operator("DeleteEndpointConfig", json!({ "EndpointConfigName": good }));
    stage.ticks(3).await;
    assert_eq!(stage.failures, Vec::<String>::new());
    assert_eq!(
        stage.whats(),
        [
            "fraud endpoint.failed",
            "fraud recovery.started",
            "fraud recovery.failed"
        ]
    );
    assert_eq!((stage.called("DeleteEndpoint"), stage.called("CreateEndpoint")), (0, 0));
    let told = &stage.texts("recovery.failed")[0];
    for words in ["Endpoint fraud was not deleted", "Nothing was changed; this was wanted"] {
        assert!(told.contains(words), "{words} in {told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_redeployment_withdrawn_half_way_says_what_it_left() {
    let world = r#"
regions: {eu-west-1: {topics: [alerts], endpoints: {fraud: {}}}}
incidents: [{at: 1m30s, for: 2m, endpoint: fraud, behaves: {errors: 100%, status: 500}}]
"#;
    let fleet = r#"
version: 1
defaults: {health: {failure_threshold: 2, success_threshold: 1}}
endpoints: {fraud: {health: {probes: [{name: smoke, payload: {amount: 12}}], recovery: {rungs: [redeploy]}}}}
"#;
    let mut stage = Stage::of(world, fleet);
    stage
        .cloud
        .add_fault(Fault::every(FaultKind::Throttle).on("sagemaker", "UpdateEndpoint"));
    stage.ticks(5).await;
    assert_eq!(
        stage.whats(),
        [
            "fraud endpoint.unhealthy",
            "fraud recovery.started",
            "fraud endpoint.recovered",
            "fraud recovery.withdrawn"
        ]
    );
    let told = &stage.texts("recovery.withdrawn")[0];
    assert!(told.contains("The endpoint recovered by itself"), "{told}");
    assert!(told.contains("was created as a copy of"), "{told}");
    assert!(told.contains("Nothing else was changed"), "{told}");
}

/// What a function writes.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_without_an_answer_has_no_latency() {
    let world = "regions: {eu-west-1: {topics: [alerts], endpoints: {fraud: {}}}}";
    let fleet = r#"
version: 1
endpoints: {fraud: {health: {metrics: true, probes: [{name: smoke, payload: {amount: 12}, retries: 0}]}}}
"#;
    let mut stage = Stage::of(world, fleet);
    let written = Written::default();
    stage.ctx = context_writing(&stage.cloud, Emit::new(written.clone()));
    let published = |name: &str| {
        let lines = String::from_utf8(written.0.lock().expect("lock").clone()).expect("UTF-8");
        let lines = lines
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        lines.filter(|line| !line[name].is_null()).count()
    };
    stage.ticks(2).await;
    assert_eq!((published("EndpointHealthy"), published("ProbeLatency")), (2, 2));
    stage
        .cloud
        .add_fault(Fault::every(FaultKind::Denied).on("runtime", "InvokeEndpoint"));
    stage.ticks(2).await;
    assert_eq!((published("EndpointHealthy"), published("ProbeLatency")), (4, 2));
}
