//! The cross-Region backup: recovery points are pruned, and the copies that no point names any more.

use std::time::Duration;

use rehearsal::{
    faults::FaultKind,
    play::Outcome,
    record::{Called, Ending},
};

use crate::sweep::{Sweep, WAYS, Way, parsed, reads, unmet};

/// Four points, of which two are kept; the first names a copy that no other names. The command is sent twice, as it is by
/// somebody who is not answered. The ids of points and the plan are digests: when a run makes other calls, `shown` says what
/// they are now.
const PRUNE: &str = r#"
title: Two of four points are pruned
duration: 41h
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      models: {fraud: {artifact: s3://models/model.tar.gz}}
      endpoints: {fraud: {variants: {main: {model: fraud}}}}
    eu-central-1: {topics: []}
buckets:
  models: {region: eu-west-1, objects: {model.tar.gz: 1 MB}}
  models-dr: eu-central-1
object_changes: [{at: 10h, bucket: models, key: model.tar.gz, becomes: 2 MB}]
fleet:
  version: 1
  endpoints:
    fraud: {backup: {destination: {region: eu-central-1, bucket: models-dr}, every: 12h, retention: {last: 2, within: 1h, deletes: 9}}}
functions: [{name: cross-region-backup, region: eu-west-1, every: 4h, timeout: 15m}]
commands:
  - {at: 40h5m, name: shown, command: prune, args: {endpoint: fraud}}
  - {at: 40h10m, name: one, command: prune, args: {endpoint: fraud, plan: PLAN}}
  - {at: 40h30m, name: two, command: prune, args: {endpoint: fraud, plan: PLAN}}
  - {at: 40h50m, name: verified, command: verify, args: {endpoint: fraud}}
  - {at: 40h51m, name: listed, command: list, args: {endpoint: fraud}}
  - {at: 40h52m, name: again, command: prune, args: {endpoint: fraud}}
expect:
  copies: [{of: models, to: models-dr, under: steward/artifacts/, each: 1}]
  answers:
    - {to: shown, says: 2 recovery points of fraud are to be deleted}
    - {to: verified, says: is what it was}
    - {to: listed, says: 20260303T200000Z}
    - {to: listed, says: 20260303T080000Z}
  alerts: [{kind: "backup.*", times: 1}]
  invocations: [{ends: ok, at_least: 15}]
"#;

/// The digest of the plan: of the ids of the two points that go.
fn plan() -> String {
    let scenario = parsed(&PRUNE.replace("PLAN", "0123456789ab"));
    let outcome = crate::sweep::played(&scenario, Vec::new());
    let shown = outcome.record.answers.iter().find(|answer| answer.name == "shown");
    let plan = shown.and_then(|answer| answer.answer["plan"].as_str());
    plan.expect("a plan").to_owned()
}

/// The deletions that S3 carried out, and what is said in the end. What was asked twice is deleted once; what was cut off in
/// its middle is shown by the next `prune`.
fn not_pruned(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let mut wrong = unmet(outcome);
    let said = |name: &str| {
        let answer = outcome.record.answers.iter().find(|answer| answer.name == name);
        match answer {
            Some(answer) if answer.ending == Ending::Ok => {
                answer.answer["summary"].as_str().unwrap_or_default().to_owned()
            }
            other => format!("{name} was not answered: {other:?}"),
        }
    };
    let (one, two) = (said("one"), said("two"));
    if kind.is_none() && !(one.contains("recovery points: 2") && one.contains("no point names any more: 1, 1 MB")) {
        wrong.push(format!("the first answer is {one}"));
    }
    let done = [&one, &two]
        .iter()
        .filter(|said| said.starts_with("Deleted of fraud"))
        .count();
    if done > 1 {
        wrong.push(format!("it was done {done} times: {one}; {two}"));
    }
    let again = said("again");
    let left = again.contains("2 recovery points of fraud are to be deleted");
    if !left && !again.contains("No recovery point of fraud is to be deleted") {
        wrong.push(format!("in the end {again}"));
    }
    if left && done > 0 {
        wrong.push("it was said to be done, and both points are there".to_owned());
    }
    if left && kind != Some(FaultKind::Denied) {
        wrong.push(format!("two commands deleted nothing: {one}; {two}"));
    }
    wrong
}

fn ways(turn: usize, call: &Called) -> Vec<Way> {
    let all: Vec<Way> = WAYS.into_iter().chain([(FaultKind::Denied, 1)]).collect();
    match reads(call) {
        true => vec![all[turn % all.len()]],
        false => all,
    }
}

#[test]
fn whatever_fails_in_a_pruning_only_what_was_shown_is_deleted_and_the_newest_point_is_whole() {
    let scenario = parsed(&PRUNE.replace("PLAN", &plan()));
    Sweep {
        scenario: &scenario,
        caller: "cross-region-backup",
        from: Duration::from_secs(40 * 3600 + 8 * 60),
        until: Duration::from_secs(40 * 3600 + 20 * 60),
        ways,
        each_once: false,
        wrong: not_pruned,
    }
    .run();
}
