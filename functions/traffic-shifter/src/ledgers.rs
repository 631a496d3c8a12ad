//! Which endpoints have rollouts: the ledgers in the state bucket, listed, and read only where something is to be done.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use steward::{
    aws::{
        ledger::{LedgerError, Loaded},
        s3::Listed,
    },
    failure::CallError,
    rollout::{
        FOLDER, RolloutLedger,
        look::{Unreadable, Users, WaysBack},
        needed as needed_by, wake,
    },
    trigger::is_endpoint_name,
};

use crate::{Context, HandlerError, services::Services};

/// Ledgers read at the same time.
const AT_ONCE: usize = 16;

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
    let all = all(services).await?;
    let due = all
        .into_iter()
        .filter(|(endpoint, etag)| !ctx.ledgers.idle(endpoint, etag, now));
    Ok(due.map(|(endpoint, _)| endpoint).collect())
}

/// Every endpoint that has or had a rollout, with the ETag of its ledger.
pub(crate) async fn all(services: &Services<'_>) -> Result<Vec<(String, String)>, HandlerError> {
    list(services).await.map_err(HandlerError::List)
}

async fn list(services: &Services<'_>) -> Result<Vec<(String, String)>, CallError> {
    let state = services.state();
    let prefix = state.key(FOLDER);
    let listed = services.s3.list(&state.bucket, &prefix).await;
    let endpoint = |listed: Listed| {
        let name = listed.key.strip_prefix(&prefix)?.strip_suffix(".json")?;
        is_endpoint_name(name).then(|| (name.to_owned(), listed.etag))
    };
    Ok(listed?.into_iter().filter_map(endpoint).collect())
}

/// Which of these configs somebody may have to go back to: the rollouts of all endpoints but this one, and whoever the health
/// checker last knew to be well with one of them. A rollout's ledger that is no document of this build is told as such: it
/// stays so until a person mends it, and must not keep the configs of every endpoint for so long.
///
/// # Errors
/// What could not be read now.
pub(crate) async fn needed(
    services: &Services<'_>,
    endpoint: &str,
    configs: &BTreeSet<String>,
) -> Result<WaysBack, String> {
    let listed = list(services).await.map_err(|error| error.to_string())?;
    let others = listed.into_iter().filter(|(other, _)| other != endpoint);
    let reading = others.map(|(other, _)| async move {
        match services.ledger(&other).load().await {
            Ok(loaded) => Ok(Ok((other, needed_by(services.now(), &loaded.document)))),
            Err(error @ LedgerError::Unreadable { written, .. }) => Ok(Err(Unreadable {
                endpoint: other,
                written,
                said: error.to_string(),
            })),
            Err(error) => Err(error.to_string()),
        }
    });
    let read: Vec<Result<(String, BTreeSet<String>), Unreadable>> =
        stream::iter(reading).buffer_unordered(AT_ONCE).try_collect().await?;
    let (mut rollouts, mut unreadable) = (Vec::new(), Vec::new());
    for one in read {
        match one {
            Ok(needed) => rollouts.push(needed),
            Err(one) => unreadable.push(one),
        }
    }
    unreadable.sort_by(|a, b| a.endpoint.cmp(&b.endpoint));
    let health = services.health().load().await.map_err(|error| error.to_string())?;
    let good = health.document.endpoints.into_iter().filter_map(|(other, record)| {
        let good = record.last_good?.config;
        Some((other, BTreeSet::from([good])))
    });
    let mut by = Users::new();
    for (other, needed) in rollouts.into_iter().chain(good) {
        for config in needed.intersection(configs) {
            by.entry(config.clone()).or_default().insert(other.clone());
        }
    }
    Ok(WaysBack { by, unreadable })
}
