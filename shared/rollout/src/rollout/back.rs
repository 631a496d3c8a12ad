//! Back to blue: the traffic first, in one call; then everything that was done is undone.

mod autoscaling;
mod returning;

use self::autoscaling::{remember, rescaled, resumed};
pub(super) use self::{
    autoscaling::suspended,
    returning::{in_greens_place, stays},
};
use super::{
    cause::Cause,
    checks::{self, Config, Progress, Seen, Weighed, World},
    decide::Next,
    effect::{ConfigPlan, Effect, VariantPlan},
    forward,
    ledger::{Ended, Rollout},
    look::Known,
    names,
    phase::Phase,
    plan::Plan,
    strategy::Weight,
    triggers,
    why::Why,
};
use crate::endpoint::Endpoint;

pub(super) fn step(world: &World<'_>, rollout: &mut Rollout) -> Next {
    let endpoint = match checks::endpoint(world) {
        Seen::Settled(endpoint) => endpoint,
        // Blue's weight can be given back without seeing it: the call says what is wished, not what is to be changed.
        Seen::No(_) if blindly(rollout) => return Next::Do(Effect::SetWeights(rollout.plan.weights(Weight::ZERO))),
        Seen::No(why) => return leave_or(world, rollout, Next::Stay(why)),
        Seen::Busy(endpoint) => {
            let why = match &rollout.update {
                Some(update) if update.seen => Why::Working(format!("the update to {}", update.target)),
                _ => Why::Busy(endpoint.status),
            };
            return leave_or(world, rollout, Next::Stay(why));
        }
        Seen::Gone => {
            let said = format!("the endpoint {} is gone", rollout.plan.endpoint());
            return Next::End(Ended::Failed, Some(Cause::Gone { said }));
        }
        Seen::Broken(said) => return Next::End(Ended::Failed, Some(Cause::Endpoint { said })),
    };
    match rollout.phase {
        Phase::RollingBack => rolling_back(world, rollout, endpoint),
        Phase::CleaningUp => cleaning_up(world, rollout, endpoint),
        Phase::Returning => returning::returning(world, rollout, endpoint),
        _ => leaving(world, rollout, endpoint),
    }
}

/// The endpoint had both variants in force when going back was decided, and nothing was under way to change that.
fn blindly(rollout: &Rollout) -> bool {
    let both_in_force = rollout.back.as_ref().is_some_and(|back| {
        back.from.is_forward()
            && !matches!(
                back.from,
                Phase::Pending | Phase::Preparing | Phase::Removing | Phase::Deploying
            )
            && !matches!(back.cause, Cause::TakenOver { .. })
    });
    rollout.phase == Phase::RollingBack && both_in_force
}

/// Which of the configs that this rollout knows is in force.
enum InForce {
    /// Blue alone.
    Blue,
    /// Both.
    Both,
    /// Green alone.
    Green,
    /// Somebody else's.
    Other(String),
    /// It is not known what it holds.
    Unknown(Why),
}

fn in_force(world: &World<'_>, rollout: &Rollout, endpoint: &Endpoint) -> InForce {
    let plan = &rollout.plan;
    // From here on a repair may have come before: green serves under a config of another name.
    let copied = || match rollout.phase {
        Phase::Returning => checks::is_greens_copy(world, plan, endpoint.config.as_deref()),
        _ => Ok(false),
    };
    let is =
        |config: &Option<ConfigPlan>| config.as_ref().map(|config| config.name.as_str()) == endpoint.config.as_deref();
    match &endpoint.config {
        Some(config) if *config == plan.base => InForce::Blue,
        Some(config) if is(&rollout.restore) || rollout.outgrown.contains(config) => InForce::Blue,
        Some(_) if is(&plan.both) => InForce::Both,
        Some(_) if is(&plan.only) => InForce::Green,
        config => match copied() {
            Ok(true) => InForce::Green,
            Ok(false) => InForce::Other(format!(
                "somebody else gave the endpoint the config {}",
                config.as_deref().unwrap_or("(none)")
            )),
            Err(said) => InForce::Unknown(Why::Unknown(said)),
        },
    }
}

fn rolling_back(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint) -> Next {
    match in_force(world, rollout, endpoint) {
        InForce::Blue if checks::may_begin(world, rollout, Some(endpoint.modified)) => {
            Next::Stay(Why::Unknown("an update that was asked for may still begin".to_owned()))
        }
        InForce::Blue => Next::Go(Phase::CleaningUp),
        // It would find green without weight and leave it alone so: it keeps the weights it finds.
        InForce::Both if checks::may_arrive(world, rollout) && removal_may_begin(rollout) => {
            Next::Stay(Why::Unknown("the update that removes blue may still begin".to_owned()))
        }
        InForce::Both => match checks::weigh(&rollout.plan, endpoint, Weight::ZERO) {
            Weighed::AsWished => Next::Go(Phase::CleaningUp),
            _ if checks::variant(endpoint, &rollout.plan.blue.variant).is_none() => Next::Go(Phase::Leaving),
            _ => Next::Do(Effect::SetWeights(rollout.plan.weights(Weight::ZERO))),
        },
        InForce::Green => Next::Go(Phase::Returning),
        InForce::Other(_) => Next::Go(Phase::Leaving),
        InForce::Unknown(why) => Next::Stay(why),
    }
}

/// Blue's removal was asked for and not seen.
fn removal_may_begin(rollout: &Rollout) -> bool {
    let from_removing = rollout.back.as_ref().is_some_and(|back| back.from == Phase::Removing);
    let only = rollout.plan.only.as_ref().map(|only| &only.name);
    let asked = rollout.update.as_ref().filter(|update| Some(&update.target) == only);
    from_removing && asked.is_some_and(|update| !update.seen)
}

fn cleaning_up(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint) -> Next {
    let both = match in_force(world, rollout, endpoint) {
        InForce::Blue => false,
        InForce::Both => true,
        InForce::Green => return Next::Go(Phase::Returning),
        InForce::Other(_) => return Next::Go(Phase::Leaving),
        InForce::Unknown(why) => return Next::Stay(why),
    };
    if both && checks::weigh(&rollout.plan, endpoint, Weight::ZERO) != Weighed::AsWished {
        return Next::Do(Effect::SetWeights(rollout.plan.weights(Weight::ZERO)));
    }
    remember(world, rollout);
    // Before its range is registered, so that this has room for it.
    if both && let Some(next) = forward::blue_grows(world, rollout, endpoint, true) {
        return next;
    }
    if let Some(next) = rescaled(world, rollout, endpoint) {
        return next;
    }
    let blue = rollout.plan.blue.variant.clone();
    if let Some(next) = triggers::point_meanwhile(world, rollout, &blue) {
        return next;
    }
    let green = rollout.plan.green.variant.clone();
    match checks::scaled(world, &green) {
        Err(why) => return Next::Stay(why),
        Ok(Some(_)) => return Next::Do(Effect::Unscale { variant: green }),
        Ok(None) => {}
    }
    // A late call could give green its weight back while it is being removed, and leave blue with none.
    if checks::may_arrive(world, rollout) {
        return Next::Stay(Why::Unknown("a call made before may still arrive".to_owned()));
    }
    if !both {
        return if checks::may_begin(world, rollout, Some(endpoint.modified)) {
            Next::Stay(Why::Unknown("an update that was asked for may still begin".to_owned()))
        } else {
            resumed(world, rollout, endpoint)
                .or_else(|| triggers::point(world, rollout, &blue))
                .unwrap_or(Next::End(Ended::RolledBack, None))
        };
    }
    // While SageMaker removes green, blue cannot grow. What it has is not waited for longer than a phase may last.
    if rollout.waited(world.facts.now) < rollout.plan.request.policy.phase_deadline
        && let Some(why) = forward::lacking(rollout, endpoint)
    {
        return Next::Stay(why);
    }
    let base = rollout.plan.base.clone();
    match world.look.and_then(|look| look.configs.get(&base)) {
        Some(Known::Yes(Some(_))) if rollout.restore.is_none() => update_to(world, rollout, endpoint, base),
        Some(Known::Yes(None)) | Some(Known::Yes(Some(_))) => {
            let restore = rollout
                .restore
                .get_or_insert_with(|| without_green(&rollout.plan))
                .clone();
            created(world, rollout, endpoint, restore)
        }
        Some(Known::No(said)) => Next::Stay(Why::Unknown(format!("config {base} could not be described: {said}"))),
        None => Next::Stay(Why::Unknown(format!("config {base} was not looked at"))),
    }
}

/// The config from the start was deleted: the same again, from the one that holds both.
fn without_green(plan: &Plan) -> ConfigPlan {
    let both = plan.both.as_ref();
    let variants = both.map(|both| both.variants.clone()).unwrap_or_default();
    ConfigPlan {
        name: names::config(plan.endpoint(), plan.serial, &plan.request.id, "back"),
        from: both.map(|both| both.name.clone()).unwrap_or_default(),
        variants: variants
            .into_iter()
            .filter(|variant| variant.name != plan.green.variant)
            .map(|variant| VariantPlan {
                like: variant.name.clone(),
                ..variant
            })
            .collect(),
    }
}

fn created(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint, plan: ConfigPlan) -> Next {
    match checks::config(world, &plan) {
        Config::Unknown(why) => Next::Stay(why),
        Config::Other(said) => {
            rollout.problem = Some(said.clone());
            Next::Stay(Why::Unknown(said))
        }
        Config::Missing => Next::Do(Effect::CreateConfig(plan)),
        Config::There => update_to(world, rollout, endpoint, plan.name),
    }
}

fn update_to(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint, config: String) -> Next {
    match checks::tried_again(world, rollout, checks::progress(world, rollout, endpoint, &config)) {
        Progress::NotSeenYet => Next::Stay(Why::NotSeenYet(format!("the update to {config}"))),
        Progress::Done | Progress::ToDo | Progress::TakenBack => {
            if let Some(why) = checks::rests(world, rollout, &format!("update the endpoint to config {config}")) {
                return Next::Stay(why);
            }
            checks::begin(rollout, &config, Some(endpoint.modified));
            Next::Do(Effect::UpdateEndpoint {
                config,
                deployment: None,
            })
        }
    }
}

/// Not for longer than a phase may last.
fn leave_or(world: &World<'_>, rollout: &Rollout, next: Next) -> Next {
    if rollout.phase == Phase::Leaving && rollout.elapsed(world.facts.now) >= rollout.plan.request.policy.phase_deadline
    {
        return Next::End(Ended::Failed, None);
    }
    next
}

fn leaving(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint) -> Next {
    match given_back(world, rollout, endpoint) {
        Next::End(..) if checks::may_arrive(world, rollout) => {
            Next::Stay(Why::Unknown("a call made before may still arrive".to_owned()))
        }
        next => next,
    }
}

fn given_back(world: &World<'_>, rollout: &mut Rollout, endpoint: &Endpoint) -> Next {
    let end = Next::End(
        Ended::Failed,
        match in_force(world, rollout, endpoint) {
            InForce::Other(said) => Some(Cause::TakenOver { said }),
            InForce::Blue | InForce::Both | InForce::Green | InForce::Unknown(_) => None,
        },
    );
    let green = rollout.plan.green.variant.clone();
    if checks::variant(endpoint, &green).is_some()
        && let Some(next) = returning::scaled_again(world, rollout, endpoint, &green)
    {
        return match next {
            Next::Stay(why) => leave_or(world, rollout, Next::Stay(why)),
            next => next,
        };
    }
    let variant = rollout.plan.blue.variant.clone();
    let Some(original) = &rollout.scaling else { return end };
    let scales = |variant: &str| match checks::variant(endpoint, variant) {
        Some(_) => checks::scaled(world, variant),
        None => Ok(None),
    };
    let scaled = match scales(&variant) {
        Err(why) => return leave_or(world, rollout, Next::Stay(why)),
        Ok(Some(seen)) if seen.suspended.scale_in && !original.suspended.scale_in => {
            return Next::Do(suspended(world, endpoint, variant, seen, original.suspended));
        }
        Ok(Some(_)) => variant,
        Ok(None) if checks::variant(endpoint, &green).is_some() => green,
        Ok(None) => return end,
    };
    match triggers::point(world, rollout, &scaled) {
        None => end,
        Some(Next::Stay(why)) => leave_or(world, rollout, Next::Stay(why)),
        Some(next) => next,
    }
}
