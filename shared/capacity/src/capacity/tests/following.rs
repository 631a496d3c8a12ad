use std::collections::BTreeMap;

use super::{DECLARED, alarm, desired};
use crate::capacity::{
    drift::{Applied, drift},
    fixture::{NOW, planned, real_time, usual_world, with_declared},
    plan::{Verb, Why},
    thing::{Key, Thing},
    world::{SeenVariant, World},
};

/// `fraud` with these variants, and nothing else.
fn fraud_with(variants: &[&str]) -> World {
    let mut seen = real_time("fraud", 2);
    let main = seen.variants[0].clone();
    let named = |name: &&str| SeenVariant {
        name: (*name).to_owned(),
        ..main.clone()
    };
    seen.variants = variants.iter().map(named).collect();
    let mut world = World::default();
    world.endpoints = vec![seen];
    world
}

const FRAUD: &str = "
version: 1
endpoints:
  fraud:
    scaling: [{ variant: main, min: 2, max: 10, policies: [{ name: steward-latency, latency: 500ms }] }]
    schedule: [{ name: steward-night, cron: '0 20 ? * * *', min: 2 }]
    alarms: [{ name: steward-fraud-errors, variant: main, errors: 5% }]
";

#[test]
fn what_is_declared_for_a_variant_follows_the_only_one_that_there_is() {
    let before = with_declared(fraud_with(&["main"]), FRAUD);
    let mut world = fraud_with(&["green"]);
    let followed = desired(FRAUD, &world);
    let plan = planned(&world, &followed, false);
    insta::assert_snapshot!(plan);
    for (_, thing) in followed.things() {
        let text = serde_json::to_string(thing).expect("JSON");
        assert!(text.contains("green") && !text.contains("main"), "{text}");
    }
    // A rollout moved what scales; the alarm is left as it was.
    for (_, thing) in before.things() {
        match thing {
            Thing::Alarm(_) => world.put(thing.clone()),
            thing => world.put(thing.clone().following("fraud", "main", "green")),
        }
    }
    let left = planned(&world, &followed, true);
    let changed: Vec<&Key> = left.changes.iter().map(|change| &change.key).collect();
    assert_eq!(changed, [&Key::Alarm("steward-fraud-errors".to_owned())]);
    let (now, nothing) = (NOW.parse().unwrap(), BTreeMap::new());
    let same: Vec<Key> = desired(FRAUD, &before).things().map(|(key, _)| key.clone()).collect();
    let applied = Applied::default().adopting(&desired(FRAUD, &before), same, now);
    let applied = applied.without_lost(&followed, &world);
    let applied = applied.adopting(&followed, left.same.iter().map(|same| same.key.clone()), now);
    assert_eq!(drift(&applied, &world, "steward-", &nothing, now), []);
}

#[test]
fn what_is_declared_for_a_variant_that_is_not_there_is_held_where_several_may_be_meant() {
    let mut world = fraud_with(&["blue", "green"]);
    for (_, thing) in with_declared(fraud_with(&["main"]), FRAUD).things() {
        world.put(thing.clone().following("fraud", "main", "green"));
    }
    let plan = planned(&world, &desired(FRAUD, &world), true);
    let whys: Vec<&Why> = plan.held.iter().map(|held| &held.why).collect();
    let none = Why::NoVariant("main".to_owned(), vec!["blue".to_owned(), "green".to_owned()]);
    assert_eq!(whys, [&none; 4], "what scales, and the alarm that watches green");
    let deleted = plan.changes.iter().filter(|change| change.verb == Verb::Delete);
    assert_eq!(
        deleted.count(),
        0,
        "what hangs on green may be what was declared: {plan}"
    );
    insta::assert_snapshot!(plan);
}

#[test]
fn what_somebody_else_is_at_work_on_is_left_and_so_is_the_alarm_on_a_policy_of_it() {
    let world = usual_world();
    let desired = desired(DECLARED, &world);
    let whole = planned(&world, &desired, false);
    let at_work = BTreeMap::from([(
        "images".to_owned(),
        "traffic-shifter is at work on images: rollout 3".to_owned(),
    )]);
    let left = whole.clone().leaving(&at_work, &world);
    assert_ne!(left.id, whole.id);
    assert_eq!(left.changes.len() + left.held.len(), whole.changes.len());
    let held: Vec<String> = left
        .held
        .iter()
        .map(|held| format!("{}: {}", held.key, held.why))
        .collect();
    insta::assert_snapshot!(held.join("\n"));
    assert_eq!(whole.clone().leaving(&BTreeMap::new(), &world).changes, whole.changes);
}

const BY_ANOTHER: &str = "
version: 1
endpoints:
  fraud:
    scaling: [{ variant: main, min: 2, max: 10, policies: [{ name: steward-burst, step: { alarm: steward-gate, steps: [{ from: 0, by: 2 }] } }] }]
    alarms: [{ name: steward-gate, metric: { namespace: AWS/SageMaker, name: Invocations, statistic: Sum, dimensions: { EndpointName: gate, VariantName: main } }, threshold: 900 }]
";

#[test]
fn an_alarm_that_scales_what_somebody_else_is_at_work_on_is_left_whatever_it_watches() {
    let mut world = with_declared(fraud_with(&["main", "green"]), BY_ANOTHER);
    // A rollout has pointed it at green.
    let alarm = world
        .get(&Key::Alarm("steward-gate".to_owned()))
        .expect("declared")
        .clone();
    world.put(alarm.following("fraud", "main", "green"));
    let plan = planned(&world, &desired(BY_ANOTHER, &world), false);
    assert_eq!(plan.changes.len(), 1, "{plan}");
    let at_work = BTreeMap::from([(
        "fraud".to_owned(),
        "traffic-shifter is at work on fraud: rollout 3".to_owned(),
    )]);
    let left = plan.leaving(&at_work, &world);
    assert_eq!(left.changes, [], "{left}");
    assert!(matches!(left.held[0].why, Why::AtWork(_)), "{left}");
}

#[test]
fn the_alarm_by_which_a_rollout_is_stopped_is_its_own() {
    let mut world = usual_world();
    world.put(Thing::Alarm(Box::new(alarm(
        "steward-abort-fraud-3",
        "Anything",
        &[],
        1.0,
    ))));
    let nothing = desired("version: 1\nendpoints: {}\n", &world);
    let plan = planned(&world, &nothing, true);
    assert!(plan.is_empty(), "{plan}");
    assert_eq!(planned(&world, &nothing, false).prunable, []);
    let now = NOW.parse().unwrap();
    assert_eq!(
        drift(&Applied::default(), &world, "steward-", &BTreeMap::new(), now),
        []
    );
}
