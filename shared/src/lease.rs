//! Who may act on an endpoint: one holder at a time, for a limited time.
//!
//! The lease lies in the ledger and is written only with a precondition on the version that was read, so of two deciders
//! one loses and reads again. What is left to decide is here: when a lease counts as over, who may take it over, and that
//! the clocks of two functions differ. A holder stops [`SKEW`] before the end, others begin [`SKEW`] after it; as long as
//! no clock is further off than that, no two hold it at once.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How far a function's clock may be from true time. AWS keeps Lambda's within milliseconds; this is for the worst day.
pub const SKEW: Duration = Duration::from_secs(5);

/// The longest lease, so that nobody keeps an endpoint by mistake.
pub const LONGEST: Duration = Duration::from_secs(12 * 3600);

/// What a holder is about, least urgent first. A more urgent one takes the lease over; equals wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Urgency {
    /// Making the declared state true.
    Routine,
    /// A rollout, a wake: asked for, and able to wait.
    Planned,
    /// Repairing a sick endpoint.
    Repair,
    /// Undoing a change that does harm.
    Rollback,
    /// Moving traffic away from a dead target.
    Failover,
}

/// The right to act on one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The function, e.g. `health-checker`.
    pub holder: String,
    /// Who exactly: unique to a rollout, a repair, a command; the same in all its invocations.
    pub owner_token: String,
    /// What it is held for, in words: "redeploy after 3 failed probes".
    pub purpose: String,
    /// How urgent that is.
    pub urgency: Urgency,
    /// When it was first granted to this owner.
    pub acquired: Timestamp,
    /// When it is over.
    pub expires: Timestamp,
    /// Grows whenever the lease changes hands; tells a holder that it was not away in between.
    #[serde(default)]
    pub generation: u64,
    /// The variant that the holder tries on users: nobody else gives it more traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<String>,
}

/// What became of a wish for the lease. In the first two cases the lease within is to be written, conditionally on the
/// version that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// It is free, over, or the wisher's own.
    Grant(Lease),
    /// Somebody less urgent loses it.
    TakeOver {
        /// The new lease.
        lease: Lease,
        /// The one that is lost.
        from: Lease,
    },
    /// Somebody as urgent or more holds it.
    Refuse {
        /// Who, and until when.
        current: Lease,
        /// From when on asking again makes sense.
        free_at: Timestamp,
    },
}

impl Lease {
    /// A wish: from `now` for `span`, which is cut to [`LONGEST`].
    pub fn wish(
        holder: &str,
        owner_token: &str,
        purpose: &str,
        urgency: Urgency,
        now: Timestamp,
        span: Duration,
    ) -> Self {
        Self {
            holder: holder.to_owned(),
            owner_token: owner_token.to_owned(),
            purpose: purpose.to_owned(),
            urgency,
            acquired: now,
            expires: later(now, span.min(LONGEST)),
            generation: 0,
            trial: None,
        }
    }

    /// The same wish, while `variant` is tried on users.
    #[must_use]
    pub fn trying(self, variant: Option<String>) -> Self {
        Self { trial: variant, ..self }
    }

    /// Others may have it now: it is over on every clock.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= later(self.expires, SKEW)
    }

    /// The owner may still act: it is not yet over on any clock, and nobody took it over in the version that was read.
    pub fn held_by(&self, owner_token: &str, now: Timestamp) -> bool {
        self.owner_token == owner_token && later(now, SKEW) < self.expires
    }

    /// The lease prolonged to `now` + `span`, never shortened; `None` when the owner does not hold it any more and has to
    /// ask with [`decide`].
    pub fn renew(&self, owner_token: &str, now: Timestamp, span: Duration) -> Option<Self> {
        self.held_by(owner_token, now).then(|| Self {
            expires: self.expires.max(later(now, span.min(LONGEST))),
            ..self.clone()
        })
    }

    /// The owner gives it back: true when there is something to delete, false when it is somebody else's by now.
    pub fn releasable_by(&self, owner_token: &str) -> bool {
        self.owner_token == owner_token
    }
}

/// Decides on a wish, given the lease as it was read.
pub fn decide(now: Timestamp, current: Option<&Lease>, wanted: &Lease) -> Decision {
    let Some(current) = current else {
        return Decision::Grant(Lease {
            generation: 1,
            ..wanted.clone()
        });
    };
    if current.owner_token == wanted.owner_token && !current.is_over(now) {
        // An invocation that lost the answer to its write, or the next one of the same work.
        return Decision::Grant(Lease {
            acquired: current.acquired,
            expires: current.expires.max(wanted.expires),
            generation: current.generation,
            ..wanted.clone()
        });
    }
    let lease = Lease {
        generation: current.generation + 1,
        ..wanted.clone()
    };
    if current.is_over(now) {
        Decision::Grant(lease)
    } else if wanted.urgency > current.urgency {
        Decision::TakeOver {
            lease,
            from: current.clone(),
        }
    } else {
        Decision::Refuse {
            current: current.clone(),
            free_at: later(current.expires, SKEW),
        }
    }
}

fn later(time: Timestamp, span: Duration) -> Timestamp {
    time.checked_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
