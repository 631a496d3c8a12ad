//! Quantities of the world's YAML that the fleet file does not have: request rates, and maps by name.

use std::{collections::BTreeMap, ops::Deref, str::FromStr};

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use shared::yaml::{Found, Map};

/// What a request rate looks like, for people.
const RATE: &str = "a request rate such as `20 rps` or `300/min`";

/// Requests per second, written `20 rps` or `300/min`.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Rps(pub f64);

impl FromStr for Rps {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("{text:?} is no request rate");
        let (number, per) = [("rps", 1.0), ("/s", 1.0), ("/min", 60.0)]
            .into_iter()
            .find_map(|(unit, per)| Some((text.trim().strip_suffix(unit)?, per)))
            .ok_or_else(refuse)?;
        let rate = number.trim().parse::<f64>().map_err(|_| refuse())? / per;
        if rate.is_finite() && rate >= 0.0 {
            Ok(Self(rate))
        } else {
            Err(refuse())
        }
    }
}

impl Deserr<Found> for Rps {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        match value {
            Value::String(text) => text
                .parse()
                .map_err(|problem: String| Found::one(at, problem, RATE.to_owned())),
            other => Err(Found::kind(at, other, RATE)),
        }
    }
}

/// Things by name, in the order of their names.
#[derive(Clone, Debug, PartialEq)]
pub struct Named<T>(pub BTreeMap<String, T>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Deref for Named<T> {
    type Target = BTreeMap<String, T>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'a, T> IntoIterator for &'a Named<T> {
    type Item = (&'a String, &'a T);
    type IntoIter = std::collections::btree_map::Iter<'a, String, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: Deserr<Found>> Deserr<Found> for Named<T> {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        Ok(Self(Map::deserialize_from_value(value, at)?.0.into_iter().collect()))
    }
}
