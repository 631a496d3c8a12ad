//! What of the endpoints of a Region is gone, and who lacks it.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::since;
use crate::{
    backup::{
        audit::{Audits, Gone},
        retention::spoken,
    },
    text::printable,
};

/// Endpoints named in one line; all of them are in the answer for programs.
const NAMED: usize = 200;

/// What one endpoint of this Region is made of that is gone, a line for each thing; `None` when nothing is known to be.
pub fn lacks(endpoint: &str, audits: &Audits, now: Timestamp) -> Option<String> {
    let mut said = String::new();
    for (thing, gone) in audits.gone.iter().filter(|(_, gone)| gone.endpoints.contains(endpoint)) {
        let others = gone
            .endpoints
            .iter()
            .map(String::as_str)
            .filter(|other| *other != endpoint);
        let others = match named(others.collect()) {
            None => String::new(),
            Some(others) => format!(" Also missing to {others}."),
        };
        let what = described(thing, gone, now);
        let _ = writeln!(
            said,
            "Gone, so that SageMaker cannot deploy {endpoint} again: {what}.{others}"
        );
    }
    (!said.is_empty()).then_some(said)
}

/// When one endpoint of this Region of which nothing is gone was audited.
pub fn audited(endpoint: &str, audits: &Audits, now: Timestamp) -> String {
    match audits.looked.get(endpoint) {
        Some(at) => {
            let ago = spoken(since(*at, now));
            format!("Audited {ago} ago: nothing is known to be gone that {endpoint} is made of.")
        }
        None => format!("{endpoint} was not audited here yet."),
    }
}

/// Everything that is gone, with the endpoints that lack it; `None` when nothing is.
pub fn all_gone(audits: &Audits, now: Timestamp) -> Option<String> {
    let lines = audits.gone.iter().filter_map(|(thing, gone)| {
        let what = described(thing, gone, now);
        Some(format!(
            "- {what}: missing to {}.",
            named(gone.endpoints.iter().map(String::as_str).collect())?
        ))
    });
    let lines: Vec<String> = lines.collect();
    (!lines.is_empty()).then(|| {
        format!(
            "Gone, so that SageMaker cannot deploy again who lacks it:\n{}",
            lines.join("\n")
        )
    })
}

fn described(thing: &str, gone: &Gone, now: Timestamp) -> String {
    let why = match (gone.archived, gone.why.as_str()) {
        (true, "") => " (archived)".to_owned(),
        (true, class) => format!(" (archived, {})", printable(class, 100)),
        (false, "") => String::new(),
        (false, why) => format!(" ({})", printable(why, 300)),
    };
    let ago = spoken(since(gone.since, now));
    format!("{}{why}, found {ago} ago", printable(thing, 300))
}

fn named(names: Vec<&str>) -> Option<String> {
    let more = names.len().saturating_sub(NAMED);
    let shown = names.get(..NAMED).unwrap_or(&names).join(", ");
    match (names.is_empty(), more) {
        (true, _) => None,
        (_, 0) => Some(shown),
        _ => Some(format!("{shown} and {more} more")),
    }
}
