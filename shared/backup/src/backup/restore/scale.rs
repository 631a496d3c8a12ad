//! How what was restored is scaled, as it is by the time that it is registered.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    decide::{Effect, Next, World},
    look::Outcome,
    record::{Ended, Kind, Phase, Restoration},
    step::outcome,
};
use crate::{
    backup::definition::{Scaled, ScaledThing},
    scaling::Scaling,
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

    /// What may scale to zero.
    fn sleepers(&self, now: Timestamp) -> Vec<Scaled> {
        self.scaled(now).filter(|scaled| scaled.scaling.min == 0).collect()
    }

    /// Something was registered with a minimum that is not its own.
    pub(super) fn is_kept_awake(&self, now: Timestamp) -> bool {
        let registered = matches!(self.phase, Phase::Scaling | Phase::Probing);
        self.plan.kind == Kind::Restore && registered && !self.sleepers(now).is_empty()
    }
}

/// What may sleep is kept awake: it would sleep under its probes, and nobody but this restore may wake it.
pub(super) fn scaling(state: &Restoration, world: &World<'_>) -> Next {
    let mut wanted: Vec<Scaled> = state.scaled(world.now).collect();
    for Scaled { scaling, .. } in &mut wanted {
        scaling.min = scaling.min.max(1);
        scaling.max = scaling.max.max(1);
    }
    let done = || state.without_some().unwrap_or(Next::Go(Phase::Probing));
    register(wanted, world).unwrap_or_else(done)
}

/// What may sleep gets its own minimum.
pub(super) fn release(state: &mut Restoration, world: &World<'_>) -> Next {
    let why = match register(state.sleepers(world.now), world) {
        None => return Next::Gone,
        Some(Next::Stay(why)) if state.has_waited(world.now, RELEASES) => why,
        Some(Next::Verdict(ended)) => ended.to_string(),
        Some(next) => return next,
    };
    state.restless = Some(why);
    Next::Gone
}

/// `None` when all of it is there.
fn register(wanted: Vec<Scaled>, world: &World<'_>) -> Option<Next> {
    let Some(look) = world.look else {
        return Some(Next::Stay("a look at the Region".into()));
    };
    for scaled in wanted {
        let seen = look.scaling.get(&(scaled.of.clone(), scaled.dimension.clone()));
        match seen {
            None => return Some(Next::Stay("a look at the scalable targets".into())),
            Some(Err(why)) => return Some(Next::Stay(format!("a look at the scalable targets: {why}"))),
            Some(Ok(Some(seen))) if is_whole(seen, &scaled.scaling) => {}
            Some(Ok(_)) => {
                let effect = Effect::Scale(scaled);
                return Some(match outcome(world, &effect) {
                    Some(Outcome::Refused(said)) => {
                        Next::Verdict(Ended::Failed(format!("{effect} was refused: {said}")))
                    }
                    Some(Outcome::Later(said)) => Next::Stay(format!("{effect}: {said}")),
                    Some(Outcome::Accepted) => Next::Stay(format!("{effect}: it is not seen yet")),
                    _ => Next::Do(effect),
                });
            }
        }
    }
    None
}

/// All of `wanted` is there, also what is to come only once.
fn is_whole(seen: &Scaling, wanted: &Scaling) -> bool {
    seen.does(wanted) && wanted.actions.iter().all(|action| seen.actions.contains(action))
}
