//! A recovery point: one JSON document that names everything that an endpoint is restored from.
//!
//! Written last, on condition that there is none of its name, when everything that it names is there; so what can be read is
//! complete. It carries a digest over its own bytes: what is damaged or was changed by hand is not restored from.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{artifact::Artifact, copy::progress::Tally, definition::Definition, names::digest};
use crate::text::printable;
pub use shared::backup::PointId;

/// Kind and version of the document.
pub const SCHEMA: &str = "recovery-point/1";

/// The largest document that is read, bytes.
pub const LIMIT: u64 = 16 << 20;

/// What an endpoint is restored from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecoveryPoint {
    /// `EndpointName`.
    pub endpoint: String,
    /// The account.
    pub account: String,
    /// The Region of the endpoint.
    pub from: String,
    /// Where it can be restored.
    pub to: String,
    /// When its backup began to look: whatever changed later is not in it. The RPO counts from here.
    pub began: Timestamp,
    /// When everything was there.
    pub completed: Timestamp,
    /// The version of Steward that wrote it.
    pub writer: String,
    /// The endpoint as it was.
    pub source: Definition,
    /// The endpoint as it is to be made in the other Region.
    pub restored: Definition,
    /// What was copied for it.
    pub artifacts: Vec<Artifact>,
}

/// Why a document is no recovery point to restore from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It was written by a later version.
    #[error(
        "it has the form {0}, and this build knows {SCHEMA}: restore with the version of Steward that wrote it, or a later one"
    )]
    Newer(String),
    /// Something else lies here.
    #[error("it is no recovery point: {0}. Nothing else should be written below the prefix of the points")]
    Other(String),
    /// It is not what was written.
    #[error("it is damaged: {0}. Restore from another point (`list` shows them), and make a new backup")]
    Damaged(String),
}

const BEGIN: &str = r#"{"schema":""#;
const DIGEST: &str = r#"","sha256":""#;
const POINT: &str = r#"","point":"#;

impl RecoveryPoint {
    /// The document, and the id of the point. The same point gives the same bytes.
    pub fn write(&self) -> (PointId, String) {
        let point = serde_json::to_string(self).unwrap_or_default();
        let digest = digest(&point);
        let id = PointId {
            began: whole_seconds(self.began),
            digest: digest[..8].to_owned(),
        };
        (id, format!("{BEGIN}{SCHEMA}{DIGEST}{digest}{POINT}{point}}}\n"))
    }

    /// Reads a document.
    ///
    /// # Errors
    /// Why nothing is to be restored from it.
    pub fn read(document: &str) -> Result<Self, Unreadable> {
        let (schema, claimed, point) = split(document).ok_or_else(|| what_else(document))?;
        if schema != SCHEMA {
            return Err(Unreadable::Newer(printable(schema, 60)));
        }
        let found = digest(point);
        if found != claimed {
            let shown = printable(claimed, 64);
            return Err(Unreadable::Damaged(format!(
                "its digest is {found}, and it was written with {shown}"
            )));
        }
        serde_json::from_str(point).map_err(|error| Unreadable::Damaged(error.to_string()))
    }

    /// Objects of which nothing but the size could be compared with the source.
    pub fn by_size(&self) -> u64 {
        let counts = self.artifacts.iter().map(super::artifact::Artifact::by_size);
        counts.fold(0, u64::saturating_add)
    }

    /// Everything that was copied for it.
    pub fn tally(&self) -> Tally {
        self.artifacts.iter().fold(Tally::default(), |sum, artifact| Tally {
            objects: sum.objects.saturating_add(artifact.tally.objects),
            bytes: sum.bytes.saturating_add(artifact.tally.bytes),
        })
    }
}

/// Schema, digest and point of a document in the very form in which it is written.
fn split(document: &str) -> Option<(&str, &str, &str)> {
    let rest = document.strip_prefix(BEGIN)?;
    let (schema, rest) = rest.split_once(DIGEST)?;
    let (digest, rest) = rest.split_once(POINT)?;
    Some((schema, digest, rest.trim_end().strip_suffix('}')?))
}

/// What a document is that is not in that form.
fn what_else(document: &str) -> Unreadable {
    let Ok(value) = serde_json::from_str::<Value>(document) else {
        return match document.starts_with(BEGIN) {
            true => Unreadable::Damaged("it ends in its middle".into()),
            false => Unreadable::Other("it is not JSON".into()),
        };
    };
    match value.get("schema").and_then(Value::as_str) {
        Some(SCHEMA) => Unreadable::Damaged("its bytes were rearranged, as an editor does".into()),
        Some(other) if other.starts_with("recovery-point/") => Unreadable::Newer(printable(other, 60)),
        Some(other) => Unreadable::Other(format!("its schema is {}", printable(other, 60))),
        None => Unreadable::Other("it has no schema".into()),
    }
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::backup::fixture::point;

    #[test]
    fn a_point_that_was_written_is_read_again() {
        let point = point(0);
        let (id, document) = point.write();
        assert_eq!(RecoveryPoint::read(&document), Ok(point));
        assert!(id.to_string().starts_with("20260921T"), "{id}");
        let value: Value = serde_json::from_str(&document).expect("it is JSON, for everybody's tools");
        assert_eq!(value["schema"], SCHEMA);
    }

    #[test]
    fn what_cannot_be_restored_from_says_why_and_what_to_do() {
        let (_, document) = point(0).write();
        let documents = [
            document.replace("recovery-point/1", "recovery-point/2"),
            "{\"schema\": \"recovery-point/9\", \"new\": true}".to_owned(),
            document.replace("ml.m5.large", "ml.m5.xlarge"),
            document[..document.len() / 2].to_owned(),
            serde_json::to_string_pretty(&serde_json::from_str::<Value>(&document).unwrap()).unwrap(),
            "{\"schema\": \"health/1\"}".to_owned(),
            "{}".to_owned(),
            "hello".to_owned(),
        ];
        let said: Vec<String> = documents
            .iter()
            .map(|document| RecoveryPoint::read(document).unwrap_err().to_string())
            .collect();
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn ids_are_in_the_order_of_time_as_text_too_and_others_are_refused() {
        let ids = [0, 60, 86_400].map(|later| point(later).write().0);
        assert!(ids.is_sorted() && ids.map(|id| id.to_string()).is_sorted());
        for wrong in [
            "",
            "latest",
            "20260131T020000Z-1A2B3C4D",
            "20261331T020000Z-1a2b3c4d",
            "20260131T020000Z-1a2b3c4d5",
        ] {
            assert!(wrong.parse::<PointId>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn one_changed_byte_anywhere_is_noticed(at in any::<prop::sample::Index>(), to in 32..127_u8) {
            let (_, document) = point(0).write();
            let at = at.index(document.len() - 1);
            let mut bytes = document.clone().into_bytes();
            prop_assume!(bytes[at] != to && bytes[at].is_ascii() && !document[at..].trim().is_empty());
            bytes[at] = to;
            let changed = String::from_utf8(bytes).unwrap();
            prop_assert!(RecoveryPoint::read(&changed).is_err());
        }

        #[test]
        fn nothing_makes_the_reader_panic(document in ".{0,200}", begin in any::<bool>()) {
            let document = if begin { format!("{BEGIN}{document}") } else { document };
            prop_assert!(RecoveryPoint::read(&document).is_err());
        }
    }
}
