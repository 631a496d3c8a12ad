//! The strategy that is meant: one of a name, built in or declared, or the one that is spelled out in place.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use deserr::{Deserr, IntoValue, Map as _, Value, ValuePointerRef};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::Shape;
use crate::{
    fleet::{
        rollout::analysis::AnalysisSection,
        switch::Switch,
        text::{Rule as _, StrategyName},
    },
    rollout::strategy::{OwnAnalysis, Step, Strategy, StrategyKind, Weight},
    text::{nearest, or_list},
    yaml::{Found, quoted, read_on},
};

/// A strategy with its name, and what its steps say of the analysis, by their index.
#[derive(Debug)]
pub(in crate::fleet::rollout) struct Chosen {
    pub(super) strategy: Strategy,
    pub(super) analyses: BTreeMap<usize, Switch<AnalysisSection>>,
}

impl Chosen {
    /// The strategy, the analysis of each step that has one of its own laid over the rollout's. What of them can never do
    /// what its author meant goes to `problems`.
    pub(in crate::fleet::rollout) fn over(
        self,
        under: &Switch<AnalysisSection>,
        problems: &mut Vec<String>,
    ) -> Strategy {
        let mut strategy = self.strategy;
        for (index, own) in self.analyses {
            let mut wrong = Vec::new();
            let laid = own.over(under.clone(), AnalysisSection::over).on();
            let laid = laid.map(|section| section.resolve(&mut wrong));
            problems.extend(
                wrong
                    .into_iter()
                    .map(|problem| format!("steps[{index}].analysis.{problem}")),
            );
            if let Some(step) = strategy.steps.get_mut(index) {
                step.analysis = Some(laid.map_or(OwnAnalysis::Off, OwnAnalysis::On));
            }
        }
        strategy
    }
}

/// A strategy by its name, or spelled out in place.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::fleet::rollout) enum Choice {
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
    pub(in crate::fleet::rollout) fn choose(&self, choice: &Choice) -> Result<Option<Chosen>, (String, String)> {
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
