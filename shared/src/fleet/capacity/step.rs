//! `step` and `from_zero`: policies that an alarm triggers.

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{
    DAY,
    list::{Item, List},
    seconds,
};
use crate::{
    fleet::text::{AlarmName, Text},
    quantity::{Number, SpanWithin, Whole},
    scaling::ScalingRule,
    yaml::Found,
};

/// Steps by how far the alarm's metric is from its threshold.
#[derive(Clone, Debug, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields, validate = StepSection::consistent -> Found)]
#[schemars(deny_unknown_fields, rename = "StepScaling")]
pub(super) struct StepSection {
    /// The alarm that triggers it, one of `alarms`. When not given, an alarm that is declared elsewhere names the policy.
    #[deserr(default)]
    #[schemars(extend("examples" = ["images-backlog"]))]
    pub(super) alarm: Option<Text<AlarmName>>,
    /// What `by` is: instances more or fewer, percent more or fewer, or exactly so many.
    #[deserr(default)]
    #[schemars(extend("default" = "change"))]
    adjust: Option<Adjust>,
    /// The steps: without gaps, none over another.
    #[schemars(extend("examples" = [[{ "from": 0, "to": 10, "by": 1 }, { "from": 10, "by": 4 }]]))]
    steps: List<OneStep, 20>,
    /// With percent, at least so many.
    #[deserr(default)]
    #[schemars(extend("examples" = [1]))]
    at_least: Option<Whole<1, 10_000>>,
    /// So long after it scaled it counts what it did as not yet at work.
    #[deserr(default)]
    #[schemars(extend("default" = "5m"))]
    cooldown: Option<SpanWithin<0, DAY>>,
    /// How the datapoints of the alarm become one.
    #[deserr(default)]
    #[schemars(extend("default" = "average"))]
    aggregate: Option<Aggregate>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "StepAdjustment")]
struct OneStep {
    /// From so far above the threshold on, below it with a minus; without it, however far below.
    #[deserr(default)]
    #[schemars(extend("examples" = [0]))]
    from: Option<Number>,
    /// Up to so far above the threshold; without it, however far.
    #[deserr(default)]
    #[schemars(extend("examples" = [10]))]
    to: Option<Number>,
    /// So many instances or copies, or so much percent.
    #[schemars(extend("examples" = [1, -1]))]
    by: Signed,
}

impl Item for OneStep {
    const IDENTIFIED_BY: &[&str] = &["from"];

    fn identity(&self) -> String {
        let from = self
            .from
            .map_or_else(|| "below".to_owned(), |from| from.get().to_string());
        format!("the step from {from}")
    }
}

/// A whole number, also below 0.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Signed(i32);

impl Signed {
    const FORM: &str = "a whole number from -10000 to 10000";
}

impl Deserr<Found> for Signed {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let read = match &value {
            Value::Integer(number) => i32::try_from(*number).ok(),
            Value::NegativeInteger(number) => i32::try_from(*number).ok(),
            _ => None,
        };
        let read = read.filter(|number| number.abs() <= 10_000);
        read.map(Self).ok_or_else(|| Found::kind(at, value, Self::FORM))
    }
}

impl JsonSchema for Signed {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Signed".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "title": Self::FORM, "minimum": -10_000, "maximum": 10_000 })
    }
}

/// What a step's `by` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserr, JsonSchema)]
#[deserr(error = Found, rename_all = lowercase)]
#[schemars(rename_all = "lowercase")]
enum Adjust {
    /// So many more, or fewer with a minus (`ChangeInCapacity`).
    Change,
    /// So much percent of what there is (`PercentChangeInCapacity`).
    Percent,
    /// Exactly so many (`ExactCapacity`).
    Exact,
}

/// How datapoints become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserr, JsonSchema)]
#[deserr(error = Found, rename_all = lowercase)]
#[schemars(rename_all = "lowercase")]
enum Aggregate {
    /// Their average.
    Average,
    /// The smallest.
    Minimum,
    /// The largest.
    Maximum,
}

impl StepSection {
    fn consistent(self, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let mut found = Found::default();
        let at_steps = at.push_key("steps");
        if self.steps.0.is_empty() {
            found.and(Found::one(
                at_steps,
                "has no step",
                "at least one, such as [{ from: 0, by: 1 }]".to_owned(),
            ));
        }
        for (index, step) in self.steps.0.iter().enumerate() {
            let (from, to) = step.bounds();
            if from >= to {
                let problem = "ends where it begins, or before";
                let at = at_steps.push_index(index);
                let wrong = Found::one(at, problem, "a `to` that is more than `from`".to_owned());
                found.and(wrong.whatever_is_in_it());
            }
            if self.adjust == Some(Adjust::Exact) && step.by.0 < 0 {
                let problem = "exactly so many cannot be fewer than none";
                let at_step = at_steps.push_index(index);
                found.and(Found::one(at_step.push_key("by"), problem, "0 or more".to_owned()));
            }
        }
        let mut bounds: Vec<(f64, f64)> = self.steps.0.iter().map(OneStep::bounds).collect();
        bounds.sort_by(|a, b| a.0.total_cmp(&b.0));
        for pair in bounds.windows(2) {
            let (end, begin) = (pair[0].1, pair[1].0);
            if end != begin {
                let problem = match end < begin {
                    true => format!("there is a gap between {end} and {begin}"),
                    false => "two steps lie over each other".to_owned(),
                };
                found.and(Found::one(
                    at_steps,
                    problem,
                    "steps of which each begins where the one before ends".to_owned(),
                ));
            }
        }
        if self.at_least.is_some() && self.adjust != Some(Adjust::Percent) {
            let accepted = "only beside `adjust: percent`".to_owned();
            let wrong = Found::key(at.push_key("at_least"), "means nothing here", accepted);
            found.and(wrong.beside(at, &["adjust"]));
        }
        found.or(self)
    }

    /// Some step adds where there is nothing: percent of nothing are nothing, unless it says how many at least.
    pub(super) fn adds_to_nothing(&self) -> bool {
        let counts = self.adjust != Some(Adjust::Percent) || self.at_least.is_some();
        counts && self.steps.0.iter().any(|step| step.by.0 > 0)
    }

    pub(super) fn rule(&self) -> ScalingRule {
        let adjustment = match self.adjust.unwrap_or(Adjust::Change) {
            Adjust::Change => "ChangeInCapacity",
            Adjust::Percent => "PercentChangeInCapacity",
            Adjust::Exact => "ExactCapacity",
        };
        let aggregation = match self.aggregate.unwrap_or(Aggregate::Average) {
            Aggregate::Average => "Average",
            Aggregate::Minimum => "Minimum",
            Aggregate::Maximum => "Maximum",
        };
        let bound = |bound: Option<Number>| bound.map(Number::get);
        let steps = self
            .steps
            .0
            .iter()
            .map(|step| (bound(step.from), bound(step.to), step.by.0));
        ScalingRule::Step {
            adjustment: adjustment.to_owned(),
            steps: steps.collect(),
            magnitude: self.at_least.map(|number| number.0),
            cooldown: self.cooldown.map(seconds),
            aggregation: Some(aggregation.to_owned()),
        }
    }
}

impl OneStep {
    fn bounds(&self) -> (f64, f64) {
        let from = self.from.map_or(f64::NEG_INFINITY, Number::get);
        (from, self.to.map_or(f64::INFINITY, Number::get))
    }
}

/// A step from nothing, with an alarm of its own that is made and owned by Steward: of an asynchronous endpoint on
/// `HasBacklogWithoutCapacity`, of a component on `NoCapacityInvocationFailures`, of which one refused request is enough.
#[derive(Clone, Debug, Default, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "FromZero")]
pub(super) struct FromZeroSection {
    /// So many instances or copies are added.
    #[deserr(default)]
    #[schemars(extend("default" = 1))]
    pub(super) instances: Option<Whole<1, 1000>>,
    /// So many minutes in a row it must be seen. SageMaker's guide waits for 2 with an asynchronous endpoint.
    #[deserr(default)]
    #[schemars(extend("default" = 1))]
    pub(super) minutes: Option<Whole<1, 60>>,
    /// So long after it scaled it counts what it did as not yet at work; as in SageMaker's guide 5m, for a component 1m, when
    /// not given.
    #[deserr(default)]
    #[schemars(extend("examples" = ["5m"]))]
    pub(super) cooldown: Option<SpanWithin<0, DAY>>,
    /// The name of its alarm; `steward-`, the endpoint or component, the policy, when not given.
    #[deserr(default)]
    #[schemars(extend("examples" = ["images-from-zero"]))]
    pub(super) alarm: Option<Text<AlarmName>>,
}
