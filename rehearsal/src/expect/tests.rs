use jiff::Timestamp;
use shared::endpoint::EndpointStatus;

use super::*;
use crate::record::{Called, Ending, Invoked, Sent};

const START: Timestamp = Timestamp::constant(1_772_438_400, 0);

fn at(minute: i64) -> Timestamp {
    START + SignedDuration::from_mins(minute)
}

fn scenario(expect: &str) -> Scenario {
    let text = format!(
        "title: t\nduration: 1h\nworld: {{regions: {{eu-west-1: {{topics: [alerts]}}, us-east-1: {{}}}}}}\n\
         fleet: {{version: 1, endpoints: {{fraud: }}}}\ncommands: [{{at: 1m, command: check}}]\nexpect:\n{expect}"
    );
    Scenario::parse(&text, "test.yaml").unwrap_or_else(|problems| panic!("{problems}"))
}

/// One hour: fraud is healthy, ill from minute 10 to 20, and told twice.
fn record() -> Record {
    let mut record = Record::new(START);
    record.end = at(60);
    let history = record.endpoints.entry("eu-west-1/fraud".to_owned()).or_default();
    history.status.set(at(0), Some(EndpointStatus::InService));
    history.status.set(at(40), None);
    for (minute, health) in [(1, "healthy"), (10, "unhealthy"), (20, "healthy"), (41, "vanished")] {
        history.health.set(at(minute), health.to_owned());
    }
    record.alerts = vec![
        sent(10, "endpoint.unhealthy", "a", false),
        sent(20, "endpoint.recovered", "b", true),
    ];
    for (minute, operation, succeeded) in [(2, "DescribeEndpoint", true), (3, "DescribeEndpoint", false)] {
        record.calls.push(Called {
            at: at(minute),
            caller: "health-checker".into(),
            region: "eu-west-1".into(),
            service: "sagemaker".into(),
            operation: operation.into(),
            actions: vec![format!("sagemaker:{operation}")],
            resource: None,
            succeeded,
            fault: None,
        });
    }
    record.invocations.push(invoked(Ending::Ok));
    record
}

fn sent(minute: i64, kind: &str, id: &str, resolved: bool) -> Sent {
    Sent {
        at: at(minute),
        region: "eu-west-1".into(),
        topic: "alerts".into(),
        subject: "[CRITICAL] fraud".into(),
        text: "3 of 3 probes".into(),
        id: id.into(),
        kind: kind.into(),
        severity: "critical".into(),
        endpoint: Some("fraud".into()),
        resolved,
        reminder: 0,
    }
}

fn invoked(ending: Ending) -> Invoked {
    Invoked {
        number: 1,
        function: "health-checker".into(),
        region: "eu-west-1".into(),
        woken_by: "schedule".into(),
        attempt: 0,
        cold: false,
        at: at(1),
        took: std::time::Duration::from_secs(1),
        ending,
        answer: serde_json::json!({"summary": "All well."}),
    }
}

/// Every line of `expect` with whether it holds on [`record`].
fn verdicts(expect: &str) -> String {
    judge(&scenario(expect), &record())
        .iter()
        .map(|check| {
            format!(
                "{} | {} | {}\n",
                if check.holds { "holds" } else { "fails" },
                check.expected,
                check.seen
            )
        })
        .collect()
}

#[test]
fn an_endpoint_is_judged_at_a_moment_by_a_moment_throughout_and_never() {
    insta::assert_snapshot!(verdicts(
        "  endpoints:
    - {name: fraud, health: unhealthy, at: 10m}
    - {name: fraud, health: unhealthy, at: 9m}
    - {name: fraud, health: unhealthy, by: 12m}
    - {name: fraud, health: unhealthy, by: 9m}
    - {name: fraud, health: unhealthy, by: 40m, from: 25m}
    - {name: fraud, health: unhealthy, from: 10m, until: 19m}
    - {name: fraud, health: unhealthy, from: 10m, until: 20m}
    - {name: fraud, health: degraded, never: true}
    - {name: fraud, health: unhealthy, never: true}
    - {name: fraud, health: unhealthy, never: true, from: 20m}
    - {name: fraud, health: healthy|vanished, status: gone}
    - {name: fraud, status: InService}
    - {name: search, health: healthy}
    - {name: fraud, region: us-east-1, health: healthy}
"
    ));
}

#[test]
fn alerts_calls_and_invocations_are_counted_within_their_period() {
    insta::assert_snapshot!(verdicts(
        "  alerts:
    - {kind: endpoint.unhealthy}
    - {kind: endpoint.unhealthy, times: 2}
    - {kind: endpoint.*, times: 2, says: 3 of 3}
    - {kind: endpoint.*, resolved: true, times: 1}
    - {kind: endpoint.unhealthy, until: 9m, times: 0}
    - {kind: endpoint.unhealthy, from: 9m, at_most: 0}
    - {kind: '*', severity: info}
  calls:
    - {operation: Describe*, times: 2}
    - {operation: DescribeEndpoint, succeeded: false, at_least: 2}
    - {operation: UpdateEndpoint, by: health-checker, times: 0}
  invocations:
    - {ends: ok, at_least: 1, at_most: 3}
    - {ends: crashed}
"
    ));
}

#[test]
fn a_command_that_was_not_answered_fails_its_expectation() {
    let told = verdicts("  answers: [{to: check, says: fraud, json: {/outcome: done}}]\n");
    assert!(
        told.starts_with("fails | command check ends ok, saying \"fraud\", with \"done\" at \"/outcome\" | it was not"),
        "{told}"
    );
}

#[test]
fn without_a_word_about_them_failed_invocations_and_repeated_alerts_fail_a_scenario() {
    let mut record = record();
    record.invocations.push(invoked(Ending::TimedOut));
    record.alerts.push(sent(30, "endpoint.unhealthy", "a", false));
    record.alerts.push(sent(31, "endpoint.unhealthy", "c", false));
    record.alerts.push(sent(32, "endpoint.unhealthy", "d", false));
    let failed = |expect: &str| {
        let checks = judge(&scenario(expect), &record);
        let failed: Vec<String> = checks
            .iter()
            .filter(|one| !one.holds)
            .map(|one| one.seen.clone())
            .collect();
        failed.join("\n")
    };
    insta::assert_snapshot!(failed("  alert_ids: once\n"));
    insta::assert_snapshot!(failed(
        "  alert_ids: stable\n  invocations: [{ends: timed-out, times: 1}]\n"
    ));
}

#[test]
fn a_star_stands_for_any_text() {
    for (pattern, text, holds) in [
        ("*", "", true),
        ("endpoint.*", "endpoint.failed", true),
        ("endpoint.*", "recovery.failed", false),
        ("*.failed", "endpoint.failed", true),
        ("a*b*c", "axxbxxc", true),
        ("a*b*c", "axxc", false),
        ("Update", "UpdateEndpoint", false),
    ] {
        assert_eq!(matches(pattern, text), holds, "{pattern} on {text}");
    }
}
