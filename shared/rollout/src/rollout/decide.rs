//! One decision: what is new is taken in, then phase follows phase until a call is to be made or something is waited for.

use super::{
    back,
    cause::Cause,
    checks::{self, World},
    commands,
    decision::{Decision, Facts, News},
    deploy,
    effect::{ActOutcome, Acted, Effect},
    end, forward,
    ledger::{Back, Ended, Rollout, RolloutLedger, Said},
    needs::{after, needs},
    phase::Phase,
    policy::{Engine, OnDeadline},
    tell, tidy, triggers,
    why::{To, Transition, Why},
};
use crate::lease::Urgency;

/// More phases than one decision can ever pass.
const ENOUGH: usize = 200;

/// What a phase asks for.
pub(super) enum Next {
    /// To wait.
    Stay(Why),
    /// A call.
    Do(Effect),
    /// The next phase.
    Go(Phase),
    /// Back to blue.
    Back(Cause),
    /// The end.
    End(Ended, Option<Cause>),
    /// The same phase again, with what the last call's answer changed.
    Again,
}

/// What to do next.
pub fn decide(facts: &Facts<'_>, ledger: &RolloutLedger, news: &News) -> Decision {
    let world = World {
        facts: *facts,
        look: news.look.as_ref(),
        alarm: news.alarm.as_ref(),
        acted: news.acted.as_ref(),
    };
    let mut turn = Turn {
        world,
        ledger: ledger.clone(),
        transitions: Vec::new(),
    };
    let answer = news.command.as_ref().map(|command| commands::obey(&mut turn, command));
    let (effect, why) = turn.run();
    let urgency = turn.ledger.active.as_ref().map_or(Urgency::Routine, |rollout| {
        if rollout.back.is_some() {
            Urgency::Rollback
        } else {
            Urgency::Planned
        }
    });
    let other_facts = || needs(facts.now, &turn.ledger) != needs(facts.now, ledger);
    let again = effect.is_none()
        && match news.look {
            None => turn.ledger.active.is_some(),
            Some(_) => !turn.transitions.is_empty() && other_facts(),
        };
    Decision {
        effect,
        urgency,
        again,
        answer,
        why,
        transitions: turn.transitions,
        ledger: turn.ledger,
    }
}

/// A decision in the making.
pub(super) struct Turn<'a> {
    pub(super) world: World<'a>,
    pub(super) ledger: RolloutLedger,
    pub(super) transitions: Vec<Transition>,
}

impl Turn<'_> {
    fn run(&mut self) -> (Option<Effect>, Why) {
        if let Some(rollout) = &mut self.ledger.active {
            rollout.noticed(self.world.facts.now);
            take_in(&self.world, rollout);
        }
        for _ in 0..ENOUGH {
            let Some(rollout) = &mut self.ledger.active else {
                return tidy::tidy(&self.world, &mut self.ledger, !self.transitions.is_empty());
            };
            let next = step(&self.world, rollout);
            let next = match bounded(&self.world, rollout, next) {
                Next::Do(effect) => match outcome(&self.world, &effect) {
                    None => Next::Do(effect),
                    Some(outcome) => answered(&self.world, rollout, &effect, outcome),
                },
                next => next,
            };
            match next {
                Next::Do(effect) => {
                    if let Effect::Unscale { variant } = &effect {
                        triggers::deregisters(&self.world, rollout, variant);
                    }
                    let why = Why::Acting(effect.to_string());
                    return (Some(effect), why);
                }
                Next::Stay(why) => {
                    self.hold(&why);
                    return (None, why);
                }
                Next::Go(phase) => self.go(phase),
                Next::Back(cause) => self.back(cause),
                Next::End(ended, cause) => self.end(ended, cause),
                Next::Again => {}
            }
        }
        (None, Why::Unknown("the phases do not come to an end".to_owned()))
    }

    /// The next phase.
    pub(super) fn go(&mut self, phase: Phase) {
        let now = self.world.facts.now;
        let facts = self.world.facts;
        let Some(rollout) = &mut self.ledger.active else { return };
        let from = std::mem::replace(&mut rollout.phase, phase.clone());
        rollout.since = now;
        rollout.rested = std::time::Duration::ZERO;
        rollout.absent = std::time::Duration::ZERO;
        rollout.skipped = None;
        rollout.held = false;
        rollout.unsettled = false;
        rollout.taken_back = None;
        rollout.unpointed.clear();
        // An update of the preparation may still begin while it is being taken back; of instances that does not matter.
        let of_config = matches!(from, Phase::Preparing | Phase::Deploying | Phase::Removing);
        if phase != Phase::RollingBack || !of_config {
            rollout.update = None;
        }
        let alone = self.world.look.and_then(|look| look.alone.as_ref());
        let told = tell::moved(&facts, rollout, &from, alone);
        self.ledger.outbox.extend(told);
        let Some(rollout) = &mut self.ledger.active else { return };
        self.transitions.push(Transition {
            rollout: rollout.plan.id(),
            at: now,
            from: Some(from),
            to: To::Phase(phase),
            cause: rollout.back.as_ref().map(|back| back.cause.clone()),
        });
    }

    /// Back to blue, once and for ever.
    pub(super) fn back(&mut self, cause: Cause) {
        let now = self.world.facts.now;
        let Some(rollout) = &mut self.ledger.active else { return };
        if rollout.back.is_some() {
            return;
        }
        rollout.back = Some(Back {
            at: now,
            cause,
            from: rollout.phase.clone(),
        });
        rollout.paused = None;
        rollout.promoted = None;
        self.go(Phase::RollingBack);
    }

    fn end(&mut self, ended: Ended, cause: Option<Cause>) {
        let facts = self.world.facts;
        let Some(rollout) = self.ledger.active.take() else {
            return;
        };
        self.transitions.push(Transition {
            rollout: rollout.plan.id(),
            at: facts.now,
            from: Some(rollout.phase.clone()),
            to: To::End(ended),
            cause: cause
                .clone()
                .or_else(|| rollout.back.as_ref().map(|back| back.cause.clone())),
        });
        let in_force = match checks::endpoint(&self.world) {
            checks::Seen::Settled(endpoint) => endpoint.config.clone(),
            _ => None,
        };
        end::remember(&facts, &mut self.ledger, rollout, ended, cause, in_force);
    }

    /// Tells people, once for each phase, that it takes longer than it should.
    fn hold(&mut self, why: &Why) {
        let facts = self.world.facts;
        let Some(rollout) = &mut self.ledger.active else { return };
        let forward = rollout.phase.is_forward() && rollout.back.is_none();
        if let Some(said) = forward.then(|| checks::unsettled(&self.world, rollout)).flatten() {
            self.ledger.outbox.extend(tell::unsettled(&facts, rollout, said));
        }
        if let Some(alert) = tell::held(&facts, rollout, why) {
            self.ledger.outbox.push(alert);
        }
    }
}

/// What was seen of the update in flight and of an illness, and what an alarm refused.
fn take_in(world: &World<'_>, rollout: &mut Rollout) {
    if let Some(Acted {
        effect: Effect::Point { alarm, .. },
        outcome: ActOutcome::Refused(said),
        ..
    }) = world.acted
    {
        triggers::refused(rollout, alarm, said);
    }
    if let Some(look) = world.look {
        rollout.learns(look);
    }
    let deploys = deploy::is_by_this_rollout(world, rollout);
    let Some(update) = &mut rollout.update else { return };
    if let Some(acted) = world.acted.filter(|acted| acted.outcome == ActOutcome::Accepted) {
        let target = match &acted.effect {
            Effect::UpdateEndpoint { config, .. } => Some(config.clone()),
            Effect::UpdateComponent { model, .. } => Some(model.clone()),
            Effect::SetInstances { .. } => Some(acted.effect.to_string()),
            _ => None,
        };
        if target.as_ref() == Some(&update.target) && update.accepted.is_none() {
            update.accepted = Some(acted.at);
        }
    }
    update.seen |= match (&rollout.plan.request.component, checks::endpoint(world)) {
        // It does not say what it is being updated to: its autoscaling may be at work while SageMaker refuses the rollout.
        (Some(name), _) => {
            let working = matches!(deploy::component(world, name), Some(Ok(seen)) if seen.status == "Updating");
            deploys || (working && update.accepted.is_some())
        }
        (None, checks::Seen::Busy(endpoint)) => endpoint.pending.as_ref() == Some(&update.target),
        (None, _) => false,
    };
}

fn step(world: &World<'_>, rollout: &mut Rollout) -> Next {
    if rollout.phase.is_forward()
        && rollout.back.is_none()
        && harmable(world, rollout)
        && let Some(cause) = checks::harm(world, rollout)
    {
        return Next::Back(cause);
    }
    if rollout.back.is_none() && held_to_the_end(world, rollout) {
        return Next::Back(Cause::Deadline {
            said: format!(
                "the rollout's deadline has passed, and an operator holds it in {}",
                rollout.phase
            ),
        });
    }
    let native = rollout.plan.engine() != Engine::Variants;
    if native {
        return deploy::step(world, rollout);
    }
    if rollout.phase.is_forward() {
        forward::step(world, rollout)
    } else {
        back::step(world, rollout)
    }
}

/// Once blue is being removed there is nothing to go back to before that is done; and then the rollout has ended.
fn harmable(world: &World<'_>, rollout: &Rollout) -> bool {
    if rollout.phase != Phase::Removing {
        return true;
    }
    let only = rollout.plan.only.as_ref().map_or("", |only| only.name.as_str());
    match checks::endpoint(world) {
        checks::Seen::Settled(endpoint) => matches!(
            checks::progress(world, rollout, endpoint, only),
            checks::Progress::ToDo | checks::Progress::TakenBack
        ),
        _ => rollout
            .update
            .as_ref()
            .is_none_or(|update| update.target != only || (!update.seen && update.accepted.is_none())),
    }
}

/// An operator's hold outlasts the rollout: what it held back does not go on by itself.
fn held_to_the_end(world: &World<'_>, rollout: &Rollout) -> bool {
    let ends = after(rollout.started, rollout.plan.request.policy.deadline);
    rollout.paused.is_some() && rollout.phase.is_before_the_end() && world.facts.now >= ends
}

/// No waiting, and no further call, past a deadline.
fn bounded(world: &World<'_>, rollout: &mut Rollout, next: Next) -> Next {
    let waits_for = match &next {
        Next::Stay(why) => why.to_string(),
        Next::Do(effect) => format!("still to do: {effect}"),
        Next::Go(_) | Next::Back(_) | Next::End(..) | Next::Again => return next,
    };
    if rollout.back.is_some() || !rollout.phase.is_forward() {
        return next;
    }
    // Everything has passed. What AWS does not do then, or does not tell, keeps two fleets longer than wished, and is no harm
    // of green's.
    let passed = matches!(rollout.phase, Phase::Finishing | Phase::Keeping | Phase::Removing);
    if passed && !matches!(next, Next::Stay(Why::Drifted(_))) {
        return next;
    }
    let Some(which) = overdue(world, rollout) else {
        return next;
    };
    if let Phase::Gate { step } = rollout.phase
        && rollout.plan.request.policy.on_deadline == OnDeadline::Promote
        && rollout.paused.is_none()
        && forward::gate_may_open(world, rollout).is_ok()
    {
        if let Some(passed) = rollout.passed.last_mut() {
            passed.word = Some(Said {
                at: world.facts.now,
                by: Some("the rollout's own policy".to_owned()),
                reason: Some(format!("{which}, and `on_deadline` is `promote`")),
            });
        }
        return forward::advance(world, rollout, Some(step));
    }
    Next::Back(Cause::Deadline {
        said: match rollout.phase {
            Phase::Gate { .. } => which,
            _ => format!("{which}: {waits_for}"),
        },
    })
}

/// Which deadline has passed.
fn overdue(world: &World<'_>, rollout: &Rollout) -> Option<String> {
    let policy = &rollout.plan.request.policy;
    let now = world.facts.now;
    let spoken = |span: std::time::Duration| crate::text::lasting(i64::try_from(span.as_secs()).unwrap_or(i64::MAX));
    if rollout.phase.is_before_the_end() && now >= after(rollout.started, policy.deadline) {
        let whole = spoken(policy.deadline);
        return Some(format!(
            "the rollout's deadline of {whole} has passed, and it is {}",
            rollout.phase
        ));
    }
    let limit = match rollout.phase {
        Phase::Gate { .. } => policy.gate_deadline,
        // A bake ends with the rollout's own deadline, SageMaker's engine with its timeout.
        Phase::Baking { .. } | Phase::Deploying => return None,
        Phase::Keeping => policy.keep_blue.saturating_add(policy.phase_deadline),
        Phase::Removing if !harmable(world, rollout) => return None,
        _ => policy.phase_deadline,
    };
    let which = match rollout.phase {
        Phase::Gate { .. } => format!("nobody promoted within {}", spoken(limit)),
        _ => format!("{} was not done within {}", rollout.phase, spoken(limit)),
    };
    // People's time to promote is not Steward's.
    let waited = match rollout.phase {
        Phase::Gate { .. } => rollout.elapsed(now),
        _ => rollout.waited(now),
    };
    (waited >= limit).then_some(which)
}

/// How this very call went, when it was the last one made.
fn outcome<'a>(world: &World<'a>, effect: &Effect) -> Option<&'a ActOutcome> {
    world
        .acted
        .filter(|acted| acted.effect == *effect)
        .map(|acted| &acted.outcome)
}

/// The call was just made, and the look still asks for it.
fn answered(world: &World<'_>, rollout: &mut Rollout, effect: &Effect, outcome: &ActOutcome) -> Next {
    let call = effect.to_string();
    match outcome {
        ActOutcome::Accepted => Next::Stay(Why::NotSeenYet(call)),
        ActOutcome::Later(said) | ActOutcome::Refused(said) if is_for_later(rollout, effect) => {
            rollout.problem = Some(format!("{call}: {said}"));
            rollout.short = Some(world.facts.now);
            Next::Again
        }
        // Nothing was begun, as this look shows: what was taken from green for it is given back at once. A quota is used up
        // for hours.
        ActOutcome::Later(said) if rollout.phase == Phase::Returning && puts_back(effect) => {
            rollout.problem = Some(format!("{call}: {said}"));
            rollout.taken_back = Some(world.facts.now);
            Next::Again
        }
        ActOutcome::Later(said) => {
            rollout.problem = Some(format!("{call}: {said}"));
            Next::Stay(Why::Later {
                call,
                said: said.clone(),
            })
        }
        ActOutcome::Refused(said) => {
            let problem = format!("{call} was refused: {said}");
            rollout.problem = Some(problem.clone());
            if rollout.back.is_none() && rollout.phase.is_before_the_end() {
                Next::Back(Cause::Refused { said: problem })
            } else if rollout.phase == Phase::Returning && puts_back(effect) {
                rollout.update = None;
                rollout.taken_back = Some(world.facts.now);
                Next::Again
            } else if rollout.phase == Phase::Leaving {
                let cause = rollout.back.as_ref().map(|back| back.cause.clone());
                Next::End(Ended::Failed, cause)
            } else {
                Next::Stay(Why::Later {
                    call,
                    said: said.clone(),
                })
            }
        }
    }
}

/// Blue is put back with it.
const fn puts_back(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::CreateConfig(_) | Effect::UpdateEndpoint { .. } | Effect::UpdateComponent { .. }
    )
}

/// More of blue than it began with: wished in case that it has to take the traffic back, and nothing waits for it.
fn is_for_later(rollout: &Rollout, effect: &Effect) -> bool {
    let plan = &rollout.plan;
    matches!(effect, Effect::SetInstances { variant, count }
        if *variant == plan.blue.variant && Some(*count) > plan.blue.instances)
}
