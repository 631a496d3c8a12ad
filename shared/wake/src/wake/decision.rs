//! What a decision is made from, and what comes of it.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

pub use shared::wake::{Command, Order};

use super::{
    effect::{Acted, Effect},
    ledger::{Phase, WakeLedger},
    look::Look,
    policy::WakePolicy,
    thing::Thing,
    why::Why,
};
use crate::lease::Urgency;

/// What is so whatever happened.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Now.
    pub now: Timestamp,
    /// The endpoint of the ledger.
    pub endpoint: &'a str,
    /// The user's labels, for alerts.
    pub labels: &'a BTreeMap<String, String>,
    /// What the fleet file says; absent: that nothing of this endpoint is to be woken. What is at work then ends, and gives
    /// the minimum back.
    pub policy: Option<&'a WakePolicy>,
}

/// What happened since the ledger was last decided on. All of it may be absent, old, or come again.
#[derive(Clone, Debug, Default)]
pub struct News<'a> {
    /// A look at what [`super::needs`] asked for.
    pub look: Option<&'a Look>,
    /// Alarms that went to ALARM and ask for this endpoint; [`super::asks`] reads them.
    pub alarms: &'a [AlarmNews],
    /// An operator's command.
    pub command: Option<&'a Command>,
    /// How the effect that the last decision handed out went.
    pub acted: Option<&'a Acted>,
}

/// An alarm's event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmNews {
    /// What it asks for.
    pub thing: Thing,
    /// `AlarmName`.
    pub name: String,
    /// When it went to ALARM.
    pub at: Timestamp,
}

/// What comes of a decision.
#[must_use]
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// To be committed before anything else is done, if it differs from the one that was read.
    pub ledger: WakeLedger,
    /// To be done after the commit.
    pub effect: Option<Effect>,
    /// How urgent that is.
    pub urgency: Urgency,
    /// Look and decide again at once: what comes next needs other facts than this look holds.
    pub again: bool,
    /// What the command is answered.
    pub answer: Option<Answer>,
    /// Why, for each thing.
    pub why: Vec<(Thing, Why)>,
    /// What changed, in order: one metric each.
    pub transitions: Vec<Transition>,
}

/// What a command is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// It is done, or will be.
    pub accepted: bool,
    /// For people.
    pub said: String,
}

/// One change: a line in the log, a metric, and for some of them an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// What.
    pub thing: Thing,
    /// Of which wake; 0 for falling asleep.
    pub wake: u64,
    /// When.
    pub at: Timestamp,
    /// To what.
    pub to: To,
}

/// Where a transition leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// A wake's next phase.
    Phase(Phase),
    /// In service, so long after it was asked for.
    Ready(Duration),
    /// The first success, so long after it was asked for.
    Served(Duration),
    /// The end of a wake: [`super::Ended::as_str`].
    End(&'static str),
    /// Nothing is in service any more: put to sleep by Steward.
    Asleep,
}
