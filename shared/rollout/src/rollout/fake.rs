//! A small world for the tests: one endpoint that obeys calls as SageMaker does, slowly, and now and then not.

mod allowed;
mod sagemaker;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use jiff::Timestamp;

use self::sagemaker::Change;
pub(super) use self::sagemaker::{Call, Fate};
use super::{
    Ended, Plan, RolloutLedger,
    decide::decide,
    decision::{AlarmNews, Answer, Command, Decision, Facts, News},
    effect::{Acted, Effect},
    look::{
        Action, AlarmSeen, ComponentSeen, ConfigSeen, ConfigVariantSeen, HealthSeen, Known, MissingData, Users, Watched,
    },
    needs::needs_told,
    policy::{Engine, OnDeadline, RolloutPolicy},
    preflight::{Problems, plan, preflight},
    request::{GreenSpec, Order, Request},
    strategy::{Step, Strategy, StrategyKind, Weight},
};
use crate::{
    alert::{Alert, AlertKind},
    analysis::{AnalysisPolicy, Verdict},
    endpoint::{Endpoint, EndpointStatus, Variant},
    scaling::{Scaling, ScalingPolicy, ScalingRule, Suspended, TrackedMetric},
    trigger::AlarmState,
};

pub(super) const ENDPOINT: &str = "fraud";

/// Its inference component, where it has one.
pub(super) const COMPONENT: &str = "fraud-component";

pub(super) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// 10%, 50%, 100%, each baking for 10 minutes.
pub(super) fn strategy(percents: &[u8]) -> Strategy {
    Strategy {
        name: "steps".to_owned(),
        kind: StrategyKind::Steps,
        steps: percents
            .iter()
            .map(|percent| Step::new(Weight::percent(*percent).unwrap(), minutes(10)))
            .collect(),
    }
}

pub(super) fn policy() -> RolloutPolicy {
    RolloutPolicy {
        engine: Engine::Variants,
        strategy: strategy(&[10, 50, 100]),
        alarms: vec!["errors".to_owned()],
        analysis: Some(AnalysisPolicy::default()),
        smoke: true,
        smoke_passes: 2,
        smoke_failures: 3,
        health: true,
        keep_blue: minutes(60),
        rollback_window: minutes(24 * 60),
        deadline: minutes(5 * 60),
        phase_deadline: minutes(60),
        gate_deadline: minutes(120),
        on_deadline: OnDeadline::Abort,
        metrics_delay: minutes(2),
        headroom: 0,
        batch_percent: 20,
    }
}

pub(super) fn request(id: &str) -> Request {
    Request {
        id: id.to_owned(),
        endpoint: ENDPOINT.to_owned(),
        component: None,
        watched: false,
        variant: None,
        green: GreenSpec {
            model: Some("fraud-v2".to_owned()),
            ..GreenSpec::default()
        },
        policy: policy(),
        by: Some("ana".to_owned()),
        reason: Some("more recall".to_owned()),
        dry_run: false,
    }
}

/// Target tracking, 2 to 10.
pub(super) fn scaling() -> Scaling {
    Scaling {
        min: 2,
        max: 10,
        suspended: Suspended::default(),
        policies: vec![ScalingPolicy {
            name: "requests".to_owned(),
            rule: ScalingRule::TargetTracking {
                target: 70.0,
                metric: TrackedMetric::Predefined {
                    kind: "SageMakerVariantInvocationsPerInstance".to_owned(),
                    label: None,
                },
                scale_out_cooldown: None,
                scale_in_cooldown: Some(600),
                disable_scale_in: false,
            },
            alarms: vec!["TargetTracking-high".to_owned()],
            arn: None,
        }],
        actions: Vec::new(),
    }
}

/// One instance more, when an alarm says so.
pub(super) fn step_policy(name: &str) -> ScalingPolicy {
    ScalingPolicy {
        name: name.to_owned(),
        rule: ScalingRule::Step {
            adjustment: "ChangeInCapacity".to_owned(),
            steps: vec![(Some(0.0), None, 1)],
            magnitude: None,
            cooldown: None,
            aggregation: None,
        },
        alarms: Vec::new(),
        arn: None,
    }
}

pub(super) fn variant(name: &str, weight: f64, count: u32) -> Variant {
    Variant {
        name: name.to_owned(),
        current_weight: weight,
        desired_weight: weight,
        current_instances: Some(count),
        desired_instances: Some(count),
        serverless: false,
    }
}

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
    pub(super) needed: Known<Users>,
    pub(super) verdict: Verdict,
    pub(super) healthy: bool,
    /// What the health checker knows.
    pub(super) health: Known<Option<HealthSeen>>,
    /// When it last checked, if it does not any more.
    pub(super) unchecked: Option<Timestamp>,
    /// Green's answers to probes say nothing.
    pub(super) mute: bool,
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
            needed: Known::Yes(Users::new()),
            verdict: Verdict::Pass,
            healthy: true,
            health: Known::Yes(None),
            unchecked: None,
            mute: false,
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

    pub(super) fn planned(&self, request: &Request) -> Result<Plan, Problems> {
        let needs = preflight(request, self.endpoint.as_ref());
        plan(self.now, request, &self.look(&needs), &self.ledger, None)
    }

    pub(super) fn start(&mut self, request: &Request) -> Answer {
        let plan = self.planned(request).unwrap();
        self.command(Command::Start(Box::new(plan)))
    }

    pub(super) fn order(&mut self, order: Order) -> Answer {
        self.command(Command::Order {
            order,
            step: None,
            component: None,
            id: None,
            by: Some("bo".to_owned()),
            reason: None,
        })
    }

    pub(super) fn command(&mut self, command: Command) -> Answer {
        self.wake(Some(command), None).unwrap()
    }

    /// One invocation.
    pub(super) fn wake(&mut self, mut command: Option<Command>, mut alarm: Option<AlarmNews>) -> Option<Answer> {
        let mut answer = None;
        let mut acted = None;
        for _ in 0..40 {
            let news = News {
                look: Some(self.look(&needs_told(self.now, &self.ledger, alarm.as_ref(), command.as_ref()))),
                command: command.take(),
                alarm: alarm.take(),
                acted: acted.take(),
            };
            let decision = decide(&self.facts(), &self.ledger, &news);
            self.decided_for_good(&decision, news);
            answer = answer.or(decision.answer.clone());
            self.commit(&decision);
            match decision.effect {
                Some(effect) => match self.act(&effect) {
                    Some(outcome) => {
                        acted = Some(Acted {
                            effect,
                            at: self.now,
                            outcome,
                        });
                    }
                    None => return answer,
                },
                None if decision.again => {}
                None => return answer,
            }
        }
        panic!("an invocation does not come to an end: {:#?}", self.ledger.active);
    }

    pub(super) fn commit(&mut self, decision: &Decision) {
        self.ledger = decision.ledger.clone();
        let sent: Vec<String> = self
            .ledger
            .outbox
            .pending()
            .iter()
            .map(|alert| alert.id.clone())
            .collect();
        self.alerts.extend(self.ledger.outbox.pending().iter().cloned());
        self.ledger.outbox.clear(&sent);
    }

    /// Ticks, one a minute.
    pub(super) fn ticks(&mut self, count: usize) {
        for _ in 0..count {
            self.pass(minutes(1));
            self.wake(None, None);
        }
    }

    /// Ticks until the rollout is in this phase.
    pub(super) fn until(&mut self, phase: &str) {
        for _ in 0..2000 {
            if self.phase() == phase {
                return;
            }
            self.ticks(1);
        }
        panic!("never came to {phase}: {:#?}", self.ledger.active);
    }

    /// Ticks until no rollout is at work; how the last one ended.
    pub(super) fn run(&mut self) -> Ended {
        for _ in 0..4000 {
            if self.ledger.active.is_none() {
                return self.ledger.history.last().unwrap().outcome;
            }
            self.ticks(1);
        }
        panic!("does not end: {:#?}", self.ledger.active);
    }

    pub(super) fn phase(&self) -> &'static str {
        self.ledger
            .active
            .as_ref()
            .map_or("none", |rollout| rollout.phase.name())
    }

    /// The share of traffic of a variant.
    pub(super) fn share(&self, variant: &str) -> f64 {
        self.endpoint().share(variant).unwrap()
    }

    pub(super) fn kinds(&self) -> Vec<AlertKind> {
        self.alerts.iter().map(|alert| alert.kind).collect()
    }

    /// The log of the last rollout, with the minutes since it began.
    pub(super) fn told(&self) -> String {
        let (log, from) = match (&self.ledger.active, self.ledger.history.last()) {
            (Some(rollout), _) => (&rollout.log, rollout.started),
            (None, Some(past)) => (&past.log, past.started),
            (None, None) => return String::new(),
        };
        log.iter()
            .map(|line| format!("{:>4} {}\n", line.at.duration_since(from).as_secs() / 60, line.what))
            .collect()
    }

    pub(super) fn did(&self) -> String {
        self.effects.iter().map(|effect| format!("{effect}\n")).collect()
    }
}
