//! What operators ask for: obeyed once, or refused with what to do instead.

use super::{
    back,
    cause::Cause,
    checks::{self, Seen},
    decide::Turn,
    decision::{Answer, Command, Facts},
    effect::ConfigPlan,
    ledger::{Back, COMMANDS, Ended, Past, Rollout, RolloutLedger, Said},
    look::Known,
    needs::{after, returnable},
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
        paused: None,
        skipped: None,
        promoted: None,
        back: None,
        update: None,
        taken_back: None,
        judged_from: None,
        scaling: None,
        sizes: None,
        restore: None,
        returning: false,
        green_scaling: None,
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
            if let Some(pause) = &rollout.paused {
                return Answer::yes(format!("Rollout {id} is paused since {:.0} already.", pause.at));
            }
            rollout.paused = Some(said);
            let alert = tell::paused(&facts, rollout);
            turn.ledger.outbox.push(alert);
            Answer::yes(format!(
                "Rollout {id} is held. Alarms, analysis and the deadline still act. `resume` goes on."
            ))
        }
        Order::Resume => {
            let Some(pause) = rollout.paused.take() else {
                return Answer::yes(format!("Rollout {id} is not paused."));
            };
            // Before the end the deadline takes a held rollout back; after it, it only ends the hold.
            let deadline = after(rollout.started, rollout.plan.request.policy.deadline);
            let ends = if rollout.phase.is_before_the_end() {
                facts.now
            } else {
                deadline.min(facts.now)
            };
            let rest = ends.duration_since(pause.at.max(rollout.since));
            rollout.rested = rollout.rested.saturating_add(rest.try_into().unwrap_or_default());
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

/// Ends the taking back of a completed rollout.
fn stop(facts: &Facts<'_>, rollout: &mut Rollout, said: Said) -> Answer {
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

fn onward(rollout: &mut Rollout, order: Order, said: Said, id: &str) -> Answer {
    if let Some(pause) = &rollout.paused {
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

/// Takes a completed rollout back.
fn rollback(turn: &mut Turn<'_>, said: Said) -> Answer {
    let facts = turn.world.facts;
    if let Some(rollout) = &turn.ledger.active {
        let id = rollout.plan.id();
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
