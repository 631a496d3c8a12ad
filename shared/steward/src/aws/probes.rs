//! The synthetic inferences of one endpoint.

pub mod later;

use futures::future::join_all;
use tokio::time::Instant;

use super::runtime::{Inference, Runtime};
use crate::{
    endpoint::Endpoint,
    health::{
        observation::ProbeResult,
        policy::{Probe, ProbeKind},
    },
    probe::{
        ProbeAnswer, ProbeVerdict,
        fit::PAUSE,
        kept_of_body,
        tries::{Next, Tries, Try},
    },
};

/// All probes but the asynchronous ones, at the same time; of each variant where the probe says so. One that finds no time
/// has a result that says so, and takes nothing away from the others.
pub async fn all<'a>(
    runtime: &Runtime,
    endpoint: &Endpoint,
    probes: impl IntoIterator<Item = &'a Probe>,
) -> Vec<ProbeResult> {
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
    join_all(asked).await
}

/// All probes but the asynchronous ones and those of inference components, at the same time, sent to one variant
/// whatever its weight. Nothing when there is no such probe. As [`all`] where there is no time.
pub async fn of_variant(runtime: &Runtime, endpoint: &str, variant: &str, probes: &[Probe]) -> Vec<ProbeResult> {
    let asked = synchronous(probes)
        .filter(|probe| !matches!(probe.kind, ProbeKind::InferenceComponent(_)))
        .map(|probe| ask(runtime, endpoint, probe, Some(variant)));
    join_all(asked).await
}

fn synchronous<'a>(probes: impl IntoIterator<Item = &'a Probe>) -> impl Iterator<Item = &'a Probe> {
    let synchronous = |probe: &&Probe| !matches!(probe.kind, ProbeKind::Async { .. });
    probes.into_iter().filter(synchronous)
}

async fn ask(runtime: &Runtime, endpoint: &str, probe: &Probe, variant: Option<&str>) -> ProbeResult {
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
        kept: kept_of_body(probe),
    };
    let mut tries = Tries::new(probe);
    let (begun, mut answered) = (Instant::now(), 0);
    loop {
        let answer = runtime.invoke(&inference).await;
        answered += u32::from(answer.outcome.is_of_a_container());
        match tries.hear(answer) {
            Next::Done(Try { answer, verdict }) => {
                return ProbeResult {
                    answered,
                    lasted_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                    ..result(probe, variant, &answer, verdict)
                };
            }
            Next::Again => {}
            Next::AfterPause => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// The answer of one probe and what was made of it.
pub fn result(probe: &Probe, variant: Option<&str>, answer: &ProbeAnswer, verdict: ProbeVerdict) -> ProbeResult {
    ProbeResult {
        probe: probe.name.clone(),
        variant: variant.map(str::to_owned),
        verdict,
        took_ms: u64::try_from(answer.latency.as_millis()).unwrap_or(u64::MAX),
        answered: 0,
        lasted_ms: 0,
        inference: None,
    }
}
