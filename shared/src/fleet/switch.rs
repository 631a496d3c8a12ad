//! A section that can be switched off: `false`, `true`, or its settings.

use std::borrow::Cow;

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::yaml::Found;

/// `false`, or the settings; `true` says nothing but that it is on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Switch<T> {
    Off,
    On(T),
}

impl<T> Switch<T> {
    /// What this layer says, and below it what `under` says: settings survive being switched on again, not being
    /// switched off.
    pub(super) fn over(self, under: Self, merge: impl FnOnce(T, T) -> T) -> Self {
        match (self, under) {
            (Self::On(over), Self::On(under)) => Self::On(merge(over, under)),
            (over, _) => over,
        }
    }

    /// The settings, unless it is off.
    pub(super) fn on(self) -> Option<T> {
        match self {
            Self::Off => None,
            Self::On(settings) => Some(settings),
        }
    }
}

impl<T: Deserr<Found> + Default> Deserr<Found> for Switch<T> {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        match value {
            Value::Boolean(false) => Ok(Self::Off),
            Value::Boolean(true) => Ok(Self::On(T::default())),
            map @ Value::Map(_) => T::deserialize_from_value(map, at).map(Self::On),
            other => Err(Found::kind(at, other, "true, false, or a map of settings")),
        }
    }
}

impl<T: JsonSchema> JsonSchema for Switch<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("SwitchOf{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let settings = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [{ "type": "boolean" }, settings] })
    }
}
