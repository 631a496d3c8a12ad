//! What is at work in this Region, and which drills are due.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use shared::{
    aws::{
        ledger::{LedgerError, Loaded},
        s3::Listed,
    },
    backup::{ledger::BackupLedger, restore::Kind},
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

/// The ledgers of this Region, by endpoint.
///
/// # Errors
/// When they cannot be listed, or one cannot be read.
pub(super) async fn ledgers(services: &Services<'_>) -> Result<BTreeMap<String, Loaded<BackupLedger>>, HandlerError> {
    let state = &services.settings().state;
    let prefix = state.key("backup/");
    let endpoint = |listed: Listed| {
        let name = listed.key.strip_prefix(&prefix)?.strip_suffix(".json")?;
        is_endpoint_name(name).then(|| name.to_owned())
    };
    let listed = services.s3.list(&state.bucket, &prefix).await;
    let listed = listed.map_err(|error| HandlerError::Fleet(format!("{error}. {}", error.advice())))?;
    let reading = listed.into_iter().filter_map(endpoint).map(async |endpoint| {
        let loaded = services.ledger(&endpoint).load().await?;
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
        endpoints.extend(found.into_iter().map(|(endpoint, _)| endpoint));
    }
    endpoints.sort();
    endpoints.dedup();
    Ok(endpoints)
}

/// Begins the drills that are due; answers the ledgers as they are then, and what could not begin.
///
/// # Errors
/// When a ledger cannot be written.
pub(super) async fn begin_drills(
    services: &Services<'_>,
    ledgers: &mut BTreeMap<String, Loaded<BackupLedger>>,
) -> Result<Vec<String>, HandlerError> {
    let mut trouble = Vec::new();
    let fleet = match services.fleet().await {
        Ok(fleet) => fleet,
        Err(why) => return Ok(vec![why]),
    };
    let endpoints = match restorable(services, &fleet).await {
        Ok(endpoints) => endpoints,
        Err(why) => return Ok(vec![why]),
    };
    for endpoint in endpoints {
        if !services.in_time() {
            break;
        }
        // One of a place that the endpoint has left: nothing is drilled there.
        let Ok(target) = target::of(services, &endpoint).await else {
            continue;
        };
        let every = target.policy.drill.every;
        if every.is_none() {
            continue;
        }
        let loaded = match ledgers.remove(&endpoint) {
            Some(loaded) => loaded,
            None => services.ledger(&endpoint).load().await?,
        };
        let due = loaded.document.drill_is_due(every, services.now());
        let loaded = match due {
            false => loaded,
            true => {
                let (loaded, why) = Box::pin(drill(services, &endpoint, loaded)).await?;
                trouble.extend(why.map(|why| format!("{endpoint}: {why}")));
                loaded
            }
        };
        ledgers.insert(endpoint, loaded);
    }
    Ok(trouble)
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
