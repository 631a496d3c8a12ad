//! What several tries of one probe come to, when there may be no time for all of them.

use super::{Cause, Judgement, Outcome, ProbeAnswer, ProbeVerdict, judge};
use crate::health::policy::{Probe, ProbeKind};

/// One try and what it says.
#[derive(Clone, Debug, PartialEq)]
pub struct Try {
    /// What came.
    pub answer: ProbeAnswer,
    /// What it says.
    pub verdict: ProbeVerdict,
}

/// The tries of one probe so far.
///
/// A try that was answered, or had its whole timeout, stays evidence when a later one finds no time: otherwise an endpoint
/// that does not answer is never heard to the end, and never told.
#[derive(Debug)]
pub struct Tries<'a> {
    probe: &'a Probe,
    left: u32,
    /// The first timeout may be a cold start.
    cold: bool,
    heard: Option<Try>,
}

/// How it goes on.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// This is the result.
    Done(Try),
    /// Another try, at once.
    Again,
    /// Another try, after a pause.
    AfterPause,
}

impl<'a> Tries<'a> {
    /// None yet.
    pub fn new(probe: &'a Probe) -> Self {
        Self {
            probe,
            left: probe.retries,
            cold: probe.kind == ProbeKind::Serverless,
            heard: None,
        }
    }

    /// Takes what came of one try.
    pub fn hear(&mut self, answer: ProbeAnswer) -> Next {
        let verdict = judge(&answer, self.probe);
        let this = Try { answer, verdict };
        match this.answer.outcome {
            Outcome::CutShort { .. } => return Next::Done(self.heard.take().map_or(this, without_another)),
            // A serverless variant that was asleep is awake now: its first timeout costs no attempt.
            Outcome::TimedOut if self.cold => {
                self.cold = false;
                self.keep(this);
                return Next::Again;
            }
            _ => {}
        }
        if self.left == 0 || !worth_repeating(&this.verdict) {
            return Next::Done(this);
        }
        self.left -= 1;
        self.keep(this);
        Next::AfterPause
    }

    /// The newest try that says something of the endpoint, or the newest of all.
    fn keep(&mut self, this: Try) {
        let says = |of: &Try| of.verdict.judgement != Judgement::Inconclusive;
        if says(&this) || !self.heard.as_ref().is_some_and(says) {
            self.heard = Some(this);
        }
    }
}

fn without_another(mut heard: Try) -> Try {
    heard
        .verdict
        .reason
        .push_str("; no time was left for another whole try");
    heard
}

/// A wrong answer or a refused payload is the same the next time; what comes and goes is asked again.
fn worth_repeating(verdict: &ProbeVerdict) -> bool {
    match verdict.judgement {
        Judgement::Passed | Judgement::Degraded => false,
        Judgement::Failed => verdict.cause != Some(Cause::WrongAnswer),
        Judgement::Inconclusive => matches!(verdict.cause, Some(Cause::Throttled | Cause::Network)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    fn probe(kind: ProbeKind, retries: u32) -> Probe {
        Probe {
            name: "golden".into(),
            kind,
            content_type: "application/json".into(),
            accept: None,
            payload: "{}".into(),
            timeout: TIMEOUT,
            retries,
            per_variant: false,
            degraded_after: None,
            conditions: vec![],
        }
    }

    fn came(outcome: Outcome, seconds: u64) -> ProbeAnswer {
        let latency = Duration::from_secs(seconds);
        ProbeAnswer { latency, outcome }
    }

    fn timed_out() -> ProbeAnswer {
        came(Outcome::TimedOut, 30)
    }

    fn cut(seconds: u64) -> ProbeAnswer {
        let after = Duration::from_secs(seconds);
        came(Outcome::CutShort { after }, seconds)
    }

    fn refused(status: u16) -> ProbeAnswer {
        let (code, message) = (String::new(), String::new());
        came(Outcome::Refused { status, code, message }, 0)
    }

    fn passed() -> ProbeAnswer {
        let (body, whole) = (vec![], true);
        came(
            Outcome::Answered {
                status: 200,
                body,
                whole,
            },
            1,
        )
    }

    /// `judgement cause: reason` of the result, after the steps before it.
    fn told(probe: &Probe, answers: impl IntoIterator<Item = ProbeAnswer>) -> String {
        let mut tries = Tries::new(probe);
        let mut told = String::new();
        for answer in answers {
            match tries.hear(answer) {
                Next::Again => told.push_str("again, "),
                Next::AfterPause => told.push_str("after a pause, "),
                Next::Done(Try { verdict, .. }) => {
                    return format!("{told}{:?} {:?}: {}", verdict.judgement, verdict.cause, verdict.reason);
                }
            }
        }
        told + "and so on"
    }

    #[test]
    fn a_try_that_timed_out_is_evidence_though_the_next_one_finds_no_time() {
        let sync = probe(ProbeKind::Sync, 1);
        assert_eq!(
            told(&sync, [timed_out(), cut(6)]),
            "after a pause, Failed Some(TimedOut): no answer within 30 s; no time was left for another whole try"
        );
        assert_eq!(
            told(&sync, [refused(500), cut(0)]),
            "after a pause, Failed Some(ServerError): SageMaker could not answer: 500 (empty): (empty); no time was left \
             for another whole try"
        );
    }

    #[test]
    fn a_retry_that_is_answered_in_what_is_left_counts() {
        assert_eq!(
            told(&probe(ProbeKind::Sync, 1), [timed_out(), passed()]),
            "after a pause, Passed None: answered 200 in 1 s"
        );
    }

    #[test]
    fn a_first_try_that_had_not_its_whole_timeout_says_nothing() {
        let sync = probe(ProbeKind::Sync, 1);
        assert_eq!(
            told(&sync, [cut(6)]),
            "Inconclusive Some(CutShort): no answer within 6 s, and no time left for the 30 s that it may take"
        );
        assert_eq!(
            told(&sync, [cut(0)]),
            "Inconclusive Some(CutShort): not sent: there was no time left for it"
        );
    }

    #[test]
    fn a_throttled_retry_takes_no_evidence_away_from_one_that_was_cut() {
        let said = told(&probe(ProbeKind::Sync, 3), [refused(500), refused(429), cut(1)]);
        assert!(
            said.starts_with("after a pause, after a pause, Failed Some(ServerError)"),
            "{said}"
        );
    }

    #[test]
    fn a_cold_start_costs_no_try_and_is_evidence_when_nothing_came_after_it_either() {
        let serverless = probe(ProbeKind::Serverless, 0);
        assert_eq!(
            told(&serverless, [timed_out(), passed()]),
            "again, Passed None: answered 200 in 1 s"
        );
        assert_eq!(
            told(&serverless, [timed_out(), timed_out()]),
            "again, Failed Some(TimedOut): no answer within 30 s"
        );
        assert_eq!(
            told(&serverless, [timed_out(), cut(7)]),
            "again, Failed Some(TimedOut): no answer within 30 s; no time was left for another whole try"
        );
    }
}
