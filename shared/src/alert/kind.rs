//! The kinds of alert: their names, how much they matter, and what a person should do next.

mod subject;
mod texts;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::severity::Severity;

/// What an alert is about. A reminder has the kind of what it reminds of, so that filters keep working.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AlertKind {
    /// Probes fail, or the endpoint is out of service.
    #[serde(rename = "endpoint.unhealthy")]
    EndpointUnhealthy,
    /// It serves, but slowly, or one variant is sick while another serves.
    #[serde(rename = "endpoint.degraded")]
    EndpointDegraded,
    /// It was Unhealthy or Degraded and is Healthy again.
    #[serde(rename = "endpoint.recovered")]
    EndpointRecovered,
    /// What was told of it is closed although it is not known to be well: nobody judges it any more.
    #[serde(rename = "endpoint.dismissed")]
    EndpointDismissed,
    /// The fleet file names it, or it was seen before, and it does not exist.
    #[serde(rename = "endpoint.vanished")]
    EndpointVanished,
    /// Its status is `Failed`: it can only be deleted.
    #[serde(rename = "endpoint.failed")]
    EndpointFailed,
    /// In a transition for longer than the limit.
    #[serde(rename = "endpoint.stuck")]
    EndpointStuck,
    /// It keeps changing between healthy and not; single changes are no longer told.
    #[serde(rename = "endpoint.flapping")]
    EndpointFlapping,
    /// So many endpoints fail at once that one common cause is assumed; single alerts are held back.
    #[serde(rename = "fleet.suppressed")]
    FleetSuppressed,
    /// Steward cannot see: throttled, denied, no network, or a probe whose payload is wrong.
    #[serde(rename = "monitor.trouble")]
    MonitorTrouble,
    /// A sweep does not reach every endpoint in its time.
    #[serde(rename = "monitor.incomplete")]
    MonitorIncomplete,
    /// The fleet file cannot be read or is wrong; the last good one is in force.
    #[serde(rename = "fleet-file.broken")]
    FleetFileBroken,
    /// The fleet file is right again.
    #[serde(rename = "fleet-file.restored")]
    FleetFileRestored,
    /// Steward began to repair an endpoint.
    #[serde(rename = "recovery.started")]
    RecoveryStarted,
    /// Steward deleted an endpoint to create it again, and cannot create it yet: there is none.
    #[serde(rename = "recovery.waiting")]
    RecoveryWaiting,
    /// The repair was made, and the endpoint serves again.
    #[serde(rename = "recovery.finished")]
    RecoveryFinished,
    /// The repair did not help, or could not be made.
    #[serde(rename = "recovery.failed")]
    RecoveryFailed,
    /// The repair was given up before it was made, or before anybody knew whether it helped; or what an earlier one took
    /// is not given back.
    #[serde(rename = "recovery.withdrawn")]
    RecoveryWithdrawn,
    /// Nothing is left to try: every rung was tried, or the budget is spent.
    #[serde(rename = "recovery.exhausted")]
    RecoveryExhausted,
    /// A rollout was accepted and begins.
    #[serde(rename = "rollout.started")]
    RolloutStarted,
    /// Green has a larger share of the traffic, read back.
    #[serde(rename = "rollout.progressed")]
    RolloutProgressed,
    /// A step has baked, every check passed, and a person has to promote.
    #[serde(rename = "rollout.waiting")]
    RolloutWaiting,
    /// An operator holds the rollout.
    #[serde(rename = "rollout.paused")]
    RolloutPaused,
    /// An operator lets the rollout go on.
    #[serde(rename = "rollout.resumed")]
    RolloutResumed,
    /// It should have gone on and cannot: data is missing, or the endpoint is not as it should be.
    #[serde(rename = "rollout.held")]
    RolloutHeld,
    /// Green has all the traffic and its last bake has passed; blue is kept for a while.
    #[serde(rename = "rollout.promoted")]
    RolloutPromoted,
    /// Green has replaced blue, read back.
    #[serde(rename = "rollout.completed")]
    RolloutCompleted,
    /// The rollout is taken back.
    #[serde(rename = "rollout.rolling-back")]
    RolloutRollingBack,
    /// Blue has all the traffic again, read back.
    #[serde(rename = "rollout.rolled-back")]
    RolloutRolledBack,
    /// The rollout ended and Steward can bring the endpoint neither forward nor back.
    #[serde(rename = "rollout.failed")]
    RolloutFailed,
    /// The rollout is over, and an alarm that scaled the variant by a step policy scales the one that serves no more.
    #[serde(rename = "rollout.unscaled")]
    RolloutUnscaled,
    /// A recovery point is complete: the first one, or the first after a trouble.
    #[serde(rename = "backup.completed")]
    BackupCompleted,
    /// A backup came to nothing.
    #[serde(rename = "backup.failed")]
    BackupFailed,
    /// The newest recovery point is older than was promised.
    #[serde(rename = "backup.overdue")]
    BackupOverdue,
    /// A recovery point is not what it was when it was made.
    #[serde(rename = "backup.damaged")]
    BackupDamaged,
    /// Something that a live endpoint is made of is gone.
    #[serde(rename = "backup.unredeployable")]
    BackupUnredeployable,
    /// An endpoint is being restored.
    #[serde(rename = "backup.restoring")]
    BackupRestoring,
    /// An endpoint was restored, and answers as it should.
    #[serde(rename = "backup.restored")]
    BackupRestored,
    /// A restore ended without an endpoint that answers.
    #[serde(rename = "backup.restore-failed")]
    BackupRestoreFailed,
    /// A drill passed, and was torn down.
    #[serde(rename = "backup.drilled")]
    BackupDrilled,
    /// A drill did not pass. It was torn down.
    #[serde(rename = "backup.drill-failed")]
    BackupDrillFailed,
    /// What slept answers: the first request succeeded.
    #[serde(rename = "wake.served")]
    WakeServed,
    /// What is being woken does not come as it should; it is tried on.
    #[serde(rename = "wake.struggling")]
    WakeStruggling,
    /// What was to be woken did not come within its time, or answers nothing.
    #[serde(rename = "wake.failed")]
    WakeFailed,
    /// Somebody else set the minimum that Steward had raised; theirs stays.
    #[serde(rename = "wake.yielded")]
    WakeYielded,
    /// What was woken, or what nobody uses, cannot be let go: its capacity stays.
    #[serde(rename = "wake.held")]
    WakeHeld,
    /// Something of declared capacity is not as Steward left it.
    #[serde(rename = "capacity.drifted")]
    CapacityDrifted,
    /// It is as it is to be again.
    #[serde(rename = "capacity.restored")]
    CapacityRestored,
    /// A plan was applied.
    #[serde(rename = "capacity.applied")]
    CapacityApplied,
    /// A part of a plan could not be applied.
    #[serde(rename = "capacity.failed")]
    CapacityFailed,
    /// More alerts waited than the outbox holds; the least important were merged into this one.
    #[serde(rename = "alerts.dropped")]
    AlertsDropped,
}

impl AlertKind {
    /// Every kind.
    pub const ALL: [Self; 51] = [
        Self::EndpointUnhealthy,
        Self::EndpointDegraded,
        Self::EndpointRecovered,
        Self::EndpointDismissed,
        Self::EndpointVanished,
        Self::EndpointFailed,
        Self::EndpointStuck,
        Self::EndpointFlapping,
        Self::FleetSuppressed,
        Self::MonitorTrouble,
        Self::MonitorIncomplete,
        Self::FleetFileBroken,
        Self::FleetFileRestored,
        Self::RecoveryStarted,
        Self::RecoveryWaiting,
        Self::RecoveryFinished,
        Self::RecoveryFailed,
        Self::RecoveryWithdrawn,
        Self::RecoveryExhausted,
        Self::RolloutStarted,
        Self::RolloutProgressed,
        Self::RolloutWaiting,
        Self::RolloutPaused,
        Self::RolloutResumed,
        Self::RolloutHeld,
        Self::RolloutPromoted,
        Self::RolloutCompleted,
        Self::RolloutRollingBack,
        Self::RolloutRolledBack,
        Self::RolloutFailed,
        Self::RolloutUnscaled,
        Self::BackupCompleted,
        Self::BackupFailed,
        Self::BackupOverdue,
        Self::BackupDamaged,
        Self::BackupUnredeployable,
        Self::BackupRestoring,
        Self::BackupRestored,
        Self::BackupRestoreFailed,
        Self::BackupDrilled,
        Self::BackupDrillFailed,
        Self::WakeServed,
        Self::WakeStruggling,
        Self::WakeFailed,
        Self::WakeYielded,
        Self::WakeHeld,
        Self::CapacityDrifted,
        Self::CapacityRestored,
        Self::CapacityApplied,
        Self::CapacityFailed,
        Self::AlertsDropped,
    ];

    /// The name: in the message attribute `kind`, in the id, and as the page of the runbook.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EndpointUnhealthy => "endpoint.unhealthy",
            Self::EndpointDegraded => "endpoint.degraded",
            Self::EndpointRecovered => "endpoint.recovered",
            Self::EndpointDismissed => "endpoint.dismissed",
            Self::EndpointVanished => "endpoint.vanished",
            Self::EndpointFailed => "endpoint.failed",
            Self::EndpointStuck => "endpoint.stuck",
            Self::EndpointFlapping => "endpoint.flapping",
            Self::FleetSuppressed => "fleet.suppressed",
            Self::MonitorTrouble => "monitor.trouble",
            Self::MonitorIncomplete => "monitor.incomplete",
            Self::FleetFileBroken => "fleet-file.broken",
            Self::FleetFileRestored => "fleet-file.restored",
            Self::RecoveryStarted => "recovery.started",
            Self::RecoveryWaiting => "recovery.waiting",
            Self::RecoveryFinished => "recovery.finished",
            Self::RecoveryFailed => "recovery.failed",
            Self::RecoveryWithdrawn => "recovery.withdrawn",
            Self::RecoveryExhausted => "recovery.exhausted",
            Self::RolloutStarted => "rollout.started",
            Self::RolloutProgressed => "rollout.progressed",
            Self::RolloutWaiting => "rollout.waiting",
            Self::RolloutPaused => "rollout.paused",
            Self::RolloutResumed => "rollout.resumed",
            Self::RolloutHeld => "rollout.held",
            Self::RolloutPromoted => "rollout.promoted",
            Self::RolloutCompleted => "rollout.completed",
            Self::RolloutRollingBack => "rollout.rolling-back",
            Self::RolloutRolledBack => "rollout.rolled-back",
            Self::RolloutFailed => "rollout.failed",
            Self::RolloutUnscaled => "rollout.unscaled",
            Self::BackupCompleted => "backup.completed",
            Self::BackupFailed => "backup.failed",
            Self::BackupOverdue => "backup.overdue",
            Self::BackupDamaged => "backup.damaged",
            Self::BackupUnredeployable => "backup.unredeployable",
            Self::BackupRestoring => "backup.restoring",
            Self::BackupRestored => "backup.restored",
            Self::BackupRestoreFailed => "backup.restore-failed",
            Self::BackupDrilled => "backup.drilled",
            Self::BackupDrillFailed => "backup.drill-failed",
            Self::WakeServed => "wake.served",
            Self::WakeStruggling => "wake.struggling",
            Self::WakeFailed => "wake.failed",
            Self::WakeYielded => "wake.yielded",
            Self::WakeHeld => "wake.held",
            Self::CapacityDrifted => "capacity.drifted",
            Self::CapacityRestored => "capacity.restored",
            Self::CapacityApplied => "capacity.applied",
            Self::CapacityFailed => "capacity.failed",
            Self::AlertsDropped => "alerts.dropped",
        }
    }

    /// How much it matters, unless whoever decides it knows better.
    pub fn severity(self) -> Severity {
        match self {
            Self::EndpointUnhealthy
            | Self::EndpointVanished
            | Self::EndpointFailed
            | Self::FleetSuppressed
            | Self::RecoveryWaiting
            | Self::RecoveryExhausted
            | Self::RolloutRollingBack
            | Self::RolloutFailed
            | Self::BackupOverdue
            | Self::BackupDamaged
            | Self::BackupRestoreFailed
            | Self::WakeFailed => Severity::Critical,
            Self::EndpointDegraded
            | Self::EndpointStuck
            | Self::EndpointFlapping
            | Self::MonitorTrouble
            | Self::MonitorIncomplete
            | Self::FleetFileBroken
            | Self::RecoveryFailed
            | Self::AlertsDropped
            | Self::RolloutWaiting
            | Self::RolloutHeld
            | Self::RolloutRolledBack
            | Self::RolloutUnscaled
            | Self::BackupFailed
            | Self::BackupUnredeployable
            | Self::BackupRestoring
            | Self::BackupDrillFailed
            | Self::WakeStruggling
            | Self::WakeYielded
            | Self::WakeHeld
            | Self::CapacityDrifted
            | Self::CapacityFailed => Severity::Warning,
            Self::EndpointRecovered
            | Self::EndpointDismissed
            | Self::FleetFileRestored
            | Self::RecoveryStarted
            | Self::RecoveryFinished
            | Self::RecoveryWithdrawn
            | Self::RolloutStarted
            | Self::RolloutProgressed
            | Self::RolloutPaused
            | Self::RolloutResumed
            | Self::RolloutPromoted
            | Self::RolloutCompleted
            | Self::BackupCompleted
            | Self::BackupRestored
            | Self::BackupDrilled
            | Self::WakeServed
            | Self::CapacityRestored
            | Self::CapacityApplied => Severity::Info,
        }
    }

    /// It says that a trouble is over.
    pub fn resolves(self) -> bool {
        matches!(
            self,
            Self::EndpointRecovered
                | Self::EndpointDismissed
                | Self::FleetFileRestored
                | Self::RecoveryFinished
                | Self::RolloutResumed
                | Self::RolloutCompleted
                | Self::RolloutRolledBack
                | Self::BackupCompleted
                | Self::BackupRestored
                | Self::BackupDrilled
                | Self::WakeServed
                | Self::CapacityRestored
        )
    }
}

impl fmt::Display for AlertKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
