//! What Steward remembers of one endpoint's backups between two invocations: one JSON document for each endpoint.
//!
//! Of copies it is remembered only where a set is collected that goes on changing: how far they are is found in S3. The
//! recovery points are their own record too; what is here of them only saves looking.

mod drills;
mod held;
mod jobs;
mod shipped;
mod unfinished;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::{
    drills::{Against, DueDrill, Undrilled, Waiting, in_turn, late},
    held::LookedAt,
    shipped::{InForce, Shipped},
    unfinished::Unfinished,
};
use super::{
    artifact::Vault,
    claim::Held,
    copy::progress::{Progress, Tally},
    definition::{LeftOut, Serving},
    manifest::PointId,
    restore::{Past, Restoration},
    rewrite::{Mappings, fingerprint},
};
use crate::outbox::{HasOutbox, Outbox};

/// Kind and version of the document. A build that finds another one leaves it alone.
pub const SCHEMA: &str = "backup/1";

/// Ids of commands remembered, so that the same one is obeyed once.
const COMMANDS: usize = 50;

/// A job that was not heard of for so long has died: no invocation lasts longer.
const SILENT: Duration = Duration::from_secs(20 * 60);

/// A backup that something passing stood in the way of is made again after this.
const AGAIN: Duration = Duration::from_secs(5 * 60);

/// A backup that came to nothing is made again after this, or when the next one is due if that is sooner.
const RETRIED: Duration = Duration::from_secs(3600);

/// A backup may begin so much sooner than it is due, or a hundredth of the time between two.
const SLACK: Duration = Duration::from_secs(60);

/// So often in a row a backup is put off before that is told.
const PATIENCE: u32 = 3;

/// The whole document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BackupLedger {
    /// The number of the last job. Only grows.
    #[serde(default)]
    pub serial: u64,
    /// The backup at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<Job>,
    /// When the last backup began, whatever came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempted: Option<Timestamp>,
    /// What is to be backed up changed while a backup was at work, or a recovery point was lost: the next one is due.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// What came into service last while a backup was at work, until that one is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipped: Option<Shipped>,
    /// Backups in a row that were put off because of something that passes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub put_off: u32,
    /// The restore or drill at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<Box<Restoration>>,
    /// The drill that made way for a restore, until nothing is left of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aside: Option<Box<Restoration>>,
    /// A drill is due and could not begin, for what may pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undrilled: Option<Undrilled>,
    /// Since when a drill is due that waits for those of other endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill_waits: Option<Timestamp>,
    /// When it was last told of this endpoint, and of others with it, that drills come late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drills_late_told: Option<Timestamp>,
    /// The newest good recovery point that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Kept>,
    /// The newest one of the place where backups were kept before the fleet file said another, until there is one there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<Kept>,
    /// Backups fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<Trouble>,
    /// Backups were begun, and no recovery point is known: since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacking: Option<Lacking>,
    /// Sets that no recovery point holds yet as they were listed last, by the prefix that they lie below.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unfinished: BTreeMap<String, Unfinished>,
    /// The recovery point that was told to be too old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdue: Option<PointId>,
    /// What earlier builds found that SageMaker could not redeploy, and told: read, and not written any more.
    #[serde(default, skip_serializing)]
    pub gone: BTreeSet<String>,
    /// The same of what was restored from its recovery points.
    #[serde(default, skip_serializing)]
    pub restored_gone: BTreeSet<String>,
    /// What was restored, or is being, and holds copies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Held>,
    /// Restores and drills that ended, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<Past>,
    /// Ids of the commands obeyed last, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// Alerts decided so far; makes their ids differ.
    #[serde(default)]
    pub alerts: u64,
    /// Alerts decided and not known to be published.
    #[serde(default)]
    pub outbox: Outbox,
}

fn is_none(number: &u64) -> bool {
    *number == 0
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A backup at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its number.
    pub number: u64,
    /// When it began: the recovery point's time.
    pub began: Timestamp,
    /// When it was last heard of.
    pub touched: Timestamp,
    /// The continuation that is at work, 0 for the first invocation.
    pub hop: u32,
    /// Who asked for it, and why; absent for the schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// How far it is.
    #[serde(default)]
    pub progress: Progress,
}

/// A recovery point, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Which.
    pub id: PointId,
    /// The endpoint config that it holds.
    #[serde(default)]
    pub config: String,
    /// When everything was there.
    pub completed: Timestamp,
    /// What was copied for it.
    pub tally: Tally,
    /// How long that took, of the time that invocations were at work.
    pub took: Duration,
    /// Objects of which nothing but the size could be compared.
    #[serde(default, skip_serializing_if = "is_none")]
    pub by_size: u64,
    /// Inference components that are not in it: which and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// The builds of images that serve and were not there where it is restored, so that a restore would run others; and
    /// whether that was told.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub other_code: BTreeMap<String, bool>,
    /// The endpoint's `CreationTime`. Ledgers of earlier builds do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Which variants served. Ledgers of earlier builds do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving: Option<Serving>,
    /// The number of the rollout that was at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<u64>,
    /// Where it lies, and the key that its copies got. Ledgers of earlier builds do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<Vault>,
    /// The [`fingerprint`] of the mappings that it was made with. Ledgers of earlier builds do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mappings: Option<String>,
}

impl Kept {
    /// It lies where backups are kept now, as far as is known.
    fn lies_in(&self, vault: &Vault) -> bool {
        self.vault.as_ref().is_none_or(|its| its.is_place_of(vault))
    }

    /// Its copies have the key that copies get now, as far as is known.
    pub fn has_key_of(&self, vault: &Vault) -> bool {
        self.vault.as_ref().is_none_or(|its| its.key == vault.key)
    }
}

/// There is no recovery point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lacking {
    /// Since a first backup was begun.
    pub since: Timestamp,
    /// It was told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told: bool,
}

/// Something that goes wrong again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Since when.
    pub since: Timestamp,
    /// How often by now.
    pub times: u32,
    /// What, the last time.
    pub why: String,
}

/// Why no job begins.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    /// Another backup is at work.
    #[error("backup {0} is at work since {1:.0}; `status` shows how far it is")]
    Backup(u64, Timestamp),
    /// A restore or drill is at work.
    #[error("{0} is at work; `status` shows how far it is, `abort` ends it")]
    Restore(String),
    /// Another job began since the plan was made.
    #[error("job {0} began meanwhile; send it again")]
    Meanwhile(u64),
}

impl BackupLedger {
    /// Begins a backup; one that died is taken over, with the time at which it begins anew.
    ///
    /// # Errors
    /// When one is at work.
    pub fn begin(&mut self, now: Timestamp, by: Option<String>) -> Result<u64, Busy> {
        if let Some(job) = self.at_work(now) {
            return Err(Busy::Backup(job.number, job.began));
        }
        self.serial += 1;
        self.attempted = Some(now);
        self.again = false;
        self.shipped = None;
        if self.newest.is_none() {
            self.lacking.get_or_insert(Lacking {
                since: now,
                told: false,
            });
        }
        self.backup = Some(Job {
            number: self.serial,
            began: now,
            touched: now,
            hop: 0,
            by,
            progress: Progress::default(),
        });
        Ok(self.serial)
    }

    /// The backup at work, unless it has died.
    pub fn at_work(&self, now: Timestamp) -> Option<&Job> {
        let job = self.backup.as_ref()?;
        (now < after(job.touched, SILENT)).then_some(job)
    }

    /// Backups are kept in `vault` now. A recovery point in another place is none that a restore would find, and nothing of
    /// it can be taken from there: a backup is due at once.
    pub fn kept_in(&mut self, vault: &Vault) {
        if let Some(kept) = self.newest.take_if(|kept| !kept.lies_in(vault)) {
            self.elsewhere = Some(kept);
            self.again = true;
            self.unfinished.clear();
        }
        if self.newest.is_none() {
            self.newest = self.elsewhere.take_if(|kept| kept.lies_in(vault));
        }
    }

    /// A backup is to be begun, where one is to be made `every` so often.
    pub fn backup_is_due(&self, every: Duration, now: Timestamp) -> bool {
        if self.at_work(now).is_some() {
            return false;
        }
        let Some(attempted) = self.attempted.filter(|_| !self.again && self.backup.is_none()) else {
            return true;
        };
        let wait = match (self.put_off, &self.failing) {
            (0, None) => every,
            (0, Some(_)) => every.min(RETRIED),
            _ => every.min(AGAIN),
        };
        // The schedule's ticks come some seconds early or late.
        after(attempted, wait - (wait / 100).min(SLACK)) <= now
    }

    /// The fleet file maps otherwise by now than when the newest recovery point was made, as far as is known, and nothing
    /// stood in the way of the last backup: the next one is due at once, for it needs what is mapped now.
    pub fn is_mapped_otherwise(&self, mappings: &Mappings, now: Timestamp) -> bool {
        let quiet = self.failing.is_none() && self.put_off == 0 && self.at_work(now).is_none();
        let newest = self.newest.as_ref().filter(|_| quiet);
        let known = newest.and_then(|kept| kept.mappings.as_ref());
        known.is_some_and(|known| *known != fingerprint(mappings))
    }

    /// The endpoint cannot be backed up yet, or any more: the next look is soon, and nothing is told.
    pub fn not_now(&mut self) {
        self.is_over();
        self.lacking = None;
        self.put_off = 1;
    }

    /// The backup at work made its way and is not done: the next one goes on with it.
    pub fn begin_again(&mut self) {
        self.is_over();
        self.again = true;
    }

    /// Something that passes stood in the way of the backup at work. `true`: that often in a row that it has to be told.
    #[must_use]
    pub(super) fn is_put_off(&mut self) -> bool {
        self.is_over();
        self.put_off = self.put_off.saturating_add(1);
        self.put_off >= PATIENCE
    }

    /// A continuation takes up a backup. `false` when it is not the next one of the backup at work: an event that came
    /// twice, or late.
    #[must_use]
    pub fn continues(&mut self, number: u64, hop: u32, now: Timestamp) -> bool {
        match &mut self.backup {
            Some(job) if job.number == number && job.hop.checked_add(1) == Some(hop) => {
                job.hop = hop;
                job.touched = now;
                true
            }
            _ => false,
        }
    }

    /// How far the backup at work is. `false` when it is not this one any more, which then has to stop.
    #[must_use]
    pub fn progressed(&mut self, number: u64, hop: u32, progress: Progress, now: Timestamp) -> bool {
        match &mut self.backup {
            Some(job) if job.number == number && job.hop == hop => {
                job.progress = progress;
                job.touched = now;
                true
            }
            _ => false,
        }
    }

    /// The continuation that has to follow, unless there were `most` already.
    pub fn next_hop(&self, most: u32) -> Option<(u64, u32)> {
        let job = self.backup.as_ref()?;
        (job.hop < most).then(|| (job.number, job.hop + 1))
    }

    /// The command was obeyed before. Otherwise it is remembered.
    pub fn obeyed(&mut self, id: &str) -> bool {
        if self.commands.iter().any(|one| one == id) {
            return true;
        }
        self.commands.push(id.to_owned());
        let over = self.commands.len().saturating_sub(COMMANDS);
        self.commands.drain(..over);
        false
    }
}

fn after(at: Timestamp, span: Duration) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

impl HasOutbox for BackupLedger {
    fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    fn outbox_mut(&mut self) -> &mut Outbox {
        &mut self.outbox
    }
}

#[cfg(test)]
mod tests;
