//! Whose turn it is to be audited: every endpoint of the Region that the fleet file selects, backed up or not.
//!
//! One document for all of them says when each was looked at last and what was told for several at once, so that nothing
//! is written for an endpoint of which nothing is to be told.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Told;

/// Kind and version of the document.
pub const SCHEMA: &str = "audits/1";

/// Each endpoint is looked at so often, or more seldom where there are too many for it.
pub const EVERY: Duration = Duration::from_secs(3600);

/// So many are looked at in one tick: 1,200 in an hour of ticks every minute. Each takes some five calls, most of them
/// SageMaker's, which throttles an account as a whole.
pub const AT_ONCE: usize = 20;

/// The schedule's ticks come some seconds early or late.
const SLACK: Duration = Duration::from_secs(60);

/// When endpoints were audited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turns {
    /// By endpoint, when it was looked at last, whatever came of it.
    #[serde(default)]
    pub looked: BTreeMap<String, Timestamp>,
    /// What was told lately for every endpoint that lacks it, by [`Finding::key`](super::Finding::key).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub told: BTreeMap<String, Told>,
}

impl Turns {
    /// Whose turn it is: those never looked at first, and then those of the longest ago.
    pub fn due<'a>(&self, endpoints: &BTreeSet<&'a str>, now: Timestamp) -> Vec<&'a str> {
        let is_due = |at: &Timestamp| at.checked_add(EVERY - SLACK).is_ok_and(|due| due <= now);
        let mut due: Vec<(Option<Timestamp>, &str)> = endpoints
            .iter()
            .map(|endpoint| (self.looked.get(*endpoint).copied(), *endpoint))
            .filter(|(at, _)| at.as_ref().is_none_or(is_due))
            .collect();
        due.sort();
        due.into_iter().take(AT_ONCE).map(|(_, endpoint)| endpoint).collect()
    }

    /// These were looked at. What is not among the `endpoints` is forgotten.
    pub fn took(&mut self, looked: &[&str], endpoints: &BTreeSet<&str>, now: Timestamp) {
        self.looked.retain(|endpoint, _| endpoints.contains(endpoint.as_str()));
        for endpoint in looked {
            let at = self.looked.entry((*endpoint).to_owned()).or_insert(now);
            *at = now.max(*at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::fixture::at;

    #[test]
    fn each_has_its_turn_within_the_hour_and_none_twice() {
        let names = ["a", "b", "c"].into();
        let mut turns = Turns::default();
        assert_eq!(turns.due(&names, at(0)), ["a", "b", "c"]);
        turns.took(&["a", "b"], &names, at(5));
        assert_eq!(turns.due(&names, at(60)), ["c"], "what was not reached comes next");
        turns.took(&["c"], &names, at(60));
        assert!(turns.due(&names, at(3544)).is_empty());
        assert_eq!(turns.due(&names, at(3545)), ["a", "b"]);
    }

    #[test]
    fn of_a_fleet_that_is_too_large_for_an_hour_all_have_their_turns_in_order() {
        let all: Vec<String> = (0..2000).map(|index| format!("endpoint-{index:04}")).collect();
        let names: BTreeSet<&str> = all.iter().map(String::as_str).collect();
        let mut turns = Turns::default();
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for minute in 0..200 {
            let due = turns.due(&names, at(minute * 60));
            assert_eq!(due.len(), AT_ONCE);
            due.iter().for_each(|name| *counts.entry(name).or_default() += 1);
            turns.took(&due, &names, at(minute * 60));
        }
        assert!(
            counts.len() == 2000 && counts.values().all(|count| *count == 2),
            "each in its turn"
        );
    }

    #[test]
    fn what_the_fleet_file_does_not_select_any_more_is_forgotten() {
        let mut turns = Turns::default();
        turns.took(&["a", "b"], &["a", "b"].into(), at(0));
        turns.took(&[], &["b"].into(), at(60));
        assert_eq!(turns.looked.keys().collect::<Vec<_>>(), ["b"]);
    }
}
