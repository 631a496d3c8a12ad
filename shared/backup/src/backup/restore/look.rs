//! One look at the Region where an endpoint is restored.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::{decide::Effect, probing::Wanted, record::Thing};
use crate::{backup::definition::ScaledThing, health::inference::AsyncJob, scaling::Scaling};

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// The things that were asked for.
    pub things: BTreeMap<Thing, Seen>,
    /// How what is to be scaled is scaled: `None` where there is no scalable target, `Err` says why it could not be seen.
    pub scaling: BTreeMap<(ScaledThing, String), Result<Option<Scaling>, String>>,
}

/// One thing.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// There is none of that name.
    Absent,
    /// There is one.
    There(Existing),
    /// It could not be seen: why.
    Unknown(String),
}

/// A thing that exists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Existing {
    /// `EndpointStatus` or `InferenceComponentStatus`; of models and configs absent: those are there or not.
    pub status: Option<String>,
    /// `FailureReason`.
    pub reason: Option<String>,
    /// As a request: what [`crate::backup::definition::Document::described`] makes of the description, of an endpoint its
    /// name and config.
    pub body: Value,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Existing {
    /// It carries this tag.
    pub(super) fn carries(&self, mark: &(String, String)) -> bool {
        self.tags.get(&mark.0) == Some(&mark.1)
    }

    /// It has the status; things without one are in service when they are there.
    pub(super) fn is(&self, status: &str) -> bool {
        self.status.as_deref().unwrap_or("InService") == status
    }
}

/// How a round of probes went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeRound {
    /// Every probe was answered as it should.
    Passed,
    /// The synchronous ones were, or there are none; these are still to be asked.
    Wanted(Vec<Wanted>),
    /// Some was not: what was seen.
    Failed(String),
    /// It could not be probed, for a reason that is not the endpoint's.
    Blind(String),
}

/// How the effect that the last decision handed out went.
#[derive(Clone, Debug, PartialEq)]
pub struct Acted {
    /// What.
    pub effect: Effect,
    /// How.
    pub outcome: Outcome,
    /// When it was answered.
    pub at: Timestamp,
}

/// How a call went.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was taken.
    Accepted,
    /// Not now: throttled, no answer, no capacity yet. It may have taken effect.
    Later(String),
    /// SageMaker will not do it.
    Refused(String),
    /// What the probes said.
    Probed(ProbeRound),
    /// An asynchronous probe was queued.
    Asked(AsyncJob),
    /// What came of asynchronous probes, by their names; what is not here is still awaited.
    Answers(BTreeMap<String, ProbeRound>),
}
