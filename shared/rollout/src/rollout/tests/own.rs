//! Steps with alarms and an analysis of their own.

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
fn every_alarm_of_every_step_is_there_and_quiet_before_a_start() {
    let asked = own();
    let mut world = Fake::new();
    world.alarms = [("errors", false), ("ten", true), ("all", false)]
        .map(|(name, on)| (name.to_owned(), on))
        .into();
    insta::assert_snapshot!(world.planned(&asked).unwrap_err());
}

#[test]
fn what_is_wrong_with_the_analysis_of_a_step_is_said_before_a_start_once() {
    let nothing = AnalysisPolicy {
        errors: Some(ErrorCheck {
            against_blue: None,
            ..ErrorCheck::default()
        }),
        ..AnalysisPolicy::default()
    };
    let mut asked = request("one");
    for step in &mut asked.policy.strategy.steps[..2] {
        step.analysis = Some(OwnAnalysis::On(nothing.clone()));
    }
    let wrong = Fake::new().planned(&asked).unwrap_err();
    assert_eq!(wrong.0.len(), 1, "{wrong}");
    // And what would watch nothing at 100% is refused by what the last step has, whatever the others have.
    let compared = AnalysisPolicy {
        errors: None,
        latency: vec![crate::analysis::LatencyCheck::against_blue(
            crate::analysis::Percentile::P99,
        )],
        ..AnalysisPolicy::default()
    };
    let mut blind = request("one");
    blind.policy.alarms.clear();
    blind.policy.strategy.steps[2].analysis = Some(OwnAnalysis::On(compared));
    let wrong = Fake::new().planned(&blind).unwrap_err();
    assert!(
        wrong.to_string().contains("At 100% nothing would watch green"),
        "{wrong}"
    );
    blind.policy.strategy.steps[2].alarms.push("errors".to_owned());
    assert!(Fake::new().planned(&blind).is_ok());
}

#[test]
fn an_alarm_on_blue_that_takes_missing_data_for_breaching_is_refused_at_100_percent_only() {
    let planned = |step: usize| {
        let mut asked = request("one");
        asked.policy.alarms.clear();
        asked.policy.strategy.steps[step].alarms.push("errors".to_owned());
        let mut world = Fake::new();
        world.watched = ["blue".to_owned()].into();
        world.missing = MissingData::Breaching;
        world.planned(&asked)
    };
    assert!(planned(0).is_ok() && planned(1).is_ok());
    let refused = planned(2).unwrap_err().to_string();
    assert!(refused.contains("takes missing data for breaching"), "{refused}");
}

#[test]
fn sagemakers_engines_refuse_what_a_step_has_of_its_own_and_name_the_other_engine() {
    for engine in [Engine::Guardrails, Engine::Rolling] {
        let mut asked = request("one");
        asked.policy.engine = engine;
        asked.policy.smoke = false;
        asked.policy.strategy.kind = match engine {
            Engine::Guardrails => StrategyKind::Canary,
            _ => StrategyKind::AllAtOnce,
        };
        asked.policy.strategy.steps = match engine {
            Engine::Guardrails => strategy(&[10, 100]).steps,
            _ => strategy(&[100]).steps,
        };
        assert!(Fake::new().planned(&asked).is_ok(), "{engine}");
        let mut alarmed = asked.clone();
        alarmed.policy.strategy.steps[0].alarms.push("errors".to_owned());
        let mut judged = asked.clone();
        judged.policy.strategy.steps[0].analysis = Some(OwnAnalysis::Off);
        for own in [alarmed, judged] {
            let said = Fake::new().planned(&own).unwrap_err().to_string();
            assert!(
                said.contains("no step can have alarms or an analysis of its own"),
                "{said}"
            );
            assert!(said.contains("Use `engine: variants`"), "{said}");
            let wrong = limits::contradictions(&own.policy);
            assert_eq!(wrong.len(), 1, "{wrong:?}");
            assert!(wrong[0].to_string().contains("or `engine: variants`"), "{}", wrong[0]);
        }
    }
}

#[test]
fn a_plan_and_a_status_show_what_each_step_has_of_its_own() {
    let mut asked = own();
    asked.policy.strategy.steps[0].analysis = requests(10);
    asked.policy.strategy.steps[1].analysis = Some(OwnAnalysis::Off);
    asked.policy.strategy.steps[1].alarms.push("errors".to_owned());
    let mut at_full = AnalysisPolicy::default();
    at_full.errors.as_mut().unwrap().limit = Some(ShareLimit::new("2%".parse().unwrap()));
    asked.policy.strategy.steps[2].analysis = Some(OwnAnalysis::On(at_full));
    let mut world = Fake::new();
    world.alarms = asked
        .policy
        .every_alarm()
        .into_iter()
        .map(|name| (name, false))
        .collect();
    insta::assert_snapshot!(world.planned(&asked).unwrap());
    world.start(&asked);
    until(&mut world, "baking", 1);
    world.ticks(4);
    let look = world.look(&needs(world.now, &world.ledger));
    insta::assert_snapshot!(status(&world.facts(), &world.ledger, Some(&look)));
}

#[test]
fn a_plan_names_the_steps_that_nothing_watches() {
    let mut asked = request("one");
    asked.policy.alarms.clear();
    asked.policy.strategy.steps[1].analysis = Some(OwnAnalysis::Off);
    let warnings = Fake::new().planned(&asked).unwrap().warnings.join("\n");
    assert!(
        warnings.contains("neither alarms nor analysis in step 2: nothing but a person can find a bad green there"),
        "{warnings}"
    );
    asked.policy.strategy.steps[1].alarms.push("errors".to_owned());
    let warnings = Fake::new().planned(&asked).unwrap().warnings.join("\n");
    assert!(!warnings.contains("neither alarms"), "{warnings}");
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
