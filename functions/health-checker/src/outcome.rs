//! What came of a check, for the three who want to know: the log, the metrics and whoever asked.

use std::time::Duration;

use serde_json::{Value, json};
use steward::{
    aws::lambda,
    emf::{Metrics, Unit},
    health::{
        Decision, Why, asked,
        ledger::{EndpointRecord, HealthLedger, State},
        observation::{News, Observation, Seen, Watch},
    },
    probe::seconds,
    report::Report,
};

use crate::{Context, check::Scope};

/// What came of a check.
pub(crate) struct Outcome<'a> {
    pub(crate) news: &'a News,
    pub(crate) unreached: &'a [String],
    pub(crate) decision: &'a Decision,
    pub(crate) ledger: &'a HealthLedger,
    pub(crate) published: usize,
}

impl Outcome<'_> {
    pub(crate) fn log(&self) {
        for (endpoint, why) in &self.decision.reasons {
            let endpoint = endpoint.as_deref();
            match why {
                Why::Counted(_) | Why::Stale | Why::TooSoonToCount | Why::InTransition => {
                    tracing::debug!(endpoint, "{why}");
                }
                _ => tracing::info!(endpoint, "{why}"),
            }
        }
    }

    fn checked(&self) -> Vec<(&str, &EndpointRecord)> {
        let names = self.news.observations.iter().map(|look| look.endpoint.as_str());
        names
            .filter_map(|name| Some((name, self.ledger.endpoints.get(name)?)))
            .collect()
    }

    fn in_state(&self, states: &[State]) -> usize {
        self.checked()
            .iter()
            .filter(|(_, record)| states.contains(&record.state))
            .count()
    }

    fn inconclusive(&self) -> usize {
        let of = |why: &Why| matches!(why, Why::Inconclusive | Why::Unseen);
        self.decision.reasons.iter().filter(|(_, why)| of(why)).count()
    }

    fn begun(&self) -> usize {
        self.decision
            .reasons
            .iter()
            .filter(|(_, why)| matches!(why, Why::Begun(_)))
            .count()
    }

    fn sick(&self) -> usize {
        let told = self.in_state(&[
            State::Unhealthy,
            State::Failed,
            State::Vanished,
            State::OutOfService,
            State::Stuck,
        ]);
        told + self.missing()
    }

    /// Deleted to be created again, and not there yet: their state is that they change.
    fn missing(&self) -> usize {
        let checked = self.checked();
        checked.iter().filter(|(_, record)| record.is_missing()).count()
    }

    fn degraded(&self) -> usize {
        self.in_state(&[State::Degraded, State::RollbackFailed])
    }

    /// `Sweeps` is the heartbeat: an alarm on its absence tells that nobody watches any more.
    pub(crate) fn emit(&self, ctx: &Context, watch: &Watch, lasted: Duration) {
        let mut metrics = Metrics::new(ctx.deployed.settings.metrics_namespace.clone(), ctx.deployed.now())
            .dimension("Name", ctx.deployed.settings.name.clone());
        let counts = [
            ("Sweeps", 1),
            ("Checked", self.news.observations.len()),
            ("Healthy", self.in_state(&[State::Healthy])),
            ("Degraded", self.degraded()),
            ("Unhealthy", self.sick()),
            ("Inconclusive", self.inconclusive()),
            ("Unreached", self.unreached.len()),
            ("AlertsPublished", self.published),
            ("AlertsPending", self.ledger.outbox.len()),
            ("RecoveriesStarted", self.begun()),
        ];
        for (name, count) in counts {
            metrics.put(name, count as f64, Unit::Count);
        }
        metrics.put("SweepDuration", lasted.as_secs_f64() * 1000.0, Unit::Milliseconds);
        for look in &self.news.observations {
            let Some(record) = self.ledger.endpoints.get(&look.endpoint) else {
                continue;
            };
            if !record.is_unmade() && watch.policies.get(&look.endpoint).is_some_and(|policy| policy.metrics) {
                let about = [("EndpointName", look.endpoint.as_str())];
                let healthy = if record.state == State::Healthy { 1.0 } else { 0.0 };
                metrics.put_for(&about, "EndpointHealthy", healthy, Unit::None);
                for result in look.probes.iter().filter(|result| result.verdict.is_of_an_answer()) {
                    metrics.put_for(&about, "ProbeLatency", result.took_ms as f64, Unit::Milliseconds);
                }
            }
        }
        if let Err(error) = lambda::emit_metrics(&ctx.deployed.base.emit, &metrics) {
            tracing::error!(%error, "the metrics of this sweep are lost");
        }
    }

    /// Who is named in the summary: whoever was asked for, and in a sweep whoever is not well.
    fn to_name(&self, scope: &Scope) -> Vec<(&str, State)> {
        let all = self.checked().into_iter().map(|(name, record)| (name, record.state));
        all.filter(|(_, state)| !matches!(scope, Scope::Sweep) || *state != State::Healthy)
            .collect()
    }

    /// What was asked for and is not watched, or is watched and was not found.
    fn in_vain(&self, watch: &Watch, scope: &Scope) -> Vec<String> {
        let Scope::Some { patterns, .. } = scope else {
            return Vec::new();
        };
        let watched: Vec<&str> = watch.policies.keys().map(String::as_str).collect();
        let unknown = asked::unmatched(patterns, &watched)
            .into_iter()
            .map(|wrong| wrong.sentence("nothing of this name is watched: no entry of the fleet file selects it"));
        let looks = self.news.observations.iter();
        let unseen = looks.filter_map(|look| match look.seen {
            Seen::Absent if !self.ledger.endpoints.contains_key(&look.endpoint) => {
                Some(format!("SageMaker has no endpoint \"{}\".", look.endpoint))
            }
            Seen::Absent => {
                let record = self.ledger.endpoints.get(&look.endpoint)?;
                let said = record.evidence.first().filter(|_| record.is_unmade())?;
                Some(format!("\"{}\" is not here: {said}.", look.endpoint))
            }
            Seen::Nothing => Some(format!("\"{}\" could not be looked at.", look.endpoint)),
            Seen::Described(_) => None,
        });
        unknown.chain(unseen.take(asked::NAMED)).collect()
    }

    pub(crate) fn report(&self, watch: &Watch, scope: &Scope, lasted: Duration) -> Report {
        let checked = self.news.observations.len();
        if let Scope::Some {
            patterns,
            details: true,
        } = scope
            && checked == 0
            && self.unreached.is_empty()
            && !patterns.iter().any(|pattern| pattern == "*")
        {
            return Report::refused(&format!(
                "Nothing was checked. {}",
                self.in_vain(watch, scope).join(" ")
            ));
        }
        let mut summary = format!(
            "Checked {checked} {} in {}",
            plural(checked, "endpoint"),
            seconds(lasted)
        );
        summary.push_str(&format!(": {} healthy", self.in_state(&[State::Healthy])));
        let others = [
            (self.degraded(), "degraded"),
            (self.sick(), "sick"),
            (
                self.in_state(&[State::Changing, State::Deleting])
                    .saturating_sub(self.missing()),
                "changing",
            ),
        ];
        for (count, word) in others.into_iter().filter(|(count, _)| *count > 0) {
            summary.push_str(&format!(", {count} {word}"));
        }
        let standing = asked::standing(&self.to_name(scope));
        if !standing.is_empty() {
            summary.push_str(&format!(" ({standing})"));
        }
        summary.push('.');
        if self.inconclusive() > 0 {
            summary.push_str(&format!(
                " {} could not be judged this time and {} as before.",
                self.inconclusive(),
                if self.inconclusive() == 1 { "counts" } else { "count" }
            ));
        }
        for sentence in self.in_vain(watch, scope) {
            summary.push(' ');
            summary.push_str(&sentence);
        }
        if !self.unreached.is_empty() {
            summary.push_str(&format!(
                " {} were not reached and come first in the next sweep.",
                self.unreached.len()
            ));
        }
        if self.published > 0 {
            summary.push_str(&format!(
                " Published {} {}.",
                self.published,
                plural(self.published, "alert")
            ));
        }
        if !self.ledger.outbox.is_empty() {
            let waiting = self.ledger.outbox.len();
            summary.push_str(&format!(
                " {waiting} {} still to be published.",
                plural(waiting, "alert")
            ));
        }
        let mut report = if self.unreached.is_empty() {
            Report::done(summary)
        } else {
            Report::partial(summary)
        };
        let checked = self.checked();
        // A sweep of thousands would not fit into Lambda's answer: the sick ones are named, `status` has the rest.
        let named = checked
            .iter()
            .filter(|(_, record)| !matches!(scope, Scope::Sweep) || record.state != State::Healthy);
        let states: serde_json::Map<String, Value> = named
            .take(MOST_NAMED)
            .map(|(name, record)| ((*name).to_owned(), json!(record.state)))
            .collect();
        report = report
            .with("checked", checked.len())
            .with("endpoints", states)
            .with(
                "unreached",
                self.unreached.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>(),
            )
            .with("alerts_published", self.published)
            .with("alerts_pending", self.ledger.outbox.len())
            .with("recoveries_started", self.begun());
        if matches!(scope, Scope::Some { details: true, .. }) {
            let looks = self.news.observations.iter().take(MOST_NAMED);
            report = report.with(
                "details",
                looks
                    .map(|look| (look.endpoint.clone(), self.detail(look)))
                    .collect::<serde_json::Map<_, _>>(),
            );
        }
        report
    }

    fn detail(&self, look: &Observation) -> Value {
        let reasons = self
            .decision
            .reasons
            .iter()
            .filter(|(name, _)| name.as_deref() == Some(look.endpoint.as_str()));
        json!({
            "probes": look.probes,
            "troubles": look.troubles,
            "asleep": look.asleep,
            "resting": look.resting,
            "unserved": look.unserved,
            "evidence": self.ledger.endpoints.get(&look.endpoint).map(|record| &record.evidence),
            "reasons": reasons.map(|(_, why)| why.to_string()).collect::<Vec<_>>(),
        })
    }
}

/// Endpoints named in one answer at most.
const MOST_NAMED: usize = 500;

fn plural(count: usize, word: &str) -> String {
    if count == 1 {
        word.to_owned()
    } else {
        format!("{word}s")
    }
}
