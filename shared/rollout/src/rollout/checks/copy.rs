//! The config that a rollout brought, under another name: a repair (`redeploy`) puts the same content in force under a name
//! of its own, and what serves is green all the same.

use super::World;
use crate::rollout::{look::Known, plan::Plan};

/// The config in force, which has another name, is a copy of the one that this rollout brought.
///
/// # Errors
/// Why that is not known.
pub(in crate::rollout) fn is_greens_copy(
    world: &World<'_>,
    plan: &Plan,
    in_force: Option<&str>,
) -> Result<bool, String> {
    let (Some(only), Some(in_force)) = (&plan.only, in_force) else {
        return Ok(false);
    };
    // The plan names of other variants no model: what they are is in the config that was made.
    let described = |name: &str| match world.look.and_then(|look| look.configs.get(name)) {
        Some(Known::Yes(seen)) => Ok(seen.as_ref()),
        Some(Known::No(said)) => Err(format!("config {name} could not be described: {said}")),
        None => Err(format!("config {name} was not looked at")),
    };
    let (Some(green), Some(other)) = (described(&only.name)?, described(in_force)?) else {
        return Ok(false);
    };
    Ok(green.variants == other.variants && green.shadowed == other.shadowed)
}
