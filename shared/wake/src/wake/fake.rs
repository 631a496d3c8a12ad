//! SageMaker and Application Auto Scaling as far as waking goes: capacity that takes time, metrics that come late, calls
//! that go wrong, people who change things.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::*;
use crate::{
    endpoint::{Endpoint, EndpointStatus, Variant},
    scaling::{Scaling, ScalingPolicy, ScalingRule, ScheduledAction, Suspended},
};

mod driven;

pub(super) static NONE: BTreeMap<String, String> = BTreeMap::new();

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
}

pub(super) fn policy() -> WakePolicy {
    WakePolicy {
        variant: None,
        components: vec![],
        instances: 1,
        max_instances: 4,
        per_instance: None,
        cooldown: Duration::from_secs(600),
        deadline: Duration::from_secs(1800),
        idle_after: None,
        prewarm: vec![],
    }
}

pub(super) fn prewarm(cron: &str, lasts: u64) -> Prewarm {
    Prewarm {
        name: "office".to_owned(),
        cron: cron.parse().expect("a cron"),
        zone: TimeZone::UTC,
        lasts: Duration::from_secs(lasts),
        instances: 2,
    }
}

pub(super) fn tracked() -> ScalingPolicy {
    ScalingPolicy {
        arn: None,
        name: "backlog".to_owned(),
        rule: ScalingRule::Step {
            adjustment: "ChangeInCapacity".to_owned(),
            steps: vec![(Some(0.0), None, 1)],
            magnitude: None,
            cooldown: None,
            aggregation: None,
        },
        alarms: vec![],
    }
}

/// Sets the minimum once.
pub(super) fn action(at: Timestamp, min: u32) -> ScheduledAction {
    let civil = at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S");
    ScheduledAction {
        name: "office".to_owned(),
        schedule: format!("at({civil})"),
        timezone: None,
        start: None,
        end: None,
        min: Some(min),
        max: None,
    }
}

pub(super) fn scaling(min: u32, max: u32) -> Scaling {
    Scaling {
        min,
        max,
        suspended: Suspended::default(),
        policies: vec![tracked()],
        actions: vec![],
    }
}

/// What befalls a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    LostBefore,
    LostAfter,
    Refused,
}

/// One asynchronous endpoint, or one component of an endpoint.
#[derive(Clone, Debug)]
pub(super) struct Fake {
    pub now: Timestamp,
    pub policy: WakePolicy,
    pub ledger: WakeLedger,
    pub slots: Slots,
    pub most: u32,
    pub thing: Thing,
    pub scaling: Option<Scaling>,
    pub current: u32,
    pub desired: u32,
    /// A change is at work until then.
    pub until: Option<Timestamp>,
    /// Seconds until capacity is in service.
    pub takes: i64,
    /// AWS has no instances until then.
    pub scarce_until: Option<Timestamp>,
    pub failure: Option<String>,
    /// Requests waiting; of a component nothing waits.
    pub backlog: u32,
    /// Requests that an instance does in a minute; 0: all fail.
    pub does: u32,
    /// Requests of the minute to come, of a component.
    pub coming: u32,
    /// Metrics are published.
    pub metrics: bool,
    pub minutes: Vec<Minute>,
    /// Whether a queue's backlog found capacity is among them.
    pub tells: bool,
    /// Whether a component's metrics have no pulse without copies.
    pub exists: bool,
    pub activities: Vec<Activity>,
    /// Every call that took effect, with the number of wakes of the fleet then between first call and service.
    pub calls: Vec<String>,
    pub transitions: Vec<Transition>,
    /// The lease is somebody else's.
    pub leased: bool,
    /// `InstancePools` of its config.
    pub pools: Vec<String>,
    /// A health probe is awaited.
    pub awaited: bool,
    /// The policies scale to zero by themselves when all is quiet.
    pub scales_in: bool,
}

pub(super) struct Woken<'a> {
    pub alarms: &'a [AlarmNews],
    pub command: Option<Command>,
}

impl Fake {
    pub(super) fn asynchronous() -> Self {
        Self {
            now: at(0),
            policy: policy(),
            ledger: WakeLedger::default(),
            slots: Slots::default(),
            most: 3,
            thing: Thing::Variant,
            scaling: Some(scaling(0, 4)),
            current: 0,
            desired: 0,
            until: None,
            takes: 240,
            scarce_until: None,
            failure: None,
            backlog: 0,
            does: 2,
            coming: 0,
            metrics: true,
            minutes: vec![],
            tells: true,
            exists: true,
            activities: vec![],
            calls: vec![],
            transitions: vec![],
            leased: false,
            pools: vec![],
            awaited: false,
            scales_in: true,
        }
    }

    pub(super) fn component() -> Self {
        let mut fake = Self::asynchronous();
        fake.thing = Thing::Component("llm".to_owned());
        fake.policy.components = vec!["llm".to_owned()];
        fake
    }

    pub(super) fn min(&self) -> Option<u32> {
        self.scaling.as_ref().map(|scaling| scaling.min)
    }

    /// Second by second would be slow: time passes in steps of at most a minute.
    pub(super) fn pass(&mut self, seconds: i64) {
        let goal = self.now + SignedDuration::from_secs(seconds);
        while self.now < goal {
            let next = (self.now.as_second().div_euclid(60) + 1) * 60;
            let next = Timestamp::from_second(next).expect("a time").min(goal);
            let minute_over = next.as_second() % 60 == 0;
            let step = SignedDuration::from_secs(next.as_second() - self.now.as_second());
            self.now = next;
            self.schedule(step.unsigned_abs());
            self.settle();
            if minute_over {
                self.work();
            }
        }
    }

    /// Scheduled actions that were due within the last step.
    fn schedule(&mut self, step: Duration) {
        let Some(scaling) = self.scaling.as_mut().filter(|scaling| !scaling.suspended.scheduled) else {
            return;
        };
        let due = |action: &&ScheduledAction| {
            let at = action.latest(self.now, step);
            at.is_some_and(|at| at > self.now - step)
        };
        if let Some(action) = scaling.actions.iter().rfind(due) {
            scaling.min = action.min.unwrap_or(scaling.min);
            self.move_into_range();
        }
    }

    /// Requests come.
    pub(super) fn asked(&mut self, count: u32) {
        match self.thing {
            Thing::Variant => self.backlog += count,
            Thing::Component(_) => self.coming += count,
        }
    }

    fn settle(&mut self) {
        if self.until.is_none_or(|until| until > self.now) {
            return;
        }
        self.until = None;
        if self.scarce_until.is_some_and(|until| self.now < until) && self.desired > self.current {
            self.activities.push(Activity {
                at: self.now,
                code: "Failed".to_owned(),
                said: "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error"
                    .to_owned(),
            });
            self.desired = self.current;
        } else {
            self.current = self.desired;
        }
    }

    /// The minute that just ended.
    fn work(&mut self) {
        let began = self.now - SignedDuration::from_secs(60);
        let mut minute = Minute::at(began);
        let able = self.current * self.does;
        let component = matches!(self.thing, Thing::Component(_));
        if component {
            minute.pulse = self.current > 0;
            if self.current == 0 {
                minute.refused = f64::from(self.coming);
            } else if self.does == 0 {
                minute.failed = f64::from(self.coming);
            } else {
                minute.served = f64::from(self.coming);
            }
            self.coming = 0;
        } else {
            (minute.pulse, minute.told) = (true, self.tells);
            minute.backlog = f64::from(self.backlog);
            if self.tells && self.current == 0 && self.backlog > 0 {
                minute.refused = 1.0;
            }
            if self.current > 0 && self.does == 0 && self.backlog > 0 {
                minute.failed = 1.0;
            }
            let done = self.backlog.min(able);
            minute.served = f64::from(done);
            self.backlog -= done;
        }
        let known = minute.pulse || minute.refused > 0.0;
        if self.metrics && known {
            self.minutes.push(minute);
        }
        let quiet = self
            .minutes
            .iter()
            .rev()
            .take(20)
            .all(|minute| minute.served + minute.backlog == 0.0);
        let min = self.min().unwrap_or(u32::MAX);
        if self.scales_in && quiet && self.current > 0 && self.until.is_none() && min < self.desired {
            self.change(min);
        }
    }

    pub(super) fn change(&mut self, count: u32) {
        self.desired = count;
        let takes = if count > self.current { self.takes } else { 60 };
        self.until = Some(self.now + SignedDuration::from_secs(takes));
    }

    pub(super) fn look(&self, needs: &Needs) -> Look {
        let updating = self.until.is_some();
        let component = matches!(self.thing, Thing::Component(_));
        let (current, desired) = if component {
            (1, 1)
        } else {
            (self.current, self.desired)
        };
        let endpoint = Endpoint {
            name: "images".to_owned(),
            arn: "arn:aws:sagemaker:us-east-1:111122223333:endpoint/images".to_owned(),
            config: Some("images-1".to_owned()),
            pending: None,
            status: if updating && !component {
                EndpointStatus::Updating
            } else {
                EndpointStatus::InService
            },
            failure_reason: self.failure.clone().filter(|_| !component),
            created: at(-10_000),
            modified: at(-10_000),
            variants: vec![Variant {
                name: "main".to_owned(),
                current_weight: 1.0,
                desired_weight: 1.0,
                current_instances: Some(current),
                desired_instances: Some(desired),
                serverless: false,
            }],
            asynchronous: !component,
        };
        let seen = |needs: &ThingNeeds| ThingSeen {
            component: component.then(|| {
                Known::Yes(Some(CopiesSeen {
                    endpoint: "images".to_owned(),
                    status: if updating { "Updating" } else { "InService" }.to_owned(),
                    failure: self.failure.clone(),
                    current: Some(self.current),
                    desired: Some(self.desired),
                }))
            }),
            scaling: needs.scaling.then(|| Known::Yes(self.scaling.clone())),
            minutes: needs.minutes.map(|from| {
                // They are in order.
                let first = self.minutes.partition_point(|minute| minute.at < from);
                Known::Yes(self.minutes[first..].to_vec())
            }),
            awaited: self.awaited,
            activities: needs
                .activities
                .map(|from| Known::Yes(self.activities.iter().filter(|one| one.at >= from).cloned().collect())),
        };
        Look {
            at: self.now,
            endpoint: Known::Yes(self.exists.then_some(endpoint)),
            things: needs
                .things
                .iter()
                .map(|(thing, needs)| (thing.clone(), seen(needs)))
                .collect(),
            pools: needs.pools.then(|| Known::Yes(self.pools.clone())),
        }
    }

    pub(super) fn take(&mut self, effect: &Effect, fault: Fault) -> Outcome {
        match fault {
            Fault::LostBefore => return Outcome::Later("no answer".to_owned()),
            Fault::Refused => return Outcome::Refused("AccessDenied".to_owned()),
            Fault::None | Fault::LostAfter => {}
        }
        let answer = self.act(effect);
        match fault {
            Fault::LostAfter => Outcome::Later("no answer".to_owned()),
            _ => answer,
        }
    }

    fn act(&mut self, effect: &Effect) -> Outcome {
        if let Effect::Claim(slot) = effect {
            return match self.slots.claim(slot, self.most, self.now) {
                Ok(()) => Outcome::Accepted,
                Err(full) => Outcome::Later(full.to_string()),
            };
        }
        if let Effect::Release(id) = effect {
            self.slots.release(id);
            return Outcome::Accepted;
        }
        if self.leased {
            return Outcome::Later("the lease is held by traffic-shifter/images".to_owned());
        }
        self.calls.push(effect.to_string());
        match effect {
            Effect::RaiseMinimum(_, min) | Effect::RestoreMinimum(_, min) => {
                let Some(scaling) = &mut self.scaling else {
                    return Outcome::Refused("No scalable target registered".to_owned());
                };
                if *min > scaling.max {
                    return Outcome::Refused("the maximum is less than the minimum".to_owned());
                }
                scaling.min = *min;
                self.move_into_range();
                Outcome::Accepted
            }
            Effect::Nudge(_) => {
                self.move_into_range();
                Outcome::Accepted
            }
            Effect::SetCount(_, count) => {
                if self.until.is_some() {
                    return Outcome::Later("Cannot update in-progress endpoint".to_owned());
                }
                self.change(*count);
                Outcome::Accepted
            }
            Effect::Claim(_) | Effect::Release(_) => Outcome::Accepted,
        }
    }

    fn move_into_range(&mut self) {
        let Some(scaling) = &self.scaling else { return };
        let within = self.desired.clamp(scaling.min, scaling.max.max(scaling.min));
        // An endpoint that updates cannot be scaled; the service does not come back to it by itself.
        if within != self.desired && self.until.is_none() {
            self.change(within);
        }
    }
}
