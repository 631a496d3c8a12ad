//! When something is to be woken or put to sleep: requests, alarms, schedules, idleness, and people's word.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    decision::{Answer, Command, Facts, Order},
    ledger::{Cause, Ended, Phase, Remembered, Sleep, Wake, after, before},
    look::Known,
    minutes::{self, Quiet},
    policy::WakePolicy,
    step::World,
    tell::Teller,
    thing::{Seen, State, Thing},
    why::Why,
};

/// The first pause after a wake that failed; doubled with each that follows, up to [`LONGEST`].
const PAUSE: Duration = Duration::from_secs(5 * 60);

const LONGEST: Duration = Duration::from_secs(3600);

/// How a wake begins that was not there before, or what is waited for.
pub(super) fn begin(
    world: &World<'_>,
    policy: &WakePolicy,
    remembered: &mut Remembered,
    serial: &mut u64,
    teller: &mut Teller<'_>,
) -> Option<Why> {
    let now = world.facts.now;
    let state = match world.seen {
        Seen::Never(why) => return Some(Why::Never(why.clone())),
        Seen::Not(_) => None,
        Seen::There(state) => Some(state),
    };
    remembered
        .prewarmed
        .retain(|name, _| policy.prewarm.iter().any(|one| one.name == *name));
    for prewarm in &policy.prewarm {
        let Some((began, until)) = prewarm.open_at(now) else {
            continue;
        };
        if remembered
            .prewarmed
            .get(&prewarm.name)
            .is_some_and(|last| *last >= began)
        {
            continue;
        }
        remembered.prewarmed.insert(prewarm.name.clone(), began);
        let cause = Cause::Schedule {
            name: prewarm.name.clone(),
            until,
        };
        let wake = wake(world, policy, serial, cause, began, Some(prewarm.instances));
        start(remembered, wake, Some(until), teller);
        return None;
    }
    let awake = state.is_some_and(|state| state.current > 0);
    let asked = if awake { None } else { asked(world, remembered) };
    if let Some((cause, at)) = asked {
        if let Some(until) = remembered.not_before.filter(|until| now < *until) {
            return Some(Why::Pausing(until));
        }
        let wake = wake(world, policy, serial, cause, at, None);
        start(remembered, wake, None, teller);
        return None;
    }
    match state {
        None => Some(match world.seen {
            Seen::Not(why) => Why::Unknown(why.clone()),
            _ => Why::NotLooked,
        }),
        Some(state) if state.current == 0 && state.desired == 0 => Some(Why::Asleep),
        Some(state) => idle(world, policy, remembered, state),
    }
}

fn start(remembered: &mut Remembered, mut wake: Wake, keep: Option<Timestamp>, teller: &mut Teller<'_>) {
    wake.keep_until = keep;
    remembered.sleep = None;
    remembered.restless = false;
    teller.began(&mut wake);
    remembered.wake = Some(wake);
}

fn wake(
    world: &World<'_>,
    policy: &WakePolicy,
    serial: &mut u64,
    cause: Cause,
    demanded: Timestamp,
    instances: Option<u32>,
) -> Wake {
    *serial += 1;
    let minutes = world.minutes();
    let minutes = minutes.yes().copied().unwrap_or_default();
    let work = minutes::size(policy, world.thing, minutes, world.facts.now);
    let wanted = instances.map_or(work, |count| count.max(work).min(policy.max_instances.max(count)));
    Wake::new(*serial, cause, demanded, world.facts.now, wanted)
}

/// The alarm, or the first minute, that asks for it.
fn asked(world: &World<'_>, remembered: &Remembered) -> Option<(Cause, Timestamp)> {
    let now = world.facts.now;
    let oldest = before(now, minutes::LOOKBACK);
    let news = |at: Timestamp| at >= oldest && remembered.ended.is_none_or(|ended| at > ended);
    let alarms = world.news.alarms.iter().filter(|alarm| alarm.thing == *world.thing);
    let alarm = alarms.filter(|alarm| news(alarm.at)).min_by_key(|alarm| alarm.at);
    let from = remembered.ended.map_or(oldest, |ended| ended.max(oldest));
    let work = match world.minutes() {
        Known::Yes(minutes) => minutes::demanded(minutes, from),
        Known::No(_) => None,
    };
    match (alarm, work) {
        (Some(alarm), work) => {
            let (name, at) = (alarm.name.clone(), alarm.at);
            Some((Cause::Alarm { name, at }, work.map_or(at, |work| work.min(at))))
        }
        (None, Some(since)) => Some((Cause::Work { since }, since)),
        (None, None) => None,
    }
}

/// Whether it is to be put to sleep because nobody uses it.
fn idle(world: &World<'_>, policy: &WakePolicy, remembered: &mut Remembered, state: &State<'_>) -> Option<Why> {
    let now = world.facts.now;
    let awake = Why::Awake(state.current);
    let Some(idle) = policy.idle_after else {
        return Some(awake);
    };
    if state.desired == 0 || remembered.sleep.is_some() {
        return (remembered.sleep.is_none()).then_some(awake);
    }
    let kept = remembered.awake_until.is_some_and(|until| now < until)
        || policy.prewarm.iter().any(|prewarm| prewarm.open_at(now).is_some());
    let rested = remembered
        .ended
        .is_none_or(|ended| now >= after(ended, policy.cooldown));
    if kept || !rested {
        return Some(awake);
    }
    let minutes = world.minutes();
    let Known::Yes(minutes) = minutes else {
        return Some(Why::NoData(match minutes {
            Known::No(why) => why,
            Known::Yes(_) => String::new(),
        }));
    };
    match minutes::quiet(minutes, now, idle, Timestamp::MIN) {
        Quiet::Yes => {
            remembered.sleep = Some(Sleep {
                since: now,
                by: None,
                refused: None,
            });
            None
        }
        Quiet::Busy(_) | Quiet::NotYet => Some(awake),
        Quiet::Unknown(count) => Some(match minutes::quiet(minutes, now, minutes::DRAINED, Timestamp::MIN) {
            Quiet::Yes => Why::Idle,
            _ => Why::NoData(format!("{count} minutes have no data")),
        }),
    }
}

/// Remembers a wake that ended.
pub(super) fn end(facts: &Facts<'_>, remembered: &mut Remembered, how: &Ended) {
    remembered.ended = Some(facts.now);
    match how {
        Ended::Failed(_) => {
            let doubled = 1_u32
                .checked_shl(remembered.failures.saturating_sub(1).min(10))
                .unwrap_or(1);
            remembered.not_before = Some(after(facts.now, PAUSE.saturating_mul(doubled).min(LONGEST)));
        }
        Ended::Done => {
            remembered.failures = 0;
            remembered.not_before = None;
        }
        Ended::Unneeded(_) | Ended::Stopped(_) => {}
    }
}

/// Obeys a command about one thing.
pub(super) fn obey(
    world: &World<'_>,
    policy: &WakePolicy,
    command: &Command,
    remembered: &mut Remembered,
    serial: &mut u64,
    teller: &mut Teller<'_>,
) -> Answer {
    let thing = world.thing;
    if let Seen::Never(why) = world.seen {
        return no(why.clone());
    }
    match command.order {
        Order::Wake { instances, lasts } => {
            if let Some(count) = instances.filter(|count| *count > policy.max_instances) {
                let most = policy.max_instances;
                return no(format!(
                    "{thing} is not woken: {count} are more than the {most} of `wake.max_instances`"
                ));
            }
            let keep = lasts.map(|lasts| after(world.facts.now, lasts));
            if let Some(wake) = &mut remembered.wake {
                wake.keep_until = wake.keep_until.max(keep);
                wake.wanted = wake.wanted.max(instances.unwrap_or(0));
                wake.last_demand = world.facts.now;
                wake.note(world.facts.now, format!("asked for again by {}", by(command)));
                if wake.phase == Phase::Restoring || wake.wanted > wake.raised.last().copied().unwrap_or(wake.wanted) {
                    again(wake, world.facts.now);
                }
                return yes(format!(
                    "{thing} is being woken already (wake {}), and that goes on",
                    wake.number
                ));
            }
            let cause = Cause::Command { by: by(command) };
            let wake = wake(world, policy, serial, cause, world.facts.now, instances);
            let (wanted, unit) = (wake.wanted, thing.unit());
            remembered.not_before = None;
            start(remembered, wake, keep, teller);
            yes(format!("{thing} is woken with {wanted} {unit}"))
        }
        Order::Sleep { force } => sleep(world, command, remembered, force),
    }
}

/// What was being let go is wanted again.
fn again(wake: &mut Wake, now: Timestamp) {
    wake.phase = Phase::Waiting;
    wake.since = now;
    wake.started = now;
    wake.verdict = None;
    wake.in_force = false;
}

fn sleep(world: &World<'_>, command: &Command, remembered: &mut Remembered, force: bool) -> Answer {
    let (thing, now) = (world.thing, world.facts.now);
    let state = match world.seen {
        Seen::There(state) => Some(state),
        _ => None,
    };
    if state.is_some_and(|state| state.desired == 0) && remembered.wake.is_none() {
        return yes(format!("{thing} sleeps already"));
    }
    if !force {
        let minutes = world.minutes();
        let refused = match &minutes {
            Known::No(why) => Some(why.clone()),
            Known::Yes(minutes) => match minutes::quiet(minutes, now, minutes::DRAINED, Timestamp::MIN) {
                Quiet::Yes | Quiet::NotYet => None,
                Quiet::Busy(at) => Some(format!("there was work at {at:.0}")),
                Quiet::Unknown(count) => Some(format!(
                    "nobody knows whether there is work: {count} minutes have no data"
                )),
            },
        };
        // What did not begin yet has nothing that could be at work.
        let began = remembered.wake.as_ref().is_none_or(|wake| wake.phase > Phase::Waiting);
        if let (Some(why), true) = (refused, began) {
            return no(format!(
                "{thing} is not put to sleep: {why}; `force` does it all the same"
            ));
        }
    }
    let by = by(command);
    if let Some(wake) = &mut remembered.wake {
        wake.note(now, format!("stopped by {by}"));
        wake.verdict = Some(Ended::Stopped(by.clone()));
        wake.phase = Phase::Restoring;
        wake.since = now;
    }
    remembered.sleep = Some(Sleep {
        since: now,
        by: Some(by),
        refused: None,
    });
    yes(format!("{thing} is put to sleep"))
}

fn by(command: &Command) -> String {
    let who = command.by.as_deref().unwrap_or("an operator");
    match &command.reason {
        Some(reason) => format!("{who}: {reason}"),
        None => who.to_owned(),
    }
}

fn yes(said: String) -> Answer {
    Answer { accepted: true, said }
}

pub(super) fn no(said: String) -> Answer {
    Answer { accepted: false, said }
}

/// What a command is about.
pub(super) fn ordered(policy: &WakePolicy, command: &Command) -> Result<Vec<Thing>, Answer> {
    let things = policy.things();
    match &command.component {
        None => Ok(things),
        Some(name) => {
            let wanted = Thing::Component(name.clone());
            match things.contains(&wanted) {
                true => Ok(vec![wanted]),
                false => Err(no(format!(
                    "component {name} is not among `wake.components` of the fleet file"
                ))),
            }
        }
    }
}
