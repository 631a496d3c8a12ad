//! Scaling policies and scheduled actions as the SDK spells them, and as [`crate::scaling`] does.
//!
//! Both ways lose nothing, because what is described of one variant is written again for another.

use aws_sdk_applicationautoscaling::types::{
    AdjustmentType, Alarm, CustomizedMetricSpecification, MetricAggregationType, MetricDimension, MetricStatistic,
    MetricType, PolicyType, PredefinedMetricSpecification, ScalableTargetAction, ScalingPolicy as SdkPolicy,
    ScheduledAction as SdkAction, StepAdjustment, StepScalingPolicyConfiguration, SuspendedState, TargetTrackingMetric,
    TargetTrackingMetricDataQuery, TargetTrackingMetricDimension, TargetTrackingMetricStat,
    TargetTrackingScalingPolicyConfiguration,
};
use aws_smithy_types::error::operation::BuildError;

use crate::{
    aws::timestamp,
    scaling::{MathMetric, MathQuery, ScalingPolicy, ScalingRule, ScheduledAction, Suspended, TrackedMetric},
};

pub(super) fn suspended(state: Option<&SuspendedState>) -> Suspended {
    let set = |flag: fn(&SuspendedState) -> Option<bool>| state.and_then(flag).unwrap_or(false);
    Suspended {
        scale_in: set(|state| state.dynamic_scaling_in_suspended),
        scale_out: set(|state| state.dynamic_scaling_out_suspended),
        scheduled: set(|state| state.scheduled_scaling_suspended),
    }
}

pub(super) fn sdk_suspended(suspended: Suspended) -> SuspendedState {
    SuspendedState::builder()
        .dynamic_scaling_in_suspended(suspended.scale_in)
        .dynamic_scaling_out_suspended(suspended.scale_out)
        .scheduled_scaling_suspended(suspended.scheduled)
        .build()
}

/// `Err` says what of the policy this build cannot write again.
pub(super) fn policy(described: &SdkPolicy) -> Result<ScalingPolicy, String> {
    let name = described.policy_name.clone();
    let missing = |what: &str| format!("the policy {name} has no {what}");
    let rule = match described.policy_type {
        PolicyType::TargetTrackingScaling => {
            let config = described.target_tracking_scaling_policy_configuration.as_ref();
            tracking(config.ok_or_else(|| missing("TargetTrackingScalingPolicyConfiguration"))?)
                .ok_or_else(|| missing("metric that this build knows"))?
        }
        PolicyType::StepScaling => {
            let config = described.step_scaling_policy_configuration.as_ref();
            stepping(config.ok_or_else(|| missing("StepScalingPolicyConfiguration"))?)
                .ok_or_else(|| missing("AdjustmentType"))?
        }
        ref other => {
            return Err(format!(
                "the policy {name} is of type {other}, which this build cannot copy"
            ));
        }
    };
    let alarms = described
        .alarms
        .iter()
        .flatten()
        .map(|alarm: &Alarm| alarm.alarm_name.clone());
    Ok(ScalingPolicy {
        alarms: alarms.collect(),
        arn: Some(described.policy_arn.clone()),
        name,
        rule,
    })
}

fn seconds(seconds: Option<i32>) -> Option<u32> {
    seconds.and_then(|seconds| u32::try_from(seconds).ok())
}

fn tracking(config: &TargetTrackingScalingPolicyConfiguration) -> Option<ScalingRule> {
    let metric = match (
        &config.predefined_metric_specification,
        &config.customized_metric_specification,
    ) {
        (Some(predefined), _) => TrackedMetric::Predefined {
            kind: predefined.predefined_metric_type.as_str().to_owned(),
            label: predefined.resource_label.clone(),
        },
        (None, Some(custom)) => match custom.metrics() {
            [] => TrackedMetric::Customized {
                metric: custom.metric_name.clone()?,
                namespace: custom.namespace.clone()?,
                dimensions: pairs(custom.dimensions(), |one| (&one.name, &one.value)),
                statistic: custom.statistic.as_ref()?.as_str().to_owned(),
                unit: custom.unit.clone(),
            },
            queries => TrackedMetric::Math(queries.iter().map(query).collect()),
        },
        (None, None) => return None,
    };
    Some(ScalingRule::TargetTracking {
        target: config.target_value,
        metric,
        scale_out_cooldown: seconds(config.scale_out_cooldown),
        scale_in_cooldown: seconds(config.scale_in_cooldown),
        disable_scale_in: config.disable_scale_in.unwrap_or(false),
    })
}

fn pairs<T>(dimensions: &[T], parts: impl Fn(&T) -> (&String, &String)) -> Vec<(String, String)> {
    let dimensions = dimensions.iter().map(parts);
    dimensions.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn query(described: &TargetTrackingMetricDataQuery) -> MathQuery {
    let metric = described.metric_stat.as_ref().map(|stat| {
        let metric = stat.metric.as_ref();
        MathMetric {
            namespace: metric.and_then(|metric| metric.namespace.clone()).unwrap_or_default(),
            metric: metric.and_then(|metric| metric.metric_name.clone()).unwrap_or_default(),
            dimensions: metric
                .map(|metric| pairs(metric.dimensions(), |one| (&one.name, &one.value)))
                .unwrap_or_default(),
            statistic: stat.stat.clone(),
            unit: stat.unit.clone(),
        }
    });
    MathQuery {
        id: described.id.clone(),
        expression: described.expression.clone(),
        label: described.label.clone(),
        returned: described.return_data,
        metric,
    }
}

fn stepping(config: &StepScalingPolicyConfiguration) -> Option<ScalingRule> {
    let steps = config.step_adjustments().iter().map(|step| {
        let (lower, upper) = (step.metric_interval_lower_bound, step.metric_interval_upper_bound);
        (lower, upper, step.scaling_adjustment)
    });
    Some(ScalingRule::Step {
        adjustment: config.adjustment_type.as_ref()?.as_str().to_owned(),
        steps: steps.collect(),
        magnitude: seconds(config.min_adjustment_magnitude),
        cooldown: seconds(config.cooldown),
        aggregation: config
            .metric_aggregation_type
            .as_ref()
            .map(|kind| kind.as_str().to_owned()),
    })
}

pub(super) fn action(described: &SdkAction) -> ScheduledAction {
    let range = described.scalable_target_action.as_ref();
    ScheduledAction {
        name: described.scheduled_action_name.clone(),
        schedule: described.schedule.clone(),
        timezone: described.timezone.clone(),
        start: described.start_time.as_ref().and_then(timestamp),
        end: described.end_time.as_ref().and_then(timestamp),
        min: seconds(range.and_then(|range| range.min_capacity)),
        max: seconds(range.and_then(|range| range.max_capacity)),
    }
}

pub(super) fn capacity(capacity: u32) -> i32 {
    i32::try_from(capacity).unwrap_or(i32::MAX)
}

pub(super) fn sdk_range(action: &ScheduledAction) -> ScalableTargetAction {
    ScalableTargetAction::builder()
        .set_min_capacity(action.min.map(capacity))
        .set_max_capacity(action.max.map(capacity))
        .build()
}

/// `PolicyType` and its configuration: exactly one of the two is set.
pub(super) struct SdkRule {
    pub(super) kind: PolicyType,
    pub(super) tracking: Option<TargetTrackingScalingPolicyConfiguration>,
    pub(super) stepping: Option<StepScalingPolicyConfiguration>,
}

pub(super) fn sdk_rule(rule: &ScalingRule) -> Result<SdkRule, BuildError> {
    Ok(match rule {
        ScalingRule::TargetTracking {
            target,
            metric,
            scale_out_cooldown,
            scale_in_cooldown,
            disable_scale_in,
        } => {
            let config = TargetTrackingScalingPolicyConfiguration::builder()
                .target_value(*target)
                .set_scale_out_cooldown(scale_out_cooldown.map(capacity))
                .set_scale_in_cooldown(scale_in_cooldown.map(capacity))
                .disable_scale_in(*disable_scale_in);
            let config = match metric {
                TrackedMetric::Predefined { kind, label } => config.predefined_metric_specification(
                    PredefinedMetricSpecification::builder()
                        .predefined_metric_type(MetricType::from(kind.as_str()))
                        .set_resource_label(label.clone())
                        .build()?,
                ),
                TrackedMetric::Customized { .. } | TrackedMetric::Math(_) => {
                    config.customized_metric_specification(sdk_custom(metric)?)
                }
            };
            SdkRule {
                kind: PolicyType::TargetTrackingScaling,
                tracking: Some(config.build()?),
                stepping: None,
            }
        }
        ScalingRule::Step {
            adjustment,
            steps,
            magnitude,
            cooldown,
            aggregation,
        } => {
            let steps = steps.iter().map(|(lower, upper, adjustment)| {
                StepAdjustment::builder()
                    .set_metric_interval_lower_bound(*lower)
                    .set_metric_interval_upper_bound(*upper)
                    .scaling_adjustment(*adjustment)
                    .build()
            });
            let config = StepScalingPolicyConfiguration::builder()
                .adjustment_type(AdjustmentType::from(adjustment.as_str()))
                .set_step_adjustments(Some(steps.collect::<Result<_, _>>()?))
                .set_min_adjustment_magnitude(magnitude.map(capacity))
                .set_cooldown(cooldown.map(capacity))
                .set_metric_aggregation_type(aggregation.as_deref().map(MetricAggregationType::from));
            SdkRule {
                kind: PolicyType::StepScaling,
                tracking: None,
                stepping: Some(config.build()),
            }
        }
    })
}

fn sdk_custom(metric: &TrackedMetric) -> Result<CustomizedMetricSpecification, BuildError> {
    let custom = CustomizedMetricSpecification::builder();
    Ok(match metric {
        TrackedMetric::Customized {
            metric,
            namespace,
            dimensions,
            statistic,
            unit,
        } => {
            let dimensions = dimensions
                .iter()
                .map(|(name, value)| MetricDimension::builder().name(name).value(value).build())
                .collect::<Result<Vec<_>, _>>()?;
            custom
                .metric_name(metric)
                .namespace(namespace)
                .set_dimensions((!dimensions.is_empty()).then_some(dimensions))
                .statistic(MetricStatistic::from(statistic.as_str()))
                .set_unit(unit.clone())
                .build()
        }
        TrackedMetric::Math(queries) => {
            let queries = queries.iter().map(sdk_query).collect::<Result<Vec<_>, _>>()?;
            custom.set_metrics(Some(queries)).build()
        }
        TrackedMetric::Predefined { .. } => custom.build(),
    })
}

fn sdk_query(query: &MathQuery) -> Result<TargetTrackingMetricDataQuery, BuildError> {
    let stat = query.metric.as_ref().map(|metric| {
        let dimensions = metric
            .dimensions
            .iter()
            .map(|(name, value)| TargetTrackingMetricDimension::builder().name(name).value(value).build())
            .collect::<Result<Vec<_>, _>>()?;
        let of = TargetTrackingMetric::builder()
            .namespace(&metric.namespace)
            .metric_name(&metric.metric)
            .set_dimensions((!dimensions.is_empty()).then_some(dimensions))
            .build();
        TargetTrackingMetricStat::builder()
            .metric(of)
            .stat(&metric.statistic)
            .set_unit(metric.unit.clone())
            .build()
    });
    TargetTrackingMetricDataQuery::builder()
        .id(&query.id)
        .set_expression(query.expression.clone())
        .set_label(query.label.clone())
        .set_return_data(query.returned)
        .set_metric_stat(stat.transpose()?)
        .build()
}

#[cfg(test)]
mod tests {
    use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
    use aws_smithy_types::DateTime;

    use super::*;

    fn described(rule: &ScalingRule) -> SdkPolicy {
        let sdk = sdk_rule(rule).expect("complete");
        SdkPolicy::builder()
            .policy_arn("arn")
            .policy_name("p")
            .service_namespace(ServiceNamespace::Sagemaker)
            .resource_id("endpoint/e/variant/v")
            .scalable_dimension(ScalableDimension::from("sagemaker:variant:DesiredInstanceCount"))
            .policy_type(sdk.kind)
            .set_step_scaling_policy_configuration(sdk.stepping)
            .set_target_tracking_scaling_policy_configuration(sdk.tracking)
            .creation_time(DateTime::from_secs(0))
            .build()
            .expect("complete")
    }

    fn tracking_of(metric: TrackedMetric) -> ScalingRule {
        ScalingRule::TargetTracking {
            target: 70.5,
            metric,
            scale_out_cooldown: Some(60),
            scale_in_cooldown: None,
            disable_scale_in: true,
        }
    }

    #[test]
    fn every_rule_comes_back_as_it_was_written() {
        let dimensions = vec![
            ("EndpointName".to_owned(), "e".to_owned()),
            ("VariantName".into(), "v".into()),
        ];
        let rules = [
            tracking_of(TrackedMetric::Predefined {
                kind: "SageMakerVariantInvocationsPerInstance".into(),
                label: None,
            }),
            tracking_of(TrackedMetric::Customized {
                metric: "CPUUtilization".into(),
                namespace: "/aws/sagemaker/Endpoints".into(),
                dimensions: dimensions.clone(),
                statistic: "Average".into(),
                unit: Some("Percent".into()),
            }),
            tracking_of(TrackedMetric::Math(vec![
                MathQuery {
                    id: "m1".into(),
                    expression: None,
                    label: None,
                    returned: Some(false),
                    metric: Some(MathMetric {
                        namespace: "AWS/SageMaker".into(),
                        metric: "Invocations".into(),
                        dimensions,
                        statistic: "Sum".into(),
                        unit: None,
                    }),
                },
                MathQuery {
                    id: "e1".into(),
                    expression: Some("m1 / 60".into()),
                    label: Some("per second".into()),
                    returned: Some(true),
                    metric: None,
                },
            ])),
            ScalingRule::Step {
                adjustment: "ChangeInCapacity".into(),
                steps: vec![(None, Some(0.0), -1), (Some(0.0), None, 2)],
                magnitude: Some(1),
                cooldown: Some(300),
                aggregation: Some("Maximum".into()),
            },
        ];
        for rule in rules {
            assert_eq!(policy(&described(&rule)).map(|policy| policy.rule), Ok(rule));
        }
    }

    #[test]
    fn a_policy_that_could_not_be_written_again_is_refused_by_name() {
        let mut unknown = described(&tracking_of(TrackedMetric::Math(Vec::new())));
        unknown.policy_type = PolicyType::from("PredictiveScaling");
        let problem = policy(&unknown).expect_err("unknown");
        assert_eq!(
            problem,
            "the policy p is of type PredictiveScaling, which this build cannot copy"
        );
        unknown.policy_type = PolicyType::StepScaling;
        let problem = policy(&unknown).expect_err("incomplete");
        assert_eq!(problem, "the policy p has no StepScalingPolicyConfiguration");
    }

    #[test]
    fn what_is_suspended_comes_back_as_it_was_written() {
        let all = Suspended {
            scale_in: true,
            scale_out: false,
            scheduled: true,
        };
        assert_eq!(suspended(Some(&sdk_suspended(all))), all);
        assert_eq!(suspended(None), Suspended::default());
    }
}
