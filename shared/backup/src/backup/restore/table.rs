//! What would be made, as a table for people.

use std::{collections::BTreeSet, fmt::Write as _};

use serde_json::Value;

use super::record::{Kind, Plan, ThingKind};
use crate::{
    backup::{
        audit::Presence,
        manifest::RecoveryPoint,
        references::{Form, Names},
        verify::{self, Seen},
    },
    text::printable,
};

/// What would be made, and what it would be made from.
pub fn table(plan: &Plan, point: &RecoveryPoint, seen: &Seen) -> String {
    let mut said = String::new();
    let tally = point.tally();
    let _ = writeln!(
        said,
        "{} of {} in {}, as it was in {}, from point {}: {tally}, begun {:.0}.",
        match plan.kind {
            Kind::Restore => "Restore",
            Kind::Drill => "Drill",
        },
        point.endpoint,
        point.to,
        point.from,
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
        let of = &scaled.of;
        let (min, max) = (scaled.scaling.min, scaled.scaling.max);
        let awake = match min {
            0 if plan.awake.is_some() => "; from 1, and kept there",
            0 => "; from 1 until it is proven",
            _ => "",
        };
        let [policies, actions] = [
            (scaled.scaling.policies.len(), "policy", "policies"),
            (scaled.scaling.actions.len(), "scheduled action", "scheduled actions"),
        ]
        .map(|(count, one, many)| match count {
            0 => String::new(),
            1 => format!(", 1 {one}"),
            _ => format!(", {count} {many}"),
        });
        let but = match plan.goes_on() {
            true => "; where it is registered, only what it lacks",
            false => "",
        };
        let _ = writeln!(
            said,
            "{:<16} scaling of {of}, {min} to {max}{policies}{actions}{awake}{but}",
            "register"
        );
    }
    if plan.probed {
        let _ = writeln!(said, "{:<16} the probes of {}", "send", point.endpoint);
    }
    needed(&mut said, point, seen);
    for warning in &plan.warnings {
        let _ = writeln!(said, "Note: {}.", warning.trim_end_matches('.'));
    }
    said
}

/// What has to be there before.
fn needed(said: &mut String, point: &RecoveryPoint, seen: &Seen) {
    for artifact in &point.artifacts {
        let how = match seen.listings.get(&artifact.root) {
            Some(Ok(listed)) if listed.is(artifact) && listed.unreadable > 0 => "IS ARCHIVED",
            Some(Ok(listed)) if listed.is(artifact) => "is there",
            Some(Ok(_)) => "IS NOT AS IT WAS",
            Some(Err(_)) | None => "was not seen",
        };
        let (at, tally) = (&artifact.at, artifact.tally);
        let _ = writeln!(said, "{how:<16} {at}: {tally}");
    }
    for (names, value) in verify::needs(point) {
        let what = verify::called(names);
        let shown = printable(&value, 300);
        let is_other = seen.builds.other.values().any(|other| other.image == value);
        let found = seen.things.get(&(names, value));
        let how = match (found, names) {
            // It may be where the container writes to.
            (Some(Presence::Gone(_)), Names::Artifact(Form::Either)) => "is not there",
            (found, _) => presence(found),
        };
        let but = match (found, names) {
            (Some(Presence::There), Names::Artifact(_)) => ", which was not compared",
            (_, Names::Image) if is_other => ", ANOTHER BUILD than what served",
            _ => "",
        };
        let _ = writeln!(said, "{how:<16} {what} {shown}{but}");
    }
    for one in verify::listed(verify::unlooked(point)) {
        let _ = writeln!(said, "{:<16} {one}", "not looked for");
    }
    let keys: BTreeSet<&String> = seen
        .keys
        .values()
        .filter_map(|key| key.as_ref().ok()?.as_ref())
        .collect();
    for key in keys {
        let how = presence(seen.things.get(&(Names::Key, key.clone())));
        let _ = writeln!(said, "{how:<16} key {} of the copies", printable(key, 300));
    }
}

fn presence(seen: Option<&Presence>) -> &'static str {
    match seen {
        Some(Presence::There | Presence::Image(_)) => "is there",
        Some(Presence::Gone(_)) => "IS MISSING",
        Some(Presence::Archived(_)) => "IS ARCHIVED",
        Some(Presence::Unknown(_)) | None => "was not seen",
    }
}

fn variants(config: &Value) -> String {
    let variants = config.get("ProductionVariants").and_then(Value::as_array);
    let weight = |variant: &Value| variant.get("InitialVariantWeight").and_then(Value::as_f64);
    let whole: f64 = variants.into_iter().flatten().filter_map(weight).sum();
    let several = variants.is_some_and(|variants| variants.len() > 1);
    let shown: Vec<String> = variants
        .into_iter()
        .flatten()
        .map(|variant| {
            let text = |field: &str| variant.get(field).and_then(Value::as_str).unwrap_or("-").to_owned();
            let count = variant
                .get("InitialInstanceCount")
                .map_or("serverless".to_owned(), |count| {
                    format!("{count} x {}", text("InstanceType"))
                });
            let share = weight(variant).filter(|_| several && whole > 0.0);
            let share = share.map(|weight| format!(" with {:.0}% of the traffic", weight / whole * 100.0));
            format!("{} {count}{}", text("VariantName"), share.unwrap_or_default())
        })
        .collect();
    format!(": {}", shown.join(", "))
}

fn containers(model: &Value) -> String {
    let one = model.get("PrimaryContainer");
    let many = model.get("Containers").and_then(Value::as_array);
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
