use super::*;

#[test]
fn what_a_deployment_config_may_not_be_is_refused() {
    let mut stage = risk(|spec| {
        spec["regions"]["eu-west-1"]["endpoints"]["risk"]["variants"]["main"]["instances"] = json!(20);
    });
    config(&mut stage, "risk-v2", 20);
    let alter = |pointer: &str, value: Value| {
        let mut deployment = canary();
        *deployment.pointer_mut(pointer).expect("a member") = value;
        deployment
    };
    let routing = "/BlueGreenUpdatePolicy/TrafficRoutingConfiguration";
    let linear = |step: Value| {
        json!({"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {
            "Type": "LINEAR", "WaitIntervalInSeconds": 60, "LinearStepSize": step,
        }}})
    };
    let roll = |member: &str, value: Value| {
        let mut deployment = rolling();
        deployment["RollingUpdatePolicy"][member] = value;
        deployment
    };
    let both = json!({"BlueGreenUpdatePolicy": canary()["BlueGreenUpdatePolicy"], "RollingUpdatePolicy": rolling()["RollingUpdatePolicy"]});
    let alarms: Vec<Value> = (0..11).map(|_| json!({"AlarmName": "green-errors"})).collect();
    let refusals: Vec<String> = [
        both,
        alter(routing, json!({"Type": "ALL_AT_ONCE"})),
        alter(routing, json!({"Type": "SLOWLY", "WaitIntervalInSeconds": 0})),
        alter(&format!("{routing}/WaitIntervalInSeconds"), json!(3601)),
        alter(&format!("{routing}/CanarySize"), percent(51)),
        alter(
            &format!("{routing}/CanarySize"),
            json!({"Type": "INSTANCE_COUNT", "Value": 11}),
        ),
        alter(
            &format!("{routing}/CanarySize"),
            json!({"Type": "CAPACITY_PERCENT", "Value": 0}),
        ),
        alter(&format!("{routing}/CanarySize"), json!({"Value": 10})),
        alter(&format!("{routing}/CanarySize"), Value::Null),
        linear(percent(9)),
        linear(percent(51)),
        alter("/BlueGreenUpdatePolicy/TerminationWaitInSeconds", json!(3601)),
        alter("/BlueGreenUpdatePolicy/MaximumExecutionTimeoutInSeconds", json!(599)),
        alter("/BlueGreenUpdatePolicy/MaximumExecutionTimeoutInSeconds", json!(28_801)),
        alter("/BlueGreenUpdatePolicy/MaximumExecutionTimeoutInSeconds", json!(1320)),
        alter("/AutoRollbackConfiguration/Alarms", json!([])),
        alter("/AutoRollbackConfiguration/Alarms", json!(alarms)),
        alter("/AutoRollbackConfiguration/Alarms/0/AlarmName", json!("nothing")),
        roll("MaximumBatchSize", percent(4)),
        roll("MaximumBatchSize", percent(51)),
        roll("WaitIntervalInSeconds", Value::Null),
    ]
    .iter()
    .map(|deployment| stage.refused(Service::SageMaker, "UpdateEndpoint", update(deployment)))
    .collect();
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    400 ValidationException: DeploymentConfig takes one of BlueGreenUpdatePolicy and RollingUpdatePolicy.
    400 ValidationException: 1 validation error detected: Value null at 'waitIntervalInSeconds' failed to satisfy constraint: Member must not be null
    400 ValidationException: TrafficRoutingConfiguration.Type SLOWLY is none of ALL_AT_ONCE, CANARY, LINEAR.
    400 ValidationException: WaitIntervalInSeconds must be between 0 and 3600, not 3601.
    400 ValidationException: CanarySize must be between 0% and 50% of variant main, not 51%.
    400 ValidationException: CanarySize must be between 0% and 50% of variant main, not 11 of its 20 instances.
    400 ValidationException: CanarySize.Value must be at least 1.
    400 ValidationException: 1 validation error detected: Value null at 'type' failed to satisfy constraint: Member must not be null
    400 ValidationException: 1 validation error detected: Value null at 'canarySize' failed to satisfy constraint: Member must not be null
    400 ValidationException: LinearStepSize must be between 10% and 50% of variant main, not 9%.
    400 ValidationException: LinearStepSize must be between 10% and 50% of variant main, not 51%.
    400 ValidationException: TerminationWaitInSeconds must be between 0 and 3600, not 3601.
    400 ValidationException: MaximumExecutionTimeoutInSeconds must be between 600 and 28800, not 599.
    400 ValidationException: MaximumExecutionTimeoutInSeconds must be between 600 and 28800, not 28801.
    400 ValidationException: MaximumExecutionTimeoutInSeconds of 1320 must be greater than the sum of all waits, 1320 seconds.
    400 ValidationException: AutoRollbackConfiguration takes 1 to 10 alarms, not 0.
    400 ValidationException: AutoRollbackConfiguration takes 1 to 10 alarms, not 11.
    400 ValidationException: Could not find the CloudWatch alarm "nothing".
    400 ValidationException: MaximumBatchSize must be between 5% and 50% of variant main, not 4%.
    400 ValidationException: MaximumBatchSize must be between 5% and 50% of variant main, not 51%.
    400 ValidationException: 1 validation error detected: Value null at 'waitIntervalInSeconds' failed to satisfy constraint: Member must not be null
    "#);
    assert_eq!(stage.status("risk"), "InService", "a refused update changes nothing");
}

#[test]
fn fleets_that_cannot_be_moved_in_parts_are_refused() {
    let serverless = json!({"main": {"model": "risk-v1", "serverless": {}}});
    let several = json!({"main": {"model": "risk-v1", "instances": 2}, "other": {"model": "risk-v1", "instances": 2}});
    let single = json!({"main": {"model": "risk-v1", "instances": 1}});
    let mut refusals = Vec::new();
    for (variants, deployment) in [
        (&single, canary()),
        (&single, rolling()),
        (&serverless, rolling()),
        (&several, rolling()),
    ] {
        let mut stage = risk(|spec| spec["regions"]["eu-west-1"]["endpoints"]["risk"]["variants"] = variants.clone());
        let mut copy = stage.call(
            Service::SageMaker,
            "DescribeEndpointConfig",
            json!({"EndpointConfigName": "risk-1"}),
        );
        copy["EndpointConfigName"] = json!("risk-2");
        stage.call(Service::SageMaker, "CreateEndpointConfig", copy);
        refusals.push(stage.refused(Service::SageMaker, "UpdateEndpoint", update(&deployment)));
    }
    let mut stage = risk(|_| {});
    let renamed = json!({"EndpointConfigName": "risk-2", "ProductionVariants": [
        {"VariantName": "green", "ModelName": "risk-v2", "InstanceType": "ml.m5.xlarge", "InitialInstanceCount": 4},
    ]});
    stage.call(Service::SageMaker, "CreateEndpointConfig", renamed);
    refusals.push(stage.refused(Service::SageMaker, "UpdateEndpoint", update(&canary())));
    insta::assert_snapshot!(refusals.join("\n"), @r"
    400 ValidationException: CANARY cannot divide variant main, which has fewer than 2 instances.
    400 ValidationException: RollingUpdatePolicy cannot divide variant main, which has fewer than 2 instances.
    400 ValidationException: Rolling deployments are not supported for serverless variants.
    400 ValidationException: Rolling deployments are not supported for endpoints with multiple production variants.
    400 ValidationException: With a DeploymentConfig the new endpoint configuration must have the variants of the present one: main were expected, green were given.
    ");
    let plain = json!({"EndpointName": "risk", "EndpointConfigName": "risk-2"});
    stage.call(Service::SageMaker, "UpdateEndpoint", plain);
    stage.pass(900);
    assert_eq!(
        stage.describe("risk")["ProductionVariants"][0]["VariantName"],
        json!("green")
    );
}
