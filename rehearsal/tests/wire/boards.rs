//! Dashboards, and the tags of what CloudWatch and Application Auto Scaling keep.

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use aws_sdk_cloudwatch::{
    operation::put_dashboard::PutDashboardError,
    types::{ComparisonOperator, Statistic, Tag},
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::{HOME, cloud};

#[tokio::test(start_paused = true)]
async fn a_dashboard_is_json_and_one_for_all_regions() {
    let cloud = cloud();
    let here = aws_sdk_cloudwatch::Client::new(&cloud.sdk_config("operator", HOME));
    let there = aws_sdk_cloudwatch::Client::new(&cloud.sdk_config("operator", "us-east-1"));
    let put = |name: &str, body: &str| here.put_dashboard().dashboard_name(name).dashboard_body(body).send();
    let wrong = put("fleet", "{'widgets': []}")
        .await
        .expect_err("a dictionary of Python")
        .into_service_error();
    let PutDashboardError::DashboardInvalidInputError(wrong) = wrong else {
        panic!("{wrong:?}");
    };
    let messages: Vec<_> = wrong
        .dashboard_validation_messages()
        .iter()
        .filter_map(|it| it.message())
        .collect();
    assert_eq!(messages, ["The field DashboardBody must be a valid JSON object"]);
    let odd = put("fleet", r#"{"widgets": [], "colour": "red"}"#)
        .await
        .expect("accepted");
    let messages: Vec<_> = odd
        .dashboard_validation_messages()
        .iter()
        .filter_map(|it| it.message())
        .collect();
    assert_eq!(messages, ["Unknown property colour"]);
    let body = r##"{"widgets": [{"type": "text", "properties": {"markdown": "# Fleet"}}]}"##;
    let right = put("fleet", body).await.expect("accepted");
    assert!(right.dashboard_validation_messages().is_empty());
    let read = there
        .get_dashboard()
        .dashboard_name("fleet")
        .send()
        .await
        .expect("a dashboard");
    assert_eq!(read.dashboard_body(), Some(body));
    assert!(
        read.dashboard_arn()
            .is_some_and(|arn| arn.starts_with("arn:aws:cloudwatch::"))
    );
    let listed = there
        .list_dashboards()
        .dashboard_name_prefix("fl")
        .send()
        .await
        .expect("dashboards");
    assert_eq!(
        listed.dashboard_entries()[0].size(),
        Some(i64::try_from(body.len()).expect("short"))
    );
    let both = there
        .delete_dashboards()
        .dashboard_names("fleet")
        .dashboard_names("none")
        .send()
        .await;
    assert_eq!(both.expect_err("one is not there").code(), Some("ResourceNotFound"));
    there
        .delete_dashboards()
        .dashboard_names("fleet")
        .send()
        .await
        .expect("deleted");
    let gone = here
        .get_dashboard()
        .dashboard_name("fleet")
        .send()
        .await
        .expect_err("gone");
    assert_eq!(gone.code(), Some("ResourceNotFound"));
}

fn owner(value: &str) -> Tag {
    Tag::builder().key("steward:owner").value(value).build()
}

#[tokio::test(start_paused = true)]
async fn an_alarm_is_tagged_when_it_is_new_and_by_its_arn_afterwards() {
    let cloud = cloud();
    let cloudwatch = aws_sdk_cloudwatch::Client::new(&cloud.sdk_config("operator", HOME));
    for team in ["first", "second"] {
        cloudwatch
            .put_metric_alarm()
            .alarm_name("errors")
            .namespace("AWS/SageMaker")
            .metric_name("Invocation5XXErrors")
            .statistic(Statistic::Average)
            .period(60)
            .evaluation_periods(1)
            .threshold(0.05)
            .comparison_operator(ComparisonOperator::GreaterThanThreshold)
            .tags(owner(team))
            .send()
            .await
            .expect("an alarm");
    }
    let described = cloudwatch
        .describe_alarms()
        .alarm_names("errors")
        .send()
        .await
        .expect("alarms");
    let arn = described.metric_alarms()[0].alarm_arn().expect("an ARN").to_owned();
    let tags = || async {
        let listed = cloudwatch
            .list_tags_for_resource()
            .resource_arn(&arn)
            .send()
            .await
            .expect("tags");
        let tags = listed.tags().iter();
        tags.map(|tag| tag.value().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(tags().await, ["first"]);
    cloudwatch
        .tag_resource()
        .resource_arn(&arn)
        .tags(owner("third"))
        .send()
        .await
        .expect("tagged");
    assert_eq!(tags().await, ["third"]);
    cloudwatch
        .untag_resource()
        .resource_arn(&arn)
        .tag_keys("steward:owner")
        .send()
        .await
        .expect("untagged");
    assert!(tags().await.is_empty());
    let none = cloudwatch
        .list_tags_for_resource()
        .resource_arn(format!("{arn}x"))
        .send()
        .await;
    assert_eq!(
        none.expect_err("no such alarm").code(),
        Some("ResourceNotFoundException")
    );
    let first = cloud.calls().swap_remove(0);
    assert_eq!(first.actions, ["cloudwatch:PutMetricAlarm", "cloudwatch:TagResource"]);
}

#[tokio::test(start_paused = true)]
async fn a_scalable_target_is_tagged_when_it_is_new_and_by_its_arn_afterwards() {
    let cloud = cloud();
    let scaling = aws_sdk_applicationautoscaling::Client::new(&cloud.sdk_config("operator", HOME));
    let register = |value: &str| {
        scaling
            .register_scalable_target()
            .service_namespace(ServiceNamespace::Sagemaker)
            .resource_id("endpoint/fraud/variant/blue")
            .scalable_dimension(ScalableDimension::SageMakerVariantDesiredInstanceCount)
            .min_capacity(1)
            .max_capacity(4)
            .tags("steward:owner", value)
            .send()
    };
    let made = register("first").await.expect("a target");
    let again = register("second").await.expect("the same target");
    let arn = made.scalable_target_arn().expect("an ARN").to_owned();
    assert_eq!(again.scalable_target_arn(), Some(arn.as_str()));
    let tag = |value: &str| scaling.tag_resource().resource_arn(&arn).tags("team", value).send();
    tag("risk").await.expect("tagged");
    let listed = scaling
        .list_tags_for_resource()
        .resource_arn(&arn)
        .send()
        .await
        .expect("tags");
    let mut tags: Vec<_> = listed.tags().expect("a map").iter().collect();
    tags.sort();
    let (owner, team) = ("steward:owner".to_owned(), "team".to_owned());
    assert_eq!(tags, [(&owner, &"first".to_owned()), (&team, &"risk".to_owned())]);
    scaling
        .untag_resource()
        .resource_arn(&arn)
        .tag_keys("team")
        .send()
        .await
        .expect("untagged");
    let listed = scaling
        .list_tags_for_resource()
        .resource_arn(&arn)
        .send()
        .await
        .expect("tags");
    assert_eq!(listed.tags().map(|tags| tags.len()), Some(1));
    let none = scaling
        .list_tags_for_resource()
        .resource_arn("arn:aws:none")
        .send()
        .await;
    assert_eq!(
        none.expect_err("no such target").code(),
        Some("ResourceNotFoundException")
    );
}
