//! The conditions on an answer: all must hold, and the first that does not is the reason. Of an answer that was too large
//! to be kept whole, only what its beginning proves is held against the endpoint.

use std::time::Duration;

use serde_json::Value;

use super::{BODY_LIMIT, Cause, Judgement, ProbeVerdict, excerpt, failed, inconclusive, seconds};
use crate::health::policy::{Condition, JsonTest, Probe};

/// Judges an answer with its body, or the beginning of it when it is not `whole`.
pub(super) fn judge(status: u16, (body, whole): (&[u8], bool), took: Duration, probe: &Probe) -> ProbeVerdict {
    let asks_status = probe
        .conditions
        .iter()
        .any(|condition| matches!(condition, Condition::Status(_)));
    if !asks_status && !(200..300).contains(&status) {
        return failed(
            Cause::ServerError,
            format!("expected status 2xx, got {status}: {}", excerpt(body)),
        );
    }
    // Read once, and only if a condition asks.
    let mut json: Option<Result<Value, String>> = None;
    let mut unknown = None;
    for condition in &probe.conditions {
        if !whole && let Some(wanted) = beyond_the_beginning(condition, body) {
            unknown = unknown.or(Some(wanted));
            continue;
        }
        let broken = match condition {
            Condition::Status(wanted) if *wanted != status => Some((
                if status >= 500 {
                    Cause::ServerError
                } else {
                    Cause::WrongAnswer
                },
                format!("expected status {wanted}, got {status}: {}", excerpt(body)),
            )),
            Condition::LatencyBelow(limit) if took > *limit => Some((
                Cause::Slow,
                format!("expected an answer within {}, took {}", seconds(*limit), seconds(took)),
            )),
            Condition::Contains(text) if !holds(body, text) => Some((
                Cause::WrongAnswer,
                format!(
                    "expected the body to contain \"{}\", got: {}",
                    excerpt(text.as_bytes()),
                    excerpt(body)
                ),
            )),
            Condition::NotContains(text) if holds(body, text) => Some((
                Cause::WrongAnswer,
                format!(
                    "expected the body not to contain \"{}\", got: {}",
                    excerpt(text.as_bytes()),
                    excerpt(body)
                ),
            )),
            Condition::Json { pointer, is } => {
                let read = json.get_or_insert_with(|| serde_json::from_slice(body).map_err(|error| error.to_string()));
                match read {
                    Err(error) => Some(format!("expected JSON, got: {} ({error})", excerpt(body))),
                    Ok(document) => json_test(document, pointer, is).err(),
                }
                .map(|reason| (Cause::WrongAnswer, reason))
            }
            Condition::Status(_) | Condition::LatencyBelow(_) | Condition::Contains(_) | Condition::NotContains(_) => {
                None
            }
        };
        if let Some((cause, reason)) = broken {
            return failed(cause, reason);
        }
    }
    if let Some(wanted) = unknown {
        return inconclusive(
            Cause::TooLarge,
            format!(
                "answered {status} with more than the {} KiB that Steward keeps of an answer: {wanted} is not known, from: {}",
                BODY_LIMIT / 1024,
                excerpt(body)
            ),
        );
    }
    match probe.degraded_after {
        Some(limit) if took > limit => ProbeVerdict {
            judgement: Judgement::Degraded,
            cause: Some(Cause::Slow),
            reason: format!("answered in {}, slower than {}", seconds(took), seconds(limit)),
        },
        _ => ProbeVerdict {
            judgement: Judgement::Passed,
            cause: None,
            reason: format!("answered {status} in {}", seconds(took)),
        },
    }
}

/// What nobody can tell of this condition from the beginning of a body alone.
fn beyond_the_beginning(condition: &Condition, beginning: &[u8]) -> Option<String> {
    let quoted = |text: &str| format!("whether it contains \"{}\"", excerpt(text.as_bytes()));
    match condition {
        Condition::Contains(text) | Condition::NotContains(text) => (!holds(beginning, text)).then(|| quoted(text)),
        Condition::Json { pointer, .. } if pointer.is_empty() => Some("what its JSON is".to_owned()),
        Condition::Json { pointer, .. } => Some(format!("what its JSON has at {}", excerpt(pointer.as_bytes()))),
        Condition::Status(_) | Condition::LatencyBelow(_) => None,
    }
}

/// The body contains the text; an empty text is contained in every body.
fn holds(body: &[u8], text: &str) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text.as_bytes())
}

fn json_test(document: &Value, pointer: &str, is: &JsonTest) -> Result<(), String> {
    let place = if pointer.is_empty() {
        "the document".to_owned()
    } else {
        excerpt(pointer.as_bytes())
    };
    let Some(value) = document.pointer(pointer) else {
        return Err(format!("expected a value at {place}, got none in: {}", shown(document)));
    };
    let number = || {
        value
            .as_f64()
            .ok_or_else(|| format!("expected a number at {place}, got: {}", shown(value)))
    };
    match is {
        JsonTest::Exists => Ok(()),
        JsonTest::Equals(wanted) if same(value, wanted) => Ok(()),
        JsonTest::Equals(wanted) => Err(format!("expected {} at {place}, got: {}", shown(wanted), shown(value))),
        JsonTest::Near {
            value: wanted,
            tolerance,
        } => near(value, wanted, *tolerance, &place),
        JsonTest::AtLeast(limit) => {
            let number = number()?;
            if number >= *limit {
                Ok(())
            } else {
                Err(format!("expected at least {limit} at {place}, got: {number}"))
            }
        }
        JsonTest::AtMost(limit) => {
            let number = number()?;
            if number <= *limit {
                Ok(())
            } else {
                Err(format!("expected at most {limit} at {place}, got: {number}"))
            }
        }
    }
}

fn shown(value: &Value) -> String {
    excerpt(value.to_string().as_bytes())
}

/// Equal, where `1` and `1.0` are the same number, at any depth.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => match (x.as_i64(), y.as_i64(), x.as_u64(), y.as_u64()) {
            (Some(x), Some(y), ..) => x == y,
            (.., Some(x), Some(y)) => x == y,
            _ => x.as_f64() == y.as_f64(),
        },
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y)),
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(key, x)| y.get(key).is_some_and(|y| same(x, y)))
        }
        _ => a == b,
    }
}

/// Numbers within `tolerance` of the golden ones; arrays element by element, to any depth.
fn near(value: &Value, golden: &Value, tolerance: f64, place: &str) -> Result<(), String> {
    match (value, golden) {
        (Value::Array(got), Value::Array(wanted)) => {
            if got.len() != wanted.len() {
                return Err(format!(
                    "expected {} elements at {place}, got {}: {}",
                    wanted.len(),
                    got.len(),
                    shown(value)
                ));
            }
            got.iter()
                .zip(wanted)
                .enumerate()
                .try_for_each(|(n, (got, wanted))| near(got, wanted, tolerance, &format!("{place}[{n}]")))
        }
        _ => match (value.as_f64(), golden.as_f64()) {
            // Written so that a tolerance that is not a number fails rather than passes.
            (Some(got), Some(wanted)) if (got - wanted).abs() <= tolerance => Ok(()),
            (Some(got), Some(wanted)) => Err(format!("expected {wanted} ± {tolerance} at {place}, got {got}")),
            _ => Err(format!(
                "expected a number near {} at {place}, got: {}",
                shown(golden),
                shown(value)
            )),
        },
    }
}
