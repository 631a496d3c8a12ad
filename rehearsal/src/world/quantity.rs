//! Quantities of the world's YAML that the fleet file does not have: request rates, and maps by name.

use std::{collections::BTreeMap, ops::Deref, str::FromStr};

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use steward::yaml::{Found, Map};

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

/// What a size looks like, for people.
const SIZE: &str = "a size such as `300 B`, `20 MB` or `5 GiB`";

/// A size in bytes, written `300 B`, `20 MB` (a million each) or `5 GiB` (2^30 each).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const UNITS: [(&str, u64); 9] = [
            ("KiB", 1 << 10),
            ("MiB", 1 << 20),
            ("GiB", 1 << 30),
            ("TiB", 1 << 40),
            ("KB", 1000),
            ("MB", 1_000_000),
            ("GB", 1_000_000_000),
            ("TB", 1_000_000_000_000),
            ("B", 1),
        ];
        let refuse = || format!("{text:?} is no size");
        let (number, unit) = UNITS
            .into_iter()
            .find_map(|(unit, bytes)| Some((text.trim().strip_suffix(unit)?, bytes)))
            .ok_or_else(refuse)?;
        let bytes = number.trim().parse::<f64>().map_err(|_| refuse())? * unit as f64;
        // Beyond this, S3 has no object, and a float no longer counts bytes.
        if bytes.fract() == 0.0 && (0.0..=(50_u64 << 40) as f64).contains(&bytes) {
            Ok(Self(bytes as u64))
        } else {
            Err(refuse())
        }
    }
}

impl Deserr<Found> for Size {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        match value {
            Value::String(text) => text
                .parse()
                .map_err(|problem: String| Found::one(at, problem, SIZE.to_owned())),
            other => Err(Found::kind(at, other, SIZE)),
        }
    }
}

/// Members of a request as the API spells them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Members(pub serde_json::Map<String, serde_json::Value>);

impl Deserr<Found> for Members {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        const FORM: &str = "members of the request by their names in the API";
        match value {
            map @ Value::Map(_) => match serde_json::Value::from(map) {
                serde_json::Value::Object(members) => Ok(Self(members)),
                other => Err(Found::one(at, format!("{other} is no map"), FORM.to_owned())),
            },
            other => Err(Found::kind(at, other, FORM)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_and_are_whole_bytes() {
        let size = |text: &str| text.parse::<Size>().map(|size| size.0).ok();
        assert_eq!(size("100 GB"), Some(100_000_000_000));
        assert_eq!(size("5GiB"), Some(5 << 30));
        assert_eq!(size("1.5 KB"), Some(1500));
        assert_eq!(size("0 B"), Some(0));
        for wrong in ["5", "GB", "-1 B", "0.5 B", "60 TiB", "nan B"] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }
}
