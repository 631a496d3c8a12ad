//! What people are told of capacity.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    drift::Drift,
    ledger::{Applying, Drifted, Failed},
    plan::Stale,
    thing::{Key, Scalable},
};
use crate::{
    alert::{Alert, AlertKind, Severity},
    text::{lasting, printable},
};

/// Lines of evidence; more are counted.
const LINES: usize = 15;

/// What an alert needs besides what it is about.
#[derive(Clone, Copy, Debug)]
pub struct Teller<'a> {
    /// Now.
    pub now: Timestamp,
    /// The user's labels.
    pub labels: &'a BTreeMap<String, String>,
    /// The inference components, each with its endpoint.
    pub components: &'a BTreeMap<String, String>,
}

impl Teller<'_> {
    fn alert<'k>(self, kind: AlertKind, keys: impl Iterator<Item = &'k Key>, since: Timestamp) -> Alert {
        let endpoints: BTreeSet<Option<&str>> = keys.map(|key| self.endpoint(key)).collect();
        let endpoint = match endpoints.len() {
            1 => endpoints.into_iter().next().flatten(),
            _ => None,
        };
        let mut alert = Alert::new(kind, endpoint, since, self.now);
        alert.labels = self.labels.clone();
        alert
    }

    /// One of several about the same plan, which goes on for as long as something of it waits: told apart by when.
    fn now<'k>(self, kind: AlertKind, keys: impl Iterator<Item = &'k Key>, began: Timestamp) -> Alert {
        let mut alert = self.alert(kind, keys, began);
        alert.id.push_str(&format!(":{}", self.now.as_millisecond()));
        alert
    }

    fn endpoint<'k>(self, key: &'k Key) -> Option<&'k str>
    where
        Self: 'k,
    {
        match key {
            Key::Endpoint(name) => Some(name),
            key => match key.scalable()? {
                Scalable::Copies { component } => self.components.get(component).map(String::as_str),
                of => of.endpoint(),
            },
        }
    }
}

fn lines(mut alert: Alert, lines: impl IntoIterator<Item = String>) -> Alert {
    let mut more = 0;
    for (index, line) in lines.into_iter().enumerate() {
        match index < LINES {
            true => alert = alert.seen(line),
            false => more += 1,
        }
    }
    match more {
        0 => alert,
        more => alert.seen(format!("and {more} more")),
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    }
}

/// One alert for all that drifted since the last look.
pub(super) fn drifted(new: &[Drift], teller: Teller<'_>) -> Option<Alert> {
    let alert = teller.alert(
        AlertKind::CapacityDrifted,
        new.iter().map(|drift| &drift.key),
        teller.now,
    );
    let title = match new {
        [] => return None,
        [one] => format!("{} {}", one.key.kind(), one.key),
        many => format!("{} things are not as Steward left them", many.len()),
    };
    Some(lines(alert.titled(title), new.iter().map(Drift::told)))
}

/// One alert for all that is as it was left again.
pub(super) fn restored(over: &[Drifted], teller: Teller<'_>) -> Option<Alert> {
    let since = over.iter().map(|over| over.since).min()?;
    let keys = over.iter().map(|over| &over.drift.key);
    let alert = teller.alert(AlertKind::CapacityRestored, keys, since);
    let title = match over {
        [one] => format!("{} {}", one.drift.key.kind(), one.drift.key),
        many => format!("{} things are as they are to be", many.len()),
    };
    let line = |over: &Drifted| {
        format!(
            "{} {}, drifted since {:.0}",
            over.drift.key.kind(),
            over.drift.key,
            over.since
        )
    };
    Some(lines(alert.titled(title), over.iter().map(line)))
}

fn asked(applying: &Applying) -> String {
    format!(
        "plan {}, asked for by {}",
        applying.plan.id,
        printable(&applying.by, 200)
    )
}

/// What was made and not told yet.
pub(super) fn applied(applying: &Applying, teller: Teller<'_>) -> Option<Alert> {
    let made = &applying.made;
    if made.is_empty() {
        return None;
    }
    let keys = made.iter().map(|(_, key)| key);
    let alert = teller
        .now(AlertKind::CapacityApplied, keys, applying.began)
        .titled(counted(made.len(), "change", "changes"))
        .seen(asked(applying));
    let did = made
        .iter()
        .map(|(verb, key)| format!("{} {} {key}", verb.as_str(), key.kind()));
    Some(did.take(LINES).fold(alert, Alert::did))
}

/// What AWS refuses.
pub(super) fn refused(applying: &Applying, refused: &[&Failed], teller: Teller<'_>) -> Alert {
    let keys = refused.iter().map(|failed| &failed.key);
    let alert = teller
        .now(AlertKind::CapacityFailed, keys, applying.began)
        .titled(format!("{} not made", counted(refused.len(), "change", "changes")))
        .seen(asked(applying))
        .did(format!("made {}", counted(applying.count, "change", "changes")));
    lines(alert, refused.iter().map(|failed| why(failed)))
}

fn why(failed: &Failed) -> String {
    format!("{} {}: {}", failed.key.kind(), failed.key, failed.why)
}

/// A plan that cannot go on.
pub(super) fn abandoned(applying: &Applying, why: &Stale, teller: Teller<'_>) -> Alert {
    let keys = applying.plan.changes.iter().map(|change| &change.key);
    teller
        .now(AlertKind::CapacityFailed, keys, applying.began)
        .titled(format!("plan {} was given up halfway", applying.plan.id))
        .seen(format!("asked for by {}", printable(&applying.by, 200)))
        .seen(why.to_string())
        .did("left what was made as it is")
}

/// What waits for something that does not come.
pub(super) fn held(applying: &Applying, failed: &[&Failed], teller: Teller<'_>) -> Alert {
    let keys = failed.iter().map(|failed| &failed.key);
    let span = lasting(teller.now.duration_since(applying.began).as_secs());
    let mut alert = teller
        .alert(AlertKind::CapacityFailed, keys, applying.began)
        .titled(format!(
            "{} not made for {span}",
            counted(failed.len(), "change", "changes")
        ))
        .seen(asked(applying))
        .did("tries again every hour");
    alert.id.push_str(":held");
    lines(alert, failed.iter().map(|failed| why(failed)))
}

/// Nobody can look.
pub(super) fn unseen(why: &str, teller: Teller<'_>) -> Alert {
    let mut alert = teller
        .alert(AlertKind::MonitorTrouble, std::iter::empty(), teller.now)
        .titled("declared capacity cannot be compared with what is there")
        .seen(why);
    alert.id = blind(teller.now, 1);
    alert
}

/// Somebody can look again.
pub(super) fn seen(since: Timestamp, teller: Teller<'_>) -> Alert {
    let mut alert = teller
        .alert(AlertKind::MonitorTrouble, std::iter::empty(), since)
        .titled("declared capacity is compared again");
    alert.id = blind(since, 2);
    alert.severity = Severity::Info;
    alert.resolved = true;
    alert.next = "Nothing now.".to_owned();
    alert
}

fn blind(since: Timestamp, number: u8) -> String {
    format!(
        "{}:capacity:{}:{number}",
        AlertKind::MonitorTrouble,
        since.as_millisecond()
    )
}
