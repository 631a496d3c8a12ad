//! Giving back what a recovery took, once the endpoint is well again.
//!
//! Traffic goes back to a variant that has been well for a cooldown, once within the budget's period: a variant that
//! only fails under load would otherwise be tried on users again and again. A raised minimum is lowered so that the
//! user's own autoscaling decides again. What somebody else changed meanwhile is theirs and is left alone.

use super::{
    super::ledger::{EndpointRecord, HealthLedger, Level, State, after, between},
    Measure, Situation,
};
use crate::{
    endpoint::{Endpoint, EndpointStatus},
    health::{Facts, observation::Seen},
};

pub(super) fn choose(facts: &Facts<'_>, ledger: &mut HealthLedger, at: Situation<'_>) -> Option<Measure> {
    let record = ledger.endpoints.get_mut(at.name)?;
    let Seen::Described(endpoint) = &at.look.seen else {
        return None;
    };
    if endpoint.status != EndpointStatus::InService || at.held {
        return None;
    }
    forget(facts, record, endpoint, at);
    let cooldown = at.policy.recovery.cooldown;
    if record
        .recovery
        .ended
        .is_some_and(|ended| facts.now < after(ended, cooldown))
    {
        return None;
    }
    let steady = |record: &EndpointRecord| record.changes.len() as u64 <= u64::from(at.policy.flapping.transitions);
    if !steady(record) {
        return None;
    }
    let shifted = record.recovery.shifted.iter().find(|shifted| {
        shifted.back.is_none()
            && !shifted.keep
            && facts.now >= after(shifted.at, cooldown)
            && shifted.variants.iter().all(|name| {
                record.variants.get(name).is_some_and(|variant| {
                    variant.level == Level::Healthy
                        && facts.now >= after(variant.since, cooldown)
                        && variant.streak.impaired == 0
                })
            })
    });
    if let Some(shifted) = shifted {
        return Some(Measure::ShiftBack {
            variants: shifted.variants.clone(),
            weights: shifted.before.clone(),
        });
    }
    if record.state != State::Healthy || record.incident.is_some() {
        return None;
    }
    let raised = record
        .recovery
        .raised
        .iter()
        .find(|raised| facts.now >= after(raised.at, cooldown))?;
    Some(Measure::LowerMinimum {
        variant: raised.variant.clone(),
        minimum: raised.from,
    })
}

/// Drops what is no longer ours to undo.
fn forget(facts: &Facts<'_>, record: &mut EndpointRecord, endpoint: &Endpoint, at: Situation<'_>) {
    let period = at.policy.recovery.period;
    record.recovery.shifted.retain(|shifted| match shifted.back {
        Some(back) => between(back, facts.now) < period,
        None => {
            endpoint.variants.len() == shifted.before.len()
                && endpoint
                    .variants
                    .iter()
                    .all(|variant| match shifted.before.get(&variant.name) {
                        None => false,
                        Some(_) if shifted.variants.contains(&variant.name) => variant.current_weight == 0.0,
                        Some(before) => {
                            (variant.current_weight - before).abs() <= f64::from(f32::EPSILON) * before.abs().max(1.0)
                        }
                    })
        }
    });
    if let Some(scaling) = &at.look.scaling {
        record.recovery.raised.retain(|raised| {
            scaling
                .iter()
                .any(|target| target.variant == raised.variant && target.min == raised.to)
        });
    }
}
