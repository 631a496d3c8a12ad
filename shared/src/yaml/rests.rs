//! What a problem rests on: once something wrong was left out, a problem that may only stem from that is not told.

use deserr::ValuePointerRef;

use super::{
    found::{One, steps},
    problem::Step,
};

/// Something that reading went on without, because it is wrong or because what it needs is missing.
#[derive(Clone, Debug)]
pub(super) struct LeftOut {
    pub(super) at: Vec<Step>,
    /// It is a key that means nothing, which may have been meant for any field that is not there; the fields that are.
    pub(super) instead_of_all_but: Option<Vec<String>>,
    /// What stands in for it.
    pub(super) stand_in: Option<String>,
}

impl LeftOut {
    pub(super) fn at(at: Vec<Step>) -> Self {
        Self {
            at,
            instead_of_all_but: None,
            stand_in: None,
        }
    }

    /// What is at `place` may be something else: this is it, or around it, or, when `inside` counts, in it.
    pub(super) fn touches(&self, place: &[Step], inside: bool) -> bool {
        place.starts_with(&self.at) || inside && self.at.starts_with(place) || self.may_mean(place)
    }

    fn may_mean(&self, place: &[Step]) -> bool {
        let (Some(there), Some((_, map))) = (&self.instead_of_all_but, self.at.split_last()) else {
            return false;
        };
        match place.get(map.len()) {
            Some(Step::Key(key)) => place.starts_with(map) && !there.contains(key),
            _ => false,
        }
    }
}

/// What makes a problem one, beside its own place.
#[derive(Clone, Debug)]
pub(super) struct Rests {
    /// Everything in the value at its place.
    pub(super) inside: bool,
    /// Further places, each with whether everything in it counts.
    places: Vec<(Vec<Step>, bool)>,
}

impl Default for Rests {
    fn default() -> Self {
        Self {
            inside: true,
            places: Vec::new(),
        }
    }
}

impl Rests {
    pub(super) fn on(&mut self, at: ValuePointerRef<'_>, fields: &[&str], inside: bool) {
        let places = fields.iter().map(|field| (steps(at.push_key(field)), inside));
        self.places.extend(places);
    }

    pub(super) fn places_mut(&mut self) -> impl Iterator<Item = &mut Vec<Step>> {
        self.places.iter_mut().map(|(place, _)| place)
    }
}

impl One {
    /// Nobody knows whether it would be a problem with what was left out.
    pub(super) fn in_doubt_without(&self, left: &LeftOut) -> bool {
        let named = |stand_in: &String| self.problem.contains(stand_in.as_str());
        left.touches(&self.at, self.rests.inside)
            || self
                .rests
                .places
                .iter()
                .any(|(place, inside)| left.touches(place, *inside))
            || left.stand_in.as_ref().is_some_and(named)
    }
}
