//! What was restored and holds copies: when it is looked at, and what of it is over.

use std::collections::BTreeSet;

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
        self.held.extend(restoration.plan.holds.iter().map(|hold| Held {
            hold: Hold::clone(hold),
            looked: restoration.started,
        }));
    }

    /// What was restored and is to be looked at: all of it, when a part is due. Not what is still being restored.
    pub fn to_look_at(&self, now: Timestamp) -> Vec<&Hold> {
        let ended = |held: &&Held| self.restoration(held.hold.claim.number).is_none();
        let held: Vec<&Held> = self.held.iter().filter(ended).collect();
        let due = held.iter().any(|held| after(held.looked, LOOKED_AT) <= now);
        held.into_iter().filter(|_| due).map(|held| &held.hold).collect()
    }

    /// What was seen of it. Told when something is new that could not be deployed again.
    pub fn looked_at(&mut self, facts: &Facts<'_>, seen: &LookedAt) {
        self.held.retain(|held| !seen.gone.contains(&held.hold.claim.number));
        for held in &mut self.held {
            if seen.seen.contains(&held.hold.claim.number) {
                held.looked = facts.now;
            }
        }
        let known = seen.findings.iter().all(|finding| self.gone.contains(&finding.key()));
        // What could not be seen this time is not there again for that.
        if known && !seen.unknown.is_empty() {
            return;
        }
        self.audited(facts, &seen.there, &seen.findings);
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
        assert!(!ledger.gone.is_empty());
    }

    #[test]
    fn a_drill_holds_nothing() {
        let point = point(0);
        let (id, _) = point.write();
        assert!(Claim::of((&id, &point), ("fraud", 1), at(0)).is_some());
        assert_eq!(proposed(Kind::Drill, 1).plan.holds, None);
    }
}
