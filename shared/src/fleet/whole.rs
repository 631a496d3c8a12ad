//! What is wrong with the file only when its parts are seen together: names that nothing declares, and settings that are
//! right by themselves and contradict each other, or lack something, on one endpoint.
//!
//! An entry is judged with every layer that certainly holds for all that it means. Layers of which nobody knows whether they
//! do, such as a group by tag, leave what they may change untold: that is judged of the endpoint, when it is known.
//! Parts that are wrong count as not written here. So each contradiction names what it rests on, and is told only when that
//! was read on every layer that decides it.

mod layers;
mod names;

use std::collections::BTreeMap;

use deserr::ValuePointerRef;

pub(super) use self::layers::Layers;
use self::layers::{Laid, in_doubt, under, whole};
use super::{Fleet, Layer, RolloutSection, rollout::PROBED};
use crate::yaml::{Found, quoted};

/// Something that contradicts itself on one endpoint.
pub(super) struct Wrong {
    pub(super) section: &'static str,
    /// Further down, such as `strategy` or `0.min`; empty for the section as a whole.
    pub(super) field: String,
    pub(super) problem: String,
    pub(super) accepted: Option<String>,
    /// Where something else would make it right: `section`, `section.field`, ...
    pub(super) rests: Vec<String>,
    pub(super) told: Often,
}

/// How often a problem at one place is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Often {
    /// Once for each problem, with the entries that have it.
    EachProblem,
    /// Once, with the entries that have it.
    Once,
    /// Once, in words that name the endpoints.
    OnceByName,
}

/// A problem that is to be told, and the entries that have it although another layer says it.
struct Told<'a> {
    wrong: Wrong,
    source: Option<&'a str>,
    entries: Vec<&'a str>,
}

/// The problems in the order in which they were found, and where each is by what it is told once for.
#[derive(Default)]
struct AllTold<'a> {
    all: Vec<Told<'a>>,
    known: BTreeMap<(Option<&'a str>, &'static str, String, String), usize>,
}

/// Adds everything wrong with the file as a whole, each told once, at the entry that says it. `unplaced` are entries of
/// which nobody knows whom they mean.
pub(super) fn contradictions(fleet: &Fleet, unplaced: &[(String, Layer)], at: ValuePointerRef<'_>, found: &mut Found) {
    unknown_strategies(fleet, at, found);
    let silent = |layer: &Layer| layer.rollout == RolloutSection::default();
    let no_rollouts = silent(&fleet.defaults) && fleet.entries.iter().all(|entry| silent(&entry.layer));
    let layers = Layers::of(fleet);
    let mut told = AllTold::default();
    let mut named = names::Alarms::default();
    let refused = found.refused();
    for (index, entry) in fleet.entries.iter().enumerate() {
        let certain = layers.certain(index);
        let whole = whole(&certain);
        let image_refused = certain.iter().any(|laid| {
            let path = "provision.model.image";
            under(at, laid.key, path, found, &mut |at| refused.is_at(at))
        });
        let mut wrong = of_sections(&whole, image_refused);
        let doubtful = |wrong: &Wrong, possible: &[Laid<'_>]| {
            let mut rests = wrong.rests.iter();
            rests.any(|path| in_doubt(path, possible, unplaced, at, found))
        };
        if let Some(name) = entry.select.exact_name() {
            let sure = |paths: &[String]| {
                let possible = layers.possible(index);
                !paths.iter().any(|path| in_doubt(path, &possible, unplaced, at, found))
            };
            wrong.extend(named.taken(name, &whole.capacity, sure));
        }
        if !no_rollouts {
            wrong.extend(of_rollout(fleet, &certain, whole));
        }
        if wrong.is_empty() {
            continue;
        }
        let possible = layers.possible(index);
        for wrong in wrong.into_iter().filter(|wrong| !doubtful(wrong, &possible)) {
            note(wrong, entry.key.as_str(), &certain, &mut told);
        }
    }
    for told in told.all {
        let problem = told.told(fleet.entries.len(), at, found);
        found.and_certain(problem);
    }
}

/// Adds a problem of an entry where it is said.
fn note<'a>(mut wrong: Wrong, entry: &'a str, layers: &[Laid<'a>], told: &mut AllTold<'a>) {
    let says = |field: &str| {
        let mut layers = layers.iter().rev();
        layers.find(|laid| laid.layer.says(wrong.section, field))
    };
    let mut source = says(&wrong.field);
    if source.is_none() && wrong.section == "rollout" {
        source = says("engine");
        wrong.field = "engine".to_owned();
    }
    let source = source.map_or(Some(entry), |laid| laid.key);
    let once = match wrong.told {
        Often::EachProblem => wrong.problem.clone(),
        Often::Once | Often::OnceByName => String::new(),
    };
    let place = (source, wrong.section, wrong.field.clone(), once);
    let index = *told.known.entry(place).or_insert(told.all.len());
    if let Some(known) = told.all.get_mut(index) {
        if known.wrong.problem == wrong.problem {
            known.entries.push(entry);
        }
        return;
    }
    told.all.push(Told {
        wrong,
        source,
        entries: vec![entry],
    });
}

impl Told<'_> {
    /// The problem at its place, with the entries that have it where that is not all of them, nor the one that says it.
    fn told(self, all: usize, at: ValuePointerRef<'_>, found: &Found) -> Found {
        let wrong = self.wrong;
        let by_itself = self.source.is_some_and(|key| self.entries.contains(&key));
        let mut problem = wrong.problem;
        if !by_itself && self.entries.len() < all && wrong.told != Often::OnceByName {
            problem.push_str(&format!(" ({})", some_of(&self.entries)));
        }
        let path = match wrong.field.as_str() {
            "" => wrong.section.to_owned(),
            field => format!("{}.{field}", wrong.section),
        };
        under(at, self.source, &path, found, &mut |at| {
            Found::one(at, problem.clone(), wrong.accepted.clone()).whatever_is_in_it()
        })
    }
}

/// The first of them, and how many more there are.
fn some_of(entries: &[&str]) -> String {
    const NAMED: usize = 3;
    let mut words: Vec<String> = entries.iter().take(NAMED).map(|key| quoted(key)).collect();
    if let Some(more @ 1..) = entries.len().checked_sub(NAMED) {
        words.push(format!("{more} more"));
    }
    let entries = if entries.len() == 1 { "entry" } else { "entries" };
    format!("{entries} {}", crate::text::and_list(&words))
}

/// What capacity, backups and wakes contradict or lack. `image_refused`: an image is said, and wrong.
fn of_sections(whole: &Layer, image_refused: bool) -> Vec<Wrong> {
    let backup = whole.backup.contradictions().into_iter().map(|wrong| ("backup", wrong));
    let wake = whole.wake.contradictions().into_iter().map(|wrong| ("wake", wrong));
    let fields = backup
        .chain(wake)
        .map(|(section, (field, problem, accepted, rests))| Wrong {
            section,
            field: field.to_owned(),
            problem,
            accepted: Some(accepted.to_owned()),
            rests: paths(section, std::iter::once(&field).chain(rests)),
            told: Often::Once,
        });
    let mut wrong = whole.capacity.contradictions(&whole.wake, image_refused);
    wrong.extend(fields);
    wrong
}

fn of_rollout(fleet: &Fleet, layers: &[Laid<'_>], whole: Layer) -> Vec<Wrong> {
    if whole.rollout.unknown_strategy(&fleet.strategies).is_some() {
        // Told where it is said.
        return Vec::new();
    }
    let wrong = fleet.rules(whole).policy().err().into_iter().flatten();
    wrong
        .map(|wrong| {
            let said = layers.iter().any(|laid| laid.layer.says("rollout", wrong.field));
            let field = said.then_some(&wrong.field);
            let mut rests = paths("rollout", field.into_iter().chain(&["engine"]).chain(wrong.rests));
            if wrong.rests == PROBED {
                rests.push("health.probes".to_owned());
            }
            Wrong {
                section: "rollout",
                field: wrong.field.to_owned(),
                problem: wrong.problem,
                accepted: wrong.accepted,
                rests,
                told: Often::EachProblem,
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
            let problem = under(at, key, "rollout.strategy", found, &mut |place| {
                Found::one(place, problem.clone(), accepted.clone()).beside(at, &["strategies"])
            });
            found.and_certain(problem);
        }
    }
}
