//! Strategies as the file and commands write them: by name, or as all at once, canary, linear or steps.

mod choice;

use std::{borrow::Cow, collections::BTreeMap};

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use schemars::{JsonSchema, Schema, SchemaGenerator};

pub(super) use self::choice::Choice;
use self::choice::Chosen;
pub(in crate::fleet) use self::choice::Strategies;
use super::{Alarms, analysis::AnalysisSection};
use crate::{
    fleet::switch::Switch,
    quantity::{ShareWithin, SpanWithin},
    rollout::strategy::{Step, Strategy, StrategyKind, Weight},
    yaml::Found,
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
