//! The probes of what was restored, as rounds. Asynchronous ones are named in the ledger before they are asked, awaited
//! over later wake-ups, and their objects removed after the verdict is in the ledger.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    decide::{Effect, Next, World, after, note},
    look::{Outcome, ProbeRound},
    probing::Wanted,
    record::{Ended, Restoration},
    step::outcome,
};
use crate::{health::inference::AsyncJob, text::printable};

/// Rounds of probes in a row that may fail.
const ROUNDS: u32 = 10;

/// The same where an asynchronous probe failed: each of its rounds may take a quarter of an hour.
const LATER_ROUNDS: u32 = 3;

/// What is waited for is tried at so many wake-ups before it is given up.
const WAKES: u32 = 10;

/// What S3 does not remove within this time is left and named.
const TIDYING: Duration = Duration::from_secs(600);

/// An asynchronous probe of the round at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Later {
    /// Its name.
    pub probe: String,
    /// `s3://` of its input. Another one in each round, the same for each repetition within it, so that a function that
    /// died before it heard of its own call leaves no second input.
    pub input: String,
    /// What SageMaker queued; absent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<AsyncJob>,
    /// It was answered as it should.
    #[serde(default)]
    pub passed: bool,
}

impl Restoration {
    /// The phase has to wait now, and has had to for this long, at a good many wake-ups.
    pub(super) fn has_waited(&mut self, now: Timestamp, limit: Duration) -> bool {
        let (since, count) = self.waiting.get_or_insert((now, 0));
        *count = count.saturating_add(1);
        *count > WAKES && now >= after(*since, limit)
    }

    /// The synchronous probes were answered as they should, and these are to be asked.
    pub(super) fn open_round(&mut self, wanted: &[Wanted], now: Timestamp) {
        self.close_round();
        self.rounds = self.rounds.saturating_add(1);
        let (endpoint, id) = (&self.plan.definition.endpoint, self.plan.id());
        let (started, round) = (self.started.as_second(), self.rounds);
        let named = wanted.iter().map(|wanted| {
            let (prefix, probe) = (wanted.input.trim_end_matches('/'), &wanted.probe);
            Later {
                input: format!("{prefix}/steward-{endpoint}-{probe}-{id}-{started}-{round}"),
                probe: probe.clone(),
                job: None,
                passed: false,
            }
        });
        self.later = named.collect();
        let said = format!("asking {}", spoken(&self.later));
        note(self, now, said);
    }

    /// Nothing of the round at work is awaited any more; its objects are to be removed.
    pub(super) fn close_round(&mut self) {
        for later in self.later.drain(..) {
            self.litter.push(later.input);
            if let Some(job) = later.job {
                self.litter.push(job.output);
                self.litter.extend(job.failure);
            }
        }
    }

    /// What came of the asynchronous probes.
    pub(super) fn answered(&mut self, answers: &BTreeMap<String, ProbeRound>, at: Timestamp) {
        self.problem = None;
        for later in &mut self.later {
            match answers.get(&later.probe) {
                Some(ProbeRound::Passed) => later.passed = true,
                Some(ProbeRound::Blind(said)) => self.problem = Some(printable(said, 500)),
                _ => {}
            }
        }
        if let Some(said) = failures(answers) {
            self.failed(&said, at);
        } else if !self.later.is_empty() && self.later.iter().all(|later| later.passed) {
            self.proven.get_or_insert(at);
            self.failed_rounds = 0;
        }
    }

    /// A round was not answered as it should.
    pub(super) fn failed(&mut self, said: &str, at: Timestamp) {
        if !self.later.is_empty() {
            note(self, at, said);
        }
        self.close_round();
        self.failed_rounds = self.failed_rounds.saturating_add(1);
        self.problem = Some(printable(said, 500));
    }

    fn awaited(&self) -> Vec<Later> {
        self.later.iter().filter(|later| !later.passed).cloned().collect()
    }
}

fn failures(answers: &BTreeMap<String, ProbeRound>) -> Option<String> {
    let said = answers.values().filter_map(|round| match round {
        ProbeRound::Failed(said) => Some(said.as_str()),
        _ => None,
    });
    let said: Vec<&str> = said.collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// `the asynchronous probes a, b`.
pub(super) fn spoken(of: &[Later]) -> String {
    let names: Vec<&str> = of.iter().map(|later| later.probe.as_str()).collect();
    match names.len() {
        1 => format!("the asynchronous probe {}", names[0]),
        _ => format!("the asynchronous probes {}", names.join(", ")),
    }
}

/// One round after the other: the synchronous probes, and then the asynchronous ones, until all of a round are answered as
/// they should.
pub(super) fn probing(state: &Restoration, world: &World<'_>) -> Next {
    if !state.plan.probed || state.proven.is_some() {
        return Next::Verdict(Ended::Passed);
    }
    if let Some((effect, said)) = failed_now(world) {
        let limit = match effect {
            Effect::Probe(_) => ROUNDS,
            _ => LATER_ROUNDS,
        };
        let failed = state.failed_rounds;
        if failed >= limit {
            return Next::Verdict(Ended::Failed(format!(
                "{failed} rounds of probes in a row were not answered as they should: {said}"
            )));
        }
        return Next::Stay(format!("{effect}: {said}"));
    }
    let endpoint = state.plan.definition.endpoint.clone();
    let effect = match state.later.iter().find(|later| later.job.is_none()) {
        _ if state.later.is_empty() => Effect::Probe(endpoint),
        Some(unasked) => Effect::Ask(endpoint, unasked.clone()),
        None => {
            let awaited = state.awaited();
            // Just asked, or just looked for.
            if let Some(Outcome::Asked(_) | Outcome::Answers(_)) = world.acted.map(|acted| &acted.outcome) {
                let trouble = state.problem.as_ref().map(|said| format!(" ({said})"));
                let trouble = trouble.unwrap_or_default();
                return Next::Stay(format!("the answer of {}{trouble}", spoken(&awaited)));
            }
            Effect::Await(awaited)
        }
    };
    match outcome(world, &effect) {
        Some(Outcome::Probed(ProbeRound::Blind(said)) | Outcome::Later(said)) => {
            Next::Stay(format!("{effect}: {said}"))
        }
        Some(Outcome::Refused(said)) => Next::Verdict(Ended::Failed(format!("{effect} was refused: {said}"))),
        _ => Next::Do(effect),
    }
}

/// What the last call showed to be wrong with the endpoint.
fn failed_now<'a>(world: &World<'a>) -> Option<(&'a Effect, String)> {
    let acted = world.acted?;
    let said = match &acted.outcome {
        Outcome::Probed(ProbeRound::Failed(said)) => said.clone(),
        Outcome::Answers(answers) => failures(answers)?,
        _ => return None,
    };
    Some((&acted.effect, said))
}

/// What the probes left in S3 goes, once how it ended is in the ledger.
pub(super) fn tidy(state: &mut Restoration, world: &World<'_>) -> Next {
    if state.litter.is_empty() {
        return Next::Gone;
    }
    let effect = Effect::Remove(state.litter.clone());
    match outcome(world, &effect) {
        Some(Outcome::Refused(_)) => Next::Gone,
        Some(Outcome::Later(_)) if state.has_waited(world.now, TIDYING) => Next::Gone,
        Some(Outcome::Later(said)) => Next::Stay(format!("{effect}: {said}")),
        _ => Next::Do(effect),
    }
}
