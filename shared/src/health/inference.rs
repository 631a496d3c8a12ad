//! One inference of an asynchronous probe, from the time it is asked until its objects are gone.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// After so many times the time it may take, an inference is neither worked off any more nor are its objects kept.
pub const LATEST: u32 = 2;

/// An asynchronous probe whose output is awaited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsyncJob {
    /// `s3://` of the input that was put.
    pub input: String,
    /// `s3://` where the output is expected.
    pub output: String,
    /// `s3://` where a failure would be reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// When it was asked.
    pub started: Timestamp,
    /// It was judged as late, and is not judged again: what comes of it now is only cleared away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// Its answer was judged, and its objects are to be removed.
    #[serde(default)]
    pub over: bool,
    /// Its objects are removed.
    #[serde(default)]
    pub cleaned: bool,
}

/// What a look does about one inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Looks for its answer.
    Look,
    /// Removes its objects.
    Clear,
    /// Nothing.
    Leave,
}

impl AsyncJob {
    /// How long ago it was asked.
    pub fn age(&self, now: Timestamp) -> Duration {
        Duration::try_from(now.duration_since(self.started)).unwrap_or_default()
    }

    /// It is awaited and was not judged.
    pub fn is_open(&self) -> bool {
        !self.late && !self.over && !self.cleaned
    }

    /// What a look now does about it. What is late may still be worked on: its objects stay until it cannot be any more.
    pub fn turn(&self, within: Duration, now: Timestamp) -> Turn {
        match self {
            Self { cleaned: true, .. } => Turn::Leave,
            Self { over: true, .. } => Turn::Clear,
            Self { late: true, .. } if self.age(now) >= within * LATEST => Turn::Clear,
            Self { late: true, .. } => Turn::Leave,
            _ => Turn::Look,
        }
    }
}
