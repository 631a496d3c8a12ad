//! AWS in the small world: what it shows, what it takes, and what becomes of that.

use std::time::Duration;

use super::{ENDPOINT, Fake, minutes, variant};
use crate::{
    analysis::{Analysis, CheckResult, Missing, Verdict},
    endpoint::{Endpoint, EndpointStatus},
    rollout::{
        effect::{ActOutcome, ConfigPlan, Effect},
        look::{
            Action, AlarmSeen, ComponentSeen, ConfigSeen, ConfigVariantSeen, HealthSeen, Known, Look, Needs, Search,
            SmokeSeen, Users, Watched,
        },
    },
    scaling::{Scaling, ScalingRule},
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

fn known_text(blind: bool, text: &str) -> Known<Vec<String>> {
    if blind {
        Known::No("throttled".to_owned())
    } else {
        Known::Yes(vec![text.to_owned()])
    }
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
    pub(in crate::rollout) fn look(&self, needs: &Needs) -> Look {
        let known = |yes| {
            if self.blind {
                Known::No("throttled".to_owned())
            } else {
                Known::Yes(yes)
            }
        };
        let endpoint = if self.blind {
            Known::No("throttled".to_owned())
        } else {
            Known::Yes(self.endpoint.clone())
        };
        let configs = needs
            .every_config(&endpoint)
            .into_iter()
            .map(|name| {
                let config = self.configs.get(&name).cloned();
                (
                    name,
                    if self.blind {
                        Known::No("throttled".to_owned())
                    } else {
                        Known::Yes(config)
                    },
                )
            })
            .collect();
        Look {
            at: self.now,
            needed: needs.search(&endpoint, &configs).map(|_| self.needed.clone()),
            users: needs.search(&endpoint, &configs).map(|search| self.users(&search)),
            endpoint,
            configs,
            scaling: needs
                .scaling
                .iter()
                .map(|name| {
                    let scaling = self.scaling.get(name).cloned().map(|scaling| self.triggered(scaling));
                    (
                        name.clone(),
                        if self.blind {
                            Known::No("throttled".to_owned())
                        } else {
                            Known::Yes(scaling)
                        },
                    )
                })
                .collect(),
            alarms: known(
                needs
                    .alarms
                    .iter()
                    .filter_map(|name| {
                        if let Some(trigger) = self.triggers.get(name) {
                            return Some(trigger.clone());
                        }
                        Some(AlarmSeen {
                            name: name.clone(),
                            state: match *self.alarms.get(name)? {
                                _ if self.no_data.contains(name) => AlarmState::InsufficientData,
                                true => AlarmState::Alarm,
                                false => AlarmState::Ok,
                            },
                            reason: "threshold crossed".to_owned(),
                            since: None,
                            watches: self
                                .watched
                                .iter()
                                .map(|variant| Watched {
                                    endpoint: Some(ENDPOINT.to_owned()),
                                    variant: Some(variant.clone()),
                                })
                                .collect(),
                            missing: self.missing,
                            actions: Vec::new(),
                        })
                    })
                    .collect(),
            ),
            asked: needs.alarms.clone(),
            analysis: needs.analysis.as_ref().map(|_| self.analysis()),
            smoke: needs.smoke.as_ref().map(|_| self.probed()),
            components: needs
                .components
                .iter()
                .map(|name| (name.clone(), Known::Yes(self.components.get(name).cloned())))
                .collect(),
            models: needs
                .models
                .iter()
                .map(|name| (name.clone(), Known::Yes(self.models.contains(name))))
                .collect(),
            green: needs.asks_green(Some(&self.health)).map(|_| self.probed()),
            health: needs.health.then(|| self.checked()),
            alone: needs
                .alone
                .as_ref()
                .map(|_| known_text(self.blind, "errors: at most 1% without blue")),
        }
    }

    fn probed(&self) -> Known<SmokeSeen> {
        if self.mute {
            return Known::No("throttled".to_owned());
        }
        Known::Yes(SmokeSeen {
            passed: self.healthy,
            said: vec![if self.healthy { "golden: 200" } else { "golden: 500" }.to_owned()],
        })
    }

    /// What the health checker knows, measured just now while it runs.
    fn checked(&self) -> Known<Option<HealthSeen>> {
        let mut health = self.health.clone();
        if let Known::Yes(Some(seen)) = &mut health {
            seen.counted = Some(self.unchecked.unwrap_or(self.now));
        }
        health
    }

    /// With the alarms that name its step policies.
    fn triggered(&self, mut scaling: Scaling) -> Scaling {
        for policy in &mut scaling.policies {
            if let (ScalingRule::Step { .. }, Some(arn)) = (&policy.rule, &policy.arn) {
                let names = |seen: &&AlarmSeen| seen.actions.iter().any(|action| action.arn == *arn);
                let alarms = self.triggers.values().filter(names).map(|seen| seen.name.clone());
                policy.alarms = alarms.collect();
            }
        }
        scaling
    }

    fn users(&self, search: &Search) -> Known<Users> {
        let Some(others) = &self.others else {
            return Known::No("throttled".to_owned());
        };
        let mut users = Users::new();
        for (endpoint, config) in others.iter().filter(|(_, config)| search.configs.contains(*config)) {
            users.entry(config.clone()).or_default().insert(endpoint.clone());
        }
        Known::Yes(users)
    }

    fn analysis(&self) -> Known<Analysis> {
        if self.blind {
            return Known::No("throttled".to_owned());
        }
        let check = CheckResult {
            name: "errors against blue".to_owned(),
            verdict: self.verdict,
            dry_run: false,
            missing: (self.verdict == Verdict::Inconclusive).then_some(Missing::Requests),
            since: (self.verdict == Verdict::Fail).then_some(self.now),
            said: "1 of 100 requests failed".to_owned(),
        };
        Known::Yes(Analysis {
            verdict: self.verdict,
            checks: vec![check],
        })
    }

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
                    !needed.contains_key(name),
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
