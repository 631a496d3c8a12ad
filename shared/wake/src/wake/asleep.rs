//! On the way to zero: what nobody uses, and what a person ordered.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    effect::{Effect, Outcome, Target},
    ledger::{Remembered, Sleep, after},
    look::Known,
    minutes::{self, DRAINED, Quiet},
    policy::WakePolicy,
    step::World,
    tell::Teller,
    thing::{Seen, State},
    why::Why,
};

/// What nobody uses and cannot be put to sleep within this time stays awake as long again. People are told, of a person's
/// order too.
const SLEEPS: Duration = Duration::from_secs(3600);

/// A person's order that is not done yet is told again this often.
const REMINDS: Duration = Duration::from_secs(6 * 3600);

/// The next call, or what is waited for.
pub(super) fn fall_asleep(
    world: &World<'_>,
    remembered: &mut Remembered,
    teller: &mut Teller<'_>,
) -> Result<Effect, Why> {
    let now = world.facts.now;
    let Some(sleep) = &remembered.sleep else {
        return Err(Why::Asleep);
    };
    let state: &State<'_> = match world.seen {
        Seen::There(state) => state,
        Seen::Not(why) => return Err(Why::Unknown(why.clone())),
        Seen::Never(why) => {
            let why = Why::Never(why.clone());
            (remembered.sleep, remembered.left) = (None, None);
            return Err(why);
        }
    };
    if state.desired == 0 {
        if state.current > 0 {
            return Err(Why::Busy);
        }
        remembered.sleep = None;
        remembered.restless = false;
        teller.asleep();
        return Err(Why::Ended("it sleeps".to_owned()));
    }
    let named = world.facts.policy.filter(|one| one.things().contains(world.thing));
    let Some(policy) = named else {
        (remembered.sleep, remembered.left) = (None, None);
        let why = "it stays awake: the fleet file does not name it any more";
        return Err(Why::Ended(why.to_owned()));
    };
    if sleep.by.is_none() && now >= after(sleep.since, SLEEPS) {
        if !remembered.restless {
            teller.restless(sleep, state.current);
            remembered.restless = true;
        }
        return unwilling(remembered, now, "it could not be put to sleep within an hour");
    }
    if let Err(why) = still(world, policy, sleep) {
        if sleep.by.is_none() {
            remembered.sleep = None;
            return Err(Why::Awake(state.current));
        }
        return waits(remembered, now, state.current, teller, why);
    }
    let scaling = match state.scaling() {
        Known::No(why) => return waits(remembered, now, state.current, teller, Why::Unknown(why)),
        Known::Yes(scaling) => scaling,
    };
    if let Some(scaling) = scaling.filter(|scaling| scaling.min > 0) {
        let why = format!("the minimum of its scalable target is {}", scaling.min);
        // Whoever orders it now is answered so.
        if sleep.by.is_some() && now > sleep.since {
            teller.overruled(sleep, &why);
        }
        return unwilling(remembered, now, &why);
    }
    if !state.settled {
        return waits(remembered, now, state.current, teller, Why::Busy);
    }
    if world.awaited() && !sleep.force {
        return waits(remembered, now, state.current, teller, Why::Probed);
    }
    let target = Target {
        thing: world.thing.clone(),
        name: state.name.clone(),
    };
    let effect = Effect::SetCount(target, 0);
    let call = effect.to_string();
    match world.outcome(&effect) {
        None => Ok(effect),
        Some(Outcome::Accepted) => Err(Why::NotSeenYet(call)),
        Some(Outcome::Later(said) | Outcome::Refused(said)) => {
            if let Some(sleep) = &mut remembered.sleep {
                sleep.refused = Some(said.clone());
            }
            let said = said.clone();
            waits(remembered, now, state.current, teller, Why::Later { call, said })
        }
    }
}

/// Nobody has used it meanwhile, or a person said that it does not matter.
fn still(world: &World<'_>, policy: &WakePolicy, sleep: &Sleep) -> Result<(), Why> {
    let span = match sleep.by {
        Some(_) if sleep.force => return Ok(()),
        Some(_) => DRAINED,
        None => policy.idle_after.ok_or(Why::Idle)?,
    };
    let minutes = match world.minutes() {
        Known::No(why) => return Err(Why::NoData(why)),
        Known::Yes(minutes) => minutes,
    };
    match minutes::quiet(minutes, world.facts.now, span, Timestamp::MIN) {
        Quiet::Yes | Quiet::NotYet => Ok(()),
        Quiet::Busy(at) => Err(Why::StillUsed(at)),
        Quiet::Unknown(count) => Err(Why::NoData(format!("{count} minutes have no data"))),
    }
}

/// A person's order stays until it is done, and people are told that it is not.
fn waits(
    remembered: &mut Remembered,
    now: Timestamp,
    current: u32,
    teller: &mut Teller<'_>,
    why: Why,
) -> Result<Effect, Why> {
    if let Some(sleep) = remembered.sleep.as_mut().filter(|sleep| sleep.by.is_some()) {
        let due = sleep
            .told
            .map_or(after(sleep.since, SLEEPS), |told| after(told, REMINDS));
        if now >= due {
            teller.pending(sleep, current, &why, REMINDS);
            sleep.told = Some(now);
        }
    }
    Err(why)
}

/// It stays awake, and rests before it is tried again.
fn unwilling(remembered: &mut Remembered, now: Timestamp, why: &str) -> Result<Effect, Why> {
    (remembered.sleep, remembered.left) = (None, None);
    remembered.awake_until = Some(after(now, SLEEPS));
    Err(Why::Ended(format!("it stays awake: {why}")))
}
