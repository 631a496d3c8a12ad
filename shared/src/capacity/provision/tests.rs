//! What is made, and what is described of it.

use super::*;

fn fraud() -> Provisioned {
    Provisioned {
        image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/fraud:1".to_owned(),
        data: Some("s3://models/fraud.tar.gz".to_owned()),
        role: "arn:aws:iam::111122223333:role/ml".to_owned(),
        environment: BTreeMap::from([("THREADS".to_owned(), "4".to_owned())]),
        subnets: vec!["subnet-1".to_owned()],
        security_groups: vec!["sg-1".to_owned()],
        isolated: true,
        variant: "main".to_owned(),
        instance_type: "ml.m5.xlarge".to_owned(),
        instances: 3,
        key: Some("alias/ml".to_owned()),
        capture: Some(Capture {
            destination: "s3://captured/fraud".to_owned(),
            percent: 20,
            input: true,
            output: false,
            key: None,
        }),
        asynchronous: Some(Asynchronous {
            output: "s3://answers/".to_owned(),
            failures: Some("s3://failures/".to_owned()),
            key: None,
            concurrency: Some(4),
            success_topic: None,
            error_topic: Some("arn:aws:sns:us-east-1:111122223333:errors".to_owned()),
        }),
    }
}

#[test]
fn what_is_made_is_described_as_it_was_asked_for() {
    let fraud = fraud();
    let requests = fraud.requests("fraud");
    let described = Provisioned::described(&requests.config, &requests.model, "main");
    assert_eq!(described, Ok(fraud));
    insta::assert_json_snapshot!([requests.model, requests.config, requests.endpoint]);
}

#[test]
fn another_content_has_another_name_and_no_name_is_too_long() {
    let (one, mut two) = (fraud(), fraud());
    two.image.push('2');
    let long = "a".repeat(63);
    assert_ne!(one.model_name(&long), two.model_name(&long));
    assert_ne!(one.config_name(&long), two.config_name(&long));
    assert_eq!(one.model_name(&long).len(), 63);
    assert_eq!(one.config_name("fraud"), fraud().config_name("fraud"));
}

#[test]
fn what_cannot_be_said_in_these_words_is_refused_with_why() {
    let config = json!({ "ProductionVariants": [{ "VariantName": "main", "ServerlessConfig": {} }] });
    let model = json!({ "ExecutionRoleArn": "r", "PrimaryContainer": { "Image": "i" } });
    let refused = |model: &Value, variant: &str| Provisioned::described(&config, model, variant).unwrap_err();
    assert_eq!(refused(&model, "other"), "the config has no variant other");
    assert_eq!(
        refused(&model, "main"),
        "its variant has no instance type, which `provision` cannot do without"
    );
    let mut routed = json!({ "ProductionVariants": [{ "VariantName": "main", "InstanceType": "ml.m5.large", "RoutingConfig": { "RoutingStrategy": "RANDOM" } }] });
    let refused_of = |config: &Value, model: &Value| Provisioned::described(config, model, "main").unwrap_err();
    assert_eq!(refused_of(&routed, &model), "its variant has RoutingConfig");
    routed["ProductionVariants"][0]["RoutingConfig"] = Value::Null;
    assert!(Provisioned::described(&routed, &model, "main").is_ok());
    let elsewhere = json!({ "ExecutionRoleArn": "r", "PrimaryContainer": { "Image": "i", "ModelDataSource": { "S3DataSource": {} } } });
    assert_eq!(refused_of(&routed, &elsewhere), "its container has ModelDataSource");
    let many = json!({ "Containers": [{}, {}] });
    assert_eq!(refused(&many, "main"), "its model has several containers");
}
