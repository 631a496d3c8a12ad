//! The taking back of a completed rollout: begun, and ended by an operator.

use jiff::Timestamp;

use super::{
    begun, entered,
    restorable::{NotNow, restorable},
};
use crate::{
    rollout::{
        cause::Cause,
        decide::Turn,
        decision::{Answer, Facts},
        ledger::{Back, Ended, Past, Rollout, RolloutLedger, Said},
        needs::returnable,
        phase::Phase,
        tell,
    },
    text::and_list,
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

/// Takes a completed rollout back: of this inference component, where one is named.
pub(super) fn rollback(turn: &mut Turn<'_>, component: Option<&str>, said: Said) -> Answer {
    let facts = turn.world.facts;
    if let Some(rollout) = &mut turn.ledger.active {
        let id = rollout.plan.id();
        if component.is_some() && component != rollout.plan.request.component.as_deref() {
            return Answer::no(format!(
                "Rollout {id} is at work ({}), and is of {}. Send `rollback` again when it has ended.",
                rollout.phase,
                of(rollout.plan.request.component.as_deref())
            ));
        }
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
    let past = match chosen(facts.now, &turn.ledger, component) {
        Ok(past) => past.clone(),
        Err(why) => return Answer::no(why),
    };
    let restore = match restorable(&turn.world, &turn.ledger, &past) {
        Ok(restore) => restore,
        Err(NotNow::Impossible(said)) => return Answer::no(format!("{said}.")),
        Err(NotNow::Unknown(said)) => return Answer::no(format!("Not begun: {said}. Send `rollback` again.")),
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
    let told = tell::moved(&facts, &mut rollout, &Phase::Removing, None);
    turn.ledger.outbox.extend(told);
    entered(turn, rollout);
    Answer::yes(format!(
        "Rollout {id} is taken back: the old variant is built again, then it replaces the new one."
    ))
}

/// The rollout that is meant: that of the component, or the last one where there is no other to be meant.
fn chosen<'a>(now: Timestamp, ledger: &'a RolloutLedger, component: Option<&str>) -> Result<&'a Past, String> {
    let within = returnable(now, ledger);
    let component_of = |past: &'a Past| past.plan.request.component.as_deref();
    let chosen = match component {
        Some(_) => within.iter().find(|past| component_of(past) == component),
        None => within.first(),
    };
    let Some(past) = chosen else {
        return Err(none(ledger, component));
    };
    let named: Vec<&str> = within.iter().filter_map(|past| component_of(past)).collect();
    if component.is_none() && component_of(past).is_some() && named.len() > 1 {
        return Err(format!(
            "Of several inference components a rollout can be taken back: {}. Nothing was done; say which one is meant, with \
             `component`.",
            and_list(&named)
        ));
    }
    // Whoever names none means the last one, also where that is back already.
    let last = ledger.history.iter().rev().find_map(component_of);
    if component.is_none()
        && component_of(past).is_some()
        && let Some(last) = last.filter(|last| Some(*last) != component_of(past))
    {
        return Err(format!(
            "The last rollout was of inference component {last}, and what can be taken back is that of {}. Nothing was done; \
             say which one is meant, with `component`.",
            and_list(&named)
        ));
    }
    Ok(past)
}

/// Why nothing can be taken back.
fn none(ledger: &RolloutLedger, component: Option<&str>) -> String {
    let meant = |past: &&Past| component.is_none() || past.plan.request.component.as_deref() == component;
    let mut back_to_the_last = ledger.history.iter().rev().filter(meant);
    let completed = back_to_the_last
        .clone()
        .find(|past| past.outcome == Ended::Completed || past.returned);
    match completed.or_else(|| back_to_the_last.next()) {
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
        None => match component {
            Some(component) => format!("Inference component {component} has had no rollout that is still remembered."),
            None => "This endpoint has had no rollout.".to_owned(),
        },
    }
}

fn of(component: Option<&str>) -> String {
    match component {
        Some(component) => format!("inference component {component}"),
        None => "the endpoint itself".to_owned(),
    }
}
