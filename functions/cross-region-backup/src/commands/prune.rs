//! `prune`: shows what retention does not keep, and deletes exactly what was shown.

use std::{collections::BTreeSet, time::Duration};

use jiff::SignedDuration;
use serde_json::json;
use shared::{
    aws::{
        lambda::refused,
        s3::{S3, objects::DELETED_AT_ONCE},
    },
    backup::{
        artifact::Vault,
        copy::leftovers::ABANDONED,
        manifest::PointId,
        retention::{Orphans, PrunePlan, Seen, orphans, prune},
    },
    command::Said,
    failure::CallError,
    lease::{Decision, Lease, Urgency},
    report::Report,
};

use super::{unread, verify::verified, who};
use crate::{
    HandlerError,
    backup::{Cursor, VAULT},
    points,
    services::{Backed, Services},
};

/// A pruning of many points reads all that stay.
const LEASE: Duration = Duration::from_secs(10 * 60);

/// No call is under way when so much of the lease is left: the clocks of two functions are not quite the same.
const LAST_CALL: SignedDuration = SignedDuration::from_secs(10);

/// Shows the plan, or carries out the one that was shown.
pub(super) async fn run(
    services: &Services<'_>,
    endpoint: &str,
    backed: &Backed,
    digest: Option<&str>,
    said: &Said,
) -> Result<Report, HandlerError> {
    let Some(digest) = digest else {
        let plan = match plan(services, endpoint, backed).await {
            Ok(plan) => plan,
            Err(error) => return Ok(unread(endpoint, &error)),
        };
        return Ok(shown(Report::done(proposal(&plan, endpoint)), endpoint, &plan));
    };
    let vault = &backed.policy.vault;
    let leases = services.vault_leases(vault);
    let owner = format!("prune/{endpoint}/{}", services.request_id);
    let purpose = format!("pruning the recovery points of {endpoint}");
    let wish = Lease::wish(
        "cross-region-backup",
        &owner,
        &purpose,
        Urgency::Routine,
        services.now(),
        LEASE,
    );
    let lease = match leases.acquire(VAULT, &wish).await? {
        Decision::Grant(lease) | Decision::TakeOver { lease, .. } => lease,
        Decision::Refuse { current, free_at } => {
            return Ok(refused(&format!(
                "Nothing was deleted: {} is at work there until {free_at:.0} at most. Send it again then.",
                current.purpose
            )));
        }
    };
    tracing::info!(by = who(said), plan = digest, "pruning");
    let report = Box::pin(carry_out(services, endpoint, backed, digest, &lease)).await;
    if let Err(error) = leases.release(VAULT, &owner).await {
        tracing::warn!(%error, "the lease was not given back; it ends by itself");
    }
    Ok(report.unwrap_or_else(|error| {
        Report::partial(format!(
            "The pruning of {endpoint} did not come to its end: {error}. {} What was deleted is gone; `prune` shows what is left.",
            error.advice()
        ))
    }))
}

/// The plan, and how to have it carried out.
fn proposal(plan: &PrunePlan, endpoint: &str) -> String {
    let text = plan.summary(endpoint);
    match plan.delete.is_empty() {
        true => text,
        false => format!(
            "{text}\nTo delete exactly these, send `prune` with \"plan\": \"{}\".",
            plan.digest()
        ),
    }
}

fn shown(report: Report, endpoint: &str, plan: &PrunePlan) -> Report {
    let deleted: Vec<String> = plan.delete.iter().map(PointId::to_string).collect();
    report
        .with("endpoint", endpoint)
        .with("plan", plan.digest())
        .with("delete", json!(deleted))
}

/// The newest point counts as good only when all of it is there.
async fn plan(services: &Services<'_>, endpoint: &str, backed: &Backed) -> Result<PrunePlan, CallError> {
    let vault = &backed.policy.vault;
    let s3 = services.looking(&vault.region).s3;
    let ids = points::ids(&s3, vault, endpoint).await?;
    let wanted = ids.into_iter().map(|id| (endpoint.to_owned(), id)).collect();
    let mut seen = Vec::new();
    let mut newest_found = false;
    for (_, id, read) in points::read_all(&s3, vault, wanted).await?.into_iter().rev() {
        let good = match &read {
            Err(_) => false,
            Ok(_) if newest_found => true,
            Ok(point) => {
                let verified = verified(services, point).await;
                newest_found = verified.damaged.is_empty() && listed(&verified.unknown);
                newest_found
            }
        };
        seen.push(Seen { id, good });
    }
    Ok(prune(&seen, &backed.policy.retention, services.now()))
}

/// Nothing of the copies could not be listed; that an image or role was not seen says nothing of the point.
fn listed(unknown: &[String]) -> bool {
    !unknown.iter().any(|line| line.starts_with("s3://"))
}

async fn carry_out(
    services: &Services<'_>,
    endpoint: &str,
    backed: &Backed,
    digest: &str,
    lease: &Lease,
) -> Result<Report, CallError> {
    let plan = plan(services, endpoint, backed).await?;
    if plan.digest() != digest {
        let text = format!(
            "Nothing was deleted: that is not the plan any more.\n{}",
            proposal(&plan, endpoint)
        );
        return Ok(shown(refused(&text), endpoint, &plan));
    }
    let vault = &backed.policy.vault;
    // A backup may name any copy as soon as the lease is over.
    let over = lease.expires.saturating_sub(LAST_CALL).unwrap_or(lease.expires);
    let s3 = services.acting(&vault.region).s3.until(over.min(services.until));
    let keys: Vec<String> = plan.delete.iter().map(|id| id.at(vault, endpoint).key).collect();
    let mut kept = delete(&s3, &vault.bucket, &keys).await?;
    let (orphans, why) = unneeded(services, &s3, vault, &mut kept).await?;
    let mut text = format!("Deleted of {endpoint}: recovery points: {}; {orphans}.", keys.len());
    if let Some(why) = why {
        text.push_str(&format!("\n{why}"));
    }
    for line in kept.iter().take(20) {
        text.push_str(&format!("\nS3 kept {line}"));
    }
    let report = match kept.is_empty() {
        true => Report::done(text),
        false => Report::partial(text),
    };
    Ok(shown(report, endpoint, &plan)
        .with("copies_deleted", orphans.keys.len())
        .with("bytes_deleted", orphans.bytes))
}

/// Deletes the copies that no point of any endpoint names. None while a point cannot be read: nobody knows what it names.
async fn unneeded(
    services: &Services<'_>,
    s3: &S3,
    vault: &Vault,
    kept: &mut Vec<String>,
) -> Result<(Orphans, Option<String>), CallError> {
    let all = points::below(s3, vault, &vault.all_points()).await?;
    let mut roots = BTreeSet::new();
    for (endpoint, id, read) in points::read_all(s3, vault, all).await? {
        match read {
            Ok(point) => roots.extend(point.artifacts.into_iter().map(|artifact| artifact.root.key)),
            Err(why) => {
                let why = format!(
                    "No copies were deleted: recovery point {id} of {endpoint} cannot be read, and nobody knows what it names: {why}"
                );
                return Ok((Orphans::default(), Some(why)));
            }
        }
    }
    let mut sum = Orphans::default();
    let mut cursor = Cursor::new(s3, &vault.artifacts());
    let mut over = false;
    while !over {
        let mut page = Vec::new();
        while page.len() < DELETED_AT_ONCE {
            match cursor.next().await? {
                Some(object) => page.push(object),
                None => {
                    over = true;
                    break;
                }
            }
        }
        let found = orphans(vault, &page, &roots, ABANDONED, services.now());
        kept.extend(delete(s3, &vault.bucket, &found.keys).await?);
        sum.keys.extend(found.keys);
        sum.bytes = sum.bytes.saturating_add(found.bytes);
        sum.strange = sum.strange.saturating_add(found.strange);
        sum.young = sum.young.saturating_add(found.young);
    }
    Ok((sum, None))
}

/// Deletes, and answers in words what S3 kept.
async fn delete(s3: &S3, bucket: &str, keys: &[String]) -> Result<Vec<String>, CallError> {
    let mut kept = Vec::new();
    for batch in keys.chunks(DELETED_AT_ONCE) {
        for one in s3.delete_batch(bucket, batch).await? {
            kept.push(format!("s3://{bucket}/{}: {} {}", one.key, one.code, one.message));
        }
    }
    Ok(kept)
}
