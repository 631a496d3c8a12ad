//! What Steward sees of the world when it looks.

use std::collections::BTreeMap;

use steward::{
    analysis::{Analysis, CheckResult, Missing, Verdict},
    endpoint::{Endpoint, EndpointStatus, Variant},
    health::ledger::Level,
    rollout::look::{
        Action, AlarmSeen, ComponentSeen, ConfigSeen, ConfigVariantSeen, HealthSeen, Known, Look, MissingData, Needs,
        SmokeSeen, Watched, WaysBack,
    },
    scaling::{Scaling, ScalingPolicy, ScalingRule, TrackedMetric},
    trigger::AlarmState,
};

use super::world::{ALARM, Component, Declared, ENDPOINT, Fleet, Quality, TRIGGER, Target, Trigger, World, instant};

/// What of it cannot be seen this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Blind {
    /// `DescribeEndpoint`, or `DescribeInferenceComponent`, fails.
    Endpoint,
    /// `DescribeAlarms` fails.
    Alarms,
    /// `GetMetricData` fails, and so does reading what the health checker knows.
    Metrics,
    /// The probes cannot be made.
    Probes,
    /// `DescribeScalableTargets` fails.
    Scaling,
    /// `DescribeEndpointConfig` fails.
    Configs,
}

impl Blind {
    /// All of them.
    pub(crate) const ALL: [Self; 6] = [
        Self::Endpoint,
        Self::Alarms,
        Self::Metrics,
        Self::Probes,
        Self::Scaling,
        Self::Configs,
    ];

    /// It would be noticed.
    pub(crate) fn matters(self, needs: &Needs) -> bool {
        match self {
            Self::Endpoint => true,
            Self::Alarms => !needs.alarms.is_empty(),
            Self::Metrics => needs.analysis.is_some() || needs.health,
            Self::Probes => needs.smoke.is_some(),
            Self::Scaling => !needs.scaling.is_empty(),
            Self::Configs => !needs.configs.is_empty(),
        }
    }
}

impl World {
    /// One look at what is needed.
    pub(crate) fn look(&self, needs: &Needs, blind: Option<Blind>) -> Look {
        // No other endpoint is in this world.
        let users = needs.users.as_ref().map(|_| Known::Yes(BTreeMap::new()));
        let endpoint = known(blind, Blind::Endpoint, || self.exists.then(|| self.endpoint()));
        Look {
            needed: needs.users.as_ref().map(|_| Known::Yes(WaysBack::default())),
            users,
            at: self.now(),
            configs: each(&needs.every_config(&endpoint), |name| {
                known(blind, Blind::Configs, || {
                    self.configs.get(name).map(|declared| ConfigSeen {
                        variants: declared.iter().map(Declared::seen).collect(),
                        shadowed: false,
                        tags: BTreeMap::new(),
                    })
                })
            }),
            endpoint,
            scaling: each(&needs.scaling, |variant| {
                known(blind, Blind::Scaling, || {
                    self.targets.get(variant).map(|target| self.scaling(variant, target))
                })
            }),
            alarms: known(blind, Blind::Alarms, || self.alarms(&needs.alarms)),
            asked: needs.alarms.clone(),
            analysis: needs
                .analysis
                .as_ref()
                .map(|_| known(blind, Blind::Metrics, || analysis(self.green))),
            smoke: needs
                .smoke
                .as_ref()
                .map(|_| known(blind, Blind::Probes, || probed(self.green))),
            components: each(&needs.components, |_| {
                known(blind, Blind::Endpoint, || {
                    self.component.as_ref().filter(|_| self.exists).map(Component::seen)
                })
            }),
            models: each(&needs.models, |_| Known::Yes(true)),
            green: needs
                .asks_green(Some(&Known::Yes(Some(self.health()))))
                .map(|_| known(blind, Blind::Probes, || probed(self.green))),
            health: needs
                .health
                .then(|| known(blind, Blind::Metrics, || Some(self.health()))),
            // Who is not heard tells by nothing else either: only when the blindness ends.
            answers: None,
            // For people only.
            alone: needs.alone.as_ref().map(|_| Known::Yes(Vec::new())),
        }
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint {
            name: ENDPOINT.to_owned(),
            arn: format!("arn:aws:sagemaker:eu-west-1:123456789012:endpoint/{ENDPOINT}"),
            config: Some(self.config.clone()),
            pending: self.pending().map(str::to_owned),
            status: self.status,
            failure_reason: (self.status == EndpointStatus::Failed).then(|| "no instances".to_owned()),
            created: instant(0, 0) - std::time::Duration::from_secs(86_400),
            modified: self.modified,
            variants: self.fleets.iter().map(|(name, fleet)| fleet.seen(name)).collect(),
            asynchronous: false,
        }
    }

    /// A green that is worse is found out, one that is silent nearly.
    fn health(&self) -> HealthSeen {
        // A component's probes know no variants.
        let alone = self.component.is_some();
        let (level, green) = match self.green {
            Quality::Good | Quality::Sick => (Level::Healthy, Level::Healthy),
            Quality::Worse if alone => (Level::Unhealthy, Level::Healthy),
            Quality::Worse => (Level::Degraded, Level::Unhealthy),
            Quality::Silent => (Level::Degraded, Level::Degraded),
        };
        HealthSeen {
            level,
            ill_since: (level != Level::Healthy).then(|| self.now()),
            failing_since: (level != Level::Healthy).then(|| self.now()),
            counted: Some(self.now()),
            evidence: Vec::new(),
            proven: Default::default(),
            variants: [("blue", Level::Healthy), ("green", green)]
                .map(|(name, level)| (name.to_owned(), (level, self.now())))
                .into(),
        }
    }

    fn scaling(&self, variant: &str, target: &Target) -> Scaling {
        let mut scaling = target.seen();
        if let Some(trigger) = &self.trigger
            && target.whole
        {
            let triggers = trigger.acts && (trigger.variant.as_str(), trigger.id) == (variant, target.id);
            scaling.policies.push(ScalingPolicy {
                name: POLICY.to_owned(),
                rule: ScalingRule::Step {
                    adjustment: "ChangeInCapacity".to_owned(),
                    steps: vec![(Some(0.0), None, 1)],
                    magnitude: None,
                    cooldown: None,
                    aggregation: None,
                },
                alarms: triggers.then(|| TRIGGER.to_owned()).into_iter().collect(),
                arn: Some(arn(variant, target.id)),
            });
        }
        scaling
    }

    pub(crate) fn watched(&self) -> Vec<Watched> {
        let watched = |trigger: &Trigger| Watched {
            endpoint: Some(ENDPOINT.to_owned()),
            variant: Some(trigger.watches.clone()),
        };
        self.trigger.iter().map(watched).collect()
    }

    fn alarms(&self, wanted: &[String]) -> Vec<AlarmSeen> {
        let seen = |name: &String| {
            if let Some(trigger) = self.trigger.as_ref().filter(|_| name == TRIGGER) {
                return Some(AlarmSeen {
                    name: name.clone(),
                    state: AlarmState::Ok,
                    reason: String::new(),
                    since: None,
                    watches: self.watched(),
                    missing: MissingData::default(),
                    actions: trigger
                        .actions()
                        .into_iter()
                        .map(|arn| Action {
                            on: AlarmState::Alarm,
                            arn,
                        })
                        .collect(),
                });
            }
            let (alarming, mute, since) = match &self.abort {
                Some((abort, tripped)) if abort == name => (*tripped, false, None),
                _ if name == ALARM => (self.alarming, self.mute, self.rang),
                _ => return None,
            };
            Some(AlarmSeen {
                name: name.clone(),
                state: match (alarming, mute) {
                    (true, _) => AlarmState::Alarm,
                    (false, true) => AlarmState::InsufficientData,
                    (false, false) => AlarmState::Ok,
                },
                reason: "Threshold Crossed".to_owned(),
                since,
                watches: Vec::new(),
                missing: MissingData::default(),
                actions: Vec::new(),
            })
        };
        wanted.iter().filter_map(seen).collect()
    }
}

fn known<T>(blind: Option<Blind>, what: Blind, see: impl FnOnce() -> T) -> Known<T> {
    if blind == Some(what) {
        Known::No("ThrottlingException".to_owned())
    } else {
        Known::Yes(see())
    }
}

fn each<T>(names: &[String], see: impl Fn(&String) -> T) -> BTreeMap<String, T> {
    names.iter().map(|name| (name.clone(), see(name))).collect()
}

fn analysis(green: Quality) -> Analysis {
    let verdict = match green {
        Quality::Good | Quality::Sick => Verdict::Pass,
        Quality::Worse => Verdict::Fail,
        Quality::Silent => Verdict::Inconclusive,
    };
    Analysis {
        verdict,
        checks: vec![CheckResult {
            name: "errors".to_owned(),
            verdict,
            dry_run: false,
            missing: (verdict == Verdict::Inconclusive).then_some(Missing::Traffic),
            since: None,
            said: verdict.to_string(),
        }],
    }
}

fn probed(green: Quality) -> SmokeSeen {
    SmokeSeen {
        passed: green != Quality::Sick,
        said: vec!["golden: 200".to_owned()],
    }
}

impl Fleet {
    fn seen(&self, name: &str) -> Variant {
        let weight = |parts: u32| f64::from(parts) / 10_000.0;
        Variant {
            name: name.to_owned(),
            current_weight: weight(self.weight),
            desired_weight: weight(self.desired_weight),
            current_instances: Some(self.count),
            desired_instances: Some(self.desired),
            serverless: false,
        }
    }
}

impl Declared {
    fn seen(&self) -> ConfigVariantSeen {
        ConfigVariantSeen {
            name: self.name.clone(),
            model: Some(self.model.clone()),
            instance_type: Some("ml.m5.large".to_owned()),
            instances: Some(self.count),
            weight: f64::from(self.weight) / 10_000.0,
            overridden: false,
        }
    }
}

const POLICY: &str = "by-backlog";

/// The ARN of the step policy of a variant's registration.
fn arn(variant: &str, id: u8) -> String {
    format!(
        "arn:aws:autoscaling:eu-west-1:123456789012:scalingPolicy:{id}:resource/sagemaker/endpoint/{ENDPOINT}/variant/{variant}:\
         policyName/{POLICY}"
    )
}

/// The variant and the registration that such an ARN names.
pub(crate) fn named(arn: &str) -> Option<(String, u8)> {
    let mut parts = arn.split(':').skip(6);
    let id = parts.next()?.parse().ok()?;
    let (_, variant) = parts.next()?.rsplit_once('/')?;
    Some((variant.to_owned(), id))
}

impl Trigger {
    /// What it triggers when it rings.
    pub(crate) fn actions(&self) -> Vec<String> {
        self.acts.then(|| arn(&self.variant, self.id)).into_iter().collect()
    }
}

impl Target {
    fn seen(&self) -> Scaling {
        let policy = ScalingPolicy {
            name: "by-requests".to_owned(),
            rule: ScalingRule::TargetTracking {
                target: 100.0,
                metric: TrackedMetric::Predefined {
                    kind: "SageMakerVariantInvocationsPerInstance".to_owned(),
                    label: None,
                },
                scale_out_cooldown: None,
                scale_in_cooldown: None,
                disable_scale_in: false,
            },
            alarms: Vec::new(),
            arn: None,
        };
        Scaling {
            min: self.min,
            max: self.max,
            suspended: self.suspended,
            policies: self.whole.then_some(policy).into_iter().collect(),
            actions: Vec::new(),
        }
    }
}

impl Component {
    fn seen(&self) -> ComponentSeen {
        let status = match (&self.pending, self.failed) {
            (_, true) => "Failed",
            (Some(_), _) => "Updating",
            (None, _) => "InService",
        };
        ComponentSeen {
            endpoint: ENDPOINT.to_owned(),
            variant: "blue".to_owned(),
            status: status.to_owned(),
            failure: self.undone.then(|| "rolled back".to_owned()),
            model: Some(self.model.clone()),
            copies: Some(2),
            modified: Some(self.modified),
            guards: self.guards.iter().cloned().collect(),
        }
    }
}
