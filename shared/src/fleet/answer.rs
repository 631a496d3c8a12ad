//! `expect.json`: what must be at certain places of an answer.

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::{
    golden::Golden,
    text::{Pointer, Text},
};
use crate::{
    health::policy::{Condition, JsonTest},
    quantity::Number,
    yaml::Found,
};

/// What must be at one place of an answer in JSON; at least one of `exists`, `equals`, `near`, `at_least`, `at_most`.
#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
struct JsonExpect {
    /// The place, as an RFC 6901 pointer; `""` is the whole answer.
    #[schemars(example = "/predictions/0/score")]
    pointer: Text<Pointer>,
    /// `true`: there is a value, whatever it is.
    #[deserr(default)]
    #[schemars(example = true)]
    exists: Option<bool>,
    /// Exactly this value; numbers are compared as numbers.
    #[deserr(default)]
    #[schemars(default, example = &"v3")]
    equals: Golden,
    /// A number, or a list of them, each within `tolerance` of this one.
    #[deserr(default)]
    #[schemars(default, example = 0.93)]
    near: Golden,
    /// How far from `near` is near enough; the absolute difference, 0 or more.
    #[deserr(default)]
    #[schemars(example = 0.01)]
    tolerance: Option<Number>,
    /// A number of at least this.
    #[deserr(default)]
    #[schemars(example = 0)]
    at_least: Option<Number>,
    /// A number of at most this.
    #[deserr(default)]
    #[schemars(example = 1)]
    at_most: Option<Number>,
}

/// The tests of one place, found right.
#[derive(Debug)]
pub(super) struct JsonConditions(pub(super) Vec<Condition>);

impl Deserr<Found> for JsonConditions {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let mut found = Found::default();
        let conditions = JsonExpect::deserialize_from_value(value, at)?.conditions(at, &mut found);
        found.or(Self(conditions))
    }
}

impl JsonSchema for JsonConditions {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        JsonExpect::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        JsonExpect::json_schema(generator)
    }
}

impl JsonExpect {
    fn conditions(self, at: ValuePointerRef<'_>, found: &mut Found) -> Vec<Condition> {
        const TESTS: [&str; 5] = ["exists", "equals", "near", "at_least", "at_most"];
        let attempted = self.exists.is_some() || self.near != Golden::Absent || self.tolerance.is_some();
        let mut tests = Vec::new();
        match self.exists {
            Some(true) => tests.push(JsonTest::Exists),
            Some(false) => {
                let accepted = "`exists: true`, or another test".to_owned();
                found.and(Found::one(
                    at.push_key("exists"),
                    "an answer without the value cannot be asked for",
                    accepted,
                ));
            }
            None => {}
        }
        if let Golden::Is(value) = self.equals {
            tests.push(JsonTest::Equals(value));
        }
        match (self.near, self.tolerance) {
            (Golden::Is(value), _) if !is_numbers(&value) => {
                let accepted = "a number or a list of numbers".to_owned();
                found.and(Found::one(at.push_key("near"), "only numbers can be near", accepted));
            }
            (Golden::Is(_), None) => {
                let accepted = "the largest absolute difference, such as 0.01".to_owned();
                found.and(Found::one(at.push_key("tolerance"), "`near` needs it", accepted));
            }
            (Golden::Is(_), Some(tolerance)) if tolerance.get() < 0.0 => {
                found.and(Found::one(
                    at.push_key("tolerance"),
                    "is negative",
                    "a number of 0 or more".to_owned(),
                ));
            }
            (Golden::Is(value), Some(tolerance)) => tests.push(JsonTest::Near {
                value,
                tolerance: tolerance.get(),
            }),
            (Golden::Absent, Some(_)) => {
                let problem = "there is no `near` that it belongs to";
                found.and(Found::key(at.push_key("tolerance"), problem, None).beside(at, &["near"]));
            }
            (Golden::Absent, None) => {}
        }
        if let (Some(least), Some(most)) = (self.at_least, self.at_most)
            && least > most
        {
            let problem = format!("no number is at least {} and at most {}", least.get(), most.get());
            found.and(Found::one(
                at.push_key("at_most"),
                problem,
                format!("{} or more", least.get()),
            ));
        }
        tests.extend(self.at_least.map(|least| JsonTest::AtLeast(least.get())));
        tests.extend(self.at_most.map(|most| JsonTest::AtMost(most.get())));
        if tests.is_empty() && !attempted {
            let accepted = format!("one or more of {}", TESTS.join(", "));
            let wrong = Found::one(at, "asks nothing of the value", accepted);
            found.and(wrong.whatever_is_in_it().beside(at, &TESTS).beside(at, &["tolerance"]));
        }
        let pointer = self.pointer.into_string();
        tests
            .into_iter()
            .map(|is| Condition::Json {
                pointer: pointer.clone(),
                is,
            })
            .collect()
    }
}

fn is_numbers(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Number(_) => true,
        serde_json::Value::Array(items) => !items.is_empty() && items.iter().all(is_numbers),
        _ => false,
    }
}
