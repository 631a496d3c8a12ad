//! What stands before and after the timeline: what is played, how everything ended, and which expectations hold.

use std::io::{self, Write};

use jiff::SignedDuration;
use steward::text::printable;

use super::{Style, Tone, people, span};
use crate::{play::Outcome, record::Record, scenario::Scenario};

/// Entries this close to the moment of a failed expectation are shown with it.
const AROUND: SignedDuration = SignedDuration::from_mins(5);

/// And so many before it, however long ago.
const LAST: usize = 4;

/// Title, description and seed.
///
/// # Errors
/// What the writer says.
pub fn head(out: &mut dyn Write, scenario: &Scenario, seed: u64, style: Style) -> io::Result<()> {
    let bold = |text: &str| {
        if style.colour {
            format!("\x1b[1m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    };
    writeln!(out, "{}", bold(&printable(&scenario.title, 200)))?;
    for line in people::wrapped(
        scenario.description.trim(),
        style.width.saturating_sub(2).clamp(40, 100),
    ) {
        if !line.is_empty() {
            writeln!(out, "  {line}")?;
        }
    }
    let regions: Vec<&str> = scenario.world.regions.keys().map(String::as_str).collect();
    let facts = format!(
        "{}, {} from {}, seed {seed}",
        regions.join(", "),
        scenario.duration,
        scenario.start()
    );
    writeln!(out, "  {}\n", people::paint(&facts, Tone::Quiet, style))
}

/// How every endpoint ended, and every expectation.
///
/// # Errors
/// What the writer says.
pub fn tail(out: &mut dyn Write, outcome: &Outcome, style: Style) -> io::Result<()> {
    let record = &outcome.record;
    writeln!(out)?;
    endpoints(out, record, style)?;
    let minutes = record.end.duration_since(record.start).as_secs() / 60;
    let facts = format!(
        "{minutes} virtual minutes: {} invocations, {} AWS calls, {} alerts",
        record.invocations.len(),
        record.calls.len(),
        record.alerts.len(),
    );
    writeln!(out, "\n  {}\n", people::paint(&facts, Tone::Quiet, style))?;
    for fault in &record.idle_faults {
        let word = people::paint("note  ", Tone::Quiet, style);
        writeln!(out, "  {word}  the fault {fault} hit no call")?;
    }
    for check in &outcome.checks {
        let (word, tone) = if check.holds {
            ("ok    ", Tone::Good)
        } else {
            ("FAILED", Tone::Bad)
        };
        writeln!(out, "  {}  {}", people::paint(word, tone, style), check.expected)?;
        if !check.holds {
            writeln!(out, "          seen: {}", check.seen)?;
            let before = record.timeline.partition_point(|entry| entry.at <= check.moment);
            let around = record.timeline.iter().enumerate().filter(|(index, entry)| {
                let near = entry.at.duration_since(check.moment).abs() <= AROUND;
                near || (*index < before && index + LAST >= before)
            });
            for (_, entry) in around {
                for line in people::lines(entry, record.start, Style { colour: false, ..style }) {
                    writeln!(out, "          | {line}")?;
                }
            }
        }
    }
    let failed = outcome.checks.iter().filter(|check| !check.holds).count();
    let verdict = match failed {
        0 => people::paint(
            &format!("All {} expectations hold.", outcome.checks.len()),
            Tone::Good,
            style,
        ),
        1 => people::paint("1 expectation does not hold.", Tone::Bad, style),
        n => people::paint(&format!("{n} expectations do not hold."), Tone::Bad, style),
    };
    writeln!(out, "\n{verdict}")
}

fn endpoints(out: &mut dyn Write, record: &Record, style: Style) -> io::Result<()> {
    /// More rows than this tell a reader nothing.
    const ROWS: usize = 40;
    let widest = record
        .endpoints
        .keys()
        .map(|key| name(key, style).len())
        .max()
        .unwrap_or(8)
        .max(8);
    let head = format!(
        "{:<widest$}  {:<14}  {:<12}  {:>9}  {:>6}",
        "endpoint", "SageMaker", "health", "ill for", "alerts"
    );
    writeln!(out, "  {}", people::paint(&head, Tone::Quiet, style))?;
    for (key, history) in record.endpoints.iter().take(ROWS) {
        let (region, endpoint) = key.split_once('/').unwrap_or(("", key));
        let status = history.status.at(record.end).copied().flatten();
        let status = status.map_or("gone".to_owned(), |status| status.to_string());
        let health = history.health.at(record.end).map_or("-", String::as_str);
        let tone = match health {
            "healthy" => Tone::Good,
            "-" => Tone::Quiet,
            "unhealthy" => Tone::Bad,
            _ => Tone::Warn,
        };
        let alerts = record
            .alerts
            .iter()
            .filter(|alert| alert.endpoint.as_deref() == Some(endpoint) && alert.region == region)
            .count();
        let ill = ill(record, key);
        let ill = if ill == 0 { "-".to_owned() } else { span(ill) };
        let health = people::paint(&format!("{health:<12}"), tone, style);
        writeln!(
            out,
            "  {:<widest$}  {status:<14}  {health}  {ill:>9}  {alerts:>6}",
            name(key, style)
        )?;
    }
    if record.endpoints.len() > ROWS {
        writeln!(out, "  and {} more", record.endpoints.len() - ROWS)?;
    }
    Ok(())
}

fn name(key: &str, style: Style) -> &str {
    if style.regions {
        key
    } else {
        key.split_once('/').map_or(key, |(_, name)| name)
    }
}

/// Seconds in which the ledger judged an endpoint unhealthy or degraded.
pub(crate) fn ill(record: &Record, key: &str) -> i64 {
    let Some(history) = record.endpoints.get(key) else {
        return 0;
    };
    let steps = &history.health.0;
    let ends = steps.iter().skip(1).map(|(at, _)| *at).chain([record.end]);
    steps
        .iter()
        .zip(ends)
        .filter(|((_, health), _)| matches!(health.as_str(), "unhealthy" | "degraded"))
        .map(|((from, _), to)| to.duration_since(*from).as_secs())
        .sum()
}
