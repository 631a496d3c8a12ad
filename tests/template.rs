//! What the template promises beside being valid: the settings the function reads, the narrowness of its role, and the
//! safety of what it stores.

use std::collections::BTreeSet;

use serde_json::Value;
use shared::settings::Settings;

#[path = "support/template.rs"]
mod support;

use support::{Statement, allowed, template};

const FUNCTIONS: [&str; 5] = [
    "HealthChecker",
    "TrafficShifter",
    "CrossRegionBackup",
    "ScaleFromZero",
    "FleetReconciler",
];
const ROLES: [&str; 5] = [
    "HealthCheckerRole",
    "TrafficShifterRole",
    "CrossRegionBackupRole",
    "ScaleFromZeroRole",
    "FleetReconcilerRole",
];

#[test]
fn each_function_gets_every_setting_it_reads_and_no_other() {
    let template = template();
    for function in FUNCTIONS {
        let variables = &template["Resources"][function]["Properties"]["Environment"]["Variables"];
        let set: BTreeSet<&str> = variables.as_object().unwrap().keys().map(String::as_str).collect();
        let read: BTreeSet<&str> = Settings::VARIABLES.into_iter().chain(["AWS_ENDPOINT_URL"]).collect();
        assert_eq!(
            set, read,
            "{function}; left: set by the template; right: read by the settings, and what sam local needs declared"
        );
    }
}

#[test]
fn alarms_of_this_account_and_of_no_other_may_invoke_those_that_act_on_them() {
    for function in ["TrafficShifter", "ScaleFromZero"] {
        let permission = &template()["Resources"][format!("{function}Alarms")]["Properties"];
        assert_eq!(permission["Principal"], "lambda.alarms.cloudwatch.amazonaws.com");
        assert_eq!(permission["FunctionName"]["Ref"], function);
        assert_eq!(permission["SourceAccount"]["Ref"], "AWS::AccountId");
        let source = permission["SourceArn"]["Fn::Sub"].as_str().unwrap();
        assert!(source.ends_with("${AWS::Region}:${AWS::AccountId}:alarm:*"), "{source}");
    }
}

/// A topic that nobody named invokes nothing.
#[test]
fn only_the_topic_that_was_named_wakes_from_zero() {
    let template = template();
    let resources = &template["Resources"];
    assert_eq!(template["Parameters"]["WakeTopicArn"]["Default"], "");
    for resource in ["ScaleFromZeroTopic", "ScaleFromZeroTopicMay"] {
        assert_eq!(resources[resource]["Condition"], "WakesByTopic", "{resource}");
    }
    let permission = &resources["ScaleFromZeroTopicMay"]["Properties"];
    assert_eq!(permission["SourceArn"]["Ref"], "WakeTopicArn");
    assert_eq!(permission["Principal"], "sns.amazonaws.com");
}

/// Nothing depends on it, and a young account has none to give away.
#[test]
fn no_concurrency_is_reserved_unless_asked_for() {
    let template = template();
    for parameter in ["ReservedConcurrency", "ShifterReservedConcurrency"] {
        assert_eq!(template["Parameters"][parameter]["Default"], 0, "{parameter}");
    }
}

#[test]
fn the_time_of_a_sweep_is_counted_from_the_templates_own_timeout() {
    let default = shared::probe::fit::DEFAULT_TIMEOUT.as_secs();
    assert_eq!(template()["Parameters"]["TimeoutSeconds"]["Default"], default);
}

/// AWS knows no narrower resource for these (Service Authorization Reference).
#[test]
fn only_what_cannot_be_narrowed_is_allowed_on_everything() {
    let template = template();
    let everything: BTreeSet<String> = ROLES
        .into_iter()
        .flat_map(|role| allowed(&template, role))
        .filter(|statement| statement.resource == "*")
        .flat_map(|statement| statement.actions)
        .collect();
    let known = [
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingActivities",
        "application-autoscaling:DescribeScalingPolicies",
        "application-autoscaling:DescribeScheduledActions",
        // Knows resources, but answers of composite alarms only to whoever may describe all.
        "cloudwatch:DescribeAlarms",
        "cloudwatch:GetMetricData",
        "sagemaker:ListEndpoints",
        "sagemaker:ListInferenceComponents",
    ];
    assert_eq!(everything, known.map(str::to_owned).into());
}

#[test]
fn no_action_is_a_wildcard() {
    let template = template();
    for statement in ROLES.into_iter().flat_map(|role| allowed(&template, role)) {
        assert!(
            statement.actions.iter().all(|action| !action.contains('*')),
            "{}: {:?}",
            statement.sid,
            statement.actions
        );
    }
}

#[test]
fn what_changes_endpoints_is_granted_to_the_health_checker_only_when_recovery_is_enabled() {
    let changes = |action: &str| {
        ["Create", "Update", "Delete", "AddTags"]
            .iter()
            .any(|verb| action.starts_with(&format!("sagemaker:{verb}")))
            || action == "iam:PassRole"
            || action.ends_with("RegisterScalableTarget")
            || action.ends_with("DeregisterScalableTarget")
    };
    let conditions: BTreeSet<Option<String>> = allowed(&template(), "HealthCheckerRole")
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

/// What the README says the alarms cost is counted from the template, at 0.10 USD each.
#[test]
fn the_readme_counts_the_alarms_there_are() {
    let template = template();
    let alarms = || {
        let resources = template["Resources"].as_object().unwrap().values();
        resources.filter(|resource| resource["Type"] == "AWS::CloudWatch::Alarm")
    };
    let (all, without_backups) = (
        alarms().count(),
        alarms().filter(|alarm| alarm["Condition"] != "HasBackups").count(),
    );
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    for said in [
        format!("{without_backups} alarms {:.2} USD", without_backups as f64 / 10.0),
        format!("{all} alarms, {:.2} USD", all as f64 / 10.0),
    ] {
        assert!(readme.contains(&said), "README.md does not say \"{said}\"");
    }
}

/// Every model names an execution role. A role that may be passed anywhere, or any role, would be a way to more rights.
#[test]
fn where_endpoints_are_restored_the_models_roles_are_named_and_passed_to_sagemaker_alone() {
    let template = template();
    let rule = &template["Rules"]["RestoresMayPassTheModelsRole"];
    let here = serde_json::json!([{ "Ref": "BackupRegion" }, { "Ref": "AWS::Region" }]);
    assert_eq!(rule["RuleCondition"]["Fn::Equals"], here);
    assert_eq!(template["Conditions"]["RestoresHere"]["Fn::Equals"], here);
    let none = serde_json::json!([{ "Fn::Equals": [{ "Ref": "EndpointExecutionRoleArn" }, ""] }]);
    assert_eq!(rule["Assertions"][0]["Assert"]["Fn::Not"], none);
    let passes = |statement: &Statement| statement.actions.contains("iam:PassRole");
    let restores = allowed(&template, "CrossRegionBackupRole");
    let when: Vec<Option<&str>> = restores
        .iter()
        .filter(|statement| passes(statement))
        .map(|statement| statement.condition.as_deref())
        .collect();
    assert_eq!(when, [Some("RestoresHere")], "whenever the stack may restore");
    for statement in ROLES.into_iter().flat_map(|role| allowed(&template, role)) {
        if passes(&statement) {
            assert_eq!(
                statement.resource["Ref"], "EndpointExecutionRoleArn",
                "{}",
                statement.sid
            );
            let to = &statement.only_if["StringEquals"]["iam:PassedToService"];
            assert_eq!(to, "sagemaker.amazonaws.com", "{}", statement.sid);
        }
    }
}

#[test]
fn what_restores_need_is_named_where_they_are_set_up_and_where_they_failed() {
    for page in [
        "backup.md",
        "runbooks/backup.restore-failed.md",
        "runbooks/backup.drill-failed.md",
    ] {
        let path = format!("{}/../docs/{page}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        for name in [
            "EndpointExecutionRoleArn",
            "EndpointKeyArn",
            "BackupKeyArn",
            "iam:PassRole",
        ] {
            assert!(text.contains(name), "docs/{page} does not name {name}");
        }
    }
}
