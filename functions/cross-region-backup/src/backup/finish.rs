//! From the description of an endpoint to its recovery point.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt, TryStreamExt, stream};
use steward::{
    backup::{
        artifact::Artifact,
        gather::{self, Tallied},
        ledger::BackupLedger,
        manifest::PointId,
        references::Form,
        rewrite::Rules,
    },
    location::Location,
};

use super::{
    Made, Stop,
    copying::{self, Copied},
    definition::{Looked, look},
    inventory::{self, Task, listing},
    work::Work,
    write::{WRITING, under_lease},
};
use crate::points;

/// Artifacts that change while they are copied are looked at so often in one invocation.
const ROUNDS: u32 = 3;

/// Artifacts looked at at the same time.
const AT_ONCE: usize = 8;

/// So long nothing is written below the root of a set that changed before a recovery point names it: a call of which nobody
/// heard the end, of an invocation that died, has landed by then or never will.
const SETTLED: Duration = Duration::from_secs(5 * 60);

/// What the newest recovery point says of its artifacts.
pub(super) type Known = Vec<Artifact>;

/// Makes the recovery point, or as much of what it needs as there is time for.
pub(super) async fn make(work: &mut Work<'_>, ledger: &BackupLedger) -> Result<Made, Stop> {
    let Looked { definition, created } = look(work.services, work.endpoint, work.newest.is_some()).await?;
    work.created = created;
    let vault = &work.backed.policy.vault;
    let rules = Rules {
        account: work.services.settings().account().to_owned(),
        from: work.services.home().to_owned(),
        to: vault.region.clone(),
        copied: BTreeMap::new(),
        mappings: work.backed.policy.mappings.clone(),
    };
    let to_copy = gather::preflight(&definition, &rules).map_err(|refused| Stop::Failed(refused.to_string()))?;
    let keys: Vec<(String, Form)> = to_copy.into_keys().collect();
    let copier = work.services.copier(&work.backed.policy);
    let known = known(work, ledger).await?;
    // What another key encrypts is not taken: it may be changed because nobody may use the one before.
    let same_key = ledger.newest.as_ref().is_none_or(|kept| kept.has_key_of(vault));
    let takable: &[Artifact] = if same_key { &known } else { &[] };
    for _ in 0..ROUNDS {
        let from = work.services.looking(work.services.home()).s3;
        let looking = stream::iter(&keys).map(|key| inventory::task(&from, vault, key));
        let tasks: Vec<Option<Task>> = looking.buffered(AT_ONCE).try_collect().await?;
        let mut tasks: Vec<Task> = tasks.into_iter().flatten().collect();
        let present = present(work, &known, &mut tasks).await?;
        let lacking = tasks.iter_mut().zip(&present);
        for task in lacking.filter_map(|(task, present)| present.is_none().then_some(task)) {
            place(work, takable, task).await?;
        }
        // Two of them may name the same prefix.
        let to_do: BTreeMap<&Location, &Task> = tasks
            .iter()
            .zip(&present)
            .filter_map(|(task, present)| present.is_none().then_some((&task.destination.root, task)))
            .collect();
        let (roots, to_do): (Vec<&Location>, Vec<&Task>) = to_do.into_iter().unzip();
        let copied = copying::copy(work, &copier, &to_do).await?;
        if copied.changed {
            tracing::info!("the artifacts changed while they were copied; they are looked at again");
            work.anew();
            continue;
        }
        judge(&copied)?;
        settle(work, &to_do).await?;
        let copied: BTreeMap<&Location, Tallied> = roots.into_iter().zip(copied.tallied).collect();
        let tallied: Vec<(&Task, Tallied)> = tasks
            .iter()
            .map(|task| {
                let tallied = copied.get(&task.destination.root);
                (task, tallied.cloned().unwrap_or_default())
            })
            .collect();
        return under_lease(work, &copier, &definition, &rules, &tallied, &known).await;
    }
    Err(Stop::Later(
        "the artifacts change as fast as they are copied".to_owned(),
    ))
}

/// What the newest recovery point says is there. One that cannot be used is told.
async fn known(work: &Work<'_>, ledger: &BackupLedger) -> Result<Known, Stop> {
    let vault = &work.backed.policy.vault;
    let s3 = work.services.looking(&vault.region).s3;
    let Some(kept) = &ledger.newest else {
        let newest = points::newest(&s3, vault, work.endpoint, Some(work.services.home())).await?;
        return Ok(newest.map(|(_, point)| point.artifacts).unwrap_or_default());
    };
    match points::read(&s3, vault, work.endpoint, work.services.home(), &kept.id).await? {
        Ok(point) => Ok(point.artifacts),
        Err(why) => {
            damaged(work, &kept.id, &[why]).await?;
            Ok(Known::new())
        }
    }
}

/// The one of them that is the copy of this very listing, or object.
fn same<'k>(known: &'k Known, task: &Task) -> Option<&'k Artifact> {
    let destination = &task.destination;
    let here = known
        .iter()
        .find(|artifact| artifact.root == destination.root && artifact.at == destination.at);
    let listing = task.set().map(|(_, listing)| listing);
    here.or_else(|| {
        let mut alike = known.iter().filter(|artifact| is_of(artifact, task));
        alike.find(|artifact| listing.is_some() && artifact.source.as_deref() == listing)
    })
}

fn is_of(artifact: &Artifact, task: &Task) -> bool {
    (&artifact.uri, artifact.form) == (&task.key.0, task.key.1)
}

/// Where a set is collected that changed before all of it was copied, and where copies of it were made before.
async fn place(work: &mut Work<'_>, takable: &[Artifact], task: &mut Task) -> Result<(), Stop> {
    let vault = &work.backed.policy.vault;
    let mut earlier: Vec<Location> = Vec::new();
    if let Some((of, listing)) = task.set() {
        let now = work.services.now();
        let loaded = work
            .change(|document| document.collects(vault, of, listing, now))
            .await?;
        if let Some(set) = loaded.document.unfinished.get(&of.to_string()) {
            work.changed |= set.changes > 0;
            earlier.extend(set.earlier.iter().map(|key| Location::new(&vault.bucket, key)));
            if let Some(root) = set.root(vault, of, &work.owner()) {
                task.destination = task.destination.clone().collected_below(root);
            }
        }
    }
    let before = takable.iter().filter(|artifact| is_of(artifact, task));
    earlier.extend(before.map(|artifact| artifact.root.clone()));
    earlier.retain(|root| *root != task.destination.root && root.bucket == task.destination.root.bucket);
    task.earlier = earlier;
    Ok(())
}

/// Sets that were collected below a root of their own are written to no more, and what is under way there has time to land.
async fn settle(work: &Work<'_>, tasks: &[&Task]) -> Result<(), Stop> {
    let collected = tasks.iter().filter(|task| !task.destination.pinned);
    let sets: Vec<(&Location, &str)> = collected.filter_map(|task| task.set()).collect();
    if sets.is_empty() {
        return Ok(());
    }
    let settled = work.services.now().saturating_add(SETTLED);
    let settled = settled.map_err(|error| Stop::Later(error.to_string()))?;
    if settled.saturating_add(WRITING).unwrap_or(settled) >= work.services.looking_until {
        return Err(Stop::OutOfTime);
    }
    let (vault, owner) = (&work.backed.policy.vault, work.owner());
    let seal = |document: &mut BackupLedger| {
        for (of, listing) in &sets {
            document.sealed(vault, of, listing, &owner);
        }
    };
    work.change(seal).await?;
    while work.services.now() < settled {
        let left = Duration::try_from(settled.duration_since(work.services.now())).unwrap_or_default();
        tokio::time::sleep(left.min(copying::HEARD)).await;
        work.heard(work.so_far()).await?;
    }
    Ok(())
}

async fn damaged(work: &Work<'_>, id: &PointId, found: &[String]) -> Result<(), Stop> {
    let facts = work.facts();
    let tell = |document: &mut BackupLedger| {
        document.damaged(&facts, &id.to_string(), found);
        // This backup makes it good.
        document.again = false;
    };
    work.change(tell).await.map(drop)
}

/// The artifacts of which the newest recovery point says that they were compared, and that are as they were since. One
/// that is not is told, and copied again.
async fn present<'k>(
    work: &mut Work<'_>,
    known: &'k Known,
    tasks: &mut [Task],
) -> Result<Vec<Option<&'k Artifact>>, Stop> {
    let s3 = work.services.looking(&work.backed.policy.vault.region).s3;
    let (mut present, mut wrong) = (Vec::new(), Vec::new());
    for task in &*tasks {
        work.progress.total.objects = work.progress.total.objects.saturating_add(task.expected.objects);
        work.progress.total.bytes = work.progress.total.bytes.saturating_add(task.expected.bytes);
    }
    for task in tasks {
        let Some(artifact) = same(known, task) else {
            present.push(None);
            continue;
        };
        let listed = listing(&s3, &artifact.root).await?;
        let (tally, archived) = (listed.tally, listed.archived());
        if listed.is(artifact) && archived.is_none() {
            let there = &mut work.progress.present;
            there.objects = there.objects.saturating_add(tally.objects);
            there.bytes = there.bytes.saturating_add(tally.bytes);
            if artifact.root != task.destination.root {
                task.destination = task.destination.clone().collected_below(artifact.root.clone());
            }
            present.push(Some(artifact));
        } else {
            let (uri, had) = (&artifact.uri, artifact.tally);
            wrong.push(match archived {
                Some(archived) if listed.is(artifact) => format!("the copy of {uri}: {archived}; it is copied again"),
                _ => format!("the copy of {uri} has {tally}, and had {had}; it is copied again"),
            });
            present.push(None);
        }
    }
    if !wrong.is_empty()
        && let Some(id) = &work.newest
    {
        let id = id.clone();
        damaged(work, &id, &wrong).await?;
        work.newest = None;
    }
    Ok(present)
}

/// What did not come out.
fn judge(copied: &Copied) -> Result<(), Stop> {
    let problems: Vec<String> = copied.tallied.iter().flat_map(Tallied::problems).collect();
    if problems.is_empty() {
        return Ok(());
    }
    let later = copied.tallied.iter().any(Tallied::to_be_continued);
    let problems = problems.join("\n");
    Err(if later {
        Stop::Later(problems)
    } else {
        Stop::Failed(problems)
    })
}
