//! The traffic shifter where SageMaker replaces instances or copies by itself, and where a rollout that completed is taken
//! back: whichever call fails, it ends as it would have.

use std::time::Duration;

use rehearsal::{
    faults::FaultKind,
    play::Outcome,
    record::{Called, Ending},
};

use crate::{
    rollout::{ends, in_turn, shapes, starved, sweep, where_it_matters},
    sweep::{WAYS, Way, told, unmet},
};

/// By a rolling update, half of the fleet at a time. What SageMaker refused is asked for again after ten minutes.
const ROLLING: &str = r#"
title: A good model by a rolling update
duration: 30m
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      models: {v1: {latency: 60ms}, v2: {latency: 60ms}}
      endpoints: {fraud: {config: fraud-1, traffic: 20 rps, variants: {blue: {model: v1, instances: 2, scaling: {min: 2, max: 4, target: 900}}}}}
      alarms: {fraud-5xx: {metric: Invocation5XXErrors, endpoint: fraud, variant: blue, statistic: Sum, above: 50, missing: not_breaching}}
  timing: {update: 1m, instance: 20s, rollback: 30s}
fleet:
  version: 1
  endpoints:
    fraud: {rollout: {engine: rolling, batch: 50%, strategy: {all_at_once: {bake: 1m}}, metrics_delay: 0s, keep_blue: 0s, alarms: [fraud-5xx], analysis: {errors: {limit: 5%}}}}
functions: [{name: traffic-shifter, on: [endpoint-state-change, alarm-state-change]}]
commands:
  - {at: 30s, name: one, to: traffic-shifter, command: start, args: {endpoint: fraud, model: v2, id: one}}
  - {at: 90s, name: two, to: traffic-shifter, command: start, args: {endpoint: fraud, model: v2, id: one}}
  - {at: 29m50s, name: end, to: traffic-shifter, command: status, args: {endpoint: fraud}}
expect: {alert_ids: stable, invocations: [{ends: ok, at_least: 10}]}
"#;

/// One inference component, half of its copies at a time.
const COMPONENT: &str = r#"
title: A component gets a good model
duration: 30m
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      models: {v1: {latency: 60ms}, v2: {latency: 60ms}}
      endpoints: {fraud: {config: fraud-1, traffic: 20 rps, variants: {main: {instances: 4}}, components: {german: {copies: 4, model: v1, scaling: {min: 2, max: 4, target: 900}}}}}
      alarms: {fraud-5xx: {metric: Invocation5XXErrors, dimensions: {InferenceComponentName: german}, statistic: Sum, above: 50, missing: not_breaching}}
  timing: {update: 1m, instance: 20s, rollback: 30s}
fleet:
  version: 1
  endpoints:
    fraud: {rollout: {batch: 50%, strategy: {all_at_once: {bake: 1m}}, metrics_delay: 0s, keep_blue: 0s, alarms: [fraud-5xx], analysis: false}}
functions: [{name: traffic-shifter, on: [endpoint-state-change, alarm-state-change]}]
commands:
  - {at: 30s, name: one, to: traffic-shifter, command: start, args: {endpoint: fraud, component: german, model: v2, id: one}}
  - {at: 90s, name: two, to: traffic-shifter, command: start, args: {endpoint: fraud, component: german, model: v2, id: one}}
  - {at: 29m50s, name: end, to: traffic-shifter, command: status, args: {endpoint: fraud}}
expect: {alert_ids: stable, invocations: [{ends: ok, at_least: 10}]}
"#;

/// Its new model answers nobody, and nothing but the health checker watches it.
const ILL: &str = r#"
title: A component gets a bad model
duration: 30m
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      models: {v1: {latency: 60ms}, v2: {latency: 60ms, errors: 100%}}
      endpoints: {fraud: {config: fraud-1, traffic: 20 rps, variants: {main: {instances: 4}}, components: {german: {copies: 4, model: v1, scaling: {min: 2, max: 4, target: 900}}}}}
      alarms: {fraud-slow: {metric: ModelLatency, dimensions: {InferenceComponentName: german}, above: 2000000, missing: not_breaching}}
  timing: {update: 1m, instance: 20s, rollback: 30s}
fleet:
  version: 1
  endpoints:
    fraud:
      health: {failure_threshold: 2, probes: [{name: hello, kind: inference-component, component: german, payload: {text: hello}, retries: 0}]}
      rollout: {batch: 50%, strategy: {all_at_once: {bake: 6m}}, metrics_delay: 0s, keep_blue: 0s, alarms: [fraud-slow]}
functions: [{name: health-checker}, {name: traffic-shifter, on: [endpoint-state-change, alarm-state-change]}]
commands:
  - {at: 30s, name: one, to: traffic-shifter, command: start, args: {endpoint: fraud, component: german, model: v2, id: one}}
  - {at: 90s, name: two, to: traffic-shifter, command: start, args: {endpoint: fraud, component: german, model: v2, id: one}}
  - {at: 29m50s, name: end, to: traffic-shifter, command: status, args: {endpoint: fraud}}
expect: {alert_ids: stable, invocations: [{ends: ok, at_least: 10}]}
"#;

/// Blue is gone when the operator wants it back.
const TAKEN_BACK: &str = r#"
title: A completed rollout is taken back
duration: 34m
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      models: {v1: {latency: 60ms}, v2: {latency: 60ms}}
      endpoints: {fraud: {config: fraud-1, traffic: 20 rps, variants: {blue: {model: v1, instances: 2, scaling: {min: 2, max: 4, target: 900}}}}}
  timing: {update: 40s, weights: 10s, instance: 20s, rollback: 20s}
fleet:
  version: 1
  endpoints:
    fraud: {rollout: {strategy: {all_at_once: {bake: 1m}}, metrics_delay: 0s, keep_blue: 1m, smoke: false, analysis: false}}
functions: [{name: traffic-shifter, on: [endpoint-state-change, alarm-state-change]}]
commands:
  - {at: 30s, name: one, to: traffic-shifter, command: start, args: {endpoint: fraud, model: v2, id: one}}
  - {at: 8m, name: back, to: traffic-shifter, command: rollback, args: {endpoint: fraud, id: back}}
  - {at: 9m, name: back-again, to: traffic-shifter, command: rollback, args: {endpoint: fraud, id: back}}
  - {at: 33m50s, name: end, to: traffic-shifter, command: status, args: {endpoint: fraud}}
expect: {alert_ids: stable, invocations: [{ends: ok, at_least: 10}]}
"#;

/// The same, stopped by an operator while SageMaker is at work. Somebody who is not answered asks again.
fn stopped(text: &str) -> String {
    text.replace("gets a good model", "keeps its model").replace(
        "  - {at: 29m50s",
        "  - {at: 2m, name: stop, to: traffic-shifter, command: abort, args: {endpoint: fraud, id: stop}}\n  \
         - {at: 3m, name: stop-again, to: traffic-shifter, command: abort, args: {endpoint: fraud, id: stop}}\n  \
         - {at: 29m50s",
    )
}

const FORTH: [(&str, usize); 5] = [
    ("rollout.started", 1),
    ("rollout.completed", 1),
    ("rollout.rolling-back", 0),
    ("rollout.rolled-back", 0),
    ("rollout.failed", 0),
];

const BACK: [(&str, usize); 5] = [
    ("rollout.started", 1),
    ("rollout.completed", 0),
    ("rollout.rolling-back", 1),
    ("rollout.rolled-back", 1),
    ("rollout.failed", 0),
];

/// Completed; a call that is refused for good may end the rollout before anything was changed.
fn forth(
    kind: Option<FaultKind>,
    outcome: &Outcome,
    ends_with: fn(&str, Option<FaultKind>, &Outcome) -> Vec<String>,
) -> Vec<String> {
    let mut wrong = unmet(outcome);
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
    wrong.extend(told(outcome, &FORTH));
    wrong
}

fn rolling_ends(version: &str, kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let mut wrong = starved(outcome);
    wrong.extend(match version {
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
    });
    wrong
}

fn component_ends(version: &str, _: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let mut wrong = Vec::new();
    let said = if version == "v2" {
        ": completed"
    } else {
        ": rolled-back"
    };
    match shapes(outcome).last() {
        Some(shape)
            if shape.config == "fraud-1" && shape.components.get("german").is_some_and(|model| model == version) => {}
        other => wrong.push(format!("fraud ends as {other:?}")),
    }
    match outcome.record.targets.as_slice() {
        [target]
            if target.resource == "inference-component/german"
                && (target.min, target.max, target.policies) == (2, 4, 1) => {}
        other => wrong.push(format!("scaling ends as {other:?}")),
    }
    let status = outcome.record.answers.iter().find(|answer| answer.name == "end");
    match status.map(|status| (status.ending, status.answer["summary"].as_str().unwrap_or_default())) {
        Some((Ending::Ok, summary)) if summary.contains("No rollout is at work") && summary.contains(said) => {}
        other => wrong.push(format!("the ledger does not say {said}: {other:?}")),
    }
    wrong
}

fn rolling_completes(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    forth(kind, outcome, rolling_ends)
}

fn rolling_stops(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let mut wrong = unmet(outcome);
    wrong.extend(rolling_ends("v1", kind, outcome));
    wrong.extend(told(outcome, &BACK));
    wrong
}

fn component_completes(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    forth(kind, outcome, component_ends)
}

/// The one call after which nothing but its health tells whether the model is good, in every way.
fn its_update(_: usize, call: &Called) -> Vec<Way> {
    if call.operation == "UpdateInferenceComponent" {
        WAYS.to_vec()
    } else {
        Vec::new()
    }
}

fn component_stops(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let mut wrong = unmet(outcome);
    wrong.extend(component_ends("v1", kind, outcome));
    wrong.extend(told(outcome, &BACK));
    wrong
}

/// Blue serves in a config that was made for it, and the one from the start is kept: somebody else made it.
fn taken_back(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let mut wrong = unmet(outcome);
    wrong.extend(starved(outcome));
    let made = |config: &str| config.contains("-back");
    wrong.extend(ends(
        kind,
        outcome,
        "blue",
        "v1",
        made,
        ": rolled-back after it had completed",
    ));
    wrong.extend(told(
        outcome,
        &[
            ("rollout.started", 1),
            ("rollout.completed", 1),
            ("rollout.rolling-back", 1),
            ("rollout.rolled-back", 1),
            ("rollout.failed", 0),
        ],
    ));
    wrong
}

const MINUTE: Duration = Duration::from_secs(60);

/// From the start until all is over.
const ALL: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(6 * 60));

/// From just before somebody says stop.
fn from_the_stop() -> (Duration, Duration) {
    (MINUTE, 8 * MINUTE)
}

fn from_the_rollback() -> (Duration, Duration) {
    (7 * MINUTE, 14 * MINUTE)
}

#[test]
fn a_rolling_update_completes_whichever_change_of_ours_fails() {
    sweep(ROLLING, ALL, true, in_turn, rolling_completes);
}

#[test]
fn a_rolling_update_is_stopped_whichever_change_of_ours_fails() {
    sweep(&stopped(ROLLING), from_the_stop(), true, in_turn, rolling_stops);
}

#[test]
fn a_component_gets_its_model_whichever_change_of_ours_fails() {
    sweep(COMPONENT, ALL, true, in_turn, component_completes);
}

#[test]
fn a_component_keeps_its_model_whichever_change_of_ours_fails() {
    sweep(&stopped(COMPONENT), from_the_stop(), true, in_turn, component_stops);
}

#[test]
fn a_component_with_a_bad_model_goes_back_whichever_change_of_ours_fails() {
    sweep(ILL, ALL, true, in_turn, component_stops);
}

#[test]
fn a_component_with_a_bad_model_goes_back_however_its_update_fails() {
    sweep(ILL, ALL, true, its_update, component_stops);
}

#[test]
fn a_completed_rollout_is_taken_back_whichever_change_fails() {
    sweep(TAKEN_BACK, from_the_rollback(), true, in_turn, taken_back);
}

#[test]
#[ignore = "minutes of CPU: every change in every way, and the function dies before every call"]
fn a_rolling_update_completes_whichever_call_fails_and_wherever_the_function_dies() {
    sweep(ROLLING, ALL, true, where_it_matters, rolling_completes);
}

#[test]
#[ignore = "minutes of CPU: every change in every way, and the function dies before every call"]
fn a_rolling_update_is_stopped_whichever_call_fails_and_wherever_the_function_dies() {
    sweep(
        &stopped(ROLLING),
        from_the_stop(),
        true,
        where_it_matters,
        rolling_stops,
    );
}

#[test]
#[ignore = "minutes of CPU: every change in every way, and the function dies before every call"]
fn a_component_gets_its_model_whichever_call_fails_and_wherever_the_function_dies() {
    sweep(COMPONENT, ALL, true, where_it_matters, component_completes);
}

#[test]
#[ignore = "minutes of CPU: every change in every way, and the function dies before every call"]
fn a_component_keeps_its_model_whichever_call_fails_and_wherever_the_function_dies() {
    sweep(
        &stopped(COMPONENT),
        from_the_stop(),
        true,
        where_it_matters,
        component_stops,
    );
}

#[test]
#[ignore = "minutes of CPU: every change in every way, and the function dies before every call"]
fn a_component_with_a_bad_model_goes_back_whichever_call_fails_and_wherever_the_function_dies() {
    sweep(ILL, ALL, true, where_it_matters, component_stops);
}

#[test]
#[ignore = "minutes of CPU: every change in every way, and the function dies before every call"]
fn a_completed_rollout_is_taken_back_whichever_call_fails_and_wherever_the_function_dies() {
    sweep(TAKEN_BACK, from_the_rollback(), true, where_it_matters, taken_back);
}
