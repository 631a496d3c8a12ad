use super::*;

const SCORER: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/scorer";

/// An endpoint on `scorer:prod`, of which another build is pushed after a minute, and what has no tag deleted after two.
fn stage() -> Stage {
    Stage::with(|spec| {
        spec["regions"]["eu-west-1"]["images"] = json!(["scorer:prod", "scorer:2"]);
        spec["regions"]["eu-west-1"]["models"] = json!({"m": {"image": format!("{SCORER}:prod")}});
        spec["regions"]["eu-west-1"]["endpoints"] = json!({"fraud": {"variants": {"blue": {"model": "m"}}}});
        spec["incidents"] = json!([
            {"at": "1m", "region": "eu-west-1", "pushes": "scorer:prod", "build": "2"},
            {"at": "2m", "region": "eu-west-1", "expires": "scorer"},
        ]);
    })
}

/// The digest that an image is found under; `None`: there is no such image.
fn found(stage: &mut Stage, id: Value) -> Option<String> {
    let input = json!({"repositoryName": "scorer", "imageIds": [id]});
    let answer = stage.call(Service::Ecr, "BatchGetImage", input);
    Some(answer["images"].get(0)?["imageId"]["imageDigest"].as_str()?.to_owned())
}

#[test]
fn a_tag_moves_and_what_serves_is_what_it_named_when_the_model_was_made() {
    let mut stage = stage();
    let tag = json!({"imageTag": "prod"});
    let served = found(&mut stage, tag.clone()).expect("it is there");
    stage.pass(60);
    let pushed = found(&mut stage, tag).expect("it is there");
    assert_eq!(Some(&pushed), found(&mut stage, json!({"imageTag": "2"})).as_ref());
    assert_ne!(pushed, served);
    assert_eq!(found(&mut stage, json!({"imageDigest": served})), Some(served.clone()));
    let deployed = &stage.describe("fraud")["ProductionVariants"][0]["DeployedImages"][0];
    assert_eq!(deployed["SpecifiedImage"], json!(format!("{SCORER}:prod")));
    assert_eq!(deployed["ResolvedImage"], json!(format!("{SCORER}@{served}")));
}

#[test]
fn what_has_no_tag_expires_and_then_nothing_starts_from_it_though_the_tag_is_there() {
    let mut stage = stage();
    let served = found(&mut stage, json!({"imageTag": "prod"})).expect("it is there");
    stage.pass(120);
    assert_eq!(found(&mut stage, json!({"imageDigest": served})), None);
    assert!(found(&mut stage, json!({"imageTag": "prod"})).is_some());
    let config = stage.describe("fraud")["EndpointConfigName"].clone();
    let again = json!({"EndpointName": "again", "EndpointConfigName": config});
    stage.call(Service::SageMaker, "CreateEndpoint", again);
    stage.pass(3600);
    let reason = stage.describe("again")["FailureReason"].clone();
    assert_eq!(reason, json!(format!("Requested image {SCORER}@{served} not found.")));
}
