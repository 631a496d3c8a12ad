//! What a person is told when something happened, and by which id it is told only once.
//!
//! An alert is a value: decided by pure code, committed to the ledger's outbox, published, cleared. Its id is a function
//! of kind, subject and since when, so that deciding twice says it once.

mod kind;
mod links;
mod message;
mod severity;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use self::{kind::AlertKind, links::Links, message::Message, severity::Severity};

/// One thing to tell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// The deduplication id: 1 to 128 of `[A-Za-z0-9._:/-]`, the same whenever the same thing is decided again.
    pub id: String,
    /// What it is about.
    pub kind: AlertKind,
    /// How much it matters.
    pub severity: Severity,
    /// The fact in a few words, without the subject and the time: `3 of 3 probes answered 500`. Follows the colon of the
    /// message's subject; may be empty.
    pub title: String,
    /// The endpoint it is about; `None` for the fleet, the fleet file or Steward itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_of: Option<String>,
    /// Since when it is so.
    pub since: Timestamp,
    /// When it was decided.
    pub at: Timestamp,
    /// What was seen, one observation an item.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// What Steward did, one action an item.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<String>,
    /// What the reader should do next.
    pub next: String,
    /// The page that says how to handle it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// The subject in the AWS console.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console: Option<String>,
    /// The Region of the subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The trouble is over.
    #[serde(default)]
    pub resolved: bool,
    /// 0 for the first telling, n for the nth reminder that it still is so.
    #[serde(default)]
    pub reminder: u32,
    /// The user's own labels from the fleet file, such as `team`; they become message attributes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl Alert {
    /// An alert with the severity, the next step and the `resolved` of its kind, and no evidence yet.
    ///
    /// Its id is made of kind, subject and `since`. Where two different matters could share all three (a missing
    /// permission and a throttled API, noticed in the same sweep), the decider sets [`Alert::id`] itself.
    pub fn new(kind: AlertKind, subject_of: Option<&str>, since: Timestamp, at: Timestamp) -> Self {
        Self {
            id: dedup_id(kind, subject_of, since, 0),
            kind,
            severity: kind.severity(),
            title: String::new(),
            subject_of: subject_of.map(str::to_owned),
            since,
            at,
            evidence: Vec::new(),
            done: Vec::new(),
            next: kind
                .next_step()
                .replace("<endpoint>", subject_of.unwrap_or("<endpoint>")),
            runbook: None,
            console: None,
            region: None,
            resolved: kind.resolves(),
            reminder: 0,
            labels: BTreeMap::new(),
        }
    }

    /// The fact in a few words; see [`Alert::title`].
    #[must_use]
    pub fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// More important, or less, than its kind usually is.
    #[must_use]
    pub fn severe(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// One more observation.
    #[must_use]
    pub fn seen(mut self, observation: impl Into<String>) -> Self {
        self.evidence.push(observation.into());
        self
    }

    /// One more thing that Steward did.
    #[must_use]
    pub fn did(mut self, action: impl Into<String>) -> Self {
        self.done.push(action.into());
        self
    }

    /// Another next step than the usual one of its kind.
    #[must_use]
    pub fn next(mut self, step: impl Into<String>) -> Self {
        self.next = step.into();
        self
    }

    /// The same trouble, told for the `number`th time after the first (from 1). The number is a part of the id.
    #[must_use]
    pub fn reminding(mut self, number: u32) -> Self {
        self.reminder = number;
        self.id = dedup_id(self.kind, self.subject_of.as_deref(), self.since, number);
        self
    }

    /// Fills in Region, console link and runbook where they are not set.
    #[must_use]
    pub fn linked(mut self, links: &Links) -> Self {
        self.region.get_or_insert_with(|| links.region.clone());
        self.console = self
            .console
            .or_else(|| self.subject_of.as_deref().and_then(|name| links.endpoint(name)));
        self.runbook = self.runbook.or_else(|| links.runbook(self.kind));
        self
    }

    /// The alert as SNS takes it.
    pub fn message(&self) -> Message {
        message::compose(self)
    }
}

/// `<kind>:<subject>:<since>`, with `:<number>` for a reminder. A subject that would break the pattern or the length is
/// replaced by its hash.
fn dedup_id(kind: AlertKind, subject_of: Option<&str>, since: Timestamp, reminder: u32) -> String {
    let plain = |text: &str| {
        (1..=63).contains(&text.len())
            && text
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'/' | b'-'))
    };
    let subject = match subject_of {
        None => String::new(),
        Some(name) if plain(name) => name.to_owned(),
        Some(name) => format!("sha256-{:x}", Sha256::digest(name.as_bytes()))
            .chars()
            .take(39)
            .collect(),
    };
    let since = since.as_millisecond();
    match reminder {
        0 => format!("{kind}:{subject}:{since}"),
        number => format!("{kind}:{subject}:{since}:{number}"),
    }
}

#[cfg(test)]
mod tests;
