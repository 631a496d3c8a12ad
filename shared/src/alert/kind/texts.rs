//! What each kind of alert says, and what a person should do next.

use super::AlertKind;

impl AlertKind {
    /// One sentence for the message's first section, after the subject's name.
    pub(in crate::alert) fn sentence(self) -> &'static str {
        match self {
            Self::EndpointUnhealthy => "does not answer as it should",
            Self::EndpointDegraded => "still serves, but not as well as it should",
            Self::EndpointRecovered => "answers as it should again",
            Self::EndpointDismissed => {
                "is not judged any more, and was not known to be well: what was told of it before is closed"
            }
            Self::EndpointVanished => "does not exist",
            Self::EndpointFailed => "has the status Failed: it serves nothing, and SageMaker accepts only its deletion",
            Self::EndpointStuck => "has been in the same transition for longer than the limit in the fleet file",
            Self::EndpointFlapping => {
                "keeps changing between healthy and not; single changes are not told until it has been calm for a while"
            }
            Self::FleetSuppressed => {
                "has so many endpoints failing at once that one common cause is likely; their single alerts and repairs are held back"
            }
            Self::MonitorTrouble => {
                "has a trouble of its own, for which it may be unable to judge endpoints; the endpoints may well be healthy"
            }
            Self::MonitorIncomplete => {
                "does not reach every endpoint within one sweep; the next sweep begins with those left over"
            }
            Self::FleetFileBroken => "cannot be used; where there was a good one, that stays in force",
            Self::FleetFileRestored => "can be used again and is in force",
            Self::RecoveryStarted => "is being repaired by Steward",
            Self::RecoveryWaiting => {
                "does not exist: Steward deleted it to create it again, and cannot create it yet; it is tried until it succeeds"
            }
            Self::RecoveryFinished => "serves again after a repair by Steward",
            Self::RecoveryFailed => "was not repaired: the attempt failed or did not help",
            Self::RecoveryWithdrawn => "has a repair by Steward that goes on no further",
            Self::RecoveryExhausted => {
                "is still unhealthy, and Steward may try nothing more now: every rung was tried, or a budget or limit is spent"
            }
            Self::RolloutStarted => "is being given a new model",
            Self::RolloutProgressed => "serves a larger share of its traffic with the new model",
            Self::RolloutWaiting => "has a rollout that waits for a person at a gate",
            Self::RolloutPaused => "has a rollout that an operator holds; alarms, analysis and deadlines still act",
            Self::RolloutResumed => "has a rollout that goes on after a pause",
            Self::RolloutHeld => {
                "has a rollout that cannot go on; nothing is changed until it can, or its deadline comes"
            }
            Self::RolloutPromoted => {
                "serves all its traffic with the new model; the old variant is kept for a while, without traffic"
            }
            Self::RolloutCompleted => "serves with the new model alone",
            Self::RolloutRollingBack => "has a rollout that is being taken back: all traffic goes to the old model",
            Self::RolloutRolledBack => "serves all its traffic with the old model again",
            Self::RolloutFailed => {
                "has a rollout that ended with neither the new nor the old model in place as it should be"
            }
            Self::RolloutUnscaled => {
                "has alarms that scale it no more: they trigger a policy of a variant that is gone, or are gone themselves"
            }
            Self::BackupCompleted => "has a complete recovery point in the other Region",
            Self::BackupFailed => "was not backed up; the recovery points there were are still there",
            Self::BackupOverdue => "has a recovery point that is older than the fleet file promises",
            Self::BackupDamaged => "has a recovery point that cannot be relied upon",
            Self::BackupUnredeployable => "could not be deployed again: something that it is made of is gone",
            Self::BackupRestoring => "is being restored in the other Region",
            Self::BackupRestored => "was restored in the other Region and answers as it should",
            Self::BackupRestoreFailed => "was not restored",
            Self::BackupDrilled => "was restored for practice, answered as it should, and was taken down again",
            Self::BackupDrillFailed => "could not be restored for practice; what the drill made was taken down again",
            Self::WakeServed => "slept, was woken, and serves",
            Self::WakeStruggling => {
                "is being woken, and its capacity does not come as it should; Steward goes on trying"
            }
            Self::WakeFailed => "was to be woken and does not serve: requests wait or are refused",
            Self::WakeYielded => {
                "is awake, and somebody else changed the minimum that Steward had raised for the time being; theirs stays"
            }
            Self::WakeHeld => "cannot be let go: its capacity stays, and costs money though it may have nothing to do",
            Self::CapacityDrifted => "is not as Steward left it: somebody else changed it",
            Self::CapacityRestored => "is as it is to be again",
            Self::CapacityApplied => "was made what the fleet file says",
            Self::CapacityFailed => "could not be made what the fleet file says",
            Self::AlertsDropped => {
                "held more alerts than it can keep, so the least important were merged into this one; no critical alert was among them"
            }
        }
    }

    /// What a person should do next, unless whoever decides it knows better.
    pub fn next_step(self) -> &'static str {
        match self {
            Self::EndpointUnhealthy => {
                "Read the container's log in CloudWatch Logs (/aws/sagemaker/Endpoints/<endpoint>) from shortly before the time above, and look at what was deployed last."
            }
            Self::EndpointDegraded => {
                "Compare latency and errors of the variants in CloudWatch (AWS/SageMaker); if load is the cause, add instances or raise the scaling limits."
            }
            Self::EndpointRecovered => {
                "Nothing now. If you do not know the cause, look for it while the logs are fresh."
            }
            Self::EndpointDismissed => "Nothing, if this was meant.",
            Self::EndpointVanished => {
                "Find out from CloudTrail (DeleteEndpoint) who deleted it. Create it again, or take it out of the fleet file if this was meant."
            }
            Self::EndpointFailed => {
                "Read the failure reason, delete the endpoint and create it again from a config that is known to work, or allow `recreate` in its recovery section."
            }
            Self::EndpointStuck => {
                "Look at the variants' status in the console and at the container's log. SageMaker takes no change until the transition ends; if it does not end, open a case with AWS Support."
            }
            Self::EndpointFlapping => {
                "Look for what comes and goes: memory limits, instances being replaced, a dependency of the model. Raise the thresholds if the changes are harmless."
            }
            Self::FleetSuppressed => {
                "Look for the common cause first: the AWS Health Dashboard for this Region, the network, a role, a shared dependency or a change made at that time."
            }
            Self::MonitorTrouble => {
                "Remove the cause named above. Until then a real outage of these endpoints would not be noticed."
            }
            Self::MonitorIncomplete => {
                "Raise the concurrency in the fleet file or the function's timeout, or shorten the probes' timeouts."
            }
            Self::FleetFileBroken => {
                "Correct the fleet file at the places named above and put it back; it is read again on the next tick."
            }
            Self::FleetFileRestored => "Nothing.",
            Self::RecoveryStarted => "Nothing yet: the outcome is told in an alert of its own.",
            Self::RecoveryWaiting => {
                "Remove what stands in the way, named above, or create the endpoint from another config yourself."
            }
            Self::RecoveryFinished => "Nothing now. Look for the cause, because a repair does not remove it.",
            Self::RecoveryFailed => {
                "Look at why it failed, or did not help. Steward goes on with the next rung after the cooldown, as far as the fleet file allows."
            }
            Self::RecoveryWithdrawn => {
                "Nothing, if you meant it so. While it is sick and nothing speaks against it any more, Steward may begin anew after the cooldown."
            }
            Self::RecoveryExhausted => {
                "Take over: the endpoint needs a person. The earlier alerts of this endpoint say what was tried."
            }
            Self::RolloutStarted => {
                "Nothing now. `status` shows how far it is; `pause` holds it, `abort` takes it back."
            }
            Self::RolloutProgressed => "Nothing now. Green is watched for as long as the step bakes.",
            Self::RolloutWaiting => {
                "Look at green, then send `promote` or `abort`. The alert says what happens if nobody does."
            }
            Self::RolloutPaused => "Send `resume` to go on or `abort` to take it back, before the deadline does.",
            Self::RolloutResumed => "Nothing.",
            Self::RolloutHeld => {
                "Remove what holds it, named above. If green has had enough scrutiny, `skip`; otherwise `abort`."
            }
            Self::RolloutPromoted => "Nothing now. `abort` still takes it back within seconds, until blue is removed.",
            Self::RolloutCompleted => {
                "Nothing now. `rollback` takes it back within the window that the rollout was started with."
            }
            Self::RolloutRollingBack => {
                "Watch for the alert that the traffic is back. Find the cause in the evidence and in the container's log (/aws/sagemaker/Endpoints/<endpoint>)."
            }
            Self::RolloutRolledBack => {
                "Find out why the new model was taken back before you `retry`. Steward now removes what is left of it."
            }
            Self::RolloutFailed => {
                "Take over: look at the endpoint, its config and its weights. The evidence says what Steward left behind."
            }
            Self::RolloutUnscaled => {
                "Let each alarm trigger the policy of the variant that serves (`describe-scaling-policies` has its ARN), and watch that variant where it watches one. Until then it does not scale by them."
            }
            Self::BackupCompleted => "Nothing. Backups go on; only trouble is told again.",
            Self::BackupFailed => {
                "Remove the cause named above and send `backup`, or wait for the next one. Until then the recovery point grows old."
            }
            Self::BackupOverdue => {
                "Look at why no backup was made since (`status`), and send `backup`. If the Region were lost now, more than promised would be lost with it."
            }
            Self::BackupDamaged => {
                "Send `backup` now, and find out who deleted or overwrote objects below the backup's prefix. `list` shows the other points."
            }
            Self::BackupUnredeployable => {
                "Put back what is gone, or deploy the endpoint from what there is, before SageMaker has to replace an instance."
            }
            Self::BackupRestoring => {
                "Wait for the alert that it answers. `status` shows how far it is, `abort` stops it. Then send the traffic there."
            }
            Self::BackupRestored => "Send the traffic there. The one in its own Region is untouched.",
            Self::BackupRestoreFailed => {
                "Remove the cause named above and send `restore` again; what was made already is used again. `list` shows other points."
            }
            Self::BackupDrilled => "Nothing. The figures above are what a restore would take today.",
            Self::BackupDrillFailed => "Remove the cause named above and send `drill`: a restore would meet it too.",
            Self::WakeServed => "Nothing. When the work has drained, the minimum is restored.",
            Self::WakeStruggling => {
                "Wait for the alert that it serves. `status` of scale-from-zero shows how far it is."
            }
            Self::WakeFailed => {
                "Take over: look at the endpoint's failure reason and its scaling activities. Steward tries again while requests ask for it, with longer and longer pauses."
            }
            Self::WakeYielded => {
                "Look at whether the minimum is what it should be when nobody needs the endpoint: with more than 0 it never sleeps."
            }
            Self::WakeHeld => {
                "Remove the cause named above, or send `sleep` to scale-from-zero. Until then the capacity stays, and costs."
            }
            Self::CapacityDrifted => {
                "Decide who is right: send `plan` to fleet-reconciler and apply it to have it as declared, or say what is there in the fleet file."
            }
            Self::CapacityRestored => "Nothing.",
            Self::CapacityApplied => "Nothing. `drift` of fleet-reconciler shows whether it stays so.",
            Self::CapacityFailed => {
                "Remove the cause named above, then send `plan` to fleet-reconciler and apply what it shows. What was made stays."
            }
            Self::AlertsDropped => {
                "Look at why alerts could not be published for so long: the topic's policy and key, the function's role, SNS itself."
            }
        }
    }
}
