//! What must hold of a rollout: who takes how much of the traffic, with which model, config and scaling.

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use steward::{
    quantity::{Share, Span},
    yaml::Found,
};

/// A bound on a number: `2`, `at least 2`, `at most 2`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound<T> {
    /// This.
    Is(T),
    /// This or more.
    AtLeast(T),
    /// This or less.
    AtMost(T),
}

impl<T: PartialOrd> Bound<T> {
    /// Whether `value` is within; equality by `same`.
    fn allows(&self, value: &T, same: impl Fn(&T, &T) -> bool) -> bool {
        match self {
            Self::Is(bound) => same(value, bound),
            Self::AtLeast(bound) => value >= bound || same(value, bound),
            Self::AtMost(bound) => value <= bound || same(value, bound),
        }
    }
}

impl<T: std::fmt::Display> std::fmt::Display for Bound<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Is(bound) => write!(f, "{bound}"),
            Self::AtLeast(bound) => write!(f, "at least {bound}"),
            Self::AtMost(bound) => write!(f, "at most {bound}"),
        }
    }
}

fn bound<T: std::str::FromStr>(text: &str) -> Option<Bound<T>> {
    if let Some(rest) = text.strip_prefix("at least ") {
        rest.trim().parse().ok().map(Bound::AtLeast)
    } else if let Some(rest) = text.strip_prefix("at most ") {
        rest.trim().parse().ok().map(Bound::AtMost)
    } else {
        text.trim().parse().ok().map(Bound::Is)
    }
}

/// A bound on a share of the traffic: `10%`, `at least 90%`, `at most 10%`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShareBound(pub Bound<Share>);

impl ShareBound {
    /// Whether this share, 0 to 1, is within, to a tenth of a percent.
    pub fn allows(&self, share: f64) -> bool {
        let near = |a: &f64, b: &f64| (a - b).abs() <= 0.001;
        match self.0 {
            Bound::Is(bound) => Bound::Is(bound.fraction()).allows(&share, near),
            Bound::AtLeast(bound) => Bound::AtLeast(bound.fraction()).allows(&share, near),
            Bound::AtMost(bound) => Bound::AtMost(bound.fraction()).allows(&share, near),
        }
    }
}

impl Deserr<Found> for ShareBound {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        const FORM: &str = "a share such as 10%, at least 10% or at most 10%";
        match value {
            Value::String(text) => bound(&text)
                .map(Self)
                .ok_or_else(|| Found::one(at, format!("{text:?} is no share"), FORM.to_owned())),
            other => Err(Found::kind(at, other, FORM)),
        }
    }
}

/// A bound on a count: `2`, `at least 2`, `at most 2`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CountBound(pub Bound<u32>);

impl CountBound {
    /// Whether this count is within.
    pub fn allows(&self, count: u32) -> bool {
        self.0.allows(&count, |a, b| a == b)
    }
}

impl Deserr<Found> for CountBound {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        const FORM: &str = "a count such as 2, at least 2 or at most 2";
        let text = match value {
            Value::Integer(number) => number.to_string(),
            Value::String(text) => text,
            other => return Err(Found::kind(at, other, FORM)),
        };
        bound(&text)
            .map(Self)
            .ok_or_else(|| Found::one(at, format!("{text:?} is no count"), FORM.to_owned()))
    }
}

/// How the requests of clients to an endpoint went, as CloudWatch counted them.
#[derive(Clone, Debug, Default, Deserr)]
#[deserr(error = Found, deny_unknown_fields, validate = requests_checked -> Found)]
pub struct RequestExpectation {
    /// The endpoint.
    pub endpoint: String,
    /// Needed where several Regions have it.
    #[deserr(default)]
    pub region: Option<String>,
    /// Only this variant's.
    #[deserr(default)]
    pub variant: Option<String>,
    /// At most this share of them fails.
    #[deserr(default)]
    pub errors_at_most: Option<Share>,
    /// At least this share of them fails.
    #[deserr(default)]
    pub errors_at_least: Option<Share>,
    /// The mean of `ModelLatency` over them is this or less.
    #[deserr(default)]
    pub latency_at_most: Option<Span>,
    /// The mean of `ModelLatency` over them is this or more.
    #[deserr(default)]
    pub latency_at_least: Option<Span>,
    /// At most so many of them fail.
    #[deserr(default)]
    pub failed_at_most: Option<u64>,
    /// So many come, or more.
    #[deserr(default)]
    pub at_least: Option<u64>,
    /// So many come, or fewer.
    #[deserr(default)]
    pub at_most: Option<u64>,
    /// Only from this moment on.
    #[deserr(default)]
    pub from: Option<Span>,
    /// Only until this moment.
    #[deserr(default)]
    pub until: Option<Span>,
}

fn requests_checked(spec: RequestExpectation, at: ValuePointerRef<'_>) -> Result<RequestExpectation, Found> {
    let says = spec.errors_at_most.is_some()
        || spec.errors_at_least.is_some()
        || spec.latency_at_most.is_some()
        || spec.latency_at_least.is_some()
        || spec.failed_at_most.is_some()
        || spec.at_least.is_some()
        || spec.at_most.is_some();
    if says {
        return Ok(spec);
    }
    Err(Found::one(
        at,
        "says nothing about the requests",
        "`errors_at_most`, `errors_at_least`, `failed_at_most`, `latency_at_most`, `latency_at_least`, `at_least` or `at_most`"
            .to_owned(),
    ))
}

/// Whether an endpoint config exists at the end.
#[derive(Clone, Debug, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct ConfigExpectation {
    /// `EndpointConfigName`; `*` stands for any text.
    pub name: String,
    /// Only in this Region.
    #[deserr(default)]
    pub region: Option<String>,
    /// It does. `true` unless said.
    #[deserr(default = true)]
    pub exists: bool,
}

/// Whether a variant or an inference component is a scalable target at the end.
#[derive(Clone, Debug, Deserr)]
#[deserr(error = Found, deny_unknown_fields, validate = target_checked -> Found)]
pub struct TargetExpectation {
    /// The endpoint of the variant.
    #[deserr(default)]
    pub endpoint: Option<String>,
    /// The variant.
    #[deserr(default)]
    pub variant: Option<String>,
    /// An inference component instead.
    #[deserr(default)]
    pub component: Option<String>,
    /// Only in this Region.
    #[deserr(default)]
    pub region: Option<String>,
    /// It is. `true` unless said.
    #[deserr(default = true)]
    pub exists: bool,
    /// `MinCapacity`.
    #[deserr(default)]
    pub min: Option<u32>,
    /// `MaxCapacity`.
    #[deserr(default)]
    pub max: Option<u32>,
    /// How many policies it has.
    #[deserr(default)]
    pub policies: Option<u64>,
    /// How many scheduled actions it has.
    #[deserr(default)]
    pub scheduled_actions: Option<u64>,
}

fn target_checked(spec: TargetExpectation, at: ValuePointerRef<'_>) -> Result<TargetExpectation, Found> {
    if !matches!(
        (&spec.endpoint, &spec.variant, &spec.component),
        (Some(_), Some(_), None) | (None, None, Some(_))
    ) {
        return Err(Found::one(
            at,
            "does not say what is a scalable target",
            "`endpoint` and `variant`, or `component`".to_owned(),
        ));
    }
    let described =
        spec.min.is_some() || spec.max.is_some() || spec.policies.is_some() || spec.scheduled_actions.is_some();
    if !spec.exists && described {
        return Err(Found::key(
            at.push_key("exists"),
            "what does not exist has no `min`, `max`, `policies` or `scheduled_actions`",
            None,
        ));
    }
    Ok(spec)
}
