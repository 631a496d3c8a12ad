//! Of whom an illness of the endpoint is: blue and green share its traffic, and only some probes tell them apart.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    ledger::Rollout,
    look::{HealthSeen, Known, Look},
    policy::Engine,
    strategy::Weight,
};
use crate::health::seen::Level;

/// How ill the endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Illness {
    /// Not, or not by green.
    None,
    /// Degraded, or checks fail that are not yet enough for a verdict.
    Ill,
    /// Unhealthy.
    Unhealthy,
}

/// What the health checker's own probes leave to be found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// Nothing.
    Known(Illness),
    /// Whether green has this illness: its own answers tell.
    AskGreen(Illness),
}

/// What is to be known of a rollout before an illness of its endpoint is green's.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubt {
    blue: String,
    green: String,
    /// Begin of the rollout: an earlier one's green may have had this one's name.
    started: Timestamp,
    /// When green had its first traffic.
    traffic: Timestamp,
    /// Since when green has all of it, where Steward knows that.
    alone: Option<Timestamp>,
    /// Each can be asked by its name.
    apart: bool,
    /// Both have one name, and the endpoint was unhealthy when green came.
    found_ill: bool,
}

impl Doubt {
    /// `None` before green has traffic.
    pub(super) fn of(rollout: &Rollout) -> Option<Self> {
        let plan = &rollout.plan;
        let apart = plan.engine() == Engine::Variants;
        let alone = apart && rollout.share_judged() == Weight::FULL;
        Some(Self {
            blue: plan.blue.variant.clone(),
            green: plan.green.variant.clone(),
            started: rollout.started,
            traffic: rollout.first_traffic()?,
            alone: rollout.judged_from.filter(|_| alone),
            apart,
            found_ill: rollout.found_ill,
        })
    }

    /// The variant whose own answers are needed to say of whom this illness is.
    pub fn asks(&self, seen: &HealthSeen) -> Option<&str> {
        matches!(self.judge(seen), Judged::AskGreen(_)).then_some(self.green.as_str())
    }

    /// The endpoint is unhealthy since before green had any traffic.
    pub(super) fn finds_ill(&self, seen: &HealthSeen) -> bool {
        seen.level == Level::Unhealthy && seen.ill_since.is_some_and(|since| since < self.traffic)
    }

    pub(super) fn judge(&self, seen: &HealthSeen) -> Judged {
        if let Some(illness) = self.by_variant(seen) {
            return Judged::Known(illness);
        }
        let Some(since) = seen.ill_since.filter(|_| !self.found_ill) else {
            return Judged::Known(Illness::None);
        };
        let illness = match seen.level {
            Level::Unhealthy => Illness::Unhealthy,
            Level::Degraded | Level::Unknown | Level::Healthy => Illness::Ill,
        };
        let older = since < self.traffic;
        let fails = seen.failing_since.is_some();
        let begun_alone = self
            .alone
            .zip(seen.failing_since)
            .is_some_and(|(alone, failing)| alone <= failing);
        if begun_alone && !older {
            return Judged::Known(illness);
        }
        if !self.apart || !seen.level.is_ill() {
            return Judged::Known(if fails && !older { illness } else { Illness::None });
        }
        // A check that passed ends no illness, since blue may have answered it. What was ill before green came and fails while
        // green has everything may be what blue failed with, or green fails as well.
        if !older || (fails && self.alone.is_some()) {
            Judged::AskGreen(illness)
        } else {
            Judged::Known(Illness::None)
        }
    }

    /// By the probes that ask each variant for itself.
    fn by_variant(&self, seen: &HealthSeen) -> Option<Illness> {
        if !self.apart {
            return None;
        }
        let of = |name: &str, since: Timestamp| {
            let (level, at) = seen.variants.get(name)?;
            (*at >= since || *level == Level::Healthy).then_some(*level)
        };
        match (of(&self.blue, Timestamp::MIN), of(&self.green, self.started)) {
            (_, Some(Level::Unhealthy)) => Some(Illness::Unhealthy),
            (_, Some(Level::Degraded)) => Some(Illness::Ill),
            (Some(Level::Unhealthy | Level::Degraded), Some(Level::Healthy)) => Some(Illness::None),
            _ => None,
        }
    }
}

/// Green was asked by its name because the endpoint was ill.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Asked {
    /// The begin of the minutes that were judged then.
    pub from: Timestamp,
    /// How often since then.
    pub rounds: u32,
    /// When it was last.
    pub at: Timestamp,
    /// It passed then.
    pub passed: bool,
    /// When it last said anything of itself, well or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<Timestamp>,
}

impl Rollout {
    /// Writes down what this look found out of an illness.
    pub(super) fn learns(&mut self, look: &Look) {
        let health = look.health.as_ref().and_then(Known::yes);
        if let (Some(doubt), Some(Some(seen))) = (Doubt::of(self), health) {
            self.found_ill |= !doubt.apart && doubt.finds_ill(seen);
        }
        if let (Some(round), Some(from)) = (&look.green, self.judged_from)
            && self.asked.as_ref().is_none_or(|asked| asked.at < look.at)
        {
            let heard = self.asked.as_ref().and_then(|asked| asked.heard);
            self.asked = Some(Asked {
                from,
                rounds: self.rounds_of_green().saturating_add(1),
                at: look.at,
                passed: round.yes().is_some_and(|round| round.passed),
                heard: round.yes().map(|_| look.at).or(heard),
            });
        }
    }

    /// Rounds of probes that Steward sent to green in the minutes that are judged, because the endpoint was ill.
    pub(super) fn rounds_of_green(&self) -> u32 {
        let of_now = self.asked.as_ref().filter(|asked| Some(asked.from) == self.judged_from);
        of_now.map_or(0, |asked| asked.rounds)
    }
}
