//! The function's loop, one step at a time: publish, read, look, decide; write; call; and again.

use std::collections::BTreeMap;

use steward::rollout::{
    AlarmNews, Command, Facts, News, RolloutLedger, again, decide,
    effect::{ActOutcome, Acted},
    needs_told,
};

use super::{
    calls::Luck,
    judge,
    setup::Setup,
    state::{Asked, Committed, Decided, Invocation, Kept, Point, State},
    view::Blind,
    world::{ALARM, ENDPOINT},
};

static LABELS: BTreeMap<String, String> = BTreeMap::new();

impl State {
    /// Publishes and clears what waits, reads, looks and decides.
    pub(crate) fn round(&mut self, slot: usize, blind: Option<Blind>, setup: &Setup) {
        self.publish();
        let invocation = &self.running[slot];
        let Some(decided) = self.decided(invocation, blind, setup) else {
            self.running.remove(slot);
            return;
        };
        self.running[slot].at = Point::Decided(Kept::decided(decided));
    }

    fn publish(&mut self) {
        if self.ledger.outbox.is_empty() {
            return;
        }
        let mut ledger = RolloutLedger::clone(&self.ledger);
        let published: Vec<String> = ledger.outbox.pending().iter().map(|alert| alert.id.clone()).collect();
        ledger.outbox.clear(&published);
        self.ledger = Kept::ledger(ledger);
    }

    /// What this invocation would decide now; `None` when its command is refused before that.
    pub(crate) fn decided(&self, invocation: &Invocation, blind: Option<Blind>, setup: &Setup) -> Option<Decided> {
        let now = self.world.now();
        let facts = Facts {
            now,
            endpoint: ENDPOINT,
            labels: &LABELS,
        };
        let alarm = invocation.alarm.map(|at| AlarmNews {
            name: ALARM.to_owned(),
            at,
            reason: "Threshold Crossed".to_owned(),
        });
        let command = match invocation.order {
            None => None,
            Some(asked) => Some(self.command(asked, setup)?),
        };
        let needs = needs_told(now, &self.ledger, alarm.as_ref(), command.as_ref());
        let look = self.world.look(&needs, blind);
        let news = News {
            look: Some(look.clone()),
            command,
            alarm,
            acted: invocation.acted.as_deref().cloned(),
        };
        let mut decision = decide(&facts, &self.ledger, &news);
        if let Some(sabotage) = setup.sabotage {
            sabotage.spoil(&self.ledger, &mut decision);
        }
        Some(Decided {
            read: self.ledger.clone(),
            write: Kept::ledger(decision.ledger.clone()),
            decision,
            now,
            needs,
            look,
            world: self.world.clone(),
        })
    }

    fn command(&self, asked: Asked, setup: &Setup) -> Option<Command> {
        let planned = |request| setup.planned(&self.world, &self.ledger, request).ok();
        let plan = match asked {
            Asked::Order(order) => {
                return Some(Command::Order {
                    order,
                    step: None,
                    component: None,
                    id: None,
                    by: Some("an operator".to_owned()),
                    reason: None,
                });
            }
            Asked::Start(number) => planned(setup.request(number))?,
            Asked::Retry => planned(again(&self.ledger, ENDPOINT, "retry", None, None).ok()?)?,
        };
        Some(Command::Start(Box::new(plan)))
    }

    /// One invocation for one command, its first decision only.
    pub(crate) fn obey(&mut self, asked: Asked, setup: &Setup) {
        self.running.push(Invocation {
            order: Some(asked),
            ..Invocation::TICK
        });
        self.round(0, None, setup);
        if !self.running.is_empty() {
            self.commit(0);
        }
        self.running.clear();
    }

    /// Writes on condition that nobody else has, and goes on.
    pub(crate) fn commit(&mut self, slot: usize) {
        let Point::Decided(decided) = self.running[slot].at.clone() else {
            return;
        };
        // What is unchanged is not written, so that nothing tells whether somebody else wrote in between.
        let fresh = decided.read == self.ledger;
        let changed = decided.write != decided.read;
        if changed && !fresh {
            self.running[slot].at = Point::Begun;
            return;
        }
        let invocation = self.running[slot].clone();
        if fresh {
            self.ghost.follow(&decided, invocation.order, &mut self.wrong);
            judge::commit(&decided, &invocation, &self.ghost, &mut self.wrong);
            self.ledger = decided.write.clone();
        }
        let next = &mut self.running[slot];
        *next = Invocation {
            order: None,
            alarm: None,
            acted: None,
            at: Point::Begun,
        };
        if let Some(effect) = &decided.decision.effect {
            next.at = Point::Committed(Kept::committed(Committed {
                effect: effect.clone(),
                ledger: decided.write.clone(),
            }));
        } else if !decided.decision.again {
            self.running.remove(slot);
        }
    }

    /// Makes the call.
    pub(crate) fn call(&mut self, slot: usize, luck: Luck) {
        let Point::Committed(committed) = self.running[slot].at.clone() else {
            return;
        };
        let before = self.world.clone();
        let outcome: ActOutcome = self.world.act(&committed.effect, luck);
        judge::call(
            &committed,
            (&before, &self.world),
            &self.ledger,
            &mut self.ghost,
            &mut self.wrong,
        );
        let acted = Acted {
            effect: committed.effect.clone(),
            at: self.world.now(),
            outcome,
        };
        self.running[slot].acted = Some(Kept::acted(acted));
        self.running[slot].at = Point::Begun;
    }
}

impl Invocation {
    /// One that a schedule woke.
    pub(crate) const TICK: Self = Self {
        order: None,
        alarm: None,
        acted: None,
        at: Point::Begun,
    };
}
