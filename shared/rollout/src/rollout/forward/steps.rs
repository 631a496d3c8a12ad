//! Step by step: green grows, takes its share, and is watched.

use super::{
    advance,
    finish::scale_green,
    follow::{blue_grows, green_may_grow},
    held_by_operator, size,
};
use crate::{
    endpoint::Endpoint,
    rollout::{
        cause::Cause,
        checks::{self, Alarms, Progress, Seen, Weighed, World},
        decide::Next,
        effect::Effect,
        ledger::{Passed, Rollout},
        needs::after,
        phase::{Phase, Rounds},
        strategy::Weight,
        triggers,
        why::Why,
    },
};

/// Blue has what it had at the start; if not, it is given back.
pub(super) fn blue_is_whole(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint) -> Option<Next> {
    let needed = rollout.plan.blue.instances?;
    let blue = rollout.plan.blue.variant.clone();
    grown(world, rollout, endpoint, &blue, needed)
}

/// And green has what its share needs by now, and blue what all of it does: a bake may last a day, and a gate the night.
fn both_are_whole(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint) -> Option<Next> {
    blue_is_whole(world, rollout, endpoint)
        .or_else(|| green_may_grow(world, rollout))
        .or_else(|| {
            let needed = size::with_share(rollout, endpoint)?;
            let green = rollout.plan.green.variant.clone();
            grown(world, rollout, endpoint, &green, needed)
        })
        .or_else(|| scales_what_serves(world, rollout))
        .or_else(|| blue_grows(world, rollout, endpoint, false))
}

/// With all of the traffic green is scaled by the alarms that scaled blue: its last bake may last a day, and so may the time
/// for which blue is kept. It holds nothing up.
pub(super) fn scales_what_serves(world: &World<'_>, rollout: &mut Rollout) -> Option<Next> {
    let green = rollout.plan.green.variant.clone();
    (rollout.share() == Weight::FULL).then(|| triggers::point_meanwhile(world, rollout, &green))?
}

/// The variant has so many instances; `None` when it has. SageMaker is asked once: when it took the change back, most
/// likely for want of capacity, it is asked again after a rest in which the endpoint can scale.
fn grown(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint, variant: &str, wanted: u32) -> Option<Next> {
    let seen = checks::variant(endpoint, variant)?;
    let current = seen.current_instances?;
    if seen.desired_instances? >= wanted {
        return (current < wanted).then(|| {
            Next::Stay(Why::Growing {
                variant: variant.to_owned(),
                current,
                wanted,
            })
        });
    }
    let effect = Effect::SetInstances {
        variant: variant.to_owned(),
        count: wanted,
    };
    let asked = effect.to_string();
    let modified = Some(endpoint.modified);
    let progress = checks::not_in_force(world, rollout, modified, &asked);
    Some(match checks::tried_again(world, rollout, progress) {
        Progress::NotSeenYet => Next::Stay(Why::NotSeenYet(asked)),
        Progress::Done | Progress::ToDo | Progress::TakenBack => match checks::rests(world, rollout, &asked) {
            Some(why) => Next::Stay(why),
            None => {
                // Not known to have been taken: what changed since says nothing of it.
                rollout.update.take_if(|update| update.accepted.is_none());
                checks::begin(rollout, &asked, modified);
                Next::Do(effect)
            }
        },
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
    if let Some(next) = drifted(rollout, endpoint).or_else(|| blue_is_whole(world, rollout, endpoint)) {
        return next;
    }
    let green = rollout.plan.green.variant.clone();
    if let Some(next) = count.and_then(|count| grown(world, rollout, endpoint, &green, count)) {
        return next;
    }
    let share = rollout.plan.share(step);
    if (count.is_some() || share == Weight::FULL)
        && let Some(next) = scale_green(world, rollout, count, share, true)
    {
        return next;
    }
    if let Some(why) = held_by_operator(world, rollout) {
        return Next::Stay(why);
    }
    rollout.sizes = size::given(rollout, endpoint, count);
    rollout.begins(step, world.facts.now);
    Next::Go(Phase::Shifting { step })
}

pub(super) fn shifting(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint, step: usize) -> Next {
    let share = rollout.plan.share(step);
    if checks::weigh(&rollout.plan, endpoint, share) == Weighed::AsWished {
        rollout.judged_from = Some(world.facts.now);
        rollout.sizes = size::at_share(rollout, endpoint);
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
    if let Some(next) = blue_is_whole(world, rollout, endpoint) {
        return next;
    }
    if let Some(why) = held_by_operator(world, rollout) {
        return Next::Stay(why);
    }
    // Green's own metrics begin with its traffic, so an alarm on them can have no data before its first share; and one of
    // the step to come none before that step.
    let by_word = rollout.passed.last().is_none_or(|passed| passed.word.is_some());
    match checks::alarms_are_quiet(world, rollout, needed(by_word || rollout.promoted.is_some())) {
        Ok(()) => Next::Do(Effect::SetWeights(rollout.plan.weights(share))),
        Err(why) => Next::Stay(why),
    }
}

pub(super) fn baking(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint, step: usize) -> Next {
    if let Some(next) = drifted(rollout, endpoint).or_else(|| both_are_whole(world, rollout, endpoint)) {
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
    if let Err(why) = checks::alarms_are_quiet(world, rollout, needed(word.is_some())) {
        return Next::Stay(why);
    }
    if word.is_none()
        && let Err(why) = checks::is_well(world, rollout)
    {
        return Next::Stay(why);
    }
    // A word ends the bake in the very decision that read the share back: what was judged in that look is the step before.
    let judged = match rollout.judged_from {
        Some(from) if from >= world.facts.now && rollout.analysis().is_some() => {
            Err(Why::Inconclusive(vec!["not a whole minute of metrics yet".to_owned()]))
        }
        _ => checks::analysis_passed(world, rollout),
    };
    let said = match (judged, &word) {
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

/// A person's word stands in for data that is missing, never for an alarm that cannot be read.
const fn needed(by_word: bool) -> Alarms {
    if by_word { Alarms::Readable } else { Alarms::Ok }
}

/// Everything but a person's word is there.
pub(in crate::rollout) fn gate_may_open(world: &World<'_>, rollout: &Rollout) -> Result<(), Why> {
    checks::alarms_are_quiet(world, rollout, Alarms::Ok)?;
    checks::is_well(world, rollout)?;
    checks::analysis_passed(world, rollout)?;
    match checks::endpoint(world) {
        Seen::Settled(endpoint) if drifted(rollout, endpoint).is_none() => Ok(()),
        Seen::Settled(_) => Err(Why::Drifted("the weights are not as wished".to_owned())),
        _ => Err(Why::NotLooked),
    }
}

pub(super) fn gate(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint, step: usize) -> Next {
    if let Some(next) = drifted(rollout, endpoint).or_else(|| both_are_whole(world, rollout, endpoint)) {
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
    if let Err(why) = checks::alarms_are_quiet(world, rollout, Alarms::Readable) {
        return Next::Stay(why);
    }
    if let Some(passed) = rollout.passed.last_mut() {
        passed.word = Some(word);
    }
    advance(world, rollout, Some(step))
}
