//! Each rule, broken on purpose once, is found broken: by its name, on a path short enough to read.

use std::io::Write;

use stateright::{Checker, HasDiscoveries, Model};
use steward::rollout::{policy::Engine, request::Order, strategy::StrategyKind};

use super::{
    broken::Sabotage,
    model::Rollouts,
    moves::Move,
    rules::Rule,
    setup::{Setup, orders, step},
    state::Left,
    world::Quality,
};

/// The longest path that a person reads.
const READABLE: usize = 60;

fn spoilt(sabotage: Sabotage) -> Setup {
    let mut setup = Setup::variants("spoilt", vec![step(10), step(100)]);
    setup.sabotage = Some(sabotage);
    setup.fair = false;
    setup
}

fn is_caught(setup: Setup, rule: Rule) {
    let sabotage = setup.sabotage.expect("something is broken");
    let checker = Rollouts::new(setup)
        .checker()
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let found = checker.discoveries();
    let names: Vec<&str> = found.keys().copied().collect();
    assert_eq!(names, [rule.name()], "{sabotage:?} was not found, or not by its name");
    let path = &found[rule.name()];
    let said = &path.last_state().wrong;
    let actions = path.clone().into_actions();
    writeln!(
        std::io::stdout(),
        "{sabotage:?}: {said:?} after {} actions",
        actions.len()
    )
    .expect("stdout takes it");
    assert!(actions.len() <= READABLE, "{actions:#?}");
}

#[test]
fn green_that_grows_in_the_middle_of_a_bake_breaks_the_first_rule() {
    is_caught(spoilt(Sabotage::SkipsTheBake), Rule::Gates);
}

/// Its first step waits at a gate.
fn gated(sabotage: Sabotage, sent: &[Order]) -> Setup {
    let mut setup = spoilt(sabotage);
    setup.policy.strategy.steps[0].gate = true;
    setup.policy.smoke = false;
    setup.orders = orders(sent);
    setup.left.orders = 1;
    setup
}

#[test]
fn a_gate_that_is_opened_by_an_order_from_before_it_was_open_breaks_the_first_rule() {
    is_caught(gated(Sabotage::OpensTheGate, &[Order::Skip]), Rule::Gates);
}

#[test]
fn a_promote_that_goes_past_more_than_the_gate_it_opens_breaks_the_first_rule() {
    is_caught(gated(Sabotage::PromotesTooMuch, &[Order::Promote]), Rule::Gates);
}

#[test]
fn green_that_grows_while_it_is_taken_back_breaks_the_second_rule() {
    let mut setup = spoilt(Sabotage::RaisesAfterwards);
    setup.orders = orders(&[Order::Abort]);
    setup.left.orders = 1;
    is_caught(setup, Rule::NeverUpAgain);
}

#[test]
fn a_forgotten_decision_to_go_back_breaks_the_second_rule() {
    let mut setup = spoilt(Sabotage::ForgetsToGoBack);
    setup.orders = orders(&[Order::Abort]);
    setup.left.orders = 1;
    is_caught(setup, Rule::NeverUpAgain);
}

#[test]
fn weights_of_zero_break_the_third_rule() {
    is_caught(spoilt(Sabotage::WeighsNothing), Rule::Capacity);
}

#[test]
fn a_blue_that_shrinks_too_early_breaks_the_third_rule() {
    is_caught(spoilt(Sabotage::ShrinksBlue), Rule::Capacity);
}

#[test]
fn a_blue_that_does_not_grow_with_the_traffic_breaks_the_third_rule() {
    let mut setup = spoilt(Sabotage::LeavesBlueSmall);
    setup.policy.strategy.steps = vec![step(100)];
    setup.policy.smoke = false;
    setup.scaled = true;
    setup.moves = vec![Move::GreenGrows];
    setup.orders = orders(&[Order::Abort]);
    setup.left.orders = 1;
    setup.left.troubles = 1;
    is_caught(setup, Rule::Capacity);
}

#[test]
fn a_live_config_that_is_deleted_breaks_the_fourth_rule() {
    is_caught(spoilt(Sabotage::DeletesWhatServes), Rule::Safekeeping);
}

#[test]
fn a_scaled_blue_that_is_removed_breaks_the_fourth_rule() {
    let mut setup = spoilt(Sabotage::RemovesTheScaled);
    setup.scaled = true;
    is_caught(setup, Rule::Safekeeping);
}

#[test]
fn completed_said_too_early_breaks_the_fifth_rule() {
    is_caught(spoilt(Sabotage::CompletesEarly), Rule::Truth);
}

#[test]
fn rolled_back_said_too_early_breaks_the_fifth_rule() {
    let mut setup = spoilt(Sabotage::EndsAtOnce);
    setup.orders = orders(&[Order::Abort]);
    setup.left = Left {
        orders: 1,
        ..setup.left
    };
    is_caught(setup, Rule::Truth);
}

#[test]
fn a_rollback_that_never_acts_breaks_the_sixth_rule() {
    let mut setup = spoilt(Sabotage::NeverGivesBack);
    setup.fair = true;
    setup.orders = orders(&[Order::Abort]);
    setup.left.orders = 1;
    is_caught(setup, Rule::Ends);
}

#[test]
fn lost_alerts_break_the_seventh_rule() {
    is_caught(spoilt(Sabotage::LosesAlerts), Rule::Told);
}

#[test]
fn alerts_told_twice_break_the_seventh_rule() {
    is_caught(spoilt(Sabotage::TellsTwice), Rule::Told);
}

#[test]
fn an_alarm_that_is_ignored_breaks_the_eighth_rule() {
    let mut setup = spoilt(Sabotage::IgnoresHarm);
    setup.moves = vec![Move::Ring];
    setup.left.troubles = 1;
    is_caught(setup, Rule::Harm);
}

#[test]
fn an_illness_that_is_ignored_breaks_the_eighth_rule() {
    let mut setup = spoilt(Sabotage::IgnoresHarm);
    setup.policy.health = true;
    setup.policy.analysis = None;
    setup.moves = vec![Move::Turn(Quality::Worse)];
    setup.left.troubles = 1;
    is_caught(setup, Rule::Harm);
}

#[test]
fn a_component_that_is_completed_though_nobody_asked_for_its_health_breaks_the_eighth_rule() {
    let mut setup = Setup::native("spoilt", Engine::Rolling, StrategyKind::AllAtOnce, vec![step(100)]);
    setup.component = true;
    setup.policy.analysis = None;
    setup.policy.health = true;
    setup.sabotage = Some(Sabotage::CompletesUnheard);
    setup.fair = false;
    setup.left.deaths = 1;
    is_caught(setup, Rule::Harm);
}

#[test]
fn a_decision_that_never_comes_to_rest_breaks_the_ninth_rule() {
    let mut setup = spoilt(Sabotage::Fidgets);
    setup.fair = true;
    is_caught(setup, Rule::Rest);
}

#[test]
fn what_serves_and_is_not_scaled_again_breaks_the_eleventh_rule() {
    let mut setup = spoilt(Sabotage::KeepsScaling);
    setup.policy.strategy.steps = vec![step(100)];
    setup.policy.smoke = false;
    setup.scaled = true;
    setup.fair = true;
    setup.moves = vec![Move::Shortage];
    setup.orders = orders(&[Order::Rollback]);
    setup.left.orders = 1;
    setup.left.troubles = 1;
    is_caught(setup, Rule::Scaled);
}

#[test]
fn a_good_green_that_goes_because_blue_cannot_be_removed_breaks_the_twelfth_rule() {
    is_caught(spoilt(Sabotage::GivesUp), Rule::Kept);
}

#[test]
fn alarms_that_are_left_where_they_were_break_the_fifth_rule() {
    let mut setup = spoilt(Sabotage::LeavesAlarms);
    setup.policy.strategy.steps = vec![step(100)];
    setup.policy.smoke = false;
    setup.policy.analysis = None;
    setup.scaled = true;
    setup.stepped = true;
    is_caught(setup, Rule::Truth);
}
