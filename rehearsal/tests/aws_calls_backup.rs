//! The calls of a copy into another Region, through the real SDKs against the simulated AWS: whatever an object is like
//! and whatever goes wrong, its copy is the same in the end, and no upload is left behind.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use rehearsal::{
    clock::SimClock,
    cloud::Cloud,
    faults::{Fault, FaultKind, FaultPlan},
    store::{Content, Given, Look},
    world::{World, spec::WorldSpec},
};
use shared::{
    aws::{
        Base, Clock, Emit,
        s3::{Location, S3, copy::Copier},
    },
    backup::{
        copy::{Outcome, Proof, Transfer},
        inventory::{CopyAnswer, CopyCall, ObjectInfo, Wanted},
    },
    failure::Failure,
};

const FROM: &str = "eu-west-1";
const TO: &str = "eu-central-1";

const WORLD: &str = "
regions:
  eu-west-1: {keys: {theirs: {}}}
  eu-central-1: {keys: {ours: {}, locked: {denied: true}, off: {enabled: false}}}
incidents:
  - {at: 1h, for: 1h, region: eu-west-1, dark: true}
";

/// Larger than what one call copies, and its last part is no whole one.
const LARGE: u64 = 300_000_000;

fn cloud() -> Cloud {
    let start: Timestamp = "2026-01-01T12:00:00Z".parse().expect("a timestamp");
    let spec = WorldSpec::parse(WORLD, "world.yaml").unwrap_or_else(|problems| panic!("{problems}"));
    let world = World::new(&spec, 1, start).expect("a world");
    let cloud = Cloud::new(world, FaultPlan::none(), SimClock::new(start));
    cloud.store().ensure_bucket("models", FROM);
    cloud.store().ensure_bucket("backup", TO);
    cloud
}

fn base(cloud: &Cloud, caller: &str) -> Base {
    let sdk = cloud.sdk_config(caller, FROM).into_builder();
    let sdk = sdk
        .retry_config(shared::aws::retries())
        .timeout_config(shared::aws::timeouts())
        .build();
    let clock = *cloud.clock();
    Base::new(sdk, Clock::new(move || clock.now()), Emit::new(std::io::sink()))
}

fn copier(cloud: &Cloud, caller: &str, key: Option<&str>) -> Copier {
    let here = base(cloud, caller);
    Copier::new(&here, &here.in_region(TO), key)
}

fn given() -> Given {
    let some = |pairs: [(&str, &str); 2]| pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    Given {
        content_type: Some("application/x-tar".into()),
        metadata: some([("trained-by", "team risk"), ("rows", "12")]),
        tags: some([("team", "risk & fraud"), ("grade", "a+b=c/d")]),
        storage_class: Some("STANDARD_IA".into()),
        part_size: None,
    }
}

fn put(cloud: &Cloud, key: &str, size: u64, given: Given) {
    let content = Content::of_length(size, size ^ 7);
    cloud
        .store()
        .put_content("models", key, content, given)
        .expect("the bucket");
}

async fn source(copier: &Copier, key: &str) -> ObjectInfo {
    let at = Location::new("models", key);
    let found = copier.source().info(&at, None, None).await.expect("answered");
    found.expect("the object").0
}

async fn wanted(copier: &Copier, key: &str) -> Arc<Wanted> {
    Arc::new(Wanted {
        bucket: "models".into(),
        object: source(copier, key).await,
        to: Location::new("backup", format!("points/{key}")),
    })
}

/// Makes call after call until the transfer has ended.
async fn drive(copier: &Copier, transfer: &mut Transfer) -> Outcome {
    loop {
        while let Some(call) = transfer.next_call() {
            let answer = copier.perform(&call).await;
            transfer.answer(&call, answer);
        }
        if let Some(outcome) = transfer.ended() {
            return outcome.clone();
        }
    }
}

async fn copy(copier: &Copier, key: &str) -> Outcome {
    let wanted = wanted(copier, key).await;
    drive(copier, &mut Transfer::new(wanted)).await
}

fn looks(cloud: &Cloud, key: &str) -> (Look, Look) {
    let source = cloud.store().look("models", key).expect("the source");
    let copy = cloud.store().look("backup", &format!("points/{key}"));
    (source, copy.expect("the copy"))
}

/// The copy is to its readers what the source is.
fn assert_same(cloud: &Cloud, key: &str) {
    let (source, copy) = looks(cloud, key);
    assert_eq!(copy.content, source.content, "{key:?}");
    assert_eq!(copy.checksum, source.checksum, "{key:?}");
    assert_eq!(
        (&copy.content_type, &copy.metadata, &copy.tags, &copy.storage_class),
        (
            &source.content_type,
            &source.metadata,
            &source.tags,
            &source.storage_class
        ),
        "{key:?}"
    );
    assert_eq!(cloud.store().uploads("backup"), [], "{key:?}");
}

fn calls(cloud: &Cloud) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in cloud.take_calls() {
        *counts.entry(call.operation).or_default() += 1;
    }
    counts
}

#[tokio::test(start_paused = true)]
async fn objects_of_every_size_are_copied_with_all_that_is_said_of_them() {
    let cloud = cloud();
    let copier = copier(&cloud, "test", Some("ours"));
    for (key, size) in [("empty", 0), ("small", 5), ("whole", 256 << 20), ("large", LARGE)] {
        put(&cloud, key, size, given());
        let outcome = copy(&copier, key).await;
        assert_eq!(outcome, Outcome::Copied(Proof::Checksum), "{key}");
        assert_same(&cloud, key);
        let (_, made) = looks(&cloud, key);
        assert_eq!(
            made.key.as_deref(),
            Some("arn:aws:kms:eu-central-1:111122223333:key/ours")
        );
        assert_eq!(made.parts, if size == LARGE { 5 } else { 0 }, "{key}");
        let again = copy(&copier, key).await;
        assert_eq!(again, Outcome::Present(Proof::Checksum), "{key}");
    }
    let made = calls(&cloud);
    assert_eq!(
        (made["CopyObject"], made["CompleteMultipartUpload"]),
        (3, 1),
        "{made:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn keys_of_any_letters_are_listed_copied_tagged_and_deleted() {
    let keys = [
        " leading space",
        "50%25 off",
        "a b/c+d/e&f=g",
        "a//b/",
        "dir/../up",
        "emoji/\u{1F600}.bin",
        "line\nbreak",
        "question?mark#hash",
        "quote\"<tag>'",
        "ünïcödé/模型.tar.gz",
    ];
    let cloud = cloud();
    let copier = copier(&cloud, "test", None);
    for key in keys {
        put(&cloud, key, 10, given());
        let outcome = copy(&copier, key).await;
        assert_eq!(outcome, Outcome::Copied(Proof::Checksum), "{key:?}");
        assert_same(&cloud, key);
        let large = format!("{key}large");
        put(&cloud, &large, LARGE, given());
        let outcome = copy(&copier, &large).await;
        assert_eq!(outcome, Outcome::Copied(Proof::Checksum), "{large:?}");
        assert_same(&cloud, &large);
    }
    let page = copier
        .destination()
        .page("backup", "points/", None)
        .await
        .expect("listed");
    let listed: Vec<&str> = page
        .objects
        .iter()
        .map(|object| &object.key["points/".len()..])
        .collect();
    let mut expected: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    expected.extend(keys.iter().map(|key| format!("{key}large")));
    expected.sort();
    assert_eq!(listed, expected);
    let tags = [("k+ y", "v&=%"), ("ü", "模型")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    let at = Location::new("backup", format!("points/{}", keys[2]));
    copier
        .destination()
        .set_tags(&at, &tags.clone().into())
        .await
        .expect("tagged");
    assert_eq!(copier.destination().tags(&at, None).await, Ok(tags.into()));
    let all: Vec<String> = page.objects.into_iter().map(|object| object.key).collect();
    let kept = copier
        .destination()
        .delete_batch("backup", &all)
        .await
        .expect("deleted");
    assert_eq!(kept, []);
    assert_eq!(cloud.store().keys("backup"), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_hundred_gigabytes_are_copied_in_as_many_calls_as_there_are_parts_and_go_on_where_they_stopped() {
    let cloud = cloud();
    let copier = copier(&cloud, "test", None);
    put(&cloud, "huge", 100_000_000_000, given());
    let wanted = wanted(&copier, "huge").await;
    let mut first = Transfer::new(wanted.clone());
    for _ in 0..1200 {
        let call = first.next_call().expect("a call");
        let answer = copier.perform(&call).await;
        first.answer(&call, answer);
    }
    let outcome = drive(&copier, &mut Transfer::new(wanted)).await;
    assert_eq!(outcome, Outcome::Copied(Proof::Checksum));
    assert_same(&cloud, "huge");
    let (_, made) = looks(&cloud, "huge");
    assert_eq!(made.parts, 1491);
    let made = calls(&cloud);
    assert_eq!(made["UploadPartCopy"], 1491, "{made:?}");
    assert_eq!(made["ListParts"], 2, "more parts than fit on one page: {made:?}");
}

#[tokio::test(start_paused = true)]
async fn many_objects_and_many_uploads_are_listed_page_by_page() {
    let cloud = cloud();
    for index in 0..2500 {
        cloud
            .store()
            .put_virtual("models", &format!("many/{index:05}"), 1, index);
    }
    let s3 = S3::new(&base(&cloud, "test"));
    let (mut token, mut keys, mut pages) = (None, Vec::new(), 0);
    loop {
        let page = s3.page("models", "many/", token).await.expect("a page");
        keys.extend(page.objects.into_iter().map(|object| object.key));
        pages += 1;
        token = page.next;
        if token.is_none() {
            break;
        }
    }
    assert_eq!((pages, keys.len()), (3, 2500));
    assert!(keys.is_sorted());
    let client = aws_sdk_s3::Client::new(&cloud.sdk_config("test", FROM));
    for index in 0..1005 {
        // Three uploads to each key: a page may end between uploads of one key.
        let key = format!("up loads/{:03}", index / 3);
        let begun = client.create_multipart_upload().bucket("models").key(key).send().await;
        begun.expect("begun");
    }
    let uploads = s3.uploads("models", "up loads/").await.expect("listed");
    let mut ids: Vec<&str> = uploads.iter().map(|upload| upload.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 1005);
    assert!(uploads.is_sorted_by_key(|upload| &upload.key));
    assert_eq!(calls(&cloud)["ListMultipartUploads"], 2);
}

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
