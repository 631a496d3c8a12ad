//! Quantities of the world's YAML: request rates, spans of time and shares, with their units.

use std::{str::FromStr, time::Duration};

/// A span of time: `500ms`, `30s`, `10m`, `1h30m`, `2d`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("`{text}` is no span of time; write `500ms`, `30s`, `10m`, `1h30m` or `2d`");
        let mut rest = text.trim();
        let mut total = Duration::ZERO;
        if rest.is_empty() {
            return Err(refuse());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(refuse)?;
            let amount: u64 = rest[..digits].parse().map_err(|_| refuse())?;
            let unit_end = rest[digits..]
                .find(|c: char| !c.is_ascii_alphabetic())
                .map_or(rest.len(), |offset| digits + offset);
            let millis = match &rest[digits..unit_end] {
                "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                _ => return Err(refuse()),
            };
            total += Duration::from_millis(amount.checked_mul(millis).ok_or_else(refuse)?);
            rest = &rest[unit_end..];
        }
        Ok(Self(total))
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// A share from 0 to 1, written `10%` or `0.1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Share(pub f64);

/// Requests per second, written `20 rps`, `300/min` or a bare number of requests per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Rps(pub f64);

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("`{text}` is no share; write `10%`, from `0%` to `100%`");
        let share = match text.trim().strip_suffix('%') {
            Some(percent) => percent.trim().parse::<f64>().map_err(|_| refuse())? / 100.0,
            None => text.trim().parse::<f64>().map_err(|_| refuse())?,
        };
        if (0.0..=1.0).contains(&share) {
            Ok(Self(share))
        } else {
            Err(refuse())
        }
    }
}

impl FromStr for Rps {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("`{text}` is no request rate; write `20 rps` or `300/min`, 0 or more");
        let text = text.trim();
        let (number, per) = if let Some(number) = text.strip_suffix("rps") {
            (number, 1.0)
        } else if let Some(number) = text.strip_suffix("/s") {
            (number, 1.0)
        } else if let Some(number) = text.strip_suffix("/min") {
            (number, 60.0)
        } else {
            (text, 1.0)
        };
        let rate = number.trim().parse::<f64>().map_err(|_| refuse())? / per;
        if rate.is_finite() && rate >= 0.0 {
            Ok(Self(rate))
        } else {
            Err(refuse())
        }
    }
}

/// Reads a quantity from a string or a bare number.
macro_rules! quantity_from_yaml {
    ($($type:ty),+) => {$(
        impl<E: deserr::DeserializeError> deserr::Deserr<E> for $type {
            fn deserialize_from_value<V: deserr::IntoValue>(
                value: deserr::Value<V>,
                location: deserr::ValuePointerRef<'_>,
            ) -> Result<Self, E> {
                let text = match value {
                    deserr::Value::String(text) => text,
                    deserr::Value::Integer(number) => number.to_string(),
                    deserr::Value::NegativeInteger(number) => number.to_string(),
                    deserr::Value::Float(number) => number.to_string(),
                    actual => {
                        let accepted = &[deserr::ValueKind::String, deserr::ValueKind::Float];
                        return Err(deserr::take_cf_content(E::error(
                            None,
                            deserr::ErrorKind::IncorrectValueKind { actual, accepted },
                            location,
                        )));
                    }
                };
                text.parse().map_err(|msg| {
                    deserr::take_cf_content(E::error::<V>(None, deserr::ErrorKind::Unexpected { msg }, location))
                })
            }
        }
    )+};
}

quantity_from_yaml!(Span, Share, Rps);
