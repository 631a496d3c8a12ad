//! What a recovery took and is to give back, and when it does so.
//!
//! Traffic goes back to a variant that has been well for a cooldown, once within the budget's period: a variant that
//! only fails under load would otherwise be tried on users again and again. A raised minimum is lowered so that the
//! user's own autoscaling decides again. What somebody else changed meanwhile is theirs and is left alone.
//!
//! Several shifts may be in force at once. Each remembers the weights of all variants with nothing taken away, so that
//! giving one back leaves the others as they are.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    super::ledger::{EndpointRecord, HealthLedger, Level, State, after, between},
    Intent, Measure, Raised, Shifted, Situation,
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
    // Variants come and go in a rollout: whose traffic is whose is seen when it is over.
    if endpoint.status != EndpointStatus::InService || at.held || at.look.holder.is_some() {
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
            weights: weights_with(&record.recovery.shifted, shifted),
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

/// All weights once `back` is given back and the others in force are not.
fn weights_with(all: &[Shifted], back: &Shifted) -> BTreeMap<String, f64> {
    let away = |name: &String| {
        !back.variants.contains(name)
            && all
                .iter()
                .any(|other| other.back.is_none() && other.variants.contains(name))
    };
    back.before
        .iter()
        .map(|(name, weight)| (name.clone(), if away(name) { 0.0 } else { *weight }))
        .collect()
}

/// Drops what is no longer ours to undo. Where somebody else changed the weights of other variants, nobody but a person
/// knows what a variant that Steward took the traffic from is to have.
fn forget(facts: &Facts<'_>, record: &mut EndpointRecord, endpoint: &Endpoint, at: Situation<'_>) {
    let period = at.policy.recovery.period;
    let taken = record.recovery.shifted.clone();
    record.recovery.shifted.retain_mut(|shifted| match shifted.back {
        Some(back) => between(back, facts.now) < period,
        None => {
            let now = weights_with(&taken, shifted);
            let weighs = |name: &String| endpoint.variants.iter().find(|variant| variant.name == *name);
            let as_left = endpoint.variants.len() == now.len()
                && now.iter().all(|(name, weight)| {
                    let near = f64::from(f32::EPSILON) * weight.abs().max(1.0);
                    let weight = if shifted.variants.contains(name) { 0.0 } else { *weight };
                    weighs(name).is_some_and(|variant| (variant.current_weight - weight).abs() <= near)
                });
            shifted.keep |= !as_left;
            let still_away = |name: &String| weighs(name).is_some_and(|variant| variant.current_weight == 0.0);
            as_left || shifted.variants.iter().all(still_away)
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

/// What was done is to be undone one day.
pub(super) fn remember(record: &mut EndpointRecord, intent: &Intent, now: Timestamp) {
    let recovery = &mut record.recovery;
    match &intent.measure {
        Measure::ShiftAway { variants, before, keep } => {
            let mut full = before.clone();
            for other in recovery.shifted.iter_mut().filter(|other| other.back.is_none()) {
                // Somebody gave it traffic meanwhile, and now it is taken away anew.
                other.variants.retain(|name| !variants.contains(name));
                for (name, weight) in &other.before {
                    if other.variants.contains(name) && before.get(name) == Some(&0.0) {
                        full.insert(name.clone(), *weight);
                    }
                }
            }
            recovery.shifted.retain(|other| !other.variants.is_empty());
            recovery.shifted.push(Shifted {
                variants: variants.clone(),
                before: full,
                at: now,
                keep: *keep,
                back: None,
            });
        }
        Measure::ShiftBack { variants, .. } => {
            for shifted in recovery
                .shifted
                .iter_mut()
                .filter(|shifted| shifted.variants == *variants)
            {
                shifted.back = shifted.back.or(Some(now));
            }
        }
        Measure::AddInstance {
            variant,
            count,
            minimum: Some(minimum),
        } => {
            recovery.raised.push(Raised {
                variant: variant.clone(),
                from: *minimum,
                to: *count,
                at: now,
            });
        }
        Measure::LowerMinimum { variant, .. } => recovery.raised.retain(|raised| raised.variant != *variant),
        Measure::AddInstance { minimum: None, .. } | Measure::Redeploy { .. } | Measure::Recreate { .. } => {}
    }
}

/// What could not be undone is not tried again every cooldown: its alert asked a person to look. A minimum that was
/// raised without an instance coming of it is still lowered one day.
pub(super) fn leave_to_people(record: &mut EndpointRecord, intent: &Intent, now: Timestamp) {
    match &intent.measure {
        Measure::ShiftBack { variants, .. } => {
            for shifted in record
                .recovery
                .shifted
                .iter_mut()
                .filter(|shifted| shifted.variants == *variants)
            {
                shifted.keep = true;
            }
        }
        Measure::LowerMinimum { variant, .. } => record.recovery.raised.retain(|raised| raised.variant != *variant),
        Measure::AddInstance { minimum: Some(_), .. } => remember(record, intent, now),
        Measure::ShiftAway { .. }
        | Measure::AddInstance { minimum: None, .. }
        | Measure::Redeploy { .. }
        | Measure::Recreate { .. } => {}
    }
}

/// How a person gives back the traffic that Steward took and leaves away; `None` when there is no such traffic.
pub(in crate::health) fn give_back(name: &str, record: &EndpointRecord) -> Option<String> {
    let (variants, command) = traffic(name, record, |shifted| shifted.keep)?;
    Some(format!(
        "Steward does not give variant {variants} its traffic back by itself. When it is well: {command}"
    ))
}

/// How a person undoes whatever is to be undone yet.
pub(super) fn by_hand(name: &str, record: &EndpointRecord) -> Vec<String> {
    let traffic = traffic(name, record, |_| true)
        .map(|(variants, command)| format!("When variant {variants} is well, give it its traffic back: {command}"));
    let minimums = record.recovery.raised.iter().map(|Raised { variant, from, to, .. }| {
        format!(
            "Lower the minimum of variant {variant} from {to} to {from} again: aws application-autoscaling \
             register-scalable-target --service-namespace sagemaker --scalable-dimension \
             sagemaker:variant:DesiredInstanceCount --resource-id endpoint/{name}/variant/{variant} --min-capacity {from}"
        )
    });
    traffic.into_iter().chain(minimums).collect()
}

/// The variants without traffic by those shifts that are in force, and the command that gives it back.
fn traffic(name: &str, record: &EndpointRecord, which: impl Fn(&Shifted) -> bool) -> Option<(String, String)> {
    let away: BTreeMap<&String, f64> = record
        .recovery
        .shifted
        .iter()
        .filter(|shifted| shifted.back.is_none() && which(shifted))
        .flat_map(|shifted| {
            shifted
                .variants
                .iter()
                .map(|variant| (variant, shifted.before.get(variant).copied().unwrap_or(1.0)))
        })
        .collect();
    if away.is_empty() {
        return None;
    }
    let variants: Vec<&str> = away.keys().map(|variant| variant.as_str()).collect();
    let weights: Vec<String> = away
        .iter()
        .map(|(variant, weight)| format!("VariantName={variant},DesiredWeight={weight}"))
        .collect();
    let command = format!(
        "aws sagemaker update-endpoint-weights-and-capacities --endpoint-name {name} --desired-weights-and-capacities {}",
        weights.join(" ")
    );
    Some((variants.join(", "), command))
}
