//! Asynchronous probes: asked in one sweep, judged in later ones, their objects removed when they are judged.
//!
//! Nothing is removed before the verdict is in the ledger: an output that is gone without having been judged would look
//! like a queue that does not drain.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use shared::{
    aws::{
        probes,
        runtime::BODY_LIMIT,
        s3::{Condition, Got, Location},
    },
    failure::{CallError, Failure},
    health::{
        ledger::AsyncJob,
        observation::{ProbeResult, Trouble},
        policy::{Probe, ProbeKind},
    },
    probe::{Outcome, ProbeAnswer, judge},
};

use crate::{services::Services, watch::trouble};

/// A probe is asked again no sooner than a third of the time it may take: often enough to notice within that time, and
/// seldom enough not to keep an endpoint awake that is meant to scale to zero.
const SHARE: u32 = 3;

/// What came of the asynchronous probes of one endpoint.
#[derive(Default)]
pub(crate) struct Looked {
    pub(crate) results: Vec<ProbeResult>,
    pub(crate) jobs: BTreeMap<String, AsyncJob>,
    pub(crate) troubles: Vec<Trouble>,
}

/// Judges what has come, and asks anew where it is time. `may_ask`: the endpoint is awake.
pub(crate) async fn look(
    services: &Services,
    endpoint: &str,
    policy: &[Probe],
    jobs: &BTreeMap<String, AsyncJob>,
    may_ask: bool,
    now: Timestamp,
) -> Looked {
    let mut looked = Looked::default();
    for probe in policy {
        let ProbeKind::Async { input, within } = &probe.kind else {
            continue;
        };
        let mut job = jobs.get(&probe.name).cloned();
        if let Some(job) = job.as_mut().filter(|job| !job.over) {
            await_output(services, probe, *within, job, now, &mut looked).await;
        } else if let Some(job) = job.as_mut().filter(|job| !job.cleaned) {
            clean(services, job, &mut looked).await;
        }
        let due = job
            .as_ref()
            .is_none_or(|job| job.cleaned && age(job, now) >= *within / SHARE);
        if due && may_ask {
            job = ask(services, endpoint, probe, input, now, &mut looked).await.or(job);
        }
        if let Some(job) = job {
            looked.jobs.insert(probe.name.clone(), job);
        }
    }
    looked
}

fn age(job: &AsyncJob, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(job.started)).unwrap_or_default()
}

async fn await_output(
    services: &Services,
    probe: &Probe,
    within: Duration,
    job: &mut AsyncJob,
    now: Timestamp,
    looked: &mut Looked,
) {
    let latency = age(job, now);
    let outcome = match fetch(services, Some(&job.output)).await {
        Ok(Some(body)) => Some(Outcome::Answered { status: 200, body }),
        Ok(None) => match fetch(services, job.failure.as_deref()).await {
            Ok(body) => body.map(|body| Outcome::ModelError {
                original_status: None,
                message: String::from_utf8_lossy(&body).into_owned(),
            }),
            Err(call) => return looked.troubles.push(trouble(&call)),
        },
        Err(call) => return looked.troubles.push(trouble(&call)),
    };
    job.over = outcome.is_some() || latency >= within * 2;
    let overdue = (latency >= within).then_some(Outcome::Overdue { within });
    if let Some(outcome) = outcome.or(overdue) {
        let answer = ProbeAnswer { latency, outcome };
        looked
            .results
            .push(probes::result(probe, None, &answer, judge(&answer, probe)));
    }
}

async fn fetch(services: &Services, uri: Option<&str>) -> Result<Option<Vec<u8>>, CallError> {
    let Some(at) = uri.and_then(Location::parse) else {
        return Ok(None);
    };
    let limit = u64::try_from(BODY_LIMIT).unwrap_or(u64::MAX);
    match services.objects.get(&at, None, limit).await {
        Ok(Got::Object(object)) => Ok(Some(object.body)),
        Ok(Got::Absent | Got::NotModified) => Ok(None),
        Err(call) => Err(call),
    }
}

async fn clean(services: &Services, job: &mut AsyncJob, looked: &mut Looked) {
    let objects = [Some(&job.input), Some(&job.output), job.failure.as_ref()];
    for at in objects.into_iter().flatten().filter_map(|uri| Location::parse(uri)) {
        if let Err(call) = services.objects.delete(&at).await {
            return looked.troubles.push(trouble(&call));
        }
    }
    job.cleaned = true;
}

async fn ask(
    services: &Services,
    endpoint: &str,
    probe: &Probe,
    input: &str,
    now: Timestamp,
    looked: &mut Looked,
) -> Option<AsyncJob> {
    // The same name for a repetition of the same sweep, so that it leaves no second object behind.
    let id = format!("steward-{endpoint}-{}-{}", probe.name, now.as_second());
    let uri = format!("{}/{id}", input.trim_end_matches('/'));
    let Some(at) = Location::parse(&uri) else {
        looked
            .results
            .push(refused(probe, Failure::Invalid, &format!("{uri} is no place in S3")));
        return None;
    };
    let payload = probe.payload.clone().into_bytes();
    if let Err(call) = services
        .objects
        .put(&at, payload, &probe.content_type, Condition::Always)
        .await
    {
        looked.troubles.push(trouble(&call));
        return None;
    }
    let queued = services
        .runtime
        .invoke_async(endpoint, &uri, &probe.content_type, probe.accept.as_deref(), &id)
        .await;
    match queued {
        Ok(queued) => Some(AsyncJob {
            input: uri,
            output: queued.output,
            failure: queued.failure,
            started: now,
            over: false,
            cleaned: false,
        }),
        Err(call) => {
            looked.results.push(refused(probe, call.failure, &call.to_string()));
            // The input is of no use; should it not go, the next probe's cleaning is as good a try as any.
            if let Err(call) = services.objects.delete(&at).await {
                looked.troubles.push(trouble(&call));
            }
            None
        }
    }
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
    probes::result(probe, None, &answer, judge(&answer, probe))
}
