//! A repair puts what a rollout brought in force once more, under a config's name of its own.

use super::{
    super::{fake::*, request::Order, *},
    native,
    variants::{as_it_was, started},
};
use crate::endpoint::EndpointStatus;

const COPY: &str = "fraud-redeployed";

fn completed(native: bool) -> Fake {
    if native {
        return native::completed();
    }
    let mut world = started(&request("one"));
    assert_eq!(world.run(), Ended::Completed);
    world.ticks(3);
    world
}

/// The copy is there, and SageMaker puts it in force.
fn redeployed(world: &mut Fake) {
    let config = world.endpoint().config.clone().unwrap();
    let copy = world.configs[&config].clone();
    world.configs.insert(COPY.to_owned(), copy);
    world.endpoint_mut().config = Some(COPY.to_owned());
    world.endpoint_mut().modified = world.now;
}

fn told(world: &Fake) -> String {
    let look = world.look(&needs(world.now, &world.ledger));
    status(&world.facts(), &world.ledger, Some(&look))
}

#[test]
fn a_rollout_whose_config_was_redeployed_under_another_name_is_taken_back() {
    for native in [false, true] {
        let mut world = completed(native);
        redeployed(&mut world);
        assert!(!told(&world).contains("refused"), "{}", told(&world));
        let answer = world.order(Order::Rollback);
        assert!(answer.accepted, "{answer:?}");
        assert_eq!(world.run(), Ended::RolledBack, "{}", world.told());
        if !native {
            as_it_was(&world);
        }
        world.ticks(5);
        assert!(world.configs.contains_key(COPY), "no rollout made it: {}", world.did());
    }
}

#[test]
fn a_repair_that_ends_after_the_rollback_was_asked_for_does_not_end_it() {
    for native in [false, true] {
        let mut world = completed(native);
        world.endpoint_mut().status = EndpointStatus::Updating;
        assert!(world.order(Order::Rollback).accepted);
        world.ticks(3);
        assert_eq!(world.phase(), "returning");
        redeployed(&mut world);
        world.endpoint_mut().status = EndpointStatus::InService;
        assert_eq!(world.run(), Ended::RolledBack, "{}", world.told());
    }
}

#[test]
fn what_cannot_be_described_is_taken_for_nobodys() {
    let mut world = completed(false);
    redeployed(&mut world);
    world.order(Order::Rollback);
    world.blind = true;
    world.ticks(20);
    assert_eq!(world.phase(), "returning");
    world.blind = false;
    assert_eq!(world.run(), Ended::RolledBack);
}

#[test]
fn a_stopped_way_back_leaves_the_copy_that_serves_as_the_last_good_config() {
    for native in [false, true] {
        let mut world = completed(native);
        redeployed(&mut world);
        world.fates = std::iter::repeat_n(Fate::TakenBack, 200).collect();
        assert!(world.order(Order::Rollback).accepted);
        world.ticks(20);
        assert!(world.order(Order::Abort).accepted);
        assert_eq!(world.run(), Ended::Completed);
        assert_eq!(world.ledger.last_good.as_deref(), Some(COPY));
        world.fates.clear();
        assert!(world.order(Order::Rollback).accepted);
        assert_eq!(world.run(), Ended::RolledBack);
    }
}

#[test]
fn a_rollback_that_would_be_refused_is_not_promised() {
    let mut world = completed(false);
    redeployed(&mut world);
    let copy = world.configs.get_mut(COPY).unwrap();
    copy.variants[0].instance_type = Some("ml.m5.4xlarge".to_owned());
    insta::assert_snapshot!(told(&world));
    let answer = world.order(Order::Rollback);
    assert!(
        !answer.accepted && answer.said.contains("nor a copy of it"),
        "{answer:?}"
    );
    world.blind = true;
    assert!(told(&world).contains("which is not known now"), "{}", told(&world));
}
