//! A command that comes again: answered as what it is, and never taken for another one.
//!
//! One id may stand for a whole release, or for a page of a runbook. So a command is known by its order, its step, its
//! component and its rollout, too. One that is known is `done` only while what it asked for is so; otherwise somebody may mean it again, and
//! has to say so. What only an echo can be, and what somebody asks for in the night, are told apart by what either would do:
//! `abort` and `pause` of another rollout are obeyed, what leads on is refused by name.

use jiff::Timestamp;

use crate::rollout::{
    decision::{Answer, Command},
    ledger::{COMMANDS, Ended, Obeyed, Past, Rollout, RolloutLedger},
    phase::Phase,
    request::Order,
};

/// A command that has an id.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) order: Order,
    pub(super) step: Option<usize>,
    pub(super) component: Option<&'a str>,
    pub(super) id: &'a str,
}

impl<'a> Asked<'a> {
    /// None of a command without an id, nor of a `start`, whose id is its rollout's.
    pub(super) fn of(command: &'a Command) -> Option<Self> {
        match command {
            Command::Order {
                order,
                step,
                component,
                id: Some(id),
                ..
            } => Some(Self {
                order: *order,
                step: *step,
                component: component.as_deref(),
                id,
            }),
            Command::Order { id: None, .. } | Command::Start(_) => None,
        }
    }
}

/// What a command is answered whose id is known; `None` when it is to be obeyed.
pub(super) fn answer(now: Timestamp, ledger: &RolloutLedger, asked: Asked<'_>) -> Option<Answer> {
    let Asked {
        order,
        step,
        component,
        id,
    } = asked;
    let same = |known: &&Obeyed| {
        known.order == order && known.step == step && known.component.as_deref() == component && known.id == id
    };
    let last = ledger.history.last();
    match (ledger.obeyed.iter().rev().find(same), &ledger.active) {
        (Some(known), Some(active)) if known.rollout == active.plan.serial => in_this_rollout(now, known, active),
        (Some(known), Some(active)) => leads_on(order).then(|| {
            Answer::no(format!(
                "`{order}` with the id `{id}` was obeyed at {:.0} in rollout {}/{}. Nothing was done in {}; send it with \
                 another id.",
                known.at,
                active.plan.endpoint(),
                known.rollout,
                active.plan.id()
            ))
        }),
        (Some(known), None) => after_the_end(known, last.filter(|past| past.plan.serial == known.rollout)?),
        (None, active) if ledger.commands.iter().any(|known| known == id) => {
            unknown_order(order, id, active.as_ref())
        }
        (None, _) => None,
    }
}

/// Writes down that it was obeyed, for the rollout that is at work now.
pub(super) fn remember(now: Timestamp, ledger: &mut RolloutLedger, asked: Asked<'_>) {
    ledger.obeyed.push(Obeyed {
        order: asked.order,
        step: asked.step,
        component: asked.component.map(str::to_owned),
        rollout: ledger
            .active
            .as_ref()
            .map_or(ledger.serial, |active| active.plan.serial),
        id: asked.id.to_owned(),
        at: now,
    });
    let over = ledger.obeyed.len().saturating_sub(COMMANDS);
    ledger.obeyed.drain(..over);
}

fn done(known: &Obeyed) -> Answer {
    Answer::yes(format!(
        "`{}` with the id `{}` was obeyed at {:.0} already.",
        known.order, known.id, known.at
    ))
}

fn not_again(known: &Obeyed) -> Answer {
    Answer::no(format!(
        "`{}` with the id `{}` was obeyed at {:.0}, and is not obeyed twice. Nothing was done; if it is meant again, send it \
         with another id.",
        known.order, known.id, known.at
    ))
}

fn in_this_rollout(now: Timestamp, known: &Obeyed, active: &Rollout) -> Option<Answer> {
    let waits = active.skipped.is_none();
    let still = match known.order {
        Order::Pause => active
            .paused
            .as_ref()
            .is_some_and(|pause| now < active.held_until(pause)),
        Order::Resume => active.paused.is_none(),
        Order::Promote => !(waits && matches!(active.phase, Phase::Gate { .. })),
        Order::PromoteFull => true,
        Order::Skip => !(waits && matches!(active.phase, Phase::Baking { .. } | Phase::Keeping)),
        Order::Abort => !active.returning || active.stopped.is_some(),
        Order::Rollback => active.stopped.is_none(),
    };
    let gone = active.back.is_some() && !matches!(known.order, Order::Abort | Order::Rollback);
    match (gone, still) {
        (true, _) => None,
        (false, true) => Some(done(known)),
        (false, false) => Some(not_again(known)),
    }
}

/// The last rollout is the one that it was given for.
fn after_the_end(known: &Obeyed, past: &Past) -> Option<Answer> {
    let back = past.outcome == Ended::RolledBack;
    match known.order {
        Order::Rollback if back => Some(done(known)),
        Order::Rollback => Some(not_again(known)),
        Order::Abort => (back || past.returned).then(|| done(known)),
        _ => None,
    }
}

/// An earlier build obeyed some command with this id. An `abort` that comes twice does nothing the second time, unless a
/// `rollback` went on in between.
fn unknown_order(order: Order, id: &str, active: Option<&Rollout>) -> Option<Answer> {
    let obeyed = match (order, active) {
        (Order::Abort, active) => active.is_none_or(|active| !active.returning),
        (Order::Rollback, _) => false,
        (_, active) => active.is_none(),
    };
    (!obeyed).then(|| {
        Answer::no(format!(
            "A command with the id `{id}` was obeyed before, by an earlier version of Steward, which did not write down what \
             it was. Nothing was done; send `{order}` with another id."
        ))
    })
}

/// What it does in a rollout brings green nearer to all of the traffic.
const fn leads_on(order: Order) -> bool {
    match order {
        Order::Resume | Order::Promote | Order::PromoteFull | Order::Skip => true,
        Order::Pause | Order::Abort | Order::Rollback => false,
    }
}
