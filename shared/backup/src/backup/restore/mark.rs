//! The tag by which what a restore or drill made is known.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::record::{Kind, Thing};
use crate::text::printable;

/// The tag of everything that a restore or drill makes.
pub(super) const MARK: &str = "steward:restored-by";

/// Tags that a resource may have (AWS's limit).
const TAGS: usize = 50;

type Tags = BTreeMap<String, String>;

/// The tag that tells what this very restore or drill made.
pub fn mark(endpoint: &str, kind: Kind, number: u64, started: Timestamp) -> (String, String) {
    let kind = kind.as_str();
    (
        MARK.to_owned(),
        format!("{endpoint}/{kind}-{number}/{}", started.as_second()),
    )
}

/// The endpoint from whose recovery points something was made, and the mark that it bears, by its tags.
pub fn origin(tags: &Tags) -> Option<(&str, &str)> {
    let mark = tags.get(MARK)?;
    Some((mark.split('/').next()?, mark))
}

/// The tags of what is made: those that it had, and the mark. Of as many as there may be the last by name is left out: an
/// endpoint without one of its tags serves, and one that cannot be made does not.
pub(super) fn marked(tags: &Tags, mark: &(String, String)) -> Tags {
    let mut marked = tags.clone();
    if let Some(out) = left_out(tags) {
        marked.remove(&out);
    }
    marked.insert(mark.0.clone(), mark.1.clone());
    marked
}

/// The tag for which there is no room beside the mark.
fn left_out(tags: &Tags) -> Option<String> {
    let full = tags.len() >= TAGS && !tags.contains_key(MARK);
    tags.keys().next_back().filter(|_| full).cloned()
}

/// What people should know when a tag is left out.
pub(super) fn crowded(thing: &Thing, tags: &Tags) -> Option<String> {
    let out = left_out(tags)?;
    Some(format!(
        "the {thing} has {TAGS} tags and the restore needs one of its own, so `{}` is left out",
        printable(&out, 128)
    ))
}
