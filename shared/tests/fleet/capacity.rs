//! What `scaling`, `schedule`, `alarms`, `provision`, `lambdas`, `apis` and `dashboard` mean, and what is wrong with them.

use shared::{
    capacity::thing::{Action, Scalable, Thing},
    fleet::Fleet,
    scaling::{ScalingRule, TrackedMetric},
};

fn fleet(text: &str) -> Fleet {
    match Fleet::parse(text, "fleet.yaml") {
        Ok(fleet) => fleet,
        Err(errors) => panic!("{errors}"),
    }
}

fn told(text: &str) -> String {
    match Fleet::parse(text, "fleet.yaml") {
        Ok(_) => panic!("nothing was found wrong in:\n{text}"),
        Err(errors) => errors.to_string(),
    }
}

#[test]
fn each_thing_is_declared_as_aws_takes_it() {
    let fleet = fleet(
        "
version: 1
defaults:
  provision:
    model: { role: 'arn:aws:iam::111122223333:role/ml' }
    capture: { destination: s3://captured/all, sampling: 5% }
endpoints:
  fraud:
    provision:
      model: { image: '111122223333.dkr.ecr.us-east-1.amazonaws.com/fraud:1', data: s3://models/fraud.tar.gz }
      instance_type: ml.m5.xlarge
      instances: 3
    scaling:
      - variant: main
        min: 2
        max: 10
        policies:
          - { name: load, invocations_per_instance: 1000, scale_out_cooldown: 1m }
          - { name: latency, latency: 500ms, scale_in: false }
          - { name: busy, cpu: 70%, cores: 4 }
          - { name: together, concurrency: 5 }
    schedule:
      - { name: office, cron: '0 8 ? * MON-FRI *', zone: Europe/Berlin, min: 3, max: 10 }
      - { name: sale, at: '2026-12-24T08:00:00', min: 6 }
      - { name: often, rate: 1 hour, max: 8 }
    alarms:
      - { name: fraud-slow, purpose: rollback, variant: main, latency: 800ms, percentile: p99, datapoints: 3, of: 5 }
  images:
    scaling:
      - variant: main
        min: 0
        max: 4
        policies:
          - { name: backlog, backlog_per_instance: 5 }
          - { name: first, from_zero: { minutes: 2 } }
          - { name: flood, step: { alarm: <endpoint>-flood, steps: [{ from: 0, to: 100, by: 1 }, { from: 100, by: 3 }] } }
      - component: llm
        min: 0
        max: 2
        policies: [{ name: first, from_zero: {} }]
    alarms:
      - name: <endpoint>-flood
        metric: { namespace: AWS/SageMaker, name: ApproximateBacklogSize, dimensions: { EndpointName: images } }
        threshold: 50
lambdas:
  predict: { reserved: 100, provisioned: { live: 10 } }
apis:
  a1b2c3: { stages: { prod: { rate: 10000, burst: 5000, methods: { POST /predict: { rate: 50, burst: 100 } } } } }
dashboard: { prices: { ml.m5.xlarge: 0.23 } }
",
    );
    let things = (
        fleet.capacity_for("fraud", None),
        fleet.capacity_for("images", None),
        fleet.account(),
    );
    insta::assert_yaml_snapshot!(things);
    assert_eq!(fleet.capacity_for("unknown", None), []);
    assert!(fleet.dashboard().is_some_and(|dashboard| dashboard.name.is_none()));
    assert!(!fleet.reconcile().prune && !fleet.reconcile().apply);
}

#[test]
fn a_latency_for_people_is_in_microseconds_for_aws_and_cores_count_a_hundred_each() {
    let fleet = fleet(
        "
version: 1
endpoints:
  a:
    scaling:
      - variant: v
        min: 1
        max: 2
        policies: [{ name: slow, latency: 500ms }, { name: busy, gpu: 12.5%, cores: 8 }]
",
    );
    let targets: Vec<f64> = fleet
        .capacity_for("a", None)
        .into_iter()
        .filter_map(|thing| match thing {
            Thing::Policy {
                rule:
                    ScalingRule::TargetTracking {
                        target,
                        metric: TrackedMetric::Customized { unit: None, .. },
                        ..
                    },
                ..
            } => Some(target),
            _ => None,
        })
        .collect();
    assert_eq!(targets, [500_000.0, 100.0]);
}

#[test]
fn what_leaves_zero_has_its_alarm_and_one_refused_request_of_a_component_is_enough() {
    let fleet = fleet(
        "
version: 1
endpoints:
  llms: { scaling: [{ component: llm, min: 0, max: 2, policies: [{ name: first, from_zero: {} }] }] }
",
    );
    let alarms: Vec<_> = fleet
        .capacity_for("llms", None)
        .into_iter()
        .filter_map(|thing| match thing {
            Thing::Alarm(alarm) => Some(alarm),
            _ => None,
        })
        .collect();
    let alarm = alarms.first().expect("an alarm");
    assert_eq!(
        (alarm.name.as_str(), alarm.statistic.as_str(), alarm.threshold),
        ("steward-llm-first", "Sum", 1.0)
    );
    assert_eq!(alarm.comparison, "GreaterThanOrEqualToThreshold");
    let of = Scalable::Copies {
        component: "llm".to_owned(),
    };
    assert_eq!(
        alarm.actions,
        [Action::Policy {
            of,
            name: "first".to_owned()
        }]
    );
}

#[test]
fn lists_are_replaced_as_a_whole_and_provision_field_by_field() {
    let fleet = fleet(
        "
version: 1
defaults:
  scaling: [{ variant: main, min: 1, max: 2 }]
  provision: { instance_type: ml.m5.large, model: { image: a/b:1, role: 'arn:aws:iam::111122223333:role/ml' } }
endpoints:
  '*': {}
  big: { scaling: [{ variant: main, min: 4, max: 8 }], provision: { instance_type: ml.g5.xlarge } }
  bare: { scaling: [], provision: { enabled: false } }
",
    );
    let ranges = |name: &str| -> Vec<(u32, u32)> {
        let things = fleet.capacity_for(name, None).into_iter();
        things
            .filter_map(|thing| match thing {
                Thing::Target { min, max, .. } => Some((min, max)),
                _ => None,
            })
            .collect()
    };
    assert_eq!(
        (ranges("any"), ranges("big"), ranges("bare")),
        (vec![(1, 2)], vec![(4, 8)], vec![])
    );
    let made = |name: &str| {
        fleet
            .capacity_for(name, None)
            .into_iter()
            .find_map(|thing| match thing {
                Thing::Endpoint { made, .. } => Some((made.image, made.instance_type)),
                _ => None,
            })
    };
    assert_eq!(made("big"), Some(("a/b:1".to_owned(), "ml.g5.xlarge".to_owned())));
    assert_eq!(made("bare"), None);
}

#[test]
fn everything_that_is_wrong_with_it_is_told_at_once() {
    insta::assert_snapshot!(told(
        "
version: 1
fleet: { reconcile: { prune: maybe, prefix: a } }
defaults:
  provision: { instances: 0, instance_type: m5, capture: { sampling: 0.5%, input: false, output: false } }
endpoints:
  one:
    scaling:
      - { variant: main, component: llm, min: 3, max: 2 }
      - { min: 0, max: 1 }
      - variant: a
        min: 1
        max: 2
        policies:
          - { name: load }
          - { name: both, latency: 1s, concurrency: 4 }
          - { name: unit, latency: 500 }
          - { name: cores, cpu: 70% }
          - { name: nothing, gpu: 0%, cores: 1 }
          - { name: custom, metric: { namespace: 'AWS SageMaker', name: x } }
          - { name: fits, provisioned_utilization: 70% }
          - { name: steps, step: { steps: [{ from: 0, to: 5, by: 1 }, { from: 6, by: 2 }], at_least: 1 }, scale_in: true }
          - { name: load, target: 5, latency: 1s }
      - { variant: a, min: 1, max: 2 }
      - { component: llm, min: 0, max: 2, policies: [{ name: b, backlog_per_instance: 5 }, { name: c, cpu: 5%, cores: 2 }] }
      - { serverless: s, min: 0, max: 2, policies: [{ name: a, latency: 1s, cores: 1 }, { name: c, concurrency: 2 }] }
    schedule:
      - { name: a, cron: '0 8 * * MON-FRI *', min: 1 }
      - { name: b, cron: '0 8 ? * MON-FRI *', rate: 5 minutes, min: 1 }
      - { name: 'c/d', at: 2026-12-24, max: 1 }
      - { name: d, rate: 0 hours, zone: Berlin, max: 1 }
      - { name: e, rate: 1 hour }
      - { name: f, rate: 1 hour, zone: UTC, min: 4, max: 3, starts: 2026-01-02T00:00:00Z, ends: 2026-01-01T00:00:00Z }
    alarms:
      - { name: a }
      - { name: b, errors: 5% }
      - { name: c, errors: 5%, variant: v, percentile: p99, threshold: 4 }
      - { name: d, waiting: 5m, variant: v, period: 45s }
      - { name: e, latency: 1s, variant: v, percentile: p101, actions: [alerts] }
      - { name: f, no_capacity: false, datapoints: 3, of: 2 }
      - { name: g, metric: { namespace: AWS/SageMaker, name: x }, compare: about }
      - { name: g, waiting: 5m, period: 1h, datapoints: 30 }
lambdas:
  predict: { reserved: 5, provisioned: { $LATEST: 10, live: 0 } }
  other: { reserved: 5, provisioned: { live: 10, 'a b': 1, $LATEST: 1 } }
  'no name': {}
apis:
  a-1: { stages: { 'no stage': { rate: 0, burst: 1 } } }
  a2: { stages: { prod: { rate: 1, burst: 1, methods: { /predict: { rate: 1, burst: 1 } } }, 'b c': { rate: 1, burst: 1 } } }
dashboard: { name: my dashboard, prices: { ml.m5.large: free } }
"
    ));
}

#[test]
fn what_contradicts_itself_is_told_where_it_was_said() {
    insta::assert_snapshot!(told(
        "
version: 1
defaults:
  schedule: [{ name: night, cron: '0 22 * * ? *', min: 0 }]
endpoints:
  one: { scaling: [{ variant: a, min: 1, max: 2 }, { variant: b, min: 1, max: 2 }] }
  two: { schedule: [] , provision: { model: { image: a/b:1 }, instances: 1, capture: {}, async: {} } }
  three:
    schedule: [{ name: day, variant: c, cron: '0 8 * * ? *', min: 2 }]
    scaling: [{ variant: a, min: 1, max: 2, policies: [{ name: p, step: { alarm: gone, steps: [{ by: 1 }] } }] }]
  four:
    schedule: []
    provision:
      model: { image: a/b:1, role: 'arn:aws:iam::111122223333:role/ml', subnets: [subnet-1] }
      instance_type: ml.m5.large
"
    ));
}
