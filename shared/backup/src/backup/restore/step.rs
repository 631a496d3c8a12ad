//! Forward: one thing after the other until the endpoint answers as it should.

use std::time::Duration;

use super::{
    decide::{Effect, Next, World, after, note},
    later::probing,
    look::{Existing, Outcome, Seen},
    record::{Ended, Kind, Phase, Restoration, Thing, ThingKind},
};
use crate::backup::definition::{Scaled, base};

/// A minimum that cannot be restored within this time stays raised, and is named.
const RELEASES: Duration = Duration::from_secs(600);

impl Restoration {
    /// What has to be looked at for the next decision: of what is still to be made only the first, since the others wait for
    /// it; and whether scalable targets have to be looked at too.
    pub fn needs(&self) -> (Vec<Thing>, bool) {
        let things = match self.phase {
            Phase::TearingDown => self.intents.iter().map(|intent| intent.thing.clone()).collect(),
            Phase::Releasing | Phase::Tidying => vec![],
            _ => {
                let known = |thing: &Thing| self.plan.reused.contains(thing) || self.intended(thing).is_some();
                let mut new = 0;
                let all = self.things().into_iter().map(|(thing, _)| thing);
                let first_new = all.filter(|thing| {
                    new += usize::from(!known(thing));
                    known(thing) || new == 1
                });
                first_new.collect()
            }
        };
        let scaling = matches!(self.phase, Phase::Scaling | Phase::Releasing | Phase::TearingDown);
        (things, scaling)
    }

    /// What may scale to zero.
    fn sleepers(&self) -> Vec<Scaled> {
        let all = self.plan.definition.scaling.iter();
        all.filter(|scaled| scaled.scaling.min == 0).cloned().collect()
    }

    /// Something was registered with a minimum that is not its own.
    pub(super) fn is_kept_awake(&self) -> bool {
        let registered = matches!(self.phase, Phase::Scaling | Phase::Probing);
        self.plan.kind == Kind::Restore && registered && !self.sleepers().is_empty()
    }
}

pub(super) fn step(state: &mut Restoration, world: &World<'_>) -> Next {
    let Some(look) = world.look else {
        return Next::Stay("a look at the Region".into());
    };
    if let Some(next) = claim(state, world) {
        return next;
    }
    // Components come up side by side; each waits only for the one that it is based on.
    let mut coming: Vec<(String, String)> = vec![];
    for (thing, body) in state.things() {
        if coming.iter().any(|(name, _)| base(&body) == Some(name)) {
            continue;
        }
        let existing = match look.things.get(&thing) {
            None if !coming.is_empty() => break,
            None => return Next::Stay(format!("a look at the {thing}")),
            Some(Seen::Unknown(why)) => return Next::Stay(format!("a look at the {thing}: {why}")),
            Some(Seen::Absent) => return absent(state, world, thing, body),
            Some(Seen::There(existing)) => existing,
        };
        match there(state, &thing, existing) {
            None if thing.kind == ThingKind::Endpoint => {
                state.served.get_or_insert(world.now);
            }
            None => {}
            Some(Next::Stay(why)) if thing.kind == ThingKind::Component => coming.push((thing.name, why)),
            Some(next) => return next,
        }
    }
    if let Some((_, why)) = coming.into_iter().next() {
        return Next::Stay(why);
    }
    match state.phase {
        Phase::Creating => Next::Go(Phase::Scaling),
        Phase::Scaling => scaling(state, world),
        Phase::Probing | Phase::Releasing | Phase::TearingDown | Phase::Tidying => probing(state, world),
    }
}

/// Before anything is made, what it holds is written, so that no pruning takes it away. A restore does not wait for that
/// where it cannot be written: it is tried again when the endpoint is there.
fn claim(state: &mut Restoration, world: &World<'_>) -> Option<Next> {
    let hold = state.plan.holds.clone().filter(|_| !state.claimed)?;
    let effect = Effect::Claim(hold);
    match outcome(world, &effect) {
        None => return Some(Next::Do(effect)),
        Some(Outcome::Refused(said)) => return Some(Next::Verdict(Ended::Failed(said.clone()))),
        Some(Outcome::Later(said)) => note(state, world.now, format!("{effect}: {said}")),
        Some(_) => {}
    }
    state.claimed = true;
    None
}

/// What is not there is made, unless SageMaker refused it just now, or it was there before.
fn absent(state: &Restoration, world: &World<'_>, thing: Thing, body: serde_json::Value) -> Next {
    if state.plan.reused.contains(&thing) {
        return Next::Verdict(Ended::Failed(format!("the {thing}, which was there already, is gone")));
    }
    if state.phase != Phase::Creating {
        return Next::Verdict(Ended::Failed(format!("the {thing} was deleted by somebody")));
    }
    let effect = Effect::Create { thing, body };
    match outcome(world, &effect) {
        Some(Outcome::Refused(said)) => Next::Verdict(Ended::Failed(format!("{effect} was refused: {said}"))),
        Some(Outcome::Later(said)) => Next::Stay(format!("{effect}: {said}")),
        Some(Outcome::Accepted) => Next::Stay(format!("{effect}: it is not seen yet")),
        _ => Next::Do(effect),
    }
}

/// Whether it is ours, and in service; `None` when it is.
fn there(state: &Restoration, thing: &Thing, existing: &Existing) -> Option<Next> {
    let reused = state.plan.reused.contains(thing);
    let made = state.intended(thing).is_some() && existing.carries(&state.plan.mark);
    if !reused && !made {
        let said = format!(
            "another {thing} is there, which this {} did not make",
            state.plan.kind.as_str()
        );
        return Some(Next::Verdict(Ended::Failed(said)));
    }
    if existing.is("InService") {
        return None;
    }
    let status = existing.status.as_deref().unwrap_or_default();
    match status {
        "Failed" | "OutOfService" | "UpdateRollbackFailed" => {
            let reason = existing.reason.as_deref().unwrap_or("SageMaker gives no reason");
            Some(Next::Verdict(Ended::Failed(format!(
                "the {thing} is {status}: {reason}"
            ))))
        }
        "Deleting" => Some(Next::Verdict(Ended::Failed(format!(
            "the {thing} is being deleted by somebody"
        )))),
        _ => Some(Next::Stay(format!("the {thing} is {status}"))),
    }
}

/// What may sleep is kept awake: it would sleep under its probes, and nobody but this restore may wake it.
fn scaling(state: &Restoration, world: &World<'_>) -> Next {
    let mut wanted = state.plan.definition.scaling.clone();
    for Scaled { scaling, .. } in &mut wanted {
        scaling.min = scaling.min.max(1);
        scaling.max = scaling.max.max(1);
    }
    register(wanted, world).unwrap_or(Next::Go(Phase::Probing))
}

/// What may sleep gets its own minimum.
pub(super) fn release(state: &mut Restoration, world: &World<'_>) -> Next {
    let why = match register(state.sleepers(), world) {
        None => return Next::Gone,
        Some(Next::Stay(why)) if world.now >= after(state.since, RELEASES) => why,
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
            Some(Ok(Some(seen))) if seen.does(&scaled.scaling) => {}
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

/// How this very call went, when it was the last one made.
pub(super) fn outcome<'a>(world: &World<'a>, effect: &Effect) -> Option<&'a Outcome> {
    world
        .acted
        .filter(|acted| acted.effect == *effect)
        .map(|acted| &acted.outcome)
}
