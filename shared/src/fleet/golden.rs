//! Values of any shape inside the file: payloads and expected answers.

use std::borrow::Cow;

use deserr::{Deserr, IntoValue, Map as _, Sequence as _, Value, ValuePointerRef};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Number;

use crate::yaml::Found;

/// A JSON value that may be `null`, which is different from none being given.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Golden {
    #[default]
    Absent,
    Is(serde_json::Value),
}

impl Deserr<Found> for Golden {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        json(value, at).map(Self::Is)
    }
}

impl JsonSchema for Golden {
    fn schema_name() -> Cow<'static, str> {
        "Golden".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "title": "any value" })
    }
}

/// What a probe sends: text as it is, anything else as JSON.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Payload(pub(super) String);

impl Deserr<Found> for Payload {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        match value {
            Value::String(text) => Ok(Self(text)),
            Value::Null => Err(Found::kind(
                at,
                Value::<V>::Null,
                "text, or a value that is sent as JSON",
            )),
            other => json(other, at).map(|value| Self(value.to_string())),
        }
    }
}

impl JsonSchema for Payload {
    fn schema_name() -> Cow<'static, str> {
        "Payload".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "title": "text, or a value that is sent as JSON" })
    }
}

fn json<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<serde_json::Value, Found> {
    let mut found = Found::default();
    let json = match value {
        Value::Null => serde_json::Value::Null,
        Value::Boolean(value) => value.into(),
        Value::Integer(number) => number.into(),
        Value::NegativeInteger(number) => number.into(),
        Value::Float(number) => match Number::from_f64(number) {
            Some(number) => number.into(),
            None => {
                return Err(Found::one(
                    at,
                    format!("{number} is no JSON"),
                    "a finite number".to_owned(),
                ));
            }
        },
        Value::String(text) => text.into(),
        Value::Sequence(items) => {
            let items = items.into_iter().enumerate().filter_map(|(index, item)| {
                json(item.into_value(), at.push_index(index))
                    .map_err(|more| found.and(more))
                    .ok()
            });
            serde_json::Value::Array(items.collect())
        }
        Value::Map(entries) => {
            let entries = entries.into_iter().filter_map(|(key, value)| {
                let value = json(value.into_value(), at.push_key(&key))
                    .map_err(|more| found.and(more))
                    .ok()?;
                Some((key, value))
            });
            serde_json::Value::Object(entries.collect())
        }
    };
    found.or(json)
}
