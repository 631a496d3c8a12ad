//! Endpoints: whether they outlive an Availability Zone, and whether anybody watches them.

use super::{Findings, Rule, alarms};
use crate::capacity::{
    thing::{Key, Scalable, Thing},
    world::{Seen, World},
};

pub(super) fn check(world: &World, found: &mut Findings) {
    for seen in &world.endpoints {
        let key = Key::Endpoint(seen.name.clone());
        one_instance(world, seen, &key, found);
        let hosts_components = world.components.values().any(|endpoint| *endpoint == seen.name);
        if !hosts_components && !alarms::watches_errors(world, &seen.name) {
            let metric = if seen.asynchronous {
                "InvocationFailures"
            } else {
                "Invocation5XXErrors"
            };
            found.add(
                Rule::NoErrorAlarm,
                &key,
                format!("no alarm watches its {metric}"),
                "declare one under `alarms`; `rollout.alarms` can name it, too".to_owned(),
            );
        }
        if let Some(Thing::Endpoint { made, .. }) = world.get(&key)
            && made.capture.as_ref().is_some_and(|capture| capture.percent == 100)
        {
            found.add(
                Rule::CaptureAll,
                &key,
                "100% of its requests and answers are kept in S3".to_owned(),
                "a share such as 20% is enough to see drift, and costs a fifth".to_owned(),
            );
        }
    }
}

fn one_instance(world: &World, seen: &Seen, key: &Key, found: &mut Findings) {
    // What answers later may wait for another instance.
    if seen.asynchronous {
        return;
    }
    for variant in seen.variants.iter().filter(|variant| !variant.serverless) {
        let of = Scalable::Instances {
            endpoint: seen.name.clone(),
            variant: variant.name.clone(),
        };
        let min = match world.get(&Key::Target(of)) {
            Some(Thing::Target { min, .. }) => Some(*min),
            _ => None,
        };
        let evidence = match (variant.instances, min) {
            (_, Some(1)) => format!("{} may be scaled in to one instance", variant.name),
            (Some(1), None) => format!("{} has one instance", variant.name),
            _ => continue,
        };
        found.add(
            Rule::OneInstance,
            key,
            format!("{evidence}: it is gone with its Availability Zone, and while that instance is replaced"),
            "two instances at least, also as the minimum of its scalable target".to_owned(),
        );
    }
}
