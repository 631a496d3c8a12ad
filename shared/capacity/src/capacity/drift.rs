//! What was changed outside since Steward applied something last.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    desired::Desired,
    difference::{Field, fields},
    plan::{Change, Situation, wanted_now},
    thing::{Key, Scalable, Thing},
    world::{OWNER_TAG, World},
};
use crate::endpoint::EndpointStatus;

/// What Steward made last, for comparison.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    /// When something was applied last.
    pub at: Option<Timestamp>,
    /// Each thing as it was made, or found as it is to be.
    pub things: Vec<Thing>,
}

/// One thing that is not as it was left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Which.
    pub key: Key,
    /// What became of it.
    pub kind: Kind,
    /// Field by field, from how it was left to what is there.
    pub fields: Vec<Field>,
}

/// What became of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It is gone.
    Gone,
    /// It is another.
    Changed,
    /// It is there as if it were Steward's own, and Steward does not know it.
    Appeared,
}

impl Applied {
    /// With what a change made of it.
    #[must_use]
    pub fn with(mut self, change: &Change, at: Timestamp) -> Self {
        self.things.retain(|thing| thing.key() != change.key);
        self.things.extend(change.after.clone());
        self.at = Some(at);
        self
    }

    /// With what was found as it is to be, so that also what was adopted is watched, and what others made true: a rollout, a
    /// person.
    #[must_use]
    pub fn adopting(mut self, desired: &Desired, same: impl IntoIterator<Item = Key>, at: Timestamp) -> Self {
        for thing in same.into_iter().filter_map(|key| desired.get(&key)) {
            if !self.things.contains(thing) {
                self.things.retain(|known| known.key() != thing.key());
                self.things.push(thing.clone());
                self.at = Some(at);
            }
        }
        self
    }

    /// With ranges that were made as they are declared: for the time of a wake they may have been made others.
    #[must_use]
    pub fn as_declared(mut self, desired: &Desired, made: impl Fn(&Key) -> bool) -> Self {
        for thing in &mut self.things {
            let key = thing.key();
            if let (Key::Target(_), true, Some(declared)) = (&key, made(&key), desired.get(&key)) {
                thing.clone_from(declared);
            }
        }
        self
    }

    /// Without what is not there, and neither declared any more nor to be there before its endpoint is restored.
    #[must_use]
    pub fn without_lost(mut self, desired: &Desired, world: &World) -> Self {
        let known = |thing: &Thing| {
            let key = thing.key();
            world.get(&key).is_some() || (desired.mentions(&key) && !desired.standing_by.contains_key(&key))
        };
        self.things.retain(known);
        self
    }
}

/// What was changed outside. Ranges that a scheduled action or a wake moved are as they were left.
pub fn drift(
    applied: &Applied,
    world: &World,
    prefix: &str,
    raised: &BTreeMap<Scalable, u32>,
    now: Timestamp,
) -> Vec<Drift> {
    let left = Desired::of_things(applied.things.iter().cloned());
    let situation = Situation {
        desired: &left,
        world,
        prefix,
        prune: false,
        raised,
        now,
    };
    let mut drifted: Vec<Drift> = vec![];
    for (key, thing) in left.things() {
        let there = world.get(key);
        let thing = wanted_now(situation, thing, there);
        let fields = fields(Some(&thing), there);
        // What an endpoint is made of is seen when it serves: one that is being made is nobody's doing, and what a rollout
        // gave it is Steward's.
        let unsettled = match key {
            Key::Endpoint(name) => world
                .endpoint(name)
                .is_some_and(|seen| seen.status != EndpointStatus::InService || seen.rolled_out),
            _ => false,
        };
        if !unsettled && (there.is_none() || !fields.is_empty()) {
            drifted.push(Drift {
                key: key.clone(),
                kind: if there.is_none() { Kind::Gone } else { Kind::Changed },
                fields,
            });
        }
    }
    let appeared = world
        .things()
        .filter(|(key, _)| key.own_name().is_some() && world.is_own(key, prefix) && !left.mentions(key));
    drifted.extend(appeared.map(|(key, thing)| Drift {
        key: key.clone(),
        kind: Kind::Appeared,
        fields: fields(None, Some(thing)),
    }));
    drifted
}

impl Drift {
    /// In one sentence.
    pub fn told(&self) -> String {
        let (kind, key) = (self.key.kind(), &self.key);
        match self.kind {
            Kind::Gone => format!("The {kind} {key} is gone."),
            Kind::Appeared => match self.key {
                Key::Alarm(_) => format!("The {kind} {key} bears the tag {OWNER_TAG}, and Steward does not know it."),
                _ => format!("The {kind} {key} bears a name of Steward's, and Steward did not make it."),
            },
            Kind::Changed => {
                let value = |value: &Option<serde_json::Value>| match value {
                    Some(value) => crate::text::printable(&value.to_string(), 60),
                    None => "nothing".to_owned(),
                };
                let fields: Vec<String> = self
                    .fields
                    .iter()
                    .map(|field| format!("{} from {} to {}", field.path, value(&field.from), value(&field.to)))
                    .collect();
                format!(
                    "The {kind} {key} was changed outside: {}.",
                    crate::text::and_list(&fields)
                )
            }
        }
    }
}
