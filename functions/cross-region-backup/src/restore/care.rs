//! Looking after what was restored: whether it is still there, so that its copies are kept.

use steward::{
    aws::ledger::{LedgerError, Loaded},
    backup::{
        claim::{Held, Hold},
        ledger::{BackupLedger, LookedAt},
    },
    failure::Failure,
};

use crate::{claims, services::Services};

/// Looks at what was restored of one endpoint, if that is due.
///
/// # Errors
/// When the ledger cannot be read or written.
pub(super) async fn look_after(
    services: &Services<'_>,
    endpoint: &str,
    loaded: &Loaded<BackupLedger>,
) -> Result<(), LedgerError> {
    let held = loaded.document.to_look_at(services.now());
    if held.is_empty() || !services.in_time() {
        return Ok(());
    }
    let seen = look(services, &held).await;
    let now = services.now();
    let decide = |document: &BackupLedger| {
        let mut new = document.clone();
        new.looked_at(now, &seen);
        ((new != *document).then_some(new), ())
    };
    services
        .ledger(endpoint)
        .change_from(loaded.clone(), decide)
        .await
        .map(drop)
}

async fn look(services: &Services<'_>, all: &[&Held]) -> LookedAt {
    let mut seen = LookedAt::default();
    for held in all {
        let hold = &held.hold;
        let (number, name) = (hold.claim.number, &hold.claim.restored);
        seen.seen.insert(number);
        let sagemaker = services.looking(services.home()).sagemaker;
        match sagemaker.describe_endpoint(name).await {
            Ok(_) => {
                keep(services, hold).await;
                seen.there.insert(name.clone());
            }
            Err(error) if error.failure == Failure::NotFound => {
                seen.absent.insert(number);
                let free = held.is_gone_for_good(services.now()) && !is_held_by_somebody(services, name).await;
                if free && release(services, hold).await {
                    seen.gone.insert(number);
                }
            }
            Err(error) => tracing::warn!("not seen: {name}: {error}. {}", error.advice()),
        }
    }
    seen
}

/// The claim could not be written when the restore began, or somebody deleted it.
async fn keep(services: &Services<'_>, hold: &Hold) {
    let s3 = services.acting(&hold.vault.region).s3;
    if let Err(error) = claims::write(&s3, hold).await {
        tracing::warn!(%error, advice = error.advice(), "the claim on its copies is not written; it is tried again");
    }
}

/// Somebody is at work on the endpoint, as a repair that is to create it again. A lease that cannot be read is taken for one
/// that is held.
async fn is_held_by_somebody(services: &Services<'_>, endpoint: &str) -> bool {
    match services.leases().current(endpoint).await {
        Ok(None) => false,
        Ok(Some(lease)) => {
            tracing::info!(
                endpoint,
                holder = lease.holder,
                "not there, and held for: {}",
                lease.purpose
            );
            true
        }
        Err(error) => {
            tracing::warn!(endpoint, %error, "nobody knows whether it is held, so its claim is kept");
            true
        }
    }
}

/// Nothing holds the copies any more. `false`: it is tried again.
async fn release(services: &Services<'_>, hold: &Hold) -> bool {
    let s3 = services.acting(&hold.vault.region).s3;
    match s3.delete(&hold.at()).await {
        Ok(()) => {
            tracing::info!(claim = %hold.claim, "the endpoint is gone, and so is its claim");
            true
        }
        Err(error) => {
            tracing::warn!(%error, advice = error.advice(), "the claim of an endpoint that is gone is not deleted");
            false
        }
    }
}
