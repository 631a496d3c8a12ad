//! The reasons of a decision, typed for programs and in words for the log and for whoever asked.

use std::fmt;

use super::{ledger::State, silence::Mute};
use crate::{fleet::Unmade, probe::Judgement};

/// One reason.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// The observation is not newer than what is known.
    Stale,
    /// The monitor could not look.
    Unseen,
    /// Gone, and being created again by Steward.
    BeingRecreated,
    /// Gone without having been deleted, or named in the fleet file.
    Vanished,
    /// Not there, and need not be yet.
    Unmade(Unmade),
    /// Gone, as somebody wished.
    Deleted,
    /// SageMaker has been at work for too long.
    Stuck,
    /// SageMaker is at work.
    InTransition,
    /// SageMaker itself says that it is sick.
    StatusSick,
    /// No probe said anything of the endpoint.
    Inconclusive,
    /// Too close to the last check to count.
    TooSoonToCount,
    /// Counted toward the thresholds.
    Counted(Judgement),
    /// Watched no more.
    Unwatched,
    /// Told.
    Told(State),
    /// Told again.
    Reminded,
    /// Told that it is over.
    Recovered,
    /// People know that it is sick, and nothing says that it is well.
    NotYetWell,
    /// Keeps changing.
    Flapping,
    /// Nobody wants to hear of it.
    Muted(Mute),
    /// Held back, because one common cause is assumed.
    Suppressed,
    /// One common cause is assumed from now on.
    SuppressionBegan,
    /// No common cause is assumed any more.
    SuppressionEnded,
    /// People were told of a trouble of the monitor.
    MonitorTrouble(String),
    /// People were told that it is over.
    MonitorClear(String),
    /// No recovery, because of this.
    NoRecovery(String),
    /// A recovery begun.
    Begun(String),
    /// A step of a recovery handed out.
    Acting(String),
    /// People were told that an endpoint which Steward deleted is not created again yet.
    Waiting(String),
    /// A recovery that SageMaker is working on.
    InProgress(String),
    /// A recovery whose effect is there; whether it helped is not known yet.
    Made(String),
    /// A recovery that helped.
    Finished(String),
    /// A recovery failed.
    Failed(String),
    /// A recovery not wanted any more.
    Withdrawn(String),
    /// Nothing left to try.
    Exhausted(String),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale => f.write_str("the observation is not newer than what is known"),
            Self::Unseen => f.write_str("it could not be looked at"),
            Self::BeingRecreated => f.write_str("deleted, to be created again"),
            Self::Vanished => f.write_str("it should be there and is not"),
            Self::Unmade(unmade) => write!(f, "{unmade}"),
            Self::Deleted => f.write_str("deleted as somebody wished"),
            Self::Stuck => f.write_str("a transition does not end"),
            Self::InTransition => f.write_str("SageMaker is at work, and no probe says anything"),
            Self::StatusSick => f.write_str("SageMaker says that it is sick"),
            Self::Inconclusive => f.write_str("no probe said anything of the endpoint"),
            Self::TooSoonToCount => f.write_str("too close to the last check to count"),
            Self::Counted(Judgement::Passed) => f.write_str("passed"),
            Self::Counted(Judgement::Degraded) => f.write_str("degraded"),
            Self::Counted(Judgement::Failed) => f.write_str("failed"),
            Self::Counted(Judgement::Inconclusive) => f.write_str("inconclusive"),
            Self::Unwatched => f.write_str("watched no more"),
            Self::Told(state) => write!(f, "told: {state}"),
            Self::Reminded => f.write_str("reminded"),
            Self::Recovered => f.write_str("told: healthy again"),
            Self::NotYetWell => f.write_str("not known to be well again yet"),
            Self::Flapping => f.write_str("flapping; single changes are not told"),
            Self::Muted(Mute::Silenced { until }) => write!(f, "silenced until {until:.0}"),
            Self::Muted(Mute::Maintenance { until: Some(until) }) => write!(f, "in maintenance until {until:.0}"),
            Self::Muted(Mute::Maintenance { until: None }) => f.write_str("in maintenance"),
            Self::Suppressed => f.write_str("held back: one common cause is assumed"),
            Self::SuppressionBegan => f.write_str("told: everything fails at once"),
            Self::SuppressionEnded => f.write_str("told: no longer everything at once"),
            Self::MonitorTrouble(key) => write!(f, "told: trouble of the monitor, {key}"),
            Self::MonitorClear(key) => write!(f, "told: trouble of the monitor over, {key}"),
            Self::NoRecovery(why) => write!(f, "no recovery: {why}"),
            Self::Begun(what) => write!(f, "recovery begun: Steward {what}"),
            Self::Acting(what) => write!(f, "recovery: Steward {what}"),
            Self::Waiting(why) => write!(f, "told: not created again yet: {why}"),
            Self::InProgress(what) => write!(f, "recovery under way: Steward {what}"),
            Self::Made(what) => write!(f, "recovery made: Steward {what}"),
            Self::Finished(what) => write!(f, "recovery helped: Steward {what}"),
            Self::Failed(why) => write!(f, "recovery failed: {why}"),
            Self::Withdrawn(why) => write!(f, "recovery withdrawn: {why}"),
            Self::Exhausted(why) => write!(f, "nothing left to try: {why}"),
        }
    }
}
