//! A map in file order.

use deserr::{Deserr, IntoValue, Map as _, Value, ValueKind, ValuePointerRef};

use super::Found;

/// Keys and values in file order, no key twice.
///
/// Read maps with this and not with the standard library's: `deserr` 0.6.4 drops what is wrong inside those.
#[derive(Clone, Debug, PartialEq)]
pub struct Map<T>(pub Vec<(String, T)>);

impl<T> Default for Map<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Map<T> {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&T> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, value)| value)
    }
}

impl<T: Deserr<Found>> Deserr<Found> for Map<T> {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let map = match value {
            Value::Map(map) => map,
            Value::Null => return Ok(Self::default()),
            other => return Err(Found::kind(at, other, super::found::kinds(&[ValueKind::Map]))),
        };
        let mut found = Found::default();
        let mut entries = Vec::with_capacity(map.len());
        for (key, value) in map.into_iter() {
            match T::deserialize_from_value(value.into_value(), at.push_key(&key)) {
                Ok(value) => entries.push((key, value)),
                Err(more) => found.and(more),
            }
        }
        found.or(Self(entries))
    }
}

impl<T: schemars::JsonSchema> schemars::JsonSchema for Map<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        std::collections::BTreeMap::<String, T>::schema_name()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        std::collections::BTreeMap::<String, T>::json_schema(generator)
    }
}
