//! Whether a completed rollout can be taken back: what it brought still serves, and what was before is still there.

use crate::rollout::{
    back,
    checks::{self, Seen, World},
    effect::ConfigPlan,
    ledger::{Past, RolloutLedger},
    look::Known,
    policy::Engine,
};

/// Why a completed rollout is not taken back; sentences without their full stop.
#[derive(Debug)]
pub(in crate::rollout) enum NotNow {
    /// It cannot be, and what to do instead.
    Impossible(String),
    /// This look does not say.
    Unknown(String),
}

/// The config that puts blue in green's place; none where the one from the start does.
pub(in crate::rollout) fn restorable(
    world: &World<'_>,
    ledger: &RolloutLedger,
    past: &Past,
) -> Result<Option<ConfigPlan>, NotNow> {
    let plan = &past.plan;
    let impossible = |said: String| Err(NotNow::Impossible(said));
    let unknown = |said: String| Err(NotNow::Unknown(said));
    if let Some(component) = &plan.request.component {
        let green = plan.green.model.as_deref().unwrap_or("(none)");
        return match world.look.and_then(|look| look.components.get(component)) {
            Some(Known::Yes(Some(seen))) if seen.model == plan.green.model => Ok(None),
            Some(Known::Yes(_)) => impossible(format!(
                "Inference component {component} does not have the model {green} of rollout {} any more: somebody changed it \
                 since",
                plan.id()
            )),
            Some(Known::No(said)) => unknown(format!("component {component} could not be described: {said}")),
            None => unknown(format!("component {component} was not looked at")),
        };
    }
    let endpoint = match checks::endpoint(world) {
        Seen::Settled(endpoint) | Seen::Busy(endpoint) => endpoint,
        Seen::No(why) => return unknown(why.to_string()),
        Seen::Gone => return impossible(format!("The endpoint {} is gone", plan.endpoint())),
        Seen::Broken(said) => return impossible(format!("Not possible: {said}")),
    };
    let green = plan.only.as_ref().map(|only| only.name.as_str());
    let config = endpoint.config.as_deref();
    if config != green {
        match checks::is_greens_copy(world, plan, config) {
            Ok(true) => {}
            Err(said) => return unknown(said),
            Ok(false) => {
                return impossible(format!(
                    "The endpoint has the config {} by now, not {} of rollout {}, nor a copy of it: somebody changed it since. \
                     `start` a rollout with the old model instead",
                    config.unwrap_or("(none)"),
                    green.unwrap_or("(none)"),
                    plan.id()
                ));
            }
        }
    }
    match world.look.and_then(|look| look.configs.get(&plan.base)) {
        Some(Known::Yes(Some(_))) => {}
        Some(Known::Yes(None)) => {
            return impossible(format!(
                "The config {} from before rollout {} is gone. `start` a rollout with the old model instead",
                plan.base,
                plan.id()
            ));
        }
        Some(Known::No(said)) => return unknown(format!("config {} could not be described: {said}", plan.base)),
        None => return unknown(format!("config {} was not looked at", plan.base)),
    }
    let again = |other: &&Past| other.returned && other.plan.serial == plan.serial;
    let attempt = ledger.history.iter().filter(again).count();
    Ok((plan.engine() == Engine::Variants).then(|| back::in_greens_place(plan, endpoint, plan.base.clone(), attempt)))
}
