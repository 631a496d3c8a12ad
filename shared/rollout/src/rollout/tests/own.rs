//! Steps with alarms and an analysis of their own.

mod plan;

use std::collections::BTreeSet;

use super::{
    super::{
        fake::*,
        look::{AlarmSeen, MissingData, Watched},
        policy::Engine,
        request::Request,
        strategy::{OwnAnalysis, Step, StrategyKind, Weight},
        *,
    },
    variants::{as_it_was, started},
};
use crate::{
    analysis::{AnalysisPolicy, ErrorCheck, ShareLimit, Verdict},
    trigger::{AlarmChange, AlarmState, Trigger},
};

/// 10%, 50%, 100%; each step has an alarm of its own, called like its share.
fn own() -> Request {
    let mut asked = request("one");
    for (step, alarm) in asked.policy.strategy.steps.iter_mut().zip(["ten", "fifty", "all"]) {
        step.alarms.push(alarm.to_owned());
    }
    asked
}

fn world(asked: &Request) -> Fake {
    let mut world = Fake::new();
    world.alarms = asked
        .policy
        .every_alarm()
        .into_iter()
        .map(|name| (name, false))
        .collect();
    assert!(world.start(asked).accepted);
    world
}

fn ring(world: &mut Fake, alarm: &str, on: bool) {
    world.alarms.insert(alarm.to_owned(), on);
}

/// Ticks until this phase of this step (from 0).
fn until(world: &mut Fake, phase: &str, step: usize) {
    for _ in 0..400 {
        let at = world.ledger.active.as_ref().and_then(|rollout| rollout.phase.step());
        if world.phase() == phase && (at == Some(step) || phase == "keeping") {
            return;
        }
        world.ticks(1);
    }
    panic!("never came to {phase} of step {step}: {}", world.told());
}

fn label(world: &Fake) -> &'static str {
    world.ledger.history[0].cause.as_ref().map_or("none", Cause::label)
}

fn requests(least: u64) -> Option<OwnAnalysis> {
    Some(OwnAnalysis::On(AnalysisPolicy {
        min_requests: least,
        ..AnalysisPolicy::default()
    }))
}

#[test]
fn an_alarm_of_a_step_takes_green_back_in_that_step_and_in_no_other() {
    for (index, alarm) in ["ten", "fifty", "all"].into_iter().enumerate() {
        for step in 0..3 {
            let mut world = world(&own());
            until(&mut world, "baking", step);
            ring(&mut world, alarm, true);
            world.ticks(2);
            ring(&mut world, alarm, false);
            if step == index {
                assert_eq!(world.run(), Ended::RolledBack, "{alarm} in step {}", step + 1);
                assert_eq!(label(&world), "alarm");
                as_it_was(&world);
            } else {
                assert_eq!(world.run(), Ended::Completed, "{alarm} in step {}", step + 1);
            }
        }
    }
}

#[test]
fn the_alarms_of_the_last_step_count_while_blue_is_kept_and_those_of_earlier_ones_do_not() {
    for (alarm, ends) in [
        ("ten", Ended::Completed),
        ("fifty", Ended::Completed),
        ("all", Ended::RolledBack),
    ] {
        let mut world = world(&own());
        until(&mut world, "keeping", 2);
        ring(&mut world, alarm, true);
        assert_eq!(world.run(), ends, "{alarm}");
    }
}

#[test]
fn the_alarms_of_a_step_count_until_the_next_share_is_read_back() {
    for phase in ["sizing", "shifting"] {
        let mut world = world(&own());
        until(&mut world, phase, 1);
        ring(&mut world, "ten", true);
        world.wake(None, None);
        assert!(
            world.ledger.active.as_ref().unwrap().back.is_some(),
            "{phase}: {}",
            world.told()
        );
        assert_eq!(world.run(), Ended::RolledBack);
    }
    let mut world = world(&own());
    until(&mut world, "shifting", 1);
    world.pass(minutes(4));
    assert!(
        world.share("green") > 0.49,
        "the weights are there, and nobody has looked"
    );
    ring(&mut world, "ten", true);
    assert_eq!(world.run(), Ended::Completed, "{}", world.told());
}

#[test]
fn an_alarm_that_rings_already_when_its_step_comes_takes_green_back_before_it_gets_the_share() {
    let mut world = world(&own());
    until(&mut world, "baking", 0);
    ring(&mut world, "fifty", true);
    world.ticks(5);
    assert_eq!(world.phase(), "baking", "not before its step");
    while world.ledger.active.is_some() {
        world.ticks(1);
        assert!(world.share("green") < 0.11, "{}", world.told());
    }
    assert_eq!(label(&world), "alarm");
    as_it_was(&world);
}

#[test]
fn an_alarm_without_data_holds_its_own_step_and_none_before_it() {
    let mut world = world(&own());
    world.no_data.insert("fifty".to_owned());
    until(&mut world, "baking", 1);
    world.ticks(60);
    assert_eq!(world.phase(), "baking", "it has no data in its own step");
    let mut never = world.clone();
    world.no_data.clear();
    assert_eq!(world.run(), Ended::Completed);
    assert_eq!(never.run(), Ended::RolledBack);
    assert_eq!(label(&never), "deadline");
}

#[test]
fn the_alarms_of_the_step_that_is_left_have_data_before_the_next_share_is_asked_for() {
    let mut world = world(&own());
    until(&mut world, "shifting", 1);
    let mut silent = world.clone();
    // As if the call had never been made.
    silent.change = None;
    for live in [&mut world, &mut silent] {
        live.no_data.insert("ten".to_owned());
    }
    assert_eq!(world.run(), Ended::Completed, "the weights were asked for already");
    let endpoint = silent.endpoint_mut();
    endpoint.status = crate::endpoint::EndpointStatus::InService;
    silent.ticks(30);
    assert_eq!(silent.phase(), "shifting", "{}", silent.told());
}

#[test]
fn only_the_alarms_that_count_are_asked_for() {
    let mut world = world(&own());
    let mut asked: Vec<String> = Vec::new();
    for _ in 0..400 {
        let Some(rollout) = &world.ledger.active else { break };
        let alarms = needs(world.now, &world.ledger).alarms.join(", ");
        let line = format!("{}: {alarms}", rollout.phase);
        if asked.last() != Some(&line) {
            asked.push(line);
        }
        world.ticks(1);
    }
    insta::assert_snapshot!(asked.join("\n"));
}

#[test]
fn each_step_is_judged_by_its_own_analysis_on_its_own_minutes() {
    let mut asked = request("one");
    asked.policy.strategy.steps[0].analysis = requests(10);
    asked.policy.strategy.steps[1].analysis = requests(500);
    let mut world = world(&asked);
    let mut judged: Vec<String> = Vec::new();
    for _ in 0..400 {
        let Some(rollout) = &world.ledger.active else { break };
        if let Some(window) = needs(world.now, &world.ledger).analysis {
            let least = rollout.analysis().unwrap().min_requests;
            let beside = if window.blue.is_some() { "beside blue" } else { "alone" };
            let line = format!("{}: {least} requests, {beside}", rollout.phase);
            if judged.last() != Some(&line) {
                judged.push(line);
            }
        }
        world.ticks(1);
    }
    insta::assert_snapshot!(judged.join("\n"));
}

#[test]
fn a_step_without_analysis_is_left_to_alarms_and_one_with_its_own_is_judged_though_others_are_not() {
    let mut asked = request("one");
    asked.policy.strategy.steps[0].analysis = Some(OwnAnalysis::Off);
    let mut world = world(&asked);
    world.verdict = Verdict::Fail;
    until(&mut world, "baking", 1);
    assert_eq!(world.run(), Ended::RolledBack);
    assert_eq!(label(&world), "analysis");

    asked.policy.analysis = None;
    asked.policy.strategy.steps[0].analysis = requests(10);
    let mut world = started(&asked);
    world.verdict = Verdict::Inconclusive;
    until(&mut world, "baking", 0);
    world.ticks(30);
    assert_eq!(world.phase(), "baking", "the first step is judged");
    world.verdict = Verdict::Pass;
    until(&mut world, "baking", 1);
    world.verdict = Verdict::Fail;
    assert_eq!(world.run(), Ended::Completed, "and no other one");
}

#[test]
fn the_limits_that_are_told_at_100_percent_are_made_of_the_last_steps_analysis() {
    let told = |own: [Option<OwnAnalysis>; 3]| {
        let mut asked = request("one");
        for (step, own) in asked.policy.strategy.steps.iter_mut().zip(own) {
            step.analysis = own;
        }
        let mut world = world(&asked);
        world.slow = minutes(3);
        while world.ledger.active.is_some() {
            if let Some((_, analysis)) = needs(world.now, &world.ledger).alone {
                return Some(analysis.min_requests);
            }
            world.ticks(1);
        }
        None
    };
    let whole = request("one").policy.analysis.map(|analysis| analysis.min_requests);
    assert_eq!(told([None, None, None]), whole);
    assert_eq!(told([None, Some(OwnAnalysis::Off), None]), whole);
    assert_eq!(told([None, None, requests(500)]), Some(500));
    assert_eq!(told([None, None, Some(OwnAnalysis::Off)]), None);
}

/// What CloudWatch sends of an alarm, in each of the three forms.
fn changes(alarm: &str, state: &str, at: jiff::Timestamp) -> Vec<AlarmChange> {
    let arn = format!("arn:aws:cloudwatch:eu-west-1:111122223333:alarm:{alarm}");
    let time = at.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string();
    let direct = serde_json::json!({
        "source": "aws.cloudwatch", "alarmArn": arn, "accountId": "111122223333", "time": time, "region": "eu-west-1",
        "alarmData": {"alarmName": alarm, "state": {"value": state, "reason": "x", "timestamp": time}},
    });
    let by_rule = serde_json::json!({
        "version": "0", "id": "1", "detail-type": "CloudWatch Alarm State Change", "source": "aws.cloudwatch",
        "account": "111122223333", "time": time, "region": "eu-west-1", "resources": [arn],
        "detail": {"alarmName": alarm, "state": {"value": state, "reason": "x", "timestamp": time}},
    });
    let message = serde_json::json!({
        "AlarmName": alarm, "AWSAccountId": "111122223333", "NewStateValue": state, "NewStateReason": "x",
        "StateChangeTime": time, "Region": "EU (Ireland)", "AlarmArn": arn, "OldStateValue": "OK",
    });
    let by_topic = serde_json::json!({
        "Records": [{"EventSource": "aws:sns", "EventVersion": "1.0",
            "EventSubscriptionArn": "arn:aws:sns:eu-west-1:111122223333:alarms:1",
            "Sns": {"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:eu-west-1:111122223333:alarms",
                "Message": message.to_string(), "Timestamp": "2026-11-22T08:00:00.000Z"}}],
    });
    let parsed = [direct, by_rule, by_topic].map(|event| match Trigger::parse(&event).unwrap() {
        Trigger::Alarms(changes) => changes,
        other => panic!("{other:?}"),
    });
    parsed.concat()
}

#[test]
fn an_alarms_event_acts_in_its_own_invocation_in_its_step_and_is_ignored_with_the_reason_in_others() {
    let mut world = world(&own());
    until(&mut world, "baking", 1);
    let told = |world: &Fake, alarm: &str| {
        let changes = changes(alarm, "ALARM", world.now);
        assert_eq!(changes.len(), 3);
        let meant = changes.iter().map(|change| meant(&world.ledger, change));
        let meant: Vec<Meant> = meant.collect();
        assert!(meant.iter().all(|one| *one == meant[0]), "{meant:?}");
        meant[0].clone()
    };
    let not_now = |why: &str| Meant::NotNow(why.to_owned());
    assert_eq!(told(&world, "fifty"), Meant::Counts);
    assert_eq!(told(&world, "errors"), Meant::Counts);
    assert_eq!(told(&world, "others"), Meant::Nothing);
    assert_eq!(
        told(&world, "ten"),
        not_now("Alarm ten counts only in step 1 of rollout fraud/1, which is baking (step 2)")
    );
    assert_eq!(
        told(&world, "all"),
        not_now("Alarm all counts only in step 3 of rollout fraud/1, which is baking (step 2)")
    );
    let news = |world: &Fake, name: &str| AlarmNews {
        name: name.to_owned(),
        at: world.now,
        reason: "5 errors".to_owned(),
    };
    for ignored in ["ten", "all"] {
        let alarm = news(&world, ignored);
        world.wake(None, Some(alarm));
        assert_eq!(world.phase(), "baking");
    }
    // The alarm is OK again by then.
    let before = world.effects.len();
    let alarm = news(&world, "fifty");
    world.wake(None, Some(alarm));
    assert!(
        matches!(world.effects[before..], [effect::Effect::SetWeights(_)]),
        "{}",
        world.did()
    );
    assert_eq!(world.run(), Ended::RolledBack);
    assert_eq!(told(&world, "fifty"), Meant::Nothing, "no rollout is at work");
}

#[test]
fn an_event_counts_by_when_the_alarm_went_off_however_late_it_comes() {
    let mut world = world(&own());
    until(&mut world, "baking", 0);
    let in_the_first = world.now;
    until(&mut world, "baking", 1);
    let in_the_second = world.now;
    world.ticks(1);
    let news = |name: &str, at: jiff::Timestamp| AlarmNews {
        name: name.to_owned(),
        at,
        reason: "5 errors".to_owned(),
    };
    for (name, at) in [("fifty", in_the_first), ("ten", in_the_second), ("all", in_the_second)] {
        let mut world = world.clone();
        world.wake(None, Some(news(name, at)));
        assert_eq!(world.run(), Ended::Completed, "{name}, which did not count then");
    }
    for (name, at) in [("ten", in_the_first), ("fifty", in_the_second)] {
        let late = &changes(name, "ALARM", at)[0];
        assert_eq!(meant(&world.ledger, late), Meant::Counts, "{name}");
        let mut world = world.clone();
        world.wake(None, Some(news(name, at)));
        assert_eq!(world.run(), Ended::RolledBack, "{name}, which counted then");
    }
}

#[test]
fn an_alarm_that_the_whole_rollout_has_too_is_asked_for_once() {
    let mut asked = request("one");
    for step in &mut asked.policy.strategy.steps {
        step.alarms.push("errors".to_owned());
    }
    let mut world = world(&asked);
    for _ in 0..100 {
        let alarms = needs(world.now, &world.ledger).alarms;
        assert_eq!(alarms.iter().collect::<BTreeSet<_>>().len(), alarms.len(), "{alarms:?}");
        world.ticks(1);
    }
}

#[test]
fn an_alarm_on_blue_alone_is_not_waited_for_in_a_last_step_that_has_it() {
    let mut asked = request("one");
    asked.policy.alarms.clear();
    asked.policy.strategy.steps[2].alarms.push("errors".to_owned());
    let mut world = world(&asked);
    world.watched = ["blue".to_owned()].into();
    until(&mut world, "baking", 2);
    world.no_data.insert("errors".to_owned());
    let seen = AlarmSeen {
        name: "errors".to_owned(),
        state: AlarmState::InsufficientData,
        reason: String::new(),
        since: None,
        watches: vec![Watched {
            endpoint: Some(ENDPOINT.to_owned()),
            variant: Some("blue".to_owned()),
        }],
        missing: MissingData::Missing,
        actions: Vec::new(),
    };
    assert!(checks::silenced(world.ledger.active.as_ref().unwrap(), &seen));
    assert_eq!(world.run(), Ended::Completed);
}

#[test]
fn a_step_that_an_earlier_build_wrote_is_read_and_one_without_its_own_is_written_as_then() {
    let then = serde_json::json!({"weight": 1000, "bake": {"secs": 600, "nanos": 0}, "gate": false, "smoke": true});
    let step: Step = serde_json::from_value(then.clone()).unwrap();
    let now = Step {
        smoke: true,
        ..Step::new(Weight::percent(10).unwrap(), minutes(10))
    };
    assert_eq!(step, now);
    assert_eq!(serde_json::to_value(&now).unwrap(), then);
    let mut world = world(&own());
    until(&mut world, "baking", 1);
    let text = serde_json::to_string(&world.ledger).unwrap();
    assert_eq!(serde_json::from_str::<RolloutLedger>(&text).unwrap(), world.ledger);
    let mut plain = started(&request("one"));
    until(&mut plain, "baking", 1);
    let text = serde_json::to_string(&plain.ledger).unwrap();
    assert!(!text.contains("begun"), "{text}");
}
