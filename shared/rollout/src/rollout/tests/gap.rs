//! What is scheduled while green is deregistered and blue is not registered yet.

use super::{
    super::{fake::*, request::Order, *},
    variants::started,
};
use crate::scaling::{ScheduledAction, Suspended};

/// Minutes from now, in this minute of every day or at this moment only.
fn scheduled(world: &Fake, name: &str, after: u64, once: bool, range: (Option<u32>, Option<u32>)) -> ScheduledAction {
    let due = world.now.checked_add(minutes(after)).unwrap();
    let format = if once {
        "at(%Y-%m-%dT%H:%M:%S)"
    } else {
        "cron(%M %H * * ? *)"
    };
    ScheduledAction {
        name: name.to_owned(),
        schedule: due.strftime(format).to_string(),
        timezone: None,
        start: None,
        end: None,
        min: range.0,
        max: range.1,
    }
}

/// A completed rollout of an endpoint whose range is opened when the way back has been at work for a minute.
fn opened_in_the_gap(once: bool) -> Fake {
    let mut world = started(&request("one"));
    assert_eq!(world.run(), Ended::Completed);
    world.ticks(3);
    let evening = scheduled(&world, "evening", 20 * 60, false, (Some(1), Some(6)));
    let opening = scheduled(&world, "opening", 1, once, (Some(3), Some(30)));
    world.scaling.get_mut("green").unwrap().actions = vec![evening, opening];
    world
}

#[test]
fn blue_gets_the_range_that_was_scheduled_while_nothing_was_registered() {
    for once in [false, true] {
        let mut world = opened_in_the_gap(once);
        assert!(world.order(Order::Rollback).accepted);
        assert!(world.scaling.is_empty());
        assert_eq!(world.run(), Ended::RolledBack);
        let blue = &world.scaling["blue"];
        assert_eq!((blue.min, blue.max, blue.suspended), (3, 30, Suspended::default()));
        let left: Vec<_> = blue.actions.iter().map(|action| action.name.as_str()).collect();
        assert_eq!(
            left,
            if once {
                vec!["evening"]
            } else {
                vec!["evening", "opening"]
            }
        );
    }
}

#[test]
fn green_gets_the_range_that_was_scheduled_while_nothing_was_registered_where_the_way_back_fails_or_is_ended() {
    for once in [false, true] {
        for stop in [false, true] {
            let mut world = opened_in_the_gap(once);
            world.fates = std::iter::repeat_n(Fate::TakenBack, 20).collect();
            assert!(world.order(Order::Rollback).accepted);
            if stop {
                assert!(world.order(Order::Abort).accepted);
            }
            world.ticks(6);
            let green = &world.scaling["green"];
            assert_eq!((green.min, green.max), (3, 30), "{stop}");
            // What a person makes of it afterwards is not undone by the next attempt.
            world.scaling.get_mut("green").unwrap().max = 20;
            if stop {
                assert_eq!(world.run(), Ended::Completed);
                assert_eq!(world.scaling["green"].max, 20);
                assert!(world.order(Order::Rollback).accepted);
            }
            world.ticks(1);
            world.fates.clear();
            assert_eq!(world.run(), Ended::RolledBack);
            assert_eq!(
                (world.scaling["blue"].min, world.scaling["blue"].max),
                (3, 20),
                "{stop}"
            );
        }
    }
}

#[test]
fn a_schedule_that_is_suspended_or_was_over_before_moves_nothing() {
    let mut world = opened_in_the_gap(false);
    world.scaling.get_mut("green").unwrap().suspended.scheduled = true;
    world.order(Order::Rollback);
    assert_eq!(world.run(), Ended::RolledBack);
    assert_eq!((world.scaling["blue"].min, world.scaling["blue"].max), (2, 10));
    let mut world = opened_in_the_gap(false);
    // It came, and a person took it back.
    world.ticks(10);
    world.order(Order::Rollback);
    assert_eq!(world.run(), Ended::RolledBack);
    assert_eq!((world.scaling["blue"].min, world.scaling["blue"].max), (2, 10));
}
