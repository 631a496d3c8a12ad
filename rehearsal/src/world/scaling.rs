//! Application Auto Scaling for SageMaker: scalable targets, target tracking and step policies, scheduled actions, and
//! their activities.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::world::{
    Service, TargetView,
    alarms::Alarm,
    api::Input,
    metrics::{MetricId, Query, Source, Statistic, last_windows},
    region::{Ctx, Region},
};

mod api;
mod apply;
mod policies;
mod scheduled;
mod tagged;
mod when;

pub(crate) use api::OPERATIONS;

/// `Err` says what is wrong with the `Schedule` of a scheduled action.
pub(crate) fn check_schedule(schedule: &str) -> Result<(), String> {
    when::When::parse(schedule, &jiff::tz::TimeZone::UTC).map(drop)
}

/// Instances of a variant.
pub(crate) const VARIANT: &str = "sagemaker:variant:DesiredInstanceCount";
/// Provisioned concurrency of a serverless variant.
pub(crate) const CONCURRENCY: &str = "sagemaker:variant:DesiredProvisionedConcurrency";
/// Copies of an inference component.
pub(crate) const COMPONENT: &str = "sagemaker:inference-component:DesiredCopyCount";

/// Seconds between the datapoints of a high-resolution metric.
const HIGH_RESOLUTION: i64 = 10;

/// Resource id and dimension.
pub(crate) type TargetId = (String, String);

/// A scalable target.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) arn: String,
    pub(crate) min: u32,
    pub(crate) max: u32,
    pub(crate) created: Timestamp,
    pub(crate) suspended: Value,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) last_out: Option<Timestamp>,
    pub(crate) last_in: Option<Timestamp>,
}

impl Target {
    /// A kind of scaling, by its member of `SuspendedState`, is suspended.
    fn suspends(&self, member: &str) -> bool {
        self.suspended.get(member).and_then(Value::as_bool) == Some(true)
    }
}

/// Who wants another capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Push {
    /// A policy, which may be suspended.
    Policy,
    /// The limits of the target, which always hold.
    Limits,
}

/// A scaling policy; `input` is what `PutScalingPolicy` was given.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) arn: String,
    pub(crate) created: Timestamp,
    pub(crate) target: TargetId,
    pub(crate) input: Value,
    /// The alarms that target tracking keeps.
    pub(crate) alarms: Vec<String>,
}

/// Every target, policy and activity of a Region.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scaling {
    pub(crate) targets: BTreeMap<TargetId, Target>,
    pub(crate) policies: BTreeMap<(TargetId, String), Policy>,
    pub(crate) actions: BTreeMap<(TargetId, String), scheduled::Action>,
    pub(crate) activities: Vec<Value>,
}

/// What a resource id names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    Variant { endpoint: String, variant: String },
    Concurrency { endpoint: String, variant: String },
    Component(String),
}

impl Resource {
    /// What a resource id and a dimension name together.
    pub(crate) fn parse((id, dimension): &TargetId) -> Option<Self> {
        let parts: Vec<&str> = id.split('/').collect();
        match (parts.as_slice(), dimension.as_str()) {
            (["endpoint", endpoint, "variant", variant], VARIANT) => Some(Self::Variant {
                endpoint: (*endpoint).to_owned(),
                variant: (*variant).to_owned(),
            }),
            (["endpoint", endpoint, "variant", variant], CONCURRENCY) => Some(Self::Concurrency {
                endpoint: (*endpoint).to_owned(),
                variant: (*variant).to_owned(),
            }),
            (["inference-component", name], COMPONENT) => Some(Self::Component((*name).to_owned())),
            _ => None,
        }
    }
}

impl Scaling {
    /// Every target.
    pub(crate) fn view(&self) -> Vec<TargetView> {
        self.targets
            .iter()
            .map(|(id, target)| TargetView {
                resource: id.0.clone(),
                min: target.min,
                max: target.max,
                policies: self.policies.keys().filter(|(of, _)| of == id).count() as u64,
                scheduled_actions: self.actions.keys().filter(|(of, _)| of == id).count() as u64,
            })
            .collect()
    }

    /// A variant is a scalable target.
    pub(crate) fn has_variant(&self, endpoint: &str, variant: &str) -> bool {
        !self.targets.is_empty()
            && self
                .targets
                .contains_key(&(format!("endpoint/{endpoint}/variant/{variant}"), VARIANT.to_owned()))
    }
}

/// `ProvisionedConcurrency` of a `ServerlessConfig`.
pub(crate) fn provisioned(serverless: &Value) -> Option<u32> {
    serverless.get("ProvisionedConcurrency")?.as_u64()?.try_into().ok()
}

/// Metric, statistic and period (seconds) of a `PredefinedMetricType`; `None` where it is not this resource's.
fn predefined(kind: &str, resource: &Resource) -> Option<(&'static str, &'static str, i64)> {
    match (kind, resource) {
        ("SageMakerVariantInvocationsPerInstance", Resource::Variant { .. }) => {
            Some(("InvocationsPerInstance", "Sum", 60))
        }
        ("SageMakerVariantConcurrentRequestsPerModelHighResolution", Resource::Variant { .. }) => {
            Some(("ConcurrentRequestsPerModel", "Maximum", HIGH_RESOLUTION))
        }
        ("SageMakerVariantProvisionedConcurrencyUtilization", Resource::Concurrency { .. }) => {
            Some(("ServerlessProvisionedConcurrencyUtilization", "Average", 60))
        }
        ("SageMakerInferenceComponentInvocationsPerCopy", Resource::Component(_)) => {
            Some(("InvocationsPerCopy", "Sum", 60))
        }
        ("SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution", Resource::Component(_)) => {
            Some(("ConcurrentRequestsPerCopy", "Maximum", HIGH_RESOLUTION))
        }
        _ => None,
    }
}

/// What a target-tracking policy follows: queries, and which of them is compared.
fn tracked(resource: &Resource, policy: &Value) -> Option<(Vec<Query>, usize)> {
    let custom = policy.get("CustomizedMetricSpecification");
    if let Some(metrics) = custom.and_then(|custom| custom.get("Metrics")) {
        let whole = json!({"Metrics": queries_with_periods(metrics)});
        let input = Input::new(Service::AutoScaling, &whole).ok()?;
        let queries = Query::read_all(input, "Metrics").ok()?;
        let main = queries.iter().position(|query| query.returned)?;
        return Some((queries, main));
    }
    let mut period = 60;
    let (metric, stat_text) = match custom {
        Some(custom) => {
            let text = |member: &str| custom.get(member).and_then(Value::as_str);
            let mut dimensions = Vec::new();
            for dimension in custom.get("Dimensions").and_then(Value::as_array).into_iter().flatten() {
                dimensions.push((
                    dimension.get("Name")?.as_str()?.to_owned(),
                    dimension.get("Value")?.as_str()?.to_owned(),
                ));
            }
            dimensions.sort();
            let metric = MetricId {
                namespace: text("Namespace")?.to_owned(),
                name: text("MetricName")?.to_owned(),
                dimensions,
            };
            (metric, text("Statistic")?)
        }
        None => {
            let kind = policy
                .get("PredefinedMetricSpecification")?
                .get("PredefinedMetricType")?;
            let (name, stat, seconds) = predefined(kind.as_str()?, resource)?;
            period = seconds;
            let dimensions = match resource {
                Resource::Variant { endpoint, variant } | Resource::Concurrency { endpoint, variant } => {
                    vec![("EndpointName", endpoint.as_str()), ("VariantName", variant.as_str())]
                }
                Resource::Component(name) => vec![("InferenceComponentName", name.as_str())],
            };
            (MetricId::new("AWS/SageMaker", name, &dimensions), stat)
        }
    };
    let source = Source::Metric {
        metric,
        period,
        stat: Statistic::parse(stat_text)?,
        stat_text: stat_text.to_owned(),
    };
    let query = Query {
        id: "m1".to_owned(),
        label: None,
        returned: true,
        source,
        raw: Value::Null,
    };
    Some((vec![query], 0))
}

/// Metric queries as CloudWatch reads them: in a policy their period is a minute and is not said.
fn queries_with_periods(metrics: &Value) -> Value {
    let mut metrics = metrics.clone();
    for query in metrics.as_array_mut().into_iter().flatten() {
        if let Some(Value::Object(stat)) = query.get_mut("MetricStat") {
            stat.entry("Period").or_insert_with(|| json!(60));
        }
    }
    metrics
}

impl Region {
    /// The capacity a resource is to have; `None` when there is no such resource.
    pub(crate) fn desired_capacity(&self, resource: &Resource) -> Option<u32> {
        match resource {
            Resource::Variant { endpoint, variant } => {
                let endpoint = self.endpoints.get(endpoint)?;
                endpoint
                    .variants
                    .iter()
                    .find(|live| live.name == *variant)?
                    .desired_instances
            }
            Resource::Concurrency { endpoint, variant } => {
                let live = self
                    .endpoints
                    .get(endpoint)?
                    .variants
                    .iter()
                    .find(|live| live.name == *variant)?;
                provisioned(live.serverless.as_ref()?)
            }
            Resource::Component(name) => Some(self.components.get(name)?.desired),
        }
    }

    /// What the policies conclude at the end of a minute: the largest capacity any of them asks for wins.
    pub(crate) fn follow_targets(&mut self, ctx: &mut Ctx) {
        self.follow_schedules(ctx);
        if self.scaling.policies.is_empty() {
            return;
        }
        let mut wishes: BTreeMap<TargetId, (u32, String)> = BTreeMap::new();
        let policies: Vec<(String, Policy)> = self
            .scaling
            .policies
            .iter()
            .map(|((_, name), policy)| (name.clone(), policy.clone()))
            .collect();
        for (name, policy) in &policies {
            if let Some(wish) = self.tracking_wish(ctx, name, policy) {
                let best = wishes.entry(policy.target.clone()).or_insert_with(|| wish.clone());
                if wish.0 > best.0 {
                    *best = wish;
                }
            }
            for (_, alarm) in self.alarms_on(&policy.arn) {
                self.policy_alarm(ctx, &policy.arn, &alarm);
            }
        }
        for (id, (to, cause)) in wishes {
            self.scale(ctx, &id, to, Push::Policy, &cause);
        }
    }

    fn tracking_wish(&self, ctx: &Ctx, name: &str, policy: &Policy) -> Option<(u32, String)> {
        let config = policy.input.get("TargetTrackingScalingPolicyConfiguration")?;
        let resource = Resource::parse(&policy.target)?;
        let target = self.scaling.targets.get(&policy.target)?;
        let aim = config.get("TargetValue")?.as_f64()?;
        let (queries, main) = tracked(&resource, config)?;
        let name_of_metric = match &queries[main].source {
            Source::Metric { metric, .. } => metric.name.as_str(),
            Source::Math { text, .. } => text.as_str(),
        };
        let now = self.desired_capacity(&resource)?;
        let value_of = |(from, to): &(i64, i64)| queries[main].value(&queries, &self.metrics, *from, *to);
        // Up by three datapoints, which of a high-resolution metric are half a minute; down by fifteen minutes.
        let values: Vec<Option<f64>> = last_windows(ctx.now, 60, 15).iter().map(value_of).collect();
        let recent = last_windows(ctx.now, queries[main].period(&queries), 3);
        let recent: Vec<f64> = recent.iter().filter_map(value_of).collect();
        let cooldown = |member: &str| Duration::from_secs(config.get(member).and_then(Value::as_u64).unwrap_or(300));
        let cool = |last: Option<Timestamp>, member: &str| last.is_none_or(|last| last + cooldown(member) <= ctx.now);
        let wish = |value: f64| (f64::from(now) * value / aim).ceil().max(0.0) as u32;
        if recent.len() == 3 && recent.iter().all(|value| *value > aim) && cool(target.last_out, "ScaleOutCooldown") {
            let value = recent.iter().sum::<f64>() / 3.0;
            return Some((
                wish(value).max(now + 1),
                format!("policy {name}: {} at {value:.0}, above {aim}", name_of_metric),
            ));
        }
        let calm = values.iter().all(|value| value.is_some_and(|value| value < aim * 0.9));
        let may_shrink = config.get("DisableScaleIn").and_then(Value::as_bool) != Some(true);
        let last = target.last_in.max(target.last_out);
        if calm && may_shrink && cool(last, "ScaleInCooldown") {
            let value = values.iter().flatten().copied().fold(0.0, f64::max);
            // Of nothing, nothing: the minimum of the target decides whether that may be.
            return Some((
                wish(value).min(now),
                format!("policy {name}: {} at {value:.0}, below {aim}", name_of_metric),
            ));
        }
        None
    }

    /// An alarm that names a step policy is in ALARM.
    pub(crate) fn policy_alarm(&mut self, ctx: &mut Ctx, policy_arn: &str, alarm: &Alarm) {
        let found = self
            .scaling
            .policies
            .iter()
            .find(|(_, policy)| policy.arn == policy_arn);
        let Some(((_, name), policy)) = found.map(|(key, policy)| (key.clone(), policy.clone())) else {
            return;
        };
        let Some(config) = policy.input.get("StepScalingPolicyConfiguration") else {
            return;
        };
        let Some(resource) = Resource::parse(&policy.target) else {
            return;
        };
        let (Some(now), Some(target)) = (
            self.desired_capacity(&resource),
            self.scaling.targets.get(&policy.target),
        ) else {
            return;
        };
        let cooldown = Duration::from_secs(config.get("Cooldown").and_then(Value::as_u64).unwrap_or(300));
        if target
            .last_out
            .max(target.last_in)
            .is_some_and(|last| last + cooldown > ctx.now)
        {
            return;
        }
        let Some((value, threshold)) = self.alarm_value(ctx, alarm) else {
            return;
        };
        let offset = value - threshold;
        let bound = |step: &Value, member: &str| step.get(member).and_then(Value::as_f64);
        let step = config
            .get("StepAdjustments")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .find(|step| {
                bound(step, "MetricIntervalLowerBound").is_none_or(|lower| offset >= lower)
                    && bound(step, "MetricIntervalUpperBound").is_none_or(|upper| offset < upper)
            });
        let Some(adjustment) = step
            .and_then(|step| step.get("ScalingAdjustment"))
            .and_then(Value::as_f64)
        else {
            return;
        };
        let before = f64::from(now);
        let to = match config.get("AdjustmentType").and_then(Value::as_str) {
            Some("ExactCapacity") => adjustment,
            Some("PercentChangeInCapacity") => before + (before * adjustment / 100.0).round(),
            _ => before + adjustment,
        };
        self.scale(
            ctx,
            &policy.target,
            to.max(0.0) as u32,
            Push::Policy,
            &format!("policy {name}: step of {adjustment}"),
        );
    }
}
