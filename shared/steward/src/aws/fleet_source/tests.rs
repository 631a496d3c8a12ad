use super::*;
use crate::{
    aws::testing::{self, Fault, Wire},
    failure::Failure,
    report::Outcome,
};

const FILE: &str = "/config/fleet.yaml";
const COPY: &str = "/state/steward/fleet/last-good.json";
const GOOD: &[u8] = b"version: 1\nendpoints:\n  fraud: {}\n";
const NEWER: &[u8] = b"version: 1\nendpoints:\n  fraud: {}\n  search: {}\n";
const BROKEN: &[u8] = b"version: 1\nendpoints:\n  fraud:\n    helth: {}\n";

fn start(wire: &Wire) -> (FleetFile, S3) {
    let source = FleetSource::S3 {
        bucket: "config".into(),
        key: "fleet.yaml".into(),
    };
    let store = StateStore {
        bucket: "state".into(),
        prefix: "steward/".into(),
    };
    let (base, _) = testing::base(wire.clone());
    (FleetFile::new(&source, &store), S3::new(&base))
}

fn names(in_force: &InForce) -> Vec<&str> {
    in_force.fleet.named()
}

#[tokio::test]
async fn an_unchanged_file_is_read_once_and_then_only_asked_for() {
    let wire = Wire::default();
    wire.put(FILE, GOOD);
    let (file, s3) = start(&wire);
    let first = file.load(&s3).await.expect("in force");
    assert_eq!((names(&first), first.troubles.as_slice()), (vec!["fraud"], &[][..]));
    assert_eq!(
        wire.calls(),
        [format!("GET {FILE}"), format!("GET {COPY}"), format!("PUT {COPY}")]
    );
    let again = file.load(&s3).await.expect("in force");
    assert_eq!(again.version, first.version);
    assert_eq!(wire.calls(), [format!("GET {FILE}")]);
    let (restarted, s3) = start(&wire);
    restarted.load(&s3).await.expect("in force");
    assert_eq!(wire.calls(), [format!("GET {FILE}"), format!("GET {COPY}")]);
}

#[tokio::test]
async fn a_broken_version_leaves_the_last_good_one_in_force_also_after_a_restart() {
    let wire = Wire::default();
    wire.put(FILE, GOOD);
    let (file, s3) = start(&wire);
    let good = file.load(&s3).await.expect("in force");
    wire.put(FILE, BROKEN);
    let (restarted, cold) = start(&wire);
    for (file, s3) in [(&file, &s3), (&file, &s3), (&restarted, &cold)] {
        let now = file.load(s3).await.expect("the last good one");
        assert_eq!((names(&now), &now.version), (vec!["fraud"], &good.version));
        let [Trouble::Broken { version, errors }] = now.troubles.as_slice() else {
            panic!("{:?}", now.troubles)
        };
        assert_ne!(version, &good.version);
        assert!(errors.to_string().contains("helth"), "{errors}");
    }
    wire.put(FILE, NEWER);
    let mended = restarted.load(&cold).await.expect("in force");
    assert_eq!(
        (names(&mended), mended.troubles.as_slice()),
        (vec!["fraud", "search"], &[][..])
    );
}

#[tokio::test]
async fn a_file_that_is_gone_or_not_text_leaves_the_last_good_one_in_force() {
    let wire = Wire::default();
    wire.put(FILE, GOOD);
    let (file, s3) = start(&wire);
    file.load(&s3).await.expect("in force");
    wire.put(FILE, b"version: \xff");
    let troubles = file.load(&s3).await.expect("the last good one").troubles;
    assert!(matches!(troubles[..], [Trouble::NotText { at: 9, .. }]), "{troubles:?}");
    wire.remove(FILE);
    assert_eq!(
        file.load(&s3).await.expect("the last good one").troubles,
        [Trouble::Missing]
    );
    wire.put(FILE, b"version: \xff");
    let troubles = file.load(&s3).await.expect("the last good one").troubles;
    assert!(matches!(troubles[..], [Trouble::NotText { .. }]), "{troubles:?}");
}

#[tokio::test]
async fn without_any_good_version_everything_wrong_is_said() {
    let wire = Wire::default();
    let (file, s3) = start(&wire);
    insta::assert_snapshot!(file.load(&s3).await.expect_err("none"), @"there is no fleet file yet, so there is nothing to look after: s3://config/fleet.yaml is not there, and none was ever good. Write one and upload it there");
    wire.put(COPY, br#"{"source":"s3://other/fleet.yaml","version":"1","text":""}"#);
    insta::assert_snapshot!(file.load(&s3).await.expect_err("none").copy, @"s3://state/steward/fleet/last-good.json is a copy of s3://other/fleet.yaml, not of s3://config/fleet.yaml");
}

#[tokio::test]
async fn a_file_that_nobody_wrote_is_told_from_one_that_is_wrong_or_moved_and_from_calls_that_fail() {
    let wire = Wire::default();
    let (file, s3) = start(&wire);
    let none = file.load(&s3).await.expect_err("none");
    assert!(none.is_unwritten(), "{none}");
    assert_eq!(none.of_the_monitor().key(), "no-fleet-file/s3://config/fleet.yaml");
    assert_eq!(none.answered().expect("an answer").outcome, Outcome::Partial);
    wire.put(FILE, b"version: 7");
    let broken = file.load(&s3).await.expect_err("none");
    assert!(!broken.is_unwritten(), "{broken}");
    assert_eq!(broken.of_the_monitor().key(), "fleet-file/fleet file");
    assert!(broken.answered().is_err());
    wire.remove(FILE);
    wire.put(COPY, br#"{"source":"s3://other/fleet.yaml","version":"1","text":""}"#);
    assert!(!start(&wire).0.load(&s3).await.expect_err("none").is_unwritten());
    wire.remove(COPY);
    wire.refuse_to_read(403, "AccessDenied");
    let denied = start(&wire).0.load(&s3).await.expect_err("none");
    assert!(!denied.is_unwritten(), "{denied}");
}

#[tokio::test]
async fn a_copy_that_cannot_be_kept_is_reported_and_tried_again() {
    let wire = Wire::default();
    wire.put(FILE, GOOD);
    let (file, s3) = start(&wire);
    wire.fault(Fault::Says(403, "AccessDenied"));
    let now = file.load(&s3).await.expect("in force all the same");
    assert_eq!(names(&now), ["fraud"]);
    assert!(
        matches!(now.troubles.as_slice(), [Trouble::NotKept { call, .. }] if call.operation == "PutObject"),
        "{:?}",
        now.troubles
    );
    let told = now.troubles[0].of_the_monitor(now.troubles[0].to_string());
    assert_eq!(told.key(), "denied/s3:PutObject of the fleet file's copy");
    assert_eq!(file.load(&s3).await.expect("in force").troubles, []);
    assert!(wire.get(COPY).is_some());
}

#[tokio::test]
async fn a_local_file_is_read_again_when_it_changes() {
    let folder = std::env::temp_dir().join(format!("steward-fleet-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("fleet.yaml");
    std::fs::write(&path, GOOD).expect("written");
    let wire = Wire::default();
    let (_, s3) = start(&wire);
    let store = StateStore {
        bucket: "state".into(),
        prefix: "steward/".into(),
    };
    let file = FleetFile::new(&FleetSource::File(path.clone()), &store);
    assert_eq!(names(&file.load(&s3).await.expect("in force")), ["fraud"]);
    std::fs::write(&path, NEWER).expect("written");
    assert_eq!(names(&file.load(&s3).await.expect("in force")), ["fraud", "search"]);
    std::fs::remove_dir_all(&folder).expect("removed");
    let gone = file.load(&s3).await.expect("the last good one");
    assert!(matches!(gone.troubles[..], [Trouble::File(_)]), "{:?}", gone.troubles);
}

#[tokio::test]
async fn when_the_version_in_force_was_written_is_known_also_after_a_restart() {
    let folder = std::env::temp_dir().join(format!("steward-fleet-written-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("fleet.yaml");
    std::fs::write(&path, GOOD).expect("written");
    let written: Timestamp = "2026-03-02T08:00:00Z".parse().expect("a time");
    let opened = std::fs::File::options().write(true).open(&path).expect("opened");
    opened.set_modified(written.into()).expect("set");
    let (_, s3) = start(&Wire::default());
    let store = StateStore {
        bucket: "state".into(),
        prefix: "steward/".into(),
    };
    let source = FleetSource::File(path);
    let file = FleetFile::new(&source, &store);
    assert_eq!(file.modified().await, None);
    file.load(&s3).await.expect("in force");
    assert_eq!(file.modified().await, Some(written));
    std::fs::remove_dir_all(&folder).expect("removed");
    let restarted = FleetFile::new(&source, &store);
    restarted.load(&s3).await.expect("the last good one");
    assert_eq!(restarted.modified().await, Some(written));
}

#[tokio::test]
async fn a_call_that_fails_says_nothing_of_the_file_and_what_was_wrong_with_it_stands() {
    let wire = Wire::default();
    wire.put(FILE, GOOD);
    let (file, s3) = start(&wire);
    let keys = async || {
        let troubles = file.load(&s3).await.expect("in force").troubles;
        let told = troubles
            .iter()
            .map(|trouble| trouble.of_the_monitor(trouble.to_string()).key());
        told.collect::<Vec<_>>()
    };
    assert_eq!(keys().await, [""; 0]);
    wire.refuse_to_read(403, "AccessDenied");
    assert_eq!(keys().await, ["denied/s3:GetObject of the fleet file"]);
    wire.put(FILE, BROKEN);
    assert_eq!(keys().await, ["fleet-file/fleet file"]);
    wire.refuse_to_read(403, "AccessDenied");
    assert_eq!(
        keys().await,
        ["fleet-file/fleet file", "denied/s3:GetObject of the fleet file"]
    );
    wire.refuse_to_read(404, "NoSuchBucket");
    assert_eq!(keys().await, ["fleet-file/fleet file"; 2]);
}

#[tokio::test]
async fn a_source_that_cannot_be_asked_is_no_reason_to_stop() {
    let wire = Wire::default();
    wire.put(FILE, GOOD);
    let (file, s3) = start(&wire);
    file.load(&s3).await.expect("in force");
    let late = s3.until("2026-01-01T11:00:00Z".parse().expect("a timestamp"));
    let now = file.load(&late).await.expect("the last good one");
    assert!(matches!(now.troubles.as_slice(), [Trouble::Call(call)] if call.failure == Failure::TimedOut));
}
