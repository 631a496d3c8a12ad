//! A backup at work in this invocation: what it is about, how far it is, and what is remembered of it.

use std::time::Duration;

use jiff::Timestamp;
use steward::{
    aws::ledger::{Ledger, LedgerError, Loaded},
    backup::{
        copy::progress::Progress,
        ledger::{BackupLedger, Kept},
        manifest::PointId,
        rewrite::fingerprint,
        tell::Facts,
    },
};

use super::{Came, HOPS, Made, Stop, in_force};
use crate::services::{Backed, Services};

/// Which backup.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    pub(super) number: u64,
    pub(super) hop: u32,
    pub(super) began: Timestamp,
    /// How far the invocations before this one came.
    pub(super) before: Progress,
}

/// A backup at work.
pub(super) struct Work<'a> {
    pub(super) services: &'a Services<'a>,
    pub(super) endpoint: &'a str,
    pub(super) backed: &'a Backed,
    pub(super) job: Job,
    /// The newest recovery point, until it is found not to be what it was.
    pub(super) newest: Option<PointId>,
    /// The endpoint's `CreationTime`, as it was described.
    pub(super) created: Option<Timestamp>,
    /// How far this invocation is.
    pub(super) progress: Progress,
    /// A set changed since a backup began to copy it.
    pub(super) changed: bool,
    ledger: Ledger<BackupLedger>,
    since: Timestamp,
}

impl<'a> Work<'a> {
    pub(super) fn new(services: &'a Services<'a>, endpoint: &'a str, backed: &'a Backed, job: Job) -> Self {
        Self {
            ledger: services.ledger(endpoint),
            since: services.now(),
            progress: Progress::default(),
            newest: None,
            created: None,
            changed: false,
            services,
            endpoint,
            backed,
            job,
        }
    }

    pub(super) fn facts(&self) -> Facts<'a> {
        Facts {
            now: self.services.now(),
            endpoint: self.endpoint,
            region: &self.backed.policy.vault.region,
            labels: &self.backed.labels,
        }
    }

    /// How far the backup is. What an earlier invocation of it copied is there now, but was not before.
    pub(super) fn so_far(&self) -> Progress {
        let busy = Duration::try_from(self.services.now().duration_since(self.since)).unwrap_or_default();
        let now = Progress { busy, ..self.progress };
        Progress::after(&self.job.before, &now, self.changed)
    }

    /// Who collects sets that go on changing: nobody else's are below the same roots.
    pub(super) fn owner(&self) -> String {
        let account = self.services.settings().account();
        format!("{account}/{}/{}", self.services.home(), self.endpoint)
    }

    /// The artifacts are looked at anew.
    pub(super) fn anew(&mut self) {
        self.job.before = self.so_far();
        self.since = self.services.now();
        self.progress = Progress::default();
    }

    /// Changes the ledger, as long as the backup is this one.
    pub(super) async fn change(&self, change: impl Fn(&mut BackupLedger)) -> Result<Loaded<BackupLedger>, Stop> {
        let (number, hop) = (self.job.number, self.job.hop);
        let decide = |document: &BackupLedger| {
            let mine = document.backup.as_ref();
            if !mine.is_some_and(|job| job.number == number && job.hop == hop) {
                return (None, false);
            }
            let mut new = document.clone();
            change(&mut new);
            ((new != *document).then_some(new), true)
        };
        match self.ledger.change(decide).await? {
            (loaded, true) => Ok(loaded),
            (_, false) => Err(Stop::Lost),
        }
    }

    /// Writes down how far it is.
    pub(super) async fn heard(&self, progress: Progress) -> Result<(), Stop> {
        let (number, hop, now) = (self.job.number, self.job.hop, self.services.now());
        let heard = |document: &mut BackupLedger| {
            let _ = document.progressed(number, hop, progress, now);
        };
        self.change(heard).await.map(drop)
    }

    /// Writes down how it ended, or that another invocation goes on.
    pub(super) async fn ended(
        &mut self,
        made: Result<Made, Stop>,
    ) -> Result<(Loaded<BackupLedger>, Came), LedgerError> {
        let facts = self.facts();
        let progress = self.so_far();
        tracing::info!("{progress}");
        let (changed, came) = match made {
            Ok(made) => {
                let kept = Kept {
                    id: made.id,
                    config: made.config,
                    completed: made.completed,
                    tally: made.tally,
                    took: progress.busy,
                    by_size: made.by_size,
                    left_out: made.left_out,
                    other_code: made.other_code.into_iter().map(|build| (build, false)).collect(),
                    created: self.created,
                    serving: Some(made.serving),
                    during: made.during,
                    vault: Some(self.backed.policy.vault.clone()),
                    mappings: Some(fingerprint(&self.backed.policy.mappings)),
                };
                // What is backed up may have gone out of service since it was described, and its event may be lost.
                let serves = in_force(self.services, self.endpoint).await;
                let serves = serves.inspect_err(|error| tracing::warn!(%error, "nobody knows what serves by now"));
                let serves = serves.as_ref().map(Option::as_ref).map_err(drop);
                let completed = |document: &mut BackupLedger| {
                    document.completed(&facts, kept.clone());
                    document.found(serves);
                };
                let done = self.change(completed).await;
                (done, Came::Completed(Box::new(kept)))
            }
            Err(Stop::Failed(why)) => {
                tracing::error!("the backup failed: {why}");
                (
                    self.change(|document| document.failed(&facts, &why)).await,
                    Came::Failed(why),
                )
            }
            Err(Stop::Later(why)) => {
                tracing::warn!("the backup is put off: {why}");
                (
                    self.change(|document| document.postponed(&facts, &why)).await,
                    Came::PutOff(why),
                )
            }
            Err(Stop::NotNow(why)) => (self.change(BackupLedger::not_now).await, Came::PutOff(why)),
            Err(Stop::OutOfTime) => self.out_of_time(&facts, progress).await,
            Err(Stop::Ledger(error)) => return Err(error),
            Err(Stop::Lost) => (Err(Stop::Lost), Came::NotBegun(String::new())),
        };
        match changed {
            Ok(loaded) => Ok((loaded, came)),
            Err(Stop::Ledger(error)) => Err(error),
            Err(_) => {
                let why = format!("backup {} was taken over by another invocation", self.job.number);
                Ok((self.ledger.load().await?, Came::NotBegun(why)))
            }
        }
    }

    async fn out_of_time(&self, facts: &Facts<'_>, progress: Progress) -> (Result<Loaded<BackupLedger>, Stop>, Came) {
        let (number, hop, now) = (self.job.number, self.job.hop, self.services.now());
        if hop < HOPS {
            let left = |document: &mut BackupLedger| {
                let _ = document.progressed(number, hop, progress, now);
            };
            return (self.change(left).await, Came::GoesOn(hop + 1));
        }
        let moved = progress.moved > 0;
        let why = format!("not done after {HOPS} continuations: {progress}");
        let over = |document: &mut BackupLedger| document.spent(facts, moved, &why);
        (self.change(over).await, Came::PutOff(why.clone()))
    }
}
