//! Whose turn it is to be audited: every endpoint of the Region that the fleet file selects, backed up or not.
//!
//! One document for all of them says when each was looked at last, what of them is gone and what of that is to be told: a
//! decision and its alert are one write, and an endpoint's own ledger has no part in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Gone;
use crate::outbox::{HasOutbox, Outbox};

/// Kind and version of the document.
pub const SCHEMA: &str = "audits/1";

/// Each endpoint is looked at so often, or more seldom where there are too many for it.
pub const EVERY: Duration = Duration::from_secs(3600);

/// So many are looked at in one tick: 1,200 in an hour of ticks every minute. Each takes some five calls, most of them
/// SageMaker's, which throttles an account as a whole.
pub const AT_ONCE: usize = 20;

/// The schedule's ticks come some seconds early or late.
const SLACK: Duration = Duration::from_secs(60);

/// What is remembered of the audits of one Region.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Audits {
    /// By endpoint, when it was looked at last, whatever came of it.
    #[serde(default)]
    pub looked: BTreeMap<String, Timestamp>,
    /// What is gone, by [`Check::thing`](super::Check::thing).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gone: BTreeMap<String, Gone>,
    /// What earlier builds told, in the ledgers of the endpoints, is in here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub took_over: bool,
    /// Alerts decided so far; makes their ids differ.
    #[serde(default)]
    pub alerts: u64,
    /// Alerts decided and not known to be published.
    #[serde(default)]
    pub outbox: Outbox,
}

impl Audits {
    /// Whose turn it is: those never looked at first, and then those of the longest ago. By endpoint, when it was last
    /// begun to be backed up: it may be made of something else since, so it is looked at anew.
    pub fn due<'a>(&self, endpoints: &BTreeMap<&'a str, Option<Timestamp>>, now: Timestamp) -> Vec<&'a str> {
        let is_over = |at: Timestamp| at.checked_add(EVERY - SLACK).is_ok_and(|due| due <= now);
        let is_due = |at: Timestamp, backup: Option<Timestamp>| is_over(at) || backup.is_some_and(|backup| at < backup);
        let mut due: Vec<(Option<Timestamp>, &str)> = endpoints
            .iter()
            .map(|(endpoint, backup)| (self.looked.get(*endpoint).copied(), *endpoint, *backup))
            .filter(|(at, _, backup)| at.is_none_or(|at| is_due(at, *backup)))
            .map(|(at, endpoint, _)| (at, endpoint))
            .collect();
        due.sort();
        due.into_iter().take(AT_ONCE).map(|(_, endpoint)| endpoint).collect()
    }

    /// These were looked at.
    pub(super) fn took(&mut self, looked: &[&str], now: Timestamp) {
        for endpoint in looked {
            let at = self.looked.entry((*endpoint).to_owned()).or_insert(now);
            *at = now.max(*at);
        }
    }

    /// What is remembered of other endpoints is forgotten.
    pub(super) fn forget_all_but(&mut self, endpoints: &BTreeSet<&str>) {
        self.looked.retain(|endpoint, _| endpoints.contains(endpoint.as_str()));
        self.gone.retain(|_, gone| {
            gone.endpoints.retain(|endpoint| endpoints.contains(endpoint.as_str()));
            !gone.endpoints.is_empty()
        });
    }

    /// What earlier builds told of each endpoint, so that it is not told again. Done once.
    pub fn take_over(&mut self, told: &BTreeMap<String, BTreeSet<String>>, now: Timestamp) {
        if std::mem::replace(&mut self.took_over, true) {
            return;
        }
        for (endpoint, key) in told
            .iter()
            .flat_map(|(endpoint, keys)| keys.iter().map(move |key| (endpoint, key)))
        {
            let thing = key.strip_suffix(" (archived)");
            let gone = self
                .gone
                .entry(thing.unwrap_or(key).to_owned())
                .or_insert_with(|| Gone {
                    since: now,
                    told: now,
                    archived: thing.is_some(),
                    why: String::new(),
                    endpoints: BTreeSet::new(),
                });
            gone.endpoints.insert(endpoint.clone());
        }
    }
}

impl HasOutbox for Audits {
    fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    fn outbox_mut(&mut self) -> &mut Outbox {
        &mut self.outbox
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::fixture::at;

    fn never<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeMap<&'a str, Option<Timestamp>> {
        names.into_iter().map(|name| (name, None)).collect()
    }

    #[test]
    fn each_has_its_turn_within_the_hour_and_none_twice() {
        let names = never(["a", "b", "c"]);
        let mut audits = Audits::default();
        assert_eq!(audits.due(&names, at(0)), ["a", "b", "c"]);
        audits.took(&["a", "b"], at(5));
        assert_eq!(audits.due(&names, at(60)), ["c"], "what was not reached comes next");
        audits.took(&["c"], at(60));
        assert!(audits.due(&names, at(3544)).is_empty());
        assert_eq!(audits.due(&names, at(3545)), ["a", "b"]);
    }

    #[test]
    fn what_is_backed_up_is_looked_at_anew_once() {
        let mut audits = Audits::default();
        audits.took(&["a", "b"], at(0));
        let names = [("a", Some(at(-60))), ("b", Some(at(60)))].into();
        assert_eq!(audits.due(&names, at(60)), ["b"]);
        audits.took(&["b"], at(60));
        assert!(audits.due(&names, at(120)).is_empty());
    }

    #[test]
    fn of_a_fleet_that_is_too_large_for_an_hour_all_have_their_turns_in_order() {
        let all: Vec<String> = (0..2000).map(|index| format!("endpoint-{index:04}")).collect();
        let names = never(all.iter().map(String::as_str));
        let mut audits = Audits::default();
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for minute in 0..200 {
            let due = audits.due(&names, at(minute * 60));
            assert_eq!(due.len(), AT_ONCE);
            due.iter().for_each(|name| *counts.entry(name).or_default() += 1);
            audits.took(&due, at(minute * 60));
        }
        assert!(
            counts.len() == 2000 && counts.values().all(|count| *count == 2),
            "each in its turn"
        );
    }

    #[test]
    fn the_document_of_an_earlier_build_says_when_each_was_looked_at() {
        let written = format!("{{\"looked\": {{\"a\": \"{}\"}}}}", at(0));
        let audits: Audits = serde_json::from_str(&written).unwrap();
        assert_eq!(audits.looked, [("a".to_owned(), at(0))].into());
        let all = serde_json::to_string(&audits).unwrap();
        assert_eq!(serde_json::from_str::<Audits>(&all).unwrap(), audits);
    }
}
