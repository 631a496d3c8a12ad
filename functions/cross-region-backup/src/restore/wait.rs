//! Drills that are due and wait for their turn, since they are made one after the other.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt, stream};
use steward::{
    aws::ledger::{LedgerError, Loaded},
    backup::ledger::{BackupLedger, Waiting, late},
};

use super::{
    drive::facts,
    due::{AT_ONCE, Found},
    target::{self, NoTarget},
};
use crate::{HandlerError, services::Services};

/// No drills are made by themselves any more, so what waited for its turn does not when they are again.
pub(super) async fn for_none(services: &Services<'_>, found: &Found) -> Result<(), LedgerError> {
    let waited = found
        .ledgers
        .iter()
        .filter(|(_, loaded)| loaded.document.drill_waits.is_some());
    for (endpoint, loaded) in waited {
        marked(services, endpoint, Some(loaded.clone()), None).await?;
    }
    Ok(())
}

/// Remembers since when a drill waits, or that it does not.
async fn marked(
    services: &Services<'_>,
    endpoint: &str,
    known: Option<Loaded<BackupLedger>>,
    every: Option<Duration>,
) -> Result<Loaded<BackupLedger>, LedgerError> {
    let now = services.now();
    let decide = |document: &BackupLedger| {
        let mut new = document.clone();
        new.waits_for_its_drill(document.drill_is_due(every, now), now);
        ((new != *document).then_some(new), ())
    };
    let ledger = services.ledger(endpoint);
    let (loaded, ()) = match known {
        Some(loaded) => ledger.change_from(loaded, decide).await?,
        None => ledger.change(decide).await?,
    };
    Ok(loaded)
}

/// Of the endpoints that had no turn: remembers since when their drills wait, and tells when that is too long. The ledger
/// that was written last has it to tell.
pub(super) async fn pass_over(
    services: &Services<'_>,
    found: &Found,
    passed: Vec<String>,
) -> Result<Option<(String, Loaded<BackupLedger>)>, HandlerError> {
    let readable = passed
        .into_iter()
        .filter(|endpoint| !found.unread.contains_key(endpoint));
    let marking = readable.map(async |endpoint| {
        if !services.in_time() {
            return Ok(None);
        }
        let target = match target::of(services, &endpoint).await {
            Ok(target) => target,
            Err(NoTarget::Not(_)) => return Ok(None),
            Err(NoTarget::Unread(error)) => return Err(HandlerError::Points(error)),
        };
        let every = target.policy.drill.every;
        let known = found.ledgers.get(&endpoint);
        if every.is_none() && known.is_none_or(|loaded| loaded.document.drill_waits.is_none()) {
            return Ok(None);
        }
        let loaded = marked(services, &endpoint, known.cloned(), every).await?;
        Ok(Some((endpoint, loaded, target)))
    });
    let results: Vec<Result<_, HandlerError>> = stream::iter(marking).buffered(AT_ONCE).collect().await;
    let (mut waiting, mut known, mut failed) = (Vec::new(), BTreeMap::new(), None);
    for result in results {
        match result {
            Ok(Some((endpoint, loaded, target))) => {
                let since = loaded.document.drill_waits;
                if let (Some(since), Some(every)) = (since, target.policy.drill.every) {
                    waiting.push(Waiting {
                        endpoint: endpoint.clone(),
                        since,
                        every,
                    });
                }
                known.insert(endpoint, (loaded, target));
            }
            Ok(None) => {}
            Err(error) => failed = Some(error),
        }
    }
    let told = found
        .ledgers
        .values()
        .filter_map(|loaded| loaded.document.drills_late_told);
    let late = late(&waiting, told.max(), services.now());
    let first = late.first().and_then(|first| known.remove_entry(&first.endpoint));
    let written = match first {
        None => None,
        Some((endpoint, (loaded, target))) => {
            let facts = facts(services, &endpoint, &target.labels);
            let decide = |document: &BackupLedger| {
                let mut new = document.clone();
                // Unless it was begun meanwhile.
                if document.drill_waits.is_some() {
                    new.drills_are_late(&facts, &late);
                }
                ((new != *document).then_some(new), ())
            };
            let (loaded, ()) = services.ledger(&endpoint).change_from(loaded, decide).await?;
            Some((endpoint, loaded))
        }
    };
    failed.map_or(Ok(written), Err)
}
