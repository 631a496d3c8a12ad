//! What CloudWatch said of one variant, minute by minute.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

use super::{Percentile, policy::ErrorKind};

/// Failed requests of one minute by kind; `None` where the metric was not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Errors {
    /// Sum of `Invocation4XXErrors`.
    pub client: Option<u64>,
    /// Sum of `Invocation5XXErrors`.
    pub server: Option<u64>,
    /// Sum of `InvocationModelErrors`: whatever the container answered other than 2xx, and no answer at all.
    pub model: Option<u64>,
}

/// What one variant did in one minute.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Minute {
    /// The minute it lies in; seconds do not matter.
    pub at: Timestamp,
    /// Sum of `Invocations`.
    pub requests: u64,
    /// More errors than requests are taken for as many errors as requests.
    pub errors: Errors,
    /// Requests slower than the policy's [`SlowCheck::slower_than`](super::SlowCheck); more than there were requests are
    /// taken for all of them.
    pub slow: Option<u64>,
    /// `ModelLatency`, as far as it was read.
    pub latency: BTreeMap<Percentile, Duration>,
}

impl Minute {
    /// A minute of which only the requests are known.
    pub const fn new(at: Timestamp, requests: u64) -> Self {
        let errors = Errors {
            client: None,
            server: None,
            model: None,
        };
        Self {
            at,
            requests,
            errors,
            slow: None,
            latency: BTreeMap::new(),
        }
    }

    /// Requests that failed in one of these ways; `None` when one of them is unknown, or none is asked for.
    ///
    /// 4xx and 5xx exclude each other, but a model error is mostly counted as one of them again. Of both together the
    /// larger is taken: the least number of requests that can have failed.
    pub(super) fn failed(&self, counted: &BTreeSet<ErrorKind>) -> Option<u64> {
        let (mut answered, mut model) = (None::<u64>, None::<u64>);
        for kind in counted {
            match kind {
                ErrorKind::Client => answered = Some(answered.unwrap_or(0).saturating_add(self.errors.client?)),
                ErrorKind::Server => answered = Some(answered.unwrap_or(0).saturating_add(self.errors.server?)),
                ErrorKind::Model => model = Some(self.errors.model?),
            }
        }
        answered.max(model).map(|failed| failed.min(self.requests))
    }

    /// This minute without what is in `part` of it.
    fn less(&self, part: &Self) -> Self {
        let left = |all: Option<u64>, part: Option<u64>| Some(all?.saturating_sub(part?));
        Self {
            at: self.at,
            requests: self.requests.saturating_sub(part.requests),
            errors: Errors {
                client: left(self.errors.client, part.errors.client),
                server: left(self.errors.server, part.errors.server),
                model: left(self.errors.model, part.errors.model),
            },
            slow: left(self.slow, part.slow),
            latency: BTreeMap::new(),
        }
    }

    /// Requests that were slow, if known.
    pub(super) fn slow(&self) -> Option<u64> {
        self.slow.map(|slow| slow.min(self.requests))
    }
}

/// The minutes of one variant in order, each once. A minute that is not there had no traffic or is not published yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Series {
    minutes: Vec<Minute>,
    probes: Probes,
}

/// How many of a variant's requests are Steward's own probes. They are as good as any other for showing harm; but whoever
/// has only them has no traffic, so they count for no minimum of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Probes {
    /// So many at the most.
    AtMost(u64),
    /// Not known: all of them may be.
    Unknown,
}

impl Default for Probes {
    fn default() -> Self {
        Self::AtMost(0)
    }
}

impl Series {
    /// In any order; of several for the same minute the last one counts.
    pub fn new(minutes: impl IntoIterator<Item = Minute>) -> Self {
        let by_minute: BTreeMap<Timestamp, Minute> =
            minutes.into_iter().map(|minute| (floor(minute.at), minute)).collect();
        let minutes = by_minute.into_iter().map(|(at, minute)| Minute { at, ..minute });
        Self {
            minutes: minutes.collect(),
            probes: Probes::default(),
        }
    }

    /// Without the minutes that begin at `end` or later.
    ///
    /// CloudWatch goes on adding to a minute after it is over. Whoever judges only minutes that are some minutes old sees
    /// each of them once, which is what the bound on false alarms is about; a minute that changes afterwards is judged
    /// anew with the whole series.
    #[must_use]
    pub fn before(mut self, end: Timestamp) -> Self {
        self.minutes.retain(|minute| minute.at < end);
        self
    }

    /// What blue did in a deployment of SageMaker's own: its minutes as far as they were published under its config's name
    /// (`self`), and otherwise those of the whole variant less green's. SageMaker is said to publish that name only of a
    /// fleet that an update brought. Of what is left only counts are known: percentiles cannot be taken apart.
    #[must_use]
    pub fn or_rest(&self, whole: &Self, green: &Self) -> Self {
        let rest = whole.minutes.iter().map(|all| match green.at(all.at) {
            Some(part) => all.less(part),
            None => Minute {
                latency: BTreeMap::new(),
                ..all.clone()
            },
        });
        // Of two for the same minute the last one counts.
        rest.filter(|minute| minute.requests > 0)
            .chain(self.minutes.iter().cloned())
            .collect()
    }

    /// In order, each beginning at its full minute.
    pub fn minutes(&self) -> &[Minute] {
        &self.minutes
    }

    /// The same, of which so many requests in all are probes.
    #[must_use]
    pub fn with_probes(self, probes: Probes) -> Self {
        Self { probes, ..self }
    }

    /// How many of them are probes.
    pub(super) fn probes(&self) -> Probes {
        self.probes
    }

    /// Of so many requests of this variant, those that can be no probes.
    pub(super) fn of_users(&self, requests: u64) -> u64 {
        match self.probes {
            Probes::AtMost(probes) => requests.saturating_sub(probes),
            Probes::Unknown => 0,
        }
    }

    /// Of all minutes.
    pub fn requests(&self) -> u64 {
        self.minutes
            .iter()
            .fold(0, |sum, minute| u64::saturating_add(sum, minute.requests))
    }

    /// What this variant did in the minute that begins at `at`.
    pub(super) fn at(&self, at: Timestamp) -> Option<&Minute> {
        let found = self.minutes.binary_search_by_key(&at, |minute| minute.at).ok()?;
        self.minutes.get(found)
    }
}

impl FromIterator<Minute> for Series {
    fn from_iter<I: IntoIterator<Item = Minute>>(minutes: I) -> Self {
        Self::new(minutes)
    }
}

/// Where its minute begins; the first representable moment is its own minute.
fn floor(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(60) * 60).unwrap_or(Timestamp::MIN)
}

/// A statistic that is no measurement.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{value} is no {wanted}: a finite number of at least 0 was expected")]
pub struct NotMeasured {
    /// As CloudWatch gave it.
    pub value: f64,
    /// What it was taken for.
    pub wanted: &'static str,
}

/// A `Sum`, `SampleCount` or trimmed count of CloudWatch as a whole number, rounded.
///
/// # Errors
/// When it is negative, infinite or not a number.
pub fn count(value: f64) -> Result<u64, NotMeasured> {
    let wanted = "count";
    // The cast saturates.
    measured(value, wanted).map(|value| value.round() as u64)
}

/// A latency that SageMaker publishes in microseconds.
///
/// # Errors
/// When it is negative, infinite, not a number or beyond what a [`Duration`] holds.
pub fn microseconds(value: f64) -> Result<Duration, NotMeasured> {
    let wanted = "latency in microseconds";
    let seconds = measured(value, wanted)? / 1e6;
    Duration::try_from_secs_f64(seconds).map_err(|_| NotMeasured { value, wanted })
}

fn measured(value: f64, wanted: &'static str) -> Result<f64, NotMeasured> {
    if value.is_finite() && value >= 0.0 {
        Ok(value)
    } else {
        Err(NotMeasured { value, wanted })
    }
}
