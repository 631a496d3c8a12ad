//! Scaling policies, and the alarms that target tracking keeps for itself.

use serde_json::{Value, json};

use super::{
    Policy, Resource, TargetId,
    api::{invalid, not_found, target_id},
    queries_with_periods, tracked,
};
use crate::world::{
    ApiError, Reply, Service,
    api::{Input, epoch, page, reply},
    metrics::{Query, Source},
    region::{Ctx, Region},
};

impl Region {
    pub(super) fn put_policy(&mut self, ctx: &mut Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let (id, resource) = target_id(input)?;
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
            check_tracking(configuration, &resource)?;
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
        self.forget_alarms(&key);
        let alarms = if config {
            self.keep_alarms(ctx, &key, &arn, configuration)?
        } else {
            Vec::new()
        };
        let policy = Policy {
            arn: arn.clone(),
            created,
            target: id,
            input: Value::Object(input.all().clone()),
            alarms,
        };
        let told = self.told_alarms(ctx, &policy);
        self.scaling.policies.insert(key, policy);
        reply(json!({"PolicyARN": arn, "Alarms": told}))
    }

    pub(super) fn describe_policies(&self, ctx: &Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
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
                output["Alarms"] = self.told_alarms(ctx, policy);
                if output.get("PolicyType").is_none() {
                    output["PolicyType"] = json!("StepScaling");
                }
                output
            })
            .collect();
        reply(page(input, "ScalingPolicies", "MaxResults", 10, all)?)
    }

    pub(super) fn delete_policy(&mut self, input: Input<'_>) -> Result<Reply, ApiError> {
        let (id, _) = target_id(input)?;
        let key = (id, input.need("PolicyName")?.to_owned());
        self.forget_alarms(&key);
        let gone = self.scaling.policies.remove(&key).ok_or_else(|| {
            let message = format!("No scaling policy found for {} named {}", key.0.0, key.1);
            ApiError::new(400, "ObjectNotFoundException", message)
        })?;
        self.strip_alarms(&[gone]);
        reply(json!({}))
    }

    /// Drops what belongs to a target that is deregistered.
    pub(super) fn drop_policies(&mut self, id: &TargetId) {
        let gone = self.forget_policies(|target| target == id);
        self.strip_alarms(&gone);
    }

    /// The alarms of others lose the actions that trigger these policies, and stay: "Deleting a step scaling policy deletes
    /// the underlying alarm action, but does not delete the CloudWatch alarm associated with the scaling policy, even if it
    /// no longer has an associated action" (`DeleteScalingPolicy`).
    fn strip_alarms(&mut self, gone: &[Policy]) {
        for alarm in self.alarms.values_mut() {
            for policy in gone {
                alarm.forget_action(&policy.arn);
            }
        }
    }

    /// Drops what belongs to an endpoint that is gone. What alarms of others name then, they go on naming: nobody deleted
    /// the policies by a call, and AWS does not say.
    pub(crate) fn forget_scaling_of(&mut self, endpoint: &str) {
        let prefix = format!("endpoint/{endpoint}/variant/");
        self.scaling
            .targets
            .retain(|(resource, _), _| !resource.starts_with(&prefix));
        self.forget_policies(|(resource, _)| resource.starts_with(&prefix));
    }

    /// Drops the policies, the alarms that they keep for themselves and the scheduled actions of some targets.
    fn forget_policies(&mut self, of: impl Fn(&TargetId) -> bool) -> Vec<Policy> {
        let keys: Vec<(TargetId, String)> = self.scaling.policies.keys().filter(|(id, _)| of(id)).cloned().collect();
        for key in &keys {
            self.forget_alarms(key);
        }
        self.scaling.actions.retain(|(id, _), _| !of(id));
        keys.iter()
            .filter_map(|key| self.scaling.policies.remove(key))
            .collect()
    }

    fn forget_alarms(&mut self, key: &(TargetId, String)) {
        let names = self.scaling.policies.get(key).map(|policy| policy.alarms.clone());
        for name in names.unwrap_or_default() {
            self.alarms.remove(&name);
        }
    }

    /// Puts the two alarms of a target-tracking policy: three minutes above the target, fifteen below nine tenths of it.
    fn keep_alarms(
        &mut self,
        ctx: &mut Ctx,
        key: &(TargetId, String),
        arn: &str,
        configuration: Input<'_>,
    ) -> Result<Vec<String>, ApiError> {
        let (target, _) = key;
        let (id, _) = target;
        let value = Value::Object(configuration.all().clone());
        let resource = Resource::parse(target).ok_or_else(|| invalid(format!("Unsupported resource: {id}")))?;
        let (queries, main) =
            tracked(&resource, &value).ok_or_else(|| invalid("the metric of the policy is not simulated"))?;
        let target = configuration.number("TargetValue").unwrap_or(0.0);
        let mut sides = vec![("AlarmHigh", "GreaterThanThreshold", target, 3)];
        if !configuration.flag("DisableScaleIn") {
            sides.push(("AlarmLow", "LessThanThreshold", target * 0.9, 15));
        }
        let mut names = Vec::new();
        for (side, operator, threshold, periods) in sides {
            // Names of their own dice: an alarm more does not change what else is named.
            let unique = ctx.dice(&format!("{arn}/{side}")).u128(..);
            let name = format!("TargetTracking-{id}-{side}-{unique:032x}");
            let mut input = json!({
                "AlarmName": name,
                "AlarmDescription": format!("DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {arn}."),
                "AlarmActions": [arn],
                "ComparisonOperator": operator,
                "Threshold": threshold,
                "EvaluationPeriods": periods,
            });
            match &queries[main].source {
                Source::Metric {
                    metric,
                    stat_text,
                    stat,
                    period,
                } if queries.len() == 1 => {
                    let dimensions: Vec<Value> = metric
                        .dimensions
                        .iter()
                        .map(|(name, value)| json!({"Name": name, "Value": value}))
                        .collect();
                    input["Namespace"] = json!(metric.namespace);
                    input["MetricName"] = json!(metric.name);
                    input["Dimensions"] = json!(dimensions);
                    // Scaling in looks at whole minutes.
                    input["Period"] = json!(if side == "AlarmLow" { 60 } else { *period });
                    let member = if stat.is_simple() {
                        "Statistic"
                    } else {
                        "ExtendedStatistic"
                    };
                    input[member] = json!(stat_text);
                }
                _ => input["Metrics"] = queries.iter().map(|query| query.raw.clone()).collect(),
            }
            self.cloudwatch_call(ctx, "PutMetricAlarm", Input::new(Service::CloudWatch, &input)?)?;
            names.push(name);
        }
        Ok(names)
    }

    /// `Alarms` of a policy: those that target tracking keeps, and those of others that name it.
    fn told_alarms(&self, ctx: &Ctx, policy: &Policy) -> Value {
        let others = self.alarms.iter().filter(|(_, alarm)| alarm.acts_on(&policy.arn));
        let others = others
            .map(|(name, _)| name)
            .filter(|name| !policy.alarms.contains(name));
        policy
            .alarms
            .iter()
            .chain(others)
            .map(|name| json!({"AlarmName": name, "AlarmARN": self.arn(ctx, "cloudwatch", &format!("alarm:{name}"))}))
            .collect()
    }
}

fn check_tracking(configuration: Input<'_>, resource: &Resource) -> Result<(), ApiError> {
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
            let kind = predefined.need("PredefinedMetricType")?;
            match super::predefined(kind, resource) {
                Some(_) => Ok(()),
                None => Err(invalid(format!("the rehearsal does not track {kind} of this resource"))),
            }
        }
        (None, Some(custom)) => {
            let custom = configuration.of(custom)?;
            if let Some(metrics) = custom.get("Metrics") {
                let whole = json!({"Metrics": queries_with_periods(metrics)});
                let queries = Query::read_all(Input::new(Service::AutoScaling, &whole)?, "Metrics")?;
                if queries.iter().filter(|query| query.returned).count() != 1 {
                    return Err(invalid("exactly one of Metrics must have ReturnData true"));
                }
                return Ok(());
            }
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
