//! What Steward's other functions hold of an endpoint for a time: a rollout what it suspended and deregistered, a wake, a
//! repair and a restore the minimum that they raised. A recovery point has none of it, since in another Region nobody would give it back.

use std::collections::BTreeMap;

use jiff::Timestamp;
use steward::{
    aws::ledger::{LedgerError, Loaded},
    backup::{
        definition::{Definition, INSTANCES, ScaledThing},
        restore::{Restoration, origin},
    },
    health::recovery::Recovery,
    rollout::{Rollout, is_valid},
    scaling::Raised,
    text::printable,
    wake::{Thing, WakeLedger},
};

use crate::services::Services;

/// What the ledgers said at one moment. Those of before and after a description together know of everything in it: each names
/// what it holds before it takes it, and until it was given back.
pub(super) struct Held {
    rollout: Option<Rollout>,
    wakes: Option<WakeLedger>,
    repairs: Option<Recovery>,
    /// The restore that made it, which may keep it awake.
    restore: Option<Box<Restoration>>,
    /// What could not be read, for people.
    unknown: Vec<String>,
}

impl Held {
    /// What is held now. What cannot be read is said in the recovery point, which is better than none.
    pub(super) async fn look(services: &Services<'_>, endpoint: &str, tags: &BTreeMap<String, String>) -> Self {
        let (rollouts, wakes, health) = (services.rollouts(endpoint), services.wakes(endpoint), services.health());
        let together = Box::pin(async { futures::join!(rollouts.load(), wakes.load(), health.load()) });
        let (rollouts, wakes, health) = together.await;
        let mut unknown = vec![];
        let rollouts = known(rollouts, "a rollout had suspended its scale-in", &mut unknown);
        let wakes = known(wakes, "a wake had raised a minimum", &mut unknown);
        let health = known(health, "a repair had raised a minimum", &mut unknown);
        let restore = match origin(tags).filter(|(from, _)| is_valid(from)) {
            None => None,
            Some((from, mark)) => {
                let loaded = services.ledger(from).load().await;
                let ledger = known(loaded, "a restore had raised a minimum", &mut unknown);
                let at_work = ledger.and_then(|ledger| ledger.restore);
                at_work.filter(|restore| restore.plan.mark.1 == mark)
            }
        };
        Self {
            restore,
            rollout: rollouts.and_then(|mut ledger| ledger.active.take()),
            wakes,
            repairs: health.and_then(|mut ledger| Some(ledger.endpoints.remove(endpoint)?.recovery)),
            unknown,
        }
    }
}

fn known<T>(loaded: Result<Loaded<T>, LedgerError>, what: &str, unknown: &mut Vec<String>) -> Option<T> {
    match loaded {
        Ok(loaded) => Some(loaded.document),
        Err(error) => {
            tracing::warn!(%error, "nobody knows whether {what}");
            let why = printable(&error.to_string(), 300);
            unknown.push(format!(
                "whether {what} when the point was made is not known, so look at the ranges: {why}"
            ));
            None
        }
    }
}

/// Takes the endpoint for scaled as it is without all that. `sleeper` is the variant that a wake of the endpoint is about.
pub(super) fn undo(definition: &mut Definition, looks: &[Held], sleeper: Option<&str>, now: Timestamp) {
    if let Some(rollout) = looks.iter().rev().find_map(|held| held.rollout.as_ref()) {
        definition.during_rollout(rollout.plan.serial);
        let variants: Vec<String> = definition.live.iter().map(|live| live.variant.clone()).collect();
        for variant in variants {
            let of = ScaledThing::Variant(variant.clone());
            definition.rescaled(&of, INSTANCES, |seen| rollout.scaled(&variant, seen, now));
        }
    }
    for scaled in &mut definition.scaling {
        let (wakes, repairs) = match &scaled.of {
            ScaledThing::Variant(_) if scaled.dimension != INSTANCES => continue,
            ScaledThing::Variant(name) => ((sleeper == Some(name.as_str())).then_some(Thing::Variant), Some(name)),
            ScaledThing::Component(name) => (Some(Thing::Component(name.clone())), None),
        };
        let raised: Vec<Raised> = looks
            .iter()
            .flat_map(|held| {
                let by_wake = held.wakes.as_ref().zip(wakes.as_ref());
                let by_wake = by_wake.and_then(|(ledger, thing)| ledger.raised(thing, &scaled.scaling, now));
                let by_repairs = held.repairs.as_ref().zip(repairs);
                let by_repairs = by_repairs.map(|(recovery, variant)| recovery.minimum(variant));
                let by_restore = held.restore.as_ref();
                let by_restore = by_restore.and_then(|restore| restore.raised(&scaled.of, &scaled.dimension, now));
                by_repairs.into_iter().flatten().chain(by_wake).chain(by_restore)
            })
            .collect();
        scaled.scaling = scaled.scaling.given_back(&raised);
    }
    let mut unknown: Vec<String> = looks.iter().flat_map(|held| held.unknown.iter().cloned()).collect();
    unknown.sort();
    unknown.dedup();
    // Where nothing is scaled, nothing can be held of it.
    definition.unsure = if definition.scaling.is_empty() { vec![] } else { unknown };
}
