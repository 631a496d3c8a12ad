//! What a decision is made from, and what comes of it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    effect::{Acted, Effect},
    ledger::RolloutLedger,
    look::Look,
    plan::Plan,
    request::Order,
    why::{Transition, Why},
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
}

/// What happened since the ledger was last decided on. All of it may be absent, old, or come again.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// A look at what [`super::needs`] asked for.
    pub look: Option<Look>,
    /// An operator's command.
    pub command: Option<Command>,
    /// An alarm that went to ALARM, as its event said. It counts even if the alarm cannot be described, or is OK again.
    pub alarm: Option<AlarmNews>,
    /// How the effect that the last decision handed out went.
    pub acted: Option<Acted>,
}

/// An alarm's event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmNews {
    /// `AlarmName`.
    pub name: String,
    /// When it went to ALARM.
    pub at: Timestamp,
    /// `StateReason`.
    pub reason: String,
}

/// What an operator wants of this endpoint's rollout.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Begin this one; [`super::plan()`] made it from the same ledger.
    Start(Box<Plan>),
    /// Something about the one there is.
    Order {
        /// What.
        order: Order,
        /// For a rollout at this step only, from 1 as `status` counts; `promote`, `promote full` and `skip` may say so.
        step: Option<usize>,
        /// For the rollout of this inference component only; `rollback` may say so.
        component: Option<String>,
        /// The same order with the same id is obeyed once in a rollout.
        id: Option<String>,
        /// Who.
        by: Option<String>,
        /// Why.
        reason: Option<String>,
    },
}

/// What comes of a decision.
#[must_use]
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// To be committed before anything else is done, if it differs from the one that was read.
    pub ledger: RolloutLedger,
    /// To be done after the commit, under the endpoint's lease.
    pub effect: Option<Effect>,
    /// How urgent that is.
    pub urgency: Urgency,
    /// Look and decide again at once: the next phase needs other facts than this look holds.
    pub again: bool,
    /// What the command is answered.
    pub answer: Option<Answer>,
    /// Why.
    pub why: Why,
    /// What changed, in order: one metric each.
    pub transitions: Vec<Transition>,
}

/// What a command is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// It is done, or was done before.
    pub accepted: bool,
    /// For people.
    pub said: String,
}

impl Answer {
    pub(super) fn yes(said: impl Into<String>) -> Self {
        Self {
            accepted: true,
            said: said.into(),
        }
    }

    pub(super) fn no(said: impl Into<String>) -> Self {
        Self {
            accepted: false,
            said: said.into(),
        }
    }
}
