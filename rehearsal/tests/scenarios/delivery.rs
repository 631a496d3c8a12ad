//! What fails, and what waits for too long, is repeated and given up in a rehearsal as the template deploys it.

use std::{collections::BTreeMap, time::Duration};

use rehearsal::{
    play::handlers,
    record::Record,
    scenario::{FunctionSpec, Scenario},
};
use serde_json::Value;

use super::{permissions::support::template, played};

/// What Lambda waits at most before it tries again to start what it could not.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// The template's functions, by the name of their code.
fn deployed(template: &Value) -> BTreeMap<&str, &Value> {
    let resources = template["Resources"].as_object().expect("resources");
    let functions = resources
        .values()
        .filter(|resource| resource["Type"] == "AWS::Serverless::Function");
    functions
        .map(|function| {
            let code = function["Metadata"]["BuildProperties"]["Binary"]
                .as_str()
                .expect("a binary");
            (code, &function["Properties"])
        })
        .collect()
}

fn number(of: &Value, name: &str) -> u64 {
    of[name].as_u64().unwrap_or_else(|| panic!("{name} of {of}"))
}

/// One event, of its schedule, for a function that is deployed with `besides`.
fn one_event(handler: &str, besides: &str) -> Record {
    let text = format!(
        "
title: One event
duration: 2h
world: {{regions: {{eu-west-1: {{topics: [steward-alerts], endpoints: {{fraud: {{}}}}}}}}}}
fleet: {{version: 1, endpoints: {{fraud: }}}}
functions: [{{name: {handler}, every: 1d, on: [], {besides}}}]
"
    );
    let scenario = Scenario::parse(&text, handler).unwrap_or_else(|problems| panic!("{problems}"));
    played(&scenario).record
}

#[test]
fn every_function_that_can_be_rehearsed_is_deployed_and_every_deployed_one_can_be() {
    let template = template();
    let mut known = handlers().to_vec();
    known.sort_unstable();
    assert_eq!(deployed(&template).into_keys().collect::<Vec<_>>(), known);
}

#[test]
fn what_fails_is_repeated_as_often_as_the_template_says_and_then_kept() {
    for (handler, function) in deployed(&template()) {
        let retries = number(&function["EventInvokeConfig"], "MaximumRetryAttempts");
        let record = one_event(handler, "settings: {STEWARD_STATE: nowhere}");
        let attempts: Vec<u32> = record.invocations.iter().map(|invoked| invoked.attempt).collect();
        let expected: Vec<u32> = (0..=u32::try_from(retries).expect("few")).collect();
        assert_eq!(attempts, expected, "{handler}");
        assert_eq!(record.dead_letters.len(), 1, "{handler}");
    }
}

#[test]
fn what_cannot_start_is_given_up_at_the_age_that_the_template_says() {
    for (handler, function) in deployed(&template()) {
        let age = number(&function["EventInvokeConfig"], "MaximumEventAgeInSeconds");
        let record = one_event(handler, "concurrency: 0");
        assert!(record.invocations.is_empty(), "{handler}");
        let [letter] = record.dead_letters.as_slice() else {
            panic!("{handler}: {:?}", record.dead_letters)
        };
        // It is given up when the next try would come too late.
        let waited = Duration::try_from(letter.at.duration_since(record.start)).expect("after the start");
        let age = Duration::from_secs(age);
        let spec = FunctionSpec {
            name: handler.to_owned(),
            ..FunctionSpec::default()
        };
        assert_eq!(spec.event_age(), age, "{handler}");
        assert!(
            waited <= age && waited + LONGEST_WAIT > age,
            "{handler}: {waited:?} of {age:?}"
        );
    }
}

/// A rehearsal keeps each event that is given up, and loses none on its way to a function: what cannot be delivered is in the
/// same queue.
#[test]
fn everything_that_is_given_up_on_its_way_is_kept_in_one_queue() {
    let queue = "DeadLetters.Arn";
    for (handler, function) in deployed(&template()) {
        let on_failure = &function["EventInvokeConfig"]["DestinationConfig"]["OnFailure"];
        assert_eq!(on_failure["Type"], "SQS", "{handler}");
        assert_eq!(on_failure["Destination"]["Fn::GetAtt"], queue, "{handler}");
        for (name, event) in function["Events"].as_object().expect("events") {
            let event = &event["Properties"];
            assert_eq!(
                event["DeadLetterConfig"]["Arn"]["Fn::GetAtt"], queue,
                "{handler} {name}"
            );
            let retry = &event["RetryPolicy"];
            assert!(number(retry, "MaximumRetryAttempts") >= 1, "{handler} {name}");
            let age = number(&function["EventInvokeConfig"], "MaximumEventAgeInSeconds");
            assert!(
                number(retry, "MaximumEventAgeInSeconds") <= age,
                "{handler} {name}: an event that waits longer on its way than Lambda would keep it"
            );
        }
    }
}
