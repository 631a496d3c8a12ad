//! The world as a scenario describes it: what stands at the start, how fast things happen, and what goes wrong when.
//!
//! Every field has a sane default, so that
//! `regions: {eu-west-1: {endpoints: {fraud: {variants: {blue: {instances: 2, latency: 80ms}}, traffic: 20 rps}}}}` is a
//! whole world. Reading reports every problem at once, each with its path.

use std::{collections::BTreeMap, convert::Infallible, fmt, ops::ControlFlow, time::Duration};

use deserr::{DeserializeError, Deserr, ErrorKind, IntoValue, MergeWithError, ValuePointerRef};
use serde_json::Value;

use crate::world::quantity::{Rps, Share, Span};

mod alarm;
pub(crate) mod check;
mod incident;
mod traffic;

pub use alarm::{AlarmSpec, Missing};
pub use incident::{Becomes, BehaviourSpec, Cure, IncidentSpec, NextChange};
pub use traffic::{Burst, Diurnal, TracePoint, TrafficSpec};

/// A whole simulated AWS.
#[derive(Clone, Debug, PartialEq, Deserr)]
#[deserr(deny_unknown_fields)]
pub struct WorldSpec {
    /// Twelve digits; `111122223333` unless said.
    #[deserr(default = "111122223333".to_owned())]
    pub account: String,
    /// What stands in each Region, by Region name.
    pub regions: BTreeMap<String, RegionSpec>,
    /// How long transitions take.
    #[deserr(default)]
    pub timing: Timing,
    /// What goes wrong, and when.
    #[deserr(default)]
    pub incidents: Vec<IncidentSpec>,
}

impl Default for WorldSpec {
    fn default() -> Self {
        Self {
            account: "111122223333".to_owned(),
            regions: BTreeMap::from([("eu-west-1".to_owned(), RegionSpec::default())]),
            timing: Timing::default(),
            incidents: Vec::new(),
        }
    }
}

/// One Region.
#[derive(Clone, Debug, Default, PartialEq, Deserr)]
#[deserr(deny_unknown_fields)]
pub struct RegionSpec {
    /// How containers of a model behave, by model name. A model made later under one of these names behaves so, too.
    #[deserr(default)]
    pub models: BTreeMap<String, ModelSpec>,
    /// Endpoints by name.
    #[deserr(default)]
    pub endpoints: BTreeMap<String, EndpointSpec>,
    /// SNS topics by name; a name ending in `.fifo` is a FIFO topic.
    #[deserr(default)]
    pub topics: Vec<String>,
    /// CloudWatch alarms by name.
    #[deserr(default)]
    pub alarms: BTreeMap<String, AlarmSpec>,
}

/// What is in a model's container, and how it behaves when well.
#[derive(Clone, Debug, Default, PartialEq, Deserr)]
#[deserr(deny_unknown_fields)]
pub struct ModelSpec {
    /// `Image` of the primary container.
    pub image: Option<String>,
    /// `ModelDataUrl` of the primary container.
    pub artifact: Option<String>,
    /// Median `ModelLatency`, unloaded.
    pub latency: Option<Span>,
    /// Share of requests that fail.
    pub errors: Option<Share>,
    /// The status a failing container answers with; 500 unless said.
    pub status: Option<u16>,
    /// The answer's body: JSON, or a string sent as it is. `{"score":0.93}` unless said.
    pub answer: Option<Value>,
    /// The answer's `ContentType`; `application/json` unless said.
    pub content_type: Option<String>,
    /// Requests per second that one instance serves; unless said, eight at a time.
    pub capacity: Option<Rps>,
}

/// One endpoint.
#[derive(Clone, Debug, Default, PartialEq, Deserr)]
#[deserr(deny_unknown_fields)]
pub struct EndpointSpec {
    /// Production variants by name; one `AllTraffic` of one instance when none is given.
    #[deserr(default)]
    pub variants: BTreeMap<String, VariantSpec>,
    /// Inference components by name.
    #[deserr(default)]
    pub components: BTreeMap<String, ComponentSpec>,
    /// Requests over time. None unless said.
    #[deserr(default)]
    pub traffic: TrafficSpec,
    /// Makes it an asynchronous endpoint.
    #[deserr(rename = "async")]
    pub asynchronous: Option<AsyncSpec>,
    /// Tags of the endpoint.
    #[deserr(default)]
    pub tags: BTreeMap<String, String>,
    /// `EndpointConfigName`; the endpoint's name with `-1` unless said.
    pub config: Option<String>,
    /// The status at the start; `in_service` unless said.
    pub status: Option<Becomes>,
    /// How long ago the endpoint was last modified; a day unless said.
    pub age: Option<Span>,
    /// So many alike, named `NAME-0001` and so on; for large fleets.
    pub copies: Option<u32>,
}

/// One production variant.
#[derive(Clone, Debug, Default, PartialEq, Deserr)]
#[deserr(deny_unknown_fields)]
pub struct VariantSpec {
    /// Instances; 1 unless said.
    pub instances: Option<u32>,
    /// `InstanceType`; `ml.m5.xlarge` unless said.
    pub instance_type: Option<String>,
    /// `InitialVariantWeight`; 1 unless said.
    pub weight: Option<f64>,
    /// The model, one of the Region's `models`; one of its own named `ENDPOINT-VARIANT` unless said.
    pub model: Option<String>,
    /// Median `ModelLatency`, unloaded; 50 ms unless said.
    pub latency: Option<Span>,
    /// Share of requests that fail; none unless said.
    pub errors: Option<Share>,
    /// The status a failing container answers with; 500 unless said.
    pub status: Option<u16>,
    /// The answer's body: JSON, or a string sent as it is. `{"score":0.93}` unless said.
    pub answer: Option<Value>,
    /// The answer's `ContentType`; `application/json` unless said.
    pub content_type: Option<String>,
    /// Requests per second that one instance serves; unless said, eight at a time.
    pub capacity: Option<Rps>,
    /// Makes it serverless: no instances, cold starts.
    pub serverless: Option<ServerlessSpec>,
    /// Scaled by Application Auto Scaling.
    pub scaling: Option<ScalingSpec>,
}

/// A serverless variant.
#[derive(Clone, Debug, PartialEq, Deserr)]
#[deserr(deny_unknown_fields)]
pub struct ServerlessSpec {
    /// `MemorySizeInMB`.
    #[deserr(default = 2048)]
    pub memory: u32,
    /// `MaxConcurrency`.
    #[deserr(default = 5)]
    pub concurrency: u32,
    /// What a cold start adds to the latency.
    #[deserr(default = Span(Duration::from_secs(6)))]
    pub cold_start: Span,
    /// Idle for longer means cold again.
    #[deserr(default = Span(Duration::from_secs(300)))]
    pub stays_warm: Span,
}

/// Application Auto Scaling of a variant by `SageMakerVariantInvocationsPerInstance`.
#[derive(Clone, Debug, PartialEq, Deserr)]
#[deserr(deny_unknown_fields)]
pub struct ScalingSpec {
    /// `MinCapacity`.
    pub min: u32,
    /// `MaxCapacity`.
    pub max: u32,
    /// Invocations per instance and minute aimed at; no policy without it.
    pub target: Option<f64>,
}

/// An inference component.
#[derive(Clone, Debug, Default, PartialEq, Deserr)]
#[deserr(deny_unknown_fields)]
pub struct ComponentSpec {
    /// The variant it runs on; the endpoint's only one unless said.
    pub variant: Option<String>,
    /// Copies; 1 unless said. With 0 every request is refused.
    pub copies: Option<u32>,
    /// The model, one of the Region's `models`; one of its own named as the component unless said.
    pub model: Option<String>,
    /// Median `ModelLatency`, unloaded; 50 ms unless said.
    pub latency: Option<Span>,
    /// Share of requests that fail; none unless said.
    pub errors: Option<Share>,
    /// The answer's body; `{"score":0.93}` unless said.
    pub answer: Option<Value>,
}

/// Asynchronous inference.
#[derive(Clone, Debug, PartialEq, Deserr)]
#[deserr(deny_unknown_fields)]
pub struct AsyncSpec {
    /// `S3OutputPath`: `s3://bucket/prefix/`.
    pub output: String,
    /// `S3FailurePath`; failures are not written unless said.
    pub failures: Option<String>,
    /// SNS topic for successes, by name.
    pub success_topic: Option<String>,
    /// SNS topic for errors, by name.
    pub error_topic: Option<String>,
}

/// How long things take.
#[derive(Clone, Debug, PartialEq, Deserr)]
#[deserr(deny_unknown_fields)]
pub struct Timing {
    /// `CreateEndpoint` until the first instances answer.
    #[deserr(default = Span(Duration::from_secs(300)))]
    pub create: Span,
    /// `UpdateEndpoint` until the new fleet has taken over.
    #[deserr(default = Span(Duration::from_secs(420)))]
    pub update: Span,
    /// A change of weights alone.
    #[deserr(default = Span(Duration::from_secs(40)))]
    pub weights: Span,
    /// The first additional instance.
    #[deserr(default = Span(Duration::from_secs(240)))]
    pub instance: Span,
    /// Each further additional instance.
    #[deserr(default = Span(Duration::from_secs(20)))]
    pub further_instance: Span,
    /// Undoing a failed change.
    #[deserr(default = Span(Duration::from_secs(120)))]
    pub rollback: Span,
    /// `DeleteEndpoint`.
    #[deserr(default = Span(Duration::from_secs(60)))]
    pub delete: Span,
}

impl Default for Timing {
    fn default() -> Self {
        let seconds = |seconds| Span(Duration::from_secs(seconds));
        Self {
            create: seconds(300),
            update: seconds(420),
            weights: seconds(40),
            instance: seconds(240),
            further_instance: seconds(20),
            rollback: seconds(120),
            delete: seconds(60),
        }
    }
}

impl WorldSpec {
    /// Reads a world from the JSON value of its YAML.
    ///
    /// # Errors
    /// Every problem of form and, when there is none, every contradiction.
    pub fn from_value(value: Value) -> Result<Self, Vec<SpecProblem>> {
        let spec: Self = deserr::deserialize::<Self, Value, SpecProblems>(value).map_err(|problems| problems.0)?;
        let problems = spec.problems();
        if problems.is_empty() { Ok(spec) } else { Err(problems) }
    }
}

/// One thing wrong with a [`WorldSpec`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecProblem {
    /// Where: `regions.eu-west-1.endpoints.fraud.variants.blue.latency`; empty for the whole.
    pub path: String,
    /// What is wrong.
    pub problem: String,
    /// What is accepted.
    pub accepted: String,
}

impl fmt::Display for SpecProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "world" } else { &self.path };
        write!(f, "{path}: {}; accepted: {}", self.problem, self.accepted)
    }
}

/// Every problem of form, collected while reading.
#[derive(Debug, Default)]
pub struct SpecProblems(pub Vec<SpecProblem>);

/// `a.b[2].c` of a place in the document.
fn path_of(location: ValuePointerRef<'_>) -> String {
    match location {
        ValuePointerRef::Origin => String::new(),
        ValuePointerRef::Key { key, prev } => {
            let before = path_of(*prev);
            if before.is_empty() {
                key.to_owned()
            } else {
                format!("{before}.{key}")
            }
        }
        ValuePointerRef::Index { index, prev } => format!("{}[{index}]", path_of(*prev)),
    }
}

impl DeserializeError for SpecProblems {
    fn error<V: IntoValue>(
        already: Option<Self>,
        error: ErrorKind<'_, V>,
        location: ValuePointerRef<'_>,
    ) -> ControlFlow<Self, Self> {
        let list = |items: &[&str]| {
            if items.is_empty() {
                "nothing".to_owned()
            } else {
                items.join(", ")
            }
        };
        let (problem, accepted) = match error {
            ErrorKind::IncorrectValueKind { actual, accepted } => (
                format!("`{}` is of the wrong kind", Value::from(actual)),
                accepted
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" or "),
            ),
            ErrorKind::MissingField { field } => (format!("`{field}` is missing"), format!("a value for `{field}`")),
            ErrorKind::UnknownKey { key, accepted } => (format!("unknown field `{key}`"), list(accepted)),
            ErrorKind::UnknownValue { value, accepted } => (format!("unknown value `{value}`"), list(accepted)),
            ErrorKind::BadSequenceLen { expected, .. } => {
                ("a list of the wrong length".to_owned(), format!("{expected} items"))
            }
            ErrorKind::Unexpected { msg } => match msg.split_once("; write ") {
                Some((problem, accepted)) => (problem.to_owned(), accepted.to_owned()),
                None => (msg, "see the reference of the world".to_owned()),
            },
        };
        let mut all = already.unwrap_or_default();
        all.0.push(SpecProblem {
            path: path_of(location),
            problem,
            accepted,
        });
        ControlFlow::Continue(all)
    }
}

impl MergeWithError<SpecProblems> for SpecProblems {
    fn merge(already: Option<Self>, other: Self, _: ValuePointerRef<'_>) -> ControlFlow<Self, Self> {
        let mut all = already.unwrap_or_default();
        all.0.extend(other.0);
        ControlFlow::Continue(all)
    }
}

impl MergeWithError<Infallible> for SpecProblems {
    fn merge(_: Option<Self>, other: Infallible, _: ValuePointerRef<'_>) -> ControlFlow<Self, Self> {
        match other {}
    }
}
