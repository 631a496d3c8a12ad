//! Every run can be had again.

use rehearsal::{
    play::{Options, play},
    scenario::Scenario,
    timeline::JsonLines,
};

fn lines(scenario: &Scenario, seed: u64) -> String {
    let mut written = Vec::new();
    let options = Options {
        seed: Some(seed),
        ..Options::default()
    };
    let outcome = {
        let mut watch = JsonLines::new(&mut written, scenario.start());
        play(scenario, &options, &mut watch).expect("a scenario that can be played")
    };
    let record = serde_json::to_string(&outcome.record).expect("a record is JSON");
    String::from_utf8(written).expect("text") + &record
}

/// Everything at once that draws from the seed: faults by chance, lost and late events, jitter of the SDKs' retries.
const RESTLESS: &str = "
title: Restless
duration: 25m
world:
  regions:
    eu-west-1: {topics: [steward-alerts], endpoints: {fraud: {traffic: 30 rps}, search: {traffic: 5 rps}}}
  incidents:
    - {at: 4m30s, for: 6m, endpoint: fraud, behaves: {errors: 100%}}
    - {at: 12m, for: 4m, endpoint: search, becomes: updating}
fleet:
  version: 1
  defaults: {health: {probes: [{name: golden, payload: {amount: 12}}]}}
  endpoints: {fraud: , search: }
events: {duplicate: 40%, lose: 20%, delay: 40%}
faults:
  - {kind: throttle, share: 10%}
  - {kind: cut-after, share: 3%}
  - {kind: crash-after, share: 1%}
expect:
  alert_ids: stable
  invocations: [{ends: ok, at_least: 10}]
";

#[test]
fn the_same_seed_writes_the_same_bytes_and_another_seed_others() {
    let scenario = Scenario::parse(RESTLESS, "restless.yaml").unwrap_or_else(|problems| panic!("{problems}"));
    let first = lines(&scenario, 3);
    assert!(
        first.contains("throttle") && first.contains("endpoint.unhealthy"),
        "nothing happened:\n{first}"
    );
    // Another run in between must leave nothing behind in the process.
    let other = lines(&scenario, 4);
    let again = lines(&scenario, 3);
    let difference = first.lines().zip(again.lines()).find(|(one, two)| one != two);
    assert!(first == again, "the runs differ, first in: {difference:?}");
    assert_ne!(first, other);
}
