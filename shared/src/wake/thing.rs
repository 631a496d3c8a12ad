//! What can sleep and be woken.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Something of an endpoint that can have no capacity at all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Thing {
    /// The instances of an asynchronous endpoint; requests wait in its queue.
    Variant,
    /// The copies of an inference component; requests are refused.
    Component(String),
}

impl Thing {
    /// What there is none of while it sleeps.
    pub const fn unit(&self) -> &'static str {
        match self {
            Self::Variant => "instances",
            Self::Component(_) => "copies",
        }
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variant => f.write_str("the endpoint"),
            Self::Component(name) => write!(f, "component {name}"),
        }
    }
}

impl From<Thing> for String {
    fn from(thing: Thing) -> Self {
        match thing {
            Thing::Variant => "variant".to_owned(),
            Thing::Component(name) => format!("component/{name}"),
        }
    }
}

/// A text of a ledger that names nothing that can be woken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither `variant` nor `component/` with a name")]
pub struct NoThing(String);

impl FromStr for Thing {
    type Err = NoThing;

    fn from_str(text: &str) -> Result<Self, NoThing> {
        match (text, text.strip_prefix("component/")) {
            ("variant", _) => Ok(Self::Variant),
            (_, Some(name)) if !name.is_empty() => Ok(Self::Component(name.to_owned())),
            _ => Err(NoThing(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Thing {
    type Error = NoThing;

    fn try_from(text: String) -> Result<Self, NoThing> {
        text.parse()
    }
}
