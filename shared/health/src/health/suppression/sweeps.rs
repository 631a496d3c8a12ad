//! A common cause seen across sweeps that do not reach the whole fleet.
//!
//! A fleet that hangs takes all the time of a sweep for a few endpoints, so it is many sweeps before one endpoint is judged
//! often enough, and those not reached yet still count as well. But when nearly everything that was judged fails, sweep
//! after sweep, each with other endpoints, then that is as good as one endpoint failing as often.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{RECENT, says_something};
use crate::{
    health::{
        Facts,
        judge::SPACING,
        ledger::{HealthLedger, between},
        observation::Watch,
    },
    probe::Judgement,
};

/// Sweeps in a row that did not reach the whole fleet and saw nearly all that they judged fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailingSweeps {
    /// The last of them.
    pub last: Timestamp,
    /// How many.
    pub sweeps: u32,
    /// Checks of endpoints in them.
    pub judged: u32,
    /// How many of these failed.
    pub failing: u32,
    /// The largest failure threshold of an endpoint that failed: so many sweeps are enough.
    pub enough: u32,
}

/// Notes what one sweep counted: the endpoints that it judged, and whether there were more.
pub(in crate::health) fn note(
    facts: &Facts<'_>,
    watch: &Watch,
    ledger: &mut HealthLedger,
    counted: &[(String, Judgement)],
    more: bool,
) {
    let (mut judged, mut failing, mut enough) = (0, 0, 1);
    for (name, verdict) in counted {
        let (Some(record), Some(policy)) = (ledger.endpoints.get(name), watch.policies.get(name)) else {
            continue;
        };
        // One that was never well may be warming up.
        if !record.well_once || !says_something(facts, watch, ledger, name, record) {
            continue;
        }
        judged += 1;
        if *verdict == Judgement::Failed {
            failing += 1;
            enough = enough.max(policy.failure_threshold);
        }
    }
    if judged == 0 {
        return;
    }
    if !more || !facts.fleet.is_common(failing, judged) {
        ledger.failing_sweeps = None;
        return;
    }
    let before = ledger.failing_sweeps.take().filter(|before| before.is_recent(facts));
    ledger.failing_sweeps = match before {
        _ if judged < facts.fleet.suppression_minimum.max(1) => before,
        Some(before) if between(before.last, facts.now) < SPACING => Some(before),
        before => {
            let (sweeps, all, failed, most) = before.map_or((0, 0, 0, 1), |before| {
                (before.sweeps, before.judged, before.failing, before.enough)
            });
            Some(FailingSweeps {
                last: facts.now,
                sweeps: sweeps.saturating_add(1),
                judged: judged.saturating_add(all),
                failing: failing.saturating_add(failed),
                enough: enough.max(most),
            })
        }
    };
}

impl FailingSweeps {
    /// It says something of now.
    pub(super) fn is_recent(&self, facts: &Facts<'_>) -> bool {
        between(self.last, facts.now) <= RECENT
    }

    /// As good as an endpoint beyond its threshold.
    pub(super) fn is_enough(&self) -> bool {
        self.sweeps >= self.enough
    }
}
