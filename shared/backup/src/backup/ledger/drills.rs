//! Drills that are made by themselves: when one is due, what keeps it off, and what becomes of one that cannot begin.

mod turns;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::turns::{Waiting, in_turn, late};
use super::{BackupLedger, after};
use crate::{
    backup::{
        manifest::PointId,
        names::suffixed,
        policy::Objectives,
        restore::{Kind, Phase, Proposal},
        retention::spoken,
        tell::Facts,
    },
    text::printable,
};

/// What may pass keeps a drill off for so long, and is then told as a drill that failed.
const PATIENCE: Duration = Duration::from_secs(3600);

/// What kept a drill off so long ago is another matter: the drill was not due meanwhile, or nobody looked.
const STALE: Duration = Duration::from_secs(24 * 3600);

/// After a restore its Region may be lost for hours: others are restored, and those that failed are tried again.
const QUIET: Duration = Duration::from_secs(6 * 3600);

/// A drill that is due and could not begin yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undrilled {
    /// Since when.
    pub since: Timestamp,
    /// Why, the first time.
    pub why: String,
}

/// A drill that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueDrill<'a> {
    /// The number that it would have.
    pub number: u64,
    /// The point that it would be made from; of points that cannot be used, the newest.
    pub point: &'a PointId,
    /// What was promised.
    pub promised: Objectives,
}

/// Why a drill that is due does not begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Against {
    /// A restore could not begin either.
    Stands(Vec<String>),
    /// It is not known whether one could: a call failed, or no point can be used. The next look may show another thing.
    May(Vec<String>),
}

impl Against {
    /// What a look came to: `None` when nothing is against it.
    pub fn of(proposal: &Proposal) -> Option<Self> {
        let Proposal { problems, unseen, .. } = proposal;
        match (problems.is_empty(), unseen.is_empty()) {
            (false, _) => Some(Self::Stands([problems.clone(), unseen.clone()].concat())),
            (true, false) => Some(Self::May(unseen.clone())),
            (true, true) => None,
        }
    }

    /// What it is.
    pub fn why(&self) -> &[String] {
        match self {
            Self::Stands(why) | Self::May(why) => why,
        }
    }
}

impl BackupLedger {
    /// A drill is due, if there is something to restore from: none was begun within `every`, and nothing is at work.
    pub fn drill_is_due(&self, every: Option<Duration>, now: Timestamp) -> bool {
        let Some(every) = every else { return false };
        let due = self.drilled_last().is_none_or(|last| after(last, every) <= now);
        due && self.restorations().next().is_none()
    }

    /// No drill of any endpoint begins by itself beside this one's restore or drill: it would take instances and quotas
    /// that the other needs. A drill that is taken down needs none, and a restore that ended may not be the last.
    pub fn keeps_drills_off(&self, now: Timestamp) -> bool {
        let going = |phase| matches!(phase, Phase::TearingDown | Phase::Tidying);
        let comes_up = self.restorations().any(|one| !going(one.phase));
        let mut restores = self.past.iter().filter(|past| past.kind == Kind::Restore);
        comes_up || restores.any(|past| now < after(past.ended, QUIET))
    }

    /// A drill that is due cannot begin. What stands against it is a drill that failed, since a restore could not begin
    /// either; so is what may stand against it, when that lasts for an hour.
    pub fn cannot_drill(&mut self, facts: &Facts<'_>, drill: DueDrill<'_>, against: &Against) {
        let waited = |since| (after(since, PATIENCE) <= facts.now) && facts.now < after(since, STALE);
        let known = self.undrilled.as_ref().map(|one| one.since);
        let for_long = match against {
            Against::Stands(_) => String::new(),
            Against::May(_) if known.is_some_and(waited) => format!(" within {}", spoken(PATIENCE)),
            Against::May(why) => {
                if known.is_none_or(|since| after(since, STALE) <= facts.now) {
                    self.undrilled = Some(Undrilled {
                        since: facts.now,
                        why: printable(&why.join("; "), 1000),
                    });
                }
                return;
            }
        };
        self.undrilled = None;
        self.drill_waits = None;
        let called = suffixed(facts.endpoint, &format!("drill-{}", drill.number));
        let how = format!("it could not begin{for_long}");
        self.not_drilled(facts, drill, (called, how), against.why());
    }
}

#[cfg(test)]
mod tests;
