//! What was restored and holds copies: when it is looked at, and what of it is over.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{BackupLedger, after};
use crate::backup::{
    claim::{Held, Hold, LOOKED_AT},
    restore::Restoration,
};

/// What a look at everything that was restored of one endpoint showed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LookedAt {
    /// The numbers of the restores whose endpoints are gone, and their claims with them.
    pub gone: BTreeSet<u64>,
    /// The numbers of those whose endpoints are not there.
    pub absent: BTreeSet<u64>,
    /// The numbers of those that were looked at.
    pub seen: BTreeSet<u64>,
    /// The endpoints that are there.
    pub there: BTreeSet<String>,
}

impl BackupLedger {
    /// A restore claims the copies that it needs.
    pub(super) fn claimed(&mut self, restoration: &Restoration) {
        self.held.extend(restoration.plan.holds.iter().map(|hold| Held {
            hold: Hold::clone(hold),
            looked: restoration.started,
            gone_since: None,
        }));
    }

    /// What was restored and is to be looked at: all of it, when a part is due. Not what is still being restored.
    pub fn to_look_at(&self, now: Timestamp) -> Vec<&Held> {
        let ended = |held: &&Held| self.restoration(held.hold.claim.number).is_none();
        let held: Vec<&Held> = self.held.iter().filter(ended).collect();
        let due = held.iter().any(|held| after(held.looked, LOOKED_AT) <= now);
        held.into_iter().filter(|_| due).collect()
    }

    /// What was seen of it.
    pub fn looked_at(&mut self, now: Timestamp, seen: &LookedAt) {
        self.held.retain(|held| !seen.gone.contains(&held.hold.claim.number));
        for held in &mut self.held {
            let claim = &held.hold.claim;
            if seen.seen.contains(&claim.number) {
                held.looked = now;
            }
            if seen.absent.contains(&claim.number) {
                held.gone_since.get_or_insert(now);
            } else if seen.there.contains(&claim.restored) {
                held.gone_since = None;
            }
        }
    }

    /// What earlier builds told of the endpoint, and of what was restored from its recovery points, by endpoint.
    pub fn told_before<'a>(&'a self, endpoint: &'a str) -> impl Iterator<Item = (&'a str, &'a String)> {
        let restored = self.held.iter().map(|held| held.hold.claim.restored.as_str());
        let names: BTreeSet<&str> = restored.chain([endpoint]).collect();
        let told: BTreeSet<&String> = self.gone.union(&self.restored_gone).collect();
        names
            .into_iter()
            .flat_map(move |name| told.clone().into_iter().map(move |key| (name, key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        backup::{
            claim::Claim,
            fixture::{at, begun, point, proposed},
            restore::{Ended, Figures, Kind, Past},
        },
        outbox::HasOutbox,
    };

    fn ended(number: u64) -> Past {
        Past {
            number,
            kind: Kind::Restore,
            point: point(0).write().0,
            endpoint: "fraud".into(),
            started: at(0),
            ended: at(300),
            how: Ended::Passed,
            figures: Figures {
                rpo: std::time::Duration::ZERO,
                rto: None,
                probed: false,
            },
            left: vec![],
            objects: vec![],
            lacks: None,
            other_code: vec![],
            restless: None,
            log: vec![],
        }
    }

    fn restored() -> BackupLedger {
        let mut ledger = BackupLedger::default();
        ledger.restore(begun(Kind::Restore, 1, 0)).unwrap();
        ledger
    }

    #[test]
    fn what_a_restore_holds_is_remembered_from_its_beginning_and_looked_at_each_hour_after_its_end() {
        let mut ledger = restored();
        let claim = &ledger.held[0].hold.claim;
        assert_eq!((claim.number, claim.restored.as_str()), (1, "fraud"));
        assert!(ledger.to_look_at(at(9000)).is_empty(), "it is still being made");
        ledger.ended(ended(1));
        assert!(
            ledger.to_look_at(at(3599)).is_empty(),
            "a function that dies late could still make it"
        );
        assert_eq!(ledger.to_look_at(at(3600)).len(), 1);
        let seen = LookedAt {
            seen: [1].into(),
            ..LookedAt::default()
        };
        ledger.looked_at(at(3600), &seen);
        assert!(ledger.to_look_at(at(7199)).is_empty());
        let gone = LookedAt {
            gone: [1].into(),
            ..seen
        };
        ledger.looked_at(at(7200), &gone);
        assert_eq!(ledger.held, []);
        assert!(ledger.outbox().is_empty());
    }

    #[test]
    fn an_endpoint_that_is_created_again_keeps_its_claim() {
        let mut ledger = restored();
        ledger.ended(ended(1));
        let absent = LookedAt {
            seen: [1].into(),
            absent: [1].into(),
            ..LookedAt::default()
        };
        let there = LookedAt {
            seen: [1].into(),
            there: ["fraud".into()].into(),
            ..LookedAt::default()
        };
        let unseen = LookedAt {
            seen: [1].into(),
            ..LookedAt::default()
        };
        ledger.looked_at(at(3600), &absent);
        assert_eq!(ledger.held[0].gone_since, Some(at(3600)));
        assert!(!ledger.held[0].is_gone_for_good(at(3600)), "a repair deletes it first");
        ledger.looked_at(at(7200), &there);
        assert_eq!(ledger.held[0].gone_since, None, "it was created again");
        ledger.looked_at(at(10_800), &absent);
        ledger.looked_at(at(14_000), &unseen);
        let [held] = &ledger.to_look_at(at(18_000))[..] else {
            panic!("it is looked at again")
        };
        assert!(!held.is_gone_for_good(at(14_399)));
        assert!(held.is_gone_for_good(at(14_400)), "two looks an hour apart");
    }

    #[test]
    fn a_ledger_of_an_earlier_build_says_nothing_of_what_is_looked_for_in_vain() {
        let ledger = restored();
        let written = serde_json::to_string(&ledger).unwrap();
        assert!(!written.contains("gone_since"));
        assert_eq!(serde_json::from_str::<BackupLedger>(&written).unwrap(), ledger);
    }

    #[test]
    fn what_an_earlier_build_told_is_read_for_all_names_and_not_written_any_more() {
        let mut ledger = restored();
        ledger.held[0].hold.claim.restored = "fraud-dr".into();
        let mut written = serde_json::to_value(&ledger).unwrap();
        written["gone"] = serde_json::json!(["s3://models/a"]);
        written["restored_gone"] = serde_json::json!(["s3://models/b (archived)"]);
        let read: BackupLedger = serde_json::from_value(written).unwrap();
        let told: Vec<(&str, &str)> = read
            .told_before("fraud")
            .map(|(name, key)| (name, key.as_str()))
            .collect();
        let both = ["s3://models/a", "s3://models/b (archived)"];
        assert_eq!(
            told,
            ["fraud", "fraud-dr"].map(|name| both.map(|key| (name, key))).concat()
        );
        assert!(!serde_json::to_string(&read).unwrap().contains("gone"));
        assert_eq!(ledger.told_before("fraud").count(), 0);
    }

    #[test]
    fn a_drill_holds_nothing() {
        let point = point(0);
        let (id, _) = point.write();
        assert!(Claim::of((&id, &point), ("fraud", 1), at(0)).is_some());
        assert_eq!(proposed(Kind::Drill, 1).plan.holds, None);
    }
}
