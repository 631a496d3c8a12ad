use std::time::Duration;

use proptest::{prelude::*, strategy::Strategy as _};

use super::*;
use crate::{
    fleet::Fleet,
    rollout::strategy::{Step, Strategy},
};

fn policy(engine: Engine) -> RolloutPolicy {
    let fleet = Fleet::parse("version: 1\nendpoints: { a: {} }\n", "test").expect("right");
    let rules = fleet.rollout_for("a", None).expect("selected");
    RolloutPolicy {
        engine,
        ..rules.policy().expect("right")
    }
}

fn steps() -> impl proptest::strategy::Strategy<Value = Strategy> {
    let step = (1..=100_u16, 60..100_000_u64);
    let kinds = [
        StrategyKind::AllAtOnce,
        StrategyKind::Canary,
        StrategyKind::Linear,
        StrategyKind::Steps,
    ];
    (
        proptest::collection::vec(step, 1..8),
        proptest::sample::select(kinds.to_vec()),
    )
        .prop_map(|(steps, kind)| Strategy {
            name: "any".into(),
            kind,
            steps: steps
                .into_iter()
                .map(|(parts, bake)| {
                    let weight = Weight::from_ten_thousandths(parts * 100).unwrap_or(Weight::FULL);
                    Step::new(weight, Duration::from_secs(bake))
                })
                .collect(),
        })
}

proptest! {
    /// What is let through is within every number that SageMaker's model gives for a deployment.
    #[test]
    fn what_is_let_through_sagemaker_takes(
        strategy in steps(),
        keep_blue in 0..10_000_u64,
        alarms in 0..20_usize,
        batch_percent in 5..=50_u8,
        rolling: bool,
    ) {
        let policy = RolloutPolicy {
            strategy,
            keep_blue: Duration::from_secs(keep_blue),
            alarms: (0..alarms).map(|n| n.to_string()).collect(),
            batch_percent,
            deadline: LONGEST_DEPLOYMENT,
            ..policy(if rolling { Engine::Rolling } else { Engine::Guardrails })
        };
        if contradictions(&policy).is_empty() {
            let first = policy.strategy.steps[0].weight.ten_thousandths();
            prop_assert!(policy.strategy.steps.iter().all(|step| step.bake.as_secs() <= 3600));
            prop_assert!(policy.alarms.len() < 10);
            prop_assert!(waits(&policy).as_secs() < 28_800);
            match policy.strategy.kind {
                StrategyKind::AllAtOnce => {}
                StrategyKind::Canary => prop_assert!((100..=5_000).contains(&first)),
                StrategyKind::Linear => prop_assert!((1_000..=5_000).contains(&first)),
                StrategyKind::Steps => prop_assert!(false, "SageMaker has no steps of one's own"),
            }
            prop_assert!(rolling || policy.keep_blue.as_secs() <= 3600);
        }
    }

    #[test]
    fn the_engine_variants_has_no_limit_but_the_deadline(strategy in steps(), keep_blue in 0..10_000_000_u64) {
        let bakes = strategy.bakes();
        let mut policy = RolloutPolicy {
            strategy,
            keep_blue: Duration::from_secs(keep_blue),
            deadline: bakes + Duration::from_secs(1),
            ..policy(Engine::Variants)
        };
        prop_assert_eq!(contradictions(&policy), []);
        policy.deadline = bakes;
        prop_assert_eq!(contradictions(&policy).len(), 1);
    }
}
