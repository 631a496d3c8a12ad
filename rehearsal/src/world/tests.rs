//! The world as its callers meet it. One function to build it, one to call it; each test is a sentence.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;

mod alarms;
mod capacity;
mod components;
mod guardrails;
mod images;
mod lifecycle;
mod runs;
mod runtime;
mod scaling;
mod services;
mod spec;
mod statistics;

/// A small fleet: two variants, some traffic.
const FRAUD: &str = r#"{"regions": {"eu-west-1": {
    "endpoints": {"fraud": {
        "variants": {"blue": {"instances": 2, "latency": "80ms"}, "green": {"instances": 1, "weight": 0}},
        "traffic": "20 rps", "tags": {"team": "risk"}
    }},
    "topics": ["alerts"]
}}}"#;

/// A world, its time, and who calls.
struct Stage {
    world: World,
    now: Timestamp,
}

impl Stage {
    fn of(spec: Value) -> Self {
        Self::seeded(spec, 7)
    }

    fn seeded(spec: Value, seed: u64) -> Self {
        let spec = WorldSpec::from_value(&spec).expect("a sound world");
        let now: Timestamp = "2026-03-02T09:00:00Z".parse().expect("a time");
        Self {
            world: World::new(&spec, seed, now).expect("a world"),
            now,
        }
    }

    fn fraud() -> Self {
        Self::of(serde_json::from_str(FRAUD).expect("JSON"))
    }

    fn with(change: impl FnOnce(&mut Value)) -> Self {
        let mut spec: Value = serde_json::from_str(FRAUD).expect("JSON");
        change(&mut spec);
        Self::of(spec)
    }

    /// Time passes; what happened comes back.
    fn pass(&mut self, seconds: u64) -> Vec<Happening> {
        self.now += Duration::from_secs(seconds);
        self.world.advance(self.now)
    }

    fn try_call(&mut self, service: Service, operation: &str, input: Value) -> Result<Reply, ApiError> {
        self.world.call(
            self.now,
            Call {
                region: "eu-west-1",
                caller: "operator",
                service,
                operation,
                input,
            },
        )
    }

    fn call(&mut self, service: Service, operation: &str, input: Value) -> Value {
        self.try_call(service, operation, input)
            .unwrap_or_else(|error| panic!("{operation}: {error}"))
            .output
    }

    fn refused(&mut self, service: Service, operation: &str, input: Value) -> String {
        let error = self.try_call(service, operation, input).expect_err("a refusal");
        format!("{} {}: {}", error.status, error.code, error.message)
    }

    fn describe(&mut self, endpoint: &str) -> Value {
        self.call(
            Service::SageMaker,
            "DescribeEndpoint",
            json!({"EndpointName": endpoint}),
        )
    }

    fn status(&mut self, endpoint: &str) -> String {
        self.describe(endpoint)["EndpointStatus"]
            .as_str()
            .expect("a status")
            .to_owned()
    }

    /// The sum of a variant's metric over the last `minutes`.
    fn sum(&mut self, metric: &str, variant: &str, minutes: i64) -> f64 {
        let end = self.now.as_second();
        let output = self.call(
            Service::CloudWatch,
            "GetMetricStatistics",
            json!({
                "Namespace": "AWS/SageMaker", "MetricName": metric,
                "Dimensions": [{"Name": "EndpointName", "Value": "fraud"}, {"Name": "VariantName", "Value": variant}],
                "StartTime": end - minutes * 60, "EndTime": end, "Period": 60, "Statistics": ["Sum"],
            }),
        );
        output["Datapoints"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|point| point["Sum"].as_f64())
            .sum()
    }

    /// A new config like the present one, under another name.
    fn new_config(&mut self, name: &str) {
        let config = self.describe("fraud")["EndpointConfigName"].clone();
        let input = json!({"EndpointConfigName": config});
        let mut config = self.call(Service::SageMaker, "DescribeEndpointConfig", input);
        config["EndpointConfigName"] = json!(name);
        let members = config.as_object_mut().expect("an object");
        members.remove("EndpointConfigArn");
        members.remove("CreationTime");
        self.call(Service::SageMaker, "CreateEndpointConfig", config);
    }
}

/// The statuses an endpoint went through.
fn statuses(happenings: &[Happening]) -> Vec<String> {
    happenings
        .iter()
        .filter_map(|happening| match &happening.kind {
            HappeningKind::EndpointStatus { to, .. } => Some(to.clone().unwrap_or_else(|| "gone".to_owned())),
            _ => None,
        })
        .collect()
}
