//! What is wrong, or will be, with the capacity of an account, whether Steward looks after it or not.
//!
//! Each finding says what was seen, why it hurts and what to do. Sources of the rules: the CloudWatch metrics of SageMaker, the
//! API references of Application Auto Scaling, Lambda and CloudWatch, and the mistakes that the examples in circulation make.

mod account;
mod alarms;
mod endpoints;
mod metric;
mod policies;
mod schedules;
mod targets;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    thing::{Key, Scalable},
    world::World,
};
use crate::fleet::Fleet;

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Which rule found it.
    pub rule: Rule,
    /// What it is about: the kind and the name.
    pub subject: String,
    /// What is wrong, with what was seen.
    pub evidence: String,
    /// What to do.
    pub remedy: String,
}

/// How bad it is. The worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It does not work, or an outage is only a matter of time.
    High,
    /// It works worse than meant.
    Medium,
    /// It costs, or it hides something.
    Low,
}

macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident $name:literal $severity:ident,)*) => {
        /// What is looked for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Rule {
            $($(#[$doc])* $rule,)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$rule),*];

            /// Its name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$rule => $name,)*
                }
            }

            /// How bad what it finds is.
            pub const fn severity(self) -> Severity {
                match self {
                    $(Self::$rule => Severity::$severity,)*
                }
            }
        }
    };
}

rules! {
    /// A latency that was meant in milliseconds; SageMaker publishes microseconds.
    LatencyUnit "latency-unit" High,
    /// A unit with which the metric is never published.
    WrongUnit "wrong-unit" High,
    /// A namespace that does not exist, for want of a slash or a capital letter.
    WrongNamespace "wrong-namespace" High,
    /// Dimensions with which the metric is never published, or those of something else.
    WrongDimensions "wrong-dimensions" High,
    /// A metric that an asynchronous endpoint does not publish.
    NotPublished "not-published" High,
    /// A predefined metric of another kind of target.
    WrongPredefined "wrong-predefined" High,
    /// A percentage of all cores taken for one of each.
    CpuPerCore "cpu-per-core" Medium,
    /// A minimum above the maximum.
    EmptyRange "empty-range" High,
    /// Policies that have nothing to move.
    FixedRange "fixed-range" Medium,
    /// A target of something that is not there.
    OrphanTarget "orphan-target" Low,
    /// A real-time variant that may be scaled to nothing.
    ZeroRealTime "zero-real-time" High,
    /// What may be at zero, and nothing wakes it.
    NoWake "no-wake" High,
    /// Scaling out is suspended.
    Suspended "suspended" Medium,
    /// Capacity that is taken away before it was of use.
    ShortCooldown "short-cooldown" Medium,
    /// Two policies that track the same, each something else.
    ConflictingPolicies "conflicting-policies" Medium,
    /// Only ever more: no policy takes anything away.
    NeverScalesIn "never-scales-in" Low,
    /// Steps that no alarm triggers.
    NoTrigger "no-trigger" High,
    /// A schedule that Application Auto Scaling refuses or that never comes.
    InvalidSchedule "invalid-schedule" High,
    /// A scheduled action whose range does not go with the target's.
    ScheduleFightsRange "schedule-fights-range" Medium,
    /// What a schedule raises, nothing lowers.
    NeverLowered "never-lowered" Medium,
    /// An alarm that triggers what is gone.
    DeadAction "dead-action" High,
    /// An alarm on refused requests that lets one pass.
    OneIsNotEnough "one-is-not-enough" Medium,
    /// A period shorter than that of the metric.
    ShortPeriod "short-period" Medium,
    /// An alarm that a quiet hour sets off, or keeps from anything.
    MissingData "missing-data" Low,
    /// An alarm that tells nobody.
    NobodyTold "nobody-told" Low,
    /// An endpoint whose errors no alarm watches.
    NoErrorAlarm "no-error-alarm" Medium,
    /// One instance, in one Availability Zone.
    OneInstance "one-instance" High,
    /// Everything that is asked and answered is kept.
    CaptureAll "capture-all" Low,
    /// Provisioned concurrency on `$LATEST`.
    LatestVersion "latest-version" High,
    /// A function that may not run, or less than what is kept initialised.
    ReservedTooLow "reserved-too-low" High,
    /// A stage that takes no request.
    ThrottledToNothing "throttled-to-nothing" High,
}

/// Findings while they are gathered.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, rule: Rule, key: &Key, evidence: impl Into<String>, remedy: impl Into<String>) {
        let subject = format!("{} {key}", key.kind());
        self.about(rule, subject, evidence, remedy);
    }

    fn about(&mut self, rule: Rule, subject: String, evidence: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Finding {
            severity: rule.severity(),
            rule,
            subject,
            evidence: evidence.into(),
            remedy: remedy.into(),
        });
    }
}

/// What Steward wakes from zero, as the fleet file says.
pub fn woken(fleet: &Fleet, world: &World) -> BTreeSet<Scalable> {
    let targets = world.things().filter_map(|(key, _)| match key {
        Key::Target(of) => Some(of),
        _ => None,
    });
    let wakes = |of: &&Scalable| {
        let seen = world.endpoint_of(of);
        let policy = seen.and_then(|seen| fleet.wake_for(&seen.name, seen.tags.as_ref()));
        policy.is_some_and(|policy| match of {
            Scalable::Copies { component } => policy.components.contains(component),
            Scalable::Instances { variant, .. } => {
                policy.components.is_empty() && policy.variant.is_none_or(|slept| slept == *variant)
            }
            Scalable::Concurrency { .. } => false,
        })
    };
    targets.filter(wakes).cloned().collect()
}

/// Everything that is found wrong, the worst first. `woken` is what Steward wakes: it needs no alarm that does so, and one
/// without an action reaches it all the same.
pub fn audit(world: &World, woken: &BTreeSet<Scalable>, now: Timestamp) -> Vec<Finding> {
    let mut found = Findings::default();
    targets::check(world, woken, &mut found);
    policies::check(world, &mut found);
    schedules::check(world, now, &mut found);
    alarms::check(world, woken, &mut found);
    endpoints::check(world, &mut found);
    account::check(world, &mut found);
    found
        .0
        .sort_by(|a, b| (a.severity, a.rule, &a.subject).cmp(&(b.severity, b.rule, &b.subject)));
    found.0
}
