//! A small pure AWS for the tests of capacity: what a change does to what is there.

use super::{
    desired::Desired,
    plan::{Change, Plan, Situation, Verb, plan},
    thing::{Key, Thing},
    world::{Seen, SeenVariant, World},
};
use crate::{endpoint::EndpointStatus, fleet::Fleet};
use std::collections::BTreeMap;

pub(crate) const NOW: &str = "2026-11-23T10:00:00Z";

pub(crate) fn real_time(name: &str, instances: u32) -> Seen {
    Seen {
        name: name.to_owned(),
        tags: None,
        status: EndpointStatus::InService,
        asynchronous: false,
        variants: vec![SeenVariant {
            name: "main".to_owned(),
            instances: Some(instances),
            instance_type: Some("ml.m5.xlarge".to_owned()),
            serverless: false,
        }],
        unsayable: Some("its model has several containers".to_owned()),
        config: None,
        rolled_out: false,
    }
}

pub(crate) fn asynchronous(name: &str, instances: u32) -> Seen {
    Seen {
        asynchronous: true,
        ..real_time(name, instances)
    }
}

pub(crate) fn parsed(text: &str) -> Fleet {
    Fleet::parse(text, "fleet.yaml").unwrap_or_else(|errors| panic!("{errors}\n\nin\n{text}"))
}

/// AWS with `fraud` and `search` (real-time), `images` (asynchronous) and `llms` with the component `llm`.
pub(crate) fn usual_world() -> World {
    let mut world = World::default();
    world.endpoints = vec![
        real_time("fraud", 2),
        real_time("search", 2),
        asynchronous("images", 0),
        real_time("llms", 2),
    ];
    world.components = BTreeMap::from([("llm".to_owned(), "llms".to_owned())]);
    world
}

/// The same with everything that a fleet file declares for it.
pub(crate) fn with_declared(world: World, text: &str) -> World {
    with_all_of(world, &parsed(text))
}

/// The same of a fleet file that was read.
pub(crate) fn with_all_of(mut world: World, fleet: &Fleet) -> World {
    let desired = Desired::of(fleet, &world, "eu-central-1");
    for (_, thing) in desired.things() {
        match thing {
            Thing::Endpoint { name, .. } if world.endpoint(name).is_some() => {}
            Thing::Endpoint { name, made } => {
                let mut seen = real_time(name, made.instances);
                seen.unsayable = None;
                world.endpoints.push(seen);
                world.put(thing.clone());
            }
            thing => {
                let key = thing.key();
                world.put(thing.clone());
                if matches!(key, Key::Policy(..) | Key::Action(..) | Key::Dashboard(_)) {
                    world.tagged.insert(key);
                }
            }
        }
    }
    world
}

pub(crate) fn planned(world: &World, desired: &Desired, prune: bool) -> Plan {
    plan(Situation {
        desired,
        world,
        prefix: "steward-",
        prune,
        raised: &BTreeMap::new(),
        now: NOW.parse().unwrap(),
    })
}

impl World {
    /// What a change does in AWS. Panics where AWS would refuse.
    pub(crate) fn apply(&mut self, change: &Change) {
        match (&change.verb, &change.key) {
            (Verb::Rollout, _) => panic!("a rollout is no change of a plan"),
            (Verb::Delete, Key::Target(of)) => {
                // Deregistering takes policies and actions along.
                let hanging: Vec<Key> = self.hanging_on(of).cloned().collect();
                for key in hanging.iter().chain([&change.key]) {
                    self.take(key);
                }
            }
            (Verb::Delete, key) => drop(self.take(key)),
            (Verb::Create | Verb::Change, key) => {
                if let (Key::Policy(of, _) | Key::Action(of, _), true) = (key, change.verb == Verb::Create) {
                    assert!(self.get(&Key::Target(of.clone())).is_some(), "no target for {key}");
                }
                let thing = change.after.clone().expect("what it is to be");
                if let Thing::Endpoint { name, made } = &thing {
                    let mut seen = real_time(name, made.instances);
                    seen.status = EndpointStatus::Creating;
                    seen.unsayable = None;
                    seen.variants[0].name.clone_from(&made.variant);
                    seen.asynchronous = made.asynchronous.is_some();
                    self.endpoints.push(seen);
                }
                if change.verb == Verb::Create {
                    self.tagged.insert(key.clone());
                }
                if let Thing::Reserved { function, concurrency } = &thing {
                    let warm = self.things().filter_map(|(_, thing)| match thing {
                        Thing::Warm {
                            function: of,
                            concurrency,
                            ..
                        } if of == function => Some(*concurrency),
                        _ => None,
                    });
                    assert!(*concurrency >= warm.sum(), "less reserved than provisioned");
                }
                self.put(thing);
            }
        }
    }

    /// What was being made is in service.
    pub(crate) fn settle(&mut self) {
        for seen in &mut self.endpoints {
            seen.status = EndpointStatus::InService;
        }
    }
}
