//! What the health checker knows.

use jiff::Timestamp;

use super::{
    super::{
        fake::*,
        look::{HealthSeen, Known},
        *,
    },
    variants::{as_it_was, started},
};
use crate::health::seen::Level;

fn seen(level: Level, ill_since: Option<Timestamp>) -> HealthSeen {
    HealthSeen {
        level,
        ill_since,
        evidence: vec!["golden: 500 in 12 ms".to_owned()],
        variants: Default::default(),
    }
}

fn tells(world: &mut Fake, seen: HealthSeen) {
    world.health = Known::Yes(Some(seen));
}

/// What it says of one variant, since now.
fn of_variant(world: &Fake, name: &str, level: Level) -> (String, (Level, Timestamp)) {
    (name.to_owned(), (level, world.now))
}

/// Everything else is silent: neither alarms nor analysis nor probes.
fn quiet() -> request::Request {
    let mut asked = request("one");
    asked.policy.alarms.clear();
    asked.policy.analysis = None;
    asked.policy.smoke = false;
    asked
}

#[test]
fn an_endpoint_that_falls_ill_with_greens_traffic_is_given_back_to_blue_in_any_phase_until_blue_is_removed() {
    for phase in ["probing", "baking", "sizing", "shifting", "gate", "keeping"] {
        let mut asked = quiet();
        asked.policy.strategy.steps[1].gate = true;
        asked.policy.strategy.steps[1].smoke = true;
        let mut world = started(&asked);
        world.until("baking");
        if phase == "keeping" {
            world.until("gate");
            world.order(request::Order::Promote);
        }
        world.until(phase);
        let ill = seen(Level::Unhealthy, Some(world.now));
        tells(&mut world, ill);
        assert_eq!(world.run(), Ended::RolledBack, "{phase}: {}", world.told());
        let cause = world.ledger.history[0].cause.clone().unwrap();
        assert_eq!(cause.label(), "health", "{phase}");
        assert_eq!(
            cause.to_string(),
            "the health checker found it unhealthy: golden: 500 in 12 ms"
        );
        as_it_was(&world);
    }
}

#[test]
fn green_that_is_ill_by_its_own_probes_goes_back_while_the_endpoint_as_a_whole_still_serves() {
    let mut world = started(&quiet());
    world.until("baking");
    let mut ill = seen(Level::Degraded, Some(world.now));
    ill.variants.extend([
        of_variant(&world, "green", Level::Unhealthy),
        of_variant(&world, "blue", Level::Healthy),
    ]);
    tells(&mut world, ill);
    assert_eq!(world.run(), Ended::RolledBack);
    assert_eq!(world.ledger.history[0].cause.as_ref().unwrap().label(), "health");
}

#[test]
fn an_illness_of_blue_alone_is_no_reason_to_give_blue_everything() {
    let mut world = started(&quiet());
    world.until("baking");
    let mut ill = seen(Level::Unhealthy, Some(world.now));
    ill.variants.extend([
        of_variant(&world, "blue", Level::Unhealthy),
        of_variant(&world, "green", Level::Healthy),
    ]);
    tells(&mut world, ill);
    assert_eq!(world.run(), Ended::Completed, "{}", world.told());
}

#[test]
fn an_illness_that_green_found_there_neither_holds_it_nor_takes_it_back() {
    let mut world = Fake::new();
    let ill = seen(Level::Unhealthy, Some(world.now));
    tells(&mut world, ill);
    assert!(world.start(&quiet()).accepted);
    assert_eq!(world.run(), Ended::Completed, "{}", world.told());
}

#[test]
fn what_was_said_of_an_earlier_green_of_this_name_is_not_said_of_this_one() {
    let mut world = Fake::new();
    let mut old = seen(Level::Healthy, None);
    old.variants.extend([of_variant(&world, "green", Level::Unhealthy)]);
    tells(&mut world, old);
    world.pass(minutes(1));
    assert!(world.start(&quiet()).accepted);
    assert_eq!(world.run(), Ended::Completed, "{}", world.told());
}

#[test]
fn checks_that_begin_to_fail_hold_a_step_until_they_pass_again() {
    for level in [Level::Healthy, Level::Degraded, Level::Unknown] {
        let mut world = started(&quiet());
        world.until("baking");
        let ill = seen(level, Some(world.now));
        tells(&mut world, ill);
        world.ticks(60);
        assert_eq!(world.phase(), "baking", "{level:?}");
        let look = world.look(&needs(world.now, &world.ledger));
        let said = status(&world.facts(), &world.ledger, Some(&look));
        assert!(
            said.contains("the health checker finds the endpoint ill: golden: 500 in 12 ms"),
            "{said}"
        );
        tells(&mut world, seen(Level::Healthy, None));
        assert_eq!(world.run(), Ended::Completed, "{level:?}: {}", world.told());
    }
}

#[test]
fn blue_is_not_removed_while_green_is_ill() {
    let mut world = started(&quiet());
    world.until("keeping");
    let ill = seen(Level::Degraded, Some(world.now));
    tells(&mut world, ill);
    world.ticks(90);
    assert_eq!(world.phase(), "keeping");
    tells(&mut world, seen(Level::Healthy, None));
    assert_eq!(world.run(), Ended::Completed);
}

#[test]
fn what_cannot_be_read_holds_and_takes_nothing_back() {
    let mut world = started(&quiet());
    world.until("baking");
    world.health = Known::No("AccessDenied".to_owned());
    world.ticks(60);
    assert_eq!(world.phase(), "baking");
    world.health = Known::Yes(None);
    assert_eq!(world.run(), Ended::Completed);
}

#[test]
fn a_rollout_that_is_not_to_heed_the_health_checker_does_not_ask_it() {
    let mut asked = quiet();
    asked.policy.health = false;
    let mut world = started(&asked);
    world.until("baking");
    assert!(!needs(world.now, &world.ledger).health);
    let ill = seen(Level::Unhealthy, Some(world.now));
    tells(&mut world, ill);
    assert_eq!(world.run(), Ended::Completed);
}

#[test]
fn an_operators_word_goes_over_what_holds_and_not_over_harm() {
    let mut world = started(&quiet());
    world.until("baking");
    let ill = seen(Level::Degraded, Some(world.now));
    tells(&mut world, ill);
    world.ticks(20);
    world.order(request::Order::Skip);
    assert_ne!(world.phase(), "baking");
    let ill = seen(Level::Unhealthy, Some(world.now));
    tells(&mut world, ill);
    world.ticks(1);
    assert_eq!(world.run(), Ended::RolledBack);
}
