//! The traffic shifter: a whole canary rollout that completes, and one that is taken back.

use std::time::Duration;

use rehearsal::{
    faults::FaultKind,
    play::Outcome,
    record::{Called, Shape},
};
use shared::endpoint::EndpointStatus;

use crate::sweep::{Sweep, WAYS, Way, parsed, reads, told, unmet};

/// Somebody who is not answered asks again, under the same id.
const GOOD: &str = r#"
title: A good model by canary
duration: 14m
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      models: {v1: {latency: 60ms}, v2: {latency: 60ms}}
      endpoints: {fraud: {config: fraud-1, traffic: 20 rps, variants: {blue: {model: v1, instances: 2, scaling: {min: 2, max: 4, target: 900}}}}}
      alarms: {fraud-5xx: {metric: Invocation5XXErrors, endpoint: fraud, variant: blue, statistic: Sum, above: 50, missing: not_breaching}}
  timing: {update: 40s, weights: 10s, instance: 20s, rollback: 20s}
fleet:
  version: 1
  endpoints:
    fraud:
      health: {probes: [{name: golden, payload: {amount: 12}, retries: 0}]}
      rollout: {strategy: {canary: {size: 50%, bake: 1m}}, metrics_delay: 0s, keep_blue: 1m, alarms: [fraud-5xx], smoke: {passes: 1}}
functions: [{name: traffic-shifter, on: [endpoint-state-change, alarm-state-change]}]
commands:
  - {at: 30s, name: one, to: traffic-shifter, command: start, args: {endpoint: fraud, model: v2, id: one}}
  - {at: 90s, name: two, to: traffic-shifter, command: start, args: {endpoint: fraud, model: v2, id: one}}
expect: {alert_ids: stable, invocations: [{ends: ok, at_least: 10}]}
"#;

fn shapes(outcome: &Outcome) -> Vec<&Shape> {
    let history = &outcome.record.endpoints["eu-west-1/fraud"];
    history.shape.0.iter().filter_map(|(_, shape)| shape.as_ref()).collect()
}

/// What may never be so, however a rollout ends.
fn harm(outcome: &Outcome) -> Vec<String> {
    let mut wrong = unmet(outcome);
    let record = &outcome.record;
    let history = &record.endpoints["eu-west-1/fraud"];
    if history.status.at(record.end) != Some(&Some(EndpointStatus::InService)) {
        wrong.push(format!("fraud ends {:?}", history.status.at(record.end)));
    }
    for shape in shapes(outcome) {
        let weights: f64 = shape.variants.values().map(|variant| variant.weight).sum();
        if weights <= 0.0 {
            wrong.push(format!("no variant has a weight: {shape:?}"));
        }
        for (name, variant) in &shape.variants {
            let needed = 2.0 * shape.share(name);
            if f64::from(variant.instances.unwrap_or(0)) < needed {
                wrong.push(format!("{name} has fewer instances than its share needs: {shape:?}"));
            }
        }
        let blue = shape.variants.get("blue").map(|blue| blue.instances.unwrap_or(0));
        if blue.is_some_and(|instances| instances < 2) {
            wrong.push(format!("blue has lost instances: {shape:?}"));
        }
    }
    let failed = record
        .series
        .iter()
        .filter(|series| series.measure == rehearsal::record::Measure::Errors);
    let errors: f64 = failed.flat_map(|series| &series.points).map(|(_, errors)| errors).sum();
    if record.endpoints.len() != 1 || errors > 2_000.0 {
        wrong.push(format!("{errors} requests failed"));
    }
    wrong
}

fn ends(outcome: &Outcome, variant: &str, model: &str, config: impl Fn(&str) -> bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let Some(shape) = shapes(outcome).last().copied() else {
        return vec!["fraud is gone".to_owned()];
    };
    let alone = shape.variants.len() == 1
        && shape
            .variants
            .get(variant)
            .is_some_and(|variant| variant.model == model);
    if !alone || !config(&shape.config) {
        wrong.push(format!("fraud ends as {shape:?}"));
    }
    let resource = format!("endpoint/fraud/variant/{variant}");
    match outcome.record.targets.as_slice() {
        [target] if target.resource == resource && (target.min, target.max, target.policies) == (2, 4, 1) => {}
        other => wrong.push(format!("scaling ends as {other:?}")),
    }
    let configs: Vec<&str> = outcome.record.configs.iter().map(|(_, name)| name.as_str()).collect();
    if !configs.contains(&"fraud-1") || !configs.contains(&shape.config.as_str()) {
        wrong.push(format!("a config that is needed was deleted; there are {configs:?}"));
    }
    if configs.iter().any(|config| config.ends_with("-both")) {
        wrong.push(format!("configs were left behind: {configs:?}"));
    }
    wrong
}

fn not_completed(outcome: &Outcome) -> Vec<String> {
    let mut wrong = harm(outcome);
    wrong.extend(ends(outcome, "green", "v2", |config| config.ends_with("-green")));
    wrong.extend(told(
        outcome,
        &[
            ("rollout.started", 1),
            ("rollout.progressed", 2),
            ("rollout.promoted", 1),
            ("rollout.completed", 1),
            ("rollout.rolling-back", 0),
            ("rollout.rolled-back", 0),
            ("rollout.failed", 0),
        ],
    ));
    wrong
}

fn not_rolled_back(outcome: &Outcome) -> Vec<String> {
    let mut wrong = harm(outcome);
    wrong.extend(ends(outcome, "blue", "v1", |config| config == "fraud-1"));
    wrong.extend(told(
        outcome,
        &[
            ("rollout.started", 1),
            ("rollout.progressed", 1),
            ("rollout.rolling-back", 1),
            ("rollout.rolled-back", 1),
            ("rollout.promoted", 0),
            ("rollout.completed", 0),
            ("rollout.failed", 0),
        ],
    ));
    let green_after: Vec<f64> = shapes(outcome)
        .iter()
        .map(|shape| shape.share("green"))
        .skip_while(|share| *share == 0.0)
        .skip_while(|share| *share > 0.0)
        .filter(|share| *share > 0.0)
        .collect();
    if !green_after.is_empty() {
        wrong.push("green got traffic again after it was taken back".to_owned());
    }
    wrong
}

fn bad() -> String {
    GOOD.replace("A good model by canary", "A bad model, taken back")
        .replace("v2: {latency: 60ms}", "v2: {latency: 60ms, errors: 30%}")
        .replace("passes: 1", "passes: 1, failures: 20")
}

/// A call that changes something in every way. What only reads is the same before and after, so of it one refusal and
/// one death are tried.
fn where_it_matters(call: &Called) -> Vec<Way> {
    if reads(call) {
        vec![(FaultKind::Error500, 5), (FaultKind::CrashBefore, 1)]
    } else {
        WAYS.to_vec()
    }
}

fn sweep(text: &str, each_once: bool, ways: fn(&Called) -> Vec<Way>, wrong: fn(&Outcome) -> Vec<String>) {
    let scenario = parsed(text);
    Sweep {
        scenario: &scenario,
        caller: "traffic-shifter",
        until: Duration::from_secs(8 * 60),
        ways,
        each_once,
        wrong,
    }
    .run();
}

#[test]
#[ignore = "a quarter of an hour and more of CPU; not yet seen to its end"]
fn a_rollout_completes_whichever_of_its_calls_fails_and_wherever_the_function_dies() {
    sweep(GOOD, true, where_it_matters, not_completed);
}

#[test]
#[ignore = "a quarter of an hour and more of CPU; not yet seen to its end"]
fn a_rollback_ends_on_blue_whichever_of_its_calls_fails_and_wherever_the_function_dies() {
    sweep(&bad(), true, where_it_matters, not_rolled_back);
}

#[test]
#[ignore = "an hour: every call in every way, also those that only read"]
fn a_rollout_completes_whatever_happens_to_any_of_its_calls() {
    sweep(GOOD, false, |_| WAYS.to_vec(), not_completed);
}

#[test]
#[ignore = "an hour: every call in every way, also those that only read"]
fn a_rollback_ends_on_blue_whatever_happens_to_any_of_its_calls() {
    sweep(&bad(), false, |_| WAYS.to_vec(), not_rolled_back);
}
