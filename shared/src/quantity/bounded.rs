//! Quantities with limits in their type, so that the reader and the JSON Schema cannot disagree about them.

use std::borrow::Cow;

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{Duration, Share, Span};
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

/// A [`Share`] from `MIN` to `MAX` ten-thousandths, both included, in steps of `STEP` ten-thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShareWithin<const MIN: u16, const MAX: u16, const STEP: u16>(u16);

impl<const MIN: u16, const MAX: u16, const STEP: u16> ShareWithin<MIN, MAX, STEP> {
    /// `MIN` to `MAX`.
    pub const fn ten_thousandths(self) -> u16 {
        self.0
    }

    /// The limits, for people.
    pub fn form() -> String {
        let step = match STEP {
            1 => String::new(),
            step => format!(" in steps of {}", Self::share(step)),
        };
        format!("a share from {} to {}{step}", Self::share(MIN), Self::share(MAX))
    }

    const fn share(ten_thousandths: u16) -> Share {
        Share(ten_thousandths as u32 * Self::PARTS)
    }

    /// Of a [`Share`]'s smallest unit in a ten-thousandth.
    const PARTS: u32 = Share::STEPS_PER_PERCENT / 100;
}

impl<const MIN: u16, const MAX: u16, const STEP: u16> Deserr<Found> for ShareWithin<MIN, MAX, STEP> {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let share = Share::deserialize_from_value(value, at).map_err(|found| found.accepting(&Self::form()))?;
        let whole = share.0.is_multiple_of(Self::PARTS);
        match u16::try_from(share.0 / Self::PARTS) {
            Ok(parts) if whole && (MIN..=MAX).contains(&parts) && parts.is_multiple_of(STEP) => Ok(Self(parts)),
            Ok(parts) if (MIN..=MAX).contains(&parts) => {
                Err(Found::one(at, format!("{share} is too fine"), Self::form()))
            }
            _ => Err(Found::one(at, format!("{share} is out of range"), Self::form())),
        }
    }
}

impl<const MIN: u16, const MAX: u16, const STEP: u16> JsonSchema for ShareWithin<MIN, MAX, STEP> {
    fn schema_name() -> Cow<'static, str> {
        format!("ShareFrom{MIN}To{MAX}By{STEP}").into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "title": Self::form(), "pattern": Share::PATTERN })
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

/// A number above 0, up to a million million.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Positive(f64);

impl Positive {
    /// What is accepted, for people.
    pub const FORM: &str = "a number above 0, up to 1000000000000";

    const MOST: f64 = 1e12;

    /// Above 0 and finite.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Deserr<Found> for Positive {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let number = f64::deserialize_from_value(value, at).map_err(|found: Found| found.accepting(Self::FORM))?;
        match number > 0.0 && number <= Self::MOST {
            true => Ok(Self(number)),
            false => Err(Found::one(
                at,
                format!("{number} is out of range"),
                Self::FORM.to_owned(),
            )),
        }
    }
}

impl JsonSchema for Positive {
    fn schema_name() -> Cow<'static, str> {
        "Positive".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "title": Self::FORM, "exclusiveMinimum": 0, "maximum": 1_000_000_000_000_u64 })
    }
}
