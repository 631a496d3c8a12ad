//! The file as it is written: every field optional, so that layers can be laid over each other.
//!
//! The doc comments here are what `docs/fleet.md` and the editor show; `merge` holds the defaults they name.

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{
    maintenance::Maintenance,
    probe::Probes,
    select::{Endpoints, NameGlob, Tags},
    text::{Text, Url},
};
use crate::{
    health::policy::Rung,
    quantity::{Share, SpanWithin, Whole},
    yaml::{Found, Map},
};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Steward's fleet file.
#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Fleet")]
pub(super) struct File {
    /// The version of this format.
    #[schemars(example = 1)]
    #[expect(dead_code, reason = "there is one version; reading it is the check")]
    version: Version,
    /// What holds for every endpoint that does not say otherwise.
    #[deserr(default)]
    pub(super) defaults: Option<Defaults>,
    /// What holds for the fleet as a whole.
    #[deserr(default)]
    pub(super) fleet: Option<FleetSection>,
    /// The endpoints to look after. A key is the name of an endpoint, a glob, or, with `match`, the label of a group.
    pub(super) endpoints: Endpoints,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Version;

impl Deserr<Found> for Version {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        match value {
            Value::Integer(1) => Ok(Self),
            other => Err(Found::kind(at, other, "1")),
        }
    }
}

impl JsonSchema for Version {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Version".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "title": "1", "const": 1 })
    }
}

/// What holds for every endpoint that does not say otherwise.
#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub(super) struct Defaults {
    /// The health section of every endpoint.
    #[deserr(default)]
    pub(super) health: Option<Health>,
}

/// One entry of `endpoints`.
#[derive(Debug, Default, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Entry")]
pub(super) struct EntrySection {
    /// Makes the key a label, and selects every endpoint that fits all of it.
    #[deserr(default, rename = "match")]
    #[schemars(rename = "match")]
    pub(super) matching: Option<MatchSection>,
    /// How health is judged, and what may be done about it.
    #[deserr(default)]
    pub(super) health: Option<Health>,
}

/// Which endpoints belong to a group.
#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Match")]
pub(super) struct MatchSection {
    /// Tags that the endpoint must have, all of them; `"*"` for any value.
    #[deserr(default)]
    #[schemars(example = serde_json::json!({ "team": "search", "tier": "*" }))]
    pub(super) tags: Option<Tags>,
    /// Names or globs, one of which must match.
    #[deserr(default)]
    #[schemars(extend("examples" = [["search-*", "ranker"]]))]
    pub(super) names: Option<Vec<NameGlob>>,
}

/// How health is judged, and what may be done about it.
#[derive(Clone, Debug, Default, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub(super) struct Health {
    /// Judge this endpoint at all.
    #[deserr(default)]
    #[schemars(extend("default" = true))]
    pub(super) enabled: Option<bool>,
    /// Synthetic inferences, sent at every sweep. With none, only what SageMaker says of the endpoint is judged.
    #[deserr(default)]
    #[schemars(extend("default" = []))]
    pub(super) probes: Option<Probes>,
    /// Failed checks in a row before the endpoint counts as unhealthy.
    #[deserr(default)]
    #[schemars(extend("default" = 3))]
    pub(super) failure_threshold: Option<Whole<1, 100>>,
    /// Passed checks in a row before it counts as healthy again.
    #[deserr(default)]
    #[schemars(extend("default" = 2))]
    pub(super) success_threshold: Option<Whole<1, 100>>,
    /// How often a problem that is still open is told again.
    #[deserr(default)]
    #[schemars(extend("default" = "never"), example = "4h")]
    pub(super) reminder: Option<Reminder>,
    /// How long SageMaker may work on the endpoint before that is told as a problem.
    #[deserr(default)]
    pub(super) stuck: Option<Stuck>,
    /// When to say once that an endpoint swings, instead of telling every swing.
    #[deserr(default)]
    pub(super) flapping: Option<FlappingSection>,
    /// While one of these windows is open, nothing is alerted and nothing is recovered.
    #[deserr(default)]
    #[schemars(extend("default" = []))]
    pub(super) maintenance: Option<Maintenance>,
    /// The page that every alert about the endpoint links to; Steward's own page for the problem when not given.
    #[deserr(default)]
    #[schemars(example = "https://wiki.example.com/runbooks/fraud")]
    pub(super) runbook: Option<Text<Url>>,
    /// Publish CloudWatch metrics of this endpoint's own. They cost money; the fleet's metrics are always published.
    #[deserr(default)]
    #[schemars(extend("default" = false))]
    pub(super) metrics: Option<bool>,
    /// What Steward may do by itself when the endpoint is unhealthy.
    #[deserr(default)]
    pub(super) recovery: Option<Recovery>,
}

/// How long SageMaker may work on an endpoint.
#[derive(Clone, Debug, Default, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub(super) struct Stuck {
    /// `Creating` for longer is stuck.
    #[deserr(default)]
    #[schemars(extend("default" = "1h"))]
    pub(super) creating: Option<SpanWithin<{ 5 * MINUTE }, { 7 * DAY }>>,
    /// `Updating`, `SystemUpdating`, `RollingBack` or `Deleting` for longer is stuck.
    #[deserr(default)]
    #[schemars(extend("default" = "1h30m"))]
    pub(super) updating: Option<SpanWithin<{ 5 * MINUTE }, { 7 * DAY }>>,
}

/// When an endpoint counts as flapping.
#[derive(Clone, Debug, Default, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Flapping")]
pub(super) struct FlappingSection {
    /// The time in which changes of state are counted, and how long it must be calm afterwards.
    #[deserr(default)]
    #[schemars(extend("default" = "1h"))]
    pub(super) window: Option<SpanWithin<{ 5 * MINUTE }, { 7 * DAY }>>,
    /// More changes of state than this within `window` are flapping.
    #[deserr(default)]
    #[schemars(extend("default" = 6))]
    pub(super) transitions: Option<Whole<2, 100>>,
}

/// What Steward may do by itself. Each failure takes only the rungs that are safe for it.
#[derive(Clone, Debug, Default, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields, validate = Recovery::consistent -> Found)]
#[schemars(deny_unknown_fields)]
pub(super) struct Recovery {
    /// What is allowed, in the order in which it is tried. With none, Steward only alerts.
    #[deserr(default)]
    #[schemars(extend("default" = [], "examples" = [["shift-away", "add-instance"]]))]
    pub(super) rungs: Option<Vec<Rung>>,
    /// The least time between two rungs on one endpoint.
    #[deserr(default)]
    #[schemars(extend("default" = "15m"))]
    pub(super) cooldown: Option<SpanWithin<MINUTE, { 7 * DAY }>>,
    /// How many rungs may be taken on one endpoint within `period`.
    #[deserr(default)]
    #[schemars(extend("default" = 3))]
    pub(super) budget: Option<Whole<1, 100>>,
    /// The time for which `budget` holds.
    #[deserr(default)]
    #[schemars(extend("default" = "1d"))]
    pub(super) period: Option<SpanWithin<{ 10 * MINUTE }, { 30 * DAY }>>,
    /// `add-instance` never goes above this; one more than the variant has when not given.
    #[deserr(default)]
    #[schemars(example = 4)]
    pub(super) max_instances: Option<Whole<1, 1000>>,
}

impl Recovery {
    fn consistent(self, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let mut found = Found::default();
        let rungs = self.rungs.as_deref().unwrap_or_default();
        for (index, rung) in rungs.iter().enumerate() {
            if rungs[..index].contains(rung) {
                found.and(Found::one(
                    at.push_key("rungs").push_index(index),
                    "is here for the second time",
                    None,
                ));
            }
        }
        if self.rungs.is_some() && self.max_instances.is_some() && !rungs.contains(&Rung::AddInstance) {
            let accepted = "`add-instance` among `rungs`, or no `max_instances`".to_owned();
            found.and(Found::key(
                at.push_key("max_instances"),
                "nothing here adds an instance",
                accepted,
            ));
        }
        found.or(self)
    }
}

/// How often a problem is told again.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reminder {
    Never,
    Every(SpanWithin<{ 5 * MINUTE }, { 30 * DAY }>),
}

impl Reminder {
    fn form() -> String {
        format!("{}, or never", SpanWithin::<{ 5 * MINUTE }, { 30 * DAY }>::form())
    }
}

impl Deserr<Found> for Reminder {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        match value {
            Value::String(text) if text == "never" => Ok(Self::Never),
            value @ (Value::String(_) | Value::Integer(_) | Value::Float(_)) => {
                SpanWithin::deserialize_from_value(value, at)
                    .map(Self::Every)
                    .map_err(|found| found.accepting(&Self::form()))
            }
            other => Err(Found::kind(at, other, Self::form())),
        }
    }
}

impl JsonSchema for Reminder {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Reminder".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let every = SpanWithin::<{ 5 * MINUTE }, { 30 * DAY }>::json_schema(generator);
        json_schema!({ "title": Self::form(), "anyOf": [{ "const": "never" }, every] })
    }
}

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
    /// Goes into every alert, as message attributes that subscriptions can filter by.
    #[deserr(default)]
    pub(super) labels: Option<Labels>,
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
