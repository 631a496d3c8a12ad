//! Strategies as the file and commands write them: by name, or as all at once, canary, linear or steps.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use deserr::{Deserr, IntoValue, Map as _, Value, ValuePointerRef};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{Alarms, analysis::AnalysisSection};
use crate::{
    fleet::{
        switch::Switch,
        text::{Rule as _, StrategyName},
    },
    quantity::{ShareWithin, SpanWithin},
    rollout::strategy::{OwnAnalysis, Step, Strategy, StrategyKind, Weight},
    text::{nearest, or_list},
    yaml::{Found, quoted, read_on},
};

/// From a minute, the resolution of the metrics, to 30 days.
type Bake = SpanWithin<60_000, { 30 * 86_400_000 }>;

/// How traffic moves from blue to green; exactly one of the four.
#[derive(Clone, Debug, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Strategy")]
struct StrategySection {
    /// Everything in one step.
    #[deserr(default)]
    all_at_once: Option<AllAtOnceSection>,
    /// A first share, then everything.
    #[deserr(default)]
    canary: Option<CanarySection>,
    /// Equal shares, one after the other; the last one is what is left.
    #[deserr(default)]
    linear: Option<LinearSection>,
    /// Any shares, each larger than the one before, the last one 100%.
    #[deserr(default)]
    #[schemars(extend("examples" = [[{ "weight": "20%", "bake": "30m" }, { "weight": "100%", "bake": "1h" }]]))]
    steps: Option<Vec<StepSection>>,
}

/// Everything in one step.
#[derive(Clone, Debug, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "AllAtOnce")]
struct AllAtOnceSection {
    /// How long it is watched afterwards.
    #[schemars(example = "10m")]
    bake: Bake,
}

/// A first share, then everything.
#[derive(Clone, Debug, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Canary")]
struct CanarySection {
    /// The first share.
    #[schemars(example = "10%")]
    size: ShareWithin<1, 9_999, 1>,
    /// How long it is watched at the first share, and again with everything.
    #[schemars(example = "30m")]
    bake: Bake,
}

/// Equal shares, one after the other.
#[derive(Clone, Debug, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Linear")]
struct LinearSection {
    /// By how much the share grows.
    #[schemars(example = "20%")]
    step: ShareWithin<100, 5_000, 1>,
    /// How long it is watched at each share.
    #[schemars(example = "10m")]
    bake: Bake,
}

/// One step: green takes `weight`, then bakes.
#[derive(Clone, Debug, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Step")]
struct StepSection {
    /// Green's share of the traffic; larger than in the step before.
    #[schemars(example = "10%")]
    weight: ShareWithin<1, 10_000, 1>,
    /// How long green keeps the share and is watched before the next step. As long as you like: no limit but the deadline.
    #[schemars(example = "30m")]
    bake: Bake,
    /// After the bake, wait for somebody to say `promote`.
    #[deserr(default)]
    #[schemars(extend("default" = false))]
    gate: Option<bool>,
    /// Probe green again when it has its share, before it bakes.
    #[deserr(default)]
    #[schemars(extend("default" = false))]
    smoke: Option<bool>,
    /// CloudWatch alarms that count in this step besides the rollout's `alarms`: from when its share is asked for until the
    /// share of the next step is read back, or to the end. Only with the engine `variants`.
    #[deserr(default)]
    #[schemars(extend("default" = [], "examples" = [["fraud-green-latency"]]))]
    alarms: Option<Alarms>,
    /// How green is judged in this step: what it says is laid over the rollout's `analysis`, and what it leaves out is as
    /// there; `false` leaves the step to alarms and probes. Only with the engine `variants`.
    #[deserr(default)]
    #[schemars(extend("examples" = [{ "min_requests": 20 }]))]
    analysis: Option<Switch<AnalysisSection>>,
}

/// The most steps; each has its own transitions, alerts and evidence.
const MOST_STEPS: usize = 100;

impl StrategySection {
    fn shape(self, at: ValuePointerRef<'_>) -> Result<Shape, Found> {
        let given = [
            ("all_at_once", self.all_at_once.is_some()),
            ("canary", self.canary.is_some()),
            ("linear", self.linear.is_some()),
            ("steps", self.steps.is_some()),
        ];
        let given: Vec<&str> = given
            .into_iter()
            .filter(|(_, given)| *given)
            .map(|(name, _)| name)
            .collect();
        match self {
            _ if given.len() > 1 => Err(Found::one(
                at,
                format!("is {} at the same time", crate::text::and_list(&given)),
                "one of all_at_once, canary, linear and steps".to_owned(),
            )),
            Self {
                all_at_once: Some(all), ..
            } => Ok(Shape::even(StrategyKind::AllAtOnce, &[Weight::FULL], all.bake)),
            Self {
                canary: Some(canary), ..
            } => {
                let weights = [weight(canary.size), Weight::FULL];
                Ok(Shape::even(StrategyKind::Canary, &weights, canary.bake))
            }
            Self {
                linear: Some(linear), ..
            } => {
                let step = linear.step.ten_thousandths();
                let weights: Vec<Weight> = (1..=10_000_u16.div_ceil(step))
                    .map(|n| Weight::from_ten_thousandths(n.saturating_mul(step)).unwrap_or(Weight::FULL))
                    .collect();
                Ok(Shape::even(StrategyKind::Linear, &weights, linear.bake))
            }
            Self { steps: Some(steps), .. } => Shape::steps(steps, at),
            _ => Err(Found::one(
                at,
                "moves no traffic",
                "one of all_at_once, canary, linear and steps".to_owned(),
            )),
        }
    }
}

fn weight<const MIN: u16, const MAX: u16, const STEP: u16>(share: ShareWithin<MIN, MAX, STEP>) -> Weight {
    Weight::from_ten_thousandths(share.ten_thousandths()).unwrap_or(Weight::FULL)
}

/// A strategy without its name, found right.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shape {
    kind: StrategyKind,
    steps: Vec<Step>,
    /// What steps say of the analysis, by their index.
    analyses: BTreeMap<usize, Switch<AnalysisSection>>,
}

impl Shape {
    fn even(kind: StrategyKind, weights: &[Weight], bake: Bake) -> Self {
        Self {
            kind,
            steps: weights
                .iter()
                .map(|weight| Step::new(*weight, bake.duration()))
                .collect(),
            analyses: BTreeMap::new(),
        }
    }

    fn steps(sections: Vec<StepSection>, whole: ValuePointerRef<'_>) -> Result<Self, Found> {
        let at = whole.push_key("steps");
        let mut found = Found::default();
        if sections.len() > MOST_STEPS {
            let accepted = format!("at most {MOST_STEPS}");
            return Err(Found::one(at, format!("there are {} steps", sections.len()), accepted));
        }
        let mut before = Weight::ZERO;
        let mut steps = Vec::with_capacity(sections.len());
        let mut analyses = BTreeMap::new();
        for (index, section) in sections.into_iter().enumerate() {
            let weight = weight(section.weight);
            if weight <= before {
                let at = at.push_index(index);
                let wrong = Found::one(
                    at.push_key("weight"),
                    format!("{weight} is no more than the {before} of the step before"),
                    "weights that grow from step to step".to_owned(),
                );
                found.and(wrong.resting_on(whole, &["steps"]));
            }
            before = weight;
            steps.push(Step {
                gate: section.gate.unwrap_or(false),
                smoke: section.smoke.unwrap_or(false),
                alarms: section.alarms.map(|alarms| alarms.0).unwrap_or_default(),
                ..Step::new(weight, section.bake.duration())
            });
            analyses.extend(section.analysis.map(|own| (index, own)));
        }
        match steps.last() {
            None => found.and(Found::one(
                at,
                "there is no step",
                "at least one, the last one with weight 100%".to_owned(),
            )),
            Some(last) if last.weight != Weight::FULL => {
                let index = steps.len() - 1;
                let at = at.push_index(index);
                let wrong = Found::one(
                    at.push_key("weight"),
                    format!("the last step leaves {} with blue", last.weight.rest()),
                    "100% in the last step".to_owned(),
                );
                found.and(wrong.resting_on(whole, &["steps"]));
            }
            Some(_) => {}
        }
        found.or(Self {
            kind: StrategyKind::Steps,
            steps,
            analyses,
        })
    }

    fn named(&self, name: &str) -> Chosen {
        Chosen {
            strategy: Strategy {
                name: name.to_owned(),
                kind: self.kind,
                steps: self.steps.clone(),
            },
            analyses: self.analyses.clone(),
        }
    }
}

impl Deserr<Found> for Shape {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        match value {
            map @ Value::Map(_) => StrategySection::deserialize_from_value(map, at)?.shape(at),
            other => Err(Found::kind(at, other, "one of all_at_once, canary, linear and steps")),
        }
    }
}

impl JsonSchema for Shape {
    fn schema_name() -> Cow<'static, str> {
        StrategySection::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        StrategySection::json_schema(generator)
    }
}

/// A strategy with its name, and what its steps say of the analysis, by their index.
#[derive(Debug)]
pub(super) struct Chosen {
    strategy: Strategy,
    analyses: BTreeMap<usize, Switch<AnalysisSection>>,
}

impl Chosen {
    /// The strategy, the analysis of each step that has one of its own laid over the rollout's. What of them can never do
    /// what its author meant goes to `problems`.
    pub(super) fn over(self, under: &Switch<AnalysisSection>, problems: &mut Vec<String>) -> Strategy {
        let mut strategy = self.strategy;
        for (index, own) in self.analyses {
            let mut wrong = Vec::new();
            let laid = own.over(under.clone(), AnalysisSection::over).on();
            let laid = laid.map(|section| section.resolve(&mut wrong));
            problems.extend(wrong.into_iter().map(|problem| format!("steps[{index}].analysis.{problem}")));
            if let Some(step) = strategy.steps.get_mut(index) {
                step.analysis = Some(laid.map_or(OwnAnalysis::Off, OwnAnalysis::On));
            }
        }
        strategy
    }
}

/// A strategy by its name, or spelled out in place.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Choice {
    Named(String),
    Inline(Shape),
}

impl Deserr<Found> for Choice {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        match value {
            Value::String(name) => Ok(Self::Named(name)),
            map @ Value::Map(_) => Shape::deserialize_from_value(map, at).map(Self::Inline),
            other => Err(Found::kind(
                at,
                other,
                "the name of a strategy, or one of all_at_once, canary, linear and steps",
            )),
        }
    }
}

impl JsonSchema for Choice {
    fn schema_name() -> Cow<'static, str> {
        "StrategyChoice".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let shape = generator.subschema_for::<Shape>();
        json_schema!({ "anyOf": [{ "type": "string", "title": "the name of a strategy" }, shape] })
    }
}

/// The strategies that need no declaration.
const BUILT_IN: [&str; 4] = ["all-at-once", "canary-10", "linear-10", "steps-10-30-50-80-100"];

fn built_in(name: &str) -> Option<Strategy> {
    const MINUTE: Duration = Duration::from_secs(60);
    let (kind, percents, bake): (_, &[u8], _) = match name {
        "all-at-once" => (StrategyKind::AllAtOnce, &[100], 10 * MINUTE),
        "canary-10" => (StrategyKind::Canary, &[10, 100], 10 * MINUTE),
        "linear-10" => (
            StrategyKind::Linear,
            &[10, 20, 30, 40, 50, 60, 70, 80, 90, 100],
            10 * MINUTE,
        ),
        "steps-10-30-50-80-100" => (StrategyKind::Steps, &[10, 30, 50, 80, 100], 30 * MINUTE),
        _ => return None,
    };
    let step = |percent: &u8| Some(Step::new(Weight::percent(*percent)?, bake));
    Some(Strategy {
        name: name.to_owned(),
        kind,
        steps: percents.iter().filter_map(step).collect(),
    })
}

/// `strategies`: the names that `strategy` may say beside the built-in ones.
#[derive(Clone, Debug, Default)]
pub(in crate::fleet) struct Strategies {
    /// `None`: declared, and wrong.
    declared: BTreeMap<String, Option<Shape>>,
    /// What is wrong with them.
    pub(in crate::fleet) found: Found,
}

impl Strategies {
    /// The strategy; `Ok(None)` when it is declared and wrong, which was told where it is declared.
    ///
    /// # Errors
    /// When there is none of the name: what is wrong, and what would be right.
    pub(super) fn choose(&self, choice: &Choice) -> Result<Option<Chosen>, (String, String)> {
        let name = match choice {
            Choice::Inline(shape) => return Ok(Some(shape.named("inline"))),
            Choice::Named(name) => name,
        };
        if let Some(strategy) = built_in(name) {
            return Ok(Some(Chosen {
                strategy,
                analyses: BTreeMap::new(),
            }));
        }
        match self.declared.get(name) {
            Some(shape) => Ok(shape.as_ref().map(|shape| shape.named(name))),
            None => {
                let names: Vec<&str> = BUILT_IN
                    .into_iter()
                    .chain(self.declared.keys().map(String::as_str))
                    .collect();
                let meant = nearest(name, names.iter().copied());
                let meant = meant
                    .map(|name| format!("; did you mean `{name}`?"))
                    .unwrap_or_default();
                Err((
                    format!("there is no strategy {}{meant}", quoted(name)),
                    format!("{}, or one spelled out in place", or_list(&names)),
                ))
            }
        }
    }
}

impl Deserr<Found> for Strategies {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let map = match value {
            Value::Map(map) => map,
            Value::Null => return Ok(Self::default()),
            other => return Err(Found::kind(at, other, "a map from names to strategies")),
        };
        let mut strategies = Self::default();
        for (name, value) in map.into_iter() {
            let at = at.push_key(&name);
            if !StrategyName::keeps(&name) {
                let problem = "no strategy can have this name";
                strategies
                    .found
                    .and(Found::key(at, problem, StrategyName::ACCEPTED.to_owned()));
            } else if BUILT_IN.contains(&name.as_str()) {
                let problem = "this is the name of a built-in strategy, which everybody expects to be what it is";
                strategies
                    .found
                    .and(Found::key(at, problem, "a name of its own".to_owned()));
            }
            let (shape, wrong) = read_on::<Shape, _>(value.into_value(), at);
            strategies.declared.insert(name, shape.filter(|_| wrong.count() == 0));
            strategies.found.and(wrong);
        }
        Ok(strategies)
    }
}

impl JsonSchema for Strategies {
    fn schema_name() -> Cow<'static, str> {
        "Strategies".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        BTreeMap::<String, Shape>::json_schema(generator)
    }
}
