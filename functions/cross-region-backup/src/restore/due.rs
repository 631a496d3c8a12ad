//! What is at work in this Region, and which drills are due.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::{StreamExt, stream};
use steward::{
    aws::{
        ledger::{LedgerError, Loaded},
        s3::Listed,
    },
    backup::{
        ledger::{Against, BackupLedger, DueDrill, in_turn},
        manifest::PointId,
        restore::Kind,
    },
    command::OfPoint,
    failure::CallError,
    fleet::Fleet,
    trigger::is_endpoint_name,
};

use super::{
    begin::{self, Asked, Began, Proposed},
    drive::facts,
    target::{self, NoTarget, Target},
    wait,
};
use crate::{HandlerError, points, services::Services};

/// Ledgers read at the same time.
pub(super) const AT_ONCE: usize = 16;

/// Ledgers as they were read or written last, kept between warm invocations: one whose ETag is the same need not be read.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    ledgers: Mutex<BTreeMap<String, Loaded<BackupLedger>>>,
    /// All of them were read once, as far as they can be.
    complete: AtomicBool,
    /// Not all of those that can be read were read the last time.
    partial: AtomicBool,
}

/// What the ledgers of this Region say of its endpoints.
#[derive(Debug, Default)]
pub(crate) struct Restored {
    /// The endpoints that restores made, and from whose recovery points.
    pub(crate) made: BTreeMap<String, String>,
    /// Those that restores and drills are making.
    pub(crate) at_work: BTreeSet<String>,
    /// None is known to be left out.
    pub(crate) all: bool,
    /// What earlier builds told to be gone, by endpoint.
    pub(crate) told: BTreeMap<String, BTreeSet<String>>,
}

impl Memory {
    /// `None`: nobody knows yet.
    pub(crate) fn restored(&self) -> Option<Restored> {
        if !self.complete.load(Ordering::Relaxed) {
            return None;
        }
        let mut restored = Restored {
            all: !self.partial.load(Ordering::Relaxed),
            ..Restored::default()
        };
        let all = self.ledgers.lock().unwrap_or_else(PoisonError::into_inner);
        for (endpoint, loaded) in &*all {
            let ledger = &loaded.document;
            for held in &ledger.held {
                restored.made.insert(held.hold.claim.restored.clone(), endpoint.clone());
            }
            let at_work = ledger.restorations();
            restored
                .at_work
                .extend(at_work.map(|one| one.plan.definition.endpoint.clone()));
            for (name, key) in ledger.told_before(endpoint) {
                restored.told.entry(name.to_owned()).or_default().insert(key.clone());
            }
        }
        Some(restored)
    }

    fn get(&self, endpoint: &str, etag: &str) -> Option<Loaded<BackupLedger>> {
        let all = self.ledgers.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(endpoint).filter(|known| known.etag() == Some(etag)).cloned()
    }

    fn keep(&self, endpoint: &str, ledger: &Loaded<BackupLedger>) {
        let mut all = self.ledgers.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(endpoint.to_owned(), ledger.clone());
    }
}

/// The ledgers of this Region, by endpoint.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) ledgers: BTreeMap<String, Loaded<BackupLedger>>,
    /// Those that cannot be read. The others go on.
    pub(crate) unread: BTreeMap<String, LedgerError>,
}

impl Found {
    /// A ledger that could not be read now, and may hide a restore that is at work. One that no build like this one can
    /// read hides nothing that anybody drives.
    pub(super) fn hidden(&self) -> Option<&LedgerError> {
        let passing = |error: &&LedgerError| !matches!(error, LedgerError::Unreadable { .. });
        self.unread.values().find(passing)
    }
}

/// Reads them.
///
/// # Errors
/// When they cannot be listed.
pub(crate) async fn ledgers(services: &Services<'_>) -> Result<Found, HandlerError> {
    let state = &services.settings().state;
    let prefix = state.key("backup/");
    let endpoint = |listed: Listed| {
        let name = listed.key.strip_prefix(&prefix)?.strip_suffix(".json")?;
        is_endpoint_name(name).then(|| (name.to_owned(), listed.etag))
    };
    let listed = services
        .s3
        .list(&state.bucket, &prefix)
        .await
        .map_err(HandlerError::List)?;
    let memory = &services.ctx.ledgers;
    let reading = listed.into_iter().filter_map(endpoint).map(async |(endpoint, etag)| {
        if let Some(known) = memory.get(&endpoint, &etag) {
            return (endpoint, Ok(known));
        }
        let loaded = services.ledger(&endpoint).load().await;
        if let Ok(loaded) = &loaded {
            memory.keep(&endpoint, loaded);
        }
        (endpoint, loaded)
    });
    let read: Vec<_> = stream::iter(reading).buffer_unordered(AT_ONCE).collect().await;
    let mut found = Found::default();
    for (endpoint, loaded) in read {
        match loaded {
            Ok(loaded) => drop(found.ledgers.insert(endpoint, loaded)),
            Err(error) => {
                tracing::error!(endpoint, %error, "the ledger cannot be used");
                found.unread.insert(endpoint, error);
            }
        }
    }
    memory.partial.store(found.hidden().is_some(), Ordering::Relaxed);
    memory.complete.store(true, Ordering::Relaxed);
    Ok(found)
}

/// The endpoints that have recovery points in this Region, each with the newest one, which may be damaged.
///
/// # Errors
/// What S3 says of one of the places.
pub(crate) async fn restorable(services: &Services<'_>, fleet: &Fleet) -> Result<BTreeMap<String, PointId>, CallError> {
    let s3 = services.looking(services.home()).s3;
    let mut newest: BTreeMap<String, PointId> = BTreeMap::new();
    for vault in fleet.vaults().iter().filter(|vault| vault.region == services.home()) {
        for placed in points::below(&s3, vault, &vault.all_points()).await? {
            let known = newest.entry(placed.endpoint).or_insert_with(|| placed.id.clone());
            if *known < placed.id {
                *known = placed.id;
            }
        }
    }
    Ok(newest)
}

/// What came of looking for drills that are due.
#[derive(Debug, Default)]
pub(super) struct Drills {
    /// Ledgers that were written: of the drill that began, and of those that could not, which have something to tell.
    pub(super) written: Vec<(String, Loaded<BackupLedger>)>,
    /// Endpoints that had no turn, and those that wait for none any more.
    pub(super) passed: Vec<String>,
    /// Why one could not begin; for people.
    pub(super) trouble: Vec<String>,
    /// What kept somebody from knowing whether one is due.
    pub(super) failed: Option<HandlerError>,
}

/// Begins the drill that is due, one at a time: each costs instances and counts against quotas. None begins beside a restore,
/// or while it is not known whether one is at work.
pub(super) async fn begin_drill(services: &Services<'_>, found: &Found) -> Drills {
    let mut drills = Drills::default();
    let fleet = match services.fleet().await {
        Ok(fleet) if fleet.drills() => fleet,
        Ok(_) => {
            drills.failed = wait::for_none(services, found).await.err().map(HandlerError::from);
            return drills;
        }
        // Said once, by what backs up.
        Err(none) if none.is_unwritten() => return drills,
        Err(none) => {
            drills.trouble.push(none.to_string());
            return drills;
        }
    };
    let now = services.now();
    let busy = |loaded: &Loaded<BackupLedger>| loaded.document.keeps_drills_off(now);
    if found.hidden().is_some() || found.ledgers.values().any(busy) {
        return drills;
    }
    let endpoints = match restorable(services, &fleet).await {
        Ok(endpoints) => endpoints,
        Err(error) => {
            drills.failed = Some(HandlerError::Points(error));
            return drills;
        }
    };
    let turns = in_turn(endpoints.keys().map(|endpoint| {
        let ledger = found.ledgers.get(endpoint).map(|loaded| &loaded.document);
        (endpoint.as_str(), ledger)
    }));
    let mut turns = turns.into_iter();
    for endpoint in turns.by_ref() {
        if !services.in_time() {
            break;
        }
        let loaded = match (found.ledgers.get(endpoint), found.unread.get(endpoint)) {
            (Some(loaded), _) => loaded.clone(),
            // It is told by who could not read it.
            (None, Some(_)) => continue,
            (None, None) => match services.ledger(endpoint).load().await {
                Ok(loaded) => loaded,
                Err(error) => {
                    drills.failed = Some(error.into());
                    continue;
                }
            },
        };
        let target = match target::of(services, endpoint).await {
            Ok(target) => target,
            // One of a place that the endpoint has left: nothing is drilled there.
            Err(NoTarget::Not(_)) => continue,
            Err(NoTarget::Unread(error)) => {
                drills.failed = Some(HandlerError::Points(error));
                continue;
            }
        };
        if !loaded.document.drill_is_due(target.policy.drill.every, now) {
            if loaded.document.drill_waits.is_some() {
                drills.passed.push(endpoint.to_owned());
            }
            continue;
        }
        match Box::pin(drill(services, endpoint, loaded, (&target, &endpoints[endpoint]))).await {
            Ok((loaded, why)) => {
                let begun = loaded.document.keeps_drills_off(services.now());
                drills
                    .trouble
                    .extend(why.map(|why| format!("{endpoint}: a drill is due: {why}")));
                drills.written.push((endpoint.to_owned(), loaded));
                if begun {
                    break;
                }
            }
            // It may have been written nevertheless, so no other one begins.
            Err(error) => {
                drills.failed = Some(error.into());
                break;
            }
        }
    }
    drills.passed.extend(turns.map(str::to_owned));
    drills
}

/// Begins one drill. What stands against it is a drill that failed, and so is what may stand against it, when that lasts.
async fn drill(
    services: &Services<'_>,
    endpoint: &str,
    loaded: Loaded<BackupLedger>,
    (target, newest): (&Target, &PointId),
) -> Result<(Loaded<BackupLedger>, Option<String>), LedgerError> {
    let Ok(number) = loaded.document.may_restore(Kind::Drill) else {
        return Ok((loaded, None));
    };
    let of = OfPoint {
        endpoint: endpoint.to_owned(),
        point: None,
        from: None,
    };
    let asked = Asked {
        kind: Kind::Drill,
        of: &of,
        name: None,
    };
    let proposed = begin::propose(services, asked, number).await;
    let plan = match proposed {
        Ok(Proposed { proposal, .. }) => match Against::of(&proposal) {
            None => Ok(proposal.plan),
            Some(against) => Err((against, proposal.plan.point)),
        },
        Err(why) => Err((Against::May(vec![why]), newest.clone())),
    };
    let plan = match plan {
        Ok(plan) => plan,
        Err((against, point)) => return kept_off(services, endpoint, loaded, (target, number, &point), &against).await,
    };
    // The same tick may come twice; it then finds the drill at work, or that none is due.
    let id = format!("drill-{number}-due");
    let (loaded, began) = begin::begin(services, endpoint, loaded, (plan, target), (&id, None)).await?;
    Ok((
        loaded,
        match began {
            Began::Now | Began::Before => None,
            Began::Busy(busy) => Some(busy.to_string()),
        },
    ))
}

/// Writes down that a drill which is due cannot begin, and tells it when that stands or lasts.
async fn kept_off(
    services: &Services<'_>,
    endpoint: &str,
    loaded: Loaded<BackupLedger>,
    (target, number, point): (&Target, u64, &PointId),
    against: &Against,
) -> Result<(Loaded<BackupLedger>, Option<String>), LedgerError> {
    let why = against.why().join("; ");
    tracing::warn!(endpoint, "a drill is due and cannot begin: {why}");
    let facts = facts(services, endpoint, &target.labels);
    let promised = target.policy.objectives;
    let due = DueDrill {
        number,
        point,
        promised,
    };
    let decide = |document: &BackupLedger| {
        let mut new = document.clone();
        if document.may_restore(Kind::Drill) == Ok(number) {
            new.cannot_drill(&facts, due, against);
        }
        ((new != *document).then_some(new), ())
    };
    let (loaded, ()) = services.ledger(endpoint).change_from(loaded, decide).await?;
    Ok((loaded, Some(why)))
}
