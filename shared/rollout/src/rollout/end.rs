//! The end of a rollout: what is remembered of it, and which configs are left to be deleted, and when.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    cause::Cause,
    decision::Facts,
    ledger::{Ended, HISTORY, Past, Rollout, RolloutLedger},
    names,
    needs::after,
    tell,
};

/// So long what a failed rollout made is left at least.
const LEFT: Duration = Duration::from_secs(24 * 3600);

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
    let unscaled = tell::unscaled(facts, &mut rollout, ended);
    ledger.outbox.extend(alert.into_iter().chain(unscaled));
    let plan = &rollout.plan;
    let both = plan.both.as_ref().map(|config| config.name.clone());
    let only = plan.only.as_ref().map(|config| config.name.clone());
    let restore = rollout.restore.as_ref().map(|config| config.name.clone());
    let base = plan.base.clone();
    match ended {
        Ended::Completed => {
            // Where an operator stopped the way back green may serve under another name, that of a repair.
            let serves = in_force.filter(|_| rollout.returning && only.is_some()).or(only);
            ledger.last_good = serves.or(ledger.last_good.take());
            // The last one, where an operator stopped the way back.
            let needless = both.into_iter().chain(restore);
            ledger.litter.extend(needless.map(|name| (name, facts.now)));
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
    let outgrown = rollout.outgrown.iter().cloned();
    ledger.litter.extend(outgrown.map(|name| (name, facts.now)));
    ledger.stale_alarms.extend(rollout.plan.abort_alarm.clone());
    let mut named = rollout.named;
    named.retain(|alarm, _| rollout.unpointed.contains_key(alarm));
    ledger.history.push(Past {
        plan: rollout.plan,
        started: rollout.started,
        ended: facts.now,
        outcome: ended,
        cause: cause.filter(|_| ended != Ended::Completed),
        scaling: rollout.scaling,
        raised: rollout.raised,
        returned: rollout.returning,
        unpointed: rollout.unpointed,
        named,
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
        only || names::attempt(plan, config).is_some()
    })
}
