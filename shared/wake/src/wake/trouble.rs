//! What keeps capacity from coming, and what can be done about it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{look::Activity, thing::State};
use crate::text::printable;

/// The kinds of trouble, each told once for one wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// AWS has no such instances now.
    Capacity,
    /// The account may have no more.
    Quota,
    /// Instances or copies came up and failed.
    Failed,
    /// Requests reach it and none succeeds.
    Failing,
    /// It waits: for a slot, the lease, the end of another change.
    Held,
    /// It cannot be let go.
    Kept,
}

/// One trouble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) kind: Kind,
    pub(super) said: String,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

impl Kind {
    /// In a few words.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Capacity => "AWS has no such instances now",
            Self::Quota => "the account's quota is reached",
            Self::Failed => "what came up failed",
            Self::Failing => "in service, and no request succeeds",
            Self::Held => "it waits for its turn",
            Self::Kept => "it cannot be let go",
        }
    }

    /// What a person can do.
    pub(super) const fn next(self) -> &'static str {
        match self {
            Self::Capacity => {
                "Steward goes on trying. Where it must not happen again, give the variant instance pools of other types, or keep one instance awake."
            }
            Self::Quota => "Raise the quota of the instance type for endpoint usage, or put something else to sleep.",
            Self::Failed => {
                "Read the container's log (/aws/sagemaker/Endpoints/<endpoint>): out of memory, a missing artifact or image, a failing health check."
            }
            Self::Failing => {
                "Read the container's log (/aws/sagemaker/Endpoints/<endpoint>): the instances are up, and what they answer is an error."
            }
            Self::Held => "Nothing, if what it waits for is wanted. Otherwise end that.",
            Self::Kept => "Remove the cause named above, or send `sleep` to scale-from-zero.",
        }
    }

    fn of(said: &str) -> Self {
        let said = said.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
        if says(&["insufficient", "unable to provision", "capacity error", "no capacity"]) {
            Self::Capacity
        } else if says(&["limitexceeded", "limit exceeded", "quota", "service limit"]) {
            Self::Quota
        } else {
            Self::Failed
        }
    }
}

/// The endpoint was being changed, so another change was refused: whoever asked asks again when it has settled.
fn is_busy(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    ["in-progress", "in progress", "being updated", "currently updating"]
        .iter()
        .any(|words| said.contains(words))
}

/// What was said of a wake that began at `from` and has no capacity yet.
pub(super) fn of(state: &State<'_>, activities: &[Activity], from: Timestamp) -> Option<Trouble> {
    let counts = |one: &&Activity| {
        one.at >= from && matches!(one.code.as_str(), "Failed" | "Unfulfilled") && !is_busy(&one.said)
    };
    let activity = activities.iter().rfind(counts);
    let said = state.failure.clone().or_else(|| activity.map(|one| one.said.clone()))?;
    Some(Trouble {
        kind: Kind::of(&said),
        said: printable(&said, 500),
    })
}
