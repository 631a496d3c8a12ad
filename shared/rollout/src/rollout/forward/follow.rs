//! Whoever may have to take all of the traffic has what that takes now, not what it took when the rollout began: the
//! instances, and the range to grow in.

use super::size;
use crate::{
    endpoint::Endpoint,
    rollout::{
        checks::{self, Progress, VISIBLE, World},
        decide::Next,
        effect::Effect,
        ledger::Rollout,
        needs::after,
        strategy::Weight,
        why::Why,
    },
    scaling::Scaling,
};

/// Blue has as many instances as all of the traffic has come to need; `None` when it has, and when there are none to be had
/// now: what serves is well without them, so nothing waits for them. Unless blue has the traffic already (`at_once`),
/// autoscaling comes first: while SageMaker is at work, green cannot grow.
pub(in crate::rollout) fn blue_grows(
    world: &World<'_>,
    rollout: &mut Rollout,
    endpoint: &Endpoint,
    at_once: bool,
) -> Option<Next> {
    let count = size::of_blue(rollout, endpoint)?.max(rollout.plan.blue.instances?);
    let variant = rollout.plan.blue.variant.clone();
    if checks::variant(endpoint, &variant)?.desired_instances? >= count {
        return None;
    }
    let now = world.facts.now;
    let effect = Effect::SetInstances { variant, count };
    let asked = effect.to_string();
    let modified = Some(endpoint.modified);
    match checks::not_in_force(world, rollout, modified, &asked) {
        Progress::NotSeenYet => return Some(Next::Stay(Why::NotSeenYet(asked))),
        Progress::TakenBack => {
            rollout.update = None;
            rollout.short = Some(now);
            rollout.problem = Some(format!("SageMaker took it back: {asked}"));
            return None;
        }
        Progress::Done | Progress::ToDo => {}
    }
    let rests = rollout.short.is_some_and(|short| now < after(short, checks::REST));
    let scales = !at_once && now < after(endpoint.modified, VISIBLE);
    if rests || scales {
        return None;
    }
    // Not known to have been taken: what changed since says nothing of it.
    rollout.update.take_if(|update| update.accepted.is_none());
    checks::begin(rollout, &asked, modified);
    Some(Next::Do(effect))
}

/// Blue has the traffic, and not yet the instances for it.
pub(in crate::rollout) fn lacking(rollout: &mut Rollout, endpoint: &Endpoint) -> Option<Why> {
    let wanted = size::of_blue(rollout, endpoint)?;
    let variant = rollout.plan.blue.variant.clone();
    let current = checks::variant(endpoint, &variant)?.current_instances?;
    (current < wanted).then_some(Why::Growing {
        variant,
        current,
        wanted,
    })
}

/// Green may grow as far as blue may: what a schedule or a person gives blue while green keeps its share. `None` when it may.
pub(super) fn green_may_grow(world: &World<'_>, rollout: &mut Rollout) -> Option<Next> {
    let original = rollout.scaling.as_ref()?;
    let green = rollout.plan.green.variant.clone();
    // What is not known holds nothing here: green's count is watched, and its range is looked at before each share.
    let blue = checks::scaled(world, &rollout.plan.blue.variant).ok()??;
    let seen = checks::scaled(world, &green).ok()??;
    let fresh = Scaling {
        suspended: original.suspended,
        ..blue.clone().remembering(Some(original))
    };
    let min = if rollout.share() == Weight::FULL { blue.min } else { 0 };
    let wanted = Scaling {
        min: seen.min.max(min),
        max: seen.max.max(blue.max),
        ..seen.still_to_come(world.facts.now)
    };
    rollout.scaling = Some(fresh);
    ((wanted.min, wanted.max) != (seen.min, seen.max)).then_some(Next::Do(Effect::Scale {
        variant: green,
        scaling: wanted,
    }))
}
