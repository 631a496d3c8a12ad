//! How clients' requests went, and which configs and scalable targets are left.

use jiff::Timestamp;
use steward::quantity::Span;

use super::{Checked, matches, period, period_words};
use crate::{
    record::{Measure, Record},
    scenario::{ConfigExpectation, RequestExpectation, TargetExpectation},
};

pub(super) fn in_region(region: Option<&String>) -> String {
    region.map(|region| format!(" in {region}")).unwrap_or_default()
}

pub(super) fn requests(expected: &RequestExpectation, record: &Record) -> Checked {
    let (from, until) = period(record, expected.from, expected.until);
    let series = |measure: Measure| {
        record.series.iter().filter(move |series| {
            let (region, name) = series.endpoint.split_once('/').unwrap_or(("", &series.endpoint));
            series.measure == measure
                && name == expected.endpoint
                && expected.region.as_deref().is_none_or(|wanted| wanted == region)
                && expected
                    .variant
                    .as_deref()
                    .is_none_or(|wanted| wanted == series.variant)
        })
    };
    let within = |at: &Timestamp| (from..=until).contains(at);
    let sum = |measure: Measure| -> f64 {
        let points = series(measure).flat_map(|series| &series.points);
        points
            .filter(|(at, _)| within(at))
            .fold(0.0, |sum, (_, value)| sum + value)
    };
    let (all, failed) = (sum(Measure::Traffic), sum(Measure::Errors));
    let share = if all > 0.0 { failed / all } else { 0.0 };
    // Each minute's mean counts as much as it has requests.
    let (weighed, counted) = series(Measure::Latency).fold((0.0, 0.0), |so_far, latencies| {
        let traffic = series(Measure::Traffic)
            .find(|it| (&it.endpoint, &it.variant) == (&latencies.endpoint, &latencies.variant));
        let points = latencies.points.iter().filter(|(at, _)| within(at));
        points.fold(so_far, |(weighed, counted), (at, milliseconds)| {
            let requests = traffic.and_then(|it| it.points.iter().find(|(then, _)| then == at));
            let requests = requests.map_or(0.0, |(_, requests)| *requests);
            (weighed + milliseconds * requests, counted + requests)
        })
    });
    let mean = (counted > 0.0).then(|| weighed / counted);
    let mut bounds = Vec::new();
    let mut holds = true;
    if let Some(least) = expected.at_least {
        bounds.push(format!("at least {least}"));
        holds &= all >= least as f64;
    }
    if let Some(most) = expected.at_most {
        bounds.push(format!("at most {most}"));
        holds &= all <= most as f64;
    }
    if let Some(most) = expected.failed_at_most {
        bounds.push(format!("at most {most} of them failing"));
        holds &= failed <= most as f64;
    }
    if let Some(most) = expected.errors_at_most {
        bounds.push(format!("at most {most} of them failing"));
        // Without a request nothing is shown about their errors.
        holds &= all > 0.0 && share <= most.fraction();
    }
    if let Some(least) = expected.errors_at_least {
        bounds.push(format!("at least {least} of them failing"));
        holds &= all > 0.0 && share >= least.fraction();
    }
    let milliseconds = |span: Span| span.duration().as_secs_f64() * 1000.0;
    if let Some(most) = expected.latency_at_most {
        bounds.push(format!("answered in {most} on average, or less"));
        holds &= mean.is_some_and(|mean| mean <= milliseconds(most));
    }
    if let Some(least) = expected.latency_at_least {
        bounds.push(format!("answered in {least} on average, or more"));
        holds &= mean.is_some_and(|mean| mean >= milliseconds(least));
    }
    let of_latency = match mean {
        Some(mean) if expected.latency_at_most.is_some() || expected.latency_at_least.is_some() => {
            format!(", answered in {mean:.0} ms on average")
        }
        _ => String::new(),
    };
    let variant = expected
        .variant
        .as_ref()
        .map(|variant| format!(" variant {variant}"))
        .unwrap_or_default();
    Checked {
        expected: format!(
            "requests to {}{variant}{}: {}{}",
            expected.endpoint,
            in_region(expected.region.as_ref()),
            bounds.join(", "),
            period_words(expected.from, expected.until)
        ),
        holds,
        seen: format!(
            "{all:.0}, of which {failed:.0} failed ({:.2}%){of_latency}",
            100.0 * share
        ),
        moment: until,
    }
}

pub(super) fn config(expected: &ConfigExpectation, record: &Record) -> Checked {
    let here = |region: &String| expected.region.as_ref().is_none_or(|wanted| wanted == region);
    let found: Vec<&str> = record
        .configs
        .iter()
        .filter(|(region, name)| here(region) && matches(&expected.name, name))
        .map(|(_, name)| name.as_str())
        .collect();
    let does = if expected.exists { "exists" } else { "does not exist" };
    let seen = if found.is_empty() {
        let all: Vec<&str> = record
            .configs
            .iter()
            .filter(|(region, _)| here(region))
            .map(|(_, name)| name.as_str())
            .collect();
        format!("the configs are {}", all.join(", "))
    } else {
        format!("there is {}", found.join(", "))
    };
    Checked {
        expected: format!(
            "endpoint config {} {does}{} at the end",
            expected.name,
            in_region(expected.region.as_ref())
        ),
        holds: found.is_empty() != expected.exists,
        seen,
        moment: record.end,
    }
}

pub(super) fn target(expected: &TargetExpectation, record: &Record) -> Checked {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (resource, what) = match &expected.component {
        Some(name) => (format!("inference-component/{name}"), format!("component {name}")),
        None => {
            let (endpoint, variant) = (text(&expected.endpoint), text(&expected.variant));
            let resource = format!("endpoint/{endpoint}/variant/{variant}");
            (resource, format!("variant {variant} of {endpoint}"))
        }
    };
    let found = record.targets.iter().find(|target| {
        target.resource == resource && expected.region.as_ref().is_none_or(|wanted| *wanted == target.region)
    });
    let mut wanted = Vec::new();
    let mut holds = found.is_some() == expected.exists;
    let mut compare = |what: &str, bound: Option<u64>, is: Option<u64>| {
        if let Some(bound) = bound {
            wanted.push(format!("{what} {bound}"));
            holds &= is == Some(bound);
        }
    };
    compare(
        "min",
        expected.min.map(u64::from),
        found.map(|target| u64::from(target.min)),
    );
    compare(
        "max",
        expected.max.map(u64::from),
        found.map(|target| u64::from(target.max)),
    );
    compare("policies", expected.policies, found.map(|target| target.policies));
    compare(
        "scheduled actions",
        expected.scheduled_actions,
        found.map(|target| target.scheduled_actions),
    );
    let with = if wanted.is_empty() {
        String::new()
    } else {
        format!(" with {}", wanted.join(", "))
    };
    let is = if expected.exists { "is" } else { "is not" };
    Checked {
        expected: format!(
            "{what} {is} a scalable target{with}{} at the end",
            in_region(expected.region.as_ref())
        ),
        holds,
        seen: found.map_or("it is none".to_owned(), |target| {
            format!(
                "it is one with min {}, max {}, policies {}, scheduled actions {}",
                target.min, target.max, target.policies, target.scheduled_actions
            )
        }),
        moment: record.end,
    }
}
