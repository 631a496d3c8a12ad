//! Reading single fields of an event, with errors that name the field.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::TriggerError;
use crate::text::{printable, unsafe_to_show};

/// A JSON object that knows what kind of event it belongs to and where in it it lies.
pub(super) struct Fields<'a> {
    form: &'static str,
    path: String,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(form: &'static str, map: &'a Map<String, Value>) -> Self {
        Self {
            form,
            path: String::new(),
            map,
        }
    }

    /// The same object under another name: an SNS message is a document of its own.
    pub(super) fn rooted(form: &'static str, path: &str, map: &'a Map<String, Value>) -> Self {
        Self {
            form,
            path: path.to_owned(),
            map,
        }
    }

    pub(super) fn path(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    pub(super) fn wrong(&self, key: &str, found: &str, expected: &'static str) -> TriggerError {
        TriggerError::Field {
            form: self.form,
            path: self.path(key),
            problem: format!("is \"{found}\""),
            expected,
        }
    }

    fn unfit(&self, key: &str, expected: &'static str) -> TriggerError {
        let problem = match self.map.get(key) {
            None => "is missing".to_owned(),
            Some(value) => format!("is {}", kind(value)),
        };
        TriggerError::Field {
            form: self.form,
            path: self.path(key),
            problem,
            expected,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn object(&self, key: &str) -> Result<Fields<'a>, TriggerError> {
        self.object_if_any(key).ok_or_else(|| self.unfit(key, "an object"))
    }

    pub(super) fn object_if_any(&self, key: &str) -> Option<Fields<'a>> {
        let map = self.get(key)?.as_object()?;
        Some(Fields {
            form: self.form,
            path: self.path(key),
            map,
        })
    }

    pub(super) fn list(&self, key: &str) -> Result<&'a [Value], TriggerError> {
        self.get(key)
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .ok_or_else(|| self.unfit(key, "a list"))
    }

    pub(super) fn list_if_any(&self, key: &str) -> &'a [Value] {
        self.get(key)
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// As it came: not safe to show.
    pub(super) fn required_text(&self, key: &str) -> Result<&'a str, TriggerError> {
        self.get(key)
            .and_then(Value::as_str)
            .ok_or_else(|| self.unfit(key, "a text"))
    }

    /// Safe to show, at most 300 characters.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.long_text(key, 300)
    }

    /// Safe to show; absent when it is missing, null or empty.
    pub(super) fn long_text(&self, key: &str, limit: usize) -> Option<String> {
        let text = self.get(key)?.as_str()?.trim();
        (!text.is_empty()).then(|| printable(text, limit))
    }

    /// A name that a person gave: any characters but those that cannot be shown.
    pub(super) fn name(&self, key: &str) -> Result<String, TriggerError> {
        let name = self.required_text(key)?;
        if name.is_empty() || name.chars().count() > 255 || name.chars().any(unsafe_to_show) {
            let expected = "1 to 255 characters, none of them a control character";
            return Err(self.wrong(key, &printable(name, 100), expected));
        }
        Ok(name.to_owned())
    }

    pub(super) fn endpoint_name(&self, key: &str) -> Result<String, TriggerError> {
        let name = self.required_text(key)?;
        if !is_endpoint_name(name) {
            let expected = "a name as SageMaker gives it: letters, digits and hyphens, 1 to 63 characters";
            return Err(self.wrong(key, &printable(name, 100), expected));
        }
        Ok(name.to_owned())
    }

    pub(super) fn moment(&self, key: &str) -> Result<Timestamp, TriggerError> {
        let expected = "a time, for example \"2026-01-31T12:00:00Z\" or milliseconds since 1970";
        match self.get(key) {
            None => Err(self.unfit(key, expected)),
            Some(Value::String(text)) => {
                moment(&Value::String(text.clone())).ok_or_else(|| self.wrong(key, &printable(text, 60), expected))
            }
            Some(value) => moment(value).ok_or_else(|| self.unfit(key, expected)),
        }
    }

    /// Times that only inform: one that cannot be read is as good as none.
    pub(super) fn moment_if_any(&self, key: &str) -> Option<Timestamp> {
        moment(self.get(key)?)
    }
}

/// What a JSON value is, in words.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// SageMaker's pattern for the names of endpoints, configs and variants: `[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}`, at most 63.
pub fn is_endpoint_name(text: &str) -> bool {
    let edge = |c: Option<u8>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && edge(bytes.first().copied())
        && edge(bytes.last().copied())
        && bytes.iter().all(|c| c.is_ascii_alphanumeric() || *c == b'-')
}

/// A time in any of AWS's notations: RFC 3339, ISO 8601 with an offset like `+0000`, and the time since 1970 in seconds
/// or milliseconds, as a number (also a float) or as digits in a text. Numbers from 100 thousand million on are
/// milliseconds (March 1973), below that seconds (until the year 5138).
pub fn moment(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(number) => number.as_f64().and_then(since_1970),
        Value::String(text) => {
            let text: String = text.chars().filter(|c| !c.is_whitespace()).take(64).collect();
            if text.bytes().all(|c| c.is_ascii_digit() || c == b'.') {
                return text.parse().ok().and_then(since_1970);
            }
            text.parse()
                .or_else(|_| Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", &text))
                .ok()
        }
        _ => None,
    }
}

fn since_1970(number: f64) -> Option<Timestamp> {
    let milliseconds = if number.abs() >= 1e11 { number } else { number * 1000.0 };
    // Casting saturates, and jiff refuses what lies outside its years -9999 to 9999.
    milliseconds
        .is_finite()
        .then(|| Timestamp::from_millisecond(milliseconds.round() as i64).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_notation_of_a_time_is_the_same_moment() {
        let expected: Timestamp = "2020-03-10T09:18:09.050Z".parse().unwrap();
        for notation in [
            json!("2020-03-10T09:18:09.050Z"),
            json!("2020-03-10T09:18:09.050+0000"),
            json!("2020-03-10T10:18:09.050+01:00"),
            json!("2020-03-10T09: 18: 09.050+0000"),
            json!("1583831889050"),
            json!(1_583_831_889_050_i64),
            json!(1.583_831_889_05e12),
            json!(1_583_831_889.05),
        ] {
            assert_eq!(moment(&notation), Some(expected), "{notation}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for notation in [
            json!("yesterday"),
            json!(""),
            json!(true),
            json!(1e300),
            json!("99999999999999999999999"),
        ] {
            assert_eq!(moment(&notation), None, "{notation}");
        }
    }

    #[test]
    fn names_follow_the_pattern_of_sagemaker() {
        let longest = "a".repeat(63);
        for good in ["a", "fraud-detector", "A--1", longest.as_str()] {
            assert!(is_endpoint_name(good), "{good}");
        }
        let too_long = "a".repeat(64);
        for bad in ["", "-a", "a-", "a_b", "a b", "é", "a\n", too_long.as_str()] {
            assert!(!is_endpoint_name(bad), "{bad:?}");
        }
    }
}
