//! Where something is in S3.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A bucket and a key in it. In ledgers and manifests it is written as its URI.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Location {
    /// Bucket name.
    pub bucket: String,
    /// Object key or prefix, without a leading slash.
    pub key: String,
}

impl Location {
    /// A location.
    pub fn new(bucket: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            key: key.into(),
        }
    }

    /// Reads `s3://bucket/key`; `None` for anything else, and for an empty bucket or key.
    pub fn parse(uri: &str) -> Option<Self> {
        let (bucket, key) = uri.strip_prefix("s3://")?.split_once('/')?;
        (!bucket.is_empty() && !key.is_empty()).then(|| Self::new(bucket, key))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

impl From<Location> for String {
    fn from(location: Location) -> Self {
        location.to_string()
    }
}

impl TryFrom<String> for Location {
    type Error = String;

    fn try_from(uri: String) -> Result<Self, Self::Error> {
        Self::parse(&uri).ok_or_else(|| format!("{uri:?} is not s3://bucket/key"))
    }
}
