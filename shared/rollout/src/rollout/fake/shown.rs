//! What the small world shows to whoever looks.

use super::{ENDPOINT, Fake};
use crate::{
    analysis::{Analysis, CheckResult, Missing, Verdict},
    rollout::look::{AlarmSeen, HealthSeen, Known, Look, Needs, Search, SmokeSeen, Users, Watched},
    scaling::{Scaling, ScalingRule},
    trigger::AlarmState,
};

fn known_text(blind: bool, text: &str) -> Known<Vec<String>> {
    if blind {
        Known::No("throttled".to_owned())
    } else {
        Known::Yes(vec![text.to_owned()])
    }
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
        let green = needs.asks_green(Some(&self.health)).map(|_| self.probed());
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
            answers: needs
                .asks_metrics(green.as_ref())
                .map(|(window, policy)| self.traffic.judged(window, policy)),
            green,
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
}
