//! The probes of what was restored: sent, asked, looked for, cleared away. What they come to is decided in `shared`.

use std::{collections::BTreeMap, time::Duration};

use steward::{
    aws::probes::{
        self,
        later::{self, Awaited, NotAsked},
    },
    backup::restore::{Later, Outcome, Plan, ProbeRound, probe_round, wanted},
    failure::Retry,
    health::policy::{Probe, ProbeKind},
};

use super::{look, target};
use crate::services::Services;

/// One round of the probes that the fleet file has for the endpoint, sent to the one that was made; the asynchronous ones
/// are still to be asked after it.
pub(super) async fn round(services: &Services<'_>, endpoint: &str, plan: &Plan, name: &str) -> ProbeRound {
    let configured = match target::of(services, endpoint).await {
        Ok(target) => target.probes,
        Err(why) => return ProbeRound::Blind(why.to_string()),
    };
    let regional = services.looking(services.home());
    let described = match regional.sagemaker.describe_endpoint(name).await {
        Ok(described) => described,
        Err(error) => return ProbeRound::Blind(look::told(&error)),
    };
    let probes = steward::backup::restore::probes(&configured, &plan.components);
    let results = probes::all(&regional.runtime, &described, &probes).await;
    probe_round(&results, wanted(&probes))
}

/// Asks an asynchronous probe of the endpoint `name`.
pub(super) async fn ask(services: &Services<'_>, endpoint: &str, name: &str, later: &Later) -> Outcome {
    let configured = match asynchronous(services, endpoint).await {
        Ok(configured) => configured,
        Err(why) => return Outcome::Probed(ProbeRound::Blind(why)),
    };
    let Some((probe, within)) = configured.get(&later.probe) else {
        return Outcome::Probed(gone(later));
    };
    let regional = services.looking(services.home());
    let asked = later::ask(
        &regional.runtime,
        &regional.s3,
        name,
        probe,
        &later.input,
        *within,
        services.now(),
    );
    match asked.await {
        Ok(job) => Outcome::Asked(job),
        Err(NotAsked::Unput(error)) => Outcome::Probed(ProbeRound::Blind(look::told(&error))),
        Err(NotAsked::Refused(result)) => Outcome::Probed(match probe_round(&[result], vec![]) {
            // Nobody knows whether it was queued.
            ProbeRound::Passed | ProbeRound::Wanted(_) => ProbeRound::Blind("it was not queued".to_owned()),
            round => round,
        }),
    }
}

/// Looks for the answers of asynchronous probes, and judges those that have come or are late.
pub(super) async fn answers(services: &Services<'_>, endpoint: &str, awaited: &[Later]) -> Outcome {
    let mut answers = BTreeMap::new();
    let configured = match asynchronous(services, endpoint).await {
        Ok(configured) => configured,
        Err(why) => return Outcome::Later(why),
    };
    let objects = services.looking(services.home()).s3;
    for later in awaited {
        let Some(job) = &later.job else { continue };
        let round = match configured.get(&later.probe) {
            None => gone(later),
            Some((probe, within)) => match later::answer(&objects, probe, *within, job, services.now()).await {
                Ok(Awaited::Waiting) => continue,
                Ok(Awaited::Overdue(result) | Awaited::Answered(result)) => probe_round(&[result], vec![]),
                Err(error) => ProbeRound::Blind(look::told(&error)),
            },
        };
        answers.insert(later.probe.clone(), round);
    }
    Outcome::Answers(answers)
}

/// Removes objects of probes.
pub(super) async fn remove(services: &Services<'_>, objects: &[String]) -> Outcome {
    let s3 = services.acting(services.home()).s3;
    match later::remove(&s3, objects.iter().map(String::as_str)).await {
        Ok(()) => Outcome::Accepted,
        Err(error) => {
            tracing::warn!(%error, advice = error.advice(), "objects of probes were not removed");
            match error.retry() {
                Retry::Soon | Retry::NextTick => Outcome::Later(error.to_string()),
                Retry::Never => Outcome::Refused(error.to_string()),
            }
        }
    }
}

/// The asynchronous probes that the fleet file has, by name, and how long each may take. `Err` says why nobody knows.
async fn asynchronous(services: &Services<'_>, endpoint: &str) -> Result<BTreeMap<String, (Probe, Duration)>, String> {
    let target = target::of(services, endpoint).await.map_err(|why| why.to_string())?;
    let asynchronous = target.probes.into_iter().filter_map(|probe| match probe.kind {
        ProbeKind::Async { within, .. } => Some((probe.name.clone(), (probe, within))),
        _ => None,
    });
    Ok(asynchronous.collect())
}

/// The next round asks what there is then.
fn gone(later: &Later) -> ProbeRound {
    let probe = &later.probe;
    ProbeRound::Failed(format!("the fleet file has no asynchronous probe {probe} any more"))
}
