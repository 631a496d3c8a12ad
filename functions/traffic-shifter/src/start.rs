//! Beginning a rollout: what is asked for, the fleet file and what is there made into a plan; then the first steps of it.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::json;
use steward::{
    aws::{Invocation, lambda::refused},
    command::{Said, Start, still_meant, watched},
    fleet::Fleet,
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
    let (fleet, tags) = match fleet_file(services, asked.endpoint()).await {
        Ok(read) => read,
        Err(why) => return Ok(refused(&why)),
    };
    match asked.request(&fleet, tags.as_ref(), &call.request_id) {
        Ok(request) => planned(ctx, services, request).await,
        Err(error) => Ok(refused(&error)),
    }
}

/// The fleet file, and the endpoint's tags where it selects by them. `Err` says why they are not known.
async fn fleet_file(
    services: &Services<'_>,
    endpoint: &str,
) -> Result<(Arc<Fleet>, Option<BTreeMap<String, String>>), String> {
    let fleet = services.fleet().await?;
    match services.tags(&fleet, endpoint).await {
        Ok(tags) => Ok((fleet, tags)),
        Err(error) => Err(format!(
            "The fleet file selects by tags, and those of {endpoint} cannot be read: {error}. {}",
            error.advice()
        )),
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
        Ok(mut request) => {
            // The same `retry` once more is answered by what it began.
            if rollout::begun_before(&document, &request).is_none() {
                let (fleet, tags) = match fleet_file(services, endpoint).await {
                    Ok(read) => read,
                    Err(why) => return Ok(refused(&why)),
                };
                if let Err(error) = still_meant(&request, &fleet, tags.as_ref()) {
                    return Ok(refused(&error));
                }
                request.watched = watched(&fleet, tags.as_ref(), endpoint, request.component.as_deref());
            }
            planned(ctx, services, request).await
        }
        Err(answer) => Ok(refused(&answer.said)),
    }
}

async fn planned(ctx: &Context, services: &Services<'_>, request: Request) -> Result<Report, HandlerError> {
    let endpoint = request.endpoint.clone();
    let document = services.ledger(&endpoint).load().await?.document;
    let plan = match rollout::begun_before(&document, &request) {
        Some((_, answer)) if !answer.accepted => return Ok(refused(&answer.said)),
        Some((plan, answer)) if request.dry_run => {
            return Ok(Report::done(answer.said)
                .with("endpoint", endpoint)
                .with("plan", json!(plan)));
        }
        Some((plan, _)) => plan.clone(),
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
