//! What a wake costs: how many calls from the alarm to the capacity that AWS has accepted, in how many invocations.

use rehearsal::{record::Called, scenario::Scenario};

use super::played;

/// The schedule ticks half a minute after the alarm, so that all calls of the first minute are the alarm's.
const ALARMED: &str = r#"
title: From the alarm to the accepted change
duration: 4m
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      endpoints:
        images:
          async: {output: "s3://inference-output/images/"}
          variants: {main: {instances: 0, latency: 1s, scaling: {min: 0, max: 4}}}
        chat:
          variants: {main: {instances: 1}}
          components: {llm: {copies: 0, latency: 300ms, scaling: {min: 0, max: 4}}}
      alarms:
        images-wait: {metric: HasBacklogWithoutCapacity, endpoint: images, statistic: Maximum, at_least: 1, missing: not_breaching, actions: ["function:scale-from-zero"]}
        llm-asleep: {metric: NoCapacityInvocationFailures, dimensions: {InferenceComponentName: llm}, statistic: Sum, at_least: 1, missing: not_breaching, actions: ["function:scale-from-zero"]}
  incidents: [{at: 70s, REQUEST}]
fleet:
  version: 1
  endpoints:
    images: {wake: {enabled: true}}
    chat: {wake: {enabled: true, components: [llm]}}
functions: [{name: scale-from-zero, first: 30s, every: 1h}]
"#;

/// Everything that the function calls up to the accepted change, as a person reads it.
fn calls(request: &str) -> Vec<String> {
    let text = ALARMED.replace("REQUEST", request);
    let scenario = Scenario::parse(&text, "alarmed.yaml").unwrap_or_else(|problems| panic!("{problems}"));
    let outcome = played(&scenario);
    let from = scenario.start() + std::time::Duration::from_secs(119);
    let mine = |call: &&Called| call.caller == "scale-from-zero" && call.at > from;
    let mut calls: Vec<String> = Vec::new();
    for call in outcome.record.calls.iter().filter(mine) {
        calls.push(format!("{} {}", call.service, call.operation));
        if call.operation == "RegisterScalableTarget" {
            return calls;
        }
    }
    panic!("nothing was raised: {calls:?}")
}

#[test]
fn an_alarm_raises_the_minimum_in_its_own_invocation_by_few_calls() {
    let queue = calls("endpoint: images, requests: 7");
    let component = calls("endpoint: chat, component: llm, requests: 1");
    let told = |calls: &[String]| format!("{} calls:\n{}", calls.len(), calls.join("\n"));
    insta::assert_snapshot!(format!("queue, {}\n\ncomponent, {}", told(&queue), told(&component)));
}
