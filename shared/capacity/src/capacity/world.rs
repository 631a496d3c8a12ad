//! What AWS describes of capacity, at one moment.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::thing::{Action, Key, Scalable, Thing};
use crate::endpoint::EndpointStatus;

/// The tag of what Steward made; its value is the name of the installation.
pub const OWNER_TAG: &str = "steward:owner";

/// Everything that was described, whether Steward looks after it or not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    things: BTreeMap<Key, Thing>,
    /// The endpoints there are.
    pub endpoints: Vec<Seen>,
    /// The inference components there are, each with the endpoint it is on.
    pub components: BTreeMap<String, String>,
    /// What bears the tag `steward:owner` of this installation, where it was asked for; and of what cannot bear tags, what it
    /// knows to have made.
    pub tagged: BTreeSet<Key>,
    /// What was asked for and is not there: `function <name>`, `stage <api>/<stage>`.
    pub missing: BTreeSet<String>,
    /// ARNs of alarms, on which their tags hang.
    pub arns: BTreeMap<Key, String>,
}

/// An endpoint as it is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// `EndpointName`.
    pub name: String,
    /// Its tags, where they were fetched.
    pub tags: Option<BTreeMap<String, String>>,
    /// `EndpointStatus`.
    pub status: EndpointStatus,
    /// Its config has an `AsyncInferenceConfig`.
    pub asynchronous: bool,
    /// Its variants.
    pub variants: Vec<SeenVariant>,
    /// Why what it is made of cannot be said in the words of `provision`. With nothing, its [`Thing::Endpoint`] is there.
    pub unsayable: Option<String>,
    /// `EndpointConfigName`, where it was described.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// A rollout of Steward's gave it what it serves, after what is declared was found there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rolled_out: bool,
}

/// A variant as it is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeenVariant {
    /// `VariantName`.
    pub name: String,
    /// `CurrentInstanceCount`; absent for serverless ones.
    pub instances: Option<u32>,
    /// `InstanceType`; absent for serverless ones and those of components with pools.
    pub instance_type: Option<String>,
    /// It has a `ServerlessConfig`.
    pub serverless: bool,
}

impl World {
    /// Of what was described. Each thing is kept in its usual form.
    pub fn of(things: impl IntoIterator<Item = Thing>) -> Self {
        let mut world = Self::default();
        things.into_iter().for_each(|thing| world.put(thing));
        world
    }

    /// Adds what was described, in place of what has the same key.
    pub fn put(&mut self, thing: Thing) {
        let thing = thing.usual();
        self.things.insert(thing.key(), thing);
    }

    /// Takes it away.
    pub fn take(&mut self, key: &Key) -> Option<Thing> {
        self.tagged.remove(key);
        self.things.remove(key)
    }

    /// What has this key.
    pub fn get(&self, key: &Key) -> Option<&Thing> {
        self.things.get(key)
    }

    /// Everything, in the order of the keys.
    pub fn things(&self) -> impl Iterator<Item = (&Key, &Thing)> {
        self.things.iter()
    }

    /// The endpoint of this name.
    pub fn endpoint(&self, name: &str) -> Option<&Seen> {
        self.endpoints.iter().find(|seen| seen.name == name)
    }

    /// The endpoint on which something scales, where it is known.
    pub fn endpoint_of(&self, of: &Scalable) -> Option<&Seen> {
        let name = match of {
            Scalable::Copies { component } => self.components.get(component)?.as_str(),
            Scalable::Instances { endpoint, .. } | Scalable::Concurrency { endpoint, .. } => endpoint,
        };
        self.endpoint(name)
    }

    /// The endpoints that a thing is about: on which it scales; of an alarm those whose metrics it watches, and those that it
    /// scales by a policy.
    pub fn endpoints_about(&self, thing: &Thing) -> Vec<&Seen> {
        match thing {
            Thing::Alarm(alarm) => {
                let component = alarm.dimensions.get("InferenceComponentName");
                let on = component.and_then(|component| self.components.get(component));
                let watched = alarm.dimensions.get("EndpointName").or(on);
                let watched = watched.and_then(|name| self.endpoint(name));
                let actions = [&alarm.actions, &alarm.ok_actions, &alarm.insufficient_actions];
                let scaled = actions.into_iter().flatten().filter_map(|action| match action {
                    Action::Policy { of, .. } => self.endpoint_of(of),
                    Action::Arn(_) => None,
                });
                watched.into_iter().chain(scaled).collect()
            }
            thing => {
                let key = thing.key();
                let on = key.scalable().and_then(|of| self.endpoint_of(of));
                on.into_iter().collect()
            }
        }
    }

    /// The policies and scheduled actions of a target.
    pub fn hanging_on<'a>(&'a self, of: &'a Scalable) -> impl Iterator<Item = &'a Key> {
        self.things
            .keys()
            .filter(move |key| !matches!(key, Key::Target(_)) && key.scalable() == Some(of))
    }

    /// The same with only what is about this endpoint: what scales on it, and the alarms on its metrics.
    #[must_use]
    pub fn only(&self, endpoint: &str) -> Self {
        let components: BTreeMap<String, String> = self
            .components
            .iter()
            .filter(|(_, on)| *on == endpoint)
            .map(|(component, on)| (component.clone(), on.clone()))
            .collect();
        let about = |thing: &Thing| match thing {
            Thing::Endpoint { name, .. } => name == endpoint,
            Thing::Alarm(alarm) => {
                let component = alarm.dimensions.get("InferenceComponentName");
                alarm
                    .dimensions
                    .get("EndpointName")
                    .is_some_and(|name| name == endpoint)
                    || component.is_some_and(|name| components.contains_key(name))
            }
            thing => thing.key().scalable().is_some_and(|of| match of {
                Scalable::Copies { component } => components.contains_key(component),
                of => of.endpoint() == Some(endpoint),
            }),
        };
        Self {
            things: self
                .things
                .iter()
                .filter(|(_, thing)| about(thing))
                .map(|(key, thing)| (key.clone(), thing.clone()))
                .collect(),
            endpoints: self.endpoint(endpoint).cloned().into_iter().collect(),
            components,
            ..self.clone()
        }
    }

    /// This installation's own: by its tag; a policy or scheduled action by the tag of its target and the beginning of its
    /// name; and what it knows to have made. A name alone is not enough: every installation's names may begin the same, and
    /// CloudFormation names the alarms of a stack after the stack.
    pub fn is_own(&self, key: &Key, prefix: &str) -> bool {
        let on_own = match key {
            Key::Policy(of, name) | Key::Action(of, name) => {
                name.starts_with(prefix) && self.tagged.contains(&Key::Target(of.clone()))
            }
            _ => false,
        };
        on_own || self.tagged.contains(key)
    }
}
