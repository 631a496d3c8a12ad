use std::sync::Arc;

use super::*;
use crate::backup::{
    artifact::{Listed, Listing},
    fixture::{at, definition, object, vault},
    references::{ManifestFile, ManifestForm},
    rewrite::Mappings,
};

fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries
        .iter()
        .map(|(from, to)| ((*from).to_owned(), (*to).to_owned()))
        .collect()
}

fn listed(tally: Tally) -> Listed {
    Listed {
        digest: "d".into(),
        tally,
        ..Listed::default()
    }
}

fn rules() -> Rules {
    Rules {
        account: "111122223333".into(),
        from: "us-east-1".into(),
        to: "eu-west-1".into(),
        copied: BTreeMap::new(),
        mappings: Mappings {
            keys: map(&[("arn:aws:kms:us-east-1:111122223333:key/1234", "alias/dr")]),
            subnets: map(&[("subnet-a", "subnet-x"), ("subnet-b", "subnet-y")]),
            security_groups: map(&[("sg-1", "sg-2")]),
            buckets: map(&[
                ("captured", "captured-eu"),
                ("answers", "answers-eu"),
                ("many", "many-eu"),
            ]),
            environment: map(&[("FEATURES", "features.example.com")]),
            others: map(&[(
                "arn:aws:sns:us-east-1:111122223333:errors",
                "arn:aws:sns:eu-west-1:111122223333:errors",
            )]),
            ..Mappings::default()
        },
    }
}

#[test]
fn what_no_copy_can_help_is_told_before_the_first_byte_is_copied() {
    let to_copy = preflight(&definition(), &rules()).unwrap();
    assert_eq!(to_copy.len(), 6, "{:?}", to_copy.keys());
    let bare = Rules {
        mappings: Mappings::default(),
        ..rules()
    };
    let refused = preflight(&definition(), &bare).unwrap_err();
    assert_eq!(refused.0.len(), 8, "{refused}");
    assert!(refused.0.iter().all(|one| !one.why.contains("copied")), "{refused}");
}

#[test]
fn a_backup_whose_artifacts_are_all_there_becomes_a_point_that_can_be_read() {
    let source = definition();
    let artifacts: Vec<Artifact> = preflight(&source, &rules())
        .unwrap()
        .into_keys()
        .map(|key| {
            let one = object(key.0.trim_start_matches("s3://models/"), 10, "\"e\"");
            let destination = Destination::of_object(&vault(), "models", &one).unwrap();
            let wanted = destination.wanted(one.clone()).unwrap();
            assert_eq!(wanted.to, destination.at);
            let mut tallied = Tallied::default();
            tallied.add(&wanted, &Outcome::Copied(Proof::Checksum));
            let expected = Tally { objects: 1, bytes: 10 };
            tallied
                .artifact(&key, &destination, expected, listed(expected))
                .unwrap()
        })
        .collect();
    let circumstances = Circumstances {
        began: at(0),
        completed: at(60),
        writer: "0.1.0".into(),
    };
    let point = point(&source, &rules(), artifacts, circumstances).unwrap();
    let (_, document) = point.write();
    let read = RecoveryPoint::read(&document).unwrap();
    assert_eq!(read.source, source);
    let url = read.restored.models[1].text("/PrimaryContainer/ModelDataUrl").unwrap();
    assert!(
        url.starts_with("s3://dr/steward/artifacts/objects/") && url.ends_with("/model.tar.gz"),
        "{url}"
    );
}

#[test]
fn a_prefix_in_an_environment_variable_is_named_as_it_was_written() {
    let mut source = definition();
    let field = "/PrimaryContainer/Environment/SAGEMAKER_SUBMIT_DIRECTORY";
    for (written, ends) in [("s3://models/tok", false), ("s3://models/tok/", true)] {
        *source.models[1].body.pointer_mut(field).unwrap() = serde_json::json!(written);
        let artifacts = preflight(&source, &rules()).unwrap().into_keys().map(|(uri, form)| {
            let root = vault().set_root(&Location::new("models", "tok/"), &uri);
            Artifact {
                at: root.clone(),
                root,
                uri,
                form,
                tally: Tally::default(),
                digest: "d".into(),
                proof: Proof::Size,
                by_size: 0,
                source: None,
            }
        });
        let circumstances = Circumstances {
            began: at(0),
            completed: at(60),
            writer: "0.1.0".into(),
        };
        let point = point(&source, &rules(), artifacts.collect(), circumstances).unwrap();
        let named = point.restored.models[1].text(field).unwrap();
        assert!(
            named.starts_with("s3://dr/") && named.ends_with('/') == ends,
            "{written}: {named}"
        );
    }
}

#[test]
fn a_copy_that_is_archived_before_it_is_named_is_none() {
    let one = object("fraud/v1/model.tar.gz", 10, "\"e\"");
    let destination = Destination::of_object(&vault(), "models", &one).unwrap();
    let tally = Tally { objects: 1, bytes: 10 };
    let archived = Listed {
        unreadable: 1,
        ..listed(tally)
    };
    let key = ("s3://models/fraud/v1/model.tar.gz".to_owned(), Form::Object);
    let problems = Tallied::default()
        .artifact(&key, &destination, tally, archived)
        .unwrap_err();
    assert_eq!(
        problems,
        [
            "the copy of s3://models/fraud/v1/model.tar.gz: 1 of 1 is archived, so that SageMaker cannot read the artifact"
        ]
    );
}

#[test]
fn an_artifact_of_which_something_is_missing_is_none() {
    let of = Location::new("models", "llm/");
    let objects: Vec<ObjectInfo> = (0..9)
        .map(|index| object(&format!("llm/{index}"), 5, "\"e\""))
        .collect();
    let mut listing = Listing::below(&of);
    objects.iter().for_each(|object| listing.add(object));
    let Listed {
        digest,
        tally: expected,
        ..
    } = listing.done();
    let destination = Destination::of_set(&vault(), &of, &digest);
    let wanted: Vec<Arc<Wanted>> = objects
        .iter()
        .map(|one| Arc::new(destination.wanted(one.clone()).unwrap()))
        .collect();
    let key = ("s3://models/llm/".to_owned(), Form::Prefix);
    let mut tallied = Tallied::default();
    for (index, wanted) in wanted.iter().enumerate() {
        let outcome = match index {
            0 => Outcome::Copied(Proof::Size),
            1 => Outcome::Copied(Proof::Checksum),
            _ => Outcome::Damaged("other bytes".into()),
        };
        tallied.add(wanted, &outcome);
    }
    let problems = tallied
        .artifact(&key, &destination, expected, listed(expected))
        .unwrap_err();
    assert_eq!(problems.len(), 6);
    assert_eq!(problems[5], "and 2 more objects");
    let mut whole = Tallied::default();
    wanted
        .iter()
        .for_each(|wanted| whole.add(wanted, &Outcome::Present(Proof::Md5)));
    let fewer = Tally { objects: 8, bytes: 40 };
    let problems = whole.artifact(&key, &destination, expected, listed(fewer)).unwrap_err();
    assert_eq!(
        problems,
        ["s3://models/llm/ has 9 objects, 45 B, and its copy has 8 objects, 40 B"]
    );
    let artifact = whole.artifact(&key, &destination, expected, listed(expected)).unwrap();
    assert_eq!((artifact.proof, artifact.at.key.ends_with('/')), (Proof::Md5, true));
}

#[test]
fn what_a_manifest_file_lists_is_where_the_file_for_the_copies_says() {
    let text = r#"[{"prefix": "s3://models/llm/"}, "a.bin", "sub/ü b+%.bin"]"#;
    let file = ManifestFile::read(ManifestForm::Json, text).unwrap();
    let of = Location::new("models", "lists/llm.json");
    let destination = Destination::of_manifest(&vault(), &of, "digest").unwrap();
    assert!(destination.at.key.ends_with("/manifest/llm.json"), "{}", destination.at);
    let moved = file.moved(|uri| destination.listed_uri(uri));
    let moved = ManifestFile::read(ManifestForm::Json, &moved).unwrap();
    let copies: Vec<Location> = file
        .entries
        .iter()
        .map(|entry| {
            destination
                .listed(&entry.bucket, object(&entry.key, 1, "\"e\""))
                .unwrap()
                .to
        })
        .collect();
    assert_eq!(moved.entries, copies);
}

#[test]
fn a_source_that_changed_and_trouble_that_passes_are_told_apart() {
    let one = object("a", 1, "\"e\"");
    let wanted = Destination::of_object(&vault(), "models", &one)
        .unwrap()
        .wanted(one)
        .unwrap();
    let mut tallied = Tallied::default();
    tallied.add(&wanted, &Outcome::SourceChanged);
    assert!(tallied.source_changed() && !tallied.to_be_continued());
    tallied.add(&wanted, &Outcome::Later("no answer".into()));
    assert!(tallied.to_be_continued());
}
