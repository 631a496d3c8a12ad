//! How many instances green needs for its share: before it gets the share, and while it has it; and how many blue needs in
//! case that it has to take all of the traffic back.
//!
//! Green is scaled by blue's policies as soon as it has traffic, so its own load makes it grow. What Steward adds is what no
//! policy of green's can know in time: the instances of the next share, and what blue was given meanwhile, by a schedule,
//! a person or a policy that green cannot have. The same for blue, whose policy knows nothing of what green gets.

use crate::{
    endpoint::{Endpoint, Variant},
    rollout::{
        checks,
        ledger::{Rollout, Sizes},
        phase::Phase,
        plan::for_share,
        strategy::Weight,
    },
    scaling::Scaling,
};

/// Counts wished of blue and green.
struct Seen {
    blue: u32,
    green: u32,
}

fn seen(rollout: &Rollout, endpoint: &Endpoint) -> Option<Seen> {
    let desired = |name: &str| checks::variant(endpoint, name).and_then(|it: &Variant| it.desired_instances);
    let plan = &rollout.plan;
    Some(Seen {
        blue: desired(&plan.blue.variant).unwrap_or(0),
        green: desired(&plan.green.variant)?,
    })
}

/// What was found of green's and blue's counts when green's share was read back.
pub(super) fn at_share(rollout: &Rollout, endpoint: &Endpoint) -> Option<Sizes> {
    let seen = seen(rollout, endpoint)?;
    let (whole, given) = rollout.sizes.map_or((0, 0), |sizes| (sizes.whole, sizes.given));
    Some(Sizes {
        blue: seen.blue,
        green: seen.green,
        whole,
        given,
        followed: 0,
        blues: rollout.plan.in_blues(whole),
    })
}

/// Green has what it is given for its next share. What it has beyond that when the share is read back came of the traffic.
pub(super) fn given(rollout: &Rollout, endpoint: &Endpoint, count: Option<u32>) -> Option<Sizes> {
    Some(Sizes {
        given: count.unwrap_or(0),
        ..at_share(rollout, endpoint)?
    })
}

/// Green's instances for a step, to be given before its share, never fewer than it has. `None`: it has no instances.
pub(super) fn before_share(rollout: &mut Rollout, endpoint: &Endpoint, step: usize) -> Option<u32> {
    let seen = seen(rollout, endpoint)?;
    let whole = whole(rollout, &seen);
    if let Some(sizes) = &mut rollout.sizes {
        sizes.whole = whole;
    }
    let policy = &rollout.plan.request.policy;
    Some(for_share(whole, rollout.plan.share(step), policy.headroom).max(seen.green))
}

/// Green's instances for all of the traffic without the headroom that Steward added while it was judged. Where it has more than
/// that explains, somebody gave it more: what it has. `None`: it has no instances.
pub(super) fn to_keep(rollout: &Rollout, endpoint: &Endpoint) -> Option<u32> {
    let seen = seen(rollout, endpoint)?;
    let whole = limited(rollout, &seen, 0);
    let most = for_share(whole, Weight::FULL, rollout.plan.request.policy.headroom);
    Some(if seen.green > most { seen.green } else { whole })
}

/// Green's instances while it has its share, from blue's alone: green's own count would feed back on itself. `None`:
/// it has all traffic, or no instances.
pub(super) fn with_share(rollout: &mut Rollout, endpoint: &Endpoint) -> Option<u32> {
    let share = rollout.share();
    if share == Weight::FULL {
        return None;
    }
    let seen = seen(rollout, endpoint)?;
    let found = match rollout.sizes {
        Some(sizes) if seen.blue > sizes.blue.max(sizes.blues) && !scales_itself(rollout.scaling.as_ref()) => {
            by_blue(rollout, &seen)
        }
        _ => 0,
    };
    let whole = limited(rollout, &seen, found);
    let wanted = for_share(whole, share, rollout.plan.request.policy.headroom);
    if let Some(sizes) = &mut rollout.sizes {
        sizes.given = sizes.given.max(wanted);
    }
    Some(wanted.max(seen.green))
}

/// Blue's instances, if it had to take all of the traffic back now. It has little of the traffic, or none, so its own count
/// does not tell; green's does, when more has come of it by itself than Steward gave it: one fewer could not carry its share.
/// Blue's count is enough for its own part, which bounds what a green that is merely slow can ask for.
pub(in crate::rollout) fn of_blue(rollout: &mut Rollout, endpoint: &Endpoint) -> Option<u32> {
    let phase = rollout.back.as_ref().map_or(&rollout.phase, |back| &back.from);
    // In between, green has what Steward gave it for the share to come.
    let share = match phase {
        Phase::Sizing { .. } | Phase::Shifting { .. } => Weight::ZERO,
        phase => rollout.share_in(phase),
    };
    let seen = seen(rollout, endpoint)?;
    let sizes = rollout.sizes?;
    // With all of the traffic it has blue's minimum, which says nothing of the traffic either.
    let least = rollout.scaling.as_ref().filter(|_| share == Weight::FULL);
    let given = if sizes.given == 0 { sizes.green } else { sizes.given };
    let given = given.max(least.map_or(0, |it| it.min));
    let grown = seen.green > given.max(sizes.followed);
    if share == Weight::ZERO || !grown || (share < Weight::FULL && !scales_itself(rollout.scaling.as_ref())) {
        return Some(sizes.blues);
    }
    let part = share.ten_thousandths();
    let carried = u64::from(seen.green.saturating_sub(1)) * 10_000 / u64::from(part) + 1;
    let by_green = rollout.plan.in_blues(u32::try_from(carried).unwrap_or(u32::MAX));
    let found = if share == Weight::FULL {
        by_green
    } else {
        by_green.min(divided(seen.blue, 10_000 - part))
    };
    let most = rollout.scaling.as_ref().map_or(found, |it| it.max.max(seen.green));
    let blues = sizes.blues.max(found.min(most));
    rollout.sizes = Some(Sizes {
        followed: seen.green,
        blues,
        ..sizes
    });
    Some(blues)
}

/// Instances for all of the traffic, in green's. Blue's at the start and now, and more where either has grown since green
/// has its share: each count is enough for its own part of the traffic, so that the smaller estimate is enough for all.
fn whole(rollout: &Rollout, seen: &Seen) -> u32 {
    let found = match (rollout.sizes, rollout.scaling.as_ref()) {
        (Some(sizes), Some(scaling)) if seen.blue > sizes.blue.max(sizes.blues) || seen.green > sizes.green => {
            let by_blue = by_blue(rollout, seen);
            if scales_itself(Some(scaling)) {
                by_blue.min(divided(seen.green, rollout.share().ten_thousandths()))
            } else {
                by_blue
            }
        }
        _ => 0,
    };
    limited(rollout, seen, found)
}

/// What blue's count for the rest of the traffic says of all of it; nothing where blue has none of it.
fn by_blue(rollout: &Rollout, seen: &Seen) -> u32 {
    let rest = 10_000 - rollout.share().ten_thousandths();
    rollout.plan.in_greens(divided(seen.blue, rest))
}

/// At least what blue had at the start, has now, and what was found before; beyond that no more than blue's autoscaling
/// would ever give it.
fn limited(rollout: &Rollout, seen: &Seen, found: u32) -> u32 {
    let least = rollout
        .plan
        .in_greens(rollout.plan.blue.instances.unwrap_or(1).max(seen.blue));
    let most = rollout
        .scaling
        .as_ref()
        .map_or(least, |it| rollout.plan.in_greens(it.max));
    let before = rollout.sizes.map_or(0, |sizes| sizes.whole);
    found.min(most).max(least).max(before)
}

/// So many for this part of the traffic, in ten-thousandths: how many for all of it. None of a part is none.
fn divided(count: u32, part: u16) -> u32 {
    match part {
        0 => 0,
        part => u32::try_from((u64::from(count) * 10_000).div_ceil(u64::from(part))).unwrap_or(u32::MAX),
    }
}

/// Green's copy of the policies acts by itself. Those of step scaling need an alarm that names them.
fn scales_itself(scaling: Option<&Scaling>) -> bool {
    scaling.is_some_and(Scaling::tracks)
}
