//! What is kept of plans, and what is told of them and of drift.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{CapacityLedger, Failed, PLANS};
use crate::{
    alert::AlertKind,
    capacity::{
        desired::Desired,
        drift::{Drift, drift},
        fixture::{NOW, parsed, planned, usual_world, with_declared},
        plan::Plan,
        tell::Teller,
        thing::{Key, Thing},
        world::World,
    },
};

const DECLARED: &str = "version: 1\nendpoints:\n  fraud:\n    scaling: [{ variant: main, min: 2, max: 8, policies: \
                        [{ name: steward-load, invocations_per_instance: 600 }] }]\n";

fn desired(world: &World) -> Desired {
    Desired::of(&parsed(DECLARED), world, "eu-central-1")
}

fn plan() -> Plan {
    let world = usual_world();
    planned(&world, &desired(&world), false)
}

fn told(ledger: &CapacityLedger) -> Vec<AlertKind> {
    ledger.outbox.pending().iter().map(|alert| alert.kind).collect()
}

fn with_teller<T>(minutes: i64, tell: impl FnOnce(Teller<'_>) -> T) -> T {
    let now: Timestamp = NOW.parse().unwrap();
    let (labels, components) = (BTreeMap::new(), BTreeMap::new());
    tell(Teller {
        now: now.checked_add(jiff::SignedDuration::from_mins(minutes)).unwrap(),
        labels: &labels,
        components: &components,
    })
}

fn began(ledger: &mut CapacityLedger, plan: &Plan, by: &str, minutes: i64) {
    with_teller(minutes, |teller| ledger.begin(plan, by, teller).map_err(|_| ())).expect("nothing is being made");
}

#[test]
fn the_last_plans_are_kept_each_once() {
    let (mut ledger, now) = (CapacityLedger::default(), NOW.parse().unwrap());
    for number in 0..PLANS + 3 {
        let mut plan = plan();
        plan.id = format!("{:012x}", number % (PLANS + 2));
        ledger.keep(&plan, false, now);
    }
    assert_eq!(ledger.plans.len(), PLANS);
    assert!(ledger.plan("000000000000").is_some() && ledger.plan("000000000001").is_none());
}

#[test]
fn what_was_applied_is_told_once_and_then_watched() {
    let (plan, now) = (plan(), NOW.parse().unwrap());
    let mut ledger = CapacityLedger::default();
    ledger.keep(&plan, false, now);
    began(&mut ledger, &plan, "ana", 0);
    // Somebody else who goes on with it does not make it his own.
    began(&mut ledger, &plan, "the schedule", 0);
    assert_eq!(
        ledger.applying.as_ref().map(|applying| applying.by.as_str()),
        Some("ana")
    );
    with_teller(1, |teller| ledger.went(&[], false, teller));
    assert_eq!(told(&ledger), [AlertKind::CapacityApplied]);
    assert_eq!((ledger.applying.clone(), ledger.applied.things.len()), (None, 2));
    assert!(ledger.plan(&plan.id).is_none(), "a plan is applied once");
    assert_eq!(ledger.history[0].made, 2);
}

#[test]
fn what_may_come_to_pass_later_keeps_the_plan_at_work_and_is_not_told() {
    let plan = plan();
    let failed = |later: bool| {
        let key = plan.changes[1].key.clone();
        let why = "throttled".to_owned();
        [Failed { key, why, later }]
    };
    let mut ledger = CapacityLedger::default();
    began(&mut ledger, &plan, "ana", 0);
    with_teller(1, |teller| ledger.went(&failed(true), false, teller));
    assert!(
        ledger
            .applying
            .as_ref()
            .is_some_and(|at_work| at_work.plan.changes.len() == 1)
    );
    assert_eq!(
        told(&ledger),
        [AlertKind::CapacityApplied],
        "what was made, and nothing of what waits"
    );
    assert_eq!(ledger.applied.things.len(), 1);
    with_teller(2, |teller| ledger.went(&failed(false), false, teller));
    assert_eq!(told(&ledger), [AlertKind::CapacityApplied, AlertKind::CapacityFailed]);
    assert_eq!((ledger.applying.clone(), ledger.applied.things.len()), (None, 1));
}

#[test]
fn a_plan_that_waits_for_hours_is_told_once_and_then_its_end() {
    let plan = plan();
    let held = [Failed {
        key: plan.changes[0].key.clone(),
        why: "traffic-shifter holds the endpoint".to_owned(),
        later: true,
    }];
    let mut ledger = CapacityLedger::default();
    began(&mut ledger, &plan, "ana", 0);
    for (minutes, alerts) in [(60, 1), (179, 1), (180, 2), (240, 2)] {
        with_teller(minutes, |teller| ledger.went(&held, false, teller));
        assert_eq!(ledger.outbox.len(), alerts, "after {minutes} minutes");
    }
    with_teller(300, |teller| ledger.went(&[], false, teller));
    let (applied, failed) = (AlertKind::CapacityApplied, AlertKind::CapacityFailed);
    assert_eq!(told(&ledger), [applied, failed, applied]);
    let alert = &ledger.outbox.pending()[1];
    assert_eq!(alert.title, "1 change not made for 3h");
    assert!(
        alert
            .evidence
            .iter()
            .any(|line| line.contains("traffic-shifter holds the endpoint")),
        "{alert:?}"
    );
}

#[test]
fn a_plan_that_only_waits_gives_way_to_another_and_one_that_is_being_made_does_not() {
    let plan = plan();
    let mut other = plan.clone();
    other.id = "other".to_owned();
    other.changes.remove(0);
    let waits = plan.changes[1].key.clone();
    let held = [Failed {
        key: waits.clone(),
        why: "throttled".to_owned(),
        later: true,
    }];
    let mut ledger = CapacityLedger::default();
    began(&mut ledger, &plan, "ana", 0);
    let busy = |ledger: &CapacityLedger| {
        with_teller(1, |teller| {
            let mut ledger = ledger.clone();
            ledger
                .begin(&other, "bob", teller)
                .err()
                .map(|at_work| at_work.by.clone())
        })
    };
    assert_eq!(busy(&ledger).as_deref(), Some("ana"));
    with_teller(1, |teller| ledger.went(&held, true, teller));
    assert_eq!(busy(&ledger).as_deref(), Some("ana"), "it goes on at once");
    with_teller(180, |teller| ledger.went(&held, false, teller));
    let both = [AlertKind::CapacityApplied, AlertKind::CapacityFailed];
    assert_eq!(told(&ledger), both, "it waits for hours");
    assert_eq!(ledger.applied.things.len(), 1, "what was made of it is known");
    began(&mut ledger, &other, "bob", 181);
    assert_eq!(told(&ledger), both);
    assert_eq!(ledger.history[0].failed, [format!("{waits}: left to plan other")]);
    let at_work = ledger.applying.clone().unwrap();
    assert_eq!((at_work.plan.id.as_str(), at_work.by.as_str()), ("other", "bob"));
    with_teller(240, |teller| ledger.went(&held, false, teller));
    assert_eq!(ledger.outbox.len(), 2, "what waits is told once, whoever waits for it");
}

#[test]
fn what_aws_goes_on_refusing_is_told_once_a_day_and_at_once_when_it_is_something_else() {
    let plan = plan();
    let mut ledger = CapacityLedger::default();
    let alerts = [
        (0, "denied", 1),
        (60, "denied", 1),
        (120, "denied", 1),
        (180, "no such thing", 2),
        (240, "no such thing", 2),
        (24 * 60 + 180, "no such thing", 3),
        (24 * 60 + 240, "no such thing", 3),
    ];
    for (minutes, why, alerts) in alerts {
        began(&mut ledger, &plan, "the schedule", minutes);
        let refused = plan.changes.iter().map(|change| Failed {
            key: change.key.clone(),
            why: why.to_owned(),
            later: false,
        });
        let refused: Vec<Failed> = refused.collect();
        with_teller(minutes, |teller| ledger.went(&refused, false, teller));
        assert_eq!(ledger.outbox.len(), alerts, "after {minutes} minutes");
    }
    began(&mut ledger, &plan, "the schedule", 2000);
    with_teller(2000, |teller| ledger.went(&[], false, teller));
    assert_eq!(told(&ledger).last(), Some(&AlertKind::CapacityApplied));
    assert_eq!(ledger.refused, []);
}

#[test]
fn while_something_waits_every_refusal_and_everything_that_is_made_is_told() {
    let mut plan = plan();
    let mut third = plan.changes[0].clone();
    third.key = Key::Dashboard("fleet".to_owned());
    plan.changes.push(third);
    let [waits, refused] = [0, 1].map(|index: usize| plan.changes[index].key.clone());
    let failed = |key: &Key, why: &str, later: bool| Failed {
        key: key.clone(),
        why: why.to_owned(),
        later,
    };
    let mut ledger = CapacityLedger::default();
    // Refused, with something made beside it, which that alert says; then what waits alone; then refused for another reason.
    began(&mut ledger, &plan, "the schedule", 0);
    let first = [failed(&waits, "throttled", true), failed(&refused, "denied", false)];
    with_teller(0, |teller| ledger.went(&first, false, teller));
    assert_eq!(told(&ledger), [AlertKind::CapacityFailed]);
    with_teller(60, |teller| ledger.went(&first[..1], false, teller));
    assert_eq!(ledger.refused.len(), 1, "what was not tried is still refused");
    let mut again = plan.clone();
    again.id = "again".to_owned();
    began(&mut ledger, &again, "the schedule", 120);
    with_teller(120, |teller| ledger.went(&first, false, teller));
    let failures = |ledger: &CapacityLedger| {
        told(ledger)
            .iter()
            .filter(|kind| **kind == AlertKind::CapacityFailed)
            .count()
    };
    assert_eq!(failures(&ledger), 1, "the same again is no news");
    again.id = "another".to_owned();
    began(&mut ledger, &again, "the schedule", 180);
    let other = [
        failed(&waits, "throttled", true),
        failed(&refused, "no such thing", false),
    ];
    with_teller(180, |teller| ledger.went(&other, false, teller));
    assert_eq!(
        failures(&ledger),
        3,
        "it is told, and that something waits for hours: {:?}",
        told(&ledger)
    );
    let ids: std::collections::BTreeSet<&str> = ledger.outbox.pending().iter().map(|alert| alert.id.as_str()).collect();
    assert_eq!(ids.len(), ledger.outbox.len());
    let before = ledger.outbox.len();
    with_teller(240, |teller| ledger.give_way("no longer to be made", teller));
    assert!(ledger.applying.is_none() && ledger.outbox.len() == before);
}

#[test]
fn what_was_refused_and_is_made_by_the_same_plan_again_is_known_and_told() {
    let plan = plan();
    let [waits, refused] = [0, 1].map(|index: usize| plan.changes[index].key.clone());
    let failed = [(waits, true), (refused, false)].map(|(key, later)| Failed {
        key,
        why: "no".to_owned(),
        later,
    });
    let mut ledger = CapacityLedger::default();
    began(&mut ledger, &plan, "the schedule", 0);
    with_teller(0, |teller| ledger.went(&failed, false, teller));
    began(&mut ledger, &plan, "the schedule", 60);
    with_teller(60, |teller| ledger.went(&failed[..1], false, teller));
    assert_eq!(told(&ledger), [AlertKind::CapacityFailed, AlertKind::CapacityApplied]);
    assert_eq!((ledger.applied.things.len(), ledger.refused.len()), (1, 0));
}

#[test]
fn what_was_made_while_a_wake_holds_its_minimum_is_remembered_as_it_is_declared() {
    let plan = plan();
    let declared = desired(&usual_world());
    let mut raised = plan.clone();
    let Some(Thing::Target { min, .. }) = raised.changes.iter_mut().find_map(|change| change.after.as_mut()) else {
        panic!("{raised}")
    };
    *min = 5;
    let key = raised.changes[0].key.clone();
    let mut ledger = CapacityLedger::default();
    began(&mut ledger, &raised, "ana", 0);
    with_teller(1, |teller| ledger.went(&[], false, teller));
    let left = ledger.applied.clone().as_declared(&declared, |one| *one == key);
    let made = left.things.iter().find(|thing| thing.key() == key);
    assert_eq!(made, declared.get(&key));
    assert_ne!(left, ledger.applied);
}

fn narrowed(ledger: &CapacityLedger, max: u32) -> Vec<Drift> {
    let mut world = with_declared(usual_world(), DECLARED);
    let target = ledger.applied.things.iter().find_map(|thing| match thing {
        Thing::Target { of, min, suspended, .. } => Some((of.clone(), *min, *suspended)),
        _ => None,
    });
    let (of, min, suspended) = target.expect("a target");
    world.put(Thing::Target {
        of,
        min,
        max,
        suspended,
    });
    drift(
        &ledger.applied,
        &world,
        "steward-",
        &BTreeMap::new(),
        NOW.parse().unwrap(),
    )
}

#[test]
fn drift_is_told_once_again_when_it_goes_on_and_when_it_is_over() {
    let mut ledger = CapacityLedger::default();
    let world = with_declared(usual_world(), DECLARED);
    let declared = desired(&world);
    let keys: Vec<Key> = declared.things().map(|(key, _)| key.clone()).collect();
    ledger.applied = std::mem::take(&mut ledger.applied).adopting(&declared, keys, NOW.parse().unwrap());
    for (minutes, max, kinds) in [
        (0, 8, vec![]),
        (60, 4, vec![AlertKind::CapacityDrifted]),
        (120, 4, vec![AlertKind::CapacityDrifted]),
        (180, 3, vec![AlertKind::CapacityDrifted; 2]),
        (
            240,
            8,
            vec![
                AlertKind::CapacityDrifted,
                AlertKind::CapacityDrifted,
                AlertKind::CapacityRestored,
            ],
        ),
        (
            300,
            8,
            vec![
                AlertKind::CapacityDrifted,
                AlertKind::CapacityDrifted,
                AlertKind::CapacityRestored,
            ],
        ),
    ] {
        let found = narrowed(&ledger, max);
        with_teller(minutes, |teller| ledger.watch(found, teller));
        assert_eq!(told(&ledger), kinds, "after {minutes} minutes");
    }
    let subjects: Vec<Option<&str>> = ledger
        .outbox
        .pending()
        .iter()
        .map(|alert| alert.subject_of.as_deref())
        .collect();
    assert_eq!(subjects, [Some("fraud"); 3]);
}

#[test]
fn that_nobody_can_look_is_told_once_and_that_it_is_over() {
    let mut ledger = CapacityLedger::default();
    for minutes in [0, 60] {
        with_teller(minutes, |teller| {
            ledger.unseen("sagemaker:ListEndpoints failed (denied)", teller)
        });
    }
    assert_eq!(told(&ledger), [AlertKind::MonitorTrouble]);
    for minutes in [120, 180] {
        with_teller(minutes, |teller| ledger.seen(teller));
    }
    let [first, over] = ledger.outbox.pending() else {
        panic!("{:?}", ledger.outbox)
    };
    assert!(!first.resolved && over.resolved && first.id != over.id);
    assert_eq!(over.since, first.at);
}
