//! The golden probe of a restored endpoint: the endpoint's own probes, sent to what was made from its recovery point.

use std::collections::BTreeMap;

use super::look::ProbeRound;
use crate::{
    health::{
        policy::{Probe, ProbeKind},
        seen::ProbeResult,
    },
    probe::Judgement,
};

/// An asynchronous probe that is to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub probe: String,
    /// `s3://bucket/prefix/` of its input.
    pub input: String,
}

/// The probes, with inference components as they are called here.
pub fn probes(configured: &[Probe], components: &BTreeMap<String, String>) -> Vec<Probe> {
    let here = configured.iter().cloned().map(|mut probe| {
        if let ProbeKind::InferenceComponent(name) = &mut probe.kind
            && let Some(called) = components.get(name)
        {
            name.clone_from(called);
        }
        probe
    });
    here.collect()
}

/// The asynchronous ones: their answers come when nobody waits any more.
pub fn wanted(probes: &[Probe]) -> Vec<Wanted> {
    let wanted = probes.iter().filter_map(|probe| match &probe.kind {
        ProbeKind::Async { input, .. } => Some(Wanted {
            probe: probe.name.clone(),
            input: input.clone(),
        }),
        _ => None,
    });
    wanted.collect()
}

/// What a round of probes comes to, after which these are to be asked. One that was slow was answered as it should.
pub fn probe_round(results: &[ProbeResult], wanted: Vec<Wanted>) -> ProbeRound {
    let said = |judgement: Judgement| {
        let judged = results.iter().filter(|result| result.verdict.judgement == judgement);
        let said: Vec<String> = judged
            .map(|result| format!("probe {}: {}", result.probe, result.verdict.reason))
            .collect();
        (!said.is_empty()).then(|| said.join("; "))
    };
    match (said(Judgement::Failed), said(Judgement::Inconclusive)) {
        _ if results.is_empty() && wanted.is_empty() => {
            ProbeRound::Blind("the fleet file has no probe for it any more".into())
        }
        (Some(said), _) => ProbeRound::Failed(said),
        (None, Some(said)) => ProbeRound::Blind(said),
        (None, None) if wanted.is_empty() => ProbeRound::Passed,
        (None, None) => ProbeRound::Wanted(wanted),
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
            answered: 0,
            lasted_ms: 0,
            inference: None,
        }
    }

    #[test]
    fn probes_go_to_the_components_of_the_drill() {
        let later = || ProbeKind::Async {
            input: "s3://in/".into(),
            within: Duration::from_secs(900),
        };
        let configured = [
            probe("a", ProbeKind::InferenceComponent("llm".into())),
            probe("b", ProbeKind::InferenceComponent("other".into())),
            probe("c", ProbeKind::Sync),
            probe("d", later()),
        ];
        let called = [("llm".to_owned(), "llm-drill-7".to_owned())].into();
        let here = probes(&configured, &called);
        let kinds: Vec<ProbeKind> = here.iter().map(|probe| probe.kind.clone()).collect();
        assert_eq!(
            kinds,
            [
                ProbeKind::InferenceComponent("llm-drill-7".into()),
                ProbeKind::InferenceComponent("other".into()),
                ProbeKind::Sync,
                later(),
            ]
        );
        let d = Wanted {
            probe: "d".into(),
            input: "s3://in/".into(),
        };
        assert_eq!(wanted(&here), [d]);
    }

    #[test]
    fn one_wrong_answer_is_a_failed_round_and_what_nobody_knows_is_not() {
        use Judgement::{Degraded, Failed, Inconclusive, Passed};
        let round = |judged: &[Judgement]| {
            let results: Vec<ProbeResult> = judged.iter().map(|one| result("golden", *one)).collect();
            probe_round(&results, vec![])
        };
        let said = || "probe golden: status 500".to_owned();
        assert_eq!(round(&[Passed, Degraded]), ProbeRound::Passed);
        assert_eq!(round(&[Passed, Inconclusive, Failed]), ProbeRound::Failed(said()));
        assert_eq!(round(&[Passed, Inconclusive]), ProbeRound::Blind(said()));
        assert!(matches!(round(&[]), ProbeRound::Blind(_)), "nothing was shown");
    }

    #[test]
    fn asynchronous_probes_are_asked_when_the_others_were_answered_as_they_should() {
        let later = [Wanted {
            probe: "later".into(),
            input: "s3://in/".into(),
        }];
        let round = |judged: &[Judgement]| {
            let results: Vec<ProbeResult> = judged.iter().map(|one| result("golden", *one)).collect();
            probe_round(&results, later.to_vec())
        };
        assert_eq!(round(&[]), ProbeRound::Wanted(later.to_vec()));
        assert_eq!(round(&[Judgement::Passed]), ProbeRound::Wanted(later.to_vec()));
        assert!(matches!(round(&[Judgement::Failed]), ProbeRound::Failed(_)));
        assert!(matches!(round(&[Judgement::Inconclusive]), ProbeRound::Blind(_)));
    }
}
