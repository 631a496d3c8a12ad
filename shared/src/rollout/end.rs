//! The end of a rollout, and what is tidied up after it: configs that nobody needs any more.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    cause::Cause,
    checks::{self, Seen, World},
    decision::Facts,
    effect::{ActOutcome, Effect},
    ledger::{Ended, HISTORY, Past, Rollout, RolloutLedger},
    look::Known,
    names,
    needs::{after, returnable},
    tell,
    why::Why,
};

/// So long what a failed rollout made is left at least.
const LEFT: Duration = Duration::from_secs(24 * 3600);

/// A deletion that AWS refuses is asked for again after this: somebody may give the permission.
const REFUSED: Duration = Duration::from_secs(3600);

/// Moves a rollout into the history, and says which configs it leaves behind.
pub(super) fn remember(
    facts: &Facts<'_>,
    ledger: &mut RolloutLedger,
    mut rollout: Rollout,
    ended: Ended,
    cause: Option<Cause>,
    in_force: Option<String>,
) {
    let cause = cause.or_else(|| rollout.back.as_ref().map(|back| back.cause.clone()));
    let alert = tell::ended(facts, &mut rollout, ended, cause.as_ref());
    ledger.outbox.extend(alert);
    let plan = &rollout.plan;
    let both = plan.both.as_ref().map(|config| config.name.clone());
    let only = plan.only.as_ref().map(|config| config.name.clone());
    let restore = rollout.restore.as_ref().map(|config| config.name.clone());
    let base = plan.base.clone();
    match ended {
        Ended::Completed => {
            ledger.last_good = only.clone().or(ledger.last_good.take());
            ledger.litter.extend(both.map(|name| (name, facts.now)));
            let window = after(facts.now, plan.request.policy.rollback_window);
            if made_by_steward(ledger, &plan.base) {
                ledger.litter.insert(plan.base.clone(), window);
            }
        }
        Ended::RolledBack => {
            let made = both.into_iter().chain(only).chain(restore);
            ledger.litter.extend(made.map(|name| (name, facts.now)));
            ledger.last_good = Some(in_force.unwrap_or(base));
        }
        Ended::Failed => {
            let from = left_until(facts, &rollout);
            ledger
                .litter
                .extend(made(&rollout).into_iter().map(|name| (name, from)));
        }
    }
    ledger.stale_alarms.extend(rollout.plan.abort_alarm.clone());
    ledger.history.push(Past {
        plan: rollout.plan,
        started: rollout.started,
        ended: facts.now,
        outcome: ended,
        cause: cause.filter(|_| ended != Ended::Completed),
        scaling: rollout.scaling,
        returned: rollout.returning,
        log: rollout.log,
    });
    let over = ledger.history.len().saturating_sub(HISTORY);
    ledger.history.drain(..over);
}

/// The configs that a rollout makes, if it comes so far.
pub(super) fn made(rollout: &Rollout) -> Vec<String> {
    let plan = &rollout.plan;
    let configs = plan.both.iter().chain(&plan.only).chain(&rollout.restore);
    configs.map(|config| config.name.clone()).collect()
}

/// What a failed rollout leaves behind is for the person who looks, and may be what he puts in force. It is deleted as late
/// as what a `rollback` needs, and then only where the endpoint does not have it.
pub(super) fn left_until(facts: &Facts<'_>, rollout: &Rollout) -> Timestamp {
    after(facts.now, rollout.plan.request.policy.rollback_window.max(LEFT))
}

/// An earlier rollout made it. What people made is never deleted.
fn made_by_steward(ledger: &RolloutLedger, config: &str) -> bool {
    ledger.history.iter().map(|past| &past.plan).any(|plan| {
        let only = plan.only.as_ref().is_some_and(|only| only.name == config);
        only || names::config(plan.endpoint(), plan.serial, &plan.request.id, "back") == config
    })
}

/// With no rollout at work: one thing to delete, if one is due.
pub(super) fn tidy(world: &World<'_>, ledger: &mut RolloutLedger, ended: bool) -> (Option<Effect>, Why) {
    if let Some(effect) = stale_alarm(world, ledger).or_else(|| config(world, ledger)) {
        let why = Why::Acting(effect.to_string());
        return (Some(effect), why);
    }
    let why = match ledger.litter.values().min() {
        _ if ended => Why::Ended,
        None => Why::Idle,
        Some(from) => Why::Retaining(*from),
    };
    (None, why)
}

fn stale_alarm(world: &World<'_>, ledger: &mut RolloutLedger) -> Option<Effect> {
    let alarms = world.look?.alarms.yes()?;
    for name in ledger.stale_alarms.clone() {
        if alarms.iter().any(|alarm| alarm.name == name) {
            match deleted(world, Effect::DeleteAlarm(name.clone())) {
                Deleted::ToDo(effect) => return Some(effect),
                Deleted::Never => {
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

fn config(world: &World<'_>, ledger: &mut RolloutLedger) -> Option<Effect> {
    let now = world.facts.now;
    let in_force = match checks::endpoint(world) {
        Seen::Settled(endpoint) => endpoint.config.clone(),
        Seen::Gone => None,
        Seen::No(_) | Seen::Busy(_) | Seen::Broken(_) => return None,
    };
    let kept = returnable(now, ledger).map(|past| past.plan.base.clone());
    let due = ledger.litter.iter().filter(|(_, from)| **from <= now);
    let due: Vec<String> = due.map(|(name, _)| name.clone()).collect();
    for name in due {
        if kept.as_ref() == Some(&name) {
            continue;
        }
        let needed = in_force.as_ref() == Some(&name) || ledger.last_good.as_ref() == Some(&name);
        let over = needed
            || match world.look.and_then(|look| look.configs.get(&name)) {
                Some(Known::Yes(None)) => true,
                Some(Known::Yes(Some(_))) => match deleted(world, Effect::DeleteConfig(name.clone())) {
                    Deleted::ToDo(effect) => return Some(effect),
                    Deleted::Never => {
                        ledger.litter.insert(name, after(now, REFUSED));
                        continue;
                    }
                    Deleted::Tried => false,
                },
                Some(Known::No(_)) | None => false,
            };
        if over {
            ledger.litter.remove(&name);
        }
    }
    None
}

/// How far a deletion has come of something that is still there.
enum Deleted {
    ToDo(Effect),
    Tried,
    Never,
}

fn deleted(world: &World<'_>, effect: Effect) -> Deleted {
    match world
        .acted
        .filter(|acted| acted.effect == effect)
        .map(|acted| &acted.outcome)
    {
        None => Deleted::ToDo(effect),
        Some(ActOutcome::Refused(_)) => Deleted::Never,
        Some(ActOutcome::Accepted | ActOutcome::Later(_)) => Deleted::Tried,
    }
}
