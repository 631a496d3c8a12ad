//! Making the changes of a plan, each under the lease of the endpoint that it is about. No policy here: what is made was
//! planned, and is made only where everything is still as it was, or as it is to be.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::json;
use steward::{
    aws::ledger::{LedgerError, Loaded},
    capacity::{
        ledger::{CapacityLedger, Failed},
        plan::{Change, Plan, Stale},
        tell::Teller,
        thing::Key,
        world::World,
    },
    failure::Retry,
    fleet::Fleet,
    lease::{Decision, Lease, Urgency},
    text::sentence,
};

use crate::{services::Services, view::View};

/// Prolonged with every change; should the function die, it ends by itself.
const LEASE: Duration = Duration::from_secs(2 * 60);

/// In whose name the lease is held.
const HOLDER: &str = "fleet-reconciler";

/// How far a plan came in this invocation.
#[derive(Debug)]
pub(crate) struct Went {
    pub(crate) ledger: Loaded<CapacityLedger>,
    /// What was made now.
    pub(crate) made: Vec<Key>,
    /// What was not.
    pub(crate) failed: Vec<Failed>,
    /// The invocation's time was over before everything was tried.
    pub(crate) late: bool,
}

/// Why nothing was done.
#[derive(Debug)]
pub(crate) enum Unapplied {
    /// Something else is there than when it was planned.
    Stale(Stale),
    /// Another plan is at work.
    Busy(String),
}

/// Makes what is left of a plan, from the ledger that was read.
///
/// # Errors
/// When the ledger cannot be written.
pub(crate) async fn apply(
    services: &Services<'_>,
    fleet: &Fleet,
    ledger: Loaded<CapacityLedger>,
    plan: &Plan,
    view: &View,
    by: &str,
) -> Result<Result<Went, Unapplied>, LedgerError> {
    let left: Vec<Change> = match plan.remaining(&plan.id, &view.desired, &view.world) {
        Ok(left) => left.into_iter().cloned().collect(),
        Err(stale) => return Ok(Err(Unapplied::Stale(stale))),
    };
    let at_work = ledger.document.applying.as_ref();
    if left.is_empty() && at_work.is_none_or(|at_work| at_work.plan.id != plan.id) {
        return Ok(Ok(Went {
            ledger,
            made: vec![],
            failed: vec![],
            late: false,
        }));
    }
    let labels = Services::labels(fleet);
    let teller = Teller {
        now: services.now(),
        labels: &labels,
        components: &view.world.components,
    };
    let begin = |document: &CapacityLedger| {
        let mut begun = document.clone();
        if let Err(other) = begun.begin(plan, by, teller) {
            let said = format!(
                "the plan {} is being applied since {:.0}, asked for by {}",
                other.plan.id, other.began, other.by
            );
            return (None, Err(said));
        }
        ((begun != *document).then_some(begun), Ok(()))
    };
    let (ledger, begun) = services.ledger().change_from(ledger, begin).await?;
    if let Err(busy) = begun {
        return Ok(Err(Unapplied::Busy(busy)));
    }
    let (made, failed, late) = Box::pin(make(services, plan, &left, &view.world)).await;
    if late && !made.is_empty() {
        // What is left shrinks with every invocation, so this ends.
        again(services, plan, by).await;
    }
    let teller = Teller {
        now: services.now(),
        ..teller
    };
    let of_plan = |key: &Key| plan.changes.iter().any(|change| change.key == *key);
    let went = |document: &CapacityLedger| {
        let mut gone = document.clone();
        gone.went(&failed, late, teller);
        let done = |key: &Key| !late && of_plan(key) && !failed.iter().any(|failed| failed.key == *key);
        gone.applied = std::mem::take(&mut gone.applied).as_declared(&view.desired, done);
        ((gone != *document).then_some(gone), ())
    };
    let (ledger, ()) = services.ledger().change_from(ledger, went).await?;
    Ok(Ok(Went {
        ledger,
        made,
        failed,
        late,
    }))
}

async fn make(services: &Services<'_>, plan: &Plan, left: &[Change], world: &World) -> (Vec<Key>, Vec<Failed>, bool) {
    let owner = services.ctx.settings().name.as_str();
    let token = format!("capacity/{}", plan.id);
    let (mut made, mut failed): (Vec<Key>, Vec<Failed>) = (vec![], vec![]);
    let mut held: BTreeSet<String> = BTreeSet::new();
    // What needs something that was not made cannot be made either.
    let mut unmade: BTreeMap<Key, bool> = BTreeMap::new();
    let mut late = false;
    for change in left {
        if !services.in_time() {
            late = true;
            break;
        }
        let key = &change.key;
        let first = change
            .needs()
            .into_iter()
            .find_map(|first| unmade.get_key_value(&first));
        if let Some((first, later)) = first.map(|(first, later)| (first.clone(), *later)) {
            failed.push(Failed {
                key: key.clone(),
                why: format!("{} {first} comes first", first.kind()),
                later,
            });
            unmade.insert(key.clone(), later);
            continue;
        }
        let done = match endpoint(key, world) {
            None => Ok(()),
            Some(endpoint) => {
                let free = hold(services, &endpoint, &token, plan).await;
                held.insert(endpoint);
                free.map_err(|why| (why, true))
            }
        };
        let done = match done {
            Ok(()) => Box::pin(services.acting.change(change, owner)).await.map_err(|error| {
                tracing::warn!(%error, advice = error.advice(), %key, "not made");
                let later = error.retry() != Retry::Never;
                (
                    format!("{} {}", sentence(&error.without_request()), error.advice()),
                    later,
                )
            }),
            Err(held) => Err(held),
        };
        match done {
            Ok(()) => {
                tracing::info!(verb = change.verb.as_str(), kind = key.kind(), %key, "made");
                made.push(key.clone());
            }
            Err((why, later)) => {
                if change.after.is_some() {
                    unmade.insert(key.clone(), later);
                }
                failed.push(Failed {
                    key: key.clone(),
                    why,
                    later,
                });
            }
        }
    }
    for endpoint in held {
        if let Err(error) = services.leases.release(&endpoint, &token).await {
            tracing::warn!(%error, "the lease was not given back; it ends by itself");
        }
    }
    (made, failed, late)
}

/// The endpoint whose capacity a change moves.
pub(crate) fn endpoint(key: &Key, world: &World) -> Option<String> {
    match key {
        Key::Endpoint(name) => Some(name.clone()),
        key => world.endpoint_of(key.scalable()?).map(|seen| seen.name.clone()),
    }
}

/// Of these endpoints, those at which somebody else is at work, in words. Where that is not known, somebody may be.
pub(crate) async fn others_at_work(services: &Services<'_>, about: BTreeSet<String>) -> BTreeMap<String, String> {
    let mut at_work = BTreeMap::new();
    for name in about {
        let said = match services.leases.current(&name).await {
            Ok(Some(lease)) if lease.holder != HOLDER => {
                format!("{} is at work on {name}: {}", lease.holder, lease.purpose)
            }
            Ok(_) => continue,
            Err(error) => {
                tracing::warn!(%error, endpoint = name, "who is at work on it is not known");
                format!("who is at work on {name} is not known: {error}")
            }
        };
        at_work.insert(name, said);
    }
    at_work
}

/// Takes or prolongs the lease. `Err` says who has it, or why it is not known.
async fn hold(services: &Services<'_>, endpoint: &str, token: &str, plan: &Plan) -> Result<(), String> {
    let purpose = format!("plan {}", plan.id);
    let now = services.now();
    let wish = Lease::wish(HOLDER, token, &purpose, Urgency::Routine, now, LEASE);
    match services.leases.acquire(endpoint, &wish).await {
        Ok(Decision::Grant(_)) => Ok(()),
        Ok(Decision::TakeOver { from, .. }) => {
            tracing::warn!(holder = from.holder, purpose = from.purpose, "the lease was taken over");
            Ok(())
        }
        Ok(Decision::Refuse { current, free_at }) => Err(format!(
            "{} holds the endpoint until {free_at:.0}, for: {}",
            current.holder, current.purpose
        )),
        Err(error) => Err(format!("no lease: {error}")),
    }
}

/// Goes on in another invocation. One that is lost is made up for by the next tick.
async fn again(services: &Services<'_>, plan: &Plan, by: &str) {
    let event = json!({ "command": "apply", "plan": plan.id, "by": by });
    let function = services.ctx.settings().function.as_str();
    if let Err(error) = services.acting.lambda().invoke(function, &event).await {
        tracing::warn!(%error, advice = error.advice(), "not gone on with at once; the next tick does");
    }
}
