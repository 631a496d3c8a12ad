//! Green serves alone, and blue is put in its place again: after the end of a rollout, or when going back was decided too
//! late to keep SageMaker from removing blue.
//!
//! Until blue is there green serves, and may have to for long: there may be no instances for blue. So nothing is taken
//! from green for longer than SageMaker is at work, in which nothing scales anyway.

use super::{
    InForce,
    autoscaling::{by_now, remember, roomy},
    in_force, update_to,
};
use crate::{
    endpoint::Endpoint,
    rollout::{
        checks::{self, Config, Progress, World},
        decide::Next,
        effect::{ConfigPlan, Effect, VariantPlan},
        ledger::{Ended, Rollout},
        names,
        needs::after,
        phase::Phase,
        plan::Plan,
        triggers,
        why::Why,
    },
};

pub(super) fn returning(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint) -> Next {
    match in_force(world, rollout, endpoint) {
        InForce::Blue => return Next::Go(Phase::CleaningUp),
        InForce::Both => return Next::Go(Phase::RollingBack),
        InForce::Green => {}
        InForce::Other(_) => return Next::Go(Phase::Leaving),
        InForce::Unknown(why) => return Next::Stay(why),
    }
    let green = rollout.plan.green.variant.clone();
    remember(world, rollout);
    if rollout.stopped.is_some() {
        return scaled_again(world, rollout, endpoint, &green)
            .or_else(|| triggers::point(world, rollout, &green))
            .unwrap_or_else(|| stays(world, rollout, Some(endpoint.modified)));
    }
    let restore = match &rollout.restore {
        Some(restore) => restore.clone(),
        None => {
            let Some(from) = rollout.plan.both.as_ref().map(|both| both.name.clone()) else {
                return Next::Go(Phase::Leaving);
            };
            let restore = in_greens_place(&rollout.plan, endpoint, from, 0);
            rollout.restore = Some(restore.clone());
            restore
        }
    };
    let asked = format!("update the endpoint to config {}", restore.name);
    match checks::tried_again(
        world,
        rollout,
        checks::progress(world, rollout, endpoint, &restore.name),
    ) {
        Progress::NotSeenYet => return Next::Stay(Why::NotSeenYet(asked)),
        Progress::Done | Progress::ToDo | Progress::TakenBack => {}
    }
    if let Some(why) = checks::rests(world, rollout, &asked) {
        return scaled_again(world, rollout, endpoint, &green)
            .or_else(|| triggers::point_meanwhile(world, rollout, &green))
            .unwrap_or(Next::Stay(why));
    }
    let restore = grown(rollout, endpoint, restore);
    // It was not known to be wanted when this look was made. Green may be deregistered by then, so nothing is waited for.
    if !world.look.is_some_and(|look| look.configs.contains_key(&restore.name)) {
        return Next::Do(Effect::CreateConfig(restore));
    }
    match checks::config(world, &restore) {
        Config::Missing => return Next::Do(Effect::CreateConfig(restore)),
        Config::Unknown(why) => return Next::Stay(why),
        Config::Other(said) => {
            rollout.problem = Some(said.clone());
            another(rollout, endpoint, restore);
            return Next::Stay(Why::Unknown(said));
        }
        Config::There => {}
    }
    match checks::scaled(world, &green) {
        Err(why) => Next::Stay(why),
        // SageMaker removes no variant that is scaled.
        Ok(Some(_)) => {
            rollout.unregistered = world.look.map(|look| look.at);
            Next::Do(Effect::Unscale { variant: green })
        }
        Ok(None) => update_to(world, rollout, endpoint, restore.name),
    }
}

/// The config for blue, with as many instances as stand for those that green has now: it may have waited for long, and green has grown.
fn grown(rollout: &mut Rollout, endpoint: &Endpoint, restore: ConfigPlan) -> ConfigPlan {
    let plan = &rollout.plan;
    let count = |config: &ConfigPlan| {
        let blue = config.variants.iter().find(|variant| variant.name == plan.blue.variant);
        blue.and_then(|blue| blue.instances)
    };
    let wanted = in_greens_place(plan, endpoint, restore.from.clone(), 0);
    if count(&wanted) <= count(&restore) {
        return restore;
    }
    another(rollout, endpoint, restore)
}

/// The config under the next name; this one is not wanted any more.
fn another(rollout: &mut Rollout, endpoint: &Endpoint, restore: ConfigPlan) -> ConfigPlan {
    let plan = &rollout.plan;
    let next = names::attempt(plan, &restore.name).map_or(0, |attempt| attempt.saturating_add(1));
    let fresh = in_greens_place(plan, endpoint, restore.from.clone(), next);
    rollout.outgrown.push(restore.name);
    rollout.restore = Some(fresh.clone());
    fresh
}

/// Green has the autoscaling that it had; `None` when it has.
pub(super) fn scaled_again(world: &World<'_>, rollout: &Rollout, endpoint: &Endpoint, green: &str) -> Option<Next> {
    let kept = by_now(world, rollout, rollout.green_scaling.as_ref()?);
    match checks::scaled(world, green) {
        Err(why) => Some(Next::Stay(why)),
        Ok(seen) if seen.is_none_or(|seen| seen.lacks(&kept)) => Some(Next::Do(Effect::Scale {
            variant: green.to_owned(),
            scaling: roomy(kept, endpoint, green),
        })),
        Ok(_) => None,
    }
}

/// An operator ended the way back, and green is in force: it stays, when nothing that was asked for can come any more.
pub(in crate::rollout) fn stays(world: &World<'_>, rollout: &Rollout, modified: Option<jiff::Timestamp>) -> Next {
    let late = rollout
        .stopped
        .as_ref()
        .is_some_and(|stopped| world.facts.now < after(stopped.at, checks::VISIBLE));
    if late || checks::may_begin(world, rollout, modified) {
        return Next::Stay(Why::Unknown("a call made before may still arrive".to_owned()));
    }
    Next::End(Ended::Completed, None)
}

/// Blue again, with as many instances as stand for those that green has now; `from` is a config that holds blue. `attempt`: how often it was
/// begun before, so that a config of then, which may have other counts, is not taken for this one.
pub(in crate::rollout) fn in_greens_place(
    plan: &Plan,
    endpoint: &Endpoint,
    from: String,
    attempt: usize,
) -> ConfigPlan {
    let green = checks::variant(endpoint, &plan.green.variant);
    let count = |fallback: Option<u32>| match green.and_then(|green| green.desired_instances) {
        Some(count) => fallback.map(|least| least.max(plan.in_blues(count))),
        None => fallback,
    };
    let variants = plan.only.as_ref().map(|only| only.variants.clone()).unwrap_or_default();
    ConfigPlan {
        name: names::config(plan.endpoint(), plan.serial, &plan.request.id, &names::back(attempt)),
        from,
        variants: variants
            .into_iter()
            .map(|variant| {
                if variant.name == plan.green.variant {
                    VariantPlan {
                        name: plan.blue.variant.clone(),
                        like: plan.blue.variant.clone(),
                        model: None,
                        instance_type: None,
                        instances: count(plan.blue.instances),
                        weight: plan.blue.weight,
                    }
                } else {
                    VariantPlan {
                        like: variant.name.clone(),
                        ..variant
                    }
                }
            })
            .collect(),
    }
}
