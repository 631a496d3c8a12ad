//! What operators ask for.

use futures::{StreamExt, stream};
use serde_json::json;
use steward::{
    aws::{Invocation, lambda::refused},
    command::WakeCommand,
    fleet::Fleet,
    report::Report,
    wake::{Command, WakeLedger, WakePolicy, needs, status},
};

use crate::{Context, HandlerError, drive::Asked, ledgers, look, outcome, selected, services::Services, woken};

/// Endpoints whose status is read at the same time.
const AT_ONCE: usize = 16;

/// Carries out one command.
pub(crate) async fn run(ctx: &Context, call: &Invocation, command: WakeCommand) -> Result<Report, HandlerError> {
    let services = Services::new(ctx, call);
    let fleet = match services.fleet().await {
        Ok(fleet) => fleet,
        Err(none) => return Ok(refused(&none)),
    };
    match command {
        WakeCommand::Order { endpoint, command } => {
            let command = Command {
                id: Some(command.id.unwrap_or_else(|| call.request_id.clone())),
                ..command
            };
            order(ctx, &services, &fleet, &endpoint, command).await
        }
        WakeCommand::Status {
            endpoint: Some(endpoint),
        } => {
            let policy = match selected::one(&services, &fleet, &endpoint).await {
                Ok(policy) => policy,
                Err(call) => return Ok(unknown(&endpoint, &call)),
            };
            let (document, said) = described(&services, &endpoint, policy).await?;
            Ok(Report::done(said.trim_end())
                .with("endpoint", endpoint)
                .with("things", json!(document.things))
                .with("alerts_pending", document.outbox.len()))
        }
        WakeCommand::Status { endpoint: None } => show_all(ctx, &services, &fleet).await,
    }
}

async fn order(
    ctx: &Context,
    services: &Services<'_>,
    fleet: &Fleet,
    endpoint: &str,
    command: Command,
) -> Result<Report, HandlerError> {
    let policy = match selected::one(services, fleet, endpoint).await {
        Ok(policy) => policy,
        Err(call) => return Ok(unknown(endpoint, &call)),
    };
    let asked = Asked {
        command: Some(command),
        ..Asked::tick(endpoint.to_owned(), policy)
    };
    let driven = woken::all(ctx, services, &woken::wide(fleet), vec![asked]).await?;
    outcome::emit(ctx, &driven, None);
    let Some((one, answer)) = driven.first().and_then(|one| Some((one, one.answer.as_ref()?))) else {
        return Ok(Report::partial(
            "The command was not decided on: the invocation's time was over, or others wrote the ledger again and again. \
             Nothing of it was done; send it again.",
        ));
    };
    if !answer.accepted {
        return Ok(refused(&answer.said));
    }
    let summary = format!("{}.\n{}", answer.said, outcome::line(one));
    Ok(Report::done(summary)
        .with("endpoint", endpoint)
        .with("wakes", outcome::detail(one)))
}

fn unknown(endpoint: &str, call: &steward::failure::CallError) -> Report {
    refused(&format!(
        "The fleet file selects by tags, and those of {endpoint} cannot be read: {call}. {}",
        call.advice()
    ))
}

async fn described(
    services: &Services<'_>,
    endpoint: &str,
    policy: Option<WakePolicy>,
) -> Result<(WakeLedger, String), HandlerError> {
    let document = services.ledger(endpoint).load().await?.document;
    let mut needs = needs(services.now(), policy.as_ref(), &document, true);
    for needs in needs.things.values_mut() {
        needs.minutes = None;
        needs.activities = None;
    }
    needs.pools = false;
    let variant = policy.as_ref().and_then(|policy| policy.variant.as_deref());
    let seen = match needs.things.is_empty() {
        true => None,
        false => Some(Box::pin(look::look(services, endpoint, variant, &needs)).await),
    };
    let said = status(endpoint, policy.as_ref(), &document, seen.as_ref(), services.now());
    Ok((document, said))
}

async fn show_all(ctx: &Context, services: &Services<'_>, fleet: &Fleet) -> Result<Report, HandlerError> {
    let mut selected = selected::all(services, fleet).await;
    let (ledgers, unread) = ledgers::all(ctx, services).await?;
    if let Some(error) = unread {
        return Err(error.into());
    }
    for name in ledgers
        .into_iter()
        .filter(|(_, ledger)| ledger.at_work())
        .map(|(name, _)| name)
    {
        if !selected.policies.contains_key(&name)
            && let Ok(Some(policy)) = selected::one(services, fleet, &name).await
        {
            selected.policies.insert(name, policy);
        }
    }
    let reading = selected.policies.into_iter().map(async |(endpoint, policy)| {
        let (document, text) = described(services, &endpoint, Some(policy)).await?;
        Ok((endpoint, document, text))
    });
    let read: Vec<Result<_, HandlerError>> = stream::iter(reading).buffered(AT_ONCE).collect().await;
    let read: Vec<(String, WakeLedger, String)> = read.into_iter().collect::<Result<_, _>>()?;
    let mut texts: Vec<&str> = read.iter().map(|(_, _, text)| text.trim_end()).collect();
    if texts.is_empty() {
        texts.push("Nothing may sleep: no endpoint of the fleet file says `wake: { enabled: true }`.");
    }
    let active = read.iter().filter(|(_, document, _)| document.at_work()).count();
    let endpoints: serde_json::Map<String, serde_json::Value> = read
        .iter()
        .map(|(endpoint, document, _)| (endpoint.clone(), outcome::phases(document)))
        .collect();
    let mut told = Report::done(texts.join("\n\n"))
        .with("active", active)
        .with("endpoints", endpoints);
    if let Some(trouble) = selected.trouble {
        told =
            Report::partial(format!("{}\n\nEndpoints may be missing: {trouble}", told.summary)).with("active", active);
    }
    Ok(told)
}
