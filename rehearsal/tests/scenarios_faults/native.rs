//! The traffic shifter beside SageMaker's own blue/green deployment: one that completes, and one that an operator stops.

use std::time::Duration;

use rehearsal::{faults::FaultKind, play::Outcome};

use crate::{
    rollout::{ends, in_turn, starved, sweep, where_it_matters},
    sweep::{told, unmet},
};

/// A canary of half the fleet, short since it is played many times. Somebody who is not answered asks again, under the same
/// id.
const GOOD: &str = r#"
title: A good model by SageMaker's own deployment
duration: 16m
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      models: {v1: {latency: 60ms}, v2: {latency: 60ms}}
      endpoints: {fraud: {config: fraud-1, traffic: 20 rps, variants: {blue: {model: v1, instances: 2, scaling: {min: 2, max: 4, target: 900}}}}}
      alarms: {fraud-5xx: {metric: Invocation5XXErrors, endpoint: fraud, variant: blue, statistic: Sum, above: 50, missing: not_breaching}}
  timing: {update: 1m, rollback: 30s}
fleet:
  version: 1
  endpoints:
    fraud:
      rollout:
        engine: guardrails
        strategy: {canary: {size: 50%, bake: 2m}}
        keep_blue: 3m
        metrics_delay: 0s
        alarms: [fraud-5xx]
        analysis: {errors: {limit: 5%}}
functions: [{name: traffic-shifter, on: [endpoint-state-change, alarm-state-change]}]
commands:
  - {at: 30s, name: one, to: traffic-shifter, command: start, args: {endpoint: fraud, model: v2, id: one}}
  - {at: 90s, name: two, to: traffic-shifter, command: start, args: {endpoint: fraud, model: v2, id: one}}
  - {at: 15m50s, name: end, to: traffic-shifter, command: status, args: {endpoint: fraud}}
expect: {alert_ids: stable, invocations: [{ends: ok, at_least: 10}]}
"#;

/// The same, stopped while the new fleet has half of the traffic.
fn stopped() -> String {
    GOOD.replace("A good model by SageMaker's own deployment", "SageMaker's own deployment, stopped")
        .replace(
            "  - {at: 15m50s",
            "  - {at: 3m10s, name: stop, to: traffic-shifter, command: abort, args: {endpoint: fraud, id: stop}}\n  \
             - {at: 4m10s, name: stop-again, to: traffic-shifter, command: abort, args: {endpoint: fraud, id: stop}}\n  \
             - {at: 15m50s",
        )
}

/// By `version`: green in a config of Steward's, or blue in its own.
fn ends_with(version: &str, kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    match version {
        "v2" => ends(
            kind,
            outcome,
            "blue",
            "v2",
            |config| config.ends_with("-green"),
            ": completed",
        ),
        _ => ends(
            kind,
            outcome,
            "blue",
            "v1",
            |config| config == "fraud-1",
            ": rolled-back",
        ),
    }
}

/// A call that is refused for good may end the rollout, and then on blue.
fn not_as_good(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let mut wrong = unmet(outcome);
    wrong.extend(starved(outcome));
    let not_there = ends_with("v2", kind, outcome);
    if kind == Some(FaultKind::Denied) && !not_there.is_empty() {
        let not_back = ends_with("v1", kind, outcome);
        if !not_back.is_empty() {
            wrong.extend(not_there);
            wrong.extend(not_back);
        }
        wrong.extend(told(
            outcome,
            &[
                ("rollout.started", 1),
                ("rollout.rolled-back", 1),
                ("rollout.completed", 0),
            ],
        ));
        return wrong;
    }
    wrong.extend(not_there);
    wrong.extend(told(
        outcome,
        &[
            ("rollout.started", 1),
            ("rollout.completed", 1),
            ("rollout.rolling-back", 0),
            ("rollout.rolled-back", 0),
            ("rollout.failed", 0),
        ],
    ));
    wrong
}

fn not_stopped(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let mut wrong = unmet(outcome);
    wrong.extend(starved(outcome));
    wrong.extend(ends_with("v1", kind, outcome));
    wrong.extend(told(
        outcome,
        &[
            ("rollout.started", 1),
            ("rollout.rolling-back", 1),
            ("rollout.rolled-back", 1),
            ("rollout.completed", 0),
            ("rollout.failed", 0),
        ],
    ));
    wrong
}

/// By then it is over.
const UNTIL: Duration = Duration::from_secs(12 * 60);

/// When the operator stops it; until then it goes as the one that completes.
const STOPPED: Duration = Duration::from_secs(3 * 60);

#[test]
fn sagemakers_own_deployment_completes_whichever_change_of_ours_fails() {
    sweep(GOOD, (Duration::ZERO, UNTIL), true, in_turn, not_as_good);
}

#[test]
fn sagemakers_own_deployment_is_stopped_whichever_change_of_ours_fails() {
    sweep(&stopped(), (STOPPED, UNTIL), true, in_turn, not_stopped);
}

#[test]
#[ignore = "many minutes of CPU: every change in every way, and the function dies before every call"]
fn sagemakers_own_deployment_completes_whichever_call_fails_and_wherever_the_function_dies() {
    sweep(GOOD, (Duration::ZERO, UNTIL), true, where_it_matters, not_as_good);
}

#[test]
#[ignore = "many minutes of CPU: every change in every way, and the function dies before every call"]
fn sagemakers_own_deployment_is_stopped_whichever_call_fails_and_wherever_the_function_dies() {
    sweep(&stopped(), (STOPPED, UNTIL), true, where_it_matters, not_stopped);
}
