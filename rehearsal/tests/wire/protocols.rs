//! Each protocol in both directions, against a service that only remembers what it was asked.

use std::sync::{Arc, Mutex};

use aws_config::SdkConfig;
use aws_sdk_applicationautoscaling as autoscaling;
use aws_sdk_cloudwatch as cloudwatch;
use aws_sdk_sagemaker as sagemaker;
use aws_sdk_sagemakerruntime as runtime;
use aws_sdk_sns as sns;
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use aws_smithy_types::{DateTime, body::SdkBody, error::metadata::ProvideErrorMetadata};
use http_body_util::BodyExt;
use rehearsal::{
    wire::{self, What},
    world::{ApiError, Reply, Service},
};
use serde_json::{Value, json};

use crate::{HOME, cloud};

/// Gives one answer to everything, and keeps what it was asked.
#[derive(Clone, Debug)]
struct Parrot {
    answer: Result<Value, ApiError>,
    asked: Arc<Mutex<Vec<(Service, String, Value)>>>,
}

impl Parrot {
    fn saying(output: Value) -> Self {
        Self {
            answer: Ok(output),
            asked: Arc::default(),
        }
    }

    fn refusing(status: u16, code: &str, message: &str, detail: Value) -> Self {
        let mut error = ApiError::new(status, code, message);
        error.detail = detail
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        Self {
            answer: Err(error),
            asked: Arc::default(),
        }
    }

    /// The one thing it was asked.
    fn asked(&self) -> (Service, String, Value) {
        let asked = self.asked.lock().expect("an unpoisoned lock").clone();
        let [one] = &asked[..] else {
            panic!("asked {} times: {asked:?}", asked.len())
        };
        one.clone()
    }

    fn config(&self) -> SdkConfig {
        let parrot = self.clone();
        let client = http_client_fn(move |_, _| SharedHttpConnector::new(parrot.clone()));
        let retries = aws_config::retry::RetryConfig::disabled();
        cloud()
            .sdk_config("operator", HOME)
            .into_builder()
            .http_client(client)
            .retry_config(retries)
            .build()
    }
}

impl HttpConnector for Parrot {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move {
            let (parts, body) = request.try_into_http1x().expect("a valid request").into_parts();
            let body = body.collect().await.map_err(ConnectorError::user)?.to_bytes();
            let asked = wire::read(http::Request::from_parts(parts, body)).expect("an understood request");
            assert_eq!(asked.scope.region, HOME);
            let What::Api {
                service,
                operation,
                input,
                protocol,
            } = asked.what
            else {
                panic!("not S3: {asked:?}")
            };
            this.asked
                .lock()
                .expect("an unpoisoned lock")
                .push((service, operation.clone(), input));
            let outcome = this.answer.clone().map(|output| Reply {
                output,
                takes: Default::default(),
            });
            let (response, _) = wire::respond((service, &operation, protocol), outcome, "req-1");
            Ok(HttpResponse::try_from(response.map(SdkBody::from)).expect("a valid response"))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn sagemaker_reads_json_with_times_counts_and_absent_members() {
    let parrot = Parrot::saying(json!({
        "EndpointName": "fraud",
        "EndpointArn": "arn:aws:sagemaker:eu-west-1:111122223333:endpoint/fraud",
        "EndpointStatus": "InService",
        "FailureReason": null,
        "CreationTime": 1772352000.5,
        "LastModifiedTime": 1772352000,
        "ProductionVariants": [{"VariantName": "blue", "CurrentWeight": 1, "CurrentInstanceCount": 2}],
    }));
    let described = sagemaker::Client::new(&parrot.config())
        .describe_endpoint()
        .endpoint_name("fraud")
        .send()
        .await;
    let described = described.expect("an endpoint");
    assert_eq!(
        described.endpoint_status(),
        Some(&sagemaker::types::EndpointStatus::InService)
    );
    assert_eq!(described.creation_time(), Some(&DateTime::from_secs_f64(1772352000.5)));
    assert_eq!(described.failure_reason(), None);
    let variant = &described.production_variants()[0];
    assert_eq!(
        (variant.current_weight(), variant.current_instance_count()),
        (Some(1.0), Some(2))
    );
    let expected = (
        Service::SageMaker,
        "DescribeEndpoint".to_owned(),
        json!({"EndpointName": "fraud"}),
    );
    assert_eq!(parrot.asked(), expected);
}

#[tokio::test(start_paused = true)]
async fn errors_keep_code_message_and_request_id() {
    use aws_sdk_sagemaker::operation::RequestId;
    let parrot = Parrot::refusing(400, "ValidationException", "Could not find endpoint \"x\".", json!({}));
    let error = sagemaker::Client::new(&parrot.config())
        .describe_endpoint()
        .endpoint_name("x")
        .send()
        .await;
    let error = error.expect_err("a refusal");
    assert_eq!(
        (error.code(), error.message()),
        (Some("ValidationException"), Some("Could not find endpoint \"x\"."))
    );
    assert_eq!(error.request_id(), Some("req-1"));

    let parrot = Parrot::refusing(
        400,
        "ObjectNotFoundException",
        "No scalable target registered",
        json!({}),
    );
    let error = autoscaling::Client::new(&parrot.config())
        .deregister_scalable_target()
        .service_namespace(autoscaling::types::ServiceNamespace::Sagemaker)
        .resource_id("endpoint/x/variant/y")
        .scalable_dimension(autoscaling::types::ScalableDimension::SageMakerVariantDesiredInstanceCount)
        .send()
        .await
        .expect_err("a refusal")
        .into_service_error();
    assert!(error.is_object_not_found_exception(), "{error:?}");
    assert_eq!(parrot.asked().0, Service::AutoScaling);

    let parrot = Parrot::refusing(404, "ResourceNotFound", "no such alarm", json!({}));
    let client = cloudwatch::Client::new(&parrot.config());
    let error = client
        .delete_alarms()
        .alarm_names("x")
        .send()
        .await
        .expect_err("a refusal")
        .into_service_error();
    assert!(error.is_resource_not_found(), "{error:?}");

    let parrot = Parrot::refusing(404, "NotFound", "Topic does not exist", json!({}));
    let error = sns::Client::new(&parrot.config())
        .publish()
        .topic_arn("t")
        .message("m")
        .send()
        .await;
    let error = error.expect_err("a refusal").into_service_error();
    assert!(error.is_not_found_exception(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn the_runtime_carries_members_in_headers_and_the_payload_raw() {
    let parrot = Parrot::saying(json!({
        "Body": "eyJzY29yZSI6MC41fQ==", "ContentType": "application/json", "InvokedProductionVariant": "blue",
    }));
    let answer = runtime::Client::new(&parrot.config())
        .invoke_endpoint()
        .endpoint_name("fraud")
        .target_variant("blue")
        .content_type("application/json")
        .body(runtime::primitives::Blob::new(b"\x00\xff{}".to_vec()))
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.body().map(|body| body.as_ref()), Some(&br#"{"score":0.5}"#[..]));
    assert_eq!(answer.invoked_production_variant(), Some("blue"));
    assert_eq!(answer.content_type(), Some("application/json"));
    let (service, operation, input) = parrot.asked();
    assert_eq!((service, operation.as_str()), (Service::Runtime, "InvokeEndpoint"));
    let expected = json!({
        "EndpointName": "fraud", "ContentType": "application/json", "TargetVariant": "blue", "Body": "AP97fQ=="
    });
    assert_eq!(input, expected);

    let parrot = Parrot::saying(json!({"InferenceId": "i-1", "OutputLocation": "s3://out/i-1"}));
    let answer = runtime::Client::new(&parrot.config())
        .invoke_endpoint_async()
        .endpoint_name("batch")
        .input_location("s3://in/1")
        .request_ttl_seconds(60)
        .send()
        .await
        .expect("an accepted request");
    assert_eq!(
        (answer.inference_id(), answer.output_location()),
        (Some("i-1"), Some("s3://out/i-1"))
    );
    assert_eq!(parrot.asked().2["RequestTTLSeconds"], json!(60));
}

#[tokio::test(start_paused = true)]
async fn a_models_own_error_keeps_its_original_status() {
    let detail = json!({"OriginalStatusCode": 503, "OriginalMessage": "overloaded", "LogStreamArn": "arn:log"});
    let parrot = Parrot::refusing(424, "ModelError", "Received server error (503) from blue", detail);
    let error = runtime::Client::new(&parrot.config())
        .invoke_endpoint()
        .endpoint_name("fraud")
        .send()
        .await;
    let error = error.expect_err("a model error").into_service_error();
    let runtime::operation::invoke_endpoint::InvokeEndpointError::ModelError(error) = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        (error.original_status_code(), error.original_message()),
        (Some(503), Some("overloaded"))
    );
}

#[tokio::test(start_paused = true)]
async fn cloudwatch_speaks_cbor_with_tagged_times_and_doubles() {
    let parrot = Parrot::saying(json!({
        "MetricDataResults": [{
            "Id": "errors", "Label": "Errors", "StatusCode": "Complete",
            "Timestamps": [1772352000, 1772352060.5], "Values": [0, 1.5],
        }],
    }));
    let stat = cloudwatch::types::MetricStat::builder()
        .metric(
            cloudwatch::types::Metric::builder()
                .namespace("AWS/SageMaker")
                .metric_name("Invocations")
                .build(),
        )
        .period(60)
        .stat("Sum")
        .build();
    let query = cloudwatch::types::MetricDataQuery::builder()
        .id("errors")
        .metric_stat(stat)
        .build();
    let answer = cloudwatch::Client::new(&parrot.config())
        .get_metric_data()
        .metric_data_queries(query)
        .start_time(DateTime::from_secs(1772352000))
        .end_time(DateTime::from_secs(1772355600))
        .send()
        .await
        .expect("metric data");
    let result = &answer.metric_data_results()[0];
    assert_eq!(result.values(), [0.0, 1.5]);
    assert_eq!(result.timestamps()[1], DateTime::from_secs_f64(1772352060.5));
    let (service, operation, input) = parrot.asked();
    assert_eq!((service, operation.as_str()), (Service::CloudWatch, "GetMetricData"));
    assert_eq!(input["StartTime"].as_f64(), Some(1772352000.0), "{input}");
    assert_eq!(input["MetricDataQueries"][0]["MetricStat"]["Period"], json!(60));

    let parrot = Parrot::saying(json!({
        "MetricAlarms": [{"AlarmName": "a", "Threshold": 1, "Period": 60, "StateUpdatedTimestamp": 1772352000}],
    }));
    let alarms = cloudwatch::Client::new(&parrot.config())
        .describe_alarms()
        .send()
        .await
        .expect("alarms");
    assert_eq!(
        (
            alarms.metric_alarms()[0].threshold(),
            alarms.metric_alarms()[0].period()
        ),
        (Some(1.0), Some(60))
    );
}

#[tokio::test(start_paused = true)]
async fn a_large_metric_body_arrives_compressed() {
    let parrot = Parrot::saying(json!({}));
    let mut put = cloudwatch::Client::new(&parrot.config())
        .put_metric_data()
        .namespace("Steward");
    for number in 0..500 {
        let name = format!("metric-with-a-rather-long-name-{number}");
        put = put.metric_data(
            cloudwatch::types::MetricDatum::builder()
                .metric_name(name)
                .value(0.5)
                .build(),
        );
    }
    put.send().await.expect("accepted metrics");
    let (_, operation, input) = parrot.asked();
    assert_eq!(
        (operation.as_str(), input["MetricData"].as_array().map(Vec::len)),
        ("PutMetricData", Some(500))
    );
    assert_eq!(input["MetricData"][499]["Value"], json!(0.5));
}

#[tokio::test(start_paused = true)]
async fn sns_speaks_forms_and_xml() {
    let parrot = Parrot::saying(json!({"MessageId": "m-1"}));
    let attribute = sns::types::MessageAttributeValue::builder()
        .data_type("String")
        .string_value("critical")
        .build();
    let published = sns::Client::new(&parrot.config())
        .publish()
        .topic_arn("arn:aws:sns:eu-west-1:111122223333:alerts")
        .subject("fraud is down")
        .message("line 1\n<line & 2>")
        .message_attributes("severity", attribute.expect("a complete attribute"))
        .send()
        .await
        .expect("a message id");
    assert_eq!(published.message_id(), Some("m-1"));
    let expected = json!({
        "TopicArn": "arn:aws:sns:eu-west-1:111122223333:alerts",
        "Message": "line 1\n<line & 2>",
        "Subject": "fraud is down",
        "MessageAttributes": {"severity": {"DataType": "String", "StringValue": "critical"}},
    });
    let (service, operation, input) = parrot.asked();
    assert_eq!(
        (service, operation.as_str(), &input),
        (Service::Sns, "Publish", &expected)
    );

    let parrot = Parrot::saying(json!({"Topics": [{"TopicArn": "arn:a"}, {"TopicArn": "arn:b"}], "NextToken": "n"}));
    let listed = sns::Client::new(&parrot.config())
        .list_topics()
        .send()
        .await
        .expect("topics");
    let arns: Vec<_> = listed.topics().iter().filter_map(|topic| topic.topic_arn()).collect();
    assert_eq!((arns, listed.next_token()), (vec!["arn:a", "arn:b"], Some("n")));
}

#[tokio::test(start_paused = true)]
async fn application_auto_scaling_speaks_json() {
    let parrot = Parrot::saying(json!({"ScalableTargets": [{
        "ServiceNamespace": "sagemaker", "ResourceId": "endpoint/fraud/variant/blue",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount", "MinCapacity": 1, "MaxCapacity": 4,
        "RoleARN": "arn:aws:iam::111122223333:role/x", "CreationTime": 1772352000,
    }]}));
    let described = autoscaling::Client::new(&parrot.config())
        .describe_scalable_targets()
        .service_namespace(autoscaling::types::ServiceNamespace::Sagemaker)
        .send()
        .await
        .expect("targets");
    assert_eq!(described.scalable_targets()[0].max_capacity(), 4);
    assert_eq!(parrot.asked().2, json!({"ServiceNamespace": "sagemaker"}));
}
