//! `fleet`: what holds for the fleet as a whole.

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::account::ReconcileSection;
use crate::{
    quantity::{Share, Whole},
    yaml::{Found, Map},
};

/// What holds for the fleet as a whole.
#[derive(Debug, Default, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "FleetWide")]
pub(super) struct FleetSection {
    /// When many endpoints fail at once, one alert about the common cause instead of one for each, and no recovery.
    #[deserr(default)]
    pub(super) suppression: Option<Suppression>,
    /// How many recoveries may be begun across the fleet within one hour; 0 for none.
    #[deserr(default)]
    #[schemars(extend("default" = 3))]
    pub(super) recoveries_per_hour: Option<Whole<0, 1000>>,
    /// How many endpoints are checked at the same time.
    #[deserr(default)]
    #[schemars(extend("default" = 64))]
    pub(super) concurrency: Option<Whole<1, 512>>,
    /// How many wakes from zero may be on the way across the fleet at the same time; the others wait their turn.
    #[deserr(default)]
    #[schemars(extend("default" = 10))]
    pub(super) simultaneous_wakes: Option<Whole<1, 1000>>,
    /// Goes into every alert, as message attributes that subscriptions can filter by.
    #[deserr(default)]
    pub(super) labels: Option<Labels>,
    /// What may be done about capacity that differs from what is declared.
    #[deserr(default)]
    pub(super) reconcile: Option<ReconcileSection>,
}

/// When failures are taken as one.
#[derive(Debug, Default, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields, validate = Suppression::consistent -> Found)]
#[schemars(deny_unknown_fields)]
pub(super) struct Suppression {
    /// At least this many endpoints must have been probed.
    #[deserr(default)]
    #[schemars(extend("default" = 3))]
    pub(super) minimum: Option<Whole<2, 10000>>,
    /// This share of the probed endpoints, all beginning to fail at once, is one common cause; more than 0%.
    #[deserr(default)]
    #[schemars(extend("default" = "80%"))]
    pub(super) share: Option<Share>,
}

impl Suppression {
    fn consistent(self, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        match self.share {
            Some(share) if share.fraction() == 0.0 => {
                let accepted = "more than 0%, and 100% to be sure that nothing else works either".to_owned();
                Err(Found::one(
                    at.push_key("share"),
                    "0% would take every failure as a common cause",
                    accepted,
                ))
            }
            _ => Ok(self),
        }
    }
}

/// SNS message attributes: names of letters, digits and `_-.`, short values.
#[derive(Debug, Default)]
pub(super) struct Labels(pub(super) Vec<(String, String)>);

impl Labels {
    /// An alert has attributes of its own, and with raw delivery to SQS a message can have ten.
    const MOST: usize = 5;
    const NAME: &str =
        "up to 64 letters, digits, hyphens, underscores and single dots, beginning with neither AWS. nor Amazon.";
    const VALUE: &str = "1 to 256 characters in one line";
}

impl Deserr<Found> for Labels {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let labels = Map::<String>::deserialize_from_value(value, at)?.0;
        let mut found = Found::default();
        if labels.len() > Self::MOST {
            let accepted = format!("at most {}", Self::MOST);
            found.and(Found::one(at, format!("there are {} labels", labels.len()), accepted));
        }
        for (name, value) in &labels {
            let lower = name.to_ascii_lowercase();
            let named = (1..=64).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
                && !(name.starts_with('.') || name.ends_with('.') || name.contains(".."))
                && !(lower.starts_with("aws.") || lower.starts_with("amazon."));
            if !named {
                found.and(Found::key(
                    at.push_key(name),
                    "no label can have this name",
                    Self::NAME.to_owned(),
                ));
            }
            if !(1..=256).contains(&value.chars().count()) || value.chars().any(char::is_control) {
                found.and(Found::one(
                    at.push_key(name),
                    "no label can have this value",
                    Self::VALUE.to_owned(),
                ));
            }
        }
        found.or(Self(labels))
    }
}

impl JsonSchema for Labels {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Labels".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "title": format!("up to {} names with their text", Self::MOST),
            "additionalProperties": { "type": "string" },
            "maxProperties": Self::MOST,
            "default": {},
            "examples": [{ "team": "search" }],
        })
    }
}
