//! Beginning a restore or a drill: the point, the fleet file and what is in the Region made into a plan.

use std::collections::BTreeSet;

use steward::{
    aws::ledger::{LedgerError, Loaded},
    backup::{
        ledger::{BackupLedger, Busy},
        restore::{
            Ask, Cover, Kind, Look, Plan, Proposal, Restoration, Thing, ThingKind, candidates, owners, plan, table,
        },
        rewrite::{Here, laid_over},
        verify::judge,
    },
    command::OfPoint,
};

use super::{
    drive::facts,
    look,
    target::{self, Chosen, Target},
};
use crate::{commands::verify, services::Services};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) kind: Kind,
    pub(super) of: &'a OfPoint,
    /// Another name for the endpoint.
    pub(super) name: Option<&'a str>,
}

/// What would be made, from what.
pub(super) struct Proposed {
    pub(super) target: Target,
    pub(super) chosen: Chosen,
    pub(super) proposal: Proposal,
    /// For people.
    pub(super) table: String,
}

/// Looks, and decides what would be made.
///
/// # Errors
/// Why nobody can say.
pub(super) async fn propose(services: &Services<'_>, asked: Asked<'_>, number: u64) -> Result<Proposed, String> {
    let Asked { kind, of, name } = asked;
    let target = target::of(services, &of.endpoint).await;
    let target = target.map_err(|why| why.to_string())?;
    let turn = (kind == Kind::Drill).then_some(number);
    let mut chosen = target::choose(services, &target.policy, of, turn).await?;
    let here = Here {
        mappings: &target.policy.mappings,
        written: services.fleet_written().await,
        several: chosen.several,
    };
    let (restored, differences) = laid_over(&chosen.point, here);
    chosen.point.restored = restored;
    chosen.notes.extend(differences);
    let seen = Box::pin(verify::seen(services, &mut chosen.point)).await;
    let verified = judge(&chosen.point, &seen);
    let ask = Ask {
        kind,
        number,
        point: (&chosen.id, &chosen.point),
        name,
        cover: Cover::of(&target.fleet, &of.endpoint, name, &chosen.point.restored.tags),
        policy: &target.policy,
        probed: !target.probes.is_empty(),
        verified: &verified,
        notes: &chosen.notes,
        now: services.now(),
    };
    let wanted = candidates(&ask);
    // Of an endpoint the tags tell whether an earlier restore made it.
    let tagged = wanted.iter().filter(|thing| thing.kind == ThingKind::Endpoint);
    let tagged: BTreeSet<Thing> = tagged.cloned().collect();
    let mut look = Look {
        things: look::things(services, wanted, &tagged).await,
        ..Look::default()
    };
    let owners = look::things(services, owners(&look), &BTreeSet::new()).await;
    look.things.extend(owners);
    let proposal = plan(&ask, &look);
    let table = table(&proposal.plan, &chosen.point, &seen);
    Ok(Proposed {
        target,
        chosen,
        proposal,
        table,
    })
}

/// What came of the wish to begin.
pub(super) enum Began {
    /// It is in the ledger now.
    Now,
    /// It was, by this very command.
    Before,
    /// Something else is at work.
    Busy(Busy),
}

/// Writes the restore into the ledger, once for each id.
///
/// # Errors
/// When the ledger cannot be read or written.
pub(super) async fn begin(
    services: &Services<'_>,
    endpoint: &str,
    loaded: Loaded<BackupLedger>,
    proposed: (Plan, &Target),
    (id, by): (&str, Option<String>),
) -> Result<(Loaded<BackupLedger>, Began), LedgerError> {
    let (plan, target) = proposed;
    let facts = facts(services, endpoint, &target.labels);
    let decide = |document: &BackupLedger| {
        let mut document = document.clone();
        if document.obeyed(id) {
            return (None, Began::Before);
        }
        match document.restore(Restoration::new(plan.clone(), facts.now, by.clone())) {
            Err(busy) => (None, Began::Busy(busy)),
            Ok(()) => {
                document.restoring(&facts, &plan, by.as_deref());
                (Some(document), Began::Now)
            }
        }
    };
    services.ledger(endpoint).change_from(loaded, decide).await
}
