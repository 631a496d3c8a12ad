//! The operations of Application Auto Scaling.

use serde_json::{Value, json};

use crate::world::{
    ApiError, Reply, Service,
    api::{Input, epoch, page, reply, unknown_operation},
    region::{Ctx, Region},
    scaling::{COMPONENT, Policy, Resource, Target, TargetId, VARIANT},
};

/// The operations simulated.
pub(crate) const OPERATIONS: &[&str] = &[
    "DeleteScalingPolicy",
    "DeregisterScalableTarget",
    "DescribeScalableTargets",
    "DescribeScalingActivities",
    "DescribeScalingPolicies",
    "PutScalingPolicy",
    "RegisterScalableTarget",
];

/// The service-linked role behind every target.
const SERVICE_ROLE: &str = "role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/\
                            AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint";

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "ValidationException", message)
}

fn not_found(id: &TargetId) -> ApiError {
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
fn target_id(input: Input<'_>) -> Result<(TargetId, Resource), ApiError> {
    let namespace = input.need("ServiceNamespace")?;
    if namespace != "sagemaker" {
        return Err(invalid(format!(
            "the rehearsal scales the service namespace sagemaker only, not {namespace}"
        )));
    }
    let (id, dimension) = (input.need("ResourceId")?, input.need("ScalableDimension")?);
    let resource = Resource::parse(id);
    match (&resource, dimension) {
        (Some(Resource::Variant { .. }), VARIANT) | (Some(Resource::Component(_)), COMPONENT) => {}
        (_, "sagemaker:variant:DesiredProvisionedConcurrency") => {
            return Err(invalid("the rehearsal does not scale provisioned concurrency"));
        }
        _ => {
            return Err(invalid(format!("Unsupported resource type for {dimension}: {id}")));
        }
    }
    Ok(((id.to_owned(), dimension.to_owned()), resource.expect("checked above")))
}

impl Region {
    /// Answers one operation of Application Auto Scaling.
    pub(crate) fn scaling_call(&mut self, ctx: &mut Ctx, operation: &str, input: Input<'_>) -> Result<Reply, ApiError> {
        match operation {
            "RegisterScalableTarget" => self.register_target(ctx, input),
            "DeregisterScalableTarget" => {
                let (id, _) = target_id(input)?;
                self.scaling.targets.remove(&id).ok_or_else(|| not_found(&id))?;
                self.scaling.policies.retain(|(target, _), _| *target != id);
                reply(json!({}))
            }
            "DescribeScalableTargets" => self.describe_targets(ctx, input),
            "PutScalingPolicy" => self.put_policy(ctx, input),
            "DescribeScalingPolicies" => self.describe_policies(input),
            "DeleteScalingPolicy" => {
                let (id, _) = target_id(input)?;
                let key = (id, input.need("PolicyName")?.to_owned());
                self.scaling.policies.remove(&key).ok_or_else(|| {
                    let message = format!("No scaling policy found for {} named {}", key.0.0, key.1);
                    ApiError::new(400, "ObjectNotFoundException", message)
                })?;
                reply(json!({}))
            }
            "DescribeScalingActivities" => self.describe_activities(input),
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
            last_out: old.as_ref().and_then(|old| old.last_out),
            last_in: old.as_ref().and_then(|old| old.last_in),
        };
        self.scaling.targets.insert(id.clone(), target);
        if now < min || now > max {
            self.scale(
                ctx,
                &id,
                now,
                "the capacity was outside of the scalable target's limits",
            );
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
                let suspended = |member: &str| target.suspended.get(member).and_then(Value::as_bool).unwrap_or(false);
                json!({
                    "ServiceNamespace": "sagemaker",
                    "ResourceId": resource,
                    "ScalableDimension": dimension,
                    "MinCapacity": target.min,
                    "MaxCapacity": target.max,
                    "RoleARN": format!("arn:aws:iam::{}:{SERVICE_ROLE}", ctx.account),
                    "CreationTime": epoch(target.created),
                    "SuspendedState": {
                        "DynamicScalingInSuspended": suspended("DynamicScalingInSuspended"),
                        "DynamicScalingOutSuspended": suspended("DynamicScalingOutSuspended"),
                        "ScheduledScalingSuspended": suspended("ScheduledScalingSuspended"),
                    },
                    "ScalableTargetARN": target.arn,
                })
            })
            .collect();
        reply(page(input, "ScalableTargets", "MaxResults", 50, all)?)
    }

    fn put_policy(&mut self, ctx: &mut Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let (id, _) = target_id(input)?;
        if !self.scaling.targets.contains_key(&id) {
            return Err(not_found(&id));
        }
        let name = input.need("PolicyName")?.to_owned();
        let kind = input.text("PolicyType").unwrap_or("StepScaling");
        let (member, config) = match kind {
            "TargetTrackingScaling" => ("TargetTrackingScalingPolicyConfiguration", true),
            "StepScaling" => ("StepScalingPolicyConfiguration", false),
            other => return Err(invalid(format!("PolicyType {other} is not available for SageMaker"))),
        };
        let configuration = input.of(input.get(member).ok_or_else(|| input.missing(member))?)?;
        if config {
            check_tracking(configuration)?;
        } else {
            check_steps(configuration)?;
        }
        let key = (id.clone(), name.clone());
        let old = self.scaling.policies.get(&key);
        let arn = match old {
            Some(old) => old.arn.clone(),
            None => {
                let unique = ctx.uuid();
                let rest = format!("scalingPolicy:{unique}:resource/sagemaker/{}:policyName/{name}", id.0);
                self.arn(ctx, "autoscaling", &rest)
            }
        };
        let created = old.map_or(ctx.now, |old| old.created);
        let policy = Policy {
            arn: arn.clone(),
            created,
            target: id,
            input: Value::Object(input.all().clone()),
        };
        self.scaling.policies.insert(key, policy);
        reply(json!({"PolicyARN": arn, "Alarms": []}))
    }

    fn describe_policies(&self, input: Input<'_>) -> Result<Reply, ApiError> {
        input.need("ServiceNamespace")?;
        let names = input.texts("PolicyNames");
        let all = self
            .scaling
            .policies
            .iter()
            .filter(|(((resource, dimension), name), _)| {
                (names.is_empty() || names.contains(name))
                    && input.text("ResourceId").is_none_or(|wanted| wanted == resource)
                    && input.text("ScalableDimension").is_none_or(|wanted| wanted == dimension)
            })
            .map(|(_, policy)| {
                let mut output = policy.input.clone();
                output["PolicyARN"] = json!(policy.arn);
                output["CreationTime"] = epoch(policy.created);
                output["Alarms"] = json!([]);
                if output.get("PolicyType").is_none() {
                    output["PolicyType"] = json!("StepScaling");
                }
                output
            })
            .collect();
        reply(page(input, "ScalingPolicies", "MaxResults", 10, all)?)
    }

    fn describe_activities(&self, input: Input<'_>) -> Result<Reply, ApiError> {
        input.need("ServiceNamespace")?;
        let all = self
            .scaling
            .activities
            .iter()
            .rev()
            .filter(|activity| {
                input
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

fn check_tracking(configuration: Input<'_>) -> Result<(), ApiError> {
    let aim = configuration
        .number("TargetValue")
        .ok_or_else(|| configuration.missing("TargetValue"))?;
    if !(aim.is_finite() && aim > 0.0) {
        return Err(invalid(format!("TargetValue must be greater than 0, not {aim}")));
    }
    let predefined = configuration.get("PredefinedMetricSpecification");
    let custom = configuration.get("CustomizedMetricSpecification");
    match (predefined, custom) {
        (Some(predefined), None) => {
            let predefined = configuration.of(predefined)?;
            if predefined.get("ResourceLabel").is_some() {
                return Err(invalid("ResourceLabel must not be set for SageMaker"));
            }
            match predefined.need("PredefinedMetricType")? {
                "SageMakerVariantInvocationsPerInstance" | "SageMakerInferenceComponentInvocationsPerCopy" => Ok(()),
                other => Err(invalid(format!("the rehearsal does not track {other}"))),
            }
        }
        (None, Some(custom)) => {
            let custom = configuration.of(custom)?;
            custom.need("MetricName")?;
            custom.need("Namespace")?;
            custom.need("Statistic")?;
            Ok(())
        }
        _ => Err(invalid(
            "exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be given",
        )),
    }
}

fn check_steps(configuration: Input<'_>) -> Result<(), ApiError> {
    let kind = configuration.need("AdjustmentType")?;
    if !matches!(kind, "ChangeInCapacity" | "PercentChangeInCapacity" | "ExactCapacity") {
        return Err(invalid(format!("AdjustmentType {kind} is unknown")));
    }
    let mut bounds = Vec::new();
    for step in configuration.list("StepAdjustments") {
        let step = configuration.of(step)?;
        step.number("ScalingAdjustment")
            .ok_or_else(|| step.missing("ScalingAdjustment"))?;
        let lower = step.number("MetricIntervalLowerBound").unwrap_or(f64::NEG_INFINITY);
        let upper = step.number("MetricIntervalUpperBound").unwrap_or(f64::INFINITY);
        if lower >= upper {
            return Err(invalid("a step's lower bound must be below its upper bound"));
        }
        bounds.push((lower, upper));
    }
    if bounds.is_empty() || bounds.len() > 20 {
        return Err(invalid(format!(
            "{} step adjustments; 1 to 20 are accepted",
            bounds.len()
        )));
    }
    bounds.sort_by(|a, b| a.0.total_cmp(&b.0));
    if bounds.windows(2).any(|pair| pair[0].1 != pair[1].0) {
        return Err(invalid("StepAdjustments must not overlap or leave a gap"));
    }
    Ok(())
}
