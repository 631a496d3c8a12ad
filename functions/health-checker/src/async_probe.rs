//! Asynchronous probes: asked in one sweep, judged in later ones, their objects removed when they are judged.
//!
//! Nothing is removed before the verdict is in the ledger: an output that is gone without having been judged would look
//! like a queue that does not drain.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use steward::{
    aws::{
        probes::later::{self, Awaited, NotAsked},
        s3::Location,
    },
    health::{
        awaited::{AsyncJobs, LATEST, Turn},
        ledger::AsyncJob,
        observation::{ProbeResult, Trouble},
        policy::{Probe, ProbeKind},
    },
};

use crate::{services::Services, watch::trouble};

/// What came of the asynchronous probes of one endpoint.
#[derive(Default)]
pub(crate) struct Looked {
    pub(crate) results: Vec<ProbeResult>,
    pub(crate) jobs: BTreeMap<String, AsyncJobs>,
    pub(crate) troubles: Vec<Trouble>,
}

/// What is known of the endpoint.
#[derive(Clone, Copy)]
pub(crate) struct Standing {
    /// It is scaled to zero: to ask it would wake it.
    pub(crate) asleep: bool,
    /// It is known to be unhealthy.
    pub(crate) unhealthy: bool,
}

/// Judges what has come and what is late, and asks anew where it is time.
pub(crate) async fn look(
    services: &Services,
    endpoint: &str,
    policy: &[Probe],
    jobs: &BTreeMap<String, AsyncJobs>,
    standing: Standing,
    now: Timestamp,
) -> Looked {
    let mut looked = Looked::default();
    for probe in policy {
        let ProbeKind::Async { input, within } = &probe.kind else {
            continue;
        };
        let mut jobs = jobs.get(&probe.name).cloned();
        for job in jobs.iter_mut().flat_map(AsyncJobs::all_mut) {
            take_turn(services, probe, *within, job, now, &mut looked).await;
        }
        let due = jobs
            .as_ref()
            .is_none_or(|jobs| jobs.due(*within, standing.unhealthy, now));
        if due
            && !standing.asleep
            && let Some(asked) = ask(services, endpoint, (probe, *within * LATEST), input, now, &mut looked).await
        {
            jobs = Some(match jobs {
                Some(jobs) => jobs.and(asked),
                None => AsyncJobs::of(asked),
            });
        }
        if let Some(jobs) = jobs {
            looked.jobs.insert(probe.name.clone(), jobs);
        }
    }
    looked
}

async fn take_turn(
    services: &Services,
    probe: &Probe,
    within: Duration,
    job: &mut AsyncJob,
    now: Timestamp,
    looked: &mut Looked,
) {
    match job.turn(within, now) {
        Turn::Leave => {}
        Turn::Look => match later::answer(&services.objects, probe, within, job, now).await {
            Ok(Awaited::Waiting) => {}
            Ok(Awaited::Overdue(result)) => {
                job.late = true;
                looked.results.push(result);
            }
            Ok(Awaited::Answered(result)) => {
                job.over = true;
                looked.results.push(result);
            }
            Err(call) => looked.troubles.push(trouble(&call)),
        },
        Turn::Clear => {
            let objects = [Some(&job.input), Some(&job.output), job.failure.as_ref()];
            let objects = objects.into_iter().flatten().map(String::as_str);
            match later::remove(&services.objects, objects).await {
                Ok(()) => (job.over, job.cleaned) = (true, true),
                Err(call) => looked.troubles.push(trouble(&call)),
            }
        }
    }
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
