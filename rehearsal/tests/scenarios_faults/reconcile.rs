//! The fleet reconciler: everything that scales is made by itself, every ten minutes, whatever fails.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rehearsal::{
    faults::FaultKind,
    play::Outcome,
    record::{Called, Ending},
};

use crate::sweep::{Sweep, WAYS, Way, parsed, reads, told};

/// Of each kind that scales one thing.
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
    // What could not be looked at in time is made by the next tick, and told with it; nothing is told twice. What was made
    // beside a change that failed is told with that one.
    let (tellings, changes) = applied(outcome);
    let all_told = changes == 6 || changes < 6 && count("capacity.failed") > 0;
    if !(1..=1 + usize::from(kind.is_some())).contains(&tellings) || !all_told {
        wrong.push(format!("{changes} changes told in {tellings} alerts"));
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

/// In how many alerts how many changes were told to be made.
fn applied(outcome: &Outcome) -> (usize, usize) {
    let alerts = outcome.record.alerts.iter();
    let told: BTreeMap<&str, &str> = alerts
        .filter(|alert| alert.kind == "capacity.applied")
        .map(|alert| (alert.id.as_str(), alert.subject.as_str()))
        .collect();
    // "[INFO] 2 endpoints changed by Steward at 03:14 UTC: 2 changes"
    let number = |subject: &&str| {
        let said = subject.rsplit_once(": ").map(|(_, title)| title);
        let first = said.and_then(|title| title.split(' ').next());
        first
            .and_then(|number| number.parse::<usize>().ok())
            .unwrap_or_default()
    };
    (told.len(), told.values().map(number).sum())
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

/// A rollout gives the variant another name between two ticks and the next ones.
const FOLLOWED: &str = r#"
title: Declared capacity follows a rollout
duration: 80m
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      models: {v1: {latency: 60ms}, v2: {latency: 55ms}}
      endpoints:
        ranker: {traffic: 20 rps, config: ranker-1, variants: {blue: {model: v1, instances: 2}}}
  timing: {update: 2m, weights: 30s, instance: 1m}
fleet:
  version: 1
  fleet: {reconcile: {apply: true, prune: true}}
  endpoints:
    ranker:
      rollout: {keep_blue: 10m, strategy: {canary: {size: 10%, bake: 6m}}, analysis: {errors: {limit: 1%}}, smoke: false}
      scaling: [{variant: blue, min: 2, max: 8, policies: [{name: steward-load, invocations_per_instance: 1200}]}]
      alarms: [{name: steward-ranker-errors, variant: blue, errors: 5%}]
functions:
  - {name: fleet-reconciler, every: 10m, timeout: 5m}
  - {name: traffic-shifter, on: [endpoint-state-change]}
commands:
  - {at: 22m, to: traffic-shifter, command: start, args: {endpoint: ranker, model: v2}}
  - {at: 79m, name: end, to: fleet-reconciler, command: plan}
expect: {alert_ids: stable, invocations: [{ends: ok, at_least: 4}]}
"#;

fn lost(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let mut wrong = told(outcome, &[("capacity.drifted", 0), ("rollout.completed", 1)]);
    let failed = outcome
        .record
        .alerts
        .iter()
        .filter(|alert| alert.kind == "capacity.failed");
    let failed: BTreeSet<&String> = failed.map(|alert| &alert.id).collect();
    if failed.len() > usize::from(kind == Some(FaultKind::Denied)) {
        wrong.push(format!("{} times failed", failed.len()));
    }
    let end = outcome.record.answers.iter().find(|answer| answer.name == "end");
    match end {
        Some(end) if end.ending == Ending::Ok => {
            let (changes, held) = (&end.answer["changes"], &end.answer["held"]);
            let follows = end.answer["summary"]
                .as_str()
                .is_some_and(|text| text.contains("is done for green"));
            if changes.as_array().is_none_or(|changes| !changes.is_empty()) || held != 0 || !follows {
                wrong.push(format!("not as declared in the end: {}", end.answer["summary"]));
            }
        }
        other => wrong.push(format!("no plan at the end: {other:?}")),
    }
    let targets: Vec<(&str, u32, u32, u64)> = outcome
        .record
        .targets
        .iter()
        .map(|target| (target.resource.as_str(), target.min, target.max, target.policies))
        .collect();
    if targets != [("endpoint/ranker/variant/green", 2, 8, 1)] {
        wrong.push(format!("what scales in the end: {targets:?}"));
    }
    wrong
}

/// Everything else that is made: an endpoint, an alarm, concurrency, throttling, a dashboard. What nobody declares any more
/// after half an hour is deleted.
const ACCOUNT: &str = r#"
title: The rest of an account is made and pruned
duration: 100m
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      endpoints: {ranker: {variants: {main: {instances: 2, latency: 50ms}}}}
      functions: {predict: {versions: 2, aliases: {live: 2}}}
      apis: {a1b2c3d4e5: {stages: {prod: {}}}}
fleet:
  version: 1
  fleet: {reconcile: {apply: true, prune: true}}
  endpoints:
    ranker:
      scaling: [{variant: main, min: 2, max: 6, policies: [{name: steward-load, invocations_per_instance: 600}, {name: steward-slow, latency: 2s}]}]
      schedule: [{name: steward-morning, cron: "0 6 ? * * *", min: 2}]
      alarms: [{name: ranker-errors, variant: main, errors: 5%}]
    fresh:
      provision:
        model: {image: "111122223333.dkr.ecr.eu-west-1.amazonaws.com/x:1", role: "arn:aws:iam::111122223333:role/inference"}
        instance_type: ml.m5.xlarge
        instances: 2
  lambdas: {predict: {reserved: 100, provisioned: {live: 10}}}
  apis: {a1b2c3d4e5: {stages: {prod: {rate: 1000, burst: 2000, methods: {"POST /predict": {rate: 50, burst: 100}}}}}}
  dashboard: {}
fleet_changes:
  - at: 35m
    fleet:
      version: 1
      fleet: {reconcile: {apply: true, prune: true}}
      endpoints:
        ranker: {}
        fresh:
          provision:
            model: {image: "111122223333.dkr.ecr.eu-west-1.amazonaws.com/x:1", role: "arn:aws:iam::111122223333:role/inference"}
            instance_type: ml.m5.xlarge
            instances: 2
      lambdas: {predict: {reserved: 50, provisioned: {live: 5}}}
      apis: {a1b2c3d4e5: {stages: {prod: {rate: 500, burst: 2000, methods: {"POST /predict": {rate: 50, burst: 100}}}}}}
functions: [{name: fleet-reconciler, every: 10m, timeout: 5m}]
commands: [{at: 99m, name: end, to: fleet-reconciler, command: plan}]
expect: {alert_ids: stable, invocations: [{ends: ok, at_least: 6}]}
"#;

fn amiss(kind: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let mut wrong = told(outcome, &[("capacity.drifted", 0), ("capacity.restored", 0)]);
    let alerts = outcome.record.alerts.iter();
    let failed = alerts
        .filter(|alert| alert.kind == "capacity.failed")
        .map(|alert| &alert.id);
    let failed = failed.collect::<BTreeSet<_>>().len();
    if failed > usize::from(kind == Some(FaultKind::Denied)) {
        wrong.push(format!("{failed} times failed"));
    }
    let end = outcome.record.answers.iter().find(|answer| answer.name == "end");
    match end {
        Some(end) if end.ending == Ending::Ok => {
            let none = end.answer["changes"].as_array().is_some_and(Vec::is_empty);
            if !none || end.answer["held"] != 0 || end.answer["prunable"] != 0 || end.answer["same"] != 5 {
                wrong.push(format!("not as declared in the end: {}", end.answer["summary"]));
            }
        }
        other => wrong.push(format!("no plan at the end: {other:?}")),
    }
    if !outcome.record.targets.is_empty() {
        wrong.push(format!("what nobody declares scales: {:?}", outcome.record.targets));
    }
    let made: Vec<(&str, &str)> = outcome
        .record
        .definitions
        .iter()
        .map(|one| (one.kind, one.name.as_str()))
        .filter(|(_, name)| name.contains("fresh"))
        .collect();
    if made.len() != 3 {
        wrong.push(format!("of the new endpoint there is {made:?}"));
    }
    wrong
}

#[test]
fn the_rest_of_an_account_is_made_and_pruned_whichever_call_fails() {
    let scenario = parsed(ACCOUNT);
    Sweep {
        scenario: &scenario,
        caller: "fleet-reconciler",
        from: Duration::ZERO,
        until: Duration::from_secs(55 * 60),
        ways: in_turn,
        each_once: true,
        wrong: amiss,
    }
    .run();
}

/// In one way each, in turn.
fn one_way(turn: usize, _: &Called) -> Vec<Way> {
    let ways = every_way();
    vec![ways[turn % ways.len()]]
}

#[test]
fn declared_capacity_follows_a_rollout_whichever_call_fails() {
    let scenario = parsed(FOLLOWED);
    Sweep {
        scenario: &scenario,
        caller: "fleet-reconciler",
        from: Duration::from_secs(15 * 60),
        until: Duration::from_secs(65 * 60),
        ways: one_way,
        each_once: true,
        wrong: lost,
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
