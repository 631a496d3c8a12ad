//! What the audit finds of an endpoint whose definitions were deleted under it.

use std::time::Duration;

use rehearsal::{
    clock::SimClock,
    cloud::Cloud,
    faults::FaultPlan,
    world::{World, spec::WorldSpec},
};
use serde_json::Value;
use steward::aws::sagemaker::{Noun, SageMaker};

use super::first_day::{REGION, Written, base, invocation, tick};

fn cloud() -> Cloud {
    let start = "2026-03-02T08:00:00Z".parse().expect("a timestamp");
    let world = "regions: {eu-west-1: {topics: [alerts], models: {scorer: {artifact: \"s3://models/scorer.tar.gz\"}}, \
                 endpoints: {fraud: {config: fraud-7, variants: {main: {model: scorer}}}}}}";
    let spec = WorldSpec::parse(world, "world.yaml").expect("a sound world");
    let world = World::new(&spec, 7, start).expect("a world");
    let cloud = Cloud::new(world, FaultPlan::none(), SimClock::new(start));
    cloud.store().ensure_bucket("state", REGION);
    cloud.store().ensure_bucket("models", REGION);
    cloud
        .store()
        .put("models", "scorer.tar.gz", "model", "application/gzip");
    let fleet = "version: 1\nendpoints: {fraud: }\n";
    cloud.store().put("state", "fleet.yaml", fleet, "application/yaml");
    cloud
}

async fn ticked(cloud: &Cloud) {
    let (env, base) = base(cloud, "cross_region_backup", &Written::default());
    let ctx = cross_region_backup::Context::new(&env, base).expect("settings");
    let answer = cross_region_backup::handle(&ctx, &invocation(cloud), tick()).await;
    answer.expect("a report");
}

/// What is remembered to be gone.
fn gone(cloud: &Cloud) -> Vec<String> {
    let audits = cloud.store().get("state", "audits.json").expect("the audits");
    let audits: Value = serde_json::from_slice(&audits).expect("JSON");
    let gone = audits.pointer("/document/gone").and_then(Value::as_object);
    gone.into_iter().flat_map(|gone| gone.keys().cloned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_model_and_a_config_that_were_deleted_under_a_live_endpoint_are_found_though_nobody_backs_it_up() {
    let cloud = cloud();
    let sagemaker = SageMaker::new(&base(&cloud, "operator", &Written::default()).1);
    ticked(&cloud).await;
    assert!(gone(&cloud).is_empty(), "nothing is to be told");
    sagemaker
        .delete(Noun::Model, "scorer")
        .await
        .expect("SageMaker lets them");
    ticked(&cloud).await;
    assert!(gone(&cloud).is_empty(), "it has its turn within the hour");
    tokio::time::advance(Duration::from_secs(3600)).await;
    ticked(&cloud).await;
    assert_eq!(gone(&cloud), ["model scorer"]);
    sagemaker
        .delete(Noun::EndpointConfig, "fraud-7")
        .await
        .expect("SageMaker lets them");
    tokio::time::advance(Duration::from_secs(3600)).await;
    ticked(&cloud).await;
    let both = ["endpoint config fraud-7", "model scorer"];
    assert_eq!(
        gone(&cloud),
        both,
        "without the config nobody knows whether the model is needed"
    );
}
