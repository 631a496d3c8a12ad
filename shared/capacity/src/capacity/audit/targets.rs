//! Ranges, and what is at zero with nothing to wake it.

use std::collections::BTreeSet;

use super::{Findings, Rule};
use crate::{
    capacity::{
        thing::{Key, Scalable, Thing},
        world::World,
    },
    scaling::ScalingRule,
};

pub(super) fn check(world: &World, woken: &BTreeSet<Scalable>, found: &mut Findings) {
    for (key, thing) in world.things() {
        let Thing::Target {
            of,
            min,
            max,
            suspended,
        } = thing
        else {
            continue;
        };
        let policies: Vec<&Key> = world
            .hanging_on(of)
            .filter(|key| matches!(key, Key::Policy(..)))
            .collect();
        if min > max {
            found.add(
                Rule::EmptyRange,
                key,
                format!("its minimum is {min} and its maximum {max}"),
                "raise the maximum, or lower the minimum".to_owned(),
            );
        } else if min == max && !policies.is_empty() {
            found.add(
                Rule::FixedRange,
                key,
                format!("its range is {min} to {max}, so its policies move nothing"),
                "widen the range, or take the policies away".to_owned(),
            );
        }
        if suspended.scale_out {
            found.add(
                Rule::Suspended,
                key,
                "scaling out is suspended: more traffic finds no more capacity".to_owned(),
                "resume it, unless somebody holds it back on purpose".to_owned(),
            );
        }
        let seen = world.endpoint_of(of);
        let there = match of {
            Scalable::Copies { component } => world.components.contains_key(component),
            Scalable::Instances { variant, .. } | Scalable::Concurrency { variant, .. } => {
                seen.is_some_and(|seen| seen.variants.iter().any(|seen| seen.name == *variant))
            }
        };
        if !there {
            found.add(
                Rule::OrphanTarget,
                key,
                format!("there is no {of}"),
                "deregister it: what comes under this name later would be scaled by it".to_owned(),
            );
            continue;
        }
        if *min == 0 && !woken.contains(of) {
            zero(world, key, of, seen.is_some_and(|seen| seen.asynchronous), found);
        }
    }
}

fn zero(world: &World, key: &Key, of: &Scalable, asynchronous: bool, found: &mut Findings) {
    let (metric, dimension) = match of {
        Scalable::Concurrency { .. } => return,
        Scalable::Instances { .. } if !asynchronous => {
            return found.add(
                Rule::ZeroRealTime,
                key,
                "its minimum is 0, and only asynchronous endpoints and inference components wake from zero".to_owned(),
                "raise the minimum to 1, better to 2, or move the model to an inference component".to_owned(),
            );
        }
        Scalable::Instances { endpoint, .. } => ("HasBacklogWithoutCapacity", endpoint),
        Scalable::Copies { component } => ("NoCapacityInvocationFailures", component),
    };
    let steps = world.hanging_on(of).any(|key| {
        matches!(
            world.get(key),
            Some(Thing::Policy {
                rule: ScalingRule::Step { .. },
                ..
            })
        )
    });
    let alarmed = world.things().any(|(_, thing)| match thing {
        Thing::Alarm(alarm) => {
            alarm.metric == metric
                && alarm.dimensions.values().any(|value| value == dimension)
                && !alarm.actions.is_empty()
        }
        _ => false,
    });
    if !alarmed {
        let steps = if steps { "" } else { ", and no step policy" };
        found.add(
            Rule::NoWake,
            key,
            format!(
                "its minimum is 0, no alarm on {metric} does anything{steps}: target tracking alone never leaves zero"
            ),
            "declare `from_zero` under its policies, or `wake` for the endpoint".to_owned(),
        );
    }
}
