//! Whether what an endpoint serves is in a recovery point, or will be: names alone do not say it, and it may change while a
//! backup is at work.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{BackupLedger, Kept};
use crate::backup::definition::Serving;

/// AWS's notations of one time differ by less. Nothing is deleted and created again in that time.
const SAME_TIME: SignedDuration = SignedDuration::from_secs(1);

/// What an endpoint serves, as far as another recovery point has to follow when it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// The endpoint config.
    pub config: String,
    /// The endpoint's `CreationTime`, where it is known. Deleted and created again it serves something else, also when
    /// endpoint, config and model have the names that they had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Which variants of the config serve, where that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving: Option<Serving>,
}

/// Something came into service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipped {
    /// What.
    pub what: InForce,
    /// When.
    pub at: Timestamp,
}

impl Kept {
    /// The endpoint serves something else by now: by another config, or, where that is known, created again or by other
    /// variants.
    pub fn is_behind(&self, now: &InForce) -> bool {
        let again = self.created.zip(now.created);
        let again = again.is_some_and(|(then, now)| now.duration_since(then).abs() >= SAME_TIME);
        let others = self.serving.as_ref().zip(now.serving.as_ref());
        self.config != now.config || again || others.is_some_and(|(then, now)| then != now)
    }
}

impl BackupLedger {
    /// What came into service is in no recovery point yet, and no backup is at work that began later than that. One that
    /// began before may come to a point of what was in force until then, whatever the newest point holds now.
    pub fn lacks(&self, shipped: &Shipped) -> bool {
        match &self.backup {
            Some(job) => job.began < shipped.at,
            None => self.is_behind(&shipped.what),
        }
    }

    /// Something came into service while a backup is at work that began before: whether another one has to follow is
    /// decided when that one is over. Events come in any order, and the latest counts.
    pub fn meanwhile(&mut self, shipped: &Shipped) {
        if self.shipped.as_ref().is_none_or(|known| known.at <= shipped.at) {
            self.shipped = Some(shipped.clone());
        }
    }

    /// What the endpoint was found to serve when its recovery point was written: another backup follows when that is
    /// something else. `Err`: nobody could look.
    pub fn found(&mut self, serves: Result<Option<&InForce>, ()>) {
        self.again |= match serves {
            Ok(Some(serves)) => self.is_behind(serves),
            // Nothing is in force, and what comes is told by its event.
            Ok(None) => false,
            Err(()) => true,
        };
    }

    /// No backup is at work any more: the next one follows at once when something came into service meanwhile that the
    /// newest recovery point does not hold.
    pub(in crate::backup) fn is_over(&mut self) {
        self.backup = None;
        if let Some(shipped) = self.shipped.take() {
            self.again |= self.is_behind(&shipped.what);
        }
    }

    fn is_behind(&self, what: &InForce) -> bool {
        self.newest.as_ref().is_none_or(|kept| kept.is_behind(what))
    }
}

#[cfg(test)]
pub(super) mod tests;
