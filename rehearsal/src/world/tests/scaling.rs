use super::*;

/// Of `input`, about the variant `blue`.
fn blue(input: Value) -> Value {
    let mut all = json!({
        "ServiceNamespace": "sagemaker", "ResourceId": "endpoint/fraud/variant/blue",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    });
    for (member, value) in input.as_object().into_iter().flatten() {
        all[member] = value.clone();
    }
    all
}

fn scaled(min: u32, max: u32) -> Stage {
    let mut stage = Stage::fraud();
    register(&mut stage, json!({"MinCapacity": min, "MaxCapacity": max}));
    stage
}

fn register(stage: &mut Stage, input: Value) {
    stage.call(Service::AutoScaling, "RegisterScalableTarget", blue(input));
}

fn track(stage: &mut Stage, target: f64) -> Value {
    let policy = json!({
        "PolicyName": "follow", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": target,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        },
    });
    stage.call(Service::AutoScaling, "PutScalingPolicy", blue(policy))
}

fn schedule(stage: &mut Stage, name: &str, schedule: &str, action: Value) {
    let input = json!({"ScheduledActionName": name, "Schedule": schedule, "ScalableTargetAction": action});
    stage.call(Service::AutoScaling, "PutScheduledAction", blue(input));
}

fn instances(stage: &mut Stage) -> u64 {
    stage.describe("fraud")["ProductionVariants"][0]["DesiredInstanceCount"]
        .as_u64()
        .expect("a count")
}

fn alarms(stage: &mut Stage) -> Vec<Value> {
    let prefix = json!({"AlarmNamePrefix": "TargetTracking-endpoint/fraud/variant/blue-"});
    let described = stage.call(Service::CloudWatch, "DescribeAlarms", prefix);
    described["MetricAlarms"].as_array().cloned().unwrap_or_default()
}

#[test]
fn target_tracking_keeps_two_alarms_and_takes_them_with_it() {
    let mut stage = scaled(1, 4);
    let put = track(&mut stage, 300.0);
    let told: Vec<&Value> = put["Alarms"].as_array().into_iter().flatten().collect();
    let seen = alarms(&mut stage);
    assert_eq!((told.len(), seen.len()), (2, 2));
    assert_eq!(seen[0]["AlarmArn"], told[0]["AlarmARN"]);
    assert_eq!(
        (&seen[0]["Threshold"], &seen[1]["Threshold"]),
        (&json!(300.0), &json!(270.0))
    );
    assert_eq!(seen[0]["AlarmActions"], json!([put["PolicyARN"]]));
    stage.pass(300);
    assert_eq!(alarms(&mut stage)[0]["StateValue"], json!("ALARM"));
    track(&mut stage, 500.0);
    let seen = alarms(&mut stage);
    assert_eq!((seen.len(), &seen[0]["Threshold"]), (2, &json!(500.0)));
    schedule(&mut stage, "nightly", "rate(1 day)", json!({"MinCapacity": 1}));
    stage.call(Service::AutoScaling, "DeregisterScalableTarget", blue(json!({})));
    assert_eq!(alarms(&mut stage), Vec::<Value>::new());
    for (operation, member) in [
        ("DescribeScalingPolicies", "ScalingPolicies"),
        ("DescribeScheduledActions", "ScheduledActions"),
    ] {
        let input = json!({"ServiceNamespace": "sagemaker"});
        assert_eq!(stage.call(Service::AutoScaling, operation, input)[member], json!([]));
    }
}

#[test]
fn a_scheduled_action_moves_the_limits_and_the_capacity_inside_them() {
    let mut stage = scaled(1, 3);
    schedule(
        &mut stage,
        "morning",
        "cron(30 9 ? * MON-FRI *)",
        json!({"MinCapacity": 4, "MaxCapacity": 8}),
    );
    schedule(
        &mut stage,
        "evening",
        "at(2026-03-02T10:30:00)",
        json!({"MinCapacity": 1, "MaxCapacity": 2}),
    );
    stage.pass(1740);
    assert_eq!(instances(&mut stage), 2);
    stage.pass(61);
    assert_eq!(instances(&mut stage), 4);
    stage.pass(3600);
    assert_eq!(instances(&mut stage), 2);
    let targets = stage.call(
        Service::AutoScaling,
        "DescribeScalableTargets",
        json!({"ServiceNamespace": "sagemaker"}),
    );
    assert_eq!(targets["ScalableTargets"][0]["MaxCapacity"], json!(2));
    let activities = stage.call(
        Service::AutoScaling,
        "DescribeScalingActivities",
        json!({"ServiceNamespace": "sagemaker"}),
    );
    let causes: Vec<&str> = activities["ScalingActivities"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|activity| activity["Description"].as_str())
        .collect();
    insta::assert_snapshot!(causes.join("\n"), @r"
    Setting desired capacity to 2.
    Setting min capacity to 1 and max capacity to 2
    Setting desired capacity to 4.
    Setting min capacity to 4 and max capacity to 8
    ");
}

#[test]
fn an_action_that_is_over_is_refused_and_one_that_is_there_stays() {
    let mut stage = scaled(1, 3);
    let put = |name: &str, schedule: &str, end: Option<i64>| {
        let action = json!({"MinCapacity": 2});
        let mut input = json!({"ScheduledActionName": name, "Schedule": schedule, "ScalableTargetAction": action});
        if let Some(end) = end {
            input["EndTime"] = json!(end);
        }
        blue(input)
    };
    let half_past: jiff::Timestamp = "2026-03-02T09:30:00Z".parse().expect("a time");
    let ends = Some(half_past.as_second());
    let daily = "cron(0 12 * * ? *)";
    stage.call(Service::AutoScaling, "PutScheduledAction", put("season", daily, ends));
    stage.pass(1860);
    let over = [put("season", daily, ends), put("sale", "at(2026-03-02T09:30:00)", None)];
    let told = over.map(|input| stage.refused(Service::AutoScaling, "PutScheduledAction", input));
    insta::assert_snapshot!(told.join("\n"), @r"
    400 ValidationException: EndTime is in the past: 2026-03-02T09:30:00Z
    400 ValidationException: Schedule is in the past: at(2026-03-02T09:30:00)
    ");
    let to_come = put("sale", "at(2026-03-02T09:32:00)", None);
    stage.call(Service::AutoScaling, "PutScheduledAction", to_come);
    let described = json!({"ServiceNamespace": "sagemaker"});
    let there = stage.call(Service::AutoScaling, "DescribeScheduledActions", described);
    assert_eq!(there["ScheduledActions"].as_array().map(Vec::len), Some(2));
}

#[test]
fn suspension_holds_what_it_names_and_nothing_else() {
    let mut stage = scaled(1, 4);
    track(&mut stage, 300.0);
    register(
        &mut stage,
        json!({"SuspendedState": {"DynamicScalingOutSuspended": true, "ScheduledScalingSuspended": true}}),
    );
    schedule(&mut stage, "soon", "rate(10 minutes)", json!({"MinCapacity": 3}));
    stage.pass(1800);
    assert_eq!(instances(&mut stage), 2, "neither the policy nor the schedule acts");
    register(&mut stage, json!({"MinCapacity": 3}));
    assert_eq!(instances(&mut stage), 3, "the limits hold all the same");
    register(
        &mut stage,
        json!({"SuspendedState": {"DynamicScalingOutSuspended": false}}),
    );
    stage.pass(1800);
    assert_eq!(instances(&mut stage), 4);
}

#[test]
fn scaling_is_blocked_while_the_endpoint_is_updated_and_says_so_to_who_asks() {
    let mut stage = scaled(1, 8);
    track(&mut stage, 300.0);
    stage.pass(30);
    stage.new_config("fraud-2");
    let update = json!({"EndpointName": "fraud", "EndpointConfigName": "fraud-2"});
    stage.call(Service::SageMaker, "UpdateEndpoint", update);
    stage.pass(400);
    assert_eq!((stage.status("fraud").as_str(), instances(&mut stage)), ("Updating", 2));
    let mut seen = |more: bool| {
        let input = json!({"ServiceNamespace": "sagemaker", "IncludeNotScaledActivities": more});
        stage.call(Service::AutoScaling, "DescribeScalingActivities", input)["ScalingActivities"].clone()
    };
    assert_eq!(seen(false), json!([]));
    assert_eq!(
        seen(true)[0]["NotScaledReasons"][0]["Code"],
        json!("TargetServicePutResourceAsUnscalable")
    );
    stage.pass(300);
    assert!(instances(&mut stage) > 2, "afterwards it scales");
}

#[test]
fn a_step_policy_follows_its_alarm_by_the_distance_from_the_threshold() {
    let mut stage = scaled(1, 8);
    let policy = json!({"PolicyName": "steps", "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": {
        "AdjustmentType": "ChangeInCapacity", "Cooldown": 3600, "StepAdjustments": [
            {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 100, "ScalingAdjustment": 1},
            {"MetricIntervalLowerBound": 100, "ScalingAdjustment": 3},
        ],
    }});
    let arn = stage.call(Service::AutoScaling, "PutScalingPolicy", blue(policy))["PolicyARN"].clone();
    let alarm = json!({
        "AlarmName": "busy", "Namespace": "AWS/SageMaker", "MetricName": "InvocationsPerInstance", "Statistic": "Sum",
        "Dimensions": [{"Name": "EndpointName", "Value": "fraud"}, {"Name": "VariantName", "Value": "blue"}],
        "Period": 60, "EvaluationPeriods": 1, "Threshold": 200.0, "ComparisonOperator": "GreaterThanThreshold",
        "AlarmActions": [arn],
    });
    stage.call(Service::CloudWatch, "PutMetricAlarm", alarm);
    stage.pass(180);
    assert_eq!(
        instances(&mut stage),
        5,
        "600 a minute on each instance: the larger step"
    );
}

#[test]
fn an_alarm_triggers_the_policy_that_it_names_and_not_one_that_is_registered_in_its_place() {
    let mut stage = scaled(1, 8);
    let policy = json!({"PolicyName": "steps", "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": {
        "AdjustmentType": "ChangeInCapacity", "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
    }});
    let put = |stage: &mut Stage| {
        stage.call(Service::AutoScaling, "PutScalingPolicy", blue(policy.clone()))["PolicyARN"].clone()
    };
    let point = |stage: &mut Stage, arn: &Value| {
        let alarm = json!({
            "AlarmName": "busy", "Namespace": "AWS/SageMaker", "MetricName": "Invocations", "Statistic": "Sum",
            "Dimensions": [{"Name": "EndpointName", "Value": "fraud"}, {"Name": "VariantName", "Value": "blue"}],
            "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold",
            "AlarmActions": [arn],
        });
        stage.call(Service::CloudWatch, "PutMetricAlarm", alarm);
    };
    let triggers = |stage: &mut Stage| {
        let described = stage.call(
            Service::AutoScaling,
            "DescribeScalingPolicies",
            json!({"ServiceNamespace": "sagemaker"}),
        );
        described["ScalingPolicies"][0]["Alarms"][0]["AlarmName"].clone()
    };
    let first = put(&mut stage);
    point(&mut stage, &first);
    assert_eq!(triggers(&mut stage), json!("busy"));
    stage.call(Service::AutoScaling, "DeregisterScalableTarget", blue(json!({})));
    register(&mut stage, json!({"MinCapacity": 1, "MaxCapacity": 8}));
    let second = put(&mut stage);
    assert_ne!(first, second);
    assert_eq!(triggers(&mut stage), Value::Null);
    stage.pass(300);
    assert_eq!(instances(&mut stage), 2, "it rings, and triggers what is gone");
    point(&mut stage, &second);
    stage.pass(120);
    assert!(instances(&mut stage) > 2);
}

#[test]
fn a_step_policy_that_is_deleted_takes_the_actions_that_trigger_it_and_leaves_the_alarm() {
    let mut stage = scaled(1, 8);
    let topic = json!("arn:aws:sns:eu-west-1:111122223333:alerts");
    for (operation, name) in [
        ("DeleteScalingPolicy", json!({"PolicyName": "steps"})),
        ("DeregisterScalableTarget", json!({})),
    ] {
        let [gone, stays] = ["steps", "others"].map(|name| {
            let policy = json!({"PolicyName": name, "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": {
                "AdjustmentType": "ChangeInCapacity", "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
            }});
            stage.call(Service::AutoScaling, "PutScalingPolicy", blue(policy))["PolicyARN"].clone()
        });
        let alarm = json!({
            "AlarmName": "busy", "Namespace": "AWS/SageMaker", "MetricName": "Invocations", "Statistic": "Sum",
            "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold",
            "AlarmActions": [topic, gone, stays], "OKActions": [gone], "InsufficientDataActions": [gone, topic],
        });
        stage.call(Service::CloudWatch, "PutMetricAlarm", alarm);
        stage.call(Service::AutoScaling, operation, blue(name));
        let described = stage.call(Service::CloudWatch, "DescribeAlarms", json!({"AlarmNames": ["busy"]}));
        let alarms = described["MetricAlarms"].as_array().cloned().unwrap_or_default();
        assert_eq!(alarms.len(), 1);
        let left = match operation {
            "DeleteScalingPolicy" => json!([topic, stays]),
            _ => json!([topic]),
        };
        assert_eq!(alarms[0]["AlarmActions"], left, "{operation}");
        assert_eq!(alarms[0]["OKActions"], json!([]));
        assert_eq!(alarms[0]["InsufficientDataActions"], json!([topic]));
    }
}

#[test]
fn a_policy_may_follow_an_expression_over_metrics() {
    let mut stage = scaled(1, 6);
    let dimensions = json!([{"Name": "EndpointName", "Value": "fraud"}, {"Name": "VariantName", "Value": "blue"}]);
    let metric =
        json!({"Namespace": "AWS/SageMaker", "MetricName": "InvocationsPerInstance", "Dimensions": dimensions});
    let policy = json!({
        "PolicyName": "per-second", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 5.0,
            "CustomizedMetricSpecification": {"Metrics": [
                {"Id": "m", "MetricStat": {"Metric": metric, "Stat": "Sum"}, "ReturnData": false},
                {"Id": "e", "Expression": "m / 60"},
            ]},
        },
    });
    stage.call(Service::AutoScaling, "PutScalingPolicy", blue(policy));
    stage.pass(240);
    assert!((4..=5).contains(&instances(&mut stage)), "20 a second at 5 for each");
    assert_eq!(alarms(&mut stage).len(), 2);
}

#[test]
fn wrong_schedules_and_unknown_actions_are_refused() {
    let mut stage = scaled(1, 4);
    let wrong = [
        (
            "PutScheduledAction",
            json!({"ScheduledActionName": "a", "Schedule": "cron(0 8 * * MON-FRI *)", "ScalableTargetAction": {"MinCapacity": 1}}),
        ),
        (
            "PutScheduledAction",
            json!({"ScheduledActionName": "a", "Schedule": "rate(1 day)", "ScalableTargetAction": {}}),
        ),
        (
            "PutScheduledAction",
            json!({"ScheduledActionName": "a", "Schedule": "rate(1 day)"}),
        ),
        (
            "PutScheduledAction",
            json!({"ScheduledActionName": "a", "Schedule": "rate(1 day)", "Timezone": "Europe/Nowhere",
            "ScalableTargetAction": {"MinCapacity": 1}}),
        ),
        (
            "PutScheduledAction",
            json!({"ScheduledActionName": "a", "Schedule": "rate(1 day)",
            "ScalableTargetAction": {"MinCapacity": 3, "MaxCapacity": 2}}),
        ),
        ("DeleteScheduledAction", json!({"ScheduledActionName": "a"})),
        ("DeleteScalingPolicy", json!({"PolicyName": "a"})),
    ];
    let told: Vec<String> = wrong
        .into_iter()
        .map(|(operation, input)| stage.refused(Service::AutoScaling, operation, blue(input)))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    400 ValidationException: Invalid CRON expression: 0 8 * * MON-FRI *: exactly one of day-of-month and day-of-week must be ?
    400 ValidationException: ScalableTargetAction needs MinCapacity, MaxCapacity or both
    400 ValidationException: 1 validation error detected: Value null at 'scalableTargetAction' failed to satisfy constraint: Member must not be null
    400 ValidationException: Timezone Europe/Nowhere is not a time zone
    400 ValidationException: Maximum capacity cannot be less than minimum capacity
    400 ObjectNotFoundException: No scheduled action found for endpoint/fraud/variant/blue named a
    400 ObjectNotFoundException: No scaling policy found for endpoint/fraud/variant/blue named a
    ");
}
