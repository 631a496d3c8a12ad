//! How what was restored is scaled, as it is by the time that it is registered.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    decide::{Effect, Next, World},
    look::Outcome,
    ranges::LATE,
    record::{Ended, Kind, Phase, Restoration},
    step::outcome,
};
use crate::{
    backup::definition::{Scaled, ScaledThing},
    scaling::{Raised, Scaling},
};

/// A minimum that cannot be restored within this time stays raised, and is named.
const RELEASES: Duration = Duration::from_secs(600);

impl Restoration {
    /// How what came up is scaled.
    fn scaled(&self, now: Timestamp) -> impl Iterator<Item = Scaled> {
        let all = self.plan.definition.scaling.iter().filter(|scaled| match &scaled.of {
            ScaledThing::Variant(_) => true,
            ScaledThing::Component(name) => !self.given_up.contains_key(name),
        });
        all.map(move |scaled| self.plan.by_now(scaled, now))
    }

    /// What may scale to zero; of an endpoint that served already, what did.
    fn sleepers(&self, now: Timestamp) -> Vec<Scaled> {
        match self.plan.goes_on() {
            true => self.roused.clone(),
            false => self.scaled(now).filter(|scaled| scaled.scaling.min == 0).collect(),
        }
    }

    /// Something was registered with a minimum that is not its own.
    pub(super) fn is_kept_awake(&self, now: Timestamp) -> bool {
        let registered = matches!(self.phase, Phase::Scaling | Phase::Probing);
        self.plan.kind == Kind::Restore && registered && !self.sleepers(now).is_empty()
    }

    /// What it has raised of a minimum to keep something awake until it is proven, and gives back.
    pub fn raised(&self, of: &ScaledThing, dimension: &str, now: Timestamp) -> Option<Raised> {
        let at_work = self.is_kept_awake(now) || self.phase == Phase::Releasing;
        let sleeps = |scaled: &Scaled| scaled.of == *of && scaled.dimension == dimension;
        let gives_back = at_work && self.plan.awake.is_none() && self.sleepers(now).iter().any(sleeps);
        gives_back.then(|| Raised { to: vec![1], from: 0 })
    }
}

/// What may sleep is kept awake: it would sleep under its probes, and nobody but this restore may wake it.
pub(super) fn scaling(state: &mut Restoration, world: &World<'_>) -> Next {
    let wanted: Vec<Scaled> = state.scaled(world.now).collect();
    let goes_on = state.plan.goes_on();
    let mut roused = None;
    let next = register(wanted, world, |wanted, seen| {
        let own = match seen {
            Some(seen) if goes_on => lacking(seen, &wanted.scaling, world.now),
            _ => wanted.scaling.clone(),
        };
        let whole = awake(own.clone());
        let there = match goes_on {
            true => seen == Some(&whole),
            false => seen.is_some_and(|seen| is_whole(seen, &whole)),
        };
        if there {
            return None;
        }
        if goes_on && own.min == 0 {
            roused = Some(Scaled {
                scaling: own,
                ..wanted.clone()
            });
        }
        Some(whole)
    });
    let known = |one: &Scaled| state.roused.iter().any(|known| key(known) == key(one));
    if let Some(one) = roused.filter(|one| !known(one)) {
        state.roused.push(one);
    }
    let done = || state.without_some().unwrap_or(Next::Go(Phase::Probing));
    next.unwrap_or_else(done)
}

fn key(scaled: &Scaled) -> (ScaledThing, String) {
    (scaled.of.clone(), scaled.dimension.clone())
}

fn awake(scaling: Scaling) -> Scaling {
    Scaling {
        min: scaling.min.max(1),
        max: scaling.max.max(1),
        ..scaling
    }
}

/// An endpoint that serves is scaled by its own schedules, by people and by the reconciler: a policy or an action that it has
/// none of is added, and nothing else is changed. What is due in this very minute is not undone by the range that was seen.
fn lacking(seen: &Scaling, wanted: &Scaling, now: Timestamp) -> Scaling {
    let completed = seen.completed(wanted);
    match completed == *seen {
        true => completed,
        false => completed.caught_up(now.checked_sub(LATE).unwrap_or(now), now),
    }
}

/// What may sleep gets its own minimum.
pub(super) fn release(state: &mut Restoration, world: &World<'_>) -> Next {
    let goes_on = state.plan.goes_on();
    let own = |Scaled { scaling, .. }: &Scaled, seen: Option<&Scaling>| match seen {
        // What somebody deregistered or raised meanwhile is theirs.
        seen if goes_on => seen.filter(|seen| seen.min == 1).map(|seen| Scaling {
            min: 0,
            max: if seen.max == 1 { scaling.max } else { seen.max },
            ..seen.clone()
        }),
        seen => (!seen.is_some_and(|seen| is_whole(seen, scaling))).then(|| scaling.clone()),
    };
    let why = match register(state.sleepers(world.now), world, own) {
        None => return Next::Gone,
        Some(Next::Stay(why)) if state.has_waited(world.now, RELEASES) => why,
        Some(Next::Verdict(ended)) => ended.to_string(),
        Some(next) => return next,
    };
    state.restless = Some(why);
    Next::Gone
}

/// Makes of each what `should` says of it and of how it was seen; `None` when that is nothing of any.
fn register(
    wanted: Vec<Scaled>,
    world: &World<'_>,
    mut should: impl FnMut(&Scaled, Option<&Scaling>) -> Option<Scaling>,
) -> Option<Next> {
    let Some(look) = world.look else {
        return Some(Next::Stay("a look at the Region".into()));
    };
    for scaled in wanted {
        let seen = match look.scaling.get(&key(&scaled)) {
            None => return Some(Next::Stay("a look at the scalable targets".into())),
            Some(Err(why)) => return Some(Next::Stay(format!("a look at the scalable targets: {why}"))),
            Some(Ok(seen)) => seen.as_ref(),
        };
        let Some(scaling) = should(&scaled, seen) else {
            continue;
        };
        let effect = Effect::Scale(Scaled { scaling, ..scaled });
        return Some(match outcome(world, &effect) {
            Some(Outcome::Refused(said)) => Next::Verdict(Ended::Failed(format!("{effect} was refused: {said}"))),
            Some(Outcome::Later(said)) => Next::Stay(format!("{effect}: {said}")),
            Some(Outcome::Accepted) => Next::Stay(format!("{effect}: it is not seen yet")),
            _ => Next::Do(effect),
        });
    }
    None
}

/// All of `wanted` is there, also what is to come only once.
fn is_whole(seen: &Scaling, wanted: &Scaling) -> bool {
    seen.does(wanted) && wanted.actions.iter().all(|action| seen.actions.contains(action))
}
