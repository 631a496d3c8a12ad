//! A small AWS on a virtual clock: SageMaker endpoints that live, the metrics they publish, the alarms on those metrics,
//! topics, and Application Auto Scaling, in several Regions.
//!
//! [`World`] is synchronous and does no I/O. It never reads a clock: every call brings the time, and time only moves
//! forward. The same [`WorldSpec`], seed and sequence of calls give the same answers, byte for byte. Requests come in the
//! shape of the API models ([`Call`]); turning HTTP into them, and S3, live elsewhere.
//!
//! Background traffic is never simulated request by request: each minute of it is one aggregate with a sampled
//! distribution, so that days of a busy fleet pass in moments.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub mod quantity;
pub mod spec;

pub use spec::{SpecProblem, WorldSpec};

/// One request to the simulated AWS.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The Region whose endpoint was called, from the SigV4 scope: `eu-west-1`.
    pub region: &'a str,
    /// Who calls: a function's name, or `operator`.
    pub caller: &'a str,
    /// The service called.
    pub service: Service,
    /// The operation, spelled as in the API model: `DescribeEndpoint`.
    pub operation: &'a str,
    /// Members by their names in the API model; blobs as base64 strings, timestamps as epoch seconds (a number).
    pub input: Value,
}

/// The services [`World`] answers for. S3 is not one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// Amazon SageMaker, the control plane.
    SageMaker,
    /// Amazon SageMaker Runtime.
    Runtime,
    /// Amazon CloudWatch metrics and alarms.
    CloudWatch,
    /// Application Auto Scaling.
    AutoScaling,
    /// Amazon SNS.
    Sns,
    /// AWS STS.
    Sts,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 6] = [
        Self::SageMaker,
        Self::Runtime,
        Self::CloudWatch,
        Self::AutoScaling,
        Self::Sns,
        Self::Sts,
    ];

    /// The name as it appears in IAM actions: `sagemaker`, `cloudwatch`, `application-autoscaling`, `sns`, `sts`.
    pub fn iam_prefix(self) -> &'static str {
        match self {
            Self::SageMaker | Self::Runtime => "sagemaker",
            Self::CloudWatch => "cloudwatch",
            Self::AutoScaling => "application-autoscaling",
            Self::Sns => "sns",
            Self::Sts => "sts",
        }
    }
}

impl std::fmt::Display for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::SageMaker => "sagemaker",
            Self::Runtime => "sagemaker-runtime",
            Self::CloudWatch => "cloudwatch",
            Self::AutoScaling => "application-autoscaling",
            Self::Sns => "sns",
            Self::Sts => "sts",
        })
    }
}

/// A refusal, as the service gives it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{code} ({status}): {message}")]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// The error code on the wire: `ValidationException`, `ModelError`.
    pub code: String,
    /// The message on the wire.
    pub message: String,
    /// Further members of a modelled error, by their names in the API model: `OriginalStatusCode`, `OriginalMessage`.
    pub detail: Map<String, Value>,
    /// How long the caller waits for this refusal; a model that times out keeps its caller for a minute.
    pub takes: Duration,
}

impl ApiError {
    /// A refusal at once, without further members.
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            detail: Map::new(),
            takes: Duration::ZERO,
        }
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// Members by their names in the API model; blobs as base64 strings, timestamps as epoch seconds (a number).
    pub output: Value,
    /// How long the caller waits: the model's latency for `InvokeEndpoint`, zero for control planes.
    pub takes: Duration,
}

/// Something that happened in the world, in order of time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Happening {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub region: String,
    /// What.
    #[serde(flatten)]
    pub kind: HappeningKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum HappeningKind {
    /// An endpoint changed status.
    EndpointStatus {
        /// The endpoint.
        endpoint: String,
        /// `EndpointStatus` before, as the API spells it; `None` when it did not exist.
        from: Option<String>,
        /// `EndpointStatus` now; `None` when it is gone.
        to: Option<String>,
        /// `FailureReason`, if there is one.
        reason: Option<String>,
    },
    /// A variant has another number of instances or another weight in force.
    Capacity {
        /// The endpoint.
        endpoint: String,
        /// The variant.
        variant: String,
        /// `CurrentInstanceCount`; `None` for serverless.
        instances: Option<u32>,
        /// `CurrentWeight`.
        weight: f64,
    },
    /// An alarm changed state.
    AlarmState {
        /// The alarm.
        alarm: String,
        /// The state before: `OK`, `ALARM` or `INSUFFICIENT_DATA`.
        from: String,
        /// The state now.
        to: String,
        /// `StateReason`.
        reason: String,
    },
    /// An event on the default EventBridge bus.
    Event {
        /// The whole event, as a rule's target receives it.
        event: Value,
    },
    /// An alarm invokes a Lambda function.
    AlarmAction {
        /// The function, version or alias.
        target_arn: String,
        /// The payload the function receives.
        payload: Value,
    },
    /// A message was accepted by a topic.
    Published {
        /// The topic's ARN.
        topic: String,
        /// The message.
        message: PublishedMessage,
    },
    /// Application Auto Scaling changed a capacity, or wanted to.
    Scaled {
        /// `endpoint/NAME/variant/VARIANT`.
        resource: String,
        /// Before.
        from: u32,
        /// Asked for.
        to: u32,
        /// Why.
        cause: String,
    },
    /// A scripted incident began or ended.
    Incident {
        /// In words, as the scenario's author would say it.
        text: String,
    },
}

/// A message as SNS keeps it for its subscribers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublishedMessage {
    /// `MessageId`.
    pub id: String,
    /// `Subject`.
    pub subject: Option<String>,
    /// `Message`.
    pub body: String,
    /// `MessageAttributes`: the string value of each; binary values in base64.
    pub attributes: BTreeMap<String, String>,
    /// `MessageGroupId`, FIFO topics.
    pub group: Option<String>,
    /// `MessageDeduplicationId`, FIFO topics.
    pub dedup_id: Option<String>,
    /// The publisher: a function's name, `operator`, or `cloudwatch` for an alarm's notification.
    pub by: String,
}

/// One accepted message with its place and time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Published {
    /// When.
    pub at: Timestamp,
    /// The Region of the topic.
    pub region: String,
    /// The topic's ARN.
    pub topic: String,
    /// The message.
    pub message: PublishedMessage,
}

/// One call, as the record keeps it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallRecord {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub region: String,
    /// Who.
    pub caller: String,
    /// The service.
    pub service: Service,
    /// The operation.
    pub operation: String,
    /// `None` when it succeeded, or the refusal's code.
    pub refused: Option<String>,
}

/// An object SageMaker writes: the output of an asynchronous inference, or its failure.
#[derive(Clone, Debug, PartialEq)]
pub struct S3Put {
    /// When.
    pub at: Timestamp,
    /// The Region of the endpoint that writes.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The object's content.
    pub body: Vec<u8>,
    /// `Content-Type`.
    pub content_type: String,
}

/// The simulated AWS.
#[derive(Debug)]
pub struct World {
    spec: WorldSpec,
    now: Timestamp,
    rng: fastrand::Rng,
    happenings: Vec<Happening>,
    published: Vec<Published>,
    calls: Vec<CallRecord>,
    s3_puts: Vec<S3Put>,
}

impl World {
    /// Builds the world of `spec` as it stands at `start`.
    ///
    /// # Errors
    /// Every contradiction in `spec`, each with its path.
    pub fn new(spec: &WorldSpec, seed: u64, start: Timestamp) -> Result<Self, Vec<SpecProblem>> {
        let problems = spec.problems();
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            spec: spec.clone(),
            now: start,
            rng: fastrand::Rng::with_seed(seed),
            happenings: Vec::new(),
            published: Vec::new(),
            calls: Vec::new(),
            s3_puts: Vec::new(),
        })
    }

    /// The time the world has reached.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Lets everything happen that is due up to and including `now`, in order, and returns it with whatever calls have
    /// caused since the last `advance`. A `now` in the past changes nothing.
    pub fn advance(&mut self, now: Timestamp) -> Vec<Happening> {
        self.now = self.now.max(now);
        std::mem::take(&mut self.happenings)
    }

    /// When [`World::advance`] would next do something; `None` when nothing is under way.
    pub fn next_change(&self) -> Option<Timestamp> {
        None
    }

    /// Answers one request at `now`, after everything due by then.
    ///
    /// # Errors
    /// The service's own refusals; `UnknownOperationException` (400) naming what is supported; `ServiceUnavailable` (503)
    /// in a Region that is dark.
    pub fn call(&mut self, now: Timestamp, call: Call<'_>) -> Result<Reply, ApiError> {
        self.now = self.now.max(now);
        let answer = self.answer(&call);
        self.calls.push(CallRecord {
            at: self.now,
            region: call.region.to_owned(),
            caller: call.caller.to_owned(),
            service: call.service,
            operation: call.operation.to_owned(),
            refused: answer.as_ref().err().map(|error| error.code.clone()),
        });
        answer
    }

    /// Every message accepted by any topic so far, in order.
    pub fn published(&self) -> &[Published] {
        &self.published
    }

    /// Every call so far, in order.
    pub fn calls(&self) -> &[CallRecord] {
        &self.calls
    }

    /// The objects SageMaker has written since the last time this was asked.
    pub fn take_s3_puts(&mut self) -> Vec<S3Put> {
        std::mem::take(&mut self.s3_puts)
    }

    /// The Regions of this world.
    pub fn regions(&self) -> Vec<String> {
        self.spec.regions.keys().cloned().collect()
    }

    /// The twelve digits of the account everything belongs to.
    pub fn account(&self) -> &str {
        &self.spec.account
    }

    fn answer(&mut self, call: &Call<'_>) -> Result<Reply, ApiError> {
        match (call.service, call.operation) {
            (Service::Sts, "GetCallerIdentity") => Ok(Reply {
                output: serde_json::json!({
                    "UserId": format!("AROA{:016X}:{}", self.rng.u64(..), call.caller),
                    "Account": self.spec.account,
                    "Arn": format!("arn:aws:sts::{}:assumed-role/{}/{}", self.spec.account, call.caller, call.caller),
                }),
                takes: Duration::ZERO,
            }),
            (service, operation) => Err(ApiError::new(
                400,
                "UnknownOperationException",
                format!("{service} {operation} is not simulated; supported: sts GetCallerIdentity"),
            )),
        }
    }
}
