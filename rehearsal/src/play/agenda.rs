//! What the driver does next, by virtual time and then in the order it was planned.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

/// One thing to do.
#[derive(Debug)]
pub(super) enum Todo {
    /// The schedule of a function, by its index.
    Tick(usize),
    /// An event reaches a function.
    Deliver(Event),
    /// An operator's command, by its index in the scenario.
    Command(usize),
    /// A new fleet file, by its index in the scenario.
    FleetChange(usize),
    /// A change of an object, by its index in the scenario.
    ObjectChange(usize),
}

/// Something that wakes a function.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// Index of the function.
    pub(super) function: usize,
    /// Request id; the same for every attempt.
    pub(super) id: String,
    /// What it receives.
    pub(super) payload: Value,
    /// Where it comes from.
    pub(super) from: Source,
    /// When Lambda took it.
    pub(super) sent: Option<Timestamp>,
    /// Attempts that failed.
    pub(super) attempt: u32,
    /// Attempts that were turned away because too many ran.
    pub(super) turned_away: u32,
}

/// What wakes a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Its schedule.
    Schedule,
    /// An EventBridge rule.
    Event,
    /// An alarm, directly.
    Alarm,
    /// A topic.
    Topic,
    /// A function, asynchronously.
    Function,
    /// An operator, who waits: the scenario's command of this index.
    Command(usize),
}

impl Source {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Event => "event",
            Self::Alarm => "alarm",
            Self::Topic => "topic",
            Self::Function => "function",
            Self::Command(_) => "command",
        }
    }
}

/// What is planned.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    planned: BTreeMap<(Timestamp, u64), Todo>,
    count: u64,
}

impl Agenda {
    pub(super) fn plan(&mut self, at: Timestamp, todo: Todo) {
        self.count += 1;
        self.planned.insert((at, self.count), todo);
    }

    /// When the next thing is due.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.planned.keys().next().map(|(at, _)| *at)
    }

    /// The first thing due by `now`.
    pub(super) fn due(&mut self, now: Timestamp) -> Option<Todo> {
        let entry = self.planned.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }
}
