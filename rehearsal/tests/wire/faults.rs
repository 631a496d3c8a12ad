//! What faults look like to the SDK, and what the log says about calls.

use std::time::Duration;

use aws_sdk_s3::{Client, primitives::ByteStream};
use rehearsal::{
    cloud::{Cloud, Outcome},
    faults::{Fault, FaultKind},
};

use crate::{HOME, cloud_with, elapsed};

/// A cloud with a bucket, and a function's client that does not retry.
fn one_attempt(faults: impl IntoIterator<Item = Fault>) -> (Cloud, Client) {
    let cloud = cloud_with(faults);
    cloud.store().ensure_bucket("state", HOME);
    let config = cloud.sdk_config("health-checker", HOME).into_builder();
    let config = config.retry_config(aws_config::retry::RetryConfig::disabled()).build();
    let client = Client::new(&config);
    (cloud, client)
}

async fn put(client: &Client) -> Result<(), String> {
    let put = client
        .put_object()
        .bucket("state")
        .key("k")
        .body(ByteStream::from_static(b"x"))
        .send()
        .await;
    put.map(|_| ()).map_err(|error| match error {
        aws_sdk_s3::error::SdkError::DispatchFailure(failure) if failure.is_io() => "io".to_owned(),
        aws_sdk_s3::error::SdkError::ServiceError(refused) => {
            use aws_sdk_s3::error::ProvideErrorMetadata;
            format!("{} {}", refused.raw().status(), refused.err().code().unwrap_or("none"))
        }
        other => format!("{other:?}"),
    })
}

#[tokio::test(start_paused = true)]
async fn a_fault_looks_to_the_sdk_as_it_would_in_reality_and_has_its_effect_or_not() {
    let cases = [
        (FaultKind::Throttle, Err("503 SlowDown"), false),
        (FaultKind::Error500, Err("500 InternalError"), false),
        (FaultKind::Denied, Err("403 AccessDenied"), false),
        (FaultKind::CutBefore, Err("io"), false),
        (FaultKind::CutAfter, Err("io"), true),
        (FaultKind::Slow(Duration::from_secs(7)), Ok(()), true),
    ];
    for (kind, expected, effect) in cases {
        let (cloud, client) = one_attempt([Fault::every(kind).on("s3", "PutObject")]);
        assert_eq!(put(&client).await, expected.map_err(str::to_owned), "{kind}");
        assert_eq!(
            cloud.store().get("state", "k").is_some(),
            effect,
            "the effect of {kind}"
        );
        let took = if let FaultKind::Slow(by) = kind {
            by
        } else {
            Duration::ZERO
        };
        assert_eq!(elapsed(&cloud), took, "the time of {kind}");
        let [record] = &cloud.calls()[..] else {
            panic!("one call, found {:?}", cloud.calls())
        };
        assert_eq!(
            record.outcome == Outcome::Done,
            effect,
            "the outcome of {kind}: {record:?}"
        );
        assert_eq!(record.fault.as_deref(), Some(kind.to_string().as_str()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_corrupted_copy_looks_like_any_other_and_has_another_checksum() {
    let (cloud, client) = one_attempt([Fault::every(FaultKind::Corrupt).on("s3", "CopyObject").nth(2)]);
    assert!(put(&client).await.is_ok());
    let mut etags = Vec::new();
    for key in ["good", "bad"] {
        let copy = client.copy_object().bucket("state").copy_source("state/k").key(key);
        let copied = copy.send().await.expect("it is copied");
        etags.push(copied.copy_object_result.and_then(|result| result.e_tag));
    }
    let read = |key| cloud.store().get("state", key).expect("a copy");
    assert_eq!((read("good").as_ref(), read("bad").as_ref()), (&b"x"[..], &b"y"[..]));
    assert_ne!(etags[0], etags[1]);
    let (good, bad) = (cloud.store().look("state", "good"), cloud.store().look("state", "bad"));
    assert_ne!(good.map(|it| it.checksum), bad.map(|it| it.checksum));
    assert!(
        cloud.calls().iter().all(|call| call.outcome == Outcome::Done),
        "{:?}",
        cloud.calls()
    );
}

#[tokio::test(start_paused = true)]
async fn the_sdk_retries_what_is_worth_retrying() {
    for kind in [
        FaultKind::Throttle,
        FaultKind::Error500,
        FaultKind::CutBefore,
        FaultKind::CutAfter,
    ] {
        let cloud = cloud_with([Fault::every(kind).nth(1)]);
        cloud.store().ensure_bucket("state", HOME);
        let client = Client::new(&cloud.sdk_config("health-checker", HOME));
        assert_eq!(put(&client).await, Ok(()), "{kind}");
        assert_eq!(cloud.calls().len(), 2, "{kind}");
    }
    let cloud = cloud_with([Fault::every(FaultKind::Denied).nth(1)]);
    cloud.store().ensure_bucket("state", HOME);
    let client = Client::new(&cloud.sdk_config("health-checker", HOME));
    assert_eq!(
        put(&client).await,
        Err("403 AccessDenied".to_owned()),
        "a denial is final"
    );
}

#[tokio::test(start_paused = true)]
async fn a_crash_cancels_the_invocation_it_strikes_and_no_other() {
    for (kind, effect) in [(FaultKind::CrashBefore, false), (FaultKind::CrashAfter, true)] {
        let (cloud, client) = one_attempt([Fault::every(kind).by("health-checker").nth(1)]);
        let other = cloud.crash_signal("traffic-shifter");
        let crashed = cloud.crash_signal("health-checker");
        let crash = tokio::select! {
            answer = put(&client) => panic!("a crashed function got an answer: {answer:?}"),
            crash = crashed => crash,
        };
        assert_eq!((crash.service.as_str(), crash.operation.as_str()), ("s3", "PutObject"));
        assert_eq!(cloud.store().get("state", "k").is_some(), effect, "{kind}");
        let unharmed = tokio::time::timeout(Duration::from_secs(1), other).await;
        assert!(unharmed.is_err(), "another function was told to crash: {unharmed:?}");
        assert_eq!(put(&client).await, Ok(()), "the next invocation lives");
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_the_sdk_runs_in_virtual_time() {
    let (cloud, client) = one_attempt([Fault::every(FaultKind::Slow(Duration::from_secs(3600)))]);
    let timeout = aws_config::timeout::TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(5))
        .build();
    let config = client.config().to_builder().timeout_config(timeout).build();
    let error = put(&Client::from_conf(config))
        .await
        .expect_err("an hour is longer than five seconds");
    assert!(error.contains("TimeoutError"), "{error}");
    assert_eq!(elapsed(&cloud), Duration::from_secs(5));
    assert!(cloud.store().get("state", "k").is_some(), "the request had arrived");
}

#[tokio::test(start_paused = true)]
async fn the_log_names_the_permissions_of_every_call() {
    let (cloud, client) = one_attempt([]);
    put(&client).await.expect("a write");
    let copy = client
        .copy_object()
        .bucket("state")
        .key("copy")
        .copy_source("state/k")
        .send()
        .await;
    copy.expect("a copy");
    client
        .list_objects_v2()
        .bucket("state")
        .send()
        .await
        .expect("a listing");
    let used = rehearsal::cloud::actions_by_caller(&cloud.calls());
    let used: Vec<_> = used["health-checker"]
        .iter()
        .map(|(action, times)| format!("{action} {times}"))
        .collect();
    assert_eq!(used, ["s3:GetObject 1", "s3:ListBucket 1", "s3:PutObject 2"]);
    let record = cloud.take_calls().swap_remove(0);
    assert_eq!(record.resource.as_deref(), Some("state/k"));
    assert!(cloud.calls().is_empty(), "taken records are forgotten");
}
