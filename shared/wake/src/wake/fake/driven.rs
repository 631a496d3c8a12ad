//! Wake-ups of the function on the fake world, one after the other.

use super::{Fake, Fault, NONE, Woken};
use crate::wake::*;

impl Fake {
    pub(in crate::wake) fn facts(&self) -> Facts<'_> {
        Facts {
            now: self.now,
            endpoint: "images",
            labels: &NONE,
            policy: Some(&self.policy),
        }
    }

    /// One wake-up: look, decide, commit and act until there is nothing to do. `None` for a call: the function dies there.
    pub(in crate::wake) fn tick(
        &mut self,
        woken: &Woken<'_>,
        mut fault: impl FnMut(&Effect) -> Option<Fault>,
    ) -> Option<Answer> {
        let mut acted: Option<Acted> = None;
        let mut command = woken.command.clone();
        let mut answered = None;
        for round in 0..60 {
            let prompted = round == 0 && (!woken.alarms.is_empty() || woken.command.is_some());
            let needs = needs(self.now, Some(&self.policy), &self.ledger, prompted);
            let look = self.look(&needs);
            let news = News {
                look: Some(&look),
                alarms: if round == 0 { woken.alarms } else { &[] },
                command: command.as_ref(),
                acted: acted.as_ref(),
            };
            let decision = decide(&self.facts(), &self.ledger, &news);
            command = None;
            answered = answered.or(decision.answer);
            self.transitions.extend(decision.transitions);
            // What did not change is not written, and so not read.
            if decision.ledger != self.ledger {
                let text = serde_json::to_string(&decision.ledger).expect("JSON");
                self.ledger = serde_json::from_str(&text).expect("what was written is read");
            }
            match decision.effect {
                Some(effect) => {
                    self.check_intent(&effect);
                    let fault = fault(&effect)?;
                    let outcome = self.take(&effect, fault);
                    acted = Some(Acted {
                        effect,
                        at: self.now,
                        outcome,
                    });
                }
                None if decision.again => acted = None,
                None => return answered,
            }
        }
        panic!("a wake-up that does not end: {:?}", self.ledger);
    }

    /// What there was is committed before it is changed.
    fn check_intent(&self, effect: &Effect) {
        let Effect::RaiseMinimum(target, min) = effect else {
            return;
        };
        let wake = self
            .ledger
            .things
            .get(&target.thing)
            .and_then(|one| one.wake.as_ref())
            .expect("a wake");
        assert!(
            wake.original.is_some() && wake.raised.contains(min),
            "{effect} is not in the ledger"
        );
    }

    pub(in crate::wake) fn quietly(&mut self) {
        self.tick(
            &Woken {
                alarms: &[],
                command: None,
            },
            |_| Some(Fault::None),
        );
    }

    pub(in crate::wake) fn alarm(&self) -> AlarmNews {
        AlarmNews {
            thing: self.thing.clone(),
            name: "images-backlog".to_owned(),
            at: self.now,
        }
    }

    pub(in crate::wake) fn alarmed(&mut self) {
        let alarms = [self.alarm()];
        self.tick(
            &Woken {
                alarms: &alarms,
                command: None,
            },
            |_| Some(Fault::None),
        );
    }

    pub(in crate::wake) fn order(&mut self, order: Order) -> Answer {
        let command = Some(Command {
            order,
            component: None,
            id: None,
            by: Some("ana".to_owned()),
            reason: None,
        });
        self.tick(&Woken { alarms: &[], command }, |_| Some(Fault::None))
            .expect("an answer")
    }

    pub(in crate::wake) fn wake(&self) -> Option<&Wake> {
        self.ledger.things.get(&self.thing)?.wake.as_ref()
    }

    /// Ticks each minute until nothing is at work; how many it took.
    pub(in crate::wake) fn until_calm(&mut self, most: u32) -> u32 {
        for count in 0..most {
            let works = |one: &Remembered| one.wake.is_some() || one.sleep.is_some();
            if !self.ledger.things.values().any(works) {
                return count;
            }
            self.pass(60);
            self.quietly();
        }
        panic!("no end: {:#?}", self.ledger.things);
    }

    pub(in crate::wake) fn told(&self) -> Vec<String> {
        use crate::outbox::HasOutbox as _;
        let told = self.ledger.outbox().pending().iter();
        told.map(|alert| format!("{}: {}", alert.kind, alert.title)).collect()
    }
}
