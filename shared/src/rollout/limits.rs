//! What an engine can never do, told before anything is begun.
//!
//! SageMaker's own engines refuse some of it at `UpdateEndpoint`, and silently do less than asked for the rest (an alarm
//! that does not exist never rolls back), so it is refused up front, and the engine that can do it is named.

use std::{fmt, time::Duration};

use super::{
    policy::{Engine, RolloutPolicy},
    strategy::{Step, StrategyKind, Weight},
};
use crate::quantity::Span;

/// `WaitIntervalInSeconds` and `TerminationWaitInSeconds`.
pub const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// `MaximumExecutionTimeoutInSeconds`, which has to be more than all waits together.
pub const LONGEST_DEPLOYMENT: Duration = Duration::from_secs(28_800);

/// `AutoRollbackConfiguration` takes 10, of which one is Steward's own.
pub const MOST_ALARMS: usize = 9;

const USE_VARIANTS: &str = "or `engine: variants`, which has no such limit";

/// One thing in a policy that contradicts another or can never work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// The field of the `rollout` section that it is about.
    pub field: &'static str,
    /// What is wrong.
    pub problem: String,
    /// What would be right, where that can be said.
    pub accepted: Option<String>,
    /// The other fields of the section, beside `engine`, without which it might be none.
    pub(crate) rests: &'static [&'static str],
}

impl Contradiction {
    pub(crate) fn new(field: &'static str, problem: impl Into<String>, accepted: impl Into<String>) -> Self {
        Self {
            field,
            problem: problem.into(),
            accepted: Some(accepted.into()),
            rests: &[],
        }
    }

    pub(crate) fn resting_on(mut self, fields: &'static [&'static str]) -> Self {
        self.rests = fields;
        self
    }

    /// What would be right is in the problem.
    pub(crate) fn told(field: &'static str, problem: impl Into<String>) -> Self {
        Self {
            field,
            problem: problem.into(),
            accepted: None,
            rests: &[],
        }
    }
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.field, self.problem)?;
        match &self.accepted {
            Some(accepted) => write!(f, "; accepted: {accepted}."),
            None => f.write_str("."),
        }
    }
}

/// What of a policy contradicts itself or can never work with its engine, whatever the endpoint.
pub fn contradictions(policy: &RolloutPolicy) -> Vec<Contradiction> {
    let mut wrong = Vec::new();
    let waits = waits(policy);
    // With SageMaker's engines no deadline would be long enough for such waits.
    let endless = policy.engine != Engine::Variants && waits >= LONGEST_DEPLOYMENT;
    if policy.deadline <= waits && !endless {
        let contradiction = Contradiction::new(
            "deadline",
            format!(
                "it ends after {}, and the {} alone take {}",
                told(policy.deadline),
                if policy.engine == Engine::Variants {
                    "bakes"
                } else {
                    "waits"
                },
                told(waits)
            ),
            format!("more than {}", told(waits)),
        );
        wrong.push(contradiction.resting_on(&["strategy", "keep_blue", "batch"]));
    }
    match policy.engine {
        Engine::Variants => {}
        Engine::Guardrails => {
            guardrails(policy, &mut wrong);
            native(policy, &mut wrong);
        }
        Engine::Rolling => {
            rolling(policy, &mut wrong);
            native(policy, &mut wrong);
        }
    }
    wrong
}

/// Of both of SageMaker's engines.
fn native(policy: &RolloutPolicy, wrong: &mut Vec<Contradiction>) {
    let engine = policy.engine;
    if let Some(step) = policy.strategy.steps.iter().find(|step| step.bake > LONGEST_WAIT) {
        wrong.push(Contradiction::new(
            "strategy",
            format!("with the engine {engine} a bake is at most 1h, not {}", told(step.bake)),
            format!("shorter bakes, {USE_VARIANTS}"),
        ));
    }
    if policy.strategy.steps.iter().any(Step::has_its_own) {
        wrong.push(Contradiction::new(
            "strategy",
            format!(
                "with the engine {engine} no step has alarms or an analysis of its own: SageMaker takes one list of alarms \
                 for all of a deployment, and does not say which step it is at"
            ),
            format!("`alarms` and `analysis` of the whole rollout, {USE_VARIANTS}"),
        ));
    }
    let alarms = policy.alarms.len();
    if alarms > MOST_ALARMS {
        wrong.push(Contradiction::new(
            "alarms",
            format!(
                "with the engine {engine} SageMaker watches 10 alarms, one of them Steward's own; here are {alarms}"
            ),
            format!("at most {MOST_ALARMS}, such as one composite alarm for all of them, {USE_VARIANTS}"),
        ));
    }
    if alarms == 0 && policy.analysis.is_none() {
        let contradiction = Contradiction::new(
            "alarms",
            format!("with the engine {engine}, no alarm and no analysis nothing would ever take it back"),
            "at least one alarm, or analysis where there can be one",
        );
        wrong.push(contradiction.resting_on(&["analysis"]));
    }
    let waits = waits(policy);
    if waits >= LONGEST_DEPLOYMENT {
        let contradiction = Contradiction::new(
            "strategy",
            format!(
                "with the engine {engine} all of it ends within 8h, and the waits alone take {}",
                told(waits)
            ),
            format!("fewer or shorter bakes, {USE_VARIANTS}"),
        );
        wrong.push(contradiction.resting_on(&["keep_blue", "batch"]));
    } else if policy.deadline > LONGEST_DEPLOYMENT {
        let contradiction = Contradiction::new(
            "deadline",
            format!(
                "with the engine {engine} all of it ends within 8h, not {}",
                told(policy.deadline)
            ),
            format!("at most 8h, {USE_VARIANTS}"),
        );
        wrong.push(contradiction.resting_on(&["strategy", "keep_blue", "batch"]));
    }
}

/// All that is waited for by design. The bake of the last step is a part of the time for which SageMaker keeps the old
/// fleet; of a deployment all at once it comes before that too, since alarms are sure to be heard in a bake only.
pub fn waits(policy: &RolloutPolicy) -> Duration {
    let bakes = policy.strategy.bakes();
    match policy.engine {
        Engine::Variants => bakes,
        Engine::Guardrails => {
            let last = policy.strategy.steps.last().map(|step| step.bake).unwrap_or_default();
            let at_once = policy.strategy.kind == StrategyKind::AllAtOnce;
            let baked = if at_once { last } else { bakes.saturating_sub(last) };
            baked + (last + policy.keep_blue).min(LONGEST_WAIT)
        }
        Engine::Rolling => bakes * u32::from(100_u8.div_ceil(policy.batch_percent.max(1))),
    }
}

fn guardrails(policy: &RolloutPolicy, wrong: &mut Vec<Contradiction>) {
    let first = policy.strategy.steps.first().map_or(Weight::FULL, |step| step.weight);
    let whole = first.ten_thousandths().is_multiple_of(100);
    let within = |least: u16, most: u16| (least..=most).contains(&first.ten_thousandths()) && whole;
    match policy.strategy.kind {
        StrategyKind::AllAtOnce => {}
        StrategyKind::Canary if within(100, 5_000) => {}
        StrategyKind::Linear if within(1_000, 5_000) => {}
        StrategyKind::Canary => wrong.push(Contradiction::new(
            "strategy",
            format!("with the engine guardrails a canary is whole percents from 1% to 50%, not {first}"),
            format!("such a canary, {USE_VARIANTS}"),
        )),
        StrategyKind::Linear => wrong.push(Contradiction::new(
            "strategy",
            format!("with the engine guardrails a linear step is whole percents from 10% to 50%, not {first}"),
            format!("such a step, {USE_VARIANTS}"),
        )),
        StrategyKind::Steps => wrong.push(Contradiction::new(
            "strategy",
            "the engine guardrails can do neither steps of your own nor gates",
            format!("all_at_once, canary or linear, {USE_VARIANTS}"),
        )),
    }
    if policy.keep_blue > LONGEST_WAIT {
        wrong.push(Contradiction::new(
            "keep_blue",
            format!(
                "with the engine guardrails blue is kept for at most 1h, not {}",
                told(policy.keep_blue)
            ),
            format!("at most 1h, {USE_VARIANTS}"),
        ));
    }
}

fn rolling(policy: &RolloutPolicy, wrong: &mut Vec<Contradiction>) {
    if policy.strategy.kind != StrategyKind::AllAtOnce {
        wrong.push(Contradiction::new(
            "strategy",
            "the engine rolling replaces instances or copies in batches (`batch`) and does not split traffic",
            format!("all_at_once, whose bake is the wait after each batch, {USE_VARIANTS}"),
        ));
    }
}

fn told(time: Duration) -> String {
    let span = u64::try_from(time.as_millis()).ok().and_then(Span::from_millis);
    span.map_or_else(|| format!("{time:?}"), |span| span.to_string())
}

#[cfg(test)]
mod tests;
