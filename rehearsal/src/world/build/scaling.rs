//! Scalable targets of a scenario: variants and inference components.

use serde_json::json;

use crate::world::{
    Service,
    api::Input,
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
    pub(super) fn stand_scaling(&mut self, ctx: &mut Ctx, scaled: Scaled, scaling: &ScalingSpec) {
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
        let policy = target.is_some().then_some(("PutScalingPolicy", policy));
        let actions = scaling.schedules.iter().map(|(name, action)| {
            let put = json!({
                "ServiceNamespace": "sagemaker", "ResourceId": resource, "ScalableDimension": dimension,
                "ScheduledActionName": name, "Schedule": action.schedule,
                "ScalableTargetAction": {"MinCapacity": action.min},
            });
            ("PutScheduledAction", put)
        });
        for (operation, input) in [Some(("RegisterScalableTarget", register)), policy]
            .into_iter()
            .flatten()
            .chain(actions)
        {
            let done = Input::new(Service::AutoScaling, &input).and_then(|it| self.scaling_call(ctx, operation, it));
            debug_assert!(done.is_ok(), "{operation} of a checked description: {done:?}");
        }
    }
}
