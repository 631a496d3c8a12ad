//! What has to be read of AWS for a decision: no more, since SageMaker throttles early.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    desired::Desired,
    drift::Applied,
    thing::{Key, Thing},
    world::World,
};
use crate::fleet::Fleet;

/// How much is read of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Name and status, which the list has.
    Listed,
    /// Its variants.
    Described,
    /// Its config and its model.
    Whole,
}

/// How much has to be read of an endpoint for a plan.
pub fn depth(fleet: &Fleet, name: &str, tags: Option<&BTreeMap<String, String>>) -> Depth {
    let things = fleet.capacity_for(name, tags);
    let priced = fleet.dashboard().map(|policy| !policy.prices.is_empty());
    let shown = fleet.health_for(name, tags).and(priced);
    match (things.as_slice(), shown) {
        (_, Some(true)) => Depth::Whole,
        (things, _) if things.iter().any(|thing| matches!(thing, Thing::Endpoint { .. })) => Depth::Whole,
        ([], None) => Depth::Listed,
        _ => Depth::Described,
    }
}

/// What is read by its name: what is declared, and what Steward made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// `AlarmName`s.
    pub alarms: BTreeSet<String>,
    /// `FunctionName`s.
    pub functions: BTreeSet<String>,
    /// `RestApiId` and `StageName`.
    pub stages: BTreeSet<(String, String)>,
    /// `DashboardName`s.
    pub dashboards: BTreeSet<String>,
}

impl Named {
    /// Of what is declared and what was made.
    pub fn of(desired: &Desired, applied: &Applied) -> Self {
        let mut named = Self::default();
        let declared = desired.things().map(|(key, _)| key.clone());
        let made = applied.things.iter().map(Thing::key);
        for key in declared.chain(desired.conflicts.iter().cloned()).chain(made) {
            match key {
                Key::Alarm(name) => drop(named.alarms.insert(name)),
                Key::Dashboard(name) => drop(named.dashboards.insert(name)),
                Key::Reserved(function) | Key::Warm(function, _) => drop(named.functions.insert(function)),
                Key::Throttle(api, stage, ..) => drop(named.stages.insert((api, stage))),
                Key::Endpoint(_) | Key::Target(_) | Key::Policy(..) | Key::Action(..) => {}
            }
        }
        named
    }
}

/// What has to be asked for its tags, since only a tag can tell whose something is that is there and that nobody declares, or
/// that is declared for an endpoint that stands by and is not there: targets and alarms that Steward made, alarms with its prefix, and the targets of policies and scheduled actions with it.
pub fn undeclared(applied: &Applied, desired: &Desired, world: &World, prefix: &str) -> BTreeSet<Key> {
    let made = applied.things.iter().map(Thing::key);
    let made = made.filter(|key| matches!(key, Key::Target(_) | Key::Alarm(_)));
    let named = world.things().map(|(key, _)| key.clone()).filter(|key| {
        let name = key.own_name().filter(|_| !matches!(key, Key::Dashboard(_)));
        name.is_some_and(|name| name.starts_with(prefix))
    });
    made.chain(named)
        .filter(|key| world.get(key).is_some())
        .filter(|key| !desired.mentions(key) || desired.standing_by.contains_key(key))
        .map(|key| match key.scalable() {
            Some(of) => Key::Target(of.clone()),
            None => key,
        })
        .collect()
}

/// What cannot bear tags, is there, and is known to be made by this installation.
pub fn untaggable(applied: &Applied, world: &World) -> impl Iterator<Item = Key> {
    let made = applied.things.iter().map(Thing::key);
    made.filter(|key| matches!(key, Key::Policy(..) | Key::Action(..) | Key::Dashboard(_)) && world.get(key).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::fixture::parsed;

    #[test]
    fn only_what_a_plan_needs_is_read_of_an_endpoint() {
        let fleet = parsed(
            "version: 1\nendpoints:\n  plain: {}\n  scaled:\n    scaling: [{ variant: main, min: 1, max: 4 }]\n",
        );
        assert_eq!(depth(&fleet, "plain", None), Depth::Listed);
        assert_eq!(depth(&fleet, "unknown", None), Depth::Listed);
        assert_eq!(depth(&fleet, "scaled", None), Depth::Described);
        let shown = parsed("version: 1\nendpoints: { plain: {} }\ndashboard: {}\n");
        assert_eq!(depth(&shown, "plain", None), Depth::Described);
        assert_eq!(depth(&shown, "unknown", None), Depth::Listed);
        let priced = parsed("version: 1\nendpoints: { plain: {} }\ndashboard: { prices: { ml.m5.xlarge: 0.23 } }\n");
        assert_eq!(depth(&priced, "plain", None), Depth::Whole);
    }
}
