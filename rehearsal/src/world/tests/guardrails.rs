use super::*;

mod refused;

/// An endpoint of four instances, a second model, and an alarm on the new fleet's errors.
const RISK: &str = r#"{"regions": {"eu-west-1": {
    "models": {"risk-v1": {"latency": "80ms"}, "risk-v2": {"latency": "60ms"}, "risk-bad": {"errors": "30%"},
               "risk-slow": {"latency": "80ms", "capacity": "2 rps"}},
    "endpoints": {"risk": {"config": "risk-1", "variants": {"main": {"instances": 4, "model": "risk-v1"}}, "traffic": "40 rps"}},
    "alarms": {"green-errors": {"metric": "Invocation5XXErrors", "endpoint": "risk", "variant": "main",
        "dimensions": {"EndpointConfigName": "risk-2"}, "above": 0.05, "missing": "not_breaching"}}
}}}"#;

fn risk(change: impl FnOnce(&mut Value)) -> Stage {
    let mut spec: Value = serde_json::from_str(RISK).expect("JSON");
    change(&mut spec);
    Stage::of(spec)
}

/// `risk-2`, with `instances` of `model`.
fn config(stage: &mut Stage, model: &str, instances: u32) {
    let config = json!({"EndpointConfigName": "risk-2", "ProductionVariants": [
        {"VariantName": "main", "ModelName": model, "InstanceType": "ml.m5.xlarge", "InitialInstanceCount": instances},
    ]});
    stage.call(Service::SageMaker, "CreateEndpointConfig", config);
}

fn percent(value: u32) -> Value {
    json!({"Type": "CAPACITY_PERCENT", "Value": value})
}

fn canary() -> Value {
    json!({
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": "CANARY", "WaitIntervalInSeconds": 600, "CanarySize": percent(25)},
            "TerminationWaitInSeconds": 120, "MaximumExecutionTimeoutInSeconds": 3600,
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "green-errors"}]},
    })
}

fn rolling() -> Value {
    json!({
        "RollingUpdatePolicy": {"MaximumBatchSize": percent(25), "WaitIntervalInSeconds": 300},
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "green-errors"}]},
    })
}

fn update(deployment: &Value) -> Value {
    json!({"EndpointName": "risk", "EndpointConfigName": "risk-2", "DeploymentConfig": deployment})
}

/// What the new fleet did, and the statuses of the endpoint, in order.
fn story(happenings: &[Happening]) -> String {
    let began = happenings.first().map(|first| first.at);
    let line = |happening: &Happening| {
        let seconds = began.map_or(0, |began| happening.at.duration_since(began).as_secs());
        match &happening.kind {
            HappeningKind::EndpointStatus { to, reason, .. } => {
                Some(format!("{seconds} {} {reason:?}", to.as_deref().unwrap_or("gone")))
            }
            HappeningKind::Deployment { phase, share, .. } => Some(format!("{seconds} {phase} {share}")),
            HappeningKind::AlarmState { alarm, to, .. } => Some(format!("{seconds} {alarm} {to}")),
            _ => None,
        }
    };
    happenings.iter().filter_map(line).collect::<Vec<_>>().join("\n")
}

fn begin(stage: &mut Stage, deployment: &Value) {
    stage.pass(3600);
    stage.call(Service::SageMaker, "UpdateEndpoint", update(deployment));
}

#[test]
fn a_canary_takes_its_share_bakes_and_then_takes_everything() {
    let mut stage = risk(|_| {});
    config(&mut stage, "risk-v2", 4);
    begin(&mut stage, &canary());
    insta::assert_snapshot!(story(&stage.pass(3600)), @r"
    0 Updating None
    440 ActivatingTraffic 0
    480 Baking 0.25
    1080 ActivatingTraffic 0.25
    1120 Baking 1
    1720 Updating 1
    1840 InService None
    ");
    let described = stage.describe("risk");
    assert_eq!(described["EndpointConfigName"], json!("risk-2"));
    assert_eq!(described["LastDeploymentConfig"], canary());
    assert_eq!(described.get("PendingDeploymentSummary"), None);
}

#[test]
fn while_it_bakes_the_summary_tells_and_the_canarys_share_is_its_own_metric() {
    let mut stage = risk(|_| {});
    config(&mut stage, "risk-v2", 4);
    begin(&mut stage, &canary());
    stage.pass(420 + 60 + 300);
    let pending = stage.describe("risk")["PendingDeploymentSummary"].clone();
    insta::assert_json_snapshot!(pending, @r#"
    {
      "EndpointConfigName": "risk-2",
      "StartTime": 1772445600.0,
      "ProductionVariants": [
        {
          "VariantName": "main",
          "CurrentWeight": 1.0,
          "DesiredWeight": 1.0,
          "DeployedImages": [
            {
              "SpecifiedImage": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/risk-v2:1",
              "ResolvedImage": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/risk-v2@sha256:5910bad80baf2a18e76a006d7bfca6f23837db6c38b8889f69e4245993e03622",
              "ResolutionTime": 1771837200.0
            }
          ],
          "CurrentInstanceCount": 4,
          "DesiredInstanceCount": 4,
          "VariantStatus": [
            {
              "Status": "Baking",
              "StartTime": 1772446080.0
            }
          ],
          "InstanceType": "ml.m5.xlarge"
        }
      ]
    }
    "#);
    let end = stage.now.as_second();
    let mut count = |config: Option<&str>| {
        let mut dimensions = vec![
            json!({"Name": "EndpointName", "Value": "risk"}),
            json!({"Name": "VariantName", "Value": "main"}),
        ];
        dimensions.extend(config.map(|config| json!({"Name": "EndpointConfigName", "Value": config})));
        let input = json!({
            "Namespace": "AWS/SageMaker", "MetricName": "Invocations", "Dimensions": dimensions,
            "StartTime": end - 240, "EndTime": end, "Period": 240, "Statistics": ["Sum"],
        });
        stage.call(Service::CloudWatch, "GetMetricStatistics", input)["Datapoints"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|point| point["Sum"].as_f64())
            .sum::<f64>()
    };
    let (all, green, blue) = (count(None), count(Some("risk-2")), count(Some("risk-1")));
    assert!((0.22..0.28).contains(&(green / all)), "{green} of {all}");
    assert_eq!(blue, 0.0, "the old fleet never was an update's");
}

#[test]
fn an_alarm_while_the_canary_bakes_takes_everything_back_to_the_old_fleet() {
    let mut stage = risk(|_| {});
    config(&mut stage, "risk-bad", 4);
    begin(&mut stage, &canary());
    insta::assert_snapshot!(story(&stage.pass(3600)), @r"
    0 Updating None
    440 ActivatingTraffic 0
    480 Baking 0.25
    540 green-errors ALARM
    540 RollingBack None
    540 Deleting 0
    660 InService None
    720 green-errors OK
    ");
    let described = stage.describe("risk");
    assert_eq!(described["EndpointConfigName"], json!("risk-1"));
    assert_eq!(described.get("FailureReason"), None);
    assert_eq!(described["ProductionVariants"][0]["CurrentInstanceCount"], json!(4));
}

#[test]
fn a_linear_move_takes_step_after_step() {
    let mut stage = risk(|_| {});
    config(&mut stage, "risk-v2", 4);
    let linear = json!({"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {
        "Type": "LINEAR", "WaitIntervalInSeconds": 120, "LinearStepSize": {"Type": "INSTANCE_COUNT", "Value": 1},
    }}});
    begin(&mut stage, &linear);
    insta::assert_snapshot!(story(&stage.pass(3600)), @r"
    0 Updating None
    440 ActivatingTraffic 0
    480 Baking 0.25
    600 ActivatingTraffic 0.25
    640 Baking 0.5
    760 ActivatingTraffic 0.5
    800 Baking 0.75
    920 ActivatingTraffic 0.75
    960 Baking 1
    1080 InService None
    ");
}

#[test]
fn a_deployment_that_takes_too_long_goes_back() {
    let mut stage = risk(|spec| {
        spec["incidents"] = json!([{"at": "30m", "endpoint": "risk", "next_change": "sticks", "of": "update"}]);
    });
    config(&mut stage, "risk-v2", 4);
    begin(&mut stage, &canary());
    insta::assert_snapshot!(story(&stage.pass(7200)), @r"
    0 Updating None
    3600 RollingBack None
    3600 Deleting 0
    3720 InService None
    ");
    assert_eq!(stage.describe("risk")["EndpointConfigName"], json!("risk-1"));
}

#[test]
fn a_rolling_deployment_replaces_instances_batch_by_batch() {
    let mut stage = risk(|_| {});
    config(&mut stage, "risk-v2", 4);
    begin(&mut stage, &rolling());
    stage.pass(600);
    let described = stage.describe("risk");
    assert_eq!(described["ProductionVariants"][0]["CurrentInstanceCount"], json!(3));
    let pending = &described["PendingDeploymentSummary"]["ProductionVariants"][0];
    assert_eq!(pending["CurrentInstanceCount"], json!(1));
    insta::assert_snapshot!(story(&stage.pass(3600)), @r"
    0 Baking 0.5
    540 Baking 0.75
    1080 Baking 1
    1380 InService None
    ");
    assert_eq!(stage.describe("risk")["EndpointConfigName"], json!("risk-2"));
}

#[test]
fn an_alarm_in_a_rolling_deployment_brings_the_old_instances_back_in_batches() {
    let mut stage = risk(|_| {});
    config(&mut stage, "risk-v2", 4);
    let mut deployment = rolling();
    deployment["RollingUpdatePolicy"]["RollbackMaximumBatchSize"] = percent(25);
    begin(&mut stage, &deployment);
    stage.pass(240 + 300 + 240 + 30);
    let trip = json!({"AlarmName": "green-errors", "StateValue": "ALARM", "StateReason": "by hand"});
    stage.call(Service::CloudWatch, "SetAlarmState", trip);
    insta::assert_snapshot!(story(&stage.pass(3600)), @r"
    0 green-errors ALARM
    0 RollingBack None
    0 Deleting 0.5
    30 green-errors OK
    120 Deleting 0.25
    240 Deleting 0
    240 InService None
    ");
    let described = stage.describe("risk");
    assert_eq!(described["EndpointConfigName"], json!("risk-1"));
    assert_eq!(described["ProductionVariants"][0]["CurrentInstanceCount"], json!(4));
}

#[test]
fn when_the_rollback_of_a_rolling_deployment_fails_both_fleets_serve() {
    let mut stage = risk(|spec| {
        spec["incidents"] = json!([{"at": "30m", "endpoint": "risk", "next_change": "rollback_fails", "of": "update"}]);
    });
    config(&mut stage, "risk-bad", 4);
    begin(&mut stage, &rolling());
    stage.pass(1800);
    assert_eq!(stage.status("risk"), "UpdateRollbackFailed");
    let view = stage.world.endpoint("eu-west-1", "risk").expect("an endpoint");
    assert_eq!(view.green.map(|green| green.share), Some(0.25));
    let mut wrong = 0;
    for _ in 0..200 {
        let asked = stage.try_call(
            Service::Runtime,
            "InvokeEndpoint",
            json!({"EndpointName": "risk", "Body": ""}),
        );
        wrong += u32::from(asked.is_err());
    }
    assert!(
        (5..30).contains(&wrong),
        "a quarter of the requests meet 30% errors, {wrong} of 200 failed"
    );
}

#[test]
fn the_new_fleet_finds_no_instances_and_everything_is_as_it_was() {
    for shortage in [
        json!({"at": "1m", "endpoint": "risk", "variant": "main", "no_capacity": true}),
        json!({"at": "1m", "instance_type": "ml.m5.xlarge", "no_capacity": true}),
    ] {
        let mut stage = risk(|spec| spec["incidents"] = json!([shortage]));
        config(&mut stage, "risk-v2", 4);
        begin(&mut stage, &canary());
        assert_eq!(statuses(&stage.pass(3600)), ["Updating", "RollingBack", "InService"]);
        assert_eq!(stage.describe("risk")["EndpointConfigName"], json!("risk-1"));
        let grow = json!({"EndpointName": "risk", "DesiredWeightsAndCapacities": [
            {"VariantName": "main", "DesiredInstanceCount": 6},
        ]});
        stage.call(Service::SageMaker, "UpdateEndpointWeightsAndCapacities", grow);
        assert_eq!(statuses(&stage.pass(3600)), ["Updating", "RollingBack", "InService"]);
        assert_eq!(
            stage.describe("risk")["ProductionVariants"][0]["DesiredInstanceCount"],
            json!(4)
        );
    }
}

#[test]
fn an_update_may_end_with_a_failed_endpoint() {
    let mut stage = risk(|spec| {
        spec["incidents"] = json!([{"at": "30m", "endpoint": "risk", "next_change": "ends_failed", "of": "update"}]);
    });
    config(&mut stage, "risk-v2", 4);
    begin(&mut stage, &canary());
    stage.pass(3600);
    let described = stage.describe("risk");
    assert_eq!(described["EndpointStatus"], json!("Failed"));
    assert!(
        described["FailureReason"]
            .as_str()
            .is_some_and(|reason| reason.contains("ping health check"))
    );
}

#[test]
fn a_change_of_another_kind_does_not_take_the_fate_of_the_next_update() {
    let mut stage = risk(|spec| {
        spec["incidents"] =
            json!([{"at": "1m", "endpoint": "risk", "next_change": "rolls_back_silently", "of": "update"}]);
    });
    stage.pass(60);
    let grow = json!({"EndpointName": "risk", "DesiredWeightsAndCapacities": [
        {"VariantName": "main", "DesiredInstanceCount": 5},
    ]});
    stage.call(Service::SageMaker, "UpdateEndpointWeightsAndCapacities", grow);
    stage.pass(600);
    assert_eq!(
        stage.describe("risk")["ProductionVariants"][0]["CurrentInstanceCount"],
        json!(5)
    );
    config(&mut stage, "risk-v2", 4);
    stage.call(Service::SageMaker, "UpdateEndpoint", update(&canary()));
    assert_eq!(statuses(&stage.pass(3600)), ["Updating", "InService"]);
    assert_eq!(stage.describe("risk")["EndpointConfigName"], json!("risk-1"));
}

#[test]
fn the_last_deployment_config_can_be_used_again() {
    let mut stage = risk(|_| {});
    config(&mut stage, "risk-v2", 4);
    begin(&mut stage, &canary());
    stage.pass(3600);
    let back = json!({"EndpointName": "risk", "EndpointConfigName": "risk-1", "RetainDeploymentConfig": true});
    stage.call(Service::SageMaker, "UpdateEndpoint", back);
    let shares: Vec<f64> = stage
        .pass(3600)
        .iter()
        .filter_map(|happening| match &happening.kind {
            HappeningKind::Deployment { phase, share, .. } if phase == "Baking" => Some(*share),
            _ => None,
        })
        .collect();
    assert_eq!(shares, [0.25, 1.0]);
    assert_eq!(stage.describe("risk")["LastDeploymentConfig"], canary());
}

#[test]
fn a_model_slow_under_load_is_well_as_a_canary_and_ill_with_all_the_traffic() {
    let p90 = |deployment: Option<Value>| {
        let mut stage = risk(|_| {});
        config(&mut stage, "risk-slow", 20);
        stage.pass(3600);
        let mut input = json!({"EndpointName": "risk", "EndpointConfigName": "risk-2"});
        if let Some(deployment) = deployment {
            input["DeploymentConfig"] = deployment;
        }
        stage.call(Service::SageMaker, "UpdateEndpoint", input);
        stage.pass(420 + 19 * 20 + 540);
        let end = stage.now.as_second();
        let dimensions: Vec<Value> = [
            ("EndpointName", "risk"),
            ("VariantName", "main"),
            ("EndpointConfigName", "risk-2"),
        ]
        .iter()
        .map(|(name, value)| json!({"Name": name, "Value": value}))
        .collect();
        let input = json!({
            "Namespace": "AWS/SageMaker", "MetricName": "ModelLatency", "Dimensions": dimensions,
            "StartTime": end - 300, "EndTime": end, "Period": 300, "ExtendedStatistics": ["p90"],
        });
        let output = stage.call(Service::CloudWatch, "GetMetricStatistics", input);
        output["Datapoints"][0]["ExtendedStatistics"]["p90"]
            .as_f64()
            .expect("a percentile")
    };
    let (few, all) = (p90(Some(canary())), p90(None));
    assert!(few < 130_000.0, "a quarter of the requests: {few}");
    assert!(all > 500_000.0, "all of them: {all}");
}
