//! Application Auto Scaling for SageMaker: scalable targets, target tracking and step policies, and their activities.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::world::{
    HappeningKind,
    alarms::Alarm,
    metrics::{MetricId, Statistic, last_windows},
    region::{Ctx, Region},
    sagemaker::{
        guardrails::Guardrails,
        lifecycle::{Fleet, Kind},
    },
};

mod api;

pub(crate) use api::OPERATIONS;

/// Instances of a variant.
pub(crate) const VARIANT: &str = "sagemaker:variant:DesiredInstanceCount";
/// Copies of an inference component.
pub(crate) const COMPONENT: &str = "sagemaker:inference-component:DesiredCopyCount";

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
    pub(crate) last_out: Option<Timestamp>,
    pub(crate) last_in: Option<Timestamp>,
}

/// A scaling policy; `input` is what `PutScalingPolicy` was given.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) arn: String,
    pub(crate) created: Timestamp,
    pub(crate) target: TargetId,
    pub(crate) input: Value,
}

/// Every target, policy and activity of a Region.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scaling {
    pub(crate) targets: BTreeMap<TargetId, Target>,
    pub(crate) policies: BTreeMap<(TargetId, String), Policy>,
    pub(crate) activities: Vec<Value>,
}

/// What a resource id names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    Variant { endpoint: String, variant: String },
    Component(String),
}

impl Resource {
    pub(crate) fn parse(id: &str) -> Option<Self> {
        match id.split('/').collect::<Vec<_>>().as_slice() {
            ["endpoint", endpoint, "variant", variant] => Some(Self::Variant {
                endpoint: (*endpoint).to_owned(),
                variant: (*variant).to_owned(),
            }),
            ["inference-component", name] => Some(Self::Component((*name).to_owned())),
            _ => None,
        }
    }
}

impl Scaling {
    /// A variant is a scalable target.
    pub(crate) fn has_variant(&self, endpoint: &str, variant: &str) -> bool {
        !self.targets.is_empty()
            && self
                .targets
                .contains_key(&(format!("endpoint/{endpoint}/variant/{variant}"), VARIANT.to_owned()))
    }

    /// Drops what belongs to an endpoint that is gone.
    pub(crate) fn forget_endpoint(&mut self, endpoint: &str) {
        let prefix = format!("endpoint/{endpoint}/variant/");
        self.targets.retain(|(resource, _), _| !resource.starts_with(&prefix));
        self.policies
            .retain(|((resource, _), _), _| !resource.starts_with(&prefix));
    }
}

/// The metric a target-tracking policy follows.
fn tracked(resource: &Resource, policy: &Value) -> Option<(MetricId, Statistic)> {
    if let Some(custom) = policy.get("CustomizedMetricSpecification") {
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
        return Some((metric, Statistic::parse(text("Statistic")?)?));
    }
    let (name, dimensions) = match resource {
        Resource::Variant { endpoint, variant } => (
            "InvocationsPerInstance",
            vec![("EndpointName", endpoint.as_str()), ("VariantName", variant.as_str())],
        ),
        Resource::Component(name) => ("InvocationsPerCopy", vec![("InferenceComponentName", name.as_str())]),
    };
    Some((MetricId::new("AWS/SageMaker", name, &dimensions), Statistic::Sum))
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
            Resource::Component(name) => Some(self.components.get(name)?.desired),
        }
    }

    /// What the policies conclude at the end of a minute: the largest capacity any of them asks for wins.
    pub(crate) fn follow_targets(&mut self, ctx: &mut Ctx) {
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
            self.scale(ctx, &id, to, &cause);
        }
    }

    fn tracking_wish(&self, ctx: &Ctx, name: &str, policy: &Policy) -> Option<(u32, String)> {
        let config = policy.input.get("TargetTrackingScalingPolicyConfiguration")?;
        let resource = Resource::parse(&policy.target.0)?;
        let target = self.scaling.targets.get(&policy.target)?;
        let aim = config.get("TargetValue")?.as_f64()?;
        let (metric, statistic) = tracked(&resource, config)?;
        let now = self.desired_capacity(&resource)?;
        let values: Vec<Option<f64>> = last_windows(ctx.now, 60, 15)
            .iter()
            .map(|(from, to)| self.metrics.window(&metric, *from, *to)?.value(&statistic))
            .collect();
        let recent: Vec<f64> = values[12..].iter().copied().flatten().collect();
        let cooldown = |member: &str| Duration::from_secs(config.get(member).and_then(Value::as_u64).unwrap_or(300));
        let cool = |last: Option<Timestamp>, member: &str| last.is_none_or(|last| last + cooldown(member) <= ctx.now);
        let wish = |value: f64| (f64::from(now) * value / aim).ceil().max(0.0) as u32;
        if recent.len() == 3 && recent.iter().all(|value| *value > aim) && cool(target.last_out, "ScaleOutCooldown") {
            let value = recent.iter().sum::<f64>() / 3.0;
            return Some((
                wish(value).max(now + 1),
                format!("policy {name}: {} at {value:.0}, above {aim}", metric.name),
            ));
        }
        let calm = values.iter().all(|value| value.is_some_and(|value| value < aim * 0.9));
        let may_shrink = config.get("DisableScaleIn").and_then(Value::as_bool) != Some(true);
        let last = target.last_in.max(target.last_out);
        if calm && may_shrink && cool(last, "ScaleInCooldown") {
            let value = values.iter().flatten().copied().fold(0.0, f64::max);
            return Some((
                wish(value).max(1).min(now),
                format!("policy {name}: {} at {value:.0}, below {aim}", metric.name),
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
        let Some(resource) = Resource::parse(&policy.target.0) else {
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
            &format!("policy {name}: step of {adjustment}"),
        );
    }

    /// Moves a target's capacity, within its limits, if the resource can be changed now.
    pub(crate) fn scale(&mut self, ctx: &mut Ctx, id: &TargetId, to: u32, cause: &str) {
        let Some(target) = self.scaling.targets.get(id) else {
            return;
        };
        let to = to.clamp(target.min, target.max);
        let Some(resource) = Resource::parse(&id.0) else { return };
        let Some(from) = self.desired_capacity(&resource) else {
            return;
        };
        let suspended = |member: &str| target.suspended.get(member).and_then(Value::as_bool) == Some(true);
        let held = if to > from {
            suspended("DynamicScalingOutSuspended")
        } else {
            suspended("DynamicScalingInSuspended")
        };
        if to == from || held {
            return;
        }
        let busy = match &resource {
            Resource::Variant { endpoint, .. } => self.endpoints.get(endpoint).is_none_or(|endpoint| {
                endpoint.status.in_transition() || endpoint.status == shared::endpoint::EndpointStatus::Failed
            }),
            Resource::Component(name) => self
                .components
                .get(name)
                .is_none_or(|component| component.status != "InService"),
        };
        let activity = json!({
            "ActivityId": ctx.uuid(),
            "ServiceNamespace": "sagemaker",
            "ResourceId": id.0,
            "ScalableDimension": id.1,
            "Description": format!("Setting desired capacity to {to}."),
            "Cause": cause,
            "StartTime": crate::world::api::epoch(ctx.now),
            "EndTime": crate::world::api::epoch(ctx.now),
            "StatusCode": if busy { "Failed" } else { "Successful" },
            "StatusMessage": if busy {
                format!("Failed to set desired capacity to {to}: the resource is being updated.")
            } else {
                format!("Successfully set desired capacity to {to}.")
            },
        });
        let same_failure = busy
            && self.scaling.activities.last().is_some_and(|last| {
                last["ResourceId"] == activity["ResourceId"] && last["StatusCode"] == activity["StatusCode"]
            });
        if !same_failure {
            self.scaling.activities.push(activity);
        }
        if busy {
            return;
        }
        if let Some(target) = self.scaling.targets.get_mut(id) {
            *(if to > from {
                &mut target.last_out
            } else {
                &mut target.last_in
            }) = Some(ctx.now);
        }
        let kind = HappeningKind::Scaled {
            resource: id.0.clone(),
            from,
            to,
            cause: cause.to_owned(),
        };
        ctx.tell(&self.name, kind);
        match resource {
            Resource::Component(name) => self.rescale_component(ctx, &name, to),
            Resource::Variant { endpoint, variant } => {
                let live = &self.endpoints[&endpoint];
                let mut goal = Fleet {
                    config: live.config.clone(),
                    variants: live.variants.clone(),
                };
                for wanted in goal.variants.iter_mut().filter(|wanted| wanted.name == variant) {
                    wanted.desired_instances = Some(to);
                }
                self.begin(ctx, &endpoint, Kind::Capacity, goal, Guardrails::default());
            }
        }
    }
}
