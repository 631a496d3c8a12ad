//! Back: what a drill made is deleted, the last made first.

use super::{
    decide::{Effect, LATE, Next, World, after},
    look::{Outcome, Seen},
    record::{Restoration, ThingKind},
    step::outcome,
};

pub(super) fn step(state: &mut Restoration, world: &World<'_>) -> Next {
    let Some(look) = world.look else {
        return Next::Stay("a look at the Region".into());
    };
    let mark = state.plan.mark.clone();
    let mut waits = None;
    for intent in state.intents.clone().into_iter().rev() {
        let thing = &intent.thing;
        let existing = match look.things.get(thing) {
            None => {
                waits.get_or_insert(format!("a look at the {thing}"));
                continue;
            }
            Some(Seen::Unknown(why)) => {
                waits.get_or_insert(format!("a look at the {thing}: {why}"));
                continue;
            }
            Some(Seen::Absent) => {
                if world.now < after(intent.last, LATE) {
                    waits.get_or_insert(format!("a late call could still make the {thing}"));
                }
                continue;
            }
            Some(Seen::There(existing)) => existing,
        };
        if !existing.carries(&mark) {
            // Somebody else's: it has the name, and not the mark.
            continue;
        }
        let status = existing.status.as_deref().unwrap_or("InService");
        if status == "Deleting" {
            return Next::Stay(format!("the {thing} is Deleting"));
        }
        if matches!(status, "Creating" | "Updating" | "SystemUpdating" | "RollingBack") {
            return Next::Stay(format!("the {thing} is {status}, and SageMaker deletes none that is"));
        }
        if let Some(next) = unscale(state, world, thing.kind) {
            return next;
        }
        let effect = Effect::Delete(thing.clone());
        return match outcome(world, &effect) {
            Some(Outcome::Accepted) => Next::Stay(format!("{effect}: it is still seen")),
            Some(Outcome::Later(said) | Outcome::Refused(said)) => Next::Stay(format!("{effect}: {said}")),
            _ => Next::Do(effect),
        };
    }
    match waits {
        Some(why) => Next::Stay(why),
        None => Next::Gone,
    }
}

/// Before an endpoint or component goes, its scalable targets go: SageMaker would refuse to delete it, or leave them.
fn unscale(state: &Restoration, world: &World<'_>, kind: ThingKind) -> Option<Next> {
    let look = world.look?;
    if !matches!(kind, ThingKind::Endpoint | ThingKind::Component) {
        return None;
    }
    let mut registered = None;
    for scaled in &state.plan.definition.scaling {
        match look.scaling.get(&(scaled.of.clone(), scaled.dimension.clone())) {
            None => return Some(Next::Stay("a look at the scalable targets".into())),
            Some(Err(why)) => return Some(Next::Stay(format!("a look at the scalable targets: {why}"))),
            Some(Ok(None)) => {}
            Some(Ok(Some(_))) => registered = registered.or(Some(scaled)),
        }
    }
    let scaled = registered?;
    let effect = Effect::Unscale(scaled.of.clone(), scaled.dimension.clone());
    Some(match outcome(world, &effect) {
        Some(Outcome::Accepted) => Next::Stay(format!("{effect}: it is still seen")),
        Some(Outcome::Later(said) | Outcome::Refused(said)) => Next::Stay(format!("{effect}: {said}")),
        _ => Next::Do(effect),
    })
}
