//! Which layers hold for what an entry means, as far as its key and its `match` tell.

use deserr::ValuePointerRef;

use super::super::{Entry, Fleet, Layer, select::Reach};
use crate::yaml::Found;

/// The entries of a file and whom each means.
pub(in crate::fleet) struct Layers<'a> {
    fleet: &'a Fleet,
    reaches: Vec<Reach>,
    /// The globs and groups among the entries.
    patterns: Vec<usize>,
}

/// One layer, the lowest first.
#[derive(Clone, Copy)]
pub(super) struct Laid<'a> {
    /// The entry's; none for `defaults`.
    pub(super) key: Option<&'a str>,
    pub(super) layer: &'a Layer,
    /// It holds for everything that the entry means, and not only for some of it.
    certain: bool,
}

impl<'a> Layers<'a> {
    pub(in crate::fleet) fn of(fleet: &'a Fleet) -> Self {
        let entries = fleet.entries.iter().enumerate();
        let patterns = entries.filter(|(_, entry)| !entry.select.is_exact());
        Self {
            fleet,
            reaches: fleet.entries.iter().map(|entry| entry.select.reach()).collect(),
            patterns: patterns.map(|(index, _)| index).collect(),
        }
    }

    /// What certainly holds for everything that the entry means: the defaults, each glob and group that means all of it too,
    /// and the entry itself, in the order in which they are laid.
    pub(super) fn certain(&self, index: usize) -> Vec<Laid<'a>> {
        self.laid(index, |_| None)
    }

    /// The same, and what may hold for some of it: which endpoints there are, and how they are tagged, the file does not say.
    /// What is narrower than the entry is left out: beside it the entry holds alone.
    pub(super) fn possible(&self, index: usize) -> Vec<Laid<'a>> {
        let Some(own) = self.reaches.get(index) else {
            return vec![];
        };
        self.laid(index, |other| (!own.covers(other) && own.meets(other)).then_some(false))
    }

    fn laid(&self, index: usize, possible: impl Fn(&Reach) -> Option<bool>) -> Vec<Laid<'a>> {
        let mut layers = vec![Laid {
            key: None,
            layer: &self.fleet.defaults,
            certain: true,
        }];
        let entries = &self.fleet.entries;
        let (Some(entry), Some(own)) = (entries.get(index), self.reaches.get(index)) else {
            return layers;
        };
        for other in self.patterns.iter().copied() {
            let (Some(pattern), Some(reach)) = (entries.get(other), self.reaches.get(other)) else {
                continue;
            };
            let certain = if other == index || reach.covers(own) {
                Some(true)
            } else {
                possible(reach)
            };
            layers.extend(certain.map(|certain| Laid::of(pattern, certain)));
        }
        if entry.select.is_exact() {
            layers.push(Laid::of(entry, true));
        }
        layers
    }

    /// What the certain layers come to.
    pub(in crate::fleet) fn whole(&self, index: usize) -> Layer {
        whole(&self.certain(index))
    }
}

impl<'a> Laid<'a> {
    fn of(entry: &'a Entry, certain: bool) -> Self {
        Self {
            key: Some(entry.key.as_str()),
            layer: &entry.layer,
            certain,
        }
    }
}

/// What they come to, laid over each other.
pub(super) fn whole(layers: &[Laid<'_>]) -> Layer {
    layers
        .iter()
        .fold(Layer::default(), |under, laid| laid.layer.clone().over(under))
}

/// A layer that decides what holds at `path` (`section`, `section.field`, ...) lacks something of it, or nobody knows
/// whether it decides.
pub(super) fn in_doubt(
    path: &str,
    layers: &[Laid<'_>],
    unplaced: &[(String, Layer)],
    at: ValuePointerRef<'_>,
    found: &Found,
) -> bool {
    let mut steps = path.split('.');
    let (section, field) = (steps.next().unwrap_or_default(), steps.next().unwrap_or_default());
    let lacks = |key: Option<&str>| under(at, key, path, found, &mut |at| found.lacks(at));
    for laid in layers.iter().rev() {
        let says = laid.layer.says(section, field);
        if lacks(laid.key) || says && !laid.certain {
            return true;
        }
        if says && !is_laid_over(section, field) {
            break;
        }
    }
    unplaced
        .iter()
        .any(|(key, layer)| layer.says(section, field) || lacks(Some(key)))
}

impl Layer {
    /// It says something of a field, or of the section when the field is empty.
    pub(super) fn says(&self, section: &str, field: &str) -> bool {
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

/// Calls `tell` with the place of something in `defaults`, or in the entry with this key. A number in `path` counts the
/// items of a list that were read.
pub(super) fn under<T>(
    at: ValuePointerRef<'_>,
    key: Option<&str>,
    path: &str,
    found: &Found,
    tell: &mut dyn FnMut(ValuePointerRef<'_>) -> T,
) -> T {
    match key {
        None => down(at.push_key("defaults"), path, found, tell),
        Some(key) => down(at.push_key("endpoints").push_key(key), path, found, tell),
    }
}

fn down<T>(at: ValuePointerRef<'_>, path: &str, found: &Found, tell: &mut dyn FnMut(ValuePointerRef<'_>) -> T) -> T {
    let (step, rest) = path.split_once('.').unwrap_or((path, ""));
    match step.parse() {
        _ if step.is_empty() => tell(at),
        Ok(read) => down(at.push_index(found.index_in_file(at, read)), rest, found, tell),
        Err(_) => down(at.push_key(step), rest, found, tell),
    }
}
