//! What stands against a rollout.

use std::time::Duration;

use super::super::{fake::*, policy::Engine, request::Request, *};
use crate::{
    analysis::{AnalysisPolicy, LatencyCheck, Percentile},
    endpoint::EndpointStatus,
    lease::{Lease, Urgency},
};

#[test]
fn everything_wrong_is_said_at_once_with_what_to_do() {
    let mut world = Fake::new();
    world.alarms.insert("errors".to_owned(), true);
    let mut request = request("one");
    request.green.model = Some("fraud_v3".to_owned());
    request.green.variant = Some("blue".to_owned());
    request.green.instances = Some(0);
    request.policy.alarms.push("latency".to_owned());
    request.policy.strategy = strategy(&[50, 20]);
    request.policy.deadline = minutes(15);
    let needs = preflight(&request, world.endpoint.as_ref());
    let lease = Lease::wish(
        "health-checker",
        "x",
        "redeploy after 3 failed probes",
        Urgency::Repair,
        world.now,
        Duration::from_secs(600),
    );
    let problems = plan(world.now, &request, &world.look(&needs), &world.ledger, Some(&lease)).unwrap_err();
    insta::assert_snapshot!(problems);
}

#[test]
fn what_aws_says_is_quoted_as_one_sentence_and_its_advice_is_not_repeated() {
    let problems = Problems(vec![
        Problem {
            what: "The alarms could not be described: Rate exceeded.. Try again..".to_owned(),
            todo: "Try again.".to_owned(),
        },
        Problem {
            what: "Model \"m\" could not be described: allow it in the role..".to_owned(),
            todo: "Try again.".to_owned(),
        },
    ]);
    let said = problems.to_string();
    assert!(said.ends_with("allow it in the role. Try again."), "{said}");
    assert_eq!(said.matches("Try again.").count(), 2, "{said}");
}

#[test]
fn a_lease_that_an_earlier_rollout_left_behind_stops_no_start() {
    let world = Fake::new();
    let request = request("one");
    let needs = preflight(&request, world.endpoint.as_ref());
    let planned = |owner: &str| {
        let span = Duration::from_secs(600);
        let lease = Lease::wish(
            "traffic-shifter",
            owner,
            "rollout fraud/1",
            Urgency::Rollback,
            world.now,
            span,
        );
        plan(world.now, &request, &world.look(&needs), &world.ledger, Some(&lease))
    };
    assert!(planned(&lease_owner(ENDPOINT)).is_ok());
    assert!(planned(&lease_owner("another")).is_err());
}

#[test]
fn only_an_endpoint_in_service_is_rolled_out_to() {
    let mut world = Fake::new();
    for status in EndpointStatus::ALL
        .into_iter()
        .filter(|status| *status != EndpointStatus::InService)
    {
        world.endpoint_mut().status = status;
        let said = world.planned(&request("one")).unwrap_err().to_string();
        assert!(said.contains(status.as_str()), "{said}");
    }
    world.endpoint = None;
    let said = world.planned(&request("one")).unwrap_err().to_string();
    assert!(said.contains("There is no endpoint \"fraud\""), "{said}");
    world.blind = true;
    let said = world.planned(&request("one")).unwrap_err().to_string();
    assert!(said.contains("could not be described: throttled"), "{said}");
}

#[test]
fn a_second_rollout_is_refused_with_who_and_what_to_do() {
    let mut world = Fake::new();
    world.start(&request("one"));
    world.ticks(1);
    let said = world.planned(&request("two")).unwrap_err().to_string();
    assert!(
        said.contains("Rollout fraud/1 is at work since 2026-11-22T08:00:00Z, started by ana"),
        "{said}"
    );
}

#[test]
fn what_this_engine_cannot_do_is_said_with_the_engine_that_can() {
    let mut world = Fake::new();
    world.endpoint_mut().asynchronous = true;
    world.endpoint_mut().variants[0].serverless = true;
    world.endpoint_mut().variants[0].current_instances = None;
    world.endpoint_mut().variants[0].desired_instances = None;
    world.configs.get_mut("fraud-1").unwrap().shadowed = true;
    insta::assert_snapshot!(world.planned(&request("one")).unwrap_err());
    let mut hosts = Fake::new();
    hosts.configs.get_mut("fraud-1").unwrap().variants[0].model = None;
    insta::assert_snapshot!(hosts.planned(&request("one")).unwrap_err());
}

#[test]
fn the_variant_to_replace_is_the_only_one_with_traffic_or_is_named() {
    let mut world = Fake::new();
    let config = world.configs.get_mut("fraud-1").unwrap();
    let mut second = config.variants[0].clone();
    second.name = "shadow".to_owned();
    config.variants.push(second);
    world.endpoint_mut().variants.push(variant("shadow", 0.0, 1));
    assert_eq!(world.planned(&request("one")).unwrap().blue.variant, "blue");
    world.endpoint_mut().variants[1].current_weight = 1.0;
    let said = world.planned(&request("one")).unwrap_err().to_string();
    assert!(
        said.contains("Several variants have traffic: blue and shadow"),
        "{said}"
    );
    let mut named = request("one");
    named.variant = Some("shadow".to_owned());
    assert_eq!(world.planned(&named).unwrap().blue.variant, "shadow");
}

#[test]
fn a_plan_says_which_alarms_it_points_at_the_new_variants_step_policies() {
    let mut world = Fake::stepped();
    let plan = world.planned(&request("one")).unwrap();
    insta::assert_snapshot!(plan.warnings.join("\n"));
    world.triggers.clear();
    let warnings = world.planned(&request("one")).unwrap().warnings.join("\n");
    assert!(
        warnings.contains("no alarm triggers step scaling policy busy of blue"),
        "{warnings}"
    );
}

#[test]
fn names_of_configs_are_the_same_for_one_rollout_and_valid_for_every_endpoint() {
    let long = "e".repeat(63);
    for kind in ["both", "green", "back"] {
        let name = names::config(&long, u64::MAX, "id", kind);
        assert!(is_valid(&name), "{name}");
        assert_eq!(name, names::config(&long, u64::MAX, "id", kind));
        assert_ne!(name, names::config(&long, u64::MAX, "other", kind));
    }
    assert!(!is_valid("-a") && !is_valid("a_b") && !is_valid("") && !is_valid(&"a".repeat(64)));
}

#[test]
fn green_takes_the_name_that_is_free() {
    let mut world = Fake::new();
    for expected in ["green", "blue", "green"] {
        let mut request = request(expected);
        request.id = format!("{}-{}", world.ledger.serial, expected);
        request.green.model = Some(
            if world.ledger.serial.is_multiple_of(2) {
                "fraud-v2"
            } else {
                "fraud-v1"
            }
            .to_owned(),
        );
        assert_eq!(world.planned(&request).unwrap().green.variant, expected);
        world.start(&request);
        assert_eq!(world.run(), Ended::Completed);
    }
    let mut guardrails = request("last");
    guardrails.policy.engine = Engine::Guardrails;
    guardrails.policy.strategy.kind = strategy::StrategyKind::AllAtOnce;
    guardrails.policy.strategy.steps.drain(..2);
    guardrails.green.model = Some("fraud-v1".to_owned());
    assert_eq!(world.planned(&guardrails).unwrap().green.variant, "green");
}

#[test]
fn greens_name_differs_from_blues_in_more_than_case() {
    let world = Fake::new();
    let mut request = request("one");
    request.green.variant = Some("BLUE".to_owned());
    let said = world.planned(&request).unwrap_err().to_string();
    assert!(
        said.contains("\"blue\" already, and \"BLUE\" differs from it in case only"),
        "{said}"
    );
}

/// SageMaker builds a whole fleet beside the one that runs: at the removal of blue, green's beside both.
#[test]
fn the_quota_that_is_stated_holds_for_every_update() {
    let peak = |change: &dyn Fn(&mut Request)| {
        let mut request = request("one");
        change(&mut request);
        let plan = Fake::new().planned(&request).unwrap();
        plan.instances
            .into_iter()
            .map(|(kind, (now, peak))| format!("{kind} {now} {peak}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(peak(&|_| {}), ["ml.m5.large 4 12"]);
    assert_eq!(peak(&|request| request.policy.headroom = 2_500), ["ml.m5.large 4 14"]);
    let other = |request: &mut Request| request.green.instance_type = Some("ml.c7i.large".to_owned());
    assert_eq!(peak(&other), ["ml.c7i.large 0 8", "ml.m5.large 4 8"]);
    let all_at_once = |request: &mut Request, engine| {
        request.policy.engine = engine;
        request.policy.strategy.kind = strategy::StrategyKind::AllAtOnce;
        request.policy.strategy.steps.drain(..2);
    };
    assert_eq!(
        peak(&|request| all_at_once(request, Engine::Guardrails)),
        ["ml.m5.large 4 8"]
    );
    assert_eq!(
        peak(&|request| all_at_once(request, Engine::Rolling)),
        ["ml.m5.large 4 5"]
    );
}

#[test]
fn at_least_one_check_is_left_at_100_percent() {
    let world = Fake::new();
    let mut request = request("one");
    request.policy.analysis = Some(AnalysisPolicy {
        latency: vec![LatencyCheck::against_blue(Percentile::P99)],
        ..AnalysisPolicy::none()
    });
    assert!(world.planned(&request).is_ok(), "its alarm watches");
    request.policy.alarms.clear();
    let said = world.planned(&request).unwrap_err().to_string();
    assert!(said.contains("At 100% nothing would watch green"), "{said}");
}

#[test]
fn fewer_instances_than_the_scalable_targets_minimum_are_refused() {
    let mut world = Fake::new();
    world.scaling.get_mut("blue").unwrap().min = 3;
    let mut fewer = request("one");
    for instances in [Some(2), Some(3), None] {
        fewer.green.instances = instances;
        match (world.planned(&fewer), instances) {
            (Err(problems), Some(2)) => assert_eq!(
                problems.to_string().lines().last().unwrap(),
                "- `instances` 2 is below the scalable target's minimum 3. Lower the minimum first, or ask for at least 3."
            ),
            (planned, _) => assert_eq!((planned.is_ok(), instances == Some(2)), (true, false), "{instances:?}"),
        }
    }
}

#[test]
fn a_deployment_in_parts_needs_two_instances_of_every_variant() {
    let mut world = Fake::new();
    let live = variant("other", 1.0, 1);
    world.endpoint_mut().variants.push(live);
    let config = world.configs.get_mut("fraud-1").unwrap();
    let other = look::ConfigVariantSeen {
        name: "other".to_owned(),
        ..config.variants[0].clone()
    };
    config.variants.push(other);
    let mut request = super::native::canary("one");
    request.variant = Some("blue".to_owned());
    let problems = world.planned(&request).unwrap_err();
    insta::assert_snapshot!(problems);
    world.endpoint_mut().variants[1].desired_instances = Some(2);
    world.planned(&request).unwrap();
}

#[test]
fn models_that_instance_pools_name_are_refused_before_anything_is_made() {
    let mut world = Fake::new();
    world.configs.get_mut("fraud-1").unwrap().variants[0].overridden = true;
    insta::assert_snapshot!(world.planned(&request("one")).unwrap_err());
    let mut larger = request("one");
    larger.green.model = None;
    larger.green.instance_type = Some("ml.m5.4xlarge".to_owned());
    world.planned(&larger).unwrap();
}
