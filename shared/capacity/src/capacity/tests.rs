mod asleep;
mod audit;
mod exported;
mod following;
mod owned;
mod ranges;
mod standby;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    desired::Desired,
    drift::{Applied, Kind, drift},
    export::export,
    fixture::{NOW, asynchronous, parsed, planned, real_time, usual_world, with_declared},
    ledger::CapacityLedger,
    needs::{undeclared, untaggable},
    plan::{Situation, Stale, Verb, Why, plan},
    thing::{Action, Alarm, Key, Route, Scalable, Thing},
    world::World,
};
use crate::{
    endpoint::EndpointStatus,
    scaling::{ScalingRule, ScheduledAction, Suspended, TrackedMetric},
};

const DECLARED: &str = "
version: 1
endpoints:
  fraud:
    scaling:
      - variant: main
        min: 2
        max: 10
        policies:
          - { name: steward-load, invocations_per_instance: 1000, scale_out_cooldown: 1m }
          - { name: steward-latency, latency: 500ms }
    schedule:
      - { name: steward-office, cron: '0 8 ? * MON-FRI *', zone: Europe/Berlin, min: 3 }
      - { name: steward-night, cron: '0 20 ? * * *', zone: Europe/Berlin, min: 2 }
    alarms:
      - { name: steward-fraud-errors, purpose: rollback, variant: main, errors: 5%, datapoints: 2, of: 3 }
  images:
    scaling:
      - variant: main
        min: 0
        max: 4
        policies: [{ name: steward-backlog, backlog_per_instance: 5 }, { name: steward-first, from_zero: {} }]
lambdas: { predict: { reserved: 100, provisioned: { live: 10 } } }
apis: { a1b2: { stages: { prod: { rate: 100, burst: 200 } } } }
dashboard: {}
";

fn main_of(endpoint: &str) -> Scalable {
    Scalable::Instances {
        endpoint: endpoint.to_owned(),
        variant: "main".to_owned(),
    }
}

fn desired(text: &str, world: &World) -> Desired {
    Desired::of(&parsed(text), world, "eu-central-1")
}

fn target(of: Scalable, min: u32, max: u32) -> Thing {
    Thing::Target {
        of,
        min,
        max,
        suspended: Suspended::default(),
    }
}

fn alarm(name: &str, metric: &str, dimensions: &[(&str, &str)], threshold: f64) -> Alarm {
    Alarm {
        name: name.to_owned(),
        description: None,
        namespace: "AWS/SageMaker".to_owned(),
        metric: metric.to_owned(),
        dimensions: dimensions
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        statistic: "Average".to_owned(),
        unit: None,
        period: 60,
        periods: 1,
        datapoints: 1,
        comparison: "GreaterThanThreshold".to_owned(),
        threshold,
        missing: "notBreaching".to_owned(),
        enabled: true,
        actions: vec![Action::Arn("arn:aws:sns:us-east-1:111122223333:alerts".to_owned())],
        ok_actions: vec![],
        insufficient_actions: vec![],
    }
}

#[test]
fn everything_that_is_not_there_is_made_in_the_order_in_which_it_can_be() {
    let world = usual_world();
    insta::assert_snapshot!(planned(&world, &desired(DECLARED, &world), false));
}

#[test]
fn what_differs_is_shown_field_by_field_and_what_is_own_and_undeclared_goes_last() {
    let mut world = with_declared(usual_world(), DECLARED);
    let changed = DECLARED
        .replace("1000", "800")
        .replace("latency: 500ms", "cpu: 70%, cores: 4")
        .replace(
            "      - { name: steward-night, cron: '0 20 ? * * *', zone: Europe/Berlin, min: 2 }\n",
            "",
        )
        .replace(
            "reserved: 100, provisioned: { live: 10 }",
            "reserved: 5, provisioned: { live: 5 }",
        );
    world.put(Thing::Policy {
        of: main_of("fraud"),
        name: "somebody's".to_owned(),
        rule: ScalingRule::Step {
            adjustment: "ChangeInCapacity".to_owned(),
            steps: vec![(Some(0.0), None, 1)],
            magnitude: None,
            cooldown: None,
            aggregation: None,
        },
    });
    let desired = desired(&changed, &world);
    let plan = planned(&world, &desired, true);
    insta::assert_snapshot!(plan);
    let keys: Vec<&Key> = plan.changes.iter().map(|change| &change.key).collect();
    let (warm, reserved) = (
        keys.iter().position(|key| matches!(key, Key::Warm(..))),
        keys.iter().position(|key| matches!(key, Key::Reserved(..))),
    );
    assert!(warm < reserved, "less is reserved only when less is provisioned");
    let left = planned(&world, &desired, false);
    assert_eq!(
        left.prunable,
        [Key::Action(main_of("fraud"), "steward-night".to_owned())]
    );
    assert!(left.changes.iter().all(|change| change.verb != Verb::Delete));
}

const PROVISIONED: &str = "
version: 1
endpoints:
  new:
    provision:
      model: { image: 'a/b:1', role: 'arn:aws:iam::111122223333:role/ml' }
      instance_type: ml.m5.xlarge
";

#[test]
fn what_a_rollout_gave_an_endpoint_is_neither_drift_nor_to_be_taken_back() {
    let mut world = with_declared(usual_world(), PROVISIONED);
    let (old, now) = (desired(PROVISIONED, &world), NOW.parse().unwrap());
    let key = Key::Endpoint("new".to_owned());
    let applied = Applied::default().adopting(&old, [key.clone()], now);
    let newer = desired(&PROVISIONED.replace("b:1", "b:2"), &world);
    world.put(newer.get(&key).unwrap().clone());
    let drifted = |world: &World| drift(&applied, world, "steward-", &BTreeMap::new(), now).len();
    assert_eq!(drifted(&world), 1, "somebody else changed it");
    assert_eq!(planned(&world, &old, false).changes[0].verb, Verb::Rollout);
    for seen in world.endpoints.iter_mut().filter(|seen| seen.name == "new") {
        seen.rolled_out = true;
    }
    assert_eq!(drifted(&world), 0);
    let plan = planned(&world, &old, false);
    assert!(plan.is_empty(), "{plan}");
    assert!(plan.to_string().contains("`export` says what to write"), "{plan}");
}

#[test]
fn an_endpoint_that_is_gone_is_made_again_by_a_person_only() {
    let world = with_declared(usual_world(), PROVISIONED);
    let (wanted, now) = (desired(PROVISIONED, &world), NOW.parse().unwrap());
    let key = Key::Endpoint("new".to_owned());
    let applied = Applied::default().adopting(&wanted, [key.clone()], now);
    let plan = planned(&usual_world(), &wanted, false);
    let nobody = BTreeSet::new();
    let first = plan.clone().leaving_gone(&Applied::default(), &nobody);
    assert_eq!(first.changes, plan.changes, "what never was there is made");
    let again = plan.clone().leaving_gone(&applied, &nobody);
    assert!(again.changes.is_empty() && again.id != plan.id, "{again}");
    assert!(
        again.held.iter().any(|held| held.key == key && held.why == Why::Gone),
        "{again}"
    );
    // One that was never as declared is known as well, for as long as it is declared.
    let mut ledger = CapacityLedger::default();
    ledger.meet(&wanted, &world);
    ledger.meet(&wanted, &usual_world());
    assert_eq!(plan.leaving_gone(&Applied::default(), &ledger.known).changes, []);
    ledger.meet(&desired("version: 1\nendpoints: {}\n", &world), &world);
    assert!(ledger.known.is_empty());
}

#[test]
fn what_scales_waits_for_its_endpoint_and_a_live_endpoint_is_changed_by_a_rollout_only() {
    let text = "
version: 1
endpoints:
  new:
    provision:
      model: { image: a/b:1, role: 'arn:aws:iam::111122223333:role/ml' }
      instance_type: ml.m5.xlarge
    scaling: [{ variant: main, min: 2, max: 4, policies: [{ name: p, latency: 1s }] }]
";
    let mut world = World::default();
    let first = planned(&world, &desired(text, &world), false);
    insta::assert_snapshot!(first);
    first.changes.iter().for_each(|change| world.apply(change));
    let second = planned(&world, &desired(text, &world), false);
    assert!(
        second
            .held
            .iter()
            .all(|held| held.why == Why::Busy("new".to_owned(), EndpointStatus::Creating))
    );
    assert_eq!((second.changes.len(), second.held.len()), (0, 2));
    world.settle();
    let third = planned(&world, &desired(text, &world), false);
    third.changes.iter().for_each(|change| world.apply(change));
    assert!(planned(&world, &desired(text, &world), false).is_empty());

    let other = text.replace("a/b:1", "a/b:2").replace("ml.m5.xlarge", "ml.g5.xlarge");
    let rollout = planned(&world, &desired(&other, &world), false);
    insta::assert_snapshot!(rollout);
    assert_eq!(
        rollout.remaining(&rollout.id, &desired(&other, &world), &world),
        Ok(vec![])
    );
}

#[test]
fn a_stale_plan_is_refused_as_a_whole_and_one_that_was_cut_off_goes_on() {
    let mut world = usual_world();
    let desired_now = desired(DECLARED, &world);
    let plan = planned(&world, &desired_now, false);
    let other = Stale::Id {
        asked: "0123".to_owned(),
        present: plan.id.clone(),
    };
    assert_eq!(plan.remaining("0123", &desired_now, &world), Err(other));
    let half = plan.changes.len() / 2;
    plan.changes[..half].iter().for_each(|change| world.apply(change));
    let left = plan.remaining(&plan.id, &desired_now, &world).unwrap();
    assert_eq!(left.len(), plan.changes.len() - half);
    let text = DECLARED.replace("max: 10", "max: 11");
    assert_eq!(
        plan.remaining(&plan.id, &desired(&text, &world), &world),
        Err(Stale::Declared)
    );
    let key = left[0].key.clone();
    let Some(Thing::Policy { of, name, .. }) = left.iter().find_map(|change| {
        change
            .after
            .clone()
            .filter(|thing| matches!(thing, Thing::Policy { .. }))
    }) else {
        // The order put every policy into the first half: then another thing is changed under the plan.
        let mut gone = world.clone();
        gone.put(target(main_of("fraud"), 1, 1));
        assert!(plan.remaining(&plan.id, &desired_now, &gone).is_err(), "{key}");
        return;
    };
    world.put(Thing::Policy {
        of: of.clone(),
        name: name.clone(),
        rule: ScalingRule::TargetTracking {
            target: 1.0,
            metric: TrackedMetric::Math(vec![]),
            scale_out_cooldown: None,
            scale_in_cooldown: None,
            disable_scale_in: false,
        },
    });
    let stale = plan.remaining(&plan.id, &desired_now, &world).unwrap_err();
    assert_eq!(stale, Stale::Changed(vec![Key::Policy(of, name)]));
}

#[test]
fn an_alarm_that_two_endpoints_declare_otherwise_is_held_and_a_name_for_each_is_not() {
    let text = |name: &str| {
        format!(
            "
version: 1
endpoints:
  '*': {{ alarms: [{{ name: '{name}', variant: main, errors: 5% }}] }}
"
        )
    };
    let world = usual_world();
    let same = planned(&world, &desired(&text("steward-errors"), &world), false);
    assert_eq!((same.changes.len(), same.held.len()), (0, 1));
    assert_eq!(same.held[0].why, Why::Conflict);
    let each = planned(&world, &desired(&text("steward-<endpoint>-errors"), &world), false);
    assert_eq!((each.changes.len(), each.held.len()), (4, 0));
}

#[test]
fn what_was_changed_outside_is_told_and_what_a_schedule_moved_is_not() {
    let mut world = with_declared(usual_world(), DECLARED);
    let desired = desired(DECLARED, &world);
    let now = NOW.parse().unwrap();
    let same: Vec<Key> = desired.things().map(|(key, _)| key.clone()).collect();
    let applied = Applied::default().adopting(&desired, same, now);
    let drifted = |world: &World| drift(&applied, world, "steward-", &BTreeMap::new(), now);
    assert_eq!(drifted(&world), []);
    world.put(target(main_of("fraud"), 3, 10));
    assert_eq!(drifted(&world), []);
    world.put(target(main_of("fraud"), 3, 20));
    world.take(&Key::Alarm("steward-fraud-errors".to_owned()));
    world.put(Thing::Alarm(Box::new(alarm(
        "steward-surprise",
        "ModelLatency",
        &[],
        1.0,
    ))));
    world.tagged.insert(Key::Alarm("steward-surprise".to_owned()));
    for others in ["somebody's", "steward-ScaleFromZeroSilent-1K2J3H4G5F6D"] {
        world.put(Thing::Alarm(Box::new(alarm(others, "ModelLatency", &[], 1.0))));
    }
    let found = drifted(&world);
    let kinds: Vec<Kind> = found.iter().map(|drift| drift.kind).collect();
    assert_eq!(kinds, [Kind::Changed, Kind::Gone, Kind::Appeared]);
    insta::assert_snapshot!(
        found
            .iter()
            .map(super::drift::Drift::told)
            .collect::<Vec<_>>()
            .join("\n")
    );
}
