//! The calls that a rollout makes, through the real SDKs against the simulated AWS: each is safe to repeat, and each says
//! what is so when the answer to an earlier attempt was lost.

use std::time::Duration;

use jiff::Timestamp;
use rehearsal::{
    clock::SimClock,
    cloud::Cloud,
    faults::{Fault, FaultKind, FaultPlan},
    world::{World, spec::WorldSpec},
};
use steward::{
    analysis::{AnalysisPolicy, SlowCheck},
    aws::{
        Base, Clock, Emit,
        cloudwatch::CloudWatch,
        sagemaker::{Change, SageMaker},
    },
    endpoint::EndpointStatus,
    failure::Failure,
    rollout::{
        effect::{ConfigPlan, Deployment, Routing, VariantPlan},
        look::Fleet,
    },
};

#[path = "aws_calls_rollout/scaling.rs"]
mod scaling;
#[path = "aws_calls_rollout/triggers.rs"]
mod triggers;
#[path = "aws_calls_rollout/users.rs"]
mod users;

const REGION: &str = "eu-west-1";
const MINUTE: Duration = Duration::from_secs(60);

const WORLD: &str = "
regions:
  eu-west-1:
    models:
      fraud-2: {latency: 40ms}
      llm-2: {latency: 40ms}
    endpoints:
      fraud:
        variants:
          blue: {instances: 2, errors: 10%, latency: 80ms, scaling: {min: 2, max: 8, target: 100}}
        traffic: 20 rps
      llm:
        variants: {main: {}}
        components: {llm: {copies: 2}}
    alarms:
      errors: {metric: Invocation5XXErrors, endpoint: fraud, variant: blue, statistic: Sum, at_least: 1}
      both: {rule: 'ALARM(\"errors\")'}
";

fn cloud() -> Cloud {
    let start: Timestamp = "2026-01-01T12:00:00Z".parse().expect("a timestamp");
    let spec = WorldSpec::parse(WORLD, "world.yaml").unwrap_or_else(|problems| panic!("{problems}"));
    let world = World::new(&spec, 1, start).expect("a world");
    Cloud::new(world, FaultPlan::none(), SimClock::new(start))
}

fn base(cloud: &Cloud) -> Base {
    let sdk = cloud.sdk_config("test", REGION).into_builder();
    let sdk = sdk
        .retry_config(steward::aws::retries())
        .timeout_config(steward::aws::timeouts())
        .build();
    let clock = *cloud.clock();
    Base::new(sdk, Clock::new(move || clock.now()), Emit::new(std::io::sink()))
}

fn variant(name: &str, model: Option<&str>, weight: f64) -> VariantPlan {
    VariantPlan {
        name: name.into(),
        like: "blue".into(),
        model: model.map(str::to_owned),
        instance_type: None,
        instances: Some(2),
        weight,
    }
}

fn both() -> ConfigPlan {
    ConfigPlan {
        name: "fraud-1-both".into(),
        from: "fraud-1".into(),
        variants: vec![variant("blue", None, 1.0), variant("green", Some("fraud-2"), 0.0)],
    }
}

fn calls(cloud: &Cloud, operation: &str) -> usize {
    cloud.calls().iter().filter(|call| call.operation == operation).count()
}

/// Its answer is lost once, after it took effect.
fn lost(cloud: &Cloud, operation: &str) {
    let fault = Fault {
        operation: Some(operation.into()),
        times: Some(1),
        ..Fault::every(FaultKind::CutAfter)
    };
    cloud.add_fault(fault);
}

#[tokio::test(start_paused = true)]
async fn a_config_is_made_by_its_plan_and_made_again_it_is_the_same() {
    let cloud = cloud();
    let sagemaker = SageMaker::new(&base(&cloud));
    lost(&cloud, "CreateEndpointConfig");
    assert_eq!(sagemaker.create_endpoint_config(&both()).await, Ok(Change::Already));
    assert_eq!(sagemaker.create_endpoint_config(&both()).await, Ok(Change::Already));
    let seen = sagemaker
        .describe_endpoint_config("fraud-1-both")
        .await
        .expect("there")
        .seen();
    let variants: Vec<_> = seen
        .variants
        .iter()
        .map(|variant| {
            (
                variant.name.as_str(),
                variant.model.as_deref(),
                variant.instances,
                variant.weight,
            )
        })
        .collect();
    let blue = Some("fraud-blue");
    assert_eq!(
        variants,
        [("blue", blue, Some(2), 1.0), ("green", Some("fraud-2"), Some(2), 0.0)]
    );

    let other = ConfigPlan {
        variants: vec![variant("blue", None, 1.0)],
        ..both()
    };
    let error = sagemaker.create_endpoint_config(&other).await.expect_err("another one");
    assert_eq!(error.failure, Failure::AlreadyThere, "{error}");
    let gone = ConfigPlan {
        from: "fraud-0".into(),
        name: "fraud-2-both".into(),
        ..both()
    };
    let error = sagemaker
        .create_endpoint_config(&gone)
        .await
        .expect_err("no such config");
    assert_eq!(error.failure, Failure::NotFound, "{error}");

    assert_eq!(
        sagemaker.delete_endpoint_config("fraud-1-both").await,
        Ok(Change::Begun)
    );
    assert_eq!(
        sagemaker.delete_endpoint_config("fraud-1-both").await,
        Ok(Change::Already)
    );
}

#[tokio::test(start_paused = true)]
async fn an_update_is_seen_as_pending_until_it_is_done() {
    let cloud = cloud();
    let sagemaker = SageMaker::new(&base(&cloud));
    sagemaker.create_endpoint_config(&both()).await.expect("made");
    lost(&cloud, "UpdateEndpoint");
    let sent = sagemaker.update_endpoint("fraud", "fraud-1-both", None).await;
    assert_eq!(sent, Ok(Change::Already));
    let now = sagemaker.describe_endpoint("fraud").await.expect("there");
    assert_eq!(now.status, EndpointStatus::Updating);
    assert_eq!(
        (now.config.as_deref(), now.pending.as_deref()),
        (Some("fraud-1"), Some("fraud-1-both"))
    );
    let error = sagemaker
        .update_endpoint("fraud", "fraud-1", None)
        .await
        .expect_err("busy");
    assert_eq!(error.failure, Failure::Busy, "{error}");

    tokio::time::sleep(MINUTE * 15).await;
    let now = sagemaker.describe_endpoint("fraud").await.expect("there");
    assert_eq!(
        (now.config.as_deref(), now.pending.as_deref()),
        (Some("fraud-1-both"), None)
    );
    assert_eq!(now.status, EndpointStatus::InService);
    let weights: Vec<f64> = now.variants.iter().map(|variant| variant.current_weight).collect();
    assert_eq!(weights, [1.0, 0.0]);
}

#[tokio::test(start_paused = true)]
async fn a_model_is_there_or_not() {
    let cloud = cloud();
    let sagemaker = SageMaker::new(&base(&cloud));
    assert_eq!(sagemaker.has_model("fraud-2").await, Ok(true));
    assert_eq!(sagemaker.has_model("fraud-3").await, Ok(false));
}

#[tokio::test(start_paused = true)]
async fn an_inference_component_moves_to_another_model_and_keeps_the_rest() {
    let cloud = cloud();
    let sagemaker = SageMaker::new(&base(&cloud));
    let rolling = Deployment {
        routing: Routing::Rolling {
            batch: 50,
            wait: MINUTE,
        },
        timeout: MINUTE * 30,
        alarms: Vec::new(),
    };
    let before = sagemaker.describe_inference_component("llm").await.expect("there");
    assert_eq!((before.status.as_str(), before.copies), ("InService", Some(2)));
    lost(&cloud, "UpdateInferenceComponent");
    // While it is replaced it is described with the old model: whose change it is shows only at its end.
    let sent = sagemaker.update_inference_component("llm", "llm-2", &rolling).await;
    assert_eq!(sent.map_err(|error| error.failure), Err(Failure::Busy));
    tokio::time::sleep(MINUTE * 30).await;
    let after = sagemaker.describe_inference_component("llm").await.expect("there");
    assert_eq!((after.status.as_str(), after.copies), ("InService", Some(2)));
    assert_eq!(after.model.as_deref(), Some("llm-2"));
    assert_eq!(calls(&cloud, "UpdateInferenceComponent"), 2, "the SDK repeated it once");
}

#[tokio::test(start_paused = true)]
async fn alarms_are_seen_as_they_stand_metric_and_composite() {
    let cloud = cloud();
    let cloudwatch = CloudWatch::new(&base(&cloud));
    tokio::time::sleep(MINUTE * 5).await;
    let names = ["errors", "both", "no-such-alarm"].map(str::to_owned);
    let mut seen = cloudwatch.alarms(&names).await.expect("described");
    seen.sort_by(|a, b| a.name.cmp(&b.name));
    let told: Vec<_> = seen
        .iter()
        .map(|alarm| (alarm.name.as_str(), alarm.alarming()))
        .collect();
    assert_eq!(told, [("both", true), ("errors", true)]);
    let watched = |at: usize| seen[at].variants().into_iter().collect::<Vec<_>>();
    assert_eq!(
        (watched(0), watched(1)),
        (vec![], vec!["blue"]),
        "a composite alarm has no metrics of its own"
    );
    assert!(
        seen[1].watches_only("fraud", "blue") && !seen[0].watches_only("fraud", "blue"),
        "{seen:?}"
    );
    assert!(!seen[1].watches_only("other", "blue"), "{seen:?}");
    assert!(
        seen.iter()
            .all(|alarm| alarm.since.is_some() && !alarm.reason.is_empty()),
        "{seen:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_abort_alarm_stays_ok_until_it_is_tripped_and_tripped_until_it_is_deleted() {
    let cloud = cloud();
    let cloudwatch = CloudWatch::new(&base(&cloud));
    let name = "steward-abort-fraud-1";
    let alarming = async || {
        let seen = cloudwatch.alarms(&[name.to_owned()]).await.expect("described");
        seen.first().map(|alarm| alarm.alarming())
    };
    lost(&cloud, "PutMetricAlarm");
    cloudwatch.put_abort_alarm(name).await.expect("made");
    assert_eq!(calls(&cloud, "SetAlarmState"), 1, "it begins as OK");
    tokio::time::sleep(MINUTE * 10).await;
    assert_eq!(alarming().await, Some(false));
    lost(&cloud, "SetAlarmState");
    cloudwatch.trip(name, "5% errors\nof green").await.expect("tripped");
    cloudwatch.put_abort_alarm(name).await.expect("there already");
    tokio::time::sleep(MINUTE * 10).await;
    assert_eq!(alarming().await, Some(true));
    lost(&cloud, "DeleteAlarms");
    cloudwatch.delete_alarm(name).await.expect("deleted");
    assert_eq!(alarming().await, None);
    let error = cloudwatch.trip(name, "again").await.expect_err("gone");
    assert_eq!(error.failure, Failure::NotFound, "{error}");
}

#[tokio::test(start_paused = true)]
async fn two_fleets_are_read_minute_by_minute_in_one_call() {
    let cloud = cloud();
    let from = cloud.clock().now();
    let cloudwatch = CloudWatch::new(&base(&cloud));
    tokio::time::sleep(MINUTE * 12).await;
    let policy = AnalysisPolicy {
        slow: Some(SlowCheck::against_blue("100ms".parse().expect("a span"))),
        ..AnalysisPolicy::default()
    };
    let fleet = |variant: &str| Fleet {
        variant: variant.into(),
        config: None,
    };
    let to = from + MINUTE * 10;
    let [blue, green] = ["blue", "green"].map(fleet);
    let read = cloudwatch.fleets("fraud", [&blue, &green], &policy, from, to);
    let [blue, green] = read.await.expect("read");
    assert_eq!(calls(&cloud, "GetMetricData"), 1);
    assert_eq!(green.minutes(), [], "there is no green");
    assert_eq!(blue.minutes().len(), 10);
    for minute in blue.minutes() {
        let failed = minute.errors.server.expect("known");
        assert!((1000..1400).contains(&minute.requests), "{minute:?}");
        assert!((60..200).contains(&failed), "{minute:?}");
        assert_eq!(minute.errors.client, None, "not asked");
        let slow = minute.slow.expect("known");
        assert!(slow > 0 && slow < minute.requests, "{minute:?}");
    }
}
