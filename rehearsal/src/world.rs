//! A small AWS on a virtual clock: SageMaker endpoints that live, the metrics they publish, the alarms on those metrics,
//! topics, and Application Auto Scaling, in several Regions.
//!
//! [`World`] is synchronous and does no I/O. It never reads a clock: every call brings the time, and time only moves
//! forward. The same [`WorldSpec`], seed and sequence of calls give the same answers, byte for byte. Requests come in the
//! shape of the API models ([`Call`]); turning HTTP into them, and S3, live elsewhere.
//!
//! Background traffic is never simulated request by request: each minute of it is one aggregate with a sampled
//! distribution, so that days of a busy fleet pass in moments.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

mod alarms;
mod api;
mod behaviour;
mod build;
mod dice;
mod functions;
mod incident;
mod keys;
mod metrics;
pub mod quantity;
mod region;
mod registry;
mod roles;
mod runtime;
mod sagemaker;
mod scaling;
mod sns;
pub mod spec;
mod traffic;

#[cfg(test)]
mod tests;

pub use registry::Artifact;
pub use spec::{KeySpec, SpecProblem, WorldSpec};

use self::{
    api::{Input, unknown_operation},
    region::{Ctx, Region},
    registry::Artifacts,
};

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
    /// Amazon ECR.
    Ecr,
    /// AWS IAM, which has no Region.
    Iam,
    /// AWS KMS.
    Kms,
    /// AWS Lambda.
    Lambda,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 10] = [
        Self::SageMaker,
        Self::Runtime,
        Self::CloudWatch,
        Self::AutoScaling,
        Self::Sns,
        Self::Sts,
        Self::Ecr,
        Self::Iam,
        Self::Kms,
        Self::Lambda,
    ];

    /// The operations simulated; every other is refused with `UnknownOperationException`.
    pub fn operations(self) -> &'static [&'static str] {
        match self {
            Self::SageMaker => sagemaker::OPERATIONS,
            Self::Runtime => runtime::OPERATIONS,
            Self::CloudWatch => alarms::OPERATIONS,
            Self::AutoScaling => scaling::OPERATIONS,
            Self::Sns => sns::OPERATIONS,
            Self::Sts => &["GetCallerIdentity"],
            Self::Ecr => registry::OPERATIONS,
            Self::Iam => roles::OPERATIONS,
            Self::Kms => keys::OPERATIONS,
            Self::Lambda => functions::OPERATIONS,
        }
    }

    /// The name as it appears in IAM actions: `sagemaker`, `cloudwatch`, `application-autoscaling`, `sns`, `sts`, `ecr`,
    /// `iam`, `kms`, `lambda`.
    pub fn iam_prefix(self) -> &'static str {
        match self {
            Self::SageMaker | Self::Runtime => "sagemaker",
            Self::CloudWatch => "cloudwatch",
            Self::AutoScaling => "application-autoscaling",
            Self::Sns => "sns",
            Self::Sts => "sts",
            Self::Ecr => "ecr",
            Self::Iam => "iam",
            Self::Kms => "kms",
            Self::Lambda => "lambda",
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
            Self::Ecr => "ecr",
            Self::Iam => "iam",
            Self::Kms => "kms",
            Self::Lambda => "lambda",
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
    pub detail: BTreeMap<String, Value>,
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
            detail: BTreeMap::new(),
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
    /// The fleet that an update brings goes on.
    Deployment {
        /// The endpoint.
        endpoint: String,
        /// The config of the new fleet.
        config: String,
        /// What the new fleet does: `ActivatingTraffic`, `Baking`, `Updating` (it serves, the old one is about to go) or
        /// `Deleting`.
        phase: String,
        /// Its share of the traffic from now on, 0 to 1.
        share: f64,
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
    /// A function was invoked asynchronously.
    Invoked {
        /// The function, version or alias.
        target_arn: String,
        /// The payload the function receives.
        payload: Value,
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
    ctx: Ctx,
    regions: BTreeMap<String, Region>,
    next_minute: Timestamp,
    calls: Vec<CallRecord>,
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
        let mut ctx = Ctx {
            now: start,
            start,
            seed,
            account: spec.account.clone(),
            timing: spec.timing.clone(),
            rng: fastrand::Rng::with_seed(seed),
            ids: fastrand::Rng::with_seed(seed ^ 0x9e37_79b9_7f4a_7c15),
            queue: BTreeMap::new(),
            sequence: 0,
            incidents: spec.incidents.clone(),
            happenings: Vec::new(),
            published: Vec::new(),
            s3_puts: Vec::new(),
            roles: spec.roles.iter().cloned().collect(),
            functions: BTreeSet::new(),
            strict: spec.regions.values().any(|region| !region.images.is_empty()),
            artifacts: None,
        };
        let regions = build::regions(&mut ctx, spec)?;
        Ok(Self {
            ctx,
            regions,
            next_minute: minute_after(start),
            calls: Vec::new(),
        })
    }

    /// The time the world has reached.
    pub fn now(&self) -> Timestamp {
        self.ctx.now
    }

    /// Lets everything happen that is due up to and including `now`, in order, and returns it with whatever calls have
    /// caused since the last `advance`. A `now` in the past changes nothing.
    pub fn advance(&mut self, now: Timestamp) -> Vec<Happening> {
        self.run(now);
        std::mem::take(&mut self.ctx.happenings)
    }

    /// When [`World::advance`] would next do something: a scheduled step, or the end of a minute, when metrics are
    /// published and alarms evaluated.
    pub fn next_change(&self) -> Option<Timestamp> {
        let due = self.ctx.queue.first_key_value().map(|((at, _), _)| *at);
        Some(due.map_or(self.next_minute, |due| due.min(self.next_minute)))
    }

    /// Answers one request at `now`, after everything due by then.
    ///
    /// # Errors
    /// The service's own refusals; `UnknownOperationException` (400) naming what is supported; `ServiceUnavailable` (503)
    /// in a Region that is dark or not part of this world.
    pub fn call(&mut self, now: Timestamp, call: Call<'_>) -> Result<Reply, ApiError> {
        self.run(now);
        let answer = self.answer(&call);
        self.calls.push(CallRecord {
            at: self.ctx.now,
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
        &self.ctx.published
    }

    /// Every call so far, in order.
    pub fn calls(&self) -> &[CallRecord] {
        &self.calls
    }

    /// The objects SageMaker has written since the last time this was asked.
    pub fn take_s3_puts(&mut self) -> Vec<S3Put> {
        std::mem::take(&mut self.ctx.s3_puts)
    }

    /// The Regions of this world.
    pub fn regions(&self) -> Vec<String> {
        self.regions.keys().cloned().collect()
    }

    /// The twelve digits of the account everything belongs to.
    pub fn account(&self) -> &str {
        &self.ctx.account
    }

    /// From now on SageMaker looks for model artifacts with `look`, as far as the world lists images.
    pub fn look_for_artifacts(&mut self, look: impl Fn(&str) -> Option<Artifact> + Send + Sync + 'static) {
        self.ctx.artifacts = Some(Artifacts::new(look));
    }

    /// Makes a function known to Lambda: only known ones can be invoked.
    pub fn deploy_function(&mut self, region: &str, name: &str) {
        self.ctx.functions.insert((region.to_owned(), name.to_owned()));
    }

    /// Bytes that one copying request of S3 copies in a second; `None` for at once.
    pub fn copied_per_second(&self) -> Option<u64> {
        self.ctx.timing.copied_per_second.map(|size| size.0)
    }

    /// The KMS keys of all Regions, by ARN: Region, name and how each stands.
    pub fn keys(&self) -> Vec<(String, String, String, KeySpec)> {
        let of = |region: &Region| {
            let keys = region.keys.iter();
            let keys =
                keys.map(|(name, key)| (region.key_arn(&self.ctx, name), region.name.clone(), name.clone(), *key));
            keys.collect::<Vec<_>>()
        };
        self.regions.values().flat_map(of).collect()
    }

    /// Nothing in the Region answers at present. A Region that is no part of this world is not dark.
    pub fn is_down(&self, region: &str) -> bool {
        self.regions.get(region).is_some_and(|region| region.dark)
    }

    /// Nothing in the Region answers at present.
    pub fn is_dark(&self, region: &str) -> bool {
        self.regions.get(region).is_none_or(|region| region.dark)
    }

    /// Protocol and endpoint of a topic's subscribers, in the order they subscribed.
    pub fn subscribers(&self, region: &str, topic_arn: &str) -> Vec<(String, String)> {
        self.regions
            .get(region)
            .map_or_else(Vec::new, |region| region.subscribers(topic_arn))
    }

    /// How an endpoint stands now, without a call being recorded: for reports and expectations. `None` when it is gone.
    pub fn endpoint(&self, region: &str, name: &str) -> Option<EndpointView> {
        self.regions.get(region)?.view(&self.ctx, name)
    }

    /// The endpoints of a Region, by name.
    pub fn endpoints(&self, region: &str) -> Vec<String> {
        self.regions
            .get(region)
            .map_or_else(Vec::new, |region| region.endpoints.keys().cloned().collect())
    }

    /// The endpoint configs of a Region, by name.
    pub fn configs(&self, region: &str) -> Vec<String> {
        self.regions
            .get(region)
            .map_or_else(Vec::new, |region| region.configs.keys().cloned().collect())
    }

    /// Everything of SageMaker's in a Region: kind and name.
    pub fn definitions(&self, region: &str) -> Vec<(&'static str, String)> {
        let Some(region) = self.regions.get(region) else {
            return Vec::new();
        };
        let named = |kind: &'static str, names: Vec<String>| names.into_iter().map(move |name| (kind, name));
        named("model", region.models.keys().cloned().collect())
            .chain(named("endpoint config", region.configs.keys().cloned().collect()))
            .chain(named("endpoint", region.endpoints.keys().cloned().collect()))
            .chain(named(
                "inference component",
                region.components.keys().cloned().collect(),
            ))
            .collect()
    }

    /// The scalable targets of a Region.
    pub fn scalable_targets(&self, region: &str) -> Vec<TargetView> {
        self.regions
            .get(region)
            .map_or_else(Vec::new, |region| region.scaling.view())
    }

    fn run(&mut self, now: Timestamp) {
        while let Some(next) = self.next_change().filter(|next| *next <= now) {
            self.ctx.now = self.ctx.now.max(next);
            let due = self.ctx.queue.first_key_value().is_some_and(|((at, _), _)| *at <= next);
            if due {
                let Some((_, due)) = self.ctx.queue.pop_first() else {
                    continue;
                };
                if let Some(region) = self.regions.get_mut(&due.region) {
                    region.happen(&mut self.ctx, due.what);
                }
            } else {
                self.next_minute = minute_after(next);
                for region in self.regions.values_mut() {
                    region.minute(&mut self.ctx);
                }
            }
        }
        self.ctx.now = self.ctx.now.max(now);
    }

    fn answer(&mut self, call: &Call<'_>) -> Result<Reply, ApiError> {
        if call.service == Service::Iam {
            // IAM is one for all Regions, and its control plane stands in this one.
            if self.is_down("us-east-1") {
                return Err(ApiError::new(503, "ServiceUnavailable", "Service Unavailable"));
            }
            return roles::call(&self.ctx, call.operation, Input::new(call.service, &call.input)?);
        }
        let Some(region) = self.regions.get_mut(call.region) else {
            let known = self.regions.keys().cloned().collect::<Vec<_>>().join(", ");
            let message = format!(
                "the Region {} is not part of this world, which has {known}",
                call.region
            );
            return Err(ApiError::new(503, "ServiceUnavailable", message));
        };
        if region.dark {
            return Err(ApiError::new(503, "ServiceUnavailable", "Service Unavailable"));
        }
        let input = Input::new(call.service, &call.input)?;
        let ctx = &mut self.ctx;
        match call.service {
            Service::SageMaker => region.sagemaker_call(ctx, call.operation, input),
            Service::Runtime => region.runtime_call(ctx, call.operation, input),
            Service::CloudWatch => region.cloudwatch_call(ctx, call.operation, input),
            Service::AutoScaling => region.scaling_call(ctx, call.operation, input),
            Service::Sns => region.sns_call(ctx, call.caller, call.operation, input),
            Service::Ecr => region.ecr_call(ctx, call.operation, input),
            Service::Kms => region.kms_call(ctx, call.operation, input),
            Service::Lambda => region.lambda_call(ctx, call.operation, input),
            Service::Sts if call.operation == "GetCallerIdentity" => {
                let id = ctx.dice(call.caller).u64(..);
                let session = format!("assumed-role/{}/{}", call.caller, call.caller);
                api::reply(json!({
                    "UserId": format!("AROA{id:016X}:{}", call.caller),
                    "Account": ctx.account,
                    "Arn": format!("arn:aws:sts::{}:{session}", ctx.account),
                }))
            }
            Service::Sts | Service::Iam => Err(unknown_operation(
                call.service,
                call.operation,
                call.service.operations(),
            )),
        }
    }
}

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

/// The first whole minute after `at`.
fn minute_after(at: Timestamp) -> Timestamp {
    let second = at.as_second();
    Timestamp::from_second(second - second.rem_euclid(60) + 60).unwrap_or(Timestamp::MAX)
}
