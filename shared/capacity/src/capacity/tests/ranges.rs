//! Ranges that schedules, wakes and suspensions move.

use super::*;

#[test]
fn a_schedule_that_is_suspended_while_it_is_in_force_leaves_nothing_to_do() {
    let mut world = with_declared(usual_world(), DECLARED);
    world.put(target(main_of("fraud"), 3, 10));
    let suspended = DECLARED.replacen(
        "        max: 10\n",
        "        max: 10\n        suspended: { scheduled: true }\n",
        1,
    );
    let desired = desired(&suspended, &world);
    for change in planned(&world, &desired, false).changes {
        world.apply(&change);
    }
    let left = planned(&world, &desired, false);
    assert!(left.is_empty(), "{left}");
}

#[test]
fn a_range_that_a_schedule_or_a_wake_moved_is_nobodys_mistake() {
    let mut world = with_declared(usual_world(), DECLARED);
    let desired = desired(DECLARED, &world);
    world.put(target(main_of("fraud"), 3, 10));
    world.put(target(main_of("images"), 2, 4));
    let with_raised = |raised: &BTreeMap<Scalable, u32>| {
        plan(Situation {
            desired: &desired,
            world: &world,
            prefix: "steward-",
            prune: false,
            raised,
            now: NOW.parse().unwrap(),
        })
    };
    let woken = with_raised(&BTreeMap::from([(main_of("images"), 2)]));
    assert!(woken.is_empty(), "{woken}");
    let reasons: Vec<&str> = woken.same.iter().filter_map(|same| same.although.as_deref()).collect();
    assert_eq!(reasons.len(), 2, "{woken}");
    let fought = with_raised(&BTreeMap::new());
    let changed: Vec<&Key> = fought.changes.iter().map(|change| &change.key).collect();
    assert_eq!(changed, [&Key::Target(main_of("images"))]);
}

#[test]
fn a_range_that_nothing_explains_becomes_what_the_schedule_says_now() {
    let mut world = with_declared(usual_world(), DECLARED);
    let desired = desired(DECLARED, &world);
    world.put(target(main_of("fraud"), 7, 10));
    let plan = planned(&world, &desired, false);
    let after = plan.changes.first().and_then(|change| change.after.clone());
    assert_eq!(
        after,
        Some(target(main_of("fraud"), 3, 10)),
        "it is Monday, 11:00 in Berlin"
    );
}

#[test]
fn a_suspended_schedule_explains_no_range() {
    let text = DECLARED.replace(
        "        max: 10\n",
        "        max: 10\n        suspended: { scheduled: true }\n",
    );
    let mut world = with_declared(usual_world(), &text);
    let desired = desired(&text, &world);
    assert!(planned(&world, &desired, false).is_empty());
    let Some(mut declared) = world.get(&Key::Target(main_of("fraud"))).cloned() else {
        panic!("no target")
    };
    if let Thing::Target { min, .. } = &mut declared {
        *min = 3;
    }
    world.put(declared);
    assert_eq!(planned(&world, &desired, false).changes.len(), 1);
}
