//! What SageMaker's own engines can do of a strategy, and in which words they are told.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    effect::{Deployment, Routing},
    ledger::RolloutLedger,
    look::{ConfigVariantSeen, Known, Look},
    plan::{Blue, Green, Plan},
    policy::{Engine, RolloutPolicy},
    preflight::{Found, spoken},
    request::Request,
    strategy::{Step, StrategyKind, Weight},
};
use crate::{
    endpoint::{Endpoint, Variant},
    text::and_list,
};

/// `WaitIntervalInSeconds` and `TerminationWaitInSeconds`: the most.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// `MaximumExecutionTimeoutInSeconds`: the range.
const TIMEOUT: (Duration, Duration) = (Duration::from_secs(600), Duration::from_secs(28_800));

/// `AutoRollbackConfiguration.Alarms`: the most, Steward's own included.
const ALARMS: usize = 10;

/// What SageMaker needs to hear alarms (its developer guide, "Auto-Rollback Configuration and Monitoring").
pub(super) const DESCRIBE_ALARMS: &str = "cloudwatch:DescribeAlarms";

const OTHER: &str = "Use `engine: variants`, which can.";

/// Completes a plan for an endpoint with SageMaker's deployment.
pub(super) fn deploy(
    request: &Request,
    ledger: &RolloutLedger,
    endpoint: &Endpoint,
    (blue, like): (&Variant, &ConfigVariantSeen),
    plan: &mut Plan,
    found: &mut Found,
) {
    let policy = &request.policy;
    let fractional = policy.engine == Engine::Rolling || policy.strategy.kind != StrategyKind::AllAtOnce;
    // The deployment builds all variants anew, those that stay as they are, too.
    for variant in endpoint.variants.iter().filter(|_| fractional) {
        let instances = variant.desired_instances.max(variant.current_instances);
        if instances.is_some_and(|count| count < 2) {
            found.add(
                format!(
                    "Variant \"{}\" has one instance, and SageMaker moves traffic by whole instances of every variant.",
                    variant.name
                ),
                OTHER,
            );
        }
    }
    if request.green.variant.as_ref().is_some_and(|name| *name != blue.name) {
        found.add(
            "With SageMaker's own engines the variant keeps its name.",
            "Leave `green_variant` out, or use `engine: variants`.",
        );
    }
    if request.green.instances.is_some() {
        found.add(
            "With SageMaker's own engines green has as many instances as blue.",
            "Leave `instances` out, or use `engine: variants`.",
        );
    }
    let other_type = request.green.instance_type.is_some() && request.green.instance_type != like.instance_type;
    if other_type && plan.blue.scaling.is_some() {
        found.add(
            format!(
                "Variant \"{}\" is autoscaled, and SageMaker refuses another instance type for it.",
                blue.name
            ),
            OTHER,
        );
    }
    for kind in [&like.instance_type, &request.green.instance_type]
        .into_iter()
        .flatten()
    {
        if kind.starts_with("ml.inf1.") {
            found.add(
                format!("{kind} is excluded from SageMaker's deployment guardrails: it would fall back to all at once, without a bake."),
                OTHER,
            );
        }
    }
    if policy.engine == Engine::Rolling {
        if plan.only.as_ref().is_some_and(|only| only.variants.len() > 1) {
            found.add(
                "SageMaker's rolling update takes endpoints with one variant only.",
                "Use `engine: variants` or `guardrails`.",
            );
        }
        if blue.serverless {
            found.add(
                "SageMaker's rolling update takes no serverless variants.",
                "Use `engine: guardrails`.",
            );
        }
    }
    plan.deployment = deployment(request, ledger, found);
    plan.abort_alarm = Some(shared::rollout::abort_alarm(&request.endpoint, plan.serial));
}

/// A plan for one inference component.
pub(super) fn component(
    now: Timestamp,
    request: &Request,
    look: &Look,
    ledger: &RolloutLedger,
    endpoint: &Endpoint,
    found: &mut Found,
) -> Option<Plan> {
    let name = request.component.as_deref()?;
    if request.policy.engine != Engine::Rolling {
        found.add(
            format!(
                "Inference component {name} can only be updated in batches, not with `engine: {}`.",
                request.policy.engine
            ),
            "Use `engine: rolling`.",
        );
    }
    if request.policy.analysis.is_some() {
        found.add(
            "SageMaker publishes no metrics by which the old and the new copies of a component could be told apart.",
            "Leave out the `analysis` (`analysis: false`) and name `alarms`.",
        );
    }
    let other = [&request.variant, &request.green.variant, &request.green.instance_type];
    if other.iter().any(|field| field.is_some()) || request.green.instances.is_some() {
        found.add(
            "Of an inference component only the model is replaced.",
            "Leave out `variant`, `green_variant`, `instance_type` and `instances`.",
        );
    }
    let seen = match look.components.get(name) {
        Some(Known::Yes(Some(seen))) => seen,
        Some(Known::Yes(None)) => {
            found.add(
                format!("There is no inference component \"{name}\"."),
                "Correct the name.",
            );
            return None;
        }
        Some(Known::No(said)) => {
            found.add(
                format!("Inference component {name} could not be described: {said}."),
                "Try again.",
            );
            return None;
        }
        None => {
            found.add(format!("Inference component {name} was not looked at."), "Try again.");
            return None;
        }
    };
    if seen.endpoint != request.endpoint {
        found.add(
            format!("Inference component {name} belongs to endpoint {}.", seen.endpoint),
            "Name that endpoint.",
        );
    }
    if seen.status != "InService" {
        found.add(
            format!("Inference component {name} is {}.", seen.status),
            "Wait until it is InService.",
        );
    }
    if request.green.model.is_none() || request.green.model == seen.model {
        found.add(
            format!(
                "Inference component {name} has the model {} already.",
                seen.model.as_deref().unwrap_or("(none)")
            ),
            "Name another `model`.",
        );
    }
    if seen.model.is_none() {
        found.add(
            format!("Inference component {name} names no model, but its container itself."),
            "Update it by hand once, with a model: there would be nothing to go back to.",
        );
    }
    let serial = ledger.serial.saturating_add(1);
    Some(Plan {
        request: request.clone(),
        serial,
        made: now,
        base: endpoint.config.clone().unwrap_or_default(),
        blue: Blue {
            variant: seen.variant.clone(),
            weight: 0.0,
            instances: None,
            model: seen.model.clone(),
            instance_type: None,
            scaling: None,
        },
        green: Green {
            variant: seen.variant.clone(),
            model: request.green.model.clone(),
            instance_type: None,
            instances: None,
        },
        both: None,
        only: None,
        deployment: deployment(request, ledger, found),
        abort_alarm: Some(shared::rollout::abort_alarm(&request.endpoint, serial)),
        instances: std::collections::BTreeMap::new(),
        unmeasured: None,
        warnings: vec![
            format!(
                "copies are replaced in batches of {}% of the component's copies; each batch needs room for that many more",
                request.policy.batch_percent
            ),
            hears(
                &request.policy.alarms,
                &shared::rollout::abort_alarm(&request.endpoint, serial),
            ),
        ],
    })
}

/// What the alarms of a deployment depend on, besides themselves. Who may describe alarms is in no answer of SageMaker's.
pub(super) fn hears(alarms: &[String], abort_alarm: &str) -> String {
    let alarms: Vec<&str> = alarms.iter().map(String::as_str).chain([abort_alarm]).collect();
    format!(
        "neither an alarm nor `abort` stops the deployment unless the execution role of the endpoint's models allows \
         {DESCRIBE_ALARMS} on {}; without it SageMaker goes on to the end, and only then is it undone",
        and_list(&alarms)
    )
}

/// The policy in SageMaker's words; everything that it has no words for is a problem.
fn deployment(request: &Request, ledger: &RolloutLedger, found: &mut Found) -> Option<Deployment> {
    let policy = &request.policy;
    let steps = &policy.strategy.steps;
    if steps.iter().any(|step| step.gate) {
        found.add(
            "SageMaker's own engines cannot wait for a person.",
            format!("Leave out the gates. {OTHER}"),
        );
    }
    if steps.iter().any(Step::has_its_own) {
        found.add(
            "SageMaker takes one list of alarms for all of a deployment, and does not say which step it is at: no step can \
             have alarms or an analysis of its own.",
            format!("Give them to the whole rollout. {OTHER}"),
        );
    }
    if let Some(step) = steps.iter().find(|step| step.bake > LONGEST_WAIT) {
        found.add(
            format!(
                "A bake of {} is longer than SageMaker's longest, 1h.",
                spoken(step.bake)
            ),
            OTHER,
        );
    }
    if policy.alarms.len() >= ALARMS {
        found.add(
            format!(
                "{} alarms are named; SageMaker takes 10, and one of them is Steward's, to stop the deployment.",
                policy.alarms.len()
            ),
            "Combine some in a composite alarm, or use `engine: variants`.",
        );
    }
    if policy.alarms.is_empty() && policy.analysis.is_none() {
        found.add(
            "Neither alarms nor an analysis: nothing would ever take the deployment back.",
            "Name `alarms`, or an `analysis` where the engine can have one.",
        );
    }
    let routing = if policy.engine == Engine::Rolling {
        rolling(policy, found)
    } else {
        blue_green(policy, found)
    };
    let timeout = policy.deadline;
    if timeout < TIMEOUT.0 || timeout > TIMEOUT.1 {
        found.add(
            format!(
                "A deadline of {} is outside of what SageMaker takes, 10m to 8h.",
                spoken(timeout)
            ),
            format!("Give a `deadline` within that. {OTHER}"),
        );
    }
    let waits = routing
        .as_ref()
        .map_or(Duration::ZERO, |routing| summed(routing, steps.len()));
    if timeout <= waits {
        found.add(
            format!(
                "The deadline of {} is not longer than the waits together, {}.",
                spoken(timeout),
                spoken(waits)
            ),
            "Give a longer `deadline`.",
        );
    }
    let serial = ledger.serial.saturating_add(1);
    let mut alarms = policy.alarms.clone();
    alarms.push(shared::rollout::abort_alarm(&request.endpoint, serial));
    Some(Deployment {
        routing: routing?,
        timeout,
        alarms,
    })
}

fn rolling(policy: &RolloutPolicy, found: &mut Found) -> Option<Routing> {
    if !(5..=50).contains(&policy.batch_percent) {
        found.add(
            format!(
                "Batches of {}% are outside of what SageMaker takes, 5% to 50%.",
                policy.batch_percent
            ),
            "Give a `batch` within that.",
        );
        return None;
    }
    if policy.strategy.kind != StrategyKind::AllAtOnce {
        found.add(
            "A rolling update replaces batch after batch; it knows no canary, no linear and no custom steps.",
            "Use the strategy `all-at-once` with `batch`, or another engine.",
        );
    }
    Some(Routing::Rolling {
        batch: policy.batch_percent,
        wait: policy.strategy.steps.first().map(|step| step.bake).unwrap_or_default(),
    })
}

fn blue_green(policy: &RolloutPolicy, found: &mut Found) -> Option<Routing> {
    let steps = &policy.strategy.steps;
    let last = steps.last()?;
    let first = steps.first()?;
    if policy.keep_blue > LONGEST_WAIT {
        found.add(
            format!(
                "SageMaker keeps blue for 1h at most, not for {}.",
                spoken(policy.keep_blue)
            ),
            format!("Give a shorter `keep_blue`. {OTHER}"),
        );
    }
    // All of it is time in which green has all traffic and blue is still there.
    let termination_wait = last.bake.saturating_add(policy.keep_blue).min(LONGEST_WAIT);
    match policy.strategy.kind {
        // The alarms are sure to be heard in a bake only, so the one at 100% is asked for as a bake.
        StrategyKind::AllAtOnce => Some(Routing::AllAtOnce {
            wait: last.bake.min(LONGEST_WAIT),
            termination_wait,
        }),
        StrategyKind::Canary => {
            if !(100..=5000).contains(&first.weight.ten_thousandths()) || steps.len() != 2 {
                found.add(format!("SageMaker's canary is 1% to 50%, not {}.", first.weight), OTHER);
            }
            whole_percent(first.weight, found);
            Some(Routing::Canary {
                size: first.weight,
                wait: first.bake,
                termination_wait,
            })
        }
        StrategyKind::Linear => {
            let parts = first.weight.ten_thousandths();
            if !(1000..=5000).contains(&parts) {
                found.add(
                    format!("SageMaker's linear step is 10% to 50%, not {}.", first.weight),
                    OTHER,
                );
            }
            whole_percent(first.weight, found);
            if steps.iter().rev().skip(1).any(|step| step.bake != first.bake) {
                found.add("SageMaker bakes every linear step for the same time.", OTHER);
            }
            Some(Routing::Linear {
                step: first.weight,
                wait: first.bake,
                termination_wait,
            })
        }
        StrategyKind::Steps => {
            found.add(
                "SageMaker's own engine knows all-at-once, canary and linear, and no custom steps.",
                OTHER,
            );
            None
        }
    }
}

fn whole_percent(weight: Weight, found: &mut Found) {
    if !weight.ten_thousandths().is_multiple_of(100) {
        found.add(format!("SageMaker takes whole percent, not {weight}."), OTHER);
    }
}

/// The time that the deployment waits in all.
fn summed(routing: &Routing, steps: usize) -> Duration {
    match routing {
        Routing::AllAtOnce { wait, termination_wait } => wait.saturating_add(*termination_wait),
        Routing::Canary {
            wait, termination_wait, ..
        } => wait.saturating_add(*termination_wait),
        Routing::Linear {
            wait, termination_wait, ..
        } => wait
            .saturating_mul(u32::try_from(steps.saturating_sub(1)).unwrap_or(u32::MAX))
            .saturating_add(*termination_wait),
        Routing::Rolling { batch, wait } => wait.saturating_mul(100_u32.div_ceil(u32::from((*batch).max(1)))),
    }
}
