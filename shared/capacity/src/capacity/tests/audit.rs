use std::collections::BTreeSet;

use super::*;
use crate::capacity::audit::{Rule, audit, woken};

/// The policies, schedules, alarms and settings of the examples in circulation, with their mistakes.
fn mistaken() -> World {
    let mut world = usual_world();
    world.endpoints.push(real_time("lonely", 1));
    world.endpoints.push(asynchronous("sleepy", 0));
    let tracking = |target: f64, metric: TrackedMetric| ScalingRule::TargetTracking {
        target,
        metric,
        scale_out_cooldown: Some(300),
        scale_in_cooldown: Some(30),
        disable_scale_in: false,
    };
    let custom =
        |namespace: &str, metric: &str, endpoint: &str, variant: &str, unit: Option<&str>| TrackedMetric::Customized {
            metric: metric.to_owned(),
            namespace: namespace.to_owned(),
            dimensions: vec![
                ("EndpointName".to_owned(), endpoint.to_owned()),
                ("VariantName".to_owned(), variant.to_owned()),
            ],
            statistic: "Average".to_owned(),
            unit: unit.map(str::to_owned),
        };
    let policy = |of: Scalable, name: &str, rule: ScalingRule| Thing::Policy {
        of,
        name: name.to_owned(),
        rule,
    };
    let predefined = |kind: &str| TrackedMetric::Predefined {
        kind: kind.to_owned(),
        label: None,
    };
    let action = |of: Scalable, name: &str, schedule: &str, min: Option<u32>, max: Option<u32>| Thing::Action {
        of,
        action: ScheduledAction {
            name: name.to_owned(),
            schedule: schedule.to_owned(),
            timezone: None,
            start: None,
            end: None,
            min,
            max,
        },
    };
    let llm = Scalable::Copies {
        component: "llm".to_owned(),
    };
    let latency = || {
        custom(
            "AWS/SageMaker",
            "ModelLatency",
            "fraud",
            "AllTraffic",
            Some("Milliseconds"),
        )
    };
    let cpu = || {
        custom(
            "/aws/sagemaker/Endpoints",
            "CPUUtilization",
            "fraud",
            "main",
            Some("Percent"),
        )
    };
    let steps = |steps| ScalingRule::Step {
        adjustment: "ChangeInCapacity".to_owned(),
        steps,
        magnitude: None,
        cooldown: None,
        aggregation: None,
    };
    let things = [
        target(main_of("fraud"), 1, 10),
        policy(main_of("fraud"), "ModelLatencyScaling", tracking(500.0, latency())),
        policy(main_of("fraud"), "cpu", tracking(50.0, cpu())),
        policy(main_of("fraud"), "cpu-too", tracking(70.0, cpu())),
        policy(main_of("fraud"), "down", steps(vec![(None, Some(0.0), -1)])),
        policy(
            main_of("fraud"),
            "case",
            tracking(9.0, custom("AWS/Sagemaker", "X", "fraud", "main", None)),
        ),
        policy(
            main_of("fraud"),
            "other",
            tracking(9e5, custom("AWS/SageMaker", "ModelLatency", "search", "main", None)),
        ),
        policy(
            main_of("fraud"),
            "copies",
            tracking(9.0, predefined("SageMakerInferenceComponentInvocationsPerCopy")),
        ),
        action(
            main_of("fraud"),
            "ScaleUpForBusinessHours",
            "cron(0 8 * * MON-FRI *)",
            Some(3),
            Some(10),
        ),
        action(main_of("fraud"), "over", "at(2026-01-01T00:00:00)", Some(3), None),
        action(main_of("fraud"), "more", "cron(0 9 ? * * *)", Some(12), None),
        action(main_of("fraud"), "less", "cron(0 9 ? * * *)", Some(2), None),
        action(main_of("fraud"), "minutes", "rate(1 minutes)", Some(2), None),
        target(main_of("search"), 0, 4),
        action(main_of("search"), "raise", "cron(0 9 ? * * *)", Some(2), None),
        policy(
            main_of("search"),
            "up",
            ScalingRule::TargetTracking {
                target: 5.0,
                metric: predefined("SageMakerVariantInvocationsPerInstance"),
                scale_out_cooldown: None,
                scale_in_cooldown: None,
                disable_scale_in: true,
            },
        ),
        target(main_of("images"), 3, 2),
        target(main_of("sleepy"), 0, 2),
        policy(
            main_of("sleepy"),
            "invocations",
            tracking(5.0, predefined("SageMakerVariantInvocationsPerInstance")),
        ),
        policy(
            main_of("sleepy"),
            "backlog",
            tracking(
                5.0,
                custom(
                    "AWS/SageMaker",
                    "ApproximateBacklogSizePerInstance",
                    "sleepy",
                    "main",
                    None,
                ),
            ),
        ),
        Thing::Target {
            of: llm.clone(),
            min: 2,
            max: 2,
            suspended: Suspended {
                scale_out: true,
                ..Suspended::default()
            },
        },
        policy(llm, "stale", steps(vec![(Some(0.0), None, 1)])),
        target(main_of("gone"), 1, 2),
        Thing::Alarm(Box::new(alarm(
            "slow",
            "ModelLatency",
            &[("EndpointName", "fraud")],
            800.0,
        ))),
        Thing::Alarm(Box::new(Alarm {
            period: 30,
            actions: vec![Action::Arn(
                "arn:aws:autoscaling:us-east-1:1:scalingPolicy:old:resource/x".to_owned(),
            )],
            ..alarm(
                "wake",
                "NoCapacityInvocationFailures",
                &[("InferenceComponentName", "llm")],
                1.0,
            )
        })),
        Thing::Alarm(Box::new(Alarm {
            missing: "missing".to_owned(),
            actions: vec![],
            ..alarm(
                "errors",
                "Invocation5XXErrors",
                &[("EndpointName", "fraud"), ("VariantName", "main")],
                0.05,
            )
        })),
        Thing::Warm {
            function: "predict".to_owned(),
            qualifier: "$LATEST".to_owned(),
            concurrency: 10,
        },
        Thing::Reserved {
            function: "predict".to_owned(),
            concurrency: 5,
        },
        Thing::Throttle {
            api: "a1".to_owned(),
            stage: "prod".to_owned(),
            route: None,
            rate: 0.0,
            burst: 0,
        },
    ];
    things.into_iter().for_each(|thing| world.put(thing));
    let made = parsed(
        "
version: 1
endpoints:
  lonely:
    provision:
      model: { image: a/b:1, role: 'arn:aws:iam::111122223333:role/ml' }
      instance_type: ml.m5.xlarge
      instances: 1
      single_instance: a demo
      capture: { destination: s3://captured/all, sampling: 100% }
",
    );
    made.capacity_for("lonely", None)
        .into_iter()
        .for_each(|thing| world.put(thing));
    world
}

#[test]
fn the_mistakes_of_the_examples_in_circulation_are_found_each_with_what_to_do() {
    let findings = audit(&mistaken(), &BTreeSet::new(), NOW.parse().unwrap());
    let lines: Vec<String> = findings
        .iter()
        .map(|finding| {
            let (severity, rule) = (finding.severity, finding.rule.as_str());
            format!(
                "{severity:?} {rule}\n  {}\n  {}\n  do: {}",
                finding.subject, finding.evidence, finding.remedy
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
    for rule in Rule::ALL {
        assert!(
            findings.iter().any(|finding| finding.rule == *rule),
            "nothing here is against {}",
            rule.as_str()
        );
    }
}

#[test]
fn nothing_is_found_wrong_with_what_steward_declares() {
    let mut world = with_declared(usual_world(), DECLARED);
    world
        .endpoints
        .retain(|seen| ["fraud", "images"].contains(&seen.name.as_str()));
    world.components.clear();
    let rules: Vec<Rule> = audit(&world, &BTreeSet::new(), NOW.parse().unwrap())
        .iter()
        .map(|finding| finding.rule)
        .collect();
    // The rollout reads the one alarm; the other endpoint has none on its failures.
    assert_eq!(rules, [Rule::NoErrorAlarm, Rule::NobodyTold]);
}

#[test]
fn what_steward_wakes_needs_no_alarm_that_does_so_and_one_without_action_reaches_it() {
    let mut world = usual_world();
    world.endpoints.retain(|seen| seen.name == "images");
    world.components.clear();
    world.put(target(main_of("images"), 0, 4));
    let mut waits = alarm(
        "images-waits",
        "HasBacklogWithoutCapacity",
        &[("EndpointName", "images")],
        1.0,
    );
    waits.actions.clear();
    world.put(Thing::Alarm(Box::new(waits)));
    let rules = |fleet: &str| {
        let woken = woken(&parsed(fleet), &world);
        let found = audit(&world, &woken, NOW.parse().unwrap());
        let rules: Vec<Rule> = found.iter().map(|finding| finding.rule).collect();
        [Rule::NoWake, Rule::NobodyTold].map(|rule| rules.contains(&rule))
    };
    assert_eq!(rules("version: 1\nendpoints: { images: {} }\n"), [true, true]);
    let woken = "version: 1\nendpoints: { images: { wake: { enabled: true } } }\n";
    assert_eq!(rules(woken), [false, false]);
}
