//! Endpoints made from recovery points: restores and drills.
//!
//! They run in the Region of the backups alone. What they need lies there, the lease that keeps other functions off what
//! they make lies there, and a drill that needed the endpoint's own Region would show nothing of the day when it is dark.
//!
//! Every wake-up drives what is at work: the schedule, SageMaker's events of this Region, a command. The decisions are in
//! `steward::backup::restore`.

mod act;
mod begin;
mod care;
mod drive;
mod due;
mod look;
mod outcome;
mod probe;
mod target;
mod wait;

use steward::{
    aws::{
        lambda::refused,
        ledger::{LedgerError, Loaded},
    },
    backup::{
        ledger::{BackupLedger, Busy},
        restore::{Kind, Restoration},
        verify,
    },
    command::{BackupCommand, OfPoint, Said},
    report::Report,
};
use tracing::Instrument;

use self::{
    begin::{Asked, Began, Proposed},
    drive::{Abort, Driven},
    due::Drills,
};
pub(crate) use self::{
    due::{Found, Memory, ledgers, restorable},
    outcome::Woken,
    target::tags,
};
use crate::{HandlerError, commands::who, services::Services};

/// A plan is made anew so often because another job began meanwhile.
const MEANWHILE: u32 = 3;

/// Carries out a command about restores and drills.
pub(crate) async fn command(services: &Services<'_>, command: BackupCommand) -> Result<Report, HandlerError> {
    match command {
        BackupCommand::PlanRestore { of, name } => show(services, &of, name.as_deref()).await,
        BackupCommand::Restore { of, name, said } => {
            let asked = Asked {
                kind: Kind::Restore,
                of: &of,
                name: name.as_deref(),
            };
            start(services, asked, said).await
        }
        BackupCommand::Drill { of, said } => {
            let asked = Asked {
                kind: Kind::Drill,
                of: &of,
                name: None,
            };
            start(services, asked, said).await
        }
        BackupCommand::Abort { endpoint, said } => abort(services, &endpoint, said).await,
        other => Ok(refused(&format!("this is no command about restores: {other:?}"))),
    }
}

/// `plan-restore`.
async fn show(services: &Services<'_>, of: &OfPoint, name: Option<&str>) -> Result<Report, HandlerError> {
    let document = services.ledger(&of.endpoint).load().await?.document;
    let asked = Asked {
        kind: Kind::Restore,
        of,
        name,
    };
    let proposed = match Box::pin(begin::propose(services, asked, document.serial + 1)).await {
        Ok(proposed) => proposed,
        Err(why) => return Ok(refused(&why)),
    };
    let Proposed {
        chosen,
        proposal,
        table,
        ..
    } = proposed;
    let against = [proposal.problems.clone(), proposal.unseen.clone()].concat();
    let unlooked = verify::unlooked(&chosen.point);
    let verdict = match (against.is_empty(), unlooked.is_empty()) {
        (true, true) => "Nothing stands against it.".to_owned(),
        (true, false) => "Nothing that was looked for stands against it.".to_owned(),
        (false, _) => format!("It cannot begin as it is:\n- {}", against.join("\n- ")),
    };
    Ok(Report::done(format!("{table}{verdict}"))
        .with("endpoint", of.endpoint.clone())
        .with("point", chosen.id.to_string())
        .with("possible", against.is_empty())
        .with("problems", against)
        .with("not_looked_for", verify::listed(unlooked))
        .with("plan", serde_json::json!(proposal.plan)))
}

/// `restore` and `drill`.
async fn start(services: &Services<'_>, asked: Asked<'_>, said: Said) -> Result<Report, HandlerError> {
    let endpoint = &asked.of.endpoint;
    let mut loaded = services.ledger(endpoint).load().await?;
    let id = said.id.clone().unwrap_or_else(|| services.request_id.clone());
    let mut again_for = 0;
    loop {
        if loaded.document.commands.contains(&id) {
            return again(services, endpoint, loaded, Some(asked.kind)).await;
        }
        let number = match loaded.document.may_restore(asked.kind) {
            Ok(number) => number,
            Err(busy) => return Ok(refused(&format!("{endpoint}: {busy}."))),
        };
        let proposed = match Box::pin(begin::propose(services, asked, number)).await {
            Ok(proposed) => proposed,
            Err(why) => return Ok(refused(&why)),
        };
        let plan = match proposed.proposal.agreed() {
            Ok(plan) => plan,
            Err(problems) => return Ok(refused(&format!("{}\n{problems}", headline(asked)))),
        };
        let wish = (plan, &proposed.target);
        let (read, began) = begin::begin(services, endpoint, loaded, wish, (&id, who(&said))).await?;
        loaded = read;
        match began {
            // A drill that became due, say: the plan is made anew beside it.
            Began::Busy(Busy::Meanwhile(_)) if again_for < MEANWHILE => again_for += 1,
            Began::Busy(busy) => return Ok(refused(&format!("{endpoint}: {busy}."))),
            Began::Before => return again(services, endpoint, loaded, Some(asked.kind)).await,
            Began::Now => {
                let driven = one(services, endpoint, loaded).await?;
                let report = outcome::report(&driven);
                let summary = format!("{}{}", proposed.table, report.summary);
                return Ok(Report { summary, ..report });
            }
        }
    }
}

fn headline(asked: Asked<'_>) -> String {
    let (kind, endpoint) = (asked.kind.as_str(), &asked.of.endpoint);
    format!("The {kind} of {endpoint} does not begin; nothing was made.")
}

/// The same command again: it goes on.
async fn again(
    services: &Services<'_>,
    endpoint: &str,
    loaded: Loaded<BackupLedger>,
    asked: Option<Kind>,
) -> Result<Report, HandlerError> {
    let driven = one(services, endpoint, loaded).await?;
    let report = outcome::report(&driven);
    let mut ended = driven.ledger.document.past.iter().rev();
    let last = ended.find(|past| asked.is_none_or(|kind| past.kind == kind));
    let last = last.filter(|_| driven.ended.is_none());
    let told = match (&driven.ledger.document.restore, last) {
        (None, Some(past)) => format!(
            "{}-{} of {endpoint} {}",
            past.kind.as_str(),
            past.number,
            outcome::ended(past)
        ),
        _ => report.summary.clone(),
    };
    let summary = format!("This command was obeyed before. {told}");
    Ok(Report { summary, ..report })
}

/// `abort`.
async fn abort(services: &Services<'_>, endpoint: &str, said: Said) -> Result<Report, HandlerError> {
    let loaded = services.ledger(endpoint).load().await?;
    let id = said.id.clone().unwrap_or_else(|| services.request_id.clone());
    if loaded.document.commands.contains(&id) {
        return again(services, endpoint, loaded, None).await;
    }
    let Some(at_work) = loaded.document.restorations().next() else {
        return Ok(refused(&format!(
            "Neither a restore nor a drill of {endpoint} is at work in {}; there is nothing to abort.",
            services.home()
        )));
    };
    let job = at_work.plan.number;
    let abort = Abort {
        id,
        who: who(&said).unwrap_or_else(|| "by an operator".to_owned()),
    };
    let driven = drive_one(services, endpoint, loaded, Some(job), Some(abort)).await?;
    outcome::emit(services, std::slice::from_ref(&driven));
    Ok(outcome::report(&driven))
}

/// The schedule: everything at work goes on, and a drill that is due begins.
///
/// # Errors
/// When ledgers cannot be listed, read or written, or it is not known which drills are due; what could be driven was.
pub(crate) async fn tick(services: &Services<'_>) -> Result<Woken, HandlerError> {
    let mut found = due::ledgers(services).await?;
    let active = found.ledgers.iter().filter(|(_, loaded)| at_work(&loaded.document));
    let active = active.map(|(endpoint, loaded)| (endpoint.clone(), loaded.clone()));
    let mut swept = Swept::default();
    swept.drive(services, active.collect::<Vec<_>>()).await;
    for one in &swept.driven {
        found.ledgers.insert(one.endpoint.clone(), one.ledger.clone());
    }
    // After what is at work: what cannot be seen of drills must keep no restore.
    let Drills {
        written,
        passed,
        trouble,
        failed,
    } = Box::pin(due::begin_drill(services, &found)).await;
    swept.failed = swept.failed.or(failed);
    let begun = written.into_iter().filter(|(_, loaded)| at_work(&loaded.document));
    swept.drive(services, begun).await;
    match Box::pin(wait::pass_over(services, &found, passed)).await {
        Ok(late) => swept.drive(services, late).await,
        Err(error) => swept.failed = swept.failed.or(Some(error)),
    }
    // Last: it can wait.
    for one in &swept.driven {
        found.ledgers.insert(one.endpoint.clone(), one.ledger.clone());
    }
    for (endpoint, loaded) in &found.ledgers {
        if let Err(error) = Box::pin(care::look_after(services, endpoint, loaded)).await {
            tracing::error!(endpoint, %error, "the ledger cannot be used");
            swept.failed = swept.failed.or(Some(error.into()));
        }
    }
    let unread = found.unread.into_values().next().map(HandlerError::from);
    swept.failed = swept.failed.or(unread);
    swept.over(services, trouble)
}

/// SageMaker says that an endpoint of this Region changed: what waits for it goes on.
///
/// # Errors
/// As [`tick`], but for ledgers that no repetition of the event would read: those ring with each tick.
pub(crate) async fn changed(services: &Services<'_>, endpoint: &str) -> Result<Woken, HandlerError> {
    let found = due::ledgers(services).await?;
    let hidden = found.hidden().cloned().map(HandlerError::from);
    let concerned = found.ledgers.into_iter().filter(|(_, loaded)| {
        let mut at_work = loaded.document.restorations();
        at_work.any(|restoration| restoration.plan.definition.endpoint == endpoint)
    });
    let mut swept = Swept::default();
    swept.drive(services, concerned).await;
    swept.failed = swept.failed.or(hidden);
    swept.over(services, Vec::new())
}

/// Something is to be done, or to be told.
fn at_work(document: &BackupLedger) -> bool {
    document.restorations().next().is_some() || !document.outbox.is_empty()
}

/// Those that were driven in one invocation. One whose ledger cannot be used keeps no other.
#[derive(Debug, Default)]
struct Swept {
    driven: Vec<Driven>,
    failed: Option<HandlerError>,
}

impl Swept {
    async fn drive(
        &mut self,
        services: &Services<'_>,
        waiting: impl IntoIterator<Item = (String, Loaded<BackupLedger>)>,
    ) {
        // What is only torn down comes after everything that is to serve.
        let mut aside = Vec::new();
        for (endpoint, loaded) in waiting {
            let first = job(loaded.document.restore.as_deref());
            let Some(one) = self.one(services, &endpoint, loaded, first).await else {
                continue;
            };
            if let Some(job) = job(one.document.aside.as_deref()) {
                aside.push((endpoint, one, job));
            }
        }
        for (endpoint, loaded, job) in aside {
            self.one(services, &endpoint, loaded, Some(job)).await;
        }
    }

    async fn one(
        &mut self,
        services: &Services<'_>,
        endpoint: &str,
        loaded: Loaded<BackupLedger>,
        job: Option<u64>,
    ) -> Option<Loaded<BackupLedger>> {
        match drive_one(services, endpoint, loaded, job, None).await {
            Ok(one) => {
                let ledger = one.ledger.clone();
                self.driven.push(one);
                Some(ledger)
            }
            Err(error) => {
                tracing::error!(endpoint, %error, "the ledger cannot be used");
                self.failed = Some(error.into());
                None
            }
        }
    }

    /// # Errors
    /// What failed, after everything was counted.
    fn over(self, services: &Services<'_>, trouble: Vec<String>) -> Result<Woken, HandlerError> {
        outcome::emit(services, &self.driven);
        match self.failed {
            Some(error) => Err(error),
            None => Ok(Woken::of(&self.driven, trouble)),
        }
    }
}

/// Drives what was asked for, and then the drill that made way for it, which holds what it may need. What fails there, the
/// next tick goes on with.
async fn one(services: &Services<'_>, endpoint: &str, loaded: Loaded<BackupLedger>) -> Result<Driven, HandlerError> {
    let restore = job(loaded.document.restore.as_deref());
    let driven = drive_one(services, endpoint, loaded, restore, None).await?;
    outcome::emit(services, std::slice::from_ref(&driven));
    if let Some(aside) = job(driven.ledger.document.aside.as_deref()) {
        match drive_one(services, endpoint, driven.ledger.clone(), Some(aside), None).await {
            Ok(aside) => outcome::emit(services, std::slice::from_ref(&aside)),
            Err(error) => tracing::warn!(%error, "the drill that made way was not driven"),
        }
    }
    Ok(driven)
}

fn job(restoration: Option<&Restoration>) -> Option<u64> {
    restoration.map(|one| one.plan.number)
}

async fn drive_one(
    services: &Services<'_>,
    endpoint: &str,
    loaded: Loaded<BackupLedger>,
    job: Option<u64>,
    abort: Option<Abort>,
) -> Result<Driven, LedgerError> {
    let span = tracing::info_span!("endpoint", endpoint);
    Box::pin(drive::drive(services, endpoint, loaded, job, abort))
        .instrument(span)
        .await
}
