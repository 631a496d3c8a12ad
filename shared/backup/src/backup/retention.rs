//! Which recovery points go, and which copies nobody needs afterwards.
//!
//! Nothing is deleted that was not shown before: a plan has a digest, and only the plan that was shown is carried out. The
//! newest complete point of an endpoint never goes, whatever the rules say; what cannot be read is no point, and counts for
//! nothing. What nobody could look at may be complete: it stays, and counts for nothing either.

use std::{collections::BTreeSet, fmt, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    artifact::{Vault, root_of},
    inventory::ObjectInfo,
    manifest::PointId,
    names::digest,
};
use crate::text::{self, bytes};
pub use shared::backup::policy::Retention;

/// How a recovery point is, by its own copies: what else a restore needs can be put back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// Its copies are what they were, and can be read. Of points older than the newest of these it says only that they were
    /// read themselves.
    Good,
    /// Nobody can read its copies with the key that they are under, as long as that is so: why.
    Locked(String),
    /// Nobody could look at its copies or their keys: why.
    Unseen(String),
    /// It cannot be read, or its copies are not what they were.
    Damaged,
}

/// A recovery point as a listing and a look into it show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which.
    pub id: PointId,
    /// How it is.
    pub condition: Condition,
    /// The endpoint that was restored from it and is there, if one is.
    pub in_use: Option<String>,
}

impl Seen {
    fn is_good(&self) -> bool {
        self.condition == Condition::Good
    }
}

/// Why a point stays or goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Because {
    /// It is the newest that is good.
    NewestGood,
    /// It is among the newest so many.
    Last,
    /// It is young enough.
    Young,
    /// It may be complete, and its copies could not be looked at: why.
    Unseen(String),
    /// It may be complete again, once the key of its copies can be used: why it cannot.
    Locked(String),
    /// It should go, and no point is known to be good: somebody has to look at what there is.
    NoneGood,
    /// It would go, but the copies that it names are those of this restored endpoint.
    InUse(String),
    /// It should go, and so many go already.
    Limit,
    /// It is old, and there are enough newer ones.
    Old,
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InUse(by) => return write!(f, "in use by {by}, and kept until that endpoint is deleted"),
            Self::NewestGood => "the newest good one, which is never deleted",
            Self::Last => "among the newest ones that are kept",
            Self::Young => "young enough to be kept",
            Self::Unseen(why) => return write!(f, "kept, since its copies could not be looked at: {why}"),
            Self::Locked(why) => return write!(f, "kept, since its copies may be readable again: {why}"),
            Self::NoneGood => "kept, since no point is known to be good",
            Self::Limit => "to go, but not in this pruning, whose limit is reached",
            Self::Old => "old, and there are enough newer ones",
        })
    }
}

/// What a pruning of one endpoint's points would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrunePlan {
    /// Points that go, oldest first.
    pub delete: Vec<PointId>,
    /// Points that stay, newest first, each with why.
    pub keep: Vec<(PointId, Because)>,
}

/// Decides which of an endpoint's points go.
pub fn prune(points: &[Seen], rules: &Retention, now: Timestamp) -> PrunePlan {
    let mut newest_first: Vec<&Seen> = points.iter().collect();
    newest_first.sort_by(|a, b| b.id.cmp(&a.id));
    let newest_good = newest_first.iter().find(|seen| seen.is_good()).map(|seen| &seen.id);
    let young = now.saturating_sub(rules.within).unwrap_or(Timestamp::MIN);
    let mut good = 0;
    let mut judged: Vec<(&PointId, Because)> = vec![];
    for seen in &newest_first {
        good += u32::from(seen.is_good());
        let because = match &seen.condition {
            Condition::Unseen(why) => Because::Unseen(why.clone()),
            Condition::Locked(why) => Because::Locked(why.clone()),
            Condition::Good if Some(&seen.id) == newest_good => Because::NewestGood,
            Condition::Good if good <= rules.last => Because::Last,
            Condition::Good | Condition::Damaged if seen.id.began >= young => Because::Young,
            Condition::Good | Condition::Damaged if newest_good.is_none() => Because::NoneGood,
            Condition::Good | Condition::Damaged => seen.in_use.clone().map_or(Because::Old, Because::InUse),
        };
        judged.push((&seen.id, because));
    }
    let mut left = rules.deletes;
    for (_, because) in judged.iter_mut().rev().filter(|(_, because)| *because == Because::Old) {
        match left {
            0 => *because = Because::Limit,
            _ => left -= 1,
        }
    }
    let (delete, keep): (Vec<_>, Vec<_>) = judged.into_iter().partition(|(_, because)| *because == Because::Old);
    PrunePlan {
        delete: delete.into_iter().rev().map(|(id, _)| id.clone()).collect(),
        keep: keep.into_iter().map(|(id, because)| (id.clone(), because)).collect(),
    }
}

/// How every point of an endpoint that is not backed up any more is deleted, in one sentence.
pub fn how_all_go(endpoint: &str) -> String {
    format!(
        "What is kept of it is paid for until it is deleted: `{{\"command\": \"prune\", \"endpoint\": \"{endpoint}\", \
         \"everything\": true}}` shows all that would go."
    )
}

impl PrunePlan {
    /// All of them go (given oldest first) that are not in use: for an endpoint that is not backed up any more.
    pub fn everything(points: impl IntoIterator<Item = (PointId, Option<String>)>) -> Self {
        let mut plan = Self {
            delete: vec![],
            keep: vec![],
        };
        for (id, in_use) in points {
            match in_use {
                Some(by) => plan.keep.insert(0, (id, Because::InUse(by))),
                None => plan.delete.push(id),
            }
        }
        plan
    }

    /// The digest that the command has to name: it says that this very plan was seen.
    pub fn digest(&self) -> String {
        let ids: Vec<String> = self.delete.iter().map(PointId::to_string).collect();
        digest(ids.join("\n"))[..12].to_owned()
    }

    /// For people.
    pub fn summary(&self, endpoint: &str) -> String {
        let mut lines = vec![match self.delete.len() {
            0 => format!("No recovery point of {endpoint} is to be deleted."),
            1 => format!("One recovery point of {endpoint} is to be deleted:"),
            n => format!("{n} recovery points of {endpoint} are to be deleted:"),
        }];
        lines.extend(self.delete.iter().map(|id| format!("- {id}")));
        match (self.keep.is_empty(), self.delete.is_empty()) {
            (false, _) => lines.push(format!("{} stay:", self.keep.len())),
            (true, false) => lines.push(format!("None stays: {endpoint} cannot be restored afterwards.")),
            (true, true) => {}
        }
        lines.extend(self.keep.iter().map(|(id, because)| format!("- {id}: {because}")));
        lines.join("\n")
    }
}

/// Copies that no remaining point names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orphans {
    /// Keys to delete.
    pub keys: Vec<String>,
    /// Bytes in them.
    pub bytes: u64,
    /// Keys that are no copies of Steward's making: never deleted.
    pub strange: u64,
    /// Copies that nobody names, but that are too young: a backup at work may be about to name them.
    pub young: u64,
}

/// Decides which objects below [`Vault::artifacts`] go: those of no root that a remaining point names, unless they are
/// younger than `grace`.
pub fn orphans(
    vault: &Vault,
    objects: &[ObjectInfo],
    roots_named: &BTreeSet<String>,
    grace: Duration,
    now: Timestamp,
) -> Orphans {
    let old = now.saturating_sub(grace).unwrap_or(Timestamp::MIN);
    let mut orphans = Orphans::default();
    for object in objects {
        match root_of(vault, &object.key) {
            None => orphans.strange += 1,
            Some(root) if roots_named.contains(root) => {}
            Some(_) if object.modified >= old => orphans.young += 1,
            Some(_) => {
                orphans.keys.push(object.key.clone());
                orphans.bytes = orphans.bytes.saturating_add(object.size);
            }
        }
    }
    orphans
}

impl fmt::Display for Orphans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "copies that no point names any more: {}, {}",
            self.keys.len(),
            bytes(self.bytes)
        )?;
        if self.young > 0 {
            write!(f, "; too young to go: {}", self.young)?;
        }
        if self.strange > 0 {
            write!(f, "; not Steward's, and left alone: {}", self.strange)?;
        }
        Ok(())
    }
}

/// An age for people.
pub fn spoken(age: Duration) -> String {
    text::lasting(i64::try_from(age.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
