//! What one look at a sleeping or waking endpoint brought: the facts that decisions are made from.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::thing::Thing;
use crate::{endpoint::Endpoint, scaling::Scaling};
pub use shared::{known::Known, wake::Minute};

/// What to look at besides the endpoint itself; [`super::needs`] says it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Needs {
    /// For each thing.
    pub things: BTreeMap<Thing, ThingNeeds>,
    /// `InstancePools` of the variants of the endpoint's config.
    pub pools: bool,
}

/// What to look at of one thing. A component is always described.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ThingNeeds {
    /// Its scalable target with policies and scheduled actions.
    pub scaling: bool,
    /// Its minutes from here to now.
    pub minutes: Option<Timestamp>,
    /// Its scaling activities since then, those that did not scale included.
    pub activities: Option<Timestamp>,
}

/// One look.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// When the endpoint was described; the rest followed.
    pub at: Timestamp,
    /// The endpoint; `Yes(None)` when there is none of this name.
    pub endpoint: Known<Option<Endpoint>>,
    /// The things asked for.
    pub things: BTreeMap<Thing, ThingSeen>,
    /// Instance types of the pools of the endpoint's config, the first choice first; empty when it has none. `None` when
    /// not asked.
    pub pools: Option<Known<Vec<String>>>,
}

/// One thing; each field is `None` when it was not asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ThingSeen {
    /// Of a component.
    pub component: Option<Known<Option<CopiesSeen>>>,
    /// Its scalable target; `Yes(None)` when none is registered.
    pub scaling: Option<Known<Option<Scaling>>>,
    /// Its minutes, in order and without what Steward's own probes did ([`super::others`]); a minute of which nothing at all
    /// was published is missing.
    pub minutes: Option<Known<Vec<Minute>>>,
    /// An inference of a health probe is asked and not answered: nothing is put to sleep under it.
    pub awaited: bool,
    /// What Application Auto Scaling could not do.
    pub activities: Option<Known<Vec<Activity>>>,
}

/// An inference component as described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiesSeen {
    /// `EndpointName`.
    pub endpoint: String,
    /// `InferenceComponentStatus`.
    pub status: String,
    /// `FailureReason`.
    pub failure: Option<String>,
    /// `RuntimeConfig.CurrentCopyCount`.
    pub current: Option<u32>,
    /// `RuntimeConfig.DesiredCopyCount`.
    pub desired: Option<u32>,
}

/// A scaling activity that did not do what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// `StartTime`.
    pub at: Timestamp,
    /// `StatusCode`, or the `Code` of a reason not to scale.
    pub code: String,
    /// `StatusMessage`, or in its place the `Cause`.
    pub said: String,
}

impl CopiesSeen {
    /// It is scaled to zero, or on its way there.
    pub fn sleeps(&self) -> bool {
        self.desired.or(self.current) == Some(0)
    }

    /// A request finds a copy, as far as that is known.
    pub fn serves(&self) -> bool {
        !self.sleeps() && self.current != Some(0)
    }
}
