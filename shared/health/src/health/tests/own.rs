//! What sleeps is not asked, and what Steward asks is known to be its own.

use std::time::Duration;

use crate::{
    health::{
        fixture::{Stage, bare, look, minutes, probe},
        ledger::State,
        observation::{News, Observation},
        policy::ProbeKind,
    },
    probe::Cause,
    wake::{Minute, Thing, others},
};

fn component(name: &str) -> ProbeKind {
    ProbeKind::InferenceComponent(name.to_owned())
}

/// Probes `smoke` and `other`, each of a component of its own.
fn two() -> Stage {
    bare(&["fraud"]).with(|policy| {
        policy.remembers = Some(minutes(45));
        policy.probes = vec![probe("smoke"), probe("other")];
        policy.probes[0].kind = component("llm");
        policy.probes[1].kind = component("embed");
    })
}

#[test]
fn a_component_that_sleeps_takes_no_part_in_the_verdict_and_its_earlier_failure_is_over() {
    let mut stage = two();
    stage.sweep([look("fraud")]);
    stage.sweep([look("fraud").failed(Cause::ServerError)]);
    assert_eq!(stage.record("fraud").ailing.len(), 1);
    let mut asleep = look("fraud");
    asleep.0.probes[0].probe = "other".to_owned();
    asleep.0.resting = ["smoke".to_owned()].into();
    stage.sweeps(2, &asleep);
    let record = stage.record("fraud");
    assert_eq!((record.state, record.ailing.len()), (State::Healthy, 0));
    assert_eq!(record.evidence, ["scaled to zero and not asked: smoke"]);
}

#[test]
fn what_probes_did_is_remembered_as_long_as_it_may_be_taken_for_use() {
    let mut stage = two();
    let mut asked = look("fraud");
    asked.0.probes[0].answered = 2;
    stage.sweeps(60, &asked);
    let began = stage.now.checked_sub(minutes(60)).unwrap();
    let busy = |ago: u64| Minute {
        served: 2.0,
        ..Minute::at(stage.now.checked_sub(minutes(ago)).unwrap())
    };
    let thing = Thing::Component("llm".to_owned());
    let (own, awaited) = stage.ledger.own_work("fraud", &thing, stage.now);
    assert!(!awaited);
    let left = others(vec![busy(50), busy(40), busy(1)], &own);
    let left: Vec<f64> = left.iter().map(|minute| minute.served).collect();
    assert_eq!(left, [2.0, 0.0, 0.0], "since {began}");
    let nobodys = stage
        .ledger
        .own_work("fraud", &Thing::Component("embed".to_owned()), stage.now);
    assert!(nobodys.0.is_empty());
    let mut stage = stage.with(|policy| policy.remembers = None);
    stage.sweep([asked]);
    assert!(stage.record("fraud").own.is_empty());
}

#[test]
fn a_look_that_comes_late_was_a_request_all_the_same() {
    let mut stage = two();
    let mut asked = look("fraud");
    asked.0.probes[0].answered = 1;
    stage.sweep([asked.clone()]);
    // Another invocation looked just before, and committed after it.
    let at = stage.now.checked_sub(Duration::from_secs(2)).unwrap();
    let late = Observation { at, ..asked.0 };
    stage.hear(&News {
        observations: vec![late],
        ..News::default()
    });
    let (own, _) = stage
        .ledger
        .own_work("fraud", &Thing::Component("llm".to_owned()), stage.now);
    let minute = Minute {
        served: 3.0,
        ..Minute::at(stage.now)
    };
    assert_eq!(others(vec![minute], &own)[0].served, 1.0);
}
