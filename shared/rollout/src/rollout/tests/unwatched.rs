//! An endpoint that the fleet file has probes for, and that the health checker never looked at.

use super::{
    super::{fake::*, look::Known, *},
    variants::started,
};
use crate::{
    alert::AlertKind,
    health::seen::{HealthSeen, Level},
};

const NEVER: &str = "the health checker has never looked at this endpoint, and the fleet file has probes for it";

/// Nothing but the health checker watches it.
fn quiet(watched: bool) -> request::Request {
    let mut asked = request("one");
    asked.policy.alarms.clear();
    asked.policy.analysis = None;
    asked.policy.smoke = false;
    asked.watched = watched;
    asked
}

fn healthy() -> Known<Option<HealthSeen>> {
    Known::Yes(Some(HealthSeen {
        level: Level::Healthy,
        ill_since: None,
        failing_since: None,
        counted: None,
        evidence: Vec::new(),
        proven: Default::default(),
        variants: Default::default(),
    }))
}

#[test]
fn a_health_checker_that_never_looked_holds_every_pass_until_it_does() {
    let mut world = started(&quiet(true));
    world.until("baking");
    world.ticks(100);
    assert_eq!(world.phase(), "baking");
    assert!(world.ledger.active.as_ref().unwrap().back.is_none());
    let held = world.alerts.last().unwrap();
    assert_eq!(held.kind, AlertKind::RolloutHeld);
    assert!(held.title.contains(NEVER), "{}", held.title);
    assert!(held.title.contains("`health: false`"), "{}", held.title);
    let look = world.look(&needs(world.now, &world.ledger));
    let said = status(&world.facts(), &world.ledger, Some(&look));
    assert!(said.contains(&format!("health: {NEVER}\n")), "{said}");
    world.health = healthy();
    assert_eq!(world.run(), Ended::Completed, "{}", world.told());
}

#[test]
fn an_operators_word_goes_over_a_health_checker_that_never_looked() {
    let mut world = started(&quiet(true));
    world.until("baking");
    world.ticks(30);
    world.order(request::Order::Skip);
    assert_ne!(world.phase(), "baking");
}

#[test]
fn an_endpoint_without_probes_or_whose_rollouts_leave_health_out_waits_for_no_health_checker() {
    let mut without = quiet(true);
    without.policy.health = false;
    for asked in [quiet(false), without] {
        let mut world = started(&asked);
        assert_eq!(world.run(), Ended::Completed, "{}", world.told());
    }
}

#[test]
fn whoever_starts_it_is_told_and_so_is_everybody_else() {
    let mut world = Fake::new();
    let answer = world.start(&quiet(true));
    let note = format!("Note: {NEVER}; no step passes before it does.");
    assert!(answer.accepted && answer.said.contains(&note), "{}", answer.said);
    let started = world.alerts.first().unwrap();
    assert_eq!(started.kind, AlertKind::RolloutStarted);
    assert!(
        started.evidence.iter().any(|line| line.starts_with(NEVER)),
        "{:?}",
        started.evidence
    );
}

#[test]
fn the_plan_says_when_nobody_measures_what_the_steps_would_wait_for() {
    let mut world = Fake::new();
    let said = |world: &Fake, asked: &request::Request| world.planned(asked).unwrap().to_string();
    let note = format!("Note: {NEVER}; no step passes before it does.");
    assert!(said(&world, &quiet(true)).contains(&note));
    assert!(!said(&world, &quiet(false)).contains("health checker has never"));
    world.health = healthy();
    assert!(!said(&world, &quiet(true)).contains("no step passes before it does"));
    world.unchecked = Some(world.now);
    world.pass(minutes(60));
    let said = said(&world, &quiet(true));
    let note = "Note: the health checker last heard this endpoint at 2026-11-22T08:00:00Z, 1h ago; no step passes before it does.";
    assert!(said.contains(note), "{said}");
}

#[test]
fn a_rollout_that_an_earlier_build_began_waits_for_nobody_it_did_not_know_of() {
    let mut world = started(&quiet(true));
    let mut ledger = serde_json::to_value(&world.ledger).unwrap();
    let asked = ledger["active"]["plan"]["request"].as_object_mut().unwrap();
    asked.remove("watched").unwrap();
    world.ledger = serde_json::from_value(ledger).unwrap();
    assert_eq!(world.run(), Ended::Completed, "{}", world.told());
}
