//! The real SDKs, in-process, against the simulated AWS: every protocol, faults, and time.

mod wire {
    mod account;
    mod boards;
    mod faults;
    mod protocols;
    mod rollouts;
    mod runtime;
    mod s3;
    mod served;
    mod world;
}

use std::time::Duration;

use jiff::Timestamp;
use rehearsal::{
    clock::SimClock,
    cloud::Cloud,
    faults::{Fault, FaultPlan},
    world::{World, WorldSpec},
};

/// Where most of these tests happen.
const HOME: &str = "eu-west-1";

fn start() -> Timestamp {
    "2026-03-01T08:00:00Z".parse().expect("a valid timestamp")
}

/// A world of two Regions, as a scenario would describe it.
fn spec() -> WorldSpec {
    let described = serde_json::json!({
        "regions": {
            "eu-west-1": {
                "endpoints": {
                    "fraud": {"variants": {"blue": {"instances": 2, "latency": "80ms"}}, "traffic": "20 rps"}
                },
                "topics": ["alerts"],
                "functions": {"predict": {"versions": 2, "aliases": {"live": 2}}},
                "apis": {"a1b2c3": {
                    "name": "models",
                    "stages": {"prod": {"methods": {"POST /predict": {"rate": 50, "burst": 100}}}},
                }},
            },
            "us-east-1": {
                "endpoints": {"backup": {"variants": {"blue": {"instances": 1}}}},
                "topics": ["alerts"],
            },
        }
    });
    WorldSpec::from_value(&described).expect("a valid world")
}

fn cloud_with(faults: impl IntoIterator<Item = Fault>) -> Cloud {
    let world = World::new(&spec(), 1, start()).expect("a consistent world");
    Cloud::new(world, FaultPlan::new(faults, 1), SimClock::new(start()))
}

fn cloud() -> Cloud {
    cloud_with([])
}

/// Virtual seconds that have passed.
fn elapsed(cloud: &Cloud) -> Duration {
    cloud.clock().elapsed()
}
