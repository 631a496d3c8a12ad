//! What the fleet file asks for one endpoint's health, with every default already merged in.
//!
//! `fleet` writes it, `health` and the functions read it.

use std::{collections::BTreeMap, time::Duration};

use deserr::Deserr;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{window::Window, yaml::Found};

/// The whole health section of one endpoint, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthPolicy {
    /// Judge this endpoint at all.
    pub enabled: bool,
    /// Probes in file order; empty means that only `DescribeEndpoint` is judged.
    pub probes: Vec<Probe>,
    /// Consecutive failed checks before Unhealthy. At least 1; default 3.
    pub failure_threshold: u32,
    /// Failures that never come in a row often enough.
    pub failure_share: FailureShare,
    /// Consecutive passed checks before Healthy again. At least 1; default 2.
    pub success_threshold: u32,
    /// A still-open problem is repeated this often; `None` never.
    pub reminder: Option<Duration>,
    /// `Creating` for longer than this is stuck. Default 60 minutes.
    pub stuck_creating: Duration,
    /// `Updating`, `SystemUpdating`, `RollingBack` or `Deleting` for longer than this is stuck. Default 90 minutes.
    pub stuck_updating: Duration,
    /// When to stop alerting on each swing and say "flapping" once.
    pub flapping: Flapping,
    /// No alerts and no recovery while one of these is open.
    pub maintenance: Vec<Window>,
    /// Goes into every alert; the function's own runbook page when absent.
    pub runbook: Option<String>,
    /// Publish EMF metrics with this endpoint as a dimension (they cost money). Default false.
    pub metrics: bool,
    /// What may be done without asking.
    pub recovery: RecoveryPolicy,
    /// Where `wake` says that it may sleep: so long Steward's own inferences are remembered, lest they be taken for use.
    pub remembers: Option<Duration>,
}

/// At least this share of the last checks failing is Unhealthy too (failing or degraded: Degraded), so that failures
/// broken by single successes are told. Never fewer failures than the failure threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FailureShare {
    /// More than 0, at most 1. Default 0.6.
    pub share: f64,
    /// How many checks are looked at, at most 100; 0 turns the rule off. Default 10, or three times the failure
    /// threshold when that is more.
    pub checks: u32,
}

impl FailureShare {
    /// So many of the last [`FailureShare::checks`] are enough; `None` when the rule is off.
    pub fn enough(self, failure_threshold: u32) -> Option<u32> {
        let share = (self.share * f64::from(self.checks)).ceil() as u32;
        (self.checks > 0).then_some(share.max(failure_threshold).max(1))
    }
}

/// More than `transitions` changes of state within `window` is flapping, until a whole `window` has been calm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flapping {
    /// Default 1 hour.
    pub window: Duration,
    /// Default 6.
    pub transitions: u32,
    /// Sick for this long without a change is an outage, and told although a whole `window` is not over. Default 20
    /// minutes.
    pub outage: Duration,
}

/// One synthetic inference.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Unique within the endpoint.
    pub name: String,
    /// How it is sent.
    pub kind: ProbeKind,
    /// `ContentType` header.
    pub content_type: String,
    /// `Accept` header.
    pub accept: Option<String>,
    /// Sent as it is, UTF-8. Empty for [`ProbeKind::Async`] with an `input` of its own.
    pub payload: String,
    /// Whole call, each attempt. Default 10 seconds.
    pub timeout: Duration,
    /// Further attempts within the same sweep before the probe counts as failed. Default 1.
    pub retries: u32,
    /// Send it to each production variant by `TargetVariant`, and judge the variants apart.
    pub per_variant: bool,
    /// Slower than this is Degraded, not failed.
    pub degraded_after: Option<Duration>,
    /// All must hold; none means that an answer with a 2xx status is enough.
    pub conditions: Vec<Condition>,
}

/// The ways of asking.
#[derive(Clone, Debug, PartialEq)]
pub enum ProbeKind {
    /// `InvokeEndpoint` on instances.
    Sync,
    /// `InvokeEndpoint` on a serverless variant: a cold start is no failure, so the first timeout is asked again.
    Serverless,
    /// Put `payload` to `input` (an `s3://bucket/prefix/`), `InvokeEndpointAsync`, expect the output object within
    /// `within`; a backlog that does not drain is the failure. Started in one sweep, judged in later ones.
    Async {
        /// Where the probe's input objects go: `s3://bucket/prefix/`.
        input: String,
        /// Default 15 minutes.
        within: Duration,
    },
    /// `InvokeEndpoint` with `InferenceComponentName`.
    InferenceComponent(String),
}

/// What an answer must be.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// HTTP status.
    Status(u16),
    /// The answer took no longer.
    LatencyBelow(Duration),
    /// The body contains this text.
    Contains(String),
    /// The body does not contain this text.
    NotContains(String),
    /// The JSON value at an RFC 6901 pointer.
    Json {
        /// RFC 6901 pointer, `""` for the whole document.
        pointer: String,
        /// What is asked of it.
        is: JsonTest,
    },
}

/// What is asked of one JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum JsonTest {
    /// There is a value, whatever it is.
    Exists,
    /// Exactly this; numbers compare by value.
    Equals(Value),
    /// A number within `tolerance` (absolute) of `value`; arrays of numbers element by element.
    Near {
        /// The golden output.
        value: Value,
        /// Absolute, 0 or more.
        tolerance: f64,
    },
    /// A number of at least this.
    AtLeast(f64),
    /// A number of at most this.
    AtMost(f64),
}

/// The recovery ladder of one endpoint. Each failure class takes only the rungs that are safe for it.
#[derive(Clone, Debug, PartialEq)]
pub struct RecoveryPolicy {
    /// The rungs allowed, in the order they are tried; empty (the default) only alerts.
    pub rungs: Vec<Rung>,
    /// Between two rungs on this endpoint. Default 15 minutes.
    pub cooldown: Duration,
    /// Rungs on this endpoint within `period`. Default 3.
    pub budget: u32,
    /// The period of `budget`. Default 24 hours.
    pub period: Duration,
    /// `add-instance` never goes above. Default: one more than the variant has.
    pub max_instances: Option<u32>,
}

/// One thing recovery may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Deserr, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[deserr(error = Found)]
pub enum Rung {
    /// Take the traffic off the sick variant while another serves.
    #[deserr(rename = "shift-away")]
    ShiftAway,
    /// One more instance for a variant that is slow or times out.
    #[deserr(rename = "add-instance")]
    AddInstance,
    /// A fresh fleet from the same config under a new config name, `RetainAllVariantProperties`.
    #[deserr(rename = "redeploy")]
    Redeploy,
    /// Delete a `Failed` endpoint and create it again from the last config known to be good.
    #[deserr(rename = "recreate")]
    Recreate,
}

/// What holds for the fleet as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct FleetHealthPolicy {
    /// At least this many endpoints must have been probed before "everything fails at once" can be concluded. Default 3.
    pub suppression_minimum: u32,
    /// Share (0 to 1) of the probed endpoints failing newly at once that is taken as one common cause. Default 0.8.
    pub suppression_share: f64,
    /// Recoveries begun across the fleet within one hour. Default 3.
    pub recoveries_per_hour: u32,
    /// Endpoints checked at the same time. Default 64.
    pub concurrency: u32,
    /// Labels for every alert's attributes, e.g. `{team: search}`.
    pub labels: BTreeMap<String, String>,
}

impl Rung {
    /// As the fleet file spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ShiftAway => "shift-away",
            Self::AddInstance => "add-instance",
            Self::Redeploy => "redeploy",
            Self::Recreate => "recreate",
        }
    }
}

impl FleetHealthPolicy {
    /// So many failing of so many are the share that one common cause is assumed for.
    pub fn is_common(&self, failing: u32, judged: u32) -> bool {
        failing > 0 && f64::from(failing) >= self.suppression_share * f64::from(judged)
    }
}
