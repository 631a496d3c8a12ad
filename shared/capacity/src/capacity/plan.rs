//! What has to be done so that what is declared is what is there.
//!
//! A plan is a value with an id. Only what was planned is applied: [`Plan::remaining`] compares every change with what is there
//! now, and one that meets something else refuses the whole plan.

mod leaving;
mod own;
mod range;
mod table;
mod why;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use self::own::deletable;
pub use self::why::{Stale, Why};
use super::{
    desired::{Desired, Followed},
    difference::{Field, fields},
    thing::{Action, Key, Scalable, Thing},
    world::{Seen, World},
};
use crate::endpoint::EndpointStatus;

/// What a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// What is to be there.
    pub desired: &'a Desired,
    /// What is there.
    pub world: &'a World,
    /// What Steward's own names begin with.
    pub prefix: &'a str,
    /// Steward's own that is no longer declared is deleted.
    pub prune: bool,
    /// Minima that a wake has raised for its time: they are nobody's mistake.
    pub raised: &'a BTreeMap<Scalable, u32>,
    /// Now.
    pub now: Timestamp,
}

/// What has to be done, in the order in which it is safe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Twelve hexadecimal digits: of the changes and of everything they were made from.
    pub id: String,
    /// In the order in which they are made.
    pub changes: Vec<Change>,
    /// What is as it is to be.
    pub same: Vec<Same>,
    /// What cannot be done now, and why.
    pub held: Vec<Held>,
    /// What would be deleted with `prune: true`.
    pub prunable: Vec<Key>,
    /// What is deleted, or would be, because the endpoint that it was made for is not there any more and stands by; with its
    /// name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub behind: Vec<(Key, String)>,
    /// What is declared for a variant under another name than it has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub followed: Vec<Followed>,
    /// Of everything that was declared.
    declared: String,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Of what.
    pub key: Key,
    /// What is done.
    pub verb: Verb,
    /// Field by field.
    pub fields: Vec<Field>,
    /// What was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Thing>,
    /// What is to be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Thing>,
}

/// What is done about a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// It is made.
    Create,
    /// It is changed in place.
    Change,
    /// It is deleted.
    Delete,
    /// Nothing is done by the plan: a person starts a rollout.
    Rollout,
}

impl Verb {
    /// For tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Delete => "delete",
            Self::Rollout => "rollout",
        }
    }
}

/// What is as it is to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Same {
    /// What.
    pub key: Key,
    /// Why it counts as the same although its range is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub although: Option<String>,
}

/// What cannot be done now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// What.
    pub key: Key,
    /// Why.
    pub why: Why,
}

/// What has to be done.
pub fn plan(situation: Situation<'_>) -> Plan {
    let Situation {
        desired, world, prune, ..
    } = situation;
    let mut plan = Plan {
        id: String::new(),
        changes: vec![],
        same: vec![],
        held: vec![],
        prunable: vec![],
        behind: vec![],
        followed: desired.followed.clone(),
        declared: declared(desired),
    };
    plan.held.extend(desired.conflicts.iter().map(|key| Held {
        key: key.clone(),
        why: Why::Conflict,
    }));
    for (key, wanted) in desired.things() {
        match situation.left_behind(key) {
            Some(endpoint) => plan.behind.push((key.clone(), endpoint.clone())),
            None => plan.consider(situation, key, wanted),
        }
    }
    let undeclared = world
        .things()
        .map(|(key, _)| key)
        .filter(|key| !desired.mentions(key) && world.is_own(key, situation.prefix) && deletable(key))
        .filter(|key| {
            let endpoint = key.scalable().and_then(Scalable::endpoint);
            !endpoint.is_some_and(|name| desired.strays(name, world))
        });
    let own = undeclared
        .chain(plan.behind.iter().map(|(key, _)| key))
        .cloned()
        .collect();
    match prune {
        false => plan.prunable.extend(own),
        true => plan.prune(situation, own),
    }
    plan.changes.sort_by_cached_key(|change| phase(change, world));
    plan.id = digest(&(&plan.changes, &plan.declared, prune));
    plan
}

/// Everything that was declared but the dashboard, which shows what is there and so changes with every change.
fn declared(desired: &Desired) -> String {
    let said = desired.things().map(|(_, thing)| thing);
    digest(
        &said
            .filter(|thing| !matches!(thing, Thing::Dashboard { .. }))
            .collect::<Vec<_>>(),
    )
}

/// When a change is made: each after what it needs, deletions last and the other way round. Less reserved concurrency comes
/// after less provisioned, since it may not be less than that.
fn phase(change: &Change, world: &World) -> (u8, Key, std::cmp::Reverse<Key>) {
    let (none, key) = (Key::Endpoint(String::new()), change.key.clone());
    let warm = |function: &str| -> u64 {
        let there = world.things().filter_map(|(_, thing)| match thing {
            Thing::Warm {
                function: of,
                concurrency,
                ..
            } if of == function => Some(u64::from(*concurrency)),
            _ => None,
        });
        there.sum()
    };
    match (&change.verb, &change.after) {
        (Verb::Delete, _) => (2, none, std::cmp::Reverse(key)),
        (_, Some(Thing::Reserved { function, concurrency })) if u64::from(*concurrency) < warm(function) => {
            (1, key, std::cmp::Reverse(none))
        }
        _ => (0, key, std::cmp::Reverse(none)),
    }
}

impl Plan {
    /// Nothing has to be done, and nothing is held.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.held.is_empty()
    }

    fn consider(&mut self, situation: Situation<'_>, key: &Key, wanted: &Thing) {
        let world = situation.world;
        let there = world.get(key);
        if let (Key::Endpoint(name), None) = (key, there)
            && let Some(seen) = world.endpoint(name)
        {
            let why = seen
                .unsayable
                .clone()
                .unwrap_or_else(|| "it was not described".to_owned());
            return self.hold(
                key,
                match seen.status {
                    EndpointStatus::InService => Why::Unsayable(why),
                    status => Why::Busy(seen.name.clone(), status),
                },
            );
        }
        let (wanted, although) = range::wanted(situation, wanted, there);
        let differing = fields(there, Some(&wanted));
        if let Key::Endpoint(name) = key
            && world.endpoint(name).is_some_and(|seen| seen.rolled_out)
            && !differing.is_empty()
        {
            let although = "a rollout gave it another model since; `export` says what to write into the fleet file";
            return self.same.push(Same {
                key: key.clone(),
                although: Some(although.to_owned()),
            });
        }
        if there.is_some() && differing.is_empty() {
            return self.same.push(Same {
                key: key.clone(),
                although: although.or_else(|| situation.waits(key)),
            });
        }
        if let Some(why) = self.obstacle(situation, key, &wanted) {
            return self.hold(key, why);
        }
        self.changes.push(Change {
            key: key.clone(),
            verb: match (there, key) {
                (None, _) => Verb::Create,
                (Some(_), Key::Endpoint(_)) => Verb::Rollout,
                (Some(_), _) => Verb::Change,
            },
            fields: differing,
            before: there.cloned(),
            after: Some(wanted),
        });
    }

    fn hold(&mut self, key: &Key, why: Why) {
        self.held.push(Held { key: key.clone(), why });
    }

    fn obstacle(&self, situation: Situation<'_>, key: &Key, wanted: &Thing) -> Option<Why> {
        if let Some(endpoint) = situation.desired.standing_by.get(key) {
            return Some(Why::StandsBy(endpoint.clone()));
        }
        if let Thing::Alarm(alarm) = wanted {
            let missing = alarm.actions.iter().find_map(|action| match action {
                Action::Policy { of, name } => {
                    let policy = Key::Policy(of.clone(), name.clone());
                    let made = self.changes.iter().any(|change| change.key == policy);
                    (situation.world.get(&policy).is_none() && !made).then(|| name.clone())
                }
                Action::Arn(_) => None,
            });
            if let Some(missing) = missing {
                return Some(Why::NoPolicy(missing));
            }
            let seen = situation.world.endpoint(alarm.dimensions.get("EndpointName")?)?;
            return no_variant(seen, alarm.dimensions.get("VariantName")?);
        }
        let world = situation.world;
        let belongs = match key {
            Key::Reserved(function) | Key::Warm(function, _) => Some(format!("function {function}")),
            Key::Throttle(api, stage, ..) => Some(format!("stage {api}/{stage}")),
            _ => None,
        };
        if let Some(missing) = belongs.filter(|belongs| world.missing.contains(belongs)) {
            return Some(Why::Missing(missing));
        }
        let of = key.scalable()?;
        if let Scalable::Copies { component } = of
            && !world.components.contains_key(component)
        {
            return Some(Why::NoComponent(component.clone()));
        }
        let Some(seen) = world.endpoint_of(of) else {
            return Some(Why::NoEndpoint(of.endpoint().unwrap_or_default().to_owned()));
        };
        if seen.status != EndpointStatus::InService {
            return Some(Why::Busy(seen.name.clone(), seen.status));
        }
        match of {
            Scalable::Instances { variant, .. } | Scalable::Concurrency { variant, .. } => no_variant(seen, variant),
            Scalable::Copies { .. } => None,
        }
    }

    fn prune(&mut self, situation: Situation<'_>, undeclared: BTreeSet<Key>) {
        let world = situation.world;
        for key in &undeclared {
            if let Key::Target(of) = key {
                let others: Vec<Key> = world
                    .hanging_on(of)
                    .filter(|key| !undeclared.contains(*key))
                    .cloned()
                    .collect();
                if !others.is_empty() {
                    self.hold(key, Why::Shared(others));
                    continue;
                }
            }
            let before = world.get(key);
            self.changes.push(Change {
                key: key.clone(),
                verb: Verb::Delete,
                fields: fields(before, None),
                before: before.cloned(),
                after: None,
            });
        }
    }

    /// The changes that are still to be made, in order: of a plan that was cut off, those that it did not come to.
    ///
    /// # Errors
    /// When another plan was asked for, the fleet file says something else, or anything that would be changed is neither as it
    /// was nor as it is to be. Nothing may be done then.
    pub fn remaining(&self, asked: &str, desired: &Desired, world: &World) -> Result<Vec<&Change>, Stale> {
        if self.id != asked {
            return Err(Stale::Id {
                asked: crate::text::printable(asked, 40),
                present: self.id.clone(),
            });
        }
        if self.declared != declared(desired) {
            return Err(Stale::Declared);
        }
        let (mut left, mut changed) = (vec![], vec![]);
        for change in self.changes.iter().filter(|change| change.verb != Verb::Rollout) {
            let there = world.get(&change.key);
            let as_is = |thing: Option<&Thing>| match (there, thing) {
                (None, None) => true,
                (Some(there), Some(thing)) => fields(Some(there), Some(thing)).is_empty(),
                _ => false,
            };
            if as_is(change.after.as_ref()) {
                continue;
            }
            match as_is(change.before.as_ref()) {
                true => left.push(change),
                false => changed.push(change.key.clone()),
            }
        }
        match changed.is_empty() {
            true => Ok(left),
            false => Err(Stale::Changed(changed)),
        }
    }
}

/// The endpoint has no variant of this name.
fn no_variant(seen: &Seen, variant: &str) -> Option<Why> {
    let there = seen.variants.iter().any(|seen| seen.name == variant);
    let names = seen.variants.iter().map(|seen| seen.name.clone());
    (!there).then(|| Why::NoVariant(variant.to_owned(), names.collect()))
}

impl Change {
    /// The thing that is changed: as it is to be, or as it was.
    pub fn about(&self) -> Option<&Thing> {
        self.after.as_ref().or(self.before.as_ref())
    }

    /// What has to be made before, where it is made as well: a target before what hangs on it, a policy before the alarm that
    /// triggers it.
    pub fn needs(&self) -> Vec<Key> {
        let target = match &self.key {
            Key::Target(_) => None,
            key => key.scalable().map(|of| Key::Target(of.clone())),
        };
        let policies = match &self.after {
            Some(Thing::Alarm(alarm)) => alarm.actions.as_slice(),
            _ => &[],
        };
        let policies = policies.iter().filter_map(|action| match action {
            Action::Policy { of, name } => Some(Key::Policy(of.clone(), name.clone())),
            Action::Arn(_) => None,
        });
        target.into_iter().chain(policies).collect()
    }

    /// Why, in one line.
    pub fn why(&self) -> String {
        match (self.verb, &self.key) {
            (Verb::Create, _) => "declared, and not there".to_owned(),
            (Verb::Change, _) => "not as it is declared".to_owned(),
            (Verb::Delete, _) => "Steward's own, and no longer declared".to_owned(),
            (Verb::Rollout, Key::Endpoint(name)) => match &self.after {
                Some(Thing::Endpoint { made, .. }) => format!(
                    "a live endpoint is changed by a rollout only: create the model {} and start one, {}",
                    made.model_name(name),
                    serde_json::json!({ "command": "start", "endpoint": name, "model": made.model_name(name) })
                ),
                _ => "a live endpoint is changed by a rollout only".to_owned(),
            },
            (Verb::Rollout, _) => "changed by a rollout only".to_owned(),
        }
    }
}

/// Twelve hexadecimal digits of the SHA-256 of its JSON.
pub(super) fn digest(of: &impl Serialize) -> String {
    let text = serde_json::to_string(of).unwrap_or_default();
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// The thing as it is to be right now: of a target, with the range that a scheduled action or a wake gave it.
pub(super) fn wanted_now(situation: Situation<'_>, wanted: &Thing, there: Option<&Thing>) -> Thing {
    range::wanted(situation, wanted, there).0
}
