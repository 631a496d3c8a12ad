//! Which range of a target is right now: the declared one, what a scheduled action made of it, what a wake made of it.

use std::time::Duration;

use super::Situation;
use crate::{
    capacity::{
        thing::{Key, Scalable, Thing},
        world::World,
    },
    scaling::{ScheduledAction, in_force},
};

/// Scheduled actions that were due within so long may be why a range is what it is.
const LOOKED_BACK: Duration = Duration::from_secs(370 * 86_400);

/// The actions of a target that are there and as declared. None, where they are declared suspended: then the declared range is
/// the right one, and is made so together with the suspension.
fn actions<'a>(situation: Situation<'a>, of: &'a Scalable, suspended: bool) -> Vec<&'a ScheduledAction> {
    if suspended {
        return vec![];
    }
    let world: &World = situation.world;
    let hanging = world.hanging_on(of).filter(|key| matches!(key, Key::Action(..)));
    hanging
        .filter_map(|key| match (world.get(key), situation.desired.get(key)) {
            (Some(Thing::Action { action, .. }), Some(Thing::Action { action: wanted, .. })) if action == wanted => {
                Some(action)
            }
            _ => None,
        })
        .collect()
}

/// The thing that is to be there, with the range that is right now; and why it is another one than declared.
pub(super) fn wanted(situation: Situation<'_>, wanted: &Thing, there: Option<&Thing>) -> (Thing, Option<String>) {
    let unchanged = (wanted.clone(), None);
    let (
        Thing::Target {
            of,
            min,
            max,
            suspended,
        },
        Some(Thing::Target {
            min: low, max: high, ..
        }),
    ) = (wanted, there)
    else {
        return unchanged;
    };
    if (min, max) == (low, high) {
        return unchanged;
    }
    let actions = actions(situation, of, suspended.scheduled);
    // Which of them moved it is not asked here: when a rate began is not described, and one that is new was not due yet.
    let by_wake = situation.raised.get(of) == Some(low) && low != min;
    let low_is_right = low == min || by_wake || actions.iter().any(|action| action.min == Some(*low));
    let high_is_right = high == max || actions.iter().any(|action| action.max == Some(*high));
    let due = actions.iter().copied();
    let forced = match in_force((*min, *max), due, situation.now, LOOKED_BACK) {
        (least, most) if least > most => (*min, *max),
        forced => forced,
    };
    let right = match (low_is_right, high_is_right) {
        (true, true) if low <= high => (*low, *high),
        (true, false) if *low <= forced.1 => (*low, forced.1),
        (false, true) if forced.0 <= *high => (forced.0, *high),
        _ => forced,
    };
    if right == (*min, *max) {
        return unchanged;
    }
    let although = match by_wake {
        true => "a wake raised its minimum for its time",
        false => "a scheduled action set its range",
    };
    let thing = Thing::Target {
        of: of.clone(),
        min: right.0,
        max: right.1,
        suspended: *suspended,
    };
    (thing, Some(although.to_owned()))
}
