//! Until green may get traffic: it is added at weight zero, and probed.

use super::{advance, steps::blue_is_whole};
use crate::{
    endpoint::Endpoint,
    rollout::{
        back::suspended,
        cause::Cause,
        checks::{self, Config, Progress, Weighed, World},
        decide::Next,
        effect::Effect,
        ledger::Rollout,
        look::Known,
        phase::{Phase, Rounds},
        strategy::Weight,
        why::Why,
    },
    scaling::Suspended,
};

pub(super) fn preparing(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint) -> Next {
    let Some(both) = rollout.plan.both.clone() else {
        return Next::Back(Cause::Refused {
            said: "the plan holds no config with both variants".to_owned(),
        });
    };
    if let Some(next) = keep_capacity(world, rollout, endpoint) {
        return next;
    }
    let blue = &rollout.plan.blue;
    match checks::progress(world, rollout, endpoint, &both.name) {
        Progress::Done => {
            if checks::weigh(&rollout.plan, endpoint, Weight::ZERO) != Weighed::AsWished {
                return Next::Do(Effect::SetWeights(rollout.plan.weights(Weight::ZERO)));
            }
            if let Some(next) = blue_is_whole(world, rollout, endpoint) {
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

/// Blue's autoscaling may add instances and take none away; `None` when it is so.
fn keep_capacity(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint) -> Option<Next> {
    let variant = rollout.plan.blue.variant.clone();
    match checks::scaled(world, &variant) {
        Err(why) => return Some(Next::Stay(why)),
        Ok(None) => rollout.scaling = None,
        Ok(Some(seen)) if !seen.suspended.scale_in => {
            rollout.scaling = Some(seen.clone().remembering(rollout.scaling.as_ref()));
            let wished = Suspended {
                scale_in: true,
                ..seen.suspended
            };
            return Some(Next::Do(suspended(world, endpoint, variant, seen, wished)));
        }
        Ok(Some(seen)) => {
            rollout.scaling.get_or_insert_with(|| seen.clone());
        }
    }
    None
}

/// Rounds of probes in a row; `None` when enough have passed.
pub(super) fn probed(world: &World<'_>, rollout: &mut Rollout, mut rounds: Rounds) -> Option<Next> {
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
        return Some(Next::Back(Cause::Smoke {
            said: if last.is_empty() {
                vec![format!("{} rounds of probes in a row failed", rounds.failures)]
            } else {
                last
            },
        }));
    }
    if rounds.passes >= needed {
        return None;
    }
    Some(Next::Stay(Why::Probing {
        passes: rounds.passes,
        needed,
        said: last,
    }))
}
