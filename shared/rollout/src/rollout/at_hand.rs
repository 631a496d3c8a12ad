//! Whose alarms and analysis count now: those of a step hold for its own time and its own minutes.
//!
//! The alarms of a step count from when its share is about to be asked for until the share of the next step is read back. In
//! between, while the weights move, nobody knows which of the two shares green has, and the alarms of both count. Its
//! analysis judges its own minutes, and those begin when its share was read back.

use jiff::Timestamp;

use super::{
    decision::AlarmNews,
    ledger::{Rollout, RolloutLedger},
    phase::Phase,
    strategy::Weight,
};
use crate::{analysis::AnalysisPolicy, text::and_list, trigger::AlarmChange};

/// What the change of an alarm is to the rollout at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meant {
    /// The rollout names no such alarm, or there is none at work.
    Nothing,
    /// The alarm counts.
    Counts,
    /// It is an alarm of steps that are not at hand; which, for people.
    NotNow(String),
}

/// What the change of an alarm of this Region and account is to the rollout at work.
pub fn meant(ledger: &RolloutLedger, change: &AlarmChange) -> Meant {
    let Some(rollout) = &ledger.active else {
        return Meant::Nothing;
    };
    let name = &change.name;
    let plan = &rollout.plan;
    let now = plan.request.policy.alarms_in(rollout.steps_at_hand());
    if now.contains(name) || rollout.counted(name, change.at) {
        return Meant::Counts;
    }
    let steps = plan.steps().iter().enumerate();
    let of: Vec<String> = steps
        .filter(|(_, step)| step.alarms.contains(name))
        .map(|(index, _)| (index + 1).to_string())
        .collect();
    let of: Vec<&str> = of.iter().map(String::as_str).collect();
    let steps = match of.as_slice() {
        [] => return Meant::Nothing,
        [one] => format!("step {one}"),
        several => format!("steps {}", and_list(several)),
    };
    Meant::NotNow(format!(
        "Alarm {name} counts only in {steps} of rollout {}, which is {}",
        plan.id(),
        rollout.phase
    ))
}

/// Green could still go back on this alarm, if a decision were told of it: its event must not be lost.
pub fn would_count(ledger: &RolloutLedger, alarm: &AlarmNews) -> bool {
    let counts = |rollout: &Rollout| {
        rollout.back.is_none() && rollout.phase.is_forward() && rollout.counted(&alarm.name, alarm.at)
    };
    ledger.active.as_ref().is_some_and(counts)
}

impl Rollout {
    /// The steps (by index) whose own alarms count in this phase, as far as the ledger tells: two while the weights move.
    pub fn steps_at_hand(&self) -> impl Iterator<Item = usize> {
        let steps = match &self.phase {
            Phase::Shifting { step } => [self.step_left(), Some(*step)],
            _ => [self.step_judged(), None],
        };
        steps.into_iter().flatten()
    }

    /// The step (by index) whose share green has had, and whose minutes are there to be judged.
    pub fn step_judged(&self) -> Option<usize> {
        match &self.phase {
            Phase::Sizing { .. } | Phase::Shifting { .. } => self.step_left(),
            Phase::Probing { step, .. } | Phase::Baking { step } | Phase::Gate { step } => Some(*step),
            Phase::Finishing | Phase::Keeping | Phase::Removing => Some(self.plan.last_step()),
            Phase::Pending
            | Phase::Preparing
            | Phase::Smoke(_)
            | Phase::Deploying
            | Phase::RollingBack
            | Phase::CleaningUp
            | Phase::Returning
            | Phase::Leaving => None,
        }
    }

    /// How green's present minutes are judged; `None`: by alarms and probes alone.
    pub fn analysis(&self) -> Option<&AnalysisPolicy> {
        let policy = &self.plan.request.policy;
        match self.step_judged() {
            Some(step) => policy.analysis_in(step),
            None => policy.analysis.as_ref(),
        }
    }

    /// Green's share in the minutes that are judged.
    pub(super) fn share_judged(&self) -> Weight {
        self.step_judged().map_or(Weight::ZERO, |step| self.plan.share(step))
    }

    /// The step whose share green had before the one that is being asked for.
    pub(super) fn step_left(&self) -> Option<usize> {
        self.passed.last().map(|passed| passed.step)
    }

    /// The share of this step is about to be asked for.
    pub(super) fn begins(&mut self, step: usize, now: Timestamp) {
        if self.plan.steps().get(step).is_some_and(|step| !step.alarms.is_empty()) {
            self.begun.insert(step, now);
        }
    }

    /// An alarm that went off then counted at that time, however late it is told.
    pub(super) fn counted(&self, alarm: &str, at: Timestamp) -> bool {
        let named = |alarms: &[String]| alarms.iter().any(|name| name == alarm);
        let own = |step: usize| self.plan.steps().get(step).is_some_and(|step| named(&step.alarms));
        let of_all = named(&self.plan.request.policy.alarms) && at >= self.started;
        let mut begun = self.begun.iter();
        of_all || begun.any(|(step, begun)| own(*step) && at >= *begun && self.over(*step).is_none_or(|over| at < over))
    }

    /// When the share of the step after this one was read back; `None`: it was not.
    fn over(&self, step: usize) -> Option<Timestamp> {
        let own = self.passed.iter().find(|passed| passed.step == step)?.from;
        let read_back = self.passed.iter().map(|passed| passed.from).chain(self.judged_from);
        read_back.filter(|from| *from > own).min()
    }
}
