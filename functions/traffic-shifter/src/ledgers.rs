//! Which endpoints have rollouts: the ledgers in the state bucket, listed, and read only where something is to be done.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use steward::{
    aws::{ledger::Loaded, s3::Listed},
    rollout::{FOLDER, RolloutLedger, wake},
    trigger::is_endpoint_name,
};

use crate::{Context, HandlerError, services::Services};

/// What is known of ledgers by their ETags, kept between warm invocations.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<BTreeMap<String, Known>>);

#[derive(Clone, Debug)]
struct Known {
    etag: String,
    wake: Option<Timestamp>,
}

impl Memory {
    /// Remembers a ledger as it is now.
    pub(crate) fn keep(&self, endpoint: &str, loaded: &Loaded<RolloutLedger>) {
        let Some(etag) = loaded.etag() else {
            return;
        };
        let known = Known {
            etag: etag.to_owned(),
            wake: wake(&loaded.document),
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(endpoint.to_owned(), known);
    }

    /// It has not changed since it was found to have nothing to do before a later time than `now`.
    fn idle(&self, endpoint: &str, etag: &str, now: Timestamp) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(endpoint)
            .is_some_and(|known| known.etag == etag && known.wake.is_none_or(|wake| wake > now))
    }
}

/// The endpoints with a rollout at work or something to tidy, and those that nothing is known of yet.
pub(crate) async fn due(ctx: &Context, services: &Services<'_>) -> Result<Vec<String>, HandlerError> {
    let now = services.now();
    let all = all(ctx, services).await?;
    let due = all
        .into_iter()
        .filter(|(endpoint, etag)| !ctx.ledgers.idle(endpoint, etag, now));
    Ok(due.map(|(endpoint, _)| endpoint).collect())
}

/// Every endpoint that has or had a rollout, with the ETag of its ledger.
pub(crate) async fn all(ctx: &Context, services: &Services<'_>) -> Result<Vec<(String, String)>, HandlerError> {
    let state = &ctx.deployed.settings.state;
    let prefix = state.key(FOLDER);
    let listed = services.s3.list(&state.bucket, &prefix).await;
    let endpoint = |listed: Listed| {
        let name = listed.key.strip_prefix(&prefix)?.strip_suffix(".json")?;
        is_endpoint_name(name).then(|| (name.to_owned(), listed.etag))
    };
    let listed = listed.map_err(HandlerError::List)?;
    Ok(listed.into_iter().filter_map(endpoint).collect())
}
