//! The traffic shifter: a whole rollout that completes, and one that is taken back.

use std::{collections::BTreeSet, time::Duration};

use rehearsal::{
    faults::{Fault, FaultKind},
    play::Outcome,
    record::{Called, Ending, Measure, Shape},
};
use steward::endpoint::EndpointStatus;

use crate::sweep::{Sweep, WAYS, Way, parsed, played, reads, told, unmet};

/// Short, since it is played hundreds of times: one step of half the traffic, one of all of it. Somebody who is not
/// answered asks again, under the same id.
const GOOD: &str = r#"
title: A good model by canary
duration: 11m
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
      rollout: {health: false, strategy: {canary: {size: 50%, bake: 1m}}, metrics_delay: 0s, keep_blue: 1m, alarms: [fraud-5xx], smoke: {passes: 1}}
functions: [{name: traffic-shifter, on: [endpoint-state-change, alarm-state-change]}]
commands:
  - {at: 30s, name: one, to: traffic-shifter, command: start, args: {endpoint: fraud, model: v2, id: one}}
  - {at: 90s, name: two, to: traffic-shifter, command: start, args: {endpoint: fraud, model: v2, id: one}}
  - {at: 10m50s, name: end, to: traffic-shifter, command: status, args: {endpoint: fraud}}
expect: {alert_ids: stable, invocations: [{ends: ok, at_least: 10}]}
"#;

pub(crate) fn shapes(outcome: &Outcome) -> Vec<&Shape> {
    let history = &outcome.record.endpoints["eu-west-1/fraud"];
    history.shape.0.iter().filter_map(|(_, shape)| shape.as_ref()).collect()
}

/// What may never be so, however a rollout goes: traffic without instances for it, or no traffic at all.
pub(crate) fn starved(outcome: &Outcome) -> Vec<String> {
    let mut wrong = Vec::new();
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
            let needed = 2.0 * shape.share(name) * (1.0 - shape.new_fleet);
            if f64::from(variant.instances.unwrap_or(0)) < needed {
                wrong.push(format!("{name} has fewer instances than its share needs: {shape:?}"));
            }
        }
        let blue = shape.variants.get("blue").map(|blue| blue.instances.unwrap_or(0));
        if shape.new_fleet == 0.0 && blue.is_some_and(|instances| instances < 2) {
            wrong.push(format!("blue has lost instances: {shape:?}"));
        }
    }
    let failed = record.series.iter().filter(|series| series.measure == Measure::Errors);
    let errors: f64 = failed.flat_map(|series| &series.points).map(|(_, errors)| errors).sum();
    if record.endpoints.len() != 1 || errors > 2_000.0 {
        wrong.push(format!("{errors} requests failed"));
    }
    wrong
}

/// The truth at the end, and what the ledger says of it. A deletion that was denied is not asked for again within the hour.
pub(crate) fn ends(
    kind: Option<FaultKind>,
    outcome: &Outcome,
    variant: &str,
    model: &str,
    config: impl Fn(&str) -> bool,
    said: &str,
) -> Vec<String> {
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
    let configs: BTreeSet<&str> = outcome.record.configs.iter().map(|(_, name)| name.as_str()).collect();
    let needed = BTreeSet::from(["fraud-1", shape.config.as_str()]);
    let tidy = configs == needed || (kind == Some(FaultKind::Denied) && configs.is_superset(&needed));
    if !tidy {
        wrong.push(format!("the configs at the end are {configs:?}, not {needed:?}"));
    }
    let status = outcome.record.answers.iter().find(|answer| answer.name == "end");
    match status {
        Some(status) if status.ending == Ending::Ok => {
            let summary = status.answer["summary"].as_str().unwrap_or_default();
            if !summary.contains("No rollout is at work") || !summary.contains(said) {
                wrong.push(format!("the ledger does not say {said}: {summary}"));
            }
        }
        other => wrong.push(format!("no status at the end: {other:?}")),
    }
    wrong
}

fn completed(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let greens = |config: &str| config.ends_with("-green");
    ends(kind, outcome, "green", "v2", greens, ": completed")
}

fn rolled_back(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    ends(
        kind,
        outcome,
        "blue",
        "v1",
        |config| config == "fraud-1",
        ": rolled-back",
    )
}

/// Green was taken back once, and stays so.
fn green_again(outcome: &Outcome) -> Option<String> {
    let again = shapes(outcome)
        .iter()
        .map(|shape| shape.share("green"))
        .skip_while(|share| *share == 0.0)
        .skip_while(|share| *share > 0.0)
        .any(|share| share > 0.0);
    again.then(|| "green got traffic again after it was taken back".to_owned())
}

/// A call that is refused for good may end the rollout, and then on blue.
fn not_as_good(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    not_completed(kind, outcome, 2)
}

fn not_as_good_at_once(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    not_completed(kind, outcome, 1)
}

fn not_completed(kind: Option<FaultKind>, outcome: &Outcome, steps: usize) -> Vec<String> {
    let mut wrong = unmet(outcome);
    wrong.extend(starved(outcome));
    let not_there = completed(kind, outcome);
    if kind == Some(FaultKind::Denied) && !not_there.is_empty() {
        let not_back = rolled_back(kind, outcome);
        if !not_back.is_empty() {
            wrong.extend(not_there);
            wrong.extend(not_back);
        }
        wrong.extend(told(
            outcome,
            &[
                ("rollout.started", 1),
                ("rollout.rolling-back", 1),
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
            ("rollout.progressed", steps),
            ("rollout.promoted", 1),
            ("rollout.completed", 1),
            ("rollout.rolling-back", 0),
            ("rollout.rolled-back", 0),
            ("rollout.failed", 0),
        ],
    ));
    wrong
}

fn not_taken_back(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let mut wrong = unmet(outcome);
    wrong.extend(starved(outcome));
    wrong.extend(rolled_back(kind, outcome));
    wrong.extend(green_again(outcome));
    wrong.extend(told(
        outcome,
        &[
            ("rollout.started", 1),
            ("rollout.rolling-back", 1),
            ("rollout.rolled-back", 1),
            ("rollout.promoted", 0),
            ("rollout.completed", 0),
            ("rollout.failed", 0),
        ],
    ));
    if kind != Some(FaultKind::Denied) {
        wrong.extend(told(outcome, &[("rollout.progressed", 1)]));
    }
    wrong
}

fn bad() -> String {
    GOOD.replace("A good model by canary", "A bad model, taken back")
        .replace("v2: {latency: 60ms}", "v2: {latency: 60ms, errors: 30%}")
        .replace("passes: 1", "passes: 1, failures: 20")
}

/// Every way in which a call may go wrong. What is denied is not repeated by the SDK.
fn every_way() -> Vec<Way> {
    WAYS.into_iter().chain([(FaultKind::Denied, 1)]).collect()
}

/// A call that changes something in every way. What only reads is the same before and after, so of it a death or a
/// refusal is tried, one after the other.
pub(crate) fn where_it_matters(turn: usize, call: &Called) -> Vec<Way> {
    if reads(call) {
        match turn % 4 {
            0 => vec![(FaultKind::Error500, 5)],
            1 => vec![(FaultKind::Denied, 1)],
            _ => vec![(FaultKind::CrashBefore, 1)],
        }
    } else {
        every_way()
    }
}

/// Calls that change something, each in one way, the next one in the next.
pub(crate) fn in_turn(turn: usize, call: &Called) -> Vec<Way> {
    let ways = every_way();
    let way = ways[turn % ways.len()];
    if reads(call) { Vec::new() } else { vec![way] }
}

/// When the bad model of [`bad`] is taken back; until then it goes as with the good one.
const TAKEN_BACK: Duration = Duration::from_secs(3 * 60);

/// By then it is over.
const UNTIL: Duration = Duration::from_secs(8 * 60);

pub(crate) fn sweep(
    text: &str,
    (from, until): (Duration, Duration),
    each_once: bool,
    ways: fn(usize, &Called) -> Vec<Way>,
    wrong: fn(Option<FaultKind>, &Outcome) -> Vec<String>,
) {
    let scenario = parsed(text);
    Sweep {
        scenario: &scenario,
        caller: "traffic-shifter",
        from,
        until,
        ways,
        each_once,
        wrong,
    }
    .run();
}

#[test]
fn a_rollout_completes_whichever_of_its_changes_fails() {
    let at_once = GOOD.replace("canary: {size: 50%, bake: 1m}", "all_at_once: {bake: 1m}");
    sweep(&at_once, (Duration::ZERO, UNTIL), true, in_turn, not_as_good_at_once);
}

/// All at once, scaled by a step policy, whose alarm rings when all is over.
fn by_steps() -> String {
    let policy = "policies: {busy: {PolicyType: StepScaling, StepScalingPolicyConfiguration: {AdjustmentType: ChangeInCapacity, \
                  StepAdjustments: [{MetricIntervalLowerBound: 0, ScalingAdjustment: 1}]}}}";
    let alarm = "alarms:\n        fraud-busy: {metric: Invocations, endpoint: fraud, variant: blue, statistic: Sum, above: 3000, \
                 missing: not_breaching, actions: ['policy:fraud/blue/busy']}\n        fraud-5xx: ";
    let traffic = "traffic: {trace: [{minute: 0, rps: 20}, {minute: 11, rps: 20}, {minute: 12, rps: 100}, {minute: 15, rps: 100}]}";
    GOOD.replace("canary: {size: 50%, bake: 1m}", "all_at_once: {bake: 1m}")
        .replace("target: 900", policy)
        .replace("alarms: {fraud-5xx: ", alarm)
        .replace(
            "above: 50, missing: not_breaching}}",
            "above: 50, missing: not_breaching}",
        )
        .replace("traffic: 20 rps", traffic)
        .replace("duration: 11m", "duration: 15m")
        .replace("at: 10m50s", "at: 14m50s")
        .replace(
            "expect: {",
            "expect: {endpoints: [{name: fraud, instances: {green: at least 3}}], ",
        )
}

/// The calls that tell where an alarm points, and that point it.
fn of_alarms(turn: usize, call: &Called) -> Vec<Way> {
    match call.operation.as_str() {
        "PutMetricAlarm" => every_way(),
        "DescribeAlarms" | "DescribeScalingPolicies" if turn.is_multiple_of(3) => vec![(FaultKind::Error500, 5)],
        _ => Vec::new(),
    }
}

#[test]
fn the_alarm_of_a_step_policy_scales_green_whichever_call_that_points_it_fails() {
    sweep(
        &by_steps(),
        (Duration::ZERO, UNTIL),
        true,
        of_alarms,
        not_as_good_at_once,
    );
}

#[test]
fn a_rollback_ends_on_blue_whichever_of_its_changes_fails() {
    sweep(&bad(), (TAKEN_BACK, UNTIL), true, in_turn, not_taken_back);
}

#[test]
#[ignore = "many minutes of CPU: every change in every way, and the function dies before every call"]
fn a_rollout_completes_whichever_of_its_calls_fails_and_wherever_the_function_dies() {
    sweep(GOOD, (Duration::ZERO, UNTIL), true, where_it_matters, not_as_good);
}

#[test]
#[ignore = "many minutes of CPU: every change in every way, and the function dies before every call"]
fn a_rollback_ends_on_blue_whichever_of_its_calls_fails_and_wherever_the_function_dies() {
    sweep(&bad(), (Duration::ZERO, UNTIL), true, where_it_matters, not_taken_back);
}

#[test]
#[ignore = "an hour: every call in every way, also those that only read"]
fn a_rollout_completes_whatever_happens_to_any_of_its_calls() {
    sweep(GOOD, (Duration::ZERO, UNTIL), false, |_, _| every_way(), not_as_good);
}

#[test]
#[ignore = "an hour: every call in every way, also those that only read"]
fn a_rollback_ends_on_blue_whatever_happens_to_any_of_its_calls() {
    sweep(
        &bad(),
        (Duration::ZERO, UNTIL),
        false,
        |_, _| every_way(),
        not_taken_back,
    );
}

/// One permission is missing for seven minutes, from when the rollout is at work: longer than any phase may take.
#[test]
#[ignore = "a minute of CPU: every operation once"]
fn while_a_permission_is_missing_nobody_is_starved_and_people_are_told_and_then_it_ends() {
    let text = GOOD
        .replace("metrics_delay: 0s", "metrics_delay: 0s, phase_deadline: 5m")
        .replace("duration: 11m", "duration: 20m")
        .replace("at: 10m50s", "at: 19m50s")
        .replace(", invocations: [{ends: ok, at_least: 10}]", "");
    let scenario = parsed(&text);
    let operations: BTreeSet<(String, String)> = played(&scenario, Vec::new())
        .record
        .calls
        .into_iter()
        .filter(|call| call.caller == "traffic-shifter")
        .map(|call| (call.service, call.operation))
        .collect();
    assert!(operations.len() > 15, "{operations:?}");
    let mut failures = Vec::new();
    for (service, operation) in &operations {
        let mut fault = Fault::every(FaultKind::Denied)
            .by("traffic-shifter")
            .on(service, operation);
        fault.from = Some(Duration::from_secs(60));
        fault.until = Some(Duration::from_secs(8 * 60));
        let outcome = played(&scenario, vec![fault]);
        let mut wrong = starved(&outcome);
        // A deletion that was refused is asked for again an hour later only.
        let kind = (operation == "DeleteEndpointConfig").then_some(FaultKind::Denied);
        let (forth, back) = (completed(kind, &outcome), rolled_back(kind, &outcome));
        if !forth.is_empty() && !back.is_empty() {
            wrong.extend(forth);
            wrong.extend(back);
        }
        wrong.extend(told(&outcome, &[("rollout.started", 1)]));
        let over = told(&outcome, &[("rollout.completed", 1)]).is_empty()
            || told(&outcome, &[("rollout.rolled-back", 1)]).is_empty();
        if !over {
            wrong.push("nobody was told of the end".to_owned());
        }
        if !wrong.is_empty() {
            failures.push(format!("{service} {operation} denied: {}", wrong.join("; ")));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
