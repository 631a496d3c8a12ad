//! Whether SageMaker could start another instance of the endpoints of this Region, also of those that nobody backs up.
//!
//! Each is looked at once an hour, a few at a time, after everything that cannot wait. What was restored here is looked
//! after with what it holds (`restore::care`).

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use steward::{
    aws::ledger::{LedgerError, Loaded},
    backup::{
        audit::{self, Finding, Found, Share, Turns},
        ledger::BackupLedger,
        tell::Facts,
    },
};
use tracing::Instrument;

use crate::{
    backup::{self, Composed},
    presence,
    services::Services,
};

/// Endpoints looked at at the same time: each makes several calls at once by itself.
const AT_ONCE: usize = 4;

/// Looks at those of these endpoints whose turn it is, and tells what is gone.
///
/// # Errors
/// When a ledger cannot be read or written. The others were looked at.
pub(crate) async fn round(
    services: &Services<'_>,
    endpoints: &[String],
    labels: &BTreeMap<String, String>,
) -> Result<(), LedgerError> {
    let Some(restored) = services.ctx.ledgers.restored().filter(|_| services.in_time()) else {
        return Ok(());
    };
    let own = endpoints.iter().filter(|endpoint| !restored.contains(*endpoint));
    let own: BTreeSet<&str> = own.map(String::as_str).collect();
    let ledger = services.audits();
    let loaded = ledger.load().await?;
    let due = loaded.document.due(&own, services.now());
    if due.is_empty() {
        return Ok(());
    }
    let looking = due.iter().map(|endpoint| {
        let span = tracing::info_span!("endpoint", endpoint);
        let one = async move {
            match services.in_time() {
                // A look that the end of its time cut short was none.
                true => one(services, endpoint)
                    .await
                    .map(|seen| services.in_time().then_some(seen)),
                false => Ok(None),
            }
        };
        one.instrument(span)
    });
    let results: Vec<Result<Option<Option<Seen>>, LedgerError>> =
        stream::iter(looking).buffered(AT_ONCE).collect().await;
    let (mut looked, mut failed, mut all) = (Vec::new(), None, Vec::new());
    for (endpoint, result) in due.iter().zip(results) {
        match result {
            Ok(None) => {}
            Ok(Some(None)) => looked.push(*endpoint),
            Ok(Some(Some(seen))) => all.push((*endpoint, seen)),
            Err(error) => {
                tracing::error!(endpoint, %error, "the ledger cannot be used");
                // It has its turn again with the next round: it must not keep the others from theirs.
                looked.push(endpoint);
                failed = Some(error);
            }
        }
    }
    let found = all.iter().map(|(endpoint, seen)| Found {
        endpoint,
        known: &seen.loaded.document.gone,
        findings: &seen.findings,
    });
    let shares = loaded.document.shares(&found.collect::<Vec<_>>(), services.now());
    let (mut written, mut untold): (Vec<(&str, &Share)>, BTreeSet<&String>) = Default::default();
    for ((endpoint, seen), share) in all.into_iter().zip(&shares) {
        // Who tells it could not: this one is looked at again with the next tick, and tells it.
        if share.elsewhere.iter().any(|key| untold.contains(key)) {
            untold.extend(share.tells.keys());
            continue;
        }
        looked.push(endpoint);
        match tell(services, endpoint, labels, seen, share).await {
            Ok(()) => written.push((endpoint, share)),
            Err(error) => {
                tracing::error!(endpoint, %error, "the ledger cannot be used");
                untold.extend(share.tells.keys());
                failed = Some(error);
            }
        }
    }
    // Last: whoever dies before tells it once more.
    let took = |turns: &Turns| {
        let mut new = turns.clone();
        new.took(&looked, &own, services.now());
        new.shared(&written, services.now());
        ((new != *turns).then_some(new), ())
    };
    ledger.change_from(loaded, took).await?;
    tracing::info!(endpoints = looked.len(), "audited");
    failed.map_or(Ok(()), Err)
}

/// What was seen of one endpoint, and its ledger before.
struct Seen {
    loaded: Loaded<BackupLedger>,
    findings: Vec<Finding>,
    unseen: Vec<String>,
}

/// `None` when nobody knows what it is made of.
async fn one(services: &Services<'_>, endpoint: &str) -> Result<Option<Seen>, LedgerError> {
    let (findings, unseen) = match look(services, endpoint).await {
        Ok(seen) => seen,
        Err(why) => {
            tracing::info!("not audited: {why}");
            return Ok(None);
        }
    };
    let loaded = services.ledger(endpoint).load().await?;
    Ok(Some(Seen {
        loaded,
        findings,
        unseen,
    }))
}

async fn tell(
    services: &Services<'_>,
    endpoint: &str,
    labels: &BTreeMap<String, String>,
    seen: Seen,
    share: &Share,
) -> Result<(), LedgerError> {
    let facts = Facts {
        now: services.now(),
        endpoint,
        region: services.home(),
        labels,
    };
    let ledger = services.ledger(endpoint);
    let decide = |document: &BackupLedger| {
        let mut new = document.clone();
        // It is looked after as what was restored, since just now.
        if document.restored_endpoints().all(|restored| restored != endpoint) {
            new.audited_with_others(&facts, share, &seen.findings, &seen.unseen);
        }
        ((new != *document).then_some(new), ())
    };
    let (loaded, ()) = ledger.change_from(seen.loaded, decide).await?;
    services.teller.drain(&ledger, loaded).await.map(drop)
}

/// What an endpoint that serves could not be deployed from again, and what of it could not be seen. `Err` says why nobody
/// knows.
pub(crate) async fn look(services: &Services<'_>, endpoint: &str) -> Result<(Vec<Finding>, Vec<String>), String> {
    let Composed {
        mut definition,
        mut lacking,
    } = backup::composed(services, endpoint).await?;
    if !lacking.is_empty() {
        // It may serve something else since, and what served before may have been deleted for that.
        let again = backup::composed(services, endpoint).await?;
        lacking.retain(|one| again.lacking.contains(one));
        definition = again.definition;
    }
    let seen = presence::of(services, services.home(), &definition).await;
    let (mut findings, unseen) = audit::judge(seen);
    for one in &unseen {
        tracing::warn!("not seen: {one}");
    }
    let undefined = lacking
        .iter()
        .map(|(kind, name)| Finding::undefined(*kind, name, &definition));
    findings.extend(undefined);
    Ok((findings, unseen))
}
