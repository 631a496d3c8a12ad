//! How things stand, for expectations, timelines and reports.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

/// How a scalable target stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TargetView {
    /// `endpoint/NAME/variant/VARIANT`, or `inference-component/NAME`.
    pub resource: String,
    /// `MinCapacity`.
    pub min: u32,
    /// `MaxCapacity`.
    pub max: u32,
    /// How many policies it has.
    pub policies: u64,
    /// How many scheduled actions it has.
    pub scheduled_actions: u64,
}

/// How an endpoint stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EndpointView {
    /// `EndpointStatus`.
    pub status: String,
    /// `EndpointConfigName`.
    pub config: String,
    /// `FailureReason`.
    pub failure_reason: Option<String>,
    /// Requests per second that clients send now.
    pub demand: f64,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Variants in the order of the config.
    pub variants: Vec<VariantView>,
    /// The fleet that an update under way brings.
    pub green: Option<GreenView>,
}

/// The fleet that an update brings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GreenView {
    /// `EndpointConfigName`.
    pub config: String,
    /// Its share of the traffic, 0 to 1.
    pub share: f64,
}

/// How a variant stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VariantView {
    /// `VariantName`.
    pub name: String,
    /// `ModelName`; empty when it only carries inference components.
    pub model: String,
    /// `CurrentWeight`.
    pub weight: f64,
    /// `CurrentInstanceCount`; `None` for serverless.
    pub instances: Option<u32>,
    /// `InstanceType`; empty for serverless.
    pub instance_type: String,
    /// Share of requests that fail or are never answered, 0 to 1, by its present behaviour.
    pub errors: f64,
    /// Median latency without load, by its present behaviour.
    pub latency: Duration,
}
