//! The file as it is written: every field optional, so that layers can be laid over each other.
//!
//! The doc comments here are what `docs/fleet.md` and the editor show; `merge` holds the defaults they name.

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{
    account::{ApiSection, Apis, DashboardSection, LambdaSection, Lambdas},
    entry::Defaults,
    maintenance::Maintenance,
    probe::Probes,
    rollout::Strategies,
    select::Endpoints,
    text::{Text, Url},
    wide::FleetSection,
};
use crate::{
    health::policy::Rung,
    quantity::{Share, SpanWithin, Whole},
    yaml::{Found, Map, Parts},
};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Steward's fleet file.
#[derive(Debug, Default, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Fleet")]
pub(super) struct File {
    /// The version of this format.
    #[schemars(required, example = 1)]
    #[expect(dead_code, reason = "there is one version; reading it is the check")]
    version: Option<Version>,
    /// What holds for every endpoint that does not say otherwise.
    pub(super) defaults: Option<Defaults>,
    /// Strategies of your own by name, for `rollout.strategy`.
    #[schemars(extend("default" = {}, "examples" = [{ "careful": { "canary": { "size": "5%", "bake": "1h" } } }]))]
    pub(super) strategies: Option<Strategies>,
    /// What holds for the fleet as a whole.
    pub(super) fleet: Option<FleetSection>,
    /// The endpoints to look after. A key is the name of an endpoint, a glob, or, with `match`, the label of a group.
    #[schemars(required)]
    pub(super) endpoints: Endpoints,
    /// Lambda functions by name: how much concurrency each has.
    #[schemars(with = "Option<Map<LambdaSection>>", extend("default" = {}, "examples" = [{ "predict": { "reserved": 100, "provisioned": { "live": 10 } } }]))]
    pub(super) lambdas: Option<Lambdas>,
    /// REST APIs of API Gateway by id: how many requests each stage takes.
    #[schemars(with = "Option<Map<ApiSection>>", extend("default" = {}, "examples" = [{ "a1b2c3d4e5": { "stages": { "prod": { "rate": 1000, "burst": 2000 } } } }]))]
    pub(super) apis: Option<Apis>,
    /// The CloudWatch dashboard of the fleet. With none, none is made.
    pub(super) dashboard: Option<DashboardSection>,
}

impl File {
    const FIELDS: [&str; 8] = [
        "version",
        "defaults",
        "strategies",
        "fleet",
        "endpoints",
        "lambdas",
        "apis",
        "dashboard",
    ];

    /// What is right in it. The rest counts as not written, and is told in `found` or in the `found` of its part.
    pub(super) fn read<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>, found: &mut Found) -> Self {
        let Some(mut parts) = Parts::of(value, at, &Self::FIELDS, found) else {
            return Self::default();
        };
        Self {
            version: parts.require("version", found),
            defaults: parts.take("defaults", found),
            strategies: parts.take("strategies", found),
            fleet: parts.take::<Option<FleetSection>>("fleet", found).flatten(),
            endpoints: parts.require("endpoints", found).unwrap_or_default(),
            lambdas: parts.take("lambdas", found).map(|map: Map<LambdaSection>| {
                let lambdas = Lambdas(map);
                found.and(lambdas.misnamed(at.push_key("lambdas")));
                lambdas
            }),
            apis: parts.take("apis", found).map(|map: Map<ApiSection>| {
                let apis = Apis(map);
                found.and(apis.misnamed(at.push_key("apis")));
                apis
            }),
            dashboard: parts.take::<Option<DashboardSection>>("dashboard", found).flatten(),
        }
    }
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
    /// Failures that are broken by single successes: enough of them among the last checks are unhealthy too.
    #[deserr(default)]
    pub(super) failure_share: Option<FailureShareSection>,
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

/// When failures that do not come in a row are unhealthy all the same.
#[derive(Clone, Debug, Default, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields, validate = FailureShareSection::consistent -> Found)]
#[schemars(deny_unknown_fields, rename = "FailureShare")]
pub(super) struct FailureShareSection {
    /// This share of the last `checks` failing is unhealthy, never fewer than `failure_threshold`; more than 0%.
    #[deserr(default)]
    #[schemars(extend("default" = "60%"))]
    pub(super) share: Option<Share>,
    /// How many of the last checks are looked at; 0 for never. When not given: 10, or three times
    /// `failure_threshold` where that is more.
    #[deserr(default)]
    #[schemars(example = 10)]
    pub(super) checks: Option<Whole<0, 100>>,
}

impl FailureShareSection {
    fn consistent(self, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        match self.share {
            Some(share) if share.fraction() == 0.0 => Err(Found::one(
                at.push_key("share"),
                "0% would make every check unhealthy",
                "more than 0%; `checks: 0` turns the rule off".to_owned(),
            )),
            _ => Ok(self),
        }
    }
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
    /// An endpoint that flapped and then is sick for this long without a change is told as sick, not as flapping.
    #[deserr(default)]
    #[schemars(extend("default" = "20m"))]
    pub(super) outage: Option<SpanWithin<{ 5 * MINUTE }, { 7 * DAY }>>,
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
            let wrong = Found::key(at.push_key("max_instances"), "nothing here adds an instance", accepted);
            found.and(wrong.resting_on(at, &["rungs"]));
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
