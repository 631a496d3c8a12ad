//! `verify`: whether a recovery point still is what it was.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use serde_json::json;
use steward::{
    aws::{lambda::refused, s3::S3},
    backup::{
        artifact::{Artifact, Listed, Vault},
        audit::{Check, Presence},
        ledger::BackupLedger,
        manifest::{PointId, RecoveryPoint},
        places::{self, Found, Placed},
        references::Names,
        rewrite::{Here, laid_over},
        tell::Facts,
        verify::{self, Seen},
    },
    command::OfPoint,
    failure::CallError,
    location::Location,
    report::Report,
};

use super::{place::Place, unread};
use crate::{HandlerError, backup, points, presence, services::Services};

/// Artifacts listed at the same time.
const AT_ONCE: usize = 8;

/// Looks at everything that a recovery point names.
pub(super) async fn run(services: &Services<'_>, of: &OfPoint, place: &Place) -> Result<Report, HandlerError> {
    let endpoint = of.endpoint.as_str();
    let vault = &place.vault;
    let s3 = services.looking(&vault.region).s3;
    let (Found { placed, read }, several) = match chosen(&s3, vault, of, points::home(services, vault)).await {
        Ok(Ok(found)) => found,
        Ok(Err(why)) => return Ok(refused(&why)),
        Err(error) => return Ok(unread(endpoint, &error)),
    };
    let id = placed.id;
    let mut point = match read {
        Ok(point) => point,
        Err(why) => {
            tell(services, endpoint, place, &id, std::slice::from_ref(&why)).await?;
            return Ok(
                Report::done(format!("Recovery point {id} of {endpoint} cannot be used: {why}"))
                    .with("point", id.to_string())
                    .with("good", false),
            );
        }
    };
    // Only there it is restored, and by the fleet file that is read there.
    let here = points::home(services, vault).is_none();
    let notes = match &place.mappings {
        Some(mappings) if here => {
            let here = Here {
                mappings,
                written: services.fleet_written().await,
                several,
            };
            let (restored, notes) = laid_over(&point, here);
            point.restored = restored;
            notes
        }
        _ => Vec::new(),
    };
    let unlooked = verify::listed(verify::unlooked(&point));
    let seen = seen(services, &mut point).await;
    let verified = verify::judge(&point, &seen);
    if !verified.damaged.is_empty() {
        tell(services, endpoint, place, &id, &verified.damaged).await?;
    }
    let mut said = verified.summary(endpoint, &id, &point).trim_end().to_owned();
    for note in &notes {
        said.push_str(&format!("\n- mapped otherwise: {note}"));
    }
    Ok(Report::done(said)
        .with("endpoint", endpoint)
        .with("point", id.to_string())
        .with("good", verified.is_good())
        .with("damaged", json!(verified.damaged))
        .with("missing", json!(verified.missing))
        .with("not_seen", json!(verified.unknown))
        .with("not_looked_for", unlooked)
        .with("not_compared", json!(verified.uncompared))
        .with("other_code", json!(verified.other_code))
        .with("noted", json!(verified.noted))
        .with("readable_for_now", json!(verified.for_now)))
}

/// The point that is meant: the one that was asked for, whether it is there or not, or the newest; and whether endpoints of
/// several Regions have points of that name. `Err`: nobody can say which.
async fn chosen(
    s3: &S3,
    vault: &Vault,
    of: &OfPoint,
    home: Option<&str>,
) -> Result<Result<(Found, bool), String>, CallError> {
    let endpoint = &of.endpoint;
    let all = points::of(s3, vault, endpoint, None).await?;
    let mut all = points::whose(s3, vault, all).await?;
    let sources = places::sources(&all);
    let several = sources.len() > 1;
    let newest = match &of.point {
        Some(id) => {
            all.retain(|whose| whose.placed.id == *id);
            let Some(whose) = all.pop() else {
                let missing = Found {
                    placed: Placed::earlier(endpoint, id.clone()),
                    read: Err("it is not there".to_owned()),
                };
                return Ok(Ok((missing, several)));
            };
            whose.placed
        }
        None => {
            let from = match places::meant(endpoint, &sources, of.from.as_deref().or(home)) {
                Ok(from) => from,
                Err(why) => return Ok(Err(why)),
            };
            let Some(placed) = places::of_region(all, from.as_deref()).0.pop() else {
                return Ok(Err(format!("{endpoint} has no recovery point; `backup` makes one.")));
            };
            placed
        }
    };
    let found = points::found(s3, vault, newest).await?;
    Ok(Ok((found, several)))
}

/// Lists every copy again, and looks for what a restore needs besides: see [`needed`].
pub(crate) async fn seen(services: &Services<'_>, point: &mut RecoveryPoint) -> Seen {
    let listings = listings(services, point).await;
    let seen = needed(services, point).await;
    Seen { listings, ..seen }
}

/// Lists every copy again, and looks for the keys that encrypt them.
pub(super) async fn copies(services: &Services<'_>, point: &RecoveryPoint) -> Seen {
    let listings = listings(services, point).await;
    let seen = encrypted(services, point, Vec::new()).await;
    Seen { listings, ..seen }
}

/// Looks for what a restore needs besides the copies, and for the keys that encrypt those. What is to be made names the
/// builds of its images that served after that, as far as they are there.
pub(crate) async fn needed(services: &Services<'_>, point: &mut RecoveryPoint) -> Seen {
    let mut seen = encrypted(services, point, verify::needs(point)).await;
    let doubts = verify::doubts(point, &seen.things);
    seen.things.extend(looked_for(services, &point.to, doubts).await);
    verify::settle(point, &mut seen);
    seen
}

/// What lies below the root of each artifact.
async fn listings(services: &Services<'_>, point: &RecoveryPoint) -> BTreeMap<Location, Result<Listed, String>> {
    let s3 = services.looking(&point.to).s3;
    let listing = point.artifacts.iter().map(async |artifact| {
        let listed = backup::listing(&s3, &artifact.root).await;
        let listed = listed.map_err(|error| format!("{error}. {}", error.advice()));
        (artifact.root.clone(), listed)
    });
    stream::iter(listing).buffer_unordered(AT_ONCE).collect().await
}

/// Looks for the keys that encrypt the copies, and for `needs`.
async fn encrypted(services: &Services<'_>, point: &RecoveryPoint, mut needs: Vec<(Names, String)>) -> Seen {
    let s3 = services.looking(&point.to).s3;
    let encrypted = point.artifacts.iter().map(async |artifact| {
        let key = key_of(&s3, artifact).await;
        let key = key.map_err(|error| format!("{error}. {}", error.advice()));
        (artifact.root.clone(), key)
    });
    let keys: BTreeMap<Location, _> = stream::iter(encrypted).buffer_unordered(AT_ONCE).collect().await;
    let of_copies = keys.values().filter_map(|key| key.as_ref().ok()?.clone());
    needs.extend(of_copies.map(|key| (Names::Key, key)));
    needs.sort();
    needs.dedup();
    Seen {
        things: looked_for(services, &point.to, needs).await,
        keys,
        ..Seen::default()
    }
}

/// What was found of these things in a Region.
async fn looked_for(
    services: &Services<'_>,
    region: &str,
    things: Vec<(Names, String)>,
) -> BTreeMap<(Names, String), Presence> {
    let checks = things.into_iter().map(|(names, value)| Check {
        names,
        value,
        places: Vec::new(),
    });
    let found = presence::all(services, region, checks.collect()).await.into_iter();
    found
        .map(|(check, presence)| ((check.names, check.value), presence))
        .collect()
}

/// The key that encrypts the copies of an artifact: where their keys lie, the KMS key decides, so one speaks for all.
async fn key_of(s3: &S3, artifact: &Artifact) -> Result<Option<String>, CallError> {
    if !artifact.at.key.ends_with('/') {
        return Ok(s3.storage(&artifact.at).await?.and_then(|storage| storage.key));
    }
    let page = s3.page(&artifact.root.bucket, &artifact.root.key, None).await?;
    match page.objects.first() {
        Some(object) => {
            let at = Location::new(&artifact.root.bucket, &object.key);
            Ok(s3.storage(&at).await?.and_then(|storage| storage.key))
        }
        None => Ok(None),
    }
}

async fn tell(
    services: &Services<'_>,
    endpoint: &str,
    place: &Place,
    id: &PointId,
    found: &[String],
) -> Result<(), HandlerError> {
    let facts = Facts {
        now: services.now(),
        endpoint,
        region: &place.vault.region,
        labels: &place.labels,
    };
    let ledger = services.ledger(endpoint);
    let told = |document: &BackupLedger| {
        let mut new = document.clone();
        new.damaged(&facts, &id.to_string(), found);
        (Some(new), ())
    };
    let (loaded, ()) = ledger.change(told).await?;
    services.teller.drain(&ledger, loaded).await?;
    Ok(())
}
