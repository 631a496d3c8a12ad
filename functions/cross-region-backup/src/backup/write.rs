//! The writing of a recovery point, while nobody deletes anything where the backups are.

use std::time::Duration;

use jiff::SignedDuration;
use steward::{
    aws::{
        lease::Leases,
        s3::{Condition, Got, S3, copy::Copier},
    },
    backup::{
        artifact::Artifact,
        copy::leftovers::leftovers,
        definition::Definition,
        gather::{self, Circumstances, Tallied},
        inventory::CopyCall,
        manifest::{LIMIT, RecoveryPoint},
        places::Placed,
        rewrite::Rules,
        verify,
    },
    lease::{Decision, Lease, Urgency},
    location::Location,
};

use super::{
    Made, Stop,
    finish::Known,
    inventory::{Task, listing},
    work::Work,
};
use crate::commands::verify as verified;

/// The right to write and delete where the backups are: as long as a last look may take, and no longer than others can
/// wait when its holder dies.
const LEASE: Duration = Duration::from_secs(5 * 60);

/// What the lease is on.
pub(crate) const VAULT: &str = "vault";

/// So much longer a lease has to last when a point is about to be written.
pub(super) const WRITING: SignedDuration = SignedDuration::from_secs(30);

/// The last look at everything that the point names, its writing, and the end of uploads that nobody needs: while nobody
/// deletes anything.
pub(super) async fn under_lease(
    work: &mut Work<'_>,
    copier: &Copier,
    definition: &Definition,
    rules: &Rules,
    tallied: &[(&Task, Tallied)],
    known: &Known,
) -> Result<Made, Stop> {
    let vault = &work.backed.policy.vault;
    let leases = work.services.vault_leases(vault);
    let owner = format!("{}/{}/{}", work.services.home(), work.endpoint, work.job.number);
    let held = hold(work, &leases, &owner).await?;
    let written = Box::pin(write(work, copier, definition, rules, tallied, known, &held)).await;
    if let Err(error) = leases.release(VAULT, &owner).await {
        tracing::warn!(%error, "the lease was not given back; it ends by itself");
    }
    written
}

/// Waits for the lease, as long as there is time.
async fn hold(work: &Work<'_>, leases: &Leases, owner: &str) -> Result<Lease, Stop> {
    loop {
        if !work.services.in_time() {
            return Err(Stop::OutOfTime);
        }
        let purpose = format!("the recovery point of {}", work.endpoint);
        let now = work.services.now();
        let wish = Lease::wish("cross-region-backup", owner, &purpose, Urgency::Routine, now, LEASE);
        match leases.acquire(VAULT, &wish).await {
            Ok(Decision::Grant(lease) | Decision::TakeOver { lease, .. }) => return Ok(lease),
            Ok(Decision::Refuse { current, .. }) => {
                tracing::info!(holder = current.owner_token, "waiting for {}", current.purpose);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(error) => return Err(unleased(&error)),
        }
    }
}

fn unleased(error: &steward::aws::ledger::LedgerError) -> Stop {
    match error.call() {
        Some(call) => call.clone().into(),
        None => Stop::Later(error.to_string()),
    }
}

async fn write(
    work: &Work<'_>,
    copier: &Copier,
    definition: &Definition,
    rules: &Rules,
    tallied: &[(&Task, Tallied)],
    known: &Known,
    held: &Lease,
) -> Result<Made, Stop> {
    let services = work.services;
    let vault = &work.backed.policy.vault;
    let looking = services.looking(&vault.region).s3;
    let acting = services.acting(&vault.region).s3;
    let (mut artifacts, mut problems) = (Vec::new(), Vec::new());
    for (task, tallied) in tallied {
        if let Some((at, text)) = task.file() {
            once(&acting, at, text, "application/octet-stream").await?;
        }
        let root = &task.destination.root;
        let listed = listing(&looking, root).await?;
        match tallied.artifact(&task.key, &task.destination, task.expected, listed) {
            Ok(artifact) => {
                let known = known.iter().find(|known| known.root == *root);
                let known = known.filter(|known| known.digest == artifact.digest && known.proof >= artifact.proof);
                let (proof, by_size) = known.map_or((artifact.proof, artifact.by_size), |known| {
                    (known.proof, known.by_size())
                });
                let listing = task.set().filter(|_| !task.destination.pinned);
                artifacts.push(Artifact {
                    proof,
                    by_size,
                    source: listing.map(|(_, listing)| listing.to_owned()),
                    ..artifact
                });
            }
            Err(wrong) => problems.extend(wrong),
        }
    }
    if !problems.is_empty() {
        // They were there when they were copied: the next look tells what happened.
        return Err(Stop::Later(problems.join("\n")));
    }
    let circumstances = Circumstances {
        began: work.job.began,
        completed: services.now(),
        writer: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let point = gather::point(definition, rules, artifacts, circumstances);
    let point = point.map_err(|refused| Stop::Failed(refused.to_string()))?;
    let other_code = restorable(work, &point).await?;
    let (id, document) = point.write();
    if document.len() as u64 > LIMIT {
        return Err(Stop::Failed(format!(
            "The recovery point would have {} bytes, and {LIMIT} are read again.",
            document.len()
        )));
    }
    if services.now().saturating_add(WRITING).unwrap_or(held.expires) >= held.expires {
        return Err(Stop::Later("the last look took longer than the lease lasts".to_owned()));
    }
    let placed = Placed::new(work.endpoint, &point.from, id.clone());
    once(&acting, &placed.at(vault), &document, "application/json").await?;
    tracing::info!(point = %id, "recovery point written");
    sweep(work, copier, &looking, &point).await;
    Ok(Made {
        id,
        config: definition.config.name.clone(),
        completed: point.completed,
        tally: point.tally(),
        by_size: point.by_size(),
        left_out: definition.left_out.clone(),
        other_code,
        serving: definition.serving(),
        during: definition.during,
    })
}

/// What a restore needs besides the copies is there. The builds that serve and are not, where another one would run.
async fn restorable(work: &Work<'_>, point: &RecoveryPoint) -> Result<Vec<String>, Stop> {
    // The point itself keeps the tags: what they name is compared when it is restored.
    let mut made = point.clone();
    let seen = verified::needed(work.services, &mut made).await;
    let found = verify::lacking(&made, &seen);
    for one in &found.unknown {
        tracing::warn!("not seen: {one}");
    }
    for one in &found.other_code {
        tracing::warn!("a restore would run other code: {one}");
    }
    for one in &found.uncompared {
        tracing::info!("not compared: {one}");
    }
    if found.missing.is_empty() {
        return Ok(seen.builds.other.into_keys().collect());
    }
    let lines = found.missing.join("\n");
    Err(match found.may_come {
        true => Stop::Later(format!(
            "All is copied, and artifacts that are replicated by other means are not there yet:\n{lines}"
        )),
        false => Stop::Failed(format!("All is copied, but a restore would lack something:\n{lines}")),
    })
}

/// Writes an object that is written once: what is there already has to be the very same.
async fn once(s3: &S3, at: &Location, text: &str, content_type: &str) -> Result<(), Stop> {
    let put = s3
        .put(at, text.as_bytes().to_vec(), content_type, Condition::Absent)
        .await;
    let Err(error) = put else { return Ok(()) };
    if error.failure != steward::failure::Failure::Conflict {
        return Err(error.into());
    }
    match s3.get(at, None, LIMIT).await? {
        Got::Object(object) if object.body == text.as_bytes() => Ok(()),
        Got::Object(_) => Err(Stop::Failed(format!(
            "{at} is there, and is not what belongs there: somebody else wrote it. Delete it."
        ))),
        Got::Absent | Got::NotModified => Err(Stop::Later(error.to_string())),
    }
}

/// Ends uploads that nobody needs any more. What remains is swept up next time, or by the bucket's lifecycle rule.
async fn sweep(work: &Work<'_>, copier: &Copier, s3: &S3, point: &RecoveryPoint) {
    let vault = &work.backed.policy.vault;
    let below = vault.artifacts();
    let uploads = match s3.uploads(&below.bucket, &below.key).await {
        Ok(uploads) => uploads,
        Err(error) => return tracing::warn!(%error, "unfinished uploads were not looked for"),
    };
    let complete = |key: &str| point.artifacts.iter().any(|one| key.starts_with(&one.root.key));
    for call in leftovers(&below.bucket, &uploads, complete, work.services.now()) {
        let answer = copier.perform(&call).await;
        if let CopyCall::Abort { to, .. } = &call {
            tracing::info!(key = to.key, ?answer, "an upload that nobody needs was ended");
        }
    }
}
