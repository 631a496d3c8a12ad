//! The world itself behind the SDKs, in two Regions.

use aws_sdk_sagemaker::types::EndpointStatus;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::{HOME, cloud, elapsed};

#[tokio::test(start_paused = true)]
async fn each_region_has_its_own_endpoints_and_topics() {
    let cloud = cloud();
    for (region, endpoint, other) in [(HOME, "fraud", "backup"), ("us-east-1", "backup", "fraud")] {
        let config = cloud.sdk_config("health-checker", region);
        let sagemaker = aws_sdk_sagemaker::Client::new(&config);
        let described = sagemaker
            .describe_endpoint()
            .endpoint_name(endpoint)
            .send()
            .await
            .expect("an endpoint");
        assert_eq!(described.endpoint_status(), Some(&EndpointStatus::InService));
        let missing = sagemaker
            .describe_endpoint()
            .endpoint_name(other)
            .send()
            .await
            .expect_err("not in this Region");
        assert_eq!(missing.code(), Some("ValidationException"));
        let topics = aws_sdk_sns::Client::new(&config)
            .list_topics()
            .send()
            .await
            .expect("topics");
        assert!(
            topics.topics()[0].topic_arn().is_some_and(|arn| arn.contains(region)),
            "{topics:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_inference_takes_its_latency_in_virtual_time() {
    let cloud = cloud();
    let runtime = aws_sdk_sagemakerruntime::Client::new(&cloud.sdk_config("health-checker", HOME));
    let answer = runtime
        .invoke_endpoint()
        .endpoint_name("fraud")
        .content_type("application/json")
        .send()
        .await;
    assert_eq!(answer.expect("an answer").invoked_production_variant(), Some("blue"));
    let took = elapsed(&cloud).as_millis();
    assert!(
        (20..2000).contains(&took),
        "a model with a median of 80 ms took {took} ms"
    );
    let record = cloud.calls().swap_remove(0);
    assert_eq!(
        (record.actions, record.resource),
        (
            vec!["sagemaker:InvokeEndpoint".to_owned()],
            Some("endpoint/fraud".to_owned())
        )
    );
}
