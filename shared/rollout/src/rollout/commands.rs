//! What operators ask for: obeyed once, or refused with what to do instead.

mod rollback;

use std::collections::BTreeMap;

use self::rollback::{rollback, stop};
use super::{
    cause::Cause,
    decide::Turn,
    decision::{Answer, Command},
    ledger::{COMMANDS, Ended, Rollout, RolloutLedger, Said},
    phase::Phase,
    plan::Plan,
    policy::Engine,
    request::{Order, Request},
    tell,
    why::{To, Transition},
};

pub(super) fn obey(turn: &mut Turn<'_>, command: &Command) -> Answer {
    match command {
        Command::Start(plan) => start(turn, plan),
        Command::Order { order, id, by, reason } => {
            if id.as_ref().is_some_and(|id| turn.ledger.commands.contains(id)) {
                return Answer::yes(format!("`{order}` with this id was obeyed before."));
            }
            let said = Said {
                at: turn.world.facts.now,
                by: by.clone(),
                reason: reason.clone(),
            };
            let answer = match order {
                Order::Rollback => rollback(turn, said),
                order => about_active(turn, *order, said),
            };
            if answer.accepted
                && let Some(id) = id
            {
                turn.ledger.commands.push(id.clone());
                let over = turn.ledger.commands.len().saturating_sub(COMMANDS);
                turn.ledger.commands.drain(..over);
            }
            answer
        }
    }
}

/// The request of the last rollout once more, for `retry`: to be planned and started as any other.
///
/// # Errors
/// What to do instead.
pub fn again(
    ledger: &RolloutLedger,
    endpoint: &str,
    id: &str,
    by: Option<&str>,
    reason: Option<&str>,
) -> Result<Request, Answer> {
    if let Some(active) = &ledger.active {
        // The same retry, delivered again.
        if active.plan.request.id == id {
            return Ok(active.plan.request.clone());
        }
        return Err(Answer::no(format!(
            "Rollout {} is at work ({}); there is nothing to retry until it has ended.",
            active.plan.id(),
            active.phase
        )));
    }
    match ledger.history.last() {
        Some(past) if past.outcome != Ended::Completed || past.plan.request.id == id => Ok(Request {
            id: id.to_owned(),
            by: by.map(str::to_owned).or_else(|| past.plan.request.by.clone()),
            reason: reason.map(str::to_owned).or_else(|| past.plan.request.reason.clone()),
            dry_run: false,
            ..past.plan.request.clone()
        }),
        Some(past) => Err(Answer::no(format!(
            "The last rollout, {}, completed; there is nothing to retry. `start` begins another one.",
            past.plan.id()
        ))),
        None => Err(Answer::no(format!(
            "{endpoint} has had no rollout; `start` begins one."
        ))),
    }
}

fn start(turn: &mut Turn<'_>, plan: &Plan) -> Answer {
    let facts = turn.world.facts;
    let same = |other: &Plan| other.request.id == plan.request.id;
    if let Some(active) = &turn.ledger.active {
        return if same(&active.plan) {
            Answer::yes(format!(
                "Rollout {} was started before with this id; it is {}.",
                active.plan.id(),
                active.phase
            ))
        } else {
            Answer::no(format!(
                "Rollout {} to {} is at work since {:.0}, started by {}: {}. Wait for its end, or `abort` it first.",
                active.plan.id(),
                active.plan.green.model.as_deref().unwrap_or("another fleet"),
                active.started,
                active.plan.request.by.as_deref().unwrap_or("an operator"),
                active.phase,
            ))
        };
    }
    if let Some(past) = turn.ledger.history.iter().rev().find(|past| same(&past.plan)) {
        return Answer::yes(format!(
            "Rollout {} was started before with this id, and has ended: {}. Use another id to begin anew.",
            past.plan.id(),
            past.outcome.as_str()
        ));
    }
    if plan.serial != turn.ledger.serial.saturating_add(1) || plan.endpoint() != facts.endpoint {
        return Answer::no("Another rollout began since this one was planned. Send `start` again.");
    }
    turn.ledger.serial = plan.serial;
    turn.ledger.last_good.get_or_insert_with(|| plan.base.clone());
    let mut rollout = begun(plan.clone(), &turn.world.facts.now, Phase::Pending);
    rollout.scaling.clone_from(&plan.blue.scaling);
    let alert = tell::started(&facts, &mut rollout);
    turn.ledger.outbox.push(alert);
    let said = format!("Rollout {} has begun. `status` shows how far it is.", plan.id());
    entered(turn, rollout);
    Answer::yes(said)
}

fn begun(plan: Plan, now: &jiff::Timestamp, phase: Phase) -> Rollout {
    Rollout {
        plan,
        started: *now,
        phase,
        since: *now,
        rested: std::time::Duration::ZERO,
        looked: Some(*now),
        absent: std::time::Duration::ZERO,
        paused: None,
        skipped: None,
        promoted: None,
        back: None,
        update: None,
        taken_back: None,
        judged_from: None,
        begun: BTreeMap::new(),
        scaling: None,
        sizes: None,
        restore: None,
        outgrown: Vec::new(),
        short: None,
        returning: false,
        green_scaling: None,
        raised: 0,
        unregistered: None,
        unpointed: BTreeMap::new(),
        named: BTreeMap::new(),
        stopped: None,
        held: false,
        problem: None,
        passed: Vec::new(),
        alerts: 0,
        log: Vec::new(),
    }
}

fn entered(turn: &mut Turn<'_>, rollout: Rollout) {
    turn.transitions.push(Transition {
        rollout: rollout.plan.id(),
        at: turn.world.facts.now,
        from: None,
        to: To::Phase(rollout.phase.clone()),
        cause: rollout.back.as_ref().map(|back| back.cause.clone()),
    });
    turn.ledger.active = Some(rollout);
}

fn about_active(turn: &mut Turn<'_>, order: Order, said: Said) -> Answer {
    let facts = turn.world.facts;
    let past = turn.ledger.history.last().map(|past| (past.plan.id(), past.outcome));
    let Some(rollout) = &mut turn.ledger.active else {
        return Answer::no(match (past, order) {
            (Some((id, Ended::Completed)), Order::Abort) => {
                format!("No rollout is at work: {id} has completed. `rollback` takes it back within its window.")
            }
            (Some((id, ended)), _) => format!(
                "No rollout is at work; the last one, {id}, is over: {}.",
                ended.as_str()
            ),
            (None, _) => "This endpoint has had no rollout. `start` begins one.".to_owned(),
        });
    };
    let id = rollout.plan.id();
    if order == Order::Abort && rollout.returning && rollout.phase == Phase::Returning {
        return stop(&facts, rollout, said);
    }
    if let Some(back) = &rollout.back {
        let doing = format!("Rollout {id} is being taken back ({}): {}", rollout.phase, back.cause);
        return Answer {
            accepted: order == Order::Abort,
            said: format!("{doing}. That cannot be stopped."),
        };
    }
    if rollout.plan.engine() != Engine::Variants && order != Order::Abort {
        return Answer::no(format!(
            "Rollout {id} is carried out by SageMaker's own engine ({}), which can only be stopped: `abort`. The engine \
             `variants` can {order}.",
            rollout.plan.engine()
        ));
    }
    match order {
        Order::Pause => {
            if rollout.phase == Phase::Removing {
                return Answer::no(format!(
                    "Rollout {id} is removing blue, which cannot be held; with that it has completed. `abort` puts the old model \
                     back."
                ));
            }
            if let Some(pause) = rollout
                .paused
                .as_ref()
                .filter(|pause| facts.now < rollout.held_until(pause))
            {
                return Answer::yes(format!("Rollout {id} is paused since {:.0} already.", pause.at));
            }
            let until = rollout.held_until(&said);
            if facts.now >= until {
                return Answer::no(format!(
                    "Rollout {id} passed its deadline at {until:.0}, and nothing is held after that: it is taken back, or has \
                     passed. `status` says which."
                ));
            }
            rollout.rested = rollout.rested.saturating_add(rollout.paused_for(facts.now));
            rollout.paused = Some(said);
            let alert = tell::paused(&facts, rollout);
            turn.ledger.outbox.push(alert);
            Answer::yes(if rollout.phase.is_before_the_end() {
                format!("Rollout {id} is held. Alarms, analysis and the deadline still act. `resume` goes on.")
            } else {
                format!(
                    "Rollout {id} is held, and blue is kept, until {until:.0} at the most. Alarms and analysis still act. `resume` \
                     goes on."
                )
            })
        }
        Order::Resume => {
            let Some(rest) = rollout.paused_until_now(facts.now) else {
                return Answer::yes(format!("Rollout {id} is not paused."));
            };
            rollout.paused = None;
            rollout.rested = rollout.rested.saturating_add(rest);
            let alert = tell::resumed(&facts, rollout, &said);
            turn.ledger.outbox.push(alert);
            Answer::yes(format!("Rollout {id} goes on."))
        }
        Order::Promote | Order::Skip => onward(rollout, order, said, &id),
        Order::Abort => {
            turn.back(Cause::Operator {
                by: said.by,
                reason: said.reason,
            });
            let by_alarm = turn
                .ledger
                .active
                .as_ref()
                .and_then(|rollout| rollout.plan.abort_alarm.clone());
            Answer::yes(match by_alarm {
                Some(alarm) => format!(
                    "Rollout {id} is taken back: alarm {alarm} tells SageMaker to stop its deployment. `status` says whether \
                     it does."
                ),
                None => format!("Rollout {id} is taken back."),
            })
        }
        Order::Rollback => Answer::no("Only a completed rollout is taken back with `rollback`; send `abort`."),
    }
}

fn onward(rollout: &mut Rollout, order: Order, said: Said, id: &str) -> Answer {
    if let Some(pause) = rollout
        .paused
        .as_ref()
        .filter(|pause| said.at < rollout.held_until(pause))
    {
        return Answer::no(format!(
            "Rollout {id} was paused by {} at {:.0}. Send `resume` first, so that both of you know.",
            pause.by.as_deref().unwrap_or("an operator"),
            pause.at
        ));
    }
    match (order, &rollout.phase) {
        (_, Phase::Gate { .. }) => {
            rollout.skipped.get_or_insert(said);
            Answer::yes(format!(
                "Rollout {id} passes its gate, unless an alarm or the analysis says otherwise."
            ))
        }
        (Order::Skip, Phase::Baking { .. }) => {
            rollout.skipped.get_or_insert(said);
            Answer::yes(format!(
                "Rollout {id} ends this bake, unless an alarm or the analysis says otherwise."
            ))
        }
        (Order::Skip, Phase::Keeping) => {
            rollout.skipped.get_or_insert(said);
            Answer::yes(format!(
                "Rollout {id} keeps blue no longer, unless an alarm or the health checker says otherwise."
            ))
        }
        (Order::Skip, phase) => Answer::no(format!(
            "Rollout {id} is {phase}: there is neither a bake nor a gate to skip."
        )),
        (_, Phase::Finishing | Phase::Keeping | Phase::Removing) => {
            Answer::yes(format!("Rollout {id} has promoted green already."))
        }
        _ => {
            rollout.promoted.get_or_insert(said);
            Answer::yes(format!(
                "Rollout {id} goes to its last step without further bakes and gates. Probes, alarms and analysis still act."
            ))
        }
    }
}
