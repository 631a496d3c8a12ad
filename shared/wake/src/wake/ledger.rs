//! What Steward remembers of one endpoint's sleep between two invocations: one JSON document for each endpoint.
//!
//! Written only on condition that nobody else wrote since it was read, and always before the effect that it names. What
//! matters most in it is the minimum that there was before Steward raised it.

use std::{collections::BTreeMap, fmt, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::thing::Thing;
use crate::{
    outbox::{HasOutbox, Outbox},
    scaling::{Raised, Scaling},
};

mod wake;

pub use wake::{Calls, Wake};

/// Kind and version of the document. A build that finds another one leaves it alone.
pub const SCHEMA: &str = "wake/1";

/// Wakes remembered after their end.
const HISTORY: usize = 30;

/// Ids of commands remembered, so that the same one is obeyed once.
const COMMANDS: usize = 50;

/// The whole document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WakeLedger {
    /// The number of the last wake. Only grows.
    #[serde(default)]
    pub serial: u64,
    /// By thing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub things: BTreeMap<Thing, Remembered>,
    /// Wakes that ended, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Past>,
    /// Ids of the commands obeyed last, oldest first; with a thing behind it where another one refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// Alerts decided so far; makes their ids differ.
    #[serde(default)]
    pub alerts: u64,
    /// Alerts decided and not known to be published.
    #[serde(default)]
    pub outbox: Outbox,
}

/// What is remembered of one thing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Remembered {
    /// The wake at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake: Option<Wake>,
    /// It is being put to sleep; never together with a wake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sleep: Option<Sleep>,
    /// When the last wake ended. What asked for it before does not ask again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// Wakes that failed since the last one that did not.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failures: u32,
    /// After a failure: not before that is it tried again, unless a person asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// After a refused or useless attempt: not before that is it put to sleep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awake_until: Option<Timestamp>,
    /// What waited in its queue when somebody put it to sleep with `force`: that does not wake it. Of a component the time
    /// alone counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Left>,
    /// People were told that it cannot be put to sleep although nobody uses it; not again until it slept, was woken, or a
    /// person ordered it to sleep.
    #[serde(default, skip_serializing_if = "is_false")]
    pub restless: bool,
    /// The last occurrence of each schedule that was begun, by name. It is begun again when its wake failed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prewarmed: BTreeMap<String, Timestamp>,
    /// The last occurrence of each schedule whose wake failed, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missed: BTreeMap<String, Timestamp>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What asked for a wake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// An alarm.
    Alarm {
        /// `AlarmName`.
        name: String,
        /// When it went to ALARM.
        at: Timestamp,
    },
    /// The sweep found work without capacity that no alarm told of.
    Work {
        /// The first minute of it.
        since: Timestamp,
    },
    /// A person.
    Command {
        /// Who and why.
        by: String,
    },
    /// A schedule.
    Schedule {
        /// Its name.
        name: String,
        /// When it ends.
        until: Timestamp,
    },
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alarm { name, at } => write!(f, "alarm {name} at {at:.0}"),
            Self::Work { since } => write!(f, "work without capacity since {since:.0}, seen by the sweep"),
            Self::Command { by } => f.write_str(by),
            Self::Schedule { name, until } => write!(f, "schedule {name}, until {until:.0}"),
        }
    }
}

/// Where a wake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It waits for a slot.
    Waiting,
    /// The minimum is being raised, or the count set.
    Raising,
    /// Capacity is to come into service.
    Starting,
    /// It is in service.
    Serving,
    /// The minimum is being restored.
    Restoring,
}

impl Phase {
    /// For metrics and people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Raising => "raising",
            Self::Starting => "starting",
            Self::Serving => "serving",
            Self::Restoring => "restoring",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a wake ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// It came into service, and the work has drained.
    Done,
    /// Nothing had to be done: why.
    Unneeded(String),
    /// It did not come, or nothing it answered succeeded: why.
    Failed(String),
    /// Somebody ended it: who and why.
    Stopped(String),
}

impl Ended {
    /// For metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unneeded(_) => "unneeded",
            Self::Failed(_) => "failed",
            Self::Stopped(_) => "stopped",
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Unneeded(why) => write!(f, "not needed: {why}"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::Stopped(why) => write!(f, "stopped: {why}"),
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When it was decided.
    pub at: Timestamp,
    /// What, for people.
    pub what: String,
}

/// A thing on its way to zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sleep {
    /// When it was decided.
    pub since: Timestamp,
    /// Who and why; absent: the fleet file's `idle_after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Also when there is work, or nobody knows whether there is: the person said so.
    #[serde(default, skip_serializing_if = "is_false")]
    pub force: bool,
    /// What AWS said when the call was last not let through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// When people were last told that what a person ordered is not done yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Timestamp>,
}

impl Sleep {
    pub(super) fn new(since: Timestamp, by: Option<String>, force: bool) -> Self {
        Self {
            since,
            by,
            force,
            refused: None,
            told: None,
        }
    }
}

/// What was left waiting on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Left {
    /// When it was put to sleep, or the minute in which less began to wait.
    pub at: Timestamp,
    /// Requests in the queue.
    pub waiting: f64,
}

/// A wake that ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Past {
    /// Its number.
    pub number: u64,
    /// What was woken.
    pub thing: Thing,
    /// What asked for it first.
    pub cause: Cause,
    /// When that was.
    pub demanded: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// How.
    pub how: Ended,
    /// From the demand until it was in service.
    pub ready: Option<Duration>,
    /// From the demand until the first success.
    pub served: Option<Duration>,
    /// What happened, oldest first.
    pub log: Vec<Line>,
}

fn obeyed_by(id: &str, thing: &Thing) -> String {
    format!("{id} {}", String::from(thing.clone()))
}

/// None when `to` comes first.
pub(super) fn since(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// Saturating.
pub(super) fn after(at: Timestamp, span: Duration) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// Saturating.
pub(super) fn before(at: Timestamp, span: Duration) -> Timestamp {
    at.checked_sub(span).unwrap_or(Timestamp::MIN)
}

impl WakeLedger {
    /// This thing obeyed the command before.
    pub(super) fn obeyed(&self, id: &str, thing: &Thing) -> bool {
        let own = obeyed_by(id, thing);
        self.commands.iter().any(|one| one == id || *one == own)
    }

    /// Remembers a command by what obeyed it; `all`: nothing of it was refused.
    pub(super) fn obeys(&mut self, id: &str, things: &[Thing], all: bool) {
        match all {
            true => self.commands.push(id.to_owned()),
            false => self.commands.extend(things.iter().map(|thing| obeyed_by(id, thing))),
        }
        let over = self.commands.len().saturating_sub(COMMANDS);
        self.commands.drain(..over);
    }

    pub(super) fn remember(&mut self, past: Past) {
        self.history.push(past);
        let over = self.history.len().saturating_sub(HISTORY);
        self.history.drain(..over);
    }

    /// What a wake at work has raised of this thing, whose scalable target was seen so at `now`.
    pub fn raised(&self, thing: &Thing, seen: &Scaling, now: Timestamp) -> Option<Raised> {
        self.things.get(thing)?.wake.as_ref()?.raises(seen, now)
    }

    /// Something is at work, or waits to be told: the endpoint has to be looked at again even if nobody asks.
    pub fn at_work(&self) -> bool {
        let works = |one: &Remembered| one.wake.is_some() || one.sleep.is_some();
        self.things.values().any(works) || !self.outbox.is_empty()
    }
}

impl HasOutbox for WakeLedger {
    fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    fn outbox_mut(&mut self) -> &mut Outbox {
        &mut self.outbox
    }
}
