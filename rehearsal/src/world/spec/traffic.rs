//! The shapes background traffic takes.

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use steward::{quantity::Span, yaml::Found};

use crate::world::quantity::Rps;

/// Requests over time. Written `20 rps`, or as one of `constant`, `diurnal`, `burst`, `trace`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum TrafficSpec {
    /// No requests.
    #[default]
    None,
    /// The same all the time.
    Constant(Rps),
    /// A day's wave.
    Diurnal(Diurnal),
    /// Calm, with regular bursts.
    Burst(Burst),
    /// A recording, linear between its points, its last rate held.
    Trace(Vec<TracePoint>),
}

/// A sine over 24 hours.
#[derive(Clone, Debug, PartialEq, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct Diurnal {
    /// At the quietest.
    pub low: Rps,
    /// At the busiest.
    pub high: Rps,
    /// The UTC hour of the busiest moment, 0 to 24; 14 unless said.
    #[deserr(default = 14.0)]
    pub peak_hour: f64,
}

/// A burst every so often.
#[derive(Clone, Debug, PartialEq, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct Burst {
    /// Between bursts.
    pub base: Rps,
    /// During a burst.
    pub peak: Rps,
    /// From the beginning of one to the beginning of the next; the first comes after one such span.
    pub every: Span,
    /// How long each lasts.
    pub lasts: Span,
}

/// One point of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct TracePoint {
    /// Minutes since the start.
    pub minute: f64,
    /// Requests per second there.
    pub rps: f64,
}

/// The written forms that are objects.
#[derive(Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
struct Shape {
    #[deserr(default)]
    constant: Option<Rps>,
    #[deserr(default)]
    diurnal: Option<Diurnal>,
    #[deserr(default)]
    burst: Option<Burst>,
    #[deserr(default)]
    trace: Option<Vec<TracePoint>>,
}

/// What traffic may be, for people.
const FORMS: &str = "a rate such as `20 rps`, or one of `constant`, `diurnal`, `burst`, `trace`";

impl Deserr<Found> for TrafficSpec {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        match value {
            Value::Null => Ok(Self::None),
            map @ Value::Map(_) => match Shape::deserialize_from_value(map, at)? {
                Shape {
                    constant: Some(rate),
                    diurnal: None,
                    burst: None,
                    trace: None,
                } => Ok(Self::Constant(rate)),
                Shape {
                    constant: None,
                    diurnal: Some(wave),
                    burst: None,
                    trace: None,
                } => Ok(Self::Diurnal(wave)),
                Shape {
                    constant: None,
                    diurnal: None,
                    burst: Some(burst),
                    trace: None,
                } => Ok(Self::Burst(burst)),
                Shape {
                    constant: None,
                    diurnal: None,
                    burst: None,
                    trace: Some(points),
                } => Ok(Self::Trace(points)),
                _ => Err(Found::one(at, "has not exactly one shape", FORMS.to_owned())),
            },
            text @ Value::String(_) => Rps::deserialize_from_value(text, at)
                .map(Self::Constant)
                .map_err(|found| found.accepting(FORMS)),
            other => Err(Found::kind(at, other, FORMS)),
        }
    }
}
