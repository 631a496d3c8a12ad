//! When something is to be woken or put to sleep: requests, alarms, schedules, idleness, and people's word.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    decision::{Answer, Command, Facts, Order},
    ledger::{Cause, Ended, Left, Phase, Remembered, Sleep, Wake, after, before},
    look::Known,
    minutes::{self, Quiet},
    policy::WakePolicy,
    prewarm::{Opening, opening, openings},
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
    let declared = |name: &String| policy.prewarm.iter().any(|one| one.name == *name);
    remembered.prewarmed.retain(|name, _| declared(name));
    remembered.missed.retain(|name, _| declared(name));
    while let Some(opening) = opening(policy, remembered, now) {
        let Opening { prewarm, began, until } = opening;
        let in_service = state.is_some_and(|state| state.current >= prewarm.instances);
        let before = remembered.prewarmed.insert(prewarm.name.clone(), began);
        // What failed then is not cured by asking for it again.
        if opening.again(remembered) && in_service {
            continue;
        }
        // A schedule that was not known yet may have been declared after its time had begun: nobody waited since then.
        let since = if before.is_some() && !in_service { began } else { now };
        let cause = Cause::Schedule {
            name: prewarm.name.clone(),
            until,
        };
        let mut wake = wake(world, policy, serial, cause, since, Some(prewarm.instances));
        if in_service {
            wake.found_in_service(now);
        }
        start(remembered, wake, Some(until), teller);
        return None;
    }
    let awake = state.is_some_and(|state| state.current > 0);
    if awake && remembered.sleep.is_none() {
        remembered.left = None;
    }
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
        Some(state) if state.current == 0 && state.desired == 0 => {
            let pause = remembered.not_before.filter(|until| now < *until);
            Some(
                match pause.filter(|_| openings(policy, remembered, now).next().is_some()) {
                    Some(until) => Why::Pausing(until),
                    None => Why::Asleep,
                },
            )
        }
        Some(state) => idle(world, policy, remembered, state),
    }
}

fn start(remembered: &mut Remembered, mut wake: Wake, keep: Option<Timestamp>, teller: &mut Teller<'_>) {
    wake.keep_until = keep;
    remembered.sleep = None;
    remembered.left = None;
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
    let mut wake = Wake::new(*serial, cause, demanded, world.facts.now, wanted);
    wake.least = instances.unwrap_or(0);
    wake
}

/// The alarm, or the first minute, that asks for it.
fn asked(world: &World<'_>, remembered: &mut Remembered) -> Option<(Cause, Timestamp)> {
    let (now, thing) = (world.facts.now, world.thing);
    let oldest = before(now, minutes::LOOKBACK);
    let settled = remembered.ended.max(remembered.left.map(|left| left.at));
    let from = settled.map_or(oldest, |settled| settled.max(oldest));
    let minutes = world.minutes();
    let minutes = minutes.yes().copied().unwrap_or_default();
    // What was left in the queue rings its alarms, too: only the minutes tell whether more waits.
    let mut left = remembered.left.as_mut().filter(|_| *thing == Thing::Variant);
    let work = match &mut left {
        Some(left) => minutes::grown(minutes, left),
        None => minutes::demanded(minutes, from),
    };
    let news = |at: Timestamp| {
        let new = at >= oldest && settled.is_none_or(|settled| at > settled);
        new && left.is_none() && (work.is_some() || !minutes::refuted(thing, minutes, at))
    };
    let alarms = world.news.alarms.iter().filter(|alarm| alarm.thing == *thing);
    let alarm = alarms.filter(|alarm| news(alarm.at)).min_by_key(|alarm| alarm.at);
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
            remembered.sleep = Some(Sleep::new(now, None, false));
            None
        }
        Quiet::Busy(_) | Quiet::NotYet => Some(awake),
        Quiet::Unknown(count) => Some(match minutes::quiet(minutes, now, minutes::DRAINED, Timestamp::MIN) {
            Quiet::Yes => Why::Idle,
            _ => Why::NoData(format!("{count} minutes have no data")),
        }),
    }
}

/// Remembers a wake that ended, and was to be kept for a schedule or a person.
pub(super) fn end(facts: &Facts<'_>, remembered: &mut Remembered, how: &Ended, kept: Option<Timestamp>) {
    remembered.ended = Some(facts.now);
    match how {
        Ended::Failed(_) => {
            // The schedules for which it was to stay are begun anew.
            let prewarms = facts.policy.into_iter().flat_map(|policy| &policy.prewarm);
            for prewarm in prewarms {
                if let Some((began, until)) = prewarm.open_at(facts.now)
                    && kept.is_some_and(|kept| until <= kept)
                {
                    remembered.prewarmed.remove(&prewarm.name);
                    remembered.missed.insert(prewarm.name.clone(), began);
                }
            }
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
                wake.join(instances.unwrap_or(1), keep);
                wake.last_demand = world.facts.now;
                wake.note(world.facts.now, format!("asked for again by {}", by(command)));
                if wake.phase == Phase::Restoring {
                    wake.wanted_again(world.facts.now);
                }
                let least = instances.map(|count| format!(", with {count} {} at least", thing.unit()));
                return yes(format!(
                    "{thing} is being woken already (wake {}), and that goes on{}",
                    wake.number,
                    least.unwrap_or_default()
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

fn sleep(world: &World<'_>, command: &Command, remembered: &mut Remembered, force: bool) -> Answer {
    let (thing, now) = (world.thing, world.facts.now);
    let state = match world.seen {
        Seen::There(state) => Some(state),
        _ => None,
    };
    let asleep = state.is_some_and(|state| state.desired == 0) && remembered.wake.is_none();
    if !force && !asleep {
        let minutes = world.minutes();
        // What did not begin yet has nothing that could be at work, but requests may wait.
        let began = remembered.wake.as_ref().is_none_or(|wake| wake.phase > Phase::Waiting);
        let refused = match &minutes {
            Known::No(why) => began.then(|| why.clone()),
            Known::Yes(minutes) => match minutes::quiet(minutes, now, minutes::DRAINED, Timestamp::MIN) {
                Quiet::Yes | Quiet::NotYet => None,
                Quiet::Busy(at) => Some(format!("there was work at {at:.0}")),
                Quiet::Unknown(count) => {
                    began.then(|| format!("nobody knows whether there is work: {count} minutes have no data"))
                }
            },
        };
        if let Some(why) = refused {
            return no(format!(
                "{thing} is not put to sleep: {why}; `force` does it all the same"
            ));
        }
    }
    let left = match force {
        true => leave(world, remembered),
        false => String::new(),
    };
    // Its word counts for the times that are open now.
    if let Some(policy) = world.facts.policy {
        for prewarm in &policy.prewarm {
            if let Some((began, _)) = prewarm.open_at(now) {
                remembered.prewarmed.insert(prewarm.name.clone(), began);
            }
        }
    }
    if asleep {
        return yes(format!("{thing} sleeps already{left}"));
    }
    let by = by(command);
    if let Some(wake) = &mut remembered.wake {
        wake.note(now, format!("stopped by {by}"));
        wake.verdict = Some(Ended::Stopped(by.clone()));
        wake.phase = Phase::Restoring;
        wake.since = now;
    }
    remembered.sleep = Some(Sleep::new(now, Some(by), force));
    remembered.restless = false;
    yes(format!("{thing} is put to sleep{left}"))
}

/// What waits does not wake it: a person said so. Whatever comes later does, and so does a queue of which nothing is known.
fn leave(world: &World<'_>, remembered: &mut Remembered) -> String {
    let at = world.facts.now;
    let minutes = world.minutes();
    let waiting = match (world.thing, &minutes) {
        (Thing::Component(_), _) => Some(0.0),
        (Thing::Variant, Known::Yes(minutes)) => minutes::waiting(minutes, at),
        (Thing::Variant, Known::No(_)) => None,
    };
    let nothing = *world.thing == Thing::Variant && waiting == Some(0.0);
    remembered.left = waiting.filter(|_| !nothing).map(|waiting| Left { at, waiting });
    match waiting {
        None => "; nobody knows whether requests wait in its queue; if they do, they wake it again".to_owned(),
        Some(waiting) if waiting > 0.0 => {
            format!("; the {waiting:.0} requests that wait in its queue do not wake it, more of them do")
        }
        Some(_) => String::new(),
    }
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
