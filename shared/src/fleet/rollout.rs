//! `rollout`: how a new model is brought to an endpoint, as the file and the command `start` write it.
//!
//! Layers are laid over each other like those of `health`: the file's defaults, its globs and groups, the endpoint's own
//! entry, and last what `start` says. Only the whole can be judged, so what contradicts itself is told of the whole.

mod analysis;
mod strategy;

use std::time::Duration;

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use schemars::{JsonSchema, Schema, SchemaGenerator};

pub(super) use self::strategy::Strategies;
use self::{analysis::AnalysisSection, strategy::Choice};
use super::{
    merge::both,
    switch::Switch,
    text::{AlarmName, Text},
};
use crate::{
    quantity::{ShareWithin, SpanWithin, Whole},
    rollout::{
        limits::{self, Contradiction},
        policy::{Engine, OnDeadline, RolloutPolicy},
    },
    yaml::Found,
};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// What asks for probes.
pub(super) const PROBED: &[&str] = &["smoke", "strategy"];

/// What is left for preparing and finishing when no deadline is given.
const SLACK: Duration = Duration::from_secs(4 * 3600);

/// How a new model is brought to the endpoint. Nothing begins by itself: a rollout is started with the command `start`,
/// which can say all of this anew for one rollout.
#[derive(Clone, Debug, PartialEq, Default, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Rollout")]
pub(crate) struct RolloutSection {
    /// What carries the traffic over. For an inference component it is always `rolling`.
    #[deserr(default)]
    #[schemars(extend("default" = "variants"))]
    engine: Option<Engine>,
    /// How traffic moves: the name of a strategy (built in are `all-at-once`, `canary-10`, `linear-10` and
    /// `steps-10-30-50-80-100`), or one spelled out. With the engine `rolling` it is `all-at-once` when nothing is said.
    #[deserr(default)]
    #[schemars(extend("default" = "canary-10"))]
    strategy: Option<Choice>,
    /// CloudWatch alarms, metric or composite, by name: any of them in ALARM takes the rollout back, and none may be in
    /// ALARM when it starts.
    #[deserr(default)]
    #[schemars(extend("default" = [], "examples" = [["fraud-errors", "fraud-latency"]]))]
    alarms: Option<Alarms>,
    /// How green is judged by its metrics; `false` leaves it to alarms and probes. Never done for inference components.
    #[deserr(default)]
    #[schemars(extend("default" = true))]
    analysis: Option<Switch<AnalysisSection>>,
    /// Probe green with the endpoint's probes (`health.probes`) before it gets any traffic. On when it has probes that
    /// answer at once; not possible with SageMaker's own engines, whose new fleet cannot be addressed.
    #[deserr(default)]
    #[schemars(example = true)]
    smoke: Option<Switch<SmokeSection>>,
    /// Go back when the health checker finds green unhealthy, or the endpoint since green has traffic, and do not go on
    /// while either is ill. An illness that is older than green's traffic, or blue's alone, is no reason.
    #[deserr(default)]
    #[schemars(extend("default" = true))]
    health: Option<bool>,
    /// How long blue is kept, without traffic and at its size, after the last bake: so long a rollback takes one call. At most 1h,
    /// the last bake included, with the engine `guardrails`.
    #[deserr(default)]
    #[schemars(extend("default" = "1h"))]
    keep_blue: Option<SpanWithin<0, { 7 * DAY }>>,
    /// How long after its end a completed rollout can be taken back with `rollback`.
    #[deserr(default)]
    #[schemars(extend("default" = "1d"))]
    rollback_window: Option<SpanWithin<0, { 30 * DAY }>>,
    /// The longest that it may take from its start to the end of the last bake; when not given, the bakes, each gate's
    /// deadline and 4 hours. At most 8h with SageMaker's own engines.
    #[deserr(default)]
    #[schemars(example = "12h")]
    deadline: Option<SpanWithin<{ 10 * MINUTE }, { 365 * DAY }>>,
    /// The longest that each phase may take in which SageMaker works or green is probed.
    #[deserr(default)]
    #[schemars(extend("default" = "1h"))]
    phase_deadline: Option<SpanWithin<{ 5 * MINUTE }, { 2 * DAY }>>,
    /// The longest that a gate waits for `promote`; never beyond `deadline`.
    #[deserr(default)]
    #[schemars(extend("default" = "1d"))]
    gate_deadline: Option<SpanWithin<MINUTE, { 30 * DAY }>>,
    /// What becomes of a rollout that nobody promoted in time.
    #[deserr(default)]
    #[schemars(extend("default" = "abort"))]
    on_deadline: Option<OnDeadline>,
    /// Metrics are trusted this long after their minute ended.
    #[deserr(default)]
    #[schemars(extend("default" = "2m"))]
    metrics_delay: Option<SpanWithin<0, { 15 * MINUTE }>>,
    /// How much more capacity green gets than its share of the traffic asks for, with the engine `variants`.
    #[deserr(default)]
    #[schemars(extend("default" = "0%"), example = "20%")]
    headroom: Option<ShareWithin<0, 10_000, 1>>,
    /// With the engine `rolling`: how many of the instances or copies are replaced at a time.
    #[deserr(default)]
    #[schemars(extend("default" = "20%"))]
    batch: Option<ShareWithin<500, 5_000, 100>>,
}

/// When probing green has passed, and when it has failed.
#[derive(Clone, Debug, PartialEq, Default, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Smoke")]
struct SmokeSection {
    /// Passed rounds of probes in a row that let green have traffic.
    #[deserr(default)]
    #[schemars(extend("default" = 2))]
    passes: Option<Whole<1, 100>>,
    /// Failed rounds in a row that take it back.
    #[deserr(default)]
    #[schemars(extend("default" = 3))]
    failures: Option<Whole<1, 100>>,
}

/// Names of alarms, none twice.
#[derive(Clone, Debug, PartialEq)]
struct Alarms(Vec<String>);

impl Alarms {
    const MOST: usize = 100;
}

impl Deserr<Found> for Alarms {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let names = Vec::<Text<AlarmName>>::deserialize_from_value(value, at)?;
        let mut found = Found::default();
        if names.len() > Self::MOST {
            let accepted = format!("at most {}", Self::MOST);
            return Err(Found::one(at, format!("there are {} alarms", names.len()), accepted));
        }
        let mut all: Vec<String> = Vec::with_capacity(names.len());
        for (index, name) in names.into_iter().map(Text::into_string).enumerate() {
            if all.contains(&name) {
                found.and(Found::one(at.push_index(index), "is here for the second time", None));
            }
            all.push(name);
        }
        found.or(Self(all))
    }
}

impl JsonSchema for Alarms {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Alarms".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Vec::<Text<AlarmName>>::json_schema(generator);
        schema.insert("maxItems".to_owned(), Self::MOST.into());
        schema
    }
}

impl RolloutSection {
    /// What this layer says, and below it what `under` says.
    pub(super) fn over(self, under: Self) -> Self {
        Self {
            engine: self.engine.or(under.engine),
            strategy: self.strategy.or(under.strategy),
            alarms: self.alarms.or(under.alarms),
            analysis: both(self.analysis, under.analysis, |over, under| {
                over.over(under, AnalysisSection::over)
            }),
            smoke: both(self.smoke, under.smoke, |over, under| {
                over.over(under, |over, under| SmokeSection {
                    passes: over.passes.or(under.passes),
                    failures: over.failures.or(under.failures),
                })
            }),
            health: self.health.or(under.health),
            keep_blue: self.keep_blue.or(under.keep_blue),
            rollback_window: self.rollback_window.or(under.rollback_window),
            deadline: self.deadline.or(under.deadline),
            phase_deadline: self.phase_deadline.or(under.phase_deadline),
            gate_deadline: self.gate_deadline.or(under.gate_deadline),
            on_deadline: self.on_deadline.or(under.on_deadline),
            metrics_delay: self.metrics_delay.or(under.metrics_delay),
            headroom: self.headroom.or(under.headroom),
            batch: self.batch.or(under.batch),
        }
    }

    /// This layer says something of the field.
    pub(super) fn says(&self, field: &str) -> bool {
        match field {
            "engine" => self.engine.is_some(),
            "strategy" => self.strategy.is_some(),
            "alarms" => self.alarms.is_some(),
            "analysis" => self.analysis.is_some(),
            "smoke" => self.smoke.is_some(),
            "keep_blue" => self.keep_blue.is_some(),
            "batch" => self.batch.is_some(),
            "deadline" => self.deadline.is_some(),
            _ => false,
        }
    }

    /// What this layer alone can be wrong about: a strategy that does not exist.
    pub(super) fn unknown_strategy(&self, strategies: &Strategies) -> Option<(String, String)> {
        self.strategy
            .as_ref()
            .and_then(|choice| strategies.choose(choice).err())
    }

    /// The whole policy.
    ///
    /// # Errors
    /// Everything in it that contradicts itself or can never work.
    pub(super) fn resolve(self, strategies: &Strategies, probed: bool) -> Result<RolloutPolicy, Vec<Contradiction>> {
        let engine = self.engine.unwrap_or(Engine::Variants);
        let choice = self.strategy.unwrap_or_else(|| {
            Choice::Named(match engine {
                Engine::Variants | Engine::Guardrails => "canary-10".to_owned(),
                Engine::Rolling => "all-at-once".to_owned(),
            })
        });
        let chosen = match strategies.choose(&choice) {
            Ok(Some(chosen)) => chosen,
            Ok(None) => return Err(Vec::new()),
            Err((problem, accepted)) => return Err(vec![Contradiction::new("strategy", problem, accepted)]),
        };
        let mut wrong = Vec::new();
        let mut judged = Vec::new();
        let analysis = self.analysis.unwrap_or(Switch::On(AnalysisSection::default()));
        let mut of_steps = Vec::new();
        let strategy = chosen.over(&analysis, &mut of_steps);
        let analysis = analysis.on().map(|section| section.resolve(&mut judged));
        // What a step has from the rollout is told there.
        of_steps.retain(|problem| {
            !judged
                .iter()
                .any(|told| problem.ends_with(&format!(".analysis.{told}")))
        });
        wrong.extend(
            judged
                .into_iter()
                .map(|problem| Contradiction::told("analysis", problem)),
        );
        wrong.extend(
            of_steps
                .into_iter()
                .map(|problem| Contradiction::told("strategy", problem).resting_on(&["analysis"])),
        );
        let asks_for_probes = matches!(self.smoke, Some(Switch::On(_))) || strategy.steps.iter().any(|step| step.smoke);
        if asks_for_probes && !probed {
            let field = if self.smoke.is_some() { "smoke" } else { "strategy" };
            let contradiction = Contradiction::new(
                field,
                "the endpoint has no probe that green could answer",
                "a probe under `health.probes` that is not `async`, or no smoke",
            );
            wrong.push(contradiction.resting_on(PROBED));
        }
        let smoke = match self.smoke {
            // The new fleet of SageMaker's own engines cannot be addressed before it has traffic.
            None => (probed && engine == Engine::Variants).then(SmokeSection::default),
            Some(switch) => switch.on(),
        };
        let mut policy = RolloutPolicy {
            engine,
            strategy,
            alarms: self.alarms.map(|alarms| alarms.0).unwrap_or_default(),
            analysis,
            smoke: smoke.is_some(),
            smoke_passes: smoke
                .as_ref()
                .and_then(|smoke| smoke.passes)
                .map_or(2, |rounds| rounds.0),
            smoke_failures: smoke
                .as_ref()
                .and_then(|smoke| smoke.failures)
                .map_or(3, |rounds| rounds.0),
            health: self.health.unwrap_or(true),
            keep_blue: self.keep_blue.map_or(Duration::from_millis(HOUR), SpanWithin::duration),
            rollback_window: self
                .rollback_window
                .map_or(Duration::from_millis(DAY), SpanWithin::duration),
            deadline: Duration::ZERO,
            phase_deadline: self
                .phase_deadline
                .map_or(Duration::from_millis(HOUR), SpanWithin::duration),
            gate_deadline: self
                .gate_deadline
                .map_or(Duration::from_millis(DAY), SpanWithin::duration),
            on_deadline: self.on_deadline.unwrap_or(OnDeadline::Abort),
            metrics_delay: self
                .metrics_delay
                .map_or(Duration::from_millis(2 * MINUTE), SpanWithin::duration),
            headroom: self.headroom.map_or(0, ShareWithin::ten_thousandths),
            batch_percent: self
                .batch
                .and_then(|batch| u8::try_from(batch.ten_thousandths() / 100).ok())
                .unwrap_or(20),
        };
        policy.deadline = self
            .deadline
            .map_or_else(|| usual_deadline(&policy), SpanWithin::duration);
        policy.gate_deadline = policy.gate_deadline.min(policy.deadline);
        wrong.extend(limits::contradictions(&policy));
        if wrong.is_empty() { Ok(policy) } else { Err(wrong) }
    }
}

fn usual_deadline(policy: &RolloutPolicy) -> Duration {
    let gates = policy.strategy.steps.iter().filter(|step| step.gate);
    let usual = limits::waits(policy) + gates.map(|_| policy.gate_deadline).sum::<Duration>() + SLACK;
    match policy.engine {
        Engine::Variants => usual,
        Engine::Guardrails | Engine::Rolling => usual.min(limits::LONGEST_DEPLOYMENT),
    }
}

/// What the fleet file says of the rollouts of one endpoint, before `start` says its part.
#[derive(Clone, Debug)]
pub struct RolloutRules<'a> {
    pub(super) strategies: &'a Strategies,
    pub(super) section: RolloutSection,
    /// The endpoint has a probe that green could answer.
    pub(super) probed: bool,
}

impl RolloutRules<'_> {
    /// The policy of a rollout for which `start` says nothing.
    ///
    /// # Errors
    /// Everything in it that contradicts itself or can never work. What the file alone decides was refused when it was
    /// read, so this happens only where groups by tag, or globs that share some names, come together.
    pub fn policy(&self) -> Result<RolloutPolicy, Vec<Contradiction>> {
        self.section.clone().resolve(self.strategies, self.probed)
    }

    /// What stands against a policy that was resolved by an earlier file, and is to hold once more; for people.
    pub(crate) fn against(&self, policy: &RolloutPolicy) -> Option<&'static str> {
        let asks_for_probes = policy.smoke || policy.strategy.steps.iter().any(|step| step.smoke);
        (asks_for_probes && !self.probed)
            .then_some("it is to be probed, and the endpoint has no probe that green could answer")
    }

    /// The policy of a rollout for which `start` says `over`. For an inference component there is one engine and no
    /// analysis, whatever the file says.
    pub(crate) fn policy_with(
        &self,
        mut over: RolloutSection,
        component: bool,
    ) -> Result<RolloutPolicy, Vec<Contradiction>> {
        if component {
            if let Some(engine) = over.engine.filter(|engine| *engine != Engine::Rolling) {
                return Err(vec![Contradiction::new(
                    "engine",
                    format!("{engine} moves the traffic of variants, and an inference component is none"),
                    "rolling, or nothing",
                )]);
            }
            over.engine = Some(Engine::Rolling);
            match over.analysis {
                None => over.analysis = Some(Switch::Off),
                Some(Switch::Off) => {}
                Some(Switch::On(_)) => {
                    return Err(vec![Contradiction::new(
                        "analysis",
                        "SageMaker publishes no metrics that tell a component's old copies from its new ones",
                        "alarms, and no analysis",
                    )]);
                }
            }
        }
        over.over(self.section.clone()).resolve(self.strategies, self.probed)
    }
}
