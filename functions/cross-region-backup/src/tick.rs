//! What wakes the function besides people: the schedule, and SageMaker's events.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use steward::{
    aws::ledger::{LedgerError, Loaded},
    backup::{
        ledger::{BackupLedger, InForce, Shipped},
        tell::Facts,
    },
    endpoint::{EndpointStatus, Listed},
    failure::CallError,
    fleet::Fleet,
    report::Report,
    trigger::EndpointStateChange,
};
use tracing::Instrument;

use crate::{
    HandlerError,
    audit::{self, Selected},
    backup::{self, Came, Told, Wish, in_force},
    outcome::{self, Ticked},
    services::{Backed, Services, backed},
};

/// Ledgers and tags read at the same time.
const AT_ONCE: usize = 16;

/// Backups made at the same time: each makes many calls by itself.
const BACKUPS: usize = 4;

/// Tags seldom change, and `ListTags` is a call for each endpoint: they are asked again after this.
const TAGS_LAST: Duration = Duration::from_secs(600);

type Tags = BTreeMap<String, String>;

/// Tags by ARN, kept between warm invocations.
#[derive(Debug, Default)]
pub(crate) struct TagCache(Mutex<BTreeMap<String, (Timestamp, Tags)>>);

impl TagCache {
    fn get(&self, arn: &str, now: Timestamp) -> Option<Tags> {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cache.retain(|_, (at, _)| Duration::try_from(now.duration_since(*at)).is_ok_and(|age| age < TAGS_LAST));
        cache.get(arn).map(|(_, tags)| tags.clone())
    }

    fn put(&self, arn: &str, now: Timestamp, tags: &Tags) {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cache.insert(arn.to_owned(), (now, tags.clone()));
    }
}

/// One endpoint that is backed up, and what is remembered of it.
pub(crate) struct Standing {
    pub(crate) endpoint: String,
    pub(crate) backed: Backed,
    pub(crate) ledger: Loaded<BackupLedger>,
}

/// Every endpoint of this Region that is backed up.
///
/// # Errors
/// When nobody can say which they are.
pub(crate) async fn endpoints(services: &Services<'_>) -> Result<Vec<(String, Backed)>, HandlerError> {
    let fleet = services.fleet().await?;
    Ok(backed_of(&fleet, &selected(services, &fleet).await?.0))
}

fn backed_of(fleet: &Fleet, selected: &BTreeMap<String, Option<Tags>>) -> Vec<(String, Backed)> {
    let all = selected.iter();
    all.filter_map(|(name, tags)| Some((name.clone(), backed(fleet, name, tags.as_ref())?)))
        .collect()
}

/// Every endpoint that the fleet file selects, with its tags where these decide something: those that are named, whether
/// they are in this Region or not, and of globs and groups those that are. `true`: it is known of each whether it is one.
async fn selected(
    services: &Services<'_>,
    fleet: &Fleet,
) -> Result<(BTreeMap<String, Option<Tags>>, bool), HandlerError> {
    let mut all = true;
    let mut names: BTreeMap<String, Option<Tags>> =
        fleet.named().into_iter().map(|name| (name.to_owned(), None)).collect();
    if fleet.selects_by_pattern() {
        let sagemaker = services.looking(services.home()).sagemaker;
        let unlisted = |call: CallError| HandlerError::Fleet(format!("{call}. {}", call.advice()));
        for (name, tags) in tagged(services, fleet, sagemaker.list_endpoints().await.map_err(unlisted)?).await {
            match tags {
                Ok(tags) => drop(names.insert(name, tags)),
                Err(error) => {
                    tracing::warn!(endpoint = name, %error, "no tags, so nobody knows whether it is backed up");
                    all = false;
                }
            }
        }
    }
    names.retain(|name, tags| fleet.health_for(name, tags.as_ref()).is_some());
    Ok((names, all))
}

async fn tagged(
    services: &Services<'_>,
    fleet: &Fleet,
    listed: Vec<Listed>,
) -> Vec<(String, Result<Option<Tags>, CallError>)> {
    let reading = listed.into_iter().map(async |endpoint| {
        if !fleet.selects_by_tags_of(&endpoint.name) {
            return (endpoint.name, Ok(None));
        }
        let (cache, now) = (&services.ctx.tags, services.now());
        if let Some(tags) = cache.get(&endpoint.arn, now) {
            return (endpoint.name, Ok(Some(tags)));
        }
        let tags = services
            .looking(services.home())
            .sagemaker
            .list_tags(&endpoint.arn)
            .await;
        if let Ok(tags) = &tags {
            cache.put(&endpoint.arn, now, tags);
        }
        (endpoint.name, tags.map(Some))
    });
    stream::iter(reading).buffer_unordered(AT_ONCE).collect().await
}

/// What is remembered of each of them; those whose ledger cannot be read are the error, after the others.
pub(crate) async fn standings(
    services: &Services<'_>,
    endpoints: Vec<(String, Backed)>,
) -> (Vec<Standing>, Option<LedgerError>) {
    let reading = endpoints.into_iter().map(async |(endpoint, backed)| {
        let mut ledger = services.ledger(&endpoint).load().await?;
        ledger.document.kept_in(&backed.policy.vault);
        Ok(Standing {
            endpoint,
            backed,
            ledger,
        })
    });
    let read: Vec<Result<Standing, LedgerError>> = stream::iter(reading).buffered(AT_ONCE).collect().await;
    split(read)
}

fn split<T>(results: Vec<Result<T, LedgerError>>) -> (Vec<T>, Option<LedgerError>) {
    let (mut good, mut failed) = (Vec::new(), None);
    for result in results {
        match result {
            Ok(one) => good.push(one),
            Err(error) => {
                tracing::error!(%error, "the ledger cannot be used");
                failed = Some(error);
            }
        }
    }
    (good, failed)
}

/// Everything that is due.
pub(crate) async fn all(services: &Services<'_>) -> Result<Report, HandlerError> {
    let began = services.now();
    let audits_pending = match services.audits().load().await {
        Ok(loaded) => loaded.document.outbox.len(),
        Err(error) => {
            tracing::warn!(%error, "nobody knows how many alerts of audits wait");
            0
        }
    };
    let fleet = match services.fleet().await {
        Ok(fleet) => fleet,
        Err(none) => {
            // What was restored here is looked after all the same.
            let unaudited = audited(services, &Selected::default(), &BTreeMap::new()).await;
            let report = none.answered()?;
            let ticked = Ticked {
                began,
                standings: &[],
                audits_pending,
            };
            outcome::emit(services, &[], Some(ticked));
            return unaudited.map_or(Ok(report), |error| Err(error.into()));
        }
    };
    let (selected, all) = selected(services, &fleet).await?;
    let (standings, mut failed) = standings(services, backed_of(&fleet, &selected)).await;
    let (mut due, mut idle) = (Vec::new(), Vec::new());
    for standing in standings {
        match is_due(services, &standing) || has_moved(services, &standing).await {
            true => due.push(standing),
            false => idle.push(standing),
        }
    }
    let (told, unable) = begin(services, &due, &Wish::default()).await;
    failed = failed.or(unable);
    for (standing, told) in due.into_iter().zip(&told) {
        let ledger = told.as_ref().map_or(standing.ledger, |told| told.ledger.clone());
        idle.push(Standing { ledger, ..standing });
    }
    let told: Vec<Told> = told.into_iter().flatten().collect();
    let aging = idle.into_iter().map(|standing| aged(services, standing));
    let (standings, unable) = split(stream::iter(aging).buffered(AT_ONCE).collect().await);
    let ticked = Ticked {
        began,
        standings: &standings,
        audits_pending,
    };
    outcome::emit(services, &told, Some(ticked));
    // Last: it can wait.
    let mut endpoints: BTreeMap<String, Option<Timestamp>> = selected.into_keys().map(|name| (name, None)).collect();
    for standing in &standings {
        endpoints.insert(standing.endpoint.clone(), standing.ledger.document.attempted);
    }
    let unaudited = audited(services, &Selected { endpoints, all }, &fleet.fleet_health().labels).await;
    match failed.or(unable).or(unaudited) {
        Some(error) => Err(error.into()),
        None => Ok(outcome::ticked(services, &told, ticked)),
    }
}

/// Audits those whose turn it is, and answers what kept it from being remembered.
async fn audited(services: &Services<'_>, selected: &Selected, labels: &Tags) -> Option<LedgerError> {
    let failed = Box::pin(audit::round(services, selected, labels)).await.err();
    if let Some(error) = &failed {
        tracing::error!(%error, "the audit came to nothing");
    }
    failed
}

/// A backup is to be begun, and can be: only the endpoint's own Region can describe it.
fn is_due(services: &Services<'_>, standing: &Standing) -> bool {
    let policy = &standing.backed.policy;
    let (ledger, now) = (&standing.ledger.document, services.now());
    let due = ledger.backup_is_due(policy.every, now) || ledger.is_mapped_otherwise(&policy.mappings, now);
    policy.vault.region != services.home() && due
}

/// The newest recovery point was made during a rollout, and something else serves by now: SageMaker's events tell of that,
/// unless they are lost.
async fn has_moved(services: &Services<'_>, standing: &Standing) -> bool {
    let ledger = &standing.ledger.document;
    let quiet = ledger.failing.is_none() && ledger.put_off == 0 && ledger.at_work(services.now()).is_none();
    let newest = ledger.newest.as_ref().filter(|kept| kept.during.is_some() && quiet);
    let at_home = standing.backed.policy.vault.region == services.home();
    let Some(kept) = newest.filter(|_| !at_home && services.in_time()) else {
        return false;
    };
    match in_force(services, &standing.endpoint).await {
        Ok(serves) => serves.is_some_and(|serves| kept.is_behind(&serves)),
        Err(error) => {
            tracing::warn!(endpoint = standing.endpoint, %error, "not looked at");
            false
        }
    }
}

/// Begins a backup of each; the results are at their places.
pub(crate) async fn begin(
    services: &Services<'_>,
    due: &[Standing],
    wish: &Wish,
) -> (Vec<Option<Told>>, Option<LedgerError>) {
    let begun = due.iter().map(|standing| {
        let endpoint = standing.endpoint.as_str();
        let span = tracing::info_span!("endpoint", endpoint);
        let one = async move {
            match services.in_time() {
                true => Box::pin(backup::begin(services, endpoint, &standing.backed, wish))
                    .await
                    .map(Some),
                // The next tick begins it.
                false => Ok(None),
            }
        };
        one.instrument(span)
    });
    let results: Vec<Result<Option<Told>, LedgerError>> = stream::iter(begun).buffered(BACKUPS).collect().await;
    let mut failed = None;
    let told = results.into_iter().map(|result| match result {
        Ok(told) => told,
        Err(error) => {
            tracing::error!(%error, "the ledger cannot be used");
            failed = Some(error);
            None
        }
    });
    (told.collect(), failed)
}

/// Tells when the newest recovery point has become too old, and whatever else waits to be told.
async fn aged(services: &Services<'_>, standing: Standing) -> Result<Standing, LedgerError> {
    let Standing {
        endpoint,
        backed,
        ledger: loaded,
    } = standing;
    let ledger = services.ledger(&endpoint);
    let facts = Facts {
        now: services.now(),
        endpoint: &endpoint,
        region: &backed.policy.vault.region,
        labels: &backed.labels,
    };
    let check = |document: &BackupLedger| {
        let mut new = document.clone();
        new.kept_in(&backed.policy.vault);
        if backed.policy.vault.region != services.home() {
            new.check_age(&facts, &backed.policy.objectives);
        }
        ((new != *document).then_some(new), ())
    };
    let (loaded, ()) = ledger.change_from(loaded, check).await?;
    let (ledger, _) = services.teller.drain(&ledger, loaded).await?;
    Ok(Standing {
        endpoint,
        backed,
        ledger,
    })
}

/// An endpoint changed: what came into service is backed up.
pub(crate) async fn changed(services: &Services<'_>, change: &EndpointStateChange) -> Result<Report, HandlerError> {
    let endpoint = &change.endpoint;
    if change.status != EndpointStatus::InService {
        let status = &change.status;
        return Ok(Report::done(format!(
            "{endpoint} is {status}: a backup is made when something comes into service."
        )));
    }
    if let Err(none) = services.fleet().await {
        return Ok(none.answered()?);
    }
    let Some(backed) = services.backed(endpoint).await.map_err(HandlerError::Fleet)? else {
        return Ok(Report::done(format!("{endpoint} is not backed up.")));
    };
    if backed.policy.vault.region == services.home() {
        return Ok(Report::done(format!("{endpoint} is in the Region of its backups.")));
    }
    let shares = match services.ledger(endpoint).load().await?.document.newest {
        // Only of several variants may others serve by the same config.
        Some(kept) => kept.during.is_some() || kept.serving.is_some_and(|serving| serving.any.len() > 1),
        None => false,
    };
    let what = match &change.config {
        Some(config) if !shares => Ok(Some(InForce {
            config: config.clone(),
            created: change.created,
            serving: None,
        })),
        _ => in_force(services, endpoint).await,
    };
    let what = match what {
        Ok(Some(what)) => what,
        Ok(None) => return Ok(Report::done(format!("Nothing of {endpoint} is in force any more."))),
        Err(error) => {
            return Ok(Report::partial(format!(
                "{endpoint} could not be looked at: {error}. The schedule backs it up."
            )));
        }
    };
    let wish = Wish {
        shipped: Some(Shipped {
            what,
            at: change.at.unwrap_or_else(|| services.now()),
        }),
        ..Wish::default()
    };
    let told = backup::begin(services, endpoint, &backed, &wish).await?;
    let told = [told];
    outcome::emit(services, &told, None);
    Ok(outcome::of_one(&told[0]))
}

/// It came to a point or is under way, or nothing was to be done.
pub(crate) fn is_well(told: &Told) -> bool {
    !matches!(told.came, Came::Failed(_))
}
