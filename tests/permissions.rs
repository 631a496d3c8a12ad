//! The calls that a function makes and the actions its role grants are the same set. The calls are those of every
//! built-in scenario, played with the very handlers that are deployed.

use std::collections::BTreeMap;

use rehearsal::{
    play::{Options, play},
    scenario::{Builtin, Scenario, builtins},
    timeline::Silent,
};

#[path = "support/template.rs"]
mod support;

use support::{Statement, allowed, template};

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
    let used = actions_used_by("health-checker");
    let granted: BTreeMap<String, Statement> = allowed(&template(), "HealthCheckerRole")
        .into_iter()
        .flat_map(|statement| {
            statement
                .actions
                .clone()
                .into_iter()
                .map(move |action| (action, statement.clone()))
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
        .map(|(action, by)| {
            let when = by.condition.as_deref().unwrap_or("always");
            format!("{action}, by the statement {} ({when}) on {}", by.sid, by.resource)
        })
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

/// The IAM actions behind every call of a function in the built-in scenarios, each with a scenario that makes it.
fn actions_used_by(function: &str) -> BTreeMap<String, &'static str> {
    let played = |builtin: &Builtin| {
        let scenario = Scenario::parse(builtin.text, builtin.name).unwrap_or_else(|problems| panic!("{problems}"));
        let outcome = play(&scenario, &Options::default(), &mut Silent).unwrap();
        let calls = outcome.record.calls.into_iter().filter(|call| call.caller == function);
        calls
            .flat_map(|call| call.actions)
            .map(|action| (action, builtin.name))
            .collect::<BTreeMap<_, _>>()
    };
    std::thread::scope(|scope| {
        let playing: Vec<_> = builtins()
            .iter()
            .map(|builtin| scope.spawn(move || played(builtin)))
            .collect();
        playing.into_iter().flat_map(|one| one.join().unwrap()).collect()
    })
}
