//! Alarms, evaluated as CloudWatch does: M of the last N periods, four ways to take missing data, INSUFFICIENT_DATA at
//! first, and actions on transitions only.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::world::metrics::Query;

mod api;
mod evaluate;
mod payload;
mod rule;

pub(crate) use api::OPERATIONS;
use evaluate::Verdict;
pub(crate) use rule::Rule;

/// What an alarm does when it comes to one of its states.
const ACTIONS: [&str; 3] = ["AlarmActions", "OKActions", "InsufficientDataActions"];

/// An alarm's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Ok,
    Alarm,
    InsufficientData,
}

impl State {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Ok, Self::Alarm, Self::InsufficientData]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// `TreatMissingData`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TreatMissing {
    Breaching,
    NotBreaching,
    Ignore,
    Missing,
}

/// When a value breaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    AtLeast,
    Above,
    Below,
    AtMost,
}

impl Comparison {
    pub(crate) const ALL: [(Self, &'static str, &'static str); 4] = [
        (
            Self::AtLeast,
            "GreaterThanOrEqualToThreshold",
            "greater than or equal to",
        ),
        (Self::Above, "GreaterThanThreshold", "greater than"),
        (Self::Below, "LessThanThreshold", "less than"),
        (Self::AtMost, "LessThanOrEqualToThreshold", "less than or equal to"),
    ];

    fn breaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::AtLeast => value >= threshold,
            Self::Above => value > threshold,
            Self::Below => value < threshold,
            Self::AtMost => value <= threshold,
        }
    }

    fn words(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(it, ..)| *it == self)
            .map_or("", |(.., words)| words)
    }
}

/// What an alarm watches.
#[derive(Clone, Debug)]
pub(crate) enum Watch {
    /// One metric, or an expression over several.
    Metric {
        queries: Vec<Query>,
        /// Index of the query that is compared.
        main: usize,
        periods: u32,
        datapoints: u32,
        threshold: f64,
        comparison: Comparison,
        missing: TreatMissing,
    },
    /// Other alarms.
    Composite(Rule),
}

/// An alarm; `input` is what `PutMetricAlarm` or `PutCompositeAlarm` was given.
#[derive(Clone, Debug)]
pub(crate) struct Alarm {
    pub(crate) arn: String,
    pub(crate) input: Value,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) watch: Watch,
    pub(crate) state: State,
    pub(crate) reason: String,
    pub(crate) reason_data: Option<String>,
    pub(crate) configured: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) transitioned: Timestamp,
}

impl Alarm {
    pub(crate) fn in_alarm(&self) -> bool {
        self.state == State::Alarm
    }

    /// It does this in one of its states.
    pub(crate) fn acts_on(&self, arn: &str) -> bool {
        ACTIONS.iter().any(|member| {
            let actions = self.input.get(*member).and_then(Value::as_array);
            actions.into_iter().flatten().any(|action| action.as_str() == Some(arn))
        })
    }

    /// It does this no more, in none of its states.
    pub(crate) fn forget_action(&mut self, arn: &str) {
        for member in ACTIONS {
            if let Some(actions) = self.input.get_mut(member).and_then(Value::as_array_mut) {
                actions.retain(|action| action.as_str() != Some(arn));
            }
        }
    }
}

/// The state that CloudWatch concludes from `points`, oldest first, `None` where a datapoint is missing; the last `periods`
/// of them are the evaluation periods, the ones before are looked at when some are missing. `None`: the state stays.
pub(crate) fn judge(points: &[Option<bool>], periods: u32, datapoints: u32, missing: TreatMissing) -> Option<State> {
    let (wanted, needed) = (periods as usize, datapoints as usize);
    let mut real: Vec<bool> = points.iter().copied().flatten().collect();
    if real.len() > wanted {
        real.drain(..real.len() - wanted);
    }
    let breaching = real.iter().filter(|breach| **breach).count();
    let filled = wanted - real.len();
    let verdict = |breaching: usize| Some(if breaching >= needed { State::Alarm } else { State::Ok });
    if filled == 0 {
        return verdict(breaching);
    }
    match missing {
        TreatMissing::Breaching => verdict(breaching + filled),
        TreatMissing::NotBreaching => verdict(breaching),
        TreatMissing::Missing if real.is_empty() => Some(State::InsufficientData),
        TreatMissing::Ignore if real.is_empty() => None,
        TreatMissing::Missing | TreatMissing::Ignore if breaching >= needed => Some(State::Alarm),
        TreatMissing::Missing | TreatMissing::Ignore if breaching < real.len() => Some(State::Ok),
        TreatMissing::Ignore => None,
        // Every datapoint there is breaches, but they are too few: ALARM once the oldest of them is old enough.
        TreatMissing::Missing => {
            let oldest = points
                .iter()
                .position(Option::is_some)
                .map_or(0, |at| points.len() - at);
            (oldest >= needed).then_some(State::Alarm)
        }
    }
}
