//! What is asked for in the tests, and what there is at first: the least that a rollout takes.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    analysis::AnalysisPolicy,
    endpoint::Variant,
    rollout::{
        policy::{Engine, OnDeadline, RolloutPolicy},
        request::{GreenSpec, Request},
        strategy::{Step, Strategy, StrategyKind, Weight},
    },
    scaling::{Scaling, ScalingPolicy, ScalingRule, Suspended, TrackedMetric},
};

pub(in crate::rollout) const ENDPOINT: &str = "fraud";

/// Its inference component, where it has one.
pub(in crate::rollout) const COMPONENT: &str = "fraud-component";

pub(in crate::rollout) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(in crate::rollout) const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// 10%, 50%, 100%, each baking for 10 minutes.
pub(in crate::rollout) fn strategy(percents: &[u8]) -> Strategy {
    Strategy {
        name: "steps".to_owned(),
        kind: StrategyKind::Steps,
        steps: percents
            .iter()
            .map(|percent| Step::new(Weight::percent(*percent).unwrap(), minutes(10)))
            .collect(),
    }
}

pub(in crate::rollout) fn policy() -> RolloutPolicy {
    RolloutPolicy {
        engine: Engine::Variants,
        strategy: strategy(&[10, 50, 100]),
        alarms: vec!["errors".to_owned()],
        analysis: Some(AnalysisPolicy::default()),
        smoke: true,
        smoke_passes: 2,
        smoke_failures: 3,
        health: true,
        keep_blue: minutes(60),
        rollback_window: minutes(24 * 60),
        deadline: minutes(5 * 60),
        phase_deadline: minutes(60),
        gate_deadline: minutes(120),
        on_deadline: OnDeadline::Abort,
        metrics_delay: minutes(2),
        headroom: 0,
        batch_percent: 20,
    }
}

pub(in crate::rollout) fn request(id: &str) -> Request {
    Request {
        id: id.to_owned(),
        endpoint: ENDPOINT.to_owned(),
        component: None,
        watched: false,
        variant: None,
        green: GreenSpec {
            model: Some("fraud-v2".to_owned()),
            ..GreenSpec::default()
        },
        policy: policy(),
        by: Some("ana".to_owned()),
        reason: Some("more recall".to_owned()),
        dry_run: false,
    }
}

/// Target tracking, 2 to 10.
pub(in crate::rollout) fn scaling() -> Scaling {
    Scaling {
        min: 2,
        max: 10,
        suspended: Suspended::default(),
        policies: vec![ScalingPolicy {
            name: "requests".to_owned(),
            rule: ScalingRule::TargetTracking {
                target: 70.0,
                metric: TrackedMetric::Predefined {
                    kind: "SageMakerVariantInvocationsPerInstance".to_owned(),
                    label: None,
                },
                scale_out_cooldown: None,
                scale_in_cooldown: Some(600),
                disable_scale_in: false,
            },
            alarms: vec!["TargetTracking-high".to_owned()],
            arn: None,
        }],
        actions: Vec::new(),
    }
}

/// One instance more, when an alarm says so.
pub(in crate::rollout) fn step_policy(name: &str) -> ScalingPolicy {
    ScalingPolicy {
        name: name.to_owned(),
        rule: ScalingRule::Step {
            adjustment: "ChangeInCapacity".to_owned(),
            steps: vec![(Some(0.0), None, 1)],
            magnitude: None,
            cooldown: None,
            aggregation: None,
        },
        alarms: Vec::new(),
        arn: None,
    }
}

pub(in crate::rollout) fn variant(name: &str, weight: f64, count: u32) -> Variant {
    Variant {
        name: name.to_owned(),
        current_weight: weight,
        desired_weight: weight,
        current_instances: Some(count),
        desired_instances: Some(count),
        serverless: false,
    }
}
