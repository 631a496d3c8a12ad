//! How a kind is told in a subject line, and whom it is about.

use super::AlertKind;

impl AlertKind {
    /// Who it is about when it is about no endpoint: at the start of a sentence, and in the subject line.
    pub(in crate::alert) fn subject(self) -> (&'static str, &'static str) {
        match self {
            Self::FleetSuppressed => ("The fleet", "Fleet"),
            Self::MonitorTrouble | Self::MonitorIncomplete => ("Steward", "Steward"),
            Self::FleetFileBroken | Self::FleetFileRestored => ("The fleet file", "Fleet file"),
            Self::CapacityDrifted | Self::CapacityRestored | Self::CapacityApplied | Self::CapacityFailed => {
                ("Declared capacity", "Capacity")
            }
            Self::AlertsDropped => ("Steward's outbox", "Steward's outbox"),
            Self::EndpointUnhealthy
            | Self::EndpointDegraded
            | Self::EndpointRecovered
            | Self::EndpointDismissed
            | Self::EndpointVanished
            | Self::EndpointFailed
            | Self::EndpointStuck
            | Self::EndpointFlapping
            | Self::RecoveryStarted
            | Self::RecoveryWaiting
            | Self::RecoveryFinished
            | Self::RecoveryFailed
            | Self::RecoveryWithdrawn
            | Self::RecoveryExhausted
            | Self::RolloutStarted
            | Self::RolloutProgressed
            | Self::RolloutWaiting
            | Self::RolloutPaused
            | Self::RolloutResumed
            | Self::RolloutHeld
            | Self::RolloutPromoted
            | Self::RolloutCompleted
            | Self::RolloutRollingBack
            | Self::RolloutRolledBack
            | Self::RolloutFailed
            | Self::RolloutUnscaled
            | Self::BackupCompleted
            | Self::BackupFailed
            | Self::BackupOverdue
            | Self::BackupDamaged
            | Self::BackupUnredeployable
            | Self::BackupRestoring
            | Self::BackupRestored
            | Self::BackupRestoreFailed
            | Self::BackupDrilled
            | Self::BackupDrillFailed
            | Self::WakeServed
            | Self::WakeStruggling
            | Self::WakeFailed
            | Self::WakeYielded
            | Self::WakeHeld => ("An endpoint", "Endpoint"),
        }
    }

    /// What stands between the subject and the time in the subject line: `fraud-detector` **`unhealthy since`** `03:12`.
    pub(in crate::alert) fn phrase(self) -> &'static str {
        match self {
            Self::EndpointUnhealthy => "unhealthy since",
            Self::EndpointDegraded => "degraded since",
            Self::EndpointRecovered => "healthy again at",
            Self::EndpointDismissed => "alert closed at",
            Self::EndpointVanished => "gone since",
            Self::EndpointFailed => "Failed since",
            Self::EndpointStuck => "stuck since",
            Self::EndpointFlapping => "flapping since",
            Self::FleetSuppressed => "failing as a whole since",
            Self::MonitorTrouble => "blind since",
            Self::MonitorIncomplete => "not keeping up since",
            Self::FleetFileBroken => "broken since",
            Self::FleetFileRestored => "in order again since",
            Self::RecoveryStarted => "under repair since",
            Self::RecoveryWaiting => "not created again since",
            Self::RecoveryFinished => "repaired at",
            Self::RecoveryFailed => "repair failed at",
            Self::RecoveryWithdrawn => "repair given up at",
            Self::RecoveryExhausted => "beyond automatic repair since",
            Self::RolloutStarted => "rollout started at",
            Self::RolloutProgressed => "rollout went on at",
            Self::RolloutWaiting => "rollout waiting since",
            Self::RolloutPaused => "rollout paused since",
            Self::RolloutResumed => "rollout resumed at",
            Self::RolloutHeld => "rollout held since",
            Self::RolloutPromoted => "rollout promoted at",
            Self::RolloutCompleted => "rollout completed at",
            Self::RolloutRollingBack => "rolling back since",
            Self::RolloutRolledBack => "rolled back at",
            Self::RolloutFailed => "rollout failed at",
            Self::RolloutUnscaled => "not scaled by an alarm since",
            Self::BackupCompleted => "backed up since",
            Self::BackupFailed => "not backed up since",
            Self::BackupOverdue => "without a fresh recovery point since",
            Self::BackupDamaged => "damaged recovery point since",
            Self::BackupUnredeployable => "not redeployable since",
            Self::BackupRestoring => "being restored since",
            Self::BackupRestored => "restored at",
            Self::BackupRestoreFailed => "restore failed at",
            Self::BackupDrilled => "drill passed at",
            Self::BackupDrillFailed => "drill failed at",
            Self::WakeServed => "awake since",
            Self::WakeStruggling => "not awake yet at",
            Self::WakeFailed => "wake failed at",
            Self::WakeYielded => "minimum changed at",
            Self::WakeHeld => "kept awake since",
            Self::CapacityDrifted => "changed outside, seen at",
            Self::CapacityRestored => "as declared again, drifted since",
            Self::CapacityApplied => "changed by Steward at",
            Self::CapacityFailed => "not as declared, tried at",
            Self::AlertsDropped => "merging alerts since",
        }
    }
}
