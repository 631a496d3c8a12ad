//! SageMaker's own deployments: [`Deployment`] as its API takes it.

use std::time::Duration;

use aws_sdk_sagemaker::types::{
    Alarm, AutoRollbackConfig, BlueGreenUpdatePolicy, CapacitySize, CapacitySizeType, DeploymentConfig,
    InferenceComponentCapacitySize, InferenceComponentCapacitySizeType, InferenceComponentDeploymentConfig,
    InferenceComponentRollingUpdatePolicy, RollingUpdatePolicy, TrafficRoutingConfig, TrafficRoutingConfigType,
};

use crate::rollout::{
    effect::{Deployment, Routing},
    strategy::Weight,
};

/// `Err` says what SageMaker has no words for.
pub(super) fn of_endpoint(deployment: &Deployment) -> Result<DeploymentConfig, String> {
    let config = DeploymentConfig::builder().set_auto_rollback_configuration(rollback(deployment));
    let timeout = seconds(deployment.timeout);
    let (traffic, termination_wait) = match &deployment.routing {
        Routing::Rolling { batch, wait } => {
            let policy = RollingUpdatePolicy::builder()
                .maximum_batch_size(percent(i32::from(*batch)))
                .wait_interval_in_seconds(seconds(*wait))
                .maximum_execution_timeout_in_seconds(timeout);
            return Ok(config.rolling_update_policy(policy.build()).build());
        }
        Routing::AllAtOnce { wait, termination_wait } => {
            (routed(TrafficRoutingConfigType::AllAtOnce, *wait), termination_wait)
        }
        Routing::Canary {
            size,
            wait,
            termination_wait,
        } => {
            let routed = routed(TrafficRoutingConfigType::Canary, *wait);
            (routed.canary_size(percent(whole(*size)?)), termination_wait)
        }
        Routing::Linear {
            step,
            wait,
            termination_wait,
        } => {
            let routed = routed(TrafficRoutingConfigType::Linear, *wait);
            (routed.linear_step_size(percent(whole(*step)?)), termination_wait)
        }
    };
    let policy = BlueGreenUpdatePolicy::builder()
        .traffic_routing_configuration(traffic.build())
        .termination_wait_in_seconds(seconds(*termination_wait))
        .maximum_execution_timeout_in_seconds(timeout);
    Ok(config.blue_green_update_policy(policy.build()).build())
}

/// `Err` says what SageMaker has no words for.
pub(super) fn of_component(deployment: &Deployment) -> Result<InferenceComponentDeploymentConfig, String> {
    let Routing::Rolling { batch, wait } = deployment.routing else {
        return Err("an inference component is replaced in batches, by the engine rolling, and in no other way".into());
    };
    let batch = InferenceComponentCapacitySize::builder()
        .r#type(InferenceComponentCapacitySizeType::CapacityPercent)
        .value(i32::from(batch));
    let policy = InferenceComponentRollingUpdatePolicy::builder()
        .maximum_batch_size(batch.build())
        .wait_interval_in_seconds(seconds(wait))
        .maximum_execution_timeout_in_seconds(seconds(deployment.timeout));
    Ok(InferenceComponentDeploymentConfig::builder()
        .rolling_update_policy(policy.build())
        .set_auto_rollback_configuration(rollback(deployment))
        .build())
}

fn rollback(deployment: &Deployment) -> Option<AutoRollbackConfig> {
    let alarms = deployment.alarms.iter();
    let alarms: Vec<_> = alarms.map(|name| Alarm::builder().alarm_name(name).build()).collect();
    (!alarms.is_empty()).then(|| AutoRollbackConfig::builder().set_alarms(Some(alarms)).build())
}

fn routed(
    kind: TrafficRoutingConfigType,
    wait: Duration,
) -> aws_sdk_sagemaker::types::builders::TrafficRoutingConfigBuilder {
    TrafficRoutingConfig::builder()
        .r#type(kind)
        .wait_interval_in_seconds(seconds(wait))
}

fn percent(percent: i32) -> CapacitySize {
    CapacitySize::builder()
        .r#type(CapacitySizeType::CapacityPercent)
        .value(percent)
        .build()
}

fn whole(weight: Weight) -> Result<i32, String> {
    let parts = weight.ten_thousandths();
    if parts.is_multiple_of(100) {
        Ok(i32::from(parts / 100))
    } else {
        Err(format!(
            "SageMaker takes whole percents of capacity, and {weight} is none"
        ))
    }
}

fn seconds(span: Duration) -> i32 {
    i32::try_from(span.as_secs()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn deployment(routing: Routing) -> Deployment {
        Deployment {
            routing,
            timeout: MINUTE * 30,
            alarms: vec!["errors".into()],
        }
    }

    #[test]
    fn a_canary_is_a_blue_green_policy_with_its_size_in_percent_of_capacity() {
        let canary = deployment(Routing::Canary {
            size: Weight::percent(10).expect("10%"),
            wait: MINUTE * 5,
            termination_wait: MINUTE,
        });
        let config = of_endpoint(&canary).expect("whole percent");
        let policy = config.blue_green_update_policy().expect("blue/green");
        assert_eq!(policy.maximum_execution_timeout_in_seconds(), Some(1800));
        assert_eq!(policy.termination_wait_in_seconds(), Some(60));
        let traffic = policy.traffic_routing_configuration().expect("routing");
        assert_eq!(traffic.wait_interval_in_seconds(), Some(300));
        assert_eq!(traffic.canary_size(), Some(&percent(10)));
        let alarms = config
            .auto_rollback_configuration()
            .map(|rollback| rollback.alarms().len());
        assert_eq!(alarms, Some(1));
    }

    #[test]
    fn half_a_percent_of_capacity_is_refused() {
        let canary = deployment(Routing::Canary {
            size: Weight::from_ten_thousandths(50).expect("0.5%"),
            wait: MINUTE,
            termination_wait: MINUTE,
        });
        let problem = of_endpoint(&canary).expect_err("no whole percent");
        assert_eq!(problem, "SageMaker takes whole percents of capacity, and 0.5% is none");
    }

    #[test]
    fn a_component_is_replaced_in_batches_only() {
        let rolling = of_component(&deployment(Routing::Rolling {
            batch: 20,
            wait: MINUTE,
        }))
        .expect("rolling");
        let batch = rolling
            .rolling_update_policy()
            .and_then(|policy| policy.maximum_batch_size());
        assert_eq!(batch.and_then(|batch| batch.value()), Some(20));
        let all = deployment(Routing::AllAtOnce {
            wait: MINUTE,
            termination_wait: MINUTE,
        });
        assert!(of_component(&all).is_err());
    }
}
