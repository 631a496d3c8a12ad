//! What a restore or a drill would make, under which names, and why it cannot.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    called::{Called, called, served_by},
    cover::Cover,
    look::{Look, Seen},
    mark::{crowded, mark},
    ranges::{self, Ranges},
    record::{Kind, Plan, Thing},
    size::sized,
};
use crate::{
    backup::{
        claim::{Claim, Hold},
        definition::{self, Definition},
        manifest::{PointId, RecoveryPoint},
        names::{digest, suffixed},
        policy::BackupPolicy,
        rewrite::{self, Renames},
        verify::Verified,
    },
    scaling::ScalingRule,
    text::sentence,
};

/// What would be made, and what stands against it.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// What would be made.
    pub plan: Plan,
    /// What stands against it.
    pub problems: Vec<String>,
    /// What could not be seen, and may stand against it: to be looked at again.
    pub unseen: Vec<String>,
}

impl Proposal {
    /// The plan, if nothing stands against it.
    ///
    /// # Errors
    /// Everything that does, or may.
    pub fn agreed(self) -> Result<Plan, PlanError> {
        let against = [self.problems, self.unseen].concat();
        match against.is_empty() {
            true => Ok(self.plan),
            false => Err(PlanError(against)),
        }
    }
}

/// Why nothing can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(|one| format!("- {one}")).collect::<Vec<_>>().join("\n"))]
pub struct PlanError(pub Vec<String>);

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// What for.
    pub kind: Kind,
    /// Its number.
    pub number: u64,
    /// The point and its id.
    pub point: (&'a PointId, &'a RecoveryPoint),
    /// Another name for the endpoint.
    pub name: Option<&'a str>,
    /// What looks after it under that name.
    pub cover: Cover,
    /// What the fleet file asks for.
    pub policy: &'a BackupPolicy,
    /// The endpoint has probes.
    pub probed: bool,
    /// What became of the point, and of what a restore from it needs besides.
    pub verified: &'a Verified,
    /// What people should know of the choice of the point.
    pub notes: &'a [String],
    /// Now.
    pub now: Timestamp,
}

/// The names that a look has to show before [`plan`] can decide: those of the definition, and those that they may become.
pub fn candidates(ask: &Ask<'_>) -> Vec<Thing> {
    let (definition, other) = named(ask);
    let mut all = things(&definition);
    all.extend(other.iter().flat_map(things));
    all.sort();
    all.dedup();
    all
}

/// What else has to be looked at once the [`candidates`] were: the endpoints of components that have their names. Those of an
/// endpoint that is gone are in the way, those of another one are not.
pub fn owners(look: &Look) -> Vec<Thing> {
    let owners = look.things.iter().filter_map(|(thing, seen)| match seen {
        Seen::There(existing) => served_by(thing, existing).map(Thing::endpoint),
        Seen::Absent | Seen::Unknown(_) => None,
    });
    let mut owners: Vec<Thing> = owners.filter(|owner| !look.things.contains_key(owner)).collect();
    owners.sort();
    owners.dedup();
    owners
}

/// Decides what would be made.
///
/// Of a restore, a model or config of the same name and content is used as it is; where one of another content has the
/// name, the new one gets a name that ends with the digest of the point, and so does what names it, if its own name is
/// taken too. A component that an endpoint left behind is in the way: nothing is made beside it. A drill's names all carry its number, and those of what endpoints may share a digest of the endpoint's name.
pub fn plan(ask: &Ask<'_>, look: &Look) -> Proposal {
    let (wished, other) = named(ask);
    let Called {
        definition,
        reused,
        mut problems,
        unseen,
        notes,
    } = called(&wished, other.as_ref().map(|_| ask.point.0.digest.as_str()), ask, look);
    let damage = [&ask.verified.damaged, &ask.verified.missing].into_iter().flatten();
    problems.splice(0..0, damage.map(|why| sentence(why)));
    let mut warnings = ask.notes.to_vec();
    warnings.extend(ask.verified.unknown.iter().map(|why| format!("not seen: {why}")));
    warnings.extend(notes);
    warnings.extend(ask.verified.other_code.iter().cloned());
    warnings.extend(ask.verified.for_now.iter().cloned());
    warnings.extend(ask.verified.noted.iter().cloned());
    warnings.extend(ask.point.1.source.during());
    warnings.extend(ask.point.1.source.unsure.iter().cloned());
    let left_out = ask.point.1.source.left_out.iter();
    warnings.extend(left_out.map(|one| format!("not in the point, so not made: {one}")));
    // What serves already keeps its range.
    if !reused.contains(&Thing::endpoint(&definition.endpoint)) {
        warnings.extend(ranges::notes(ask.point.1, &definition, ask.now));
    }
    for scaled in &definition.scaling {
        let steps = scaled
            .scaling
            .policies
            .iter()
            .filter(|policy| matches!(policy.rule, ScalingRule::Step { .. }));
        warnings.extend(steps.map(|policy| {
            format!(
                "step scaling policy {} is triggered by an alarm of yours, which has to exist in the other Region too",
                policy.name
            )
        }));
    }
    if !ask.probed {
        warnings.push(
            "the endpoint has no probes that could be sent, so its status is all that will be known; write some under `health.probes`"
                .into(),
        );
    }
    let sleeps = definition.scaling.iter().any(|scaled| scaled.scaling.min == 0);
    let (own, name) = (&ask.point.1.endpoint, &definition.endpoint);
    let lacks = ask.cover.lacks(own, name, &ask.policy.vault.region, sleeps);
    let awake = ask.cover.awake(name).filter(|_| sleeps);
    warnings.extend(lacks.clone());
    warnings.extend(
        awake
            .iter()
            .map(|why| format!("what may scale to zero keeps a minimum of 1: {why}")),
    );
    let (deadline, instances) = limits(ask);
    let called = ask.point.1.restored.components.iter().map(|component| &component.name);
    let components = called
        .zip(definition.components.iter().map(|component| &component.name))
        .filter(|(before, now)| before != now)
        .map(|(before, now)| (before.clone(), now.clone()))
        .collect();
    let claim = Claim::of(ask.point, (&definition.endpoint, ask.number), ask.now);
    let hold = |claim| {
        Box::new(Hold {
            vault: ask.policy.vault.clone(),
            claim,
        })
    };
    let mut plan = Plan {
        number: ask.number,
        kind: ask.kind,
        point: ask.point.0.clone(),
        mark: mark(&ask.point.1.endpoint, ask.kind, ask.number, ask.now),
        definition,
        probed: ask.probed,
        deadline,
        rpo: ask.policy.objectives.rpo,
        rto: ask.policy.objectives.rto,
        reused,
        components,
        lacks,
        other_code: ask.verified.other_code.clone(),
        awake,
        ranges: Some(Ranges {
            since: ask.now,
            instances,
        }),
        holds: claim.filter(|_| ask.kind == Kind::Restore).map(hold),
        warnings,
    };
    let made = plan.tagged().filter(|(thing, _)| !plan.reused.contains(thing));
    let crowded: Vec<String> = made.filter_map(|(thing, tags)| crowded(&thing, &tags)).collect();
    plan.warnings.extend(crowded);
    Proposal { plan, problems, unseen }
}

fn limits(ask: &Ask<'_>) -> (std::time::Duration, u32) {
    match ask.kind {
        Kind::Restore => (ask.policy.restore.deadline, ask.policy.restore.instances),
        Kind::Drill => (ask.policy.drill.deadline, ask.policy.drill.instances),
    }
}

/// The definition under the names that it should have, scaled as it would be by now, and for a restore the one under the
/// names it would get instead.
fn named(ask: &Ask<'_>) -> (Definition, Option<Definition>) {
    let (_, instances) = limits(ask);
    let definition = sized(&ranges::caught_up(ask.point.1, ask.now), ask.kind, instances);
    match ask.kind {
        Kind::Drill => {
            let suffix = format!("drill-{}", ask.number);
            let mut apart = rewrite::apart(&definition, &suffix);
            // Endpoints may share models and configs; their drills count for themselves.
            let whose = &digest(&definition.endpoint)[..6];
            for ((kind, name), called) in &mut apart.documents {
                if matches!(kind, definition::Kind::Model | definition::Kind::Config) {
                    *called = suffixed(name, &format!("{whose}-{suffix}"));
                }
            }
            (rewrite::renamed(&definition, &apart), None)
        }
        Kind::Restore => {
            let renames = Renames {
                endpoint: ask.name.map(str::to_owned),
                documents: BTreeMap::new(),
            };
            let definition = rewrite::renamed(&definition, &renames);
            let mut apart = rewrite::apart(&definition, &ask.point.0.digest);
            apart.endpoint = None;
            let other = rewrite::renamed(&definition, &apart);
            (definition, Some(other))
        }
    }
}

fn things(definition: &Definition) -> Vec<Thing> {
    let documents = definition.documents();
    let documents = documents.map(|(kind, document)| Thing::of(kind, &document.name));
    documents.chain([Thing::endpoint(&definition.endpoint)]).collect()
}
