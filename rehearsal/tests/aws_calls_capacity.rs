//! Capacity read and changed by `steward::aws::capacity` against the simulated AWS: every page of every list, and each change
//! made twice.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rehearsal::{
    clock::SimClock,
    cloud::Cloud,
    faults::{Fault, FaultKind, FaultPlan},
    world::{World as Simulated, spec::WorldSpec},
};
use steward::{
    aws::{
        Base, Clock, Emit,
        capacity::{Asked, Breadth, Capacity},
    },
    capacity::{
        desired::Desired,
        drift::Applied,
        plan::{Change, Plan, Situation, Verb, plan},
        thing::Thing,
        world::World,
    },
    endpoint::EndpointStatus,
    failure::Failure,
    fleet::Fleet,
};

const REGION: &str = "eu-west-1";
const NOW: &str = "2026-03-02T09:00:00Z";

const ACCOUNT: &str = r#"
regions:
  eu-west-1:
    endpoints:
      ranker: {tags: {team: search}, variants: {main: {instances: 2}}}
      images: {async: {output: "s3://answers/images/"}, variants: {main: {instances: 1}}}
    functions: {predict: {versions: 2, aliases: {live: 2}}}
    apis: {a1b2c3d4e5: {stages: {prod: {}}}}
"#;

const DECLARED: &str = r#"
version: 1
endpoints:
  ranker:
    scaling: [{variant: main, min: 2, max: 6, policies: [{name: steward-load, invocations_per_instance: 600}, {name: steward-slow, latency: 300ms}]}]
    schedule: [{name: steward-morning, cron: "0 8 ? * MON-FRI *", zone: Europe/Berlin, min: 4}]
    alarms: [{name: ranker-errors, variant: main, errors: 5%}]
  images:
    scaling: [{variant: main, min: 0, max: 4, policies: [{name: steward-first, from_zero: {}}]}]
  scorer:
    provision:
      model: {image: "111122223333.dkr.ecr.eu-west-1.amazonaws.com/scorer:1", role: "arn:aws:iam::111122223333:role/ml"}
      instance_type: ml.m5.xlarge
lambdas: {predict: {reserved: 100, provisioned: {live: 10}}}
apis: {a1b2c3d4e5: {stages: {prod: {rate: 1000, burst: 2000, methods: {"POST /predict/{id}": {rate: 50, burst: 100}}}}}}
dashboard: {}
"#;

fn cloud(world: &str) -> Cloud {
    let start: Timestamp = NOW.parse().expect("a timestamp");
    let spec = WorldSpec::parse(world, "world.yaml").unwrap_or_else(|problems| panic!("{problems}"));
    let world = Simulated::new(&spec, 1, start).expect("a world");
    Cloud::new(world, FaultPlan::none(), SimClock::new(start))
}

fn capacity(cloud: &Cloud) -> Capacity {
    let sdk = cloud.sdk_config("fleet-reconciler", REGION).into_builder();
    let sdk = sdk
        .retry_config(steward::aws::retries())
        .timeout_config(steward::aws::timeouts())
        .build();
    let clock = *cloud.clock();
    Capacity::new(&Base::new(
        sdk,
        Clock::new(move || clock.now()),
        Emit::new(std::io::sink()),
    ))
}

fn parsed(text: &str) -> Fleet {
    Fleet::parse(text, "fleet.yaml").unwrap_or_else(|problems| panic!("{problems}"))
}

async fn seen(capacity: &Capacity, fleet: &Fleet, applied: &Applied, breadth: Breadth) -> World {
    let asked = Asked {
        fleet,
        applied,
        breadth,
        region: REGION,
        owner: "steward",
    };
    capacity.look(asked).await.unwrap_or_else(|error| panic!("{error}"))
}

fn planned(fleet: &Fleet, world: &World, prune: bool) -> Plan {
    plan(Situation {
        desired: &Desired::of(fleet, world, REGION),
        world,
        prefix: "steward-",
        prune,
        raised: &BTreeMap::new(),
        now: NOW.parse().expect("a timestamp"),
    })
}

/// Makes it, and again as after an answer that was lost.
async fn twice(capacity: &Capacity, change: &Change) {
    for _ in 0..2 {
        let made = capacity.change(change, "steward").await;
        made.unwrap_or_else(|error| panic!("{}: {error}", change.key));
    }
}

#[tokio::test(start_paused = true)]
async fn every_change_may_be_made_twice_and_is_read_back_as_it_was_made() {
    let cloud = cloud(ACCOUNT);
    let (capacity, fleet) = (capacity(&cloud), parsed(DECLARED));
    let mut applied = Applied::default();
    let world = seen(&capacity, &fleet, &applied, Breadth::Declared).await;
    let first = planned(&fleet, &world, false);
    assert!(first.held.is_empty(), "{first}");
    for change in &first.changes {
        twice(&capacity, change).await;
        applied = applied.with(change, NOW.parse().expect("a timestamp"));
    }
    let world = seen(&capacity, &fleet, &applied, Breadth::Declared).await;
    let left = planned(&fleet, &world, false);
    // What is being made is compared once it is in service.
    assert!(left.changes.is_empty(), "{left}");
    assert_eq!(left.held.len(), 1, "{left}");
    assert_eq!(
        world.endpoint("scorer").map(|seen| seen.status),
        Some(EndpointStatus::Creating)
    );

    // Nothing of it is declared any more: what is Steward's own goes, by its tag or its name, and nothing else.
    let bare = parsed("version: 1\nendpoints: { ranker: {}, images: {} }\n");
    let world = seen(&capacity, &bare, &applied, Breadth::Declared).await;
    let pruning = planned(&bare, &world, true);
    assert!(pruning.held.is_empty(), "{pruning}");
    let mut gone: Vec<&str> = pruning.changes.iter().map(|change| change.key.kind()).collect();
    gone.dedup();
    assert_eq!(
        gone,
        [
            "dashboard",
            "scheduled action",
            "alarm",
            "scaling policy",
            "scalable target"
        ],
        "{pruning}"
    );
    for change in &pruning.changes {
        assert_eq!(change.verb, Verb::Delete);
        twice(&capacity, change).await;
    }
    let world = seen(&capacity, &bare, &applied, Breadth::Everything).await;
    let mut kinds: Vec<&str> = world.things().map(|(key, _)| key.kind()).collect();
    kinds.dedup();
    assert_eq!(
        kinds,
        [
            "endpoint",
            "reserved concurrency",
            "provisioned concurrency",
            "throttling"
        ],
        "they belong to somebody"
    );
}

#[tokio::test(start_paused = true)]
async fn every_page_is_read_and_what_a_plan_does_not_need_is_not_described() {
    let names: Vec<String> = (0..130).map(|number| format!("e{number:03}")).collect();
    let endpoints = names.iter().map(|name| {
        format!("      {name}: {{variants: {{main: {{instances: 2, scaling: {{min: 2, max: 4, target: 600}}}}}}}}\n")
    });
    let alarms = names.iter().map(|name| {
        format!("      {name}-slow: {{metric: ModelLatency, endpoint: {name}, variant: main, above: 500000}}\n")
    });
    let world = format!(
        "regions:\n  {REGION}:\n    endpoints:\n{}    alarms:\n{}",
        endpoints.collect::<String>(),
        alarms.collect::<String>()
    );
    let cloud = cloud(&world);
    let (capacity, fleet) = (capacity(&cloud), parsed("version: 1\nendpoints: { \"*\": {} }\n"));
    let applied = Applied::default();
    let declared = seen(&capacity, &fleet, &applied, Breadth::Declared).await;
    assert_eq!(declared.endpoints.len(), names.len());
    let targets = declared
        .things()
        .filter(|(_, thing)| matches!(thing, Thing::Target { .. }));
    assert_eq!(targets.count(), names.len());
    let described = |cloud: &Cloud| {
        let calls = cloud.calls();
        calls.iter().filter(|call| call.operation == "DescribeEndpoint").count()
    };
    assert_eq!(described(&cloud), 0, "nothing is declared, so the list is enough");
    let everything = seen(&capacity, &fleet, &applied, Breadth::Everything).await;
    let alarms = everything.things().filter(|(_, thing)| match thing {
        Thing::Alarm(alarm) => alarm.name.ends_with("-slow"),
        _ => false,
    });
    assert_eq!(alarms.count(), names.len());
    assert_eq!(described(&cloud), names.len());
    assert!(everything.endpoints.iter().all(|seen| seen.variants.len() == 1));
}

#[tokio::test(start_paused = true)]
async fn a_world_that_cannot_be_read_as_a_whole_is_none() {
    let cloud = cloud(ACCOUNT);
    cloud.add_fault(Fault::every(FaultKind::Denied).on("autoscaling", "DescribeScheduledActions"));
    let asked = Asked {
        fleet: &parsed(DECLARED),
        applied: &Applied::default(),
        breadth: Breadth::Declared,
        region: REGION,
        owner: "steward",
    };
    let error = capacity(&cloud).look(asked).await.expect_err("denied");
    assert_eq!(error.failure, Failure::Denied);
}
