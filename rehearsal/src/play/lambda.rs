//! Lambda: sandboxes that are started cold and used again, timeouts that kill, and what the environment holds.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;
use steward::aws::{Base, Clock, Emit, Invocation};

use super::{after, agenda::Event, handlers::Code};
use crate::{
    cloud::Cloud,
    record::Ending,
    scenario::{FunctionSpec, Scenario},
};

/// What starting a sandbox takes.
const COLD_START: Duration = Duration::from_millis(180);

/// One deployed function.
pub(super) struct Deployed {
    pub(super) spec: FunctionSpec,
    pub(super) region: String,
    pub(super) arn: String,
    env: BTreeMap<String, String>,
    idle: Vec<Sandbox>,
    started: u64,
    pub(super) running: u32,
    logs: Logs,
}

/// One execution environment. Lambda uses it again unless the invocation was killed.
pub(super) struct Sandbox {
    code: Code,
    caller: String,
}

/// One invocation that has ended.
pub(super) struct Finished {
    pub(super) event: Event,
    pub(super) cold: bool,
    pub(super) began: Timestamp,
    pub(super) ended: Timestamp,
    pub(super) ending: Ending,
    pub(super) answer: Value,
    sandbox: Option<Sandbox>,
}

impl Deployed {
    pub(super) fn new(scenario: &Scenario, spec: &FunctionSpec, logs: Logs) -> Self {
        let region = scenario.region_of(spec);
        Self {
            arn: format!(
                "arn:aws:lambda:{region}:{}:function:{}",
                scenario.world.account, spec.name
            ),
            env: environment(scenario, spec),
            spec: spec.clone(),
            region,
            idle: Vec::new(),
            started: 0,
            running: 0,
            logs,
        }
    }

    /// Takes a sandbox, or starts one, and runs the event in it.
    pub(super) fn invoke(&mut self, cloud: &Cloud, event: Event) -> impl Future<Output = Finished> + use<> {
        self.running += 1;
        let cold = self.idle.is_empty();
        let sandbox = self.idle.pop().map_or_else(|| self.start(cloud), Ok);
        let (clock, cloud, timeout) = (*cloud.clock(), cloud.clone(), self.spec.timeout());
        async move {
            let began = clock.now();
            if cold {
                clock.sleep(COLD_START).await;
            }
            let sandbox = match sandbox {
                Ok(sandbox) => sandbox,
                Err(problem) => {
                    let (ending, ended) = (Ending::NotStarted, clock.now());
                    return Finished {
                        event,
                        cold,
                        began,
                        ended,
                        ending,
                        answer: problem.into(),
                        sandbox: None,
                    };
                }
            };
            let call = Invocation {
                request_id: event.id.clone(),
                deadline: after(clock.now(), timeout),
            };
            let crash = cloud.crash_signal(&sandbox.caller);
            let (ending, answer) = tokio::select! {
                biased;
                crash = crash => (Ending::Crashed, format!("died at {} {}", crash.service, crash.operation).into()),
                answer = sandbox.code.handle(&call, event.payload.clone()) => match answer {
                    Ok(answer) => (Ending::Ok, answer),
                    Err(problem) => (Ending::Failed, problem.into()),
                },
                () = clock.sleep(timeout) => {
                    (Ending::TimedOut, format!("killed after {} s", timeout.as_secs()).into())
                }
            };
            let sandbox = matches!(ending, Ending::Ok | Ending::Failed).then_some(sandbox);
            Finished {
                event,
                cold,
                began,
                ended: clock.now(),
                ending,
                answer,
                sandbox,
            }
        }
    }

    /// Keeps the sandbox of a finished invocation for the next one.
    pub(super) fn take_back(&mut self, finished: &mut Finished) {
        self.running = self.running.saturating_sub(1);
        self.idle.extend(finished.sandbox.take());
    }

    fn start(&mut self, cloud: &Cloud) -> Result<Sandbox, String> {
        self.started += 1;
        let caller = format!("{}#{}", self.spec.name, self.started);
        let sdk = cloud
            .sdk_config(&caller, &self.region)
            .into_builder()
            .retry_config(steward::aws::retries())
            .timeout_config(steward::aws::timeouts())
            .build();
        let clock = *cloud.clock();
        let base = Base::new(sdk, Clock::new(move || clock.now()), Emit::new(self.logs.writer(clock)));
        let code = Code::start(self.spec.handler(), &self.env, base.with_path_style(true))?;
        Ok(Sandbox { code, caller })
    }
}

/// The environment of a function deployed in the scenario's world: what the template sets, and what Lambda sets.
pub fn environment(scenario: &Scenario, spec: &FunctionSpec) -> BTreeMap<String, String> {
    let region = scenario.region_of(spec);
    let account = &scenario.world.account;
    let bucket = state_bucket(account, &region);
    let topics = scenario
        .world
        .regions
        .get(&region)
        .map(|region| region.topics.as_slice())
        .unwrap_or_default();
    let topic = topics.iter().find(|topic| topic.contains("alert")).or(topics.first());
    let mut env: BTreeMap<String, String> = [
        ("AWS_REGION", region.clone()),
        ("AWS_LAMBDA_FUNCTION_NAME", spec.name.clone()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", spec.memory.to_string()),
        ("STEWARD_FLEET", format!("s3://{bucket}/{FLEET_KEY}")),
        ("STEWARD_STATE", format!("s3://{bucket}/{STATE_PREFIX}")),
        (
            "STEWARD_TOPIC_ARN",
            format!(
                "arn:aws:sns:{region}:{account}:{}",
                topic.map_or("steward-alerts", |t| t)
            ),
        ),
        ("STEWARD_LOG", "info".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    for (name, value) in &spec.settings.0 {
        if value.is_empty() {
            env.remove(name);
        } else {
            env.insert(name.clone(), value.clone());
        }
    }
    env
}

/// Where the fleet file lies in the state bucket.
const FLEET_KEY: &str = "fleet.yaml";

/// What comes before the keys of everything the functions remember.
const STATE_PREFIX: &str = "steward";

/// The bucket of ledger and fleet file in a Region.
fn state_bucket(account: &str, region: &str) -> String {
    format!("steward-state-{account}-{region}")
}

/// Makes the buckets of a scenario with their objects, puts its fleet file into the state bucket of every Region, and makes
/// its functions known to Lambda.
pub fn deploy(scenario: &Scenario, cloud: &Cloud) {
    for region in scenario.world.regions.keys() {
        cloud
            .store()
            .ensure_bucket(&state_bucket(&scenario.world.account, region), region);
        put_fleet(scenario, cloud, region, &scenario.fleet.text());
    }
    for (name, bucket) in &scenario.buckets.0 {
        let store = cloud.store();
        store.ensure_bucket(name, &bucket.region);
        if !bucket.versions {
            store.without_versions(name);
        }
        if let Some(key) = &bucket.key {
            store.encrypt_bucket(name, key);
        }
        for (key, object) in &bucket.objects.0 {
            object.put(store, name, key, 0);
        }
    }
    for function in &scenario.functions {
        let region = scenario.region_of(function);
        cloud.with_world(|world| world.deploy_function(&region, &function.name));
    }
}

/// Puts a fleet file where the functions of a Region read it.
pub(super) fn put_fleet(scenario: &Scenario, cloud: &Cloud, region: &str, text: &str) {
    let bucket = state_bucket(&scenario.world.account, region);
    // `deploy` made the bucket, so this cannot miss.
    let _ = cloud
        .store()
        .put(&bucket, FLEET_KEY, text.to_owned(), "application/yaml");
}

/// What the functions of a Region remember under `name`.
pub(super) fn remembered(scenario: &Scenario, cloud: &Cloud, region: &str, name: &str) -> Option<bytes::Bytes> {
    cloud.store().get(
        &state_bucket(&scenario.world.account, region),
        &format!("{STATE_PREFIX}/{name}"),
    )
}

/// The lines that functions log, with their moments.
#[derive(Clone, Debug, Default)]
pub(super) struct Logs(Arc<Mutex<Vec<(Timestamp, String)>>>);

impl Logs {
    fn writer(&self, clock: crate::clock::SimClock) -> impl Write + Send + use<> {
        LogWriter {
            clock,
            lines: self.0.clone(),
            partial: Vec::new(),
        }
    }

    pub(super) fn take(&self) -> Vec<(Timestamp, String)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct LogWriter {
    clock: crate::clock::SimClock,
    lines: Arc<Mutex<Vec<(Timestamp, String)>>>,
    partial: Vec<u8>,
}

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.partial.extend_from_slice(bytes);
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            self.lines
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((self.clock.now(), line));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
