//! SageMaker, Application Auto Scaling and CloudWatch as far as one endpoint's rollout can tell: small enough to try
//! everything, strict where AWS is.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use shared::{
    endpoint::EndpointStatus,
    rollout::effect::{ActOutcome, ConfigPlan, Effect},
    scaling::{Scaling, Suspended},
};

/// Time moves by so much at once: enough for one whole minute of metrics after anything that just happened.
pub(crate) const STEP: u16 = 2;

/// The endpoint.
pub(crate) const ENDPOINT: &str = "e";

/// The alarm that policies name.
pub(crate) const ALARM: &str = "errors";

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
    /// When it last went there.
    pub(crate) rang: Option<Timestamp>,
    /// The abort alarm, and whether it is in ALARM.
    pub(crate) abort: Option<(String, bool)>,
    /// The inference component, where the setup has one.
    pub(crate) component: Option<Component>,
    /// What metrics and probes say of green.
    pub(crate) green: Quality,
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

/// How a call meets AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Luck {
    /// As AWS documents it.
    Fair,
    /// Throttled, cut before the effect, or no lease.
    CutBefore,
    /// Cut after the effect; of several calls after the first one.
    CutAfter,
    /// A quota, a missing permission.
    Refused,
}

fn parts(weight: f64) -> u32 {
    (weight * 10_000.0).round() as u32
}

fn refused(said: impl Into<String>) -> ActOutcome {
    ActOutcome::Refused(said.into())
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
            rang: None,
            abort: None,
            component: None,
            green: Quality::Good,
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

    fn touch(&mut self) {
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

    /// The variants as wished last.
    pub(crate) fn wished(&self) -> &BTreeMap<String, Fleet> {
        match &self.work {
            Some(Work::Config { fleets, .. }) => fleets,
            _ => &self.fleets,
        }
    }

    /// A variant's share by the weights wished last, in ten-thousandths.
    pub(crate) fn share(&self, variant: &str) -> u32 {
        let fleets = self.wished();
        let total: u32 = fleets.values().map(|fleet| fleet.desired_weight).sum();
        let its = fleets.get(variant).map_or(0, |fleet| fleet.desired_weight);
        (its * 10_000).checked_div(total).unwrap_or(0)
    }

    /// The call as AWS answers it.
    pub(crate) fn act(&mut self, effect: &Effect, luck: Luck) -> ActOutcome {
        match luck {
            Luck::Fair => self.call(effect, false),
            Luck::CutBefore => ActOutcome::Later("cut before it took effect".to_owned()),
            Luck::CutAfter => {
                self.call(effect, true);
                ActOutcome::Later("cut after it took effect".to_owned())
            }
            Luck::Refused => refused("ResourceLimitExceeded"),
        }
    }

    fn call(&mut self, effect: &Effect, partly: bool) -> ActOutcome {
        let on_endpoint = matches!(
            effect,
            Effect::UpdateEndpoint { .. } | Effect::SetWeights(_) | Effect::SetInstances { .. }
        );
        if on_endpoint && !self.exists {
            return refused("Could not find endpoint");
        }
        if on_endpoint && self.status == EndpointStatus::Failed {
            return refused("Cannot update an endpoint that is Failed");
        }
        if on_endpoint && self.status != EndpointStatus::InService {
            return ActOutcome::Later("Cannot update in-progress endpoint".to_owned());
        }
        match effect {
            Effect::CreateConfig(plan) => self.create(plan),
            Effect::UpdateEndpoint { config, deployment } => {
                let alarms = deployment.as_ref().map(|it| it.alarms.clone()).unwrap_or_default();
                self.update(config, alarms)
            }
            Effect::SetWeights(weights) => self.weights(weights),
            Effect::SetInstances { variant, count } => self.instances(variant, *count),
            Effect::Scale { variant, scaling } => self.scale(variant, scaling, partly),
            Effect::Suspend { variant, suspended } => match self.targets.get_mut(variant) {
                Some(target) => {
                    target.suspended = *suspended;
                    ActOutcome::Accepted
                }
                None => refused("MinCapacity and MaxCapacity are required for a new scalable target"),
            },
            Effect::Unscale { variant } => {
                self.targets.remove(variant);
                ActOutcome::Accepted
            }
            Effect::DeleteConfig(name) => {
                self.configs.remove(name);
                ActOutcome::Accepted
            }
            Effect::UpdateComponent { model, deployment, .. } => self.update_component(model, &deployment.alarms),
            Effect::PutAbortAlarm(name) => {
                self.abort.get_or_insert_with(|| (name.clone(), false));
                ActOutcome::Accepted
            }
            Effect::TripAlarm { alarm, .. } => match &mut self.abort {
                Some((name, tripped)) if name == alarm => {
                    *tripped = true;
                    ActOutcome::Accepted
                }
                _ => refused("ResourceNotFound"),
            },
            Effect::DeleteAlarm(_) => {
                self.abort = None;
                ActOutcome::Accepted
            }
        }
    }

    fn create(&mut self, plan: &ConfigPlan) -> ActOutcome {
        let Some(from) = self.configs.get(&plan.from) else {
            return refused(format!("Could not find endpoint configuration {}", plan.from));
        };
        let mut declared = Vec::new();
        for variant in &plan.variants {
            let Some(like) = from.iter().find(|old| old.name == variant.like) else {
                return refused(format!("{} has no variant {}", plan.from, variant.like));
            };
            declared.push(Declared {
                name: variant.name.clone(),
                model: variant.model.clone().unwrap_or_else(|| like.model.clone()),
                count: variant.instances.unwrap_or(like.count),
                weight: parts(variant.weight),
            });
        }
        match self.configs.get(&plan.name) {
            Some(there) if *there != declared => refused(format!("{} exists with another content", plan.name)),
            _ => {
                self.configs.insert(plan.name.clone(), declared);
                ActOutcome::Accepted
            }
        }
    }

    fn update(&mut self, config: &str, alarms: Vec<String>) -> ActOutcome {
        let Some(declared) = self.configs.get(config) else {
            return refused(format!("Could not find endpoint configuration {config}"));
        };
        if config == self.config {
            return refused(format!("{config} is in use already"));
        }
        let stays = |variant: &String| declared.iter().any(|new| new.name == *variant);
        if let Some(scaled) = self.targets.keys().find(|variant| !stays(variant)) {
            return refused(format!("{scaled} has a scalable target: deregister it first"));
        }
        let fleets = declared
            .iter()
            .map(|new| {
                let fleet = self.fleets.get(&new.name).map_or_else(
                    || new.fleet(),
                    |old| Fleet {
                        model: new.model.clone(),
                        ..old.clone()
                    },
                );
                (new.name.clone(), fleet)
            })
            .collect();
        self.work = Some(Work::Config {
            name: config.to_owned(),
            fleets,
            alarms,
        });
        self.status = EndpointStatus::Updating;
        self.touch();
        ActOutcome::Accepted
    }

    fn weights(&mut self, weights: &BTreeMap<String, f64>) -> ActOutcome {
        if let Some(unknown) = weights.keys().find(|variant| !self.fleets.contains_key(*variant)) {
            return refused(format!("Could not find variant {unknown}"));
        }
        self.capacity(|fleets| {
            for (variant, weight) in weights {
                if let Some(fleet) = fleets.get_mut(variant) {
                    fleet.desired_weight = parts(*weight);
                }
            }
        });
        ActOutcome::Accepted
    }

    fn instances(&mut self, variant: &str, count: u32) -> ActOutcome {
        if !self.fleets.contains_key(variant) {
            return refused(format!("Could not find variant {variant}"));
        }
        self.capacity(|fleets| {
            if let Some(fleet) = fleets.get_mut(variant) {
                fleet.desired = count;
            }
        });
        ActOutcome::Accepted
    }

    /// `UpdateEndpointWeightsAndCapacities`, by whomever.
    pub(crate) fn capacity(&mut self, change: impl FnOnce(&mut BTreeMap<String, Fleet>)) {
        let before = self.fleets.clone();
        change(&mut self.fleets);
        self.work = Some(Work::Capacity(before));
        self.status = EndpointStatus::Updating;
        self.touch();
    }

    fn scale(&mut self, variant: &str, scaling: &Scaling, partly: bool) -> ActOutcome {
        if !self.fleets.contains_key(variant) {
            return refused(format!("Could not find variant {variant}"));
        }
        let whole = (!partly && !scaling.policies.is_empty()) || self.targets.get(variant).is_some_and(|it| it.whole);
        let target = Target {
            min: scaling.min,
            max: scaling.max,
            suspended: scaling.suspended,
            whole,
        };
        self.targets.insert(variant.to_owned(), target);
        let range = scaling.min..=scaling.max;
        if self.status == EndpointStatus::InService && !range.contains(&self.fleets[variant].desired) {
            self.capacity(|fleets| {
                if let Some(fleet) = fleets.get_mut(variant) {
                    fleet.desired = fleet.desired.clamp(*range.start(), *range.end());
                }
            });
        }
        ActOutcome::Accepted
    }

    fn update_component(&mut self, model: &str, alarms: &[String]) -> ActOutcome {
        let Some(component) = &mut self.component else {
            return refused("Could not find inference component");
        };
        if component.pending.is_some() {
            return ActOutcome::Later("Cannot update in-progress inference component".to_owned());
        }
        if component.failed {
            return refused("Cannot update an inference component that is Failed");
        }
        component.pending = Some((model.to_owned(), alarms.to_vec()));
        component.undone = false;
        ActOutcome::Accepted
    }
}

impl Declared {
    fn fleet(&self) -> Fleet {
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
