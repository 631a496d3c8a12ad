//! Green's instances while it has its share, and the traffic grows.

use super::{
    super::{effect::Effect, fake::*, policy::RolloutPolicy, request::Order, *},
    variants::{as_it_was, started},
};
use crate::scaling::{ScalingRule, ScheduledAction};

/// 10%, then half of the traffic with a gate, then all of it.
fn gated(policy: impl FnOnce(&mut RolloutPolicy)) -> request::Request {
    let mut gated = request("one");
    gated.policy.strategy.steps[1].gate = true;
    gated.policy.deadline = minutes(24 * 60);
    gated.policy.gate_deadline = minutes(24 * 60);
    policy(&mut gated.policy);
    gated
}

fn count(world: &Fake, variant: &str) -> u32 {
    let live = world.endpoint().variants.iter().find(|live| live.name == variant);
    live.and_then(|live| live.desired_instances).unwrap()
}

fn give(world: &mut Fake, variant: &str, count: u32) {
    let live = world.endpoint_mut().variants.iter_mut();
    for live in live.filter(|live| live.name == variant) {
        live.desired_instances = Some(count);
        live.current_instances = Some(count);
    }
}

#[test]
fn green_grows_by_blues_policies_as_soon_as_it_has_traffic_and_is_never_scaled_in() {
    let mut world = Fake::new();
    let evening = ScheduledAction {
        name: "evening".to_owned(),
        schedule: "cron(0 18 ? * * *)".to_owned(),
        timezone: None,
        start: None,
        end: None,
        min: Some(8),
        max: None,
    };
    world.scaling.get_mut("blue").unwrap().actions = vec![evening.clone()];
    world.start(&gated(|_| ()));
    world.until("baking");
    let green = &world.scaling["green"];
    assert_eq!((green.min, green.max, count(&world, "green")), (1, 10, 1));
    assert!(green.suspended.scale_in && !green.suspended.scale_out);
    assert_eq!(green.policies.len(), 1);
    // It is meant for all of the traffic.
    assert!(green.actions.is_empty());
    world.until("gate");
    world.order(Order::Abort);
    world.run();
    assert_eq!(world.scaling.len(), 1);
    let mut world = Fake::new();
    world.scaling.get_mut("blue").unwrap().actions = vec![evening.clone()];
    world.start(&request("one"));
    assert_eq!(world.run(), Ended::Completed);
    assert_eq!(
        (world.scaling["green"].min, &world.scaling["green"].actions),
        (2, &vec![evening])
    );
}

#[test]
fn green_follows_what_blue_is_given_while_it_waits_at_a_gate() {
    let mut world = started(&gated(|policy| policy.headroom = 2_000));
    world.until("gate");
    assert_eq!(count(&world, "green"), 3);
    // A schedule, or a person, makes ready for the morning.
    give(&mut world, "blue", 8);
    world.ticks(5);
    assert_eq!((count(&world, "green"), world.phase()), (5, "gate"));
    // What it has itself does not feed back.
    world.ticks(60);
    assert_eq!(count(&world, "green"), 5);
    assert_eq!(
        world
            .effects
            .iter()
            .filter(|effect| matches!(effect, Effect::SetInstances { .. }))
            .count(),
        2
    );
}

/// Half of the traffic on each: what blue's policy found for its half, green needs for the other.
#[test]
fn a_green_without_an_autoscaling_of_its_own_follows_what_blues_found_for_its_share() {
    let mut world = Fake::new();
    world.scaling.get_mut("blue").unwrap().policies[0].rule = ScalingRule::Step {
        adjustment: "ChangeInCapacity".to_owned(),
        steps: vec![(Some(0.0), None, 1)],
        magnitude: None,
        cooldown: None,
        aggregation: None,
    };
    world.start(&gated(|_| ()));
    world.until("gate");
    give(&mut world, "blue", 7);
    world.ticks(5);
    assert_eq!(
        count(&world, "green"),
        5,
        "no more than blue's maximum, 10, for all of the traffic"
    );
    world.order(Order::Promote);
    world.until("keeping");
    assert_eq!(count(&world, "green"), 10);
}

#[test]
fn the_next_share_is_sized_by_what_both_have_come_to_need() {
    for (blue, green, all) in [(4, 2, 4), (4, 4, 8), (5, 4, 8), (6, 3, 6), (9, 9, 10), (12, 9, 12)] {
        let mut world = started(&gated(|_| ()));
        world.until("gate");
        give(&mut world, "blue", blue);
        give(&mut world, "green", green);
        world.order(Order::Promote);
        world.until("keeping");
        assert_eq!(count(&world, "green"), all, "{blue} and {green}");
        world.order(Order::Abort);
        world.run();
        as_it_was(&world);
    }
}

#[test]
fn other_instances_grow_in_the_proportion_that_was_asked_for() {
    let mut asked = gated(|_| ());
    asked.green.instances = Some(2);
    let mut world = started(&asked);
    world.until("gate");
    assert_eq!(count(&world, "green"), 1);
    give(&mut world, "blue", 8);
    world.ticks(5);
    assert_eq!(count(&world, "green"), 2);
}

#[test]
fn instances_that_there_are_none_of_for_a_growing_green_hold_the_bake_and_are_asked_for_with_rests() {
    let mut world = started(&gated(|_| ()));
    world.until("gate");
    give(&mut world, "blue", 8);
    world.effects.clear();
    world.fates = std::iter::repeat_n(Fate::TakenBack, 30).collect();
    world.ticks(60);
    assert_eq!((world.phase(), count(&world, "green")), ("gate", 2));
    assert!((4..=6).contains(&world.effects.len()), "{}", world.did());
    world.fates.clear();
    world.ticks(15);
    assert_eq!(count(&world, "green"), 4);
}
