//! Whether a rollout can be done, asked before anything is changed: everything that stands against it, at once.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;

use super::{
    effect::{ConfigPlan, VariantPlan},
    ledger::RolloutLedger,
    look::{ConfigSeen, ConfigVariantSeen, Known, Look, Needs},
    names, native,
    plan::{Blue, Green, Plan, for_share},
    policy::Engine,
    request::Request,
    strategy::Weight,
};
use crate::{
    endpoint::{Endpoint, EndpointStatus, Variant},
    lease::Lease,
    scaling::ScalingRule,
    text::and_list,
};

/// One thing that stands against a rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub todo: String,
}

/// Everything that stands against a rollout. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("The rollout cannot begin, and nothing was changed:")?,
            n => write!(f, "The rollout cannot begin for {n} reasons, and nothing was changed:")?,
        }
        for problem in &self.0 {
            write!(f, "\n- {} {}", problem.what, problem.todo)?;
        }
        Ok(())
    }
}

/// What to look at before [`plan()`]. Ask twice: first without the endpoint, then with what was described.
pub fn preflight(request: &Request, endpoint: Option<&Endpoint>) -> Needs {
    let mut needs = Needs {
        alarms: request.policy.alarms.clone(),
        component: request.component.clone(),
        models: request.green.model.iter().cloned().collect(),
        ..Needs::default()
    };
    if let Some(endpoint) = endpoint {
        needs.configs.extend(endpoint.config.clone());
        if let Ok(blue) = replaced(request, endpoint) {
            needs.scaling.push(blue.name.clone());
        }
    }
    needs
}

/// The problems found so far.
pub(super) struct Found(Vec<Problem>);

impl Found {
    pub(super) fn add(&mut self, what: impl Into<String>, todo: impl Into<String>) {
        self.0.push(Problem {
            what: what.into(),
            todo: todo.into(),
        });
    }
}

/// What the rollout will do.
///
/// # Errors
/// Everything that stands against it.
pub fn plan(
    now: Timestamp,
    request: &Request,
    look: &Look,
    ledger: &RolloutLedger,
    lease: Option<&Lease>,
) -> Result<Plan, Problems> {
    let mut found = Found(Vec::new());
    nobody_else(now, request, ledger, lease, &mut found);
    names_are_valid(request, &mut found);
    policy_makes_sense(request, &mut found);
    models(request, look, &mut found);
    alarms(request, look, &mut found);
    let plan = match in_service(request, look, &mut found) {
        Some(endpoint) if request.component.is_some() => {
            native::component(now, request, look, ledger, endpoint, &mut found)
        }
        Some(endpoint) => of_variant(now, request, look, ledger, endpoint, &mut found),
        None => None,
    };
    match plan {
        Some(plan) if found.0.is_empty() => Ok(plan),
        _ if found.0.is_empty() => Err(Problems(vec![Problem {
            what: "The endpoint could not be understood.".to_owned(),
            todo: "Look at its config, and try again.".to_owned(),
        }])),
        _ => Err(Problems(found.0)),
    }
}

fn nobody_else(now: Timestamp, request: &Request, ledger: &RolloutLedger, lease: Option<&Lease>, found: &mut Found) {
    if let Some(active) = ledger
        .active
        .as_ref()
        .filter(|active| active.plan.request.id != request.id)
    {
        found.add(
            format!(
                "Rollout {} is at work since {:.0}, started by {}: {}.",
                active.plan.id(),
                active.started,
                active.plan.request.by.as_deref().unwrap_or("an operator"),
                active.phase
            ),
            "Wait for its end, or `abort` it first.",
        );
    }
    if let Some(lease) = lease.filter(|lease| !lease.is_over(now)) {
        found.add(
            format!(
                "{} holds the endpoint until {:.0}: {}.",
                lease.holder, lease.expires, lease.purpose
            ),
            "Wait until it is done.",
        );
    }
}

fn names_are_valid(request: &Request, found: &mut Found) {
    let form = "1 to 63 letters, digits and hyphens, with a letter or digit at both ends";
    let named = [
        ("endpoint", Some(&request.endpoint)),
        ("component", request.component.as_ref()),
        ("model", request.green.model.as_ref()),
        ("variant", request.variant.as_ref()),
        ("green_variant", request.green.variant.as_ref()),
    ];
    for (field, name) in named {
        if let Some(name) = name.filter(|name| !names::is_valid(name)) {
            let name = crate::text::printable(name, 80);
            found.add(
                format!("`{field}` \"{name}\" is no name that SageMaker takes."),
                format!("Use {form}."),
            );
        }
    }
}

fn policy_makes_sense(request: &Request, found: &mut Found) {
    let policy = &request.policy;
    let steps = &policy.strategy.steps;
    let mut before = Weight::ZERO;
    for (index, step) in steps.iter().enumerate() {
        if step.weight <= before {
            found.add(
                format!(
                    "Step {} gives green {}, not more than the {before} before it.",
                    index + 1,
                    step.weight
                ),
                "Let the weights grow from step to step.",
            );
        }
        before = step.weight;
    }
    if before != Weight::FULL {
        found.add(
            "The strategy does not end with 100%.",
            "Add a last step with 100%, or the rollout would never replace blue.",
        );
    }
    let bakes = steps
        .iter()
        .fold(std::time::Duration::ZERO, |sum, step| sum.saturating_add(step.bake));
    if policy.deadline <= bakes {
        found.add(
            format!(
                "The deadline of {} is not longer than the bakes together, {}.",
                spoken(policy.deadline),
                spoken(bakes)
            ),
            "Give a longer `deadline`: SageMaker's own work needs time too.",
        );
    }
    for problem in policy.analysis.iter().flat_map(|analysis| analysis.problems()) {
        found.add(
            format!("The analysis makes no sense: {problem}."),
            "Correct it, or leave the field out.",
        );
    }
}

fn models(request: &Request, look: &Look, found: &mut Found) {
    let Some(model) = &request.green.model else { return };
    match look.models.get(model) {
        Some(Known::Yes(true)) => {}
        Some(Known::Yes(false)) => found.add(
            format!("There is no model \"{model}\" in this account and Region."),
            "Create it first (`CreateModel`), or correct the name.",
        ),
        Some(Known::No(said)) => found.add(
            format!("Model \"{model}\" could not be described: {said}."),
            "Try again.",
        ),
        None => found.add(format!("Model \"{model}\" was not looked at."), "Try again."),
    }
}

fn alarms(request: &Request, look: &Look, found: &mut Found) {
    let wanted = &request.policy.alarms;
    if wanted.is_empty() {
        return;
    }
    if wanted.len() > 100 {
        found.add(
            format!("{} alarms are named, and 100 is the most.", wanted.len()),
            "Combine some in a composite alarm.",
        );
    }
    match &look.alarms {
        Known::No(said) => found.add(format!("The alarms could not be described: {said}."), "Try again."),
        Known::Yes(alarms) => {
            for name in wanted {
                match alarms.iter().find(|alarm| alarm.name == *name) {
                    None => found.add(
                        format!("There is no alarm \"{name}\" in this account and Region."),
                        "Create it, or take it out: an alarm that does not exist protects nothing.",
                    ),
                    Some(alarm) if alarm.alarming => found.add(
                        format!(
                            "Alarm \"{name}\" is in ALARM already: {}.",
                            alarm.reason.trim_end_matches('.')
                        ),
                        "Remove its cause first: the rollout would go back at once.",
                    ),
                    Some(_) => {}
                }
            }
        }
    }
}

fn in_service<'a>(request: &Request, look: &'a Look, found: &mut Found) -> Option<&'a Endpoint> {
    let name = &request.endpoint;
    match &look.endpoint {
        Known::No(said) => found.add(format!("Endpoint {name} could not be described: {said}."), "Try again."),
        Known::Yes(None) => found.add(
            format!("There is no endpoint \"{name}\" in this account and Region."),
            "Correct the name, or create the endpoint: a rollout replaces what is there.",
        ),
        Known::Yes(Some(endpoint)) => match endpoint.status {
            EndpointStatus::InService => return Some(endpoint),
            EndpointStatus::Failed => found.add(
                format!("Endpoint {name} is Failed: SageMaker accepts only its deletion."),
                "Create it again first.",
            ),
            EndpointStatus::UpdateRollbackFailed => found.add(
                format!("Endpoint {name} is UpdateRollbackFailed: it serves from a mix of two configs."),
                "Put that right first; AWS Support can help.",
            ),
            status => found.add(
                format!("Endpoint {name} is {status}, and takes no change now."),
                "Wait until it is InService.",
            ),
        },
    }
    None
}

/// The variant to replace.
///
/// # Errors
/// What is wrong, and what to do.
fn replaced<'a>(request: &Request, endpoint: &'a Endpoint) -> Result<&'a Variant, (String, String)> {
    let names: Vec<&str> = endpoint.variants.iter().map(|variant| variant.name.as_str()).collect();
    if let Some(name) = &request.variant {
        return match endpoint.variants.iter().find(|variant| variant.name == *name) {
            Some(variant) if variant.current_weight > 0.0 => Ok(variant),
            Some(_) => Err((
                format!("Variant \"{name}\" has no traffic: its weight is 0."),
                "Name one that has.".to_owned(),
            )),
            None => Err((
                format!("There is no variant \"{name}\"; there are {}.", and_list(&names)),
                "Name one of them.".to_owned(),
            )),
        };
    }
    let weighty: Vec<&Variant> = endpoint
        .variants
        .iter()
        .filter(|variant| variant.current_weight > 0.0)
        .collect();
    match weighty.as_slice() {
        [one] => Ok(one),
        [] => Err((
            "No variant has any traffic: all weights are 0.".to_owned(),
            "Give one a weight first.".to_owned(),
        )),
        many => {
            let names: Vec<&str> = many.iter().map(|variant| variant.name.as_str()).collect();
            Err((
                format!("Several variants have traffic: {}.", and_list(&names)),
                "Say which one is replaced, with `variant`.".to_owned(),
            ))
        }
    }
}

fn of_variant(
    now: Timestamp,
    request: &Request,
    look: &Look,
    ledger: &RolloutLedger,
    endpoint: &Endpoint,
    found: &mut Found,
) -> Option<Plan> {
    let blue = match replaced(request, endpoint) {
        Ok(blue) => Some(blue),
        Err((what, todo)) => {
            found.add(what, todo);
            None
        }
    };
    let base = endpoint.config.clone();
    let config =
        match base.as_ref().and_then(|name| look.configs.get(name)) {
            Some(Known::Yes(Some(config))) => Some(config),
            Some(Known::Yes(None)) => {
                found.add(
                format!("The endpoint's config {} does not exist any more.", base.as_deref().unwrap_or_default()),
                "Give the endpoint a config that exists first: neither a rollout nor a rollback could be built on it.",
            );
                None
            }
            Some(Known::No(said)) => {
                found.add(
                    format!("The endpoint's config could not be described: {said}."),
                    "Try again.",
                );
                None
            }
            None => {
                found.add("The endpoint's config was not looked at.", "Try again.");
                None
            }
        };
    let (blue, config, base) = (blue?, config?, base?);
    let Some(like) = config.variants.iter().find(|variant| variant.name == blue.name) else {
        found.add(
            format!(
                "Config {base} has no variant \"{}\", though the endpoint has.",
                blue.name
            ),
            "Wait until the endpoint has settled, and try again.",
        );
        return None;
    };
    possible(request, endpoint, blue, config, like, found);
    let scaling = match look.scaling.get(&blue.name) {
        Some(Known::Yes(scaling)) => scaling.clone(),
        Some(Known::No(said)) => {
            found.add(
                format!("The autoscaling of {} could not be described: {said}.", blue.name),
                "Try again.",
            );
            None
        }
        None => {
            found.add(
                format!("The autoscaling of {} was not looked at.", blue.name),
                "Try again.",
            );
            None
        }
    };
    let mut plan = built(now, request, ledger, endpoint, config, blue, like, base);
    plan.blue.scaling = scaling;
    if request.policy.engine == Engine::Variants {
        if config.variants.len() >= 10 {
            found.add(
                "The endpoint has 10 variants, and SageMaker takes no more.",
                "Remove one, or use `engine: guardrails`, which adds none.",
            );
        }
        if endpoint
            .variants
            .iter()
            .any(|variant| variant.name == plan.green.variant)
        {
            found.add(
                format!("The endpoint has a variant \"{}\" already.", plan.green.variant),
                "Name another one with `green_variant`, or leave it out.",
            );
        }
    } else {
        native::deploy(request, ledger, blue, like, &mut plan, found);
    }
    plan.warnings = warnings(request, &plan);
    Some(plan)
}

/// What SageMaker, or this engine, cannot do for this endpoint.
fn possible(
    request: &Request,
    endpoint: &Endpoint,
    blue: &Variant,
    config: &ConfigSeen,
    like: &ConfigVariantSeen,
    found: &mut Found,
) {
    if config.shadowed {
        found.add(
            "The endpoint has a shadow variant, and SageMaker allows only one production variant beside it.",
            "End the shadow test first.",
        );
    }
    if like.model.is_none() {
        found.add(
            format!(
                "Variant \"{}\" hosts inference components, and carries no model of its own.",
                blue.name
            ),
            "Name the `component` to be updated, with `engine: rolling`.",
        );
    }
    let same_model = request.green.model.is_none() || request.green.model == like.model;
    let same_type = request.green.instance_type.is_none() || request.green.instance_type == like.instance_type;
    if same_model && same_type {
        found.add(
            format!(
                "Green would be the same as blue: model {}{}.",
                like.model.as_deref().unwrap_or("(none)"),
                like.instance_type
                    .as_ref()
                    .map(|kind| format!(" on {kind}"))
                    .unwrap_or_default()
            ),
            "Name another `model` or `instance_type`.",
        );
    }
    if request.green.instances == Some(0) {
        found.add(
            "Green would have no instances.",
            "Give at least 1, or leave `instances` out.",
        );
    }
    if blue.serverless && (request.green.instances.is_some() || request.green.instance_type.is_some()) {
        found.add(
            format!("Variant \"{}\" is serverless: it has no instances.", blue.name),
            "Leave out `instances` and `instance_type`.",
        );
    }
    if request.policy.engine == Engine::Variants {
        if blue.serverless {
            found.add(
                format!(
                    "Variant \"{}\" is serverless, and SageMaker allows no second variant beside it.",
                    blue.name
                ),
                "Use `engine: guardrails`.",
            );
        }
        if endpoint.asynchronous {
            found.add(
                "The endpoint is asynchronous: its requests wait in one queue, cannot be sent to one variant, and are not \
                 counted by variant, so green could be neither probed nor compared.",
                "Use `engine: guardrails`.",
            );
        }
        if blue.current_instances == Some(0) {
            found.add(
                format!("Variant \"{}\" has no instances now.", blue.name),
                "Wake it first: nothing could be compared with it, and nothing could take the traffic back.",
            );
        }
    }
    if endpoint.asynchronous && request.policy.analysis.is_some() {
        found.add(
            "The endpoint is asynchronous, and publishes neither requests nor errors by variant: an analysis would be \
             inconclusive for ever.",
            "Leave out the `analysis` (`analysis: false`) and name `alarms`.",
        );
    }
}

#[allow(clippy::too_many_arguments)]
fn built(
    now: Timestamp,
    request: &Request,
    ledger: &RolloutLedger,
    endpoint: &Endpoint,
    config: &ConfigSeen,
    blue: &Variant,
    like: &ConfigVariantSeen,
    base: String,
) -> Plan {
    let serial = ledger.serial.saturating_add(1);
    let policy = &request.policy;
    let two = policy.engine == Engine::Variants;
    let green_name = if two {
        green_name(request, endpoint, &blue.name)
    } else {
        blue.name.clone()
    };
    let total = blue.desired_instances.max(blue.current_instances);
    let at_full = total.map(|total| request.green.instances.unwrap_or(total).max(1));
    let first = policy.strategy.steps.first().map_or(Weight::FULL, |step| step.weight);
    let green = Green {
        variant: green_name,
        model: request.green.model.clone().or_else(|| like.model.clone()),
        instance_type: request
            .green
            .instance_type
            .clone()
            .or_else(|| like.instance_type.clone()),
        instances: if two {
            at_full.map(|full| for_share(full, first, policy.headroom))
        } else {
            at_full
        },
    };
    let as_it_is = |variant: &ConfigVariantSeen| {
        let live = endpoint.variants.iter().find(|live| live.name == variant.name);
        VariantPlan {
            name: variant.name.clone(),
            like: variant.name.clone(),
            model: None,
            instance_type: None,
            instances: variant
                .instances
                .map(|initial| live.and_then(|live| live.desired_instances).unwrap_or(initial).max(1)),
            weight: live.map_or(variant.weight, |live| live.current_weight),
        }
    };
    let new = |instances: Option<u32>, weight: f64| VariantPlan {
        name: green.variant.clone(),
        like: blue.name.clone(),
        model: request.green.model.clone(),
        instance_type: request.green.instance_type.clone(),
        instances,
        weight,
    };
    let kept: Vec<VariantPlan> = config.variants.iter().map(as_it_is).collect();
    let replaced = kept
        .iter()
        .map(|variant| {
            if variant.name == blue.name {
                new(at_full, blue.current_weight)
            } else {
                variant.clone()
            }
        })
        .collect();
    let name = |kind| names::config(&request.endpoint, serial, &request.id, kind);
    let mut all = kept;
    all.push(new(green.instances, 0.0));
    let instances = doubled(config, endpoint, &green, at_full, policy.headroom);
    Plan {
        request: request.clone(),
        serial,
        made: now,
        blue: Blue {
            variant: blue.name.clone(),
            weight: blue.current_weight,
            instances: total,
            model: like.model.clone(),
            instance_type: like.instance_type.clone(),
            scaling: None,
        },
        both: two.then(|| ConfigPlan {
            name: name("both"),
            from: base.clone(),
            variants: all,
        }),
        only: Some(ConfigPlan {
            name: name("green"),
            from: base.clone(),
            variants: replaced,
        }),
        base,
        green,
        deployment: None,
        abort_alarm: None,
        instances,
        warnings: Vec::new(),
    }
}

/// `blue` and `green` in turn, as far as they are free.
fn green_name(request: &Request, endpoint: &Endpoint, blue: &str) -> String {
    if let Some(name) = &request.green.variant {
        return name.clone();
    }
    let free = |name: &str| {
        !endpoint
            .variants
            .iter()
            .any(|variant| variant.name.eq_ignore_ascii_case(name))
    };
    let turn = if blue.eq_ignore_ascii_case("green") {
        ["blue", "green"]
    } else {
        ["green", "blue"]
    };
    turn.into_iter()
        .find(|name| free(name))
        .map(str::to_owned)
        .or_else(|| (2..100).map(|n| format!("green-{n}")).find(|name| free(name)))
        .unwrap_or_else(|| "green".to_owned())
}

/// Instances by type, now and at the peak: all of blue and all of green.
fn doubled(
    config: &ConfigSeen,
    endpoint: &Endpoint,
    green: &Green,
    at_full: Option<u32>,
    headroom: u16,
) -> BTreeMap<String, (u32, u32)> {
    let mut instances: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for variant in &config.variants {
        let live = endpoint.variants.iter().find(|live| live.name == variant.name);
        if let (Some(kind), Some(count)) = (&variant.instance_type, live.and_then(|live| live.desired_instances)) {
            let entry = instances.entry(kind.clone()).or_default();
            entry.0 = entry.0.saturating_add(count);
            entry.1 = entry.1.saturating_add(count);
        }
    }
    if let (Some(kind), Some(full)) = (&green.instance_type, at_full) {
        let entry = instances.entry(kind.clone()).or_default();
        entry.1 = entry.1.saturating_add(for_share(full, Weight::FULL, headroom));
    }
    instances
}

fn warnings(request: &Request, plan: &Plan) -> Vec<String> {
    let policy = &request.policy;
    let mut warnings = Vec::new();
    for (kind, (now, peak)) in &plan.instances {
        warnings.push(format!(
            "{kind}: {now} instances now, {peak} at the peak; the endpoint quota has to allow that"
        ));
    }
    if policy.alarms.is_empty() && policy.analysis.is_none() {
        let probes = if policy.smoke {
            "its probes before the first step"
        } else {
            "a person"
        };
        warnings.push(format!(
            "neither alarms nor analysis: nothing but {probes} can find a bad green"
        ));
    }
    if policy.engine == Engine::Variants
        && policy
            .analysis
            .as_ref()
            .is_some_and(|analysis| *analysis != analysis.without_blue())
    {
        warnings.push(
            "at 100% there is no blue to compare with: only absolute limits, alarms and probes watch the last step"
                .to_owned(),
        );
    }
    if policy.engine != Engine::Variants && (policy.smoke || policy.strategy.steps.iter().any(|step| step.smoke)) {
        warnings.push(
            "no smoke: with SageMaker's own engines the new fleet cannot be addressed before it has traffic".to_owned(),
        );
    }
    let scaling = plan.blue.scaling.as_ref().filter(|_| policy.engine == Engine::Variants);
    for policy in scaling.into_iter().flat_map(|scaling| &scaling.policies) {
        if matches!(policy.rule, ScalingRule::Step { .. }) && !policy.alarms.is_empty() {
            warnings.push(format!(
                "step scaling policy {} is moved to {}, and gets a new ARN: {} must be pointed at it, and at the new \
                 variant's metrics, by whoever made them",
                policy.name,
                plan.green.variant,
                and_list(&policy.alarms)
            ));
        }
    }
    warnings
}

pub(super) fn spoken(span: std::time::Duration) -> String {
    crate::text::lasting(i64::try_from(span.as_secs()).unwrap_or(i64::MAX))
}
