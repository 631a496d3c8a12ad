//! Alarms that are pointed at another scaling policy.

use std::collections::{BTreeMap, BTreeSet};

use rehearsal::faults::{Fault, FaultKind};
use steward::{
    aws::{
        autoscaling::{AutoScaling, Scaled},
        cloudwatch::{CloudWatch, Which},
    },
    capacity::thing::{Action, Alarm},
    rollout::triggers::{Named, Pointing},
    scaling::{ScalingPolicy, ScalingRule},
    trigger::AlarmState,
};

use super::{base, calls, cloud};

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:people";

fn blue() -> Scaled {
    Scaled::VariantInstances {
        endpoint: "fraud".into(),
        variant: "blue".into(),
    }
}

fn step() -> ScalingPolicy {
    ScalingPolicy {
        name: "busy".into(),
        rule: ScalingRule::Step {
            adjustment: "ChangeInCapacity".into(),
            steps: vec![(Some(0.0), None, 1)],
            magnitude: None,
            cooldown: None,
            aggregation: None,
        },
        alarms: vec![],
        arn: None,
    }
}

fn alarm() -> Alarm {
    Alarm {
        name: "fraud-busy".into(),
        description: Some("Asks for instances.".into()),
        namespace: "AWS/SageMaker".into(),
        metric: "ModelLatency".into(),
        dimensions: BTreeMap::from([
            ("EndpointName".into(), "fraud".into()),
            ("VariantName".into(), "blue".into()),
        ]),
        statistic: "p99".into(),
        unit: Some("Microseconds".into()),
        period: 120,
        periods: 5,
        datapoints: 3,
        comparison: "GreaterThanOrEqualToThreshold".into(),
        threshold: 250_000.0,
        missing: "notBreaching".into(),
        enabled: false,
        actions: vec![],
        ok_actions: vec![],
        insufficient_actions: vec![],
    }
}

#[tokio::test(start_paused = true)]
async fn an_alarm_is_pointed_at_a_policy_and_nothing_else_of_it_changes() {
    let cloud = cloud();
    let (scaling, cloudwatch) = (AutoScaling::new(&base(&cloud)), CloudWatch::new(&base(&cloud)));
    let mut wanted = scaling.scaling(&blue()).await.expect("described").expect("registered");
    wanted.policies.push(step());
    scaling.apply(&blue(), &wanted).await.expect("applied");
    let described = async || {
        let scaling = scaling.scaling(&blue()).await.expect("described").expect("registered");
        let mut policies = scaling.policies.into_iter();
        policies.find(|policy| policy.name == "busy").expect("the policy")
    };
    let first = described().await.arn.expect("an ARN");
    let put = [
        vec![TOPIC.to_owned(), first.clone()],
        vec![TOPIC.to_owned()],
        vec![first.clone()],
    ];
    cloudwatch
        .put_alarm(&alarm(), put, &[("steward:owner", "steward")])
        .await
        .expect("put");
    assert_eq!(described().await.alarms, ["fraud-busy"]);

    // Registered anew it is another policy, which nothing triggers.
    scaling.deregister(&blue()).await.expect("deregistered");
    scaling.apply(&blue(), &wanted).await.expect("applied");
    let now = described().await;
    let second = now.arn.expect("an ARN");
    assert_ne!(first, second);
    assert_eq!(now.alarms, Vec::<String>::new());

    let at = Pointing {
        endpoint: "fraud".into(),
        variant: "blue".into(),
        other: "green".into(),
        policies: BTreeMap::from([("busy".into(), second.clone())]),
        again: [AlarmState::Alarm, AlarmState::InsufficientData]
            .map(|on| Named {
                policy: "busy".into(),
                on,
            })
            .into(),
    };
    for _ in 0..2 {
        cloudwatch.point("fraud-busy", &at).await.expect("pointed");
    }
    assert_eq!(
        calls(&cloud, "PutMetricAlarm"),
        2,
        "what is as wished is not written again"
    );
    assert_eq!(described().await.alarms, ["fraud-busy"]);
    let names = ["fraud-busy".to_owned()];
    let found = cloudwatch.whole_alarms(Which::Named(&names)).await.expect("described");
    let arn = |arn: &str| Action::Arn(arn.to_owned());
    let pointed = Alarm {
        actions: vec![arn(TOPIC), arn(&second)],
        ok_actions: vec![arn(TOPIC)],
        insufficient_actions: vec![arn(&second)],
        ..alarm()
    };
    assert_eq!(found[0].alarm, pointed);
    let tags = cloudwatch.alarm_tags(found[0].arn.as_deref().expect("an ARN")).await;
    assert_eq!(tags, Ok(vec![("steward:owner".to_owned(), "steward".to_owned())]));
    // It goes to the other variant, and its metric with it.
    let to_green = Pointing {
        variant: "green".into(),
        other: "blue".into(),
        policies: BTreeMap::from([("busy".into(), second.replace("/blue:", "/green:"))]),
        ..at
    };
    cloudwatch.point("fraud-busy", &to_green).await.expect("pointed");
    let found = cloudwatch.whole_alarms(Which::Named(&names)).await.expect("described");
    assert_eq!(found[0].alarm.dimensions["VariantName"], "green");
}

#[tokio::test(start_paused = true)]
async fn an_alarm_that_is_not_there_is_done_and_one_that_may_not_be_read_is_not() {
    let cloud = cloud();
    let cloudwatch = CloudWatch::new(&base(&cloud));
    let at = Pointing {
        endpoint: "fraud".into(),
        variant: "green".into(),
        other: "blue".into(),
        policies: BTreeMap::new(),
        again: BTreeSet::new(),
    };
    assert_eq!(cloudwatch.point("nowhere", &at).await, Ok(()));
    cloud.add_fault(Fault {
        service: Some("cloudwatch".into()),
        ..Fault::every(FaultKind::Denied)
    });
    assert!(cloudwatch.point("errors", &at).await.is_err());
}
