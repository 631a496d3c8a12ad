//! What the health checker knows of the endpoint, as far as green can be the reason.

use jiff::Timestamp;

use super::World;
use crate::{
    health::seen::Level,
    rollout::{
        cause::Cause,
        ledger::Rollout,
        look::{HealthSeen, Known},
        why::Why,
    },
};

/// How ill the endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Illness {
    /// Not, or not by green.
    None,
    /// Degraded, or checks fail that are not yet enough for a verdict.
    Ill,
    /// Unhealthy.
    Unhealthy,
}

/// Green, or with green's traffic the endpoint, is unhealthy.
pub(super) fn harm(world: &World<'_>, rollout: &Rollout) -> Option<Cause> {
    let seen = asked(world, rollout)?.yes()?.as_ref()?;
    (illness(rollout, seen) == Illness::Unhealthy).then(|| Cause::Health { said: said(seen) })
}

/// Nothing that the health checker knows speaks against going on.
///
/// # Errors
/// What does, or that it is not known.
pub(in crate::rollout) fn is_well(world: &World<'_>, rollout: &Rollout) -> Result<(), Why> {
    match asked(world, rollout) {
        None | Some(Known::Yes(None)) => Ok(()),
        Some(Known::No(said)) => Err(Why::Unknown(format!(
            "what the health checker knows could not be read: {said}"
        ))),
        Some(Known::Yes(Some(seen))) if illness(rollout, seen) == Illness::None => Ok(()),
        Some(Known::Yes(Some(seen))) => Err(Why::Inconclusive(vec![format!(
            "the health checker finds the endpoint ill: {}",
            said(seen).join("; ")
        )])),
    }
}

fn asked<'a>(world: &World<'a>, rollout: &Rollout) -> Option<&'a Known<Option<HealthSeen>>> {
    if !rollout.plan.request.policy.health {
        return None;
    }
    world.look?.health.as_ref()
}

fn illness(rollout: &Rollout, seen: &HealthSeen) -> Illness {
    let Some(traffic) = rollout.first_traffic() else {
        return Illness::None;
    };
    let plan = &rollout.plan;
    // An earlier rollout's green may have had this one's name.
    let of = |name: &str, since: Timestamp| {
        let (level, at) = seen.variants.get(name)?;
        (*at >= since || *level == Level::Healthy).then_some(*level)
    };
    let (blue, green) = if plan.blue.variant == plan.green.variant {
        (None, None)
    } else {
        (
            of(&plan.blue.variant, Timestamp::MIN),
            of(&plan.green.variant, rollout.started),
        )
    };
    match (blue, green) {
        (_, Some(Level::Unhealthy)) => return Illness::Unhealthy,
        (_, Some(Level::Degraded)) => return Illness::Ill,
        (Some(Level::Unhealthy | Level::Degraded), Some(Level::Healthy)) => return Illness::None,
        _ => {}
    }
    match (seen.level, seen.ill_since) {
        (_, None) => Illness::None,
        (_, Some(since)) if since < traffic => Illness::None,
        (Level::Unhealthy, Some(_)) => Illness::Unhealthy,
        (_, Some(_)) => Illness::Ill,
    }
}

fn said(seen: &HealthSeen) -> Vec<String> {
    if seen.evidence.is_empty() {
        vec!["its probes do not pass".to_owned()]
    } else {
        seen.evidence.clone()
    }
}
