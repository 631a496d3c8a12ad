//! How often something happened: alerts, AWS calls, invocations.

use jiff::Timestamp;

use super::{Checked, clock, matches, period, period_words};
use crate::{
    record::Record,
    scenario::{AlertExpectation, CallExpectation, Count, InvocationExpectation},
};

/// `is never called`, `is called once`, `fails 2 times`.
fn often(auxiliary: &str, verb: &str, count: Count) -> String {
    let words = if count.is_never() {
        format!("{auxiliary} never {verb}")
    } else {
        format!("{auxiliary} {verb} {count}")
    };
    words.trim_start().to_owned()
}

/// The moments at which it happened, against the bounds.
fn counted(expected: String, count: Count, seen: &[(Timestamp, String)], record: &Record) -> Checked {
    let number = seen.len() as u64;
    let mut told: Vec<String> = seen
        .iter()
        .take(5)
        .map(|(at, what)| format!("{what} {}", clock(record, *at)))
        .collect();
    if seen.len() > told.len() {
        told.push(format!("and {} more", seen.len() - told.len()));
    }
    let times = match number {
        0 => "not seen".to_owned(),
        1 => format!("once: {}", told.join(", ")),
        n => format!("{n} times: {}", told.join(", ")),
    };
    Checked {
        expected,
        holds: count.allows(number),
        seen: times,
        moment: seen.last().map_or(record.end, |(at, _)| *at),
    }
}

pub(super) fn alerts(expected: &AlertExpectation, record: &Record) -> Checked {
    let (from, until) = period(record, expected.from, expected.until);
    let seen: Vec<(Timestamp, String)> = record
        .alerts
        .iter()
        .filter(|alert| {
            let is = |wanted: &Option<String>, value: Option<&str>| wanted.is_none() || wanted.as_deref() == value;
            matches(&expected.kind, &alert.kind)
                && is(&expected.endpoint, alert.endpoint.as_deref())
                && is(&expected.region, Some(&alert.region))
                && is(&expected.severity, Some(&alert.severity))
                && expected.resolved.is_none_or(|wanted| wanted == alert.resolved)
                && expected
                    .says
                    .as_deref()
                    .is_none_or(|text| alert.subject.contains(text) || alert.text.contains(text))
                && (from..=until).contains(&alert.at)
        })
        .map(|alert| (alert.at, alert.kind.clone()))
        .collect();
    let about = expected
        .endpoint
        .as_ref()
        .map(|name| format!(" about {name}"))
        .unwrap_or_default();
    let region = expected
        .region
        .as_ref()
        .map(|name| format!(" in {name}"))
        .unwrap_or_default();
    let severity = expected
        .severity
        .as_ref()
        .map(|severity| format!("{severity} "))
        .unwrap_or_default();
    let says = expected
        .says
        .as_ref()
        .map(|text| format!(" saying {text:?}"))
        .unwrap_or_default();
    let period = period_words(expected.from, expected.until);
    let resolved = match expected.resolved {
        None => "",
        Some(true) => "resolving ",
        Some(false) => "new ",
    };
    let published = often("is", "published", expected.count());
    let sentence = format!(
        "{resolved}{severity}alert {}{about}{says} {published}{region}{period}",
        expected.kind
    );
    counted(sentence, expected.count(), &seen, record)
}

pub(super) fn calls(expected: &CallExpectation, record: &Record) -> Checked {
    let (from, until) = period(record, expected.from, expected.until);
    let seen: Vec<(Timestamp, String)> = record
        .calls
        .iter()
        .filter(|call| {
            let is = |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|wanted| wanted == value);
            matches(&expected.operation, &call.operation)
                && is(&expected.service, &call.service)
                && is(&expected.by, &call.caller)
                && is(&expected.region, &call.region)
                && is(&expected.copied_from, call.copied_from.as_deref().unwrap_or_default())
                && expected.succeeded.is_none_or(|wanted| wanted == call.succeeded)
                && (from..=until).contains(&call.at)
        })
        .map(|call| (call.at, call.operation.clone()))
        .collect();
    let which = match (&expected.service, expected.operation.as_str()) {
        (Some(service), operation) => format!("{service} {operation}"),
        (None, operation) => operation.to_owned(),
    };
    let by = expected
        .by
        .as_ref()
        .map(|caller| format!(" by {caller}"))
        .unwrap_or_default();
    let region = expected
        .region
        .as_ref()
        .map(|name| format!(" in {name}"))
        .unwrap_or_default();
    let how = match expected.succeeded {
        None => often("is", "called", expected.count()),
        Some(true) => often("", "succeeds", expected.count()),
        Some(false) => often("", "fails", expected.count()),
    };
    let period = period_words(expected.from, expected.until);
    counted(
        format!("{which} {how}{by}{region}{period}"),
        expected.count(),
        &seen,
        record,
    )
}

pub(super) fn invocations(expected: &InvocationExpectation, record: &Record) -> Checked {
    let (from, until) = period(record, expected.from, expected.until);
    let seen: Vec<(Timestamp, String)> = record
        .invocations
        .iter()
        .filter(|one| {
            one.ending == expected.ends
                && expected.function.as_deref().is_none_or(|wanted| wanted == one.function)
                && (from..=until).contains(&one.at)
        })
        .map(|one| (one.at, one.function.clone()))
        .collect();
    let whose = expected.function.as_deref().unwrap_or("any function");
    let (ending, count) = (expected.ends.as_str(), expected.count());
    let period = period_words(expected.from, expected.until);
    counted(
        format!(
            "an invocation of {whose} {}{period}",
            often("", &format!("ends {ending}"), count)
        ),
        count,
        &seen,
        record,
    )
}
