//! A plan as people read it: what will happen, in which order, and what happens when it goes wrong.

use std::fmt;

use super::{
    plan::{Plan, for_share},
    policy::{Engine, OnDeadline},
    preflight::spoken,
    strategy::{OwnAnalysis, Weight},
};
use crate::{
    analysis::watches_without_blue,
    text::{and_list, printable},
};

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = &self.request;
        let policy = &request.policy;
        let shown = |name: &Option<String>| name.as_deref().map_or("(none)".to_owned(), |name| printable(name, 80));
        writeln!(
            f,
            "Rollout {}: {} replaces {} on {}",
            self.id(),
            shown(&self.green.model),
            shown(&self.blue.model),
            request.component.as_deref().unwrap_or(&request.endpoint)
        )?;
        writeln!(
            f,
            "  strategy {}, engine {}",
            printable(&policy.strategy.name, 80),
            policy.engine
        )?;
        let by = request.by.as_deref().unwrap_or("an operator");
        let reason = request
            .reason
            .as_deref()
            .map(|reason| format!(": {}", printable(reason, 200)));
        writeln!(f, "  asked for by {}{}", printable(by, 80), reason.unwrap_or_default())?;
        if policy.engine == Engine::Variants {
            writeln!(
                f,
                "  variants {} (now) and {} (new)",
                self.blue.variant, self.green.variant
            )?;
        }
        writeln!(f)?;
        write!(f, "{}", columns(&self.rows()))?;
        writeln!(f)?;
        writeln!(
            f,
            "At least {} to the end, and SageMaker's own work on top.",
            spoken(self.least_time())
        )?;
        writeln!(f, "{}", self.way_back())?;
        let then = match policy.on_deadline {
            OnDeadline::Abort => "it goes back",
            OnDeadline::Promote => "it goes on where only `promote` is missing, and back otherwise",
        };
        writeln!(f, "After {} without an end: {then}.", spoken(policy.deadline))?;
        for warning in self.warnings.iter().chain(&self.unmeasured) {
            writeln!(f, "Note: {warning}.")?;
        }
        Ok(())
    }
}

impl Plan {
    /// Header first.
    fn rows(&self) -> Vec<[String; 6]> {
        let policy = &self.request.policy;
        let header = ["step", "green", "weights", "instances", "bake", "before it goes on"].map(str::to_owned);
        let mut rows = vec![header];
        let weights = |share: Weight| {
            if policy.engine != Engine::Variants {
                return "by SageMaker".to_owned();
            }
            let weights = self.weights(share);
            let of = |name: &str| weights.get(name).copied().unwrap_or(0.0);
            format!(
                "{} : {}",
                rounded(of(&self.blue.variant)),
                rounded(of(&self.green.variant))
            )
        };
        let full = self.request.green.instances.or(self.blue.instances);
        let instances = |share: Weight| match (full, policy.engine) {
            (Some(full), Engine::Variants) => for_share(full, share, policy.headroom).to_string(),
            (Some(full), _) => full.to_string(),
            (None, _) => "-".to_owned(),
        };
        if policy.engine == Engine::Variants && policy.smoke {
            rows.push([
                "smoke".to_owned(),
                Weight::ZERO.to_string(),
                weights(Weight::ZERO),
                self.green.instances.map_or("-".to_owned(), |count| count.to_string()),
                "-".to_owned(),
                format!("{} rounds of probes in a row pass", policy.smoke_passes),
            ]);
        }
        for (index, step) in self.steps().iter().enumerate() {
            rows.push([
                (index + 1).to_string(),
                step.weight.to_string(),
                weights(step.weight),
                instances(step.weight),
                spoken(step.bake),
                self.checks(index, step.smoke, step.gate),
            ]);
        }
        if policy.engine == Engine::Variants {
            rows.push([
                "keep".to_owned(),
                Weight::FULL.to_string(),
                weights(Weight::FULL),
                instances(Weight::FULL),
                spoken(policy.keep_blue),
                self.kept(),
            ]);
        }
        rows
    }

    /// What takes green back while blue is kept.
    fn kept(&self) -> String {
        match self.checks(self.last_step(), false, false).as_str() {
            "-" => "nothing watches; then blue is removed".to_owned(),
            watches => format!("{watches}; then blue is removed"),
        }
    }

    fn checks(&self, step: usize, smoke: bool, gate: bool) -> String {
        let policy = &self.request.policy;
        let share = self.share(step);
        let mut checks = Vec::new();
        if smoke && policy.engine == Engine::Variants {
            checks.push("probes".to_owned());
        }
        match policy.alarms.as_slice() {
            [] => {}
            [one] => checks.push(format!("alarm {one}")),
            many => checks.push(format!("{} alarms", many.len())),
        }
        checks.extend(self.own_alarms(step));
        if let Some(analysis) = self.own_analysis(step) {
            checks.push(analysis);
        } else if let Some(analysis) = &policy.analysis {
            // A rolling update has the one step, and blue until its last batch.
            let alone = policy.engine != Engine::Rolling && share == Weight::FULL;
            checks.push(match (analysis.decides(), alone) {
                (true, false) => "analysis".to_owned(),
                (true, true) if watches_without_blue(analysis) => "analysis without blue".to_owned(),
                _ => format!("{} requests", analysis.min_requests.max(1)),
            });
        }
        if policy.health && share > Weight::ZERO {
            checks.push("health".to_owned());
        }
        if gate {
            checks.push(format!("`promote` within {}", spoken(policy.gate_deadline)));
        }
        if checks.is_empty() {
            "-".to_owned()
        } else {
            checks.join(", ")
        }
    }

    /// The alarms that count in this step and not in all of them, for people.
    pub(super) fn own_alarms(&self, step: usize) -> Option<String> {
        let of_all = &self.request.policy.alarms;
        let own = self.steps().get(step).into_iter().flat_map(|step| &step.alarms);
        let own: Vec<&str> = own
            .filter(|alarm| !of_all.contains(alarm))
            .map(String::as_str)
            .collect();
        match own.as_slice() {
            [] => None,
            [one] => Some(format!("own alarm {one}")),
            several => Some(format!("own alarms {}", and_list(several))),
        }
    }

    /// How green is judged in this step, where that is not as the rollout says, for people.
    pub(super) fn own_analysis(&self, step: usize) -> Option<String> {
        let OwnAnalysis::On(own) = self.steps().get(step)?.analysis.as_ref()? else {
            return Some("no analysis".to_owned());
        };
        let requests = format!("{} requests", own.min_requests.max(1));
        let alone = self.share(step) == Weight::FULL;
        Some(match own.decides() {
            true if !alone => format!("own analysis ({requests})"),
            true if watches_without_blue(own) => format!("own analysis without blue ({requests})"),
            _ => requests,
        })
    }

    /// Every bake, and the time for which blue is kept.
    fn least_time(&self) -> std::time::Duration {
        let policy = &self.request.policy;
        let bakes = self
            .steps()
            .iter()
            .fold(std::time::Duration::ZERO, |sum, step| sum.saturating_add(step.bake));
        bakes.saturating_add(policy.keep_blue)
    }

    fn way_back(&self) -> String {
        let policy = &self.request.policy;
        let what = match policy.engine {
            Engine::Variants => format!(
                "one call gives {} its weight back; it keeps its {} until the last bake has passed, and is then kept for {}",
                self.blue.variant,
                self.blue.instances.map_or("capacity".to_owned(), |count| match count {
                    1 => "1 instance".to_owned(),
                    count => format!("{count} instances"),
                }),
                spoken(policy.keep_blue)
            ),
            Engine::Guardrails | Engine::Rolling => "SageMaker is stopped, and brings the old fleet back".to_owned(),
        };
        format!(
            "On an alarm, a failed check, a deadline or `abort`: {what}. After its end: `rollback` within {}.",
            spoken(policy.rollback_window)
        )
    }
}

/// At most four digits behind the point.
pub(super) fn rounded(weight: f64) -> f64 {
    (weight * 10_000.0).round() / 10_000.0
}

/// Columns two spaces apart.
fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    rows.iter()
        .map(|row| {
            let line: Vec<String> = row
                .iter()
                .zip(widths)
                .map(|(cell, width)| format!("{cell}{}", " ".repeat(width.saturating_sub(cell.chars().count()))))
                .collect();
            format!("  {}\n", line.join("  ").trim_end())
        })
        .collect()
}
