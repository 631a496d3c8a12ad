//! What probes that were not sent say all the same: what they ask has nothing in service although something should be.

use super::between;
use crate::{
    health::{
        ledger::EndpointRecord,
        observation::{Observation, ProbeResult},
        policy::HealthPolicy,
    },
    probe::{Cause, Judgement, ProbeVerdict, seconds},
    text::printable,
};

/// The failed checks among them, and since when each of them waits. What is on its way says nothing until it has been
/// wanted for [`HealthPolicy::comes_within`].
pub(super) fn results(record: &mut EndpointRecord, policy: &HealthPolicy, look: &Observation) -> Vec<ProbeResult> {
    record.wanting.retain(|probe, _| {
        policy.probes.iter().any(|asked| asked.name == *probe)
            && !look.asleep
            && !look.resting.contains(probe)
            && !look.probes.iter().any(|result| result.probe == *probe)
    });
    let mut results = Vec::new();
    for (probe, unserved) in &look.unserved {
        let since = *record.wanting.entry(probe.clone()).or_insert(look.at);
        let lasting = between(since, look.at);
        let late = lasting > policy.comes_within;
        if !late && !unserved.failed {
            continue;
        }
        let mut reason = unserved.describe();
        if late {
            reason.push_str(&format!(
                ", for {}, expected within {}",
                seconds(lasting),
                seconds(policy.comes_within)
            ));
        }
        if let Some(failure) = &unserved.failure {
            reason.push_str(&format!("; the reason: {}", printable(failure, 300)));
        }
        results.push(ProbeResult {
            probe: probe.clone(),
            variant: None,
            verdict: ProbeVerdict {
                judgement: Judgement::Failed,
                cause: Some(Cause::Unserved),
                reason,
            },
            took_ms: 0,
            answered: 0,
            lasted_ms: 0,
            inference: None,
        });
    }
    results
}
