//! A map whose parts are read one by one, so that what is wrong with one neither hides nor loses another.

use deserr::{Deserr, IntoValue, Map as _, Value, ValueKind, ValuePointerRef};

use super::{Found, found::steps, recover, rests::LeftOut};

/// The entries of a map that were not taken yet.
pub struct Parts<'a, V> {
    entries: Vec<(String, V)>,
    at: ValuePointerRef<'a>,
}

impl<'a, V: IntoValue> Parts<'a, V> {
    /// Opens a map, no value counting as an empty one; `None` when it is none. What is wrong with it, keys that are not
    /// `accepted` included, goes to `found`.
    pub fn of(value: Value<V>, at: ValuePointerRef<'a>, accepted: &[&str], found: &mut Found) -> Option<Self> {
        let entries: Vec<(String, V)> = match value {
            Value::Map(map) => map.into_iter().collect(),
            Value::Null => Vec::new(),
            other => {
                found.and(Found::kind(at, other, super::found::kinds(&[ValueKind::Map])));
                found.left.push(LeftOut::at(steps(at)));
                return None;
            }
        };
        let (known, unknown): (Vec<&String>, Vec<&String>) = entries
            .iter()
            .map(|(key, _)| key)
            .partition(|key| accepted.contains(&key.as_str()));
        for key in unknown {
            found.and(Found::unknown_key(key, accepted, at));
            found.left.push(LeftOut {
                instead_of_all_but: Some(known.iter().map(|key| (*key).clone()).collect()),
                ..LeftOut::at(steps(at.push_key(key)))
            });
        }
        Some(Self { entries, at })
    }

    /// The part is there and was not taken.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(k, _)| k == key)
    }

    /// Reads what is right in one part; `None` when it is absent, or nothing can be made of it.
    pub fn take<T: Deserr<Found>>(&mut self, key: &str, found: &mut Found) -> Option<T> {
        let index = self.entries.iter().position(|(k, _)| k == key)?;
        let (_, value) = self.entries.swap_remove(index);
        let (read, more) = recover::read(value.into_value(), self.at.push_key(key));
        found.and(more);
        read
    }

    /// Reads one part that has to be there.
    pub fn require<T: Deserr<Found>>(&mut self, key: &str, found: &mut Found) -> Option<T> {
        if !self.has(key) {
            found.and(Found::one(self.at.push_key(key), "is missing", None));
            found.left.push(LeftOut::at(steps(self.at.push_key(key))));
        }
        self.take(key, found)
    }
}
