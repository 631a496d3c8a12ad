//! Everything that can happen next, in any order.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use stateright::{Model, Property};
use steward::rollout::needs;

use super::{
    calls::Luck,
    ghost::Wrong,
    moves::Move,
    properties,
    rules::Rule,
    setup::Setup,
    state::{Asked, Invocation, Point, State, print},
    view::Blind,
    world::{STEP, instant},
};

/// Minutes of the leaps of time: past a phase's deadline, past the whole rollout's.
const LEAPS: [u16; 2] = [60, 300];

/// Minutes of a leap past the window of `rollback`.
const WINDOW: u16 = 1_500;

/// More changes of the endpoint than a rollout makes, with everything that may go wrong, if no time passes.
const CHANGES: u16 = 60;

/// One step of anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// The schedule, or an event of SageMaker's, wakes the function.
    Tick,
    /// The alarm's event arrives: the first time, again, or late.
    Alarm,
    /// An event arrives of an alarm from before the rollout.
    OldAlarm,
    /// An operator's command arrives.
    Order(Asked),
    /// An invocation publishes what waits, reads, looks and decides.
    Round(usize, Option<Blind>),
    /// An invocation writes what it decided.
    Commit(usize),
    /// An invocation makes its call.
    Call(usize, Luck),
    /// An invocation dies.
    Die(usize),
    /// AWS, the autoscaler, other people.
    Move(Move),
    /// Two minutes pass.
    Pass,
    /// Hours pass, without one tick.
    Leap(u16),
}

/// The model.
pub(crate) struct Rollouts {
    pub(crate) setup: Setup,
    /// What a fair world makes of a state, by fingerprint.
    fair: Mutex<HashMap<u64, Wrong>>,
    /// Whether there is nothing to do, by fingerprint.
    quiet: Mutex<HashMap<u64, bool>>,
    /// The first state found to break a rule, by fingerprint.
    first: Mutex<HashMap<Rule, u64>>,
}

impl Rollouts {
    pub(crate) fn new(setup: Setup) -> Self {
        Self {
            setup,
            fair: Mutex::default(),
            quiet: Mutex::default(),
            first: Mutex::default(),
        }
    }

    /// No other state was found before to break this rule.
    pub(crate) fn is_first(&self, state: &State, rule: Rule) -> bool {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let print = print(state);
        *first.entry(rule).or_insert(print) == print
    }

    /// A tick would change nothing.
    fn is_quiet(&self, state: &State) -> bool {
        let key = print(&(&state.world, &state.ledger));
        let known = self
            .quiet
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .copied();
        known.unwrap_or_else(|| {
            let decided = state.decided(&Invocation::TICK, None, &self.setup);
            let quiet =
                decided.is_none_or(|it| it.write == it.read && it.decision.effect.is_none() && !it.decision.again);
            self.quiet
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(key, quiet);
            quiet
        })
    }

    /// What a fair world makes of this state: the rules it breaks.
    fn fairly(&self, state: &State) -> Wrong {
        let key = |state: &State| print(&(&state.world, &state.ledger, &state.ghost));
        let known = |key: u64| {
            self.fair
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(&key)
                .cloned()
        };
        if let Some(wrong) = known(key(state)) {
            return wrong;
        }
        let mut passed = Vec::new();
        let mut rest = Wrong::new();
        let end = state.run_fairly(&self.setup, |state| {
            let key = key(state);
            if let Some(wrong) = known(key) {
                rest = wrong;
                return true;
            }
            passed.push(key);
            false
        });
        let wrong: Wrong = end.wrong.into_iter().chain(rest).collect();
        let mut fair = self.fair.lock().unwrap_or_else(PoisonError::into_inner);
        for key in passed {
            fair.insert(key, wrong.clone());
        }
        wrong
    }

    fn invocations(&self, state: &State, actions: &mut Vec<Action>) {
        let left = &state.left;
        for (slot, invocation) in state.running.iter().enumerate() {
            match &invocation.at {
                Point::Begun => {
                    actions.push(Action::Round(slot, None));
                    if left.troubles > 0 {
                        let needs = needs(state.world.now(), &state.ledger);
                        let blinds = self.setup.blinds.iter().filter(|blind| blind.matters(&needs));
                        actions.extend(blinds.map(|blind| Action::Round(slot, Some(*blind))));
                    }
                    // Before its first round it has done nothing that its death could leave behind.
                    if left.deaths > 0 && invocation.acted.is_some() {
                        actions.push(Action::Die(slot));
                    }
                }
                Point::Decided(_) => actions.push(Action::Commit(slot)),
                Point::Committed(_) => {
                    actions.push(Action::Call(slot, Luck::Fair));
                    if left.troubles > 0 {
                        actions.extend(self.setup.lucks.iter().map(|luck| Action::Call(slot, *luck)));
                    }
                    if left.deaths > 0 {
                        actions.push(Action::Die(slot));
                    }
                }
            }
        }
    }

    fn wakes(&self, state: &State, actions: &mut Vec<Action>) {
        let left = &state.left;
        if !state.running.is_empty() && (left.overlaps == 0 || state.running.len() > 1) {
            return;
        }
        actions.push(Action::Tick);
        if left.events > 0 {
            if state.world.rang.is_some() {
                actions.push(Action::Alarm);
            }
            if left.overlaps == 0 {
                actions.push(Action::OldAlarm);
            }
        }
        if left.orders > 0 {
            actions.extend(self.setup.orders.iter().copied().map(Action::Order));
        }
    }

    fn world(&self, state: &State, actions: &mut Vec<Action>) {
        let left = &state.left;
        if state.world.is_working() {
            actions.push(Action::Move(Move::Finish));
        }
        if left.troubles > 0 {
            let moves = self.setup.moves.iter().copied();
            actions.extend(moves.filter(|it| state.world.moved(*it).is_some()).map(Action::Move));
        }
        if !state.running.is_empty() {
            return;
        }
        if left.leaps > 0 {
            let leaps: &[u16] = if state.ledger.active.is_some() {
                &LEAPS
            } else {
                &[WINDOW]
            };
            actions.extend(leaps.iter().copied().map(Action::Leap));
        }
        if left.passes > 0 && !state.world.is_working() && state.ledger.active.is_some() && self.is_quiet(state) {
            actions.push(Action::Pass);
        }
    }
}

impl Model for Rollouts {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.setup.first()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        // What follows a broken rule says nothing more.
        if !state.wrong.is_empty() {
            return;
        }
        self.invocations(state, actions);
        self.wakes(state, actions);
        self.world(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        let left = &mut next.left;
        match action {
            Action::Tick | Action::Alarm | Action::OldAlarm | Action::Order(_) => {
                if !next.running.is_empty() {
                    left.overlaps -= 1;
                }
                let mut invocation = Invocation::TICK;
                match action {
                    Action::Alarm => invocation.alarm = state.world.rang,
                    Action::OldAlarm => invocation.alarm = Some(before_everything()),
                    Action::Order(asked) => invocation.order = Some(asked),
                    _ => {}
                }
                left.events -= u8::from(invocation.alarm.is_some());
                left.orders -= u8::from(invocation.order.is_some());
                next.running.push(invocation);
            }
            Action::Round(slot, blind) => {
                left.troubles -= u8::from(blind.is_some());
                next.round(slot, blind, &self.setup);
            }
            Action::Commit(slot) => next.commit(slot),
            Action::Call(slot, luck) => {
                left.troubles -= u8::from(luck != Luck::Fair);
                next.call(slot, luck);
            }
            Action::Die(slot) => {
                left.deaths -= 1;
                next.running.remove(slot);
            }
            Action::Move(it) => {
                left.troubles -= u8::from(it != Move::Finish);
                next.world = state.world.moved(it)?;
            }
            Action::Pass => {
                left.passes -= 1;
                next.world.pass(STEP);
            }
            Action::Leap(minutes) => {
                left.leaps -= 1;
                next.world.pass(minutes);
            }
        }
        if next == *state {
            return None;
        }
        if next.world.changes > CHANGES {
            next.wrong
                .push((Rule::Rest, "calls follow calls without end".to_owned()));
        }
        if self.setup.fair && next.wrong.is_empty() {
            next.wrong = self.fairly(&next);
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all(&self.setup)
    }
}

fn before_everything() -> Timestamp {
    instant(0, 0) - std::time::Duration::from_secs(3_600)
}
