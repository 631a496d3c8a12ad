//! Names that stand for nothing in a scenario.

use super::*;

#[test]
fn what_names_nothing_is_refused() {
    let wrong = "title: wrong
duration: 10m
world:
  regions:
    eu-west-1: {endpoints: {fraud: {}}}
  incidents:
    - {at: 1m, endpoint: frod, behaves: {errors: 100%}}
fleet: {version: 1, endpoints: {fraud: }}
functions:
  - {name: health-cheker, region: eu-west-2, topics: [nowhere]}
buckets: {inputs: eu-west-9}
fleet_changes: [{at: 1h}]
faults: [{kind: throttle, caller: nobody, from: 2h}]
commands: [{at: 1m, command: check, to: nobody}, {at: 2m, command: check, event: {}}]
expect:
  endpoints: [{name: fraud, health: well, status: Fine, region: mars, by: 11m}]
  answers: [{to: chek}]
  invocations: [{ends: ok, function: nobody}]
";
    let problems = Scenario::parse(wrong, "wrong.yaml").expect_err("a wrong scenario");
    insta::assert_snapshot!(problems.to_string());
}

#[test]
fn what_is_counted_and_what_goes_wrong_names_what_there_is() {
    let wrong = "title: wrong
duration: 10m
world:
  regions:
    eu-west-1: {topics: [steward-alerts], endpoints: {fraud: {}}}
fleet: {version: 1, endpoints: {fraud: , gone: }}
faults:
  - {kind: denied, service: sagemaker, operation: DescribeEndpont}
  - {kind: denied, service: sagemaker, operation: Publish}
  - {kind: denied, service: sagemaker, operation: Publish*}
expect:
  endpoints: [{name: fraud, shares: {bleu: at most 50%}, instances: {blue: 1}}]
  calls:
    - {operation: DeleteEndpont, times: 0}
    - {operation: Xyz, times: 0}
    - {service: s3, operation: DeleteEndpoint, times: 0}
    - {service: sagemaeker, operation: DeleteEndpoint, times: 0}
    - {operation: DeleteEndpoint, by: helth-checker, times: 0}
    - {operation: '*', by: operator, times: 0}
    - {service: s3, operation: Get*, by: health-checker}
  alerts:
    - {kind: '*', endpoint: frad, times: 0}
    - {kind: '*', endpoint: gone, times: 1}
";
    let problems = Scenario::parse(wrong, "wrong.yaml").expect_err("a wrong scenario");
    insta::assert_snapshot!(problems.to_string());
}

#[test]
fn a_fault_that_hits_no_call_is_named_at_the_end() {
    let text = "title: idle
duration: 3m
world:
  regions:
    eu-west-1: {topics: [steward-alerts], endpoints: {fraud: {}}}
fleet: {version: 1, endpoints: {fraud: }}
faults:
  - {kind: throttle, service: sagemaker, operation: DescribeEndpoint, nth: 1}
  - {kind: denied, service: sns, operation: Publish, caller: health-checker, region: eu-west-1}
";
    let scenario = Scenario::parse(text, "idle.yaml").unwrap_or_else(|problems| panic!("{problems}"));
    let outcome = played(&scenario);
    assert_eq!(
        outcome.record.idle_faults,
        ["denied of sns Publish by health-checker in eu-west-1"]
    );
}
