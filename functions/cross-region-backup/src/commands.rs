//! What operators ask for.

mod gone;
mod place;
mod prune;
mod there;
pub(crate) mod verify;

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
use serde_json::{Map, Value, json};
use steward::{
    aws::lambda::refused,
    backup::{ledger::BackupLedger, retention, status},
    command::{BackupCommand, Said},
    failure::CallError,
    report::Report,
    text::and_list,
};

use self::{gone::Audited, place::Place, prune::Wanted};
use crate::{
    HandlerError,
    backup::{self, Wish},
    outcome, points, restore,
    services::{Backed, Services},
    tick,
};

/// Points that `list` reads.
const LISTED: usize = 200;

/// Endpoints that `status` looks at at the same time.
const AT_ONCE: usize = 16;

/// Carries out one command.
pub(crate) async fn run(services: &Services<'_>, command: BackupCommand) -> Result<Report, HandlerError> {
    match command {
        BackupCommand::Restore { .. }
        | BackupCommand::PlanRestore { .. }
        | BackupCommand::Drill { .. }
        | BackupCommand::Abort { .. } => restore::command(services, command).await,
        BackupCommand::Backup { endpoint, said } => make(services, endpoint, said).await,
        BackupCommand::Status { endpoint } => show(services, endpoint.as_deref()).await,
        BackupCommand::List { endpoint, from } => match place::of(services, &endpoint).await {
            Ok(place) => list(services, &endpoint, from.as_deref(), &place).await,
            Err(refusal) => Ok(refusal),
        },
        BackupCommand::Verify(of) => match place::of(services, &of.endpoint).await {
            Ok(place) => verify::run(services, &of, &place).await,
            Err(refusal) => Ok(refusal),
        },
        BackupCommand::Prune {
            endpoint,
            from,
            everything,
            plan,
            said,
        } => match place::of(services, &endpoint).await {
            Ok(place) => {
                let wanted = Wanted {
                    endpoint: &endpoint,
                    from: from.as_deref(),
                    everything,
                };
                prune::run(services, wanted, &place, plan.as_deref(), &said).await
            }
            Err(refusal) => Ok(refusal),
        },
        BackupCommand::Continue { endpoint, job, hop } => match policy(services, &endpoint).await {
            Ok(backed) => {
                let told = [backup::go_on(services, &endpoint, &backed, job, hop).await?];
                outcome::emit(services, &told, None);
                Ok(outcome::of_one(&told[0]))
            }
            Err(refusal) => Ok(refusal),
        },
    }
}

/// What the fleet file says of the backups of an endpoint; `Err` is the answer when it says nothing.
async fn policy(services: &Services<'_>, endpoint: &str) -> Result<Backed, Report> {
    match services.backed(endpoint).await {
        Ok(Some(backed)) => Ok(backed),
        Ok(None) => Err(refused(&format!(
            "{endpoint} is not backed up: the fleet file says no `backup.destination` for it."
        ))),
        Err(why) => Err(refused(&why)),
    }
}

async fn make(services: &Services<'_>, endpoint: Option<String>, said: Said) -> Result<Report, HandlerError> {
    let wish = Wish {
        by: who(&said),
        id: Some(said.id.unwrap_or_else(|| services.request_id.clone())),
        shipped: None,
    };
    let all = match &endpoint {
        Some(endpoint) => match policy(services, endpoint).await {
            Ok(backed) => vec![(endpoint.clone(), backed)],
            Err(refusal) => return Ok(refusal),
        },
        None => tick::endpoints(services).await?,
    };
    let here = |(_, backed): &(String, Backed)| backed.policy.vault.region == services.home();
    // Of globs and groups no endpoint is in the Region of the backups.
    let none_here = match all.is_empty() {
        true => there::keeps(services).await,
        false => all.iter().all(here),
    };
    if none_here {
        return Ok(refused(&format!(
            "Backups are made in the endpoints' own Region, and {} is that of the backups.",
            services.home()
        )));
    }
    let all = all.into_iter().filter(|one| !here(one)).collect();
    let (standings, failed) = tick::standings(services, all).await;
    let (told, unable) = tick::begin(services, &standings, &wish).await;
    let told: Vec<_> = told.into_iter().flatten().collect();
    outcome::emit(services, &told, None);
    match failed.or(unable) {
        Some(error) => Err(error.into()),
        None if told.len() < standings.len() => {
            let unreached = standings.len() - told.len();
            let report = outcome::of_some(&told);
            Ok(Report::partial(format!(
                "{}\n{unreached} were not reached; the schedule or another `backup` reaches them.",
                report.summary
            )))
        }
        None => Ok(match (&told[..], endpoint) {
            ([one], Some(_)) => outcome::of_one(one),
            (told, _) => outcome::of_some(told),
        }),
    }
}

pub(crate) fn who(said: &Said) -> Option<String> {
    match (&said.by, &said.reason) {
        (None, None) => None,
        (Some(by), None) => Some(by.clone()),
        (None, Some(reason)) => Some(format!("somebody: {reason}")),
        (Some(by), Some(reason)) => Some(format!("{by}: {reason}")),
    }
}

async fn show(services: &Services<'_>, endpoint: Option<&str>) -> Result<Report, HandlerError> {
    let audited = Audited::load(services).await;
    if let Some(report) = there::show(services, endpoint).await? {
        return audited.beside(services, report, endpoint).await;
    }
    let all = match endpoint {
        Some(endpoint) => match services.backed(endpoint).await {
            Ok(Some(backed)) => vec![(endpoint.to_owned(), backed)],
            Ok(None) => return Ok(audited.unbacked(services, endpoint).await),
            Err(why) => return Ok(refused(&why)),
        },
        None => tick::endpoints(services).await?,
    };
    let (standings, failed) = tick::standings(services, all).await;
    if let Some(error) = failed {
        return Err(error.into());
    }
    let none = standings
        .is_empty()
        .then(|| "No endpoint is backed up: the fleet file says no `backup.destination` for any.".to_owned());
    let standings = standings.into_iter().map(|standing| Shown {
        endpoint: standing.endpoint,
        backed: standing.backed,
        ledger: standing.ledger.document,
    });
    let (texts, details) = shown(services, standings.collect()).await;
    let texts: Vec<String> = none.into_iter().chain(texts).collect();
    let report = Report::done(texts.join("\n\n")).with("endpoints", Value::Object(details));
    audited.beside(services, report, endpoint).await
}

/// An endpoint of which `status` tells.
struct Shown {
    endpoint: String,
    backed: Backed,
    ledger: BackupLedger,
}

/// Where the backups of these are, in their order: for people, and for programs by endpoint.
async fn shown(services: &Services<'_>, standings: Vec<Shown>) -> (Vec<String>, Map<String, Value>) {
    let now = services.now();
    let telling = standings.into_iter().map(async |standing| {
        let Shown {
            endpoint,
            backed,
            ledger,
        } = standing;
        let (ledger, note) = with_newest(services, &endpoint, &backed, ledger).await;
        let text = status::status(&endpoint, &ledger, Some(&backed.policy), now);
        let text = match note {
            None => text.trim_end().to_owned(),
            Some(note) => format!("{}\n{note}", text.trim_end()),
        };
        (text, (endpoint, detail(&ledger)))
    });
    let told: Vec<_> = stream::iter(telling).buffered(AT_ONCE).collect().await;
    told.into_iter().unzip()
}

fn detail(ledger: &BackupLedger) -> Value {
    let job = ledger.backup.as_ref();
    json!({
        "newest": ledger.newest.as_ref().map(|kept| kept.id.to_string()),
        "backup": job.map(|job| job.number),
        "progress": job.map(|job| outcome::progress(&job.progress)),
        "restore": ledger.restore.as_ref().map(|restoration| restoration.plan.id()),
        "made_way": ledger.aside.as_ref().map(|drill| drill.plan.id()),
        "alerts_pending": ledger.outbox.len(),
    })
}

/// The ledger with the newest recovery point that there is, where it knows of none: the one of another Region does, and the
/// points themselves. `Some` is what is to be said of them besides.
async fn with_newest(
    services: &Services<'_>,
    endpoint: &str,
    backed: &Backed,
    mut ledger: BackupLedger,
) -> (BackupLedger, Option<String>) {
    if ledger.newest.is_some() {
        return (ledger, None);
    }
    let vault = &backed.policy.vault;
    let s3 = services.looking(&vault.region).s3;
    let from = points::home(services, vault);
    let look = async {
        let newest = points::newest(&s3, vault, endpoint, from).await?;
        let sources = match from {
            Some(_) => BTreeSet::new(),
            None => {
                let placed = points::of(&s3, vault, endpoint, None).await?;
                placed.into_iter().filter_map(|placed| placed.from).collect()
            }
        };
        Ok::<_, CallError>((newest, sources))
    };
    match look.await {
        Ok((newest, sources)) => {
            ledger.newest = newest.map(|(id, point)| points::kept(id, &point));
            let sources: Vec<String> = sources.into_iter().collect();
            let several = format!(
                "They come from {}: `list` shows which, and a restore has to say `from`.",
                and_list(&sources)
            );
            (ledger, (sources.len() > 1).then_some(several))
        }
        Err(error) => (
            ledger,
            Some(format!(
                "Its recovery points could not be looked at: {error}. {}",
                error.advice()
            )),
        ),
    }
}

async fn list(
    services: &Services<'_>,
    endpoint: &str,
    from: Option<&str>,
    place: &Place,
) -> Result<Report, HandlerError> {
    let vault = &place.vault;
    let s3 = services.looking(&vault.region).s3;
    let read = async {
        let placed = points::of(&s3, vault, endpoint, from).await?;
        let older = placed.len().saturating_sub(LISTED);
        let read = points::read_all(&s3, vault, placed[older..].to_vec()).await?;
        Ok::<_, CallError>((older, read))
    };
    let (older, mut read) = match read.await {
        Ok(read) => read,
        Err(error) => return Ok(unread(endpoint, &error)),
    };
    read.retain(|found| from.is_none_or(|from| found.source().is_none_or(|source| source == from)));
    let mut text = status::list(endpoint, &read, services.now()).trim_end().to_owned();
    if older > 0 {
        text.push_str(&format!("\nand {older} older ones"));
    }
    if !place.backed {
        text.push_str(&format!(
            "\n{endpoint} is not backed up any more. {}",
            retention::how_all_go(endpoint)
        ));
    }
    let ids: Vec<String> = read.iter().rev().map(|found| found.placed.id.to_string()).collect();
    Ok(Report::done(text).with("endpoint", endpoint).with("points", ids))
}

/// The answer when the Region of the backups does not answer.
fn unread(endpoint: &str, error: &CallError) -> Report {
    Report::partial(format!(
        "The recovery points of {endpoint} could not be looked at: {error}. {}",
        error.advice()
    ))
}
