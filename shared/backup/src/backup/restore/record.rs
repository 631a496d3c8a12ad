//! A restore or drill as the ledger keeps it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{later::Later, ranges::Ranges};
use crate::backup::{
    claim::Hold,
    definition::{self, Definition, Scaled},
    manifest::PointId,
    policy::Objectives,
};

/// What it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The endpoint is to serve.
    Restore,
    /// It is to show that it could, and to go again.
    Drill,
}

impl Kind {
    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Restore => "restore",
            Self::Drill => "drill",
        }
    }
}

/// What was decided at the start. Never changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Its number among the jobs of the endpoint.
    pub number: u64,
    /// What it is for.
    pub kind: Kind,
    /// From what.
    pub point: PointId,
    /// Everything to make, under the names that it gets.
    pub definition: Definition,
    /// Tag by which what it made is known.
    pub mark: (String, String),
    /// The endpoint has probes, so it has to pass them.
    pub probed: bool,
    /// How long it may take.
    pub deadline: Duration,
    /// The promises it is measured against: how old the point may be, how long it may take.
    pub rpo: Duration,
    /// See [`Plan::rpo`].
    pub rto: Duration,
    /// Things that are there already as they have to be, and are used as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reused: Vec<Thing>,
    /// What components are called here, by what the point calls them, where that differs: probes name them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub components: BTreeMap<String, String>,
    /// What a restore holds, to be written before anything is made. Absent where it uses no copies, and in plans of earlier
    /// builds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds: Option<Box<Hold>>,
    /// What people should write into the fleet file, so that it is looked after under the name that it gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacks: Option<String>,
    /// Images of which it runs another build than what served.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_code: Vec<String>,
    /// Why what may sleep keeps the minimum that keeps it awake when it is proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awake: Option<String>,
    /// How ranges move on until they are registered. Absent in plans of earlier builds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranges: Option<Ranges>,
    /// What people should know: names that changed, alarms that have to be made by hand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Plan {
    /// `drill-7`.
    pub fn id(&self) -> String {
        format!("{}-{}", self.kind.as_str(), self.number)
    }

    /// The endpoint serves already, by an earlier restore, and only what it lacks is made.
    pub fn goes_on(&self) -> bool {
        self.reused.contains(&Thing::endpoint(&self.definition.endpoint))
    }

    /// What was promised when it was made.
    pub const fn promised(&self) -> Objectives {
        Objectives {
            rpo: self.rpo,
            rto: self.rto,
        }
    }
}

/// One thing that SageMaker keeps under a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Thing {
    /// What it is.
    pub kind: ThingKind,
    /// Its name.
    pub name: String,
}

/// What a restore makes, in the order in which it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThingKind {
    /// A model.
    Model,
    /// An endpoint config.
    Config,
    /// The endpoint.
    Endpoint,
    /// An inference component.
    Component,
}

impl ThingKind {
    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Config => "endpoint config",
            Self::Endpoint => "endpoint",
            Self::Component => "inference component",
        }
    }
}

impl From<definition::Kind> for ThingKind {
    fn from(kind: definition::Kind) -> Self {
        match kind {
            definition::Kind::Model => Self::Model,
            definition::Kind::Config => Self::Config,
            definition::Kind::Component => Self::Component,
        }
    }
}

impl Thing {
    pub(super) fn of(kind: definition::Kind, name: &str) -> Self {
        Self {
            kind: kind.into(),
            name: name.to_owned(),
        }
    }

    pub(super) fn endpoint(name: &str) -> Self {
        Self {
            kind: ThingKind::Endpoint,
            name: name.to_owned(),
        }
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.name)
    }
}

/// Where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Models, config, endpoint, components are being made.
    Creating,
    /// Scalable targets are being registered.
    Scaling,
    /// Probes are being sent.
    Probing,
    /// What may sleep gets its own minimum: it was kept awake while it was proven.
    Releasing,
    /// What was made is being deleted.
    TearingDown,
    /// What the probes left in S3 is being removed.
    Tidying,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Creating => "creating",
            Self::Scaling => "registering its scaling",
            Self::Probing => "probing",
            Self::Releasing => "letting sleep what may",
            Self::TearingDown => "tearing down",
            Self::Tidying => "removing the objects of its probes",
        })
    }
}

/// A thing that was decided to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// What.
    pub thing: Thing,
    /// When a call to make it was last handed out: it may take effect for a while after.
    pub last: Timestamp,
}

/// One at work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Restoration {
    /// What was decided at the start.
    pub plan: Plan,
    /// When.
    pub started: Timestamp,
    /// Who, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Where it is.
    pub phase: Phase,
    /// Since when it is there.
    pub since: Timestamp,
    /// What it holds was written, or could not be: it waits for that no longer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub claimed: bool,
    /// What it made, or may have made, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intents: Vec<Intent>,
    /// Models and configs that somebody else made meanwhile with the very content that they were to have, and that are used.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub adopted: BTreeSet<Thing>,
    /// Inference components that came to nothing, by name: why. All else is made before that is judged.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub given_up: BTreeMap<String, String>,
    /// When the endpoint was first seen in service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<Timestamp>,
    /// Of an endpoint that served already: what slept, as it was scaled before it was kept awake.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roused: Vec<Scaled>,
    /// When its probes passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven: Option<Timestamp>,
    /// Rounds of probes in a row that failed.
    #[serde(default)]
    pub failed_rounds: u32,
    /// Rounds in which asynchronous probes were asked.
    #[serde(default)]
    pub rounds: u32,
    /// The asynchronous probes of the round at work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub later: Vec<Later>,
    /// `s3://` URIs of what probes left that are judged or given up, to be removed at the end: until then a request that
    /// is still queued finds its input.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub litter: Vec<String>,
    /// Since when the phase has had to wait, and how many wake-ups found it so, where it does not wait for ever: two failures
    /// with a long death between them are no reason to leave anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<(Timestamp, u32)>,
    /// Why what may sleep still has the minimum that kept it awake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restless: Option<String>,
    /// How it ended, while a drill is torn down, a minimum is restored, or what probes left is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Ended>,
    /// The last trouble that passes; for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// People were told that tearing down takes too long.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told: bool,
    /// What happened, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<Line>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: String,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// The endpoint answers as it should, read back; of a drill: it did.
    Passed,
    /// It did not come to that: why.
    Failed(String),
    /// An operator ended it.
    Aborted(String),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passed"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::Aborted(why) => write!(f, "aborted: {why}"),
        }
    }
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// What would have been lost had the Region gone when it started: the age of the recovery point then.
    pub rpo: Duration,
    /// From the start until the endpoint answered as it should; absent when it did not, and when it served already at the
    /// start: then nothing was recovered.
    pub rto: Option<Duration>,
    /// It was proven by probes, not by its status alone.
    pub probed: bool,
}

/// One that ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Past {
    /// Its number.
    pub number: u64,
    /// What it was for.
    pub kind: Kind,
    /// From what.
    pub point: PointId,
    /// The endpoint's name in the other Region.
    pub endpoint: String,
    /// When it started.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// How.
    pub how: Ended,
    /// What was measured.
    pub figures: Figures,
    /// What it made, or may have made, and left: nothing of a drill.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Thing>,
    /// `s3://` URIs of objects of its probes that could not be removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<String>,
    /// What people should write into the fleet file, so that it is looked after under the name that it got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacks: Option<String>,
    /// Images of which it ran another build than what served.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_code: Vec<String>,
    /// Why what may sleep still has the minimum that kept it awake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restless: Option<String>,
    /// What happened, oldest first.
    pub log: Vec<Line>,
}

/// Tearing down takes minutes. What takes longer than this is told.
const TEARDOWN: Duration = Duration::from_secs(3600);

impl Restoration {
    /// A new one.
    pub fn new(plan: Plan, now: Timestamp, by: Option<String>) -> Self {
        Self {
            started: now,
            by,
            phase: Phase::Creating,
            since: now,
            claimed: false,
            intents: vec![],
            adopted: BTreeSet::new(),
            given_up: BTreeMap::new(),
            served: None,
            roused: vec![],
            proven: None,
            failed_rounds: 0,
            rounds: 0,
            later: vec![],
            litter: vec![],
            waiting: None,
            restless: None,
            verdict: None,
            problem: None,
            told: false,
            log: vec![],
            plan,
        }
    }

    /// What was measured so far.
    pub fn figures(&self) -> Figures {
        let since = |from: Timestamp, to: Timestamp| Duration::try_from(to.duration_since(from)).unwrap_or_default();
        let done = self.proven.or(self.served.filter(|_| !self.plan.probed));
        Figures {
            rpo: since(self.plan.point.began, self.started),
            rto: done.filter(|_| !self.plan.goes_on()).map(|at| since(self.started, at)),
            probed: self.proven.is_some(),
        }
    }

    /// Its tearing down takes too long, and nobody was told.
    pub fn is_stuck(&self, now: Timestamp) -> bool {
        let late = self.since.checked_add(TEARDOWN).unwrap_or(Timestamp::MAX);
        self.phase == Phase::TearingDown && !self.told && now >= late
    }

    /// The things to make, in order, each with the body of its `Create…`.
    pub fn things(&self) -> Vec<(Thing, serde_json::Value)> {
        self.plan.things()
    }

    /// The thing was decided to be made here.
    pub fn intended(&self, thing: &Thing) -> Option<&Intent> {
        self.intents.iter().find(|intent| intent.thing == *thing)
    }
}
