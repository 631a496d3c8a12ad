//! How an endpoint stands: in the world, in the ledger, at a moment or over a period.

use jiff::Timestamp;
use steward::{endpoint::EndpointStatus, quantity::Span};

use super::{Checked, clock, matches, moment, period, period_words};
use crate::{
    record::{EndpointHistory, Record, Shape},
    scenario::EndpointExpectation,
};

pub(super) fn check(expected: &EndpointExpectation, record: &Record) -> Checked {
    let sentence = sentence(expected);
    let found = record.endpoints.iter().filter(|(key, _)| {
        let (region, name) = key.split_once('/').unwrap_or(("", key));
        name == expected.name && expected.region.as_deref().is_none_or(|wanted| wanted == region)
    });
    let found: Vec<_> = found.collect();
    let fail = |seen: String, moment| Checked {
        expected: sentence.clone(),
        holds: false,
        seen,
        moment,
    };
    let history = match found.as_slice() {
        [(_, history)] => *history,
        [] => return fail(format!("no endpoint {} was ever seen", expected.name), record.end),
        several => {
            let regions: Vec<&str> = several.iter().map(|(key, _)| key.as_str()).collect();
            return fail(format!("say which `region`: {}", regions.join(", ")), record.end);
        }
    };
    let (holds, at) = verdict(expected, history, record);
    Checked {
        expected: sentence,
        holds,
        seen: format!("{} at {}", state(expected, history, at), clock(record, at)),
        moment: at,
    }
}

/// Whether it holds, and the moment that decides it.
fn verdict(expected: &EndpointExpectation, history: &EndpointHistory, record: &Record) -> (bool, Timestamp) {
    let so = |at: Timestamp| stands(expected, history, at);
    if let Some(at) = expected.at.map(|span| moment(record, span)) {
        return (so(at), at);
    }
    let (from, until) = period(record, expected.from, expected.by.or(expected.until));
    let mut moments: Vec<Timestamp> = std::iter::once(from)
        .chain(history.status.within(from, until).into_iter().map(|(at, _)| at))
        .chain(history.health.within(from, until).into_iter().map(|(at, _)| at))
        .chain(history.shape.within(from, until).into_iter().map(|(at, _)| at))
        .collect();
    moments.sort();
    let first = |wanted: bool| moments.iter().copied().find(|at| so(*at) == wanted);
    if expected.by.is_some() {
        return first(true).map_or((false, until), |at| (true, at));
    }
    if expected.never {
        return first(true).map_or((true, until), |at| (false, at));
    }
    if expected.from.is_some() || expected.until.is_some() {
        return first(false).map_or((true, until), |at| (false, at));
    }
    (so(record.end), record.end)
}

fn stands(expected: &EndpointExpectation, history: &EndpointHistory, at: Timestamp) -> bool {
    let health = history.health.at(at).map(String::as_str);
    let status = history.status.at(at).copied().flatten();
    let any = |wanted: &Option<String>, is: &dyn Fn(&str) -> bool| {
        wanted
            .as_deref()
            .is_none_or(|wanted| wanted.split('|').map(str::trim).any(is))
    };
    any(&expected.health, &|wanted| {
        health.is_some_and(|is| is.eq_ignore_ascii_case(wanted))
    }) && any(&expected.status, &|wanted| match status {
        None => wanted == "gone",
        Some(status) => EndpointStatus::parse(wanted) == status,
    }) && is_shaped(expected, history.shape.at(at).and_then(Option::as_ref))
}

/// Config, variants and traffic are as expected. An endpoint that does not exist has neither.
fn is_shaped(expected: &EndpointExpectation, shape: Option<&Shape>) -> bool {
    let none = Shape::default();
    let shape = shape.unwrap_or(&none);
    let any = |wanted: &str, is: &str| wanted.split('|').map(str::trim).any(|wanted| matches(wanted, is));
    let model = |variant: &str| shape.variants.get(variant).map(|standing| standing.model.as_str());
    let count = |variant: &str| shape.variants.get(variant).and_then(|standing| standing.instances);
    let named = |wanted: &Vec<String>| {
        let mut wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        wanted.sort_unstable();
        wanted == shape.variants.keys().map(String::as_str).collect::<Vec<_>>()
    };
    expected.config.as_ref().is_none_or(|wanted| any(wanted, &shape.config))
        && expected.variants.as_ref().is_none_or(named)
        && expected
            .models
            .0
            .iter()
            .all(|(variant, wanted)| model(variant).is_some_and(|is| any(wanted, is)))
        && expected
            .components
            .0
            .iter()
            .all(|(component, wanted)| shape.components.get(component).is_some_and(|is| any(wanted, is)))
        && expected
            .shares
            .0
            .iter()
            .all(|(variant, bound)| bound.allows(shape.share(variant)))
        && expected
            .instances
            .0
            .iter()
            .all(|(variant, bound)| bound.allows(count(variant).unwrap_or(0)))
        && expected.new_fleet.is_none_or(|bound| bound.allows(shape.new_fleet))
}

/// What there is of config, variants and traffic, as far as something is expected of it.
fn shape_words(expected: &EndpointExpectation, shape: Option<&Shape>) -> Vec<String> {
    let Some(shape) = shape else {
        return if expected.status.is_some() || !expected.is_about_serving() {
            Vec::new()
        } else {
            vec!["gone".to_owned()]
        };
    };
    let mut words = Vec::new();
    if expected.config.is_some() {
        words.push(format!("config {}", shape.config));
    }
    if expected.variants.is_some() {
        let names: Vec<&str> = shape.variants.keys().map(String::as_str).collect();
        words.push(format!("variants {}", names.join(" and ")));
    }
    for (variant, _) in &expected.models.0 {
        let model = shape
            .variants
            .get(variant)
            .map_or("no model", |standing| &standing.model);
        words.push(format!("{variant} with {model}"));
    }
    for (component, _) in &expected.components.0 {
        let model = shape.components.get(component).map_or("no model", String::as_str);
        words.push(format!("component {component} with {model}"));
    }
    for (variant, _) in &expected.shares.0 {
        words.push(format!(
            "{variant} with {:.1}% of the weights",
            100.0 * shape.share(variant)
        ));
    }
    for (variant, _) in &expected.instances.0 {
        let count = shape.variants.get(variant).and_then(|standing| standing.instances);
        words.push(format!("{variant} with {} instances", count.unwrap_or(0)));
    }
    if expected.new_fleet.is_some() {
        words.push(format!(
            "the new fleet with {:.1}% of the traffic",
            100.0 * shape.new_fleet
        ));
    }
    words
}

fn state(expected: &EndpointExpectation, history: &EndpointHistory, at: Timestamp) -> String {
    let mut words = Vec::new();
    if expected.health.is_some() {
        words.push(
            history
                .health
                .at(at)
                .map_or("not in the ledger".to_owned(), |health| format!("health {health}")),
        );
    }
    if expected.status.is_some() {
        let status = history.status.at(at).copied().flatten();
        words.push(status.map_or("gone".to_owned(), |status| status.to_string()));
    }
    words.extend(shape_words(expected, history.shape.at(at).and_then(Option::as_ref)));
    words.join(", ")
}

fn sentence(expected: &EndpointExpectation) -> String {
    let mut what = Vec::new();
    what.extend(expected.health.as_ref().map(|health| format!("health {health}")));
    what.extend(expected.status.as_ref().map(|status| format!("status {status}")));
    what.extend(expected.config.as_ref().map(|config| format!("config {config}")));
    what.extend(
        expected
            .variants
            .as_ref()
            .map(|names| format!("variants {}", names.join(" and "))),
    );
    what.extend(
        expected
            .models
            .0
            .iter()
            .map(|(variant, model)| format!("model {model} in {variant}")),
    );
    let components = expected.components.0.iter();
    what.extend(components.map(|(component, model)| format!("model {model} in component {component}")));
    let shares = expected.shares.0.iter();
    what.extend(shares.map(|(variant, bound)| format!("{} of the weights on {variant}", bound.0)));
    let instances = expected.instances.0.iter();
    what.extend(instances.map(|(variant, bound)| format!("{} instances of {variant}", bound.0)));
    what.extend(
        expected
            .new_fleet
            .map(|bound| format!("{} of the traffic on the new fleet", bound.0)),
    );
    let what = what.join(" and ");
    let when = |span: Option<Span>, word: &str| span.map(|span| format!(" {word} {span}")).unwrap_or_default();
    let period = period_words(expected.from, expected.until);
    let name = &expected.name;
    if expected.at.is_some() {
        format!("{name} has {what}{}", when(expected.at, "at"))
    } else if expected.by.is_some() {
        format!(
            "{name} has {what}{}{}",
            when(expected.by, "by"),
            when(expected.from, "after")
        )
    } else if expected.never {
        format!("{name} never has {what}{period}")
    } else if period.is_empty() {
        format!("{name} has {what} at the end")
    } else {
        format!("{name} has {what} all the time{period}")
    }
}
