//! What endpoints cost.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Checked, period, period_words, rollout::in_region};
use crate::{
    record::{EndpointHistory, Record},
    scenario::CostExpectation,
};

/// Instance hours by instance type, between two moments.
fn hours(history: &EndpointHistory, from: Timestamp, until: Timestamp) -> BTreeMap<String, f64> {
    let moments: BTreeSet<Timestamp> = std::iter::once(from)
        .chain(history.shape.within(from, until).into_iter().map(|(at, _)| at))
        .chain(std::iter::once(until))
        .collect();
    let moments: Vec<Timestamp> = moments.into_iter().collect();
    let mut hours: BTreeMap<String, f64> = BTreeMap::new();
    for pair in moments.windows(2) {
        let span = pair[1].duration_since(pair[0]).as_secs_f64() / 3600.0;
        let shape = history.shape.at(pair[0]).and_then(Option::as_ref);
        for standing in shape.into_iter().flat_map(|shape| shape.variants.values()) {
            let instances = standing.instances.unwrap_or(0);
            if instances > 0 {
                *hours.entry(standing.instance_type.clone()).or_default() += span * f64::from(instances);
            }
        }
    }
    hours
}

pub(super) fn check(expected: &CostExpectation, prices: &BTreeMap<String, f64>, record: &Record) -> Checked {
    let (from, until) = period(record, expected.from, expected.until);
    let found = record.endpoints.iter().filter(|(key, _)| {
        let (region, name) = key.split_once('/').unwrap_or(("", key));
        name == expected.endpoint && expected.region.as_deref().is_none_or(|wanted| wanted == region)
    });
    let mut all: BTreeMap<String, f64> = BTreeMap::new();
    for (kind, more) in found.flat_map(|(_, history)| hours(history, from, until)) {
        *all.entry(kind).or_default() += more;
    }
    let mut bounds = Vec::new();
    bounds.extend(expected.at_least.map(|least| format!("at least {least}")));
    bounds.extend(expected.at_most.map(|most| format!("at most {most}")));
    let sentence = format!(
        "{}{} costs {}{}",
        expected.endpoint,
        in_region(expected.region.as_ref()),
        bounds.join(" and "),
        period_words(expected.from, expected.until)
    );
    let unpriced: Vec<&str> = all
        .keys()
        .map(String::as_str)
        .filter(|kind| !prices.contains_key(*kind))
        .collect();
    let cost: f64 = all
        .iter()
        .map(|(kind, hours)| hours * prices.get(kind).copied().unwrap_or(0.0))
        .sum();
    let within =
        expected.at_least.is_none_or(|least| cost >= least) && expected.at_most.is_none_or(|most| cost <= most);
    let seen = if all.is_empty() {
        "no instance was there".to_owned()
    } else if unpriced.is_empty() {
        let hours: Vec<String> = all
            .iter()
            .map(|(kind, hours)| format!("{hours:.2} hours of {kind}"))
            .collect();
        format!("{cost:.2}, for {}", hours.join(" and "))
    } else {
        format!("no price for {} among the `prices` of the world", unpriced.join(", "))
    };
    Checked {
        expected: sentence,
        holds: within && unpriced.is_empty() && !all.is_empty(),
        seen,
        moment: until,
    }
}
