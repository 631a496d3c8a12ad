//! What one look says: whether harm is shown, whether everything is known to be well, whether the weights are as wished.

mod alarms;
mod copy;
mod health;

use std::time::Duration;

use jiff::Timestamp;

pub(super) use self::{
    alarms::{Alarms, alarms_are_quiet, counting, silenced, without_data},
    copy::is_greens_copy,
    health::{asks, is_well, unknown, unmeasured, unsettled, warning},
};
use super::{
    cause::Cause,
    decision::{AlarmNews, Facts},
    effect::{Acted, ConfigPlan},
    ledger::{LOOKED, Pause, Rollout, Update},
    look::{ConfigSeen, Known, Look},
    needs::after,
    phase::Phase,
    plan::Plan,
    strategy::Weight,
    why::Why,
};
use crate::{
    analysis::Verdict,
    endpoint::{Endpoint, EndpointStatus, Variant},
    scaling::Scaling,
};

/// An accepted update that SageMaker does not show for this long was never begun.
pub(super) const VISIBLE: Duration = Duration::from_secs(120);

/// So long the endpoint is left to its autoscaling after SageMaker took an update back that can wait.
pub(super) const REST: Duration = Duration::from_secs(600);

/// Everything that one decision is made from, but for the ledger.
#[derive(Clone, Copy)]
pub(super) struct World<'a> {
    pub(super) facts: Facts<'a>,
    pub(super) look: Option<&'a Look>,
    pub(super) alarm: Option<&'a AlarmNews>,
    pub(super) acted: Option<&'a Acted>,
}

/// Harm that takes green back at once.
pub(super) fn harm(world: &World<'_>, rollout: &Rollout) -> Option<Cause> {
    let told = world
        .alarm
        .filter(|alarm| rollout.counted(&alarm.name, alarm.at))
        .map(|alarm| Cause::Alarm {
            name: alarm.name.clone(),
            reason: alarm.reason.clone(),
        });
    let seen = world.look.and_then(|look| {
        let alarms = look.alarms.yes()?;
        let counting = counting(world, rollout);
        let alarm = alarms
            .iter()
            .find(|alarm| alarm.alarming() && counting.contains(&alarm.name))?;
        Some(Cause::Alarm {
            name: alarm.name.clone(),
            reason: alarm.reason.clone(),
        })
    });
    let analysed = world.look.and_then(|look| {
        let analysis = look.analysis.as_ref()?.yes()?;
        // What was measured before this rollout gave green any traffic says nothing of it.
        rollout.judged_from?;
        rollout.analysis()?;
        (analysis.verdict == Verdict::Fail).then(|| Cause::Analysis {
            said: analysis
                .deciding()
                .map(|check| format!("{}: {}", check.name, check.said))
                .collect(),
        })
    });
    told.or(seen).or(analysed).or_else(|| health::harm(world, rollout))
}

/// The analysis passed on this step's data; what it said.
///
/// # Errors
/// Why it is not known to have passed.
pub(super) fn analysis_passed(world: &World<'_>, rollout: &Rollout) -> Result<Vec<String>, Why> {
    if rollout.analysis().is_none() || rollout.plan.request.component.is_some() {
        return Ok(Vec::new());
    }
    let look = world.look.ok_or(Why::NotLooked)?;
    match &look.analysis {
        None => Err(Why::Inconclusive(vec!["not a whole minute of metrics yet".to_owned()])),
        Some(Known::No(said)) => Err(Why::Unknown(format!("the metrics could not be read: {said}"))),
        Some(Known::Yes(analysis)) => {
            let said = analysis
                .deciding()
                .map(|check| format!("{}: {}", check.name, check.said))
                .collect();
            match analysis.verdict {
                Verdict::Pass => Ok(said),
                Verdict::Inconclusive | Verdict::Fail => Err(Why::Inconclusive(said)),
            }
        }
    }
}

/// What the endpoint is.
pub(super) enum Seen<'a> {
    /// Nothing can be said, or done, now.
    No(Why),
    /// It is not there.
    Gone,
    /// It serves no more, or a mix; only a person can help.
    Broken(String),
    /// Takes changes.
    Settled(&'a Endpoint),
    /// SageMaker is at work.
    Busy(&'a Endpoint),
}

/// What the endpoint is in this look.
pub(super) fn endpoint<'a>(world: &World<'a>) -> Seen<'a> {
    let Some(look) = world.look else {
        return Seen::No(Why::NotLooked);
    };
    match &look.endpoint {
        Known::No(said) => Seen::No(Why::Unseen(said.clone())),
        Known::Yes(None) => Seen::Gone,
        Known::Yes(Some(endpoint)) => match endpoint.status {
            EndpointStatus::InService => Seen::Settled(endpoint),
            EndpointStatus::Failed | EndpointStatus::UpdateRollbackFailed => {
                Seen::Broken(match &endpoint.failure_reason {
                    Some(reason) => format!("the endpoint is {}: {reason}", endpoint.status),
                    None => format!("the endpoint is {}", endpoint.status),
                })
            }
            _ => Seen::Busy(endpoint),
        },
    }
}

/// How green's weight compares with what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weighed {
    AsWished,
    GreenHasMore,
    GreenHasLess,
}

/// Weights are 32-bit floats at SageMaker: equal means within a thousandth. Zero is zero.
pub(super) fn weigh(plan: &Plan, endpoint: &Endpoint, share: Weight) -> Weighed {
    let weight = |name: &str| variant(endpoint, name).map(|variant| (variant.current_weight, variant.desired_weight));
    let (Some(blue), Some(green)) = (weight(&plan.blue.variant), weight(&plan.green.variant)) else {
        return Weighed::GreenHasLess;
    };
    let wanted = plan.weights(share);
    let close = |is: f64, name: &str| {
        let wanted = wanted.get(name).copied().unwrap_or(0.0);
        (is - wanted).abs()
            <= if wanted > 0.0 {
                wanted * 1e-3
            } else {
                plan.blue.weight * 1e-6
            }
    };
    let as_wished = [blue.0, blue.1].iter().all(|is| close(*is, &plan.blue.variant))
        && [green.0, green.1].iter().all(|is| close(*is, &plan.green.variant));
    let sum = blue.0 + green.0;
    if as_wished {
        Weighed::AsWished
    } else if sum > 0.0 && green.0 / sum > share.share() * 1.001 + 1e-6 {
        Weighed::GreenHasMore
    } else {
        Weighed::GreenHasLess
    }
}

/// `DesiredWeight`s as seen, for people.
pub(super) fn weights_said(plan: &Plan, endpoint: &Endpoint) -> String {
    [&plan.blue.variant, &plan.green.variant]
        .map(|name| match variant(endpoint, name) {
            Some(variant) => format!("{name} {}", variant.current_weight),
            None => format!("{name} is gone"),
        })
        .join(", ")
}

pub(super) fn variant<'a>(endpoint: &'a Endpoint, name: &str) -> Option<&'a Variant> {
    endpoint.variants.iter().find(|variant| variant.name == name)
}

/// How far an update of the endpoint has come.
pub(super) enum Progress {
    /// To be asked for, or asked for again.
    ToDo,
    /// Asked for, and not shown yet.
    NotSeenYet,
    /// In force.
    Done,
    /// SageMaker took it back.
    TakenBack,
}

/// How far the update of a settled endpoint to `target` has come.
pub(super) fn progress(world: &World<'_>, rollout: &Rollout, endpoint: &Endpoint, target: &str) -> Progress {
    if endpoint.config.as_deref() == Some(target) {
        return Progress::Done;
    }
    not_in_force(world, rollout, Some(endpoint.modified), target)
}

/// The same of anything that is settled and not yet as wished. `modified` tells whether something came of the call in
/// between; where nothing tells it, only what was seen at work counts as taken back.
pub(super) fn not_in_force(
    world: &World<'_>,
    rollout: &Rollout,
    modified: Option<Timestamp>,
    target: &str,
) -> Progress {
    match &rollout.update {
        Some(update) if update.target == target => {
            if update.seen || (update.accepted.is_some() && changed(update, modified)) {
                Progress::TakenBack
            } else if update.accepted.is_some_and(|at| world.facts.now < after(at, VISIBLE)) {
                Progress::NotSeenYet
            } else {
                Progress::ToDo
            }
        }
        _ => Progress::ToDo,
    }
}

/// Something was changed since the update was decided. Ledgers of earlier builds hold no time of a component's.
pub(super) fn changed(update: &Update, modified: Option<Timestamp>) -> bool {
    update.before.is_some() && modified.is_some() && update.before != modified
}

/// What SageMaker took back is asked for again: where there is no other way to go.
pub(super) fn tried_again(world: &World<'_>, rollout: &mut Rollout, progress: Progress) -> Progress {
    if !matches!(progress, Progress::TakenBack) {
        return progress;
    }
    if let Some(update) = rollout.update.take() {
        rollout.taken_back = Some(world.facts.now);
        rollout.problem = Some(format!("SageMaker took it back: {}", update.target));
    }
    Progress::ToDo
}

/// An update without which traffic is right is not asked for again at once when SageMaker took it back: while SageMaker
/// is at work, the endpoint cannot scale, and takes no change.
pub(super) fn rests(world: &World<'_>, rollout: &Rollout, asked: &str) -> Option<Why> {
    let until = after(rollout.taken_back?, REST);
    (world.facts.now < until).then(|| Why::Later {
        call: asked.to_owned(),
        said: format!("SageMaker did not make it; it is asked for again after {until:.0}"),
    })
}

/// An update that was asked for may still begin, though what is settled does not show it.
pub(super) fn may_begin(world: &World<'_>, rollout: &Rollout, modified: Option<Timestamp>) -> bool {
    let Some(update) = &rollout.update else {
        return false;
    };
    let asked = update.accepted.max(rollout.back.as_ref().map(|back| back.at));
    let unseen = !update.seen && !changed(update, modified);
    unseen && asked.is_some_and(|at| world.facts.now < after(at, VISIBLE))
}

/// An invocation that decided before going back was decided may still make its call: slow, or repeated by its SDK.
pub(super) fn may_arrive(world: &World<'_>, rollout: &Rollout) -> bool {
    rollout
        .back
        .as_ref()
        .is_some_and(|back| back.from != Phase::Pending && world.facts.now < after(back.at, VISIBLE))
}

/// An update about to be asked for.
pub(super) fn begin(rollout: &mut Rollout, target: &str, before: Option<Timestamp>) {
    let fresh = rollout.update.as_ref().is_none_or(|update| update.target != target);
    if fresh {
        rollout.update = Some(Update {
            target: target.to_owned(),
            before,
            accepted: None,
            seen: false,
        });
    }
}

/// A config's state against its plan.
pub(super) enum Config {
    Unknown(Why),
    Missing,
    There,
    /// One of this name has other content.
    Other(String),
}

pub(super) fn config(world: &World<'_>, plan: &ConfigPlan) -> Config {
    match world.look.and_then(|look| look.configs.get(&plan.name)) {
        None => Config::Unknown(Why::Unknown(format!("config {} was not looked at", plan.name))),
        Some(Known::No(said)) => Config::Unknown(Why::Unknown(format!(
            "config {} could not be described: {said}",
            plan.name
        ))),
        Some(Known::Yes(None)) => Config::Missing,
        Some(Known::Yes(Some(seen))) if as_planned(plan, seen) => Config::There,
        Some(Known::Yes(Some(_))) => Config::Other(format!("a config named {} exists with other content", plan.name)),
    }
}

fn as_planned(plan: &ConfigPlan, seen: &ConfigSeen) -> bool {
    plan.variants.len() == seen.variants.len()
        && plan.variants.iter().zip(&seen.variants).all(|(plan, seen)| {
            plan.name == seen.name
                && (plan.model.is_none() || plan.model == seen.model)
                && (plan.instance_type.is_none() || plan.instance_type == seen.instance_type)
                && plan.instances == seen.instances
                && (plan.weight - seen.weight).abs() <= plan.weight * 1e-3
        })
}

/// The scalable target of a variant, as this look shows it.
pub(super) fn scaled<'a>(world: &World<'a>, variant: &str) -> Result<Option<&'a Scaling>, Why> {
    match world.look.and_then(|look| look.scaling.get(variant)) {
        None => Err(Why::Unknown(format!(
            "the scalable target of {variant} was not looked at"
        ))),
        Some(Known::No(said)) => Err(Why::Unknown(format!(
            "the scalable target of {variant} could not be described: {said}"
        ))),
        Some(Known::Yes(scaling)) => Ok(scaling.as_ref()),
    }
}

/// So long a pause holds at least while blue is kept: two fleets are not paid for ever because somebody forgot.
const HOLD: Duration = Duration::from_secs(24 * 3600);

fn span(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

impl Rollout {
    /// The share of blue's traffic that green is meant to have now, read back or about to be.
    pub fn share(&self) -> Weight {
        self.share_in(&self.phase)
    }

    /// The same in another phase.
    pub(super) fn share_in(&self, phase: &Phase) -> Weight {
        match phase {
            Phase::Shifting { step } | Phase::Probing { step, .. } | Phase::Baking { step } | Phase::Gate { step } => {
                self.plan.share(*step)
            }
            Phase::Finishing | Phase::Keeping | Phase::Removing => Weight::FULL,
            Phase::Sizing { .. } => self
                .passed
                .last()
                .map_or(Weight::ZERO, |passed| self.plan.share(passed.step)),
            Phase::Pending
            | Phase::Preparing
            | Phase::Smoke(_)
            | Phase::Deploying
            | Phase::RollingBack
            | Phase::CleaningUp
            | Phase::Returning
            | Phase::Leaving => Weight::ZERO,
        }
    }

    /// When green had its first traffic.
    pub fn first_traffic(&self) -> Option<Timestamp> {
        self.passed.first().map(|passed| passed.from).or(self.judged_from)
    }

    /// Time spent in this phase, pauses left out.
    pub fn elapsed(&self, now: Timestamp) -> Duration {
        span(self.since, now)
            .saturating_sub(self.paused_for(now))
            .saturating_sub(self.rested)
    }

    /// Time of this phase in which somebody looked: what its deadline is measured by. Steward's own outage is none of it.
    pub(super) fn waited(&self, now: Timestamp) -> Duration {
        self.elapsed(now).saturating_sub(self.absent)
    }

    /// How long the present pause has held this phase.
    pub(super) fn paused_for(&self, now: Timestamp) -> Duration {
        self.paused.as_ref().map_or(Duration::ZERO, |pause| {
            span(pause.at.max(self.since), self.held_until(pause).min(now))
        })
    }

    /// What of the present pause counts as rest when it is ended now: before the end the deadline takes a held rollout back,
    /// after it, it only ends the hold.
    pub(super) fn paused_until_now(&self, now: Timestamp) -> Option<Duration> {
        let pause = self.paused.as_ref()?;
        Some(if self.phase.is_before_the_end() {
            span(pause.at.max(self.since), now)
        } else {
            self.paused_for(now)
        })
    }

    /// When an operator's hold ends by itself: with the rollout's deadline. While blue is kept, which that deadline does not
    /// end, not before [`HOLD`] is over.
    pub fn held_until(&self, pause: &Pause) -> Timestamp {
        let deadline = after(self.started, self.plan.request.policy.deadline);
        if self.phase.is_before_the_end() {
            deadline
        } else {
            deadline.max(after(pause.at, HOLD))
        }
    }

    /// It is decided on now. What nobody has looked at for long is told from what takes long.
    pub(super) fn noticed(&mut self, now: Timestamp) {
        let often = LOOKED.min(self.plan.request.policy.phase_deadline / 4);
        let last = self.looked.unwrap_or(now);
        let unseen = span(last, now);
        if unseen >= 2 * often {
            self.absent = self.absent.saturating_add(span(last.max(self.since), now));
        }
        if unseen >= often || self.looked.is_none() {
            self.looked = Some(now);
        }
    }
}
