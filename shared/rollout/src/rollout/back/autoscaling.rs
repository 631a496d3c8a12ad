//! How blue is scaled when it has the traffic again: as what has served until now.
//!
//! `RegisterScalableTarget` moves the present capacity into the range, also where it only suspends or resumes something. So
//! no call of Steward's leaves a range below what a variant has by then: that would take its instances away under its traffic.

use std::time::Duration;

use crate::{
    endpoint::Endpoint,
    rollout::{
        checks::{self, World},
        decide::Next,
        effect::Effect,
        ledger::Rollout,
        phase::Phase,
    },
    scaling::{Scaling, Suspended},
};

/// Green alone was scaled since blue was deregistered: what schedules and people made of that is what blue gets. Written down
/// while it is there to be seen.
pub(super) fn remember(world: &World<'_>, rollout: &mut Rollout) {
    let alone = rollout.back.as_ref().is_some_and(|back| back.from == Phase::Removing);
    let (blue, green) = (&rollout.plan.blue.variant, &rollout.plan.green.variant);
    let now = world.facts.now;
    let halfway =
        |seen: &Scaling, kept: Option<&Scaling>| kept.is_some_and(|kept| seen.lacks(&kept.still_to_come(now)));
    match checks::scaled(world, green) {
        // What lacks something of it was registered halfway.
        Ok(Some(seen)) if alone && !halfway(seen, rollout.green_scaling.as_ref()) => {
            rollout.unregistered = None;
            let max = own_max(seen, rollout);
            let moved = Scaling {
                max,
                ..seen.moved(green, blue)
            };
            rollout.scaling = Some(moved.remembering(rollout.scaling.as_ref()));
            rollout.green_scaling = Some(seen.clone().remembering(rollout.green_scaling.as_ref()));
        }
        // Nobody wants it scaled any more.
        Ok(None) if rollout.phase == Phase::Returning && rollout.green_scaling.is_none() => rollout.scaling = None,
        _ => {}
    }
}

/// An action that was due so long before the variant was last seen registered may have come too late for it.
const LATE: Duration = Duration::from_secs(60);

/// What was remembered as it is by now: with what was scheduled since nothing is registered, and without what is over.
pub(super) fn by_now(world: &World<'_>, rollout: &Rollout, kept: &Scaling) -> Scaling {
    let now = world.facts.now;
    let kept = match rollout.unregistered {
        Some(seen) => &kept.caught_up(seen.checked_sub(LATE).unwrap_or(seen), now),
        None => kept,
    };
    kept.still_to_come(now)
}

/// Blue's maximum, where green has the one that Steward raised for its own instances; otherwise green's.
fn own_max(seen: &Scaling, rollout: &Rollout) -> u32 {
    let scheduled = seen.actions.iter().any(|action| action.max == Some(seen.max));
    match &rollout.scaling {
        Some(before) if seen.max == rollout.raised && !scheduled => before.max.max(seen.min),
        _ => seen.max,
    }
}

/// Blue has its scalable target and its policies; `None` when it has.
pub(super) fn rescaled(world: &World<'_>, rollout: &Rollout, endpoint: &Endpoint) -> Option<Next> {
    let original = by_now(world, rollout, rollout.scaling.as_ref()?);
    let variant = rollout.plan.blue.variant.clone();
    match checks::scaled(world, &variant) {
        Err(why) => Some(Next::Stay(why)),
        Ok(seen) if seen.is_none_or(|seen| seen.lacks(&original)) => Some(Next::Do(Effect::Scale {
            scaling: roomy(original, endpoint, &variant),
            variant,
        })),
        Ok(_) => None,
    }
}

/// Blue may be scaled in again; `None` when it may. The last thing of all: what Application Auto Scaling saw until now is
/// what blue had while green took its share, and by that it would take away instances that blue needs for all of it.
pub(super) fn resumed(world: &World<'_>, rollout: &Rollout, endpoint: &Endpoint) -> Option<Next> {
    let original = rollout.scaling.as_ref()?;
    let variant = rollout.plan.blue.variant.clone();
    match checks::scaled(world, &variant) {
        Err(why) => Some(Next::Stay(why)),
        Ok(Some(seen)) if seen.suspended != original.suspended => {
            Some(Next::Do(suspended(world, endpoint, variant, seen, original.suspended)))
        }
        Ok(_) => None,
    }
}

/// The call after which this much of a variant's autoscaling is suspended, and it has no fewer instances than before.
pub(in crate::rollout) fn suspended(
    world: &World<'_>,
    endpoint: &Endpoint,
    variant: String,
    seen: &Scaling,
    suspended: Suspended,
) -> Effect {
    let scaling = roomy(seen.still_to_come(world.facts.now), endpoint, &variant);
    if scaling.max == seen.max {
        return Effect::Suspend { variant, suspended };
    }
    Effect::Scale {
        variant,
        scaling: Scaling { suspended, ..scaling },
    }
}

/// With a maximum that takes nothing from what the variant has.
pub(super) fn roomy(scaling: Scaling, endpoint: &Endpoint, variant: &str) -> Scaling {
    let has = checks::variant(endpoint, variant).and_then(|seen| seen.desired_instances);
    Scaling {
        max: scaling.max.max(has.unwrap_or(0)),
        ..scaling
    }
}
