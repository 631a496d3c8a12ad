//! What is wrong with the file only when its parts are seen together: names that nothing declares, and settings that are
//! right by themselves and contradict each other, or lack something, on one endpoint.
//!
//! Parts that are wrong count as not written here. So each contradiction names what it rests on, and is told only when that
//! was read on every layer that decides it.

use std::collections::BTreeSet;

use deserr::ValuePointerRef;

use super::{Entry, Fleet, Layer, RolloutSection, rollout::PROBED};
use crate::yaml::Found;

/// Adds everything wrong with the file as a whole, each told once, at the entry that says it. `unplaced` are entries of
/// which nobody knows whom they mean.
pub(super) fn contradictions(fleet: &Fleet, unplaced: &[(String, Layer)], at: ValuePointerRef<'_>, found: &mut Found) {
    unknown_strategies(fleet, at, found);
    let silent = |layer: &Layer| layer.rollout == RolloutSection::default();
    let no_rollouts = silent(&fleet.defaults) && fleet.entries.iter().all(|entry| silent(&entry.layer));
    let patterns: Vec<&Entry> = fleet.entries.iter().filter(|entry| !entry.select.is_exact()).collect();
    let mut told = BTreeSet::new();
    for entry in &fleet.entries {
        let layers = layers(fleet, &patterns, entry);
        let whole = layers
            .iter()
            .fold(Layer::default(), |under, (_, layer)| (*layer).clone().over(under));
        let mut wrong = of_sections(&whole);
        if !no_rollouts {
            wrong.extend(of_rollout(fleet, &layers, whole));
        }
        for wrong in wrong {
            let unplaced = if entry.select.is_exact() { unplaced } else { &[] };
            if wrong
                .rests
                .iter()
                .any(|path| in_doubt(path, &layers, unplaced, at, found))
            {
                continue;
            }
            let says = layers
                .iter()
                .rev()
                .find(|(_, layer)| layer.says(wrong.section, wrong.field));
            let (field, source) = match says {
                None if wrong.section == "rollout" => {
                    let engine = layers.iter().rev().find(|(_, layer)| layer.says("rollout", "engine"));
                    ("engine", engine)
                }
                says => (wrong.field, says),
            };
            let source = source.map_or(Some(entry.key.as_str()), |(key, _)| *key);
            let once = if wrong.each {
                wrong.problem.clone()
            } else {
                String::new()
            };
            if told.insert((source.map(str::to_owned), wrong.section, field, once)) {
                let path = match field {
                    "" => wrong.section.to_owned(),
                    field => format!("{}.{field}", wrong.section),
                };
                let problem = under(at, &place(source, &path), &mut |at| {
                    Found::one(at, wrong.problem.clone(), wrong.accepted.clone()).whatever_is_in_it()
                });
                found.and_certain(problem);
            }
        }
    }
}

/// A layer that decides what holds at `path` (`section`, `section.field`, ...) lacks something of it, or nobody knows
/// whether it decides.
fn in_doubt(
    path: &str,
    layers: &[(Option<&str>, &Layer)],
    unplaced: &[(String, Layer)],
    at: ValuePointerRef<'_>,
    found: &Found,
) -> bool {
    let mut steps = path.split('.');
    let (section, field) = (steps.next().unwrap_or_default(), steps.next().unwrap_or_default());
    let lacks = |key: Option<&str>| under(at, &place(key, path), &mut |at| found.lacks(at));
    for (key, layer) in layers.iter().rev() {
        if lacks(*key) {
            return true;
        }
        if layer.says(section, field) && !is_laid_over(section, field) {
            break;
        }
    }
    unplaced
        .iter()
        .any(|(key, layer)| layer.says(section, field) || lacks(Some(key)))
}

/// Something that contradicts itself on one endpoint.
struct Wrong {
    section: &'static str,
    /// Empty for the section as a whole.
    field: &'static str,
    problem: String,
    accepted: Option<String>,
    /// Where something else would make it right: `section`, `section.field`, ...
    rests: Vec<String>,
    /// Told for each problem, and not once for the field.
    each: bool,
}

/// What capacity, backups and wakes lack. A glob is judged alone with the defaults, so what it lacks may come from another
/// glob: only what an endpoint's own entry comes to is judged, and of globs what they contradict.
fn of_sections(whole: &Layer) -> Vec<Wrong> {
    let capacity = whole.capacity.contradictions().into_iter();
    let capacity = capacity.map(|(section, problem, accepted, rests)| Wrong {
        section,
        field: "",
        problem,
        accepted: Some(accepted),
        rests: rests.iter().map(|path| (*path).to_owned()).collect(),
        each: true,
    });
    let backup = whole.backup.contradictions().into_iter().map(|wrong| ("backup", wrong));
    let wake = whole.wake.contradictions().into_iter().map(|wrong| ("wake", wrong));
    let fields = backup
        .chain(wake)
        .map(|(section, (field, problem, accepted, rests))| Wrong {
            section,
            field,
            problem,
            accepted: Some(accepted.to_owned()),
            rests: paths(section, std::iter::once(&field).chain(rests)),
            each: false,
        });
    capacity.chain(fields).collect()
}

fn of_rollout(fleet: &Fleet, layers: &[(Option<&str>, &Layer)], whole: Layer) -> Vec<Wrong> {
    if whole.rollout.unknown_strategy(&fleet.strategies).is_some() {
        // Told where it is said.
        return Vec::new();
    }
    let wrong = fleet.rules(whole).policy().err().into_iter().flatten();
    wrong
        .map(|wrong| {
            let said = layers.iter().any(|(_, layer)| layer.says("rollout", wrong.field));
            let field = said.then_some(&wrong.field);
            let mut rests = paths("rollout", field.into_iter().chain(&["engine"]).chain(wrong.rests));
            if wrong.rests == PROBED {
                rests.push("health.probes".to_owned());
            }
            Wrong {
                section: "rollout",
                field: wrong.field,
                problem: wrong.problem,
                accepted: wrong.accepted,
                rests,
                each: true,
            }
        })
        .collect()
}

fn paths<'a>(section: &str, fields: impl Iterator<Item = &'a &'static str>) -> Vec<String> {
    fields.map(|field| format!("{section}.{field}")).collect()
}

fn unknown_strategies(fleet: &Fleet, at: ValuePointerRef<'_>, found: &mut Found) {
    let entries = fleet.entries.iter();
    let entries = entries.map(|entry| (Some(entry.key.as_str()), &entry.layer));
    for (key, layer) in std::iter::once((None, &fleet.defaults)).chain(entries) {
        if let Some((problem, accepted)) = layer.rollout.unknown_strategy(&fleet.strategies) {
            let problem = under(at, &place(key, "rollout.strategy"), &mut |place| {
                Found::one(place, problem.clone(), accepted.clone()).beside(at, &["strategies"])
            });
            found.and_certain(problem);
        }
    }
}

impl Layer {
    /// It says something of a field, or of the section when the field is empty.
    fn says(&self, section: &str, field: &str) -> bool {
        match section {
            "rollout" => self.rollout.says(field),
            "backup" => self.backup.says(field),
            "wake" => self.wake.says(field),
            "health" => field == "probes" && self.health.probes.is_some(),
            _ => self.capacity.says(section),
        }
    }
}

/// What one layer says of it is laid over what the layers below say.
fn is_laid_over(section: &str, field: &str) -> bool {
    match section {
        "rollout" => ["analysis", "smoke"].contains(&field),
        "backup" => ["destination", "objectives", "restore"].contains(&field),
        _ => section == "provision",
    }
}

/// What holds for an entry, the last one first to be asked: with the globs for a name, alone with the defaults for a glob.
fn layers<'a>(fleet: &'a Fleet, patterns: &[&'a Entry], entry: &'a Entry) -> Vec<(Option<&'a str>, &'a Layer)> {
    let mut layers = vec![(None, &fleet.defaults)];
    if let Some(name) = entry.select.exact_name() {
        let under = patterns.iter().filter(|under| under.select.selects(name, None));
        layers.extend(under.map(|under| (Some(under.key.as_str()), &under.layer)));
    }
    layers.push((Some(entry.key.as_str()), &entry.layer));
    layers
}

/// The way to something in `defaults`, or in the entry with this key.
fn place<'a>(key: Option<&'a str>, path: &'a str) -> Vec<&'a str> {
    let mut steps = match key {
        None => vec!["defaults"],
        Some(key) => vec!["endpoints", key],
    };
    steps.extend(path.split('.'));
    steps
}

/// Calls `tell` with what is so many steps further.
fn under<T>(at: ValuePointerRef<'_>, steps: &[&str], tell: &mut dyn FnMut(ValuePointerRef<'_>) -> T) -> T {
    match steps {
        [] => tell(at),
        [step, rest @ ..] => under(at.push_key(step), rest, tell),
    }
}
