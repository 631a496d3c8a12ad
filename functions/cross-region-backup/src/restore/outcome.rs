//! What came of restores and drills, for the log, the metrics and whoever asked.

use serde_json::{Map, Value, json};
use steward::{
    aws::lambda,
    backup::{
        restore::{Ended, Kind, Past},
        retention::spoken,
    },
    emf::{Metrics, Unit},
    report::Report,
};

use super::drive::Driven;
use crate::services::Services;

/// Counts what ended, and what was measured of it: of the whole installation, and of the endpoint where that is wanted.
pub(super) fn emit(services: &Services<'_>, driven: &[Driven]) {
    let settings = services.settings();
    let mut metrics =
        Metrics::new(settings.metrics_namespace.clone(), services.now()).dimension("Name", settings.name.clone());
    for one in driven {
        let Some((past, _)) = &one.ended else { continue };
        let [count, rto, rpo] = match past.kind {
            Kind::Restore => ["Restores", "RestoreRTO", "RestoreRPO"],
            Kind::Drill => ["Drills", "DrillRTO", "DrillRPO"],
        };
        let result = match past.how {
            Ended::Passed => "passed",
            Ended::Failed(_) => "failed",
            Ended::Aborted(_) => "aborted",
        };
        metrics.put_for(&[("Result", result)], count, 1.0, Unit::Count);
        let about = [("EndpointName", one.endpoint.as_str())];
        let wanted: &[&[(&str, &str)]] = if one.metrics { &[&[], &about] } else { &[&[]] };
        for further in wanted {
            if let Some(took) = past.figures.rto {
                metrics.put_for(further, rto, took.as_secs_f64(), Unit::Seconds);
                metrics.put_for(further, rpo, past.figures.rpo.as_secs_f64(), Unit::Seconds);
            }
        }
    }
    if !metrics.is_empty()
        && let Err(error) = lambda::emit_metrics(&services.ctx.deployed.base.emit, &metrics)
    {
        tracing::error!(%error, "the metrics of this invocation are lost; the figures are in the ledger and in the alert");
    }
}

/// Where one is, or how it ended.
pub(super) fn line(one: &Driven) -> String {
    let endpoint = &one.endpoint;
    if let Some((past, plan)) = &one.ended {
        return format!("{} of {endpoint} {}", plan.id(), ended(past));
    }
    match one.active() {
        Some(restoration) => {
            let (id, phase) = (restoration.plan.id(), restoration.phase);
            format!("{id} of {endpoint} is {phase}: {}.", one.why.trim_end_matches('.'))
        }
        None => format!("{endpoint}: {}.", one.why),
    }
}

/// How one ended, with its figures.
pub(super) fn ended(past: &Past) -> String {
    match past.figures.rto.filter(|_| past.how == Ended::Passed) {
        Some(rto) => {
            let proof = if past.figures.probed {
                ""
            } else {
                " (by its status: it has no probes)"
            };
            format!(
                "{} as {} from {}: RTO {}{proof}, RPO {}.",
                past.how,
                past.endpoint,
                past.point,
                spoken(rto),
                spoken(past.figures.rpo)
            )
        }
        None if past.how == Ended::Passed => format!(
            "{} as {} from {}: it served already, so no RTO was measured.",
            past.how, past.endpoint, past.point
        ),
        None => format!("{}.", past.how.to_string().trim_end_matches('.')),
    }
}

/// The same for programs.
pub(super) fn detail(one: &Driven) -> Value {
    let active = one.active();
    let past = one.ended.as_ref().map(|(past, _)| past);
    json!({
        "job": active.map(|active| active.plan.id()),
        "phase": active.map(|active| active.phase),
        "why": one.why,
        "ended": past,
    })
}

/// The answer about one endpoint.
pub(super) fn report(one: &Driven) -> Report {
    Report::done(line(one))
        .with("endpoint", one.endpoint.clone())
        .with("restore", detail(one))
        .with("alerts_pending", one.ledger.document.outbox.len())
}

/// The endpoint; of a drill that made way for a restore of it also the drill's id.
fn key(one: &Driven) -> String {
    let aside = one.ledger.document.aside.as_deref();
    match aside.filter(|aside| Some(aside.plan.number) == one.job) {
        Some(aside) => format!("{} {}", one.endpoint, aside.plan.id()),
        None => one.endpoint.clone(),
    }
}

/// A part of the answer to the schedule or an event.
#[derive(Debug, Default)]
pub(crate) struct Woken {
    /// One for each restore or drill that is at work or ended, and for each that could not begin.
    lines: Vec<String>,
    /// By endpoint.
    details: Map<String, Value>,
}

impl Woken {
    pub(super) fn of(driven: &[Driven], trouble: Vec<String>) -> Self {
        let worth = |one: &&Driven| one.ended.is_some() || one.active().is_some();
        let shown: Vec<&Driven> = driven.iter().filter(worth).collect();
        Self {
            lines: shown.iter().map(|one| line(one)).chain(trouble).collect(),
            details: shown.iter().map(|one| (key(one), detail(one))).collect(),
        }
    }

    /// The whole answer.
    pub(crate) fn onto(self, mut report: Report) -> Report {
        for line in &self.lines {
            report.summary.push_str(&format!("\n{line}"));
        }
        report.with("restores", self.details)
    }
}
