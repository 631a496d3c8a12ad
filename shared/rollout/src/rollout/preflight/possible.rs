//! What SageMaker, or the engine that was asked for, cannot do for an endpoint.

use super::{Found, Subject};
use crate::{
    endpoint::{Endpoint, Variant},
    rollout::{policy::Engine, request::Request},
    scaling::Scaling,
    text::and_list,
};

/// The variant to replace.
///
/// # Errors
/// What is wrong, and what to do.
pub(super) fn replaced<'a>(request: &Request, endpoint: &'a Endpoint) -> Result<&'a Variant, (String, String)> {
    let names: Vec<&str> = endpoint.variants.iter().map(|variant| variant.name.as_str()).collect();
    if let Some(name) = &request.variant {
        return match endpoint.variants.iter().find(|variant| variant.name == *name) {
            Some(variant) if variant.current_weight > 0.0 => Ok(variant),
            Some(_) => Err((
                format!("Variant \"{name}\" has no traffic: its weight is 0."),
                "Name one that has.".to_owned(),
            )),
            None => Err((
                format!("There is no variant \"{name}\"; there are {}.", and_list(&names)),
                "Name one of them.".to_owned(),
            )),
        };
    }
    let weighty: Vec<&Variant> = endpoint
        .variants
        .iter()
        .filter(|variant| variant.current_weight > 0.0)
        .collect();
    match weighty.as_slice() {
        [one] => Ok(one),
        [] => Err((
            "No variant has any traffic: all weights are 0.".to_owned(),
            "Give one a weight first.".to_owned(),
        )),
        many => {
            let names: Vec<&str> = many.iter().map(|variant| variant.name.as_str()).collect();
            Err((
                format!("Several variants have traffic: {}.", and_list(&names)),
                "Say which one is replaced, with `variant`.".to_owned(),
            ))
        }
    }
}

/// Green's instances are in the range that it gets with all of the traffic: below its minimum Application Auto Scaling would
/// make more of them at once.
pub(super) fn enough(request: &Request, scaling: Option<&Scaling>, found: &mut Found) {
    let (Some(asked @ 1..), Some(scaling), Engine::Variants) =
        (request.green.instances, scaling, request.policy.engine)
    else {
        return;
    };
    let min = scaling.min;
    if asked < min {
        found.add(
            format!("`instances` {asked} is below the scalable target's minimum {min}."),
            format!("Lower the minimum first, or ask for at least {min}."),
        );
    }
}

/// What SageMaker, or this engine, cannot do for this endpoint.
pub(super) fn possible(subject: &Subject<'_>, found: &mut Found) {
    let Subject {
        request,
        endpoint,
        config,
        blue,
        like,
        ..
    } = *subject;
    if config.shadowed {
        found.add(
            "The endpoint has a shadow variant, and SageMaker allows only one production variant beside it.",
            "End the shadow test first.",
        );
    }
    if like.model.is_none() {
        found.add(
            format!(
                "Variant \"{}\" hosts inference components, and carries no model of its own.",
                blue.name
            ),
            "Name the `component` to be updated, with `engine: rolling`.",
        );
    }
    if like.overridden && request.green.model.is_some() {
        found.add(
            format!(
                "Variant \"{}\" names models of their own in its `InstancePools` (`ModelNameOverride`), which a rollout does \
                 not replace.",
                blue.name
            ),
            "Give the endpoint a config without these overrides first.",
        );
    }
    let same_model = request.green.model.is_none() || request.green.model == like.model;
    let same_type = request.green.instance_type.is_none() || request.green.instance_type == like.instance_type;
    if same_model && same_type {
        found.add(
            format!(
                "Green would be the same as blue: model {}{}.",
                like.model.as_deref().unwrap_or("(none)"),
                like.instance_type
                    .as_ref()
                    .map(|kind| format!(" on {kind}"))
                    .unwrap_or_default()
            ),
            "Name another `model` or `instance_type`.",
        );
    }
    if request.green.instances == Some(0) {
        found.add(
            "Green would have no instances.",
            "Give at least 1, or leave `instances` out.",
        );
    }
    if blue.serverless && (request.green.instances.is_some() || request.green.instance_type.is_some()) {
        found.add(
            format!("Variant \"{}\" is serverless: it has no instances.", blue.name),
            "Leave out `instances` and `instance_type`.",
        );
    }
    if request.policy.engine == Engine::Variants {
        if blue.serverless {
            found.add(
                format!(
                    "Variant \"{}\" is serverless, and SageMaker allows no second variant beside it.",
                    blue.name
                ),
                "Use `engine: guardrails`.",
            );
        }
        if endpoint.asynchronous {
            found.add(
                "The endpoint is asynchronous: its requests wait in one queue, cannot be sent to one variant, and are not \
                 counted by variant, so green could be neither probed nor compared.",
                "Use `engine: guardrails`.",
            );
        }
        if blue.current_instances == Some(0) {
            found.add(
                format!("Variant \"{}\" has no instances now.", blue.name),
                "Wake it first: nothing could be compared with it, and nothing could take the traffic back.",
            );
        }
    }
    if endpoint.asynchronous && request.policy.every_analysis().next().is_some() {
        found.add(
            "The endpoint is asynchronous, and publishes neither requests nor errors by variant: an analysis would be \
             inconclusive for ever.",
            "Leave out the `analysis` (`analysis: false`) and name `alarms`.",
        );
    }
}
