//! Whether SageMaker could start another instance of the endpoints of this Region, also of those that nobody backs up and of
//! those that a restore made.
//!
//! Each is looked at once an hour, and when it was begun to be backed up, a few at a time, after everything that cannot
//! wait. What is gone is decided, remembered and told in one document of the Region.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use steward::{
    aws::ledger::LedgerError,
    backup::audit::{self, Audits, Finding, Look, Looked, Round},
};
use tracing::Instrument;

use crate::{
    backup::{self, Composed},
    presence,
    services::Services,
};

/// Endpoints looked at at the same time: each makes several calls at once by itself.
const AT_ONCE: usize = 4;

/// Which endpoints are audited, besides those that a restore made here.
#[derive(Debug, Default)]
pub(crate) struct Selected {
    /// With when each was last begun to be backed up.
    pub(crate) endpoints: BTreeMap<String, Option<Timestamp>>,
    /// These are all that the fleet file selects.
    pub(crate) all: bool,
}

/// Looks at those of these endpoints whose turn it is, and tells what is gone.
///
/// # Errors
/// When the document of the audits cannot be read or written: all of them are looked at again.
pub(crate) async fn round(
    services: &Services<'_>,
    selected: &Selected,
    labels: &BTreeMap<String, String>,
) -> Result<(), LedgerError> {
    let Some(restored) = services.ctx.ledgers.restored().filter(|_| services.in_time()) else {
        return Ok(());
    };
    let mut endpoints: BTreeMap<&str, Option<Timestamp>> = selected
        .endpoints
        .iter()
        .map(|(endpoint, backup)| (endpoint.as_str(), *backup))
        .collect();
    for endpoint in restored.made.keys() {
        endpoints.entry(endpoint).or_default();
    }
    // What is being made, or torn down again, is not what serves.
    endpoints.retain(|endpoint, _| !restored.at_work.contains(*endpoint));
    let ledger = services.audits();
    let loaded = ledger.load().await?;
    let due = loaded.document.due(&endpoints, services.now());
    if due.is_empty() && loaded.document == Audits::default() {
        return Ok(());
    }
    let looking = due.iter().map(|endpoint| {
        let span = tracing::info_span!("endpoint", endpoint);
        let one = async move {
            if !services.in_time() {
                return None;
            }
            let looked = one(services, endpoint).await;
            // A look that the end of its time cut short was none.
            services.in_time().then_some((*endpoint, looked))
        };
        one.instrument(span)
    });
    let looks: Vec<Option<(&str, Looked)>> = stream::iter(looking).buffered(AT_ONCE).collect().await;
    let looks: Vec<(&str, Looked)> = looks.into_iter().flatten().collect();
    let round = Round {
        now: services.now(),
        region: services.home(),
        labels,
        endpoints: &endpoints.keys().copied().collect(),
        all: selected.all && restored.all,
        restored: &restored.made,
        looks: &looks,
    };
    let decide = |audits: &Audits| {
        let mut new = audits.clone();
        new.take_over(&restored.told, round.now);
        new.round(&round);
        ((new != *audits).then_some(new), ())
    };
    let (loaded, ()) = ledger.change_from(loaded, decide).await?;
    if !looks.is_empty() {
        tracing::info!(endpoints = looks.len(), "audited");
    }
    services.teller.drain(&ledger, loaded).await.map(drop)
}

async fn one(services: &Services<'_>, endpoint: &str) -> Looked {
    match look(services, endpoint).await {
        Ok(Some(look)) => Looked::Seen(look),
        Ok(None) => {
            tracing::info!("not audited: there is no such endpoint here");
            Looked::Absent
        }
        Err(why) => {
            tracing::info!("not audited: {why}");
            Looked::Unknown
        }
    }
}

/// What an endpoint that serves could not be deployed from again, and what of it could not be seen. `None`: there is no such
/// endpoint. `Err` says why nobody knows.
async fn look(services: &Services<'_>, endpoint: &str) -> Result<Option<Look>, String> {
    let Some(Composed {
        mut definition,
        mut lacking,
    }) = backup::composed(services, endpoint).await?
    else {
        return Ok(None);
    };
    if !lacking.is_empty() {
        // It may serve something else since, and what served before may have been deleted for that.
        let Some(again) = backup::composed(services, endpoint).await? else {
            return Ok(None);
        };
        lacking.retain(|one| again.lacking.contains(one));
        definition = again.definition;
    }
    let seen = presence::of(services, services.home(), &definition).await;
    for one in audit::judge(seen.clone()).1 {
        tracing::warn!("not seen: {one}");
    }
    let undefined = lacking
        .iter()
        .map(|(kind, name)| Finding::undefined(*kind, name, &definition));
    let look = Look::new(seen, audit::defined(&definition, &lacking), undefined.collect());
    for finding in &look.findings {
        tracing::warn!("{finding}");
    }
    Ok(Some(look))
}
