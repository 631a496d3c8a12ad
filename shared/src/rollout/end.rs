//! The end of a rollout, and what is tidied up after it: configs that nobody needs any more.

use super::{
    cause::Cause,
    checks::{self, Seen, World},
    decision::Facts,
    effect::{ActOutcome, Effect},
    ledger::{Ended, HISTORY, Past, Rollout, RolloutLedger},
    look::Known,
    needs::{after, returnable},
    tell,
    why::Why,
};

/// Moves a rollout into the history, and says which configs it leaves behind.
pub(super) fn remember(
    facts: &Facts<'_>,
    ledger: &mut RolloutLedger,
    mut rollout: Rollout,
    ended: Ended,
    cause: Option<Cause>,
) {
    let cause = cause.or_else(|| rollout.back.as_ref().map(|back| back.cause.clone()));
    let alert = tell::ended(facts, &mut rollout, ended, cause.as_ref());
    ledger.outbox.extend(alert);
    let plan = &rollout.plan;
    let both = plan.both.as_ref().map(|config| config.name.clone());
    let only = plan.only.as_ref().map(|config| config.name.clone());
    let restore = rollout.restore.as_ref().map(|config| config.name.clone());
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
            ledger.last_good = Some(restore.unwrap_or_else(|| plan.base.clone()));
            ledger
                .litter
                .extend(both.into_iter().chain(only).map(|name| (name, facts.now)));
        }
        // What is left is for the person who looks.
        Ended::Failed => {}
    }
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

/// An earlier rollout made it. What people made is never deleted.
fn made_by_steward(ledger: &RolloutLedger, config: &str) -> bool {
    ledger
        .history
        .iter()
        .any(|past| past.plan.only.as_ref().is_some_and(|only| only.name == config))
}

/// With no rollout at work: one config to delete, if one is due.
pub(super) fn tidy(world: &World<'_>, ledger: &mut RolloutLedger, ended: bool) -> (Option<Effect>, Why) {
    let waits = |ledger: &RolloutLedger| match ledger.litter.values().min() {
        _ if ended => Why::Ended,
        None => Why::Idle,
        Some(from) => Why::Retaining(*from),
    };
    let now = world.facts.now;
    let in_force = match checks::endpoint(world) {
        Seen::Settled(endpoint) => endpoint.config.clone(),
        Seen::Gone => None,
        Seen::No(_) | Seen::Busy(_) | Seen::Broken(_) => return (None, waits(ledger)),
    };
    let kept = returnable(now, ledger).map(|past| past.plan.base.clone());
    let due: Vec<String> = ledger
        .litter
        .iter()
        .filter(|(_, from)| **from <= now)
        .map(|(name, _)| name.clone())
        .collect();
    for name in due {
        let needed = in_force.as_ref() == Some(&name) || ledger.last_good.as_ref() == Some(&name);
        if kept.as_ref() == Some(&name) {
            continue;
        }
        match world.look.and_then(|look| look.configs.get(&name)) {
            _ if needed => {
                ledger.litter.remove(&name);
            }
            Some(Known::Yes(None)) => {
                ledger.litter.remove(&name);
            }
            Some(Known::Yes(Some(_))) => {
                let effect = Effect::DeleteConfig(name.clone());
                match world
                    .acted
                    .filter(|acted| acted.effect == effect)
                    .map(|acted| &acted.outcome)
                {
                    None => {
                        let why = Why::Acting(effect.to_string());
                        return (Some(effect), why);
                    }
                    Some(ActOutcome::Refused(_)) => {
                        ledger.litter.remove(&name);
                    }
                    Some(ActOutcome::Accepted | ActOutcome::Later(_)) => {}
                }
            }
            Some(Known::No(_)) | None => {}
        }
    }
    (None, waits(ledger))
}
