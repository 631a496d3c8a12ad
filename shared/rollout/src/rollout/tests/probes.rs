//! What of the traffic may be the health checker's own.

use super::super::{fake::*, look::Window, *};
use crate::{analysis::Probes, fleet::Fleet, health::policy::HealthPolicy};

fn health(probes: &str) -> HealthPolicy {
    let file = format!("version: 1\nendpoints: {{ fraud: {{ health: {{ probes: {probes} }} }} }}\n");
    let fleet = Fleet::parse(&file, "test").unwrap();
    fleet.health_for(ENDPOINT, None).unwrap()
}

/// The window of a bake that has lasted an hour, at 10%.
fn an_hour() -> Window {
    let mut asked = request("one");
    asked.policy.strategy.steps[0].bake = minutes(120);
    let mut world = Fake::new();
    world.start(&asked);
    world.until("baking");
    world.ticks(62);
    let window = needs(world.now, &world.ledger).analysis.unwrap();
    let lasts = window.to.duration_since(window.from).as_secs() / 60;
    assert!((58..=61).contains(&lasts), "{window:?}");
    window
}

fn most(probes: &[Probes; 2]) -> [u64; 2] {
    probes.map(|probes| match probes {
        Probes::AtMost(most) => most,
        Probes::Unknown => u64::MAX,
    })
}

#[test]
fn each_check_asks_both_variants_or_the_one_that_the_weights_choose() {
    let window = an_hour();
    let of_each = health("[{name: golden, payload: {a: 1}, per_variant: true}]");
    let [green, blue] = most(&window.probes(Some(&of_each)));
    assert!((64..=75).contains(&green) && green == blue, "{green} {blue}");
    let routed = health("[{name: golden, payload: {a: 1}}]");
    let [green, blue] = most(&window.probes(Some(&routed)));
    assert!((6..=8).contains(&green) && (57..=68).contains(&blue), "{green} {blue}");
    assert_eq!(most(&window.probes(None)), [0, 0]);
    let off = HealthPolicy {
        enabled: false,
        ..of_each
    };
    assert_eq!(most(&window.probes(Some(&off))), [0, 0]);
}

#[test]
fn where_sagemaker_moves_the_traffic_all_of_them_may_be_greens() {
    let window = Window {
        share: None,
        ..an_hour()
    };
    let routed = health("[{name: golden, payload: {a: 1}}]");
    let [green, blue] = most(&window.probes(Some(&routed)));
    assert!((64..=75).contains(&green) && green == blue, "{green} {blue}");
}

#[test]
fn a_round_that_was_sent_to_green_itself_brings_all_of_the_probes_to_green_alone() {
    let policy = health("[{name: golden, payload: {a: 1}, per_variant: true}, {name: routed, payload: {a: 1}}]");
    let without = most(&an_hour().probes(Some(&policy)));
    let with = Window { rounds: 7, ..an_hour() };
    let with = most(&with.probes(Some(&policy)));
    assert_eq!(with, [without[0] + 14, without[1]]);
}
