//! What came of it, for the three who want to know: the log, the metrics and whoever asked.

use std::time::Duration;

use serde_json::{Map, Value, json};
use steward::{
    aws::lambda,
    emf::{Metrics, Unit},
    report::Report,
    wake::{To, WakeLedger},
};

use crate::{Context, drive::Driven};

/// Endpoints named in one answer at most.
const MOST_NAMED: usize = 200;

/// `WakeTicks` is the heartbeat: an alarm on its absence tells that nobody would notice a lost alarm any more. What changed
/// is counted whatever woke the function; the states only with the schedule (`ticked`, with how long it took), so that each
/// is counted once a minute.
pub(crate) fn emit(ctx: &Context, driven: &[Driven], ticked: Option<Duration>) {
    let mut metrics = Metrics::new(ctx.deployed.settings.metrics_namespace.clone(), ctx.deployed.now())
        .dimension("Name", ctx.deployed.settings.name.clone());
    let mut anything = ticked.is_some();
    for transition in driven.iter().flat_map(|one| &one.transitions) {
        anything = true;
        match transition.to {
            To::Phase(phase) => metrics.put_for(&[("Phase", phase.as_str())], "WakeTransitions", 1.0, Unit::Count),
            To::Ready(took) => metrics.put("WakeTimeToService", took.as_secs_f64(), Unit::Seconds),
            To::Served(took) => metrics.put("WakeTimeToFirstSuccess", took.as_secs_f64(), Unit::Seconds),
            To::End(how) => metrics.put_for(&[("End", how)], "WakesEnded", 1.0, Unit::Count),
            To::Asleep => metrics.put("PutToSleep", 1.0, Unit::Count),
        }
    }
    if let Some(lasted) = ticked {
        let wakes = driven.iter().flat_map(|one| one.ledger.document.things.values());
        let active = wakes.filter(|one| one.wake.is_some()).count();
        let pending: usize = driven.iter().map(|one| one.ledger.document.outbox.len()).sum();
        for (name, count) in [
            ("WakeTicks", 1),
            ("WakesActive", active),
            ("WakeAlertsPending", pending),
        ] {
            metrics.put(name, count as f64, Unit::Count);
        }
        metrics.put("WakeTickDuration", lasted.as_secs_f64() * 1000.0, Unit::Milliseconds);
    }
    if anything && let Err(error) = lambda::emit_metrics(&ctx.deployed.base.emit, &metrics) {
        tracing::error!(%error, "the metrics of this invocation are lost");
    }
}

/// What was driven, one line for each endpoint that something happens to. `trouble`: what else is to be said.
pub(crate) fn report(driven: &[Driven], trouble: Option<&str>) -> Report {
    let at_work = |one: &&Driven| one.ledger.document.at_work();
    let changed: Vec<&Driven> = driven
        .iter()
        .filter(|one| at_work(one) || !one.transitions.is_empty())
        .collect();
    let mut summary = match driven.iter().filter(at_work).count() {
        0 => "Nothing is being woken or put to sleep.".to_owned(),
        1 => "1 endpoint is being woken or put to sleep.".to_owned(),
        count => format!("{count} endpoints are being woken or put to sleep."),
    };
    for one in changed.iter().take(MOST_NAMED) {
        summary.push_str(&format!("\n{}", line(one)));
    }
    if let Some(trouble) = trouble {
        summary.push_str(&format!("\nNot all was looked at: {trouble}."));
    }
    let published: usize = driven.iter().map(|one| one.published).sum();
    let pending: usize = driven.iter().map(|one| one.ledger.document.outbox.len()).sum();
    let endpoints: Map<String, Value> = changed
        .iter()
        .take(MOST_NAMED)
        .map(|one| (one.endpoint.clone(), detail(one)))
        .collect();
    let late = driven.iter().any(|one| one.late);
    let told = match late || trouble.is_some() {
        true => Report::partial(summary),
        false => Report::done(summary),
    };
    told.with("looked_at", driven.len())
        .with("wakes", endpoints)
        .with("alerts_published", published)
        .with("alerts_pending", pending)
}

/// Where one endpoint is, and what it waits for.
pub(crate) fn line(one: &Driven) -> String {
    if one.late {
        return format!("{}: the invocation's time is over; the next one goes on.", one.endpoint);
    }
    let why = one.why.iter().map(|(thing, why)| format!("{thing}: {why}"));
    let why: Vec<String> = why.collect();
    format!("{}: {}.", one.endpoint, why.join("; "))
}

/// The same for programs.
pub(crate) fn detail(one: &Driven) -> Value {
    phases(&one.ledger.document)
}

/// The phase of each thing at work.
pub(crate) fn phases(document: &WakeLedger) -> Value {
    let things = document.things.iter().filter_map(|(thing, one)| {
        let phase = match (&one.wake, &one.sleep) {
            (Some(wake), _) => json!({
                "wake": wake.number,
                "phase": wake.phase.as_str(),
                "wanted": wake.wanted,
                "since": wake.since,
            }),
            (None, Some(sleep)) => json!({"phase": "falling-asleep", "since": sleep.since}),
            (None, None) => return None,
        };
        Some((String::from(thing.clone()), phase))
    });
    Value::Object(things.collect())
}
