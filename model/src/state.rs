//! One state of the model: the world, the document in the store, the invocations at work, and what may still go wrong.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use jiff::Timestamp;
use steward::{
    rollout::{
        Decision, Rollout, RolloutLedger,
        effect::{Acted, Effect},
        look::{Look, Needs},
        request::Order,
    },
    scaling::Scaling,
};

use super::{ghost::Ghost, rules::Rule, world::World};

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) ledger: Kept<RolloutLedger>,
    pub(crate) running: Vec<Invocation>,
    pub(crate) left: Left,
    pub(crate) ghost: Ghost,
    /// Rules that were broken on the way here, and how.
    pub(crate) wrong: Vec<(Rule, String)>,
}

/// How much may still happen; what bounds the space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Left {
    /// Failing calls, blind looks, and moves of AWS or of other people.
    pub(crate) troubles: u8,
    /// Invocations that die between two calls.
    pub(crate) deaths: u8,
    /// Invocations that begin while another one is at work.
    pub(crate) overlaps: u8,
    /// Operators' commands.
    pub(crate) orders: u8,
    /// Deliveries of the alarm's event, at any time after it rang.
    pub(crate) events: u8,
    /// Steps of time.
    pub(crate) passes: u8,
    /// Leaps of time to a deadline.
    pub(crate) leaps: u8,
}

/// A value with its fingerprint: cheap to clone, to compare and to hash.
#[derive(Clone, Debug)]
pub(crate) struct Kept<T> {
    pub(crate) it: Arc<T>,
    print: u64,
}

impl<T> Kept<T> {
    /// The fingerprint is of `shown`.
    fn new(it: T, shown: &impl Hash) -> Self {
        Self {
            it: Arc::new(it),
            print: print(shown),
        }
    }
}

/// A fingerprint that is the same in each run.
pub(crate) fn print(shown: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    shown.hash(&mut hasher);
    hasher.finish()
}

impl<T> PartialEq for Kept<T> {
    fn eq(&self, other: &Self) -> bool {
        self.print == other.print
    }
}

impl<T> Eq for Kept<T> {}

impl<T> Hash for Kept<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.print.hash(state);
    }
}

impl<T> std::ops::Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.it
    }
}

impl Kept<RolloutLedger> {
    /// The logs, for people, make no state differ, nor do the ids that were published.
    pub(crate) fn ledger(ledger: RolloutLedger) -> Self {
        let RolloutLedger {
            active,
            history,
            serial,
            last_good,
            litter,
            kept,
            obeyed,
            commands,
            stale_alarms,
            outbox,
        } = &ledger;
        let past: Vec<_> = history
            .iter()
            .map(|past| (past.plan.serial, past.started, past.ended, past.outcome, past.returned))
            .collect();
        let alerts: Vec<_> = outbox.pending().iter().map(|alert| &alert.id).collect();
        let shown = (
            active.as_ref().map(rollout),
            past,
            serial,
            last_good,
            litter,
            kept,
            (obeyed, commands),
            stale_alarms,
            alerts,
        );
        let print = print(&shown);
        Self {
            it: Arc::new(ledger),
            print,
        }
    }
}

/// Of a rollout all that can make a difference. The plan is the same as long as its number is.
fn rollout(rollout: &Rollout) -> u64 {
    let Rollout {
        plan,
        started,
        phase,
        since,
        rested,
        looked,
        absent,
        paused,
        skipped,
        onward,
        promoted,
        back,
        update,
        judged_from,
        found_ill,
        asked,
        begun,
        scaling,
        sizes,
        restore,
        outgrown,
        short,
        taken_back,
        returning,
        green_scaling,
        raised,
        unregistered,
        unpointed,
        named,
        stopped,
        held,
        unsettled,
        problem,
        passed,
        alerts,
        log: _,
    } = rollout;
    let of = |it: &Scaling| {
        let alarms: Vec<String> = it.step_alarms().map(str::to_owned).collect();
        (it.min, it.max, it.suspended, it.policies.len(), alarms)
    };
    let (scaling, green_scaling) = (scaling.as_ref().map(of), green_scaling.as_ref().map(of));
    let restore = restore.as_ref().map(|it| (&it.name, &it.from));
    print(&(
        (
            plan.serial,
            &plan.request.id,
            started,
            phase,
            since,
            rested,
            (looked, absent),
            returning,
            (held, unsettled),
        ),
        (
            (paused, skipped, onward, promoted),
            back,
            update,
            (judged_from, found_ill, asked),
            problem,
            passed,
        ),
        (scaling, sizes, green_scaling, stopped, restore, alerts, taken_back),
        (unpointed, named, outgrown, short, raised, unregistered, begun),
    ))
}

impl Kept<Acted> {
    pub(crate) fn acted(acted: Acted) -> Self {
        let shown = format!("{acted:?}");
        Self::new(acted, &shown)
    }
}

/// One run of the function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Invocation {
    /// The command it was woken by, until it is obeyed.
    pub(crate) order: Option<Asked>,
    /// The alarm's time, if an alarm woke it, until that is noted.
    pub(crate) alarm: Option<Timestamp>,
    /// What came of its last call.
    pub(crate) acted: Option<Kept<Acted>>,
    /// Where it is.
    pub(crate) at: Point,
}

/// What an operator sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Asked {
    /// `start`, of the setup's request, with this number for its id.
    Start(u8),
    /// `retry`.
    Retry,
    /// Something about the rollout there is.
    Order(Order),
}

/// Where an invocation is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Point {
    /// Before a round: the ledger is to be read, the world to be looked at.
    Begun,
    /// It has read, looked and decided, and has not yet written.
    Decided(Kept<Decided>),
    /// It has written, and is about to make the call.
    Committed(Kept<Committed>),
}

/// A decision with what it was made from.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    /// The document as read.
    pub(crate) read: Kept<RolloutLedger>,
    /// The document to write.
    pub(crate) write: Kept<RolloutLedger>,
    /// The rest of the decision.
    pub(crate) decision: Decision,
    /// When.
    pub(crate) now: Timestamp,
    /// What was asked for.
    pub(crate) needs: Needs,
    /// What was seen.
    pub(crate) look: Look,
    /// The world at that moment.
    pub(crate) world: World,
}

impl Kept<Decided> {
    pub(crate) fn decided(decided: Decided) -> Self {
        let shown = (
            decided.read.clone(),
            decided.write.clone(),
            format!("{:?}", decided.decision.effect),
            decided.decision.again,
            decided.world.clone(),
        );
        Self::new(decided, &shown)
    }
}

/// A call about to be made.
#[derive(Clone, Debug)]
pub(crate) struct Committed {
    /// The call.
    pub(crate) effect: Effect,
    /// The document it was committed with.
    pub(crate) ledger: Kept<RolloutLedger>,
}

impl Kept<Committed> {
    pub(crate) fn committed(committed: Committed) -> Self {
        let shown = (format!("{:?}", committed.effect), committed.ledger.clone());
        Self::new(committed, &shown)
    }
}
