//! Green has all the traffic: it gets blue's autoscaling, blue is kept for a while, then removed.

use super::{
    follow::blue_grows,
    held_by_operator, size,
    steps::{drifted, scales_what_serves},
};
use crate::{
    endpoint::{Endpoint, Variant},
    rollout::{
        cause::Cause,
        checks::{self, Alarms, Config, Progress, World},
        decide::Next,
        effect::Effect,
        ledger::{Ended, Rollout},
        phase::Phase,
        strategy::Weight,
        triggers,
        why::Why,
    },
    scaling::Scaling,
};

/// Green is scaled as blue is, when it gets this share; `None` when it is so. While blue may still have to take the traffic
/// back in one call, green does not scale in. Blue's minimum and its scheduled actions are meant for all of the traffic.
pub(super) fn scale_green(
    world: &World<'_>,
    rollout: &mut Rollout,
    count: Option<u32>,
    share: Weight,
    only_out: bool,
) -> Option<Next> {
    let original = rollout.scaling.clone()?;
    let (blue, green) = (rollout.plan.blue.variant.clone(), rollout.plan.green.variant.clone());
    let (now, seen) = match (checks::scaled(world, &blue), checks::scaled(world, &green)) {
        (Err(why), _) | (_, Err(why)) => return Some(Next::Stay(why)),
        (Ok(blue), Ok(green)) => (blue, green),
    };
    // What scheduled actions or people changed since the start is wanted too; only what Steward suspended is not.
    let fresh = Scaling {
        suspended: original.suspended,
        ..now.unwrap_or(&original).clone().remembering(Some(&original))
    };
    let mut wanted = fresh.moved(&blue, &green).still_to_come(world.facts.now);
    wanted.suspended.scale_in |= only_out;
    wanted.max = wanted.max.max(count.unwrap_or(0));
    if share < Weight::FULL {
        wanted.min = wanted.min.min(count.unwrap_or(0));
        wanted.actions.clear();
    }
    rollout.raised = if wanted.max > fresh.max { wanted.max } else { 0 };
    rollout.scaling = Some(fresh);
    (!seen.is_some_and(|seen| seen.does(&wanted))).then_some(Next::Do(Effect::Scale {
        variant: green,
        scaling: wanted,
    }))
}

pub(super) fn finishing(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint) -> Next {
    if let Some(next) = drifted(rollout, endpoint) {
        return next;
    }
    let count = size::to_keep(rollout, endpoint);
    if let Some(next) = scale_green(world, rollout, count, Weight::FULL, false) {
        return next;
    }
    let green = rollout.plan.green.variant.clone();
    triggers::point(world, rollout, &green).unwrap_or(Next::Go(Phase::Keeping))
}

pub(super) fn keeping(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint) -> Next {
    if let Some(next) = drifted(rollout, endpoint) {
        return next;
    }
    let scales = scales_what_serves(world, rollout);
    if let Some(next) = scales.or_else(|| blue_grows(world, rollout, endpoint, false)) {
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
    let word = rollout.skipped.is_some();
    if !left.is_zero() && !word {
        return Next::Stay(Why::Keeping {
            left: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        });
    }
    let needed = if word { Alarms::Readable } else { Alarms::Ok };
    match checks::alarms_are_quiet(world, rollout, needed).and_then(|()| checks::is_well(world, rollout)) {
        Ok(()) => Next::Go(Phase::Removing),
        Err(why) => Next::Stay(why),
    }
}

pub(super) fn removing(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint) -> Next {
    let Some(only) = rollout.plan.only.clone() else {
        return Next::End(
            Ended::Failed,
            Some(Cause::Refused {
                said: "the plan holds no config with green alone".to_owned(),
            }),
        );
    };
    let green = rollout.plan.green.variant.clone();
    match checks::tried_again(world, rollout, checks::progress(world, rollout, endpoint, &only.name)) {
        Progress::Done => {
            let there = |variant: &Variant| {
                variant.name == green && variant.current_weight > 0.0 && variant.current_instances != Some(0)
            };
            if endpoint.variants.iter().any(there) && checks::variant(endpoint, &rollout.plan.blue.variant).is_none() {
                triggers::point(world, rollout, &green).unwrap_or(Next::End(Ended::Completed, None))
            } else {
                Next::Stay(Why::Drifted(format!("{} is in force, but not as it says", only.name)))
            }
        }
        Progress::NotSeenYet => Next::Stay(Why::NotSeenYet(format!("the update to {}", only.name))),
        Progress::TakenBack | Progress::ToDo => {
            if let Some(next) = drifted(rollout, endpoint) {
                return next;
            }
            // For as long as blue cannot be removed, it may still have to take the traffic back.
            if let Some(next) = blue_grows(world, rollout, endpoint, false) {
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
                    let asked = format!("update the endpoint to config {}", only.name);
                    if let Some(why) = checks::rests(world, rollout, &asked) {
                        return Next::Stay(why);
                    }
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
