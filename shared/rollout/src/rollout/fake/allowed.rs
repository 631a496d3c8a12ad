//! The invariants that a single call, or a single decision, can break: checked whenever the small world plays.

use super::Fake;
use crate::rollout::{
    decide::decide,
    decision::{Decision, News},
    effect::Effect,
    phase::Phase,
};

impl Fake {
    /// The invariants that a single call can break.
    pub(super) fn is_allowed(&self, effect: &Effect) {
        let Some(rollout) = &self.ledger.active else {
            assert!(
                matches!(effect, Effect::DeleteConfig(_) | Effect::DeleteAlarm(_)),
                "{effect:?}"
            );
            return;
        };
        let plan = &rollout.plan;
        match effect {
            Effect::SetWeights(weights) => {
                let green = weights[&plan.green.variant];
                assert!((weights.values().sum::<f64>() - plan.blue.weight).abs() < 1e-9);
                if rollout.back.is_some() {
                    assert_eq!(green, 0.0, "green grows after going back was decided");
                }
                let seen = self
                    .endpoint()
                    .variants
                    .iter()
                    .find(|variant| variant.name == plan.green.variant);
                if green > 0.0 && seen.is_some_and(|seen| seen.current_weight < green) {
                    let step = rollout.phase.step().unwrap();
                    let before = rollout.passed.last().map(|passed| passed.step);
                    assert!(
                        step == 0 || before.is_some_and(|before| before < step) || rollout.promoted.is_some(),
                        "grows without a gate: {rollout:?}"
                    );
                    assert!(rollout.paused.is_none());
                }
            }
            Effect::Point { at, .. } if at.variant == plan.green.variant && rollout.phase != Phase::Leaving => {
                let blue = self.endpoint().share(&plan.blue.variant);
                assert!(
                    blue.is_none_or(|share| share == 0.0),
                    "blue serves and is scaled by nothing: {rollout:?}"
                );
            }
            Effect::SetInstances { variant, count } => {
                let seen = self
                    .endpoint()
                    .variants
                    .iter()
                    .find(|seen| seen.name == *variant)
                    .unwrap();
                assert!(seen.desired_instances.unwrap() <= *count, "instances are taken away");
            }
            _ => {}
        }
    }

    /// Decided again on the same look, nothing changes, and the same call is handed out.
    pub(super) fn decided_for_good(&self, decision: &Decision, news: News) {
        let again = decide(
            &self.facts(),
            &decision.ledger,
            &News {
                look: news.look,
                ..News::default()
            },
        );
        assert_eq!(again.ledger, decision.ledger, "{:?}", decision.why);
        if news.acted.is_none() {
            assert_eq!(again.effect, decision.effect, "{:?}", decision.why);
        }
    }
}
