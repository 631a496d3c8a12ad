//! Green's instances while it has its share, and the traffic grows.

use super::{
    super::{effect::Effect, fake::*, policy::RolloutPolicy, request::Order, *},
    variants::{as_it_was, started},
};
use crate::scaling::{ScalingRule, ScheduledAction};

/// 10%, then half of the traffic with a gate, then all of it.
pub(super) fn gated(policy: impl FnOnce(&mut RolloutPolicy)) -> request::Request {
    let mut gated = request("one");
    gated.policy.strategy.steps[1].gate = true;
    gated.policy.deadline = minutes(24 * 60);
    gated.policy.gate_deadline = minutes(24 * 60);
    policy(&mut gated.policy);
    gated
}

pub(super) fn count(world: &Fake, variant: &str) -> u32 {
    let live = world.endpoint().variants.iter().find(|live| live.name == variant);
    live.and_then(|live| live.desired_instances).unwrap()
}

pub(super) fn give(world: &mut Fake, variant: &str, count: u32) {
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
        // Nothing that was given is taken away, also where somebody gave more than blue's maximum.
        assert_eq!(world.scaling["blue"].max, 10.max(blue));
        world.scaling.get_mut("blue").unwrap().max = 10;
        as_it_was(&world);
    }
}

/// Target tracking gives green what its share needs.
fn grows(world: &mut Fake, green: u32) {
    world.ticks(5);
    give(world, "green", green);
    world.ticks(10);
}

#[test]
fn blue_has_what_all_of_the_traffic_needs_now_in_the_last_bake_and_while_it_is_kept() {
    let mut asked = request("one");
    asked.policy.strategy.steps[2].bake = minutes(60);
    let mut world = started(&asked);
    while world.share("green") < 1.0 || world.phase() != "baking" {
        world.ticks(1);
    }
    assert_eq!((count(&world, "blue"), count(&world, "green")), (4, 4));
    grows(&mut world, 7);
    assert_eq!(count(&world, "blue"), 7, "{}", world.did());
    world.until("keeping");
    grows(&mut world, 9);
    assert_eq!(count(&world, "blue"), 9);
    // What green does not need any more is kept for blue.
    grows(&mut world, 3);
    assert_eq!((count(&world, "blue"), count(&world, "green")), (9, 3));
    world.effects.clear();
    world.order(Order::Abort);
    assert_eq!(world.run(), Ended::RolledBack);
    assert!(
        !world.did().contains("instances"),
        "one call, and no waiting: {}",
        world.did()
    );
    as_it_was(&world);
}

#[test]
fn blue_follows_what_green_has_come_to_need_for_its_share_and_not_what_steward_gave_it() {
    for headroom in [0, 2_000, 10_000] {
        let mut world = started(&gated(|policy| policy.headroom = headroom));
        world.until("gate");
        world.ticks(60);
        assert_eq!(count(&world, "blue"), 4);
        let own = count(&world, "green") + 2;
        grows(&mut world, own);
        // Half of the traffic needs it all, and one fewer would not do; blue's four are enough for the other half.
        let whole = ((own - 1) * 2 + 1).min(8);
        assert_eq!(count(&world, "blue"), whole, "{headroom}");
        let green = count(&world, "green");
        world.effects.clear();
        world.ticks(120);
        assert_eq!(
            (count(&world, "blue"), count(&world, "green")),
            (whole, green),
            "one does not drive the other: {}",
            world.did()
        );
    }
}

#[test]
fn a_green_that_is_merely_slow_does_not_make_blue_grow_without_end() {
    let mut slow = request("one");
    slow.policy.strategy.steps[0].bake = minutes(120);
    let mut world = started(&slow);
    world.until("baking");
    for green in 2..9 {
        grows(&mut world, green);
    }
    // A tenth of the traffic on eight: blue has nine tenths on what it has.
    assert!(count(&world, "blue") <= 10, "{}", world.did());
    grows(&mut world, 9);
    assert!(count(&world, "blue") <= 10);
}

#[test]
fn instances_that_there_are_none_of_for_blue_hold_nothing_and_are_asked_for_with_rests() {
    for refused in [false, true] {
        let mut world = started(&request("one"));
        world.until("keeping");
        world.ticks(2);
        give(&mut world, "green", 8);
        world.effects.clear();
        if refused {
            world.calls = std::iter::repeat_n(Call::Quota, 100).collect();
        } else {
            world.fates = std::iter::repeat_n(Fate::TakenBack, 100).collect();
        }
        world.ticks(40);
        assert_eq!((world.phase(), count(&world, "blue")), ("keeping", 4));
        assert!((3..=5).contains(&world.effects.len()), "{}", world.did());
        world.fates.clear();
        world.calls.clear();
        assert_eq!(world.run(), Ended::Completed);
    }
}

#[test]
fn green_is_not_removed_before_blue_has_the_instances_that_it_could_not_have_before() {
    let mut world = started(&request("one"));
    world.until("keeping");
    world.ticks(2);
    give(&mut world, "green", 8);
    world.fates = std::iter::repeat_n(Fate::TakenBack, 2).collect();
    world.ticks(4);
    world.fates = [Fate::Done].into();
    world.fates.extend(std::iter::repeat_n(Fate::TakenBack, 20));
    world.order(Order::Abort);
    world.until("cleaning-up");
    assert_eq!(world.share("blue"), 1.0, "the traffic waits for nothing");
    world.ticks(30);
    assert_eq!(
        (world.phase(), count(&world, "green")),
        ("cleaning-up", 8),
        "{}",
        world.did()
    );
    let held: Vec<_> = world
        .alerts
        .iter()
        .filter(|alert| alert.kind == crate::alert::AlertKind::RolloutHeld)
        .collect();
    assert_eq!(held.len(), 1);
    assert!(held[0].title.contains("blue has 4 of 8 instances"), "{}", held[0].title);
    let mut never = world.clone();
    world.fates.clear();
    assert_eq!(world.run(), Ended::RolledBack);
    assert_eq!(count(&world, "blue"), 8);
    as_it_was(&world);
    // Nor is it waited for longer than a phase may last.
    never.ticks(40);
    assert!(
        never.did().contains("update the endpoint to config fraud-1"),
        "{}",
        never.did()
    );
}

#[test]
fn green_may_grow_as_far_as_blue_may_while_it_keeps_its_share() {
    let mut world = started(&gated(|_| ()));
    world.until("gate");
    assert_eq!(world.scaling["green"].max, 10);
    // A schedule, in the morning.
    let blue = world.scaling.get_mut("blue").unwrap();
    (blue.min, blue.max) = (3, 30);
    world.ticks(2);
    assert_eq!((world.scaling["green"].max, world.scaling["green"].min), (30, 2));
    assert!(world.scaling["green"].suspended.scale_in);
    // In the evening nothing is taken from it.
    let blue = world.scaling.get_mut("blue").unwrap();
    (blue.min, blue.max) = (2, 10);
    world.effects.clear();
    world.ticks(2);
    assert_eq!(world.scaling["green"].max, 30);
    assert!(world.effects.is_empty(), "{}", world.did());
    world.order(Order::Promote);
    world.until("keeping");
    assert!(world.scaling["green"].does(&scaling()), "{:?}", world.scaling["green"]);
}

#[test]
fn a_policy_that_somebody_puts_beside_greens_stays_and_green_is_registered_no_more_often() {
    let mut world = started(&gated(|_| ()));
    world.until("gate");
    let theirs = step_policy("theirs");
    let green = world.scaling.get_mut("green").expect("it is registered");
    green.policies.push(theirs.clone());
    world.order(Order::Promote);
    world.until("keeping");
    assert!(
        world.scaling["green"]
            .policies
            .iter()
            .any(|policy| policy.name == theirs.name)
    );
    world.effects.clear();
    world.ticks(3);
    let registered = |effect: &effect::Effect| matches!(effect, effect::Effect::Scale { .. });
    assert!(!world.effects.iter().any(registered), "{}", world.did());
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

#[test]
fn the_maximum_is_the_users_own_again_at_the_end_whatever_headroom_was_given() {
    for (blue, asked, most, max) in [(4, None, 5, 4), (3, None, 4, 4), (4, Some(12), 15, 12), (6, None, 8, 6)] {
        let mut world = Fake::new();
        world.scaling.get_mut("blue").unwrap().max = 4;
        give(&mut world, "blue", blue);
        let mut wide = gated(|policy| policy.headroom = 2_000);
        wide.green.instances = asked;
        wide.policy.strategy.steps[2].bake = minutes(30);
        world.start(&wide);
        world.until("gate");
        world.order(Order::Promote);
        while world.share("green") < 1.0 || world.phase() != "baking" {
            world.ticks(1);
        }
        // Nothing is taken while it is judged.
        assert_eq!((count(&world, "green"), world.scaling["green"].max), (most, most));
        let rollout = world.ledger.active.as_ref().unwrap();
        let copied = rollout.scaled("green", world.scaling.get("green"), world.now);
        assert_eq!(copied.unwrap().max, max, "a copy of the endpoint has no headroom");
        assert_eq!(world.run(), Ended::Completed);
        assert_eq!(
            (world.scaling["green"].min, world.scaling["green"].max),
            (2, max),
            "{blue}"
        );
    }
}

#[test]
fn what_somebody_gave_green_beyond_its_headroom_is_not_taken_from_it_at_the_end() {
    let mut world = Fake::new();
    world.scaling.get_mut("blue").unwrap().max = 4;
    world.start(&gated(|policy| policy.headroom = 2_000));
    world.until("gate");
    world.order(Order::Promote);
    while world.share("green") < 1.0 || world.phase() != "baking" {
        world.ticks(1);
    }
    // There are no instances for a blue as large.
    world.fates = std::iter::repeat_n(Fate::TakenBack, 20).collect();
    give(&mut world, "green", 9);
    world.until("keeping");
    assert_eq!((count(&world, "blue"), count(&world, "green")), (4, 9));
    assert_eq!(world.scaling["green"].max, 9);
}
