//! What operators ask for.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use steward::{
    aws::{Invocation, capacity::Breadth, lambda::refused},
    capacity::{
        activities::{Activity, told},
        audit::{Severity, audit, woken},
        export::{export, unsaid},
        ledger::CapacityLedger,
        plan::Verb,
        thing::{Scalable, Thing},
    },
    command::{CapacityCommand, Said},
    failure::CallError,
    fleet::Fleet,
    report::Report,
    text::printable,
};

use crate::{
    Context, HandlerError,
    apply::{self, Unapplied},
    outcome::{self, cut},
    services::Services,
    tick::drifted,
    view::{self, View},
};

/// Targets whose activities are read at the same time.
const AT_ONCE: usize = 8;

/// Carries out one command.
pub(crate) async fn run(ctx: &Context, call: &Invocation, command: CapacityCommand) -> Result<Report, HandlerError> {
    let services = Services::new(ctx, call);
    // What only reads needs none: whoever adopts Steward has none yet.
    let reads = matches!(
        command,
        CapacityCommand::Audit { .. } | CapacityCommand::Activities { .. } | CapacityCommand::Export { .. }
    );
    let (fleet, without) = match services.fleet().await {
        Ok(fleet) => (fleet, None),
        Err(none) if reads => (Arc::default(), Some(none)),
        Err(none) => return Ok(refused(&none)),
    };
    let work = async {
        match command {
            CapacityCommand::Plan { prune } => plan(&services, &fleet, prune).await,
            CapacityCommand::Apply { plan, prune, said } => {
                Box::pin(apply(&services, &fleet, &plan, prune, said)).await
            }
            CapacityCommand::Audit { endpoint } => findings(&services, &fleet, endpoint.as_deref()).await,
            CapacityCommand::Drift { endpoint } => drift(&services, &fleet, endpoint.as_deref()).await,
            CapacityCommand::Activities { endpoint, window } => {
                let now = services.now();
                activities(&services, &endpoint, window, now).await
            }
            CapacityCommand::Export { endpoint } => exported(&services, &fleet, endpoint.as_deref()).await,
        }
    };
    let report = Box::pin(work).await?;
    Ok(match without {
        None => report,
        Some(none) => report.noting(&format!("Without a fleet file: {none}")),
    })
}

fn unseen(why: &str) -> Report {
    Report::partial(format!("Nothing was done, because not everything could be read. {why}"))
}

fn unknown(endpoint: &str) -> Report {
    refused(&format!("There is no endpoint {endpoint} in this Region."))
}

async fn plan(services: &Services<'_>, fleet: &Fleet, prune: Option<bool>) -> Result<Report, HandlerError> {
    let ledger = services.ledger().load().await?;
    let applied = &ledger.document.applied;
    let view = match Box::pin(view::look(services, fleet, applied, Breadth::Declared)).await {
        Ok(view) => view,
        Err(why) => return Ok(unseen(&why)),
    };
    let prune = prune.unwrap_or(fleet.reconcile().prune);
    let plan = view.plan(prune);
    let now = services.now();
    let keep = |document: &CapacityLedger| {
        let mut kept = document.clone();
        kept.keep(&plan, prune, now);
        (Some(kept), ())
    };
    let mut text = plan.to_string();
    if plan.changes.iter().any(|change| change.verb != Verb::Rollout) {
        services.ledger().change_from(ledger, keep).await?;
        let apply = json!({ "command": "apply", "plan": plan.id });
        text.push_str(&format!("To apply it: {apply}"));
    }
    Ok(Report::done(cut(text.trim_end()))
        .with("plan", plan.id.clone())
        .with("changes", outcome::changes(&plan))
        .with("same", plan.same.len())
        .with("held", plan.held.len())
        .with("prunable", plan.prunable.len()))
}

async fn apply(
    services: &Services<'_>,
    fleet: &Fleet,
    id: &str,
    prune: Option<bool>,
    said: Said,
) -> Result<Report, HandlerError> {
    let ledger = services.ledger().load().await?;
    let Some(plan) = ledger.document.plan(id).cloned() else {
        return Ok(refused(&unplanned(&ledger.document, id)));
    };
    let planned = ledger.document.plans.iter().find(|planned| planned.plan.id == id);
    if let (Some(planned), Some(prune)) = (planned, prune)
        && planned.prune != prune
    {
        return Ok(refused(&format!(
            "The plan {id} was made with `prune: {}`. Plan again with `prune: {prune}`.",
            planned.prune
        )));
    }
    let applied = &ledger.document.applied;
    let view = match Box::pin(view::look(services, fleet, applied, Breadth::Declared)).await {
        Ok(view) => view,
        Err(why) => return Ok(unseen(&why)),
    };
    let by = match (&said.by, &said.reason) {
        (Some(by), Some(reason)) => format!("{by}: {reason}"),
        (Some(by), None) => by.clone(),
        (None, Some(reason)) => format!("an operator: {reason}"),
        (None, None) => "an operator".to_owned(),
    };
    let went = match Box::pin(apply::apply(services, fleet, ledger, &plan, &view, &by)).await? {
        Ok(went) => went,
        Err(Unapplied::Busy(said)) => return Ok(refused(&format!("Nothing was done: {said}."))),
        Err(Unapplied::Stale(stale)) => return Ok(refused(&format!("Nothing was done: {stale}."))),
    };
    services.publish(went.ledger.clone()).await?;
    let text = cut(&outcome::said(id, &went));
    let whole = went.failed.is_empty() && !went.late;
    let report = if whole {
        Report::done(text)
    } else {
        Report::partial(text)
    };
    Ok(report
        .with("plan", id)
        .with("made", went.made.len())
        .with("failed", went.failed.len())
        .with("goes_on", went.ledger.document.applying.is_some()))
}

fn unplanned(ledger: &CapacityLedger, id: &str) -> String {
    if let Some(past) = ledger.history.iter().rev().find(|past| past.plan == id) {
        return format!(
            "The plan {id} was applied until {:.0}. Send `plan` for what is left.",
            past.ended
        );
    }
    let known: Vec<String> = ledger
        .plans
        .iter()
        .map(|planned| format!("{} of {:.0}", planned.plan.id, planned.at))
        .collect();
    match known.is_empty() {
        true => {
            format!("There is no plan {id}, and none that waits: send `plan`, look at it, and apply what it shows.")
        }
        false => format!(
            "There is no plan {id}; there are {}. Send `plan` for another one.",
            known.join(", ")
        ),
    }
}

async fn whole(
    services: &Services<'_>,
    fleet: &Fleet,
    endpoint: Option<&str>,
) -> Result<Result<View, Report>, HandlerError> {
    let ledger = services.ledger().load().await?.document;
    let mut view = match Box::pin(view::look(services, fleet, &ledger.applied, Breadth::Everything)).await {
        Ok(view) => view,
        Err(why) => return Ok(Err(unseen(&why))),
    };
    if let Some(name) = endpoint {
        if view.world.endpoint(name).is_none() {
            return Ok(Err(unknown(name)));
        }
        view.world = view.world.only(name);
    }
    Ok(Ok(view))
}

async fn findings(services: &Services<'_>, fleet: &Fleet, endpoint: Option<&str>) -> Result<Report, HandlerError> {
    let world = match whole(services, fleet, endpoint).await? {
        Ok(view) => view.world,
        Err(report) => return Ok(report),
    };
    let found = audit(&world, &woken(fleet, &world), services.now());
    let counted = |severity: Severity| found.iter().filter(|finding| finding.severity == severity).count();
    let (high, medium, low) = (
        counted(Severity::High),
        counted(Severity::Medium),
        counted(Severity::Low),
    );
    let mut text = match found.is_empty() {
        true => "Nothing was found wrong.".to_owned(),
        false => format!("{} found wrong: {high} high, {medium} medium, {low} low.", found.len()),
    };
    for finding in &found {
        let severity = json!(finding.severity);
        text.push_str(&format!(
            "\n{:<6} {} {}: {}. To do: {}.",
            severity.as_str().unwrap_or_default(),
            finding.rule.as_str(),
            finding.subject,
            printable(&finding.evidence, 400),
            printable(&finding.remedy, 400)
        ));
    }
    Ok(Report::done(cut(&text))
        .with("high", high)
        .with("medium", medium)
        .with("low", low)
        .with("findings", json!(found)))
}

async fn drift(services: &Services<'_>, fleet: &Fleet, endpoint: Option<&str>) -> Result<Report, HandlerError> {
    let ledger = services.ledger().load().await?.document;
    let view: View = match Box::pin(view::look(services, fleet, &ledger.applied, Breadth::Declared)).await {
        Ok(view) => view,
        Err(why) => return Ok(unseen(&why)),
    };
    if let Some(name) = endpoint.filter(|name| view.world.endpoint(name).is_none()) {
        return Ok(unknown(name));
    }
    let about = |key: &steward::capacity::thing::Key| match (endpoint, key) {
        (None, _) => true,
        (Some(name), steward::capacity::thing::Key::Endpoint(of)) => name == of,
        (Some(name), key) => key
            .scalable()
            .and_then(|of| view.world.endpoint_of(of))
            .is_some_and(|on| on.name == name),
    };
    let found: Vec<_> = drifted(&ledger, &view, services)
        .into_iter()
        .filter(|drift| about(&drift.key))
        .collect();
    let mut text = match (found.len(), ledger.applied.at) {
        (0, None) => "Nothing was applied or found as declared yet, so nothing can have drifted.".to_owned(),
        (0, Some(at)) => format!("Nothing was changed outside since {at:.0}."),
        (1, _) => "1 thing was changed outside.".to_owned(),
        (many, _) => format!("{many} things were changed outside."),
    };
    for drift in &found {
        text.push_str(&format!("\n{}", drift.told()));
    }
    Ok(Report::done(cut(&text)).with("drifted", json!(found)))
}

async fn activities(
    services: &Services<'_>,
    endpoint: &str,
    window: std::time::Duration,
    now: jiff::Timestamp,
) -> Result<Report, HandlerError> {
    let failed = |call: CallError| unseen(&format!("{call}. {}", call.advice()));
    let autoscaling = services.looking.autoscaling();
    let found = async {
        let (targets, components) =
            tokio::try_join!(autoscaling.every_target(), services.looking.components_of(endpoint))?;
        let on_it = targets.into_iter().filter_map(|found| match found.thing {
            Thing::Target { of, .. } => Some(of),
            _ => None,
        });
        let on_it: Vec<Scalable> = on_it
            .filter(|of| match of {
                Scalable::Copies { component } => components.contains(component),
                of => of.endpoint() == Some(endpoint),
            })
            .collect();
        let from = now.checked_sub(window).unwrap_or(jiff::Timestamp::MIN);
        let reading = on_it.iter().map(|of| autoscaling.whole_activities(of, from));
        let read: Vec<Vec<Activity>> = stream::iter(reading).buffered(AT_ONCE).try_collect().await?;
        Ok((on_it.len(), read.into_iter().flatten().collect::<Vec<Activity>>()))
    };
    let (targets, found) = match Box::pin(found).await {
        Ok(found) => found,
        Err(call) => return Ok(failed(call)),
    };
    let told = told(&found, window, now);
    let attention = told.iter().filter(|told| told.attention).count();
    let span = steward::text::lasting(i64::try_from(window.as_secs()).unwrap_or(i64::MAX));
    let mut text = match (targets, told.len()) {
        (0, _) => format!("Nothing of {endpoint} is registered to scale."),
        (_, 0) => format!("Nothing scaled at {endpoint} in the last {span}, and nothing tried to."),
        (_, count) => format!("{count} scaling activities at {endpoint} in the last {span}, {attention} to look at."),
    };
    for told in &told {
        let mark = if told.attention { "!" } else { " " };
        text.push_str(&format!("\n{mark} {:.0} {}: {}", told.at, told.of, told.said));
    }
    Ok(Report::done(cut(&text))
        .with("endpoint", endpoint)
        .with("attention", attention)
        .with("activities", json!(told)))
}

async fn exported(services: &Services<'_>, fleet: &Fleet, endpoint: Option<&str>) -> Result<Report, HandlerError> {
    let view = match whole(services, fleet, endpoint).await? {
        Ok(view) => view,
        Err(report) => return Ok(report),
    };
    let region = services.ctx.settings().region.as_str();
    let exported = export(&view.world, &view.lowest, unsaid(fleet, &view.world, region));
    let endpoints = match view.world.endpoints.len() {
        1 => "1 endpoint".to_owned(),
        many => format!("{many} endpoints"),
    };
    let left_out = match exported.left_out.len() {
        0 => "It says all of it.".to_owned(),
        1 => "1 thing could not be said; it is named at its beginning.".to_owned(),
        many => format!("{many} things could not be said; they are named at its beginning."),
    };
    let summary = format!("The fleet file of {endpoints} is in `fleet_file`. {left_out}");
    Ok(Report::done(summary)
        .with("fleet_file", exported.text)
        .with("left_out", json!(exported.left_out)))
}
