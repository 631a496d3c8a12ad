//! The cross-Region backup with inference components and KMS keys: backed up here, restored and drilled there.

use std::{collections::BTreeSet, time::Duration};

use rehearsal::{faults::FaultKind, play::Outcome, record::Called};

use crate::{
    restore::{COMMANDED, every_way, in_turn, sweep, there, whatever_happens, where_it_matters},
    sweep::{Sweep, Way, parsed, reads, told},
};

/// The volumes and the copies are encrypted, each with a key of the other Region; one component has scaling.
const RESTORE: &str = r#"
title: An endpoint with components is restored
duration: 14m
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      keys: {volumes: {}}
      models: {v1: {artifact: s3://models/v1.tar.gz}}
      endpoints:
        fraud:
          config: fraud-1
          define: {KmsKeyId: volumes}
          variants: {main: {instances: 1, model: v1}}
          components: {german: {copies: 2, model: v1, scaling: {min: 1, max: 3, target: 900}}, french: {copies: 1, model: v1}}
    eu-central-1: {topics: [steward-alerts], keys: {volumes: {}, copies: {}}}
  timing: {create: 40s, delete: 20s, instance: 20s}
buckets:
  models: {region: eu-west-1, objects: {v1.tar.gz: 1 MB}}
  models-dr: eu-central-1
fleet:
  version: 1
  endpoints:
    fraud:
      health: {probes: [{name: golden, kind: inference-component, component: german, payload: {amount: 12}, retries: 0}]}
      backup: {destination: {region: eu-central-1, bucket: models-dr, key: alias/copies}, keys: {volumes: volumes}}
functions:
  - {name: cross-region-backup, region: eu-west-1, every: 1h}
  - {name: restorer, handler: cross-region-backup, region: eu-central-1}
commands:
  - {at: 80s, name: one, to: restorer, command: restore, args: {endpoint: fraud, id: one}}
  - {at: 130s, name: two, to: restorer, command: restore, args: {endpoint: fraud, id: one}}
  - {at: 13m50s, name: end, to: restorer, command: status, args: {endpoint: fraud}}
expect: {alert_ids: stable, unfinished_uploads: {times: 0}, invocations: [{ends: ok, at_least: 10}]}
"#;

fn drill() -> String {
    RESTORE
        .replace("is restored", "is drilled")
        .replace("command: restore", "command: drill")
        .replace("duration: 14m", "duration: 22m")
        .replace("at: 13m50s", "at: 21m50s")
}

/// Scalable targets at the end.
fn targets(outcome: &Outcome) -> Vec<String> {
    let targets = outcome.record.targets.iter();
    targets
        .map(|target| format!("{} {} {}", target.resource, target.min, target.max))
        .collect()
}

const SCALED: &str = "inference-component/german 1 3";

fn not_restored(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let mut wrong = whatever_happens(outcome);
    let whole: BTreeSet<String> = [
        "model v1",
        "endpoint config fraud-1",
        "endpoint fraud",
        "inference component german",
        "inference component french",
    ]
    .map(str::to_owned)
    .into();
    let there = there(outcome);
    if kind == Some(FaultKind::Denied) && there != whole {
        // What is denied ends a restore, or keeps it from beginning: what was made is a part of the whole, and told.
        if !there.is_subset(&whole) {
            wrong.push(format!("there is {there:?}"));
        }
        return wrong;
    }
    if there != whole {
        wrong.push(format!("there is {there:?}"));
    }
    if kind != Some(FaultKind::Denied) {
        if targets(outcome) != [SCALED, SCALED] {
            wrong.push(format!("the scaling of both ends as {:?}", targets(outcome)));
        }
        let once = ["backup.restoring", "backup.restored"].map(|kind| (kind, 1));
        wrong.extend(told(outcome, &once));
        wrong.extend(told(outcome, &[("backup.restore-failed", 0)]));
    }
    wrong
}

fn not_drilled(_: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let mut wrong = whatever_happens(outcome);
    let there = there(outcome);
    if !there.is_empty() || targets(outcome) != [SCALED] {
        wrong.push(format!("there is {there:?}, and scaling of {:?}", targets(outcome)));
    }
    wrong
}

#[test]
fn an_endpoint_with_components_is_restored_whichever_of_the_changes_fails() {
    sweep(RESTORE, (COMMANDED, 8 * 60), true, in_turn, not_restored);
}

#[test]
fn a_drill_leaves_no_component_whichever_of_its_changes_fails() {
    sweep(&drill(), (COMMANDED, 14 * 60), true, in_turn, not_drilled);
}

#[test]
#[ignore = "many minutes of CPU: every change in every way, and the function dies before every call"]
fn an_endpoint_with_components_is_restored_whichever_call_fails() {
    sweep(RESTORE, (COMMANDED, 8 * 60), false, where_it_matters, not_restored);
}

#[test]
#[ignore = "many minutes of CPU: every change in every way, and the function dies before every call"]
fn a_drill_leaves_no_component_whichever_call_fails() {
    sweep(&drill(), (COMMANDED, 14 * 60), false, where_it_matters, not_drilled);
}

/// What is asked of KMS, ECR and IAM, each in every way; everything else is swept elsewhere.
fn lookups(_: usize, call: &Called) -> Vec<Way> {
    match matches!(call.service.as_str(), "kms" | "ecr" | "iam") {
        true => every_way(),
        false => Vec::new(),
    }
}

/// The backup alone. One whose function died is gone on with after twenty minutes.
fn backup() -> String {
    let text = RESTORE.replace("every: 1h}\n", "every: 5m}\n");
    let text = text
        .replace("duration: 14m", "duration: 35m")
        .replace("at: 13m50s", "at: 34m50s")
        .replace("at_least: 10", "at_least: 5");
    let restores = text.lines().filter(|line| !line.contains("command: restore"));
    let text: Vec<&str> = restores.filter(|line| !line.contains("name: restorer,")).collect();
    text.join("\n").replace("to: restorer, ", "")
}

/// The backup: its own calls, those to KMS among them, before there is anything to restore.
fn not_backed_up(_: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let mut wrong = whatever_happens(outcome);
    wrong.extend(told(
        outcome,
        &[
            ("backup.completed", 1),
            ("backup.failed", 0),
            ("backup.unredeployable", 0),
        ],
    ));
    wrong
}

#[test]
fn keys_images_and_roles_that_cannot_be_looked_at_keep_nothing_from_being_backed_up_and_restored() {
    for (text, caller, from, wrong) in [
        (
            backup(),
            "cross-region-backup",
            0,
            not_backed_up as fn(_, &Outcome) -> _,
        ),
        (RESTORE.to_owned(), "restorer", 80, not_restored),
    ] {
        Sweep {
            scenario: &parsed(&text),
            caller,
            from: Duration::from_secs(from),
            until: Duration::from_secs(120),
            ways: lookups,
            each_once: true,
            wrong,
        }
        .run();
    }
}

/// Nothing is only asked: a copy with a key that denies is refused, told once, and made when the key allows it.
fn writes(turn: usize, call: &Called) -> Vec<Way> {
    match reads(call) {
        true => Vec::new(),
        false => in_turn(turn, call),
    }
}

#[test]
fn a_backup_with_components_is_whole_whichever_of_its_changes_fails() {
    Sweep {
        scenario: &parsed(&backup()),
        caller: "cross-region-backup",
        from: Duration::ZERO,
        until: Duration::from_secs(60),
        ways: writes,
        each_once: true,
        wrong: |kind, outcome| match kind {
            // Told, and tried again within the hour.
            Some(FaultKind::Denied) => Vec::new(),
            _ => not_backed_up(kind, outcome),
        },
    }
    .run();
}
