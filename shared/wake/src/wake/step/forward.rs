//! From the decision to wake to the end of the work.

use std::time::Duration;

use jiff::Timestamp;

use super::{Next, PATIENCE, World, call, deadline, slot, slot_id, target};
use crate::{
    scaling::Scaling,
    wake::{
        effect::{Effect, Outcome},
        ledger::{Cause, Ended, Phase, Wake, after},
        look::{Known, Minute},
        minutes::{self, Quiet},
        policy::WakePolicy,
        tell::{Teller, spoken},
        thing::State,
        trouble::{self, Kind, Trouble},
        why::Why,
    },
};

/// Nobody asks any more.
const STALE: Duration = Duration::from_secs(30 * 60);

/// The same call again, when what it asked for was taken back: at first after this, then doubled up to [`SLOWEST`].
const AGAIN: Duration = Duration::from_secs(30);

const SLOWEST: Duration = Duration::from_secs(300);

pub(super) fn waiting(world: &World<'_>, wake: &mut Wake, state: &State<'_>) -> Next {
    let now = world.facts.now;
    if state.current > 0 {
        return match wake.cause {
            Cause::Alarm { .. } | Cause::Work { .. } if wake.raised.is_empty() && wake.least == 0 => Next::Finish(
                Ended::Unneeded(format!("{} {} are in service", state.current, world.thing.unit())),
            ),
            _ => Next::Go(Phase::Raising),
        };
    }
    let kept = wake.keep_until.is_some_and(|until| now < until);
    match &wake.cause {
        Cause::Schedule { until, .. } if now >= *until && !kept => {
            return Next::Finish(Ended::Unneeded("the time of its schedule is over".to_owned()));
        }
        Cause::Alarm { .. } | Cause::Work { .. } if now >= after(wake.last_demand, STALE) && !kept => {
            return Next::Finish(Ended::Unneeded(format!("nobody asked for {}", spoken(STALE))));
        }
        Cause::Command { .. } if now >= after(wake.started, deadline(world, wake)) => {
            let why = "its turn did not come".to_owned();
            return Next::Finish(Ended::Failed(why));
        }
        _ => {}
    }
    if let (Some(policy), Known::Yes(minutes)) = (world.facts.policy, world.minutes()) {
        wake.wanted = wake.wanted.max(minutes::size(policy, world.thing, minutes, now));
    }
    if wake.claimed {
        return Next::Go(Phase::Raising);
    }
    if world.news.look.is_some_and(|look| look.pools.is_none()) {
        return Next::Stay(Why::NotLooked);
    }
    wake.given = None;
    wake.given = Some(deadline(world, wake));
    let claim = Effect::Claim(slot(world, wake));
    match world.outcome(&claim) {
        Some(Outcome::Accepted) => {
            wake.claimed = true;
            // What waits for its turn has its whole time still.
            wake.started = world.facts.now;
            Next::Go(Phase::Raising)
        }
        Some(Outcome::Later(said)) => {
            let (call, said) = (claim.to_string(), said.clone());
            Next::Stay(Why::Later { call, said })
        }
        Some(Outcome::Refused(said)) => Next::Finish(Ended::Failed(format!("{claim} was refused: {said}"))),
        None => Next::Do(claim),
    }
}

/// Its minimum is Steward's to raise, and to bring capacity by.
fn by_range<'a>(wake: &Wake, scaling: Option<&'a Scaling>) -> Option<&'a Scaling> {
    let put_back = |scaling: &&Scaling| wake.in_force && Some(scaling.min) == wake.original;
    scaling.filter(|scaling| !wake.yielded && !put_back(scaling))
}

/// What it comes to within the target's maximum.
fn aim(wake: &Wake, scaling: Option<&Scaling>) -> u32 {
    scaling.map_or(wake.wanted, |scaling| wake.wanted.min(scaling.max))
}

pub(super) fn raising(world: &World<'_>, wake: &mut Wake, state: &State<'_>) -> Next {
    let scaling = match state.scaling() {
        Known::No(why) => return Next::Stay(Why::Unknown(why)),
        Known::Yes(scaling) => scaling,
    };
    if scaling.is_some_and(|scaling| scaling.max == 0) {
        let said = "the maximum of its scalable target is 0, so nothing may come into service";
        return Next::Finish(Ended::Failed(said.to_owned()));
    }
    let aim = aim(wake, scaling);
    match by_range(wake, scaling) {
        Some(scaling) if scaling.min >= aim => Next::Go(Phase::Starting),
        Some(scaling) => raise(world, wake, state, scaling, aim),
        None if state.desired >= aim => Next::Go(Phase::Starting),
        None if !state.settled => Next::Stay(Why::Busy),
        None => call(world, wake, Effect::SetCount(target(world, state), aim)),
    }
}

/// What there was is noted with the call.
fn raise(world: &World<'_>, wake: &mut Wake, state: &State<'_>, scaling: &Scaling, aim: u32) -> Next {
    wake.original.get_or_insert(scaling.min);
    wake.raised_from.get_or_insert(world.facts.now);
    if wake.raised.last() != Some(&aim) {
        wake.raised.retain(|raised| *raised != aim);
        wake.raised.push(aim);
        wake.in_force = false;
    }
    call(world, wake, Effect::RaiseMinimum(target(world, state), aim))
}

pub(super) fn starting(world: &World<'_>, wake: &mut Wake, state: &State<'_>, teller: &mut Teller<'_>) -> Next {
    let now = world.facts.now;
    if state.current > 0 {
        if wake.ready.is_none() {
            wake.ready = Some(now);
            teller.ready(wake, state.current);
        }
        return Next::Go(Phase::Serving);
    }
    let activities = state.more.and_then(|more| more.activities.as_ref());
    let activities = activities.and_then(Known::yes).map(Vec::as_slice).unwrap_or_default();
    if let Some(trouble) = trouble::of(state, activities, wake.started) {
        teller.troubled(wake, &trouble);
    }
    let waiting = Next::Stay(Why::Coming {
        current: state.current,
        desired: state.desired,
        waited: now.duration_since(wake.started).as_secs(),
    });
    let Known::Yes(scaling) = state.scaling() else {
        return waiting;
    };
    let aim = aim(wake, scaling);
    if state.desired >= aim || !state.settled {
        return waiting;
    }
    let target = target(world, state);
    let effect = match by_range(wake, scaling) {
        Some(scaling) if scaling.min < aim => return Next::Go(Phase::Raising),
        Some(_) => Effect::Nudge(target),
        None => Effect::SetCount(target, aim),
    };
    if world.outcome(&effect).is_none() && now < next_call(wake) {
        return waiting;
    }
    call(world, wake, effect)
}

pub(super) fn serving(
    world: &World<'_>,
    wake: &mut Wake,
    state: &State<'_>,
    teller: &mut Teller<'_>,
    policy: &WakePolicy,
) -> Next {
    let now = world.facts.now;
    let ready = wake.ready.unwrap_or(wake.since);
    if wake.claimed {
        let release = Effect::Release(slot_id(world, wake));
        match world.outcome(&release) {
            None => return Next::Do(release),
            Some(Outcome::Accepted) => wake.claimed = false,
            // It is free by itself later.
            Some(_) => {}
        }
    }
    let minutes = world.minutes();
    if let (None, Known::Yes(minutes)) = (wake.served, &minutes)
        && let Some(at) = minutes::first_success(minutes, wake.started)
    {
        wake.served = Some(at.min(now));
        teller.served(wake);
    }
    let keep = wake.keep_until.unwrap_or(ready).max(after(ready, policy.cooldown));
    if state.current == 0 && state.desired == 0 {
        let ours = matches!(state.scaling(), Known::Yes(scaling) if by_range(wake, scaling).is_some());
        if ours && wake.least > 0 && now < keep {
            wake.note(now, "put to sleep while it is to be kept");
            return Next::Go(Phase::Waiting);
        }
        let asked = |minutes: &[Minute]| minutes::demanded(minutes, ready).is_some();
        return match minutes.yes() {
            Some(minutes) if asked(minutes) => {
                wake.note(now, "put to sleep while there is work");
                Next::Go(Phase::Waiting)
            }
            _ => Next::Finish(Ended::Done),
        };
    }
    if let Known::Yes(minutes) = &minutes {
        let works = minutes::worked(minutes, ready);
        let failed = minutes::failed(minutes, ready);
        if wake.served.is_none() && works && failed > 0.0 && now >= after(ready, PATIENCE) {
            let said = format!("{failed:.0} requests failed and none succeeded since it is in service");
            teller.troubled(
                wake,
                &Trouble {
                    kind: Kind::Failing,
                    said,
                },
            );
        }
        let late = now >= after(wake.started, deadline(world, wake)) && now >= after(ready, PATIENCE);
        if wake.served.is_none() && works && late {
            let said = format!("in service since {ready:.0}, and no request succeeded; {failed:.0} failed");
            return Next::Finish(Ended::Failed(said));
        }
        if let Some(effect) = grow(world, wake, state, policy, minutes) {
            return call(world, wake, effect);
        }
    }
    if let Some(next) = reach(world, wake, state, keep) {
        return next;
    }
    if let Some(effect) = nudge(world, wake, state) {
        return Next::Do(effect);
    }
    if now < keep {
        return Next::Stay(Why::Keeping(keep));
    }
    let quiet = match &minutes {
        Known::No(why) => Err(why.clone()),
        Known::Yes(minutes) => Ok(minutes::quiet(minutes, now, minutes::DRAINED, ready)),
    };
    let unknown = match quiet {
        Ok(Quiet::Yes) => return Next::Finish(Ended::Done),
        Ok(Quiet::Busy(_)) => return Next::Stay(Why::Working),
        Ok(Quiet::NotYet) => return Next::Stay(Why::Draining),
        Ok(Quiet::Unknown(count)) => format!("{count} minutes have no data"),
        Err(why) => why,
    };
    if now >= after(keep, STALE) {
        teller.held(wake, &unknown);
    }
    Next::Stay(Why::NoData(unknown))
}

/// When the same is asked for again that was taken back, or never came.
fn next_call(wake: &Wake) -> Timestamp {
    let doubled = 1_u32
        .checked_shl(wake.calls.count.saturating_sub(1).min(10))
        .unwrap_or(1);
    let pause = AGAIN.saturating_mul(doubled).min(SLOWEST);
    wake.calls.last.map_or(Timestamp::MIN, |last| after(last, pause))
}

/// The minimum is raised and the count is below it: what an endpoint was asked for while it updated is forgotten.
fn nudge(world: &World<'_>, wake: &Wake, state: &State<'_>) -> Option<Effect> {
    let Known::Yes(scaling) = state.scaling() else {
        return None;
    };
    by_range(wake, scaling).filter(|scaling| state.settled && state.desired < scaling.min)?;
    let effect = Effect::Nudge(target(world, state));
    (world.outcome(&effect).is_none() && world.facts.now >= next_call(wake)).then_some(effect)
}

/// What a person or a schedule asked for while it was at work already, and as long as it is to be kept.
fn reach(world: &World<'_>, wake: &mut Wake, state: &State<'_>, keep: Timestamp) -> Option<Next> {
    let Known::Yes(scaling) = state.scaling() else {
        return None;
    };
    if wake.least == 0 || world.facts.now >= keep {
        return None;
    }
    let aim = scaling.map_or(wake.least, |scaling| wake.least.min(scaling.max));
    if let Some(scaling) = by_range(wake, scaling) {
        return (scaling.min < aim).then(|| raise(world, wake, state, scaling, aim));
    }
    if !state.settled || state.desired >= aim {
        return None;
    }
    let effect = Effect::SetCount(target(world, state), aim);
    match world.outcome(&effect) {
        None if world.facts.now < next_call(wake) => return None,
        // The range is somebody else's, and so is the count from here on.
        Some(Outcome::Accepted) if scaling.is_some() => wake.least = 0,
        _ => {}
    }
    Some(call(world, wake, effect))
}

/// Where no policy scales it, the work does.
fn grow(
    world: &World<'_>,
    wake: &mut Wake,
    state: &State<'_>,
    policy: &WakePolicy,
    minutes: &[Minute],
) -> Option<Effect> {
    let Known::Yes(scaling) = state.scaling() else {
        return None;
    };
    if scaling.is_some_and(|scaling| !scaling.policies.is_empty()) || !state.settled {
        return None;
    }
    let wanted = minutes::size(policy, world.thing, minutes, world.facts.now);
    let wanted = scaling.map_or(wanted, |scaling| wanted.min(scaling.max));
    if wanted <= state.desired {
        return None;
    }
    wake.wanted = wake.wanted.max(wanted);
    Some(Effect::SetCount(target(world, state), wanted))
}
