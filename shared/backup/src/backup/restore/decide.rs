//! The next call of a restore or drill.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    later::{Later, spoken, tidy},
    look::{Acted, Look, Outcome, ProbeRound},
    record::{Ended, Kind, Line, Past, Phase, Restoration, Thing},
    scale, step, teardown,
};
use crate::{
    backup::{
        claim::Hold,
        definition::{Scaled, ScaledThing},
    },
    text::{lasting, printable},
};

/// A call that was made may take effect so long after it was made, whatever was answered.
pub(super) const LATE: Duration = Duration::from_secs(300);

/// Lines of the log; the first and the last ones are kept.
const LINES: usize = 100;

/// One thing to do, after the decision was committed. Each is safe to repeat.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Write that the copies which it names are in use, and look whether its point is still there after that.
    Claim(Box<Hold>),
    /// `CreateModel`, `CreateEndpointConfig`, `CreateEndpoint`, `CreateInferenceComponent`. One of that name is taken for
    /// done: the next look compares it.
    Create {
        /// What.
        thing: Thing,
        /// The whole request.
        body: Value,
    },
    /// `RegisterScalableTarget` with its policies and actions, until all of it is there.
    Scale(Scaled),
    /// Send the endpoint's synchronous probes to the endpoint of this name.
    Probe(String),
    /// Put the input of an asynchronous probe, and queue it at the endpoint of this name.
    Ask(String, Later),
    /// Look for the answers of asynchronous probes, and judge those that have come.
    Await(Vec<Later>),
    /// Remove these objects of probes, each an `s3://` URI; one that is not there is done.
    Remove(Vec<String>),
    /// `DeregisterScalableTarget`; one that is not there is done.
    Unscale(ScaledThing, String),
    /// `DeleteInferenceComponent`, `DeleteEndpoint`, `DeleteEndpointConfig`, `DeleteModel`; one that is not there is done.
    Delete(Thing),
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Claim(hold) => write!(f, "claim the copies of recovery point {}", hold.claim.point),
            Self::Create { thing, .. } => write!(f, "create {thing}"),
            Self::Scale(target) => write!(f, "register the scaling of {}", target.of),
            Self::Probe(endpoint) => write!(f, "probe {endpoint}"),
            Self::Ask(endpoint, later) => write!(f, "ask {} of {endpoint}", spoken(std::slice::from_ref(later))),
            Self::Await(of) => write!(f, "look for the answer of {}", spoken(of)),
            Self::Remove(_) => f.write_str("remove the objects of its probes"),
            Self::Unscale(of, _) => write!(f, "deregister the scaling of {of}"),
            Self::Delete(thing) => write!(f, "delete {thing}"),
        }
    }
}

/// What a decision is made from.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    /// Now.
    pub now: Timestamp,
    /// A look at [`Restoration::needs`]; absent when there was none.
    pub look: Option<&'a Look>,
    /// How the effect that the last decision handed out went.
    pub acted: Option<&'a Acted>,
    /// An operator's word to end it: who and why.
    pub abort: Option<&'a str>,
}

/// What comes of a decision.
#[must_use]
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// To be committed before anything else is done. `Err`: it has ended.
    pub state: Result<Restoration, Past>,
    /// To be done after the commit.
    pub effect: Option<Effect>,
    /// What it waits for, or what it does and why.
    pub why: String,
    /// Look and decide again at once.
    pub again: bool,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Next {
    /// Wait for the world.
    Stay(String),
    /// This call.
    Do(Effect),
    /// The next phase.
    Go(Phase),
    /// It is decided: passed or not.
    Verdict(Ended),
    /// Nothing is left of it.
    Gone,
}

/// Decides what is next.
pub fn decide(restoration: &Restoration, world: &World<'_>) -> Decision {
    let mut state = restoration.clone();
    take_in(&mut state, world);
    let over = state.is_over();
    if let Some(who) = world.abort
        && !over
    {
        let ended = Ended::Aborted(printable(who, 300));
        return verdict(state, world, ended);
    }
    let late = world.now >= after(state.started, state.plan.deadline);
    let next = match state.phase {
        Phase::TearingDown => teardown::step(&mut state, world),
        Phase::Releasing => scale::release(&mut state, world),
        Phase::Tidying => tidy(&mut state, world),
        _ => step::step(&mut state, world),
    };
    let late = late && !over;
    match next {
        Next::Stay(why) | Next::Verdict(Ended::Failed(why)) if late => {
            let ended = overdue(&state, &why);
            verdict(state, world, ended)
        }
        Next::Do(effect) if late => {
            let ended = match &state.problem {
                Some(problem) => overdue(&state, &format!("still to do: {effect} ({problem})")),
                None => overdue(&state, &format!("still to do: {effect}")),
            };
            verdict(state, world, ended)
        }
        Next::Stay(why) => Decision {
            state: Ok(state),
            effect: None,
            why,
            again: false,
        },
        Next::Do(effect) => {
            intend(&mut state, &effect, world.now);
            Decision {
                why: effect.to_string(),
                effect: Some(effect),
                state: Ok(state),
                again: false,
            }
        }
        Next::Go(phase) => {
            go(&mut state, phase, world.now);
            Decision {
                why: phase.to_string(),
                state: Ok(state),
                effect: None,
                again: true,
            }
        }
        Next::Verdict(ended) => verdict(state, world, ended),
        Next::Gone => {
            let ended = state.verdict.clone().unwrap_or(Ended::Passed);
            end(state, world, ended)
        }
    }
}

fn overdue(state: &Restoration, why: &str) -> Ended {
    let limit = i64::try_from(state.plan.deadline.as_secs()).unwrap_or(i64::MAX);
    Ended::Failed(format!("not done within {}: {why}", lasting(limit)))
}

/// A restore ends with its verdict; a drill is torn down first.
fn verdict(mut state: Restoration, world: &World<'_>, ended: Ended) -> Decision {
    match state.plan.kind {
        Kind::Restore => end(state, world, ended),
        Kind::Drill => {
            state.close_round();
            decided(state, world, ended, Phase::TearingDown)
        }
    }
}

impl Restoration {
    /// How it ended is decided.
    fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Releasing | Phase::TearingDown | Phase::Tidying)
    }

    /// A drill makes way for a restore, of this id: from now on it is only torn down.
    pub(in crate::backup) fn made_way(mut self, restore: &str, now: Timestamp) -> Self {
        if !self.is_over() {
            let ended = Ended::Aborted(format!("it made way for {restore}"));
            self.close_round();
            note(&mut self, now, ended.to_string());
            self.verdict = Some(ended);
            go(&mut self, Phase::TearingDown, now);
        }
        self
    }
}

/// How it ended is known, and something is left to be undone.
fn decided(mut state: Restoration, world: &World<'_>, ended: Ended, then: Phase) -> Decision {
    let why = ended.to_string();
    if state.verdict.is_none() {
        note(&mut state, world.now, why.clone());
    }
    state.verdict = Some(ended);
    go(&mut state, then, world.now);
    Decision {
        state: Ok(state),
        effect: None,
        why,
        again: true,
    }
}

fn end(mut state: Restoration, world: &World<'_>, how: Ended) -> Decision {
    state.close_round();
    if state.is_kept_awake(world.now) {
        match state.plan.awake.clone() {
            None => return decided(state, world, how, Phase::Releasing),
            why => state.restless = why,
        }
    }
    if !state.litter.is_empty() && state.phase != Phase::Tidying {
        return decided(state, world, how, Phase::Tidying);
    }
    note(&mut state, world.now, format!("ended: {how}"));
    let why = how.to_string();
    Decision {
        state: Err(Past {
            number: state.plan.number,
            kind: state.plan.kind,
            point: state.plan.point.clone(),
            endpoint: state.plan.definition.endpoint.clone(),
            started: state.started,
            ended: world.now,
            figures: state.figures(),
            left: match state.plan.kind {
                Kind::Drill => vec![],
                Kind::Restore => {
                    let made = state.intents.into_iter().map(|intent| intent.thing);
                    made.filter(|thing| !state.adopted.contains(thing)).collect()
                }
            },
            objects: state.litter,
            lacks: state.plan.lacks,
            other_code: state.plan.other_code,
            restless: state.restless,
            log: state.log,
            how,
        }),
        effect: None,
        why,
        again: false,
    }
}

/// What is to be made is named before it is made.
fn intend(state: &mut Restoration, effect: &Effect, now: Timestamp) {
    if let Effect::Create { thing, .. } = effect {
        let intent = state.intents.iter_mut().find(|intent| intent.thing == *thing);
        match intent {
            Some(intent) => intent.last = now,
            None => {
                state.intents.push(super::record::Intent {
                    thing: thing.clone(),
                    last: now,
                });
                note(state, now, effect.to_string());
            }
        }
    }
}

/// What the last call showed by itself.
fn take_in(state: &mut Restoration, world: &World<'_>) {
    let Some(acted) = world.acted else { return };
    let effect = &acted.effect;
    match &acted.outcome {
        Outcome::Accepted => {
            state.problem = None;
            if let Effect::Remove(objects) = effect {
                state.litter.retain(|object| !objects.contains(object));
            }
        }
        Outcome::Asked(job) => {
            state.problem = None;
            if let Some(later) = state.later.iter_mut().find(|later| later.input == job.input) {
                later.job = Some(job.clone());
            }
        }
        Outcome::Answers(answers) => state.answered(answers, acted.at),
        Outcome::Later(said) | Outcome::Refused(said) => {
            state.problem = Some(format!("{effect}: {}", printable(said, 500)));
        }
        Outcome::Probed(ProbeRound::Passed) => {
            state.proven.get_or_insert(acted.at);
            state.problem = None;
            state.failed_rounds = 0;
        }
        Outcome::Probed(ProbeRound::Wanted(wanted)) => {
            state.problem = None;
            state.open_round(wanted, acted.at);
        }
        Outcome::Probed(ProbeRound::Failed(said)) => state.failed(said, acted.at),
        Outcome::Probed(ProbeRound::Blind(said)) => state.problem = Some(printable(said, 500)),
    }
}

fn go(state: &mut Restoration, phase: Phase, now: Timestamp) {
    note(state, now, phase.to_string());
    state.phase = phase;
    state.since = now;
    state.waiting = None;
    state.problem = None;
}

pub(super) fn note(state: &mut Restoration, now: Timestamp, what: impl Into<String>) {
    if state.log.len() >= LINES {
        state.log.remove(LINES / 2);
    }
    state.log.push(Line {
        at: now,
        what: printable(&what.into(), 500),
    });
}

pub(super) fn after(at: Timestamp, span: Duration) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}
