//! Asynchronous probes: the input is put and queued now, the answer looked for and judged later.
//!
//! Nothing here waits, and nothing is removed without being asked to: an output that is gone without having been judged
//! would look like a queue that does not drain.

use std::time::Duration;

use jiff::Timestamp;

use super::result;
use crate::{
    aws::{
        runtime::Runtime,
        s3::{Condition, Location, S3},
    },
    backup::names::digest,
    failure::{CallError, Failure},
    health::{ledger::AsyncJob, observation::ProbeResult, policy::Probe},
    probe::{Outcome, ProbeAnswer, judge, kept_of_body},
};

/// The longest `InferenceId`, in characters (`InvokeEndpointAsync`, SageMaker's API reference).
const LONGEST_ID: usize = 64;

/// Why a probe was not queued.
#[derive(Clone, Debug, PartialEq)]
pub enum NotAsked {
    /// Its input could not be put, or there was no time to queue it: that says nothing of the endpoint.
    Unput(CallError),
    /// It was refused, judged like a synchronous probe that was refused. It may have been queued all the same.
    Refused(ProbeResult),
}

/// How far the answer is.
#[derive(Clone, Debug, PartialEq)]
pub enum Awaited {
    /// There is none yet, and it is not late.
    Waiting,
    /// There is none, and it is late: judged so.
    Overdue(ProbeResult),
    /// It is there: an output or a failure, judged.
    Answered(ProbeResult),
}

/// Puts the probe's payload to `input`, an `s3://` URI, and queues it. The same `input` may be asked again: then the same
/// object is put. What did not reach a container when nobody waits for it any more, after `waits`, SageMaker drops: a queue
/// that does not drain would be filled by probes, and answer them into S3 when nobody clears it any more.
///
/// # Errors
/// [`NotAsked`]; the input may be there.
pub async fn ask(
    runtime: &Runtime,
    objects: &S3,
    endpoint: &str,
    probe: &Probe,
    input: &str,
    waits: Duration,
    now: Timestamp,
) -> Result<AsyncJob, NotAsked> {
    let Some(at) = Location::parse(input) else {
        let said = format!("{input} is no place in S3");
        return Err(NotAsked::Refused(refused(probe, Failure::Invalid, &said)));
    };
    let payload = probe.payload.clone().into_bytes();
    objects
        .put(&at, payload, &probe.content_type, Condition::Always)
        .await
        .map_err(NotAsked::Unput)?;
    let (accept, id) = (probe.accept.as_deref(), inference_id(&at.key));
    let queued = runtime
        .invoke_async(endpoint, input, &probe.content_type, accept, &id, waits)
        .await
        .map_err(|call| match call.failure {
            // Whoever asks ran out of time, not the endpoint: nobody knows whether it was queued.
            Failure::TimedOut if runtime.time_left().is_some_and(|left| left.is_zero()) => NotAsked::Unput(call),
            failure => NotAsked::Refused(refused(probe, failure, &call.to_string())),
        })?;
    Ok(AsyncJob {
        input: input.to_owned(),
        output: queued.output,
        failure: queued.failure,
        started: now,
        late: false,
        over: false,
        cleaned: false,
    })
}

/// The last part of the input's key, or where that is too long or not ASCII, a digest of it.
fn inference_id(key: &str) -> String {
    let name = key.rsplit('/').next().unwrap_or(key);
    match name.is_ascii() && (1..=LONGEST_ID).contains(&name.len()) {
        true => name.to_owned(),
        false => digest(name),
    }
}

/// Looks for the answer, and judges it with the probe's conditions; its latency runs until now.
///
/// # Errors
/// What S3 says: that says nothing of the endpoint.
pub async fn answer(
    objects: &S3,
    probe: &Probe,
    within: Duration,
    job: &AsyncJob,
    now: Timestamp,
) -> Result<Awaited, CallError> {
    let latency = job.age(now);
    let judged = |outcome| {
        let answer = ProbeAnswer { latency, outcome };
        ProbeResult {
            inference: Some(job.input.clone()),
            ..result(probe, None, &answer, judge(&answer, probe))
        }
    };
    let limit = kept_of_body(probe);
    if let Some((body, whole)) = beginning(objects, Some(&job.output), limit).await? {
        let status = 200;
        return Ok(Awaited::Answered(judged(Outcome::Answered { status, body, whole })));
    }
    if let Some((body, _)) = beginning(objects, job.failure.as_deref(), limit).await? {
        return Ok(Awaited::Answered(judged(Outcome::ModelError {
            original_status: None,
            message: String::from_utf8_lossy(&body).into_owned(),
        })));
    }
    Ok(match latency >= within {
        true => Awaited::Overdue(judged(Outcome::Overdue { within })),
        false => Awaited::Waiting,
    })
}

async fn beginning(objects: &S3, uri: Option<&str>, limit: usize) -> Result<Option<(Vec<u8>, bool)>, CallError> {
    match uri.and_then(Location::parse) {
        Some(at) => objects.beginning(&at, limit).await,
        None => Ok(None),
    }
}

/// Removes objects of probes, each an `s3://` URI. One that is not there is done; one that stays keeps none of the others.
///
/// # Errors
/// The first that S3 did not remove.
pub async fn remove<'a>(objects: &S3, uris: impl IntoIterator<Item = &'a str>) -> Result<(), CallError> {
    let mut first = Ok(());
    for at in uris.into_iter().filter_map(Location::parse) {
        let removed = objects.delete(&at).await;
        first = first.and(removed);
    }
    first
}

/// A request that was not queued, judged like a synchronous probe that was refused.
fn refused(probe: &Probe, failure: Failure, message: &str) -> ProbeResult {
    let refusal = |status, code: &str| Outcome::Refused {
        status,
        code: code.to_owned(),
        message: message.to_owned(),
    };
    let outcome = match failure {
        Failure::Throttled => refusal(429, "ThrottlingException"),
        Failure::Denied => refusal(403, "AccessDeniedException"),
        Failure::Unavailable => refusal(503, "ServiceUnavailable"),
        Failure::TimedOut => Outcome::TimedOut,
        Failure::Network => Outcome::NoConnection {
            message: message.to_owned(),
        },
        Failure::NotFound
        | Failure::AlreadyThere
        | Failure::Busy
        | Failure::Conflict
        | Failure::Quota
        | Failure::Invalid
        | Failure::Unknown => refusal(400, "ValidationError"),
    };
    let answer = ProbeAnswer {
        latency: Duration::ZERO,
        outcome,
    };
    result(probe, None, &answer, judge(&answer, probe))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inference_id_is_the_inputs_name_as_far_as_sagemaker_takes_it() {
        let name = "steward-fraud-golden-1772438400";
        assert_eq!(inference_id(&format!("probes/{name}")), name);
        assert_eq!(inference_id(name), name);
        for odd in ["a".repeat(65), "grün".to_owned(), String::new()] {
            let id = inference_id(&format!("probes/{odd}"));
            assert!(id.len() == LONGEST_ID && id.is_ascii(), "{id}");
        }
    }
}
