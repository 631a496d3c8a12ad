//! What a restore or a drill would make, under which names, and why it cannot.

use std::{collections::BTreeMap, fmt::Write as _};

use jiff::Timestamp;

use super::{
    look::{Look, Seen},
    record::{Kind, Plan, Thing, ThingKind},
    size::sized,
};
use crate::{
    backup::{
        definition::{self, Definition, ScaledThing},
        manifest::{PointId, RecoveryPoint},
        names::suffixed,
        policy::BackupPolicy,
        rewrite::{self, Renames},
    },
    scaling::ScalingRule,
};

/// The tag of everything that a restore or drill makes.
const MARK: &str = "steward:restored-by";

/// Tags that a resource may have (AWS's limit).
const TAGS: usize = 50;

/// Why nothing can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(|one| format!("- {one}")).collect::<Vec<_>>().join("\n"))]
pub struct PlanError(pub Vec<String>);

/// The tag that tells what this very restore or drill made.
pub fn mark(endpoint: &str, kind: Kind, number: u64, started: Timestamp) -> (String, String) {
    let kind = kind.as_str();
    (
        MARK.to_owned(),
        format!("{endpoint}/{kind}-{number}/{}", started.as_second()),
    )
}

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
    /// What the fleet file asks for.
    pub policy: &'a BackupPolicy,
    /// The endpoint has probes.
    pub probed: bool,
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

/// Decides what would be made.
///
/// Of a restore, a model or config of the same name and content is used as it is; where one of another content has the
/// name, the new one gets a name that ends with the digest of the point. A drill's names all carry its number.
///
/// # Errors
/// Everything that stands against it.
pub fn plan(ask: &Ask<'_>, look: &Look) -> Result<Plan, PlanError> {
    let (mut definition, other) = named(ask);
    let mut problems = vec![];
    let mut warnings = vec![];
    let mut reused = vec![];
    let mut renames = Renames::default();
    for (thing, body) in bodies(&definition) {
        let is_free = |thing: &Thing, problems: &mut Vec<String>| match look.things.get(thing) {
            Some(Seen::Absent) => true,
            Some(Seen::Unknown(why)) => {
                problems.push(format!("Whether there is a {thing} could not be seen: {why}."));
                true
            }
            None => {
                problems.push(format!("Whether there is a {thing} was not looked for."));
                true
            }
            Some(Seen::There(_)) => false,
        };
        if is_free(&thing, &mut problems) {
            continue;
        }
        let same = matches!(look.things.get(&thing), Some(Seen::There(existing)) if existing.body == body);
        let kind = match thing.kind {
            ThingKind::Model => definition::Kind::Model,
            ThingKind::Config => definition::Kind::Config,
            ThingKind::Component => definition::Kind::Component,
            ThingKind::Endpoint => {
                problems.push(format!(
                    "There is an endpoint {} already. Restore under another `name`, or delete it first if it is not needed.",
                    thing.name
                ));
                continue;
            }
        };
        if same && thing.kind != ThingKind::Component {
            reused.push(thing);
            continue;
        }
        let new = other.as_ref().map(|_| suffixed(&thing.name, &ask.point.0.digest));
        let renamed = new.map(|name| Thing { name, ..thing.clone() });
        match renamed {
            Some(renamed) if is_free(&renamed, &mut problems) => {
                warnings.push(format!(
                    "there is another {thing} already, so the new one is called {}",
                    renamed.name
                ));
                renames.documents.insert((kind, thing.name.clone()), renamed.name);
            }
            _ => problems.push(format!(
                "There is another {thing} already, and one under the name it would get instead."
            )),
        }
    }
    definition = rewrite::renamed(&definition, &renames);
    // A config that names a renamed model is another than the one there is.
    let unchanged = |thing: &Thing| {
        let body = bodies(&definition).into_iter().find(|(one, _)| one == thing);
        body.is_some_and(
            |(_, body)| matches!(look.things.get(thing), Some(Seen::There(existing)) if existing.body == body),
        )
    };
    for thing in &reused {
        if !unchanged(thing) {
            problems.push(format!("There is a {thing} already, with models of another content. Restore under another `name`, or delete it."));
        }
    }
    for (kind, document) in definition.documents() {
        if document.tags.len() >= TAGS {
            let kind = kind.as_str();
            problems.push(format!(
                "The {kind} {} has {TAGS} tags, and the restore needs one more.",
                document.name
            ));
        }
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
            "the endpoint has no probes, so its status is all that will be known; write some under `health.probes`"
                .into(),
        );
    }
    let (deadline, _) = limits(ask);
    match problems.is_empty() {
        false => Err(PlanError(problems)),
        true => Ok(Plan {
            number: ask.number,
            kind: ask.kind,
            point: ask.point.0.clone(),
            mark: mark(&ask.point.1.endpoint, ask.kind, ask.number, ask.now),
            definition,
            probed: ask.probed,
            deadline,
            rto: ask.policy.objectives.rto,
            reused,
            warnings,
        }),
    }
}

fn limits(ask: &Ask<'_>) -> (std::time::Duration, u32) {
    match ask.kind {
        Kind::Restore => (ask.policy.restore.deadline, ask.policy.restore.instances),
        Kind::Drill => (ask.policy.drill.deadline, ask.policy.drill.instances),
    }
}

/// The definition under the names that it should have, and for a restore the one under the names it would get instead.
fn named(ask: &Ask<'_>) -> (Definition, Option<Definition>) {
    let (_, instances) = limits(ask);
    let definition = sized(&ask.point.1.restored, ask.kind, instances);
    match ask.kind {
        Kind::Drill => {
            let suffix = format!("drill-{}", ask.number);
            (
                rewrite::renamed(&definition, &rewrite::apart(&definition, &suffix)),
                None,
            )
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
    bodies(definition).into_iter().map(|(thing, _)| thing).collect()
}

fn bodies(definition: &Definition) -> Vec<(Thing, serde_json::Value)> {
    let endpoint = Thing {
        kind: ThingKind::Endpoint,
        name: definition.endpoint.clone(),
    };
    let documents = definition.documents().map(|(kind, document)| {
        let thing = Thing {
            kind: kind.into(),
            name: document.name.clone(),
        };
        (thing, document.body.clone())
    });
    documents.chain([(endpoint, serde_json::Value::Null)]).collect()
}

/// What would be made, as a table for people.
pub fn table(plan: &Plan, point: &RecoveryPoint) -> String {
    let mut said = String::new();
    let tally = point.tally();
    let _ = writeln!(
        said,
        "{} of {} in {} from point {}: {tally}, begun {:.0}.",
        match plan.kind {
            Kind::Restore => "Restore",
            Kind::Drill => "Drill",
        },
        point.endpoint,
        point.to,
        plan.point,
        point.began
    );
    for (thing, body) in plan.things() {
        let how = match plan.reused.contains(&thing) {
            true => "is there already",
            false => "create",
        };
        let detail = match thing.kind {
            ThingKind::Config => variants(&body),
            ThingKind::Model => containers(&body),
            ThingKind::Endpoint | ThingKind::Component => String::new(),
        };
        let _ = writeln!(said, "{how:<16} {thing}{detail}");
    }
    for scaled in &plan.definition.scaling {
        let of = match &scaled.of {
            ScaledThing::Variant(name) => format!("variant {name}"),
            ScaledThing::Component(name) => format!("component {name}"),
        };
        let (min, max) = (scaled.scaling.min, scaled.scaling.max);
        let _ = writeln!(said, "{:<16} scaling of {of}, {min} to {max}", "register");
    }
    if plan.probed {
        let _ = writeln!(said, "{:<16} the probes of {}", "send", point.endpoint);
    }
    for warning in &plan.warnings {
        let _ = writeln!(said, "Note: {warning}.");
    }
    said
}

fn variants(config: &serde_json::Value) -> String {
    let variants = config.get("ProductionVariants").and_then(serde_json::Value::as_array);
    let shown: Vec<String> = variants
        .into_iter()
        .flatten()
        .map(|variant| {
            let text = |field: &str| {
                variant
                    .get(field)
                    .and_then(serde_json::Value::as_str)
                    .unwrap_or("-")
                    .to_owned()
            };
            let count = variant
                .get("InitialInstanceCount")
                .map_or("serverless".to_owned(), |count| {
                    format!("{count} x {}", text("InstanceType"))
                });
            format!("{} {count}", text("VariantName"))
        })
        .collect();
    format!(": {}", shown.join(", "))
}

fn containers(model: &serde_json::Value) -> String {
    let one = model.get("PrimaryContainer");
    let many = model.get("Containers").and_then(serde_json::Value::as_array);
    let images: Vec<&str> = one
        .into_iter()
        .chain(many.into_iter().flatten())
        .filter_map(|container| container.get("Image")?.as_str())
        .collect();
    match images.is_empty() {
        true => String::new(),
        false => format!(": {}", images.join(", ")),
    }
}
