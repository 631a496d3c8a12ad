//! The operations of Application Auto Scaling.

use serde_json::json;

use crate::world::{
    ApiError, Reply, Service,
    api::{Input, epoch, page, reply, unknown_operation},
    region::{Ctx, Region},
    scaling::{Push, Resource, Target, TargetId, tagged},
};

/// The operations simulated.
pub(crate) const OPERATIONS: &[&str] = &[
    "DeleteScalingPolicy",
    "DeleteScheduledAction",
    "DeregisterScalableTarget",
    "DescribeScalableTargets",
    "DescribeScalingActivities",
    "DescribeScalingPolicies",
    "DescribeScheduledActions",
    "ListTagsForResource",
    "PutScalingPolicy",
    "PutScheduledAction",
    "RegisterScalableTarget",
    "TagResource",
    "UntagResource",
];

/// The service-linked role behind every target.
const SERVICE_ROLE: &str = "role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/\
                            AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint";

pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "ValidationException", message)
}

pub(super) fn not_found(id: &TargetId) -> ApiError {
    ApiError::new(
        400,
        "ObjectNotFoundException",
        format!(
            "No scalable target found for service namespace: sagemaker, resource ID: {}, scalable dimension: {}",
            id.0, id.1
        ),
    )
}

/// Resource id and dimension of a request, checked against each other.
pub(super) fn target_id(input: Input<'_>) -> Result<(TargetId, Resource), ApiError> {
    let namespace = input.need("ServiceNamespace")?;
    if namespace != "sagemaker" {
        return Err(invalid(format!(
            "the rehearsal scales the service namespace sagemaker only, not {namespace}"
        )));
    }
    let (id, dimension) = (input.need("ResourceId")?, input.need("ScalableDimension")?);
    let target = (id.to_owned(), dimension.to_owned());
    match Resource::parse(&target) {
        Some(resource) => Ok((target, resource)),
        None => Err(invalid(format!("Unsupported resource type for {dimension}: {id}"))),
    }
}

impl Region {
    /// Answers one operation of Application Auto Scaling.
    pub(crate) fn scaling_call(&mut self, ctx: &mut Ctx, operation: &str, input: Input<'_>) -> Result<Reply, ApiError> {
        match operation {
            "RegisterScalableTarget" => self.register_target(ctx, input),
            "DeregisterScalableTarget" => {
                let (id, _) = target_id(input)?;
                self.scaling.targets.remove(&id).ok_or_else(|| not_found(&id))?;
                self.drop_policies(&id);
                reply(json!({}))
            }
            "DescribeScalableTargets" => self.describe_targets(ctx, input),
            "PutScalingPolicy" => self.put_policy(ctx, input),
            "DescribeScalingPolicies" => self.describe_policies(ctx, input),
            "DeleteScalingPolicy" => self.delete_policy(input),
            "PutScheduledAction" => self.put_scheduled(ctx, input),
            "DescribeScheduledActions" => self.describe_scheduled(input),
            "DeleteScheduledAction" => self.delete_scheduled(input),
            "DescribeScalingActivities" => self.describe_activities(input),
            "TagResource" | "UntagResource" | "ListTagsForResource" => self.target_tags(operation, input),
            _ => Err(unknown_operation(Service::AutoScaling, operation, OPERATIONS)),
        }
    }

    /// An upsert: what is not given stays. Afterwards the capacity is moved inside the limits.
    fn register_target(&mut self, ctx: &mut Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let (id, resource) = target_id(input)?;
        let now = self
            .desired_capacity(&resource)
            .ok_or_else(|| invalid(format!("{} does not exist", id.0)))?;
        let old = self.scaling.targets.get(&id);
        let (min, max) = (input.count("MinCapacity")?, input.count("MaxCapacity")?);
        let (Some(min), Some(max)) = (min.or(old.map(|old| old.min)), max.or(old.map(|old| old.max))) else {
            return Err(invalid(
                "MinCapacity and MaxCapacity are required for a new scalable target",
            ));
        };
        if min > max {
            return Err(invalid("Maximum capacity cannot be less than minimum capacity"));
        }
        if let Resource::Variant { endpoint, .. } = &resource {
            let asynchronous = self
                .endpoints
                .get(endpoint)
                .is_some_and(|endpoint| endpoint.asynchronous.is_some());
            if min == 0 && !asynchronous && !self.has_components(endpoint) {
                return Err(invalid(
                    "Minimum capacity must be at least 1 for a variant of a real-time endpoint",
                ));
            }
        }
        let arn = match old {
            Some(old) => old.arn.clone(),
            None => {
                let unique = ctx.uuid().replace('-', "");
                self.arn(
                    ctx,
                    "application-autoscaling",
                    &format!("scalable-target/{}", &unique[..20]),
                )
            }
        };
        let old = self.scaling.targets.get(&id).cloned();
        let target = Target {
            arn: arn.clone(),
            min,
            max,
            created: old.as_ref().map_or(ctx.now, |old| old.created),
            suspended: input
                .get("SuspendedState")
                .cloned()
                .or_else(|| old.as_ref().map(|old| old.suspended.clone()))
                .unwrap_or_else(|| json!({})),
            // Tags are for a new target; those of an old one are changed by TagResource.
            tags: match &old {
                Some(old) => old.tags.clone(),
                None => tagged::read(input)?,
            },
            last_out: old.as_ref().and_then(|old| old.last_out),
            last_in: old.as_ref().and_then(|old| old.last_in),
        };
        self.scaling.targets.insert(id.clone(), target);
        if now < min || now > max {
            let cause = "the capacity was outside of the scalable target's limits";
            self.push_inside(ctx, &id, Push::Limits, cause);
        }
        reply(json!({"ScalableTargetARN": arn}))
    }

    fn describe_targets(&self, ctx: &Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        input.need("ServiceNamespace")?;
        let wanted = input.texts("ResourceIds");
        let all = self
            .scaling
            .targets
            .iter()
            .filter(|((resource, dimension), _)| {
                (wanted.is_empty() || wanted.contains(resource))
                    && input.text("ScalableDimension").is_none_or(|wanted| wanted == dimension)
            })
            .map(|((resource, dimension), target)| {
                json!({
                    "ServiceNamespace": "sagemaker",
                    "ResourceId": resource,
                    "ScalableDimension": dimension,
                    "MinCapacity": target.min,
                    "MaxCapacity": target.max,
                    "RoleARN": format!("arn:aws:iam::{}:{SERVICE_ROLE}", ctx.account),
                    "CreationTime": epoch(target.created),
                    "SuspendedState": {
                        "DynamicScalingInSuspended": target.suspends("DynamicScalingInSuspended"),
                        "DynamicScalingOutSuspended": target.suspends("DynamicScalingOutSuspended"),
                        "ScheduledScalingSuspended": target.suspends("ScheduledScalingSuspended"),
                    },
                    "ScalableTargetARN": target.arn,
                })
            })
            .collect();
        reply(page(input, "ScalableTargets", "MaxResults", 50, all)?)
    }

    fn describe_activities(&self, input: Input<'_>) -> Result<Reply, ApiError> {
        input.need("ServiceNamespace")?;
        let all = self
            .scaling
            .activities
            .iter()
            .rev()
            .filter(|activity| {
                (activity.get("NotScaledReasons").is_none() || input.flag("IncludeNotScaledActivities"))
                    && input
                        .text("ResourceId")
                        .is_none_or(|wanted| activity["ResourceId"] == wanted)
                    && input
                        .text("ScalableDimension")
                        .is_none_or(|wanted| activity["ScalableDimension"] == wanted)
            })
            .cloned()
            .collect();
        reply(page(input, "ScalingActivities", "MaxResults", 50, all)?)
    }
}
