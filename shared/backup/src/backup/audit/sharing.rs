//! Who tells of a thing that several endpoints are made of: one of them, for all.
//!
//! An execution role is shared by a thousand endpoints, and its deletion is one piece of news. The first endpoint that is
//! found to lack it tells, with the names of those looked at in the same round; the rest remember it in silence.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Finding, Turns};

/// For so long after a thing was told, endpoints that are found to lack it are not told one by one: the largest account
/// has 5,000, looked at in a little more than four hours.
pub const TOLD_FOR: Duration = Duration::from_secs(6 * 3600);

/// What was found of one endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// Which.
    pub endpoint: &'a str,
    /// What was known before to be gone, by [`Finding::key`].
    pub known: &'a BTreeSet<String>,
    /// What is gone.
    pub findings: &'a [Finding],
}

/// What one endpoint has to tell of what was found, by [`Finding::key`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// What it tells, and the other endpoints that it tells it for.
    pub tells: BTreeMap<String, BTreeSet<String>>,
    /// What another endpoint told, or tells.
    pub elsewhere: BTreeSet<String>,
}

/// Something that was told for all endpoints that lack it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// When.
    pub at: Timestamp,
    /// Those found to lack it since. One that lacks it anew had it in between, so that is news.
    #[serde(default)]
    pub endpoints: BTreeSet<String>,
}

impl Told {
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.at.checked_add(TOLD_FOR).is_ok_and(|until| now < until)
    }
}

impl Turns {
    /// What each of these tells, at its place. What one tells elsewhere is told by one before it, or was told.
    pub fn shares(&self, found: &[Found<'_>], now: Timestamp) -> Vec<Share> {
        let mut lacking: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, one) in found.iter().enumerate() {
            let keys: BTreeSet<String> = one.findings.iter().map(Finding::key).collect();
            for key in keys.difference(one.known) {
                lacking.entry(key.clone()).or_default().push(index);
            }
        }
        let mut shares = vec![Share::default(); found.len()];
        for (key, endpoints) in lacking {
            let told = self.told.get(&key).filter(|told| told.is_fresh(now));
            let anew = |index: &usize| told.is_none_or(|told| told.endpoints.contains(found[*index].endpoint));
            let is_news = endpoints.iter().any(anew);
            let (tells, rest) = match is_news {
                true => endpoints.split_at(1),
                false => endpoints.split_at(0),
            };
            for index in tells {
                let others = rest.iter().map(|other| found[*other].endpoint.to_owned());
                shares[*index].tells.insert(key.clone(), others.collect());
            }
            for index in rest {
                shares[*index].elsewhere.insert(key.clone());
            }
        }
        shares
    }

    /// These are written down in the ledgers of these endpoints, in the order of [`Turns::shares`].
    pub fn shared(&mut self, written: &[(&str, &Share)], now: Timestamp) {
        self.told.retain(|_, told| told.is_fresh(now));
        let new = || Told {
            at: now,
            endpoints: BTreeSet::new(),
        };
        for (endpoint, share) in written {
            for key in share.tells.keys() {
                self.told.insert(key.clone(), new());
            }
            for key in share.tells.keys().chain(&share.elsewhere) {
                let told = self.told.entry(key.clone()).or_insert_with(new);
                told.endpoints.insert((*endpoint).to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        backup::{
            audit::{Presence, checks, judge},
            fixture::{at, definition, facts},
            ledger::BackupLedger,
            tell::Facts,
        },
        outbox::HasOutbox,
    };

    #[derive(Default)]
    struct Region {
        turns: Turns,
        ledgers: BTreeMap<String, BackupLedger>,
    }

    fn lacks(checked: &[usize]) -> Vec<Finding> {
        let all = checks(&definition());
        let gone = |index: &usize| (all[*index].clone(), Presence::Gone("404".into()));
        judge(checked.iter().map(gone).collect()).0
    }

    impl Region {
        /// A round, in which the function dies after so many ledgers were written.
        fn round(&mut self, now: i64, found: &[(&str, Vec<Finding>)], dies_after: Option<usize>) {
            let ledgers: Vec<BackupLedger> = found
                .iter()
                .map(|(name, _)| self.ledgers.get(*name).cloned().unwrap_or_default())
                .collect();
            let seen = found.iter().zip(&ledgers).map(|((endpoint, findings), ledger)| Found {
                endpoint,
                known: &ledger.gone,
                findings,
            });
            let shares = self.turns.shares(&seen.collect::<Vec<_>>(), at(now));
            let all = found.iter().zip(ledgers).zip(&shares);
            for (((endpoint, findings), mut ledger), share) in all.take(dies_after.unwrap_or(usize::MAX)) {
                let facts = Facts { endpoint, ..facts(now) };
                ledger.audited_with_others(&facts, share, findings, &[]);
                self.ledgers.insert((*endpoint).to_owned(), ledger);
            }
            if dies_after.is_none() {
                let names = found.iter().map(|(name, _)| *name);
                let written: Vec<(&str, &Share)> = names.zip(&shares).collect();
                self.turns.shared(&written, at(now));
            }
        }

        fn alerts(&self) -> u64 {
            self.ledgers.values().map(|ledger| ledger.alerts).sum()
        }
    }

    #[test]
    fn what_many_endpoints_share_is_told_once_with_their_names_and_not_by_those_looked_at_later() {
        let mut region = Region::default();
        let names: Vec<String> = (0..60).map(|index| format!("e-{index:02}")).collect();
        for (round, names) in names.chunks(30).enumerate() {
            let found: Vec<(&str, Vec<Finding>)> = names.iter().map(|name| (name.as_str(), lacks(&[0]))).collect();
            region.round(round as i64 * 60, &found, None);
            region.round(round as i64 * 60 + 3600, &found, None);
        }
        assert_eq!(region.alerts(), 1);
        assert!(
            region.ledgers.values().all(|ledger| ledger.gone.len() == 1),
            "each knows"
        );
        let [alert] = region.ledgers["e-00"].outbox().pending() else {
            panic!("the first tells")
        };
        insta::assert_snapshot!(format!("{}\n{}", alert.title, alert.evidence.join("\n")));
    }

    #[test]
    fn an_endpoint_that_lacks_something_else_too_is_told() {
        let mut region = Region::default();
        let found = [("a", lacks(&[0])), ("b", lacks(&[0, 1])), ("c", lacks(&[1]))];
        region.round(0, &found, None);
        let told: Vec<u64> = region.ledgers.values().map(|ledger| ledger.alerts).collect();
        assert_eq!(told, [1, 1, 0]);
    }

    #[test]
    fn what_was_there_again_and_what_is_gone_hours_later_is_told_anew() {
        let mut region = Region::default();
        region.round(0, &[("a", lacks(&[0])), ("b", lacks(&[0]))], None);
        region.round(3600, &[("a", vec![]), ("b", vec![])], None);
        region.round(7200, &[("b", lacks(&[0]))], None);
        assert_eq!(region.alerts(), 2, "b had it in between");
        region.round(7260, &[("a", lacks(&[0])), ("c", lacks(&[0]))], None);
        assert_eq!(region.alerts(), 2, "b told for all");
        region.round(7200 + 6 * 3600, &[("d", lacks(&[0]))], None);
        assert_eq!(region.alerts(), 3, "whoever was told has forgotten");
        assert_eq!(region.turns.told.len(), 1);
    }

    #[test]
    fn a_death_between_two_writes_loses_no_alert() {
        let found = ["a", "b", "c"].map(|name| (name, lacks(&[0])));
        for dies_after in 0..=3 {
            let mut region = Region::default();
            region.round(0, &found, Some(dies_after));
            region.round(60, &found, None);
            let all = region.alerts();
            assert!((1..=2).contains(&all), "{all} after {dies_after}");
            assert!(region.ledgers.values().all(|ledger| ledger.gone.len() == 1));
        }
    }

    #[test]
    fn the_document_of_an_earlier_build_says_nothing_of_what_was_told() {
        let turns: Turns = serde_json::from_str("{\"looked\": {}}").unwrap();
        assert_eq!(turns, Turns::default());
        assert!(!serde_json::to_string(&turns).unwrap().contains("told"));
    }
}
