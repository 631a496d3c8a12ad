//! Whether copies are what was copied, and whether anything is left that nobody meant to leave.

use std::collections::HashMap;

use super::{Checked, matches};
use crate::{
    record::{Record, Stored},
    scenario::{CopyExpectation, Count, DefinitionExpectation},
    store::Content,
};

/// So many names of what is wrong are told.
const TOLD: usize = 5;

fn told(mut names: Vec<String>) -> String {
    let count = names.len();
    if count > TOLD {
        names.truncate(TOLD);
        names.push(format!("and {} more", count - TOLD));
    }
    names.join(", ")
}

/// A reader cannot tell the two apart. Steward's own remarks in the metadata of a copy do not count.
fn same(source: &Stored, copy: &Stored) -> bool {
    let (one, other) = (&source.look, &copy.look);
    let foreign = |stored: &Stored| {
        let mut metadata = stored.look.metadata.clone();
        metadata.retain(|key, _| !key.starts_with("steward-"));
        metadata
    };
    one.content == other.content
        && one.content_type == other.content_type
        && one.tags == other.tags
        && one.storage_class == other.storage_class
        && foreign(source) == foreign(copy)
}

/// Objects by what they hold: comparing each source with each copy would take long for thousands.
fn by_content<'a>(objects: &[&'a Stored]) -> HashMap<&'a Content, Vec<&'a Stored>> {
    let mut found: HashMap<&Content, Vec<&Stored>> = HashMap::new();
    for object in objects {
        found.entry(&object.look.content).or_default().push(object);
    }
    found
}

pub(super) fn copies(expected: &CopyExpectation, record: &Record) -> Checked {
    let of = |bucket: &str| record.objects.get(bucket).map(Vec::as_slice).unwrap_or_default();
    let sources = of(&expected.of)
        .iter()
        .filter(|it| it.key.starts_with(&expected.prefix));
    let (now, before): (Vec<&Stored>, Vec<&Stored>) = sources.partition(|it| it.current);
    let copies = of(&expected.to).iter().filter(|it| it.key.starts_with(&expected.under));
    let copies: Vec<&Stored> = copies.filter(|it| it.current).collect();
    let (found, known) = (by_content(&copies), by_content(&[&now[..], &before[..]].concat()));
    let alike = |of: &HashMap<&Content, Vec<&Stored>>, it: &Stored| {
        let candidates = of.get(&it.look.content).map(Vec::as_slice).unwrap_or_default();
        candidates.iter().filter(|other| same(it, other)).count() as u64
    };
    let wrong: Vec<String> = now
        .iter()
        .filter_map(|source| {
            let count = alike(&found, source);
            let right = expected.each.map_or(count >= 1, |each| count == each);
            (!right).then(|| format!("{} has {count}", source.key))
        })
        .collect();
    let strange: Vec<String> = copies
        .iter()
        .filter(|copy| expected.nothing_else && alike(&known, copy) == 0)
        .map(|copy| copy.key.clone())
        .collect();
    let each = match expected.each {
        None => "a copy".to_owned(),
        Some(0) => "no copy".to_owned(),
        Some(1) => "one copy".to_owned(),
        Some(each) => format!("{each} copies"),
    };
    let only = if expected.nothing_else {
        ", and nothing else is there"
    } else {
        ""
    };
    let mut seen = vec![format!("{} sources, {} objects there", now.len(), copies.len())];
    if !wrong.is_empty() {
        seen.push(format!("copies: {}", told(wrong.clone())));
    }
    if !strange.is_empty() {
        seen.push(format!("copies of nothing: {}", told(strange.clone())));
    }
    Checked {
        expected: format!(
            "each object of s3://{}/{} has {each} in s3://{}/{}{only}",
            expected.of, expected.prefix, expected.to, expected.under
        ),
        // Without a source nothing is shown.
        holds: wrong.is_empty() && strange.is_empty() && !now.is_empty(),
        seen: seen.join("; "),
        moment: record.end,
    }
}

pub(super) fn definitions(expected: &DefinitionExpectation, record: &Record) -> Vec<Checked> {
    let check = |(kind, wanted): (&'static str, &[String])| {
        let there: Vec<&str> = record
            .definitions
            .iter()
            .filter(|it| it.region == expected.region && it.kind == kind)
            .map(|it| it.name.as_str())
            .collect();
        let missing = wanted.iter().filter(|name| !there.iter().any(|is| matches(name, is)));
        let mut wrong: Vec<String> = missing.map(|name| format!("no {name}")).collect();
        let more = there.iter().filter(|is| !wanted.iter().any(|name| matches(name, is)));
        wrong.extend(more.map(|is| format!("also {is}")));
        let names = if wanted.is_empty() {
            "nothing".to_owned()
        } else {
            wanted.join(", ")
        };
        Checked {
            expected: format!("of kind {kind}, {} has {names} at the end", expected.region),
            holds: wrong.is_empty(),
            seen: if wrong.is_empty() {
                format!("{} of them", there.len())
            } else {
                told(wrong)
            },
            moment: record.end,
        }
    };
    expected.kinds().map(check).collect()
}

/// Expected of every scenario in the Regions of whose definitions it says nothing, and told when it does not hold: nothing
/// is left of a restore or drill that serves nobody. What a restore that failed leaves is told, and the next one uses it.
pub(super) fn leftovers(said: &[DefinitionExpectation], record: &Record) -> Option<Checked> {
    let is_told = |mark: &str| {
        let mut failed = record
            .alerts
            .iter()
            .filter(|alert| alert.kind == "backup.restore-failed");
        let endpoint = mark.split_once("/restore-").map(|(endpoint, _)| endpoint);
        endpoint.is_some() && failed.any(|alert| alert.endpoint.as_deref() == endpoint)
    };
    let left: Vec<String> = record
        .definitions
        .iter()
        .filter(|it| said.iter().all(|expected| expected.region != it.region))
        .filter_map(|it| Some((it, it.left_by.as_ref()?)))
        .filter(|(_, mark)| !is_told(mark))
        .map(|(it, mark)| format!("{} {} in {} of {mark}", it.kind, it.name, it.region))
        .collect();
    (!left.is_empty()).then(|| Checked {
        expected: "no restore or drill leaves anything behind that serves nobody".to_owned(),
        holds: false,
        seen: told(left),
        moment: record.end,
    })
}

/// Expected of every scenario, and told when a scenario says something about it, or when it does not hold.
pub(super) fn uploads(expected: Option<Count>, record: &Record) -> Option<Checked> {
    let count = expected.unwrap_or(Count {
        times: Some(0),
        ..Count::default()
    });
    let number = record.uploads.len() as u64;
    let holds = count.allows(number);
    (expected.is_some() || !holds).then(|| Checked {
        expected: if count.is_never() {
            "no multipart upload is left unfinished".to_owned()
        } else {
            format!("multipart uploads are left unfinished {count}")
        },
        holds,
        seen: match number {
            0 => "none is".to_owned(),
            _ => told(record.uploads.clone()),
        },
        moment: record.end,
    })
}
