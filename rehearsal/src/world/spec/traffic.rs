//! The shapes background traffic takes.

use deserr::{DeserializeError, Deserr, ErrorKind, IntoValue, Value, ValuePointerRef, take_cf_content};

use crate::world::quantity::{Rps, Span};

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
#[deserr(deny_unknown_fields)]
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
#[deserr(deny_unknown_fields)]
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
#[deserr(deny_unknown_fields)]
pub struct TracePoint {
    /// Minutes since the start.
    pub minute: f64,
    /// Requests per second there.
    pub rps: f64,
}

/// The written forms that are objects.
#[derive(Deserr)]
#[deserr(deny_unknown_fields)]
struct Shape {
    constant: Option<Rps>,
    diurnal: Option<Diurnal>,
    burst: Option<Burst>,
    trace: Option<Vec<TracePoint>>,
}

impl<E: DeserializeError> Deserr<E> for TrafficSpec {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, location: ValuePointerRef<'_>) -> Result<Self, E> {
        match value {
            Value::Null => Ok(Self::None),
            map @ Value::Map(_) => match Shape::deserialize_from_value(map, location)? {
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
                _ => Err(take_cf_content(E::error::<V>(
                    None,
                    ErrorKind::Unexpected {
                        msg: "traffic has not exactly one shape; write `20 rps`, or one of `constant`, `diurnal`, \
                              `burst`, `trace`"
                            .to_owned(),
                    },
                    location,
                ))),
            },
            other => Rps::deserialize_from_value(other, location).map(Self::Constant),
        }
    }
}
