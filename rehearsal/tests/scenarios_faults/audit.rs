//! The audit: what two endpoints share is gone, and is there again.

use std::time::Duration;

use rehearsal::{faults::FaultKind, play::Outcome, record::Called};

use crate::sweep::{Sweep, WAYS, Way, parsed, told, unmet};

/// The round that finds it gone is after an hour. An endpoint that could not be looked at then has its turn an hour later.
const AUDIT: &str = r#"
title: What two endpoints share is gone
duration: 2h30m
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      models: {shared: {artifact: s3://models/shared.tar.gz}}
      endpoints: {a: {variants: {main: {model: shared}}}, b: {variants: {main: {model: shared}}}}
    eu-central-1: {topics: []}
buckets:
  models: {region: eu-west-1, objects: {shared.tar.gz: 1 MB}}
object_changes: [{at: 10m, bucket: models, key: shared.tar.gz, gone: true}]
fleet:
  version: 1
  endpoints: {a: {}, b: {}}
functions: [{name: cross-region-backup, region: eu-west-1, every: 1m, timeout: 55s}]
commands: [{at: 2h20m, name: end, command: status}]
expect:
  alert_ids: stable
  answers: [{to: end, says: "missing to a, b."}]
  invocations: [{ends: ok, at_least: 140}]
"#;

fn every_way(_: usize, _: &Called) -> Vec<Way> {
    WAYS.to_vec()
}

fn not_told(_: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let mut wrong = unmet(outcome);
    wrong.extend(told(outcome, &[("backup.unredeployable", 1)]));
    wrong
}

#[test]
fn whatever_fails_in_an_audit_what_is_gone_is_told_once_and_all_who_lack_it_are_named() {
    let scenario = parsed(AUDIT);
    Sweep {
        scenario: &scenario,
        caller: "cross-region-backup",
        from: Duration::from_secs(60 * 60),
        until: Duration::from_secs(61 * 60),
        ways: every_way,
        each_once: false,
        wrong: not_told,
    }
    .run();
}
