use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

use super::*;

fn ask(target: Option<&str>) -> Value {
    json!({"EndpointName": "fraud", "Body": BASE64.encode("{}"), "TargetVariant": target})
}

fn behaving(behaves: Value) -> Stage {
    let mut stage = Stage::with(|spec| {
        spec["incidents"] = json!([{"at": "0s", "endpoint": "fraud", "variant": "blue", "behaves": behaves}]);
    });
    stage.pass(1);
    stage
}

#[test]
fn a_healthy_variant_answers_at_its_own_pace() {
    let mut stage = Stage::fraud();
    let reply = stage
        .try_call(Service::Runtime, "InvokeEndpoint", ask(Some("blue")))
        .expect("an answer");
    assert_eq!(reply.output["InvokedProductionVariant"], json!("blue"));
    let body = BASE64
        .decode(reply.output["Body"].as_str().expect("a body"))
        .expect("base64");
    assert_eq!(String::from_utf8(body).expect("text"), r#"{"score":0.93}"#);
    assert!((40..200).contains(&reply.takes.as_millis()), "{:?}", reply.takes);
}

#[test]
fn weight_zero_gets_no_request_but_answers_when_asked_by_name() {
    let mut stage = Stage::fraud();
    for _ in 0..200 {
        let output = stage.call(Service::Runtime, "InvokeEndpoint", ask(None));
        assert_eq!(output["InvokedProductionVariant"], json!("blue"));
    }
    let output = stage.call(Service::Runtime, "InvokeEndpoint", ask(Some("green")));
    assert_eq!(output["InvokedProductionVariant"], json!("green"));
}

#[test]
fn a_container_that_answers_500_is_a_model_error() {
    let mut stage = behaving(json!({"errors": "100%"}));
    let error = stage
        .try_call(Service::Runtime, "InvokeEndpoint", ask(Some("blue")))
        .expect_err("an error");
    assert_eq!((error.status, error.code.as_str()), (424, "ModelError"));
    assert_eq!(error.detail["OriginalStatusCode"], json!(500));
    insta::assert_snapshot!(error.message, @r#"Received server error (500) from primary with message "Internal Server Error". See https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logEventViewer:group=/aws/sagemaker/Endpoints/fraud in account 111122223333 for more information."#);
}

#[test]
fn a_container_that_never_answers_keeps_its_caller_for_a_minute() {
    let mut stage = behaving(json!({"times_out": "100%"}));
    let error = stage
        .try_call(Service::Runtime, "InvokeEndpoint", ask(Some("blue")))
        .expect_err("an error");
    assert_eq!(error.takes.as_secs(), 60);
    assert_eq!(error.detail["OriginalStatusCode"], json!(0));
}

#[test]
fn a_fleet_asked_for_more_than_it_can_do_refuses_the_rest() {
    let mut stage = Stage::with(|spec| {
        let fraud = &mut spec["regions"]["eu-west-1"]["endpoints"]["fraud"];
        fraud["variants"]["blue"]["capacity"] = json!("5 rps");
    });
    stage.pass(600);
    let (requests, errors) = (
        stage.sum("Invocations", "blue", 10),
        stage.sum("Invocation5XXErrors", "blue", 10),
    );
    assert!((errors / requests - 0.5).abs() < 0.05, "{errors} of {requests}");
}

#[test]
fn an_asynchronous_request_ends_as_an_object() {
    let mut stage = Stage::with(|spec| {
        spec["regions"]["eu-west-1"]["endpoints"]["fraud"]["async"] = json!({"output": "s3://out/answers/"});
        spec["regions"]["eu-west-1"]["endpoints"]["fraud"]["traffic"] = Value::Null;
    });
    let input = json!({"EndpointName": "fraud", "InputLocation": "s3://in/probe.json"});
    let output = stage.call(Service::Runtime, "InvokeEndpointAsync", input);
    stage.pass(30);
    let puts = stage.world.take_s3_puts();
    assert_eq!(puts.len(), 1);
    assert_eq!(
        output["OutputLocation"],
        json!(format!("s3://{}/{}", puts[0].bucket, puts[0].key))
    );
    assert_eq!(puts[0].body, br#"{"score":0.93}"#);
}

#[test]
fn a_serverless_variant_is_slow_only_when_cold() {
    let mut stage = Stage::with(|spec| {
        spec["regions"]["eu-west-1"]["endpoints"]["fraud"] = json!({"variants": {"blue": {"serverless": {}}}});
    });
    let mut takes = || {
        stage
            .try_call(Service::Runtime, "InvokeEndpoint", ask(None))
            .expect("an answer")
            .takes
    };
    assert!(takes().as_secs() >= 6);
    assert!(takes().as_secs() < 1);
}

#[test]
fn a_component_without_copies_refuses_and_counts() {
    let mut stage = Stage::with(|spec| {
        spec["regions"]["eu-west-1"]["endpoints"]["fraud"] = json!({"components": {"llm": {"copies": 0}}});
    });
    let mut input = ask(None);
    input["InferenceComponentName"] = json!("llm");
    insta::assert_snapshot!(stage.refused(Service::Runtime, "InvokeEndpoint", input), @"400 ValidationError: Inference Component has no capacity to process this request. ApplicationAutoScaling may be in-progress (if configured) or try to increase the capacity by invoking UpdateInferenceComponentRuntimeConfig API.");
    stage.pass(60);
    let listed = stage.call(
        Service::CloudWatch,
        "ListMetrics",
        json!({"MetricName": "NoCapacityInvocationFailures"}),
    );
    assert_eq!(
        listed["Metrics"][0]["Dimensions"],
        json!([{"Name": "InferenceComponentName", "Value": "llm"}])
    );
}
