//! What the template promises beside being valid: the settings the function reads, the narrowness of its role, and the
//! safety of what it stores.

use std::collections::BTreeSet;

use serde_json::Value;
use shared::settings::Settings;

#[path = "support/template.rs"]
mod support;

use support::{allowed, template};

const ROLE: &str = "HealthCheckerRole";

#[test]
fn the_function_gets_every_setting_it_reads_and_no_other() {
    let template = template();
    let variables = &template["Resources"]["HealthChecker"]["Properties"]["Environment"]["Variables"];
    let set: BTreeSet<&str> = variables.as_object().unwrap().keys().map(String::as_str).collect();
    let read: BTreeSet<&str> = Settings::VARIABLES.into_iter().chain(["AWS_ENDPOINT_URL"]).collect();
    assert_eq!(
        set, read,
        "left: set by the template; right: read by the settings, and what sam local needs declared"
    );
}

/// AWS knows no narrower resource for these (Service Authorization Reference).
#[test]
fn only_what_cannot_be_narrowed_is_allowed_on_everything() {
    let everything: Vec<String> = allowed(&template(), ROLE)
        .into_iter()
        .filter(|statement| statement.resource == "*")
        .flat_map(|statement| statement.actions)
        .collect();
    assert_eq!(
        everything,
        [
            "sagemaker:ListEndpoints",
            "application-autoscaling:DescribeScalableTargets"
        ]
    );
}

#[test]
fn no_action_is_a_wildcard() {
    for statement in allowed(&template(), ROLE) {
        assert!(
            statement.actions.iter().all(|action| !action.contains('*')),
            "{}: {:?}",
            statement.sid,
            statement.actions
        );
    }
}

#[test]
fn what_changes_endpoints_is_granted_only_when_recovery_is_enabled() {
    let changes = |action: &str| {
        ["Create", "Update", "Delete", "AddTags"]
            .iter()
            .any(|verb| action.starts_with(&format!("sagemaker:{verb}")))
            || action == "iam:PassRole"
            || action.ends_with("RegisterScalableTarget")
            || action.ends_with("DeregisterScalableTarget")
    };
    let conditions: BTreeSet<Option<String>> = allowed(&template(), ROLE)
        .into_iter()
        .filter(|statement| statement.actions.iter().any(|action| changes(action)))
        .map(|statement| statement.condition)
        .collect();
    assert_eq!(
        conditions,
        BTreeSet::from([Some("MayPassRole".to_owned()), Some("MayRecover".to_owned())])
    );
    assert_eq!(template()["Parameters"]["EnableRecovery"]["Default"], "false");
}

#[test]
fn bucket_topic_and_queue_refuse_what_is_not_encrypted_on_its_way() {
    let template = template();
    for policy in ["StateBucketPolicy", "AlertTopicPolicy", "DeadLettersPolicy"] {
        let statements = template["Resources"][policy]["Properties"]["PolicyDocument"]["Statement"]
            .as_array()
            .unwrap();
        let refuses = |statement: &&Value| {
            statement["Effect"] == "Deny"
                && statement["Principal"] == "*"
                && statement["Condition"]["Bool"]["aws:SecureTransport"] == "false"
        };
        assert_eq!(statements.iter().filter(refuses).count(), 1, "{policy}");
    }
}

#[test]
fn the_state_outlives_the_stack_and_keeps_its_history() {
    let bucket = &template()["Resources"]["StateBucket"];
    assert_eq!(bucket["DeletionPolicy"], "Retain");
    assert_eq!(bucket["UpdateReplacePolicy"], "Retain");
    assert_eq!(bucket["Properties"]["VersioningConfiguration"]["Status"], "Enabled");
    let blocked = bucket["Properties"]["PublicAccessBlockConfiguration"]
        .as_object()
        .unwrap();
    assert_eq!(blocked.values().filter(|value| **value == true).count(), 4);
}

#[test]
fn every_alarm_tells_the_alert_topic() {
    let template = template();
    let alarms = template["Resources"]
        .as_object()
        .unwrap()
        .values()
        .filter(|r| r["Type"] == "AWS::CloudWatch::Alarm");
    let mut names = 0;
    for alarm in alarms {
        names += 1;
        assert_eq!(alarm["Properties"]["AlarmActions"][0]["Ref"], "AlertTopic", "{alarm}");
    }
    assert!(names > 0);
}
