//! `promote` and `skip`: each for the one thing that it was said of.
//!
//! Clients repeat what they are not sure of, and two people answer one alert. So neither word means something else in the
//! next phase: `promote` opens the gate that is open, `skip` ends the bake that bakes, and going on to the end is asked for
//! as such.

use std::time::Duration;

use crate::rollout::{
    decision::Answer,
    ledger::{Onward, Rollout, Said},
    needs::after,
    phase::Phase,
    request::Order,
};

/// So long after it was obeyed the same order, where it names no step, is taken for an echo: the AWS CLI and SDKs send a
/// command again when 60 seconds have brought no answer.
const ECHO: Duration = Duration::from_secs(120);

/// `step` counts from 1.
pub(super) fn onward(rollout: &mut Rollout, order: Order, step: Option<usize>, said: Said) -> Answer {
    let id = rollout.plan.id();
    if let Some(pause) = rollout
        .paused
        .as_ref()
        .filter(|pause| said.at < rollout.held_until(pause))
    {
        return Answer::no(format!(
            "Rollout {id} was paused by {} at {:.0}. Send `resume` first, so that both of you know.",
            who(pause),
            pause.at
        ));
    }
    let at = rollout.phase.step().map(|at| at.saturating_add(1));
    if let Some(step) = step.filter(|step| at != Some(*step)) {
        let opened = opened(rollout, step.checked_sub(1));
        return Answer::no(format!(
            "Rollout {id} is {}, not at step {step}{opened}. Nothing was done.",
            rollout.phase
        ));
    }
    match (order, &rollout.phase) {
        (Order::Skip, Phase::Baking { .. } | Phase::Keeping) => skip(rollout, step, said),
        (Order::Skip, Phase::Gate { step }) => Answer::no(format!(
            "Rollout {id} waits at the gate of step {}: `promote` opens it, and `skip` ends a bake.",
            step.saturating_add(1)
        )),
        (Order::Skip, phase) => Answer::no(format!("Rollout {id} is {phase}: there is no bake to skip.")),
        (_, Phase::Finishing | Phase::Keeping | Phase::Removing) => {
            Answer::yes(format!("Rollout {id} has promoted green already."))
        }
        (Order::PromoteFull, _) => match &rollout.promoted {
            Some(word) => to_the_end_already(&id, word),
            None => {
                rollout.promoted = Some(said);
                Answer::yes(format!(
                    "Rollout {id} goes to its last step without further bakes and gates. Probes, alarms and analysis still act."
                ))
            }
        },
        (_, Phase::Gate { .. }) => open(rollout, step, said),
        (_, phase) => match &rollout.promoted {
            Some(word) => to_the_end_already(&id, word),
            None => Answer::no(format!(
                "Rollout {id} is {phase}, and waits at no gate{}. `promote` with `\"full\": true` goes to the last step without \
                 further bakes and gates; `skip` ends a bake.",
                opened(rollout, None)
            )),
        },
    }
}

fn open(rollout: &mut Rollout, step: Option<usize>, said: Said) -> Answer {
    let id = rollout.plan.id();
    if let Some(word) = &rollout.skipped {
        return Answer::yes(format!(
            "{} opened this gate of rollout {id} at {:.0} already; what holds it still is in `status`.",
            who(word),
            word.at
        ));
    }
    if let Some(answer) = echo(rollout, Order::Promote, step, &said) {
        return answer;
    }
    passes(rollout, Order::Promote, said);
    Answer::yes(format!(
        "Rollout {id} passes its gate, unless an alarm or the analysis says otherwise."
    ))
}

fn skip(rollout: &mut Rollout, step: Option<usize>, said: Said) -> Answer {
    let id = rollout.plan.id();
    if let Some(word) = &rollout.skipped {
        return Answer::yes(format!(
            "{} asked for that at {:.0} already; what holds rollout {id} still is in `status`.",
            who(word),
            word.at
        ));
    }
    if let Some(answer) = echo(rollout, Order::Skip, step, &said) {
        return answer;
    }
    let ends = if rollout.phase == Phase::Keeping {
        "keeps blue no longer, unless an alarm or the health checker says otherwise"
    } else {
        "ends this bake, unless an alarm or the analysis says otherwise"
    };
    passes(rollout, Order::Skip, said);
    Answer::yes(format!("Rollout {id} {ends}."))
}

fn passes(rollout: &mut Rollout, order: Order, said: Said) {
    rollout.onward = Some(Onward {
        order,
        step: rollout.phase.step(),
        said: said.clone(),
    });
    rollout.skipped = Some(said);
}

/// Refuses what may be the order that ended an earlier phase, sent twice or by two people.
fn echo(rollout: &Rollout, order: Order, step: Option<usize>, said: &Said) -> Option<Answer> {
    let last = rollout.onward.as_ref().filter(|last| last.order == order)?;
    let until = after(last.said.at, ECHO);
    if step.is_some() || said.at >= until {
        return None;
    }
    let what = if order == Order::Skip { "bake" } else { "gate" };
    let of = last.step.map(|step| format!(" of step {}", step.saturating_add(1)));
    let otherwise = match rollout.phase.step() {
        Some(step) => format!("send it with `\"step\": {}`", step.saturating_add(1)),
        None => format!("send it again after {until:.0}"),
    };
    Some(Answer::no(format!(
        "Rollout {} is {} by now: {} sent `{order}` for the {what}{} at {:.0}, and this may be the same one. Nothing was done; if \
         it is not, {otherwise}.",
        rollout.plan.id(),
        rollout.phase,
        who(&last.said),
        of.unwrap_or_default(),
        last.said.at
    )))
}

fn to_the_end_already(id: &str, word: &Said) -> Answer {
    Answer::yes(format!(
        "Rollout {id} goes to its last step already, as {} asked for at {:.0}.",
        who(word),
        word.at
    ))
}

/// Who opened a gate that was passed, and when: that of the step with this index, or the last one.
fn opened(rollout: &Rollout, step: Option<usize>) -> String {
    let gated = |index: usize| rollout.plan.steps().get(index).is_some_and(|step| step.gate);
    let mut passed = rollout.passed.iter().rev();
    let gate = passed.find(|passed| gated(passed.step) && step.is_none_or(|step| step == passed.step));
    match gate.and_then(|passed| passed.word.as_ref().map(|word| (passed.step, word))) {
        Some((step, word)) => format!(
            "; {} opened the gate of step {} at {:.0}",
            who(word),
            step.saturating_add(1),
            word.at
        ),
        None => String::new(),
    }
}

fn who(said: &Said) -> &str {
    said.by.as_deref().unwrap_or("an operator")
}
