//! The engine `variants` on its way: each phase looks whether what it wants is so, and otherwise asks for one call.

use super::{
    cause::Cause,
    checks::{self, Config, Progress, Seen, Weighed, World},
    decide::Next,
    effect::Effect,
    ledger::{Ended, Passed, Rollout},
    look::Known,
    phase::{Phase, Rounds},
    strategy::Weight,
    why::Why,
};
use crate::{
    endpoint::Endpoint,
    scaling::{Scaling, Suspended},
};

pub(super) fn step(world: &World<'_>, rollout: &mut Rollout) -> Next {
    let phase = rollout.phase.clone();
    let endpoint = match settled(world, rollout) {
        Ok(endpoint) => endpoint,
        Err(next) => return next,
    };
    match phase {
        Phase::Pending => match held_by_operator(world, rollout) {
            Some(why) => Next::Stay(why),
            None => Next::Go(Phase::Preparing),
        },
        Phase::Preparing => preparing(world, rollout, endpoint),
        Phase::Smoke(rounds) => match probed(world, rollout, rounds) {
            Ok(()) => advance(world, rollout, None),
            Err(next) => next,
        },
        Phase::Sizing { step, count } => sizing(world, rollout, endpoint, step, count),
        Phase::Shifting { step } => shifting(world, rollout, endpoint, step),
        Phase::Probing { step, rounds } => match probed(world, rollout, rounds) {
            Ok(()) => Next::Go(Phase::Baking { step }),
            Err(next) => next,
        },
        Phase::Baking { step } => baking(world, rollout, endpoint, step),
        Phase::Gate { step } => gate(world, rollout, endpoint, step),
        Phase::Finishing => finishing(world, rollout, endpoint),
        Phase::Keeping => keeping(world, rollout, endpoint),
        Phase::Removing => removing(world, rollout, endpoint),
        Phase::Deploying | Phase::RollingBack | Phase::CleaningUp | Phase::Returning | Phase::Leaving => {
            Next::Stay(Why::Unknown(format!("{phase} is no phase of this engine on its way")))
        }
    }
}

/// The endpoint, InService and with a config that this phase knows.
fn settled<'a>(world: &World<'a>, rollout: &Rollout) -> Result<&'a Endpoint, Next> {
    let plan = &rollout.plan;
    let endpoint = match checks::endpoint(world) {
        Seen::No(why) => return Err(Next::Stay(why)),
        Seen::Gone => {
            let said = format!("the endpoint {} is gone", plan.endpoint());
            return Err(Next::End(Ended::Failed, Some(Cause::Gone { said })));
        }
        Seen::Broken(said) => return Err(Next::End(Ended::Failed, Some(Cause::Endpoint { said }))),
        Seen::Busy(endpoint) => {
            return Err(Next::Stay(match &rollout.update {
                Some(update) if update.seen => Why::Working(format!("the update to {}", update.target)),
                _ => Why::Busy(endpoint.status),
            }));
        }
        Seen::Settled(endpoint) => endpoint,
    };
    let both = plan.both.as_ref().map(|config| config.name.as_str());
    let only = plan.only.as_ref().map(|config| config.name.as_str());
    let known: &[Option<&str>] = match rollout.phase {
        Phase::Pending => &[Some(&plan.base)],
        Phase::Preparing => &[Some(&plan.base), both],
        Phase::Removing => &[both, only],
        _ => &[both],
    };
    let config = endpoint.config.as_deref();
    if config.is_some() && known.contains(&config) {
        return Ok(endpoint);
    }
    let said = format!(
        "somebody else gave the endpoint the config {}; the rollout expected {}",
        config.unwrap_or("(none)"),
        known.iter().copied().flatten().collect::<Vec<_>>().join(" or "),
    );
    Err(match rollout.phase {
        // Nothing was changed yet.
        Phase::Pending => Next::End(Ended::Failed, Some(Cause::TakenOver { said })),
        _ => Next::Back(Cause::TakenOver { said }),
    })
}

/// An operator's hold. It ends with the rollout's deadline: blue is not kept for ever because somebody forgot.
fn held_by_operator(world: &World<'_>, rollout: &Rollout) -> Option<Why> {
    let ends = super::needs::after(rollout.started, rollout.plan.request.policy.deadline);
    let pause = rollout.paused.as_ref().filter(|_| world.facts.now < ends)?;
    Some(Why::Paused {
        by: pause.by.clone(),
        reason: pause.reason.clone(),
    })
}

fn preparing(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint) -> Next {
    let Some(both) = rollout.plan.both.clone() else {
        return Next::Back(Cause::Refused {
            said: "the plan holds no config with both variants".to_owned(),
        });
    };
    if let Err(next) = keep_capacity(world, rollout) {
        return next;
    }
    let blue = &rollout.plan.blue;
    match checks::progress(world, rollout, endpoint, &both.name) {
        Progress::Done => {
            if checks::weigh(&rollout.plan, endpoint, Weight::ZERO) != Weighed::AsWished {
                return Next::Do(Effect::SetWeights(rollout.plan.weights(Weight::ZERO)));
            }
            if let Some(next) = blue_is_whole(rollout, endpoint) {
                return next;
            }
            if rollout.plan.request.policy.smoke {
                Next::Go(Phase::Smoke(Rounds::default()))
            } else {
                advance(world, rollout, None)
            }
        }
        Progress::NotSeenYet => Next::Stay(Why::NotSeenYet(format!("the update to {}", both.name))),
        Progress::TakenBack => Next::Back(Cause::Sagemaker {
            said: match &endpoint.failure_reason {
                Some(reason) => format!("SageMaker took the update to {} back: {reason}", both.name),
                None => format!(
                    "SageMaker took the update to {} back: the endpoint is InService with {} again, and no reason is given \
                     (most often there was no capacity for green's instances, or its container did not start)",
                    both.name, rollout.plan.base,
                ),
            },
        }),
        Progress::ToDo => match checks::config(world, &both) {
            Config::Unknown(why) => Next::Stay(why),
            Config::Other(said) => Next::Back(Cause::Refused { said }),
            Config::Missing => Next::Do(Effect::CreateConfig(both)),
            Config::There if checks::variant(endpoint, &blue.variant).is_none() => Next::Back(Cause::TakenOver {
                said: format!("the variant {} is gone", blue.variant),
            }),
            Config::There => {
                checks::begin(rollout, &both.name, Some(endpoint.modified));
                Next::Do(Effect::UpdateEndpoint {
                    config: both.name,
                    deployment: None,
                })
            }
        },
    }
}

/// Blue's autoscaling may add instances and take none away.
fn keep_capacity(world: &World<'_>, rollout: &mut Rollout) -> Result<(), Next> {
    let variant = rollout.plan.blue.variant.clone();
    match checks::scaled(world, &variant).map_err(Next::Stay)? {
        None => rollout.scaling = None,
        Some(seen) if !seen.suspended.scale_in => {
            rollout.scaling = Some(seen.clone());
            return Err(Next::Do(Effect::Suspend {
                variant,
                suspended: Suspended {
                    scale_in: true,
                    ..seen.suspended
                },
            }));
        }
        Some(seen) => {
            rollout.scaling.get_or_insert_with(|| seen.clone());
        }
    }
    Ok(())
}

/// Blue has what it had at the start; if not, it is given back.
fn blue_is_whole(rollout: &Rollout, endpoint: &Endpoint) -> Option<Next> {
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

/// Rounds of probes in a row.
fn probed(world: &World<'_>, rollout: &mut Rollout, mut rounds: Rounds) -> Result<(), Next> {
    let policy = &rollout.plan.request.policy;
    let needed = policy.smoke_passes.max(1);
    let mut last = Vec::new();
    match world.look.and_then(|look| Some((look.at, look.smoke.as_ref()?))) {
        Some((at, Known::Yes(seen))) if rounds.counted.is_none_or(|counted| at > counted) => {
            rounds.counted = Some(at);
            if seen.passed {
                rounds.passes = rounds.passes.saturating_add(1);
                rounds.failures = 0;
            } else {
                rounds.failures = rounds.failures.saturating_add(1);
                rounds.passes = 0;
            }
            last.clone_from(&seen.said);
            if let Phase::Smoke(kept) | Phase::Probing { rounds: kept, .. } = &mut rollout.phase {
                *kept = rounds;
            }
        }
        Some((_, Known::No(said))) => last = vec![format!("could not be probed: {said}")],
        _ => {}
    }
    if rounds.failures >= policy.smoke_failures.max(1) {
        return Err(Next::Back(Cause::Smoke {
            said: if last.is_empty() {
                vec![format!("{} rounds of probes in a row failed", rounds.failures)]
            } else {
                last
            },
        }));
    }
    if rounds.passes >= needed {
        return Ok(());
    }
    Err(Next::Stay(Why::Probing {
        passes: rounds.passes,
        needed,
        said: last,
    }))
}

/// Past the gates of a step, or of the preparation: on to the next step, or to the end.
pub(super) fn advance(world: &World<'_>, rollout: &Rollout, step: Option<usize>) -> Next {
    if let Some(why) = held_by_operator(world, rollout) {
        return Next::Stay(why);
    }
    let last = rollout.plan.last_step();
    let next = match step {
        Some(step) if step >= last => return Next::Go(Phase::Finishing),
        _ if rollout.promoted.is_some() => last,
        Some(step) => step + 1,
        None => 0,
    };
    let Seen::Settled(endpoint) = checks::endpoint(world) else {
        return Next::Stay(Why::NotLooked);
    };
    Next::Go(Phase::Sizing {
        step: next,
        count: instances(rollout, endpoint, next),
    })
}

/// What green needs for its share of the traffic that blue carries, or carried at the start if that was more.
fn instances(rollout: &Rollout, endpoint: &Endpoint, step: usize) -> Option<u32> {
    let plan = &rollout.plan;
    let green = checks::variant(endpoint, &plan.green.variant)?.desired_instances?;
    let blue = checks::variant(endpoint, &plan.blue.variant).and_then(|blue| blue.desired_instances);
    let asked = plan.request.green.instances;
    let total = asked.unwrap_or_else(|| plan.blue.instances.max(blue).unwrap_or(1));
    Some(super::plan::for_share(total, plan.share(step), plan.request.policy.headroom).max(green))
}

/// What green should weigh now, or why nothing can be done about it.
fn drifted(rollout: &Rollout, endpoint: &Endpoint) -> Option<Next> {
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

fn sizing(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint, step: usize, count: Option<u32>) -> Next {
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

/// Green is scaled as blue is; `None` when it is so. While blue may still have to take the traffic back in one call,
/// green does not scale in.
fn scale_green(world: &World<'_>, rollout: &mut Rollout, count: Option<u32>, only_out: bool) -> Option<Next> {
    let original = rollout.scaling.clone()?;
    let (blue, green) = (rollout.plan.blue.variant.clone(), rollout.plan.green.variant.clone());
    let (now, seen) = match (checks::scaled(world, &blue), checks::scaled(world, &green)) {
        (Err(why), _) | (_, Err(why)) => return Some(Next::Stay(why)),
        (Ok(blue), Ok(green)) => (blue, green),
    };
    // What scheduled actions or people changed since the start is wanted too; only what Steward suspended is not.
    let fresh = Scaling {
        suspended: original.suspended,
        ..now.unwrap_or(&original).clone()
    };
    let mut wanted = fresh.moved(&blue, &green);
    wanted.suspended.scale_in |= only_out;
    wanted.max = wanted.max.max(count.unwrap_or(0));
    rollout.scaling = Some(fresh);
    (!seen.is_some_and(|seen| seen.does(&wanted))).then_some(Next::Do(Effect::Scale {
        variant: green,
        scaling: wanted,
    }))
}

fn shifting(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint, step: usize) -> Next {
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

fn baking(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint, step: usize) -> Next {
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
pub(super) fn gate_may_open(world: &World<'_>, rollout: &Rollout) -> Result<(), Why> {
    checks::alarms_are_quiet(world, rollout)?;
    checks::analysis_passed(world, rollout)?;
    match checks::endpoint(world) {
        Seen::Settled(endpoint) if drifted(rollout, endpoint).is_none() => Ok(()),
        Seen::Settled(_) => Err(Why::Drifted("the weights are not as wished".to_owned())),
        _ => Err(Why::NotLooked),
    }
}

fn gate(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint, step: usize) -> Next {
    if let Some(next) = drifted(rollout, endpoint).or_else(|| blue_is_whole(rollout, endpoint)) {
        return next;
    }
    if let Some(why) = held_by_operator(world, rollout) {
        return Next::Stay(why);
    }
    let Some(word) = rollout.skipped.clone().or_else(|| rollout.promoted.clone()) else {
        return Next::Stay(Why::Waiting {
            until: super::needs::after(rollout.since, rollout.plan.request.policy.gate_deadline).min(
                super::needs::after(rollout.started, rollout.plan.request.policy.deadline),
            ),
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

fn finishing(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint) -> Next {
    if let Some(next) = drifted(rollout, endpoint) {
        return next;
    }
    let count = checks::variant(endpoint, &rollout.plan.green.variant).and_then(|green| green.desired_instances);
    if let Some(next) = scale_green(world, rollout, count, false) {
        return next;
    }
    Next::Go(Phase::Keeping)
}

fn keeping(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint) -> Next {
    if let Some(next) = drifted(rollout, endpoint) {
        return next;
    }
    let left = rollout
        .plan
        .request
        .policy
        .keep_blue
        .saturating_sub(rollout.elapsed(world.facts.now));
    if let Some(why) = held_by_operator(world, rollout) {
        return Next::Stay(why);
    }
    if !left.is_zero() {
        return Next::Stay(Why::Keeping {
            left: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        });
    }
    match checks::alarms_are_quiet(world, rollout) {
        Ok(()) => Next::Go(Phase::Removing),
        Err(why) => Next::Stay(why),
    }
}

fn removing(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint) -> Next {
    let Some(only) = rollout.plan.only.clone() else {
        return Next::End(
            Ended::Failed,
            Some(Cause::Refused {
                said: "the plan holds no config with green alone".to_owned(),
            }),
        );
    };
    let green = rollout.plan.green.variant.clone();
    match checks::tried_again(rollout, checks::progress(world, rollout, endpoint, &only.name)) {
        Progress::Done => {
            let there = |variant: &crate::endpoint::Variant| {
                variant.name == green && variant.current_weight > 0.0 && variant.current_instances != Some(0)
            };
            if endpoint.variants.iter().any(there) && checks::variant(endpoint, &rollout.plan.blue.variant).is_none() {
                Next::End(Ended::Completed, None)
            } else {
                Next::Stay(Why::Drifted(format!("{} is in force, but not as it says", only.name)))
            }
        }
        Progress::NotSeenYet => Next::Stay(Why::NotSeenYet(format!("the update to {}", only.name))),
        Progress::TakenBack | Progress::ToDo => {
            if let Some(next) = drifted(rollout, endpoint) {
                return next;
            }
            let blue = rollout.plan.blue.variant.clone();
            match checks::config(world, &only) {
                Config::Unknown(why) => return Next::Stay(why),
                Config::Other(said) => {
                    rollout.problem = Some(said.clone());
                    return Next::Stay(Why::Unknown(said));
                }
                Config::Missing => return Next::Do(Effect::CreateConfig(only)),
                Config::There => {}
            }
            match checks::scaled(world, &blue) {
                Err(why) => Next::Stay(why),
                Ok(Some(_)) => Next::Do(Effect::Unscale { variant: blue }),
                Ok(None) => {
                    checks::begin(rollout, &only.name, Some(endpoint.modified));
                    Next::Do(Effect::UpdateEndpoint {
                        config: only.name,
                        deployment: None,
                    })
                }
            }
        }
    }
}
