//! What operators ask for.

mod place;
mod prune;
pub(crate) mod verify;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use steward::{
    aws::{lambda::refused, ledger::Loaded},
    backup::{audit::Audits, ledger::BackupLedger, retention, status},
    command::{BackupCommand, Said},
    failure::CallError,
    report::Report,
    text::and_list,
};

use self::{place::Place, prune::Wanted};
use crate::{
    HandlerError,
    backup::{self, Wish},
    outcome, points, restore,
    services::{Backed, Services},
    tick::{self, Standing},
};

/// Points that `list` reads.
const LISTED: usize = 200;

/// Carries out one command.
pub(crate) async fn run(services: &Services<'_>, command: BackupCommand) -> Result<Report, HandlerError> {
    match command {
        BackupCommand::Restore { .. }
        | BackupCommand::PlanRestore { .. }
        | BackupCommand::Drill { .. }
        | BackupCommand::Abort { .. } => restore::command(services, command).await,
        BackupCommand::Backup { endpoint, said } => make(services, endpoint, said).await,
        BackupCommand::Status { endpoint } => show(services, endpoint).await,
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
    if !all.is_empty() && all.iter().all(here) {
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

async fn show(services: &Services<'_>, endpoint: Option<String>) -> Result<Report, HandlerError> {
    let (audits, unread) = match services.audits().load().await {
        Ok(loaded) => (loaded.document, None),
        Err(error) => (Audits::default(), Some(format!("Nobody knows what is gone: {error}."))),
    };
    let all = match &endpoint {
        Some(endpoint) => match services.backed(endpoint).await {
            Ok(Some(backed)) => vec![(endpoint.clone(), backed)],
            Ok(None) => return Ok(unbacked(services, endpoint, &audits, unread).await),
            Err(why) => return Ok(refused(&why)),
        },
        None => tick::endpoints(services).await?,
    };
    let (standings, failed) = tick::standings(services, all).await;
    if let Some(error) = failed {
        return Err(error.into());
    }
    let now = services.now();
    let (mut texts, mut details) = (Vec::new(), Map::new());
    if standings.is_empty() {
        texts.push("No endpoint is backed up: the fleet file says no `backup.destination` for any.".to_owned());
    }
    let mut names: BTreeSet<String> = endpoint.iter().cloned().collect();
    for standing in standings {
        let Standing {
            endpoint: name,
            backed,
            ledger,
        } = standing;
        let (ledger, note) = with_newest(services, &name, &backed, ledger).await;
        let text = status::status(&name, &ledger, Some(&backed.policy), now);
        texts.push(match note {
            None => text.trim_end().to_owned(),
            Some(note) => format!("{}\n{note}", text.trim_end()),
        });
        if endpoint.is_some() {
            names.extend(ledger.held.iter().map(|held| held.hold.claim.restored.clone()));
        }
        let job = ledger.backup.as_ref();
        details.insert(
            name,
            json!({
                "newest": ledger.newest.as_ref().map(|kept| kept.id.to_string()),
                "backup": job.map(|job| job.number),
                "progress": job.map(|job| outcome::progress(&job.progress)),
                "restore": ledger.restore.as_ref().map(|restoration| restoration.plan.id()),
                "made_way": ledger.aside.as_ref().map(|drill| drill.plan.id()),
                "alerts_pending": ledger.outbox.len(),
            }),
        );
    }
    let (said, gone) = match endpoint {
        Some(_) => {
            let lacks = names.iter().filter_map(|name| status::lacks(name, &audits, now));
            texts.push(lacks.collect());
            texts.extend(unread.clone());
            (texts.join("\n").trim_end().to_owned(), gone(&audits, &names))
        }
        None => {
            texts.extend(status::all_gone(&audits, now));
            texts.extend(unread.clone());
            (texts.join("\n\n"), json!(audits.gone))
        }
    };
    Ok(known(said, unread.as_ref())
        .with("endpoints", details)
        .with("gone", gone)
        .with("audit_alerts_pending", audits.outbox.len()))
}

/// The answer, where something of it may not be known.
fn known(said: String, unread: Option<&String>) -> Report {
    match unread {
        None => Report::done(said),
        Some(_) => Report::partial(said),
    }
}

/// Of an endpoint that is not backed up, what the audit knows.
async fn unbacked(services: &Services<'_>, endpoint: &str, audits: &Audits, unread: Option<String>) -> Report {
    let said = format!("{endpoint} is not backed up: the fleet file says no `backup.destination` for it.");
    let now = services.now();
    match (services.selects(endpoint).await, status::lacks(endpoint, audits, now)) {
        (Err(why), _) => refused(&why),
        (Ok(false), None) if !audits.looked.contains_key(endpoint) => refused(&said),
        (Ok(_), lacks) => {
            let audited = || status::audited(endpoint, audits, now);
            let about = unread.clone().or(lacks).unwrap_or_else(audited);
            let names = [endpoint.to_owned()].into();
            known(format!("{said}\n{}", about.trim_end()), unread.as_ref())
                .with("endpoint", endpoint)
                .with("gone", gone(audits, &names))
        }
    }
}

/// What is gone of these endpoints, for programs.
fn gone(audits: &Audits, names: &BTreeSet<String>) -> Value {
    let theirs = audits
        .gone
        .iter()
        .filter(|(_, gone)| !gone.endpoints.is_disjoint(names));
    json!(theirs.collect::<BTreeMap<_, _>>())
}

/// The ledger with the newest recovery point that there is, where it knows of none: the one of another Region does, and the
/// points themselves. `Some` is what is to be said of them besides.
async fn with_newest(
    services: &Services<'_>,
    endpoint: &str,
    backed: &Backed,
    loaded: Loaded<BackupLedger>,
) -> (BackupLedger, Option<String>) {
    let mut ledger = loaded.document;
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
