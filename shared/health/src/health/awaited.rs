//! The inferences of asynchronous probes: which are awaited, which were judged, and when the next one is asked.
//!
//! One inference is one check, however many sweeps look for its answer: it is judged by the answer that comes in time, or
//! once as late. So one that a queue loses is one failed check, and those that follow say whether the queue drains.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ledger::AsyncJob, observation::ProbeResult};

/// A probe is asked again no sooner than a third of the time it may take: often enough to notice within that time. It keeps
/// nothing awake that Steward puts to sleep, because its inferences are known to be Steward's own ([`crate::wake::Own`]).
const SHARE: u32 = 3;

pub use shared::health::inference::{LATEST, Turn};

/// Inferences of one probe remembered at once: those that are asked until the first of them is cleared away. No other is
/// asked while there are more, because their objects cannot be removed.
const MOST: usize = (LATEST * SHARE) as usize + 1;

/// The inferences of one asynchronous probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsyncJobs {
    /// Asked last; kept when it is cleared away, so that the next one does not begin at once.
    #[serde(flatten)]
    pub newest: AsyncJob,
    /// Those before it that are not cleared away yet, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<AsyncJob>,
}

impl AsyncJobs {
    /// The first inference of a probe.
    pub fn of(newest: AsyncJob) -> Self {
        Self {
            newest,
            earlier: Vec::new(),
        }
    }

    /// All of them, oldest first.
    pub fn all(&self) -> impl Iterator<Item = &AsyncJob> {
        self.earlier.iter().chain(std::iter::once(&self.newest))
    }

    /// All of them, oldest first.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut AsyncJob> {
        self.earlier.iter_mut().chain(std::iter::once(&mut self.newest))
    }

    /// One more was asked.
    #[must_use]
    pub fn and(mut self, newest: AsyncJob) -> Self {
        self.earlier.push(std::mem::replace(&mut self.newest, newest));
        self
    }

    /// It is time to ask the next one: a third of `within` after the last, when that was judged. While one is late, also
    /// when the last was not judged, so that a queue that stopped is told soon; not of an endpoint that is known to be
    /// `unhealthy`, lest probes that take long keep its queue from draining.
    pub fn due(&self, within: Duration, unhealthy: bool, now: Timestamp) -> bool {
        let judged = self.newest.late || self.newest.cleaned;
        let pressing = !unhealthy && !self.newest.over && self.all().any(|job| job.late && !job.cleaned);
        let kept = self.all().filter(|job| !job.cleaned).count();
        (judged || pressing) && kept < MOST && self.newest.age(now) >= within / SHARE
    }

    /// None of them is judged any more; they are only cleared away.
    pub(super) fn count_no_more(&mut self) {
        for job in self.all_mut() {
            job.late = true;
        }
    }
}

/// The result is no repetition: its inference is awaited in the ledger. What has none, such as a request that was not
/// queued, is a check of its own.
pub(super) fn is_news(known: &BTreeMap<String, AsyncJobs>, result: &ProbeResult) -> bool {
    result.inference.as_ref().is_none_or(|input| {
        let mut jobs = known.get(&result.probe).into_iter().flat_map(AsyncJobs::all);
        jobs.any(|job| job.input == *input && job.is_open())
    })
}

/// What the ledger remembers after a look: what it `known` before and what was `seen`, which may rest on an older ledger.
/// What was judged stays judged. Unless the look is `counted`, what it judged is still awaited.
pub(super) fn remembered(
    known: &BTreeMap<String, AsyncJobs>,
    seen: &BTreeMap<String, AsyncJobs>,
    counted: bool,
) -> BTreeMap<String, AsyncJobs> {
    let probes = seen.iter().filter_map(|(probe, seen)| {
        let known: Vec<&AsyncJob> = known.get(probe).into_iter().flat_map(AsyncJobs::all).collect();
        let mut jobs: Vec<AsyncJob> = seen.all().cloned().collect();
        for job in &mut jobs {
            if let Some(before) = known.iter().find(|before| before.input == job.input) {
                job.late = before.late || (counted && job.late);
                job.over = before.over || (counted && job.over);
                job.cleaned |= before.cleaned;
            }
        }
        let unseen = |before: &&&AsyncJob| seen.all().all(|job| job.input != before.input);
        jobs.extend(known.iter().filter(unseen).map(|before| (*before).clone()));
        jobs.sort_by(|a, b| (a.started, &a.input).cmp(&(b.started, &b.input)));
        let newest = jobs.pop()?;
        jobs.retain(|job| !job.cleaned);
        Some((probe.clone(), AsyncJobs { newest, earlier: jobs }))
    });
    probes.collect()
}

#[cfg(test)]
mod tests;
