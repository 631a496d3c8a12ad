//! Every AWS call of a few sweeps fails in every way, one at a time, and the function dies at every call: the next sweeps
//! end in the right state, nothing is told twice under two ids, nothing is lost, nothing is done twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use rehearsal::{
    faults::{Fault, FaultKind},
    play::{Options, Outcome, play},
    scenario::Scenario,
    timeline::Silent,
};
use shared::endpoint::EndpointStatus;

/// One endpoint falls ill, is told, redeployed, and well again.
const SCENARIO: &str = "
title: Ill, redeployed, well
duration: 11m
world:
  regions: {eu-west-1: {topics: [steward-alerts], endpoints: {fraud: {config: fraud-1}}}}
  timing: {update: 90s}
  incidents: [{at: 1m30s, endpoint: fraud, behaves: {errors: 100%}, cured_by: [redeploy]}]
fleet:
  version: 1
  endpoints:
    fraud:
      health:
        failure_threshold: 2
        success_threshold: 1
        probes: [{name: golden, payload: {amount: 12}, retries: 0}]
        recovery: {rungs: [redeploy], cooldown: 5m, budget: 1}
expect: {alert_ids: stable, invocations: [{ends: ok, at_least: 8}]}
";

/// Each refusal comes often enough to outlast the retries of the SDK.
fn kinds() -> [(FaultKind, u64); 6] {
    [
        (FaultKind::Throttle, 5),
        (FaultKind::Error500, 5),
        (FaultKind::CutBefore, 5),
        (FaultKind::CutAfter, 1),
        (FaultKind::CrashBefore, 1),
        (FaultKind::CrashAfter, 1),
    ]
}

fn played(scenario: &Scenario, faults: Vec<Fault>) -> Outcome {
    play(
        scenario,
        &Options {
            faults,
            ..Options::default()
        },
        &mut Silent,
    )
    .expect("a scenario that can be played")
}

/// What is wrong with the end of a run; empty when nothing is.
fn wrong(outcome: &Outcome) -> Vec<String> {
    let record = &outcome.record;
    let mut wrong: Vec<String> = outcome
        .checks
        .iter()
        .filter(|check| !check.holds)
        .map(|check| format!("{}: {}", check.expected, check.seen))
        .collect();
    let history = &record.endpoints["eu-west-1/fraud"];
    let health = history.health.at(record.end).cloned().unwrap_or_default();
    if health != "healthy" {
        wrong.push(format!("fraud ends {health}"));
    }
    if history.status.at(record.end) != Some(&Some(EndpointStatus::InService)) {
        wrong.push(format!("fraud ends {:?}", history.status.at(record.end)));
    }
    let mut ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for alert in &record.alerts {
        ids.entry(&alert.kind).or_default().insert(&alert.id);
    }
    for kind in [
        "endpoint.unhealthy",
        "endpoint.recovered",
        "recovery.started",
        "recovery.finished",
    ] {
        match ids.get(kind).map_or(0, BTreeSet::len) {
            1 => {}
            0 => wrong.push(format!("no alert {kind}")),
            n => wrong.push(format!("{n} alerts {kind}")),
        }
    }
    let updates = record
        .calls
        .iter()
        .filter(|call| call.operation == "UpdateEndpoint" && call.succeeded)
        .count();
    if updates != 1 {
        wrong.push(format!("{updates} redeployments, and the budget is 1"));
    }
    wrong
}

#[test]
fn every_call_can_fail_in_every_way_and_the_function_can_die_at_every_call() {
    let scenario = Scenario::parse(SCENARIO, "faults.yaml").unwrap_or_else(|problems| panic!("{problems}"));
    let baseline = played(&scenario, Vec::new());
    assert_eq!(wrong(&baseline), Vec::<String>::new(), "without any fault");
    let until = scenario.start() + std::time::Duration::from_secs(6 * 60);
    let calls: Vec<String> = baseline
        .record
        .calls
        .iter()
        .filter(|call| call.caller == "health-checker" && call.at < until)
        .map(|call| format!("{} {}", call.service, call.operation))
        .collect();
    assert!(calls.len() > 20, "too few calls to be worth it: {calls:?}");
    let todo: Mutex<Vec<(usize, FaultKind, u64)>> = Mutex::new(
        (1..=calls.len())
            .flat_map(|nth| kinds().map(|(kind, times)| (nth, kind, times)))
            .collect(),
    );
    let runs = todo.lock().expect("lock").len();
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some((nth, kind, times)) = { todo.lock().expect("lock").pop() } {
                    let mut fault = Fault::every(kind).by("health-checker").nth(nth as u64);
                    fault.times = Some(times);
                    let outcome = played(&scenario, vec![fault]);
                    let wrong = wrong(&outcome);
                    if !wrong.is_empty() {
                        let call = &calls[nth - 1];
                        failures
                            .lock()
                            .expect("lock")
                            .push(format!("{kind} at call {nth} ({call}): {}", wrong.join("; ")));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().expect("lock");
    failures.sort();
    assert!(
        failures.is_empty(),
        "{} of {runs} runs end wrong:\n{}",
        failures.len(),
        failures.join("\n")
    );
    // Shown by `cargo test -- --nocapture`.
    std::io::Write::write_all(
        &mut std::io::stderr(),
        format!("{runs} runs: {} calls, {} faults each\n", calls.len(), kinds().len()).as_bytes(),
    )
    .expect("standard error");
}
