//! SageMaker, Application Auto Scaling and CloudWatch as far as one endpoint's rollout can tell: small enough to try
//! everything, strict where AWS is.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use steward::{endpoint::EndpointStatus, scaling::Suspended};

/// Time moves by so much at once: enough for one whole minute of metrics after anything that just happened.
pub(crate) const STEP: u16 = 2;

/// The endpoint.
pub(crate) const ENDPOINT: &str = "e";

/// The alarm that policies name.
pub(crate) const ALARM: &str = "errors";

/// The alarm of the step policy.
pub(crate) const TRIGGER: &str = "backlog";

/// Everything outside Steward.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    /// Minutes since the beginning.
    pub(crate) minute: u16,
    /// Changes in this minute; a millisecond each, so that what comes later is later.
    pub(crate) changes: u16,
    /// There is an endpoint.
    pub(crate) exists: bool,
    /// `EndpointStatus`.
    pub(crate) status: EndpointStatus,
    /// `EndpointConfigName`.
    pub(crate) config: String,
    /// `LastModifiedTime`.
    pub(crate) modified: Timestamp,
    /// The variants that serve.
    pub(crate) fleets: BTreeMap<String, Fleet>,
    /// What SageMaker is doing.
    pub(crate) work: Option<Work>,
    /// Endpoint configs.
    pub(crate) configs: BTreeMap<String, Vec<Declared>>,
    /// Scalable targets, by variant.
    pub(crate) targets: BTreeMap<String, Target>,
    /// [`ALARM`] is in ALARM.
    pub(crate) alarming: bool,
    /// The alarm has no data.
    pub(crate) mute: bool,
    /// When it last went there.
    pub(crate) rang: Option<Timestamp>,
    /// The abort alarm, and whether it is in ALARM.
    pub(crate) abort: Option<(String, bool)>,
    /// The alarm of blue's step policy, where the setup has one.
    pub(crate) trigger: Option<Trigger>,
    /// How many scalable targets were registered; counted only where there is a trigger.
    pub(crate) registered: u8,
    /// The inference component, where the setup has one.
    pub(crate) component: Option<Component>,
    /// What metrics and probes say of green.
    pub(crate) green: Quality,
    /// There are no further instances: a change that needs some ends where it began.
    pub(crate) short: bool,
    /// A quota is used up: no other config is taken, now and for long.
    pub(crate) quota: bool,
}

/// One variant's instances.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Fleet {
    pub(crate) model: String,
    /// Ten-thousandths of 1.0.
    pub(crate) weight: u32,
    pub(crate) desired_weight: u32,
    pub(crate) count: u32,
    pub(crate) desired: u32,
}

/// One variant of a config.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Declared {
    pub(crate) name: String,
    pub(crate) model: String,
    pub(crate) count: u32,
    pub(crate) weight: u32,
}

/// A change that SageMaker has taken.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Work {
    /// Weights or a count; what to go back to.
    Capacity(BTreeMap<String, Fleet>),
    /// Another config, with the alarms that take it back.
    Config {
        name: String,
        fleets: BTreeMap<String, Fleet>,
        alarms: Vec<String>,
    },
    /// A change that did not work is being undone.
    Undoing,
    /// AWS maintenance.
    Maintenance,
}

/// One scalable target.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    pub(crate) min: u32,
    pub(crate) max: u32,
    pub(crate) suspended: Suspended,
    /// With its policies.
    pub(crate) whole: bool,
    /// Which registration it is: a part of its policies' ARNs.
    pub(crate) id: u8,
}

/// An alarm that a step policy scales by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Trigger {
    /// The variant whose policy it triggers.
    pub(crate) variant: String,
    /// Of which registration.
    pub(crate) id: u8,
    /// It does still: the action goes with the policy.
    pub(crate) acts: bool,
    /// The variant whose metric it watches.
    pub(crate) watches: String,
}

/// One inference component.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Component {
    pub(crate) model: String,
    /// The model it is being updated to, with the alarms that take it back.
    pub(crate) pending: Option<(String, Vec<String>)>,
    pub(crate) failed: bool,
    /// An update ended with the model it began with.
    pub(crate) undone: bool,
}

/// What metrics and probes say of green.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Quality {
    /// The analysis passes, probes pass.
    Good,
    /// The analysis fails.
    Worse,
    /// The analysis has too little to say.
    Silent,
    /// Probes fail.
    Sick,
}

impl World {
    /// One variant `blue` with two instances, carrying everything, with or without autoscaling.
    pub(crate) fn new(scaled: bool) -> Self {
        let blue = Declared {
            name: "blue".to_owned(),
            model: "m1".to_owned(),
            count: 2,
            weight: 10_000,
        };
        let fleets = BTreeMap::from([(blue.name.clone(), blue.fleet())]);
        let target = Target {
            min: 1,
            max: 4,
            suspended: Suspended::default(),
            whole: true,
            id: 0,
        };
        Self {
            minute: 0,
            changes: 0,
            exists: true,
            status: EndpointStatus::InService,
            config: "c0".to_owned(),
            modified: instant(0, 0) - Duration::from_secs(3600),
            fleets,
            work: None,
            configs: BTreeMap::from([("c0".to_owned(), vec![blue])]),
            targets: if scaled {
                BTreeMap::from([("blue".to_owned(), target)])
            } else {
                BTreeMap::new()
            },
            alarming: false,
            mute: false,
            rang: None,
            abort: None,
            trigger: None,
            registered: 0,
            component: None,
            green: Quality::Good,
            short: false,
            quota: false,
        }
    }

    /// Now.
    pub(crate) fn now(&self) -> Timestamp {
        instant(self.minute, self.changes)
    }

    /// Time passes.
    pub(crate) fn pass(&mut self, minutes: u16) {
        self.minute += minutes;
        self.changes = 0;
    }

    pub(crate) fn touch(&mut self) {
        self.changes += 1;
        self.modified = self.now();
    }

    /// The config that SageMaker is working toward.
    pub(crate) fn pending(&self) -> Option<&str> {
        match &self.work {
            Some(Work::Config { name, .. }) => Some(name),
            _ => None,
        }
    }

    /// The alarm scales this variant: it triggers a policy of it that is there, and watches it.
    ///
    /// # Errors
    /// What it does instead.
    pub(crate) fn triggered(&self, variant: &str) -> Result<(), String> {
        let Some(trigger) = &self.trigger else {
            return Ok(());
        };
        let alive = self.targets.get(variant).is_some_and(|target| target.id == trigger.id);
        if trigger.acts && trigger.variant == variant && trigger.watches == variant && alive {
            Ok(())
        } else {
            Err(format!("the alarm does not scale {variant}: {trigger:?}"))
        }
    }

    /// The variants as wished last.
    pub(crate) fn wished(&self) -> &BTreeMap<String, Fleet> {
        match &self.work {
            Some(Work::Config { fleets, .. }) => fleets,
            _ => &self.fleets,
        }
    }

    /// What SageMaker is at work on needs instances that there are none of: another config a whole fleet beside this one.
    pub(crate) fn lacks_instances(&self) -> bool {
        self.short
            && match &self.work {
                Some(Work::Config { .. }) => true,
                Some(Work::Capacity(_)) => self.fleets.values().any(|fleet| fleet.desired > fleet.count),
                _ => false,
            }
    }

    /// A variant's share by the weights wished last, in ten-thousandths.
    pub(crate) fn share(&self, variant: &str) -> u32 {
        let fleets = self.wished();
        let total: u32 = fleets.values().map(|fleet| fleet.desired_weight).sum();
        let its = fleets.get(variant).map_or(0, |fleet| fleet.desired_weight);
        (its * 10_000).checked_div(total).unwrap_or(0)
    }
}

impl Declared {
    pub(crate) fn fleet(&self) -> Fleet {
        Fleet {
            model: self.model.clone(),
            weight: self.weight,
            desired_weight: self.weight,
            count: self.count,
            desired: self.count,
        }
    }
}

/// The world begins on a whole minute.
pub(crate) fn instant(minute: u16, changes: u16) -> Timestamp {
    Timestamp::UNIX_EPOCH
        + Duration::from_secs(1_767_225_600 + u64::from(minute) * 60)
        + Duration::from_millis(u64::from(changes))
}
