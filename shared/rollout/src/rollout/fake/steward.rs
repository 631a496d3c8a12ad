//! Steward in the small world: what wakes it, what it is told, and what came of it.

use super::{Fake, minutes};
use crate::{
    alert::AlertKind,
    rollout::{
        Ended, Plan,
        decide::decide,
        decision::{AlarmNews, Answer, Command, Decision, News},
        effect::Acted,
        needs::needs_told,
        preflight::{Problems, plan, preflight},
        request::{Order, Request},
    },
};

impl Fake {
    pub(in crate::rollout) fn planned(&self, request: &Request) -> Result<Plan, Problems> {
        let needs = preflight(request, self.endpoint.as_ref());
        plan(self.now, request, &self.look(&needs), &self.ledger, None)
    }

    pub(in crate::rollout) fn start(&mut self, request: &Request) -> Answer {
        let plan = self.planned(request).unwrap();
        self.command(Command::Start(Box::new(plan)))
    }

    pub(in crate::rollout) fn order(&mut self, order: Order) -> Answer {
        self.command(Command::Order {
            order,
            step: None,
            component: None,
            id: None,
            by: Some("bo".to_owned()),
            reason: None,
        })
    }

    pub(in crate::rollout) fn command(&mut self, command: Command) -> Answer {
        self.wake(Some(command), None).unwrap()
    }

    /// One invocation.
    pub(in crate::rollout) fn wake(
        &mut self,
        mut command: Option<Command>,
        mut alarm: Option<AlarmNews>,
    ) -> Option<Answer> {
        let mut answer = None;
        let mut acted = None;
        for _ in 0..40 {
            let news = News {
                look: Some(self.look(&needs_told(self.now, &self.ledger, alarm.as_ref(), command.as_ref()))),
                command: command.take(),
                alarm: alarm.take(),
                acted: acted.take(),
            };
            let decision = decide(&self.facts(), &self.ledger, &news);
            self.decided_for_good(&decision, news);
            answer = answer.or(decision.answer.clone());
            self.commit(&decision);
            match decision.effect {
                Some(effect) => match self.act(&effect) {
                    Some(outcome) => {
                        acted = Some(Acted {
                            effect,
                            at: self.now,
                            outcome,
                        });
                    }
                    None => return answer,
                },
                None if decision.again => {}
                None => return answer,
            }
        }
        panic!("an invocation does not come to an end: {:#?}", self.ledger.active);
    }

    pub(in crate::rollout) fn commit(&mut self, decision: &Decision) {
        self.ledger = decision.ledger.clone();
        let sent: Vec<String> = self
            .ledger
            .outbox
            .pending()
            .iter()
            .map(|alert| alert.id.clone())
            .collect();
        self.alerts.extend(self.ledger.outbox.pending().iter().cloned());
        self.ledger.outbox.clear(&sent);
    }

    /// Ticks, one a minute.
    pub(in crate::rollout) fn ticks(&mut self, count: usize) {
        for _ in 0..count {
            self.pass(minutes(1));
            self.wake(None, None);
        }
    }

    /// Ticks until the rollout is in this phase.
    pub(in crate::rollout) fn until(&mut self, phase: &str) {
        for _ in 0..2000 {
            if self.phase() == phase {
                return;
            }
            self.ticks(1);
        }
        panic!("never came to {phase}: {:#?}", self.ledger.active);
    }

    /// Ticks until no rollout is at work; how the last one ended.
    pub(in crate::rollout) fn run(&mut self) -> Ended {
        for _ in 0..4000 {
            if self.ledger.active.is_none() {
                return self.ledger.history.last().unwrap().outcome;
            }
            self.ticks(1);
        }
        panic!("does not end: {:#?}", self.ledger.active);
    }

    pub(in crate::rollout) fn phase(&self) -> &'static str {
        self.ledger
            .active
            .as_ref()
            .map_or("none", |rollout| rollout.phase.name())
    }

    /// The share of traffic of a variant.
    pub(in crate::rollout) fn share(&self, variant: &str) -> f64 {
        self.endpoint().share(variant).unwrap()
    }

    pub(in crate::rollout) fn kinds(&self) -> Vec<AlertKind> {
        self.alerts.iter().map(|alert| alert.kind).collect()
    }

    /// The log of the last rollout, with the minutes since it began.
    pub(in crate::rollout) fn told(&self) -> String {
        let (log, from) = match (&self.ledger.active, self.ledger.history.last()) {
            (Some(rollout), _) => (&rollout.log, rollout.started),
            (None, Some(past)) => (&past.log, past.started),
            (None, None) => return String::new(),
        };
        log.iter()
            .map(|line| format!("{:>4} {}\n", line.at.duration_since(from).as_secs() / 60, line.what))
            .collect()
    }

    pub(in crate::rollout) fn did(&self) -> String {
        self.effects.iter().map(|effect| format!("{effect}\n")).collect()
    }
}
