use super::*;

fn weights(blue: f64, green: f64) -> Value {
    json!({"EndpointName": "fraud", "DesiredWeightsAndCapacities": [
        {"VariantName": "blue", "DesiredWeight": blue}, {"VariantName": "green", "DesiredWeight": green},
    ]})
}

fn counts(blue: u32) -> Value {
    json!({"EndpointName": "fraud", "DesiredWeightsAndCapacities": [
        {"VariantName": "blue", "DesiredInstanceCount": blue},
    ]})
}

#[test]
fn an_endpoint_is_created_serves_and_goes() {
    let mut stage = Stage::fraud();
    let create = json!({"EndpointName": "second", "EndpointConfigName": "fraud-1"});
    stage.call(Service::SageMaker, "CreateEndpoint", create.clone());
    assert_eq!(stage.status("second"), "Creating");
    insta::assert_snapshot!(stage.refused(Service::SageMaker, "CreateEndpoint", create),
        @r#"400 ValidationException: Cannot create already existing endpoint "arn:aws:sagemaker:eu-west-1:111122223333:endpoint/second"."#);
    stage.pass(400);
    assert_eq!(stage.status("second"), "InService");
    stage.call(Service::SageMaker, "DeleteEndpoint", json!({"EndpointName": "second"}));
    assert_eq!(stage.status("second"), "Deleting");
    assert_eq!(
        statuses(&stage.pass(120)),
        ["Creating", "InService", "Deleting", "gone"][2..]
    );
    insta::assert_snapshot!(stage.refused(Service::SageMaker, "DescribeEndpoint", json!({"EndpointName": "second"})),
        @r#"400 ValidationException: Could not find endpoint "arn:aws:sagemaker:eu-west-1:111122223333:endpoint/second"."#);
}

#[test]
fn a_busy_endpoint_refuses_every_change() {
    let mut stage = Stage::fraud();
    stage.new_config("fraud-2");
    stage.call(
        Service::SageMaker,
        "UpdateEndpointWeightsAndCapacities",
        weights(0.5, 0.5),
    );
    let update = json!({"EndpointName": "fraud", "EndpointConfigName": "fraud-2"});
    let expected = "400 ValidationException: Cannot update in-progress endpoint \
                    \"arn:aws:sagemaker:eu-west-1:111122223333:endpoint/fraud\".";
    assert_eq!(stage.refused(Service::SageMaker, "UpdateEndpoint", update), expected);
    let again = stage.refused(
        Service::SageMaker,
        "UpdateEndpointWeightsAndCapacities",
        weights(1.0, 0.0),
    );
    assert_eq!(again, expected);
    let delete = stage.refused(Service::SageMaker, "DeleteEndpoint", json!({"EndpointName": "fraud"}));
    assert_eq!(delete, expected);
}

#[test]
fn weights_change_only_after_a_while_and_then_carry_the_traffic() {
    let mut stage = Stage::fraud();
    stage.call(
        Service::SageMaker,
        "UpdateEndpointWeightsAndCapacities",
        weights(0.0, 1.0),
    );
    let described = stage.describe("fraud");
    assert_eq!(described["ProductionVariants"][0]["CurrentWeight"], json!(1.0));
    assert_eq!(described["ProductionVariants"][0]["DesiredWeight"], json!(0.0));
    assert_eq!(statuses(&stage.pass(60)), ["Updating", "InService"]);
    stage.pass(300);
    assert_eq!(stage.sum("Invocations", "blue", 4), 0.0);
    assert!(stage.sum("Invocations", "green", 4) > 4000.0);
}

#[test]
fn instances_come_one_after_another() {
    let mut stage = Stage::fraud();
    stage.call(Service::SageMaker, "UpdateEndpointWeightsAndCapacities", counts(4));
    let happenings = stage.pass(300);
    let instances: Vec<Option<u32>> = happenings
        .iter()
        .filter_map(|happening| match &happening.kind {
            HappeningKind::Capacity { instances, .. } => Some(*instances),
            _ => None,
        })
        .collect();
    assert_eq!(instances, [Some(3), Some(4)]);
    assert_eq!(statuses(&happenings), ["Updating", "InService"]);
}

#[test]
fn without_capacity_a_larger_count_is_rolled_back() {
    let mut stage = Stage::with(|spec| {
        spec["incidents"] = json!([{"at": "0s", "endpoint": "fraud", "next_change": "lacks_capacity"}]);
    });
    stage.pass(1);
    stage.call(Service::SageMaker, "UpdateEndpointWeightsAndCapacities", counts(4));
    assert_eq!(statuses(&stage.pass(900)), ["Updating", "RollingBack", "InService"]);
    assert_eq!(
        stage.describe("fraud")["ProductionVariants"][0]["CurrentInstanceCount"],
        json!(2)
    );
    assert_eq!(
        stage.describe("fraud")["ProductionVariants"][0]["DesiredInstanceCount"],
        json!(2)
    );
}

#[test]
fn a_silent_rollback_ends_in_service_with_the_old_config() {
    let mut stage = Stage::with(|spec| {
        spec["incidents"] = json!([{"at": "0s", "endpoint": "fraud", "next_change": "rolls_back_silently"}]);
    });
    stage.new_config("fraud-2");
    let update = json!({"EndpointName": "fraud", "EndpointConfigName": "fraud-2"});
    stage.call(Service::SageMaker, "UpdateEndpoint", update);
    let pending = stage.describe("fraud")["PendingDeploymentSummary"]["EndpointConfigName"].clone();
    assert_eq!(pending, json!("fraud-2"));
    assert_eq!(statuses(&stage.pass(900)), ["Updating", "InService"]);
    assert_eq!(stage.describe("fraud")["EndpointConfigName"], json!("fraud-1"));
}

#[test]
fn an_update_resets_counts_and_weights_unless_they_are_retained() {
    for (retain, instances) in [(false, 2), (true, 5)] {
        let mut stage = Stage::fraud();
        stage.call(Service::SageMaker, "UpdateEndpointWeightsAndCapacities", counts(5));
        stage.pass(600);
        stage.new_config("fraud-2");
        let update = json!({
            "EndpointName": "fraud", "EndpointConfigName": "fraud-2", "RetainAllVariantProperties": retain,
        });
        stage.call(Service::SageMaker, "UpdateEndpoint", update);
        stage.pass(900);
        let described = stage.describe("fraud");
        assert_eq!(described["EndpointConfigName"], json!("fraud-2"));
        assert_eq!(
            described["ProductionVariants"][0]["CurrentInstanceCount"],
            json!(instances)
        );
    }
}

#[test]
fn an_autoscaled_variant_cannot_be_removed() {
    let mut stage = Stage::with(|spec| {
        spec["regions"]["eu-west-1"]["endpoints"]["fraud"]["variants"]["green"]["scaling"] =
            json!({"min": 1, "max": 3});
    });
    let config = json!({"EndpointConfigName": "only-blue", "ProductionVariants": [
        {"VariantName": "blue", "ModelName": "fraud-blue", "InstanceType": "ml.m5.xlarge", "InitialInstanceCount": 1},
    ]});
    stage.call(Service::SageMaker, "CreateEndpointConfig", config);
    let update = json!({"EndpointName": "fraud", "EndpointConfigName": "only-blue"});
    insta::assert_snapshot!(stage.refused(Service::SageMaker, "UpdateEndpoint", update), @r#"400 ValidationException: The variant "green" of endpoint "arn:aws:sagemaker:eu-west-1:111122223333:endpoint/fraud" is registered with Application Auto Scaling: it cannot be removed, and its instance type cannot change. Deregister the scalable target first."#);
}

#[test]
fn weights_that_are_all_zero_are_refused() {
    let mut stage = Stage::fraud();
    insta::assert_snapshot!(
        stage.refused(Service::SageMaker, "UpdateEndpointWeightsAndCapacities", weights(0.0, 0.0)),
        @"400 ValidationException: The weights of the production variants must not all be 0.");
}

#[test]
fn after_the_live_config_was_deleted_no_update_works() {
    let mut stage = Stage::fraud();
    stage.new_config("fraud-2");
    stage.call(
        Service::SageMaker,
        "DeleteEndpointConfig",
        json!({"EndpointConfigName": "fraud-1"}),
    );
    let update = json!({"EndpointName": "fraud", "EndpointConfigName": "fraud-2"});
    insta::assert_snapshot!(stage.refused(Service::SageMaker, "UpdateEndpoint", update), @r#"400 ValidationException: Could not find endpoint configuration "arn:aws:sagemaker:eu-west-1:111122223333:endpoint-config/fraud-1"."#);
    let told = stage.pass(0);
    let text = told.iter().find_map(|happening| match &happening.kind {
        HappeningKind::Incident { text } => Some(text.as_str()),
        _ => None,
    });
    assert_eq!(text, Some("endpoint config fraud-1 was deleted while in use by fraud"));
}

#[test]
fn a_failed_endpoint_can_only_be_deleted() {
    let mut stage = Stage::with(|spec| {
        spec["incidents"] = json!([{"at": "1m", "endpoint": "fraud", "becomes": "failed", "reason": "Disk full."}]);
    });
    stage.pass(60);
    let described = stage.describe("fraud");
    assert_eq!(described["EndpointStatus"], json!("Failed"));
    assert_eq!(described["FailureReason"], json!("Disk full."));
    insta::assert_snapshot!(
        stage.refused(Service::SageMaker, "UpdateEndpointWeightsAndCapacities", weights(1.0, 1.0)),
        @r#"400 ValidationException: Cannot update endpoint "arn:aws:sagemaker:eu-west-1:111122223333:endpoint/fraud" in status Failed; a failed endpoint can only be deleted."#);
    stage.call(Service::SageMaker, "DeleteEndpoint", json!({"EndpointName": "fraud"}));
    assert_eq!(statuses(&stage.pass(120)).last().map(String::as_str), Some("gone"));
}

#[test]
fn a_stuck_update_ends_when_its_incident_ends() {
    let mut stage = Stage::with(|spec| {
        spec["incidents"] = json!([{"at": "1m", "endpoint": "fraud", "becomes": "updating", "for": "2h"}]);
    });
    stage.pass(7_000);
    assert_eq!(stage.status("fraud"), "Updating");
    assert_eq!(statuses(&stage.pass(300)), ["InService"]);
}

#[test]
fn a_vanished_endpoint_leaves_its_clients_asking() {
    let mut stage = Stage::with(|spec| {
        spec["incidents"] = json!([{"at": "90s", "endpoint": "fraud", "becomes": "vanished"}]);
    });
    stage.pass(180);
    insta::assert_snapshot!(stage.refused(Service::SageMaker, "DescribeEndpoint", json!({"EndpointName": "fraud"})), @r#"400 ValidationException: Could not find endpoint "arn:aws:sagemaker:eu-west-1:111122223333:endpoint/fraud"."#);
    let create = json!({"EndpointName": "fraud", "EndpointConfigName": "fraud-1"});
    stage.call(Service::SageMaker, "CreateEndpoint", create);
    stage.pass(900);
    assert!(stage.sum("Invocations", "blue", 5) > 4000.0);
}

#[test]
fn the_state_change_event_is_spelled_as_sagemaker_spells_it() {
    let mut stage = Stage::fraud();
    stage.call(
        Service::SageMaker,
        "UpdateEndpointWeightsAndCapacities",
        weights(0.9, 0.1),
    );
    let happenings = stage.pass(0);
    let event = happenings.iter().find_map(|happening| match &happening.kind {
        HappeningKind::Event { event } => Some(event.clone()),
        _ => None,
    });
    insta::assert_json_snapshot!(event, @r#"
    {
      "version": "0",
      "id": "7077be96-32a8-4664-a036-5c8e7c50216a",
      "detail-type": "SageMaker Endpoint State Change",
      "source": "aws.sagemaker",
      "account": "111122223333",
      "time": "2026-03-02T09:00:00Z",
      "region": "eu-west-1",
      "resources": [
        "arn:aws:sagemaker:eu-west-1:111122223333:endpoint/fraud"
      ],
      "detail": {
        "EndpointName": "fraud",
        "EndpointArn": "arn:aws:sagemaker:eu-west-1:111122223333:endpoint/fraud",
        "EndpointConfigName": "fraud-1",
        "ProductionVariants": [
          {
            "VariantName": "blue",
            "CurrentWeight": 1.0,
            "DesiredWeight": 0.9,
            "CurrentInstanceCount": 2.0,
            "DesiredInstanceCount": 2.0
          },
          {
            "VariantName": "green",
            "CurrentWeight": 0.0,
            "DesiredWeight": 0.1,
            "CurrentInstanceCount": 1.0,
            "DesiredInstanceCount": 1.0
          }
        ],
        "EndpointStatus": "UPDATING",
        "CreationTime": 1772355600000,
        "LastModifiedTime": 1772442000000,
        "Tags": {
          "team": "risk"
        }
      }
    }
    "#);
}

#[test]
fn a_redeployment_cures_what_a_redeployment_can_cure() {
    let mut stage = Stage::with(|spec| {
        spec["incidents"] = json!([
            {"at": "1m", "endpoint": "fraud", "variant": "blue", "behaves": {"errors": "100%"}, "cured_by": ["redeploy"]},
        ]);
    });
    stage.pass(120);
    assert!(
        stage
            .world
            .endpoint("eu-west-1", "fraud")
            .is_some_and(|view| view.variants[0].errors == 1.0)
    );
    stage.new_config("fraud-2");
    let update = json!({"EndpointName": "fraud", "EndpointConfigName": "fraud-2"});
    stage.call(Service::SageMaker, "UpdateEndpoint", update);
    stage.pass(900);
    assert!(
        stage
            .world
            .endpoint("eu-west-1", "fraud")
            .is_some_and(|view| view.variants[0].errors == 0.0)
    );
}
