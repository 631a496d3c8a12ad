//! Judges a finished run against what its scenario expects. Pure: a [`Record`] in, verdicts out.

mod backup;
mod cost;
mod count;
mod endpoint;
mod rollout;
mod rules;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use steward::quantity::Span;

use crate::{record::Record, scenario::Scenario};

/// One expectation and whether it held.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Checked {
    /// What was expected, as a sentence.
    pub expected: String,
    /// It held.
    pub holds: bool,
    /// What was seen instead, or how it held.
    pub seen: String,
    /// The moment to look at.
    pub moment: Timestamp,
}

/// Every expectation of the scenario, and those that every scenario has, in the scenario's order.
pub fn judge(scenario: &Scenario, record: &Record) -> Vec<Checked> {
    let expect = &scenario.expect;
    let mut all: Vec<Checked> = expect
        .endpoints
        .iter()
        .map(|one| endpoint::check(one, record))
        .collect();
    all.extend(expect.requests.iter().map(|one| rollout::requests(one, record)));
    let prices = &scenario.world.prices.0;
    all.extend(expect.costs.iter().map(|one| cost::check(one, prices, record)));
    all.extend(expect.configs.iter().map(|one| rollout::config(one, record)));
    all.extend(expect.scalable_targets.iter().map(|one| rollout::target(one, record)));
    all.extend(expect.copies.iter().map(|one| backup::copies(one, record)));
    all.extend(
        expect
            .definitions
            .iter()
            .flat_map(|one| backup::definitions(one, record)),
    );
    all.extend(expect.alerts.iter().map(|one| count::alerts(one, record)));
    all.extend(expect.calls.iter().map(|one| count::calls(one, record)));
    all.extend(expect.answers.iter().map(|one| rules::answer(one, record)));
    if expect.invocations.is_empty() {
        all.push(rules::every_invocation_ends_well(record));
    }
    all.extend(expect.invocations.iter().map(|one| count::invocations(one, record)));
    all.push(rules::dead_letters(expect.dead_letters, record));
    all.extend(backup::leftovers(&expect.definitions, record));
    all.extend(backup::uploads(expect.unfinished_uploads.map(|it| it.count()), record));
    all.push(rules::alert_ids(expect.alert_ids, record));
    all
}

/// The moment `span` after the start.
fn moment(record: &Record, span: Span) -> Timestamp {
    let span = SignedDuration::try_from(span.duration()).unwrap_or(SignedDuration::ZERO);
    record.start.saturating_add(span).unwrap_or(record.end)
}

/// The period from `from` or the start until `until` or the end.
fn period(record: &Record, from: Option<Span>, until: Option<Span>) -> (Timestamp, Timestamp) {
    let from = from.map_or(record.start, |span| moment(record, span));
    let until = until.map_or(record.end, |span| moment(record, span));
    (from, until)
}

/// ` from 5m until 10m`, as far as it is said.
fn period_words(from: Option<Span>, until: Option<Span>) -> String {
    let from = from.map(|span| format!(" from {span}")).unwrap_or_default();
    let until = until.map(|span| format!(" until {span}")).unwrap_or_default();
    format!("{from}{until}")
}

/// `0:12:03` since the start.
fn clock(record: &Record, at: Timestamp) -> String {
    crate::timeline::span(at.duration_since(record.start).as_secs())
}

/// Whether `text` is what `pattern` says, where `*` stands for any text.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text.strip_prefix(head).is_some_and(|text| {
            (0..=text.len())
                .filter(|cut| text.is_char_boundary(*cut))
                .any(|cut| matches(rest, &text[cut..]))
        }),
    }
}

#[cfg(test)]
mod tests;
