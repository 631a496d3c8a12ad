//! The calls of a copy into another Region, through the real SDKs against the simulated AWS: whatever an object is like
//! and whatever goes wrong, its copy is the same in the end, and no upload is left behind.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use rehearsal::{
    clock::SimClock,
    cloud::Cloud,
    faults::FaultPlan,
    store::{Content, Given, GivenChecksum, Look},
    world::{World, spec::WorldSpec},
};
use steward::{
    aws::{
        Base, Clock, Emit,
        s3::{Location, S3, copy::Copier},
    },
    backup::{
        copy::{Outcome, Proof, Transfer},
        inventory::{Found, ObjectInfo, Wanted},
    },
};

#[path = "aws_calls_backup/failing.rs"]
mod failing;

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
        .retry_config(steward::aws::retries())
        .timeout_config(steward::aws::timeouts())
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
        ..Given::default()
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
        pinned: true,
        taken: None,
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
    let mut metadata = copy.metadata.clone();
    // Of which version it is a copy, where nothing else might say so.
    metadata.remove("steward-copy-of");
    assert_eq!(
        (&copy.content_type, &metadata, &copy.tags, &copy.storage_class),
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
async fn a_copy_is_compared_by_what_its_source_was_uploaded_with() {
    let cloud = cloud();
    let copier = copier(&cloud, "test", Some("ours"));
    let proofs = [
        (GivenChecksum::Crc64Nvme, Proof::Checksum),
        (GivenChecksum::Crc32, Proof::Checksum),
        (GivenChecksum::OfParts, Proof::Size),
        (GivenChecksum::Absent, Proof::Size),
    ];
    for (checksum, proof) in proofs {
        for size in [10, LARGE] {
            let key = format!("{checksum:?}/{size}");
            let given = Given { checksum, ..given() };
            put(&cloud, &key, size, given);
            assert_eq!(copy(&copier, &key).await, Outcome::Copied(proof), "{key}");
            let (source, made) = looks(&cloud, &key);
            assert_eq!(made.content, source.content);
            assert!(!made.composite, "{key}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_for_another_set_is_made_without_reading_the_source_again() {
    let cloud = cloud();
    let copier = copier(&cloud, "test", None);
    for checksum in [GivenChecksum::Crc32, GivenChecksum::OfParts, GivenChecksum::Absent] {
        for size in [10, LARGE] {
            let key = format!("{checksum:?}/{size}");
            put(&cloud, &key, size, Given { checksum, ..given() });
            copy(&copier, &key).await;
            let first = wanted(&copier, &key).await;
            let earlier = copier
                .destination()
                .page("backup", &first.to.key, None)
                .await
                .expect("listed");
            let next = Wanted {
                to: Location::new("backup", format!("again/{key}")),
                ..(*first).clone()
            };
            let found = Found {
                earlier: earlier.objects,
                ..Found::default()
            };
            cloud.take_calls();
            let outcome = drive(&copier, &mut Transfer::found(Arc::new(next), found)).await;
            assert!(matches!(outcome, Outcome::Taken(_)), "{key}: {outcome}");
            let from: Vec<Option<String>> = cloud.take_calls().into_iter().map(|call| call.copied_from).collect();
            assert!(
                from.iter().flatten().all(|bucket| bucket == "backup"),
                "{key}: {from:?}"
            );
            let source = cloud.store().look("models", &key).expect("the source");
            let made = cloud.store().look("backup", &format!("again/{key}")).expect("the copy");
            assert_eq!((made.content, made.tags), (source.content, source.tags), "{key}");
        }
    }
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
