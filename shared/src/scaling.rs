//! How Application Auto Scaling scales one thing: its range, its policies, its scheduled actions.
//!
//! Described, kept in a ledger and written again under another resource id, so nothing of a policy may be lost: what the
//! API has a field for has a field here.

mod raised;

use std::time::Duration;

use jiff::{Timestamp, civil::DateTime};
use serde::{Deserialize, Serialize};

pub use self::raised::Raised;
use crate::{cron::Cron, window::zone};

/// A scalable target with everything that hangs on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// `MinCapacity`.
    pub min: u32,
    /// `MaxCapacity`.
    pub max: u32,
    /// What of it is suspended.
    #[serde(default)]
    pub suspended: Suspended,
    /// By name.
    pub policies: Vec<ScalingPolicy>,
    /// By name.
    pub actions: Vec<ScheduledAction>,
}

/// `SuspendedState`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Suspended {
    /// `DynamicScalingInSuspended`.
    #[serde(default)]
    pub scale_in: bool,
    /// `DynamicScalingOutSuspended`.
    #[serde(default)]
    pub scale_out: bool,
    /// `ScheduledScalingSuspended`.
    #[serde(default)]
    pub scheduled: bool,
}

/// One scaling policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScalingPolicy {
    /// `PolicyName`.
    pub name: String,
    /// `PolicyType` with its configuration.
    pub rule: ScalingRule,
    /// The alarms that trigger it, by name. Those of target tracking are made by Application Auto Scaling; those of step
    /// scaling belong to whoever made them and name the policy's ARN, which ends with its resource.
    #[serde(default)]
    pub alarms: Vec<String>,
    /// `PolicyARN`. Another one each time that the scalable target is registered anew; `None` of a policy that was not
    /// described.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
}

impl ScalingPolicy {
    /// Others' alarms trigger it.
    pub fn waits_for_alarms(&self) -> bool {
        matches!(self.rule, ScalingRule::Step { .. })
    }
}

/// How a policy scales.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScalingRule {
    /// `TargetTrackingScaling`.
    TargetTracking {
        /// `TargetValue`.
        target: f64,
        /// What is tracked.
        metric: TrackedMetric,
        /// `ScaleOutCooldown`, seconds.
        scale_out_cooldown: Option<u32>,
        /// `ScaleInCooldown`, seconds.
        scale_in_cooldown: Option<u32>,
        /// `DisableScaleIn`.
        disable_scale_in: bool,
    },
    /// `StepScaling`.
    Step {
        /// `AdjustmentType`.
        adjustment: String,
        /// `StepAdjustments`: lower bound, upper bound (offsets from the alarm's threshold), adjustment.
        steps: Vec<(Option<f64>, Option<f64>, i32)>,
        /// `MinAdjustmentMagnitude`.
        magnitude: Option<u32>,
        /// `Cooldown`, seconds.
        cooldown: Option<u32>,
        /// `MetricAggregationType`.
        aggregation: Option<String>,
    },
}

/// What target tracking tracks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrackedMetric {
    /// `PredefinedMetricSpecification`.
    Predefined {
        /// `PredefinedMetricType`.
        kind: String,
        /// `ResourceLabel`.
        label: Option<String>,
    },
    /// `CustomizedMetricSpecification` of one metric.
    Customized {
        /// `MetricName`.
        metric: String,
        /// `Namespace`.
        namespace: String,
        /// `Dimensions`, in order.
        dimensions: Vec<(String, String)>,
        /// `Statistic`.
        statistic: String,
        /// `Unit`.
        unit: Option<String>,
    },
    /// `CustomizedMetricSpecification` by metric math.
    Math(Vec<MathQuery>),
}

/// One `TargetTrackingMetricDataQuery`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MathQuery {
    /// `Id`.
    pub id: String,
    /// `Expression`.
    pub expression: Option<String>,
    /// `Label`.
    pub label: Option<String>,
    /// `ReturnData`.
    pub returned: Option<bool>,
    /// `MetricStat`: namespace, metric, dimensions, statistic, unit.
    pub metric: Option<MathMetric>,
}

/// One `TargetTrackingMetricStat`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MathMetric {
    /// `Namespace`.
    pub namespace: String,
    /// `MetricName`.
    pub metric: String,
    /// `Dimensions`, in order.
    pub dimensions: Vec<(String, String)>,
    /// `Stat`.
    pub statistic: String,
    /// `Unit`.
    pub unit: Option<String>,
}

/// One scheduled action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledAction {
    /// `ScheduledActionName`.
    pub name: String,
    /// `Schedule`.
    pub schedule: String,
    /// `Timezone`.
    pub timezone: Option<String>,
    /// `StartTime`.
    pub start: Option<Timestamp>,
    /// `EndTime`.
    pub end: Option<Timestamp>,
    /// `MinCapacity`.
    pub min: Option<u32>,
    /// `MaxCapacity`.
    pub max: Option<u32>,
}

impl Scaling {
    /// It scales as `wanted` does, whatever it is triggered by. An action for one moment (`at(…)`) may be over and gone.
    /// What others put beside `wanted` stays, since no registration takes anything away.
    pub fn does(&self, wanted: &Self) -> bool {
        let there_is = |wanted: &ScalingPolicy| {
            let mut policies = self.policies.iter();
            policies.any(|policy| (&policy.name, &policy.rule) == (&wanted.name, &wanted.rule))
        };
        let there = |action: &ScheduledAction| action.schedule.starts_with("at(") || self.actions.contains(action);
        (self.min, self.max, self.suspended) == (wanted.min, wanted.max, wanted.suspended)
            && wanted.policies.iter().all(there_is)
            && wanted.actions.iter().all(there)
    }

    /// A policy of it acts on a metric by itself: target tracking, whose alarms Application Auto Scaling makes.
    pub fn tracks(&self) -> bool {
        let tracks = |policy: &ScalingPolicy| matches!(policy.rule, ScalingRule::TargetTracking { .. });
        !self.suspended.scale_out && self.policies.iter().any(tracks)
    }

    /// The alarms of others that trigger its step policies, by name.
    pub fn step_alarms(&self) -> impl Iterator<Item = &str> {
        let steps = self.policies.iter().filter(|policy| policy.waits_for_alarms());
        steps.flat_map(|policy| &policy.alarms).map(String::as_str)
    }

    /// The same, with the alarms that are known to have triggered its step policies before: those that trigger another
    /// variant's now, or nothing.
    #[must_use]
    pub fn remembering(mut self, before: Option<&Self>) -> Self {
        for policy in self.policies.iter_mut().filter(|policy| policy.waits_for_alarms()) {
            let known = before.into_iter().flat_map(|before| &before.policies);
            for alarm in known
                .filter(|known| known.name == policy.name)
                .flat_map(|known| &known.alarms)
            {
                if !policy.alarms.contains(alarm) {
                    policy.alarms.push(alarm.clone());
                }
            }
            policy.alarms.sort();
        }
        self
    }

    /// A policy or an action of `wanted` is not there at all, as after a registration that was cut off halfway.
    pub fn lacks(&self, wanted: &Self) -> bool {
        let policy = |wanted: &ScalingPolicy| self.policies.iter().any(|policy| policy.name == wanted.name);
        let action = |wanted: &ScheduledAction| {
            wanted.schedule.starts_with("at(") || self.actions.iter().any(|action| action.name == wanted.name)
        };
        !wanted.policies.iter().all(policy) || !wanted.actions.iter().all(action)
    }

    /// The same with those policies and actions of `wanted` of whose names it has none; nothing of what it has is changed.
    #[must_use]
    pub fn completed(&self, wanted: &Self) -> Self {
        let mut completed = self.clone();
        let policies = wanted.policies.iter();
        let lacking = policies.filter(|wanted| self.policies.iter().all(|policy| policy.name != wanted.name));
        completed.policies.extend(lacking.cloned());
        let actions = wanted.actions.iter();
        let lacking = actions.filter(|wanted| self.actions.iter().all(|action| action.name != wanted.name));
        completed.actions.extend(lacking.cloned());
        completed
    }

    /// The same without what is over: Application Auto Scaling takes no action for a moment (`at(…)`) that has passed, and
    /// none whose end has.
    #[must_use]
    pub fn still_to_come(&self, now: Timestamp) -> Self {
        Self {
            actions: self
                .actions
                .iter()
                .filter(|action| !action.is_over(now))
                .cloned()
                .collect(),
            ..self.clone()
        }
    }

    /// The same with the range that its scheduled actions have left that were due from `since` until `now`, and within
    /// seconds from then: while nothing is registered they move nothing. Not where they are suspended.
    #[must_use]
    pub fn caught_up(&self, since: Timestamp, now: Timestamp) -> Self {
        let soon = now.checked_add(MARGIN).unwrap_or(now);
        let within = Duration::try_from(soon.duration_since(since)).unwrap_or_default();
        let actions = self.actions.iter().filter(|_| !self.suspended.scheduled);
        match in_force((self.min, self.max), actions, soon, within) {
            (min, max) if min > max => self.clone(),
            (min, max) => Self {
                min,
                max,
                ..self.clone()
            },
        }
    }

    /// The same for another variant: dimensions that name `from` name `to`.
    #[must_use]
    pub fn moved(&self, from: &str, to: &str) -> Self {
        let rename = |dimensions: &mut Vec<(String, String)>| {
            for (name, value) in dimensions {
                if name == "VariantName" && value == from {
                    to.clone_into(value);
                }
            }
        };
        let mut moved = self.clone();
        for policy in &mut moved.policies {
            policy.alarms.clear();
            policy.arn = None;
            if let ScalingRule::TargetTracking { metric, .. } = &mut policy.rule {
                match metric {
                    TrackedMetric::Predefined { .. } => {}
                    TrackedMetric::Customized { dimensions, .. } => rename(dimensions),
                    TrackedMetric::Math(queries) => {
                        for metric in queries.iter_mut().filter_map(|query| query.metric.as_mut()) {
                            rename(&mut metric.dimensions);
                        }
                    }
                }
            }
        }
        moved
    }
}

/// The range (`MinCapacity`, `MaxCapacity`) that scheduled actions left which were due at `now` or `within` the time before
/// it: of each end, what the last one says. Nothing is put back when one is over, so it holds until the next.
pub fn in_force<'a>(
    base: (u32, u32),
    actions: impl IntoIterator<Item = &'a ScheduledAction>,
    now: Timestamp,
    within: Duration,
) -> (u32, u32) {
    let actions = actions.into_iter();
    let mut due: Vec<(Timestamp, &ScheduledAction)> = actions
        .filter_map(|action| Some((action.latest(now, within)?, action)))
        .collect();
    due.sort_by_key(|(at, _)| *at);
    due.iter().fold(base, |(min, max), (_, action)| {
        (action.min.unwrap_or(min), action.max.unwrap_or(max))
    })
}

/// So long before its moment an action is taken for over: the call takes time too.
const MARGIN: Duration = Duration::from_secs(10);

impl ScheduledAction {
    /// It will not happen again.
    fn is_over(&self, now: Timestamp) -> bool {
        let soon = now.checked_add(MARGIN).unwrap_or(now);
        self.end.is_some_and(|end| end <= soon) || self.moment().is_some_and(|moment| moment <= soon)
    }

    /// When it last happened, at `now` or within the time before it; `None` also for a schedule that cannot be read, and for
    /// `rate(…)`, which does not say when it began.
    pub fn latest(&self, now: Timestamp, within: Duration) -> Option<Timestamp> {
        let from = now.checked_sub(within).unwrap_or(Timestamp::MIN);
        // One that ended meanwhile was due before.
        let until = self.end.map_or(now, |end| end.min(now));
        let within = Duration::try_from(until.duration_since(from)).ok()?;
        let at = match self.moment() {
            Some(moment) => moment,
            None => {
                let cron: Cron = self
                    .schedule
                    .starts_with("cron(")
                    .then(|| self.schedule.parse().ok())??;
                cron.latest(until, &zone(self.timezone.as_deref().unwrap_or("UTC"))?, within)?
            }
        };
        let counts = self.start.is_none_or(|start| start <= at);
        (counts && from <= at && at <= until).then_some(at)
    }

    /// When an action for one moment happens: `at(yyyy-mm-ddThh:mm:ss)` in its time zone, UTC without one. `None` for any
    /// other schedule, and for one that cannot be read.
    fn moment(&self) -> Option<Timestamp> {
        let civil: DateTime = self
            .schedule
            .strip_prefix("at(")?
            .strip_suffix(')')?
            .trim()
            .parse()
            .ok()?;
        let zone = self.timezone.as_deref().unwrap_or("UTC");
        Some(civil.in_tz(zone).ok()?.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(schedule: &str, timezone: Option<&str>, end: Option<&str>) -> ScheduledAction {
        ScheduledAction {
            name: "sale".to_owned(),
            schedule: schedule.to_owned(),
            timezone: timezone.map(str::to_owned),
            start: None,
            end: end.map(|end| end.parse().unwrap()),
            min: Some(4),
            max: None,
        }
    }

    #[test]
    fn when_an_action_last_happened_is_known_in_its_zone_and_within_its_time() {
        let now: Timestamp = "2026-11-23T08:00:00Z".parse().unwrap();
        let hour = Duration::from_secs(3600);
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        let morning = action("cron(0 8 ? * MON-FRI *)", Some("Europe/Berlin"), None);
        assert_eq!(morning.latest(now, hour), at("2026-11-23T07:00:00Z"));
        assert_eq!(morning.latest(now, hour / 2), None);
        let over = action("cron(0 8 ? * * *)", None, Some("2026-11-22T00:00:00Z"));
        assert_eq!(over.latest(now, hour), None);
        // At 8:00 of the 21st, before it ended.
        assert_eq!(over.latest(now, 48 * hour), at("2026-11-21T08:00:00Z"));
        assert_eq!(
            action("at(2026-11-23T07:30:00)", None, None).latest(now, hour),
            at("2026-11-23T07:30:00Z")
        );
        assert_eq!(action("rate(1 hour)", None, None).latest(now, hour), None);
        assert_eq!(action("cron(0 8 * * MON-FRI *)", None, None).latest(now, hour), None);
    }

    #[test]
    fn what_is_over_is_not_registered_again_and_everything_else_is() {
        let now: Timestamp = "2026-11-22T08:00:00Z".parse().unwrap();
        let over = [
            action("at(2026-11-22T07:59:00)", None, None),
            action("at(2026-11-22T08:30:00)", Some("Europe/Berlin"), None),
            action("cron(0 8 * * ? *)", None, Some("2026-11-21T00:00:00Z")),
        ];
        let to_come = [
            action("at(2026-11-22T08:30:00)", None, None),
            action("at(2026-11-22T07:30:00)", Some("America/New_York"), None),
            action("cron(0 8 * * ? *)", Some("Europe/Berlin"), Some("2027-01-01T00:00:00Z")),
            action("rate(1 hour)", None, None),
            action("at(when it suits)", None, None),
        ];
        let scaling = Scaling {
            min: 1,
            max: 4,
            suspended: Suspended::default(),
            policies: Vec::new(),
            actions: over.iter().chain(&to_come).cloned().collect(),
        };
        let left = scaling.still_to_come(now);
        assert_eq!(left.actions, to_come);
        // What was left out is not missed.
        assert!(left.does(&left) && !left.lacks(&left));
    }

    #[test]
    fn what_others_put_beside_it_is_no_difference_and_stays_when_what_lacks_is_added() {
        let policy = |name: &str, cooldown| ScalingPolicy {
            name: name.to_owned(),
            rule: ScalingRule::Step {
                adjustment: "ChangeInCapacity".to_owned(),
                steps: vec![(Some(0.0), None, 1)],
                magnitude: None,
                cooldown,
                aggregation: None,
            },
            alarms: vec!["busy".to_owned()],
            arn: None,
        };
        let scaling = |min, policies: &[ScalingPolicy], actions: &[ScheduledAction]| Scaling {
            min,
            max: 4,
            suspended: Suspended::default(),
            policies: policies.to_vec(),
            actions: actions.to_vec(),
        };
        let (own, theirs) = (policy("own", None), policy("theirs", None));
        let daily = action("cron(0 8 * * ? *)", None, None);
        let wanted = scaling(1, std::slice::from_ref(&own), std::slice::from_ref(&daily));
        let seen = scaling(1, &[own.clone(), theirs.clone()], std::slice::from_ref(&daily));
        assert!(seen.does(&wanted) && !wanted.does(&seen));
        assert!(!scaling(2, &seen.policies, &seen.actions).does(&wanted));
        let changed = scaling(3, &[policy("own", Some(60)), theirs], &[]);
        assert!(!changed.does(&wanted));
        assert_eq!(changed.completed(&wanted), scaling(3, &changed.policies, &[daily]));
        assert_eq!(seen.completed(&wanted), seen);
    }
}
