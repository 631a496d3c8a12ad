//! Scalable targets of a scenario: variants and inference components.

use serde_json::json;

use crate::world::{
    Service, SpecProblem,
    api::{Input, epoch},
    region::{Ctx, Region},
    scaling::{COMPONENT, VARIANT},
    spec::ScalingSpec,
};

/// What is scaled, as Application Auto Scaling names it.
pub(super) struct Scaled {
    resource: String,
    dimension: &'static str,
    /// The predefined metric that a target is one of.
    metric: &'static str,
}

impl Scaled {
    pub(super) fn variant(endpoint: &str, variant: &str) -> Self {
        Self {
            resource: format!("endpoint/{endpoint}/variant/{variant}"),
            dimension: VARIANT,
            metric: "SageMakerVariantInvocationsPerInstance",
        }
    }

    pub(super) fn component(name: &str) -> Self {
        Self {
            resource: format!("inference-component/{name}"),
            dimension: COMPONENT,
            metric: "SageMakerInferenceComponentInvocationsPerCopy",
        }
    }
}

impl Region {
    /// Puts a target with all that hangs on it; `path` is where the description has it.
    pub(super) fn stand_scaling(
        &mut self,
        ctx: &mut Ctx,
        scaled: Scaled,
        scaling: &ScalingSpec,
        path: &str,
        problems: &mut Vec<SpecProblem>,
    ) {
        let ScalingSpec { min, max, target, .. } = scaling;
        let Scaled {
            resource,
            dimension,
            metric,
        } = scaled;
        let register = json!({
            "ServiceNamespace": "sagemaker", "ResourceId": resource, "ScalableDimension": dimension,
            "MinCapacity": min, "MaxCapacity": max,
        });
        let policy = json!({
            "ServiceNamespace": "sagemaker", "ResourceId": resource, "ScalableDimension": dimension,
            "PolicyName": "invocations", "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": target,
                "PredefinedMetricSpecification": {"PredefinedMetricType": metric},
            },
        });
        let policy = target
            .is_some()
            .then(|| ("PutScalingPolicy", format!("{path}.target"), policy));
        let policies = scaling.policies.iter().map(|(name, members)| {
            let mut put = json!({
                "ServiceNamespace": "sagemaker", "ResourceId": resource, "ScalableDimension": dimension,
                "PolicyName": name,
            });
            for (member, value) in &members.0 {
                put[member.as_str()] = value.clone();
            }
            ("PutScalingPolicy", format!("{path}.policies.{name}"), put)
        });
        let actions = scaling.schedules.iter().map(|(name, action)| {
            let mut limits = json!({});
            for (member, limit) in [("MinCapacity", action.min), ("MaxCapacity", action.max)] {
                if let Some(limit) = limit {
                    limits[member] = json!(limit);
                }
            }
            let mut put = json!({
                "ServiceNamespace": "sagemaker", "ResourceId": resource, "ScalableDimension": dimension,
                "ScheduledActionName": name, "Schedule": action.schedule, "ScalableTargetAction": limits,
            });
            if let Some(zone) = &action.timezone {
                put["Timezone"] = json!(zone);
            }
            if let Some(after) = action.end {
                put["EndTime"] = epoch(ctx.now + after.duration());
            }
            ("PutScheduledAction", format!("{path}.schedules.{name}"), put)
        });
        let all: Vec<_> = std::iter::once(("RegisterScalableTarget", path.to_owned(), register))
            .chain(policy)
            .chain(policies)
            .chain(actions)
            .collect();
        for (operation, path, input) in all {
            let done = Input::new(Service::AutoScaling, &input).and_then(|it| self.scaling_call(ctx, operation, it));
            if let Err(error) = done {
                problems.push(SpecProblem {
                    path,
                    problem: error.message,
                    accepted: format!("what {operation} accepts"),
                });
            }
        }
    }
}
