//! What the phase of a wake asks for.

mod forward;
mod restore;

use std::time::Duration;

use super::{
    decision::{Facts, News},
    effect::{Effect, Outcome, Target},
    ledger::{Cause, Ended, Phase, Wake, after},
    look::{Known, Look, Minute},
    minutes,
    slots::Slot,
    tell::{Teller, spoken},
    thing::{Seen, State, Thing},
    trouble::{Kind, Trouble},
    why::Why,
};
use crate::scaling::Scaling;

/// A call that was made may take effect so long after it was made, whatever was answered.
pub(super) const LATE: Duration = Duration::from_secs(300);

/// Waiting for its turn for so long is told.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a phase asks for.
pub(super) enum Next {
    /// To wait.
    Stay(Why),
    /// A call.
    Do(Effect),
    /// The next phase.
    Go(Phase),
    /// The end, once the minimum is restored.
    Finish(Ended),
    /// The end: nothing is left to restore.
    End,
}

/// What a step is made from.
#[derive(Clone, Copy)]
pub(super) struct World<'a> {
    pub(super) facts: Facts<'a>,
    pub(super) news: &'a News<'a>,
    pub(super) thing: &'a Thing,
    pub(super) seen: &'a Seen<'a>,
}

impl<'a> World<'a> {
    pub(super) fn minutes(&self) -> Known<&'a [Minute]> {
        let of = |look: &'a Look| look.things.get(self.thing)?.minutes.as_ref();
        match self.news.look.and_then(of) {
            None => Known::No("its metrics were not looked at".to_owned()),
            Some(Known::No(why)) => Known::No(format!("its metrics could not be read: {why}")),
            Some(Known::Yes(minutes)) => Known::Yes(minutes.as_slice()),
        }
    }

    /// A health probe is asked and not answered.
    pub(super) fn awaited(&self) -> bool {
        let seen = self.news.look.and_then(|look| look.things.get(self.thing));
        seen.is_some_and(|seen| seen.awaited)
    }

    /// How this very call went, when it was the last one made.
    pub(super) fn outcome(&self, effect: &Effect) -> Option<&'a Outcome> {
        let acted = self.news.acted.filter(|acted| acted.effect == *effect);
        acted.map(|acted| &acted.outcome)
    }
}

pub(super) fn step(world: &World<'_>, wake: &mut Wake, teller: &mut Teller<'_>) -> Next {
    let now = world.facts.now;
    let Some(policy) = world
        .facts
        .policy
        .filter(|policy| policy.things().contains(world.thing))
    else {
        return match wake.phase {
            Phase::Restoring => restore::restoring(world, wake, teller),
            _ => Next::Finish(Ended::Stopped("the fleet file does not name it any more".to_owned())),
        };
    };
    if let (Phase::Waiting, Some(Known::Yes(pools))) =
        (wake.phase, world.news.look.and_then(|look| look.pools.as_ref()))
    {
        wake.pools.clone_from(pools);
    }
    if let Known::Yes(minutes) = world.minutes() {
        let last = minutes::last_demanded(minutes, wake.last_demand);
        wake.last_demand = last.map_or(wake.last_demand, |last| last.max(wake.last_demand));
    }
    let state = match world.seen {
        Seen::Never(why) => return Next::Finish(Ended::Failed(why.clone())),
        Seen::Not(why) => return bounded(world, wake, Next::Stay(Why::Unknown(why.clone()))),
        Seen::There(state) => state,
    };
    theirs(world, wake, state, teller);
    let next = match wake.phase {
        Phase::Waiting => forward::waiting(world, wake, state),
        Phase::Raising => forward::raising(world, wake, state),
        Phase::Starting => forward::starting(world, wake, state, teller),
        Phase::Serving => forward::serving(world, wake, state, teller, policy),
        Phase::Restoring => return restore::restoring(world, wake, teller),
    };
    if let (Next::Stay(why), true) = (&next, now >= after(wake.since, PATIENCE))
        && matches!(wake.phase, Phase::Waiting | Phase::Raising)
        && !matches!(why, Why::NotSeenYet(_))
    {
        let said = why.to_string();
        teller.troubled(wake, &Trouble { kind: Kind::Held, said });
    }
    bounded(world, wake, next)
}

/// When it has failed.
fn deadline(world: &World<'_>, wake: &Wake) -> Duration {
    wake.may_take(world.facts.policy.map(|policy| policy.deadline).unwrap_or_default())
}

/// No waiting, and no further call, past the deadline.
fn bounded(world: &World<'_>, wake: &Wake, next: Next) -> Next {
    let waits = match &next {
        Next::Stay(why) => why.to_string(),
        Next::Do(effect) => format!("still to do: {effect}"),
        _ => return next,
    };
    let deadline = deadline(world, wake);
    let late = world.facts.now >= after(wake.started, deadline);
    match wake.phase {
        Phase::Raising | Phase::Starting if late => {
            let why = wake.problem.clone().unwrap_or(waits);
            Next::Finish(Ended::Failed(format!(
                "not in service within {}: {why}",
                spoken(deadline)
            )))
        }
        _ => next,
    }
}

/// What somebody else set as the minimum meanwhile is theirs, and is what is to be found in the end.
fn theirs(world: &World<'_>, wake: &mut Wake, state: &State<'_>, teller: &mut Teller<'_>) {
    let (Some(original), Known::Yes(scaling)) = (wake.original, state.scaling()) else {
        return;
    };
    let Some(scaling) = scaling else {
        if !wake.yielded {
            wake.yielded = true;
            wake.note(world.facts.now, "its scalable target was deregistered by somebody");
        }
        return;
    };
    if wake.raised.last() == Some(&scaling.min) {
        wake.in_force = true;
    }
    if let Some(scheduled) = scheduled(world, wake, scaling) {
        if scheduled != original {
            wake.note(
                world.facts.now,
                format!("a scheduled action set the minimum to {scheduled}"),
            );
            wake.original = Some(scheduled);
        }
        if scaling.min == scheduled {
            return;
        }
    }
    if scaling.min != original && !wake.raised.contains(&scaling.min) {
        teller.yielded(wake, original, scaling.min);
        wake.original = Some(scaling.min);
        wake.yielded = true;
    }
}

/// The minimum that a scheduled action of the target set since Steward first raised it.
fn scheduled(world: &World<'_>, wake: &mut Wake, scaling: &Scaling) -> Option<u32> {
    let min = wake.scheduled(scaling, world.facts.now)?;
    if scaling.suspended.scheduled {
        // It was due and did not happen, and does not when actions are resumed.
        wake.raised_from = Some(after(world.facts.now, Duration::from_secs(1)));
        return None;
    }
    Some(min)
}

fn target(world: &World<'_>, state: &State<'_>) -> Target {
    Target {
        thing: world.thing.clone(),
        name: state.name.clone(),
    }
}

fn slot(world: &World<'_>, wake: &Wake) -> Slot {
    Slot {
        id: slot_id(world, wake),
        ahead: matches!(wake.cause, Cause::Schedule { .. }),
        since: wake.started,
        lasts: deadline(world, wake).saturating_add(LATE),
    }
}

pub(super) fn slot_id(world: &World<'_>, wake: &Wake) -> String {
    format!(
        "{}/{}#{}",
        world.facts.endpoint,
        String::from(world.thing.clone()),
        wake.number
    )
}

/// Hands a call out, or takes in how it went.
fn call(world: &World<'_>, wake: &mut Wake, effect: Effect) -> Next {
    let text = effect.to_string();
    match world.outcome(&effect) {
        None => Next::Do(effect),
        Some(Outcome::Accepted) => Next::Stay(Why::NotSeenYet(text)),
        Some(Outcome::Later(said)) => {
            wake.problem = Some(format!("{text}: {said}"));
            let said = said.clone();
            Next::Stay(Why::Later { call: text, said })
        }
        Some(Outcome::Refused(said)) => Next::Finish(Ended::Failed(format!("{text} was refused: {said}"))),
    }
}
