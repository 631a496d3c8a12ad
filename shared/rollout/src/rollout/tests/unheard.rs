//! An illness of the endpoint of which green cannot be asked by its name.

use proptest::prelude::*;

use super::{
    super::{
        fake::*,
        look::{HealthSeen, Known},
        *,
    },
    health::{quiet, seen},
};
use crate::{
    alert::{AlertKind, Severity},
    analysis::AnalysisPolicy,
    health::seen::Level,
};

/// Green has everything, beside a blue that failed since before it came, and nobody hears its probes.
fn unheard(request: &request::Request, traffic: Traffic) -> Fake {
    let mut world = Fake::new();
    world.traffic = traffic;
    let since = world.now;
    let ill = seen(Level::Unhealthy, Some(since));
    let passed = HealthSeen {
        failing_since: None,
        ..ill.clone()
    };
    world.health = Known::Yes(Some(passed));
    world.pass(minutes(1));
    assert!(world.start(request).accepted);
    world.until("keeping");
    world.mute = true;
    world.health = Known::Yes(Some(HealthSeen {
        failing_since: Some(world.now),
        ..ill
    }));
    world
}

fn gone_back(world: &Fake) -> bool {
    world
        .ledger
        .active
        .as_ref()
        .is_none_or(|rollout| rollout.back.is_some())
}

fn traffic(blue: f64, green: f64) -> Traffic {
    Traffic {
        requests: 600,
        blue,
        green,
        ..Traffic::default()
    }
}

#[test]
fn a_green_that_fails_everybody_goes_back_by_its_own_metrics_while_its_probes_are_throttled() {
    for blue in [0.0, 0.3, 1.0] {
        let mut world = unheard(&quiet(), traffic(blue, 1.0));
        world.ticks(5);
        assert!(gone_back(&world), "blue failed {blue}: {}", world.told());
        let active = world.ledger.active.as_ref().unwrap();
        let evidence = active.back.as_ref().unwrap().cause.evidence().join("\n");
        assert!(
            evidence.contains("what green says itself is not known: throttled"),
            "{evidence}"
        );
        assert!(evidence.contains("green's metrics, errors without blue:"), "{evidence}");
        assert_eq!(world.run(), Ended::RolledBack);
    }
}

#[test]
fn a_rollout_that_judges_errors_by_itself_is_judged_by_nothing_else() {
    let mut own = quiet();
    own.policy.analysis = Some(AnalysisPolicy::default());
    for (asked, answers) in [(own, false), (quiet(), true)] {
        let world = unheard(&asked, Traffic::default());
        let later = world.now + minutes(10);
        assert_eq!(needs(later, &world.ledger).answers.is_some(), answers);
    }
}

#[test]
fn while_both_have_traffic_a_green_that_nobody_hears_is_compared_with_blue() {
    for (green, back) in [(0.5, true), (0.02, false)] {
        let mut asked = quiet();
        asked.policy.strategy.steps[1].bake = minutes(120);
        let mut world = Fake::new();
        world.traffic = traffic(0.05, green);
        assert!(world.start(&asked).accepted);
        world.until("baking");
        world.ticks(1);
        world.mute = true;
        world.health = Known::Yes(Some(seen(Level::Unhealthy, Some(world.now))));
        world.ticks(60);
        assert_eq!(gone_back(&world), back, "{green}: {}", world.told());
    }
}

#[test]
fn an_illness_that_nothing_can_settle_is_told_within_minutes_with_the_command_that_ends_it() {
    for readable in [true, false] {
        let mut world = unheard(
            &quiet(),
            Traffic {
                readable,
                ..traffic(0.1, 0.0)
            },
        );
        world.ticks(3);
        assert_eq!(world.alerts.last().unwrap().kind, AlertKind::RolloutPromoted);
        world.ticks(4);
        let told = world.alerts.last().unwrap().clone();
        assert_eq!((told.kind, told.severity), (AlertKind::RolloutHeld, Severity::Critical));
        if readable {
            insta::assert_snapshot!(format!("{}\n{}\n{}", told.title, told.evidence.join("\n"), told.next));
        } else {
            let evidence = told.evidence.join("\n");
            assert!(
                evidence.contains("green's metrics could not be read: throttled"),
                "{evidence}"
            );
        }
        let count = world.alerts.len();
        world.ticks(30);
        assert_eq!(world.alerts.len(), count, "told once");
        assert!(!gone_back(&world), "nobody knows that it is green's");
        world.mute = false;
        world.health = Known::Yes(Some(seen(Level::Healthy, None)));
        assert_eq!(world.run(), Ended::Completed);
    }
}

#[test]
fn a_green_that_was_heard_a_moment_ago_is_given_time_to_be_heard_again() {
    let mut world = unheard(&quiet(), Traffic::default());
    world.mute = false;
    world.ticks(20);
    world.mute = true;
    world.ticks(4);
    let held = |world: &Fake| world.kinds().contains(&AlertKind::RolloutHeld);
    assert!(!held(&world), "{}", world.told());
    world.ticks(1);
    assert!(held(&world), "{}", world.told());
}

proptest! {
    #[test]
    fn a_green_that_nobody_hears_goes_back_if_it_fails_callers_and_never_if_it_fails_fewer_than_blue(
        blue in 0.0..=1.0_f64,
        better in 0.0..=0.9_f64,
        worse in 0.0..=0.03_f64,
        requests in 20_u64..5000,
        seed in any::<u64>(),
    ) {
        let played = |green: f64| {
            let mut world = unheard(&quiet(), Traffic { requests, blue, green, seed, readable: true });
            world.ticks(50);
            world
        };
        let healthy = played((blue * better).min(0.8));
        prop_assert!(!gone_back(&healthy), "{}", healthy.told());
        let ill = played(1.0 - worse);
        prop_assert!(gone_back(&ill), "{}", ill.told());
    }
}
