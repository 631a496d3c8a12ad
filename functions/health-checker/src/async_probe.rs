//! Asynchronous probes: asked in one sweep, judged in later ones, their objects removed when they are judged.
//!
//! Nothing is removed before the verdict is in the ledger: an output that is gone without having been judged would look
//! like a queue that does not drain.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use shared::{
    aws::{
        probes::later::{self, Awaited, NotAsked},
        s3::Location,
    },
    health::{
        ledger::AsyncJob,
        observation::{ProbeResult, Trouble},
        policy::{Probe, ProbeKind},
    },
};

use crate::{services::Services, watch::trouble};

/// A probe is asked again no sooner than a third of the time it may take: often enough to notice within that time, and
/// seldom enough not to keep an endpoint awake that is meant to scale to zero.
const SHARE: u32 = 3;

/// What comes later than so many times the time it may take is not waited for any more.
const LATEST: u32 = 2;

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
            match later::answer(&services.objects, probe, *within, job, now).await {
                Ok(Awaited::Waiting) => {}
                // What comes late is judged too, and cleared away.
                Ok(Awaited::Overdue(result)) => {
                    job.over = later::age(job, now) >= *within * LATEST;
                    looked.results.push(result);
                }
                Ok(Awaited::Answered(result)) => {
                    job.over = true;
                    looked.results.push(result);
                }
                Err(call) => looked.troubles.push(trouble(&call)),
            }
        } else if let Some(job) = job.as_mut().filter(|job| !job.cleaned) {
            let objects = [Some(&job.input), Some(&job.output), job.failure.as_ref()];
            let objects = objects.into_iter().flatten().map(String::as_str);
            match later::remove(&services.objects, objects).await {
                Ok(()) => job.cleaned = true,
                Err(call) => looked.troubles.push(trouble(&call)),
            }
        }
        let due = job
            .as_ref()
            .is_none_or(|job| job.cleaned && later::age(job, now) >= *within / SHARE);
        if due && may_ask {
            let asked = ask(services, endpoint, (probe, *within * LATEST), input, now, &mut looked);
            job = asked.await.or(job);
        }
        if let Some(job) = job {
            looked.jobs.insert(probe.name.clone(), job);
        }
    }
    looked
}

async fn ask(
    services: &Services,
    endpoint: &str,
    (probe, waits): (&Probe, Duration),
    input: &str,
    now: Timestamp,
    looked: &mut Looked,
) -> Option<AsyncJob> {
    // The same name for a repetition of the same sweep, so that it leaves no second object behind.
    let id = format!("steward-{endpoint}-{}-{}", probe.name, now.as_second());
    let uri = format!("{}/{id}", input.trim_end_matches('/'));
    let asked = later::ask(&services.runtime, &services.objects, endpoint, probe, &uri, waits, now);
    match asked.await {
        Ok(job) => Some(job),
        Err(NotAsked::Unput(call)) => {
            looked.troubles.push(trouble(&call));
            None
        }
        Err(NotAsked::Refused(result)) => {
            looked.results.push(result);
            // The input is of no use; should it not go, the next probe's cleaning is as good a try as any.
            if let Some(at) = Location::parse(&uri)
                && let Err(call) = services.objects.delete(&at).await
            {
                looked.troubles.push(trouble(&call));
            }
            None
        }
    }
}
