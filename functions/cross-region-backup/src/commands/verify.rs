//! `verify`: whether a recovery point still is what it was.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use serde_json::json;
use shared::{
    aws::lambda::refused,
    backup::{
        audit::Check,
        ledger::BackupLedger,
        manifest::{PointId, RecoveryPoint},
        tell::Facts,
        verify::{self, Seen, Verified},
    },
    command::OfPoint,
    report::Report,
};

use super::unread;
use crate::{
    HandlerError, backup, points, presence,
    services::{Backed, Services},
};

/// Artifacts listed at the same time.
const AT_ONCE: usize = 8;

/// Looks at everything that a recovery point names.
pub(super) async fn run(services: &Services<'_>, of: &OfPoint, backed: &Backed) -> Result<Report, HandlerError> {
    let endpoint = of.endpoint.as_str();
    let vault = &backed.policy.vault;
    let s3 = services.looking(&vault.region).s3;
    let id = match &of.point {
        Some(id) => Some(id.clone()),
        None => match points::ids(&s3, vault, endpoint).await {
            Ok(ids) => ids.into_iter().next_back(),
            Err(error) => return Ok(unread(endpoint, &error)),
        },
    };
    let Some(id) = id else {
        return Ok(refused(&format!(
            "{endpoint} has no recovery point; `backup` makes one."
        )));
    };
    let point = match points::read(&s3, vault, endpoint, &id).await {
        Ok(Ok(point)) => point,
        Ok(Err(why)) => {
            tell(services, endpoint, backed, &id, std::slice::from_ref(&why)).await?;
            return Ok(
                Report::done(format!("Recovery point {id} of {endpoint} cannot be used: {why}"))
                    .with("point", id.to_string())
                    .with("good", false),
            );
        }
        Err(error) => return Ok(unread(endpoint, &error)),
    };
    let verified = verified(services, &point).await;
    if !verified.damaged.is_empty() {
        tell(services, endpoint, backed, &id, &verified.damaged).await?;
    }
    Ok(Report::done(verified.summary(endpoint, &id, &point).trim_end())
        .with("endpoint", endpoint)
        .with("point", id.to_string())
        .with("good", verified.is_good())
        .with("damaged", json!(verified.damaged))
        .with("missing", json!(verified.missing))
        .with("not_seen", json!(verified.unknown)))
}

/// What became of a point.
pub(super) async fn verified(services: &Services<'_>, point: &RecoveryPoint) -> Verified {
    verify::judge(point, &seen(services, point).await)
}

/// Lists every copy again, and looks for what a restore needs besides.
pub(crate) async fn seen(services: &Services<'_>, point: &RecoveryPoint) -> Seen {
    let s3 = services.looking(&point.to).s3;
    let listing = point.artifacts.iter().map(async |artifact| {
        let listed = backup::listing(&s3, &artifact.root).await;
        let listed = listed.map_err(|error| format!("{error}. {}", error.advice()));
        (artifact.root.clone(), listed)
    });
    let listings: BTreeMap<_, _> = stream::iter(listing).buffer_unordered(AT_ONCE).collect().await;
    let needs = verify::needs(point).into_iter().map(|(names, value)| Check {
        names,
        value,
        places: Vec::new(),
    });
    let things = presence::all(services, &point.to, needs.collect()).await;
    let things = things.into_iter().map(|(check, presence)| (check.value, presence));
    Seen {
        listings,
        things: things.collect(),
    }
}

async fn tell(
    services: &Services<'_>,
    endpoint: &str,
    backed: &Backed,
    id: &PointId,
    found: &[String],
) -> Result<(), HandlerError> {
    let facts = Facts {
        now: services.now(),
        endpoint,
        region: &backed.policy.vault.region,
        labels: &backed.labels,
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
