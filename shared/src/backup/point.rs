//! The name of a recovery point.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::text::printable;

/// The name of a recovery point: its time and its content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct PointId {
    /// [`RecoveryPoint::began`], in whole seconds.
    pub began: Timestamp,
    /// The first 8 hexadecimal digits of the digest.
    pub digest: String,
}

impl std::fmt::Display for PointId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{}-{}", self.began.strftime("%Y%m%dT%H%M%SZ"), self.digest))
    }
}

impl std::str::FromStr for PointId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (stamp, digest) = text.split_once('-')?;
            let began = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", stamp).ok()?;
            let began = began.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
            let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            let id = Self {
                began,
                digest: digest.to_owned(),
            };
            (digest.len() == 8 && digest.bytes().all(hex) && id.to_string() == text).then_some(id)
        };
        let shown = printable(text, 60);
        read().ok_or_else(|| format!("\"{shown}\" is no recovery point's id, such as 20260131T020000Z-1a2b3c4d"))
    }
}

impl From<PointId> for String {
    fn from(id: PointId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for PointId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}
