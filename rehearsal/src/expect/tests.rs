use jiff::Timestamp;
use steward::endpoint::EndpointStatus;

use super::*;
use crate::{
    record::{Called, Defined, Ending, Invoked, Measure, Sent, Series, Shape, Standing, Stored, TargetEnd},
    store::{Content, Look},
};

mod copies;

const START: Timestamp = Timestamp::constant(1_772_438_400, 0);

fn at(minute: i64) -> Timestamp {
    START + SignedDuration::from_mins(minute)
}

fn scenario(expect: &str) -> Scenario {
    let text = format!(
        "title: t\nduration: 1h\nworld: {{prices: {{ml.m5.xlarge: 0.5}}, regions: {{eu-west-1: {{topics: [alerts], endpoints: {{fraud: {{}}}}}}, us-east-1: {{}}}}}}\n\
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
    for (minute, config, weights, new_fleet) in [
        (0, "fraud-1", [9.0, 1.0], 0.0),
        (10, "fraud-1", [9.0, 1.0], 0.25),
        (20, "fraud-2", [0.0, 1.0], 0.0),
    ] {
        let standing = |weight, model: &str| Standing {
            weight,
            instances: Some(2),
            model: model.into(),
            instance_type: "ml.m5.xlarge".into(),
        };
        let mut variants = std::collections::BTreeMap::from([("green".to_owned(), standing(weights[1], "risk-v2"))]);
        if weights[0] > 0.0 {
            variants.insert("blue".to_owned(), standing(weights[0], "risk-v1"));
        }
        let config = config.to_owned();
        let shape = Shape {
            config,
            variants,
            components: [("german".to_owned(), "risk-v1".to_owned())].into(),
            new_fleet,
        };
        history.shape.set(at(minute), Some(shape));
    }
    history.shape.set(at(40), None);
    for (measure, value) in [(Measure::Traffic, 1000.0), (Measure::Errors, 15.0)] {
        record.series.push(Series {
            endpoint: "eu-west-1/fraud".into(),
            variant: "green".into(),
            measure,
            points: vec![(at(5), value), (at(15), 2.0 * value)],
        });
    }
    record.series.push(Series {
        endpoint: "eu-west-1/fraud".into(),
        variant: "green".into(),
        measure: Measure::Latency,
        points: vec![(at(5), 100.0), (at(15), 400.0)],
    });
    record.configs = vec![("eu-west-1".into(), "fraud-2".into())];
    record.targets = vec![TargetEnd {
        region: "eu-west-1".into(),
        resource: "endpoint/fraud/variant/green".into(),
        min: 2,
        max: 6,
        policies: 1,
        scheduled_actions: 0,
    }];
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
            copied_from: None,
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
fn config_variants_models_weights_and_instances_are_judged_over_time() {
    insta::assert_snapshot!(verdicts(
        "  endpoints:
    - {name: fraud, config: fraud-1, at: 10m}
    - {name: fraud, config: fraud-*, variants: [green], models: {green: risk-v2}, at: 30m}
    - {name: fraud, variants: [blue, green], at: 30m}
    - {name: fraud, models: {blue: risk-v2}, by: 39m}
    - {name: fraud, components: {german: risk-v*}, at: 30m}
    - {name: fraud, components: {german: risk-v2, french: risk-v1}, at: 30m}
    - {name: fraud, shares: {green: 10%}, until: 19m}
    - {name: fraud, shares: {green: at most 10%}, until: 25m}
    - {name: fraud, shares: {blue: 0%}, at: 30m}
    - {name: fraud, shares: {green: at least 50%}, never: true, until: 19m}
    - {name: fraud, instances: {green: at least 2}, until: 39m}
    - {name: fraud, instances: {blue: 2, green: 3}, at: 5m}
    - {name: fraud, new_fleet: 25%, at: 15m}
    - {name: fraud, new_fleet: at most 20%, until: 30m}
    - {name: fraud, config: fraud-2}
"
    ), @r"
    holds | fraud has config fraud-1 at 10m | config fraud-1 at 0:10:00
    holds | fraud has config fraud-* and variants green and model risk-v2 in green at 30m | config fraud-2, variants green, green with risk-v2 at 0:30:00
    fails | fraud has variants blue and green at 30m | variants green at 0:30:00
    fails | fraud has model risk-v2 in blue by 39m | blue with no model at 0:39:00
    holds | fraud has model risk-v* in component german at 30m | component german with risk-v1 at 0:30:00
    fails | fraud has model risk-v2 in component german and model risk-v1 in component french at 30m | component german with risk-v1, component french with no model at 0:30:00
    holds | fraud has 10% of the weights on green all the time until 19m | green with 10.0% of the weights at 0:19:00
    fails | fraud has at most 10% of the weights on green all the time until 25m | green with 100.0% of the weights at 0:20:00
    holds | fraud has 0% of the weights on blue at 30m | blue with 0.0% of the weights at 0:30:00
    holds | fraud never has at least 50% of the weights on green until 19m | green with 10.0% of the weights at 0:19:00
    holds | fraud has at least 2 instances of green all the time until 39m | green with 2 instances at 0:39:00
    fails | fraud has 2 instances of blue and 3 instances of green at 5m | blue with 2 instances, green with 2 instances at 0:05:00
    holds | fraud has 25% of the traffic on the new fleet at 15m | the new fleet with 25.0% of the traffic at 0:15:00
    fails | fraud has at most 20% of the traffic on the new fleet all the time until 30m | the new fleet with 25.0% of the traffic at 0:10:00
    fails | fraud has config fraud-2 at the end | gone at 1:00:00
    holds | every invocation ends ok | 1 invocations
    holds | no event is given up | none was
    holds | every alert is published once | 2 alerts, 2 ids
    ");
}

/// Blue and green have two instances each for 20 minutes, then green alone for 20 more, and the endpoint is gone.
#[test]
fn latency_is_weighed_by_requests_and_costs_by_the_time_of_instances() {
    insta::assert_snapshot!(verdicts(
        "  requests:
    - {endpoint: fraud, latency_at_most: 300ms, errors_at_least: 1.5%}
    - {endpoint: fraud, latency_at_most: 299ms}
    - {endpoint: fraud, latency_at_least: 100ms, latency_at_most: 100ms, until: 10m}
    - {endpoint: fraud, variant: blue, latency_at_most: 1s}
    - {endpoint: fraud, errors_at_least: 2%}
  costs:
    - {endpoint: fraud, at_least: 0.99, at_most: 1.01}
    - {endpoint: fraud, at_most: 0.3, until: 20m}
    - {endpoint: fraud, at_least: 0.01, from: 40m}
"
    ), @r"
    holds | requests to fraud: at least 1.5% of them failing, answered in 300ms on average, or less | 3000, of which 45 failed (1.50%), answered in 300 ms on average
    fails | requests to fraud: answered in 299ms on average, or less | 3000, of which 45 failed (1.50%), answered in 300 ms on average
    holds | requests to fraud: answered in 100ms on average, or less, answered in 100ms on average, or more until 10m | 1000, of which 15 failed (1.50%), answered in 100 ms on average
    fails | requests to fraud variant blue: answered in 1s on average, or less | 0, of which 0 failed (0.00%)
    fails | requests to fraud: at least 2% of them failing | 3000, of which 45 failed (1.50%)
    holds | fraud costs at least 0.99 and at most 1.01 | 1.00, for 2.00 hours of ml.m5.xlarge
    fails | fraud costs at most 0.3 until 20m | 0.67, for 1.33 hours of ml.m5.xlarge
    fails | fraud costs at least 0.01 from 40m | no instance was there
    holds | every invocation ends ok | 1 invocations
    holds | no event is given up | none was
    holds | every alert is published once | 2 alerts, 2 ids
    ");
}

#[test]
fn requests_configs_and_scalable_targets_are_judged_at_the_end() {
    insta::assert_snapshot!(verdicts(
        "  requests:
    - {endpoint: fraud, errors_at_most: 1.5%, at_least: 3000}
    - {endpoint: fraud, variant: green, errors_at_most: 1%}
    - {endpoint: fraud, failed_at_most: 15, until: 10m}
    - {endpoint: fraud, variant: blue, errors_at_most: 1%}
    - {endpoint: fraud, variant: blue, at_most: 0}
  configs:
    - {name: fraud-2}
    - {name: fraud-1, exists: false}
    - {name: 'fraud-*', exists: false}
    - {name: fraud-3}
  scalable_targets:
    - {endpoint: fraud, variant: green, min: 2, max: 6, policies: 1, scheduled_actions: 0}
    - {endpoint: fraud, variant: green, min: 1}
    - {endpoint: fraud, variant: blue, exists: false}
    - {endpoint: fraud, variant: blue}
"
    ), @r"
    holds | requests to fraud: at least 3000, at most 1.5% of them failing | 3000, of which 45 failed (1.50%)
    fails | requests to fraud variant green: at most 1% of them failing | 3000, of which 45 failed (1.50%)
    holds | requests to fraud: at most 15 of them failing until 10m | 1000, of which 15 failed (1.50%)
    fails | requests to fraud variant blue: at most 1% of them failing | 0, of which 0 failed (0.00%)
    holds | requests to fraud variant blue: at most 0 | 0, of which 0 failed (0.00%)
    holds | endpoint config fraud-2 exists at the end | there is fraud-2
    holds | endpoint config fraud-1 does not exist at the end | the configs are fraud-2
    fails | endpoint config fraud-* does not exist at the end | there is fraud-2
    fails | endpoint config fraud-3 exists at the end | the configs are fraud-2
    holds | variant green of fraud is a scalable target with min 2, max 6, policies 1, scheduled actions 0 at the end | it is one with min 2, max 6, policies 1, scheduled actions 0
    fails | variant green of fraud is a scalable target with min 1 at the end | it is one with min 2, max 6, policies 1, scheduled actions 0
    holds | variant blue of fraud is not a scalable target at the end | it is none
    fails | variant blue of fraud is a scalable target at the end | it is none
    holds | every invocation ends ok | 1 invocations
    holds | no event is given up | none was
    holds | every alert is published once | 2 alerts, 2 ids
    ");
}

#[test]
fn what_cannot_be_expected_is_refused_with_what_can() {
    let text = "title: t\nduration: 1h\nworld: {regions: {eu-west-1: {topics: [alerts], endpoints: {fraud: {}}, alarms: {a: \
                {metric: X, above: 1, actions: ['function:nobody']}}}}}\nfleet: {version: 1, endpoints: {fraud: }}\n\
                expect:\n  endpoints:\n    - {name: fraud}\n    - {name: fraud, shares: {blue: ten}, instances: {blue: at 2}}\n  \
                requests: [{endpoint: fraud}]\n  scalable_targets: [{endpoint: fraud, variant: a, exists: false, min: 2}]\n";
    let first = Scenario::parse(text, "test.yaml").expect_err("mistakes of form");
    let text = text
        .replace("    - {name: fraud}\n", "")
        .replace("ten", "10%")
        .replace("at 2", "2")
        .replace("[{endpoint: fraud}]", "[{endpoint: frad, at_least: 1}]")
        .replace(", min: 2", "");
    let second = Scenario::parse(&text, "test.yaml").expect_err("names of nothing");
    insta::assert_snapshot!(format!("{first}\n{second}"), @r#"
    5 errors in test.yaml

    test.yaml:7:7: expect.endpoints[0]: says nothing about the endpoint
        accepted: `health`, `status`, `config`, `variants`, `models`, `components`, `shares`, `instances` or `new_fleet`

    test.yaml:8:36: expect.endpoints[1].shares.blue: "ten" is no share
        accepted: a share such as 10%, at least 10% or at most 10%

    test.yaml:8:60: expect.endpoints[1].instances.blue: "at 2" is no count
        accepted: a count such as 2, at least 2 or at most 2

    test.yaml:9:14: expect.requests[0]: says nothing about the requests
        accepted: `errors_at_most`, `errors_at_least`, `failed_at_most`, `latency_at_most`, `latency_at_least`, `at_least` or `at_most`

    test.yaml:10:52: expect.scalable_targets[0].exists: what does not exist has no `min`, `max`, `policies` or `scheduled_actions`
    2 errors in test.yaml

    test.yaml:3:116: world.regions.eu-west-1.alarms.a.actions: no function "nobody" is deployed in eu-west-1
        accepted: health-checker

    test.yaml:8:25: expect.requests[0].endpoint: the world has no endpoint "frad"
        accepted: fraud
    "#);
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
