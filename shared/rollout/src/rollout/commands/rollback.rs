//! The taking back of a completed rollout: begun, and ended by an operator.

use super::{begun, entered};
use crate::rollout::{
    back,
    cause::Cause,
    checks::{self, Seen},
    decide::Turn,
    decision::{Answer, Facts},
    effect::ConfigPlan,
    ledger::{Back, Ended, Past, Rollout, Said},
    look::Known,
    needs::returnable,
    phase::Phase,
    policy::Engine,
    tell,
};

/// Ends the taking back of a completed rollout.
pub(super) fn stop(facts: &Facts<'_>, rollout: &mut Rollout, said: Said) -> Answer {
    let id = rollout.plan.id();
    if let Some(stopped) = &rollout.stopped {
        return Answer::yes(format!(
            "The taking back of rollout {id} was stopped at {:.0} already.",
            stopped.at
        ));
    }
    tell::stopping(facts, rollout, &said);
    rollout.stopped = Some(said);
    Answer::yes(format!(
        "The taking back of rollout {id} is stopped. If SageMaker is at work on it, that cannot be ended: when it succeeds, the \
         old model is in force. Otherwise the new one stays, scaled as before, and `rollback` begins anew."
    ))
}

/// Takes a completed rollout back.
pub(super) fn rollback(turn: &mut Turn<'_>, said: Said) -> Answer {
    let facts = turn.world.facts;
    if let Some(rollout) = &mut turn.ledger.active {
        let id = rollout.plan.id();
        if let Some(stopped) = rollout.stopped.take() {
            tell::going_on(&facts, rollout, &said);
            return Answer::yes(format!(
                "Rollout {id} is taken back after all: what {} stopped at {:.0} goes on.",
                stopped.by.as_deref().unwrap_or("an operator"),
                stopped.at
            ));
        }
        return if rollout.back.is_some() {
            Answer::yes(format!("Rollout {id} is being taken back already."))
        } else {
            Answer::no(format!(
                "Rollout {id} has not ended: send `abort`, which takes it back."
            ))
        };
    }
    let Some(past) = returnable(facts.now, &turn.ledger).cloned() else {
        let mut back_to_the_last = turn.ledger.history.iter().rev();
        let completed = back_to_the_last.find(|past| past.outcome == Ended::Completed || past.returned);
        return Answer::no(match completed.or(turn.ledger.history.last()) {
            Some(past) if past.outcome == Ended::Completed => format!(
                "Rollout {} completed at {:.0}, and its window for `rollback` is over. `start` one with the old model.",
                past.plan.id(),
                past.ended
            ),
            Some(past) if past.returned => format!("Rollout {} was taken back after it had completed.", past.plan.id()),
            Some(past) => format!(
                "The last rollout, {}, is {}: blue serves.",
                past.plan.id(),
                past.outcome.as_str()
            ),
            None => "This endpoint has had no rollout.".to_owned(),
        });
    };
    let restore = match restorable(turn, &past) {
        Ok(restore) => restore,
        Err(why) => return Answer::no(why),
    };
    let mut rollout = begun(past.plan, &facts.now, Phase::Returning);
    rollout.scaling = past.scaling;
    rollout.raised = past.raised;
    rollout.named = past.named;
    rollout.restore = restore;
    rollout.returning = true;
    rollout.back = Some(Back {
        at: facts.now,
        cause: Cause::Operator {
            by: said.by,
            reason: said.reason,
        },
        from: Phase::Removing,
    });
    let id = rollout.plan.id();
    let told = tell::moved(&facts, &mut rollout, &Phase::Removing);
    turn.ledger.outbox.extend(told);
    entered(turn, rollout);
    Answer::yes(format!(
        "Rollout {id} is taken back: the old variant is built again, then it replaces the new one."
    ))
}

/// The config that puts blue in green's place; none where the one from the start does.
fn restorable(turn: &Turn<'_>, past: &Past) -> Result<Option<ConfigPlan>, String> {
    let plan = &past.plan;
    if let Some(component) = &plan.request.component {
        let green = plan.green.model.as_deref().unwrap_or("(none)");
        return match turn.world.look.and_then(|look| look.component.as_ref()) {
            Some(Known::Yes(Some(seen))) if seen.model == plan.green.model => Ok(None),
            Some(Known::Yes(_)) => Err(format!(
                "Inference component {component} does not have the model {green} of rollout {} any more: somebody changed it \
                 since.",
                plan.id()
            )),
            Some(Known::No(said)) => Err(format!(
                "Not begun: component {component} could not be described: {said}."
            )),
            None => Err(format!(
                "Not begun: component {component} was not looked at. Send `rollback` again."
            )),
        };
    }
    let endpoint = match checks::endpoint(&turn.world) {
        Seen::Settled(endpoint) | Seen::Busy(endpoint) => endpoint,
        Seen::No(why) => return Err(format!("Not begun: {why}. Send `rollback` again.")),
        Seen::Gone => return Err(format!("The endpoint {} is gone.", plan.endpoint())),
        Seen::Broken(said) => return Err(format!("Not possible: {said}.")),
    };
    let green = plan.only.as_ref().map(|only| only.name.as_str());
    if endpoint.config.as_deref() != green {
        return Err(format!(
            "The endpoint has the config {} by now, not {} of rollout {}: somebody changed it since. `start` a rollout with \
             the old model instead.",
            endpoint.config.as_deref().unwrap_or("(none)"),
            green.unwrap_or("(none)"),
            plan.id()
        ));
    }
    match turn.world.look.and_then(|look| look.configs.get(&plan.base)) {
        Some(Known::Yes(Some(_))) => {}
        Some(Known::Yes(None)) => {
            return Err(format!(
                "The config {} from before rollout {} is gone. `start` a rollout with the old model instead.",
                plan.base,
                plan.id()
            ));
        }
        Some(Known::No(said)) => {
            return Err(format!(
                "Not begun: config {} could not be described: {said}.",
                plan.base
            ));
        }
        None => {
            return Err(format!(
                "Not begun: config {} was not looked at. Send `rollback` again.",
                plan.base
            ));
        }
    }
    let again = |other: &&Past| other.returned && other.plan.serial == plan.serial;
    let attempt = turn.ledger.history.iter().filter(again).count();
    Ok((plan.engine() == Engine::Variants).then(|| back::in_greens_place(plan, endpoint, plan.base.clone(), attempt)))
}
