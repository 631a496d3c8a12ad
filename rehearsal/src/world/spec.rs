//! The world as a scenario describes it: what stands at the start, how fast things happen, and what goes wrong when.
//!
//! Every field has a sane default, so that
//! `regions: {eu-west-1: {endpoints: {fraud: {variants: {blue: {instances: 2, latency: 80ms}}, traffic: 20 rps}}}}` is a
//! whole world. Reading reports every problem at once, each with its path.

use std::{collections::BTreeMap, fmt};

use deserr::Deserr;
use serde_json::Value;
use steward::{
    quantity::{Share, Span},
    yaml::{self, Found, Problems},
};

use crate::world::quantity::{Members, Named, Rps, Size};

mod account;
mod alarm;
pub(crate) mod check;
mod incident;
mod traffic;

pub use account::{ApiSpec, FunctionSpec, MethodSpec, StageSpec};
pub use alarm::{AlarmSpec, Missing};
pub(crate) use check::endpoint_names;
pub use incident::{Becomes, BehaviourSpec, ChangeKind, Cure, IncidentSpec, NextChange};
pub use traffic::{Burst, Diurnal, TracePoint, TrafficSpec};

/// A whole simulated AWS.
#[derive(Clone, Debug, PartialEq, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct WorldSpec {
    /// Twelve digits; `111122223333` unless said.
    #[deserr(default = "111122223333".to_owned())]
    pub account: String,
    /// What stands in each Region, by Region name.
    pub regions: Named<RegionSpec>,
    /// IAM roles, by name; `inference`, which models at the start have, unless said.
    #[deserr(default = vec!["inference".to_owned()])]
    pub roles: Vec<String>,
    /// How long transitions take.
    #[deserr(default)]
    pub timing: Timing,
    /// What an instance costs for an hour, by its type. Nothing has a price unless said.
    #[deserr(default)]
    pub prices: Named<f64>,
    /// What goes wrong, and when.
    #[deserr(default)]
    pub incidents: Vec<IncidentSpec>,
}

impl Default for WorldSpec {
    fn default() -> Self {
        Self {
            account: "111122223333".to_owned(),
            regions: Named(BTreeMap::from([("eu-west-1".to_owned(), RegionSpec::default())])),
            roles: vec!["inference".to_owned()],
            timing: Timing::default(),
            prices: Named::default(),
            incidents: Vec::new(),
        }
    }
}

/// One Region.
#[derive(Clone, Debug, Default, PartialEq, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct RegionSpec {
    /// How containers of a model behave, by model name. A model made later under one of these names behaves so, too.
    #[deserr(default)]
    pub models: Named<ModelSpec>,
    /// Endpoints by name.
    #[deserr(default)]
    pub endpoints: Named<EndpointSpec>,
    /// SNS topics by name; a name ending in `.fifo` is a FIFO topic.
    #[deserr(default)]
    pub topics: Vec<String>,
    /// CloudWatch alarms by name.
    #[deserr(default)]
    pub alarms: Named<AlarmSpec>,
    /// Container images in ECR: `repository:tag` of the account's own registry, or a whole URI. When any Region lists
    /// one, those listed are all there are, and SageMaker refuses models whose image, artifact, role or key is not there;
    /// otherwise it takes everything to be there.
    #[deserr(default)]
    pub images: Vec<String>,
    /// KMS keys by name, which is alias and id at once.
    #[deserr(default)]
    pub keys: Named<KeySpec>,
    /// Lambda functions by name, beside Steward's own.
    #[deserr(default)]
    pub functions: Named<FunctionSpec>,
    /// Lambda invocations that may run at once; 1000 unless said.
    #[deserr(default)]
    pub concurrency: Option<u32>,
    /// REST APIs of API Gateway by id.
    #[deserr(default)]
    pub apis: Named<ApiSpec>,
}

/// A KMS key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct KeySpec {
    /// Not disabled.
    #[deserr(default = true)]
    pub enabled: bool,
    /// Its policy lets nobody encrypt or decrypt with it.
    #[deserr(default)]
    pub denied: bool,
}

/// What is in a model's container, and how it behaves when well.
#[derive(Clone, Debug, Default, PartialEq, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct ModelSpec {
    /// `Image` of the primary container.
    #[deserr(default)]
    pub image: Option<String>,
    /// `ModelDataUrl` of the primary container.
    #[deserr(default)]
    pub artifact: Option<String>,
    /// Members of `CreateModel` instead of those it would have, as the API spells them.
    #[deserr(default)]
    pub define: Members,
    /// Tags of the model.
    #[deserr(default)]
    pub tags: Named<String>,
    /// Median `ModelLatency`, unloaded.
    #[deserr(default)]
    pub latency: Option<Span>,
    /// Share of requests that fail.
    #[deserr(default)]
    pub errors: Option<Share>,
    /// The status a failing container answers with; 500 unless said.
    #[deserr(default)]
    pub status: Option<u16>,
    /// The answer's body: JSON, or a string sent as it is. `{"score":0.93}` unless said.
    #[deserr(default)]
    pub answer: Option<Value>,
    /// The answer's `ContentType`; `application/json` unless said.
    #[deserr(default)]
    pub content_type: Option<String>,
    /// Requests per second that one instance serves; unless said, eight at a time. Beyond three quarters of it latency
    /// grows, beyond all of it requests are refused.
    #[deserr(default)]
    pub capacity: Option<Rps>,
    /// What a cold start of a serverless variant adds to the latency; 6s unless said here or by the variant.
    #[deserr(default)]
    pub cold_start: Option<Span>,
    /// Idle for longer means cold again; 5m unless said here or by the variant.
    #[deserr(default)]
    pub stays_warm: Option<Span>,
}

/// One endpoint.
#[derive(Clone, Debug, Default, PartialEq, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct EndpointSpec {
    /// Production variants by name; one `AllTraffic` of one instance when none is given.
    #[deserr(default)]
    pub variants: Named<VariantSpec>,
    /// Inference components by name.
    #[deserr(default)]
    pub components: Named<ComponentSpec>,
    /// Requests over time. None unless said.
    #[deserr(default)]
    pub traffic: TrafficSpec,
    /// Makes it an asynchronous endpoint.
    #[deserr(rename = "async", default)]
    pub asynchronous: Option<AsyncSpec>,
    /// Tags of the endpoint.
    #[deserr(default)]
    pub tags: Named<String>,
    /// `EndpointConfigName`; the endpoint's name with `-1` unless said.
    #[deserr(default)]
    pub config: Option<String>,
    /// Members of `CreateEndpointConfig` beside or instead of those it would have, as the API spells them. Those of
    /// `ProductionVariants` are added to the variants of the same `VariantName`.
    #[deserr(default)]
    pub define: Members,
    /// Tags of the endpoint config.
    #[deserr(default)]
    pub config_tags: Named<String>,
    /// The status at the start; `in_service` unless said.
    #[deserr(default)]
    pub status: Option<Becomes>,
    /// How long ago the endpoint was last modified; a day unless said.
    #[deserr(default)]
    pub age: Option<Span>,
    /// So many alike, named `NAME-0001` and so on; for large fleets.
    #[deserr(default)]
    pub copies: Option<u32>,
}

/// One production variant.
#[derive(Clone, Debug, Default, PartialEq, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct VariantSpec {
    /// Instances; 1 unless said.
    #[deserr(default)]
    pub instances: Option<u32>,
    /// `InstanceType`; `ml.m5.xlarge` unless said.
    #[deserr(default)]
    pub instance_type: Option<String>,
    /// `InitialVariantWeight`; 1 unless said.
    #[deserr(default)]
    pub weight: Option<f64>,
    /// The model, one of the Region's `models`; one of its own named `ENDPOINT-VARIANT` unless said.
    #[deserr(default)]
    pub model: Option<String>,
    /// Median `ModelLatency`, unloaded; 50 ms unless said.
    #[deserr(default)]
    pub latency: Option<Span>,
    /// Share of requests that fail; none unless said.
    #[deserr(default)]
    pub errors: Option<Share>,
    /// The status a failing container answers with; 500 unless said.
    #[deserr(default)]
    pub status: Option<u16>,
    /// The answer's body: JSON, or a string sent as it is. `{"score":0.93}` unless said.
    #[deserr(default)]
    pub answer: Option<Value>,
    /// The answer's `ContentType`; `application/json` unless said.
    #[deserr(default)]
    pub content_type: Option<String>,
    /// Requests per second that one instance serves; unless said, eight at a time.
    #[deserr(default)]
    pub capacity: Option<Rps>,
    /// Makes it serverless: no instances, cold starts.
    #[deserr(default)]
    pub serverless: Option<ServerlessSpec>,
    /// Scaled by Application Auto Scaling.
    #[deserr(default)]
    pub scaling: Option<ScalingSpec>,
}

/// A serverless variant.
#[derive(Clone, Debug, PartialEq, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct ServerlessSpec {
    /// `MemorySizeInMB`.
    #[deserr(default = 2048)]
    pub memory: u32,
    /// `MaxConcurrency`.
    #[deserr(default = 5)]
    pub concurrency: u32,
    /// `ProvisionedConcurrency`; none unless said.
    #[deserr(default)]
    pub provisioned: Option<u32>,
    /// What a cold start adds to the latency.
    #[deserr(default = seconds(6))]
    pub cold_start: Span,
    /// Idle for longer means cold again.
    #[deserr(default = seconds(300))]
    pub stays_warm: Span,
}

/// Application Auto Scaling of a variant by `SageMakerVariantInvocationsPerInstance`, or of an inference component by
/// `SageMakerInferenceComponentInvocationsPerCopy`.
#[derive(Clone, Debug, PartialEq, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct ScalingSpec {
    /// `MinCapacity`.
    pub min: u32,
    /// `MaxCapacity`.
    pub max: u32,
    /// Invocations per instance, or copy, and minute aimed at; no policy without it.
    #[deserr(default)]
    pub target: Option<f64>,
    /// Further policies by name: `PolicyType` and its configuration, as `PutScalingPolicy` spells them.
    #[deserr(default)]
    pub policies: Named<Members>,
    /// Scheduled actions by name.
    #[deserr(default)]
    pub schedules: Named<ScheduleSpec>,
}

/// A scheduled action of Application Auto Scaling.
#[derive(Clone, Debug, PartialEq, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct ScheduleSpec {
    /// `Schedule`: `at(...)`, `rate(...)` or `cron(...)`.
    pub schedule: String,
    /// `Timezone` of `at(...)` and `cron(...)`; UTC unless said.
    #[deserr(default)]
    pub timezone: Option<String>,
    /// `MinCapacity` from then on.
    #[deserr(default)]
    pub min: Option<u32>,
    /// `MaxCapacity` from then on.
    #[deserr(default)]
    pub max: Option<u32>,
    /// `EndTime`, so long after the start.
    #[deserr(default)]
    pub end: Option<Span>,
}

/// An inference component.
#[derive(Clone, Debug, Default, PartialEq, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct ComponentSpec {
    /// The variant it runs on; the endpoint's only one unless said.
    #[deserr(default)]
    pub variant: Option<String>,
    /// Copies; 1 unless said. With 0 every request is refused.
    #[deserr(default)]
    pub copies: Option<u32>,
    /// The model, one of the Region's `models`; one of its own named as the component unless said.
    #[deserr(default)]
    pub model: Option<String>,
    /// Median `ModelLatency`, unloaded; 50 ms unless said.
    #[deserr(default)]
    pub latency: Option<Span>,
    /// Share of requests that fail; none unless said.
    #[deserr(default)]
    pub errors: Option<Share>,
    /// The answer's body; `{"score":0.93}` unless said.
    #[deserr(default)]
    pub answer: Option<Value>,
    /// Makes its copies a scalable target.
    #[deserr(default)]
    pub scaling: Option<ScalingSpec>,
}

/// Asynchronous inference.
#[derive(Clone, Debug, PartialEq, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct AsyncSpec {
    /// `S3OutputPath`: `s3://bucket/prefix/`.
    pub output: String,
    /// `S3FailurePath`; failures are not written unless said.
    #[deserr(default)]
    pub failures: Option<String>,
    /// SNS topic for successes, by name.
    #[deserr(default)]
    pub success_topic: Option<String>,
    /// SNS topic for errors, by name.
    #[deserr(default)]
    pub error_topic: Option<String>,
}

/// How long things take.
#[derive(Clone, Debug, PartialEq, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct Timing {
    /// `CreateEndpoint` until the first instances answer.
    #[deserr(default = seconds(300))]
    pub create: Span,
    /// `UpdateEndpoint` until the new fleet has taken over.
    #[deserr(default = seconds(420))]
    pub update: Span,
    /// A change of weights alone.
    #[deserr(default = seconds(40))]
    pub weights: Span,
    /// The first additional instance.
    #[deserr(default = seconds(240))]
    pub instance: Span,
    /// Each further additional instance.
    #[deserr(default = seconds(20))]
    pub further_instance: Span,
    /// Undoing a failed change.
    #[deserr(default = seconds(120))]
    pub rollback: Span,
    /// `DeleteEndpoint`.
    #[deserr(default = seconds(60))]
    pub delete: Span,
    /// So much does one copying request of S3 copy in a second; at once unless said.
    #[deserr(default)]
    pub copied_per_second: Option<Size>,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            create: seconds(300),
            update: seconds(420),
            weights: seconds(40),
            instance: seconds(240),
            further_instance: seconds(20),
            rollback: seconds(120),
            delete: seconds(60),
            copied_per_second: None,
        }
    }
}

impl WorldSpec {
    /// Reads a world from YAML.
    ///
    /// # Errors
    /// Every mistake of form with its line and column. Contradictions are for [`WorldSpec::problems`].
    pub fn parse(text: &str, origin: &str) -> Result<Self, Problems> {
        yaml::read(text, origin)
    }

    /// Reads a world from the JSON value of its YAML.
    ///
    /// # Errors
    /// Every mistake of form and, when there is none, every contradiction.
    pub fn from_value(value: &Value) -> Result<Self, Vec<SpecProblem>> {
        let spec = Self::parse(&value.to_string(), "world").map_err(|problems| {
            let problem = |it: yaml::Problem| SpecProblem {
                path: it.path,
                problem: it.problem,
                accepted: it.accepted.unwrap_or_default(),
            };
            problems.problems.into_iter().map(problem).collect::<Vec<_>>()
        })?;
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
        write!(f, "{path}: {}", self.problem)?;
        if self.accepted.is_empty() {
            Ok(())
        } else {
            write!(f, "; accepted: {}", self.accepted)
        }
    }
}

/// A span of whole seconds.
const fn seconds(seconds: u64) -> Span {
    match Span::from_millis(seconds * 1000) {
        Some(span) => span,
        None => panic!("longer than a span may be"),
    }
}
