//! The checks: every state within the bounds of each setup, and how many there are.

use std::{io::Write, time::Instant};

use stateright::{Checker, HasDiscoveries, Model};
use steward::rollout::{
    policy::{Engine, OnDeadline},
    request::Order,
    strategy::{Step, StrategyKind},
};

use super::{
    model::Rollouts,
    moves::Move,
    rules::Rule,
    setup::{Setup, every_order, orders, step},
    state::{Asked, Left},
    view::Blind,
    world::{ALARM, Quality},
};

fn holds(setup: Setup) {
    let name = setup.name;
    let begun = Instant::now();
    let checker = Rollouts::new(setup)
        .checker()
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    let mut out = std::io::stdout().lock();
    let seconds = begun.elapsed().as_secs_f64();
    writeln!(out, "{name}: {states} states, depth {depth}, {seconds:.1} s").expect("stdout takes it");
    drop(out);
    let found = checker.discoveries();
    for rule in Rule::ALL {
        if let Some(path) = found.get(rule.name()) {
            let wrong = path.last_state().wrong.clone();
            let actions = path.clone().into_actions();
            panic!("{rule} is broken: {wrong:#?}\n{actions:?}");
        }
    }
    checker.assert_properties();
}

fn canary(name: &'static str) -> Setup {
    Setup::variants(name, vec![step(10), step(100)])
}

fn everything() -> Vec<Move> {
    let mut moves = Move::UNPROVOKED.to_vec();
    moves.extend([Move::SilentlyUndo, Move::RunOutOfCapacity, Move::Fail]);
    moves
}

#[test]
fn a_canary_with_nothing_in_its_way_completes() {
    holds(canary("canary"));
}

#[test]
fn every_trouble_at_every_point() {
    let mut setup = canary("one trouble").with_faults();
    setup.scaled = true;
    setup.moves = everything();
    setup.left.troubles = 1;
    setup.left.deaths = 1;
    setup.reaches = vec![
        "alarm",
        "analysis",
        "smoke",
        "sagemaker",
        "endpoint",
        "taken-over",
        "refused",
    ];
    holds(setup);
}

#[test]
fn green_falls_ill_and_only_the_health_checker_notices() {
    let mut setup = canary("health");
    setup.blinds = vec![Blind::Metrics];
    setup.policy.health = true;
    setup.policy.analysis = None;
    setup.policy.alarms.clear();
    setup.policy.smoke = false;
    setup.moves = vec![Move::Turn(Quality::Worse), Move::Turn(Quality::Silent)];
    setup.left.troubles = 2;
    setup.left.leaps = 1;
    setup.reaches = vec!["health", "deadline"];
    holds(setup);
}

#[test]
fn every_command_at_every_point() {
    let mut setup = canary("commands");
    setup.orders = every_order();
    setup.left.orders = 2;
    setup.reaches = vec!["operator"];
    holds(setup);
}

#[test]
fn two_invocations_at_once_with_an_abort() {
    let mut setup = canary("overlaps");
    setup.scaled = true;
    setup.orders = orders(&[Order::Abort]);
    setup.left.orders = 1;
    setup.left.overlaps = 1;
    setup.reaches = vec!["operator", "late"];
    holds(setup);
}

#[test]
fn an_alarm_whose_event_is_lost_late_or_told_again() {
    let mut setup = canary("alarm");
    setup.moves = vec![Move::Ring, Move::Calm];
    setup.left.troubles = 2;
    setup.left.events = 2;
    setup.reaches = vec!["alarm"];
    holds(setup);
}

#[test]
fn an_alarm_that_wakes_a_second_invocation() {
    let mut setup = canary("alarm, overlaps");
    setup.moves = vec![Move::Ring];
    setup.left.troubles = 1;
    setup.left.events = 1;
    setup.left.overlaps = 1;
    setup.reaches = vec!["alarm"];
    holds(setup);
}

#[test]
fn an_alarm_that_loses_its_data_and_finds_it_again_or_not() {
    let mut setup = canary("alarm without data");
    setup.moves = vec![Move::Hush, Move::Speak, Move::Ring];
    setup.blinds = vec![Blind::Alarms];
    setup.left.troubles = 2;
    setup.left.leaps = 1;
    setup.reaches = vec!["alarm", "deadline"];
    holds(setup);
}

#[test]
fn an_alarm_of_the_first_step_alone_rings_at_every_point_and_is_told_late_or_again() {
    let mut first = step(10);
    first.alarms.push(ALARM.to_owned());
    let mut setup = Setup::variants("alarm of a step", vec![first, step(100)]);
    setup.policy.alarms.clear();
    setup.moves = vec![Move::Ring, Move::Calm];
    setup.left.troubles = 2;
    setup.left.events = 2;
    setup.reaches = vec!["alarm"];
    holds(setup);
}

fn gated(name: &'static str, on_deadline: OnDeadline) -> Setup {
    let gate = Step {
        gate: true,
        smoke: true,
        ..step(50)
    };
    let mut setup = Setup::variants(name, vec![gate, step(100)]);
    setup.policy.on_deadline = on_deadline;
    setup.moves = vec![Move::Ring, Move::Turn(Quality::Silent), Move::Turn(Quality::Sick)];
    setup.left = Left {
        troubles: 1,
        passes: 4,
        leaps: 1,
        ..Left::default()
    };
    setup.reaches = vec!["deadline", "alarm", "smoke"];
    setup
}

#[test]
fn a_gate_that_nobody_opens() {
    let mut setup = gated("gate, abort", OnDeadline::Abort);
    // Nobody promotes: it never completes.
    setup.completes = false;
    holds(setup);
}

#[test]
fn a_gate_that_opens_by_itself() {
    holds(gated("gate, promote", OnDeadline::Promote));
}

#[test]
fn a_gate_with_operators() {
    let mut setup = gated("gate, commands", OnDeadline::Abort);
    setup.orders = orders(&[Order::Promote, Order::PromoteFull, Order::Pause, Order::Resume]);
    setup.left.orders = 2;
    setup.left.troubles = 0;
    setup.reaches = vec!["deadline"];
    holds(setup);
}

#[test]
fn two_gates_and_orders_that_come_twice() {
    let gate = |percent| Step {
        gate: true,
        ..step(percent)
    };
    let mut setup = Setup::variants("two gates", vec![gate(10), gate(50), step(100)]);
    setup.policy.smoke = false;
    setup.policy.analysis = None;
    setup.orders = orders(&[Order::Promote, Order::Skip]);
    setup.left.orders = 2;
    setup.left.overlaps = 1;
    setup.left.passes = 5;
    holds(setup);
}

#[test]
fn two_starts_at_once() {
    let mut setup = Setup::variants("starts", vec![step(100)]);
    setup.idle = true;
    setup.policy.smoke = false;
    setup.orders = vec![Asked::Start(0), Asked::Start(1)];
    setup.left.orders = 2;
    setup.left.overlaps = 1;
    setup.left.passes = 3;
    holds(setup);
}

#[test]
fn a_retry_after_an_abort() {
    let mut setup = Setup::variants("retry", vec![step(100)]);
    setup.policy.smoke = false;
    setup.orders = vec![Asked::Order(Order::Abort), Asked::Retry];
    setup.left.orders = 2;
    setup.left.passes = 5;
    setup.reaches = vec!["operator"];
    holds(setup);
}

#[test]
fn a_completed_rollout_is_taken_back_and_tidied_up_after() {
    let mut setup = Setup::variants("rollback", vec![step(100)]).with_faults();
    setup.scaled = true;
    setup.orders = orders(&[Order::Rollback]);
    setup.left = Left {
        orders: 1,
        troubles: 1,
        passes: 4,
        leaps: 1,
        ..Left::default()
    };
    setup.reaches = vec!["operator"];
    holds(setup);
}

/// Blue is scaled by a step policy, too.
fn stepped(name: &'static str) -> Setup {
    let mut setup = Setup::variants(name, vec![step(100)]);
    setup.policy.smoke = false;
    setup.scaled = true;
    setup.stepped = true;
    setup
}

#[test]
fn the_alarm_of_a_step_policy_goes_where_the_traffic_goes() {
    let mut setup = stepped("step policy").with_faults();
    setup.moves = vec![Move::Ring];
    setup.left.troubles = 1;
    setup.left.deaths = 1;
    setup.reaches = vec!["alarm"];
    holds(setup);
}

#[test]
fn the_alarm_of_a_step_policy_with_a_call_that_comes_late() {
    let mut setup = stepped("step policy, overlaps");
    setup.orders = orders(&[Order::Abort, Order::Rollback]);
    setup.left.orders = 1;
    setup.left.overlaps = 1;
    setup.reaches = vec!["operator"];
    holds(setup);
}

/// From any moment on there are no instances, for longer than a phase may last.
fn short(name: &'static str) -> Setup {
    let mut setup = Setup::variants(name, vec![step(100)]);
    setup.policy.smoke = false;
    setup.scaled = true;
    setup.moves = vec![Move::Shortage, Move::Quota];
    setup.left.troubles = 1;
    setup.left.deaths = 1;
    setup
}

#[test]
fn green_grows_with_the_traffic_and_is_taken_back() {
    let mut setup = Setup::variants("growth", vec![step(100)]);
    setup.policy.smoke = false;
    setup.scaled = true;
    setup.moves = vec![Move::GreenGrows];
    setup.orders = orders(&[Order::Abort]);
    setup.left = Left {
        orders: 1,
        troubles: 2,
        deaths: 1,
        passes: 6,
        ..Left::default()
    };
    setup.reaches = vec!["operator"];
    holds(setup);
}

#[test]
fn a_shortage_of_instances_that_lasts() {
    let mut setup = short("shortage");
    setup.reaches = vec!["sagemaker"];
    holds(setup);
}

#[test]
fn a_way_back_without_instances_that_an_operator_may_end() {
    let mut setup = short("shortage, rollback");
    setup.orders = orders(&[Order::Rollback, Order::Abort]);
    setup.left.orders = 2;
    setup.left.passes = 6;
    setup.reaches = vec!["operator"];
    holds(setup);
}

#[test]
fn a_way_back_of_sagemakers_own_engine_without_instances() {
    let mut setup = native("guardrails, shortage", Engine::Guardrails);
    setup.lucks.clear();
    setup.blinds.clear();
    setup.moves = vec![Move::Shortage];
    setup.orders = orders(&[Order::Rollback, Order::Abort]);
    setup.left.orders = 2;
    setup.left.troubles = 1;
    setup.reaches = vec!["operator", "sagemaker"];
    holds(setup);
}

fn native(name: &'static str, engine: Engine) -> Setup {
    let mut setup = Setup::native(name, engine, StrategyKind::AllAtOnce, vec![step(100)]).with_faults();
    setup.left.passes = 2;
    setup
}

fn component(name: &'static str) -> Setup {
    let mut setup = native(name, Engine::Rolling);
    setup.component = true;
    setup.policy.analysis = None;
    setup
}

/// Everything that may go wrong, once.
fn troubled(mut setup: Setup) -> Setup {
    setup.moves = everything();
    setup.left.troubles = 1;
    setup.left.deaths = 1;
    setup.reaches = vec!["alarm", "sagemaker", "endpoint"];
    setup
}

/// A second invocation, and an operator who stops it or takes it back.
fn crowded(mut setup: Setup) -> Setup {
    setup.orders = orders(&[Order::Abort, Order::Rollback]);
    setup.left.orders = 1;
    setup.left.overlaps = 1;
    setup.reaches = vec!["operator"];
    setup
}

#[test]
fn sagemakers_own_blue_green_with_every_trouble() {
    holds(troubled(native("guardrails, one trouble", Engine::Guardrails)));
}

#[test]
fn sagemakers_own_blue_green_stopped_and_taken_back() {
    holds(crowded(native("guardrails, overlaps", Engine::Guardrails)));
}

#[test]
fn an_inference_component_with_every_trouble() {
    holds(troubled(component("component, one trouble")));
}

#[test]
fn an_inference_component_that_falls_ill_while_calls_fail_and_functions_die() {
    let mut setup = component("component, ill, two troubles");
    setup.policy.health = true;
    setup.moves = vec![Move::Turn(Quality::Worse)];
    setup.left.troubles = 2;
    setup.left.deaths = 1;
    setup.reaches = vec!["health"];
    holds(setup);
}

#[test]
fn an_inference_component_stopped_and_taken_back() {
    holds(crowded(component("component, overlaps")));
}

#[test]
#[ignore = "takes long; docs/decisions/0013 says how to run it"]
fn any_two_troubles() {
    let mut setup = canary("two troubles").with_faults();
    setup.scaled = true;
    setup.moves = everything();
    setup.left.troubles = 2;
    setup.left.deaths = 1;
    setup.left.events = 1;
    holds(setup);
}

#[test]
#[ignore = "takes long; docs/decisions/0013 says how to run it"]
fn commands_with_hours_without_a_tick() {
    let mut setup = canary("commands and leaps");
    setup.orders = every_order();
    setup.left = Left {
        orders: 2,
        passes: 5,
        leaps: 1,
        ..Left::default()
    };
    setup.reaches = vec!["operator", "deadline"];
    holds(setup);
}

#[test]
#[ignore = "takes long; docs/decisions/0013 says how to run it"]
fn two_invocations_at_once_with_any_command_and_a_trouble() {
    let mut setup = canary("overlaps, commands, a trouble").with_faults();
    setup.scaled = true;
    setup.moves = everything();
    setup.orders = orders(&[Order::Abort, Order::PromoteFull, Order::Skip]);
    setup.left.orders = 1;
    setup.left.overlaps = 1;
    setup.left.troubles = 1;
    holds(setup);
}
