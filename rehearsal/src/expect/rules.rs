//! Answers of commands, and what every scenario expects without saying so.

use std::collections::BTreeMap;

use super::{Checked, clock};
use crate::{
    record::{Ending, Record},
    scenario::{AlertIds, AnswerExpectation, Count, DeadLetterExpectation},
};

pub(super) fn answer(expected: &AnswerExpectation, record: &Record) -> Checked {
    let ends = expected.ends.unwrap_or(Ending::Ok);
    let mut sentence = format!("command {} ends {}", expected.to, ends.as_str());
    if let Some(text) = &expected.says {
        sentence.push_str(&format!(", saying {text:?}"));
    }
    for (pointer, value) in &expected.json.0 {
        sentence.push_str(&format!(", with {} at {pointer:?}", value.0));
    }
    let Some(given) = record.answers.iter().find(|answer| answer.name == expected.to) else {
        return Checked {
            expected: sentence,
            holds: false,
            seen: "it was not answered".to_owned(),
            moment: record.end,
        };
    };
    let mut wrong = Vec::new();
    if given.ending != ends {
        wrong.push(format!("it ended {}: {}", given.ending.as_str(), given.answer));
    }
    let summary = given.answer.get("summary").and_then(serde_json::Value::as_str);
    if let Some(text) = &expected.says {
        let said = summary.map_or_else(|| given.answer.to_string(), str::to_owned);
        if !said.contains(text.as_str()) {
            wrong.push(format!("it said {said:?}"));
        }
    }
    for (pointer, value) in &expected.json.0 {
        match given.answer.pointer(pointer) {
            Some(is) if *is == value.0 => {}
            Some(is) => wrong.push(format!("{pointer} is {is}")),
            None => wrong.push(format!("there is no {pointer} in {}", given.answer)),
        }
    }
    let holds = wrong.is_empty();
    let seen = if holds {
        summary.unwrap_or("so it is").to_owned()
    } else {
        wrong.join("; ")
    };
    Checked {
        expected: sentence,
        holds,
        seen,
        moment: given.at,
    }
}

pub(super) fn every_invocation_ends_well(record: &Record) -> Checked {
    let bad: Vec<_> = record
        .invocations
        .iter()
        .filter(|one| one.ending != Ending::Ok)
        .collect();
    let seen = match bad.first() {
        None => format!("{} invocations", record.invocations.len()),
        Some(first) => format!(
            "{} of {} did not; the first was {} at {}, {}: {}",
            bad.len(),
            record.invocations.len(),
            first.function,
            clock(record, first.at),
            first.ending.as_str(),
            first.answer
        ),
    };
    Checked {
        expected: "every invocation ends ok".to_owned(),
        holds: bad.is_empty() && !record.invocations.is_empty(),
        seen,
        moment: bad.first().map_or(record.end, |first| first.at),
    }
}

pub(super) fn dead_letters(expected: Option<DeadLetterExpectation>, record: &Record) -> Checked {
    let count = expected.map_or(
        Count {
            times: Some(0),
            ..Count::default()
        },
        |expected| expected.count(),
    );
    let number = record.dead_letters.len() as u64;
    Checked {
        expected: match count.is_never() {
            true => "no event is given up".to_owned(),
            false => format!("an event is given up {count}"),
        },
        holds: count.allows(number),
        seen: match record.dead_letters.first() {
            None => "none was".to_owned(),
            Some(first) => format!(
                "{number}, the first by {} at {}",
                first.function,
                clock(record, first.at)
            ),
        },
        moment: record.dead_letters.first().map_or(record.end, |first| first.at),
    }
}

/// One id for one thing. Two alerts of the same kind about the same endpoint in a row, without any other alert about it
/// between them, tell the same thing: so they need the same id, unless the later one is a reminder.
pub(super) fn alert_ids(expected: AlertIds, record: &Record) -> Checked {
    let mut ids: BTreeMap<&str, u64> = BTreeMap::new();
    let mut last: BTreeMap<(&str, &str), (&str, &str)> = BTreeMap::new();
    let mut wrong: Option<(jiff::Timestamp, String)> = None;
    for alert in &record.alerts {
        let times = ids.entry(&alert.id).or_default();
        *times += 1;
        if alert.id.is_empty() {
            wrong.get_or_insert((alert.at, format!("{:?} has no deduplication id", alert.subject)));
        }
        if *times > 1 && expected == AlertIds::Once {
            wrong.get_or_insert((alert.at, format!("{} was published again", alert.id)));
        }
        if let Some(endpoint) = alert
            .endpoint
            .as_deref()
            .filter(|_| alert.kind.starts_with("endpoint.") && *times == 1)
            && alert.reminder == 0
            && let Some((kind, id)) = last.insert((&alert.region, endpoint), (&alert.kind, &alert.id))
            && kind == alert.kind
        {
            wrong.get_or_insert((alert.at, format!("{id} and {} tell the same", alert.id)));
        }
    }
    Checked {
        expected: match expected {
            AlertIds::Once => "every alert is published once".to_owned(),
            AlertIds::Stable => "no alert is published under two deduplication ids".to_owned(),
        },
        holds: wrong.is_none(),
        seen: match &wrong {
            None => format!("{} alerts, {} ids", record.alerts.len(), ids.len()),
            Some((_, what)) => what.clone(),
        },
        moment: wrong.map_or(record.end, |(at, _)| at),
    }
}
