//! The synthetic inferences of one endpoint.

pub mod later;

use std::time::Duration;

use futures::future::join_all;

use super::runtime::{Inference, Runtime};
use crate::{
    endpoint::Endpoint,
    failure::CallError,
    health::{
        observation::ProbeResult,
        policy::{Probe, ProbeKind},
    },
    probe::{Cause, Judgement, Outcome, ProbeAnswer, ProbeVerdict, judge},
};

/// Between two attempts of the same probe: an instance that is being replaced is out of the rotation by then.
const PAUSE: Duration = Duration::from_secs(1);

/// All probes but the asynchronous ones, at the same time; of each variant where the probe says so.
///
/// # Errors
/// When the invocation's time ran out first: that says nothing of the endpoint.
pub async fn all(runtime: &Runtime, endpoint: &Endpoint, probes: &[Probe]) -> Result<Vec<ProbeResult>, CallError> {
    let asked = synchronous(probes).flat_map(|probe| {
        let variants: Vec<Option<&str>> = if probe.per_variant {
            let variants = endpoint.variants.iter();
            variants.map(|variant| Some(variant.name.as_str())).collect()
        } else {
            vec![None]
        };
        let variants = variants.into_iter();
        variants.map(move |variant| ask(runtime, &endpoint.name, probe, variant))
    });
    join_all(asked).await.into_iter().collect()
}

/// All probes but the asynchronous ones and those of inference components, at the same time, sent to one variant
/// whatever its weight. Nothing when there is no such probe.
///
/// # Errors
/// As [`all`].
pub async fn of_variant(
    runtime: &Runtime,
    endpoint: &str,
    variant: &str,
    probes: &[Probe],
) -> Result<Vec<ProbeResult>, CallError> {
    let asked = synchronous(probes)
        .filter(|probe| !matches!(probe.kind, ProbeKind::InferenceComponent(_)))
        .map(|probe| ask(runtime, endpoint, probe, Some(variant)));
    join_all(asked).await.into_iter().collect()
}

fn synchronous(probes: &[Probe]) -> impl Iterator<Item = &Probe> {
    probes
        .iter()
        .filter(|probe| !matches!(probe.kind, ProbeKind::Async { .. }))
}

async fn ask(
    runtime: &Runtime,
    endpoint: &str,
    probe: &Probe,
    variant: Option<&str>,
) -> Result<ProbeResult, CallError> {
    let component = match &probe.kind {
        ProbeKind::InferenceComponent(component) => Some(component.as_str()),
        ProbeKind::Sync | ProbeKind::Serverless | ProbeKind::Async { .. } => None,
    };
    let inference = Inference {
        endpoint,
        variant,
        component,
        content_type: &probe.content_type,
        accept: probe.accept.as_deref(),
        payload: probe.payload.as_bytes(),
        timeout: probe.timeout,
    };
    let mut left = probe.retries;
    let mut cold = probe.kind == ProbeKind::Serverless;
    loop {
        let answer = runtime.invoke(&inference).await?;
        let verdict = judge(&answer, probe);
        // A serverless variant that was asleep is awake now: its first timeout costs no attempt.
        if cold && answer.outcome == Outcome::TimedOut {
            cold = false;
            continue;
        }
        if left == 0 || !worth_repeating(&verdict) {
            return Ok(result(probe, variant, &answer, verdict));
        }
        left -= 1;
        tokio::time::sleep(PAUSE).await;
    }
}

/// A wrong answer or a refused payload is the same the next time; what comes and goes is asked again.
fn worth_repeating(verdict: &ProbeVerdict) -> bool {
    match verdict.judgement {
        Judgement::Passed | Judgement::Degraded => false,
        Judgement::Failed => verdict.cause != Some(Cause::WrongAnswer),
        Judgement::Inconclusive => matches!(verdict.cause, Some(Cause::Throttled | Cause::Network)),
    }
}

/// The answer of one probe and what was made of it.
pub fn result(probe: &Probe, variant: Option<&str>, answer: &ProbeAnswer, verdict: ProbeVerdict) -> ProbeResult {
    ProbeResult {
        probe: probe.name.clone(),
        variant: variant.map(str::to_owned),
        verdict,
        took_ms: u64::try_from(answer.latency.as_millis()).unwrap_or(u64::MAX),
        inference: None,
    }
}
