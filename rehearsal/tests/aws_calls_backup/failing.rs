//! What changes, fails or dies in the middle of a copy.

use std::{sync::Arc, time::Duration};

use rehearsal::{
    faults::{Fault, FaultKind},
    store::Content,
};
use steward::{
    aws::s3::{Location, S3},
    backup::{
        copy::{Outcome, Transfer},
        inventory::{CopyAnswer, CopyCall, Wanted},
    },
    failure::Failure,
};

use super::{FROM, LARGE, TO, assert_same, base, cloud, copier, drive, given, put, wanted};

#[tokio::test(start_paused = true)]
async fn an_object_that_changes_while_it_is_copied_is_never_copied_in_parts_of_two_versions() {
    for after in 0..12 {
        for size in [20, LARGE] {
            let cloud = cloud();
            let copier = copier(&cloud, "test", None);
            put(&cloud, "model", size, given());
            let wanted = wanted(&copier, "model").await;
            let old = cloud.store().look("models", "model").expect("the source").content;
            let mut transfer = Transfer::new(wanted.clone());
            for _ in 0..after {
                let Some(call) = transfer.next_call() else { break };
                let answer = copier.perform(&call).await;
                transfer.answer(&call, answer);
            }
            let other = Content::of_length(size, 99);
            cloud
                .store()
                .put_content("models", "model", other, given())
                .expect("the bucket");
            let copied = |outcome: &Outcome| outcome.proof().is_some();
            let outcome = drive(&copier, &mut transfer).await;
            match cloud.store().look("backup", "points/model") {
                Some(copy) => assert!(copied(&outcome) && copy.content == old, "{after} {size}: {outcome}"),
                None => assert!(!copied(&outcome), "{after} {size}: {outcome}"),
            }
            let leftover = cloud.store().uploads("backup");
            // The source is versioned, so the old version can still be read by its id: the copy is finished from it.
            assert_eq!(leftover, [], "{after} {size}: {outcome}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_versions_a_changed_source_ends_the_copy_and_its_upload() {
    let cloud = cloud();
    cloud.store().ensure_bucket("plain", FROM);
    cloud.store().without_versions("plain");
    let copier = copier(&cloud, "test", None);
    cloud.store().put_virtual("plain", "model", LARGE, 1);
    let at = Location::new("plain", "model");
    let object = copier
        .source()
        .info(&at, None, None)
        .await
        .expect("answered")
        .expect("there")
        .0;
    assert_eq!(object.version, None);
    let wanted = Arc::new(Wanted {
        bucket: "plain".into(),
        object,
        to: Location::new("backup", "model"),
        pinned: true,
        taken: None,
    });
    let mut transfer = Transfer::new(wanted);
    for _ in 0..4 {
        let call = transfer.next_call().expect("a call");
        let answer = copier.perform(&call).await;
        transfer.answer(&call, answer);
    }
    assert_eq!(cloud.store().uploads("backup").len(), 1);
    cloud.store().put_virtual("plain", "model", LARGE, 2);
    assert_eq!(drive(&copier, &mut transfer).await, Outcome::SourceChanged);
    assert_eq!(cloud.store().uploads("backup"), []);
    cloud.store().delete("plain", "model");
    let call = CopyCall::Begin(transfer.wanted().clone());
    assert_eq!(copier.perform(&call).await, CopyAnswer::SourceChanged);
}

#[tokio::test(start_paused = true)]
async fn any_call_may_fail_in_any_way_and_the_copy_is_made_all_the_same() {
    let kinds = [
        FaultKind::Throttle,
        FaultKind::Error500,
        FaultKind::Error200,
        FaultKind::CutBefore,
        FaultKind::CutAfter,
    ];
    for kind in kinds {
        for size in [20, LARGE] {
            for nth in 1..=13 {
                let cloud = cloud();
                let copier = copier(&cloud, "test", Some("alias/ours"));
                put(&cloud, "model", size, given());
                let wanted = wanted(&copier, "model").await;
                cloud.take_calls();
                cloud.add_fault(Fault {
                    times: Some(2),
                    ..Fault::every(kind).nth(nth + 1)
                });
                let outcome = drive(&copier, &mut Transfer::new(wanted)).await;
                assert!(outcome.proof().is_some(), "{kind} at call {nth} of {size}: {outcome}");
                assert_same(&cloud, "model");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_function_that_dies_at_any_call_is_continued_by_one_that_knows_nothing() {
    for kind in [FaultKind::CrashBefore, FaultKind::CrashAfter] {
        for nth in 1..=12 {
            let cloud = cloud();
            put(&cloud, "model", LARGE, given());
            let first = copier(&cloud, "test#1", None);
            let wanted = wanted(&first, "model").await;
            cloud.add_fault(Fault::every(kind).nth(nth));
            let crash = cloud.crash_signal("test#1");
            let mut transfer = Transfer::new(wanted.clone());
            tokio::select! {
                _ = crash => {}
                outcome = drive(&first, &mut transfer) => {
                    assert!(outcome.proof().is_some(), "{kind} at {nth}: {outcome}");
                }
            }
            let second = copier(&cloud, "test#2", None);
            let outcome = drive(&second, &mut Transfer::new(wanted)).await;
            assert!(outcome.proof().is_some(), "{kind} at {nth}: {outcome}");
            assert_same(&cloud, "model");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_had_says_why() {
    let cloud = cloud();
    put(&cloud, "model", 20, given());
    put(&cloud, "large", LARGE, given());
    let failure = |answer: &CopyAnswer| match answer {
        CopyAnswer::Failed(error) => Some((error.failure, error.code.clone().unwrap_or_default())),
        _ => None,
    };
    let cases = [
        ("locked", Failure::Denied, "AccessDenied"),
        ("off", Failure::Invalid, "KMS.DisabledException"),
        ("nowhere", Failure::NotFound, "KMS.NotFoundException"),
        (
            "arn:aws:kms:eu-west-1:111122223333:key/theirs",
            Failure::NotFound,
            "KMS.NotFoundException",
        ),
    ];
    for (key, class, code) in cases {
        let copier = copier(&cloud, "test", Some(key));
        for (object, call) in [
            ("model", CopyCall::Whole as fn(_) -> _),
            ("large", CopyCall::Begin as fn(_) -> _),
        ] {
            let answer = copier.perform(&call(wanted(&copier, object).await)).await;
            assert_eq!(failure(&answer), Some((class, code.to_owned())), "{key}: {answer:?}");
        }
    }
    let copier = copier(&cloud, "test", None);
    let mut elsewhere = (*wanted(&copier, "model").await).clone();
    elsewhere.to = Location::new("models", "copy");
    let answer = copier.perform(&CopyCall::Whole(Arc::new(elsewhere))).await;
    assert_eq!(
        failure(&answer),
        Some((Failure::Invalid, "PermanentRedirect".to_owned()))
    );
    let here = S3::new(&base(&cloud, "test"));
    assert_eq!(here.bucket_region("backup").await, Ok(Some(TO.to_owned())));
    assert_eq!(here.bucket_region("models").await, Ok(Some(FROM.to_owned())));
    assert_eq!(here.bucket_region("no-such-bucket").await, Ok(None));
    let wanted = wanted(&copier, "large").await;
    tokio::time::sleep(Duration::from_secs(3700)).await;
    cloud.advance();
    let answer = copier.perform(&CopyCall::Whole(wanted.clone())).await;
    assert_eq!(
        failure(&answer).map(|it| it.0),
        Some(Failure::Unavailable),
        "the source is dark"
    );
    let listed = copier.destination().page("backup", "", None).await;
    assert!(listed.is_ok(), "the destination is not: {listed:?}");
}
