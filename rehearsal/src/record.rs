//! What a rehearsal leaves behind: every fact the expectations, the timeline and the report are made from.
//!
//! The driver only appends; whoever judges or draws only reads. So an expectation is a pure function of a [`Record`],
//! and a failed one can show the facts around it.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use steward::endpoint::EndpointStatus;

use crate::{store::Look, timeline::Entry};

/// How something stood over time: each value holds from its moment until the next one's.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Steps<T>(pub Vec<(Timestamp, T)>);

impl<T: PartialEq + Clone> Steps<T> {
    /// Notes `value` from `at` on; says whether that is a change. A second value for the same moment replaces the
    /// first.
    pub fn set(&mut self, at: Timestamp, value: T) -> bool {
        if self.0.last().is_some_and(|(_, last)| *last == value) {
            return false;
        }
        if let Some(last) = self.0.last_mut().filter(|(since, _)| *since == at) {
            last.1 = value;
        } else {
            self.0.push((at, value));
        }
        true
    }

    /// The value in force at `at`.
    pub fn at(&self, at: Timestamp) -> Option<&T> {
        self.0
            .iter()
            .rev()
            .find(|(since, _)| *since <= at)
            .map(|(_, value)| value)
    }

    /// Every value in force at some moment of `from..=until`, with the moment it began to be so within that period.
    pub fn within(&self, from: Timestamp, until: Timestamp) -> Vec<(Timestamp, &T)> {
        let before = self.at(from).map(|value| (from, value));
        let during = self
            .0
            .iter()
            .filter(|(since, _)| *since > from && *since <= until)
            .map(|(at, v)| (*at, v));
        before.into_iter().chain(during).collect()
    }
}

/// Everything known of one endpoint over the whole run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct EndpointHistory {
    /// `EndpointStatus` in the world; `None` while it does not exist.
    pub status: Steps<Option<EndpointStatus>>,
    /// The state the health ledger holds.
    pub health: Steps<String>,
    /// Config, variants and traffic; `None` while it does not exist.
    pub shape: Steps<Option<Shape>>,
}

/// What serves an endpoint's requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Shape {
    /// `EndpointConfigName`.
    pub config: String,
    /// The variants by name.
    pub variants: BTreeMap<String, Standing>,
    /// `ModelName` of the inference components by name.
    pub components: BTreeMap<String, String>,
    /// The share of the traffic that the fleet of an update takes, 0 to 1.
    pub new_fleet: f64,
}

impl Shape {
    /// A variant's share of the weights, 0 to 1; 0 for one that does not exist.
    pub fn share(&self, variant: &str) -> f64 {
        let whole: f64 = self.variants.values().map(|standing| standing.weight).sum();
        let weight = self.variants.get(variant).map_or(0.0, |standing| standing.weight);
        if whole > 0.0 { weight / whole } else { 0.0 }
    }
}

/// One variant in force.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Standing {
    /// `CurrentWeight`.
    pub weight: f64,
    /// `CurrentInstanceCount`; `None` for serverless.
    pub instances: Option<u32>,
    /// `ModelName`.
    pub model: String,
    /// `InstanceType`; empty for serverless.
    pub instance_type: String,
}

/// A scalable target as it stands at the end.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TargetEnd {
    /// Its Region.
    pub region: String,
    /// `endpoint/NAME/variant/VARIANT`.
    pub resource: String,
    /// `MinCapacity`.
    pub min: u32,
    /// `MaxCapacity`.
    pub max: u32,
    /// Its policies.
    pub policies: u64,
    /// Its scheduled actions.
    pub scheduled_actions: u64,
}

/// One alert as subscribers of the topic got it.
#[derive(Clone, Debug, Serialize)]
pub struct Sent {
    /// When SNS took it.
    pub at: Timestamp,
    /// Region of the topic.
    pub region: String,
    /// ARN of the topic.
    pub topic: String,
    /// SNS subject.
    pub subject: String,
    /// SNS message, as mailed.
    pub text: String,
    /// Deduplication id.
    pub id: String,
    /// Dot name of the kind, e.g. `endpoint.unhealthy`.
    pub kind: String,
    /// `critical`, `warning` or `info`.
    pub severity: String,
    /// The endpoint it is about.
    pub endpoint: Option<String>,
    /// It says that something is over.
    pub resolved: bool,
    /// 0 for the first telling, n for the nth reminder.
    pub reminder: u32,
}

/// How one API call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Called {
    /// When it arrived.
    pub at: Timestamp,
    /// Function name, or `operator`.
    pub caller: String,
    /// Region of the call.
    pub region: String,
    /// Service, lower case: `sagemaker`, `runtime`, `cloudwatch`, `autoscaling`, `sns`, `s3`, `sts`.
    pub service: String,
    /// Operation, e.g. `DescribeEndpoint`.
    pub operation: String,
    /// The IAM actions it needs, e.g. `sagemaker:DescribeEndpoint`.
    pub actions: Vec<String>,
    /// What it was about, as far as its input says.
    pub resource: Option<String>,
    /// The bucket that it copies from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copied_from: Option<String>,
    /// It took effect.
    pub succeeded: bool,
    /// Fault that was injected into it.
    pub fault: Option<String>,
}

/// How one invocation of a function ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, deserr::Deserr)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// It answered.
    #[deserr(rename = "ok")]
    Ok,
    /// It answered with an error.
    #[deserr(rename = "failed")]
    Failed,
    /// It was killed at its timeout.
    #[deserr(rename = "timed-out")]
    TimedOut,
    /// A crash fault killed it between two calls.
    #[deserr(rename = "crashed")]
    Crashed,
    /// It could not start: its settings were refused.
    #[deserr(rename = "not-started")]
    NotStarted,
}

impl Ending {
    /// The name used in scenarios.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::TimedOut => "timed-out",
            Self::Crashed => "crashed",
            Self::NotStarted => "not-started",
        }
    }
}

/// One invocation of a function.
#[derive(Clone, Debug, Serialize)]
pub struct Invoked {
    /// Counts from 1 over the run.
    pub number: u64,
    /// Function name.
    pub function: String,
    /// Its Region.
    pub region: String,
    /// What woke it: `schedule`, `event`, `alarm`, `command`.
    pub woken_by: String,
    /// 0 for the first attempt at the event, then 1 and 2.
    pub attempt: u32,
    /// A new sandbox was started for it.
    pub cold: bool,
    /// When it began.
    pub at: Timestamp,
    /// How long it ran.
    pub took: Duration,
    /// How it ended.
    pub ending: Ending,
    /// What it answered, or the error's text.
    pub answer: Value,
}

/// One operator's command and its answer.
#[derive(Clone, Debug, Serialize)]
pub struct Answered {
    /// The name expectations refer to.
    pub name: String,
    /// When it was sent.
    pub at: Timestamp,
    /// How the invocation ended.
    pub ending: Ending,
    /// The answer, or the error's text.
    pub answer: Value,
}

/// An event given up after its last retry.
#[derive(Clone, Debug, Serialize)]
pub struct DeadLetter {
    /// When it was given up.
    pub at: Timestamp,
    /// Function that failed on it.
    pub function: String,
    /// The event.
    pub event: Value,
}

/// One line of a metric chart.
#[derive(Clone, Debug, Serialize)]
pub struct Series {
    /// `region/name` of the endpoint.
    pub endpoint: String,
    /// Variant.
    pub variant: String,
    /// What is measured.
    pub measure: Measure,
    /// `(when, value)` in time order; the units are of the measure.
    pub points: Vec<(Timestamp, f64)>,
}

/// What a [`Series`] measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Invocations a minute.
    Traffic,
    /// 4xx and 5xx answers a minute.
    Errors,
    /// Mean model latency, milliseconds.
    Latency,
    /// Running instances.
    Instances,
    /// Requests that wait in the queue of an asynchronous endpoint, at the end of the minute.
    Waiting,
    /// Requests a minute that an asynchronous endpoint worked off.
    WorkedOff,
}

/// Something of SageMaker's that exists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Defined {
    /// Where.
    pub region: String,
    /// `model`, `endpoint config`, `endpoint` or `inference component`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Whose restore or drill made it, by its tag, where nothing serves with it: a model or config that nothing names, an
    /// endpoint that never came into service, a component of no endpoint, all that a drill made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_by: Option<String>,
}

/// One version of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Its key.
    pub key: String,
    /// What it is to its readers.
    pub look: Look,
    /// It is the one that is read without a version id.
    pub current: bool,
}

/// Everything one rehearsal did.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// Virtual start.
    pub start: Timestamp,
    /// Virtual end.
    pub end: Timestamp,
    /// What people read, in order.
    pub timeline: Vec<Entry>,
    /// By `region/name`.
    pub endpoints: BTreeMap<String, EndpointHistory>,
    /// Alerts, in order.
    pub alerts: Vec<Sent>,
    /// API calls, in order.
    pub calls: Vec<Called>,
    /// Invocations, in order of their end.
    pub invocations: Vec<Invoked>,
    /// Commands, in order of their answers.
    pub answers: Vec<Answered>,
    /// Events given up.
    pub dead_letters: Vec<DeadLetter>,
    /// Region and name of every endpoint config at the end.
    pub configs: Vec<(String, String)>,
    /// Every scalable target at the end.
    pub targets: Vec<TargetEnd>,
    /// Everything of SageMaker's in every Region at the end.
    pub definitions: Vec<Defined>,
    /// Bucket and key of every multipart upload that is unfinished at the end, as a URI.
    pub uploads: Vec<String>,
    /// By bucket, every version of every object at the end, of the buckets that expectations speak of.
    #[serde(skip)]
    pub objects: BTreeMap<String, Vec<Stored>>,
    /// What the faults are that hit no call.
    pub idle_faults: Vec<String>,
    /// Lines of the report's charts.
    pub series: Vec<Series>,
    /// Lines the functions logged, with the moment.
    pub logs: Vec<(Timestamp, String)>,
}

impl Record {
    /// An empty record from `start` on.
    pub fn new(start: Timestamp) -> Self {
        Self {
            start,
            end: start,
            timeline: Vec::new(),
            endpoints: BTreeMap::new(),
            alerts: Vec::new(),
            calls: Vec::new(),
            invocations: Vec::new(),
            answers: Vec::new(),
            dead_letters: Vec::new(),
            configs: Vec::new(),
            targets: Vec::new(),
            definitions: Vec::new(),
            uploads: Vec::new(),
            objects: BTreeMap::new(),
            idle_faults: Vec::new(),
            series: Vec::new(),
            logs: Vec::new(),
        }
    }
}
