//! What the fleet file declares of everything that is there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use super::{
    dashboard,
    thing::{Key, Thing},
    world::{Seen, World},
};
use crate::fleet::{Fleet, Unmade};

/// What is to be there, each thing once, in its usual form.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desired {
    things: BTreeMap<Key, Thing>,
    /// Said twice and not the same, as by a glob that gives every endpoint an alarm of one name: nothing is done about these.
    pub conflicts: Vec<Key>,
    /// Variants that are declared and not there, with what is declared for them.
    pub followed: Vec<Followed>,
    /// What is declared for an endpoint that is not there and stands by in this Region, with its name: nothing of it is made
    /// before a restore made the endpoint.
    pub standing_by: BTreeMap<Key, String>,
}

/// A variant that is declared and not there, and the one that has its place: a rollout gives the variant another name, and
/// takes along what scales it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followed {
    /// `EndpointName`.
    pub endpoint: String,
    /// The variant that the fleet file names.
    pub declared: String,
    /// The only one that the endpoint has.
    pub live: String,
}

impl Followed {
    /// Where the fleet file declares what scales for one variant only, that one is not there, and there is exactly one of its
    /// kind, nobody else can be meant.
    fn of(things: &[Thing], seen: &Seen) -> Option<Self> {
        let declared: BTreeSet<(&str, bool)> = things
            .iter()
            .filter_map(|thing| match thing {
                Thing::Target { of, .. } => of.variant(),
                _ => None,
            })
            .collect();
        let mut declared = declared.into_iter();
        let (Some((declared, serverless)), None, [live]) = (declared.next(), declared.next(), seen.variants.as_slice())
        else {
            return None;
        };
        (live.name != declared && live.serverless == serverless).then(|| Self {
            endpoint: seen.name.clone(),
            declared: declared.to_owned(),
            live: live.name.clone(),
        })
    }
}

impl fmt::Display for Followed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            endpoint,
            declared,
            live,
        } = self;
        write!(
            f,
            "{endpoint} has no variant {declared}; what is declared for it is done for {live}, the only one"
        )
    }
}

impl Desired {
    /// Of what a fleet file declares for the endpoints that are there, and for those that it names. `region` is where all
    /// that is.
    pub fn of(fleet: &Fleet, world: &World, region: &str) -> Self {
        let mut desired = Self::default();
        for name in fleet.named().into_iter().filter(|name| world.endpoint(name).is_none()) {
            let stands_by = fleet.unmade(name, region) == Some(Unmade::StandsBy);
            for thing in fleet.capacity_for(name, None) {
                let thing = thing.usual();
                if stands_by {
                    desired.standing_by.insert(thing.key(), name.to_owned());
                }
                desired.put(thing);
            }
        }
        let mut selected = vec![];
        for seen in &world.endpoints {
            let tags = seen.tags.as_ref();
            if fleet.health_for(&seen.name, tags).is_some() {
                selected.push(seen);
            }
            let things = fleet.capacity_for(&seen.name, tags);
            let followed = Followed::of(&things, seen);
            for thing in things {
                desired.put(match &followed {
                    None => thing,
                    Some(one) => thing.following(&one.endpoint, &one.declared, &one.live),
                });
            }
            desired.followed.extend(followed);
        }
        fleet.account().into_iter().for_each(|thing| desired.put(thing));
        if let Some(policy) = fleet.dashboard() {
            desired.put(Thing::Dashboard {
                name: policy.name.clone().unwrap_or_else(|| format!("steward-fleet-{region}")),
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

    /// What is declared for a variant that is not there, and nobody knows for which it is meant: what hangs on another variant
    /// of such an endpoint may be just that.
    pub(super) fn strays(&self, endpoint: &str, world: &World) -> bool {
        let Some(seen) = world.endpoint(endpoint) else {
            return false;
        };
        let mut declared = self.things.keys().filter_map(Key::scalable);
        declared.any(|of| {
            of.endpoint() == Some(endpoint)
                && of
                    .variant()
                    .is_some_and(|(name, _)| seen.variants.iter().all(|variant| variant.name != name))
        })
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
