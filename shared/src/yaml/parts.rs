//! A map whose parts are read one by one, so that what is wrong with one neither hides nor loses another.

use deserr::{Deserr, IntoValue, Map as _, Value, ValueKind, ValuePointerRef};

use super::Found;

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
                return None;
            }
        };
        for (key, _) in entries.iter().filter(|(key, _)| !accepted.contains(&key.as_str())) {
            found.and(Found::unknown_key(key, accepted, at));
        }
        Some(Self { entries, at })
    }

    /// The part is there and was not taken.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(k, _)| k == key)
    }

    /// Reads one part; `None` when it is absent or wrong.
    pub fn take<T: Deserr<Found>>(&mut self, key: &str, found: &mut Found) -> Option<T> {
        let index = self.entries.iter().position(|(k, _)| k == key)?;
        let (_, value) = self.entries.swap_remove(index);
        let read = T::deserialize_from_value(value.into_value(), self.at.push_key(key));
        read.map_err(|more| found.and(more)).ok()
    }

    /// Reads one part that has to be there.
    pub fn require<T: Deserr<Found>>(&mut self, key: &str, found: &mut Found) -> Option<T> {
        if !self.has(key) {
            found.and(Found::one(self.at.push_key(key), "is missing", None));
        }
        self.take(key, found)
    }
}
