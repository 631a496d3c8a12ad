//! Times and shares as people write them, with their unit: `1h30m`, `500ms`, `10%`.
//!
//! A bare number is refused, so that nobody has to guess whether it meant seconds, milliseconds or microseconds.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::yaml::Found;

/// A length of time in whole milliseconds, written `90s`, `1h30m` or `500ms`; at most 36,500 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(Duration);

impl Span {
    /// What [`FromStr`] accepts, for people.
    pub const FORM: &str = "a time with its unit, such as 500ms, 30s, 5m, 1h30m or 2d";

    const MAX_MILLIS: u64 = 36_500 * 86_400_000;
    const UNITS: [(&str, u64); 5] = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];
    const PATTERN: &str = "^(?=.)(\\d+d)?(\\d+h)?(\\d+m)?(\\d+s)?(\\d+ms)?$";

    /// `None` above 36,500 days.
    pub const fn from_millis(millis: u64) -> Option<Self> {
        if millis <= Self::MAX_MILLIS {
            Some(Self(Duration::from_millis(millis)))
        } else {
            None
        }
    }

    /// The same as the standard library's.
    pub const fn duration(self) -> Duration {
        self.0
    }

    fn millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(Self::MAX_MILLIS)
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.0
    }
}

impl FromStr for Span {
    type Err = QuantityError;

    /// Whole numbers, each with its unit, the larger unit first and none twice.
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let wrong = |problem: &str| QuantityError {
            problem: problem.to_owned(),
            accepted: Self::FORM,
        };
        if text.is_empty() {
            return Err(wrong("an empty text is no time"));
        }
        let mut rest = text;
        let mut units = Self::UNITS.iter();
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, after) = rest.split_at(digits);
            let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (unit, after) = after.split_at(letters);
            match (number, unit) {
                ("", _) | (_, "") if !text.bytes().any(|b| b.is_ascii_alphabetic()) => {
                    return Err(wrong(&format!("{text:?} has no unit")));
                }
                ("", _) | (_, "") => return Err(wrong(&format!("{text:?} is no time"))),
                _ => {}
            }
            if !Self::UNITS.iter().any(|(name, _)| *name == unit) {
                return Err(wrong(&format!("{unit:?} in {text:?} is no unit")));
            }
            let Some((_, millis)) = units.find(|(name, _)| *name == unit) else {
                return Err(wrong(&format!(
                    "{unit:?} in {text:?} comes twice or after a smaller unit"
                )));
            };
            total = number
                .parse::<u64>()
                .ok()
                .and_then(|number| number.checked_mul(*millis))
                .and_then(|more| total.checked_add(more))
                .ok_or_else(|| wrong(&format!("{text:?} is longer than 36500d")))?;
            rest = after;
        }
        Self::from_millis(total).ok_or_else(|| wrong(&format!("{text:?} is longer than 36500d")))
    }
}

impl fmt::Display for Span {
    /// The shortest form that [`FromStr`] reads back as the same time: `1h30m`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.millis();
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, millis) in Self::UNITS {
            if rest >= millis {
                write!(f, "{}{unit}", rest / millis)?;
                rest %= millis;
            }
        }
        Ok(())
    }
}

/// A share of a whole in steps of a ten-thousandth of a percent, written `10%` or `0.5%`; 0% to 100%.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u32);

impl Share {
    /// What [`FromStr`] accepts, for people.
    pub const FORM: &str = "a share from 0% to 100%, such as 10% or 0.5%";

    const STEPS_PER_PERCENT: u32 = 10_000;
    const PATTERN: &str = "^(100(\\.0{1,4})?|\\d{1,2}(\\.\\d{1,4})?)%$";

    /// `None` above 100.
    pub const fn from_percent(percent: u32) -> Option<Self> {
        if percent <= 100 {
            Some(Self(percent * Self::STEPS_PER_PERCENT))
        } else {
            None
        }
    }

    /// From 0 to 100.
    pub fn percent(self) -> f64 {
        f64::from(self.0) / f64::from(Self::STEPS_PER_PERCENT)
    }

    /// `None` above 1,000,000, which is all of it.
    pub const fn from_millionths(millionths: u32) -> Option<Self> {
        if millionths <= 100 * Self::STEPS_PER_PERCENT {
            Some(Self(millionths))
        } else {
            None
        }
    }

    /// From 0 to 1.
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / f64::from(100 * Self::STEPS_PER_PERCENT)
    }
}

impl FromStr for Share {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let wrong = |problem: String| QuantityError {
            problem,
            accepted: Self::FORM,
        };
        let Some(number) = text.strip_suffix('%') else {
            return Err(wrong(format!("{text:?} has no percent sign")));
        };
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let digits =
            |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole, 3) || !digits(part, 4) {
            return Err(wrong(format!("{text:?} is no share")));
        }
        let steps = whole.parse::<u32>().ok().zip(format!("{part:0<4}").parse::<u32>().ok());
        steps
            .map(|(whole, part)| Self(whole * Self::STEPS_PER_PERCENT + part))
            .filter(|share| share.0 <= 100 * Self::STEPS_PER_PERCENT)
            .ok_or_else(|| wrong(format!("{text:?} is more than the whole")))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / Self::STEPS_PER_PERCENT, self.0 % Self::STEPS_PER_PERCENT);
        match part {
            0 => write!(f, "{whole}%"),
            part => write!(f, "{whole}.{}%", format!("{part:04}").trim_end_matches('0')),
        }
    }
}

/// A text that is no quantity of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; accepted: {accepted}")]
pub struct QuantityError {
    /// What is wrong with it.
    pub problem: String,
    /// What would be right.
    pub accepted: &'static str,
}

macro_rules! quantity {
    ($type:ident, $format:literal, $example:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl de::Visitor<'_> for Text {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($type::FORM)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }

        impl Deserr<Found> for $type {
            fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
                match value {
                    Value::String(text) => text
                        .parse()
                        .map_err(|error: QuantityError| Found::one(at, error.problem, error.accepted.to_owned())),
                    Value::Integer(number) => Err(Found::one(at, format!("{number} has no unit"), $type::FORM.to_owned())),
                    Value::Float(number) => Err(Found::one(at, format!("{number} has no unit"), $type::FORM.to_owned())),
                    other => Err(Found::kind(at, other, $type::FORM)),
                }
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "title": $format, "pattern": Self::PATTERN, "examples": [$example] })
            }
        }
    };
}

quantity!(Span, "time", "1h30m");
quantity!(Share, "share", "10%");

mod bounded;

pub use bounded::{Number, Positive, ShareWithin, SpanWithin, Whole};

#[cfg(test)]
mod tests;
