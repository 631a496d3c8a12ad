//! What operators ask for: check, status, silence, unsilence.

use steward::{
    aws::Invocation,
    command::{Ends, HealthCommand, Targets},
    health::{
        asked,
        ledger::HealthLedger,
        silence::{self, Silence},
        status,
    },
    report::Report,
};

use crate::{Context, HandlerError, check, services::Services, watch};

/// Carries out one command.
pub(crate) async fn run(ctx: &Context, call: &Invocation, command: HealthCommand) -> Result<Report, HandlerError> {
    match command {
        HealthCommand::Check { endpoints } => {
            check::run(
                ctx,
                call,
                check::Scope::Some {
                    patterns: patterns(endpoints),
                    details: true,
                },
            )
            .await
        }
        HealthCommand::Status { endpoints } => show(ctx, call, endpoints).await,
        HealthCommand::Silence {
            endpoints,
            ends,
            reason,
            by,
        } => keep_quiet(ctx, call, patterns(endpoints), ends, reason, by).await,
        HealthCommand::Unsilence { endpoints } => speak_again(ctx, call, patterns(endpoints)).await,
    }
}

fn patterns(targets: Targets) -> Vec<String> {
    match targets {
        Targets::All => vec!["*".to_owned()],
        Targets::Named(names) => names,
    }
}

async fn show(ctx: &Context, call: &Invocation, targets: Targets) -> Result<Report, HandlerError> {
    let services = Services::new(ctx, call);
    let (loaded, fleet) = tokio::join!(services.ledger.load(), ctx.deployed.fleet.load(&services.s3));
    let ledger = loaded?.document;
    // What is known is shown even when there is no fleet file to say what should be.
    let (watch, problems): (_, Vec<String>) = match fleet {
        Ok(in_force) => {
            let selected = watch::from_ledger(ctx, &in_force.fleet, &ledger);
            let problems = in_force.troubles.iter().map(ToString::to_string).collect();
            (selected.watch, problems)
        }
        Err(none) => (steward::health::observation::Watch::default(), vec![none.to_string()]),
    };
    let wanted = match targets {
        Targets::All => Vec::new(),
        Targets::Named(patterns) => patterns,
    };
    let status = status::status(ctx.deployed.now(), &watch, &ledger, &wanted);
    let mut summary = status.summary;
    // The last sweep may have told it already.
    let new = problems.iter().filter(|problem| !summary.contains(problem.as_str()));
    let new: String = new.map(|problem| format!("\nfleet file: {problem}")).collect();
    summary.push_str(&new);
    Ok(Report::done(summary)
        .with("endpoints", status.endpoints)
        .with("troubles", status.troubles)
        .with("silences", status.silences)
        .with("alerts_pending", ledger.outbox.len())
        .with("sweep", serde_json::json!(ledger.sweep)))
}

async fn keep_quiet(
    ctx: &Context,
    call: &Invocation,
    endpoints: Vec<String>,
    ends: Ends,
    reason: String,
    by: Option<String>,
) -> Result<Report, HandlerError> {
    let now = ctx.deployed.now();
    let Some(until) = ends.from(now) else {
        return Ok(Report::refused(
            &"The silence would be over already: `until` must be in the future. Nothing was done.",
        ));
    };
    let wanted = Silence {
        endpoints,
        until,
        reason: Some(reason),
        by,
        at: now,
    };
    let services = Services::new(ctx, call);
    let add = |ledger: &HealthLedger| {
        let mut ledger = ledger.clone();
        let added = silence::silence(&mut ledger, wanted.clone());
        let known: Vec<String> = ledger.endpoints.keys().cloned().collect();
        (added.is_ok().then_some(ledger), added.map(|()| known))
    };
    let (_, added) = services.ledger.change(add).await?;
    let known = match added {
        Ok(known) => known,
        Err(too_many) => return Ok(Report::refused(&too_many)),
    };
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let covered: Vec<&str> = known.iter().copied().filter(|name| wanted.covers(name)).collect();
    let summary = asked::silenced(&wanted, &known);
    Ok(Report::done(summary)
        .with("silence", serde_json::json!(wanted))
        .with("covers", covered))
}

async fn speak_again(ctx: &Context, call: &Invocation, endpoints: Vec<String>) -> Result<Report, HandlerError> {
    let services = Services::new(ctx, call);
    let now = ctx.deployed.now();
    let end = |ledger: &HealthLedger| {
        let mut ledger = ledger.clone();
        ledger.silences.retain(|silence| silence.until > now);
        let ended = silence::unsilence(&mut ledger, &endpoints);
        let summary = asked::unsilenced(
            &endpoints,
            &ended,
            &ledger.silences,
            &ledger.endpoints.keys().map(String::as_str).collect::<Vec<_>>(),
        );
        ((!ended.is_empty()).then_some(ledger), (ended, summary))
    };
    let (_, (ended, summary)) = services.ledger.change(end).await?;
    Ok(Report::done(summary).with("ended", serde_json::json!(ended)))
}
