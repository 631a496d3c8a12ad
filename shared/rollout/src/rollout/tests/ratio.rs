//! Green is asked for with other instances than blue's, and more or fewer of them.

use super::{
    super::{effect::Effect, fake::*, request::Order, *},
    size::{count, gated, give},
    variants::started,
};

fn asked(instances: u32) -> request::Request {
    let mut asked = request("one");
    asked.green.instance_type = Some("ml.m5.xlarge".to_owned());
    asked.green.instances = Some(instances);
    asked
}

fn completed(instances: u32) -> Fake {
    let mut world = started(&asked(instances));
    assert_eq!(world.run(), Ended::Completed);
    world.ticks(3);
    let range = (world.scaling["green"].min, world.scaling["green"].max);
    assert_eq!((count(&world, "green"), range), (instances, (2, instances.max(10))));
    world
}

#[test]
fn a_completed_rollout_is_taken_back_with_as_many_of_blues_instances_as_stand_for_greens() {
    for (green, blue) in [(12, 4), (9, 4), (13, 5), (15, 5), (24, 8)] {
        let mut world = completed(12);
        give(&mut world, "green", green);
        world.order(Order::Rollback);
        assert_eq!(world.run(), Ended::RolledBack);
        assert_eq!(count(&world, "blue"), blue, "for {green}");
    }
}

#[test]
fn a_way_back_that_waited_grows_by_blues_instances_too() {
    let mut world = completed(12);
    world.fates = std::iter::repeat_n(Fate::TakenBack, 200).collect();
    world.order(Order::Rollback);
    world.ticks(20);
    while world.change.is_some() {
        world.ticks(1);
    }
    give(&mut world, "green", 24);
    world.ticks(30);
    world.fates.clear();
    assert_eq!(world.run(), Ended::RolledBack);
    assert_eq!(count(&world, "blue"), 8);
}

#[test]
fn blue_does_not_get_the_maximum_that_steward_raised_for_greens_instances() {
    for failed in [false, true] {
        let mut world = completed(12);
        if failed {
            world.fates = std::iter::repeat_n(Fate::TakenBack, 3).collect();
            world.order(Order::Rollback);
            world.ticks(20);
            world.order(Order::Abort);
            world.fates.clear();
            assert_eq!(world.run(), Ended::Completed);
            assert_eq!(world.scaling["green"].max, 12);
        }
        world.order(Order::Rollback);
        assert_eq!(world.run(), Ended::RolledBack);
        assert_eq!(
            (world.scaling["blue"].min, world.scaling["blue"].max),
            (2, 10),
            "{failed}"
        );
    }
    // What people changed it gets.
    let mut world = completed(12);
    world.scaling.get_mut("green").unwrap().max = 20;
    world.order(Order::Rollback);
    assert_eq!(world.run(), Ended::RolledBack);
    assert_eq!((world.scaling["blue"].min, world.scaling["blue"].max), (2, 20));
}

#[test]
fn what_a_minimum_gives_green_is_not_taken_for_traffic() {
    let mut fewer = asked(2);
    fewer.policy.strategy = gated(|_| ()).policy.strategy;
    fewer.policy.strategy.steps[2].bake = minutes(120);
    let mut world = started(&fewer);
    world.until("gate");
    world.order(Order::Promote);
    while world.share("green") < 1.0 || world.phase() != "baking" {
        world.ticks(1);
    }
    assert_eq!((count(&world, "blue"), count(&world, "green")), (4, 2));
    // A schedule raises the minimum of both.
    world.scaling.get_mut("blue").unwrap().min = 6;
    give(&mut world, "blue", 6);
    world.ticks(5);
    assert_eq!(world.scaling["green"].min, 6);
    give(&mut world, "green", 6);
    world.effects.clear();
    world.ticks(30);
    let grown = |effect: &&Effect| matches!(effect, Effect::SetInstances { .. });
    assert_eq!(world.effects.iter().filter(grown).count(), 0, "{}", world.did());
    assert_eq!(count(&world, "blue"), 6);
}
