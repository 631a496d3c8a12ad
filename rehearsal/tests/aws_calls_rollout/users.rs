//! Who uses an endpoint config.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rehearsal::{
    clock::SimClock,
    cloud::Cloud,
    faults::{Fault, FaultKind, FaultPlan},
    world::{World, spec::WorldSpec},
};
use steward::{
    aws::sagemaker::SageMaker,
    failure::Failure,
    rollout::look::{Search, Users},
};

use super::{MINUTE, base, calls};

fn using(name: &str) -> Search {
    Search {
        configs: BTreeSet::from([name.to_owned()]),
        since: None,
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_uses_a_config_is_found_on_any_page_also_while_being_updated_to_it() {
    let cloud = crowd();
    let sagemaker = SageMaker::new(&base(&cloud));
    assert_eq!(
        sagemaker.users_of(&using("fraud-1")).await,
        Ok(users("fraud-1", &["fraud"]))
    );
    assert_eq!(sagemaker.users_of(&using("nobody-1")).await, Ok(Users::new()));

    // The update takes minutes: the old one is in force, and the new one is used as well.
    let after = cloud.clock().now();
    cloud.clock().sleep(MINUTE).await;
    for name in ["crowd-0001", "crowd-0205"] {
        sagemaker.update_endpoint(name, "fraud-1", None).await.expect("begun");
    }
    let all = users("fraud-1", &["crowd-0001", "crowd-0205", "fraud"]);
    assert_eq!(sagemaker.users_of(&using("fraud-1")).await, Ok(all.clone()));
    assert_eq!(
        sagemaker.users_of(&using("crowd-0001-1")).await,
        Ok(users("crowd-0001-1", &["crowd-0001"]))
    );

    // Those that were not changed since need not be asked.
    cloud.take_calls();
    let search = Search {
        since: Some(after),
        ..using("fraud-1")
    };
    let recent = users("fraud-1", &["crowd-0001", "crowd-0205"]);
    assert_eq!(sagemaker.users_of(&search).await, Ok(recent));
    assert_eq!(
        (calls(&cloud, "ListEndpoints"), calls(&cloud, "DescribeEndpoint")),
        (1, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn who_uses_a_config_is_not_known_by_halves() {
    let cloud = crowd();
    let sagemaker = SageMaker::new(&base(&cloud));
    cloud.add_fault(
        Fault::every(FaultKind::Denied)
            .on("sagemaker", "DescribeEndpoint")
            .nth(150),
    );
    let error = sagemaker.users_of(&using("fraud-1")).await.expect_err("denied");
    assert_eq!(error.failure, Failure::Denied, "{error}");
    assert_eq!(error.operation, "DescribeEndpoint");
}

/// More endpoints than one page holds.
fn crowd() -> Cloud {
    let start: Timestamp = "2026-01-01T12:00:00Z".parse().expect("a timestamp");
    let text = "regions: {eu-west-1: {endpoints: {fraud: {config: fraud-1}, crowd: {copies: 205}}}}";
    let spec = WorldSpec::parse(text, "world.yaml").unwrap_or_else(|problems| panic!("{problems}"));
    let world = World::new(&spec, 1, start).expect("a world");
    Cloud::new(world, FaultPlan::none(), SimClock::new(start))
}

fn users(config: &str, endpoints: &[&str]) -> Users {
    let endpoints = endpoints.iter().map(|name| (*name).to_owned()).collect();
    Users::from([(config.to_owned(), endpoints)])
}
