//! The cross-Region backup: a first backup, and a second one that copies nothing.

use std::time::Duration;

use rehearsal::{faults::FaultKind, play::Outcome, record::Called, record::Ending};

use crate::sweep::{Sweep, WAYS, Way, parsed, told, unmet};

/// One object in parts, one in one piece, a set and a manifest file; components' worth of calls are in other tests. A function
/// that died is gone on with after twenty minutes.
const BACKUP: &str = r#"
title: Two backups
duration: 95m
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      models:
        fraud:
          define:
            PrimaryContainer:
              Image: 111122223333.dkr.ecr.eu-west-1.amazonaws.com/scorer:1
              ModelDataUrl: s3://models/fraud/model.tar.gz
              AdditionalModelDataSources:
                - {ChannelName: small, S3DataSource: {S3Uri: s3://models/small/, S3DataType: S3Prefix, CompressionType: None}}
                - {ChannelName: listed, S3DataSource: {S3Uri: s3://models/listed.json, S3DataType: ManifestFile, CompressionType: None}}
      endpoints:
        fraud: {variants: {blue: {model: fraud, scaling: {min: 1, max: 4, target: 900}}}}
    eu-central-1: {topics: []}
buckets:
  models:
    region: eu-west-1
    objects:
      fraud/model.tar.gz: {size: 300 MB, parts: 64 MiB, tags: {team: risk}}
      small/a: 1 MB
      small/b: 2 MB
      listed.json: {text: '[{"prefix": "s3://models/small/"}, "a"]'}
  models-dr: eu-central-1
fleet:
  version: 1
  endpoints:
    fraud: {backup: {destination: {region: eu-central-1, bucket: models-dr}, every: 1h}}
functions: [{name: cross-region-backup, region: eu-west-1, every: 5m, timeout: 15m}]
commands:
  - {at: 94m, name: verified, command: verify, args: {endpoint: fraud}}
  - {at: 94m30s, name: end, command: status, args: {endpoint: fraud}}
expect:
  alert_ids: stable
  copies:
    - {of: models, prefix: fraud/, to: models-dr, under: steward/artifacts/objects/, each: 1, nothing_else: true}
    - {of: models, prefix: small/b, to: models-dr, under: steward/artifacts/, each: 1}
  unfinished_uploads: {times: 0}
  invocations: [{ends: ok, at_least: 15}]
  answers:
    - {to: verified, says: is what it was}
    - {to: end, says: "can be restored in eu-central-1"}
"#;

fn every_way(_: usize, _: &Called) -> Vec<Way> {
    WAYS.to_vec()
}

/// It is complete, told once, and nothing but that; the second backup found all that the first one copied.
fn not_complete(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let mut wrong = unmet(outcome);
    wrong.extend(told(
        outcome,
        &[
            ("backup.completed", 1),
            ("backup.failed", 0),
            ("backup.damaged", 0),
            ("backup.overdue", 0),
            ("backup.unredeployable", 0),
        ],
    ));
    let copies =
        outcome.record.calls.iter().filter(|call| {
            call.operation == "CopyObject" && call.at > outcome.record.start + Duration::from_secs(60 * 60)
        });
    let copies = copies.count();
    if copies > 0 {
        wrong.push(format!("{copies} objects were copied again by the second backup"));
    }
    let crashes = outcome
        .record
        .answers
        .iter()
        .filter(|answer| answer.ending != Ending::Ok);
    if kind.is_none() && crashes.count() > 0 {
        wrong.push("an answer is no answer".to_owned());
    }
    wrong
}

#[test]
fn whatever_fails_in_a_backup_the_next_ones_end_it_with_whole_copies_and_nothing_left_over() {
    let scenario = parsed(BACKUP);
    Sweep {
        scenario: &scenario,
        caller: "cross-region-backup",
        from: Duration::ZERO,
        until: Duration::from_secs(60),
        ways: every_way,
        each_once: false,
        wrong: not_complete,
    }
    .run();
}

/// A prefix of which an object is replaced, and another one removed, before all of it is copied.
const CHANGING: &str = r#"
title: A set that changes while it is copied
duration: 95m
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      models:
        many:
          define:
            PrimaryContainer:
              Image: 111122223333.dkr.ecr.eu-west-1.amazonaws.com/scorer:1
              ModelDataSource: {S3DataSource: {S3Uri: s3://models/many/, S3DataType: S3Prefix, CompressionType: None}}
      endpoints:
        fraud: {variants: {blue: {model: many}}}
    eu-central-1: {topics: []}
buckets:
  models:
    region: eu-west-1
    versions: false
    objects:
      many/a: {size: 300 MB, parts: 64 MiB, checksum: parts}
      many/b: {size: 10 MB, parts: 5 MiB, checksum: parts}
      many/c: 1 MB
  models-dr: eu-central-1
object_changes:
  - {at: 1s, bucket: models, key: many/a, becomes: {size: 300 MB, parts: 64 MiB, checksum: parts}}
  - {at: 1s, bucket: models, key: many/c, gone: true}
fleet:
  version: 1
  endpoints:
    fraud: {backup: {destination: {region: eu-central-1, bucket: models-dr}, concurrency: 4, every: 1h}}
functions: [{name: cross-region-backup, region: eu-west-1, every: 5m, timeout: 15m}]
faults:
  - {kind: slow, by: 2s, service: s3, operation: CopyObject}
  - {kind: slow, by: 2s, service: s3, operation: UploadPartCopy}
commands:
  - {at: 94m, name: verified, command: verify, args: {endpoint: fraud}}
  - {at: 94m30s, name: end, command: status, args: {endpoint: fraud}}
expect:
  alert_ids: stable
  copies: [{of: models, prefix: many/, to: models-dr, under: steward/artifacts/}]
  unfinished_uploads: {times: 0}
  invocations: [{ends: ok, at_least: 15}]
  answers:
    - {to: verified, says: is what it was}
    - {to: end, says: "can be restored in eu-central-1"}
"#;

#[test]
fn whatever_fails_while_a_set_changes_a_point_names_what_the_source_is_and_nothing_writes_there_again() {
    let scenario = parsed(CHANGING);
    Sweep {
        scenario: &scenario,
        caller: "cross-region-backup",
        from: Duration::ZERO,
        until: Duration::from_secs(6 * 60),
        ways: every_way,
        each_once: false,
        wrong: not_complete,
    }
    .run();
}
