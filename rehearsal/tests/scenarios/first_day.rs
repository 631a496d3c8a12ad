//! Before the first fleet file is written: nothing fails, and every heartbeat goes on.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use rehearsal::{
    clock::SimClock,
    cloud::Cloud,
    faults::FaultPlan,
    world::{World, spec::WorldSpec},
};
use serde_json::{Value, json};
use steward::aws::{Base, Clock, Emit, Invocation};

pub(super) const REGION: &str = "eu-west-1";

/// AWS in which the stack is deployed, and nothing else.
fn cloud() -> Cloud {
    let start: Timestamp = "2026-03-02T08:00:00Z".parse().expect("a timestamp");
    let world = "regions: {eu-west-1: {topics: [alerts], endpoints: {fraud: {}}}}";
    let spec = WorldSpec::parse(world, "world.yaml").expect("a sound world");
    let world = World::new(&spec, 7, start).expect("a world");
    let cloud = Cloud::new(world, FaultPlan::none(), SimClock::new(start));
    cloud.store().ensure_bucket("state", REGION);
    cloud
}

/// What a function writes.
#[derive(Clone, Default)]
pub(super) struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    fn metrics(&self, name: &str) -> usize {
        let text = String::from_utf8(self.0.lock().expect("lock").clone()).expect("UTF-8");
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line[name].as_f64() == Some(1.0)).count()
    }
}

pub(super) fn base(cloud: &Cloud, function: &str, written: &Written) -> (BTreeMap<String, String>, Base) {
    let sdk = cloud.sdk_config(function, REGION).into_builder();
    let sdk = sdk
        .retry_config(steward::aws::retries())
        .timeout_config(steward::aws::timeouts())
        .build();
    let clock = *cloud.clock();
    let base = Base::new(sdk, Clock::new(move || clock.now()), Emit::new(written.clone()));
    let env = [
        ("STEWARD_FLEET", "s3://state/fleet.yaml"),
        ("STEWARD_STATE", "s3://state"),
        ("STEWARD_TOPIC_ARN", "arn:aws:sns:eu-west-1:111122223333:alerts"),
        ("AWS_REGION", REGION),
        ("AWS_LAMBDA_FUNCTION_NAME", function),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    (BTreeMap::from(env), base)
}

pub(super) fn invocation(cloud: &Cloud) -> Invocation {
    let now = cloud.clock().now();
    Invocation {
        request_id: "first-day".to_owned(),
        deadline: now.checked_add(Duration::from_secs(300)).expect("in time"),
    }
}

pub(super) fn tick() -> Value {
    json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}})
}

/// Invokes one function by its schedule.
macro_rules! ticked {
    ($crate_name:ident, $cloud:expr) => {{
        let written = Written::default();
        let (env, base) = base($cloud, stringify!($crate_name), &written);
        let ctx = $crate_name::Context::new(&env, base).expect("settings");
        let answer = $crate_name::handle(&ctx, &invocation($cloud), tick()).await;
        (answer.map_err(|error| error.to_string()), written)
    }};
}

#[tokio::test(start_paused = true)]
async fn before_the_first_fleet_file_every_heartbeat_goes_on() {
    let cloud = cloud();
    let all = [
        ("Sweeps", ticked!(health_checker, &cloud)),
        ("RolloutTicks", ticked!(traffic_shifter, &cloud)),
        ("WakeTicks", ticked!(scale_from_zero, &cloud)),
        ("BackupTicks", ticked!(cross_region_backup, &cloud)),
        ("CapacityTicks", ticked!(fleet_reconciler, &cloud)),
    ];
    for (heartbeat, (answer, written)) in all {
        let answer = answer.unwrap_or_else(|error| panic!("{heartbeat}: {error}"));
        assert_eq!(written.metrics(heartbeat), 1, "{heartbeat}");
        let said = answer["summary"].as_str().unwrap_or_default();
        if heartbeat != "RolloutTicks" {
            assert_eq!(answer["outcome"], "partial", "{heartbeat}: {said}");
            assert!(said.contains("there is no fleet file yet"), "{heartbeat}: {said}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_fleet_file_that_is_broken_fails_every_function_that_goes_by_it() {
    let cloud = cloud();
    cloud
        .store()
        .put("state", "fleet.yaml", "version: 7\n".to_owned(), "application/yaml");
    let all = [
        ticked!(health_checker, &cloud).0,
        ticked!(scale_from_zero, &cloud).0,
        ticked!(cross_region_backup, &cloud).0,
        ticked!(fleet_reconciler, &cloud).0,
    ];
    for answer in all {
        let error = answer.expect_err("an error");
        assert!(error.contains("no fleet file is in force"), "{error}");
    }
}
