use super::*;

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:alerts";

#[test]
fn what_is_not_simulated_is_refused_with_what_is() {
    let mut stage = Stage::fraud();
    insta::assert_snapshot!(stage.refused(Service::Runtime, "InvokeEndpointWithResponseStream", json!({})), @"400 UnknownOperationException: the rehearsal does not simulate sagemaker-runtime InvokeEndpointWithResponseStream; supported: InvokeEndpoint, InvokeEndpointAsync");
}

#[test]
fn sns_refuses_what_sns_refuses_and_keeps_the_rest() {
    let mut stage = Stage::fraud();
    let long = "s".repeat(100);
    for wrong in [
        json!({"TopicArn": TOPIC, "Message": "m", "Subject": long}),
        json!({"TopicArn": TOPIC, "Message": "m", "Subject": "two\nlines"}),
        json!({"TopicArn": TOPIC, "Message": "m".repeat(262_145)}),
        json!({"TopicArn": TOPIC, "Message": "m",
               "MessageAttributes": {"a": {"DataType": "String", "StringValue": ""}}}),
        json!({"TopicArn": format!("{TOPIC}-other"), "Message": "m"}),
    ] {
        stage.try_call(Service::Sns, "Publish", wrong).expect_err("a refusal");
    }
    let right = json!({"TopicArn": TOPIC, "Message": "m", "Subject": "s",
                       "MessageAttributes": {"severity": {"DataType": "String", "StringValue": "critical"}}});
    stage.call(Service::Sns, "Publish", right);
    let published = stage.world.published();
    assert_eq!(published.len(), 1);
    assert_eq!(published[0].message.attributes["severity"], "critical");
    assert_eq!(published[0].message.by, "operator");
}

#[test]
fn pages_cover_everything_once() {
    let mut stage = Stage::with(|spec| {
        spec["regions"]["eu-west-1"]["endpoints"]["bulk"] = json!({"copies": 250});
    });
    let (mut names, mut token) = (Vec::new(), Value::Null);
    loop {
        let input = json!({"MaxResults": 100, "NextToken": token, "SortBy": "Name", "SortOrder": "Ascending"});
        let output = stage.call(Service::SageMaker, "ListEndpoints", input);
        let page = output["Endpoints"].as_array().expect("a list");
        names.extend(
            page.iter()
                .map(|endpoint| endpoint["EndpointName"].as_str().expect("a name").to_owned()),
        );
        match output.get("NextToken") {
            Some(next) => token = next.clone(),
            None => break,
        }
    }
    let mut sorted = names.clone();
    sorted.dedup();
    assert_eq!((names.len(), sorted.len()), (251, 251));
}

#[test]
fn registering_a_target_moves_the_capacity_inside_its_limits() {
    let mut stage = Stage::fraud();
    let register = json!({
        "ServiceNamespace": "sagemaker", "ResourceId": "endpoint/fraud/variant/blue",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount", "MinCapacity": 3, "MaxCapacity": 6,
    });
    stage.call(Service::AutoScaling, "RegisterScalableTarget", register);
    stage.pass(600);
    assert_eq!(
        stage.describe("fraud")["ProductionVariants"][0]["CurrentInstanceCount"],
        json!(3)
    );
}

#[test]
fn target_tracking_grows_a_fleet_that_is_asked_too_much() {
    let mut stage = Stage::with(|spec| {
        spec["regions"]["eu-west-1"]["endpoints"]["fraud"]["variants"]["blue"]["scaling"] =
            json!({"min": 1, "max": 4, "target": 300});
    });
    stage.pass(1800);
    assert_eq!(
        stage.describe("fraud")["ProductionVariants"][0]["CurrentInstanceCount"],
        json!(4)
    );
}

#[test]
fn in_a_dark_region_every_call_fails_until_the_light_is_back() {
    let mut stage = Stage::with(|spec| spec["incidents"] = json!([{"at": "1m", "for": "1m", "dark": true}]));
    stage.pass(60);
    let who = stage
        .try_call(Service::Sts, "GetCallerIdentity", json!({}))
        .expect_err("darkness");
    assert_eq!((who.status, who.code.as_str()), (503, "ServiceUnavailable"));
    stage.pass(60);
    stage.call(Service::Sts, "GetCallerIdentity", json!({}));
}

#[test]
fn percentiles_and_math_come_from_the_same_data() {
    let mut stage = Stage::fraud();
    stage.pass(600);
    let end = stage.now.as_second();
    let metric = |name: &str, stat: &str, id: &str| {
        json!({"Id": id, "ReturnData": false, "MetricStat": {"Period": 60, "Stat": stat, "Metric": {
            "Namespace": "AWS/SageMaker", "MetricName": name, "Dimensions": [
                {"Name": "EndpointName", "Value": "fraud"}, {"Name": "VariantName", "Value": "blue"}]}}})
    };
    let queries = json!([
        metric("ModelLatency", "p99", "m1"), metric("ModelLatency", "p50", "m2"),
        {"Id": "ratio", "Expression": "m1 / m2"},
    ]);
    let input = json!({"MetricDataQueries": queries, "StartTime": end - 600, "EndTime": end});
    let output = stage.call(Service::CloudWatch, "GetMetricData", input);
    let values = output["MetricDataResults"][0]["Values"]
        .as_array()
        .expect("values")
        .clone();
    assert_eq!(values.len(), 10);
    let expected = (0.2_f64 * 2.326).exp();
    assert!(
        values
            .iter()
            .filter_map(Value::as_f64)
            .all(|value| (value / expected - 1.0).abs() < 0.05),
        "{values:?}"
    );
}
