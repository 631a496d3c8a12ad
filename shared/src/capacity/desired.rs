//! What the fleet file declares of everything that is there.

use std::collections::BTreeMap;

use super::{
    dashboard,
    thing::{Key, Thing},
    world::World,
};
use crate::fleet::Fleet;

/// What is to be there, each thing once, in its usual form.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desired {
    things: BTreeMap<Key, Thing>,
    /// Said twice and not the same, as by a glob that gives every endpoint an alarm of one name: nothing is done about these.
    pub conflicts: Vec<Key>,
}

impl Desired {
    /// Of what a fleet file declares for the endpoints that are there, and for those that it names. `region` is where the
    /// dashboard finds its metrics.
    pub fn of(fleet: &Fleet, world: &World, region: &str) -> Self {
        let mut desired = Self::default();
        for name in fleet.named().into_iter().filter(|name| world.endpoint(name).is_none()) {
            fleet
                .capacity_for(name, None)
                .into_iter()
                .for_each(|thing| desired.put(thing));
        }
        let mut selected = vec![];
        for seen in &world.endpoints {
            let tags = seen.tags.as_ref();
            if fleet.health_for(&seen.name, tags).is_some() {
                selected.push(seen);
            }
            fleet
                .capacity_for(&seen.name, tags)
                .into_iter()
                .for_each(|thing| desired.put(thing));
        }
        fleet.account().into_iter().for_each(|thing| desired.put(thing));
        if let Some(policy) = fleet.dashboard() {
            desired.put(Thing::Dashboard {
                name: policy.name.clone(),
                body: dashboard::body(policy, &selected, &world.components, region),
            });
        }
        desired
    }

    /// Of these things.
    pub fn of_things(things: impl IntoIterator<Item = Thing>) -> Self {
        let mut desired = Self::default();
        things.into_iter().for_each(|thing| desired.put(thing));
        desired
    }

    fn put(&mut self, thing: Thing) {
        let thing = thing.usual();
        let key = thing.key();
        if self.conflicts.contains(&key) {
            return;
        }
        match self.things.get(&key) {
            Some(said) if *said != thing => {
                self.things.remove(&key);
                self.conflicts.push(key);
            }
            _ => {
                self.things.insert(key, thing);
            }
        }
    }

    /// What is to be there under this key.
    pub fn get(&self, key: &Key) -> Option<&Thing> {
        self.things.get(key)
    }

    /// Something is said of it, or two things that are not the same.
    pub fn mentions(&self, key: &Key) -> bool {
        self.things.contains_key(key) || self.conflicts.contains(key)
    }

    /// Everything, in the order of the keys.
    pub fn things(&self) -> impl Iterator<Item = (&Key, &Thing)> {
        self.things.iter()
    }
}
