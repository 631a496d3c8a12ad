//! Scale from zero: a queue that is woken by its alarm and put to sleep again, and a component of one refused request.

use std::{collections::BTreeSet, time::Duration};

use rehearsal::{
    faults::FaultKind,
    play::Outcome,
    record::{Called, Ending},
};

use crate::sweep::{Sweep, WAYS, Way, parsed, reads, told};

/// Short, since it is played hundreds of times: capacity comes within a minute or so, and the shortest cooldown and idle time
/// there are. The alarm's event may be lost by a fault: then the sweep has to find the request.
const QUEUE: &str = r#"
title: A queue is woken and put to sleep
duration: 50m
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      endpoints:
        images:
          async: {output: "s3://inference-output/images/"}
          variants: {main: {instances: 0, latency: 1s, scaling: {min: 0, max: 4}}}
      alarms: {images-wait: {metric: HasBacklogWithoutCapacity, endpoint: images, statistic: Maximum, at_least: 1, missing: not_breaching, actions: ["function:scale-from-zero"]}}
  incidents: [{at: 70s, endpoint: images, requests: 7}]
  timing: {weights: 10s, instance: 70s, further_instance: 5s, rollback: 20s}
fleet:
  version: 1
  endpoints: {images: {wake: {enabled: true, cooldown: 5m, idle_after: 10m}}}
functions: [{name: scale-from-zero, first: 10s}]
commands: [{at: 49m50s, name: end, to: scale-from-zero, command: status, args: {endpoint: images}}]
expect: {alert_ids: stable, invocations: [{ends: ok, at_least: 10}]}
"#;

/// Whoever was refused tries again, until it is served.
const COMPONENT: &str = r#"
title: A component is woken and put to sleep
duration: 50m
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      endpoints:
        chat:
          variants: {main: {instances: 1}}
          components: {llm: {copies: 0, latency: 300ms, scaling: {min: 0, max: 4}}}
      alarms: {llm-asleep: {metric: NoCapacityInvocationFailures, dimensions: {InferenceComponentName: llm}, statistic: Sum, at_least: 1, missing: not_breaching, actions: ["function:scale-from-zero"]}}
  incidents:
    - {at: 70s, endpoint: chat, component: llm, requests: 1}
    - {at: 4m, endpoint: chat, component: llm, requests: 1}
    - {at: 8m30s, endpoint: chat, component: llm, requests: 1}
    - {at: 12m30s, endpoint: chat, component: llm, requests: 1}
  timing: {weights: 10s, instance: 20s, further_instance: 5s, rollback: 20s}
fleet:
  version: 1
  endpoints: {chat: {wake: {enabled: true, components: [llm], cooldown: 5m, idle_after: 10m}}}
functions: [{name: scale-from-zero, first: 10s}]
commands: [{at: 49m50s, name: end, to: scale-from-zero, command: status, args: {endpoint: chat}}]
expect: {alert_ids: stable, invocations: [{ends: ok, at_least: 10}]}
"#;

/// The minimum is as it was, it sleeps, and nothing is at work any more.
fn over(outcome: &Outcome, resource: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    match outcome.record.targets.as_slice() {
        [target] if target.resource == resource && (target.min, target.max) == (0, 4) => {}
        other => wrong.push(format!("scaling ends as {other:?}")),
    }
    let status = outcome.record.answers.iter().find(|answer| answer.name == "end");
    match status {
        Some(status) if status.ending == Ending::Ok => {
            let summary = status.answer["summary"].as_str().unwrap_or_default();
            if !summary.contains("asleep")
                || summary.contains("is put to sleep since")
                || summary.contains(" is serving")
            {
                wrong.push(format!("it does not sleep in the end: {summary}"));
            }
            if !summary.contains("done: first success after") {
                wrong.push(format!("the ledger does not tell of a success: {summary}"));
            }
        }
        other => wrong.push(format!("no status at the end: {other:?}")),
    }
    wrong
}

/// What is denied for good ends a wake as failed, and the next one succeeds after the pause.
fn tells(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let failed = outcome.record.alerts.iter().filter(|alert| alert.kind == "wake.failed");
    let failed = failed.map(|alert| &alert.id).collect::<BTreeSet<_>>().len();
    let mut wrong = told(outcome, &[("wake.served", 1), ("wake.yielded", 0), ("wake.held", 0)]);
    if failed > usize::from(kind == Some(FaultKind::Denied)) {
        wrong.push(format!("{failed} wakes failed"));
    }
    wrong
}

fn queue(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let mut wrong = over(outcome, "endpoint/images/variant/main");
    wrong.extend(tells(kind, outcome));
    let history = &outcome.record.endpoints["eu-west-1/images"];
    let shapes = history.shape.0.iter().filter_map(|(_, shape)| shape.as_ref());
    let counts: Vec<u32> = shapes
        .filter_map(|shape| shape.variants.get("main")?.instances)
        .collect();
    if counts.iter().max() != Some(&2) || counts.last() != Some(&0) {
        wrong.push(format!("the instances were {counts:?}"));
    }
    wrong
}

fn component(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let mut wrong = over(outcome, "inference-component/llm");
    wrong.extend(tells(kind, outcome));
    wrong
}

fn every_way() -> Vec<Way> {
    WAYS.into_iter().chain([(FaultKind::Denied, 1)]).collect()
}

/// A call that changes something in every way; of what only reads a death, a failure or a refusal, one after the other.
fn where_it_matters(turn: usize, call: &Called) -> Vec<Way> {
    let of_a_read = [
        (FaultKind::Error500, 5),
        (FaultKind::CrashBefore, 1),
        (FaultKind::Denied, 1),
    ];
    match reads(call) {
        true => vec![of_a_read[turn % 3]],
        false => every_way(),
    }
}

/// Calls that change something, each in one way, the next one in the next.
fn in_turn(turn: usize, call: &Called) -> Vec<Way> {
    let ways = every_way();
    match reads(call) {
        true => Vec::new(),
        false => vec![ways[turn % ways.len()]],
    }
}

fn sweep(
    text: &str,
    each_once: bool,
    ways: fn(usize, &Called) -> Vec<Way>,
    wrong: fn(Option<FaultKind>, &Outcome) -> Vec<String>,
) {
    let scenario = parsed(text);
    Sweep {
        scenario: &scenario,
        caller: "scale-from-zero",
        from: Duration::from_secs(60),
        until: Duration::from_secs(26 * 60),
        ways,
        each_once,
        wrong,
    }
    .run();
}

#[test]
#[ignore = "minutes of CPU: each change in one way"]
fn a_queue_is_woken_whichever_of_the_changes_fails() {
    sweep(QUEUE, true, in_turn, queue);
}

#[test]
fn a_component_is_woken_whichever_of_the_changes_fails() {
    sweep(COMPONENT, true, in_turn, component);
}

#[test]
#[ignore = "many minutes of CPU: every change in every way, and the function dies before every call"]
fn a_queue_is_woken_whichever_call_fails_and_wherever_the_function_dies() {
    sweep(QUEUE, true, where_it_matters, queue);
}

#[test]
#[ignore = "many minutes of CPU: every change in every way, and the function dies before every call"]
fn a_component_is_woken_whichever_call_fails_and_wherever_the_function_dies() {
    sweep(COMPONENT, true, where_it_matters, component);
}

#[test]
#[ignore = "an hour: every call in every way, also those that only read"]
fn a_queue_is_woken_whatever_happens_to_any_call() {
    sweep(QUEUE, false, |_, _| every_way(), queue);
}
