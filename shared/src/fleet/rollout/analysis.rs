//! `rollout.analysis`: how green is judged, as the file writes it, layer by layer.

mod resolve;

use std::borrow::Cow;

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::{
    analysis::{Alpha, ErrorKind, Percentile, Ratio},
    fleet::switch::Switch,
    quantity::{Share, SpanWithin, Whole},
    yaml::Found,
};

/// How green is judged by its metrics while it bakes.
#[derive(Clone, Debug, PartialEq, Default, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Analysis")]
pub(super) struct AnalysisSection {
    /// Requests that green, and for a comparison also blue, must have had in a step to pass it. With fewer the rollout
    /// holds. Harm that is proven on fewer is proven.
    #[deserr(default)]
    #[schemars(extend("default" = 50))]
    min_requests: Option<Whole<1, 1_000_000>>,
    /// Failed requests.
    #[deserr(default)]
    #[schemars(extend("default" = true))]
    errors: Option<Switch<ErrorsSection>>,
    /// Latency percentiles.
    #[deserr(default)]
    #[schemars(extend("default" = []))]
    latency: Option<Vec<LatencySection>>,
    /// Requests that take longer than a limit: sharper than a percentile, because every request is evidence.
    #[deserr(default)]
    #[schemars(extend("default" = false))]
    slow: Option<Switch<SlowSection>>,
}

/// Failed requests as a share of all.
#[derive(Clone, Debug, PartialEq, Default, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "ErrorAnalysis")]
struct ErrorsSection {
    /// What counts as failed.
    #[deserr(default)]
    #[schemars(extend("default" = ["5xx", "model"]))]
    counted: Option<Vec<Counted>>,
    /// The share that may never be exceeded.
    #[deserr(default)]
    #[schemars(example = "1%")]
    limit: Option<Share>,
    /// Also fail on so many minutes above `limit`: plain, and without a bound on false alarms.
    #[deserr(default)]
    bad_minutes: Option<BadMinutesSection>,
    /// How many times as large as blue's the share may be; `false` for no comparison.
    #[deserr(default)]
    #[schemars(extend("default" = 1.2))]
    against_blue: Option<Compared>,
    /// The greatest chance that a green which is just good enough fails a step.
    #[deserr(default)]
    #[schemars(extend("default" = "1%"))]
    alpha: Option<Chance>,
    /// Report it, and let it decide nothing.
    #[deserr(default)]
    #[schemars(extend("default" = false))]
    dry_run: Option<bool>,
}

/// What counts as a failed request.
#[derive(Clone, Copy, Debug, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found)]
enum Counted {
    /// `Invocation4XXErrors`: the caller's own, unless the new model refuses what the old one took.
    #[deserr(rename = "4xx")]
    #[schemars(rename = "4xx")]
    Client,
    /// `Invocation5XXErrors`.
    #[deserr(rename = "5xx")]
    #[schemars(rename = "5xx")]
    Server,
    /// `InvocationModelErrors`.
    #[deserr(rename = "model")]
    #[schemars(rename = "model")]
    Model,
}

impl From<Counted> for ErrorKind {
    fn from(counted: Counted) -> Self {
        match counted {
            Counted::Client => Self::Client,
            Counted::Server => Self::Server,
            Counted::Model => Self::Model,
        }
    }
}

/// One latency percentile.
#[derive(Clone, Debug, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "LatencyAnalysis")]
struct LatencySection {
    /// Which one.
    percentile: Rank,
    /// A minute above it is bad.
    #[deserr(default)]
    #[schemars(example = "800ms")]
    limit: Option<SpanWithin<1, 3_600_000>>,
    /// How many minutes above `limit` are too many.
    #[deserr(default)]
    bad_minutes: Option<BadMinutesSection>,
    /// How many times as large as blue's it may be, minute by minute; not compared when not given.
    #[deserr(default)]
    #[schemars(example = 1.2)]
    against_blue: Option<Compared>,
    /// For the comparison: the greatest chance that a green which is just good enough fails a step.
    #[deserr(default)]
    #[schemars(extend("default" = "1%"))]
    alpha: Option<Chance>,
    /// Requests that both variants need in a minute for it to be compared; when not given, 10 for p50, 50 for p90, 100
    /// for p95, 500 for p99.
    #[deserr(default)]
    #[schemars(example = 100)]
    minute_requests: Option<Whole<1, 1_000_000>>,
    /// Report it, and let it decide nothing.
    #[deserr(default)]
    #[schemars(extend("default" = false))]
    dry_run: Option<bool>,
}

/// A latency percentile.
#[derive(Clone, Copy, Debug, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, rename_all = lowercase)]
#[schemars(rename = "Percentile", rename_all = "lowercase")]
enum Rank {
    /// The median.
    P50,
    /// Nine of ten requests are faster.
    P90,
    /// 19 of 20 requests are faster.
    P95,
    /// 99 of 100 requests are faster.
    P99,
}

impl From<Rank> for Percentile {
    fn from(rank: Rank) -> Self {
        match rank {
            Rank::P50 => Self::P50,
            Rank::P90 => Self::P90,
            Rank::P95 => Self::P95,
            Rank::P99 => Self::P99,
        }
    }
}

/// Slow requests as a share of all.
#[derive(Clone, Debug, PartialEq, Default, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "SlowAnalysis")]
struct SlowSection {
    /// A request that took longer is slow; needed.
    #[deserr(default)]
    #[schemars(example = "500ms")]
    slower_than: Option<SpanWithin<1, 3_600_000>>,
    /// The share that may never be exceeded.
    #[deserr(default)]
    #[schemars(example = "2%")]
    limit: Option<Share>,
    /// Also fail on so many minutes above `limit`: plain, and without a bound on false alarms.
    #[deserr(default)]
    bad_minutes: Option<BadMinutesSection>,
    /// How many times as large as blue's the share may be; `false` for no comparison.
    #[deserr(default)]
    #[schemars(extend("default" = 1.2))]
    against_blue: Option<Compared>,
    /// The greatest chance that a green which is just good enough fails a step.
    #[deserr(default)]
    #[schemars(extend("default" = "1%"))]
    alpha: Option<Chance>,
    /// Report it, and let it decide nothing.
    #[deserr(default)]
    #[schemars(extend("default" = false))]
    dry_run: Option<bool>,
}

/// How many bad minutes are too many.
#[derive(Clone, Debug, PartialEq, Default, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "BadMinutes")]
struct BadMinutesSection {
    /// So many in a row.
    #[deserr(default)]
    #[schemars(extend("default" = 3))]
    consecutive: Option<Whole<1, 1_000>>,
    /// So many in all.
    #[deserr(default)]
    #[schemars(example = 5)]
    total: Option<Whole<1, 1_000>>,
    /// Green's requests that a minute needs to be judged.
    #[deserr(default)]
    #[schemars(extend("default" = 20))]
    minute_requests: Option<Whole<1, 1_000_000>>,
}

/// A factor, or no comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Compared {
    No,
    Times(Ratio),
}

impl Compared {
    fn form() -> String {
        format!("{}, or false for no comparison", Ratio::FORM)
    }
}

impl Deserr<Found> for Compared {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let times = |factor: f64| {
            let problem = |_| Found::one(at, format!("{factor} is out of range"), Self::form());
            Ratio::new(factor).map(Self::Times).map_err(problem)
        };
        match value {
            Value::Boolean(false) => Ok(Self::No),
            Value::Boolean(true) => Ok(Self::Times(Ratio::default())),
            Value::Integer(factor) => times(factor as f64),
            Value::NegativeInteger(factor) => times(factor as f64),
            Value::Float(factor) => times(factor),
            other => Err(Found::kind(at, other, Self::form())),
        }
    }
}

impl JsonSchema for Compared {
    fn schema_name() -> Cow<'static, str> {
        "Compared".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": Self::form(),
            "anyOf": [{ "type": "number", "minimum": 1, "maximum": 1000 }, { "type": "boolean" }],
        })
    }
}

/// An [`Alpha`] as it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Chance(Alpha);

impl Deserr<Found> for Chance {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let share = Share::deserialize_from_value(value, at).map_err(|found| found.accepting(Alpha::FORM))?;
        let problem = |_| Found::one(at, format!("{share} is out of range"), Alpha::FORM.to_owned());
        Alpha::new(share).map(Self).map_err(problem)
    }
}

impl JsonSchema for Chance {
    fn schema_name() -> Cow<'static, str> {
        "Chance".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Share::json_schema(generator);
        schema.insert("title".to_owned(), Alpha::FORM.into());
        schema.remove("examples");
        schema
    }
}
