//! Decisions spoilt on purpose, between deciding and writing: the checker has to notice each, by the right name.

use std::collections::BTreeMap;

use steward::{
    alert::{Alert, AlertKind},
    rollout::{
        Back, Cause, Decision, Ended, Past, Phase, Rollout, RolloutLedger, Said, To, Transition, Why, effect::Effect,
        strategy::Weight,
    },
};

/// One way to break a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// All traffic to green in the middle of its first bake.
    SkipsTheBake,
    /// A word of an earlier phase opens a gate.
    OpensTheGate,
    /// `promote` at no gate is taken for `promote full`.
    PromotesTooMuch,
    /// Green gets its traffic back while blue is being restored.
    RaisesAfterwards,
    /// The decision to go back is forgotten.
    ForgetsToGoBack,
    /// Both weights are set to zero.
    WeighsNothing,
    /// Blue loses an instance as soon as green has some.
    ShrinksBlue,
    /// Blue does not grow with the traffic that green has.
    LeavesBlueSmall,
    /// The config that serves is deleted.
    DeletesWhatServes,
    /// Blue is removed without deregistering its autoscaling.
    RemovesTheScaled,
    /// Completed is said when the last update is asked for.
    CompletesEarly,
    /// Completed is said by a look that did not ask for green's health.
    CompletesUnheard,
    /// Blue's weight is never given back.
    NeverGivesBack,
    /// Alerts are lost.
    LosesAlerts,
    /// Alerts come twice, under two ids.
    TellsTwice,
    /// An alarm is not acted on.
    IgnoresHarm,
    /// Every look writes something.
    Fidgets,
    /// Going back ends as soon as it is decided.
    EndsAtOnce,
    /// What was deregistered is not registered again when SageMaker refuses.
    KeepsScaling,
    /// Green goes because blue cannot be removed.
    GivesUp,
    /// Alarms are taken for pointed.
    LeavesAlarms,
}

impl Sabotage {
    /// Spoils one decision.
    pub(crate) fn spoil(self, before: &RolloutLedger, decision: &mut Decision) {
        if self == Self::LeavesAlarms {
            return leaves_alarms(decision);
        }
        let was = before.active.as_ref();
        let Some(rollout) = &mut decision.ledger.active else {
            if self == Self::LosesAlerts {
                decision.ledger.outbox.clone_from(&before.outbox);
            }
            return;
        };
        let plan = rollout.plan.clone();
        let effect = &mut decision.effect;
        match self {
            Self::SkipsTheBake if matches!(rollout.phase, Phase::Baking { .. }) => {
                *effect = Some(Effect::SetWeights(plan.weights(Weight::FULL)));
            }
            Self::OpensTheGate if matches!(rollout.phase, Phase::Gate { .. }) => {
                rollout.skipped = rollout.passed.last().and_then(|passed| passed.word.clone());
            }
            Self::PromotesTooMuch if decision.answer.as_ref().is_some_and(|answer| !answer.accepted) => {
                rollout.promoted = Some(Said {
                    at: rollout.since,
                    by: None,
                    reason: None,
                });
            }
            Self::RaisesAfterwards if rollout.phase == Phase::CleaningUp => {
                *effect = Some(Effect::SetWeights(plan.weights(Weight::FULL)));
            }
            Self::ForgetsToGoBack if was.is_some_and(|it| it.back.is_some()) => rollout.back = None,
            Self::WeighsNothing => {
                if let Some(Effect::SetWeights(weights)) = effect {
                    weights.values_mut().for_each(|weight| *weight = 0.0);
                }
            }
            Self::ShrinksBlue if matches!(rollout.phase, Phase::Baking { .. }) => {
                *effect = Some(Effect::SetInstances {
                    variant: plan.blue.variant,
                    count: 1,
                });
            }
            Self::LeavesBlueSmall if matches!(effect, Some(Effect::SetInstances { .. })) => {
                *effect = None;
                rollout.sizes = None;
            }
            Self::DeletesWhatServes if matches!(rollout.phase, Phase::Baking { .. }) => {
                *effect = plan.both.map(|both| Effect::DeleteConfig(both.name));
            }
            Self::RemovesTheScaled if matches!(effect, Some(Effect::Unscale { .. })) => {
                *effect = plan.only.map(|only| Effect::UpdateEndpoint {
                    config: only.name,
                    deployment: None,
                });
            }
            Self::CompletesEarly if rollout.phase == Phase::Removing => end(decision, Ended::Completed),
            Self::CompletesUnheard
                if rollout.phase == Phase::Deploying && matches!(decision.why, Why::Inconclusive(_)) =>
            {
                end(decision, Ended::Completed);
            }
            Self::KeepsScaling if rollout.phase == Phase::Returning => {
                effect.take_if(|effect| matches!(effect, Effect::Scale { .. }));
            }
            Self::GivesUp if rollout.phase == Phase::Removing && was.is_some_and(|it| it.phase == Phase::Removing) => {
                gives_up(decision);
            }
            Self::EndsAtOnce if rollout.back.is_some() => end(decision, Ended::RolledBack),
            Self::NeverGivesBack if rollout.back.is_some() => *effect = None,
            Self::LosesAlerts => decision.ledger.outbox.clone_from(&before.outbox),
            Self::TellsTwice => {
                let fresh: Vec<Alert> = decision.ledger.outbox.pending().to_vec();
                for mut alert in fresh {
                    alert.id.push_str(":again");
                    decision.ledger.outbox.push(alert);
                }
            }
            Self::IgnoresHarm if rollout.back.is_some() && was.is_some_and(|it| it.back.is_none()) => {
                decision.ledger = before.clone();
                decision.effect = None;
                decision.again = false;
                decision.transitions.clear();
            }
            Self::Fidgets if decision.effect.is_none() => {
                rollout.problem = Some(format!("{}.", rollout.problem.take().unwrap_or_default()));
            }
            _ => {}
        }
    }
}

/// Nothing is pointed, and nothing is said of it.
fn leaves_alarms(decision: &mut Decision) {
    if let Some(Effect::Point { alarm, .. }) = decision.effect.take_if(|effect| matches!(effect, Effect::Point { .. }))
        && let Some(rollout) = &mut decision.ledger.active
    {
        rollout.unpointed.insert(alarm, String::new());
        decision.again = true;
    }
    if decision.ledger.active.is_none() {
        if let Some(past) = decision.ledger.history.last_mut() {
            past.unpointed.clear();
        }
        let untold = decision.ledger.outbox.pending().iter();
        let untold = untold.filter(|alert| alert.kind == AlertKind::RolloutUnscaled);
        let untold: Vec<String> = untold.map(|alert| alert.id.clone()).collect();
        decision.ledger.outbox.clear(&untold);
    }
}

/// As a deadline would take it back.
fn gives_up(decision: &mut Decision) {
    let Some(rollout) = &mut decision.ledger.active else {
        return;
    };
    let cause = Cause::Deadline {
        said: "removing was not done".to_owned(),
    };
    let from = std::mem::replace(&mut rollout.phase, Phase::RollingBack);
    rollout.back = Some(Back {
        at: rollout.since,
        cause: cause.clone(),
        from: from.clone(),
    });
    decision.transitions.push(Transition {
        rollout: rollout.plan.id(),
        at: rollout.since,
        from: Some(from),
        to: To::Phase(Phase::RollingBack),
        cause: Some(cause),
    });
    let alert = Alert::new(AlertKind::RolloutRollingBack, None, rollout.since, rollout.since);
    decision.ledger.outbox.push(alert);
    decision.effect = None;
    decision.again = false;
}

/// The rollout as if it had ended so.
fn end(decision: &mut Decision, outcome: Ended) {
    let Some(rollout) = decision.ledger.active.take() else {
        return;
    };
    let Rollout {
        plan,
        started,
        since,
        phase,
        scaling,
        raised,
        returning,
        log,
        ..
    } = rollout;
    decision.effect = None;
    decision.transitions.push(Transition {
        rollout: plan.id(),
        at: since,
        from: Some(phase),
        to: To::End(outcome),
        cause: None,
    });
    if outcome == Ended::Completed {
        decision
            .ledger
            .outbox
            .push(Alert::new(AlertKind::RolloutCompleted, None, since, since));
    }
    decision.ledger.history.push(Past {
        plan,
        started,
        ended: since,
        outcome,
        cause: None,
        scaling,
        raised,
        returned: returning,
        unpointed: BTreeMap::new(),
        named: BTreeMap::new(),
        log,
    });
}
