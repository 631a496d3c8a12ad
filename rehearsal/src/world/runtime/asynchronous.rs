//! Asynchronous inference: requests wait in a backlog, are worked off by whatever instances there are, and end as objects
//! in S3, or as failures.

use std::{collections::VecDeque, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::world::{
    ApiError, Reply, S3Put,
    api::Input,
    behaviour::Behaviour,
    dice,
    metrics::{MetricId, Stat},
    region::{Ctx, Region, What},
    runtime::invalid,
};

/// How often waiting requests are looked at.
const STEP: Duration = Duration::from_secs(5);

/// What `TotalProcessingTime` says of every request.
const PROCESSING: Duration = Duration::from_secs(2);

/// The state of an asynchronous endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Backlog {
    output: String,
    failures: Option<String>,
    success_topic: Option<String>,
    error_topic: Option<String>,
    /// Requests of background traffic that wait.
    waiting: f64,
    /// When the oldest request of the background came.
    oldest: Option<Timestamp>,
    /// Requests made one by one.
    jobs: VecDeque<Job>,
    /// Worked off up to here.
    worked: Timestamp,
    ticking: bool,
    failed: f64,
    expired: f64,
    done: f64,
    /// Requests that a container worked on, however that ended.
    processed: f64,
}

/// One request made by `InvokeEndpointAsync`.
#[derive(Clone, Debug)]
struct Job {
    id: String,
    accepted: Timestamp,
    expires: Timestamp,
    /// Requests before this one.
    ahead: f64,
    input: String,
    output: String,
    failure: Option<String>,
}

impl Backlog {
    /// Of an endpoint config's `AsyncInferenceConfig`; `None` when it has none.
    pub(crate) fn of(config: &Value) -> Option<Self> {
        let asynchronous = config.get("AsyncInferenceConfig")?;
        let text = |pointer: &str| asynchronous.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            output: text("/OutputConfig/S3OutputPath").unwrap_or_default(),
            failures: text("/OutputConfig/S3FailurePath"),
            success_topic: text("/OutputConfig/NotificationConfig/SuccessTopic"),
            error_topic: text("/OutputConfig/NotificationConfig/ErrorTopic"),
            waiting: 0.0,
            oldest: None,
            jobs: VecDeque::new(),
            worked: Timestamp::MIN,
            ticking: false,
            failed: 0.0,
            expired: 0.0,
            done: 0.0,
            processed: 0.0,
        })
    }

    /// Requests that wait.
    fn size(&self) -> f64 {
        self.waiting + self.jobs.len() as f64
    }

    /// When the oldest waiting request came.
    fn oldest(&self) -> Option<Timestamp> {
        let job = self.jobs.front().map(|job| job.accepted);
        match (self.oldest.filter(|_| self.waiting >= 1.0), job) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

/// `bucket` and `key` of `s3://bucket/key`.
fn bucket_and_key(uri: &str) -> Option<(&str, &str)> {
    uri.strip_prefix("s3://")?
        .split_once('/')
        .filter(|(bucket, _)| !bucket.is_empty())
}

impl Region {
    pub(super) fn invoke_async(&mut self, ctx: &mut Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let name = input.need("EndpointName")?;
        self.may_invoke(ctx, name)?;
        let location = match (input.text("InputLocation"), input.get("Body")) {
            (Some(location), _) if bucket_and_key(location).is_some() => location.to_owned(),
            (Some(location), _) => return Err(invalid(format!("InputLocation {location} is not an S3 object's URI."))),
            (None, Some(_)) => "inline".to_owned(),
            (None, None) => return Err(input.missing("InputLocation")),
        };
        let ttl = input.count("RequestTTLSeconds")?.unwrap_or(21_600);
        if !(60..=21_600).contains(&ttl) {
            return Err(invalid(format!(
                "RequestTTLSeconds must be between 60 and 21600, not {ttl}."
            )));
        }
        if let Some(id) = input.text("InferenceId")
            && !(id.is_ascii() && (1..=64).contains(&id.len()))
        {
            return Err(invalid(format!(
                "InferenceId must be 1 to 64 ASCII characters, not {id}."
            )));
        }
        self.settle(ctx, name);
        let id = input.text("InferenceId").map_or_else(|| ctx.uuid(), str::to_owned);
        let file = ctx.uuid();
        let backlog = self
            .endpoints
            .get_mut(name)
            .and_then(|endpoint| endpoint.asynchronous.as_mut())
            .ok_or_else(|| {
                invalid(format!(
                    "Endpoint {name} is not an asynchronous endpoint; use InvokeEndpoint."
                ))
            })?;
        let place = |path: &str, ending: &str| format!("{}/{file}{ending}", path.trim_end_matches('/'));
        let job = Job {
            id: id.clone(),
            accepted: ctx.now,
            expires: ctx.now + Duration::from_secs(u64::from(ttl)),
            ahead: backlog.size(),
            input: location,
            output: place(&backlog.output, ".out"),
            failure: backlog.failures.as_ref().map(|path| place(path, "-error.out")),
        };
        let mut output = json!({"InferenceId": id, "OutputLocation": job.output});
        if let Some(failure) = &job.failure {
            output["FailureLocation"] = json!(failure);
        }
        backlog.jobs.push_back(job);
        if !std::mem::replace(&mut backlog.ticking, true) {
            ctx.schedule(ctx.now + STEP, &self.name, What::Async(name.to_owned()));
        }
        Ok(Reply {
            output,
            takes: super::OVERHEAD,
        })
    }

    /// Looks at the waiting requests again, and once more later if any is left.
    pub(crate) fn async_step(&mut self, ctx: &mut Ctx, name: &str) {
        self.settle(ctx, name);
        let Some(backlog) = self
            .endpoints
            .get_mut(name)
            .and_then(|endpoint| endpoint.asynchronous.as_mut())
        else {
            return;
        };
        backlog.ticking = !backlog.jobs.is_empty();
        if backlog.ticking {
            ctx.schedule(ctx.now + STEP, &self.name, What::Async(name.to_owned()));
        }
    }

    /// Background requests join the backlog, and the instances work on it for `seconds`.
    pub(crate) fn async_arrivals(
        &mut self,
        ctx: &mut Ctx,
        name: &str,
        requests: u64,
        seconds: f64,
        behaviours: &[Behaviour],
    ) {
        let Some(endpoint) = self.endpoints.get_mut(name) else {
            return;
        };
        let throughput: f64 = endpoint
            .variants
            .iter()
            .zip(behaviours)
            .map(|(variant, behaviour)| f64::from(variant.workers()) * behaviour.capacity())
            .sum();
        let behaviour = behaviours.first().cloned().unwrap_or_default();
        let Some(backlog) = endpoint.asynchronous.as_mut() else {
            return;
        };
        backlog.worked = ctx.now;
        let budget = throughput * seconds;
        if requests > 0 && backlog.waiting < 1.0 {
            backlog.oldest = Some(ctx.now);
        }
        let before = backlog.waiting + requests as f64;
        let worked = before.min(budget);
        backlog.waiting = before - worked;
        backlog.done += worked;
        backlog.processed += worked;
        backlog.failed += dice::binomial(&mut endpoint.rng, worked as u64, behaviour.error_share()) as f64;
        if worked > 0.0 {
            let age = backlog.waiting / throughput.max(0.001);
            backlog.oldest = Some(ctx.now - Duration::from_secs_f64(age.min(86_400.0)));
        }
        let mut ended = Vec::new();
        let jobs = std::mem::take(&mut backlog.jobs);
        for mut job in jobs {
            job.ahead -= budget;
            let worked_long_enough = job.accepted + behaviour.median() <= ctx.now;
            if throughput > 0.0 && job.ahead <= 0.0 && worked_long_enough {
                let good = endpoint.rng.f64() >= behaviour.error_share().max(behaviour.timeout_share());
                ended.push((job, if good { Ended::Well } else { Ended::Badly }));
            } else if job.expires <= ctx.now {
                ended.push((job, Ended::Expired));
            } else {
                backlog.jobs.push_back(job);
            }
        }
        for (job, how) in ended {
            self.async_ended(ctx, name, &behaviour, &job, how);
        }
    }

    fn async_ended(&mut self, ctx: &mut Ctx, name: &str, behaviour: &Behaviour, job: &Job, how: Ended) {
        let Some(backlog) = self
            .endpoints
            .get_mut(name)
            .and_then(|endpoint| endpoint.asynchronous.as_mut())
        else {
            return;
        };
        let (place, body, topic, status) = match how {
            Ended::Well => {
                backlog.done += 1.0;
                backlog.processed += 1.0;
                (
                    Some(&job.output),
                    behaviour.body(),
                    backlog.success_topic.clone(),
                    "Completed",
                )
            }
            Ended::Badly => {
                backlog.failed += 1.0;
                backlog.processed += 1.0;
                let status = behaviour.failure_status();
                let text =
                    format!("Received server error ({status}) from primary with message \"Internal Server Error\".");
                (job.failure.as_ref(), text, backlog.error_topic.clone(), "Failed")
            }
            Ended::Expired => {
                backlog.expired += 1.0;
                let text = "The request expired before it was processed.".to_owned();
                (job.failure.as_ref(), text, backlog.error_topic.clone(), "Expired")
            }
        };
        if let Some((bucket, key)) = place.and_then(|uri| bucket_and_key(uri)) {
            ctx.s3_puts.push(S3Put {
                at: ctx.now,
                region: self.name.clone(),
                bucket: bucket.to_owned(),
                key: key.to_owned(),
                body: body.clone().into_bytes(),
                content_type: behaviour.content_type(),
            });
        }
        if let Some(topic) = topic {
            let message = json!({
                "awsRegion": self.name,
                "eventTime": ctx.now.to_string(),
                "eventSource": "aws:sagemaker",
                "eventName": "InferenceResult",
                "invocationStatus": status,
                "responseParameters": {"contentType": behaviour.content_type(), "outputLocation": job.output},
                "failureReason": (status != "Completed").then_some(body),
                "inferenceId": job.id,
                "requestParameters": {"endpointName": name, "inputLocation": job.input},
            });
            self.notify(ctx, &topic, None, message.to_string(), "sagemaker");
        }
    }

    /// So many requests join the backlog at once.
    pub(crate) fn ask_queue(&mut self, ctx: &Ctx, name: &str, requests: u32) {
        let endpoint = self.endpoints.get_mut(name);
        let Some(backlog) = endpoint.and_then(|endpoint| endpoint.asynchronous.as_mut()) else {
            return;
        };
        if backlog.waiting < 1.0 {
            backlog.oldest = Some(ctx.now);
        }
        backlog.waiting += f64::from(requests);
    }

    /// Publishes what there is to say of the backlog at the end of a minute.
    pub(crate) fn publish_backlog(&mut self, ctx: &Ctx, name: &str) {
        let at = ctx.minute_ending();
        let Some(endpoint) = self.endpoints.get_mut(name) else {
            return;
        };
        let instances: u32 = endpoint
            .variants
            .iter()
            .map(super::super::sagemaker::Variant::workers)
            .sum();
        let variant = endpoint
            .variants
            .first()
            .map(|variant| variant.name.clone())
            .unwrap_or_default();
        let Some(backlog) = endpoint.asynchronous.as_mut() else {
            return;
        };
        let size = backlog.size().floor();
        let age = backlog
            .oldest()
            .map_or(0.0, |oldest| ctx.now.duration_since(oldest).as_secs_f64().max(0.0));
        let age = if size > 0.0 { age } else { 0.0 };
        let per = size / f64::from(instances.max(1));
        let stranded = f64::from(u8::from(size > 0.0 && instances == 0));
        let taken = [&mut backlog.failed, &mut backlog.expired, &mut backlog.done].map(std::mem::take);
        let processed = std::mem::take(&mut backlog.processed);
        for (metric, unit, value) in [
            ("ApproximateBacklogSize", "Count", size),
            ("ApproximateBacklogSizePerInstance", "Count", per),
            ("ApproximateAgeOfOldestRequest", "Seconds", age),
            ("HasBacklogWithoutCapacity", "Count", stranded),
        ] {
            let id = MetricId::new("AWS/SageMaker", metric, &[("EndpointName", name)]);
            self.metrics.publish(id, unit, at, &Stat::of(value));
        }
        if processed > 0.0 {
            let dimensions = [("EndpointName", name), ("VariantName", variant.as_str())];
            let id = MetricId::new("AWS/SageMaker", "TotalProcessingTime", &dimensions);
            // The time of each is of no use to anybody here; how many there were is.
            let each = PROCESSING.as_millis() as f64;
            let stat = Stat::set(processed, processed * each, each, each);
            self.metrics.publish(id, "Milliseconds", at, &stat);
        }
        let names = ["InvocationFailures", "ExpiredRequests", "InvocationsProcessed"];
        for (metric, count) in names.into_iter().zip(taken).filter(|(_, count)| *count > 0.0) {
            let dimensions = [("EndpointName", name), ("VariantName", variant.as_str())];
            let stat = Stat::set(count, count, 1.0, 1.0);
            self.metrics
                .publish(MetricId::new("AWS/SageMaker", metric, &dimensions), "Count", at, &stat);
        }
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ended {
    Well,
    Badly,
    Expired,
}
