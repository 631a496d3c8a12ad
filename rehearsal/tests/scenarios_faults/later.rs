//! The cross-Region backup: a restore and a drill that are proven by asynchronous probes. Whatever fails while these are
//! asked, awaited and cleared away, it ends right, and no input stays.

use std::collections::BTreeSet;

use rehearsal::{faults::FaultKind, play::Outcome, record::Called};

use crate::{
    restore::{every_way, sweep, there, whatever_happens},
    sweep::{WAYS, Way, reads, told},
};

/// The endpoint serves at two minutes; two probes are asked of it.
const RESTORE: &str = r#"
title: An asynchronous endpoint is restored
duration: 16m
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      models: {v1: {artifact: s3://models/v1.tar.gz, latency: 20s}}
      endpoints: {fraud: {config: fraud-1, async: {output: "s3://answers/fraud/"}, variants: {blue: {model: v1, instances: 2}}}}
    eu-central-1: {topics: [steward-alerts]}
  timing: {create: 40s, delete: 20s}
buckets:
  models: {region: eu-west-1, objects: {v1.tar.gz: 1 MB}}
  models-dr: eu-central-1
  probes-eu: {region: eu-central-1, versions: false}
  answers-eu: {region: eu-central-1, versions: false}
fleet:
  version: 1
  endpoints:
    fraud:
      health:
        probes:
          - {name: one, kind: async, payload: {amount: 12}, input: s3://probes-eu/probes/, within: 5m, expect: {json: [{pointer: /score, at_most: 1}]}}
          - {name: two, kind: async, payload: {amount: 13}, input: s3://probes-eu/probes/, within: 5m}
      backup: {destination: {region: eu-central-1, bucket: models-dr}, buckets: {answers: answers-eu}}
functions:
  - {name: cross-region-backup, region: eu-west-1, every: 1h}
  - {name: restorer, handler: cross-region-backup, region: eu-central-1}
commands:
  - {at: 80s, name: one, to: restorer, command: restore, args: {endpoint: fraud, id: one}}
  - {at: 15m50s, name: end, to: restorer, command: status, args: {endpoint: fraud}}
expect:
  alert_ids: stable
  invocations: [{ends: ok, at_least: 10}]
  copies: [{of: models, to: answers-eu, each: 0}, {of: models, to: probes-eu, each: 0}]
"#;

fn drill() -> String {
    RESTORE
        .replace("endpoint is restored", "endpoint is drilled")
        .replace("command: restore", "command: drill")
        .replace("duration: 16m", "duration: 22m")
        .replace("at: 15m50s", "at: 21m50s")
}

/// What is left of the probes.
fn litter(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let left = |bucket: &str| -> Vec<String> {
        let objects = outcome.record.objects[bucket].iter().filter(|object| object.current);
        objects.map(|object| format!("s3://{bucket}/{}", object.key)).collect()
    };
    let (inputs, answers) = (left("probes-eu"), left("answers-eu"));
    // Nobody knows where the answer to a request will be whose own answer was lost, or could not be written down. It is asked
    // again, by each try.
    let tries = WAYS.iter().find(|(way, _)| Some(*way) == kind).map(|(_, times)| *times);
    let lost = usize::try_from(tries.unwrap_or(u64::from(kind.is_some()))).expect("a few");
    let named = |object: &String| {
        let alerts = &mut outcome.record.alerts.iter();
        alerts.any(|alert| format!("{alert:?}").contains(object.as_str()))
    };
    let denied = kind == Some(FaultKind::Denied);
    let mut wrong: Vec<String> = inputs.into_iter().filter(|input| !(denied && named(input))).collect();
    if answers.iter().filter(|answer| !(denied && named(answer))).count() > lost {
        wrong.extend(answers);
    }
    wrong
}

fn ended(kind: Option<FaultKind>, outcome: &Outcome, whole: &[&str], passed: &str, failed: &str) -> Vec<String> {
    let mut wrong = whatever_happens(outcome);
    wrong.extend(
        litter(kind, outcome)
            .into_iter()
            .map(|object| format!("{object} is left")),
    );
    let there = there(outcome);
    let whole: BTreeSet<String> = whole.iter().map(|one| (*one).to_owned()).collect();
    if there != whole {
        wrong.push(format!("there is {there:?}"));
    }
    wrong.extend(told(outcome, &[(passed, 1), (failed, 0)]));
    wrong
}

fn not_restored(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let whole = ["model v1", "endpoint config fraud-1", "endpoint fraud"];
    ended(kind, outcome, &whole, "backup.restored", "backup.restore-failed")
}

fn not_drilled(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    ended(kind, outcome, &[], "backup.drilled", "backup.drill-failed")
}

/// The calls of the probes in every way; of the others those that change something, each in one way.
fn probes_first(turn: usize, call: &Called) -> Vec<Way> {
    let ways = every_way();
    let of_probes = call.operation == "InvokeEndpointAsync"
        || call
            .resource
            .as_ref()
            .is_some_and(|resource| resource.contains("probes-eu") || resource.contains("answers-eu"));
    match (of_probes, reads(call)) {
        (true, _) => ways,
        (false, true) => Vec::new(),
        (false, false) => vec![ways[turn % ways.len()]],
    }
}

/// Every call in every way.
fn everything(_: usize, _: &Called) -> Vec<Way> {
    every_way()
}

/// Seconds after the start: the endpoint is about to be in service.
const ANSWERED: u64 = 118;

#[test]
fn an_asynchronous_endpoint_is_proven_whichever_call_of_its_probes_fails() {
    sweep(RESTORE, (ANSWERED, 200), true, probes_first, not_restored);
}

#[test]
fn a_drill_leaves_no_object_of_its_probes_whichever_of_their_calls_fails() {
    sweep(&drill(), (ANSWERED, 12 * 60), true, probes_first, not_drilled);
}

#[test]
#[ignore = "many minutes of CPU: every call in every way"]
fn an_asynchronous_endpoint_is_proven_whichever_call_fails_and_wherever_the_function_dies() {
    sweep(RESTORE, (ANSWERED, 200), false, everything, not_restored);
}

#[test]
#[ignore = "many minutes of CPU: every call in every way"]
fn a_drill_leaves_no_object_whichever_call_fails_and_wherever_the_function_dies() {
    sweep(&drill(), (ANSWERED, 12 * 60), false, everything, not_drilled);
}
