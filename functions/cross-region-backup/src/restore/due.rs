//! What is at work in this Region, and which drills are due.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use futures::{StreamExt, TryStreamExt, stream};
use shared::{
    aws::{
        ledger::{LedgerError, Loaded},
        s3::Listed,
    },
    backup::{
        ledger::BackupLedger,
        restore::{Kind, Phase},
    },
    command::OfPoint,
    fleet::Fleet,
    trigger::is_endpoint_name,
};

use super::{
    begin::{self, Asked, Began, Proposed},
    drive::facts,
    target,
};
use crate::{HandlerError, points, services::Services};

/// Ledgers read at the same time.
const AT_ONCE: usize = 16;

/// Ledgers as they were read or written last, kept between warm invocations: one whose ETag is the same need not be read.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<BTreeMap<String, Loaded<BackupLedger>>>);

impl Memory {
    fn get(&self, endpoint: &str, etag: &str) -> Option<Loaded<BackupLedger>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(endpoint).filter(|known| known.etag() == Some(etag)).cloned()
    }

    fn keep(&self, endpoint: &str, ledger: &Loaded<BackupLedger>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(endpoint.to_owned(), ledger.clone());
    }
}

/// The ledgers of this Region, by endpoint.
///
/// # Errors
/// When they cannot be listed, or one cannot be read.
pub(super) async fn ledgers(services: &Services<'_>) -> Result<BTreeMap<String, Loaded<BackupLedger>>, HandlerError> {
    let state = &services.settings().state;
    let prefix = state.key("backup/");
    let endpoint = |listed: Listed| {
        let name = listed.key.strip_prefix(&prefix)?.strip_suffix(".json")?;
        is_endpoint_name(name).then(|| (name.to_owned(), listed.etag))
    };
    let listed = services
        .s3
        .list(&state.bucket, &prefix)
        .await
        .map_err(HandlerError::List)?;
    let memory = &services.ctx.ledgers;
    let reading = listed.into_iter().filter_map(endpoint).map(async |(endpoint, etag)| {
        let loaded = match memory.get(&endpoint, &etag) {
            Some(known) => known,
            None => {
                let loaded = services.ledger(&endpoint).load().await?;
                memory.keep(&endpoint, &loaded);
                loaded
            }
        };
        Ok::<_, LedgerError>((endpoint, loaded))
    });
    let read: BTreeMap<_, _> = stream::iter(reading).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(read)
}

/// The endpoints that have recovery points in this Region.
///
/// # Errors
/// What S3 says of one of the places.
async fn restorable(services: &Services<'_>, fleet: &Fleet) -> Result<Vec<String>, String> {
    let s3 = services.looking(services.home()).s3;
    let mut endpoints = Vec::new();
    for vault in fleet.vaults().iter().filter(|vault| vault.region == services.home()) {
        let found = points::below(&s3, vault, &vault.all_points()).await;
        let found = found.map_err(|error| format!("{error}. {}", error.advice()))?;
        endpoints.extend(found.into_iter().map(|placed| placed.endpoint));
    }
    endpoints.sort();
    endpoints.dedup();
    Ok(endpoints)
}

/// Begins the drill that is due, one at a time: each costs instances and counts against quotas. Answers the ledgers as they
/// are then, and what could not begin.
///
/// # Errors
/// When a ledger cannot be written.
pub(super) async fn begin_drill(
    services: &Services<'_>,
    ledgers: &mut BTreeMap<String, Loaded<BackupLedger>>,
) -> Result<Vec<String>, HandlerError> {
    let mut trouble = Vec::new();
    let fleet = match services.fleet().await {
        Ok(fleet) if fleet.drills() => fleet,
        Ok(_) => return Ok(trouble),
        Err(why) => return Ok(vec![why]),
    };
    if ledgers.values().any(|loaded| is_coming_up(&loaded.document)) {
        return Ok(trouble);
    }
    let endpoints = match restorable(services, &fleet).await {
        Ok(endpoints) => endpoints,
        Err(why) => return Ok(vec![why]),
    };
    for endpoint in endpoints {
        if !services.in_time() {
            break;
        }
        let loaded = match ledgers.get(&endpoint) {
            Some(loaded) => loaded.clone(),
            None => services.ledger(&endpoint).load().await?,
        };
        // One of a place that the endpoint has left: nothing is drilled there.
        let Ok(target) = target::of(services, &endpoint).await else {
            continue;
        };
        if !loaded.document.drill_is_due(target.policy.drill.every, services.now()) {
            continue;
        }
        let (loaded, why) = Box::pin(drill(services, &endpoint, loaded)).await?;
        let begun = is_coming_up(&loaded.document);
        trouble.extend(why.map(|why| format!("{endpoint}: a drill is due: {why}")));
        ledgers.insert(endpoint, loaded);
        if begun {
            break;
        }
    }
    Ok(trouble)
}

/// A drill is at work and not yet taken down.
fn is_coming_up(document: &BackupLedger) -> bool {
    let restoration = document.restore.as_ref();
    let comes_up = |phase| !matches!(phase, Phase::TearingDown | Phase::Tidying);
    restoration.is_some_and(|one| one.plan.kind == Kind::Drill && comes_up(one.phase))
}

/// Begins one drill. What stands against it is a drill that failed; what could not be seen is looked at again.
async fn drill(
    services: &Services<'_>,
    endpoint: &str,
    loaded: Loaded<BackupLedger>,
) -> Result<(Loaded<BackupLedger>, Option<String>), HandlerError> {
    let Ok(number) = loaded.document.may_restore() else {
        return Ok((loaded, None));
    };
    let of = OfPoint {
        endpoint: endpoint.to_owned(),
        point: None,
        from: None,
    };
    let asked = Asked {
        kind: Kind::Drill,
        of: &of,
        name: None,
    };
    let Proposed { target, proposal, .. } = match begin::propose(services, asked, number).await {
        Ok(proposed) => proposed,
        Err(why) => {
            tracing::warn!(endpoint, "a drill is due and cannot begin: {why}");
            return Ok((loaded, Some(why)));
        }
    };
    if let Some(why) = proposal.unseen.first() {
        tracing::warn!(endpoint, "a drill is due and cannot begin yet: {why}");
        return Ok((loaded, Some(why.clone())));
    }
    if !proposal.problems.is_empty() {
        let facts = facts(services, endpoint, &target.labels);
        let told = |document: &BackupLedger| {
            let mut document = document.clone();
            if document.may_restore() != Ok(number) {
                return (None, ());
            }
            document.not_drilled(&facts, &proposal.plan, &proposal.problems);
            (Some(document), ())
        };
        let (loaded, ()) = services.ledger(endpoint).change_from(loaded, told).await?;
        return Ok((loaded, Some(proposal.problems.join("; "))));
    }
    // The same tick may come twice; it then finds the drill at work, or that none is due.
    let id = format!("drill-{number}-due");
    let (loaded, began) = begin::begin(services, endpoint, loaded, (proposal.plan, &target), (&id, None)).await?;
    Ok((
        loaded,
        match began {
            Began::Now | Began::Before => None,
            Began::Busy(busy) => Some(busy.to_string()),
        },
    ))
}
