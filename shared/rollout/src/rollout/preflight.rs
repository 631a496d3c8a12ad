//! Whether a rollout can be done, asked before anything is changed: everything that stands against it, at once.

mod alarms;
mod build;
mod possible;

use std::fmt;

use jiff::Timestamp;

use super::{
    checks,
    ledger::RolloutLedger,
    look::{ConfigSeen, ConfigVariantSeen, Known, Look, Needs},
    names, native,
    plan::Plan,
    policy::Engine,
    request::Request,
    strategy::Weight,
};
use crate::{
    analysis::{AnalysisPolicy, watches_without_blue},
    endpoint::{Endpoint, EndpointStatus, Variant},
    lease::Lease,
    text::sentence,
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
        for Problem { what, todo } in &self.0 {
            // What AWS says may end as a sentence does, and with the same advice.
            let what = sentence(what);
            if what.ends_with(todo.as_str()) {
                write!(f, "\n- {what}")?;
            } else {
                write!(f, "\n- {what} {todo}")?;
            }
        }
        Ok(())
    }
}

/// What to look at before [`plan()`]. Ask twice: first without the endpoint, then with what was described.
pub fn preflight(request: &Request, endpoint: Option<&Endpoint>) -> Needs {
    let mut needs = Needs {
        alarms: request.policy.every_alarm(),
        components: request.component.iter().cloned().collect(),
        models: request.green.model.iter().cloned().collect(),
        ..Needs::default()
    };
    if let Some(endpoint) = endpoint {
        needs.health = checks::asks(request);
        needs.configs.extend(endpoint.config.clone());
        if let Ok(blue) = possible::replaced(request, endpoint) {
            needs.scaling.push(blue.name.clone());
        }
    }
    needs
}

/// One variant of one endpoint that is to be replaced.
#[derive(Clone, Copy)]
struct Subject<'a> {
    request: &'a Request,
    endpoint: &'a Endpoint,
    config: &'a ConfigSeen,
    blue: &'a Variant,
    like: &'a ConfigVariantSeen,
    base: &'a str,
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
    alarms::stand_against(request, look, &mut found);
    let plan = match in_service(request, look, &mut found) {
        Some(endpoint) if request.component.is_some() => {
            native::component(now, request, look, ledger, endpoint, &mut found)
        }
        Some(endpoint) => of_variant(now, request, look, ledger, endpoint, &mut found),
        None => None,
    };
    if let Some(plan) = &plan {
        alarms::would_ring(plan, look, &mut found);
    }
    match plan {
        Some(mut plan) if found.0.is_empty() => {
            let warnings = alarms::warnings(&plan, look);
            plan.warnings.extend(warnings);
            plan.unmeasured = checks::warning(now, request, look.health.as_ref());
            Ok(plan)
        }
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
    // Its own is there while it tidies up, or because it died before it gave it back.
    let own = names::lease_owner(&request.endpoint);
    if let Some(lease) = lease.filter(|lease| !lease.is_over(now) && lease.owner_token != own) {
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
    let blind = |analysis: &AnalysisPolicy| analysis.decides() && !watches_without_blue(analysis);
    let of_variant = request.component.is_none();
    if of_variant && policy.alarms_at_the_end().is_empty() && policy.analysis_at_the_end().is_some_and(blind) {
        found.add(
            "At 100% nothing would watch green: percentiles are only compared with blue, which gets no requests then.",
            "Give `latency` a `limit`, leave `errors` on, or name `alarms`.",
        );
    }
    let mut told: Vec<String> = Vec::new();
    for problem in policy.every_analysis().flat_map(AnalysisPolicy::problems) {
        // What a step has from the rollout is told once.
        if told.contains(&problem) {
            continue;
        }
        told.push(problem.clone());
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

fn of_variant(
    now: Timestamp,
    request: &Request,
    look: &Look,
    ledger: &RolloutLedger,
    endpoint: &Endpoint,
    found: &mut Found,
) -> Option<Plan> {
    let blue = match possible::replaced(request, endpoint) {
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
    let subject = Subject {
        request,
        endpoint,
        config,
        blue,
        like,
        base: &base,
    };
    possible::possible(&subject, found);
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
    possible::enough(request, scaling.as_ref(), found);
    let mut plan = build::build(now, &subject, ledger);
    plan.blue.scaling = scaling;
    if request.policy.engine == Engine::Variants {
        if config.variants.len() >= 10 {
            found.add(
                "The endpoint has 10 variants, and SageMaker takes no more.",
                "Remove one, or use `engine: guardrails`, which adds none.",
            );
        }
        let green = &plan.green.variant;
        let taken = |variant: &&Variant| variant.name.eq_ignore_ascii_case(green);
        if let Some(there) = endpoint.variants.iter().find(taken) {
            let differs = if there.name == *green {
                String::new()
            } else {
                format!(", and \"{green}\" differs from it in case only")
            };
            found.add(
                format!("The endpoint has a variant \"{}\" already{differs}.", there.name),
                "Name another one with `green_variant`, or leave it out.",
            );
        }
    } else {
        native::deploy(request, ledger, endpoint, (blue, like), &mut plan, found);
    }
    plan.warnings = build::warnings(request, &plan);
    Some(plan)
}

pub(super) fn spoken(span: std::time::Duration) -> String {
    crate::text::lasting(i64::try_from(span.as_secs()).unwrap_or(i64::MAX))
}
