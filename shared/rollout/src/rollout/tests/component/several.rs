//! Several inference components of one endpoint, each with rollouts of its own.

use super::*;

/// As large as [`COMPONENT`], and beside it.
const OTHER: &str = "other-component";

fn of_other(id: &str) -> request::Request {
    let mut request = component(id);
    request.component = Some(OTHER.to_owned());
    request.green.model = Some("other-v2".to_owned());
    request
}

/// The rollout of the first one has completed, and can be taken back.
fn one_completed(model_of_other: &str) -> Fake {
    let mut world = with_component();
    let other = ComponentSeen {
        model: Some(model_of_other.to_owned()),
        ..world.component().clone()
    };
    world.components.insert(OTHER.to_owned(), other);
    world.models.push("other-v2".to_owned());
    world.start(&component("one"));
    assert_eq!(world.run(), Ended::Completed);
    world.ticks(30);
    world
}

fn both_completed() -> Fake {
    let mut world = one_completed("other-v1");
    world.start(&of_other("two"));
    assert_eq!(world.run(), Ended::Completed, "{}", world.told());
    world.ticks(30);
    world
}

fn model<'a>(world: &'a Fake, component: &str) -> &'a str {
    world.components[component].model.as_deref().unwrap()
}

fn rollback(world: &mut Fake, component: Option<&str>, id: Option<&str>) -> Answer {
    world.command(Command::Order {
        order: Order::Rollback,
        step: None,
        component: component.map(str::to_owned),
        id: id.map(str::to_owned),
        by: Some("bo".to_owned()),
        reason: None,
    })
}

fn is_refused(answer: &Answer, said: &str) {
    assert!(!answer.accepted && answer.said.contains(said), "{answer:?}");
}

#[test]
fn a_component_is_rolled_out_while_the_rollout_of_another_one_can_be_taken_back() {
    // With a model that neither knows, with the one that the first got, and with the one that it gets itself.
    for before in ["other-v1", "fraud-v2", "fraud-v1"] {
        let mut world = one_completed(before);
        assert!(world.start(&of_other("two")).accepted);
        assert_eq!(world.phase(), "deploying", "{before}: {}", world.told());
        assert_eq!(world.run(), Ended::Completed, "{before}: {}", world.told());
        assert_eq!(model(&world, OTHER), "other-v2");
        assert_eq!(model(&world, COMPONENT), "fraud-v2");
    }
}

#[test]
fn each_component_can_be_taken_back_while_its_own_window_is_open() {
    for (named, other) in [(COMPONENT, OTHER), (OTHER, COMPONENT)] {
        let mut world = both_completed();
        let kept = model(&world, other).to_owned();
        assert!(rollback(&mut world, Some(named), None).accepted);
        is_refused(&rollback(&mut world, Some(other), None), "is at work");
        assert_eq!(world.run(), Ended::RolledBack, "{}", world.told());
        assert!(model(&world, named).ends_with("-v1"));
        assert_eq!(model(&world, other), kept);
        let again = rollback(&mut world, Some(named), None);
        is_refused(&again, "was taken back after it had completed");
        // A second person may mean the one that is back already.
        is_refused(&rollback(&mut world, None, None), "say which one is meant");
        assert!(rollback(&mut world, Some(other), None).accepted);
        assert_eq!(world.run(), Ended::RolledBack);
        assert!(model(&world, other).ends_with("-v1"));
    }
}

#[test]
fn a_rollback_that_may_mean_either_component_is_refused_and_names_both() {
    let mut world = both_completed();
    let effects = world.effects.len();
    is_refused(
        &rollback(&mut world, None, None),
        "other-component and fraud-component. Nothing was done; say which one is meant, with `component`",
    );
    is_refused(
        &rollback(&mut world, Some("third"), None),
        "Inference component third has had no rollout",
    );
    assert_eq!(world.effects.len(), effects);
    let look = world.look(&needs(world.now, &world.ledger));
    insta::assert_snapshot!(status(&world.facts(), &world.ledger, Some(&look)));
    // The window of the first one closes before that of the second.
    world.pass(minutes(24 * 60 - 50));
    is_refused(
        &rollback(&mut world, Some(COMPONENT), None),
        "its window for `rollback` is over",
    );
    assert!(rollback(&mut world, None, None).accepted);
    assert_eq!(world.run(), Ended::RolledBack);
    assert_eq!(
        (model(&world, OTHER), model(&world, COMPONENT)),
        ("other-v1", "fraud-v2")
    );
}

#[test]
fn one_id_takes_two_components_back_and_each_of_them_once() {
    let mut world = both_completed();
    assert!(rollback(&mut world, Some(COMPONENT), Some("paged")).accepted);
    assert_eq!(world.run(), Ended::RolledBack);
    let echo = rollback(&mut world, Some(COMPONENT), Some("paged"));
    assert!(echo.accepted && echo.said.contains("was obeyed at"), "{echo:?}");
    assert!(rollback(&mut world, Some(OTHER), Some("paged")).accepted);
    assert!(world.ledger.active.is_some(), "it is no echo of the other one");
    assert_eq!(world.run(), Ended::RolledBack);
}

#[test]
fn the_start_of_a_component_that_comes_again_is_done_though_another_one_was_rolled_out_since() {
    let mut world = both_completed();
    let first = component("one");
    let (_, answer) = begun_before(&world.ledger, &first).unwrap();
    assert!(answer.accepted, "{answer:?}");
    rollback(&mut world, Some(COMPONENT), None);
    world.run();
    let (_, answer) = begun_before(&world.ledger, &first).unwrap();
    assert!(!answer.accepted, "{answer:?}");
}
