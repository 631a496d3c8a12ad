//! What is declared for endpoints that serve in another Region.

use std::collections::{BTreeMap, BTreeSet};

use crate::capacity::{
    desired::Desired,
    drift::Applied,
    fixture::{parsed, planned, real_time},
    needs::undeclared,
    plan::{Plan, Verb, Why},
    thing::Key,
    world::World,
};

#[test]
fn nothing_is_made_for_an_endpoint_that_stands_by_and_everything_once_a_restore_made_it() {
    let text = "
version: 1
endpoints:
  fraud:
    backup: { destination: { region: eu-central-1, bucket: models-dr } }
    provision: { model: { image: '1.dkr.ecr.eu-west-1.amazonaws.com/a:1', role: 'arn:aws:iam::111122223333:role/a' }, instance_type: ml.m5.xlarge }
    scaling: [{ variant: main, min: 2, max: 4 }]
    alarms: [{ name: steward-fraud-errors, variant: main, errors: 5%, datapoints: 2, of: 3 }]
";
    let empty = World::default();
    let in_region = |world: &World, region: &str| planned(world, &Desired::of(&parsed(text), world, region), false);
    let there = in_region(&empty, "eu-central-1");
    assert_eq!(there.changes, []);
    assert_eq!(there.held.len(), 3);
    assert!(
        there
            .held
            .iter()
            .all(|held| held.why == Why::StandsBy("fraud".to_owned()))
    );
    let own = in_region(&empty, "eu-west-1");
    assert!(
        own.changes
            .iter()
            .any(|change| change.key == Key::Endpoint("fraud".to_owned()))
    );
    let mut restored = World::default();
    restored.endpoints = vec![real_time("fraud", 2)];
    let restored = in_region(&restored, "eu-central-1");
    assert!(restored.held.iter().all(|held| !matches!(held.why, Why::StandsBy(_))));
    assert_eq!(restored.changes.len(), 2, "{restored}");
}

#[test]
fn what_went_with_a_restored_endpoint_is_missed_no_more() {
    let fleet = parsed(
        "
version: 1
endpoints:
  fraud:
    backup: { destination: { region: eu-central-1, bucket: models-dr } }
    scaling: [{ variant: main, min: 2, max: 4 }]
",
    );
    let mut restored = World::default();
    restored.endpoints = vec![real_time("fraud", 2)];
    let made = Desired::of(&fleet, &restored, "eu-central-1");
    let applied = Applied {
        at: None,
        things: made.things().map(|(_, thing)| thing.clone()).collect(),
    };
    assert_eq!(applied.things.len(), 1);
    let left_in = |region: &str| {
        let gone = World::default();
        let desired = Desired::of(&fleet, &gone, region);
        applied.clone().without_lost(&desired, &gone).things.len()
    };
    assert_eq!((left_in("eu-west-1"), left_in("eu-central-1")), (1, 0));
}

/// The endpoint was restored and deleted again: its alarms are still there, one of Steward's and one that somebody made.
fn after_the_return() -> (Desired, World) {
    let fleet = parsed(
        "
version: 1
endpoints:
  fraud:
    backup: { destination: { region: eu-central-1, bucket: models-dr } }
    scaling: [{ variant: main, min: 2, max: 4 }]
    alarms:
      - { name: steward-fraud-errors, variant: main, errors: 5%, datapoints: 2, of: 3 }
      - { name: fraud-slow, variant: main, latency: 500ms }
",
    );
    let mut restored = World::default();
    restored.endpoints = vec![real_time("fraud", 2)];
    let made = Desired::of(&fleet, &restored, "eu-central-1");
    let alarms = made.things().filter(|(key, _)| matches!(key, Key::Alarm(_)));
    let mut world = World::of(alarms.map(|(_, thing)| thing.clone()));
    world.tagged.insert(Key::Alarm("steward-fraud-errors".to_owned()));
    (Desired::of(&fleet, &world, "eu-central-1"), world)
}

fn deleted(plan: &Plan) -> Vec<String> {
    let deleted = plan.changes.iter().filter(|change| change.verb == Verb::Delete);
    deleted.map(|change| change.key.to_string()).collect()
}

#[test]
fn an_alarm_made_for_a_restored_endpoint_that_is_gone_is_pruned_and_one_of_somebody_else_is_named() {
    let (desired, world) = after_the_return();
    let asked = undeclared(&Applied::default(), &desired, &world, "steward-");
    assert_eq!(asked, BTreeSet::from([Key::Alarm("steward-fraud-errors".to_owned())]));
    let left = planned(&world, &desired, false);
    insta::assert_snapshot!(left);
    let pruned = planned(&world, &desired, true);
    assert_eq!(deleted(&pruned), ["steward-fraud-errors"]);
    insta::assert_snapshot!(pruned);
}

#[test]
fn nothing_is_pruned_of_an_endpoint_that_a_repair_is_creating_again() {
    let (desired, world) = after_the_return();
    let at_work = BTreeMap::from([("fraud".to_owned(), "health-checker is at work on fraud".to_owned())]);
    let pruned = planned(&world, &desired, true).leaving(&at_work, &world);
    assert_eq!(deleted(&pruned), Vec::<String>::new(), "{pruned}");
    assert!(
        pruned.held.iter().any(|held| matches!(held.why, Why::AtWork(_))),
        "{pruned}"
    );
}
