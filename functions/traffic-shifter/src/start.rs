//! Beginning a rollout: what is asked for, the fleet file and what is there made into a plan; then the first steps of it.

use serde_json::json;
use steward::{
    aws::{Invocation, lambda::refused},
    command::{Said, Start},
    report::Report,
    rollout::{self, Command, Plan, RolloutLedger, request::Request},
};

use crate::{Context, HandlerError, commands, look, services::Services};

/// `start`.
pub(crate) async fn begin(
    ctx: &Context,
    services: &Services<'_>,
    call: &Invocation,
    asked: &Start,
) -> Result<Report, HandlerError> {
    let fleet = match services.fleet().await {
        Ok(fleet) => fleet,
        Err(none) => return Ok(refused(&none)),
    };
    let tags = match services.tags(&fleet, asked.endpoint()).await {
        Ok(tags) => tags,
        Err(error) => {
            return Ok(refused(&format!(
                "The fleet file selects by tags, and those of {} cannot be read: {error}. {}",
                asked.endpoint(),
                error.advice()
            )));
        }
    };
    match asked.request(&fleet, tags.as_ref(), &call.request_id) {
        Ok(request) => planned(ctx, services, request).await,
        Err(error) => Ok(refused(&error)),
    }
}

/// `retry`.
pub(crate) async fn again(
    ctx: &Context,
    services: &Services<'_>,
    call: &Invocation,
    endpoint: &str,
    said: Said,
) -> Result<Report, HandlerError> {
    let document = services.ledger(endpoint).load().await?.document;
    let id = said.id.as_deref().unwrap_or(&call.request_id);
    match rollout::again(&document, endpoint, id, said.by.as_deref(), said.reason.as_deref()) {
        Ok(request) => planned(ctx, services, request).await,
        Err(answer) => Ok(refused(&answer.said)),
    }
}

async fn planned(ctx: &Context, services: &Services<'_>, request: Request) -> Result<Report, HandlerError> {
    let endpoint = request.endpoint.clone();
    let document = services.ledger(&endpoint).load().await?.document;
    let plan = match known(&document, &request.id) {
        Some(plan) => plan.clone(),
        None => match Box::pin(plan(services, &request, &document)).await {
            Ok(plan) => plan,
            Err(problems) => return Ok(refused(&problems)),
        },
    };
    if request.dry_run {
        return Ok(Report::done(plan.to_string().trim_end())
            .with("endpoint", endpoint)
            .with("plan", json!(plan)));
    }
    let command = Command::Start(Box::new(plan));
    commands::obey(ctx, services, &endpoint, command, None).await
}

/// The plan of the rollout that this very request began: a command may come twice.
fn known<'a>(document: &'a RolloutLedger, id: &str) -> Option<&'a Plan> {
    let active = document.active.iter().map(|active| &active.plan);
    let past = document.history.iter().rev().map(|past| &past.plan);
    active.chain(past).find(|plan| plan.request.id == id)
}

async fn plan(services: &Services<'_>, request: &Request, document: &RolloutLedger) -> Result<Plan, String> {
    let policy = request.policy.analysis.as_ref();
    let needs = rollout::preflight(request, None);
    let seen = look::look(services, &request.endpoint, &needs, policy).await;
    let described = seen.endpoint.yes().and_then(Option::as_ref);
    // What else to look at is known only now: the config in force, the variants.
    let needs = rollout::preflight(request, described);
    let seen = look::look(services, &request.endpoint, &needs, policy).await;
    let lease = services.acting.leases.current(&request.endpoint).await;
    let lease =
        lease.map_err(|error| format!("Whether somebody else is at work on the endpoint is not known: {error}"))?;
    rollout::plan(services.now(), request, &seen, document, lease.as_ref()).map_err(|problems| problems.to_string())
}
