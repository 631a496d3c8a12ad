//! Step by step: green grows, takes its share, and is watched.

use super::{advance, finish::scale_green, held_by_operator};
use crate::{
    endpoint::Endpoint,
    rollout::{
        cause::Cause,
        checks::{self, Seen, Weighed, World},
        decide::Next,
        effect::Effect,
        ledger::{Passed, Rollout},
        needs::after,
        phase::{Phase, Rounds},
        strategy::Weight,
        why::Why,
    },
};

/// Blue has what it had at the start; if not, it is given back.
pub(super) fn blue_is_whole(rollout: &Rollout, endpoint: &Endpoint) -> Option<Next> {
    let blue = &rollout.plan.blue;
    let needed = blue.instances?;
    let seen = checks::variant(endpoint, &blue.variant)?;
    if seen.desired_instances? < needed {
        return Some(Next::Do(Effect::SetInstances {
            variant: blue.variant.clone(),
            count: needed,
        }));
    }
    (seen.current_instances? < needed).then(|| {
        Next::Stay(Why::Growing {
            variant: blue.variant.clone(),
            current: seen.current_instances.unwrap_or(0),
            wanted: needed,
        })
    })
}

/// What green should weigh now, or why nothing can be done about it.
pub(super) fn drifted(rollout: &Rollout, endpoint: &Endpoint) -> Option<Next> {
    let share = rollout.share();
    match checks::weigh(&rollout.plan, endpoint, share) {
        Weighed::AsWished => None,
        Weighed::GreenHasMore => Some(Next::Back(Cause::TakenOver {
            said: format!(
                "somebody else gave green more than its {share}: weights {}",
                checks::weights_said(&rollout.plan, endpoint)
            ),
        })),
        Weighed::GreenHasLess => Some(Next::Stay(Why::Drifted(format!(
            "somebody else took from green's {share}: weights {}",
            checks::weights_said(&rollout.plan, endpoint)
        )))),
    }
}

pub(super) fn sizing(
    world: &World<'_>,
    rollout: &mut Rollout,
    endpoint: &Endpoint,
    step: usize,
    count: Option<u32>,
) -> Next {
    if let Some(next) = drifted(rollout, endpoint).or_else(|| blue_is_whole(rollout, endpoint)) {
        return next;
    }
    let green = rollout.plan.green.variant.clone();
    let seen = checks::variant(endpoint, &green);
    if let (Some(count), Some(desired)) = (count, seen.and_then(|seen| seen.desired_instances)) {
        if desired < count {
            return Next::Do(Effect::SetInstances { variant: green, count });
        }
        let current = seen.and_then(|seen| seen.current_instances).unwrap_or(0);
        if current < count {
            return Next::Stay(Why::Growing {
                variant: green,
                current,
                wanted: count,
            });
        }
    }
    if rollout.plan.share(step) == Weight::FULL
        && let Some(next) = scale_green(world, rollout, count, true)
    {
        return next;
    }
    if let Some(why) = held_by_operator(world, rollout) {
        return Next::Stay(why);
    }
    Next::Go(Phase::Shifting { step })
}

pub(super) fn shifting(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint, step: usize) -> Next {
    let share = rollout.plan.share(step);
    if checks::weigh(&rollout.plan, endpoint, share) == Weighed::AsWished {
        rollout.judged_from = Some(world.facts.now);
        rollout.problem = None;
        let smoke = rollout.plan.steps().get(step).is_some_and(|step| step.smoke);
        return Next::Go(if smoke {
            Phase::Probing {
                step,
                rounds: Rounds::default(),
            }
        } else {
            Phase::Baking { step }
        });
    }
    if let Some(next) = blue_is_whole(rollout, endpoint) {
        return next;
    }
    if let Some(why) = held_by_operator(world, rollout) {
        return Next::Stay(why);
    }
    match checks::alarms_are_quiet(world, rollout) {
        Ok(()) => Next::Do(Effect::SetWeights(rollout.plan.weights(share))),
        Err(why) => Next::Stay(why),
    }
}

pub(super) fn baking(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint, step: usize) -> Next {
    if let Some(next) = drifted(rollout, endpoint).or_else(|| blue_is_whole(rollout, endpoint)) {
        return next;
    }
    let word = rollout.skipped.clone().or_else(|| rollout.promoted.clone());
    let bake = rollout.plan.steps().get(step).map(|step| step.bake).unwrap_or_default();
    let left = bake.saturating_sub(rollout.elapsed(world.facts.now));
    if let Some(why) = held_by_operator(world, rollout) {
        return Next::Stay(why);
    }
    if !left.is_zero() && word.is_none() {
        return Next::Stay(Why::Baking {
            left: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        });
    }
    if let Err(why) = checks::alarms_are_quiet(world, rollout) {
        return Next::Stay(why);
    }
    let said = match (checks::analysis_passed(world, rollout), &word) {
        (Ok(said), _) => said,
        (Err(why), Some(_)) => vec![why.to_string()],
        (Err(why), None) => return Next::Stay(why),
    };
    let gate = rollout.plan.steps().get(step).is_some_and(|step| step.gate) && rollout.promoted.is_none();
    let next = if gate {
        Next::Go(Phase::Gate { step })
    } else {
        advance(world, rollout, Some(step))
    };
    rollout.passed.push(Passed {
        step,
        from: rollout.judged_from.unwrap_or(rollout.since),
        to: world.facts.now,
        word,
        said,
    });
    next
}

/// Everything but a person's word is there.
pub(in crate::rollout) fn gate_may_open(world: &World<'_>, rollout: &Rollout) -> Result<(), Why> {
    checks::alarms_are_quiet(world, rollout)?;
    checks::analysis_passed(world, rollout)?;
    match checks::endpoint(world) {
        Seen::Settled(endpoint) if drifted(rollout, endpoint).is_none() => Ok(()),
        Seen::Settled(_) => Err(Why::Drifted("the weights are not as wished".to_owned())),
        _ => Err(Why::NotLooked),
    }
}

pub(super) fn gate(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint, step: usize) -> Next {
    if let Some(next) = drifted(rollout, endpoint).or_else(|| blue_is_whole(rollout, endpoint)) {
        return next;
    }
    if let Some(why) = held_by_operator(world, rollout) {
        return Next::Stay(why);
    }
    let Some(word) = rollout.skipped.clone().or_else(|| rollout.promoted.clone()) else {
        return Next::Stay(Why::Waiting {
            until: after(rollout.since, rollout.plan.request.policy.gate_deadline)
                .min(after(rollout.started, rollout.plan.request.policy.deadline)),
        });
    };
    if let Err(why) = checks::alarms_are_quiet(world, rollout) {
        return Next::Stay(why);
    }
    if let Some(passed) = rollout.passed.last_mut() {
        passed.word = Some(word);
    }
    advance(world, rollout, Some(step))
}
