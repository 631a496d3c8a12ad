//! What the checker found in the decisions, mended since: the same paths again, as far as they still can be gone.

use stateright::Model;
use steward::rollout::{policy::Engine, request::Order, strategy::StrategyKind};

use super::{
    calls::Luck,
    model::{Action, Rollouts},
    moves::Move,
    setup::{Setup, orders, step},
    state::{Asked, Left},
};

/// `look`, `write` and `call` are the steps of the invocation with the number that follows; `cut` is a call that is cut
/// after its effect.
fn action(word: &str) -> Action {
    let (verb, number) = word.split_at(word.find(|c: char| c.is_ascii_digit()).unwrap_or(word.len()));
    let number: usize = if number.is_empty() {
        0
    } else {
        number.parse().expect("a number")
    };
    let order = |order| Action::Order(Asked::Order(order));
    match verb {
        "tick" => Action::Tick,
        "look" => Action::Round(number, None),
        "write" => Action::Commit(number),
        "call" => Action::Call(number, Luck::Fair),
        "cut" => Action::Call(number, Luck::CutAfter),
        "finish" => Action::Move(Move::Finish),
        "shift" => Action::Move(Move::StrangerShifts),
        "deploy" => Action::Move(Move::StrangerDeploys),
        "maintain" => Action::Move(Move::Maintain),
        "pass" => Action::Pass,
        "leap" => Action::Leap(u16::try_from(number).expect("minutes")),
        "abort" => order(Order::Abort),
        "pause" => order(Order::Pause),
        "resume" => order(Order::Resume),
        "rollback" => order(Order::Rollback),
        _ => panic!("{word} is no action"),
    }
}

/// Steps that the path cannot take any more are left out; at least two thirds have to be left, or it shows nothing.
fn is_well(setup: Setup, path: &str) {
    let model = Rollouts::new(setup);
    let mut state = model.init_states().remove(0);
    let mut left_out = Vec::new();
    let words: Vec<&str> = path.split_whitespace().collect();
    for word in &words {
        let action = action(word);
        let mut possible = Vec::new();
        model.actions(&state, &mut possible);
        let next = possible
            .contains(&action)
            .then(|| model.next_state(&state, action))
            .flatten();
        match next {
            Some(next) => state = next,
            None => left_out.push(*word),
        }
        assert!(state.wrong.is_empty(), "after {word}: {:#?}", state.wrong);
    }
    assert!(3 * left_out.len() <= words.len(), "too much is left out: {left_out:?}");
}

fn canary(scaled: bool, asked: &[Order]) -> Setup {
    let mut setup = Setup::variants("found", vec![step(10), step(100)]);
    setup.scaled = scaled;
    setup.orders = orders(asked);
    setup.moves = vec![Move::StrangerShifts];
    setup.left = Left {
        orders: 2,
        overlaps: 1,
        passes: 6,
        troubles: 1,
        leaps: 1,
        ..Left::default()
    };
    setup
}

/// Both variants are in force, and green has its first share.
const SCALED_FIRST_STEP: &str = "tick look write call look write call look write call finish look write look write look write call \
                                 look write call finish look write look write pass tick look write call";

#[test]
fn a_late_suspension_does_not_outlive_the_rollout() {
    is_well(
        canary(true, &[Order::Abort]),
        "tick look write abort look1 write1 call0",
    );
}

#[test]
fn a_paused_rollout_does_not_go_on_by_itself_at_its_deadline() {
    let path = "tick look write call look write call finish look write look write call look write pause look write";
    is_well(canary(false, &[Order::Pause]), path);
}

#[test]
fn a_pause_that_lasts_past_the_deadline_bakes_nothing() {
    let path = "tick look write call look write call finish look write look write call look write pause finish look write \
                leap300 resume look write";
    is_well(canary(false, &[Order::Pause, Order::Resume]), path);
}

#[test]
fn a_late_registration_of_green_is_taken_back_too() {
    let path = format!(
        "{SCALED_FIRST_STEP} abort finish look0 write0 look1 write1 call1 finish look1 write1 look1 write1 call1 \
         look1 write1 call1 call0"
    );
    is_well(canary(true, &[Order::Abort]), &path);
}

#[test]
fn late_weights_do_not_leave_blue_alone_without_weight() {
    let path = format!(
        "{SCALED_FIRST_STEP} abort finish look0 write0 call0 look0 write0 look1 write1 call1 finish look1 write1 look1 \
         write1 call1 look1 write1 call1 look1 call0 write1 finish call1"
    );
    is_well(canary(true, &[Order::Abort]), &path);
}

/// Green has all the traffic, and the update that removes blue is about to be asked for.
const ABOUT_TO_REMOVE: &str = "finish look write call finish look write look write pass tick look write look write call look \
                               write look write pass tick look write look write call look write call look write";

#[test]
fn a_late_removal_of_blue_does_not_leave_green_alone_without_weight() {
    let path = format!("{SCALED_FIRST_STEP} {ABOUT_TO_REMOVE} abort look1 write1 call1 finish call0");
    is_well(canary(true, &[Order::Abort]), &path);
}

#[test]
fn weights_that_somebody_moves_before_blue_is_removed_do_not_hold_it_for_ever() {
    is_well(
        canary(true, &[]),
        &format!("{SCALED_FIRST_STEP} {ABOUT_TO_REMOVE} shift"),
    );
}

#[test]
fn autoscaling_that_was_given_back_halfway_is_given_back_whole() {
    let mut setup = Setup::variants("found", vec![step(100)]).with_faults();
    setup.scaled = true;
    setup.orders = orders(&[Order::Rollback]);
    setup.left = Left {
        orders: 1,
        troubles: 1,
        passes: 4,
        leaps: 1,
        ..Left::default()
    };
    let path = "tick look write call look write call look write call finish look write look write look write call look write \
                call finish look write look write leap60 tick look write look write call look write look write pass tick look write \
                look write call look write call look write call finish look write look write call look write rollback look \
                write look write call look write call look write call finish look write cut";
    is_well(setup, path);
}

fn guardrails() -> Setup {
    let mut setup = Setup::native("found", Engine::Guardrails, StrategyKind::AllAtOnce, vec![step(100)]);
    setup.moves = vec![Move::StrangerDeploys, Move::Maintain];
    setup.orders = orders(&[Order::Abort]);
    setup.left = Left {
        orders: 1,
        overlaps: 1,
        troubles: 1,
        passes: 3,
        ..Left::default()
    };
    setup
}

#[test]
fn a_late_deployment_does_not_replace_what_somebody_else_deployed() {
    let path = "tick look write call look write call look write tick deploy look1 write1 call0";
    is_well(guardrails(), path);
}

#[test]
fn a_late_deployment_does_not_outlive_the_rollout() {
    let path = "tick look write call look write call look write abort maintain finish look1 write1 call0";
    is_well(guardrails(), path);
}
