//! What one look at the fleet brought: the facts that a decision is made from.

use std::collections::{BTreeMap, BTreeSet};
use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{awaited::AsyncJobs, policy::HealthPolicy};
use crate::{
    endpoint::{Endpoint, EndpointStatus},
    failure::Failure,
    fleet::Unmade,
    lease::{Lease, Urgency},
};
pub use shared::health::seen::ProbeResult;

/// What this invocation watches, as far as it knows.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// The policy of every endpoint that this invocation knows of and that the fleet file selects.
    pub policies: BTreeMap<String, Arc<HealthPolicy>>,
    /// Endpoints that the fleet file names: they must exist.
    pub named: BTreeSet<String>,
    /// Those of them that need not be there before they were seen for the first time, and why. Of those that are there it
    /// need not be said.
    pub unmade: BTreeMap<String, Unmade>,
    /// `policies` is everything there is to watch: what the ledger has beyond it is watched no more.
    pub complete: bool,
}

/// Everything that one invocation learnt.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// Looks at endpoints, in any order.
    pub observations: Vec<Observation>,
    /// The monitor's own troubles that concern no single endpoint.
    pub troubles: Vec<Trouble>,
    /// This was a sweep over the whole fleet.
    pub sweep: Option<SweepNews>,
    /// How the steps of an earlier decision went.
    pub acted: Vec<Acted>,
}

/// How far a sweep came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SweepNews {
    /// Selected endpoints that it did not look at, or not to the end, for want of time.
    pub unreached: Vec<String>,
}

/// One look at one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Observation {
    /// Its name.
    pub endpoint: String,
    /// When it was described; the probes followed.
    pub at: Timestamp,
    /// What SageMaker said of it.
    pub seen: Seen,
    /// What a state-change event said, if one caused this look. Only `Deleting` is taken from it.
    pub hint: Option<Hint>,
    /// Probes with an answer, or known to have none.
    pub probes: Vec<ProbeResult>,
    /// The inferences of asynchronous probes after this look, by probe name.
    pub jobs: BTreeMap<String, AsyncJobs>,
    /// It serves nothing because it is scaled to zero, and was not probed lest it wake.
    pub asleep: bool,
    /// Probes that were not sent, because the component that they ask is scaled to zero and they would wake it.
    pub resting: BTreeSet<String>,
    /// Probes that were not sent, because what they ask has nothing in service, and should have. By the probe's name.
    pub unserved: BTreeMap<String, Unserved>,
    /// Its scalable targets; `None` when not asked.
    pub scaling: Option<Vec<Target>>,
    /// Its tags; `None` when not asked.
    pub tags: Option<BTreeMap<String, String>>,
    /// Who else acts on it; `None` when nobody does, and when not asked.
    pub holder: Option<Holder>,
    /// The monitor's troubles met on the way.
    pub troubles: Vec<Trouble>,
}

/// What a probe asks, while nothing of it is in service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unserved {
    /// What it is: `inference component llm-7b`, `async endpoint`.
    pub what: String,
    /// `copy` or `instance`.
    pub unit: &'static str,
    /// Units wanted: the desired count, or the minimum of the scalable target when that is more.
    pub wanted: u32,
    /// Its status, as SageMaker spells it.
    pub status: String,
    /// SageMaker says that what is wanted does not come.
    pub failed: bool,
    /// `FailureReason`.
    pub failure: Option<String>,
}

impl Unserved {
    /// An inference component without a copy in service. `minimum`: of its scalable target, 0 when it has none.
    pub fn component(name: &str, status: String, desired: u32, failure: Option<String>, minimum: u32) -> Self {
        let wanted = desired.max(minimum);
        Self {
            what: format!("inference component {name}"),
            unit: "copy",
            wanted,
            // What is not wanted cannot fail to come: its reason is of an earlier time.
            failed: status == "Failed" || (wanted > 0 && failure.is_some()),
            status,
            failure,
        }
    }

    /// An asynchronous endpoint without an instance in service. `minimum`: the sum over its scalable targets.
    pub fn endpoint(endpoint: &Endpoint, minimum: u32) -> Self {
        let desired = endpoint.variants.iter().filter_map(|variant| variant.desired_instances);
        Self {
            what: "async endpoint".to_owned(),
            unit: "instance",
            wanted: desired.fold(0, u32::saturating_add).max(minimum),
            status: endpoint.status.to_string(),
            // Where the status is not Failed, SageMaker does not promise that the reason is of now.
            failed: false,
            failure: endpoint.failure_reason.clone(),
        }
    }

    /// Nothing is to be in service, so that all is well.
    pub fn rests(&self) -> bool {
        self.wanted == 0 && !self.failed
    }

    /// `inference component llm-7b (InService) has no copy in service and should have 2`.
    pub fn describe(&self) -> String {
        let Self {
            what,
            unit,
            wanted,
            status,
            ..
        } = self;
        match wanted {
            0 => format!("{what} ({status}) has no {unit} in service"),
            wanted => format!("{what} ({status}) has no {unit} in service and should have {wanted}"),
        }
    }
}

/// Somebody else who holds the endpoint's lease for what is as urgent as a rollout, or more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The function.
    pub name: String,
    /// What for, in words.
    pub purpose: String,
    /// The variant that it tries on users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<String>,
}

impl Holder {
    /// Who holds the lease, unless it is this function itself, or for something that a repair comes before.
    pub fn of(lease: &Lease) -> Option<Self> {
        (lease.holder != OWN && lease.urgency >= Urgency::Planned).then(|| Self {
            name: lease.holder.clone(),
            purpose: lease.purpose.clone(),
            trial: lease.trial.clone(),
        })
    }
}

/// The holder of recoveries' leases.
pub const OWN: &str = "health-checker";

/// What SageMaker said of an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Seen {
    /// This.
    Described(Endpoint),
    /// That there is none of this name.
    Absent,
    /// Nothing: the monitor could not ask.
    Nothing,
}

/// What a state-change event said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Hint {
    /// The status in it.
    pub status: EndpointStatus,
    /// Its time.
    pub at: Timestamp,
}

/// The range of one variant's scalable target, in instances or in provisioned concurrency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The variant.
    pub variant: String,
    /// `MinCapacity`.
    pub min: u32,
    /// `MaxCapacity`.
    pub max: u32,
}

/// One trouble of the monitor's own. It never counts against an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Trouble {
    /// What kind.
    pub kind: TroubleKind,
    /// What was tried: `sagemaker:DescribeEndpoint`, `probe smoke`, an object.
    pub what: String,
    /// Set when it concerns this endpoint alone, such as a probe with a wrong payload.
    pub endpoint: Option<String>,
    /// How it showed.
    pub detail: String,
}

impl Trouble {
    /// The keys of the troubles that a probe's answer speaks for.
    pub(super) fn keys_of_probe(endpoint: &str, probe: &str) -> impl Iterator<Item = String> {
        let of_probe = TroubleKind::OF_PROBES.into_iter();
        of_probe.map(move |kind| format!("{}/probe {probe}/{endpoint}", kind.as_str()))
    }

    /// Troubles of the same key are the same trouble.
    pub fn key(&self) -> String {
        match &self.endpoint {
            None => format!("{}/{}", self.kind.as_str(), self.what),
            Some(endpoint) => format!("{}/{}/{endpoint}", self.kind.as_str(), self.what),
        }
    }
}

/// The kinds of trouble a monitor has, each with its own threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TroubleKind {
    /// AWS says: too many calls.
    Throttled,
    /// AWS says: not allowed.
    Denied,
    /// Nothing can be reached.
    Network,
    /// An AWS service that Steward needs for its own work fails.
    Unavailable,
    /// A probe's payload was refused and never accepted.
    ProbeRefused,
    /// A probe's answer is larger than what is kept of it, and a condition needs all of it.
    AnswerTooLarge,
    /// AWS refused a call as wrong, or gave an answer that this build does not understand.
    Unexpected,
    /// The fleet file is broken or cannot be read; the last good one is in force.
    FleetFile,
    /// There is no fleet file, and never was a good one: nothing is watched.
    NoFleetFile,
    /// A sweep does not reach every endpoint in its time.
    Behind,
}

impl TroubleKind {
    /// What is wrong with one probe, and over when that probe is answered otherwise.
    pub(super) const OF_PROBES: [Self; 2] = [Self::ProbeRefused, Self::AnswerTooLarge];

    /// Consecutive times met before people are told. A permission does not come back by itself, and a broken fleet
    /// file was just put there by somebody; throttling and networks often mend themselves.
    pub fn threshold(self) -> u32 {
        match self {
            Self::FleetFile | Self::NoFleetFile => 1,
            Self::Denied => 2,
            Self::Throttled
            | Self::Network
            | Self::Unavailable
            | Self::ProbeRefused
            | Self::AnswerTooLarge
            | Self::Unexpected => 3,
            Self::Behind => 5,
        }
    }

    /// How often people are told again that it is still so. Other troubles keep something from being watched, and what is
    /// not watched then is told besides; here everything is quiet.
    pub(super) fn reminder(self) -> Option<Duration> {
        (self == Self::NoFleetFile).then_some(Duration::from_secs(6 * 3600))
    }

    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Denied => "denied",
            Self::Network => "network",
            Self::Unavailable => "unavailable",
            Self::ProbeRefused => "probe-refused",
            Self::AnswerTooLarge => "answer-too-large",
            Self::Unexpected => "unexpected",
            Self::FleetFile => "fleet-file",
            Self::NoFleetFile => "no-fleet-file",
            Self::Behind => "behind",
        }
    }
}

impl From<Failure> for TroubleKind {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Throttled => Self::Throttled,
            Failure::Denied => Self::Denied,
            Failure::Network | Failure::TimedOut => Self::Network,
            Failure::Unavailable => Self::Unavailable,
            Failure::NotFound
            | Failure::AlreadyThere
            | Failure::Busy
            | Failure::Conflict
            | Failure::Quota
            | Failure::Invalid
            | Failure::Unknown => Self::Unexpected,
        }
    }
}

/// How one step went.
#[derive(Clone, Debug, PartialEq)]
pub struct Acted {
    /// The endpoint.
    pub endpoint: String,
    /// The intent that the step belongs to.
    pub intent: String,
    /// The step's number.
    pub step: u32,
    /// When.
    pub at: Timestamp,
    /// How.
    pub outcome: ActOutcome,
    /// What this attempt changed, or may have, although the step as a whole was not taken: sentences for people.
    pub left: Vec<String>,
}

/// The ways in which a step ends.
#[derive(Clone, Debug, PartialEq)]
pub enum ActOutcome {
    /// AWS took it.
    Accepted,
    /// Not now: somebody else holds the lease, the endpoint is busy, or AWS could not answer. Tried again later.
    Later(Obstacle),
    /// Never: AWS refuses it.
    Refused(String),
}

/// What keeps a step from being taken for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// What kind of obstacle, the same as long as only numbers and ids in `said` change: `quota/ResourceLimitExceeded`.
    pub kind: String,
    /// What was said, for people.
    pub said: String,
    /// What a person can do about it, in sentences.
    pub advice: String,
}
