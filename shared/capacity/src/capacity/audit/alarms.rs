//! Alarms: whether they can go off, and whether anybody learns of it.

use std::collections::BTreeSet;

use super::{Findings, Rule, metric};
use crate::capacity::{
    thing::{Action, Alarm, Key, Scalable, Thing},
    world::World,
};

/// Published more often than once a minute.
const HIGH_RESOLUTION: [&str; 2] = ["ConcurrentRequestsPerModel", "ConcurrentRequestsPerCopy"];

const ERRORS: [&str; 3] = ["Invocation5XXErrors", "InvocationModelErrors", "Invocation4XXErrors"];

pub(super) fn check(world: &World, woken: &BTreeSet<Scalable>, found: &mut Findings) {
    for (key, thing) in world.things() {
        if let Thing::Alarm(alarm) = thing {
            let named = metric::Named {
                key,
                namespace: &alarm.namespace,
                metric: &alarm.metric,
                dimensions: alarm
                    .dimensions
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect(),
                unit: alarm.unit.as_deref(),
                value: alarm.threshold,
            };
            // What target tracking makes for itself is judged with its policy.
            if !alarm.name.starts_with("TargetTracking-") {
                metric::check(&named, world, found);
                one(world, woken, key, alarm, found);
            }
        }
    }
}

fn one(world: &World, woken: &BTreeSet<Scalable>, key: &Key, alarm: &Alarm, found: &mut Findings) {
    let all = || {
        alarm
            .actions
            .iter()
            .chain(&alarm.ok_actions)
            .chain(&alarm.insufficient_actions)
    };
    for action in all() {
        let gone = match action {
            Action::Arn(arn) if arn.contains(":scalingPolicy:") => Some(arn.clone()),
            Action::Policy { of, name } if world.get(&Key::Policy(of.clone(), name.clone())).is_none() => {
                Some(format!("{name} of {of}"))
            }
            Action::Arn(_) | Action::Policy { .. } => None,
        };
        if let Some(gone) = gone {
            found.add(
                Rule::DeadAction,
                key,
                format!("it triggers the policy {gone}, which is not there"),
                "name the policy there is: one that was made anew has another ARN".to_owned(),
            );
        }
    }
    if !alarm.namespace.starts_with("AWS/SageMaker") && !alarm.namespace.starts_with("/aws/sagemaker/") {
        return;
    }
    let wakes = ["NoCapacityInvocationFailures", "HasBacklogWithoutCapacity"].contains(&alarm.metric.as_str());
    if wakes && alarm.comparison == "GreaterThanThreshold" && alarm.threshold >= 1.0 {
        found.add(
            Rule::OneIsNotEnough,
            key,
            format!(
                "above {} is at least {}: a single request wakes nothing",
                alarm.threshold,
                alarm.threshold + 1.0
            ),
            "GreaterThanOrEqualToThreshold 1".to_owned(),
        );
    }
    if alarm.period < 60 && !HIGH_RESOLUTION.contains(&alarm.metric.as_str()) {
        found.add(
            Rule::ShortPeriod,
            key,
            format!(
                "{} is published once a minute, and it looks every {} s: most looks find nothing",
                alarm.metric, alarm.period
            ),
            "a period of 60 s".to_owned(),
        );
    }
    if (ERRORS.contains(&alarm.metric.as_str()) || wakes) && alarm.missing != "notBreaching" {
        found.add(
            Rule::MissingData,
            key,
            format!(
                "without traffic {} has no datapoints, and those count as {}",
                alarm.metric, alarm.missing
            ),
            "treat missing data as notBreaching (`missing: good`)".to_owned(),
        );
    }
    // Steward hears of it by EventBridge.
    let heard = wakes
        && woken.iter().any(|of| match of {
            Scalable::Copies { component } => alarm.dimensions.get("InferenceComponentName") == Some(component),
            of => of
                .endpoint()
                .is_some_and(|name| alarm.dimensions.get("EndpointName").is_some_and(|of| of == name)),
        });
    if !heard && (!alarm.enabled || all().next().is_none()) {
        let why = if alarm.enabled {
            "it has no action"
        } else {
            "its actions are not enabled"
        };
        found.add(
            Rule::NobodyTold,
            key,
            format!("{why}: it goes off, and nobody learns of it"),
            "let it tell a topic or a function, unless a rollout reads it".to_owned(),
        );
    }
}

/// An alarm watches the errors of this endpoint.
pub(super) fn watches_errors(world: &World, endpoint: &str) -> bool {
    world.things().any(|(_, thing)| match thing {
        Thing::Alarm(alarm) => {
            [
                "Invocation5XXErrors",
                "InvocationModelErrors",
                "InvocationFailures",
                "ExpiredRequests",
            ]
            .contains(&alarm.metric.as_str())
                && alarm
                    .dimensions
                    .get("EndpointName")
                    .is_some_and(|name| name == endpoint)
        }
        _ => false,
    })
}
