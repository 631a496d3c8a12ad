//! Why something is not done: it is held, or the plan is another one by now.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{capacity::thing::Key, endpoint::EndpointStatus};

/// Why nothing is done about a thing that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// There is no such endpoint yet.
    NoEndpoint(String),
    /// There is no such endpoint in the Region of its backups: it serves in another one.
    StandsBy(String),
    /// SageMaker works on the endpoint, or it does not serve.
    Busy(String, EndpointStatus),
    /// The endpoint has no such variant, but these.
    NoVariant(String, Vec<String>),
    /// There is no such inference component.
    NoComponent(String),
    /// There is no such function or stage.
    Missing(String),
    /// Others' policies and actions would be deleted with the target.
    Shared(Vec<Key>),
    /// The policy that it triggers is not there yet.
    NoPolicy(String),
    /// The fleet file declares two that are not the same.
    Conflict,
    /// Somebody else is at work on the endpoint, in words.
    AtWork(String),
    /// What the endpoint is made of cannot be compared.
    Unsayable(String),
    /// The endpoint was there before. Whether it is meant to be gone, only a person knows.
    Gone,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEndpoint(name) => write!(f, "there is no endpoint {name} yet"),
            Self::StandsBy(name) => write!(
                f,
                "the endpoint {name} stands by: its backups go to this Region, so it serves in another one, and a restore makes it here"
            ),
            Self::Busy(name, status) => write!(f, "the endpoint {name} is {status}; it is done once it is InService"),
            Self::NoVariant(name, there) => write!(
                f,
                "the endpoint has no variant {name}, but {}; after a rollout the fleet file has to name the one that is meant",
                crate::text::and_list(there)
            ),
            Self::NoComponent(name) => write!(f, "there is no inference component {name}"),
            Self::Missing(what) => write!(f, "there is no {what}"),
            Self::Shared(keys) => {
                let names: Vec<String> = keys.iter().map(Key::to_string).collect();
                let others = crate::text::and_list(&names);
                write!(f, "deregistering it would also delete {others}, which Steward does not own")
            }
            Self::NoPolicy(name) => write!(f, "the policy {name} that it triggers is not there yet"),
            Self::Conflict => f.write_str(
                "the fleet file declares it twice, and not the same; `<endpoint>` in an alarm's name keeps endpoints apart",
            ),
            Self::AtWork(who) => write!(f, "{who}; it is done once that is over"),
            Self::Unsayable(why) => write!(f, "what it is made of cannot be compared: {why}"),
            Self::Gone => f.write_str(
                "it was there before and is gone; the schedule does not make it again, since nobody here knows whether that \
                 was meant, and what it served may be newer than the fleet file: `plan` and `apply` do",
            ),
        }
    }
}

/// Why a plan is not applied any more. Nothing was done.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Stale {
    /// Another plan was asked for.
    #[error("the plan {asked} is not the plan {present} that would be applied: look at it, and apply that")]
    Id {
        /// What was asked for.
        asked: String,
        /// What there is.
        present: String,
    },
    /// The fleet file was changed since.
    #[error(
        "what is declared is something else than when the plan was made, as after a change of the fleet file, or after a \
             rollout gave a variant another name: plan again"
    )]
    Declared,
    /// Something was changed since.
    #[error("since the plan was made {} changed: plan again", crate::text::and_list(&.0.iter().map(Key::to_string).collect::<Vec<_>>()))]
    Changed(Vec<Key>),
}
