use serde_json::json;

use super::*;
use crate::backup::fixture;

#[test]
fn everything_a_definition_names_is_found_with_its_place() {
    let found: Vec<String> = references(&fixture::definition())
        .iter()
        .map(|reference| format!("{reference}: {} ({:?})", reference.value, reference.names))
        .collect();
    insta::assert_snapshot!(found.join("\n"));
}

#[test]
fn a_field_nobody_knows_is_found_by_what_it_holds() {
    let document = Document {
        name: "m".into(),
        body: json!({"PrimaryContainer": {"NextYear": {
            "Arn": "arn:aws:lambda:us-east-1:111122223333:function:auth",
            "Global": "arn:aws:iam::111122223333:policy/p",
            "Host": "https://vpce.us-east-1.amazonaws.com/x",
            "Plain": "nothing",
            "Uri": "s3://models/next",
        }}}),
        tags: BTreeMap::new(),
    };
    let mut found = vec![];
    of_document(Kind::Model, &document, &mut found);
    let fields: Vec<&str> = found
        .iter()
        .map(|reference| reference.pointer.rsplit('/').next().unwrap())
        .collect();
    assert_eq!(fields, ["Arn", "Host", "Uri"]);
}

#[test]
fn one_artifact_that_two_containers_name_is_one_artifact() {
    let artifacts = artifacts(&fixture::definition());
    let shared = &artifacts[&("s3://models/fraud/v1/model.tar.gz".to_owned(), Form::Object)];
    assert_eq!(shared.len(), 2);
}

#[test]
fn a_prefix_is_one_with_and_without_its_slash_and_may_be_a_bucket() {
    let key = |uri, form| place(uri, form).map(|place| place.key);
    assert_eq!(key("s3://b/models", Form::Prefix).as_deref(), Ok("models/"));
    assert_eq!(key("s3://b/models/", Form::Prefix).as_deref(), Ok("models/"));
    assert_eq!(key("s3://b", Form::Prefix).as_deref(), Ok(""));
    assert_eq!(
        key("s3://b/", Form::Object).unwrap_err(),
        "\"s3://b/\" names a bucket and no object in it"
    );
    assert_eq!(
        key("https://b/k", Form::Object).unwrap_err(),
        "\"https://b/k\" is neither s3://bucket/key nor an address of S3 without escapes"
    );
}
