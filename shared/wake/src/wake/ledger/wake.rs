//! One wake as it is remembered, and which of its calls may still take effect.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Cause, Ended, Line, Phase, is_zero, since};
use crate::{
    scaling::{Raised, Scaling},
    wake::trouble::Kind,
};

/// Lines of one wake's log; the first and the last ones are kept.
const LINES: usize = 60;

/// A wake at work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wake {
    /// Its number among the wakes of the endpoint.
    pub number: u64,
    /// What asked for it first.
    pub cause: Cause,
    /// When that was: what the time to first success counts from.
    pub demanded: Timestamp,
    /// When work without capacity was last seen.
    pub last_demand: Timestamp,
    /// When its turn came; before that, when it was decided. Its deadline counts from here.
    pub started: Timestamp,
    /// Where it is.
    pub phase: Phase,
    /// Since when it is there.
    pub since: Timestamp,
    /// Instances or copies.
    pub wanted: u32,
    /// Of them, what a person or a schedule asked for, also when requests came first; 0: requests alone did.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub least: u32,
    /// How long it may take: the policy's deadline for each pool as it was when its slot was asked for, so that the slot
    /// lasts as long. Absent: none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Duration>,
    /// It holds one of the fleet's slots.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub claimed: bool,
    /// The minimum to be restored: the one there was, or the one that somebody else set since. Absent: none was raised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<u32>,
    /// The minima that Steward may have set: what is found among them is its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub raised: Vec<u32>,
    /// When the first of them was handed out; or later, up to when the target's scheduled actions were seen suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raised_from: Option<Timestamp>,
    /// The raised minimum was seen in force.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_force: bool,
    /// Somebody else set the minimum meanwhile: it is theirs, and the count alone is changed from then on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub yielded: bool,
    /// Calls handed out.
    #[serde(default)]
    pub calls: Calls,
    /// It stays awake until then at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_until: Option<Timestamp>,
    /// When it was first seen in service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Timestamp>,
    /// When a request first succeeded, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<Timestamp>,
    /// Instance types of the pools that SageMaker tries in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pools: Vec<String>,
    /// The kinds of trouble that were told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<Kind>,
    /// The last trouble; for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// How it ends once the minimum is restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Ended>,
    /// What happened, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<Line>,
}

/// Which calls may still take effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// Handed out so far.
    #[serde(default)]
    pub count: u32,
    /// When the last one was handed out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
    /// It was not answered yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
    /// When the last one was handed out that was never answered: it may take effect for a while after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubtful: Option<Timestamp>,
}

impl Calls {
    /// A call is handed out.
    pub(in crate::wake) fn hand_out(&mut self, now: Timestamp) {
        if self.open {
            self.doubtful = self.last;
        }
        *self = Self {
            count: self.count.saturating_add(1),
            last: Some(now),
            open: true,
            ..*self
        };
    }

    /// The last one was answered; `certain`: it cannot take effect any more.
    pub(in crate::wake) fn answered(&mut self, certain: bool) {
        if self.open && !certain {
            self.doubtful = self.last;
        }
        self.open = false;
    }

    /// The last time from which something may still take effect.
    pub(in crate::wake) fn in_doubt(&self) -> Option<Timestamp> {
        self.doubtful.max(self.last.filter(|_| self.open))
    }
}

impl Wake {
    /// Nothing is to be waited for, and no wake to be measured or told: it is only kept.
    pub(in crate::wake) fn found_in_service(&mut self, now: Timestamp) {
        (self.ready, self.served) = (Some(now), Some(now));
        self.note(now, "in service already: kept");
    }

    pub(in crate::wake) fn new(number: u64, cause: Cause, demanded: Timestamp, now: Timestamp, wanted: u32) -> Self {
        Self {
            number,
            cause,
            demanded: demanded.min(now),
            last_demand: demanded.min(now),
            started: now,
            phase: Phase::Waiting,
            since: now,
            wanted,
            least: 0,
            given: None,
            claimed: false,
            original: None,
            raised: vec![],
            raised_from: None,
            in_force: false,
            yielded: false,
            calls: Calls::default(),
            keep_until: None,
            ready: None,
            served: None,
            pools: vec![],
            told: vec![],
            problem: None,
            verdict: None,
            log: vec![],
        }
    }

    /// A person or a schedule asks for `least` until `keep`.
    pub(in crate::wake) fn join(&mut self, least: u32, keep: Option<Timestamp>) {
        self.keep_until = self.keep_until.max(keep);
        self.least = self.least.max(least);
        self.wanted = self.wanted.max(least);
    }

    /// What was being let go is wanted again.
    pub(in crate::wake) fn wanted_again(&mut self, now: Timestamp) {
        self.phase = Phase::Waiting;
        self.since = now;
        self.started = now;
        self.verdict = None;
        self.in_force = false;
    }

    /// How long it may take from its turn to service. Each pool of other instances gets its own time.
    pub(in crate::wake) fn may_take(&self, deadline: Duration) -> Duration {
        let pools = u32::try_from(self.pools.len()).unwrap_or(1).max(1);
        self.given.unwrap_or_else(|| deadline.saturating_mul(pools))
    }

    pub(in crate::wake) fn note(&mut self, now: Timestamp, what: impl Into<String>) {
        if self.log.len() >= LINES {
            self.log.remove(LINES / 2);
        }
        self.log.push(Line {
            at: now,
            what: crate::text::printable(&what.into(), 500),
        });
    }

    /// The minimum that a scheduled action of the target was to set since Steward first raised it, if one was due.
    pub(in crate::wake) fn scheduled(&self, scaling: &Scaling, now: Timestamp) -> Option<u32> {
        let span = since(self.raised_from?, now);
        let fired = scaling
            .actions
            .iter()
            .filter_map(|action| Some((action.latest(now, span)?, action.min?)));
        fired.max().map(|(_, min)| min)
    }

    /// What it has raised of the scalable target that was seen so, and gives back. `None`: nothing, or what a scheduled action
    /// has set since.
    pub(super) fn raises(&self, seen: &Scaling, now: Timestamp) -> Option<Raised> {
        let from = self.original?;
        let scheduled = self.scheduled(seen, now).filter(|_| !seen.suspended.scheduled);
        (scheduled != Some(seen.min)).then(|| Raised {
            to: self.raised.clone(),
            from: scheduled.unwrap_or(from),
        })
    }

    /// From the demand until the first success.
    pub fn time_to_success(&self) -> Option<Duration> {
        self.served.map(|at| since(self.demanded, at))
    }

    /// From the demand until it was in service.
    pub fn time_to_service(&self) -> Option<Duration> {
        self.ready.map(|at| since(self.demanded, at))
    }
}
