//! The report: one HTML page without anything outside itself, for whoever was not there.
//!
//! What stood how, when: health over time, alerts as marks on it, then traffic, errors, latency and instances of every
//! endpoint that had any, the expectations, and the whole timeline. Numbers become pictures in `chart`; the page only
//! places them.

mod chart;

use minijinja::{Environment, value::Serde};
use serde::Serialize;

use crate::{
    expect::Checked,
    play::Outcome,
    record::{Measure, Record, Series},
    scenario::Scenario,
    timeline::{Entry, Tone, span, summary},
};
use chart::{Axis, Chart, Line, Tick};

/// More endpoints than this get no charts of their own; those with alerts come first.
const CHARTED: usize = 12;

/// More endpoints than this get no band.
const BANDS: usize = 60;

/// The page.
///
/// # Errors
/// When the template does not render, which is a defect of the template.
pub fn html(scenario: &Scenario, outcome: &Outcome) -> Result<String, minijinja::Error> {
    let record = &outcome.record;
    let axis = Axis::new(record.start, record.end);
    let keys = by_interest(record);
    let regions = scenario.world.regions.len() > 1;
    let name = |key: &str| {
        if regions {
            key.to_owned()
        } else {
            key.rsplit('/').next().unwrap_or(key).to_owned()
        }
    };
    let bands: Vec<Band> = keys
        .iter()
        .take(BANDS)
        .map(|key| band(record, key, name(key), &axis))
        .collect();
    let charts: Vec<Charts> = keys
        .iter()
        .take(CHARTED)
        .filter_map(|key| charts(record, key, name(key), &axis))
        .collect();
    let mut environment = Environment::new();
    environment.add_template("page.html", include_str!("report/page.html"))?;
    let alerts = record.alerts.iter().map(|alert| Told {
        time: span(alert.at.duration_since(record.start).as_secs()),
        class: match alert.severity.as_str() {
            _ if alert.resolved => "good",
            "critical" => "bad",
            "warning" => "warn",
            _ => "plain",
        },
        subject: &alert.subject,
        text: &alert.text,
    });
    let page = Page {
        title: &scenario.title,
        description: &scenario.description,
        seed: outcome.seed,
        start: record.start.to_string(),
        lasted: span(record.end.duration_since(record.start).as_secs()),
        holds: outcome.holds(),
        failed: outcome.checks.iter().filter(|check| !check.holds).count(),
        checks: &outcome.checks,
        invocations: record.invocations.len(),
        calls: record.calls.len(),
        endpoints: record.endpoints.len(),
        ticks: axis.ticks(),
        width: chart::WIDTH,
        hidden_bands: keys.len().saturating_sub(BANDS),
        bands,
        charts,
        alerts: alerts.collect(),
        timeline: record.timeline.iter().map(|entry| row(entry, record)).collect(),
    };
    environment.get_template("page.html")?.render(Serde(&page))
}

/// Everything the template places.
#[derive(Serialize)]
struct Page<'a> {
    title: &'a str,
    description: &'a str,
    seed: u64,
    start: String,
    lasted: String,
    holds: bool,
    failed: usize,
    checks: &'a [Checked],
    invocations: usize,
    calls: usize,
    endpoints: usize,
    ticks: Vec<Tick>,
    width: f64,
    bands: Vec<Band>,
    hidden_bands: usize,
    charts: Vec<Charts>,
    alerts: Vec<Told<'a>>,
    timeline: Vec<Row<'a>>,
}

/// One alert as it was mailed.
#[derive(Serialize)]
struct Told<'a> {
    time: String,
    class: &'static str,
    subject: &'a str,
    text: &'a str,
}

/// Those with the most alerts and changes of health first, then by name.
fn by_interest(record: &Record) -> Vec<&String> {
    let mut keys: Vec<&String> = record.endpoints.keys().collect();
    keys.sort_by_key(|key| {
        let changes = record.endpoints.get(*key).map_or(0, |history| history.health.0.len());
        (changes <= 1 && alerts_of(record, key).next().is_none(), key.as_str())
    });
    keys
}

fn alerts_of<'a>(record: &'a Record, key: &'a str) -> impl Iterator<Item = &'a crate::record::Sent> {
    record.alerts.iter().filter(move |alert| {
        let name = alert.endpoint.as_deref().unwrap_or_default();
        key.split_once('/')
            .is_some_and(|(region, endpoint)| region == alert.region && endpoint == name)
    })
}

/// One endpoint's health over time.
#[derive(Serialize)]
struct Band {
    name: String,
    ill: String,
    health: Vec<Segment>,
    status: Vec<Segment>,
    marks: Vec<Mark>,
}

/// A stretch of one state.
#[derive(Serialize)]
struct Segment {
    x: f64,
    width: f64,
    class: String,
    label: String,
}

/// An alert on a band.
#[derive(Serialize)]
struct Mark {
    x: f64,
    class: String,
    label: String,
}

fn band(record: &Record, key: &str, name: String, axis: &Axis) -> Band {
    let history = record.endpoints.get(key).cloned().unwrap_or_default();
    let segments = |steps: Vec<(jiff::Timestamp, String)>| {
        let ends: Vec<jiff::Timestamp> = steps.iter().skip(1).map(|(at, _)| *at).chain([record.end]).collect();
        steps
            .into_iter()
            .zip(ends)
            .map(|((from, state), to)| Segment {
                x: axis.x(from),
                width: (axis.x(to) - axis.x(from)).max(0.5),
                class: state.to_lowercase().replace([' ', '_'], "-"),
                label: format!(
                    "{state} from {} to {}",
                    span(from.duration_since(record.start).as_secs()),
                    span(to.duration_since(record.start).as_secs())
                ),
            })
            .collect()
    };
    let status = history.status.0.iter().map(|(at, status)| {
        (
            *at,
            status.map_or_else(|| "gone".to_owned(), |status| status.to_string()),
        )
    });
    let marks = alerts_of(record, key).map(|alert| Mark {
        x: axis.x(alert.at),
        class: if alert.resolved {
            "resolved".to_owned()
        } else {
            alert.severity.clone()
        },
        label: alert.subject.clone(),
    });
    let ill = summary::ill(record, key);
    Band {
        name,
        ill: if ill > 0 { span(ill) } else { String::new() },
        status: segments(status.collect()),
        marks: marks.collect(),
        health: segments(history.health.0),
    }
}

/// The charts of one endpoint.
#[derive(Serialize)]
struct Charts {
    name: String,
    variants: Vec<String>,
    charts: Vec<Chart>,
}

fn charts(record: &Record, key: &str, name: String, axis: &Axis) -> Option<Charts> {
    let series: Vec<&Series> = record.series.iter().filter(|series| series.endpoint == key).collect();
    let mut variants: Vec<String> = series.iter().map(|series| series.variant.clone()).collect();
    variants.dedup();
    variants.sort();
    variants.dedup();
    let chart = |measure: Measure, title: &str, unit: &str| {
        let lines: Vec<Line<'_>> = series
            .iter()
            .filter(|series| series.measure == measure)
            .map(|series| Line {
                points: &series.points,
                class: variants
                    .iter()
                    .position(|variant| *variant == series.variant)
                    .unwrap_or(0)
                    % 6,
                steps: measure == Measure::Instances,
            })
            .collect();
        (!lines.is_empty()).then(|| Chart::new(title, unit, &lines, axis))
    };
    let charts: Vec<Chart> = [
        chart(Measure::Traffic, "Requests", "a minute"),
        chart(Measure::Errors, "Errors", "a minute"),
        chart(Measure::Latency, "Model latency", "ms, mean"),
        chart(Measure::Waiting, "Requests that wait", ""),
        chart(Measure::WorkedOff, "Requests worked off", "a minute"),
        chart(Measure::Instances, "Instances", ""),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!charts.is_empty()).then_some(Charts { name, variants, charts })
}

/// One line of the timeline.
#[derive(Serialize)]
struct Row<'a> {
    time: String,
    region: &'a str,
    class: &'static str,
    sort: String,
    subject: &'a str,
    text: &'a str,
    details: &'a [String],
}

fn row<'a>(entry: &'a Entry, record: &Record) -> Row<'a> {
    Row {
        time: span(entry.at.duration_since(record.start).as_secs()),
        region: &entry.region,
        class: match entry.tone {
            Tone::Bad => "bad",
            Tone::Warn => "warn",
            Tone::Good => "good",
            Tone::Plain => "plain",
            Tone::Quiet => "quiet",
        },
        sort: format!("{:?}", entry.sort).to_lowercase(),
        subject: &entry.subject,
        text: &entry.text,
        details: &entry.details,
    }
}
