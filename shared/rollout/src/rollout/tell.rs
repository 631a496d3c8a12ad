//! What people are told: one alert for each change that they act on, and a line in the log for every change.

use std::time::Duration;

use super::{
    cause::Cause,
    decision::Facts,
    end,
    ledger::{Ended, LINES, Line, Rollout, Said},
    look::Known,
    phase::Phase,
    policy::OnDeadline,
    why::Why,
};
use crate::{
    alert::{Alert, AlertKind, Severity},
    text::{and_list, lasting, printable},
};

/// A step that could be taken, and is not, for this long is told.
const PATIENCE: Duration = Duration::from_secs(600);

/// An alert with an id of its own: when the rollout began, its number, and the alert's within it. The time tells it from
/// one whose ledger was lost, the number from one that began in the same millisecond.
fn alert(facts: &Facts<'_>, rollout: &mut Rollout, kind: AlertKind) -> Alert {
    rollout.alerts = rollout.alerts.saturating_add(1);
    let mut alert = Alert::new(kind, Some(facts.endpoint), facts.now, facts.now);
    let since = rollout.started.as_millisecond();
    let serial = rollout.plan.serial % 1_000_000;
    alert.id = format!("{kind}:{}:{since}:{serial}.{}", facts.endpoint, rollout.alerts);
    alert.labels.clone_from(facts.labels);
    alert.seen(format!("rollout {}", rollout.plan.id()))
}

fn note(facts: &Facts<'_>, rollout: &mut Rollout, what: impl Into<String>) {
    if rollout.log.len() >= LINES {
        rollout.log.remove(LINES / 2);
    }
    rollout.log.push(Line {
        at: facts.now,
        what: printable(&what.into(), 500),
    });
}

fn by(said: &Said) -> String {
    let who = said.by.as_deref().unwrap_or("an operator");
    match &said.reason {
        Some(reason) => format!("{who}: {reason}"),
        None => who.to_owned(),
    }
}

fn spoken(span: Duration) -> String {
    lasting(i64::try_from(span.as_secs()).unwrap_or(i64::MAX))
}

fn green(rollout: &Rollout) -> String {
    let plan = &rollout.plan;
    match &plan.green.model {
        Some(model) => model.clone(),
        None => plan.green.variant.clone(),
    }
}

pub(super) fn started(facts: &Facts<'_>, rollout: &mut Rollout) -> Alert {
    let request = rollout.plan.request.clone();
    let who = by(&Said {
        at: facts.now,
        by: request.by.clone(),
        reason: request.reason.clone(),
    });
    note(facts, rollout, format!("started by {who}"));
    let steps: Vec<String> = rollout
        .plan
        .steps()
        .iter()
        .map(|step| step.weight.to_string())
        .collect();
    let old = rollout.plan.blue.model.clone().unwrap_or_default();
    let title = format!("{} replaces {old}, {}", green(rollout), request.policy.strategy.name);
    let warnings = rollout.plan.warnings.clone();
    let mut alert = alert(facts, rollout, AlertKind::RolloutStarted)
        .titled(title)
        .seen(format!("asked for by {who}"))
        .seen(format!("steps {}, engine {}", steps.join(", "), request.policy.engine));
    alert.evidence.extend(warnings);
    alert.evidence.extend(rollout.plan.unmeasured.clone());
    alert
}

pub(super) fn paused(facts: &Facts<'_>, rollout: &mut Rollout) -> Alert {
    let who = rollout.paused.as_ref().map(by).unwrap_or_default();
    note(facts, rollout, format!("paused by {who}"));
    let ends = rollout.paused.as_ref().map(|pause| rollout.held_until(pause));
    let ends = ends.map_or(String::new(), |ends| format!("{ends:.0}"));
    let phase = rollout.phase.to_string();
    let until = if rollout.phase.is_before_the_end() {
        format!("its deadline is {ends}")
    } else {
        format!("blue is kept until {ends}, unless somebody sends `resume`")
    };
    alert(facts, rollout, AlertKind::RolloutPaused)
        .titled(format!("paused by {who}"))
        .seen(format!("it was {phase}"))
        .seen(until)
}

pub(super) fn resumed(facts: &Facts<'_>, rollout: &mut Rollout, said: &Said) -> Alert {
    let who = by(said);
    note(facts, rollout, format!("resumed by {who}"));
    alert(facts, rollout, AlertKind::RolloutResumed).titled(format!("resumed by {who}"))
}

/// The taking back of a completed rollout is to end.
pub(super) fn stopping(facts: &Facts<'_>, rollout: &mut Rollout, said: &Said) {
    let who = by(said);
    note(facts, rollout, format!("the taking back is stopped by {who}"));
}

/// It goes on after all.
pub(super) fn going_on(facts: &Facts<'_>, rollout: &mut Rollout, said: &Said) {
    let who = by(said);
    note(facts, rollout, format!("the taking back goes on, asked for by {who}"));
}

/// A change of phase. `alone`: what green is held to in place of comparisons, where that was looked at.
pub(super) fn moved(
    facts: &Facts<'_>,
    rollout: &mut Rollout,
    from: &Phase,
    alone: Option<&Known<Vec<String>>>,
) -> Option<Alert> {
    let phase = rollout.phase.clone();
    let policy = rollout.plan.request.policy.clone();
    let share = rollout.share();
    let cause = rollout.back.as_ref().map(|back| back.cause.clone());
    match &phase {
        Phase::Baking { step } => {
            let step_of = format!("step {} of {}", step + 1, rollout.plan.steps().len());
            let bake = rollout
                .plan
                .steps()
                .get(*step)
                .map(|step| step.bake)
                .unwrap_or_default();
            let bakes = match rollout.promoted {
                Some(_) => "goes on without a bake, as asked for".to_owned(),
                None => format!("bakes for {}", spoken(bake)),
            };
            note(
                facts,
                rollout,
                format!("{step_of}: green has {share}, read back; {bakes}"),
            );
            let held_to = match alone {
                None => Vec::new(),
                Some(Known::Yes(limits)) => limits.clone(),
                Some(Known::No(said)) => vec![format!("what blue's hour before allows could not be read: {said}")],
            };
            for limit in &held_to {
                note(facts, rollout, limit);
            }
            let title = format!("{} has {share} of the traffic ({step_of})", green(rollout));
            let mut alert = alert(facts, rollout, AlertKind::RolloutProgressed)
                .titled(title)
                .seen("the weights were read back")
                .did(format!("set green's share to {share}; it {bakes}"));
            alert.evidence.extend(held_to);
            Some(alert)
        }
        Phase::Gate { .. } => {
            let passed = rollout
                .passed
                .last()
                .map(|passed| passed.said.clone())
                .unwrap_or_default();
            note(facts, rollout, format!("waits for `promote` at {share}"));
            let then = match policy.on_deadline {
                OnDeadline::Abort => "it is taken back",
                OnDeadline::Promote => "it goes on if every check still passes",
            };
            let until = super::needs::after(facts.now, policy.gate_deadline)
                .min(super::needs::after(rollout.started, policy.deadline));
            let mut alert = alert(facts, rollout, AlertKind::RolloutWaiting)
                .titled(format!("waits for `promote` at {share} until {until:.0}; then {then}"));
            alert.evidence.extend(passed);
            Some(alert)
        }
        Phase::Keeping => {
            note(
                facts,
                rollout,
                format!("green has all traffic; blue is kept for {}", spoken(policy.keep_blue)),
            );
            let title = format!("{} has all the traffic", green(rollout));
            let passed = rollout.passed.last().map(|passed| passed.said.clone());
            let mut alert = alert(facts, rollout, AlertKind::RolloutPromoted)
                .titled(title)
                .did(format!("keeps blue, without traffic, for {}", spoken(policy.keep_blue)));
            alert.evidence.extend(passed.unwrap_or_default());
            Some(alert)
        }
        Phase::RollingBack | Phase::Returning if from.is_forward() => {
            let cause = cause?;
            note(facts, rollout, format!("taken back from {from}: {cause}"));
            let mut alert = alert(facts, rollout, AlertKind::RolloutRollingBack)
                .titled(cause.to_string())
                .did(if phase == Phase::Returning {
                    "puts the old model in the new one's place again"
                } else {
                    "gives all the traffic back to the old model"
                });
            alert.evidence.push(format!("it was {from}"));
            alert.evidence.extend(cause.evidence());
            if matches!(cause, Cause::Operator { .. }) {
                alert.severity = Severity::Warning;
            }
            Some(alert)
        }
        Phase::CleaningUp => {
            note(facts, rollout, "blue has all traffic, read back");
            let title = cause.as_ref().map(ToString::to_string).unwrap_or_default();
            Some(
                alert(facts, rollout, AlertKind::RolloutRolledBack)
                    .titled(title)
                    .seen("the weights and the config were read back")
                    .did("now removes what is left of green"),
            )
        }
        _ => {
            note(facts, rollout, phase.to_string());
            None
        }
    }
}

/// The end.
pub(super) fn ended(facts: &Facts<'_>, rollout: &mut Rollout, ended: Ended, cause: Option<&Cause>) -> Option<Alert> {
    match ended {
        Ended::Completed if let Some(stopped) = rollout.stopped.clone() => {
            let who = by(&stopped);
            note(facts, rollout, "over: green stays and is as before, read back");
            let title = format!("{} stays: its taking back was stopped by {who}", green(rollout));
            Some(
                alert(facts, rollout, AlertKind::RolloutCompleted)
                    .titled(title)
                    .seen("read back: InService with the new model, scaled as before"),
            )
        }
        Ended::Completed => {
            note(facts, rollout, "completed: green alone is in force, read back");
            let window = spoken(rollout.plan.request.policy.rollback_window);
            let title = format!("{} alone serves", green(rollout));
            let config = rollout
                .plan
                .only
                .as_ref()
                .map(|only| only.name.clone())
                .unwrap_or_default();
            Some(
                alert(facts, rollout, AlertKind::RolloutCompleted)
                    .titled(title)
                    .seen(format!("read back: InService with {config}"))
                    .did(format!("keeps what a `rollback` needs for {window}")),
            )
        }
        Ended::RolledBack => {
            note(facts, rollout, "over: everything is as before");
            None
        }
        Ended::Failed => {
            let said = cause.map(ToString::to_string).unwrap_or_default();
            note(facts, rollout, format!("failed: {said}"));
            let mut alert = alert(facts, rollout, AlertKind::RolloutFailed).titled(said);
            if let Some(back) = &rollout.back
                && Some(&back.cause) != cause
            {
                alert.evidence.push(format!("it was being taken back: {}", back.cause));
            }
            alert.evidence.push(format!("it was {}", rollout.phase));
            let plan = &rollout.plan;
            let configs = end::made(rollout);
            if !configs.is_empty() {
                alert.evidence.push(format!(
                    "configs it may have left behind: {}; they are deleted after {:.0}, but for one that the endpoint has then",
                    configs.join(", "),
                    end::left_until(facts, rollout),
                ));
            }
            if rollout
                .scaling
                .as_ref()
                .is_some_and(|scaling| !scaling.suspended.scale_in)
            {
                let variant = &plan.blue.variant;
                alert
                    .evidence
                    .push(format!("scale-in of {variant} may still be suspended"));
            }
            Some(alert)
        }
    }
}

/// After the end: alarms that scaled the endpoint and do so no more.
pub(super) fn unscaled(facts: &Facts<'_>, rollout: &mut Rollout, ended: Ended) -> Option<Alert> {
    if rollout.unpointed.is_empty() {
        return None;
    }
    let left = rollout.unpointed.clone();
    let names: Vec<&str> = left.keys().map(String::as_str).collect();
    let names = and_list(&names);
    let plan = &rollout.plan;
    let serves = match ended {
        Ended::Completed => format!("variant {}, which serves", plan.green.variant),
        Ended::RolledBack => format!("variant {}, which serves", plan.blue.variant),
        Ended::Failed => "whichever variant serves".to_owned(),
    };
    note(facts, rollout, format!("not scaled by {names} any more"));
    let mut alert = alert(facts, rollout, AlertKind::RolloutUnscaled)
        .titled(format!("{names} could not be pointed at the policies of {serves}"));
    let whys = left.into_iter().map(|(name, why)| format!("{name}: {why}"));
    alert.evidence.extend(whys);
    Some(alert)
}

/// Told once for each phase: users may get errors, and what would tell whether they are green's cannot be asked.
pub(super) fn unsettled(facts: &Facts<'_>, rollout: &mut Rollout, said: Vec<String>) -> Option<Alert> {
    if std::mem::replace(&mut rollout.unsettled, true) {
        return None;
    }
    let what = "the endpoint is unhealthy, and whether the new model is cannot be found out";
    note(facts, rollout, format!("{what}: {}", said.join("; ")));
    let share = rollout.share();
    let mut alert = alert(facts, rollout, AlertKind::RolloutHeld)
        .titled(what)
        .seen(format!("{} with {share} of the traffic", rollout.phase))
        .severe(Severity::Critical)
        .next(format!(
            "Look at your callers' errors. If they began with the new model, or are more than before, take it back: \
             {{\"command\":\"abort\",\"endpoint\":\"{}\",\"by\":\"you\"}}. Otherwise let the probes reach it: the evidence says what \
             keeps them away. Steward asks it again at every wake-up, and does not go on before it has answered.",
            facts.endpoint
        ));
    alert.evidence.extend(said);
    Some(alert)
}

/// Told once for each phase: it waits for what should not take so long.
pub(super) fn held(facts: &Facts<'_>, rollout: &mut Rollout, why: &Why) -> Option<Alert> {
    let policy = &rollout.plan.request.policy;
    let elapsed = rollout.elapsed(facts.now);
    let normal = matches!(
        why,
        Why::Baking { .. } | Why::Waiting { .. } | Why::Keeping { .. } | Why::Paused { .. } | Why::Ended | Why::Idle
    );
    let limit = match &rollout.phase {
        _ if matches!(why, Why::Drifted(_)) => Duration::ZERO,
        Phase::Baking { step } => {
            let bake = rollout
                .plan
                .steps()
                .get(*step)
                .map(|step| step.bake)
                .unwrap_or_default();
            bake.saturating_add(PATIENCE)
        }
        Phase::Keeping => policy.keep_blue.saturating_add(PATIENCE),
        Phase::CleaningUp if matches!(why, Why::Growing { .. }) => PATIENCE,
        Phase::RollingBack | Phase::Returning => PATIENCE,
        Phase::Finishing | Phase::Removing | Phase::CleaningUp | Phase::Leaving => policy.phase_deadline,
        // Everything else has a deadline that ends it.
        _ => return None,
    };
    if normal || rollout.held || elapsed < limit {
        return None;
    }
    rollout.held = true;
    note(facts, rollout, format!("held: {why}"));
    let urgent = matches!(rollout.phase, Phase::RollingBack | Phase::Returning);
    let phase = rollout.phase.to_string();
    let problem = rollout.problem.clone();
    let title = match rollout.phase {
        Phase::Removing => format!("the old variant cannot be removed yet: {why}"),
        Phase::Returning => format!("the old model is not back yet: {why}"),
        _ => why.to_string(),
    };
    let mut alert = alert(facts, rollout, AlertKind::RolloutHeld)
        .titled(title)
        .seen(format!("{phase} for {}", spoken(elapsed)));
    alert
        .evidence
        .extend(problem.map(|problem| format!("the last problem: {problem}")));
    if urgent {
        alert = alert.severe(Severity::Critical).next(match (&rollout.phase, rollout.returning) {
            (Phase::Returning, true) => {
                "The new model serves until there are instances for the old one. `abort` ends the taking back: the new model \
                 stays, scaled as before. Otherwise Steward tries again, with 10 minutes between."
            }
            (Phase::Returning, false) => {
                "The new model serves until there are instances for the old one. Steward tries again, with 10 minutes between."
            }
            _ => "Give the old variant its weight by hand if you can; Steward goes on trying at every wake-up.",
        });
    } else if rollout.phase == Phase::CleaningUp && matches!(why, Why::Growing { .. }) {
        alert = alert.severe(Severity::Critical).next(
            "The old model has all the traffic, and fewer instances than the new one had for it. Free instances or quota for it. \
             Steward asks again, with 10 minutes between, and does not remove the new one before the phase's deadline.",
        );
    } else if rollout.phase == Phase::Removing {
        let blue = &rollout.plan.blue.variant;
        alert.evidence.push(format!(
            "all traffic is on the new model, and every check passed; {blue} stays beside it"
        ));
        alert = alert.next(
            "Nothing has to be done for your users: only two fleets are paid for. Most often capacity or quota is missing, as \
             SageMaker builds the fleet that stays anew. Steward tries again, with 10 minutes between; `abort` takes the new \
             model back.",
        );
    }
    Some(alert)
}
