//! What came of it, for the three who want to know: the log, the metrics and whoever asked.

use std::time::Duration;

use serde_json::{Map, Value, json};
use steward::{
    aws::lambda,
    emf::{Metrics, Unit},
    report::Report,
    rollout::To,
};

use crate::{Context, drive::Driven};

/// Endpoints named in one answer at most.
const MOST_NAMED: usize = 200;

/// `RolloutTicks` is the heartbeat: an alarm on its absence tells that nobody watches the rollouts any more. Transitions
/// are counted whatever woke the function; the states only with the schedule (`ticked`, with how long it took), so that
/// each is counted once a minute.
pub(crate) fn emit(ctx: &Context, driven: &[Driven], ticked: Option<Duration>) {
    let mut metrics = Metrics::new(ctx.deployed.settings.metrics_namespace.clone(), ctx.deployed.now())
        .dimension("Name", ctx.deployed.settings.name.clone());
    let transitions = driven.iter().flat_map(|one| &one.transitions);
    let mut anything = ticked.is_some();
    for transition in transitions {
        anything = true;
        metrics.put_for(
            &[("Phase", transition.to.name())],
            "RolloutTransitions",
            1.0,
            Unit::Count,
        );
        // Green goes: once for each rollout, when that is decided, or when it ends by it at once.
        let goes = match &transition.to {
            To::Phase(_) => transition.from.as_ref().is_some_and(|from| from.is_forward()),
            To::End(_) => transition.from.as_ref().is_none_or(|from| from.is_forward()),
        };
        if let Some(cause) = transition.cause.as_ref().filter(|_| goes) {
            metrics.put_for(&[("Reason", cause.label())], "RolloutAborts", 1.0, Unit::Count);
        }
    }
    if let Some(lasted) = ticked {
        let active = driven.iter().filter(|one| one.ledger.document.active.is_some());
        let pending: usize = driven.iter().map(|one| one.ledger.document.outbox.len()).sum();
        let counts = [
            ("RolloutTicks", 1),
            ("RolloutsActive", active.count()),
            ("RolloutAlertsPending", pending),
        ];
        for (name, count) in counts {
            metrics.put(name, count as f64, Unit::Count);
        }
        metrics.put("RolloutTickDuration", lasted.as_secs_f64() * 1000.0, Unit::Milliseconds);
    }
    if anything && let Err(error) = lambda::emit_metrics(&ctx.deployed.base.emit, &metrics) {
        tracing::error!(%error, "the metrics of this invocation are lost");
    }
}

/// What was driven, one line for each endpoint.
pub(crate) fn report(driven: &[Driven]) -> Report {
    let active: Vec<&Driven> = driven
        .iter()
        .filter(|one| one.ledger.document.active.is_some())
        .collect();
    let changed: Vec<&Driven> = driven
        .iter()
        .filter(|one| one.ledger.document.active.is_some() || !one.transitions.is_empty())
        .collect();
    let mut summary = match active.len() {
        0 => "No rollout is at work.".to_owned(),
        1 => "1 rollout is at work.".to_owned(),
        count => format!("{count} rollouts are at work."),
    };
    for one in changed.iter().take(MOST_NAMED) {
        summary.push_str(&format!("\n{}", line(one)));
    }
    let published: usize = driven.iter().map(|one| one.published).sum();
    let pending: usize = driven.iter().map(|one| one.ledger.document.outbox.len()).sum();
    let endpoints: Map<String, Value> = changed
        .iter()
        .take(MOST_NAMED)
        .map(|one| (one.endpoint.clone(), detail(one)))
        .collect();
    Report::done(summary)
        .with("rollouts", endpoints)
        .with("alerts_published", published)
        .with("alerts_pending", pending)
}

/// Where one endpoint's rollout is, and what it waits for.
pub(crate) fn line(one: &Driven) -> String {
    match &one.ledger.document.active {
        Some(active) => format!("{}: {}; {}.", active.plan.id(), active.phase, one.why),
        None => match one.transitions.last() {
            Some(last) => format!("{}: {}.", last.rollout, last.to.name()),
            None => format!("{}: {}.", one.endpoint, one.why),
        },
    }
}

/// The same for programs.
pub(crate) fn detail(one: &Driven) -> Value {
    let active = one.ledger.document.active.as_ref();
    let transitions = one.transitions.iter().map(|transition| transition.to.name());
    json!({
        "rollout": active.map(|active| active.plan.id()),
        "phase": active.map(|active| active.phase.name()),
        "step": active.and_then(|active| active.phase.step()),
        "why": one.why,
        "transitions": transitions.collect::<Vec<_>>(),
    })
}
