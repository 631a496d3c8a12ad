//! The calls a rollout makes, as AWS answers them.

use std::collections::BTreeMap;

use steward::{
    endpoint::EndpointStatus,
    rollout::{
        effect::{ActOutcome, ConfigPlan, Effect},
        triggers::Pointing,
    },
    scaling::Scaling,
    trigger::AlarmState,
};

use super::{
    view::named,
    world::{Declared, Fleet, Target, Trigger, Work, World},
};

/// How a call meets AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Luck {
    /// As AWS documents it.
    Fair,
    /// Throttled, cut before the effect, or no lease.
    CutBefore,
    /// Cut after the effect; of several calls after the first one.
    CutAfter,
    /// A missing permission.
    Refused,
}

fn parts(weight: f64) -> u32 {
    (weight * 10_000.0).round() as u32
}

fn refused(said: impl Into<String>) -> ActOutcome {
    ActOutcome::Refused(said.into())
}

impl World {
    /// The call as AWS answers it.
    pub(crate) fn act(&mut self, effect: &Effect, luck: Luck) -> ActOutcome {
        match luck {
            Luck::Fair => self.call(effect, false),
            Luck::CutBefore => ActOutcome::Later("cut before it took effect".to_owned()),
            Luck::CutAfter => {
                self.call(effect, true);
                ActOutcome::Later("cut after it took effect".to_owned())
            }
            Luck::Refused => refused("AccessDeniedException"),
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
        if self.quota && matches!(effect, Effect::UpdateEndpoint { .. }) {
            return ActOutcome::Later("ResourceLimitExceeded".to_owned());
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
                let gone = self.targets.remove(variant);
                if let (Some(trigger), Some(gone)) = (&mut self.trigger, gone) {
                    trigger.acts &= (&trigger.variant, trigger.id) != (variant, gone.id);
                }
                ActOutcome::Accepted
            }
            Effect::Point { at, .. } => {
                self.point(at);
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
            id: match self.targets.get(variant) {
                Some(there) => there.id,
                None => {
                    self.registered += u8::from(self.trigger.is_some());
                    self.registered
                }
            },
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

    fn point(&mut self, at: &Pointing) {
        let watches = self.watched();
        let Some(trigger) = &mut self.trigger else { return };
        let pointed = at.actions(AlarmState::Alarm, &trigger.actions());
        let of_it = pointed.iter().find(|action| at.triggers(action));
        let Some((variant, id)) = of_it.and_then(|action| named(action)) else {
            return;
        };
        *trigger = Trigger {
            variant,
            id,
            acts: true,
            ..trigger.clone()
        };
        if at.moves_metrics(&watches) {
            trigger.watches.clone_from(&at.variant);
        }
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
