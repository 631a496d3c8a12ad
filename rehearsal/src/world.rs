//! A small AWS on a virtual clock: SageMaker endpoints that live, the metrics they publish, the alarms on those metrics,
//! topics, and Application Auto Scaling, in several Regions.
//!
//! [`World`] is synchronous and does no I/O. It never reads a clock: every call brings the time, and time only moves
//! forward. The same [`WorldSpec`], seed and sequence of calls give the same answers, byte for byte. Requests come in the
//! shape of the API models ([`Call`]); turning HTTP into them, and S3, live elsewhere.
//!
//! Background traffic is never simulated request by request: each minute of it is one aggregate with a sampled
//! distribution, so that days of a busy fleet pass in moments.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

mod alarms;
mod api;
mod apis;
mod behaviour;
mod build;
mod call;
mod contents;
mod dashboards;
mod dice;
mod functions;
mod happening;
mod incident;
mod keys;
mod leftovers;
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
mod view;

#[cfg(test)]
mod tests;

pub use call::{ApiError, Call, Reply, Service};
pub use happening::{CallRecord, Happening, HappeningKind, Published, PublishedMessage, S3Put};
pub use registry::Artifact;
pub use spec::{KeySpec, SpecProblem, WorldSpec};
pub use view::{EndpointView, GreenView, TargetView, VariantView};

use self::{
    api::{Input, unknown_operation},
    region::{Ctx, Region},
    registry::Artifacts,
};

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
            dashboards: BTreeMap::new(),
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
        if let Some(region) = self.regions.get_mut(region) {
            region.know_function(&self.ctx, name);
        }
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

    /// Everything of SageMaker's in a Region: kind, name, and whose restore or drill left it behind.
    pub fn definitions(&self, region: &str) -> Vec<(&'static str, String, Option<String>)> {
        self.regions.get(region).map_or_else(Vec::new, leftovers::definitions)
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
            Service::ApiGateway => region.apigateway_call(ctx, call.operation, input),
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

/// The first whole minute after `at`.
fn minute_after(at: Timestamp) -> Timestamp {
    let second = at.as_second();
    Timestamp::from_second(second - second.rem_euclid(60) + 60).unwrap_or(Timestamp::MAX)
}
