//! What operators ask for: obeyed once, or refused with what to do instead.

mod onward;
mod repeated;
mod restorable;
mod rollback;
mod start;

use std::collections::BTreeMap;

pub(super) use self::restorable::{NotNow, restorable};
pub use self::start::{again, begun_before};
use self::{
    onward::onward,
    repeated::Asked,
    rollback::{rollback, stop},
};
use super::{
    cause::Cause,
    decide::Turn,
    decision::{Answer, Command},
    ledger::{Ended, Rollout, RolloutLedger, Said},
    phase::Phase,
    plan::Plan,
    policy::Engine,
    request::Order,
    tell,
    why::{To, Transition},
};

/// It is an abort, and not one that was obeyed before.
pub(super) fn aborts(now: jiff::Timestamp, ledger: &RolloutLedger, command: &Command) -> bool {
    let is_abort = matches!(
        command,
        Command::Order {
            order: Order::Abort,
            ..
        }
    );
    is_abort && Asked::of(command).is_none_or(|asked| repeated::answer(now, ledger, asked).is_none())
}

pub(super) fn obey(turn: &mut Turn<'_>, command: &Command) -> Answer {
    match command {
        Command::Start(plan) => start::start(turn, plan),
        Command::Order {
            order,
            step,
            component,
            by,
            reason,
            ..
        } => {
            let now = turn.world.facts.now;
            let asked = Asked::of(command);
            if let Some(asked) = asked
                && let Some(answer) = repeated::answer(now, &turn.ledger, asked)
            {
                return answer;
            }
            let said = Said {
                at: now,
                by: by.clone(),
                reason: reason.clone(),
            };
            let answer = match order {
                Order::Rollback => rollback(turn, component.as_deref(), said),
                order => about_active(turn, *order, *step, said),
            };
            if answer.accepted
                && let Some(asked) = asked
            {
                repeated::remember(now, &mut turn.ledger, asked);
            }
            answer
        }
    }
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
        onward: None,
        promoted: None,
        back: None,
        update: None,
        taken_back: None,
        judged_from: None,
        found_ill: false,
        asked: None,
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
        unsettled: false,
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

fn about_active(turn: &mut Turn<'_>, order: Order, step: Option<usize>, said: Said) -> Answer {
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
        Order::Promote | Order::PromoteFull | Order::Skip => onward(rollout, order, step, said),
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
