//! What a rollout asks of AWS, through the real SDKs: guarded updates, alarms, scaling, statistics.

use std::time::Duration;

use aws_sdk_applicationautoscaling::{
    Client as Scaling,
    types::{
        MetricType, PolicyType, PredefinedMetricSpecification, ScalableDimension, ScalableTargetAction,
        ServiceNamespace, SuspendedState, TargetTrackingScalingPolicyConfiguration,
    },
};
use aws_sdk_cloudwatch::{
    Client as CloudWatch,
    types::{ComparisonOperator, Dimension, Metric, MetricDataQuery, MetricStat, StateValue, Statistic},
};
use aws_sdk_sagemaker::{
    Client as SageMaker,
    types::{
        Alarm, AutoRollbackConfig, BlueGreenUpdatePolicy, CapacitySize, CapacitySizeType, DeploymentConfig,
        EndpointStatus, ProductionVariant, ProductionVariantInstanceType, TrafficRoutingConfig,
        TrafficRoutingConfigType, VariantStatus,
    },
};
use aws_smithy_types::{DateTime, error::metadata::ProvideErrorMetadata};
use rehearsal::cloud::Cloud;

use crate::{HOME, cloud};

const BLUE: &str = "endpoint/fraud/variant/blue";

async fn watched(cloudwatch: &CloudWatch) {
    cloudwatch
        .put_metric_alarm()
        .alarm_name("green")
        .namespace("AWS/SageMaker")
        .metric_name("Invocation5XXErrors")
        .statistic(Statistic::Sum)
        .dimensions(Dimension::builder().name("EndpointName").value("fraud").build())
        .dimensions(Dimension::builder().name("EndpointConfigName").value("fraud-2").build())
        .period(60)
        .evaluation_periods(1)
        .threshold(10.0)
        .comparison_operator(ComparisonOperator::GreaterThanThreshold)
        .treat_missing_data("ignore")
        .send()
        .await
        .expect("an alarm");
    set(cloudwatch, StateValue::Ok).await;
}

async fn set(cloudwatch: &CloudWatch, state: StateValue) {
    cloudwatch
        .set_alarm_state()
        .alarm_name("green")
        .state_value(state)
        .state_reason("by hand")
        .send()
        .await
        .expect("a state");
}

fn canary(percent: i32) -> DeploymentConfig {
    let size = CapacitySize::builder()
        .r#type(CapacitySizeType::CapacityPercent)
        .value(percent)
        .build();
    let routing = TrafficRoutingConfig::builder()
        .r#type(TrafficRoutingConfigType::Canary)
        .wait_interval_in_seconds(300)
        .canary_size(size)
        .build();
    DeploymentConfig::builder()
        .blue_green_update_policy(
            BlueGreenUpdatePolicy::builder()
                .traffic_routing_configuration(routing)
                .build(),
        )
        .auto_rollback_configuration(
            AutoRollbackConfig::builder()
                .alarms(Alarm::builder().alarm_name("green").build())
                .build(),
        )
        .build()
}

async fn config(sagemaker: &SageMaker, name: &str, model: &str) -> Result<(), String> {
    let variant = ProductionVariant::builder()
        .variant_name("blue")
        .model_name(model)
        .instance_type(ProductionVariantInstanceType::MlM5Xlarge)
        .initial_instance_count(2)
        .build();
    let made = sagemaker
        .create_endpoint_config()
        .endpoint_config_name(name)
        .production_variants(variant)
        .send()
        .await;
    made.map(|_| ())
        .map_err(|error| error.message().unwrap_or_default().to_owned())
}

async fn pass(cloud: &Cloud, seconds: u64) {
    cloud.clock().sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_guarded_update_bakes_and_an_alarm_brings_the_old_config_back() {
    let cloud = cloud();
    let sdk = cloud.sdk_config("traffic-shifter", HOME);
    let (sagemaker, cloudwatch) = (SageMaker::new(&sdk), CloudWatch::new(&sdk));
    watched(&cloudwatch).await;
    let missing = config(&sagemaker, "fraud-2", "nothing").await.expect_err("no model");
    assert_eq!(missing, "Could not find model \"nothing\".");
    config(&sagemaker, "fraud-2", "fraud-blue").await.expect("a config");
    let update = |percent: i32| {
        sagemaker
            .update_endpoint()
            .endpoint_name("fraud")
            .endpoint_config_name("fraud-2")
            .deployment_config(canary(percent))
            .send()
    };
    let refused = update(60).await.expect_err("more than half");
    assert_eq!(refused.code(), Some("ValidationException"));
    update(50).await.expect("an update");
    pass(&cloud, 600).await;
    let described = sagemaker
        .describe_endpoint()
        .endpoint_name("fraud")
        .send()
        .await
        .expect("fraud");
    let pending = described.pending_deployment_summary().expect("a deployment");
    assert_eq!(pending.endpoint_config_name(), Some("fraud-2"));
    let status = pending.production_variants()[0].variant_status()[0].status();
    assert_eq!(status, Some(&VariantStatus::Baking));
    set(&cloudwatch, StateValue::Alarm).await;
    pass(&cloud, 300).await;
    let described = sagemaker
        .describe_endpoint()
        .endpoint_name("fraud")
        .send()
        .await
        .expect("fraud");
    assert_eq!(described.endpoint_status(), Some(&EndpointStatus::InService));
    assert_eq!(described.endpoint_config_name(), Some("fraud-1"));
    assert_eq!(
        (described.failure_reason(), described.pending_deployment_summary()),
        (None, None)
    );
    assert_eq!(described.last_deployment_config(), Some(&canary(50)));
    cloudwatch
        .delete_alarms()
        .alarm_names("green")
        .send()
        .await
        .expect("a deletion");
    let refused = update(50).await.expect_err("without its alarm");
    assert_eq!(
        refused.message(),
        Some("Could not find the CloudWatch alarm \"green\".")
    );
}

#[tokio::test(start_paused = true)]
async fn targets_policies_and_schedules_move_from_variant_to_variant() {
    let cloud = cloud();
    let sdk = cloud.sdk_config("traffic-shifter", HOME);
    let (scaling, cloudwatch) = (Scaling::new(&sdk), CloudWatch::new(&sdk));
    let (sagemaker, instances) = (
        ServiceNamespace::Sagemaker,
        ScalableDimension::SageMakerVariantDesiredInstanceCount,
    );
    scaling
        .register_scalable_target()
        .service_namespace(sagemaker.clone())
        .resource_id(BLUE)
        .scalable_dimension(instances.clone())
        .min_capacity(2)
        .max_capacity(6)
        .suspended_state(SuspendedState::builder().dynamic_scaling_in_suspended(true).build())
        .send()
        .await
        .expect("a target");
    let predefined = PredefinedMetricSpecification::builder()
        .predefined_metric_type(MetricType::SageMakerVariantInvocationsPerInstance)
        .build()
        .expect("a metric");
    let tracking = TargetTrackingScalingPolicyConfiguration::builder()
        .target_value(500.0)
        .predefined_metric_specification(predefined)
        .build()
        .expect("a policy");
    let put = scaling
        .put_scaling_policy()
        .policy_name("follow")
        .policy_type(PolicyType::TargetTrackingScaling)
        .service_namespace(sagemaker.clone())
        .resource_id(BLUE)
        .scalable_dimension(instances.clone())
        .target_tracking_scaling_policy_configuration(tracking.clone())
        .send()
        .await
        .expect("a policy");
    let described = cloudwatch
        .describe_alarms()
        .alarm_name_prefix("TargetTracking-")
        .send()
        .await
        .expect("alarms");
    let names = |alarms: &[aws_sdk_applicationautoscaling::types::Alarm]| {
        alarms
            .iter()
            .map(|alarm| alarm.alarm_name().to_owned())
            .collect::<Vec<_>>()
    };
    let seen: Vec<&str> = described
        .metric_alarms()
        .iter()
        .filter_map(|alarm| alarm.alarm_name())
        .collect();
    assert_eq!(names(put.alarms()), seen);
    scaling
        .put_scheduled_action()
        .scheduled_action_name("morning")
        .schedule("cron(0 9 ? * * *)")
        .timezone("Europe/Dublin")
        .start_time(DateTime::from_secs(1_772_000_000))
        .scalable_target_action(ScalableTargetAction::builder().min_capacity(4).build())
        .service_namespace(sagemaker.clone())
        .resource_id(BLUE)
        .scalable_dimension(instances.clone())
        .send()
        .await
        .expect("an action");
    let actions = scaling
        .describe_scheduled_actions()
        .service_namespace(sagemaker.clone())
        .send()
        .await
        .expect("actions");
    let action = &actions.scheduled_actions()[0];
    assert_eq!(
        (action.schedule(), action.timezone()),
        ("cron(0 9 ? * * *)", Some("Europe/Dublin"))
    );
    assert_eq!(action.start_time(), Some(&DateTime::from_secs(1_772_000_000)));
    assert_eq!(
        action.scalable_target_action().and_then(|limits| limits.min_capacity()),
        Some(4)
    );
    pass(&cloud, 3700).await;
    let targets = scaling
        .describe_scalable_targets()
        .service_namespace(sagemaker.clone())
        .send()
        .await
        .expect("targets");
    let target = &targets.scalable_targets()[0];
    assert_eq!((target.min_capacity(), target.max_capacity()), (4, 6));
    assert_eq!(
        target
            .suspended_state()
            .and_then(|state| state.dynamic_scaling_in_suspended()),
        Some(true)
    );
    let policies = scaling
        .describe_scaling_policies()
        .service_namespace(sagemaker.clone())
        .send()
        .await
        .expect("policies");
    let policy = &policies.scaling_policies()[0];
    assert_eq!(policy.target_tracking_scaling_policy_configuration(), Some(&tracking));
    assert_eq!(names(policy.alarms()), seen);
    scaling
        .delete_scheduled_action()
        .scheduled_action_name("morning")
        .service_namespace(sagemaker.clone())
        .resource_id(BLUE)
        .scalable_dimension(instances.clone())
        .send()
        .await
        .expect("a deletion");
    scaling
        .deregister_scalable_target()
        .service_namespace(sagemaker.clone())
        .resource_id(BLUE)
        .scalable_dimension(instances)
        .send()
        .await
        .expect("a deregistration");
    let described = cloudwatch
        .describe_alarms()
        .alarm_name_prefix("TargetTracking-")
        .send()
        .await
        .expect("alarms");
    assert_eq!(described.metric_alarms(), []);
}

#[tokio::test(start_paused = true)]
async fn the_statistics_of_a_canary_come_through() {
    let cloud = cloud();
    let cloudwatch = CloudWatch::new(&cloud.sdk_config("traffic-shifter", HOME));
    pass(&cloud, 601).await;
    let metric = Metric::builder()
        .namespace("AWS/SageMaker")
        .metric_name("ModelLatency")
        .dimensions(Dimension::builder().name("EndpointName").value("fraud").build())
        .dimensions(Dimension::builder().name("VariantName").value("blue").build())
        .build();
    let stats = ["SampleCount", "TC(:90000)", "TC(90000:)", "PR(:90000)", "p99"];
    let end = cloud.clock().now().as_second();
    let mut request = cloudwatch
        .get_metric_data()
        .start_time(DateTime::from_secs(end - 600))
        .end_time(DateTime::from_secs(end));
    for (index, stat) in stats.iter().enumerate() {
        let stat = MetricStat::builder()
            .metric(metric.clone())
            .period(600)
            .stat(*stat)
            .build();
        let query = MetricDataQuery::builder()
            .id(format!("q{index}"))
            .metric_stat(stat)
            .build();
        request = request.metric_data_queries(query);
    }
    let answer = request.send().await.expect("data");
    let values: Vec<f64> = answer
        .metric_data_results()
        .iter()
        .map(|result| result.values()[0])
        .collect();
    let [all, fast, slow, rank, p99] = values[..] else {
        panic!("{answer:?}")
    };
    assert_eq!(fast + slow, all);
    assert!(all > 1000.0 && (rank - 100.0 * fast / all).abs() < 1e-6, "{values:?}");
    assert!(p99 > 90_000.0, "{p99}");
}
