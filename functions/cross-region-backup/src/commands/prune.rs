//! `prune`: shows what retention does not keep, and deletes exactly what was shown.

use std::{collections::BTreeSet, time::Duration};

use jiff::SignedDuration;
use serde_json::json;
use steward::{
    aws::{
        lambda::refused,
        s3::{S3, objects::DELETED_AT_ONCE},
    },
    backup::{
        artifact::Vault,
        copy::leftovers::ABANDONED,
        manifest::PointId,
        places::{self, Found, Placed},
        retention::{Condition, Orphans, PrunePlan, Seen, orphans, prune},
        verify,
    },
    command::Said,
    failure::CallError,
    lease::{Decision, Lease, Urgency},
    report::Report,
};

use super::{place::Place, unread, verify::copies, who};
use crate::{
    HandlerError,
    backup::{Cursor, VAULT},
    claims, points,
    services::Services,
};

/// A pruning of many points reads all that stay.
const LEASE: Duration = Duration::from_secs(10 * 60);

/// No call is under way when so much of the lease is left: the clocks of two functions are not quite the same.
const LAST_CALL: SignedDuration = SignedDuration::from_secs(10);

/// What is to be pruned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) endpoint: &'a str,
    /// The Region of the endpoint.
    pub(super) from: Option<&'a str>,
    /// All of its points, of an endpoint that is not backed up any more.
    pub(super) everything: bool,
}

/// What would go, and where it is.
struct Planned {
    plan: PrunePlan,
    delete: Vec<Placed>,
    /// Points of endpoints of that name that are not meant.
    others: usize,
}

/// Why there is no plan.
enum Unplanned {
    Refused(String),
    Unseen(CallError),
}

impl From<CallError> for Unplanned {
    fn from(error: CallError) -> Self {
        Self::Unseen(error)
    }
}

impl Unplanned {
    fn report(self, endpoint: &str) -> Report {
        match self {
            Self::Refused(why) => refused(&why),
            Self::Unseen(error) => unread(endpoint, &error),
        }
    }
}

/// Shows the plan, or carries out the one that was shown.
pub(super) async fn run(
    services: &Services<'_>,
    wanted: Wanted<'_>,
    place: &Place,
    digest: Option<&str>,
    said: &Said,
) -> Result<Report, HandlerError> {
    let endpoint = wanted.endpoint;
    let Some(digest) = digest else {
        let planned = match plan(services, wanted, place).await {
            Ok(planned) => planned,
            Err(why) => return Ok(why.report(endpoint)),
        };
        return Ok(shown(Report::done(proposal(&planned, wanted)), endpoint, &planned.plan));
    };
    let vault = &place.vault;
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
    let report = Box::pin(carry_out(services, wanted, place, digest, &lease)).await;
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
fn proposal(planned: &Planned, wanted: Wanted<'_>) -> String {
    let plan = &planned.plan;
    let mut text = plan.summary(wanted.endpoint);
    if planned.others > 0 {
        text.push_str(&format!(
            "\n{} others are left alone: they are of an endpoint of that name in another Region, or may be.",
            planned.others
        ));
    }
    if !plan.delete.is_empty() {
        let said = match (wanted.from, wanted.everything) {
            (None, false) => String::new(),
            (Some(from), false) => format!("\"from\": \"{from}\", "),
            (None, true) => "\"everything\": true, ".to_owned(),
            (Some(from), true) => format!("\"from\": \"{from}\", \"everything\": true, "),
        };
        text.push_str(&format!(
            "\nTo delete exactly these, send `prune` with {said}\"plan\": \"{}\".",
            plan.digest()
        ));
    }
    text
}

fn shown(report: Report, endpoint: &str, plan: &PrunePlan) -> Report {
    let deleted: Vec<String> = plan.delete.iter().map(PointId::to_string).collect();
    report
        .with("endpoint", endpoint)
        .with("plan", plan.digest())
        .with("delete", json!(deleted))
}

/// Of the endpoint of one Region. The newest point counts as good only when all of its copies are there, and can be read.
async fn plan(services: &Services<'_>, wanted: Wanted<'_>, place: &Place) -> Result<Planned, Unplanned> {
    let Wanted { endpoint, .. } = wanted;
    if wanted.everything && place.backed {
        return Err(Unplanned::Refused(format!(
            "{endpoint} is backed up, so its newest good point is never deleted. When it is gone for good, say `enabled: \
             false` for it in the fleet file, and `everything` goes."
        )));
    }
    let vault = &place.vault;
    let from = places::may_prune(endpoint, points::home(services, vault), wanted.from, &vault.region);
    let from = from.map_err(Unplanned::Refused)?;
    let s3 = services.looking(&vault.region).s3;
    let all = points::of(&s3, vault, endpoint, None).await?;
    let all = points::whose(&s3, vault, all).await?;
    let from = places::meant(endpoint, &places::sources(&all), from).map_err(Unplanned::Refused)?;
    let (own, others) = places::of_region(all, from.as_deref());
    let claims = claims::all(&s3, vault).await?.map_err(Unplanned::Refused)?;
    let in_use = |id: &PointId| {
        let holder = claims.iter().find(|claim| claim.holds(endpoint, id));
        holder.map(ToString::to_string)
    };
    let plan = match wanted.everything {
        true => PrunePlan::everything(own.iter().map(|placed| (placed.id.clone(), in_use(&placed.id)))),
        false => {
            let mut seen = seen(services, &s3, vault, own.clone()).await?;
            seen.iter_mut().for_each(|seen| seen.in_use = in_use(&seen.id));
            prune(&seen, &place.retention, services.now())
        }
    };
    Ok(Planned {
        delete: own.into_iter().filter(|one| plan.delete.contains(&one.id)).collect(),
        plan,
        others,
    })
}

/// How the points of an endpoint are, newest first: down to the newest one that is known to be good their copies are looked
/// at, of the others it counts that they can be read.
async fn seen(services: &Services<'_>, s3: &S3, vault: &Vault, own: Vec<Placed>) -> Result<Vec<Seen>, CallError> {
    let mut seen = Vec::new();
    let mut newest_first = own.into_iter().rev();
    for placed in newest_first.by_ref() {
        let Found { placed, read } = points::found(s3, vault, placed).await?;
        let condition = match &read {
            Err(_) => Condition::Damaged,
            Ok(point) => verify::condition(point, &copies(services, point).await),
        };
        let good = condition == Condition::Good;
        seen.push(Seen {
            id: placed.id,
            condition,
            in_use: None,
        });
        if good {
            break;
        }
    }
    let rest = |Found { placed, read }: Found| {
        seen.push(Seen {
            id: placed.id,
            condition: read.map_or(Condition::Damaged, |_| Condition::Good),
            in_use: None,
        });
    };
    points::each(s3, vault, newest_first, rest).await?;
    Ok(seen)
}

async fn carry_out(
    services: &Services<'_>,
    wanted: Wanted<'_>,
    place: &Place,
    digest: &str,
    lease: &Lease,
) -> Result<Report, CallError> {
    let endpoint = wanted.endpoint;
    let planned = match plan(services, wanted, place).await {
        Ok(planned) => planned,
        Err(Unplanned::Unseen(error)) => return Err(error),
        Err(Unplanned::Refused(why)) => return Ok(refused(&why)),
    };
    if planned.plan.digest() != digest {
        let text = format!(
            "Nothing was deleted: that is not the plan any more.\n{}",
            proposal(&planned, wanted)
        );
        return Ok(shown(refused(&text), endpoint, &planned.plan));
    }
    let vault = &place.vault;
    // A backup may name any copy as soon as the lease is over.
    let over = lease.expires.saturating_sub(LAST_CALL).unwrap_or(lease.expires);
    let s3 = services.acting(&vault.region).s3.until(over.min(services.until));
    let keys: Vec<String> = planned.delete.iter().map(|one| one.at(vault).key).collect();
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
    Ok(shown(report, endpoint, &planned.plan)
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
    let mut unreadable = None;
    let names = |Found { placed, read }: Found| match read {
        Ok(point) => roots.extend(point.artifacts.into_iter().map(|artifact| artifact.root.key)),
        Err(why) => drop(unreadable.get_or_insert((placed, why))),
    };
    points::each(s3, vault, all, names).await?;
    if let Some((placed, why)) = unreadable {
        let why = format!(
            "No copies were deleted: nobody knows what {} names, for it cannot be read: {why}",
            placed.at(vault)
        );
        return Ok((Orphans::default(), Some(why)));
    }
    // After the points were deleted: a restore looks for its point after it has written its claim.
    match claims::all(s3, vault).await? {
        Ok(claims) => roots.extend(claims.into_iter().flat_map(|claim| claim.roots)),
        Err(why) => return Ok((Orphans::default(), Some(format!("No copies were deleted. {why}")))),
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
