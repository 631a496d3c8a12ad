//! What is tidied up when no rollout is at work: alarms and configs that Steward made and nobody needs any more.
//!
//! A config that is in force, that is the last good one, or that a `rollback` needs stays, and so does one that any other
//! endpoint of the account uses, or that its rollouts or repairs may have to go back to: people copy what works. SageMaker does not keep anybody from deleting a config in use, and
//! there is no list of a config's endpoints, so all endpoints are asked ([`Search`]), and only just before a deletion. What
//! is not known to be unused is kept, and looked at again.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;

use super::{
    checks::{self, Seen, World},
    effect::{ActOutcome, Effect},
    ledger::{Past, RolloutLedger},
    look::{Known, Search, Unreadable},
    names,
    needs::{after, before, returnable},
    why::Why,
};
use crate::text::sentence;

/// A deletion that AWS refuses is asked for again after this: somebody may give the permission.
const REFUSED: Duration = Duration::from_secs(3600);

/// A config that another endpoint uses is looked at again after this.
const USED: Duration = Duration::from_secs(24 * 3600);

/// A config that the health checker takes for this endpoint's last good one is looked at again after this: with the next
/// checks that pass it is another one.
const STILL_GOOD: Duration = Duration::from_secs(600);

/// A config of which it could not be found out whether anybody uses it is looked at again after this. Finding out asks every
/// endpoint, which is too much to be repeated every minute.
const UNKNOWN: Duration = Duration::from_secs(180);

/// A config that a ledger may name which nobody can read is looked at again after this: a person has to mend that ledger.
const UNREADABLE: Duration = Duration::from_secs(3600);

/// How far the clocks of Steward and SageMaker may differ, and more.
const CLOCKS: Duration = Duration::from_secs(3600);

/// Endpoints named when a config is kept.
const NAMED: usize = 3;

/// The configs whose time has come.
pub(super) fn due(now: Timestamp, ledger: &RolloutLedger) -> Vec<String> {
    let due = ledger.litter.iter().filter(|(_, from)| **from <= now);
    due.map(|(name, _)| name.clone()).collect()
}

/// The search for those who use these configs. Whoever does was created or updated after the rollout began that made the
/// first of them.
pub(super) fn search(ledger: &RolloutLedger, configs: &[String]) -> Option<Search> {
    let configs: BTreeSet<String> = configs
        .iter()
        .filter(|name| ledger.last_good.as_ref() != Some(name))
        .cloned()
        .collect();
    let began: Option<Vec<Timestamp>> = configs.iter().map(|name| began(ledger, name)).collect();
    let since = began.and_then(|began| began.into_iter().min());
    (!configs.is_empty()).then_some(Search {
        configs,
        since: since.map(|since| before(since, CLOCKS)),
    })
}

/// When the rollout began that made this config; `None`: none that is remembered did.
fn began(ledger: &RolloutLedger, config: &str) -> Option<Timestamp> {
    let past = ledger.history.iter().find(|past| made(past, config))?;
    Some(past.started)
}

/// It made this config.
fn made(past: &Past, config: &str) -> bool {
    let plan = &past.plan;
    let planned = plan.both.iter().chain(&plan.only).any(|made| made.name == config);
    planned || names::attempt(plan, config).is_some()
}

/// One thing to delete, if one is due.
pub(super) fn tidy(world: &World<'_>, ledger: &mut RolloutLedger, ended: bool) -> (Option<Effect>, Why) {
    if let Some(effect) = stale_alarm(world, ledger) {
        let why = Why::Acting(effect.to_string());
        return (Some(effect), why);
    }
    let kept = match config(world, ledger) {
        Tidied::Do(effect) => {
            let why = Why::Acting(effect.to_string());
            return (Some(effect), why);
        }
        Tidied::Kept(why) => Some(why),
        Tidied::Done => None,
    };
    let why = match (kept, ledger.litter.values().min()) {
        _ if ended => Why::Ended,
        (Some(kept), _) => kept,
        (None, None) => Why::Idle,
        (None, Some(from)) => Why::Retaining(*from),
    };
    (None, why)
}

fn stale_alarm(world: &World<'_>, ledger: &mut RolloutLedger) -> Option<Effect> {
    let alarms = world.look?.alarms.yes()?;
    for name in ledger.stale_alarms.clone() {
        if alarms.iter().any(|alarm| alarm.name == name) {
            match deleted(world, Effect::DeleteAlarm(name.clone())) {
                Deleted::ToDo(effect) => return Some(effect),
                Deleted::Never(_) => {
                    ledger.stale_alarms.remove(&name);
                }
                Deleted::Tried => {}
            }
        } else {
            // The look was made for this ledger: what it does not show is gone.
            ledger.stale_alarms.remove(&name);
        }
    }
    None
}

enum Tidied {
    Do(Effect),
    /// One was due, and stays; why.
    Kept(Why),
    Done,
}

fn config(world: &World<'_>, ledger: &mut RolloutLedger) -> Tidied {
    let now = world.facts.now;
    let in_force = match checks::endpoint(world) {
        Seen::Settled(endpoint) => endpoint.config.clone(),
        Seen::Gone => None,
        Seen::No(_) | Seen::Busy(_) | Seen::Broken(_) => return Tidied::Done,
    };
    let returnable = returnable(now, ledger);
    let returned_to: BTreeSet<String> = returnable.into_iter().map(|past| past.plan.base.clone()).collect();
    let mut tidied = Tidied::Done;
    for name in due(now, ledger) {
        if returned_to.contains(&name) {
            continue;
        }
        let needed = in_force.as_ref() == Some(&name) || ledger.last_good.as_ref() == Some(&name);
        let seen = world.look.and_then(|look| look.configs.get(&name));
        match seen {
            _ if needed => forget(ledger, &name),
            Some(Known::Yes(None)) => forget(ledger, &name),
            Some(Known::Yes(Some(_))) => {
                let (again, why) = match unneeded(world, ledger, &name).and_then(|()| unused(world, &name)) {
                    Ok(()) => match deleted(world, Effect::DeleteConfig(name.clone())) {
                        Deleted::ToDo(effect) => return Tidied::Do(effect),
                        Deleted::Tried => continue,
                        Deleted::Never(said) => (REFUSED, format!("its deletion was refused: {said}")),
                    },
                    Err(NotUnused::NotAsked) => continue,
                    Err(NotUnused::Unknown(said)) => (
                        UNKNOWN,
                        format!("it could not be found out whether another endpoint uses it: {said}"),
                    ),
                    Err(NotUnused::Used(said)) => (USED, said),
                    Err(NotUnused::StillGood(said)) => (STILL_GOOD, said),
                    Err(NotUnused::Unreadable(said)) => (UNREADABLE, said),
                };
                let until = after(now, again);
                ledger.litter.insert(name.clone(), until);
                ledger.kept.insert(name.clone(), why.clone());
                tidied = Tidied::Kept(Why::Kept {
                    config: name,
                    because: why,
                    until,
                });
            }
            Some(Known::No(_)) | None => {}
        }
    }
    tidied
}

fn forget(ledger: &mut RolloutLedger, config: &str) {
    ledger.litter.remove(config);
    ledger.kept.remove(config);
}

enum NotUnused {
    /// This look was made for something else.
    NotAsked,
    Unknown(String),
    Used(String),
    StillGood(String),
    Unreadable(String),
}

/// The configs that a ledger's rollouts may have to go back to: what keeps them from being deleted by another endpoint's.
pub fn needed(now: Timestamp, ledger: &RolloutLedger) -> BTreeSet<String> {
    let mut needed: BTreeSet<String> = ledger.last_good.iter().cloned().collect();
    needed.extend(returnable(now, ledger).into_iter().map(|past| past.plan.base.clone()));
    if let Some(rollout) = &ledger.active {
        needed.insert(rollout.plan.base.clone());
        needed.extend(super::end::made(rollout));
    }
    needed
}

/// Nobody may have to go back to it.
fn unneeded(world: &World<'_>, ledger: &RolloutLedger, config: &str) -> Result<(), NotUnused> {
    let needed = match world.look.and_then(|look| look.needed.as_ref()) {
        None => return Err(NotUnused::NotAsked),
        Some(Known::No(said)) => return Err(NotUnused::Unknown(said.clone())),
        Some(Known::Yes(needed)) => needed,
    };
    let by = needed.by.get(config).into_iter().flatten();
    let (own, others): (Vec<&str>, Vec<&str>) = by.map(String::as_str).partition(|by| *by == world.facts.endpoint);
    match (others.as_slice(), own.is_empty()) {
        ([], true) => unnamed(ledger, &needed.unreadable, config),
        ([], false) => Err(NotUnused::StillGood(
            "the health checker has not seen the endpoint healthy with another one since".to_owned(),
        )),
        ([one], _) => Err(NotUnused::Used(format!("the way back of {one} needs it"))),
        (others, _) => Err(NotUnused::Used(format!("the ways back of {} need it", named(others)))),
    }
}

/// No ledger that cannot be read names it. A ledger names configs that its endpoint had, so none that was made after it was
/// last written; what it says of the others nobody knows before a person has mended it.
fn unnamed(ledger: &RolloutLedger, unreadable: &[Unreadable], config: &str) -> Result<(), NotUnused> {
    let began = began(ledger, config);
    let later = |written: Option<Timestamp>| began.zip(written).is_some_and(|(began, at)| before(began, CLOCKS) > at);
    match unreadable.iter().find(|one| !later(one.written)) {
        None => Ok(()),
        Some(one) => Err(NotUnused::Unreadable(format!(
            "{} may have to go back to it, and nobody can read its ledger: {}",
            one.endpoint, one.said
        ))),
    }
}

/// Some of them.
fn named(endpoints: &[&str]) -> String {
    let some: Vec<&str> = endpoints.iter().take(NAMED).copied().collect();
    match endpoints.len().saturating_sub(NAMED) {
        0 => some.join(", "),
        more => format!("{} and {more} more", some.join(", ")),
    }
}

/// No endpoint uses it.
fn unused(world: &World<'_>, config: &str) -> Result<(), NotUnused> {
    let users = match world.look.and_then(|look| look.users.as_ref()) {
        None => return Err(NotUnused::NotAsked),
        Some(Known::No(said)) => return Err(NotUnused::Unknown(said.clone())),
        Some(Known::Yes(users)) => users,
    };
    let Some(users) = users.get(config).filter(|users| !users.is_empty()) else {
        return Ok(());
    };
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    let (endpoints, use_it) = if users.len() == 1 {
        ("endpoint", "uses")
    } else {
        ("endpoints", "use")
    };
    Err(NotUnused::Used(format!(
        "the {endpoints} {} {use_it} it",
        named(&users)
    )))
}

/// How far a deletion has come of something that is still there.
enum Deleted {
    ToDo(Effect),
    Tried,
    Never(String),
}

fn deleted(world: &World<'_>, effect: Effect) -> Deleted {
    match world
        .acted
        .filter(|acted| acted.effect == effect)
        .map(|acted| &acted.outcome)
    {
        None => Deleted::ToDo(effect),
        Some(ActOutcome::Refused(said)) => Deleted::Never(said.clone()),
        Some(ActOutcome::Accepted | ActOutcome::Later(_)) => Deleted::Tried,
    }
}

/// What is still to be deleted, for people: one line each.
pub(super) fn told(ledger: &RolloutLedger) -> Vec<String> {
    let line = |(name, from): (&String, &Timestamp)| match ledger.kept.get(name) {
        Some(why) => format!("Config {name} is kept: {} Looked at again at {from:.0}.", sentence(why)),
        None => format!("Config {name} is deleted from {from:.0} on, unless an endpoint uses it."),
    };
    ledger.litter.iter().map(line).collect()
}
