//! The calls that read what an endpoint is made of, look whether all of it exists in another Region, and make it again
//! there: through the real SDKs against the simulated AWS.

use std::time::Duration;

use jiff::Timestamp;
use rehearsal::{
    clock::SimClock,
    cloud::Cloud,
    faults::{Fault, FaultKind, FaultPlan},
    world::{HappeningKind, World, spec::WorldSpec},
};
use serde_json::{Map, Value, json};
use steward::{
    aws::{
        Base, Clock, Emit,
        ecr::Ecr,
        iam::Iam,
        kms::{Key, Kms},
        lambda::{LARGEST_EVENT, Lambda},
        sagemaker::{Change, Noun, SageMaker},
    },
    endpoint::EndpointStatus,
    failure::Failure,
};

const FROM: &str = "eu-west-1";
const TO: &str = "eu-central-1";

const WORLD: &str = r#"
regions:
  eu-west-1:
    models:
      risk:
        tags: {team: risk}
        define:
          Containers:
            - {Image: "111122223333.dkr.ecr.eu-west-1.amazonaws.com/prep:3", ModelDataUrl: "s3://models/prep.tar.gz", Environment: {A: b}}
            - Image: "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch:2.1"
              ModelDataSource: {S3DataSource: {S3Uri: "s3://models/risk/", S3DataType: S3Prefix, CompressionType: None}}
          InferenceExecutionConfig: {Mode: Serial}
          NewerThanTheSdk: {Of: [1, 2.5, null, true]}
    endpoints:
      fraud:
        config: fraud-7
        config_tags: {stage: live}
        variants: {blue: {instances: 2, model: risk}}
        define:
          KmsKeyId: volumes
          DataCaptureConfig: {EnableCapture: true, InitialSamplingPercentage: 10, DestinationS3Uri: "s3://models/capture", CaptureOptions: [{CaptureMode: Input}]}
          ProductionVariants: [{VariantName: blue, NewerThanTheSdk: 1}]
      llm: {variants: {main: {model: risk}}, components: {german: {copies: 1, model: risk}}}
    images: ["prep:3"]
    keys: {volumes: {}}
  eu-central-1:
    images: ["prep:3", "763104351884.dkr.ecr.eu-central-1.amazonaws.com/pytorch:2.1"]
    keys: {volumes: {}, off: {enabled: false}, locked: {denied: true}}
  us-east-1: {}
incidents:
  - {at: 1h, for: 1h, region: us-east-1, dark: true}
"#;

fn cloud() -> Cloud {
    let start: Timestamp = "2026-01-01T12:00:00Z".parse().expect("a timestamp");
    let spec = WorldSpec::parse(WORLD, "world.yaml").unwrap_or_else(|problems| panic!("{problems}"));
    let world = World::new(&spec, 1, start).unwrap_or_else(|problems| panic!("{problems:?}"));
    let cloud = Cloud::new(world, FaultPlan::none(), SimClock::new(start));
    cloud.store().ensure_bucket("models", FROM);
    cloud.store().ensure_bucket("copies", TO);
    for key in ["prep.tar.gz", "risk/weights.bin"] {
        cloud.store().put_virtual("copies", key, 1_000_000, 1);
    }
    cloud
}

fn base(cloud: &Cloud, region: &str) -> Base {
    let sdk = cloud.sdk_config("test", FROM).into_builder();
    let sdk = sdk
        .retry_config(steward::aws::retries())
        .timeout_config(steward::aws::timeouts())
        .build();
    let clock = *cloud.clock();
    Base::new(sdk, Clock::new(move || clock.now()), Emit::new(std::io::sink())).in_region(region)
}

/// A definition as it would be made in the other Region.
fn moved(document: &Map<String, Value>, outputs: &[&str]) -> Map<String, Value> {
    let text = Value::Object(document.clone()).to_string();
    let text = text.replace(FROM, TO).replace("s3://models/", "s3://copies/");
    let mut moved: Map<String, Value> = serde_json::from_str(&text).expect("JSON");
    for output in outputs {
        moved.remove(*output).unwrap_or_else(|| panic!("no {output}"));
    }
    let containers = moved.get_mut("Containers").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
        // SageMaker answers the one as the other, too, and takes only one of them.
        if container.contains_key("ModelDataUrl") {
            container.remove("ModelDataSource");
        }
    }
    moved
}

const OF_A_MODEL: [&str; 2] = ["ModelArn", "CreationTime"];
const OF_A_CONFIG: [&str; 2] = ["EndpointConfigArn", "CreationTime"];

async fn status(sagemaker: &SageMaker, endpoint: &str) -> (EndpointStatus, String) {
    let endpoint = sagemaker.describe_endpoint(endpoint).await.expect("described");
    (endpoint.status, endpoint.failure_reason.unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn definitions_move_to_another_region_with_every_member_and_an_endpoint_comes_up_there() {
    let cloud = cloud();
    let (here, there) = (SageMaker::new(&base(&cloud, FROM)), SageMaker::new(&base(&cloud, TO)));
    let model = here.document(Noun::Model, "risk").await.expect("described");
    assert_eq!(model["NewerThanTheSdk"], json!({"Of": [1, 2.5, null, true]}));
    assert_eq!(model["Containers"][0]["Environment"], json!({"A": "b"}));
    let mut new = moved(&model, &OF_A_MODEL);
    new.insert("Tags".into(), json!([{"Key": "team", "Value": "risk"}]));
    there.create(Noun::Model, &new).await.expect("created");
    let again = there.create(Noun::Model, &new).await.map_err(|error| error.failure);
    assert_eq!(again, Err(Failure::AlreadyThere));
    let made = there.document(Noun::Model, "risk").await.expect("described");
    new.remove("Tags");
    assert_eq!(moved(&made, &OF_A_MODEL), new);
    let arn = made["ModelArn"].as_str().expect("an ARN");
    assert_eq!(
        there.list_tags(arn).await,
        Ok([("team".to_owned(), "risk".to_owned())].into())
    );

    let config = here.document(Noun::EndpointConfig, "fraud-7").await.expect("described");
    assert_eq!(config["ProductionVariants"][0]["NewerThanTheSdk"], json!(1));
    there
        .create(Noun::EndpointConfig, &moved(&config, &OF_A_CONFIG))
        .await
        .expect("created");
    let endpoint = json!({"EndpointName": "fraud", "EndpointConfigName": "fraud-7"});
    there
        .create(Noun::Endpoint, endpoint.as_object().expect("an object"))
        .await
        .expect("created");
    tokio::time::sleep(Duration::from_secs(400)).await;
    assert_eq!(
        status(&there, "fraud").await,
        (EndpointStatus::InService, String::new())
    );
    for noun in [Noun::Model, Noun::EndpointConfig, Noun::Endpoint] {
        let names = there.names(noun, "").await.expect("listed");
        assert_eq!(names.len(), 1, "{noun:?}: {names:?}");
        assert_eq!(there.delete(noun, &names[0]).await, Ok(Change::Begun), "{noun:?}");
    }
    tokio::time::sleep(Duration::from_secs(100)).await;
    for noun in Noun::ALL {
        assert_eq!(there.names(noun, "").await, Ok(vec![]), "{noun:?}");
        assert_eq!(there.delete(noun, "fraud").await, Ok(Change::Already), "{noun:?}");
        let gone = there.document(noun, "fraud").await.map_err(|error| error.failure);
        assert_eq!(gone, Err(Failure::NotFound), "{noun:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn components_are_listed_by_endpoint_and_described_whole() {
    let cloud = cloud();
    let here = SageMaker::new(&base(&cloud, FROM));
    assert_eq!(here.components_of("llm").await, Ok(vec!["german".to_owned()]));
    assert_eq!(here.components_of("fraud").await, Ok(vec![]));
    let component = here
        .document(Noun::InferenceComponent, "german")
        .await
        .expect("described");
    assert_eq!(component["Specification"]["ModelName"], "risk");
    let copy = json!({
        "InferenceComponentName": "french", "EndpointName": "llm", "VariantName": "main",
        "Specification": component["Specification"], "RuntimeConfig": {"CopyCount": 2},
    });
    here.create(Noun::InferenceComponent, copy.as_object().expect("an object"))
        .await
        .expect("created");
    let names = here.names(Noun::InferenceComponent, "FRE").await;
    assert_eq!(names, Ok(vec!["french".to_owned()]));
    let early = here
        .delete(Noun::InferenceComponent, "french")
        .await
        .map_err(|error| error.failure);
    assert_eq!(early, Err(Failure::Busy), "it is still being created");
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(here.delete(Noun::InferenceComponent, "french").await, Ok(Change::Begun));
}

#[tokio::test(start_paused = true)]
async fn a_document_is_sent_as_it_is_also_when_the_first_attempt_was_lost() {
    for kind in [FaultKind::CutBefore, FaultKind::Throttle, FaultKind::Error500] {
        let cloud = cloud();
        let (here, there) = (SageMaker::new(&base(&cloud, FROM)), SageMaker::new(&base(&cloud, TO)));
        let model = here.document(Noun::Model, "risk").await.expect("described");
        let new = moved(&model, &OF_A_MODEL);
        cloud.add_fault(Fault::every(kind).on("sagemaker", "CreateModel").nth(1));
        there.create(Noun::Model, &new).await.expect("created");
        let made = there.document(Noun::Model, "risk").await.expect("described");
        assert_eq!(moved(&made, &OF_A_MODEL), new, "{kind}");
    }
    let nameless = SageMaker::new(&base(&cloud(), TO))
        .create(Noun::Model, &Map::new())
        .await;
    assert_eq!(nameless.map_err(|error| error.failure), Err(Failure::Invalid));
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_in_the_other_region_is_refused_or_fails_the_endpoint() {
    let cloud = cloud();
    let (here, there) = (SageMaker::new(&base(&cloud, FROM)), SageMaker::new(&base(&cloud, TO)));
    let model = here.document(Noun::Model, "risk").await.expect("described");
    let right = moved(&model, &OF_A_MODEL);
    let with = |pointer: &str, value: &str| {
        let mut document = Value::Object(right.clone());
        *document.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = json!(value);
        match document {
            Value::Object(members) => members,
            other => panic!("{other}"),
        }
    };
    let cases = [
        (
            "/Containers/0/Image",
            "111122223333.dkr.ecr.eu-central-1.amazonaws.com/prep:4",
            "not found",
        ),
        (
            "/Containers/0/Image",
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com/prep:3",
            "same Region",
        ),
        (
            "/Containers/1/Image",
            "763104351884.dkr.ecr.eu-central-1.amazonaws.com/pytorch:2.2",
            "not found",
        ),
        (
            "/Containers/0/ModelDataUrl",
            "s3://copies/gone.tar.gz",
            "Could not find model data",
        ),
        ("/Containers/0/ModelDataUrl", "s3://models/prep.tar.gz", "same Region"),
        (
            "/Containers/1/ModelDataSource/S3DataSource/S3Uri",
            "s3://copies/other/",
            "Could not find model data",
        ),
        (
            "/ExecutionRoleArn",
            "arn:aws:iam::111122223333:role/unknown",
            "Could not assume role",
        ),
    ];
    for (pointer, value, says) in cases {
        let refused = there.create(Noun::Model, &with(pointer, value)).await;
        let error = refused.expect_err(value);
        assert!(
            error.failure == Failure::Invalid || error.failure == Failure::NotFound,
            "{value}: {error}"
        );
        assert!(error.message.contains(says), "{value}: {error}");
    }
    there.create(Noun::Model, &right).await.expect("created");
    let config = |name: &str, key: Option<&str>| {
        let variant =
            json!({"VariantName": "v", "ModelName": "risk", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1});
        let mut config = json!({"EndpointConfigName": name, "ProductionVariants": [variant]});
        if let Some(key) = key {
            config["KmsKeyId"] = json!(key);
        }
        config.as_object().expect("an object").clone()
    };
    let foreign = "arn:aws:kms:eu-west-1:111122223333:key/volumes";
    let refused = there
        .create(Noun::EndpointConfig, &config("foreign", Some(foreign)))
        .await;
    assert_eq!(refused.map_err(|error| error.failure), Err(Failure::Invalid));
    for (name, key) in [("off", Some("off")), ("gone", None), ("whole", None)] {
        there
            .create(Noun::EndpointConfig, &config(name, key))
            .await
            .expect("created");
    }
    for (name, says) in [
        ("off", "KMS key off"),
        ("gone", "Could not find model data"),
        ("whole", ""),
    ] {
        let endpoint = json!({"EndpointName": name, "EndpointConfigName": name});
        there
            .create(Noun::Endpoint, endpoint.as_object().expect("an object"))
            .await
            .expect("created");
        if name == "gone" {
            cloud.store().delete("copies", "prep.tar.gz");
        }
        tokio::time::sleep(Duration::from_secs(400)).await;
        cloud.advance();
        cloud.store().put_virtual("copies", "prep.tar.gz", 1, 1);
        let (now, why) = status(&there, name).await;
        let expected = if says.is_empty() {
            EndpointStatus::InService
        } else {
            EndpointStatus::Failed
        };
        assert_eq!(now, expected, "{name}: {why}");
        assert!(why.contains(says), "{name}: {why}");
    }
}

#[tokio::test(start_paused = true)]
async fn images_roles_and_keys_are_there_or_are_not() {
    let cloud = cloud();
    let there = base(&cloud, TO);
    let ecr = Ecr::new(&there);
    let digest = ecr
        .image("111122223333", "prep", "3")
        .await
        .expect("answered")
        .expect("there");
    assert!(digest.starts_with("sha256:"), "{digest}");
    let replicated = Ecr::new(&base(&cloud, FROM)).image("111122223333", "prep", "3").await;
    assert_eq!(replicated, Ok(Some(digest.clone())));
    assert_eq!(ecr.image("111122223333", "prep", &digest).await, Ok(Some(digest)));
    for (registry, repository, reference) in [
        ("111122223333", "prep", "4"),
        ("111122223333", "nothing", "3"),
        ("763104351884", "pytorch", "9"),
    ] {
        assert_eq!(
            ecr.image(registry, repository, reference).await,
            Ok(None),
            "{repository}"
        );
    }
    assert!(matches!(ecr.image("763104351884", "pytorch", "2.1").await, Ok(Some(_))));

    let kms = Kms::new(&there);
    let arn = |name: &str| format!("arn:aws:kms:{TO}:111122223333:key/{name}");
    let key = |name: &str, enabled: bool| Key {
        arn: arn(name),
        enabled,
        state: if enabled { "Enabled" } else { "Disabled" }.into(),
    };
    for id in [
        "volumes",
        "alias/volumes",
        &arn("volumes"),
        &arn("volumes").replace("key/", "alias/"),
    ] {
        assert_eq!(kms.key(id).await, Ok(Some(key("volumes", true))), "{id}");
    }
    assert_eq!(kms.key("off").await, Ok(Some(key("off", false))));
    assert_eq!(kms.key("alias/none").await, Ok(None));
    assert_eq!(kms.key(&arn("volumes").replace(TO, FROM)).await, Ok(None));
    let denied = kms.key("locked").await.map_err(|error| error.failure);
    assert_eq!(denied, Err(Failure::Denied));

    let iam = Iam::new(&there);
    let role = "arn:aws:iam::111122223333:role/inference".to_owned();
    assert_eq!(iam.role("inference").await, Ok(Some(role)));
    assert_eq!(iam.role("unknown").await, Ok(None));
    tokio::time::sleep(Duration::from_secs(3700)).await;
    cloud.advance();
    let dark = iam.role("inference").await.map_err(|error| error.failure);
    assert_eq!(
        dark,
        Err(Failure::Unavailable),
        "IAM's control plane stands in us-east-1"
    );
    assert!(kms.key("volumes").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_function_that_is_there_is_invoked_with_the_event_and_answers_nothing() {
    let cloud = cloud();
    let lambda = Lambda::new(&base(&cloud, FROM));
    let event = json!({"command": "continue", "endpoint": "fraud", "hop": 2});
    let nobody = lambda.invoke("backup", &event).await.map_err(|error| error.failure);
    assert_eq!(nobody, Err(Failure::NotFound));
    cloud.with_world(|world| world.deploy_function(FROM, "backup"));
    let arn = format!("arn:aws:lambda:{FROM}:111122223333:function:backup");
    for named in ["backup", "backup:live", &arn, &format!("{arn}:live")] {
        cloud.advance();
        lambda.invoke(named, &event).await.expect("handed over");
        let expected = HappeningKind::Invoked {
            target_arn: arn.clone(),
            payload: event.clone(),
        };
        let happened: Vec<_> = cloud.advance().into_iter().map(|happening| happening.kind).collect();
        assert!(happened.contains(&expected), "{named}: {happened:?}");
    }
    let large = json!({"text": "x".repeat(LARGEST_EVENT)});
    let refused = lambda.invoke("backup", &large).await.map_err(|error| error.failure);
    assert_eq!(refused, Err(Failure::Invalid));
}
