//! The fleet reconciler: everything that scales is made by itself, every ten minutes, whatever fails.

use std::{collections::BTreeSet, time::Duration};

use rehearsal::{
    faults::FaultKind,
    play::Outcome,
    record::{Called, Ending},
};

use crate::sweep::{Sweep, WAYS, Way, parsed, reads, told};

/// Of each kind one thing, so that every call is among them.
const APPLIED: &str = r#"
title: A plan is applied
duration: 65m
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      endpoints:
        ranker: {variants: {main: {instances: 2, latency: 50ms}}}
        images:
          async: {output: "s3://inference-output/images/"}
          variants: {main: {instances: 1, latency: 1s}}
fleet:
  version: 1
  fleet: {reconcile: {apply: true}}
  endpoints:
    ranker:
      scaling: [{variant: main, min: 3, max: 8, policies: [{name: steward-load, invocations_per_instance: 600}]}]
      schedule: [{name: steward-morning, cron: "0 6 ? * * *", min: 3}]
    images:
      scaling: [{variant: main, min: 0, max: 4, policies: [{name: steward-first, from_zero: {}}]}]
functions: [{name: fleet-reconciler, every: 10m, timeout: 5m}]
commands: [{at: 64m, name: end, to: fleet-reconciler, command: plan}]
expect: {alert_ids: stable, invocations: [{ends: ok, at_least: 4}]}
"#;

fn wrong(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let mut wrong = told(outcome, &[("capacity.drifted", 0), ("capacity.restored", 0)]);
    let count = |kind: &str| {
        let ids: BTreeSet<&String> = outcome
            .record
            .alerts
            .iter()
            .filter(|alert| alert.kind == kind)
            .map(|alert| &alert.id)
            .collect();
        ids.len()
    };
    let denied = kind == Some(FaultKind::Denied);
    if count("capacity.applied") != 1 {
        wrong.push(format!("{} times applied", count("capacity.applied")));
    }
    if count("capacity.failed") > usize::from(denied) {
        wrong.push(format!("{} times failed", count("capacity.failed")));
    }
    let end = outcome.record.answers.iter().find(|answer| answer.name == "end");
    match end {
        Some(end) if end.ending == Ending::Ok => {
            let left = (&end.answer["changes"], &end.answer["held"], &end.answer["same"]);
            if left.0.as_array().is_none_or(|changes| !changes.is_empty()) || left.1 != 0 || left.2 != 6 {
                wrong.push(format!("not as declared in the end: {}", end.answer["summary"]));
            }
        }
        other => wrong.push(format!("no plan at the end: {other:?}")),
    }
    for (resource, range) in [
        ("endpoint/ranker/variant/main", (3, 8)),
        ("endpoint/images/variant/main", (0, 4)),
    ] {
        let mut targets = outcome.record.targets.iter();
        if !targets.any(|target| target.resource == resource && (target.min, target.max) == range) {
            wrong.push(format!("{resource} ends as {:?}", outcome.record.targets));
        }
    }
    wrong
}

fn every_way() -> Vec<Way> {
    WAYS.into_iter().chain([(FaultKind::Denied, 1)]).collect()
}

/// What changes something in two ways, and what reads in one, each time others.
fn in_turn(turn: usize, call: &Called) -> Vec<Way> {
    let ways = every_way();
    let count = if reads(call) { 1 } else { 2 };
    (0..count).map(|more| ways[(turn + 3 * more) % ways.len()]).collect()
}

fn sweep(each_once: bool, ways: fn(usize, &Called) -> Vec<Way>) {
    let scenario = parsed(APPLIED);
    Sweep {
        scenario: &scenario,
        caller: "fleet-reconciler",
        from: Duration::ZERO,
        until: Duration::from_secs(15 * 60),
        ways,
        each_once,
        wrong,
    }
    .run();
}

#[test]
fn a_plan_is_applied_whichever_call_fails() {
    sweep(true, in_turn);
}

#[test]
#[ignore = "minutes of CPU: every call in every way"]
fn a_plan_is_applied_whatever_happens_to_any_call() {
    sweep(false, |_, _| every_way());
}
