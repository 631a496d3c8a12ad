//! Sets that change while they are copied: where their copies are collected until they are what the source is.
//!
//! A set lies below a digest of its listing, where nobody ever writes another version. A set that changed before all of it
//! was copied would have to begin there anew, and would never end if it changed again and again. So from its first change
//! on it is collected below a root of its own, which stays where it is: only what differs from the source is corrected, and
//! what lies elsewhere in the same bucket is taken from there. Before a recovery point names that root, it is given up
//! here ([`BackupLedger::sealed`]): nothing is ever corrected below a root that a point may name.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::BackupLedger;
use crate::{backup::artifact::Vault, location::Location};

/// A set that changed so often before a recovery point held it is told, once a chain of invocations has ended without.
const RESTLESS: u32 = 3;

/// A set that no recovery point holds yet as it was listed last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// The digest of its listing when it was looked at last.
    pub listing: String,
    /// When it was looked at first.
    pub since: Timestamp,
    /// How often another listing was found since.
    #[serde(default)]
    pub changes: u32,
    /// When the root of its own was begun below which it is collected. Absent: it lies below the digest of its listing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collected: Option<Timestamp>,
    /// The KMS key that its copies get, as [`Vault::key`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Keys of roots that hold copies of it, and are not written to any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<String>,
}

impl Unfinished {
    /// The root of its own, of a set below `of`; `owner` names account, Region and endpoint.
    pub fn root(&self, vault: &Vault, of: &Location, owner: &str) -> Option<Location> {
        let begun = self.collected?;
        Some(vault.changing_root(of, &format!("{owner}/{begun}")))
    }
}

impl BackupLedger {
    /// The set below `of` is to be copied, and was listed with this digest.
    pub fn collects(&mut self, vault: &Vault, of: &Location, listing: &str, now: Timestamp) {
        // What another key encrypts is another set, and nothing is taken from it.
        self.unfinished.retain(|_, set| set.key == vault.key);
        let set = self.unfinished.entry(of.to_string()).or_insert_with(|| Unfinished {
            listing: listing.to_owned(),
            since: now,
            changes: 0,
            collected: None,
            key: vault.key.clone(),
            earlier: Vec::new(),
        });
        if set.listing == listing {
            return;
        }
        set.changes = set.changes.saturating_add(1);
        if set.collected.is_none() {
            set.earlier.push(vault.set_root(of, &set.listing).key);
            set.collected = Some(now);
        }
        listing.clone_into(&mut set.listing);
    }

    /// The set below `of` is what was listed with this digest, and a recovery point may come to name its root. Nothing is
    /// written there any more; should no point come of it, the next backup takes the copies from there.
    pub fn sealed(&mut self, vault: &Vault, of: &Location, listing: &str, owner: &str) {
        let Some(set) = self.unfinished.get_mut(&of.to_string()) else {
            return;
        };
        let Some(root) = set.root(vault, of, owner).filter(|_| set.listing == listing) else {
            return;
        };
        set.collected = None;
        set.earlier = vec![root.key];
    }

    /// Sets that go on changing while they are copied, so that no recovery point came of it: their prefixes.
    pub fn restless(&self) -> Vec<&str> {
        let restless = self.unfinished.iter().filter(|(_, set)| set.changes >= RESTLESS);
        restless.map(|(of, _)| of.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::fixture::{at, vault};

    fn of() -> Location {
        Location::new("models", "llm/")
    }

    fn roots(ledger: &BackupLedger) -> (Option<Location>, Vec<String>) {
        let set = &ledger.unfinished["s3://models/llm/"];
        (set.root(&vault(), &of(), "us-east-1/fraud"), set.earlier.clone())
    }

    #[test]
    fn a_set_that_does_not_change_lies_below_the_digest_of_its_listing() {
        let mut ledger = BackupLedger::default();
        for now in [0, 60] {
            ledger.collects(&vault(), &of(), "one", at(now));
            assert_eq!(roots(&ledger), (None, vec![]));
        }
        assert_eq!(ledger.restless(), Vec::<&str>::new());
    }

    #[test]
    fn from_its_first_change_on_a_set_is_collected_below_a_root_that_stays() {
        let mut ledger = BackupLedger::default();
        ledger.collects(&vault(), &of(), "one", at(0));
        ledger.collects(&vault(), &of(), "two", at(60));
        let (root, earlier) = roots(&ledger);
        assert!(root.is_some());
        assert_eq!(earlier, [vault().set_root(&of(), "one").key]);
        for (listing, now) in [("three", 120), ("one", 180), ("two", 240)] {
            ledger.collects(&vault(), &of(), listing, at(now));
            assert_eq!(roots(&ledger), (root.clone(), earlier.clone()), "{listing}");
        }
        assert_eq!(ledger.restless(), ["s3://models/llm/"]);
    }

    #[test]
    fn a_root_that_a_recovery_point_may_name_is_never_written_to_again() {
        let mut ledger = BackupLedger::default();
        ledger.collects(&vault(), &of(), "one", at(0));
        ledger.collects(&vault(), &of(), "two", at(60));
        let root = roots(&ledger).0.unwrap();
        ledger.sealed(&vault(), &of(), "one", "us-east-1/fraud");
        assert_eq!(roots(&ledger).0.as_ref(), Some(&root), "it is not what was listed last");
        ledger.sealed(&vault(), &of(), "two", "us-east-1/fraud");
        assert_eq!(roots(&ledger), (None, vec![root.key.clone()]));
        // The function dies before it writes the point.
        for (listing, now) in [("two", 400), ("three", 460), ("four", 520)] {
            ledger.collects(&vault(), &of(), listing, at(now));
            let (next, earlier) = roots(&ledger);
            assert_ne!(next.as_ref(), Some(&root), "{listing}");
            assert!(earlier.contains(&root.key), "what is there is taken from there");
        }
    }

    #[test]
    fn under_another_key_a_set_is_begun_anew_and_nothing_is_taken_from_its_copies() {
        let mut ledger = BackupLedger::default();
        let old = Vault {
            key: Some("old".into()),
            ..vault()
        };
        ledger.collects(&old, &of(), "one", at(0));
        ledger.collects(&old, &of(), "two", at(60));
        assert_eq!(ledger.unfinished["s3://models/llm/"].earlier.len(), 1);
        ledger.collects(&vault(), &of(), "two without a key", at(120));
        assert_eq!(roots(&ledger), (None, vec![]));
        assert_eq!(ledger.unfinished["s3://models/llm/"].changes, 0);
    }

    #[test]
    fn nobody_else_collects_below_the_same_root() {
        let mut ledger = BackupLedger::default();
        ledger.collects(&vault(), &of(), "one", at(0));
        ledger.collects(&vault(), &of(), "two", at(60));
        let set = &ledger.unfinished["s3://models/llm/"];
        let root = |of: &Location, owner| set.root(&vault(), of, owner).unwrap();
        assert_ne!(root(&of(), "us-east-1/fraud"), root(&of(), "eu-west-1/fraud"));
        assert_ne!(root(&of(), "us-east-1/fraud"), root(&of(), "us-east-1/chat"));
        assert_ne!(
            root(&of(), "us-east-1/fraud"),
            root(&Location::new("models", "other/"), "us-east-1/fraud")
        );
    }
}
