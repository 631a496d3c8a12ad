//! What `status` tells in the Region of the backups, of endpoints that are not there: on the night when their own Region is
//! dark nobody can list or describe them, and what can be restored is in the recovery points alone.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use serde_json::Value;
use steward::{
    backup::{ledger::BackupLedger, retention, status},
    failure::CallError,
    fleet::Fleet,
    report::Report,
};

use super::{AT_ONCE, Shown, detail, shown};
use crate::{
    HandlerError,
    restore::{self, Found},
    services::{Backed, Services, backed},
    tick,
};

/// Recovery points are kept in this Region, as far as the fleet file says.
pub(super) async fn keeps(services: &Services<'_>) -> bool {
    services.fleet().await.is_ok_and(|fleet| keeps_any(services, &fleet))
}

fn keeps_any(services: &Services<'_>, fleet: &Fleet) -> bool {
    fleet.vaults().iter().any(|vault| vault.region == services.home())
}

/// The answer, where it is this Region's to give: of one endpoint when only its recovery points or a restore that is at work
/// tell of it, without a name whenever recovery points are kept here.
///
/// # Errors
/// When what is remembered, or what is in this Region, cannot be listed.
pub(super) async fn show(services: &Services<'_>, endpoint: Option<&str>) -> Result<Option<Report>, HandlerError> {
    let Ok(fleet) = services.fleet().await else {
        return Ok(None);
    };
    if !keeps_any(services, &fleet) {
        return Ok(None);
    }
    match endpoint {
        Some(endpoint) => one(services, &fleet, endpoint).await,
        None => all(services, &fleet).await.map(Some),
    }
}

async fn one(services: &Services<'_>, fleet: &Fleet, endpoint: &str) -> Result<Option<Report>, HandlerError> {
    // What the fleet file says without the recovery points needs none of this.
    if !matches!(services.backed(endpoint).await, Ok(None)) {
        return Ok(None);
    }
    let known = known(services, fleet, endpoint).await;
    let ledger = services.ledger(endpoint).load().await?.document;
    if matches!(known, Ok(None)) && ledger.restorations().next().is_none() {
        return Ok(None);
    }
    let known = Known {
        endpoint: endpoint.to_owned(),
        backed: known,
        ledger: Ok(ledger),
        points: false,
    };
    Ok(Some(told(services, vec![known], None).await))
}

/// What the fleet file says of an endpoint that is somewhere else.
async fn known(services: &Services<'_>, fleet: &Fleet, endpoint: &str) -> Result<Option<Backed>, CallError> {
    let tags = match fleet.selects_by_tags_of(endpoint) {
        true => restore::tags(services, fleet, endpoint).await?,
        false => None,
    };
    Ok(backed(fleet, endpoint, tags.as_ref()))
}

async fn all(services: &Services<'_>, fleet: &Fleet) -> Result<Report, HandlerError> {
    let Found { mut ledgers, unread } = restore::ledgers(services).await?;
    let mut unread: BTreeMap<String, String> = unread
        .into_iter()
        .map(|(name, error)| (name, error.to_string()))
        .collect();
    let listed: BTreeMap<String, Backed> = tick::endpoints(services).await?.into_iter().collect();
    let (points, trouble) = match restore::restorable(services, fleet).await {
        Ok(points) => (points, None),
        Err(error) => (
            BTreeMap::new(),
            Some(format!(
                "The recovery points in {} could not be looked at, so more may be restorable: {error}. {}",
                services.home(),
                error.advice()
            )),
        ),
    };
    let named: BTreeSet<&str> = fleet.named().into_iter().collect();
    // Endpoints that live here, as those that a glob selects too, are not backed up here.
    let expected = |(name, backed): &(&String, &Backed)| {
        backed.policy.vault.region != services.home() || named.contains(name.as_str())
    };
    let remembered = ledgers.iter().filter(|(_, loaded)| tells(&loaded.document));
    let names: BTreeSet<&String> = (listed.iter().filter(expected).map(|(name, _)| name))
        .chain(points.keys())
        .chain(remembered.map(|(name, _)| name))
        .chain(unread.keys())
        .collect();
    let names: Vec<String> = names.into_iter().cloned().collect();
    let looking = names.into_iter().map(async |name| {
        let known = match listed.get(&name) {
            Some(backed) => Ok(Some(backed.clone())),
            None => known(services, fleet, &name).await,
        };
        (name, known)
    });
    let known: Vec<_> = stream::iter(looking).buffered(AT_ONCE).collect().await;
    let each = known.into_iter().map(|(endpoint, backed)| Known {
        points: points.contains_key(&endpoint),
        ledger: match (ledgers.remove(&endpoint), unread.remove(&endpoint)) {
            (Some(loaded), _) => Ok(loaded.document),
            (None, Some(why)) => Err(why),
            (None, None) => Ok(BackupLedger::default()),
        },
        endpoint,
        backed,
    });
    Ok(told(services, each.collect(), trouble).await)
}

/// Something is or was made of its recovery points here.
fn tells(ledger: &BackupLedger) -> bool {
    ledger.restorations().next().is_some() || !ledger.past.is_empty() || !ledger.held.is_empty()
}

/// What is known of an endpoint.
struct Known {
    endpoint: String,
    /// What the fleet file says of it.
    backed: Result<Option<Backed>, CallError>,
    /// What is remembered of it.
    ledger: Result<BackupLedger, String>,
    /// There are recovery points of it.
    points: bool,
}

async fn told(services: &Services<'_>, all: Vec<Known>, trouble: Option<String>) -> Report {
    let now = services.now();
    let (mut standings, mut others, mut failed) = (Vec::new(), BTreeMap::new(), trouble.is_some());
    for known in all {
        let Known {
            endpoint,
            backed,
            ledger,
            points,
        } = known;
        let ledger = match ledger {
            Ok(ledger) => ledger,
            Err(why) => {
                failed = true;
                let text = format!("What is remembered of {endpoint} cannot be read: {why}");
                others.insert(endpoint, (text, Value::Null));
                continue;
            }
        };
        let working = status::at_work(&ledger, now);
        let said = match backed {
            Ok(Some(backed)) => {
                let mut ledger = ledger;
                ledger.kept_in(&backed.policy.vault);
                standings.push(Shown {
                    endpoint,
                    backed,
                    ledger,
                });
                continue;
            }
            // Long ago: what it came to is of no use without a recovery point.
            Ok(None) if !points && working.is_empty() => continue,
            Ok(None) => {
                let said = status::status(&endpoint, &ledger, None, now);
                let stay = points.then(|| {
                    let all_go = retention::how_all_go(&endpoint);
                    format!("\nIts recovery points stay: `list` shows them. {all_go}")
                });
                format!("{}{}", said.trim_end(), stay.unwrap_or_default())
            }
            Err(error) => {
                failed = true;
                format!(
                    "The recovery points of {endpoint} could not be looked at: {error}. {}",
                    error.advice()
                )
            }
        };
        let said = format!("{said}\n{working}");
        others.insert(endpoint, (said.trim_end().to_owned(), detail(&ledger)));
    }
    let names: Vec<String> = standings.iter().map(|standing| standing.endpoint.clone()).collect();
    let (texts, mut details) = shown(services, standings).await;
    let mut texts: BTreeMap<String, String> = names.into_iter().zip(texts).collect();
    for (endpoint, (text, detail)) in others {
        details.insert(endpoint.clone(), detail);
        texts.insert(endpoint, text);
    }
    let nothing = texts.is_empty() && trouble.is_none();
    let none = nothing.then(|| {
        format!(
            "Nothing can be restored in {}: no recovery point is kept here, and none is expected by name.",
            services.home()
        )
    });
    let texts: Vec<String> = trouble.into_iter().chain(none).chain(texts.into_values()).collect();
    let summary = texts.join("\n\n");
    let report = match failed {
        true => Report::partial(summary),
        false => Report::done(summary),
    };
    report.with("endpoints", Value::Object(details))
}
