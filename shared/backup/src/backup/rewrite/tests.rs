use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::backup::{
    fixture,
    references::{artifacts, each_text},
};

fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries
        .iter()
        .map(|(from, to)| ((*from).to_owned(), (*to).to_owned()))
        .collect()
}

fn rules() -> Rules {
    Rules {
        account: "111122223333".into(),
        from: "us-east-1".into(),
        to: "eu-west-1".into(),
        ..Rules::default()
    }
}

/// Everything that the fixture needs.
fn enough(definition: &Definition) -> Rules {
    let copied = artifacts(definition)
        .into_keys()
        .map(|(uri, form)| {
            let name = uri.trim_start_matches("s3://").to_owned();
            ((uri, form), format!("s3://dr/artifacts/{name}"))
        })
        .collect();
    Rules {
        copied,
        mappings: Mappings {
            keys: map(&[(
                "arn:aws:kms:us-east-1:111122223333:key/1234",
                "arn:aws:kms:eu-west-1:111122223333:key/5678",
            )]),
            subnets: map(&[("subnet-a", "subnet-x"), ("subnet-b", "subnet-y")]),
            security_groups: map(&[("sg-1", "sg-2")]),
            buckets: map(&[("captured", "captured-eu"), ("answers", "answers-eu")]),
            environment: map(&[("FEATURES", "https://features.eu-west-1.amazonaws.com/v2")]),
            others: map(&[(
                "arn:aws:sns:us-east-1:111122223333:errors",
                "arn:aws:sns:eu-west-1:111122223333:errors",
            )]),
            ..Mappings::default()
        },
        ..rules()
    }
}

#[test]
fn all_that_is_missing_is_told_at_once_with_what_to_write() {
    let refused = rewrite(&fixture::definition(), &rules()).unwrap_err();
    insta::assert_snapshot!(refused.to_string());
}

#[test]
fn a_definition_in_the_other_region_reads_like_this() {
    let definition = fixture::definition();
    let moved = rewrite(&definition, &enough(&definition)).unwrap();
    insta::assert_json_snapshot!(
        moved
            .documents()
            .map(|(_, document)| document.request())
            .collect::<Vec<_>>()
    );
}

#[test]
fn names_change_wherever_they_are_named_and_nowhere_else() {
    let mut definition = fixture::definition();
    definition.models[1].body["PrimaryContainer"]["Environment"]["ModelName"] = json!("fraud-v1");
    let other = renamed(&definition, &apart(&definition, "drill-7"));
    assert_eq!(other.endpoint, "fraud-drill-7");
    let model = &other.models[1];
    assert_eq!(
        (model.name.as_str(), model.text("/ModelName")),
        ("fraud-v1-drill-7", Some("fraud-v1-drill-7"))
    );
    assert_eq!(model.text("/PrimaryContainer/Environment/ModelName"), Some("fraud-v1"));
    assert_eq!(other.config.text("/EndpointConfigName"), Some("fraud-config-drill-7"));
    assert_eq!(
        other.config.text("/ProductionVariants/0/ModelName"),
        Some("fraud-v1-drill-7")
    );
    let ScalingRule::TargetTracking {
        metric: TrackedMetric::Customized { dimensions, .. },
        ..
    } = &other.scaling[0].scaling.policies[0].rule
    else {
        panic!("the fixture's policy")
    };
    assert_eq!(dimensions[0].1, "fraud-drill-7");
    assert_eq!(other.named_models(), ["fraud-pipeline-drill-7", "fraud-v1-drill-7"]);
}

#[test]
fn a_role_stays_unless_it_is_mapped() {
    let definition = fixture::definition();
    let mut rules = enough(&definition);
    let role = "arn:aws:iam::111122223333:role/sagemaker";
    let moved = rewrite(&definition, &rules).unwrap();
    assert_eq!(moved.models[0].text("/ExecutionRoleArn"), Some(role));
    rules.mappings.roles = map(&[(role, "arn:aws:iam::111122223333:role/sagemaker-eu")]);
    let moved = rewrite(&definition, &rules).unwrap();
    assert_eq!(
        moved.models[0].text("/ExecutionRoleArn"),
        Some("arn:aws:iam::111122223333:role/sagemaker-eu")
    );
}

#[test]
fn a_bucket_that_somebody_else_replicates_is_not_copied_but_mapped_by_the_longest_entry() {
    let definition = fixture::definition();
    let mut rules = enough(&definition);
    rules
        .mappings
        .buckets
        .extend(map(&[("models", "models-eu"), ("models/llm/", "llm-eu/")]));
    let moved = rewrite(&definition, &rules).unwrap();
    let container = |pointer| moved.models[0].text(pointer);
    assert_eq!(
        container("/Containers/1/ModelDataSource/S3DataSource/S3Uri"),
        Some("s3://llm-eu/")
    );
    assert_eq!(
        container("/Containers/0/ModelDataUrl"),
        Some("s3://models-eu/fraud/v1/model.tar.gz")
    );
    // `models` is not the beginning of a longer bucket's name.
    assert_eq!(
        container("/Containers/2/ModelDataUrl"),
        Some("s3://dr/artifacts/many/models")
    );
}

#[test]
fn rewriting_twice_changes_nothing_more() {
    let definition = fixture::definition();
    let mut rules = enough(&definition);
    let once = rewrite(&definition, &rules).unwrap();
    // What was written to the other Region is mapped to itself there.
    rules.mappings.buckets.extend(map(&[
        ("dr", "dr"),
        ("captured-eu", "captured-eu"),
        ("answers-eu", "answers-eu"),
    ]));
    rules.mappings.keys.extend(map(&[(
        "arn:aws:kms:eu-west-1:111122223333:key/5678",
        "arn:aws:kms:eu-west-1:111122223333:key/5678",
    )]));
    rules
        .mappings
        .subnets
        .extend(map(&[("subnet-x", "subnet-x"), ("subnet-y", "subnet-y")]));
    rules.mappings.security_groups.extend(map(&[("sg-2", "sg-2")]));
    let twice = rewrite(&once, &rules).unwrap();
    assert_eq!(once, twice);
}
#[test]
fn a_region_that_stands_alone_becomes_the_other_one_and_one_inside_a_value_is_asked_for() {
    let mut definition = fixture::definition();
    let environment = &mut definition.models[1].body["PrimaryContainer"]["Environment"];
    environment["SAGEMAKER_REGION"] = json!("us-east-1");
    environment["QUEUE"] = json!("queue-us-east-1-main");
    environment["NEAR"] = json!("us-east-10");
    let rules = enough(&fixture::definition());
    let refused = rewrite(&definition, &rules).unwrap_err();
    let places: Vec<&str> = refused.0.iter().map(|one| one.place.pointer.as_str()).collect();
    assert_eq!(places, ["/PrimaryContainer/Environment/QUEUE"]);
    definition.models[1].body["PrimaryContainer"]["Environment"]["QUEUE"] = json!("main");
    let moved = rewrite(&definition, &rules).unwrap();
    assert_eq!(
        moved.models[1].text("/PrimaryContainer/Environment/SAGEMAKER_REGION"),
        Some("eu-west-1")
    );
}

#[test]
fn what_is_mapped_or_in_a_bucket_of_aws_need_not_be_copied() {
    let mut definition = fixture::definition();
    let jumpstart = "s3://jumpstart-cache-prod-us-east-1/llm/model.tar.gz";
    definition.models[1].body["PrimaryContainer"]["ModelDataUrl"] = json!(jumpstart);
    let mut rules = enough(&fixture::definition());
    rules.copied = BTreeMap::new();
    rules
        .mappings
        .buckets
        .extend(map(&[("many", "many-eu"), ("models/llm", "llm-eu")]));
    rules
        .mappings
        .environment
        .insert("SAGEMAKER_SUBMIT_DIRECTORY".into(), "s3://source-eu/s.tar.gz".into());
    let copy: Vec<String> = to_copy(&definition, &rules).into_keys().map(|(uri, _)| uri).collect();
    assert_eq!(
        copy,
        [
            "s3://models/baseline.csv",
            "s3://models/draft/a.tar.gz",
            "s3://models/fraud/v1/model.tar.gz",
            "s3://models/llm-manifest.csv",
        ]
    );
    let left = rewrite(&definition, &rules).unwrap_err();
    assert!(left.0.iter().all(|one| copy.contains(&one.place.value)), "{left}");
}

proptest! {
    #[test]
    fn nothing_of_the_old_region_is_left_or_else_it_is_refused(
        field in "[A-Z][a-zA-Z]{0,10}",
        value in prop_oneof![
            "arn:aws:[a-z]{1,8}:(us-east-1|):111122223333:[a-z/:]{1,10}",
            "s3://[a-z]{3,10}/[a-z/]{0,10}",
            "https://[a-z]{1,5}\\.us-east-1\\.amazonaws\\.com/[a-z]{0,5}",
            "[a-z0-9 ]{0,10}",
        ],
        deep in any::<bool>(),
    ) {
        let mut definition = fixture::definition();
        let mut at = &mut definition.models[0].body["Containers"][0];
        if deep {
            at["Deeper"] = json!([{}]);
            at = &mut at["Deeper"][0];
        }
        at[&field] = json!(value);
        let rules = enough(&fixture::definition());
        if let Ok(moved) = rewrite(&definition, &rules) {
            for (_, document) in moved.documents() {
                let mut left = vec![];
                each_text(&document.body, &mut |_, text| {
                    if text.contains("us-east-1") || (text.starts_with("s3://") && !text.contains("dr/") && !text.contains("-eu")) {
                        left.push(text.to_owned());
                    }
                });
                prop_assert!(left.is_empty(), "{:?}", left);
            }
        }
    }
}
