//! The golden probe of a restored endpoint: the endpoint's own probes, sent to what was made from its recovery point.

use std::collections::BTreeMap;

use super::look::ProbeRound;
use crate::{
    health::{
        observation::ProbeResult,
        policy::{Probe, ProbeKind},
    },
    probe::Judgement,
};

/// The probes that can be sent, with inference components as they are called here. An asynchronous probe is none of them:
/// its answer comes when nobody waits any more.
pub fn probes(configured: &[Probe], components: &BTreeMap<String, String>) -> Vec<Probe> {
    let sent = configured
        .iter()
        .filter(|probe| !matches!(probe.kind, ProbeKind::Async { .. }));
    let here = sent.cloned().map(|mut probe| {
        if let ProbeKind::InferenceComponent(name) = &mut probe.kind
            && let Some(called) = components.get(name)
        {
            name.clone_from(called);
        }
        probe
    });
    here.collect()
}

/// What a round of probes comes to. One that was slow was answered as it should.
pub fn probe_round(results: &[ProbeResult]) -> ProbeRound {
    let said = |judgement: Judgement| {
        let judged = results.iter().filter(|result| result.verdict.judgement == judgement);
        let said: Vec<String> = judged
            .map(|result| format!("probe {}: {}", result.probe, result.verdict.reason))
            .collect();
        (!said.is_empty()).then(|| said.join("; "))
    };
    match (said(Judgement::Failed), said(Judgement::Inconclusive)) {
        _ if results.is_empty() => ProbeRound::Blind("the fleet file has no probe for it any more".into()),
        (Some(said), _) => ProbeRound::Failed(said),
        (None, Some(said)) => ProbeRound::Blind(said),
        (None, None) => ProbeRound::Passed,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::probe::ProbeVerdict;

    fn probe(name: &str, kind: ProbeKind) -> Probe {
        Probe {
            name: name.into(),
            kind,
            content_type: "application/json".into(),
            accept: None,
            payload: "{}".into(),
            timeout: Duration::from_secs(10),
            retries: 0,
            per_variant: false,
            degraded_after: None,
            conditions: vec![],
        }
    }

    fn result(probe: &str, judgement: Judgement) -> ProbeResult {
        ProbeResult {
            probe: probe.into(),
            variant: None,
            verdict: ProbeVerdict {
                judgement,
                cause: None,
                reason: "status 500".into(),
            },
            took_ms: 10,
        }
    }

    #[test]
    fn probes_go_to_the_components_of_the_drill() {
        let later = ProbeKind::Async {
            input: "s3://in/".into(),
            within: Duration::from_secs(900),
        };
        let configured = [
            probe("a", ProbeKind::InferenceComponent("llm".into())),
            probe("b", ProbeKind::InferenceComponent("other".into())),
            probe("c", ProbeKind::Sync),
            probe("d", later),
        ];
        let called = [("llm".to_owned(), "llm-drill-7".to_owned())].into();
        let kinds: Vec<ProbeKind> = probes(&configured, &called)
            .into_iter()
            .map(|probe| probe.kind)
            .collect();
        assert_eq!(
            kinds,
            [
                ProbeKind::InferenceComponent("llm-drill-7".into()),
                ProbeKind::InferenceComponent("other".into()),
                ProbeKind::Sync
            ]
        );
    }

    #[test]
    fn one_wrong_answer_is_a_failed_round_and_what_nobody_knows_is_not() {
        use Judgement::{Degraded, Failed, Inconclusive, Passed};
        let round = |judged: &[Judgement]| {
            let results: Vec<ProbeResult> = judged.iter().map(|one| result("golden", *one)).collect();
            probe_round(&results)
        };
        let said = || "probe golden: status 500".to_owned();
        assert_eq!(round(&[Passed, Degraded]), ProbeRound::Passed);
        assert_eq!(round(&[Passed, Inconclusive, Failed]), ProbeRound::Failed(said()));
        assert_eq!(round(&[Passed, Inconclusive]), ProbeRound::Blind(said()));
        assert!(matches!(round(&[]), ProbeRound::Blind(_)), "nothing was shown");
    }
}
