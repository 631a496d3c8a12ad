//! All that scales a variant.

use rehearsal::faults::{Fault, FaultKind};
use steward::{
    aws::autoscaling::{AutoScaling, Scaled},
    failure::Failure,
    scaling::{Scaling, ScalingPolicy, ScalingRule, ScheduledAction, Suspended, TrackedMetric},
};

use super::{base, calls, cloud};

fn whole() -> Scaling {
    let tracked = |name: &str| ScalingPolicy {
        name: name.into(),
        rule: ScalingRule::TargetTracking {
            target: 90.0,
            metric: TrackedMetric::Predefined {
                kind: "SageMakerVariantInvocationsPerInstance".into(),
                label: None,
            },
            scale_out_cooldown: Some(60),
            scale_in_cooldown: Some(300),
            disable_scale_in: false,
        },
        alarms: Vec::new(),
        arn: None,
    };
    let steps = ScalingPolicy {
        name: "steps".into(),
        rule: ScalingRule::Step {
            adjustment: "ChangeInCapacity".into(),
            steps: vec![(Some(0.0), Some(10.0), 1), (Some(10.0), None, 2)],
            magnitude: None,
            cooldown: Some(120),
            aggregation: Some("Average".into()),
        },
        alarms: Vec::new(),
        arn: None,
    };
    // More than a page of policies, whose limit is 10.
    let many = (0..11).map(|number| tracked(&format!("p{number:02}")));
    let action = |name: &str, schedule: &str, min| ScheduledAction {
        name: name.into(),
        schedule: schedule.into(),
        timezone: Some("Europe/Rome".into()),
        start: None,
        end: Some("2027-01-01T00:00:00Z".parse().expect("a timestamp")),
        min: Some(min),
        max: None,
    };
    Scaling {
        min: 3,
        max: 9,
        suspended: Suspended {
            scale_in: true,
            ..Suspended::default()
        },
        policies: many.chain([steps]).collect(),
        actions: vec![
            action("evening", "cron(0 20 ? * MON-FRI *)", 2),
            action("morning", "cron(0 7 ? * MON-FRI *)", 4),
        ],
    }
}

fn blue() -> Scaled {
    Scaled::VariantInstances {
        endpoint: "fraud".into(),
        variant: "blue".into(),
    }
}

#[tokio::test(start_paused = true)]
async fn all_that_scales_a_variant_is_read_written_and_read_back_the_same() {
    let cloud = cloud();
    let scaling = AutoScaling::new(&base(&cloud));
    let before = scaling.scaling(&blue()).await.expect("described").expect("registered");
    assert_eq!((before.min, before.max, before.policies.len()), (2, 8, 1));
    scaling.deregister(&blue()).await.expect("deregistered");
    assert_eq!(scaling.scaling(&blue()).await, Ok(None));
    scaling.deregister(&blue()).await.expect("done already");

    scaling.apply(&blue(), &whole()).await.expect("applied");
    let mut now = scaling.scaling(&blue()).await.expect("described").expect("registered");
    for policy in &mut now.policies {
        // Application Auto Scaling makes those of target tracking.
        let made = std::mem::take(&mut policy.alarms).len();
        let arn = policy.arn.take().expect("it has an ARN");
        assert!(
            arn.ends_with(&format!("variant/blue:policyName/{}", policy.name)),
            "{arn}"
        );
        let tracking = matches!(policy.rule, ScalingRule::TargetTracking { .. });
        assert_eq!(made, if tracking { 2 } else { 0 }, "{policy:?}");
    }
    assert_eq!(now, whole());
    let written = calls(&cloud, "PutScalingPolicy");
    scaling.apply(&blue(), &whole()).await.expect("applied");
    assert_eq!(
        calls(&cloud, "PutScalingPolicy"),
        written,
        "what is there is not written again"
    );
}

#[tokio::test(start_paused = true)]
async fn autoscaling_that_was_half_written_is_completed() {
    for nth in 1..=15 {
        let cloud = cloud();
        let scaling = AutoScaling::new(&base(&cloud));
        let write = Fault {
            service: Some("autoscaling".into()),
            nth: Some(nth),
            ..Fault::every(FaultKind::CrashAfter)
        };
        cloud.add_fault(write);
        let (target, wanted) = (blue(), whole());
        let died = cloud.crash_signal("test");
        tokio::select! {
            _ = scaling.apply(&target, &wanted) => {}
            _ = died => {}
        }
        scaling.apply(&target, &wanted).await.expect("applied");
        let now = scaling.scaling(&target).await.expect("described").expect("registered");
        let names =
            |scaling: &Scaling| -> Vec<String> { scaling.policies.iter().map(|policy| policy.name.clone()).collect() };
        assert!(
            names(&wanted).iter().all(|name| names(&now).contains(name)),
            "dead after call {nth}"
        );
        assert_eq!((now.min, now.actions.len()), (3, 2), "dead after call {nth}");
    }
}

#[tokio::test(start_paused = true)]
async fn suspending_leaves_the_range_alone() {
    let cloud = cloud();
    let scaling = AutoScaling::new(&base(&cloud));
    let held = Suspended {
        scale_in: true,
        ..Suspended::default()
    };
    scaling.suspend(&blue(), held).await.expect("suspended");
    let now = scaling.scaling(&blue()).await.expect("described").expect("registered");
    assert_eq!((now.min, now.max, now.suspended), (2, 8, held));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_suspended_of_what_is_not_registered() {
    let cloud = cloud();
    let scaling = AutoScaling::new(&base(&cloud));
    scaling.deregister(&blue()).await.expect("deregistered");
    let error = scaling
        .suspend(&blue(), Suspended::default())
        .await
        .expect_err("not registered");
    assert_eq!(error.failure, Failure::Invalid, "{error}");
}
