//! SageMaker in the small world: what it takes, and what becomes of that.

use std::time::Duration;

use super::{Fake, minutes, variant};
use crate::{
    endpoint::{Endpoint, EndpointStatus},
    rollout::{
        effect::{ActOutcome, ConfigPlan, Effect},
        look::{Action, ComponentSeen, ConfigSeen, ConfigVariantSeen},
    },
    trigger::AlarmState,
};

/// How the next update of the endpoint ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rollout) enum Fate {
    /// As asked.
    Done,
    /// Back to what was before, without a word.
    TakenBack,
    /// `Failed`.
    Failed,
}

/// What comes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rollout) enum Call {
    /// It works, and says so.
    Works,
    /// It does not reach AWS.
    Lost,
    /// It works, and the answer is lost: the function dies.
    Dies,
    /// It works, and the answer says "again later".
    Mumbles,
    /// AWS will never take it.
    Refused,
    /// A quota is used up: not now, and for nobody knows how long.
    Quota,
}

/// A change that SageMaker works on.
#[derive(Clone, Debug)]
pub(in crate::rollout) struct Change {
    after: Endpoint,
    before: Endpoint,
    fate: Fate,
    component: Option<(String, ComponentSeen)>,
}

impl Fake {
    /// `None`: the function died.
    pub(super) fn act(&mut self, effect: &Effect) -> Option<ActOutcome> {
        self.effects.push(effect.clone());
        self.is_allowed(effect);
        match self.calls.pop_front().unwrap_or(Call::Works) {
            Call::Works => Some(self.apply(effect)),
            Call::Lost => Some(ActOutcome::Later("no answer".to_owned())),
            Call::Dies => {
                self.apply(effect);
                None
            }
            Call::Mumbles => {
                self.apply(effect);
                Some(ActOutcome::Later("no answer".to_owned()))
            }
            Call::Refused => Some(ActOutcome::Refused("AccessDeniedException".to_owned())),
            Call::Quota => Some(ActOutcome::Later("ResourceLimitExceeded".to_owned())),
        }
    }

    fn apply(&mut self, effect: &Effect) -> ActOutcome {
        let busy = || ActOutcome::Later("Cannot update in-progress endpoint".to_owned());
        let settled = self.endpoint().status == EndpointStatus::InService;
        match effect {
            Effect::CreateConfig(plan) => return self.create(plan),
            Effect::UpdateEndpoint { config, .. } => {
                if !settled {
                    return busy();
                }
                let Some(seen) = self.configs.get(config) else {
                    return ActOutcome::Refused(format!("Could not find endpoint configuration {config}"));
                };
                let before = self.endpoint().clone();
                for live in &before.variants {
                    let kept = seen.variants.iter().any(|variant| variant.name == live.name);
                    if !kept && self.scaling.contains_key(&live.name) {
                        return ActOutcome::Refused(format!("{} is registered as a scalable target", live.name));
                    }
                }
                let mut after = before.clone();
                after.config = Some(config.clone());
                after.variants = seen
                    .variants
                    .iter()
                    .map(|new| {
                        let kept = before.variants.iter().find(|live| live.name == new.name).cloned();
                        kept.unwrap_or_else(|| variant(&new.name, new.weight, new.instances.unwrap_or(1)))
                    })
                    .collect();
                self.begin(after, Some(config.clone()));
            }
            Effect::SetWeights(weights) => {
                if !settled {
                    return busy();
                }
                let mut after = self.endpoint().clone();
                for (name, weight) in weights {
                    let Some(variant) = after.variants.iter_mut().find(|variant| variant.name == *name) else {
                        return ActOutcome::Refused(format!("no variant {name}"));
                    };
                    // As SageMaker keeps it.
                    variant.current_weight = f64::from(*weight as f32);
                    variant.desired_weight = variant.current_weight;
                }
                assert!(
                    after.variants.iter().any(|v| v.current_weight > 0.0),
                    "all weights are zero"
                );
                self.begin(after, None);
            }
            Effect::SetInstances { variant, count } => {
                if !settled {
                    return busy();
                }
                let mut after = self.endpoint().clone();
                for live in after.variants.iter_mut().filter(|live| live.name == *variant) {
                    live.current_instances = Some(*count);
                    live.desired_instances = Some(*count);
                }
                self.begin(after, None);
            }
            Effect::Scale { variant, scaling } => {
                // What is there and not wanted stays.
                let mut made = match self.scaling.get(variant) {
                    Some(there) => scaling.completed(there),
                    None => scaling.clone(),
                };
                let there = self.scaling.get(variant).map(|there| there.policies.clone());
                for policy in &mut made.policies {
                    let mut there = there.iter().flatten();
                    let same = there.find(|there| there.name == policy.name);
                    policy.arn = same.and_then(|same| same.arn.clone());
                }
                self.scaling.insert(variant.clone(), made);
                self.register(variant);
            }
            Effect::Suspend { variant, suspended } => {
                if let Some(scaling) = self.scaling.get_mut(variant) {
                    scaling.suspended = *suspended;
                }
            }
            Effect::Unscale { variant } => {
                let gone = self.scaling.remove(variant).filter(|_| !self.keeps_actions);
                let gone = gone.into_iter().flat_map(|scaling| scaling.policies);
                let gone: Vec<String> = gone.filter_map(|policy| policy.arn).collect();
                for seen in self.triggers.values_mut() {
                    seen.actions.retain(|action| !gone.contains(&action.arn));
                }
            }
            Effect::Point { .. } if self.stubborn => return ActOutcome::Refused("AccessDenied".to_owned()),
            Effect::Point { alarm, at } => {
                if let Some(seen) = self.triggers.get_mut(alarm) {
                    if at.moves_metrics(&seen.watches) {
                        seen.watches[0].variant = Some(at.variant.clone());
                    }
                    let lists = [AlarmState::Alarm, AlarmState::Ok, AlarmState::InsufficientData];
                    let pointed = lists.into_iter().flat_map(|on| {
                        let actions = seen.actions.iter().filter(|action| action.on == on);
                        let is: Vec<String> = actions.map(|action| action.arn.clone()).collect();
                        at.actions(on, &is).into_iter().map(move |arn| Action { on, arn })
                    });
                    seen.actions = pointed.collect();
                }
            }
            Effect::DeleteConfig(name) => {
                let live = self.endpoint();
                assert_ne!(live.config.as_ref(), Some(name), "the live config is deleted");
                assert_ne!(live.pending.as_ref(), Some(name), "the coming config is deleted");
                assert_ne!(
                    self.ledger.last_good.as_ref(),
                    Some(name),
                    "the last good config is deleted"
                );
                let others = self.others.as_ref().expect("deleted without knowing who uses it");
                let needed = self.needed.yes().expect("deleted without knowing who needs it");
                assert!(
                    !needed.by.contains_key(name),
                    "a config is deleted that somebody has to go back to"
                );
                assert!(others.values().all(|used| used != name), "a config in use is deleted");
                self.configs.remove(name);
            }
            Effect::UpdateComponent {
                component: name,
                model,
                deployment,
            } => {
                let endpoint = self.endpoint().clone();
                let Some(component) = self.components.get_mut(name) else {
                    return ActOutcome::Refused("no component".to_owned());
                };
                if component.status != "InService" {
                    return busy();
                }
                component.guards = deployment.alarms.iter().cloned().collect();
                component.modified = Some(self.now);
                let mut ends = component.clone();
                let fate = self.fates.pop_front().unwrap_or(Fate::Done);
                if fate == Fate::Done {
                    ends.model = Some(model.clone());
                }
                component.status = "Updating".to_owned();
                self.change = Some((
                    self.now.checked_add(self.slow).unwrap(),
                    Box::new(Change {
                        after: endpoint.clone(),
                        before: endpoint,
                        fate,
                        component: Some((name.clone(), ends)),
                    }),
                ));
            }
            Effect::PutAbortAlarm(name) => {
                self.alarms.entry(name.clone()).or_insert(false);
            }
            Effect::TripAlarm { alarm, .. } => {
                self.alarms.insert(alarm.clone(), true);
                if let Some((ends, change)) = &mut self.change {
                    change.fate = Fate::TakenBack;
                    *ends = (*ends).min(self.now.checked_add(minutes(2)).unwrap());
                }
            }
            Effect::DeleteAlarm(name) => {
                self.alarms.remove(name);
            }
        }
        ActOutcome::Accepted
    }

    fn create(&mut self, plan: &ConfigPlan) -> ActOutcome {
        let Some(from) = self.configs.get(&plan.from).cloned() else {
            return ActOutcome::Refused(format!("no config {}", plan.from));
        };
        let variants = plan.variants.iter().map(|variant| {
            let like = from.variants.iter().find(|like| like.name == variant.like)?;
            Some(ConfigVariantSeen {
                name: variant.name.clone(),
                model: variant.model.clone().or_else(|| like.model.clone()),
                instance_type: variant.instance_type.clone().or_else(|| like.instance_type.clone()),
                instances: variant.instances,
                weight: variant.weight,
                overridden: like.overridden && variant.instance_type.is_none(),
            })
        });
        let variants: Option<Vec<ConfigVariantSeen>> = variants.collect();
        let Some(variants) = variants else {
            return ActOutcome::Refused(format!("{plan:?} is like no variant of its config"));
        };
        let made = ConfigSeen { variants, ..from };
        match self.configs.insert(plan.name.clone(), made.clone()) {
            Some(there) if there != made => ActOutcome::Refused("Cannot create already existing config".to_owned()),
            _ => ActOutcome::Accepted,
        }
    }

    fn begin(&mut self, after: Endpoint, pending: Option<String>) {
        let before = self.endpoint().clone();
        let now = self.now;
        let fate = self.fates.pop_front().unwrap_or(Fate::Done);
        self.change = Some((
            now.checked_add(self.slow).unwrap(),
            Box::new(Change {
                after,
                before,
                fate,
                component: None,
            }),
        ));
        let endpoint = self.endpoint_mut();
        endpoint.status = EndpointStatus::Updating;
        endpoint.pending = pending;
        endpoint.modified = now;
    }

    /// Time passes; SageMaker goes on.
    pub(in crate::rollout) fn pass(&mut self, span: Duration) {
        self.now = self.now.checked_add(span).unwrap();
        if let Some((ends, change)) = self.change.clone()
            && self.now >= ends
        {
            self.change = None;
            if let Some((name, component)) = change.component {
                let modified = Some(self.now);
                self.components.insert(name, ComponentSeen { modified, ..component });
                return;
            }
            let now = self.now;
            let (mut endpoint, status) = match change.fate {
                Fate::Done => (change.after, EndpointStatus::InService),
                Fate::TakenBack => (change.before, EndpointStatus::InService),
                Fate::Failed => (change.before, EndpointStatus::Failed),
            };
            endpoint.status = status;
            endpoint.pending = None;
            endpoint.modified = now;
            self.endpoint = Some(endpoint);
        }
    }
}
