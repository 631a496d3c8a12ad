//! One endpoint's backup, from the claim in its ledger to the recovery point, or to as far as this invocation gets.
//!
//! Of what was copied it is remembered only where a set that goes on changing is collected: each invocation describes the endpoint anew, looks what of it is there, and
//! copies the rest. So one that dies is gone on with by any other, and what changed meanwhile is in the recovery point.

mod copying;
mod definition;
mod finish;
mod held;
mod inventory;
mod work;
mod write;

use serde_json::json;
use steward::{
    aws::ledger::{LedgerError, Loaded},
    backup::{
        artifact::Vault,
        copy::progress::Tally,
        definition::{LeftOut, Serving},
        ledger::{BackupLedger, Busy, Kept, Shipped},
        manifest::PointId,
    },
    failure::{CallError, Retry},
};

use self::work::{Job, Work};
pub(crate) use self::{
    definition::{Composed, in_force},
    inventory::{Cursor, listing},
    write::VAULT,
};
use crate::services::{Backed, Services};

/// Invocations of one backup after the first. Lambda ends a chain of a function's calls of itself after 16 or so; the
/// schedule begins a new one.
const HOPS: u32 = 12;

/// Why a backup stopped.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Somebody has to do something about it.
    Failed(String),
    /// It passes.
    Later(String),
    /// There is nothing to be backed up yet, or any more.
    NotNow(String),
    /// The invocation's time is over.
    OutOfTime,
    /// The backup is somebody else's by now.
    Lost,
    /// It cannot be remembered.
    Ledger(LedgerError),
}

impl From<CallError> for Stop {
    fn from(error: CallError) -> Self {
        match error.failure.retry() {
            Retry::Never => Self::Failed(format!("{error}. {}", error.advice())),
            Retry::Soon | Retry::NextTick => Self::Later(error.to_string()),
        }
    }
}

impl From<LedgerError> for Stop {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// What became of one endpoint's backup.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) endpoint: String,
    pub(crate) came: Came,
    /// What this invocation copied.
    pub(crate) copied: Tally,
    /// The ledger as it is now.
    pub(crate) ledger: Loaded<BackupLedger>,
    /// Alerts that SNS took.
    pub(crate) published: usize,
}

/// What a backup came to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Came {
    /// A recovery point.
    Completed(Box<Kept>),
    /// Nothing: why.
    Failed(String),
    /// It is made again soon: why.
    PutOff(String),
    /// The next invocation, of this number, goes on.
    GoesOn(u32),
    /// None began: why.
    NotBegun(String),
}

/// What an endpoint of this Region that serves would be deployed from again; `None` where there is no such endpoint. `Err`
/// says why nobody knows.
pub(crate) async fn composed(services: &Services<'_>, endpoint: &str) -> Result<Option<Composed>, String> {
    match Box::pin(definition::compose(services, endpoint)).await {
        Ok(composed) => Ok(composed),
        Err(Stop::Failed(why) | Stop::Later(why) | Stop::NotNow(why)) => Err(why),
        Err(other) => Err(format!("{other:?}")),
    }
}

/// Why a backup is wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    /// Who asked for it; absent for the schedule.
    pub(crate) by: Option<String>,
    /// The command's id, which is obeyed once.
    pub(crate) id: Option<String>,
    /// What came into service: nothing is to be done when it is backed up already.
    pub(crate) shipped: Option<Shipped>,
}

enum Claim {
    Begun(u64),
    Not(String),
}

/// Begins a backup, and makes it as far as this invocation gets.
///
/// # Errors
/// When the ledger cannot be read or written.
pub(crate) async fn begin(
    services: &Services<'_>,
    endpoint: &str,
    backed: &Backed,
    wish: &Wish,
) -> Result<Told, LedgerError> {
    let ledger = services.ledger(endpoint);
    let now = services.now();
    let vault = &backed.policy.vault;
    let (loaded, claim) = ledger.change(|document| claimed(document, vault, now, wish)).await?;
    match claim {
        Claim::Not(why) => Ok(Told {
            endpoint: endpoint.to_owned(),
            came: Came::NotBegun(why),
            copied: Tally::default(),
            ledger: loaded,
            published: 0,
        }),
        Claim::Begun(number) => {
            let job = Job {
                number,
                hop: 0,
                began: now,
                before: Default::default(),
            };
            run(services, endpoint, backed, job, loaded).await
        }
    }
}

fn claimed(document: &BackupLedger, vault: &Vault, now: jiff::Timestamp, wish: &Wish) -> (Option<BackupLedger>, Claim) {
    let mut new = document.clone();
    new.kept_in(vault);
    if let Some(shipped) = &wish.shipped
        && !new.lacks(shipped)
    {
        let config = &shipped.what.config;
        return (
            None,
            Claim::Not(format!("config {config} is backed up, or about to be")),
        );
    }
    if wish.id.as_deref().is_some_and(|id| new.obeyed(id)) {
        return (None, Claim::Not("this very command was obeyed before".to_owned()));
    }
    match (new.begin(now, wish.by.clone()), &wish.shipped) {
        (Ok(number), _) => (Some(new), Claim::Begun(number)),
        (Err(busy @ Busy::Backup(..)), Some(shipped)) => {
            new.meanwhile(shipped);
            let config = &shipped.what.config;
            (
                Some(new),
                Claim::Not(format!(
                    "{busy}; another one follows it unless it holds config {config}"
                )),
            )
        }
        (Err(busy), _) => (None, Claim::Not(busy.to_string())),
    }
}

/// Goes on with a backup whose invocation ran out of time.
///
/// # Errors
/// When the ledger cannot be read or written.
pub(crate) async fn go_on(
    services: &Services<'_>,
    endpoint: &str,
    backed: &Backed,
    number: u64,
    hop: u32,
) -> Result<Told, LedgerError> {
    let ledger = services.ledger(endpoint);
    let now = services.now();
    let takes_up = |document: &BackupLedger| {
        let mut new = document.clone();
        new.kept_in(&backed.policy.vault);
        match new.continues(number, hop, now) {
            true => (Some(new), true),
            false => (None, false),
        }
    };
    let (loaded, mine) = ledger.change(takes_up).await?;
    let job = loaded.document.backup.as_ref().filter(|_| mine).map(|job| Job {
        number,
        hop,
        began: job.began,
        before: job.progress,
    });
    match job {
        Some(job) => run(services, endpoint, backed, job, loaded).await,
        None => Ok(Told {
            endpoint: endpoint.to_owned(),
            came: Came::NotBegun(format!(
                "continuation {hop} of backup {number} is not the next one of a backup at work: the event came twice, or late"
            )),
            copied: Tally::default(),
            ledger: loaded,
            published: 0,
        }),
    }
}

async fn run(
    services: &Services<'_>,
    endpoint: &str,
    backed: &Backed,
    job: Job,
    loaded: Loaded<BackupLedger>,
) -> Result<Told, LedgerError> {
    tracing::info!(backup = job.number, hop = job.hop, "backup at work");
    let mut work = Work::new(services, endpoint, backed, job);
    work.newest = loaded.document.newest.as_ref().map(|kept| kept.id.clone());
    let made = Box::pin(finish::make(&mut work, &loaded.document)).await;
    let made = match made {
        Err(Stop::Later(why)) if !services.in_time() => {
            tracing::info!("{why}");
            Err(Stop::OutOfTime)
        }
        made => made,
    };
    let (loaded, came) = work.ended(made).await?;
    if let Came::GoesOn(hop) = came {
        invoke(services, endpoint, work.job.number, hop).await;
    }
    let ledger = services.ledger(endpoint);
    let (ledger, published) = services.teller.drain(&ledger, loaded).await?;
    Ok(Told {
        endpoint: endpoint.to_owned(),
        came,
        copied: work.progress.copied,
        ledger,
        published,
    })
}

/// Invokes this function again. Should that fail, the schedule takes the backup up when nothing was heard of it for long.
async fn invoke(services: &Services<'_>, endpoint: &str, number: u64, hop: u32) {
    let event = json!({"command": "continue", "endpoint": endpoint, "job": number, "hop": hop});
    match services.lambda.invoke(&services.settings().function, &event).await {
        Ok(()) => tracing::info!(hop, "the next invocation goes on"),
        Err(error) => tracing::warn!(%error, advice = error.advice(), "nobody goes on at once; the schedule will"),
    }
}

/// What the recovery point was made with.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) id: PointId,
    pub(super) config: String,
    pub(super) completed: jiff::Timestamp,
    pub(super) tally: Tally,
    pub(super) by_size: u64,
    pub(super) left_out: Vec<LeftOut>,
    /// Builds of images that serve and are not where it is restored.
    pub(super) other_code: Vec<String>,
    pub(super) serving: Serving,
    pub(super) during: Option<u64>,
}
