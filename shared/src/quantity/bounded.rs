//! Quantities with limits in their type, so that the reader and the JSON Schema cannot disagree about them.

use std::borrow::Cow;

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{Duration, Span};
use crate::yaml::Found;

/// A [`Span`] from `MIN` to `MAX` milliseconds, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpanWithin<const MIN: u64, const MAX: u64>(Span);

impl<const MIN: u64, const MAX: u64> SpanWithin<MIN, MAX> {
    /// The same as the standard library's.
    pub fn duration(self) -> Duration {
        self.0.duration()
    }

    /// The limits, for people.
    pub fn form() -> String {
        format!(
            "a time from {} to {}",
            Span(Duration::from_millis(MIN)),
            Span(Duration::from_millis(MAX))
        )
    }
}

impl<const MIN: u64, const MAX: u64> Deserr<Found> for SpanWithin<MIN, MAX> {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let span = Span::deserialize_from_value(value, at).map_err(|found| found.accepting(&Self::form()))?;
        if (MIN..=MAX).contains(&span.millis()) {
            return Ok(Self(span));
        }
        let problem = if span.millis() < MIN {
            "is too short"
        } else {
            "is too long"
        };
        Err(Found::one(at, format!("{span} {problem}"), Self::form()))
    }
}

impl<const MIN: u64, const MAX: u64> JsonSchema for SpanWithin<MIN, MAX> {
    fn schema_name() -> Cow<'static, str> {
        format!("SpanFrom{MIN}To{MAX}").into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "title": Self::form(), "pattern": Span::PATTERN })
    }
}

/// A whole number from `MIN` to `MAX`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Whole<const MIN: u32, const MAX: u32>(pub u32);

impl<const MIN: u32, const MAX: u32> Whole<MIN, MAX> {
    /// The limits, for people.
    pub fn form() -> String {
        format!("a whole number from {MIN} to {MAX}")
    }
}

impl<const MIN: u32, const MAX: u32> Deserr<Found> for Whole<MIN, MAX> {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        match value {
            Value::Integer(number) => u32::try_from(number)
                .ok()
                .filter(|number| (MIN..=MAX).contains(number))
                .map(Self)
                .ok_or_else(|| Found::one(at, format!("{number} is out of range"), Self::form())),
            other => Err(Found::kind(at, other, Self::form())),
        }
    }
}

impl<const MIN: u32, const MAX: u32> JsonSchema for Whole<MIN, MAX> {
    fn schema_name() -> Cow<'static, str> {
        format!("WholeFrom{MIN}To{MAX}").into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "title": Self::form(), "minimum": MIN, "maximum": MAX })
    }
}

/// A number that is neither infinite nor "not a number".
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Number(f64);

impl Number {
    /// Finite.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Deserr<Found> for Number {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let number = f64::deserialize_from_value(value, at)?;
        match number.is_finite() {
            true => Ok(Self(number)),
            false => Err(Found::one(
                at,
                format!("{number} cannot be compared"),
                "a finite number".to_owned(),
            )),
        }
    }
}

impl JsonSchema for Number {
    fn schema_name() -> Cow<'static, str> {
        "Number".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "title": "a number" })
    }
}
