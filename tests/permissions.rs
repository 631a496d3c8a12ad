//! The calls that a function makes and the actions its role grants are the same set. The calls are those of every
//! built-in scenario, played with the very handlers that are deployed.

use std::collections::BTreeMap;

use rehearsal::{
    play::{Options, play},
    scenario::{Scenario, builtins},
    timeline::Silent,
};

#[path = "support/template.rs"]
mod support;

use support::{allowed, template};

/// Granted without a call of the function's own, and why.
const WITHOUT_A_CALL: [(&str, &str); 7] = [
    (
        "logs:CreateLogStream",
        "Lambda writes the function's output with the function's role",
    ),
    (
        "logs:PutLogEvents",
        "Lambda writes the function's output with the function's role",
    ),
    ("sqs:SendMessage", "Lambda keeps failed events with the function's role"),
    (
        "s3:ListBucket",
        "makes S3 answer 404 instead of 403 for an object that is not there",
    ),
    (
        "iam:PassRole",
        "checked by SageMaker when a config that names a role is copied",
    ),
    (
        "sagemaker:AddTags",
        "checked by SageMaker when something is created with tags",
    ),
    (
        "application-autoscaling:DeregisterScalableTarget",
        "checked by SageMaker when an autoscaled endpoint is deleted",
    ),
];

#[test]
fn the_role_of_the_health_checker_grants_exactly_what_its_calls_need() {
    let mut used: BTreeMap<String, &str> = BTreeMap::new();
    for builtin in builtins() {
        let scenario = Scenario::parse(builtin.text, builtin.name).unwrap_or_else(|problems| panic!("{problems}"));
        let outcome = play(&scenario, &Options::default(), &mut Silent).unwrap();
        for call in outcome
            .record
            .calls
            .iter()
            .filter(|call| call.caller == "health-checker")
        {
            for action in &call.actions {
                used.entry(action.clone()).or_insert(builtin.name);
            }
        }
    }
    let granted: BTreeMap<String, String> = allowed(&template(), "HealthCheckerRole")
        .into_iter()
        .flat_map(|statement| {
            statement
                .actions
                .into_iter()
                .map(move |action| (action, statement.sid.clone()))
        })
        .collect();

    let missing: Vec<String> = used
        .iter()
        .filter(|(action, _)| !granted.contains_key(*action))
        .map(|(action, scenario)| format!("{action}, called in {scenario}"))
        .collect();
    assert!(
        missing.is_empty(),
        "called, but not granted in template.yaml: {missing:#?}"
    );

    let idle: Vec<String> = granted
        .iter()
        .filter(|(action, _)| !used.contains_key(*action) && !WITHOUT_A_CALL.iter().any(|(known, _)| known == action))
        .map(|(action, sid)| format!("{action}, by the statement {sid}"))
        .collect();
    assert!(
        idle.is_empty(),
        "granted in template.yaml, but called in no scenario: {idle:#?}"
    );

    for (action, why) in WITHOUT_A_CALL {
        assert!(
            granted.contains_key(action),
            "{action} is excused ({why}), but not granted"
        );
    }
}
