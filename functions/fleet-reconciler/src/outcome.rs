//! What came of it, for the three who want to know: the log, the metrics and whoever asked.

use std::time::Duration;

use serde_json::{Value, json};
use steward::{
    aws::lambda,
    capacity::{drift::Drift, plan::Plan},
    emf::{Metrics, Unit},
    report::Report,
};

use crate::{Context, apply::Went};

/// Lines in one summary at most.
const LINES: usize = 400;

/// Things named in one answer at most.
const MOST_NAMED: usize = 500;

/// What a scheduled invocation did.
#[derive(Debug, Default)]
pub(crate) struct Tick {
    /// The plan, where one was made.
    pub(crate) plan: Option<Plan>,
    /// Drift that there is.
    pub(crate) drifts: Vec<Drift>,
    /// What was applied, with the plan's id.
    pub(crate) went: Option<(String, Went)>,
    /// Why something was not done.
    pub(crate) trouble: Option<String>,
    /// Nobody could look.
    pub(crate) blind: bool,
    /// Alerts that wait.
    pub(crate) pending: usize,
    /// How long it took.
    pub(crate) lasted: Duration,
}

impl Tick {
    pub(crate) fn blind(why: String) -> Self {
        Self {
            trouble: Some(why),
            blind: true,
            ..Self::default()
        }
    }
}

/// `CapacityTicks` is the heartbeat: an alarm on its absence tells that nobody compares any more.
pub(crate) fn emit(ctx: &Context, tick: &Tick) {
    let mut metrics = Metrics::new(ctx.deployed.settings.metrics_namespace.clone(), ctx.deployed.now())
        .dimension("Name", ctx.deployed.settings.name.clone());
    let made = tick.went.as_ref().map_or(0, |(_, went)| went.made.len());
    let failed = tick.went.as_ref().map_or(0, |(_, went)| went.failed.len());
    let mut counted = vec![
        ("CapacityTicks", 1),
        ("CapacityChanged", made),
        ("CapacityFailed", failed),
        ("CapacityAlertsPending", tick.pending),
    ];
    if !tick.blind {
        counted.push(("CapacityDrifted", tick.drifts.len()));
    }
    if let Some(plan) = &tick.plan {
        counted.push(("CapacityDiffers", plan.changes.len() + plan.held.len()));
    }
    for (name, count) in counted {
        metrics.put(name, count as f64, Unit::Count);
    }
    metrics.put(
        "CapacityTickDuration",
        tick.lasted.as_secs_f64() * 1000.0,
        Unit::Milliseconds,
    );
    if let Err(error) = lambda::emit_metrics(&ctx.deployed.base.emit, &metrics) {
        tracing::error!(%error, "the metrics of this invocation are lost");
    }
}

/// What a scheduled invocation answers.
pub(crate) fn report(tick: &Tick) -> Report {
    let mut summary = match tick.drifts.len() {
        _ if tick.blind => "What is there could not be compared with what is declared.".to_owned(),
        0 => "Nothing was changed outside.".to_owned(),
        1 => "1 thing was changed outside.".to_owned(),
        many => format!("{many} things were changed outside."),
    };
    for drift in &tick.drifts {
        summary.push_str(&format!("\n{}", drift.told()));
    }
    if let Some(plan) = &tick.plan {
        summary.push_str(&format!("\n{plan}"));
    }
    let mut whole = !tick.blind && tick.trouble.is_none();
    if let Some((id, went)) = &tick.went {
        summary.push_str(&format!("\n{}", said(id, went)));
        whole &= went.failed.is_empty() && !went.late;
    }
    if let Some(trouble) = &tick.trouble {
        summary.push_str(&format!("\n{trouble}"));
    }
    let told = match whole {
        true => Report::done(cut(summary.trim_end())),
        false => Report::partial(cut(summary.trim_end())),
    };
    let told = told
        .with("drifted", tick.drifts.len())
        .with("alerts_pending", tick.pending);
    let told = match &tick.plan {
        Some(plan) => told.with("plan", plan.id.clone()).with("changes", changes(plan)),
        None => told,
    };
    match &tick.went {
        Some((id, went)) => told
            .with("applied", id.clone())
            .with("made", went.made.len())
            .with("failed", went.failed.len()),
        None => told,
    }
}

/// What became of a plan, in words.
pub(crate) fn said(id: &str, went: &Went) -> String {
    let (made, failed) = (went.made.len(), went.failed.len());
    let mut text = match (made, failed, went.late) {
        (0, 0, false) => format!("Plan {id}: nothing is left to do."),
        (_, 0, false) => format!("Plan {id}: {made} made, nothing is left."),
        (_, 0, true) => {
            format!("Plan {id}: {made} made; the invocation's time is over, and another one goes on.")
        }
        (_, _, _) => format!("Plan {id}: {made} made, {failed} not."),
    };
    for key in &went.made {
        text.push_str(&format!("\nmade     {} {key}", key.kind()));
    }
    for failed in &went.failed {
        let again = if failed.later {
            " The next tick tries again."
        } else {
            ""
        };
        text.push_str(&format!(
            "\nnot made {} {}: {}{again}",
            failed.key.kind(),
            failed.key,
            failed.why
        ));
    }
    text
}

/// The changes of a plan, for programs.
pub(crate) fn changes(plan: &Plan) -> Value {
    let changes = plan
        .changes
        .iter()
        .take(MOST_NAMED)
        .map(|change| json!({ "verb": change.verb, "kind": change.key.kind(), "key": change.key.to_string() }));
    changes.collect()
}

/// An answer may not be longer than what Lambda returns.
pub(crate) fn cut(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let more = lines.len().saturating_sub(LINES);
    lines.truncate(LINES);
    let mut text = lines.join("\n");
    if more > 0 {
        text.push_str(&format!("\n… and {more} more lines."));
    }
    text
}
