//! What Steward remembers of the fleet's health between two invocations: one JSON document for the whole fleet.
//!
//! One document, not one per endpoint, because every sweep reads and writes it: a thousand objects a minute would cost
//! more than the function. It is written only on condition that nobody else wrote since it was read.

mod record;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{observation::TroubleKind, policy::Rung, silence::Silence, suppression::FailingSweeps};
use crate::outbox::{HasOutbox, Outbox};

pub use shared::health::{inference::AsyncJob, seen::Level};

pub use self::record::{Cut, EndpointRecord, GoodConfig, Streak, VariantRecord};

/// Kind and version of the document. It is stored around the document; a build that finds another one leaves it alone.
pub const SCHEMA: &str = "health/1";

/// Its name among what Steward remembers.
pub const OBJECT: &str = "health.json";

/// The whole document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HealthLedger {
    /// By endpoint name.
    #[serde(default)]
    pub endpoints: BTreeMap<String, EndpointRecord>,
    /// Alerts decided and not known to be published.
    #[serde(default)]
    pub outbox: Outbox,
    /// Counts incidents, recoveries and alerts that belong to none, so that their ids differ. Only grows.
    #[serde(default)]
    pub serial: u64,
    /// How far the last sweep came.
    #[serde(default)]
    pub sweep: Sweep,
    /// What operators asked to keep quiet, until when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silences: Vec<Silence>,
    /// Everything fails at once, and single alerts are held back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppression: Option<Suppression>,
    /// Sweeps of late in which everything judged failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_sweeps: Option<FailingSweeps>,
    /// The monitor's own troubles, by [`super::observation::Trouble::key`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub monitor: BTreeMap<String, MonitorRecord>,
    /// Recoveries begun, oldest first: what the budgets count. Survives the endpoint's record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recoveries: Vec<Started>,
}

impl HasOutbox for HealthLedger {
    fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    fn outbox_mut(&mut self) -> &mut Outbox {
        &mut self.outbox
    }
}

impl HealthLedger {
    pub(super) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }
}

/// How far the last sweep came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// When the last sweep decided; the heartbeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Endpoints that it did not reach: first in the next one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreached: Vec<String>,
}

/// What an endpoint is, as people are shown it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Never judged.
    Unknown,
    /// All is as the fleet file asks.
    Healthy,
    /// Slow, or one variant is sick while another serves.
    Degraded,
    /// Does not do what the probes expect.
    Unhealthy,
    /// SageMaker is at work: creating, updating, its own maintenance, rolling back. Nothing is known to be wrong meanwhile.
    Changing,
    /// Being deleted.
    Deleting,
    /// In a transition for longer than the limit.
    Stuck,
    /// `UpdateRollbackFailed`: serves from a mix of two configs.
    RollbackFailed,
    /// `OutOfService`.
    OutOfService,
    /// `Failed`.
    Failed,
    /// It should be there and is not.
    Vanished,
}

impl State {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Changing => "changing",
            Self::Deleting => "deleting",
            Self::Stuck => "stuck",
            Self::RollbackFailed => "rollback failed",
            Self::OutOfService => "out of service",
            Self::Failed => "failed",
            Self::Vanished => "vanished",
        }
    }
}

impl State {
    /// How much a person wants to hear of it: 3 serves nothing, 2 is not as it should be, 1 is not known, 0 is well.
    pub fn urgency(self) -> u8 {
        match self {
            Self::Failed | Self::Vanished | Self::OutOfService | Self::Unhealthy => 3,
            Self::Stuck | Self::RollbackFailed | Self::Degraded => 2,
            Self::Unknown | Self::Changing | Self::Deleting => 1,
            Self::Healthy => 0,
        }
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What people were told about an endpoint. It stays until they were told that it is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// The stem of the ids of all its alerts.
    pub id: String,
    /// What they were last told.
    pub told: Told,
    /// Since when the endpoint was ill when the incident was opened.
    pub since: Timestamp,
    /// When they were last told something.
    pub last: Timestamp,
    /// Alerts so far; the next alert's number.
    pub alerts: u32,
    /// Reminders since the last change.
    #[serde(default)]
    pub reminders: u32,
    /// Rungs of the recovery ladder tried in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Rung>,
    /// They were told that nothing is left to try.
    #[serde(default)]
    pub exhausted: bool,
    /// They were told that the fleet's limit of recoveries keeps one from beginning.
    #[serde(default)]
    pub limited: bool,
    /// Checks that counted since they were last told something.
    #[serde(default)]
    pub checks: Checks,
}

/// How checks went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Checks {
    /// That counted.
    pub counted: u32,
    /// Failed among them.
    pub failed: u32,
}

/// What people were told of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// It is in this state.
    Ill(State),
    /// It keeps changing.
    Flapping,
}

/// One common cause is assumed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suppression {
    /// The stem of its alerts' ids.
    pub id: String,
    /// Endpoints whose own trouble people knew of when it began: they say nothing about the common cause, not even by
    /// recovering.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub known: BTreeSet<String>,
    /// When it began.
    pub since: Timestamp,
    /// It has lasted so long that the single alerts were let through.
    pub released: bool,
}

/// One trouble of the monitor's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MonitorRecord {
    /// What kind.
    pub kind: TroubleKind,
    /// The endpoint whose probe it is about; `None` for a trouble of the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// When it last counted, in either direction.
    pub last: Timestamp,
    /// Consecutive times that it was met.
    pub met: u32,
    /// Consecutive times that it was not.
    #[serde(default)]
    pub clear: u32,
    /// How it showed last.
    pub example: String,
    /// The stem of its alerts' ids, once told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// When people were last reminded of it, where they are, and how often by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminded: Option<(Timestamp, u32)>,
}

/// One recovery begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// Where.
    pub endpoint: String,
    /// What.
    pub rung: Rung,
    /// When.
    pub at: Timestamp,
}

/// `earlier + span`, stopping at the end of time.
pub(super) fn after(earlier: Timestamp, span: Duration) -> Timestamp {
    earlier.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// How long from `earlier` to `later`; zero when it is the other way round.
pub(super) fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}
