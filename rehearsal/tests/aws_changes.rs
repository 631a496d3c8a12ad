//! The changes of `steward::aws` whose answer is lost: the call reads back what became of it, says that it is so already,
//! and never takes another's change for its own.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use rehearsal::{
    clock::SimClock,
    cloud::Cloud,
    faults::{Fault, FaultKind, FaultPlan},
    world::{Call, Service, World, spec::WorldSpec},
};
use serde_json::json;
use steward::{
    aws::{
        Base, Clock, Emit,
        autoscaling::{AutoScaling, Scaled},
        cloudwatch::{CloudWatch, Statistic},
        sagemaker::{Change, SageMaker, VariantChange},
    },
    endpoint::{Endpoint, EndpointStatus},
    failure::{CallError, Failure, Retry},
};

const REGION: &str = "eu-west-1";
const MINUTE: Duration = Duration::from_secs(60);

const WORLD: &str = "
regions:
  eu-west-1:
    topics: [alerts]
    endpoints:
      fraud:
        variants:
          blue: {instances: 2, weight: 1, scaling: {min: 1, max: 4}}
          green: {instances: 2, weight: 1}
        traffic: 5 rps
      search: {variants: {main: {instances: 1}}, traffic: 1 rps}
    alarms:
      busy: {metric: Invocations, endpoint: fraud, variant: blue, statistic: Sum, at_least: 1, actions: [alerts]}
      any: {rule: ALARM(\"busy\")}
incidents:
  - {at: 2m, endpoint: search, becomes: failed, reason: no capacity}
";

struct Aws {
    cloud: Cloud,
    sagemaker: SageMaker,
    base: Base,
}

fn aws() -> Aws {
    let start: Timestamp = "2026-01-01T12:00:00Z".parse().expect("a timestamp");
    let spec = WorldSpec::parse(WORLD, "world.yaml").expect("a sound world");
    let world = World::new(&spec, 1, start).expect("a world");
    let cloud = Cloud::new(world, FaultPlan::none(), SimClock::new(start));
    let sdk = cloud.sdk_config("steward", REGION).into_builder();
    let sdk = sdk
        .retry_config(steward::aws::retries())
        .timeout_config(steward::aws::timeouts())
        .build();
    let clock = *cloud.clock();
    let base = Base::new(sdk, Clock::new(move || clock.now()), Emit::new(std::io::sink()));
    Aws {
        sagemaker: SageMaker::new(&base),
        cloud,
        base,
    }
}

impl Aws {
    /// The answer to the next such call is lost after it took effect.
    fn lose_answer(&self, service: &str, operation: &str) {
        let fault = Fault::every(FaultKind::CutAfter).on(service, operation).nth(1);
        self.cloud.add_fault(fault);
    }

    async fn later(&self, minutes: u32) {
        self.cloud.clock().sleep(MINUTE * minutes).await;
        self.cloud.advance();
    }

    async fn endpoint(&self, name: &str) -> Endpoint {
        self.sagemaker.describe_endpoint(name).await.expect("described")
    }

    async fn config(&self, endpoint: &str) -> String {
        self.endpoint(endpoint).await.config.expect("a config")
    }

    /// A copy of the endpoint's config under another name.
    async fn copy(&self, endpoint: &str, name: &str) {
        let config = self.config(endpoint).await;
        let config = self
            .sagemaker
            .describe_endpoint_config(&config)
            .await
            .expect("a config");
        let made = self.sagemaker.clone_endpoint_config(&config, name).await;
        assert_eq!(made.expect("copied"), Change::Begun);
    }

    fn delete_config(&self, name: &str) {
        self.operator("DeleteEndpointConfig", json!({ "EndpointConfigName": name }));
    }

    fn delete_model(&self, name: &str) {
        self.operator("DeleteModel", json!({ "ModelName": name }));
    }

    fn operator(&self, operation: &'static str, input: serde_json::Value) {
        let now = self.cloud.clock().now();
        let call = Call {
            region: REGION,
            caller: "operator",
            service: Service::SageMaker,
            operation,
            input,
        };
        self.cloud.with_world(|world| world.call(now, call)).expect("deleted");
    }
}

fn weight(variant: &str, weight: f32) -> VariantChange {
    VariantChange {
        variant: variant.into(),
        weight: Some(weight),
        instances: None,
    }
}

/// Another change is under way: later, and never a refusal.
fn is_busy(refused: Result<Change, CallError>) {
    let error = refused.expect_err("another change is under way");
    assert_eq!(
        (error.failure, error.retry()),
        (Failure::Busy, Retry::NextTick),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_update_whose_answer_was_lost_is_read_back_and_another_one_under_way_is_not_taken_for_it() {
    let aws = aws();
    aws.copy("fraud", "fraud-2").await;
    aws.copy("fraud", "fraud-3").await;
    aws.lose_answer("sagemaker", "UpdateEndpoint");
    let change = aws.sagemaker.update_endpoint("fraud", "fraud-2", None).await;
    assert_eq!(change.expect("on its way"), Change::Already);
    assert_eq!(aws.endpoint("fraud").await.status, EndpointStatus::Updating);
    is_busy(aws.sagemaker.update_endpoint("fraud", "fraud-3", None).await);
    aws.later(60).await;
    assert_eq!(aws.config("fraud").await, "fraud-2");
    let other = aws.sagemaker.update_endpoint("fraud", "no-such-config", None).await;
    assert_eq!(other.expect_err("no such config").failure, Failure::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_copy_whose_answer_was_lost_is_there_and_another_config_of_that_name_is_refused() {
    let aws = aws();
    let config = aws.config("fraud").await;
    let config = aws.sagemaker.describe_endpoint_config(&config).await.expect("a config");
    aws.lose_answer("sagemaker", "CreateEndpointConfig");
    let made = aws.sagemaker.clone_endpoint_config(&config, "fraud-2").await;
    assert_eq!(made.expect("there"), Change::Already);
    let copy = aws
        .sagemaker
        .describe_endpoint_config("fraud-2")
        .await
        .expect("the copy");
    assert!(copy.same_content(&config));
    aws.copy("search", "search-2").await;
    let error = aws
        .sagemaker
        .clone_endpoint_config(&config, "search-2")
        .await
        .expect_err("another one");
    assert_eq!(error.failure, Failure::AlreadyThere);
    assert!(
        error.message.ends_with(&format!("It differs from {}.", config.name())),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn weights_whose_answer_was_lost_are_read_back_and_other_weights_wait() {
    let aws = aws();
    aws.lose_answer("sagemaker", "UpdateEndpointWeightsAndCapacities");
    let away = [weight("blue", 0.0), weight("green", 1.0)];
    let change = aws.sagemaker.update_weights_and_capacities("fraud", &away).await;
    assert_eq!(change.expect("on its way"), Change::Already);
    let back = [weight("blue", 1.0), weight("green", 1.0)];
    is_busy(aws.sagemaker.update_weights_and_capacities("fraud", &back).await);
    aws.later(30).await;
    let now = aws.endpoint("fraud").await;
    assert_eq!(
        now.variants
            .iter()
            .map(|variant| variant.current_weight)
            .collect::<Vec<_>>(),
        [0.0, 1.0]
    );
    let change = aws.sagemaker.update_weights_and_capacities("fraud", &back).await;
    assert_eq!(change.expect("taken"), Change::Begun);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_whose_answer_was_lost_is_done_and_an_endpoint_at_work_is_busy() {
    let aws = aws();
    aws.lose_answer("sagemaker", "DeleteEndpoint");
    let change = aws.sagemaker.delete_endpoint("search").await;
    assert_eq!(change.expect("going"), Change::Already);
    aws.later(30).await;
    let gone = aws.sagemaker.describe_endpoint("search").await;
    assert_eq!(gone.expect_err("gone").failure, Failure::NotFound);
    let again = aws.sagemaker.delete_endpoint("search").await;
    assert_eq!(again.expect("gone"), Change::Already);
    aws.copy("fraud", "fraud-2").await;
    aws.sagemaker
        .update_endpoint("fraud", "fraud-2", None)
        .await
        .expect("begun");
    is_busy(aws.sagemaker.delete_endpoint("fraud").await);
}

#[tokio::test(start_paused = true)]
async fn a_creation_whose_answer_was_lost_is_there_with_its_tags_and_another_endpoint_of_that_name_is_refused() {
    let aws = aws();
    aws.copy("fraud", "fraud-2").await;
    let config = aws.config("fraud").await;
    let tags = BTreeMap::from([("team".to_owned(), "risk".to_owned())]);
    aws.lose_answer("sagemaker", "CreateEndpoint");
    let change = aws.sagemaker.create_endpoint("new", "fraud-2", &tags).await;
    assert_eq!(change.expect("there"), Change::Already);
    let made = aws.endpoint("new").await;
    assert_eq!(made.config.as_deref(), Some("fraud-2"));
    assert_eq!(aws.sagemaker.list_tags(&made.arn).await.expect("tags"), tags);
    let other = aws.sagemaker.create_endpoint("new", &config, &tags).await;
    assert_eq!(other.expect_err("another config").failure, Failure::AlreadyThere);
    let failed = aws.sagemaker.create_endpoint("other", "no-such-config", &tags).await;
    assert_eq!(failed.expect_err("no such config").failure, Failure::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_failed_endpoint_is_deleted_only_while_it_is_that_one_and_can_be_created_again() {
    let aws = aws();
    let config = aws.config("search").await;
    let healthy = aws.endpoint("search").await;
    let serves = aws
        .sagemaker
        .delete_failed_endpoint("search", healthy.created, &config)
        .await
        .expect_err("it serves");
    assert_eq!((serves.failure, serves.retry()), (Failure::Conflict, Retry::NextTick));
    assert!(
        serves.message.starts_with("not sent: endpoint search is InService"),
        "{serves}"
    );
    aws.later(3).await;
    let failed = aws.endpoint("search").await;
    assert_eq!(failed.status, EndpointStatus::Failed);
    let earlier = failed.created.checked_sub(MINUTE).expect("in time");
    let another = aws.sagemaker.delete_failed_endpoint("search", earlier, &config).await;
    assert_eq!(another.expect_err("another one").failure, Failure::Conflict);

    aws.copy("search", "search-2").await;
    aws.delete_config("search-2");
    let without = aws
        .sagemaker
        .delete_failed_endpoint("search", failed.created, "search-2")
        .await;
    let without = without.expect_err("nothing to create it from");
    assert_eq!((without.failure, without.retry()), (Failure::NotFound, Retry::Never));
    assert!(without.message.contains("Endpoint search was not deleted"), "{without}");
    assert_eq!(aws.endpoint("search").await.status, EndpointStatus::Failed);

    aws.lose_answer("sagemaker", "DeleteEndpoint");
    let change = aws
        .sagemaker
        .delete_failed_endpoint("search", failed.created, &config)
        .await;
    assert_eq!(change.expect("going"), Change::Already);
    aws.later(30).await;
    let gone = aws
        .sagemaker
        .delete_failed_endpoint("search", failed.created, &config)
        .await;
    assert_eq!(gone.expect("gone"), Change::Already);
}

#[tokio::test(start_paused = true)]
async fn a_failed_endpoint_whose_model_is_gone_is_not_deleted() {
    let aws = aws();
    let config = aws.config("search").await;
    aws.later(3).await;
    let failed = aws.endpoint("search").await;
    assert_eq!(failed.status, EndpointStatus::Failed);
    aws.delete_model("search-main");
    let refused = aws
        .sagemaker
        .delete_failed_endpoint("search", failed.created, &config)
        .await;
    let refused = refused.expect_err("nothing to create it from");
    assert_eq!((refused.failure, refused.retry()), (Failure::NotFound, Retry::Never));
    assert!(refused.message.contains("model search-main"), "{refused}");
    assert_eq!(aws.endpoint("search").await.status, EndpointStatus::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_range_whose_answer_was_lost_is_registered_once_and_its_other_end_is_left_alone() {
    let aws = aws();
    let autoscaling = AutoScaling::new(&aws.base);
    let blue = Scaled::VariantInstances {
        endpoint: "fraud".into(),
        variant: "blue".into(),
    };
    let green = Scaled::VariantInstances {
        endpoint: "fraud".into(),
        variant: "green".into(),
    };
    aws.lose_answer("application-autoscaling", "RegisterScalableTarget");
    autoscaling.register(&blue, Some(3), None).await.expect("registered");
    for fault in [FaultKind::CutBefore, FaultKind::Throttle, FaultKind::Error500] {
        aws.cloud.add_fault(
            Fault::every(fault)
                .on("application-autoscaling", "DescribeScalableTargets")
                .nth(1),
        );
        let targets = autoscaling.scalable_targets(&[blue.clone(), green.clone()]).await;
        let targets = targets.unwrap_or_else(|error| panic!("{fault}: {error}"));
        assert_eq!(targets.len(), 1, "{fault}");
        assert_eq!(
            (&targets[0].scaled, targets[0].min, targets[0].max),
            (&blue, 3, 4),
            "{fault}"
        );
    }
    let many: Vec<Scaled> = (0..120)
        .map(|n| Scaled::VariantInstances {
            endpoint: format!("none-{n}"),
            variant: "main".into(),
        })
        .chain([blue])
        .collect();
    assert_eq!(autoscaling.scalable_targets(&many).await.expect("targets").len(), 1);
    assert_eq!(autoscaling.scalable_targets(&[]).await.expect("all").len(), 1);
    let nowhere = autoscaling.register(&green, Some(9), Some(2)).await;
    assert_eq!(nowhere.expect_err("the wrong way round").failure, Failure::Invalid);
}

#[tokio::test(start_paused = true)]
async fn alarms_and_metrics_are_read_whole_whatever_happens_to_a_call() {
    let aws = aws();
    let cloudwatch = CloudWatch::new(&aws.base);
    let start = aws.cloud.clock().now();
    aws.later(10).await;
    let now = aws.cloud.clock().now();
    let statistic = |metric: &str| Statistic {
        namespace: "AWS/SageMaker".into(),
        metric: metric.into(),
        dimensions: vec![
            ("EndpointName".into(), "fraud".into()),
            ("VariantName".into(), "blue".into()),
        ],
        statistic: "Sum".into(),
        period: MINUTE,
    };
    let names = ["any", "busy", "no-such-alarm"].map(str::to_owned);
    for fault in [
        FaultKind::CutBefore,
        FaultKind::CutAfter,
        FaultKind::Throttle,
        FaultKind::Error500,
    ] {
        for operation in ["DescribeAlarms", "GetMetricData"] {
            aws.cloud
                .add_fault(Fault::every(fault).on("cloudwatch", operation).nth(1));
        }
        let alarms = cloudwatch
            .alarms(&names)
            .await
            .unwrap_or_else(|error| panic!("{fault}: {error}"));
        let read: Vec<_> = alarms
            .iter()
            .map(|alarm| (alarm.name.as_str(), alarm.alarming()))
            .collect();
        assert_eq!(read, [("busy", true), ("any", true)], "{fault}");
        let wanted = [statistic("NoSuchMetric"), statistic("Invocations")];
        let data = cloudwatch.metric_data(&wanted, start, now).await;
        let data = data.unwrap_or_else(|error| panic!("{fault}: {error}"));
        assert_eq!(data[0], [], "{fault}");
        assert!(data[1].len() >= 8, "{fault}: {:?}", data[1]);
        assert!(data[1].windows(2).all(|pair| pair[0].at < pair[1].at), "{fault}");
    }
}
