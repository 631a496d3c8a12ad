//! What was restored and holds copies: when it is looked at, and what of it is over.

use std::{collections::BTreeSet, mem};

use jiff::Timestamp;

use super::{BackupLedger, after};
use crate::backup::{
    audit::Finding,
    claim::{Held, Hold, LOOKED_AT},
    restore::Restoration,
    tell::Facts,
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
    /// The endpoints that are there, and were looked into.
    pub there: BTreeSet<String>,
    /// What SageMaker could not deploy again.
    pub findings: Vec<Finding>,
    /// What could not be seen.
    pub unknown: Vec<String>,
}

impl BackupLedger {
    /// A restore claims the copies that it needs.
    pub(super) fn claimed(&mut self, restoration: &Restoration) {
        if self.held.is_empty() {
            self.restored_gone = Some(BTreeSet::new());
        }
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

    /// What was seen of it. Told when something is new that could not be deployed again.
    pub fn looked_at(&mut self, facts: &Facts<'_>, seen: &LookedAt) {
        self.held.retain(|held| !seen.gone.contains(&held.hold.claim.number));
        for held in &mut self.held {
            let claim = &held.hold.claim;
            if seen.seen.contains(&claim.number) {
                held.looked = facts.now;
            }
            if seen.absent.contains(&claim.number) {
                held.gone_since.get_or_insert(facts.now);
            } else if seen.there.contains(&claim.restored) {
                held.gone_since = None;
            }
        }
        // What the endpoint of the ledger's own name lacks is kept apart: neither look clears what the other found.
        let own = match self.restored_gone.take() {
            Some(restored) => mem::replace(&mut self.gone, restored),
            None => BTreeSet::new(),
        };
        self.looked_into(facts, &seen.there, &seen.findings, &seen.unknown);
        let restored = mem::replace(&mut self.gone, own);
        self.restored_gone = (!self.held.is_empty()).then_some(restored);
    }

    /// The endpoints that were restored from the recovery points, or are being: what they lack is looked for with them.
    pub fn restored_endpoints(&self) -> impl Iterator<Item = &str> {
        let held = self.held.iter().map(|held| held.hold.claim.restored.as_str());
        let at_work = self.restorations();
        held.chain(at_work.map(|restoration| restoration.plan.definition.endpoint.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        backup::{
            audit::{Presence, checks, judge},
            claim::Claim,
            fixture::{at, begun, definition, facts, point, proposed},
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
        ledger.looked_at(&facts(3600), &seen);
        assert!(ledger.to_look_at(at(7199)).is_empty());
        let gone = LookedAt {
            gone: [1].into(),
            ..seen
        };
        ledger.looked_at(&facts(7200), &gone);
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
            unknown: vec!["throttled".into()],
            ..LookedAt::default()
        };
        ledger.looked_at(&facts(3600), &absent);
        assert_eq!(ledger.held[0].gone_since, Some(at(3600)));
        assert!(!ledger.held[0].is_gone_for_good(at(3600)), "a repair deletes it first");
        ledger.looked_at(&facts(7200), &there);
        assert_eq!(ledger.held[0].gone_since, None, "it was created again");
        ledger.looked_at(&facts(10_800), &absent);
        ledger.looked_at(&facts(14_000), &unseen);
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
    fn what_a_restored_endpoint_lost_is_told_once_and_for_all_that_were_restored_together() {
        let mut ledger = restored();
        ledger.ended(ended(1));
        let all = checks(&definition());
        let (findings, _) = judge(vec![(all[0].clone(), Presence::Gone("404".into()))]);
        let seen = LookedAt {
            seen: [1].into(),
            there: ["fraud".into(), "fraud-eu".into()].into(),
            findings,
            ..LookedAt::default()
        };
        for now in [3600, 7200] {
            ledger.looked_at(&facts(now), &seen);
        }
        let [alert] = ledger.outbox().pending().iter().collect::<Vec<_>>()[..] else {
            panic!("told once: {:?}", ledger.outbox())
        };
        let said = format!("{alert:?}");
        assert!(said.contains("restored in eu-west-1 as fraud and fraud-eu"), "{said}");
        // Not seen is not there again.
        let blind = LookedAt {
            unknown: vec!["s3 does not answer".into()],
            findings: vec![],
            ..seen
        };
        ledger.looked_at(&facts(10_800), &blind);
        assert!(ledger.restored_gone.is_some_and(|gone| !gone.is_empty()));
    }

    #[test]
    fn what_an_endpoint_and_one_restored_from_its_points_under_another_name_lack_is_told_once_each() {
        let mut ledger = restored();
        ledger.held[0].hold.claim.restored = "fraud-dr".into();
        ledger.ended(ended(1));
        assert_eq!(ledger.restored_endpoints().collect::<Vec<_>>(), ["fraud-dr"]);
        let all = checks(&definition());
        let lacks = |check: usize| judge(vec![(all[check].clone(), Presence::Gone("404".into()))]).0;
        let seen = LookedAt {
            seen: [1].into(),
            there: ["fraud-dr".into()].into(),
            findings: lacks(0),
            ..LookedAt::default()
        };
        for hour in 1..4 {
            ledger.looked_at(&facts(hour * 3600), &seen);
            ledger.looked_into(&facts(hour * 3600 + 60), &BTreeSet::new(), &lacks(1), &[]);
        }
        assert_eq!(ledger.alerts, 2, "{:?}", ledger.outbox());
        let whole = LookedAt {
            findings: vec![],
            ..seen
        };
        ledger.looked_at(&facts(14_400), &whole);
        assert_eq!(ledger.restored_gone, Some(BTreeSet::new()));
        assert_eq!(ledger.gone.len(), 1, "the endpoint itself still lacks it");
    }

    #[test]
    fn what_an_earlier_build_told_of_a_restored_endpoint_is_not_told_again() {
        let mut ledger = restored();
        ledger.ended(ended(1));
        let (findings, _) = judge(vec![(checks(&definition())[0].clone(), Presence::Gone("404".into()))]);
        ledger.gone = findings.iter().map(Finding::key).collect();
        ledger.restored_gone = None;
        let seen = LookedAt {
            seen: [1].into(),
            there: ["fraud".into()].into(),
            findings,
            ..LookedAt::default()
        };
        ledger.looked_at(&facts(3600), &seen);
        assert_eq!((ledger.alerts, ledger.gone.len()), (0, 0));
        assert!(ledger.restored_gone.is_some_and(|gone| gone.len() == 1));
    }

    #[test]
    fn a_drill_holds_nothing() {
        let point = point(0);
        let (id, _) = point.write();
        assert!(Claim::of((&id, &point), ("fraud", 1), at(0)).is_some());
        assert_eq!(proposed(Kind::Drill, 1).plan.holds, None);
    }
}
