//! What is wrong with the file only when its parts are seen together: names that nothing declares, and settings that are
//! right by themselves and contradict each other, or lack something, on one endpoint.

use std::collections::BTreeSet;

use deserr::ValuePointerRef;

use super::{Entry, Fleet, Layer, RolloutSection};
use crate::yaml::Found;

/// Everything wrong with the file as a whole, each told once, at the entry that says it.
pub(super) fn contradictions(fleet: &Fleet, at: ValuePointerRef<'_>) -> Found {
    let mut found = of_rollouts(fleet, at);
    found.and(of_sections(fleet, at));
    found
}

/// What the backups and wakes lack. A glob is judged alone with the defaults, so what it lacks may come from another glob:
/// only what an endpoint's own entry comes to is judged, and of globs what they contradict.
fn of_sections(fleet: &Fleet, at: ValuePointerRef<'_>) -> Found {
    let mut found = Found::default();
    let (mut told, mut told_whole) = (BTreeSet::new(), BTreeSet::new());
    for entry in fleet
        .entries
        .iter()
        .filter(|entry| !entry.layer.unread && !fleet.defaults.unread)
    {
        let layers = layers(fleet, entry);
        let whole = layers
            .iter()
            .fold(Layer::default(), |under, (_, layer)| (*layer).clone().over(under));
        for (section, problem, accepted) in whole.capacity.contradictions() {
            let says = layers.iter().rev().find(|(_, layer)| layer.capacity.says(section));
            let source = says.map_or(Some(entry.key.as_str()), |(key, _)| *key);
            if told_whole.insert((source.map(str::to_owned), problem.clone())) {
                found.and(at_section(at, source, section, |at| Found::one(at, problem, accepted)));
            }
        }
        let backup = whole.backup.contradictions().into_iter().map(|wrong| ("backup", wrong));
        let wake = whole.wake.contradictions().into_iter().map(|wrong| ("wake", wrong));
        for (section, (field, problem, accepted)) in backup.chain(wake) {
            let says = layers.iter().rev().find(|(_, layer)| match section {
                "backup" => layer.backup.says(field),
                _ => layer.wake.says(field),
            });
            let source = says.map_or(Some(entry.key.as_str()), |(key, _)| *key);
            if told.insert((source.map(str::to_owned), section, field)) {
                found.and(at_field(at, source, section, field, |at| {
                    Found::one(at, problem, accepted.to_owned())
                }));
            }
        }
    }
    found
}

fn of_rollouts(fleet: &Fleet, at: ValuePointerRef<'_>) -> Found {
    let mut found = Found::default();
    let sections = std::iter::once((None, &fleet.defaults)).chain(
        fleet
            .entries
            .iter()
            .map(|entry| (Some(entry.key.as_str()), &entry.layer)),
    );
    for (key, layer) in sections {
        if let Some((problem, accepted)) = layer.rollout.unknown_strategy(&fleet.strategies) {
            found.and(at_field(at, key, "rollout", "strategy", |at| {
                Found::one(at, problem, accepted)
            }));
        }
    }
    let silent = |layer: &Layer| layer.rollout == RolloutSection::default();
    if silent(&fleet.defaults) && fleet.entries.iter().all(|entry| silent(&entry.layer)) {
        return found;
    }
    let mut told = BTreeSet::new();
    for entry in &fleet.entries {
        let layers = layers(fleet, entry);
        let whole = layers
            .iter()
            .fold(Layer::default(), |under, (_, layer)| (*layer).clone().over(under));
        if whole.rollout.unknown_strategy(&fleet.strategies).is_some() {
            // Told above.
            continue;
        }
        for wrong in fleet.rules(whole).policy().err().into_iter().flatten() {
            let says = |field: &str| layers.iter().rev().find(|(_, layer)| layer.rollout.says(field));
            let (field, source) = match says(wrong.field) {
                Some((key, _)) => (wrong.field, *key),
                None => (
                    "engine",
                    says("engine").map_or(Some(entry.key.as_str()), |(key, _)| *key),
                ),
            };
            if told.insert((source.map(str::to_owned), field, wrong.problem.clone())) {
                found.and(at_field(at, source, "rollout", field, |at| {
                    Found::one(at, wrong.problem, wrong.accepted)
                }));
            }
        }
    }
    found
}

/// What holds for an entry, the last one first to be asked: with the globs for a name, alone with the defaults for a glob.
fn layers<'a>(fleet: &'a Fleet, entry: &'a Entry) -> Vec<(Option<&'a str>, &'a Layer)> {
    let mut layers = vec![(None, &fleet.defaults)];
    if let Some(name) = entry.select.exact_name() {
        let under = fleet
            .entries
            .iter()
            .filter(|under| !under.select.is_exact() && under.select.selects(name, None));
        layers.extend(under.map(|under| (Some(under.key.as_str()), &under.layer)));
    }
    layers.push((Some(entry.key.as_str()), &entry.layer));
    layers
}

/// Calls `tell` with the place of a field: in `defaults`, or in the entry with this key.
fn at_field(
    at: ValuePointerRef<'_>,
    key: Option<&str>,
    section: &str,
    field: &str,
    tell: impl FnOnce(ValuePointerRef<'_>) -> Found,
) -> Found {
    at_section(at, key, section, |at| tell(at.push_key(field)))
}

/// The same for a whole section.
fn at_section(
    at: ValuePointerRef<'_>,
    key: Option<&str>,
    section: &str,
    tell: impl FnOnce(ValuePointerRef<'_>) -> Found,
) -> Found {
    match key {
        None => {
            let at = at.push_key("defaults");
            tell(at.push_key(section))
        }
        Some(key) => {
            let at = at.push_key("endpoints");
            let at = at.push_key(key);
            tell(at.push_key(section))
        }
    }
}
