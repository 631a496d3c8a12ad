//! Forward: one thing after the other until the endpoint answers as it should.
//!
//! A component that comes to nothing takes no other with it: it is given up, the others are made and scaled, and then it
//! is judged.

use serde_json::Value;

use super::{
    decide::{Effect, Next, World, note},
    later::probing,
    look::{Existing, Outcome, Seen},
    record::{Ended, Kind, Phase, Restoration, Thing, ThingKind},
    scale::scaling,
};
use crate::{backup::definition::base, text::printable};

impl Restoration {
    /// What has to be looked at for the next decision: of what is still to be made only the first, since the others wait for
    /// it; and whether scalable targets have to be looked at too.
    pub fn needs(&self) -> (Vec<Thing>, bool) {
        let things = match self.phase {
            Phase::TearingDown => self.intents.iter().map(|intent| intent.thing.clone()).collect(),
            Phase::Releasing | Phase::Tidying => vec![],
            _ => {
                let given_up =
                    |thing: &Thing| thing.kind == ThingKind::Component && self.given_up.contains_key(&thing.name);
                let known = |thing: &Thing| {
                    self.plan.reused.contains(thing) || self.intended(thing).is_some() || given_up(thing)
                };
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

    /// An inference component comes to nothing: why. The others are made all the same.
    fn give_up(&mut self, component: &Thing, why: &str, world: &World<'_>) {
        let why = printable(why, 500);
        if self.given_up.insert(component.name.clone(), why.clone()).is_none() {
            note(self, world.now, why);
        }
    }

    /// What the components that came to nothing make of it, once all else was done.
    pub(super) fn without_some(&self) -> Option<Next> {
        let why: Vec<&str> = self.given_up.values().map(String::as_str).collect();
        let said = format!("{}. All else is made and scaled", why.join("; "));
        (!why.is_empty()).then_some(Next::Verdict(Ended::Failed(said)))
    }

    /// Whether what is there was made here or may be used: what the plan found, and models and configs of the very content
    /// that another restore made meanwhile.
    fn may_use(&mut self, thing: &Thing, body: &Value, existing: &Existing, world: &World<'_>) -> bool {
        if self.intended(thing).is_some() && existing.carries(&self.plan.mark) {
            self.adopted.remove(thing);
            return true;
        }
        if self.plan.reused.contains(thing) || self.adopted.contains(thing) {
            return true;
        }
        let may_be_shared = matches!(thing.kind, ThingKind::Model | ThingKind::Config);
        // A drill's names are its own.
        let same = self.plan.kind == Kind::Restore && may_be_shared && existing.body == untagged(body);
        if same {
            note(
                self,
                world.now,
                format!("the {thing} was made by somebody else meanwhile, as it has to be, and is used"),
            );
            self.adopted.insert(thing.clone());
        }
        same
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
        let base = base(&body);
        if coming.iter().any(|(name, _)| base == Some(name)) {
            continue;
        }
        if let Some(base) = base.filter(|base| state.given_up.contains_key(*base)) {
            state.give_up(&thing, &format!("the {thing} is based on {base}"), world);
            continue;
        }
        let is_component = thing.kind == ThingKind::Component;
        let existing = match look.things.get(&thing) {
            None if !coming.is_empty() => break,
            None => return Next::Stay(format!("a look at the {thing}")),
            Some(Seen::Unknown(why)) => return Next::Stay(format!("a look at the {thing}: {why}")),
            Some(Seen::Absent) if is_component && state.given_up.contains_key(&thing.name) => continue,
            Some(Seen::Absent) => match absent(state, world, thing.clone(), body) {
                Next::Verdict(Ended::Failed(why)) if is_component && state.phase == Phase::Creating => {
                    state.give_up(&thing, &why, world);
                    continue;
                }
                next => return next,
            },
            Some(Seen::There(existing)) => existing,
        };
        if !state.may_use(&thing, &body, existing, world) {
            let said = format!(
                "another {thing} is there, which this {} did not make",
                state.plan.kind.as_str()
            );
            return Next::Verdict(Ended::Failed(said));
        }
        match there(&thing, existing) {
            None if thing.kind == ThingKind::Endpoint => {
                state.served.get_or_insert(world.now);
            }
            None if is_component => drop(state.given_up.remove(&thing.name)),
            None => {}
            Some(Next::Stay(why)) if is_component => coming.push((thing.name, why)),
            Some(Next::Verdict(Ended::Failed(why))) if is_component => state.give_up(&thing, &why, world),
            Some(next) => return next,
        }
    }
    if let Some((_, why)) = coming.into_iter().next() {
        return Next::Stay(why);
    }
    match state.phase {
        Phase::Creating => Next::Go(Phase::Scaling),
        Phase::Scaling => scaling(state, world),
        Phase::Probing => state.without_some().unwrap_or_else(|| probing(state, world)),
        Phase::Releasing | Phase::TearingDown | Phase::Tidying => probing(state, world),
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
fn absent(state: &Restoration, world: &World<'_>, thing: Thing, body: Value) -> Next {
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

/// Whether it is in service; `None` when it is.
fn there(thing: &Thing, existing: &Existing) -> Option<Next> {
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

/// The body of a `Create…` without its tags, as it is described again.
fn untagged(body: &Value) -> Value {
    let mut body = body.clone();
    if let Value::Object(body) = &mut body {
        body.remove("Tags");
    }
    body
}

/// How this very call went, when it was the last one made.
pub(super) fn outcome<'a>(world: &World<'a>, effect: &Effect) -> Option<&'a Outcome> {
    world
        .acted
        .filter(|acted| acted.effect == *effect)
        .map(|acted| &acted.outcome)
}
