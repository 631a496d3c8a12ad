//! A small world for the tests: one endpoint that obeys calls as SageMaker does, slowly, and now and then not.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    Ended, Plan, RolloutLedger,
    decide::decide,
    decision::{AlarmNews, Answer, Command, Decision, Facts, News},
    effect::{ActOutcome, Acted, ConfigPlan, Effect},
    look::{AlarmSeen, ComponentSeen, ConfigSeen, ConfigVariantSeen, Known, Look, Needs, SmokeSeen},
    needs::needs,
    policy::{Engine, OnDeadline, RolloutPolicy},
    preflight::{Problems, plan, preflight},
    request::{GreenSpec, Order, Request},
    strategy::{Step, Strategy, StrategyKind, Weight},
};
use crate::{
    alert::{Alert, AlertKind},
    analysis::{Analysis, AnalysisPolicy, CheckResult, Missing, Verdict},
    endpoint::{Endpoint, EndpointStatus, Variant},
    scaling::{Scaling, ScalingPolicy, ScalingRule, Suspended, TrackedMetric},
};

pub(super) const ENDPOINT: &str = "fraud";

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
            .map(|percent| Step {
                weight: Weight::percent(*percent).unwrap(),
                bake: minutes(10),
                gate: false,
                smoke: false,
            })
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
        }],
        actions: Vec::new(),
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

/// How the next update of the endpoint ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// As asked.
    Done,
    /// Back to what was before, without a word.
    TakenBack,
    /// `Failed`.
    Failed,
}

/// What comes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
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
}

/// The world and Steward in it.
#[derive(Clone)]
pub(super) struct Fake {
    pub(super) now: Timestamp,
    pub(super) ledger: RolloutLedger,
    pub(super) endpoint: Option<Endpoint>,
    pub(super) configs: BTreeMap<String, ConfigSeen>,
    pub(super) scaling: BTreeMap<String, Scaling>,
    pub(super) alarms: BTreeMap<String, bool>,
    pub(super) models: Vec<String>,
    pub(super) component: Option<ComponentSeen>,
    pub(super) verdict: Verdict,
    pub(super) healthy: bool,
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

/// A change that SageMaker works on.
#[derive(Clone, Debug)]
pub(super) struct Change {
    after: Endpoint,
    before: Endpoint,
    fate: Fate,
    component: Option<ComponentSeen>,
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
                    }],
                    shadowed: false,
                    tags: BTreeMap::new(),
                },
            )]),
            scaling: BTreeMap::from([("blue".to_owned(), scaling())]),
            alarms: BTreeMap::from([("errors".to_owned(), false)]),
            models: vec!["fraud-v1".to_owned(), "fraud-v2".to_owned()],
            component: None,
            verdict: Verdict::Pass,
            healthy: true,
            blind: false,
            slow: minutes(3),
            fates: VecDeque::new(),
            calls: VecDeque::new(),
            change: None,
            effects: Vec::new(),
            alerts: Vec::new(),
        }
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

    pub(super) fn look(&self, needs: &Needs) -> Look {
        let known = |yes| {
            if self.blind {
                Known::No("throttled".to_owned())
            } else {
                Known::Yes(yes)
            }
        };
        Look {
            at: self.now,
            endpoint: if self.blind {
                Known::No("throttled".to_owned())
            } else {
                Known::Yes(self.endpoint.clone())
            },
            configs: needs
                .configs
                .iter()
                .map(|name| {
                    let config = self.configs.get(name).cloned();
                    (
                        name.clone(),
                        if self.blind {
                            Known::No("throttled".to_owned())
                        } else {
                            Known::Yes(config)
                        },
                    )
                })
                .collect(),
            scaling: needs
                .scaling
                .iter()
                .map(|name| {
                    let scaling = self.scaling.get(name).cloned();
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
                        Some(AlarmSeen {
                            name: name.clone(),
                            alarming: *self.alarms.get(name)?,
                            reason: "threshold crossed".to_owned(),
                            since: None,
                        })
                    })
                    .collect(),
            ),
            analysis: needs.analysis.as_ref().map(|_| self.analysis()),
            smoke: needs.smoke.as_ref().map(|_| {
                Known::Yes(SmokeSeen {
                    passed: self.healthy,
                    said: vec![if self.healthy { "golden: 200" } else { "golden: 500" }.to_owned()],
                })
            }),
            component: needs.component.as_ref().map(|_| Known::Yes(self.component.clone())),
            models: needs
                .models
                .iter()
                .map(|name| (name.clone(), Known::Yes(self.models.contains(name))))
                .collect(),
        }
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
            let look = self.look(&needs(self.now, &self.ledger));
            let decision = decide(
                &self.facts(),
                &self.ledger,
                &News {
                    look: Some(look),
                    command: command.take(),
                    alarm: alarm.take(),
                    acted: acted.take(),
                },
            );
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

    /// Decided again on the same look, nothing changes, and the same call is handed out.
    fn decided_for_good(&self, decision: &Decision, news: News) {
        let again = decide(
            &self.facts(),
            &decision.ledger,
            &News {
                look: news.look,
                ..News::default()
            },
        );
        assert_eq!(again.ledger, decision.ledger, "{:?}", decision.why);
        if news.acted.is_none() {
            assert_eq!(again.effect, decision.effect, "{:?}", decision.why);
        }
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

    /// The invariants that a single call can break.
    fn is_allowed(&self, effect: &Effect) {
        let Some(rollout) = &self.ledger.active else {
            assert!(
                matches!(effect, Effect::DeleteConfig(_) | Effect::DeleteAlarm(_)),
                "{effect:?}"
            );
            return;
        };
        let plan = &rollout.plan;
        match effect {
            Effect::SetWeights(weights) => {
                let green = weights[&plan.green.variant];
                assert!((weights.values().sum::<f64>() - plan.blue.weight).abs() < 1e-9);
                if rollout.back.is_some() {
                    assert_eq!(green, 0.0, "green grows after going back was decided");
                }
                let seen = self
                    .endpoint()
                    .variants
                    .iter()
                    .find(|variant| variant.name == plan.green.variant);
                if green > 0.0 && seen.is_some_and(|seen| seen.current_weight < green) {
                    let step = rollout.phase.step().unwrap();
                    let before = rollout.passed.last().map(|passed| passed.step);
                    assert!(
                        step == 0 || before.is_some_and(|before| before < step) || rollout.promoted.is_some(),
                        "grows without a gate: {rollout:?}"
                    );
                    assert!(rollout.paused.is_none());
                }
            }
            Effect::SetInstances { variant, count } => {
                let seen = self
                    .endpoint()
                    .variants
                    .iter()
                    .find(|seen| seen.name == *variant)
                    .unwrap();
                assert!(seen.desired_instances.unwrap() <= *count, "instances are taken away");
            }
            _ => {}
        }
    }

    /// `None`: the function died.
    fn act(&mut self, effect: &Effect) -> Option<ActOutcome> {
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
            Call::Refused => Some(ActOutcome::Refused("ResourceLimitExceeded".to_owned())),
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
                self.scaling.insert(variant.clone(), scaling.clone());
            }
            Effect::Suspend { variant, suspended } => {
                if let Some(scaling) = self.scaling.get_mut(variant) {
                    scaling.suspended = *suspended;
                }
            }
            Effect::Unscale { variant } => {
                self.scaling.remove(variant);
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
                self.configs.remove(name);
            }
            Effect::UpdateComponent { model, .. } => {
                let Some(component) = &self.component else {
                    return ActOutcome::Refused("no component".to_owned());
                };
                let mut after = component.clone();
                after.model = Some(model.clone());
                let endpoint = self.endpoint().clone();
                let fate = self.fates.pop_front().unwrap_or(Fate::Done);
                let before = component.clone();
                let ends = if fate == Fate::Done { after } else { before };
                self.component.as_mut().unwrap().status = "Updating".to_owned();
                self.change = Some((
                    self.now.checked_add(self.slow).unwrap(),
                    Box::new(Change {
                        after: endpoint.clone(),
                        before: endpoint,
                        fate,
                        component: Some(ends),
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
    pub(super) fn pass(&mut self, span: Duration) {
        self.now = self.now.checked_add(span).unwrap();
        if let Some((ends, change)) = self.change.clone()
            && self.now >= ends
        {
            self.change = None;
            if let Some(component) = change.component {
                self.component = Some(component);
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
