//! What operators ask for, besides beginning a rollout: see `start`.

use futures::{StreamExt, stream};
use serde_json::json;
use steward::{
    aws::{Invocation, lambda::refused, ledger::LedgerError},
    command::RolloutCommand,
    report::Report,
    rollout::{Command, Facts, RolloutLedger, history, needs, request::Order, status},
};

use crate::{
    Context, HandlerError,
    drive::{self, Heard},
    ledgers, look, outcome,
    services::Services,
    start, wake,
};

/// Endpoints whose status is read at the same time.
const AT_ONCE: usize = 16;

/// Carries out one command.
pub(crate) async fn run(ctx: &Context, call: &Invocation, command: RolloutCommand) -> Result<Report, HandlerError> {
    let services = Services::new(ctx, call);
    match command {
        RolloutCommand::Start(asked) => start::begin(ctx, &services, call, &asked).await,
        RolloutCommand::Retry { endpoint, said } => start::again(ctx, &services, call, &endpoint, said).await,
        RolloutCommand::Status {
            endpoint: Some(endpoint),
        } => show(&services, &endpoint).await,
        RolloutCommand::Status { endpoint: None } => show_all(&services).await,
        RolloutCommand::History { endpoint } => {
            let document = services.ledger(&endpoint).load().await?.document;
            let told = Report::done(history(&document, &endpoint).trim_end()).with("endpoint", endpoint);
            Ok(told.with("rollouts", json!(document.history)))
        }
        RolloutCommand::Order {
            order,
            endpoint,
            step,
            component,
            said,
        } => {
            let command = Command::Order {
                order,
                step,
                component,
                id: Some(said.id.unwrap_or_else(|| call.request_id.clone())),
                by: said.by,
                reason: said.reason,
            };
            obey(ctx, &services, &endpoint, command, Some(order)).await
        }
    }
}

/// Drives an endpoint with a command, and answers what was decided on it.
pub(crate) async fn obey(
    ctx: &Context,
    services: &Services<'_>,
    endpoint: &str,
    command: Command,
    order: Option<Order>,
) -> Result<Report, HandlerError> {
    let heard = Heard {
        command: Some(command),
        ..Heard::default()
    };
    let driven = wake::all(ctx, services, vec![(endpoint.to_owned(), heard)]).await?;
    outcome::emit(ctx, &driven, None);
    let Some((one, answer)) = driven.first().and_then(|one| Some((one, one.answer.as_ref()?))) else {
        let asked = order.map_or_else(|| "start".to_owned(), |order| order.to_string());
        return Ok(Report::partial(format!(
            "`{asked}` was not decided on: the invocation's time was over, or others wrote the ledger again and again. \
             Nothing of it was done; send it again."
        )));
    };
    if !answer.accepted {
        return Ok(refused(&answer.said));
    }
    let summary = format!("{}\n{}", answer.said, outcome::line(one));
    Ok(Report::done(summary)
        .with("endpoint", endpoint)
        .with("rollout", outcome::detail(one)))
}

async fn show(services: &Services<'_>, endpoint: &str) -> Result<Report, HandlerError> {
    let document = services.ledger(endpoint).load().await?.document;
    let text = described(services, endpoint, &document).await;
    Ok(Report::done(text)
        .with("endpoint", endpoint)
        .with("active", json!(document.active))
        .with("last_good", json!(document.last_good))
        .with("alerts_pending", document.outbox.len()))
}

async fn described(services: &Services<'_>, endpoint: &str, document: &RolloutLedger) -> String {
    let needs = needs(services.now(), document);
    // Of what ended only whether it can still be taken back.
    let worth_it = document.active.is_some() || needs.in_force || !needs.components.is_empty();
    let seen = if worth_it {
        // Status changes nothing and sends nothing: probes are requests. It deletes nothing, so nobody's configs matter.
        let needs = steward::rollout::look::Needs {
            smoke: None,
            doubt: None,
            users: None,
            ..needs
        };
        Some(Box::pin(look::look(services, endpoint, &needs, drive::analysis(document))).await)
    } else {
        None
    };
    let labels = std::collections::BTreeMap::new();
    let facts = Facts {
        now: services.now(),
        endpoint,
        labels: &labels,
    };
    let told = status(&facts, document, seen.as_ref());
    told.trim_end().to_owned()
}

async fn show_all(services: &Services<'_>) -> Result<Report, HandlerError> {
    let all = ledgers::all(services).await?;
    let reading = all
        .into_iter()
        .map(async |(endpoint, _)| match services.ledger(&endpoint).load().await {
            Ok(loaded) => {
                let text = described(services, &endpoint, &loaded.document).await;
                Ok((endpoint, loaded.document, text))
            }
            Err(error) => Err((endpoint, error)),
        });
    let all: Vec<Result<_, (String, LedgerError)>> = stream::iter(reading).buffered(AT_ONCE).collect().await;
    let (mut read, mut unread) = (Vec::new(), Vec::new());
    for one in all {
        match one {
            Ok(one) => read.push(one),
            Err(one) => unread.push(one),
        }
    }
    if read.is_empty()
        && let Some((_, error)) = unread.pop()
    {
        return Err(error.into());
    }
    let active = read.iter().filter(|(_, document, _)| document.active.is_some()).count();
    let unreadable: Vec<String> = unread
        .iter()
        .map(|(endpoint, error)| format!("{endpoint}: its rollouts are not known: {error}"))
        .collect();
    let mut texts: Vec<&str> = read.iter().map(|(_, _, text)| text.as_str()).collect();
    texts.extend(unreadable.iter().map(String::as_str));
    if texts.is_empty() {
        texts.push("No endpoint has had a rollout; `start` begins one.");
    }
    let phases: serde_json::Map<String, serde_json::Value> = read
        .iter()
        .map(|(endpoint, document, _)| {
            let phase = document.active.as_ref().map(|active| active.phase.name());
            (endpoint.clone(), json!(phase))
        })
        .collect();
    let text = texts.join("\n\n");
    let told = if unread.is_empty() {
        Report::done(text)
    } else {
        Report::partial(text)
    };
    let unreadable: Vec<&str> = unread.iter().map(|(endpoint, _)| endpoint.as_str()).collect();
    Ok(told
        .with("active", active)
        .with("endpoints", phases)
        .with("unreadable", json!(unreadable)))
}
