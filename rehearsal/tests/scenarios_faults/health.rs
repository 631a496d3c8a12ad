//! The health checker: an endpoint falls ill, is redeployed, and is well again.

use std::time::Duration;

use rehearsal::{faults::FaultKind, play::Outcome};
use steward::endpoint::EndpointStatus;

use crate::sweep::{Sweep, WAYS, parsed, told, unmet};

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

fn wrong(_: Option<FaultKind>, outcome: &Outcome) -> Vec<String> {
    let record = &outcome.record;
    let mut wrong = unmet(outcome);
    let history = &record.endpoints["eu-west-1/fraud"];
    let health = history.health.at(record.end).cloned().unwrap_or_default();
    if health != "healthy" {
        wrong.push(format!("fraud ends {health}"));
    }
    if history.status.at(record.end) != Some(&Some(EndpointStatus::InService)) {
        wrong.push(format!("fraud ends {:?}", history.status.at(record.end)));
    }
    wrong.extend(told(
        outcome,
        &[
            ("endpoint.unhealthy", 1),
            ("endpoint.recovered", 1),
            ("recovery.started", 1),
            ("recovery.finished", 1),
        ],
    ));
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
    let scenario = parsed(SCENARIO);
    Sweep {
        scenario: &scenario,
        caller: "health-checker",
        from: Duration::ZERO,
        until: Duration::from_secs(6 * 60),
        ways: |_, _| WAYS.to_vec(),
        each_once: false,
        wrong,
    }
    .run();
}
