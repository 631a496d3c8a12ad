//! Whether the tries of a probe fit into one sweep of the health checker.

use std::time::Duration;

use super::seconds;
use crate::health::policy::{Probe, ProbeKind};

/// What the template gives an invocation of the health checker when nothing else is asked (`TimeoutSeconds`).
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(55);

/// Looking at the world stops this long before the end of an invocation, for commit, effect and alerts; a third of what is
/// left when the function's timeout is short.
pub const AFTER_LOOKING: Duration = Duration::from_secs(15);

/// Inferences end this long before looking stops, so that what was learnt can still be completed by other calls.
pub const AFTER_INFERENCES: Duration = Duration::from_secs(3);

/// Between two tries of the same probe: an instance that is being replaced is out of the rotation by then.
pub const PAUSE: Duration = Duration::from_secs(1);

/// How long the probes of a sweep have in a function with this timeout.
pub fn time_for_probes(timeout: Duration) -> Duration {
    timeout
        .saturating_sub(AFTER_LOOKING.min(timeout / 3))
        .saturating_sub(AFTER_INFERENCES)
}

/// What does not fit when a sweep has `time` for its probes, as a sentence; `None` when all tries fit, or nothing waits.
pub fn misfit(probe: &Probe, time: Duration) -> Option<String> {
    let (name, timeout) = (&probe.name, probe.timeout);
    let cold = match probe.kind {
        ProbeKind::Async { .. } => return None,
        ProbeKind::Serverless => 1,
        ProbeKind::Sync | ProbeKind::InferenceComponent(_) => 0,
    };
    let tries = probe.retries.saturating_add(1).saturating_add(cold);
    let all = timeout.saturating_mul(tries) + PAUSE.saturating_mul(probe.retries);
    let (shown, time_shown) = (seconds(timeout), seconds(time));
    if timeout > time {
        return Some(format!(
            "probe {name} may take {shown}, and a sweep has {time_shown} for it: an endpoint that does not answer is never \
             judged by it"
        ));
    }
    (all > time).then(|| {
        format!(
            "the {tries} tries of probe {name} take up to {} when nothing answers, and a sweep has {time_shown} for them: \
             those that do not fit are shortened or left out",
            seconds(all)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(kind: ProbeKind, timeout: u64, retries: u32) -> Probe {
        Probe {
            name: "golden".into(),
            kind,
            content_type: "application/json".into(),
            accept: None,
            payload: "{}".into(),
            timeout: Duration::from_secs(timeout),
            retries,
            per_variant: false,
            degraded_after: None,
            conditions: vec![],
        }
    }

    #[test]
    fn what_an_endpoint_that_hangs_would_take_is_held_against_the_time_of_a_sweep() {
        let time = time_for_probes(DEFAULT_TIMEOUT);
        assert_eq!(time, Duration::from_secs(37));
        let told = |kind, timeout, retries| misfit(&probe(kind, timeout, retries), time).unwrap_or_default();
        assert_eq!(told(ProbeKind::Sync, 10, 1), "");
        assert_eq!(
            told(ProbeKind::Sync, 10, 3),
            "the 4 tries of probe golden take up to 43 s when nothing answers, and a sweep has 37 s for them: those that do \
             not fit are shortened or left out"
        );
        assert_eq!(
            told(ProbeKind::Sync, 40, 0),
            "probe golden may take 40 s, and a sweep has 37 s for it: an endpoint that does not answer is never judged by it"
        );
        assert!(told(ProbeKind::Serverless, 15, 1).starts_with("the 3 tries"));
        let input = "s3://probes/".into();
        let within = Duration::from_secs(900);
        assert_eq!(told(ProbeKind::Async { input, within }, 60, 5), "");
    }

    #[test]
    fn a_short_timeout_of_the_function_leaves_two_thirds_to_look() {
        assert_eq!(time_for_probes(Duration::from_secs(15)), Duration::from_secs(7));
        assert_eq!(time_for_probes(Duration::from_secs(2)), Duration::ZERO);
    }
}
