//! What a copy of the endpoint gets while a rollout is at work on it.

use super::{
    super::{fake::*, request::Order, *},
    variants::started,
};
use crate::scaling::{Scaling, Suspended};

/// How the variants that are there would be scaled where nobody ends the rollout.
fn copied(world: &Fake) -> Vec<(String, f64, Option<Scaling>)> {
    let variants = world.endpoint().variants.iter();
    let one = |name: &String| {
        let seen = world.scaling.get(name);
        match &world.ledger.active {
            Some(rollout) => rollout.scaled(name, seen, world.now),
            None => seen.cloned(),
        }
    };
    let all = variants.map(|variant| (variant.name.clone(), world.share(&variant.name), one(&variant.name)));
    all.collect()
}

/// At every minute until it has ended.
fn at_each_minute(world: &mut Fake, check: impl Fn(&Fake, &str, f64, Option<&Scaling>)) {
    for _ in 0..4000 {
        for (name, share, scaling) in copied(world) {
            check(world, &name, share, scaling.as_ref());
        }
        if world.ledger.active.is_none() {
            return;
        }
        world.ticks(1);
    }
    panic!("does not end");
}

fn nothing_is_suspended(world: &Fake, name: &str, scaling: Option<&Scaling>) {
    let suspended = scaling.map_or(Suspended::default(), |scaling| scaling.suspended);
    assert_eq!(suspended, Suspended::default(), "{name}: {}", world.did());
}

#[test]
fn a_copy_has_nothing_of_what_the_rollout_suspended_for_blue_or_for_green() {
    for fails in [false, true] {
        let mut world = started(&request("one"));
        if fails {
            world.until("baking");
            assert!(world.order(Order::Abort).accepted);
        }
        at_each_minute(&mut world, |world, name, _, scaling| {
            nothing_is_suspended(world, name, scaling);
        });
    }
}

#[test]
fn what_the_user_suspended_is_suspended_in_a_copy_too() {
    let mut world = Fake::new();
    let held = Suspended {
        scale_in: true,
        ..Suspended::default()
    };
    world.scaling.get_mut("blue").unwrap().suspended = held;
    assert!(world.start(&request("one")).accepted);
    at_each_minute(&mut world, |_, name, share, scaling| {
        if share > 0.0
            && let Some(scaling) = scaling
        {
            assert_eq!(scaling.suspended, held, "{name}");
        }
    });
}

#[test]
fn a_copy_of_what_serves_alone_is_scaled_while_the_rollout_is_taken_back() {
    let mut world = started(&request("one"));
    assert_eq!(world.run(), Ended::Completed);
    world.ticks(3);
    assert!(world.order(Order::Rollback).accepted);
    at_each_minute(&mut world, |world, name, share, scaling| {
        nothing_is_suspended(world, name, scaling);
        if (share - 1.0).abs() < f64::EPSILON {
            assert!(
                scaling.is_some_and(|seen| seen.does(&scaling_of_all())),
                "{name}: {scaling:?}"
            );
        }
    });
}

/// Target tracking, 2 to 10.
fn scaling_of_all() -> Scaling {
    super::super::fake::scaling()
}
