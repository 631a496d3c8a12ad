//! A small world for the tests: one endpoint that obeys calls as SageMaker does, slowly, and now and then not.

mod allowed;
mod asked;
mod sagemaker;
mod shown;
mod steward;
mod traffic;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use jiff::Timestamp;

use self::sagemaker::Change;
pub(super) use self::{
    asked::{COMPONENT, ENDPOINT, minutes, request, scaling, step_policy, strategy, time, variant},
    sagemaker::{Call, Fate},
    traffic::Traffic,
};
use super::{
    RolloutLedger,
    decision::Facts,
    effect::Effect,
    look::{
        Action, AlarmSeen, ComponentSeen, ConfigSeen, ConfigVariantSeen, HealthSeen, Known, MissingData, Watched,
        WaysBack,
    },
};
use crate::{
    alert::Alert,
    analysis::Verdict,
    endpoint::{Endpoint, EndpointStatus},
    scaling::Scaling,
    trigger::AlarmState,
};

/// The world and Steward in it.
#[derive(Clone)]
pub(super) struct Fake {
    pub(super) now: Timestamp,
    pub(super) ledger: RolloutLedger,
    pub(super) endpoint: Option<Endpoint>,
    pub(super) configs: BTreeMap<String, ConfigSeen>,
    pub(super) scaling: BTreeMap<String, Scaling>,
    /// Those there are, and whether they ring.
    pub(super) alarms: BTreeMap<String, bool>,
    /// Those without data.
    pub(super) no_data: BTreeSet<String>,
    /// The variants in every alarm's dimensions.
    pub(super) watched: BTreeSet<String>,
    /// Alarms that scale by step policies, by name.
    pub(super) triggers: BTreeMap<String, AlarmSeen>,
    /// They keep the ARN of a policy that is gone. AWS says that it deletes these actions.
    pub(super) keeps_actions: bool,
    /// Those refuse every change.
    pub(super) stubborn: bool,
    /// How many policies were made.
    pub(super) made: u32,
    /// What every alarm takes missing data for.
    pub(super) missing: MissingData,
    pub(super) models: Vec<String>,
    pub(super) components: BTreeMap<String, ComponentSeen>,
    /// The configs of all other endpoints; `None` when they cannot be asked.
    pub(super) others: Option<BTreeMap<String, String>>,
    /// Who may have to go back to which config.
    pub(super) needed: Known<WaysBack>,
    pub(super) verdict: Verdict,
    pub(super) healthy: bool,
    /// What the health checker knows.
    pub(super) health: Known<Option<HealthSeen>>,
    /// When it last checked, if it does not any more.
    pub(super) unchecked: Option<Timestamp>,
    /// Green's answers to probes say nothing.
    pub(super) mute: bool,
    /// What callers get, by the metrics.
    pub(super) traffic: Traffic,
    /// Whether what can be asked answers.
    pub(super) blind: bool,
    /// How long a change takes, and how the coming ones end.
    pub(super) slow: Duration,
    pub(super) fates: VecDeque<Fate>,
    pub(super) calls: VecDeque<Call>,
    /// The change at work: until when, and what then.
    pub(super) change: Option<(Timestamp, Box<Change>)>,
    /// Every effect that was handed out, in order.
    pub(super) effects: Vec<Effect>,
    pub(super) alerts: Vec<Alert>,
}

impl Fake {
    /// `fraud` with one variant `blue` on four instances, autoscaled.
    pub(super) fn new() -> Self {
        let now = time("2026-11-22T08:00:00Z");
        Self {
            now,
            ledger: RolloutLedger::default(),
            endpoint: Some(Endpoint {
                name: ENDPOINT.to_owned(),
                arn: "arn:aws:sagemaker:eu-west-1:111122223333:endpoint/fraud".to_owned(),
                config: Some("fraud-1".to_owned()),
                pending: None,
                status: EndpointStatus::InService,
                failure_reason: None,
                created: now,
                modified: now,
                variants: vec![variant("blue", 1.0, 4)],
                asynchronous: false,
            }),
            configs: BTreeMap::from([(
                "fraud-1".to_owned(),
                ConfigSeen {
                    variants: vec![ConfigVariantSeen {
                        name: "blue".to_owned(),
                        model: Some("fraud-v1".to_owned()),
                        instance_type: Some("ml.m5.large".to_owned()),
                        instances: Some(2),
                        weight: 1.0,
                        overridden: false,
                    }],
                    shadowed: false,
                    tags: BTreeMap::new(),
                },
            )]),
            scaling: BTreeMap::from([("blue".to_owned(), scaling())]),
            alarms: BTreeMap::from([("errors".to_owned(), false)]),
            no_data: BTreeSet::new(),
            watched: BTreeSet::new(),
            triggers: BTreeMap::new(),
            keeps_actions: false,
            stubborn: false,
            made: 0,
            missing: MissingData::default(),
            models: vec!["fraud-v1".to_owned(), "fraud-v2".to_owned()],
            components: BTreeMap::new(),
            others: Some(BTreeMap::new()),
            needed: Known::Yes(WaysBack::default()),
            verdict: Verdict::Pass,
            healthy: true,
            health: Known::Yes(None),
            unchecked: None,
            mute: false,
            traffic: Traffic::default(),
            blind: false,
            slow: minutes(3),
            fates: VecDeque::new(),
            calls: VecDeque::new(),
            change: None,
            effects: Vec::new(),
            alerts: Vec::new(),
        }
    }

    /// The same with two step policies on blue: `busy` on an alarm on blue, and `backlog` on one on the endpoint that tells
    /// people too.
    pub(super) fn stepped() -> Self {
        let mut world = Self::new();
        for name in ["backlog", "busy"] {
            let blue = world.scaling.get_mut("blue").unwrap();
            blue.policies.push(step_policy(name));
        }
        world.register("blue");
        for (name, variant) in [("backlog", None), ("busy", Some("blue".to_owned()))] {
            let trigger = AlarmSeen {
                name: format!("{name}-high"),
                state: AlarmState::Ok,
                reason: String::new(),
                since: None,
                watches: vec![Watched {
                    endpoint: Some(ENDPOINT.to_owned()),
                    variant,
                }],
                missing: MissingData::default(),
                actions: ["arn:aws:sns:eu-west-1:111122223333:people", &world.arn("blue", name)]
                    .map(|arn| Action {
                        on: AlarmState::Alarm,
                        arn: arn.to_owned(),
                    })
                    .into(),
            };
            world.triggers.insert(trigger.name.clone(), trigger);
        }
        world
    }

    /// Application Auto Scaling gives each policy that is new an ARN.
    pub(super) fn register(&mut self, variant: &str) {
        for policy in &mut self.scaling.get_mut(variant).unwrap().policies {
            self.made += 1;
            let arn = format!(
                "arn:aws:autoscaling:eu-west-1:111122223333:scalingPolicy:{}:resource/sagemaker/endpoint/{ENDPOINT}/variant/\
                 {variant}:policyName/{}",
                self.made, policy.name
            );
            policy.arn.get_or_insert(arn);
        }
    }

    /// The ARN of a policy that is there.
    pub(super) fn arn(&self, variant: &str, name: &str) -> String {
        let mut policies = self.scaling[variant].policies.iter();
        policies
            .find(|policy| policy.name == name)
            .unwrap()
            .arn
            .clone()
            .unwrap()
    }

    /// Every alarm triggers this variant's policy, and watches it where it watches a variant.
    pub(super) fn scales(&self, variant: &str) -> bool {
        self.triggers.iter().all(|(alarm, seen)| {
            let name = alarm.trim_end_matches("-high");
            let watched = seen.watches[0].variant.as_deref();
            seen.actions.len() == 2
                && seen.actions[1].arn == self.arn(variant, name)
                && watched == (name == "busy").then_some(variant)
        })
    }

    pub(super) fn facts(&self) -> Facts<'static> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        Facts {
            now: self.now,
            endpoint: ENDPOINT,
            labels: &NONE,
        }
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        self.endpoint.as_ref().unwrap()
    }

    pub(super) fn endpoint_mut(&mut self) -> &mut Endpoint {
        self.endpoint.as_mut().unwrap()
    }

    /// The one of [`COMPONENT`].
    pub(super) fn component(&self) -> &ComponentSeen {
        &self.components[COMPONENT]
    }

    pub(super) fn component_mut(&mut self) -> &mut ComponentSeen {
        self.components.get_mut(COMPONENT).unwrap()
    }
}
