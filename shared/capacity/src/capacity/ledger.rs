//! What Steward remembers of capacity between two invocations: one JSON document for the account.
//!
//! A plan is kept so that what is applied is what was shown. While one is applied it stands in the document before its first
//! call, so that whoever finds it there goes on; what is left of it is asked of AWS and not remembered. Drift is kept so that
//! each is told once, and its end.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    desired::Desired,
    drift::{Applied, Drift},
    plan::{Plan, Stale, Verb},
    tell::{self, Teller},
    thing::Key,
    world::World,
};
use crate::outbox::{HasOutbox, Outbox};

/// Kind and version of the document. A build that finds another one leaves it alone.
pub const SCHEMA: &str = "capacity/1";

/// Plans kept; the oldest goes first.
const PLANS: usize = 10;

/// A plan that is at work for longer, because of what may come to pass later, is told.
const HELD: SignedDuration = SignedDuration::from_hours(3);

/// What AWS goes on refusing is told again after so long.
const REMINDER: SignedDuration = SignedDuration::from_hours(24);

/// Ends remembered.
const HISTORY: usize = 30;

/// The whole document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CapacityLedger {
    /// What was planned, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plans: Vec<Planned>,
    /// What is being applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applying: Option<Applying>,
    /// What Steward made, or found as it is to be.
    #[serde(default)]
    pub applied: Applied,
    /// Drift that was told and is not over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drifted: Vec<Drifted>,
    /// What AWS refuses, as people were told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
    /// Declared endpoints that were there once: whether one that is gone is to be made again, a person decides.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub known: BTreeSet<String>,
    /// Since when nobody can look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blind: Option<Timestamp>,
    /// What was applied, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Past>,
    /// Alerts decided and not known to be published.
    #[serde(default)]
    pub outbox: Outbox,
}

/// A plan that was shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// With what would be deleted.
    pub prune: bool,
    /// When it was made.
    pub at: Timestamp,
}

/// A plan that is being applied, or what is left of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Applying {
    /// The plan.
    pub plan: Plan,
    /// Who asked for it and why.
    pub by: String,
    /// When its first call was about to be made.
    pub began: Timestamp,
    /// People were told that it does not come to its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told: bool,
    /// What is left of the plan only waits: it was tried, and may come to pass later.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waits: bool,
    /// What was made, and nobody was told yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made: Vec<(Verb, Key)>,
    /// How much was made.
    #[serde(default)]
    pub count: usize,
}

/// A change that AWS refused, and people were told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// Of what.
    pub key: Key,
    /// Why.
    pub why: String,
    /// When they were told last.
    pub told: Timestamp,
}

/// Drift that was told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drifted {
    /// What drifted.
    pub drift: Drift,
    /// When it was found.
    pub since: Timestamp,
}

/// A plan that was applied as far as it went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Past {
    /// The plan's id.
    pub plan: String,
    /// Who asked for it and why.
    pub by: String,
    /// When its first call was about to be made.
    pub began: Timestamp,
    /// When it was over.
    pub ended: Timestamp,
    /// Changes that were made.
    pub made: usize,
    /// What was not made, each with why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<String>,
}

/// A change that was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Of what.
    pub key: Key,
    /// Why, with what to do about it.
    pub why: String,
    /// It may come to pass by itself: the next tick tries again.
    pub later: bool,
}

impl HasOutbox for CapacityLedger {
    fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    fn outbox_mut(&mut self) -> &mut Outbox {
        &mut self.outbox
    }
}

impl CapacityLedger {
    /// Alerts that wait.
    pub fn outbox_len(&self) -> usize {
        self.outbox.len()
    }

    /// The plan of this id, the one that is being applied included.
    pub fn plan(&self, id: &str) -> Option<&Plan> {
        let applying = self.applying.iter().map(|applying| &applying.plan);
        let mut known = applying.chain(self.plans.iter().rev().map(|planned| &planned.plan));
        known.find(|plan| plan.id == id)
    }

    /// Keeps a plan that is shown.
    pub fn keep(&mut self, plan: &Plan, prune: bool, at: Timestamp) {
        self.plans.retain(|planned| planned.plan.id != plan.id);
        self.plans.push(Planned {
            plan: plan.clone(),
            prune,
            at,
        });
        self.plans.drain(..self.plans.len().saturating_sub(PLANS));
    }

    /// The plan is about to be applied. One that is at work already keeps who asked for it and since when; one that only
    /// waits gives way, since whoever plans anew has what it waits for in the new plan.
    ///
    /// # Errors
    /// The plan that is at work, when it is another one and being made: nothing was changed then.
    pub fn begin(&mut self, plan: &Plan, by: &str, teller: Teller<'_>) -> Result<(), &Applying> {
        let mut next = Applying {
            plan: plan.clone(),
            by: by.to_owned(),
            began: teller.now,
            told: false,
            waits: false,
            made: vec![],
            count: 0,
        };
        match self.applying.take() {
            // What is left of it may be less than what there is to do again.
            Some(same) if same.plan.id == plan.id => {
                next = Applying {
                    plan: next.plan,
                    waits: false,
                    ..same
                }
            }
            Some(other) if !other.waits => return Err(self.applying.insert(other)),
            Some(waiting) => {
                let mut waited = waiting.plan.changes.iter().map(|change| &change.key);
                if waited.any(|key| plan.changes.iter().any(|change| change.key == *key)) {
                    (next.began, next.told) = (waiting.began, waiting.told);
                }
                self.gives_way(waiting, &format!("left to plan {}", plan.id), teller);
            }
            None => {}
        }
        self.applying = Some(next);
        Ok(())
    }

    /// As far as it went now: what was made and what AWS refuses is told. What may come to pass later is all that stays of it,
    /// and is told once it has stayed for long; without that it is over.
    pub fn went(&mut self, failed: &[Failed], late: bool, teller: Teller<'_>) {
        let Some(mut applying) = self.applying.take() else {
            return;
        };
        if late {
            // Nobody knows what it did not come to. Until then nothing of the plan is called drift.
            self.applying = Some(applying);
            return;
        }
        let now = teller.now;
        let (waits, refused): (Vec<&Failed>, Vec<&Failed>) = failed.iter().partition(|failed| failed.later);
        let tried: Vec<Key> = applying.plan.changes.iter().map(|change| change.key.clone()).collect();
        for change in std::mem::take(&mut applying.plan.changes) {
            match failed.iter().find(|failed| failed.key == change.key) {
                _ if change.verb == Verb::Rollout => {}
                Some(failed) if failed.later => applying.plan.changes.push(change),
                Some(_) => {}
                None => {
                    self.applied = std::mem::take(&mut self.applied).with(&change, now);
                    applying.made.push((change.verb, change.key));
                    applying.count += 1;
                }
            }
        }
        if self.is_news(&tried, &refused, now) {
            self.outbox.push(tell::refused(&applying, &refused, teller));
            applying.made.clear();
        }
        if waits.is_empty() {
            self.outbox.extend(tell::applied(&applying, teller));
            let why = refused.iter().map(|failed| format!("{}: {}", failed.key, failed.why));
            self.past(applying, why, now);
            return;
        }
        applying.waits = true;
        self.outbox.extend(tell::applied(&applying, teller));
        applying.made.clear();
        if !applying.told && now.duration_since(applying.began) >= HELD {
            applying.told = true;
            self.outbox.push(tell::held(&applying, &waits, teller));
        }
        self.applying = Some(applying);
    }

    /// Whether people are to be told of these: a schedule that applies meets the same refusal every hour. What was not tried
    /// now may still be refused, until it is old enough to be told again anyway.
    fn is_news(&mut self, tried: &[Key], refused: &[&Failed], now: Timestamp) -> bool {
        let mut known = std::mem::take(&mut self.refused);
        known.retain(|known| now.duration_since(known.told) < REMINDER);
        let told = |one: &Failed| {
            let same = known.iter().find(|known| known.key == one.key && known.why == one.why);
            same.map(|same| same.told)
        };
        let news = refused.iter().any(|one| told(one).is_none());
        let again = refused.iter().map(|one| Refused {
            key: one.key.clone(),
            why: one.why.clone(),
            told: told(one).filter(|_| !news).unwrap_or(now),
        });
        self.refused = again.collect();
        self.refused
            .extend(known.into_iter().filter(|known| !tried.contains(&known.key)));
        news
    }

    /// What only waits is not waited for any longer, since another plan has it, or nobody wants it any more. Not told, but for
    /// what was made of it.
    pub fn give_way(&mut self, why: &str, teller: Teller<'_>) {
        if let Some(waiting) = self.applying.take_if(|applying| applying.waits) {
            self.gives_way(waiting, why, teller);
        }
    }

    fn gives_way(&mut self, waiting: Applying, why: &str, teller: Teller<'_>) {
        self.outbox.extend(tell::applied(&waiting, teller));
        let keys = waiting.plan.changes.iter().map(|change| &change.key);
        let left: Vec<String> = keys.map(|key| format!("{key}: {why}")).collect();
        // One that made nothing and gives way to the same again is no news for anybody.
        if waiting.count > 0 {
            self.past(waiting, left, teller.now);
        }
    }

    /// It cannot go on as it was planned. What was made of it stays, and is called drift where it is not declared.
    pub fn abandon(&mut self, why: &Stale, teller: Teller<'_>) {
        let Some(applying) = self.applying.take() else { return };
        self.outbox.push(tell::abandoned(&applying, why, teller));
        self.past(applying, [why.to_string()], teller.now);
    }

    fn past(&mut self, applying: Applying, failed: impl IntoIterator<Item = String>, ended: Timestamp) {
        self.plans.retain(|planned| planned.plan.id != applying.plan.id);
        self.history.push(Past {
            plan: applying.plan.id,
            by: applying.by,
            began: applying.began,
            ended,
            made: applying.count,
            failed: failed.into_iter().collect(),
        });
        self.history.drain(..self.history.len().saturating_sub(HISTORY));
    }

    /// Which of the declared endpoints are there now.
    pub fn meet(&mut self, desired: &Desired, world: &World) {
        let declared = desired.things().filter_map(|(key, _)| match key {
            Key::Endpoint(name) => Some(name),
            _ => None,
        });
        let known = |name: &&String| self.known.contains(*name) || world.endpoint(name).is_some();
        self.known = declared.filter(known).cloned().collect();
    }

    /// The drift there is now: what is new is told, and what is over.
    pub fn watch(&mut self, found: Vec<Drift>, teller: Teller<'_>) {
        let known = std::mem::take(&mut self.drifted);
        let (still, over): (Vec<Drifted>, Vec<Drifted>) =
            known.into_iter().partition(|known| found.contains(&known.drift));
        let new: Vec<Drift> = found
            .into_iter()
            .filter(|drift| !still.iter().any(|known| known.drift == *drift))
            .collect();
        // What drifted on is not over.
        let over: Vec<Drifted> = over
            .into_iter()
            .filter(|over| !new.iter().any(|new| new.key == over.drift.key))
            .collect();
        self.outbox.extend(tell::drifted(&new, teller));
        self.outbox.extend(tell::restored(&over, teller));
        self.drifted = still;
        self.drifted.extend(new.into_iter().map(|drift| Drifted {
            drift,
            since: teller.now,
        }));
    }

    /// Nobody can look: told once, until somebody can.
    pub fn unseen(&mut self, why: &str, teller: Teller<'_>) {
        if self.blind.is_none() {
            self.blind = Some(teller.now);
            self.outbox.push(tell::unseen(why, teller));
        }
    }

    /// Somebody can look again: told to those who were told that nobody can.
    pub fn seen(&mut self, teller: Teller<'_>) {
        if let Some(since) = self.blind.take() {
            self.outbox.push(tell::seen(since, teller));
        }
    }
}
