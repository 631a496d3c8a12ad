//! What is remembered of which endpoints: the ledgers in the state bucket, listed, and read only when they changed.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use futures::{StreamExt, stream};
use steward::{
    aws::{
        ledger::{LedgerError, Loaded},
        s3::Listed,
    },
    trigger::is_endpoint_name,
    wake::{FOLDER, WakeLedger},
};

use crate::{Context, HandlerError, services::Services};

/// Ledgers read at the same time.
const AT_ONCE: usize = 16;

/// What decides whether a ledger is due, by its ETag, kept between warm invocations.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<BTreeMap<String, (String, WakeLedger)>>);

impl Memory {
    /// Remembers a ledger as it is now, without its past.
    pub(crate) fn keep(&self, endpoint: &str, loaded: &Loaded<WakeLedger>) {
        let Some(etag) = loaded.etag() else { return };
        let slim = WakeLedger {
            history: vec![],
            commands: vec![],
            ..loaded.document.clone()
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(endpoint.to_owned(), (etag.to_owned(), slim));
    }

    fn recall(&self, endpoint: &str, etag: &str) -> Option<WakeLedger> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, slim) = all.get(endpoint)?;
        (known == etag).then(|| slim.clone())
    }
}

/// Every ledger that there is, without its past. One that cannot be read is an error beside the others.
///
/// # Errors
/// When they cannot be listed.
pub(crate) async fn all(
    ctx: &Context,
    services: &Services<'_>,
) -> Result<(BTreeMap<String, WakeLedger>, Option<LedgerError>), HandlerError> {
    let state = &ctx.deployed.settings.state;
    let prefix = state.key(FOLDER);
    let listed = services.s3.list(&state.bucket, &prefix).await;
    let endpoint = |listed: Listed| {
        let name = listed.key.strip_prefix(&prefix)?.strip_suffix(".json")?;
        is_endpoint_name(name).then(|| (name.to_owned(), listed.etag))
    };
    let listed = listed.map_err(HandlerError::List)?;
    let reading = listed.into_iter().filter_map(endpoint).map(async |(name, etag)| {
        if let Some(known) = ctx.ledgers.recall(&name, &etag) {
            return (name, Ok(known));
        }
        let loaded = services.ledger(&name).load().await;
        if let Ok(loaded) = &loaded {
            ctx.ledgers.keep(&name, loaded);
        }
        (name, loaded.map(|loaded| loaded.document))
    });
    let read: Vec<(String, Result<WakeLedger, LedgerError>)> =
        stream::iter(reading).buffer_unordered(AT_ONCE).collect().await;
    let (mut ledgers, mut unread) = (BTreeMap::new(), None);
    for (name, ledger) in read {
        match ledger {
            Ok(ledger) => drop(ledgers.insert(name, ledger)),
            Err(error) => {
                tracing::error!(endpoint = name, %error, "the ledger cannot be read");
                unread = Some(error);
            }
        }
    }
    Ok((ledgers, unread))
}
