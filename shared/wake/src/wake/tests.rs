use std::time::Duration;

use serde_json::{Value, json};

use super::{fake::*, *};
use crate::trigger::Trigger;

mod due;
mod joined;
mod lent;
mod people;
mod served;

fn names(fake: &Fake) -> Vec<&str> {
    let name = |to: &To| match to {
        To::Phase(phase) => phase.as_str(),
        To::Ready(_) => "ready",
        To::Served(_) => "served",
        To::End(how) => how,
        To::Asleep => "asleep",
    };
    fake.transitions.iter().map(|one| name(&one.to)).collect()
}

#[test]
fn one_waiting_request_wakes_an_asynchronous_endpoint_in_one_invocation_and_the_minimum_comes_back() {
    let mut fake = Fake::asynchronous();
    fake.backlog = 1;
    fake.pass(120);
    fake.alarmed();
    assert_eq!(fake.calls, ["raise the minimum of variant main to 1"]);
    assert_eq!((fake.min(), fake.desired), (Some(1), 1));
    fake.until_calm(60);
    assert_eq!(fake.calls.last().unwrap(), "restore the minimum of variant main to 0");
    assert_eq!(fake.min(), Some(0));
    assert_eq!(
        names(&fake),
        [
            "waiting",
            "raising",
            "starting",
            "ready",
            "serving",
            "served",
            "restoring",
            "done"
        ]
    );
    let past = fake.ledger.history.last().unwrap();
    assert_eq!(past.served, Some(Duration::from_secs(360)));
    assert_eq!(fake.told(), ["wake.served: first success after 6m"]);
}

#[test]
fn five_hundred_waiting_requests_wake_as_many_as_may_be() {
    let mut fake = Fake::asynchronous();
    fake.backlog = 500;
    fake.pass(120);
    fake.alarmed();
    assert_eq!(fake.calls, ["raise the minimum of variant main to 4"]);
    let mut fake = Fake::asynchronous();
    fake.backlog = 11;
    fake.pass(120);
    fake.alarmed();
    assert_eq!(fake.calls, ["raise the minimum of variant main to 3"], "5 for each");
}

#[test]
fn what_the_targets_own_policy_woke_with_too_little_is_brought_to_its_size() {
    let mut fake = Fake::asynchronous();
    fake.backlog = 500;
    fake.pass(120);
    // The step policy was faster, and an endpoint that updates cannot be scaled.
    fake.desired = 1;
    fake.until = Some(at(300));
    fake.alarmed();
    assert_eq!((fake.min(), fake.desired), (Some(4), 1));
    for _ in 0..10 {
        fake.pass(60);
        fake.quietly();
    }
    assert_eq!(fake.current, 4, "{:?}", fake.calls);
}

#[test]
fn a_single_refused_request_wakes_a_component_even_if_its_alarm_never_comes() {
    let mut fake = Fake::component();
    fake.coming = 1;
    fake.pass(60);
    fake.quietly();
    assert_eq!(fake.calls, ["raise the minimum of component llm to 1"]);
    // Nobody asks again: it is let go all the same.
    fake.until_calm(60);
    assert_eq!(fake.min(), Some(0));
    assert_eq!(fake.told(), Vec::<String>::new());
    let past = fake.ledger.history.last().unwrap();
    assert_eq!((&past.how, past.served), (&Ended::Done, None));
}

#[test]
fn an_alarm_that_comes_twice_or_late_wakes_once() {
    let mut fake = Fake::asynchronous();
    fake.backlog = 1;
    fake.pass(120);
    let alarm = fake.alarm();
    for _ in 0..3 {
        let alarms = [alarm.clone(), alarm.clone()];
        let woken = Woken {
            alarms: &alarms,
            command: None,
        };
        fake.tick(&woken, |_| Some(Fault::None));
    }
    assert_eq!(fake.calls.len(), 1);
    fake.until_calm(60);
    let calls = fake.calls.len();
    while fake.current > 0 {
        fake.pass(60);
    }
    let alarms = [alarm];
    let woken = Woken {
        alarms: &alarms,
        command: None,
    };
    fake.tick(&woken, |_| Some(Fault::None));
    assert_eq!(fake.calls.len(), calls, "it asks for what was done");
}

#[test]
fn an_alarm_counts_even_if_the_endpoint_cannot_be_described_just_then() {
    let mut fake = Fake::component();
    let alarms = [fake.alarm()];
    let look = Look {
        at: fake.now,
        endpoint: Known::No("ThrottlingException".to_owned()),
        things: Default::default(),
        pools: None,
    };
    let news = News {
        look: Some(&look),
        alarms: &alarms,
        ..News::default()
    };
    let decision = decide(&fake.facts(), &fake.ledger, &news);
    assert_eq!(decision.effect, None);
    fake.ledger = decision.ledger;
    fake.pass(60);
    fake.quietly();
    assert_eq!(fake.calls, ["raise the minimum of component llm to 1"]);
}

#[test]
fn without_a_scalable_target_the_count_is_set_and_follows_the_work() {
    let mut fake = Fake::asynchronous();
    fake.scaling = None;
    fake.backlog = 1;
    fake.policy.idle_after = Some(Duration::from_secs(1800));
    fake.pass(120);
    fake.alarmed();
    assert_eq!(fake.calls, ["set variant main to 1 instances"]);
    fake.pass(240);
    fake.backlog = 100;
    fake.pass(120);
    fake.quietly();
    assert_eq!(fake.calls.last().unwrap(), "set variant main to 4 instances");
    fake.until_calm(90);
    assert_eq!(
        fake.current, 4,
        "the wake is over, and nothing else puts it to sleep yet"
    );
    for _ in 0..60 {
        fake.pass(60);
        fake.quietly();
    }
    assert_eq!(fake.calls.last().unwrap(), "put variant main to sleep");
    assert_eq!(fake.current, 0);
    assert_eq!(names(&fake).last(), Some(&"asleep"));
}

/// Nobody uses it, and every call is refused for so many minutes.
fn refused(minutes: u32) -> Fake {
    let mut fake = Fake::asynchronous();
    fake.scaling = None;
    (fake.current, fake.desired) = (2, 2);
    fake.policy.idle_after = Some(Duration::from_secs(600));
    for _ in 0..minutes {
        fake.pass(60);
        let woken = Woken {
            alarms: &[],
            command: None,
        };
        fake.tick(&woken, |_| Some(Fault::Refused));
    }
    fake
}

#[test]
fn a_sleep_that_is_refused_for_a_moment_is_tried_again_and_nobody_is_told() {
    let mut fake = refused(30);
    assert_eq!(fake.current, 2);
    fake.until_calm(5);
    assert_eq!(fake.current, 0);
    assert_eq!(fake.told(), Vec::<String>::new());
}

#[test]
fn a_sleep_that_is_refused_for_an_hour_is_told_once_until_it_slept() {
    let told = ["wake.held: it could not be put to sleep for an hour"];
    let mut fake = refused(5 * 60);
    assert_eq!(fake.told(), told);
    let remembered = &fake.ledger.things[&Thing::Variant];
    assert!(remembered.restless, "{remembered:?}");
    for _ in 0..3 * 60 {
        fake.pass(60);
        fake.quietly();
    }
    assert_eq!(fake.current, 0);
    assert_eq!(fake.told(), told);
    assert!(!fake.ledger.things[&Thing::Variant].restless);
}

#[test]
fn a_slow_start_is_not_killed_by_idleness() {
    let mut fake = Fake::component();
    fake.scaling = None;
    fake.policy.idle_after = Some(Duration::from_secs(600));
    fake.takes = 1500;
    fake.coming = 1;
    fake.pass(60);
    for _ in 0..30 {
        fake.quietly();
        fake.pass(60);
    }
    assert_eq!(fake.current, 1);
    assert!(
        fake.calls.iter().all(|call| !call.contains("sleep")),
        "{:?}",
        fake.calls
    );
}

#[test]
fn capacity_that_is_not_there_is_told_once_tried_again_and_in_the_end_given_up_for_a_while() {
    let mut fake = Fake::asynchronous();
    fake.backlog = 1;
    fake.takes = 120;
    fake.scarce_until = Some(at(100_000));
    fake.pass(120);
    fake.alarmed();
    for _ in 0..40 {
        fake.pass(60);
        fake.quietly();
    }
    let told = fake.told();
    assert_eq!(
        told,
        [
            "wake.struggling: AWS has no such instances now",
            "wake.failed: not in service within 30m: Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error",
            "wake.struggling: AWS has no such instances now",
        ],
        "the second wake has begun"
    );
    assert!((4..20).contains(&fake.calls.len()), "{:?}", fake.calls);
    fake.scarce_until = None;
    fake.until_calm(60);
    assert_eq!(fake.min(), Some(0));
    assert!(fake.told().iter().any(|told| told.starts_with("wake.served")));
    assert_eq!(fake.ledger.things[&Thing::Variant].failures, 0);
}

#[test]
fn instances_that_answer_nothing_but_errors_are_told() {
    let mut fake = Fake::asynchronous();
    fake.backlog = 3;
    fake.does = 0;
    fake.pass(120);
    fake.alarmed();
    for _ in 0..45 {
        fake.pass(60);
        fake.quietly();
    }
    let told = fake.told();
    assert_eq!(told[0], "wake.struggling: in service, and no request succeeds");
    assert!(told[1].starts_with("wake.failed: in service since"), "{told:?}");
    assert_eq!(fake.min(), Some(0));
}

#[test]
fn while_a_rollout_holds_the_endpoint_the_wake_waits_and_says_so() {
    let mut fake = Fake::asynchronous();
    fake.leased = true;
    fake.backlog = 1;
    fake.pass(120);
    fake.alarmed();
    for _ in 0..15 {
        fake.pass(60);
        fake.quietly();
    }
    assert_eq!(fake.calls, Vec::<String>::new());
    assert_eq!(fake.told(), ["wake.struggling: it waits for its turn"]);
    fake.leased = false;
    fake.until_calm(60);
    assert_eq!((fake.min(), fake.backlog), (Some(0), 0));
}

#[test]
fn a_document_of_an_older_build_is_read() {
    let ledger: WakeLedger = serde_json::from_str("{}").unwrap();
    assert_eq!(ledger, WakeLedger::default());
}

fn asked(event: &Value) -> Vec<Asks> {
    match Trigger::parse(event) {
        Ok(Trigger::Alarms(alarms)) => alarms.iter().flat_map(asks).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_alarm_asks_in_each_of_its_three_forms_and_only_when_it_goes_to_alarm() {
    let arn = "arn:aws:cloudwatch:us-east-1:111122223333:alarm:images-backlog";
    let data = |state: &str, metric: &str, dimensions: Value| {
        json!({
            "alarmName": "images-backlog",
            "state": { "value": state, "reason": "crossed", "timestamp": "2026-03-01T03:05:20.000+0000" },
            "configuration": { "metrics": [{ "id": "m1", "returnData": true, "metricStat": {
                "metric": { "namespace": "AWS/SageMaker", "name": metric, "dimensions": dimensions },
                "period": 60, "stat": "Average" } }] },
        })
    };
    let backlog = || {
        data(
            "ALARM",
            "HasBacklogWithoutCapacity",
            json!({ "EndpointName": "images" }),
        )
    };
    let direct = |data: Value| json!({ "source": "aws.cloudwatch", "alarmArn": arn, "accountId": "111122223333", "region": "us-east-1", "alarmData": data });
    let bus = json!({
        "version": "0", "id": "1", "source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change",
        "account": "111122223333", "time": "2026-03-01T03:05:20Z", "region": "us-east-1", "resources": [arn], "detail": backlog(),
    });
    let message = json!({
        "AlarmName": "images-backlog", "AlarmDescription": null, "NewStateValue": "ALARM", "NewStateReason": "crossed",
        "StateChangeTime": "2026-03-01T03:05:20.000+0000", "Region": "US East (N. Virginia)", "AlarmArn": arn, "OldStateValue": "OK",
        "Trigger": { "MetricName": "HasBacklogWithoutCapacity", "Namespace": "AWS/SageMaker", "Statistic": "AVERAGE",
            "Dimensions": [{ "value": "images", "name": "EndpointName" }], "Period": 60, "Threshold": 1.0 },
    });
    let topic = json!({ "Records": [{ "EventSource": "aws:sns", "Sns": { "Type": "Notification", "MessageId": "1",
        "Timestamp": "2026-03-01T03:05:21Z", "TopicArn": "arn:aws:sns:us-east-1:111122223333:alarms", "Message": message.to_string() } }] });
    let images = [Asks::Endpoint("images".to_owned())];
    for event in [direct(backlog()), bus, topic] {
        assert_eq!(asked(&event), images, "{event}");
    }
    let component = json!({ "InferenceComponentName": "llm" });
    let refused = direct(data("ALARM", "NoCapacityInvocationFailures", component));
    assert_eq!(asked(&refused), [Asks::Component("llm".to_owned())]);
    let calm = direct(data(
        "OK",
        "HasBacklogWithoutCapacity",
        json!({ "EndpointName": "images" }),
    ));
    let other = direct(data(
        "ALARM",
        "ModelLatency",
        json!({ "EndpointName": "images", "VariantName": "main" }),
    ));
    assert_eq!((asked(&calm), asked(&other)), (vec![], vec![]));
}
