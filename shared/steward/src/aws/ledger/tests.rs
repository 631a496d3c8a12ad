use serde_json::{Value, json};

use super::*;
use crate::aws::testing::{self, Fault, Wire};

type Names = Vec<String>;
const PATH: &str = "/state/health.json";

fn ledger(wire: &Wire, writer: &str) -> Ledger<Names> {
    let (base, _) = testing::base(wire.clone());
    Ledger::new(
        &S3::new(&base),
        Location::new("state", "health.json"),
        "names/1",
        writer,
    )
}

fn add(name: &str) -> impl FnMut(&Names) -> (Option<Names>, usize) {
    move |names| {
        let mut names = names.clone();
        names.push(name.to_owned());
        let count = names.len();
        (Some(names), count)
    }
}

fn stored(wire: &Wire) -> Value {
    serde_json::from_slice(&wire.get(PATH).expect("an object")).expect("JSON")
}

/// What another function does meanwhile, at the level of bytes.
fn others_write(objects: &mut testing::Objects, name: &str) {
    let body = objects.get_mut(PATH).expect("an object");
    let mut envelope: Value = serde_json::from_slice(body).expect("JSON");
    let sequence = envelope["sequence"].as_u64().expect("a number") + 1;
    envelope["sequence"] = sequence.into();
    envelope["trail"]
        .as_array_mut()
        .expect("a trail")
        .push(format!("{sequence}-other").into());
    envelope["document"].as_array_mut().expect("names").push(name.into());
    *body = envelope.to_string().into_bytes();
}

#[tokio::test]
async fn the_first_write_creates_and_the_next_builds_on_it() {
    let wire = Wire::default();
    let one = ledger(&wire, "health-checker/req-1");
    assert_eq!(one.load().await.expect("loaded").document, Names::new());
    let (now, count) = one.change(add("a")).await.expect("changed");
    assert_eq!((now.sequence, count), (1, 1));
    let (now, count) = ledger(&wire, "health-checker/req-2")
        .change(add("b"))
        .await
        .expect("changed");
    assert_eq!(
        (now.sequence, count, now.document),
        (2, 2, vec!["a".to_owned(), "b".to_owned()])
    );
    insta::assert_json_snapshot!(stored(&wire), @r#"
    {
      "schema": "names/1",
      "writer": "health-checker/req-2",
      "sequence": 2,
      "trail": [
        "1-17869065a9400e3a",
        "2-6d914e95573e61b1"
      ],
      "document": [
        "a",
        "b"
      ]
    }
    "#);
}

#[tokio::test]
async fn a_writer_who_lost_the_race_decides_anew_on_what_the_other_wrote() {
    let wire = Wire::default();
    let (first, second) = (ledger(&wire, "one"), ledger(&wire, "two"));
    let (read, _) = first.change(add("a")).await.expect("changed");
    second.change(add("b")).await.expect("changed");
    assert!(matches!(
        first.commit(&read, vec!["x".into()]).await,
        Err(LedgerError::Conflict { attempts: 1, .. })
    ));
    let (now, count) = first.change_from(read, add("c")).await.expect("changed");
    assert_eq!((now.document.join(""), count), ("abc".to_owned(), 3));
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_recognised_as_our_own() {
    let wire = Wire::default();
    let one = ledger(&wire, "one");
    one.change(add("a")).await.expect("changed");
    wire.fault(Fault::After(Box::new(|_| {})));
    let (now, _) = one
        .change(add("b"))
        .await
        .expect("the repetition is refused because of ourselves");
    assert_eq!((now.sequence, now.document.join("")), (2, "ab".to_owned()));
    let (now, _) = one
        .change_from(now, add("c"))
        .await
        .expect("the version is the right one to go on from");
    assert_eq!(now.document.join(""), "abc");
}

#[tokio::test]
async fn a_lost_answer_is_recognised_although_somebody_wrote_on_top() {
    let wire = Wire::default();
    let one = ledger(&wire, "one");
    one.change(add("a")).await.expect("changed");
    wire.fault(Fault::After(Box::new(|objects| others_write(objects, "o"))));
    let (now, count) = one.change(add("b")).await.expect("changed once");
    assert_eq!((now.document.join(""), now.sequence, count), ("abo".to_owned(), 3, 2));
}

#[tokio::test]
async fn when_no_attempt_is_answered_the_document_tells_what_took_effect() {
    let wire = Wire::default();
    let one = ledger(&wire, "one");
    one.change(add("a")).await.expect("changed");
    wire.fault(Fault::Before);
    wire.fault(Fault::After(Box::new(|_| {})));
    let (now, _) = one.change(add("b")).await.expect("the second attempt took effect");
    assert_eq!(now.document.join(""), "ab");
    wire.fault(Fault::Before);
    wire.fault(Fault::Before);
    let error = one.change(add("c")).await.expect_err("no attempt took effect");
    assert_eq!(error.call().map(|call| call.failure), Some(Failure::Network));
    assert_eq!(stored(&wire)["document"], json!(["a", "b"]));
}

#[tokio::test]
async fn a_document_of_another_kind_is_never_overwritten() {
    let wire = Wire::default();
    let one = ledger(&wire, "one");
    for body in [
        r#"{"schema":"names/2","sequence":1,"trail":[],"document":{}}"#,
        r#"{"schema":"names/1"}"#,
        "{",
    ] {
        wire.put(PATH, body.as_bytes());
        let error = one.change(add("a")).await.expect_err("unreadable");
        assert!(matches!(error, LedgerError::Unreadable { .. }), "{error}");
        assert_eq!(wire.get(PATH).as_deref(), Some(body.as_bytes()));
    }
    wire.put(PATH, br#"{"schema":"names/2"}"#);
    insta::assert_snapshot!(one.load().await.expect_err("unreadable"), @r#"s3://state/health.json is not a names/1 document: its schema is "names/2". It was left as it is; restore an earlier version of the object, deploy the build that wrote it, or move it away to begin anew"#);
}

#[tokio::test]
async fn leaving_the_document_as_it_is_writes_nothing() {
    let wire = Wire::default();
    let one = ledger(&wire, "one");
    let (now, answer) = one.change(|_| (None, "nothing to do")).await.expect("read");
    assert_eq!((now.sequence, answer), (0, "nothing to do"));
    assert_eq!(wire.calls(), ["GET /state/health.json"]);
}

#[tokio::test]
async fn a_change_that_loses_every_race_ends_and_says_so() {
    let wire = Wire::default();
    let one = ledger(&wire, "one");
    one.change(add("a")).await.expect("changed");
    let spoiler = wire.clone();
    let result = one
        .change(|names: &Names| {
            let body = spoiler.get(PATH).expect("an object");
            let mut objects = testing::Objects::from([(PATH.to_owned(), body)]);
            others_write(&mut objects, "o");
            spoiler.put(PATH, &objects[PATH]);
            (Some([names.clone(), vec!["b".into()]].concat()), ())
        })
        .await;
    assert_eq!(
        result.map(|_| ()),
        Err(LedgerError::Conflict {
            at: Location::new("state", "health.json"),
            attempts: ATTEMPTS
        })
    );
}
