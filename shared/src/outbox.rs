//! Alerts that are decided but not yet published: they lie in the ledger, beside the decision they belong to.
//!
//! The decision and its alerts are committed in one conditional write; then they are published, then cleared by a second
//! write. A crash between any two of these publishes again with the same id, and never forgets. Because the document must
//! not grow without bound while SNS is down, a reminder waits only where what it reminds of was published, and only the
//! newest of them; and the least important alerts are merged into one at [`CAPACITY`], a critical alert never.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    alert::{Alert, AlertKind, Links, Severity},
    text::printable,
};

/// Alerts kept apart. Beyond, the least important are merged; only critical ones may exceed it.
pub const CAPACITY: usize = 200;

/// Ids remembered after they were published, so that the same alert decided again is not sent again.
const MEMORY: usize = 200;

/// Lines of evidence, and of actions, that one waiting alert keeps, and the characters of each.
const LINES: usize = 20;
const LINE: usize = 400;

/// Ids named in the alert about merged ones.
const NAMED: usize = 50;

/// The alerts that wait.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outbox {
    /// In the order they were decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pending: Vec<Alert>,
    /// The ids last published, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sent: Vec<String>,
    /// What was merged and not yet told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    merged: Option<Merged>,
}

/// A document in which alerts wait beside the decisions they belong to.
pub trait HasOutbox {
    /// The alerts.
    fn outbox(&self) -> &Outbox;

    /// The alerts, to be added to or cleared.
    fn outbox_mut(&mut self) -> &mut Outbox;
}

/// Alerts that gave way to more important ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Merged {
    first: Timestamp,
    last: Timestamp,
    count: u64,
    by_kind: BTreeMap<AlertKind, u64>,
    ids: Vec<String>,
}

impl Outbox {
    /// Adds an alert, unless its id waits already or was published lately, or it reminds of one that nobody was told yet. It
    /// takes the place of an earlier reminder of the same. True when it was added.
    pub fn push(&mut self, mut alert: Alert) -> bool {
        if self.pending.iter().any(|waiting| waiting.id == alert.id) || self.sent.contains(&alert.id) {
            return false;
        }
        if alert.reminder > 0 {
            let mut same = self.pending.iter().filter(|waiting| same_matter(waiting, &alert));
            if same.any(|waiting| waiting.reminder == 0) {
                return false;
            }
            self.pending.retain(|waiting| !same_matter(waiting, &alert));
        }
        bound(&mut alert.evidence);
        bound(&mut alert.done);
        self.pending.push(alert);
        while self.pending.len() > CAPACITY {
            let Some(least) = self.least_important() else { break };
            let alert = self.pending.remove(least);
            self.merge(&alert);
        }
        true
    }

    /// Adds several, as [`Self::push`] does.
    pub fn extend(&mut self, alerts: impl IntoIterator<Item = Alert>) {
        for alert in alerts {
            self.push(alert);
        }
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.merged.is_none()
    }

    /// How many alerts wait, the one about merged alerts included.
    pub fn len(&self) -> usize {
        self.pending.len() + usize::from(self.merged.is_some())
    }

    /// The alerts that wait, in the order they were decided, without the one about merged alerts.
    pub fn pending(&self) -> &[Alert] {
        &self.pending
    }

    /// At most `limit` alerts to publish now: what nobody was told yet before reminders, and of each the most important
    /// first. The alert about merged ones is made here, with `links`.
    ///
    /// What concerns the same endpoint keeps its order, so that no pager closes an incident that has begun anew: the
    /// most important alert of an endpoint moves all its earlier ones forward.
    pub fn take_for_publish(&self, limit: usize, links: &Links) -> Vec<Alert> {
        let mut groups: BTreeMap<Option<&str>, Vec<&Alert>> = BTreeMap::new();
        let merged = self.merged.as_ref().map(|merged| merged.alert().linked(links));
        for alert in self.pending.iter().chain(&merged) {
            groups.entry(alert.subject_of.as_deref()).or_default().push(alert);
        }
        let mut groups: Vec<Vec<&Alert>> = groups.into_values().collect();
        groups.sort_by_key(|group| {
            let known = group.iter().all(|alert| alert.reminder > 0);
            let urgent = group.iter().map(|alert| alert.severity).max();
            (
                known,
                std::cmp::Reverse(urgent),
                group.iter().map(|alert| alert.at).min(),
            )
        });
        groups.into_iter().flatten().take(limit).cloned().collect()
    }

    /// Forgets what was published.
    pub fn clear<S: AsRef<str>>(&mut self, published: &[S]) {
        let gone = |id: &str| published.iter().any(|published| published.as_ref() == id);
        self.merged = self.merged.take().filter(|merged| !gone(&merged.alert().id));
        self.pending.retain(|alert| !gone(&alert.id));
        for id in published {
            if !self.sent.iter().any(|sent| sent == id.as_ref()) {
                self.sent.push(id.as_ref().to_owned());
            }
        }
        self.sent.drain(..self.sent.len().saturating_sub(MEMORY));
    }

    /// The oldest of the least important; `None` when all are critical. That something is over matters as much as a
    /// warning: somebody is waiting for it.
    fn least_important(&self) -> Option<usize> {
        let weight = |alert: &Alert| match alert.severity {
            Severity::Info if alert.resolved => Severity::Warning,
            severity => severity,
        };
        let candidates = self
            .pending
            .iter()
            .enumerate()
            .filter(|(_, alert)| alert.severity < Severity::Critical);
        candidates
            .min_by_key(|(index, alert)| (weight(alert), alert.at, *index))
            .map(|(index, _)| index)
    }

    fn merge(&mut self, alert: &Alert) {
        let merged = self.merged.get_or_insert_with(|| Merged {
            first: alert.at,
            last: alert.at,
            count: 0,
            by_kind: BTreeMap::new(),
            ids: Vec::new(),
        });
        merged.first = merged.first.min(alert.at);
        merged.last = merged.last.max(alert.at);
        merged.count += 1;
        *merged.by_kind.entry(alert.kind).or_default() += 1;
        if merged.ids.len() < NAMED {
            merged.ids.push(alert.id.clone());
        }
    }
}

/// A reminder has kind, subject and beginning of what it reminds of.
fn same_matter(one: &Alert, other: &Alert) -> bool {
    (one.kind, &one.subject_of, one.since) == (other.kind, &other.subject_of, other.since)
}

/// Cuts what one alert may put into the document, and says what was cut.
fn bound(lines: &mut Vec<String>) {
    let more = lines.len().saturating_sub(LINES);
    lines.truncate(LINES);
    for line in lines.iter_mut().filter(|line| line.chars().count() > LINE) {
        *line = printable(line, LINE);
    }
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
}

impl Merged {
    /// The count is a part of the id: what is merged after this was published is told again.
    fn alert(&self) -> Alert {
        let kinds = self.by_kind.iter().map(|(kind, count)| format!("{count} × {kind}"));
        let ids = self.ids.iter().map(|id| format!("id {id}"));
        let unnamed = self.count - self.ids.len() as u64;
        let rest = (unnamed > 0).then(|| format!("and {unnamed} more"));
        let mut alert = Alert::new(AlertKind::AlertsDropped, None, self.first, self.last);
        alert.id = format!("{}:{}", alert.id, self.count);
        alert.title = format!("{} alerts merged", self.count);
        alert.evidence = kinds.chain(ids).chain(rest).collect();
        alert
    }
}

#[cfg(test)]
mod tests;
