use super::*;

fn adapters() -> Stage {
    Stage::with(|spec| {
        let region = &mut spec["regions"]["eu-west-1"];
        region["models"] = json!({"german-v2": {"answer": {"text": "neu"}}});
        region["endpoints"]["adapters"] = json!({
            "variants": {"main": {"instances": 2}},
            "components": {"german": {"copies": 4, "answer": {"text": "alt"}}},
        });
        region["alarms"] = json!({"german-errors": {
            "metric": "Invocation5XXErrors", "dimensions": {"InferenceComponentName": "german"}, "above": 5, "missing": "ignore",
        }});
    })
}

fn update(batch: u32) -> Value {
    json!({
        "InferenceComponentName": "german",
        "Specification": {"ModelName": "german-v2", "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 2048}},
        "DeploymentConfig": {
            "RollingUpdatePolicy": {
                "MaximumBatchSize": {"Type": "COPY_COUNT", "Value": batch}, "WaitIntervalInSeconds": 300,
            },
            "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "german-errors"}]},
        },
    })
}

fn describe(stage: &mut Stage) -> Value {
    let input = json!({"InferenceComponentName": "german"});
    stage.call(Service::SageMaker, "DescribeInferenceComponent", input)
}

fn model(stage: &mut Stage) -> String {
    describe(stage)["Specification"]["ModelName"]
        .as_str()
        .expect("a model")
        .to_owned()
}

/// How many of a hundred requests the new model answers.
fn new_answers(stage: &mut Stage) -> usize {
    let ask = json!({"EndpointName": "adapters", "InferenceComponentName": "german", "Body": ""});
    let new = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, r#"{"text":"neu"}"#);
    (0..100)
        .filter(|_| stage.call(Service::Runtime, "InvokeEndpoint", ask.clone())["Body"] == json!(new))
        .count()
}

#[test]
fn a_component_takes_its_new_specification_copies_at_a_time() {
    let mut stage = adapters();
    stage.call(Service::SageMaker, "UpdateInferenceComponent", update(1));
    assert_eq!(new_answers(&mut stage), 0);
    stage.pass(300);
    let described = describe(&mut stage);
    assert_eq!(described["InferenceComponentStatus"], json!("Updating"));
    assert_eq!(
        described["Specification"]["ModelName"],
        json!("german"),
        "what is in force"
    );
    let new = new_answers(&mut stage);
    assert!((10..40).contains(&new), "one copy of four: {new}");
    let busy = stage.refused(Service::SageMaker, "UpdateInferenceComponent", update(1));
    assert!(busy.contains("Cannot update in-progress"), "{busy}");
    stage.pass(3600);
    let described = describe(&mut stage);
    assert_eq!(described["InferenceComponentStatus"], json!("InService"));
    assert_eq!(described["Specification"], update(1)["Specification"]);
    assert_eq!(described["LastDeploymentConfig"], update(1)["DeploymentConfig"]);
    assert_eq!(new_answers(&mut stage), 100);
}

#[test]
fn an_alarm_gives_a_component_its_old_specification_back() {
    let mut stage = adapters();
    stage.call(Service::SageMaker, "UpdateInferenceComponent", update(2));
    stage.pass(300);
    let trip = json!({"AlarmName": "german-errors", "StateValue": "ALARM", "StateReason": "by hand"});
    stage.call(Service::CloudWatch, "SetAlarmState", trip);
    stage.pass(1800);
    let described = describe(&mut stage);
    assert_eq!(described["InferenceComponentStatus"], json!("InService"));
    assert_eq!(
        described["RuntimeConfig"],
        json!({"DesiredCopyCount": 4, "CurrentCopyCount": 4})
    );
    assert_eq!(described.get("FailureReason"), None);
    assert_eq!((model(&mut stage).as_str(), new_answers(&mut stage)), ("german", 0));
}

#[test]
fn a_component_without_a_deployment_config_changes_at_once_and_its_copies_with_it() {
    let mut stage = adapters();
    let input = json!({
        "InferenceComponentName": "german", "Specification": {"ModelName": "german-v2"}, "RuntimeConfig": {"CopyCount": 6},
    });
    stage.call(Service::SageMaker, "UpdateInferenceComponent", input);
    stage.pass(600);
    assert_eq!(describe(&mut stage)["RuntimeConfig"]["CurrentCopyCount"], json!(6));
    assert_eq!(model(&mut stage), "german-v2");
}

#[test]
fn what_a_components_update_may_not_be_is_refused() {
    let mut stage = adapters();
    let mut wrong = vec![json!({"InferenceComponentName": "german"}), update(3), update(0)];
    let mut model = update(1);
    model["Specification"]["ModelName"] = json!("nothing");
    let mut alarm = update(1);
    alarm["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"][0]["AlarmName"] = json!("nothing");
    let mut waits = update(1);
    waits["DeploymentConfig"]["RollingUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] = json!(1200);
    wrong.extend([model, alarm, waits]);
    let told: Vec<String> = wrong
        .into_iter()
        .map(|input| stage.refused(Service::SageMaker, "UpdateInferenceComponent", input))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    400 ValidationException: Specification, RuntimeConfig or both must be given.
    400 ValidationException: MaximumBatchSize must be between 5% and 50% of the 4 copies, not 3 of Type COPY_COUNT.
    400 ValidationException: MaximumBatchSize must be between 5% and 50% of the 4 copies, not 0 of Type COPY_COUNT.
    400 ValidationException: Could not find model "nothing".
    400 ValidationException: Could not find the CloudWatch alarm "nothing".
    400 ValidationException: MaximumExecutionTimeoutInSeconds of 1200 must be greater than the sum of all waits, 1200 seconds.
    "#);
}
