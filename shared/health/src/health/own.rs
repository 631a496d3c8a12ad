//! Which inferences were Steward's own, for whoever asks whether anybody else uses what may sleep.
//!
//! Only what a container answered is remembered: of anything else nobody knows whether the endpoint's metrics count it, and
//! a request that is not explained keeps awake.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use super::{
    awaited::AsyncJobs,
    ledger::{EndpointRecord, HealthLedger, after},
    observation::Observation,
    policy::{HealthPolicy, ProbeKind},
};
use crate::wake::{Own, Thing};

/// From the beginning of a look to its probes, at most.
const BEFORE: Duration = Duration::from_secs(30);

/// Probes of components, each asked and answered within one look: also within one that is older than what is known.
pub(super) fn answered_at_once(record: &mut EndpointRecord, policy: &HealthPolicy, look: &Observation) {
    let Some(remembers) = policy.remembers else {
        record.own.clear();
        return;
    };
    let mut answered: BTreeMap<&String, (u32, u64)> = BTreeMap::new();
    for result in look.probes.iter().filter(|result| result.answered > 0) {
        let probe = policy.probes.iter().find(|probe| probe.name == result.probe);
        if let Some(ProbeKind::InferenceComponent(name)) = probe.map(|probe| &probe.kind) {
            let (count, lasted) = answered.entry(name).or_default();
            *count = count.saturating_add(result.answered);
            *lasted = result.lasted_ms.max(*lasted);
        }
    }
    for (name, (count, lasted)) in answered {
        let own = record.own.entry(Thing::Component(name.clone())).or_default();
        // The component is described before it is asked.
        let seen = after(look.at, Duration::from_millis(lasted).saturating_add(BEFORE));
        own.set(look.at, seen, count);
    }
    if let Ok(oldest) = look.at.checked_sub(remembers) {
        record.own.values_mut().for_each(|own| own.forget(oldest));
    }
    record.own.retain(|_, own| !own.is_empty());
}

/// Inferences of asynchronous probes whose answers this look judged. `before`: those that were awaited before it.
pub(super) fn answered_later(record: &mut EndpointRecord, before: &BTreeMap<String, AsyncJobs>, look: &Observation) {
    let mut own = record.own.remove(&Thing::Variant).unwrap_or_default();
    for (probe, jobs) in &record.jobs {
        for job in jobs.all().filter(|job| job.over && !job.late) {
            let mut earlier = before.get(probe).into_iter().flat_map(AsyncJobs::all);
            if earlier.any(|one| one.input == job.input && !one.over) {
                own.add(job.started, look.at);
            }
        }
    }
    if !own.is_empty() {
        record.own.insert(Thing::Variant, own);
    }
}

impl HealthLedger {
    /// Inferences of Steward's own that a thing of an endpoint answered, and whether another one of it is awaited at `now`:
    /// that one may have been answered since, and is among them.
    pub fn own_work(&self, endpoint: &str, thing: &Thing, now: Timestamp) -> (Own, bool) {
        let Some(record) = self.endpoints.get(endpoint) else {
            return (Own::default(), false);
        };
        let mut own = record.own.get(thing).cloned().unwrap_or_default();
        let jobs = record.jobs.values().filter(|_| *thing == Thing::Variant);
        let mut awaited = false;
        for job in jobs.flat_map(AsyncJobs::all).filter(|job| job.is_open()) {
            own.add(job.started, now);
            awaited = true;
        }
        (own, awaited)
    }
}
