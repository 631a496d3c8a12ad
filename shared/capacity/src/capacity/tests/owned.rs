//! Whose things are whose, and what is pruned.

use super::*;

#[test]
fn an_alarm_is_stewards_own_by_its_tag_and_not_by_a_name_that_cloudformation_may_have_given_it() {
    let mut world = with_declared(usual_world(), DECLARED);
    let [made, stacks] = ["steward-left-behind", "steward-DeadLettersWaiting-0A9B8C7D6E5F"].map(|name| {
        world.put(Thing::Alarm(Box::new(alarm(name, "ModelLatency", &[], 1.0))));
        Key::Alarm(name.to_owned())
    });
    let declared = desired(DECLARED, &world);
    let asked = undeclared(&Applied::default(), &declared, &world, "steward-");
    assert_eq!(
        asked,
        [stacks.clone(), made.clone()].into(),
        "their tags say whose they are"
    );
    world.tagged.insert(made.clone());
    let deleted: Vec<Key> = planned(&world, &declared, true)
        .changes
        .into_iter()
        .filter(|change| change.verb == Verb::Delete)
        .map(|change| change.key)
        .collect();
    assert_eq!(deleted, [made]);
    assert!(!planned(&world, &declared, false).prunable.contains(&stacks));
}

#[test]
fn what_another_installation_of_steward_made_is_not_pruned_although_its_names_begin_the_same() {
    let mut world = with_declared(usual_world(), DECLARED);
    world.tagged.clear();
    let none = desired("version: 1\nendpoints: {}\n", &world);
    let asked = undeclared(&Applied::default(), &none, &world, "steward-");
    let of = |name: &str| Key::Target(main_of(name));
    assert!(
        asked.contains(&of("fraud")) && asked.contains(&of("images")),
        "{asked:?}"
    );
    assert_eq!(planned(&world, &none, true).changes, []);
    assert_eq!(planned(&world, &none, false).prunable, []);
    // The tag of the target says whose what hangs on it is; what was made here on another's target is known.
    world.tagged.insert(of("images"));
    let known = Key::Policy(main_of("fraud"), "steward-load".to_owned());
    let applied = Applied {
        at: None,
        things: vec![world.get(&known).cloned().unwrap()],
    };
    let mine: Vec<Key> = untaggable(&applied, &world).collect();
    assert_eq!(mine, std::slice::from_ref(&known));
    world.tagged.extend(mine);
    let deleted: Vec<Key> = planned(&world, &none, true)
        .changes
        .into_iter()
        .map(|change| change.key)
        .collect();
    let backlog = Key::Policy(main_of("images"), "steward-backlog".to_owned());
    assert!(deleted.contains(&known) && deleted.contains(&backlog), "{deleted:?}");
    assert!(!deleted.contains(&of("fraud")) && deleted.len() == 4, "{deleted:?}");
}

#[test]
fn a_target_that_somebody_elses_policy_hangs_on_is_not_deregistered() {
    let mut world = with_declared(usual_world(), DECLARED);
    let key = Key::Target(main_of("images"));
    world.tagged.insert(key.clone());
    let of = main_of("images");
    world.put(Thing::Action {
        of: of.clone(),
        action: ScheduledAction {
            name: "somebody's".to_owned(),
            schedule: "rate(1 day)".to_owned(),
            timezone: None,
            start: None,
            end: None,
            min: Some(1),
            max: None,
        },
    });
    let less = &DECLARED[..DECLARED.find("  images:").unwrap()];
    let plan = planned(&world, &desired(less, &world), true);
    let others = vec![Key::Action(of, "somebody's".to_owned())];
    assert!(
        plan.held
            .iter()
            .any(|held| held.key == key && held.why == Why::Shared(others.clone()))
    );
    assert!(plan.changes.iter().all(|change| change.key != key));
}
