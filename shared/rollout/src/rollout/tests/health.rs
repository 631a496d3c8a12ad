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

pub(super) fn seen(level: Level, ill_since: Option<Timestamp>) -> HealthSeen {
    HealthSeen {
        level,
        ill_since,
        failing_since: ill_since,
        counted: None,
        evidence: vec!["golden: 500 in 12 ms".to_owned()],
        proven: Default::default(),
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
pub(super) fn quiet() -> request::Request {
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
        world.healthy = false;
        assert_eq!(world.run(), Ended::RolledBack, "{phase}: {}", world.told());
        let cause = world.ledger.history[0].cause.clone().unwrap();
        assert_eq!(cause.label(), "health", "{phase}");
        let said = "the health checker found it unhealthy: golden: 500 in 12 ms";
        assert!(cause.to_string().starts_with(said), "{cause}");
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
        world.healthy = false;
        world.ticks(60);
        assert_eq!(world.phase(), "baking", "{level:?}");
        let look = world.look(&needs(world.now, &world.ledger));
        let said = status(&world.facts(), &world.ledger, Some(&look));
        assert!(
            said.contains("the health checker finds the endpoint ill: golden: 500 in 12 ms"),
            "{said}"
        );
        tells(&mut world, seen(Level::Healthy, None));
        world.healthy = true;
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
    world.healthy = false;
    world.ticks(20);
    world.order(request::Order::Skip);
    assert_ne!(world.phase(), "baking");
    let ill = seen(Level::Unhealthy, Some(world.now));
    tells(&mut world, ill);
    world.ticks(1);
    assert_eq!(world.run(), Ended::RolledBack);
}

/// Unhealthy since then, by a check that failed now.
fn fails_again(world: &mut Fake, since: Timestamp) {
    let mut ill = seen(Level::Unhealthy, Some(since));
    ill.failing_since = Some(world.now);
    tells(world, ill);
}

#[test]
fn an_illness_of_blues_that_a_check_of_green_interrupts_is_not_taken_for_greens() {
    for asked in [quiet(), super::native::canary("one")] {
        let mut world = Fake::new();
        let before = world.now;
        fails_again(&mut world, before);
        world.pass(minutes(1));
        assert!(world.start(&asked).accepted);
        for minute in 0..300 {
            if world.ledger.active.is_none() {
                break;
            }
            // Three checks of four are sent to blue, and fail.
            match minute % 4 {
                0 => {
                    let mut passed = seen(Level::Unhealthy, Some(before));
                    passed.failing_since = None;
                    tells(&mut world, passed);
                }
                1 => fails_again(&mut world, before),
                _ => {}
            }
            world.ticks(1);
        }
        assert_eq!(world.ledger.history.len(), 1, "{}", world.told());
        assert_eq!(world.ledger.history[0].outcome, Ended::Completed, "{}", world.told());
    }
}

#[test]
fn while_both_have_traffic_an_illness_of_the_endpoint_is_greens_if_green_fails_when_it_is_asked_by_its_name() {
    for healthy in [true, false] {
        let mut world = started(&quiet());
        world.until("baking");
        world.ticks(2);
        let now = world.now;
        fails_again(&mut world, now);
        world.healthy = healthy;
        world.ticks(1);
        let back = world.ledger.active.as_ref().unwrap().back.clone();
        assert_eq!(back.is_some(), !healthy);
        if healthy {
            world.ticks(30);
            assert!(world.share("green") > 0.1, "an illness of blue's holds nothing");
        } else {
            let said = back.unwrap().cause.to_string();
            assert!(said.contains("green, asked by its name: golden: 500"), "{said}");
        }
    }
}

#[test]
fn an_illness_of_which_green_says_nothing_holds_and_takes_nothing_back() {
    let mut world = started(&quiet());
    world.until("baking");
    let now = world.now;
    fails_again(&mut world, now);
    world.mute = true;
    world.ticks(20);
    // A check that blue passed ends no illness.
    tells(
        &mut world,
        HealthSeen {
            failing_since: None,
            ..seen(Level::Unhealthy, Some(now))
        },
    );
    world.ticks(20);
    assert_eq!(world.phase(), "baking");
    assert!(world.told().contains("what green says itself is not known: throttled"));
    world.mute = false;
    assert_eq!(world.run(), Ended::Completed);
}

#[test]
fn what_begins_to_fail_when_green_has_all_of_the_traffic_is_greens_without_asking_it() {
    let mut world = started(&quiet());
    world.until("keeping");
    let rollout = world.ledger.active.clone().unwrap();
    let last = rollout.judged_from.unwrap();
    // From the step before: that was blue's as likely as green's.
    let before = last - minutes(1);
    tells(&mut world, seen(Level::Unhealthy, Some(before)));
    world.ticks(3);
    assert_eq!(world.phase(), "keeping");
    fails_again(&mut world, before);
    world.ticks(1);
    let back = world.ledger.active.as_ref().unwrap().back.as_ref().unwrap();
    assert_eq!(back.cause.label(), "health");
}

#[test]
fn a_green_that_breaks_with_all_of_the_traffic_is_found_though_the_endpoint_was_never_well_before() {
    for healthy in [true, false] {
        let mut world = Fake::new();
        let before = world.now;
        fails_again(&mut world, before);
        world.pass(minutes(1));
        assert!(world.start(&quiet()).accepted);
        world.until("keeping");
        world.ticks(2);
        fails_again(&mut world, before);
        world.healthy = healthy;
        world.ticks(1);
        assert_eq!(world.ledger.active.as_ref().unwrap().back.is_some(), !healthy);
    }
}

#[test]
fn with_sagemakers_engines_an_endpoint_that_was_unhealthy_when_green_came_is_not_judged_by_its_health() {
    for ill_before in [true, false] {
        let mut world = Fake::new();
        world.slow = minutes(30);
        let before = world.now;
        if ill_before {
            fails_again(&mut world, before);
        }
        world.pass(minutes(1));
        assert!(world.start(&super::native::canary("one")).accepted);
        world.ticks(5);
        // Two checks in a row met green, and then blue again.
        tells(&mut world, seen(Level::Healthy, None));
        world.ticks(2);
        let now = world.now;
        fails_again(&mut world, now);
        let wanted = if ill_before {
            Ended::Completed
        } else {
            Ended::RolledBack
        };
        assert_eq!(world.run(), wanted, "{}", world.told());
    }
}

#[test]
fn rounds_that_green_was_asked_are_no_traffic_of_its_step() {
    let mut asked = request("one");
    asked.policy.strategy.steps[0].bake = minutes(40);
    let mut world = started(&asked);
    world.until("baking");
    let rounds = |world: &Fake| needs(world.now, &world.ledger).analysis.unwrap().rounds;
    world.ticks(5);
    assert_eq!(rounds(&world), 0);
    let now = world.now;
    fails_again(&mut world, now);
    world.ticks(10);
    assert_eq!(rounds(&world), 10);
    tells(&mut world, seen(Level::Healthy, None));
    world.ticks(40);
    assert_eq!(rounds(&world), 0, "{}", world.told());
}

#[test]
fn a_step_does_not_pass_on_health_that_was_measured_before_green_had_its_share() {
    let mut asked = quiet();
    asked.policy.strategy.steps[0].bake = minutes(3);
    let mut world = started(&asked);
    tells(&mut world, seen(Level::Healthy, None));
    world.until("shifting");
    world.unchecked = Some(world.now);
    world.until("baking");
    world.ticks(5);
    assert_eq!(world.phase(), "baking");
    let look = world.look(&needs(world.now, &world.ledger));
    let said = status(&world.facts(), &world.ledger, Some(&look));
    assert!(said.contains("before green had its present share"), "{said}");
    world.unchecked = None;
    assert_eq!(world.run(), Ended::Completed, "{}", world.told());
}

#[test]
fn health_that_nobody_measures_any_more_holds_every_pass_and_is_no_harm() {
    for phase in ["baking", "keeping"] {
        let mut world = started(&quiet());
        tells(&mut world, seen(Level::Healthy, None));
        world.until(phase);
        world.ticks(1);
        world.unchecked = Some(world.now);
        world.ticks(100);
        assert_eq!(world.phase(), phase);
        assert!(world.ledger.active.as_ref().unwrap().back.is_none());
        let held = world.alerts.last().unwrap();
        assert_eq!(held.kind, crate::alert::AlertKind::RolloutHeld);
        assert!(
            held.title.contains("the health checker last heard this endpoint at"),
            "{}",
            held.title
        );
        assert!(held.title.contains("`health: false`"), "{}", held.title);
        let look = world.look(&needs(world.now, &world.ledger));
        let said = status(&world.facts(), &world.ledger, Some(&look));
        assert!(said.contains("health: healthy when last heard"), "{said}");
        world.unchecked = None;
        assert_eq!(world.run(), Ended::Completed, "{phase}: {}", world.told());
    }
}

#[test]
fn an_operators_word_goes_over_health_that_nobody_measures() {
    let mut world = started(&quiet());
    tells(&mut world, seen(Level::Healthy, None));
    world.unchecked = Some(world.now);
    world.until("baking");
    world.ticks(30);
    world.order(request::Order::Skip);
    assert_ne!(world.phase(), "baking");
}

#[test]
fn a_green_that_fails_with_all_of_the_traffic_goes_back_though_blue_failed_as_long_as_it_had_any() {
    for healthy in [true, false] {
        let mut world = Fake::new();
        let before = world.now;
        fails_again(&mut world, before);
        world.pass(minutes(1));
        assert!(world.start(&quiet()).accepted);
        world.until("keeping");
        world.ticks(1);
        // No check has passed since blue began to fail.
        tells(&mut world, seen(Level::Unhealthy, Some(before)));
        world.healthy = healthy;
        world.ticks(1);
        assert_eq!(world.ledger.active.as_ref().unwrap().back.is_some(), !healthy);
    }
}
