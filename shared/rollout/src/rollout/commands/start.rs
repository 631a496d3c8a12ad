//! Rollouts that begin: `start`, `retry`, and either again.

use super::{begun, entered};
use crate::{
    rollout::{
        decide::Turn,
        decision::Answer,
        ledger::{Ended, Past, RolloutLedger},
        phase::Phase,
        plan::Plan,
        request::Request,
        tell,
    },
    text::and_list,
};

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

/// What a `start` is answered whose id began a rollout before, and the plan of that; none when no rollout has this id.
///
/// The same `start` again begins nothing, whatever became of the first one. It is accepted where what it asks for is so: that
/// rollout is at work, or what it brought is what serves. Everything else is refused, so that nobody takes it for done.
pub fn begun_before<'a>(ledger: &'a RolloutLedger, request: &Request) -> Option<(&'a Plan, Answer)> {
    let id = &request.id;
    let same = |plan: &Plan| plan.request.id == *id;
    let another = |plan: &Plan| {
        let differences = plan.request.differences(request);
        (!differences.is_empty()).then(|| and_list(&differences.iter().map(String::as_str).collect::<Vec<_>>()))
    };
    if let Some(active) = ledger.active.as_ref().filter(|active| same(&active.plan)) {
        let plan = &active.plan;
        let (rollout, phase) = (plan.id(), &active.phase);
        let answer = match (another(plan), &active.back) {
            (Some(what), _) => Answer::no(format!(
                "The id `{id}` is that of rollout {rollout}, which is {phase}, and this asks for another one: {what}. Nothing \
                 was begun; send it with another id when that one has ended."
            )),
            (None, Some(_)) if active.stopped.is_none() => Answer::no(format!(
                "Rollout {rollout} was started with the id `{id}`, and is being taken back ({phase}). Nothing was begun; send \
                 another id, or `retry`, when it has ended."
            )),
            (None, _) => Answer::yes(format!(
                "Rollout {rollout} was started before with this id; it is {phase}."
            )),
        };
        return Some((plan, answer));
    }
    let past = ledger.history.iter().rev().find(|past| same(&past.plan))?;
    let plan = &past.plan;
    let (rollout, outcome) = (plan.id(), past.outcome.as_str());
    let answer = match another(plan) {
        Some(what) => Answer::no(format!(
            "The id `{id}` is that of rollout {rollout}, which has ended: {outcome}. This asks for another one: {what}. Nothing \
             was begun; send it with another id."
        )),
        None if serves(ledger, past) => Answer::yes(format!(
            "Rollout {rollout} was started before with this id, and has ended: {outcome}. Use another id to begin anew."
        )),
        None if past.outcome == Ended::Completed => Answer::no(format!(
            "Rollout {rollout} was started with the id `{id}`, and has ended: {outcome}; others came after it. Nothing was \
             begun; send another id to begin anew."
        )),
        None => Answer::no(format!(
            "Rollout {rollout} was started with the id `{id}`, and has ended: {outcome}{}. Nothing was begun; send another id \
             to begin anew.",
            past.cause
                .as_ref()
                .map(|cause| format!(", {cause}"))
                .unwrap_or_default()
        )),
    };
    Some((plan, answer))
}

/// What a rollout brought is there: it completed, and none after it changed what serves. Of one inference component others
/// change nothing.
fn serves(ledger: &RolloutLedger, past: &Past) -> bool {
    let same = |other: &Past| other.plan.request.component == past.plan.request.component;
    let changed = |other: &&Past| same(other) && (other.returned || other.outcome != Ended::RolledBack);
    let last = ledger.history.iter().rev().find(changed);
    past.outcome == Ended::Completed && last.is_some_and(|last| last.plan.serial == past.plan.serial)
}

pub(super) fn start(turn: &mut Turn<'_>, plan: &Plan) -> Answer {
    let facts = turn.world.facts;
    if let Some((_, answer)) = begun_before(&turn.ledger, &plan.request) {
        return answer;
    }
    if let Some(active) = &turn.ledger.active {
        return Answer::no(format!(
            "Rollout {} to {} is at work since {:.0}, started by {}: {}. Wait for its end, or `abort` it first.",
            active.plan.id(),
            active.plan.green.model.as_deref().unwrap_or("another fleet"),
            active.started,
            active.plan.request.by.as_deref().unwrap_or("an operator"),
            active.phase,
        ));
    }
    if plan.serial != turn.ledger.serial.saturating_add(1) || plan.endpoint() != facts.endpoint {
        return Answer::no("Another rollout began since this one was planned. Send `start` again.");
    }
    turn.ledger.serial = plan.serial;
    turn.ledger.commands.clear();
    turn.ledger.last_good.get_or_insert_with(|| plan.base.clone());
    let mut rollout = begun(plan.clone(), &turn.world.facts.now, Phase::Pending);
    rollout.scaling.clone_from(&plan.blue.scaling);
    let alert = tell::started(&facts, &mut rollout);
    turn.ledger.outbox.push(alert);
    let mut said = format!("Rollout {} has begun. `status` shows how far it is.", plan.id());
    if let Some(unmeasured) = &plan.unmeasured {
        said.push_str(&format!("\nNote: {unmeasured}."));
    }
    entered(turn, rollout);
    Answer::yes(said)
}
