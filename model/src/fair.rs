//! What becomes of a state if nothing bad happens any more: whoever is at work dies, the function is woken each minute,
//! SageMaker finishes what it has begun, time passes. Within a bound the rollout must have ended.

use steward::{endpoint::EndpointStatus, rollout::Phase};

use super::{
    calls::Luck,
    moves::Move,
    rules::Rule,
    setup::Setup,
    state::{Invocation, Point, State},
    world::{Quality, STEP},
};

/// Invocations within which every rollout must end.
const TICKS: u32 = 100;

/// Rounds within which every invocation must end; the function allows itself as many.
pub(crate) const ROUNDS: u32 = 20;

/// Ticks in one phase after which time leaps.
const PATIENCE: u32 = 6;

/// Ticks after which there are instances, quota and data again: their want lasts longer than any phase may.
const SHORTAGE: u32 = 30;

/// Minutes of a leap: as long as Steward may not look without taking it for an outage of its own.
const LEAP: u16 = 18;

impl State {
    /// Runs on in a fair world. Rules broken on the way are in `wrong`; the states passed are handed to `seen`, which
    /// says whether the rest is known to be well.
    pub(crate) fn run_fairly(&self, setup: &Setup, mut seen: impl FnMut(&Self) -> bool) -> Self {
        let mut state = self.clone();
        state.running.clear();
        let mut idle = 0;
        for tick in 0..TICKS {
            if tick == SHORTAGE {
                state.world.short = false;
                state.world.quota = false;
                state.world.mute = false;
                if state.world.green == Quality::Silent {
                    state.world.green = Quality::Good;
                }
            }
            if state.ledger.active.is_none() || seen(&state) {
                return state;
            }
            let phase = |state: &Self| state.ledger.active.as_ref().map(|it| std::mem::discriminant(&it.phase));
            let was = phase(&state);
            state.tick_fairly(setup);
            state.serves_scaled();
            if !state.wrong.is_empty() {
                return state;
            }
            idle = if was == phase(&state) { idle + 1 } else { 0 };
            match state.world.moved(Move::Finish) {
                Some(world) => state.world = world,
                None => state.world.pass(if idle > PATIENCE { LEAP } else { STEP }),
            }
        }
        let said = state
            .ledger
            .active
            .as_ref()
            .map(|it| format!("{} since {}", it.phase, it.since));
        state.wrong.push((
            Rule::Ends,
            format!("still {} after {TICKS} fair ticks", said.unwrap_or_default()),
        ));
        state
    }

    /// One undisturbed invocation.
    fn tick_fairly(&mut self, setup: &Setup) {
        self.running.push(Invocation::TICK);
        for _ in 0..ROUNDS {
            self.round(0, None, setup);
            if let Some(Invocation {
                at: Point::Decided(decided),
                ..
            }) = self.running.first()
            {
                let quiet = decided.decision.effect.is_none() && !decided.decision.again;
                if quiet && decided.write == decided.read {
                    self.running.clear();
                    return;
                }
            }
            self.commit(0);
            if self.running.is_empty() {
                self.rests(setup);
                return;
            }
            self.call(0, Luck::Fair);
        }
        self.running.clear();
        self.wrong
            .push((Rule::Rest, format!("an invocation does not end within {ROUNDS} rounds")));
    }

    /// Nobody is at work, and SageMaker takes changes: who serves alone is scaled as blue was.
    fn serves_scaled(&mut self) {
        let settled = self.world.exists && self.world.status == EndpointStatus::InService && self.world.work.is_none();
        if !settled || self.ghost.target.is_none() || self.ledger.active.is_none() {
            return;
        }
        let world = &self.world;
        let serving = world.fleets.keys().find(|variant| world.share(variant) == 10_000);
        if let Some(variant) = serving
            && let Some(rollout) = &self.ledger.active
            && rollout.unpointed.is_empty()
            && !matches!(rollout.phase, Phase::Shifting { .. } | Phase::Probing { .. })
            && let Err(said) = world.triggered(variant)
        {
            self.wrong.push((Rule::Scaled, format!("{}: {said}", rollout.phase)));
        }
        if let Some(variant) = serving
            && !world.targets.get(variant).is_some_and(|target| target.whole)
        {
            self.wrong
                .push((Rule::Scaled, format!("{variant} serves alone, and is not scaled")));
        }
    }

    /// Once more at the same instant: nothing is written.
    fn rests(&mut self, setup: &Setup) {
        let Some(decided) = self.decided(&Invocation::TICK, None, setup) else {
            return;
        };
        if decided.decision.effect.is_none() && decided.write != self.ledger {
            let said = format!("decided again at once, it writes: {}", decided.decision.why);
            self.wrong.push((Rule::Rest, said));
        }
    }
}
