//! Where a check begins and what it lets happen.

use std::time::Duration;

use steward::{
    analysis::AnalysisPolicy,
    rollout::{
        Plan, Problems, RolloutLedger,
        policy::{Engine, OnDeadline, RolloutPolicy},
        preflight,
        request::{GreenSpec, Order, Request},
        strategy::{Step, Strategy, StrategyKind, Weight},
    },
};

use super::{
    broken::Sabotage,
    calls::Luck,
    ghost::Ghost,
    moves::Move,
    state::{Asked, Kept, Left, State},
    view::Blind,
    world::{ALARM, Component, ENDPOINT, Trigger, World},
};

const MINUTE: Duration = Duration::from_secs(60);

/// One configuration of the model.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// For people.
    pub(crate) name: &'static str,
    /// What is asked for.
    pub(crate) policy: RolloutPolicy,
    /// Blue is scaled automatically.
    pub(crate) scaled: bool,
    /// And a step policy of it triggered by an alarm on it.
    pub(crate) stepped: bool,
    /// It is an inference component that is updated.
    pub(crate) component: bool,
    /// It begins before the first `start`.
    pub(crate) idle: bool,
    /// What operators may send.
    pub(crate) orders: Vec<Asked>,
    /// What AWS and other people may do.
    pub(crate) moves: Vec<Move>,
    /// What may be unknown.
    pub(crate) blinds: Vec<Blind>,
    /// How calls may fail.
    pub(crate) lucks: Vec<Luck>,
    /// How much of it.
    pub(crate) left: Left,
    /// Follow every state through a fair world.
    pub(crate) fair: bool,
    /// Some state must complete.
    pub(crate) completes: bool,
    /// Labels of causes for which some state must go back, so that the check means something; `late` for a call that
    /// raises green after going back was decided.
    pub(crate) reaches: Vec<&'static str>,
    /// Decisions are spoilt on their way.
    pub(crate) sabotage: Option<Sabotage>,
}

/// A step of so many percent that bakes for a minute.
pub(crate) fn step(percent: u8) -> Step {
    Step::new(Weight::percent(percent).expect("a percentage"), MINUTE)
}

impl Setup {
    /// The engine `variants` with these steps, smoke, analysis and one alarm; nothing goes wrong.
    pub(crate) fn variants(name: &'static str, steps: Vec<Step>) -> Self {
        let policy = RolloutPolicy {
            engine: Engine::Variants,
            strategy: Strategy {
                name: name.to_owned(),
                kind: StrategyKind::Steps,
                steps,
            },
            alarms: vec![ALARM.to_owned()],
            analysis: Some(AnalysisPolicy::default()),
            smoke: true,
            smoke_passes: 1,
            smoke_failures: 1,
            health: false,
            keep_blue: MINUTE,
            rollback_window: 1_440 * MINUTE,
            deadline: 240 * MINUTE,
            phase_deadline: 50 * MINUTE,
            gate_deadline: 50 * MINUTE,
            on_deadline: OnDeadline::Abort,
            metrics_delay: Duration::ZERO,
            headroom: 0,
            batch_percent: 20,
        };
        Self {
            name,
            policy,
            scaled: false,
            stepped: false,
            component: false,
            idle: false,
            orders: Vec::new(),
            moves: Vec::new(),
            blinds: Vec::new(),
            lucks: Vec::new(),
            left: Left {
                passes: 4,
                ..Left::default()
            },
            fair: true,
            completes: true,
            reaches: Vec::new(),
            sabotage: None,
        }
    }

    /// One of SageMaker's own engines, with these steps and one alarm.
    pub(crate) fn native(name: &'static str, engine: Engine, kind: StrategyKind, steps: Vec<Step>) -> Self {
        let mut setup = Self::variants(name, steps);
        setup.policy.engine = engine;
        setup.policy.strategy.kind = kind;
        setup
    }

    /// Every kind of failure that a call can meet, and everything that can be unknown.
    #[must_use]
    pub(crate) fn with_faults(mut self) -> Self {
        self.lucks = vec![Luck::CutBefore, Luck::CutAfter, Luck::Refused];
        self.blinds = Blind::ALL.to_vec();
        self
    }

    /// The `start` with this number.
    pub(crate) fn request(&self, number: u8) -> Request {
        Request {
            watched: false,
            id: format!("start-{number}"),
            endpoint: ENDPOINT.to_owned(),
            component: self.component.then(|| "c".to_owned()),
            variant: None,
            green: GreenSpec {
                model: Some("m2".to_owned()),
                ..GreenSpec::default()
            },
            policy: self.policy.clone(),
            by: None,
            reason: None,
            dry_run: false,
        }
    }

    /// The plan of a request, as the command makes it.
    ///
    /// # Errors
    /// What stands against it.
    pub(crate) fn planned(&self, world: &World, ledger: &RolloutLedger, request: Request) -> Result<Plan, Problems> {
        let first = world.look(&preflight(&request, None), None);
        let endpoint = first.endpoint.yes().and_then(Option::as_ref);
        let look = world.look(&preflight(&request, endpoint), None);
        steward::rollout::plan(world.now(), &request, &look, ledger, None)
    }

    /// The world before anything happened.
    fn world(&self) -> World {
        let mut world = World::new(self.scaled);
        if self.stepped {
            world.trigger = Some(Trigger {
                variant: "blue".to_owned(),
                id: 0,
                acts: true,
                watches: "blue".to_owned(),
            });
        }
        if self.component {
            world.component = Some(Component {
                model: "m1".to_owned(),
                pending: None,
                failed: false,
                undone: false,
                modified: world.modified,
                guards: Vec::new(),
            });
        }
        world
    }

    /// The first state: a rollout has been accepted and nothing more, unless the setup begins idle.
    pub(crate) fn first(&self) -> State {
        let world = self.world();
        let ghost = Ghost::new(world.targets.get("blue").cloned());
        let mut state = State {
            world,
            ledger: Kept::ledger(RolloutLedger::default()),
            running: Vec::new(),
            left: self.left,
            ghost,
            wrong: Vec::new(),
        };
        if !self.idle {
            state.obey(Asked::Start(0), self);
            assert!(state.ledger.active.is_some(), "not accepted: {:?}", self.refusal());
        }
        state
    }

    /// What `start` is refused for, if it is.
    pub(crate) fn refusal(&self) -> Option<Problems> {
        let world = self.world();
        self.planned(&world, &RolloutLedger::default(), self.request(0)).err()
    }
}

/// Orders for the rollout at work.
pub(crate) fn orders(orders: &[Order]) -> Vec<Asked> {
    orders.iter().copied().map(Asked::Order).collect()
}

/// Every order that there is.
pub(crate) fn every_order() -> Vec<Asked> {
    orders(&[
        Order::Pause,
        Order::Resume,
        Order::Promote,
        Order::PromoteFull,
        Order::Skip,
        Order::Abort,
        Order::Rollback,
    ])
}
