//! The minimum goes back to what it was, however long that takes.

use jiff::Timestamp;

use super::{LATE, Next, PATIENCE, World, call, slot_id, target, theirs};
use crate::wake::{
    effect::{Effect, Outcome},
    ledger::{Wake, after},
    look::Known,
    tell::Teller,
    thing::Seen,
    why::Why,
};

pub(super) fn restoring(world: &World<'_>, wake: &mut Wake, teller: &mut Teller<'_>) -> Next {
    let now = world.facts.now;
    if wake.claimed {
        let release = Effect::Release(slot_id(world, wake));
        match world.outcome(&release) {
            None => return Next::Do(release),
            Some(Outcome::Accepted) => wake.claimed = false,
            Some(_) => {}
        }
    }
    let Some(original) = wake.original else {
        return Next::End;
    };
    let state = match world.seen {
        // It went, and its scalable target with it.
        Seen::Never(_) => return Next::End,
        Seen::Not(why) => return hold(now, wake, teller, Why::Unknown(why.clone())),
        Seen::There(state) => state,
    };
    theirs(world, wake, state, teller);
    let original = wake.original.unwrap_or(original);
    let scaling = match state.scaling() {
        Known::No(why) => return hold(now, wake, teller, Why::Unknown(why)),
        Known::Yes(None) => return Next::End,
        Known::Yes(Some(scaling)) => scaling,
    };
    let goal = original.min(scaling.max);
    if scaling.min == goal {
        let settled = wake.calls.in_doubt().map(|last| after(last, LATE));
        return match settled {
            Some(until) if now < until => Next::Stay(Why::Lingering(until)),
            _ => Next::End,
        };
    }
    match call(world, wake, Effect::RestoreMinimum(target(world, state), goal)) {
        Next::Stay(why) => hold(now, wake, teller, why),
        Next::Finish(ended) => hold(now, wake, teller, Why::Unknown(ended.to_string())),
        next => next,
    }
}

/// The minimum is given back however long it takes; that it takes long is told.
fn hold(now: Timestamp, wake: &mut Wake, teller: &mut Teller<'_>, why: Why) -> Next {
    if now >= after(wake.since, PATIENCE) {
        teller.held(wake, &why.to_string());
    }
    Next::Stay(why)
}
