//! Layers laid over each other field by field, and the defaults under all of them.

use std::time::Duration;

use super::{
    file::{FailureShareSection, FlappingSection, Health, Recovery, Reminder, Stuck},
    text::Text,
    wide::FleetSection,
};
use crate::{
    health::policy::{COMES_WITHIN, FailureShare, Flapping, FleetHealthPolicy, HealthPolicy, RecoveryPolicy},
    quantity::SpanWithin,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Health {
    /// What this layer says, and below it what `under` says.
    pub(super) fn over(self, under: Self) -> Self {
        Self {
            enabled: self.enabled.or(under.enabled),
            probes: self.probes.or(under.probes),
            failure_threshold: self.failure_threshold.or(under.failure_threshold),
            failure_share: both(self.failure_share, under.failure_share, |over, under| {
                FailureShareSection {
                    share: over.share.or(under.share),
                    checks: over.checks.or(under.checks),
                }
            }),
            success_threshold: self.success_threshold.or(under.success_threshold),
            reminder: self.reminder.or(under.reminder),
            stuck: both(self.stuck, under.stuck, |over, under| Stuck {
                creating: over.creating.or(under.creating),
                updating: over.updating.or(under.updating),
            }),
            flapping: both(self.flapping, under.flapping, |over, under| FlappingSection {
                window: over.window.or(under.window),
                transitions: over.transitions.or(under.transitions),
                outage: over.outage.or(under.outage),
            }),
            maintenance: self.maintenance.or(under.maintenance),
            runbook: self.runbook.or(under.runbook),
            metrics: self.metrics.or(under.metrics),
            recovery: both(self.recovery, under.recovery, |over, under| Recovery {
                rungs: over.rungs.or(under.rungs),
                cooldown: over.cooldown.or(under.cooldown),
                budget: over.budget.or(under.budget),
                period: over.period.or(under.period),
                max_instances: over.max_instances.or(under.max_instances),
            }),
        }
    }

    pub(super) fn resolve(self) -> HealthPolicy {
        let failure_threshold = self.failure_threshold.map_or(3, |number| number.0);
        let failure_share = self.failure_share.unwrap_or_default();
        let stuck = self.stuck.unwrap_or_default();
        let flapping = self.flapping.unwrap_or_default();
        let recovery = self.recovery.unwrap_or_default();
        HealthPolicy {
            // The section `wake` says it.
            remembers: None,
            comes_within: COMES_WITHIN,
            enabled: self.enabled.unwrap_or(true),
            probes: self.probes.map(|probes| probes.0).unwrap_or_default(),
            failure_threshold,
            failure_share: FailureShare {
                share: failure_share.share.map_or(0.6, |share| share.fraction()),
                checks: failure_share
                    .checks
                    .map_or((3 * failure_threshold).clamp(10, 100), |number| number.0),
            },
            success_threshold: self.success_threshold.map_or(2, |number| number.0),
            reminder: match self.reminder {
                None | Some(Reminder::Never) => None,
                Some(Reminder::Every(time)) => Some(time.duration()),
            },
            stuck_creating: stuck.creating.map_or(HOUR, SpanWithin::duration),
            stuck_updating: stuck.updating.map_or(90 * MINUTE, SpanWithin::duration),
            flapping: Flapping {
                window: flapping.window.map_or(HOUR, SpanWithin::duration),
                transitions: flapping.transitions.map_or(6, |number| number.0),
                outage: flapping.outage.map_or(20 * MINUTE, SpanWithin::duration),
            },
            maintenance: self.maintenance.unwrap_or_default().0,
            runbook: self.runbook.map(Text::into_string),
            metrics: self.metrics.unwrap_or(false),
            recovery: RecoveryPolicy {
                rungs: recovery.rungs.unwrap_or_default(),
                cooldown: recovery.cooldown.map_or(15 * MINUTE, SpanWithin::duration),
                budget: recovery.budget.map_or(3, |number| number.0),
                period: recovery.period.map_or(DAY, SpanWithin::duration),
                max_instances: recovery.max_instances.map(|number| number.0),
            },
        }
    }
}

pub(super) fn both<T>(over: Option<T>, under: Option<T>, merge: impl FnOnce(T, T) -> T) -> Option<T> {
    match (over, under) {
        (Some(over), Some(under)) => Some(merge(over, under)),
        (over, under) => over.or(under),
    }
}

impl FleetSection {
    pub(super) fn simultaneous_wakes(&self) -> u32 {
        self.simultaneous_wakes.map_or(10, |number| number.0)
    }

    pub(super) fn resolve(self) -> FleetHealthPolicy {
        let suppression = self.suppression.unwrap_or_default();
        FleetHealthPolicy {
            suppression_minimum: suppression.minimum.map_or(3, |number| number.0),
            suppression_share: suppression.share.map_or(0.8, |share| share.fraction()),
            recoveries_per_hour: self.recoveries_per_hour.map_or(3, |number| number.0),
            concurrency: self.concurrency.map_or(64, |number| number.0),
            labels: self.labels.unwrap_or_default().0.into_iter().collect(),
        }
    }
}
