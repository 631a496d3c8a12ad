//! A plan without what the schedule leaves alone.

use std::collections::{BTreeMap, BTreeSet};

use super::{Change, Plan, Verb, digest, why::Why};
use crate::capacity::{
    drift::Applied,
    thing::{Action, Key, Scalable, Thing},
    world::World,
};

impl Plan {
    /// The same without what is about endpoints at which somebody else is at work, by name and in words: a rollout, a repair
    /// or a wake changes more than one thing, and what it has changed so far is not to be put back.
    #[must_use]
    pub fn leaving(mut self, at_work: &BTreeMap<String, String>, world: &World) -> Self {
        let changes = std::mem::take(&mut self.changes);
        let mut left: BTreeSet<(Scalable, String)> = BTreeSet::new();
        for change in changes {
            let triggers = match &change.after {
                Some(Thing::Alarm(alarm)) => alarm.actions.iter().find_map(|action| match action {
                    Action::Policy { of, name } if left.contains(&(of.clone(), name.clone())) => Some(name.clone()),
                    _ => None,
                }),
                _ => None,
            };
            let about = change
                .about()
                .into_iter()
                .flat_map(|thing| world.endpoints_about(thing));
            // A repair that creates an endpoint again holds it while it is not there.
            let behind = self.made_for(&change.key).map(String::as_str);
            let mut about = about.map(|on| on.name.as_str()).chain(behind);
            let who = about.find_map(|name| at_work.get(name)).cloned();
            match (who, triggers) {
                (Some(who), _) => {
                    if let Key::Policy(of, name) = &change.key {
                        left.insert((of.clone(), name.clone()));
                    }
                    self.hold(&change.key, Why::AtWork(who));
                }
                (None, Some(policy)) => self.hold(&change.key, Why::NoPolicy(policy)),
                (None, None) => self.changes.push(change),
            }
        }
        self.id = digest(&(&self.changes, &self.declared, at_work.keys().collect::<Vec<_>>()));
        self
    }

    /// The same without making endpoints again that were there before: those that Steward made or found, and `known` ones.
    #[must_use]
    pub fn leaving_gone(mut self, applied: &Applied, known: &BTreeSet<String>) -> Self {
        let made: BTreeSet<Key> = applied.things.iter().map(Thing::key).collect();
        let again = |change: &Change| match &change.key {
            Key::Endpoint(name) => change.verb == Verb::Create && (known.contains(name) || made.contains(&change.key)),
            _ => false,
        };
        let (gone, changes) = std::mem::take(&mut self.changes).into_iter().partition(again);
        self.changes = changes;
        for Change { key, .. } in gone {
            self.hold(&key, Why::Gone);
        }
        self.id = digest(&(&self.changes, &self.declared, "leaving what is gone"));
        self
    }
}
