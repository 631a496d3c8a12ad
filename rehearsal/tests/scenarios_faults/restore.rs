//! The cross-Region backup: a restore and a drill, from a recovery point that a backup made before.

use std::{collections::BTreeSet, time::Duration};

use rehearsal::{
    faults::FaultKind,
    play::Outcome,
    record::{Called, Ending},
};
use steward::endpoint::EndpointStatus;

use crate::sweep::{Sweep, WAYS, Way, parsed, reads, told, unmet};

/// Short, since it is played hundreds of times. Somebody who is not answered asks again, under the same id.
const RESTORE: &str = r#"
title: An endpoint is restored
duration: 12m
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      models: {v1: {artifact: s3://models/v1.tar.gz}}
      endpoints: {fraud: {config: fraud-1, variants: {blue: {model: v1, instances: 2, scaling: {min: 2, max: 4, target: 900}}}}}
    eu-central-1: {topics: [steward-alerts]}
  timing: {create: 40s, delete: 20s}
buckets: {models: {region: eu-west-1, objects: {v1.tar.gz: 1 MB}}, models-dr: eu-central-1}
fleet:
  version: 1
  endpoints:
    fraud:
      health: {probes: [{name: golden, payload: {amount: 12}, retries: 0}]}
      backup: {destination: {region: eu-central-1, bucket: models-dr}}
functions:
  - {name: cross-region-backup, region: eu-west-1, every: 1h}
  - {name: restorer, handler: cross-region-backup, region: eu-central-1}
commands:
  - {at: 80s, name: one, to: restorer, command: restore, args: {endpoint: fraud, id: one}}
  - {at: 130s, name: two, to: restorer, command: restore, args: {endpoint: fraud, id: one}}
  - {at: 11m50s, name: end, to: restorer, command: status, args: {endpoint: fraud}}
expect: {alert_ids: stable, invocations: [{ends: ok, at_least: 10}]}
"#;

fn drill() -> String {
    RESTORE
        .replace("An endpoint is restored", "An endpoint is drilled")
        .replace("command: restore", "command: drill")
        .replace("duration: 12m", "duration: 20m")
        .replace("at: 11m50s", "at: 19m50s")
}

/// The restore comes while the endpoint of the drill is being created.
fn makes_way() -> String {
    let drill = "  - {at: 80s, name: drill, to: restorer, command: drill, args: {endpoint: fraud, id: drill}}\n";
    RESTORE
        .replace(
            "An endpoint is restored",
            "An endpoint is restored that is being drilled",
        )
        .replace("  - {at: 80s, name: one", &format!("{drill}  - {{at: 95s, name: one"))
        .replace("duration: 12m", "duration: 20m")
        .replace("at: 11m50s", "at: 19m50s")
}

/// What of SageMaker there is in the other Region at the end: kinds and names.
pub(crate) fn there(outcome: &Outcome) -> BTreeSet<String> {
    let all = outcome.record.definitions.iter();
    all.filter(|one| one.region == "eu-central-1")
        .map(|one| format!("{} {}", one.kind, one.name))
        .collect()
}

fn said_at_the_end(outcome: &Outcome) -> String {
    match outcome.record.answers.iter().find(|answer| answer.name == "end") {
        Some(answer) if answer.ending == Ending::Ok => answer.answer["summary"].as_str().unwrap_or_default().to_owned(),
        other => format!("no status at the end: {other:?}"),
    }
}

/// The recovery point and the endpoint that it was made of are as they were, and nobody was told two ids.
pub(crate) fn whatever_happens(outcome: &Outcome) -> Vec<String> {
    let mut wrong = unmet(outcome);
    let record = &outcome.record;
    let history = &record.endpoints["eu-west-1/fraud"];
    if history.status.at(record.end) != Some(&Some(EndpointStatus::InService)) {
        wrong.push("the endpoint itself was touched".to_owned());
    }
    let foreign = record
        .calls
        .iter()
        .filter(|call| call.caller == "restorer" && call.region == "eu-west-1");
    if let Some(call) = foreign.into_iter().next() {
        wrong.push(format!("{} was asked of the other Region", call.operation));
    }
    let status = said_at_the_end(outcome);
    if !status.contains("can be restored in eu-central-1") || status.contains("deadline") {
        wrong.push(format!("the status at the end: {status}"));
    }
    wrong
}

fn not_restored(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let mut wrong = whatever_happens(outcome);
    let whole: BTreeSet<String> = ["model v1", "endpoint config fraud-1", "endpoint fraud"]
        .map(str::to_owned)
        .into();
    let there = there(outcome);
    let failed = outcome
        .record
        .alerts
        .iter()
        .any(|alert| alert.kind == "backup.restore-failed");
    if kind == Some(FaultKind::Denied) && (failed || there.is_empty()) {
        // What is denied ends a restore, or keeps it from beginning: what was made is a part of the whole, and told.
        if !there.is_subset(&whole) {
            wrong.push(format!("there is {there:?}"));
        }
        return wrong;
    }
    if there != whole {
        wrong.push(format!("there is {there:?}"));
    }
    let serves = outcome.record.endpoints.get("eu-central-1/fraud");
    let status = serves.and_then(|history| history.status.at(outcome.record.end));
    if status != Some(&Some(EndpointStatus::InService)) {
        wrong.push(format!("fraud ends {status:?}"));
    }
    let targets = outcome.record.targets.iter();
    let shown: Vec<String> = targets
        .map(|target| format!("{} {} {} {}", target.resource, target.min, target.max, target.policies))
        .collect();
    if shown != ["endpoint/fraud/variant/blue 2 4 1", "endpoint/fraud/variant/blue 2 4 1"] {
        wrong.push(format!("the scaling of both ends as {shown:?}"));
    }
    if kind != Some(FaultKind::Denied) {
        wrong.extend(told(
            outcome,
            &[
                ("backup.restoring", 1),
                ("backup.restored", 1),
                ("backup.restore-failed", 0),
            ],
        ));
    }
    wrong
}

fn not_drilled(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let mut wrong = whatever_happens(outcome);
    let there = there(outcome);
    if !there.is_empty() {
        wrong.push(format!("there is {there:?}"));
    }
    let targets: Vec<&str> = outcome
        .record
        .targets
        .iter()
        .map(|target| target.resource.as_str())
        .collect();
    if targets != ["endpoint/fraud/variant/blue"] {
        wrong.push(format!("scalable targets at the end: {targets:?}"));
    }
    let ends = ["backup.drilled", "backup.drill-failed"].map(|kind| {
        let of_kind = outcome.record.alerts.iter().filter(|alert| alert.kind == kind);
        of_kind.map(|alert| alert.id.as_str()).collect::<BTreeSet<_>>().len()
    });
    match (kind, ends) {
        (_, [1, 0]) => {}
        // It ends the drill, or keeps the command from beginning one.
        (Some(FaultKind::Denied), [0, 0 | 1]) => {}
        other => wrong.push(format!("drilled and failed were told {other:?} times")),
    }
    wrong
}

fn not_made_way(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let mut wrong = not_restored(kind, outcome);
    let ends = outcome.record.alerts.iter();
    let ends = ends.filter(|alert| alert.kind.starts_with("backup.drill"));
    let ends: BTreeSet<&str> = ends.map(|alert| alert.id.as_str()).collect();
    if ends.len() != 1 {
        wrong.push(format!("the end of the drill was told as {ends:?}"));
    }
    wrong
}

pub(crate) fn every_way() -> Vec<Way> {
    WAYS.into_iter().chain([(FaultKind::Denied, 1)]).collect()
}

/// A call that changes something in every way. What only reads is the same before and after, so of it a death or a refusal
/// is tried, one after the other.
pub(crate) fn where_it_matters(turn: usize, call: &Called) -> Vec<Way> {
    match reads(call) {
        true => vec![[(FaultKind::Error500, 5), (FaultKind::CrashBefore, 1)][turn % 2]],
        false => every_way(),
    }
}

/// Calls that change something, each in one way, the next one in the next.
pub(crate) fn in_turn(turn: usize, call: &Called) -> Vec<Way> {
    let ways = every_way();
    match reads(call) {
        true => Vec::new(),
        false => vec![ways[turn % ways.len()]],
    }
}

/// Seconds after the start: the recovery point is there by then.
pub(crate) const COMMANDED: u64 = 80;

/// Calls of the function that restores, between these seconds after the start.
pub(crate) fn sweep(
    text: &str,
    (from, until): (u64, u64),
    each_once: bool,
    ways: fn(usize, &Called) -> Vec<Way>,
    wrong: fn(Option<FaultKind>, &Outcome) -> Vec<String>,
) {
    let scenario = parsed(text);
    Sweep {
        scenario: &scenario,
        caller: "restorer",
        from: Duration::from_secs(from),
        until: Duration::from_secs(until),
        ways,
        each_once,
        wrong,
    }
    .run();
}

#[test]
fn an_endpoint_is_restored_whichever_of_the_changes_fails() {
    sweep(RESTORE, (COMMANDED, 6 * 60), true, in_turn, not_restored);
}

#[test]
fn a_drill_leaves_nothing_whichever_of_its_changes_fails() {
    sweep(&drill(), (COMMANDED, 12 * 60), true, in_turn, not_drilled);
}

#[test]
fn a_drill_makes_way_and_leaves_nothing_whichever_of_the_changes_fails() {
    sweep(&makes_way(), (COMMANDED + 10, 12 * 60), true, in_turn, not_made_way);
}

#[test]
#[ignore = "many minutes of CPU: every change in every way, and the function dies before every call"]
fn a_drill_makes_way_and_leaves_nothing_whichever_call_fails_and_wherever_the_function_dies() {
    sweep(
        &makes_way(),
        (COMMANDED + 10, 12 * 60),
        false,
        where_it_matters,
        not_made_way,
    );
}

#[test]
#[ignore = "many minutes of CPU: every change in every way, and the function dies before every call"]
fn an_endpoint_is_restored_whichever_call_fails_and_wherever_the_function_dies() {
    sweep(RESTORE, (COMMANDED, 6 * 60), false, where_it_matters, not_restored);
}

#[test]
#[ignore = "many minutes of CPU: every change in every way, and the function dies before every call"]
fn a_drill_leaves_nothing_whichever_of_its_calls_fails_and_wherever_the_function_dies() {
    sweep(&drill(), (COMMANDED, 12 * 60), false, where_it_matters, not_drilled);
}
