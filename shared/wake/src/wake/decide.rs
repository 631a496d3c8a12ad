//! One decision: what is new is taken in, then each thing goes from phase to phase until a call is to be made or something
//! is waited for.

use super::{
    asleep::fall_asleep,
    begin,
    decision::{Answer, Decision, Facts, News, Transition},
    effect::{Effect, Outcome},
    ledger::{Ended, Past, Phase, Remembered, WakeLedger},
    needs::{needs, things},
    prewarm,
    step::{self, Next, World},
    tell::Teller,
    thing::{Seen, Thing, find},
    why::Why,
};
use crate::lease::Urgency;

/// More phases than one decision can ever pass.
const ENOUGH: usize = 20;

/// What to do next.
pub fn decide(facts: &Facts<'_>, ledger: &WakeLedger, news: &News<'_>) -> Decision {
    let mut turn = Turn {
        facts: *facts,
        news,
        ledger: ledger.clone(),
        transitions: vec![],
        why: vec![],
        effect: None,
    };
    let answer = turn.command();
    for thing in things(facts.policy, &turn.ledger) {
        turn.think(&thing);
    }
    turn.forget();
    let other_facts = || lacks(news, &needs(facts.now, facts.policy, &turn.ledger, false));
    let again = turn.effect.is_none()
        && match news.look {
            None => turn
                .ledger
                .things
                .values()
                .any(|one| one.wake.is_some() || one.sleep.is_some()),
            Some(_) => turn.ledger.things != ledger.things && other_facts(),
        };
    let urgency = match turn.effect {
        Some(Effect::RaiseMinimum(..) | Effect::Nudge(_)) => Urgency::Planned,
        Some(Effect::SetCount(_, count)) if count > 0 => Urgency::Planned,
        _ => Urgency::Routine,
    };
    Decision {
        effect: turn.effect,
        urgency,
        again,
        answer,
        why: turn.why,
        transitions: turn.transitions,
        ledger: turn.ledger,
    }
}

/// The look does not hold what the next decision needs.
fn lacks(news: &News<'_>, next: &super::look::Needs) -> bool {
    let Some(look) = news.look else { return true };
    let missing = |(thing, needs): (&Thing, &super::look::ThingNeeds)| {
        let seen = look.things.get(thing);
        let has = |has: fn(&super::look::ThingSeen) -> bool| seen.is_some_and(has);
        (needs.scaling && !has(|seen| seen.scaling.is_some()))
            || (needs.minutes.is_some() && !has(|seen| seen.minutes.is_some()))
            || (needs.activities.is_some() && !has(|seen| seen.activities.is_some()))
    };
    next.things.iter().any(missing) || (next.pools && look.pools.is_none())
}

/// A decision in the making.
struct Turn<'a> {
    facts: Facts<'a>,
    news: &'a News<'a>,
    ledger: WakeLedger,
    transitions: Vec<Transition>,
    why: Vec<(Thing, Why)>,
    effect: Option<Effect>,
}

impl Turn<'_> {
    fn command(&mut self) -> Option<Answer> {
        let command = self.news.command?;
        let Some(policy) = self.facts.policy else {
            return Some(begin::no(format!(
                "{} is not woken by Steward: the fleet file does not say `wake: {{ enabled: true }}` for it",
                self.facts.endpoint
            )));
        };
        let ordered = match begin::ordered(policy, command) {
            Ok(ordered) => ordered,
            Err(answer) => return Some(answer),
        };
        let id = command.id.as_deref();
        let before = |ledger: &WakeLedger, thing: &Thing| id.is_some_and(|id| ledger.obeyed(id, thing));
        if ordered.iter().all(|thing| before(&self.ledger, thing)) {
            let said = "the same command was obeyed before; nothing was done".to_owned();
            return Some(Answer { accepted: true, said });
        }
        let (mut answers, mut obeyed) = (vec![], vec![]);
        for thing in ordered {
            if before(&self.ledger, &thing) {
                let said = format!("{thing} obeyed the same command before");
                answers.push(Answer { accepted: true, said });
                continue;
            }
            let answer = self.with(&thing, |world, remembered, serial, teller| {
                begin::obey(world, policy, command, remembered, serial, teller)
            });
            if answer.accepted {
                obeyed.push(thing);
            }
            answers.push(answer);
        }
        let accepted = answers.iter().all(|answer| answer.accepted);
        if let Some(id) = id {
            self.ledger.obeys(id, &obeyed, accepted);
        }
        Some(Answer {
            accepted,
            said: answers
                .into_iter()
                .map(|answer| answer.said)
                .collect::<Vec<_>>()
                .join("; "),
        })
    }

    /// Lends out what is remembered of a thing.
    fn with<T>(
        &mut self,
        thing: &Thing,
        work: impl FnOnce(&World<'_>, &mut Remembered, &mut u64, &mut Teller<'_>) -> T,
    ) -> T {
        let mut remembered = self.ledger.things.remove(thing).unwrap_or_default();
        let (facts, news) = (self.facts, self.news);
        let variant = facts.policy.and_then(|policy| policy.variant.as_deref());
        let seen = match news.look {
            None => Seen::Not("it was not looked at".to_owned()),
            Some(look) => find(look, thing, variant),
        };
        let world = World {
            facts,
            news,
            thing,
            seen: &seen,
        };
        let ledger = &mut self.ledger;
        let mut teller = Teller {
            facts,
            thing,
            alerts: &mut ledger.alerts,
            outbox: &mut ledger.outbox,
            transitions: &mut self.transitions,
        };
        let answer = work(&world, &mut remembered, &mut ledger.serial, &mut teller);
        self.ledger.things.insert(thing.clone(), remembered);
        answer
    }

    /// Decides about one thing.
    fn think(&mut self, thing: &Thing) {
        let named = self.facts.policy.filter(|policy| policy.things().contains(thing));
        let free = self.effect.is_none();
        let why = self.with(thing, |world, remembered, serial, teller| {
            answered(world, remembered);
            if let (Some(policy), true) = (named, remembered.wake.is_some()) {
                prewarm::join(world.facts.now, policy, remembered);
            }
            if remembered.wake.is_none() {
                let waits = match named {
                    Some(policy) => begin::begin(world, policy, remembered, serial, teller),
                    None => None,
                };
                if let Some(why) = waits.filter(|_| remembered.sleep.is_none()) {
                    return (Err(why), None);
                }
            }
            if !free {
                return (Err(Why::Next), None);
            }
            let (next, past) = match remembered.wake.is_some() {
                true => follow(world, remembered, teller),
                false => (fall_asleep(world, remembered, teller), None),
            };
            if let Ok(effect) = &next
                && let Some(wake) = &mut remembered.wake
                && effect.target().is_some()
            {
                wake.calls.hand_out(world.facts.now);
                wake.note(world.facts.now, effect.to_string());
            }
            (next, past)
        });
        let (next, past) = why;
        if let Some(past) = past {
            self.ledger.remember(past);
        }
        match next {
            Ok(effect) => {
                self.why.push((thing.clone(), Why::Acting(effect.to_string())));
                self.effect = Some(effect);
            }
            Err(why) => self.why.push((thing.clone(), why)),
        }
    }

    /// Nothing is kept of what nothing is remembered of.
    fn forget(&mut self) {
        let nothing = Remembered::default();
        self.ledger.things.retain(|_, one| *one != nothing);
    }
}

/// The last call was answered.
fn answered(world: &World<'_>, remembered: &mut Remembered) {
    let (Some(acted), Some(wake)) = (world.news.acted, &mut remembered.wake) else {
        return;
    };
    if acted.effect.target().is_some_and(|target| target.thing == *world.thing) {
        wake.calls.answered(!matches!(acted.outcome, Outcome::Later(_)));
    }
}

/// A wake from phase to phase.
fn follow(
    world: &World<'_>,
    remembered: &mut Remembered,
    teller: &mut Teller<'_>,
) -> (Result<Effect, Why>, Option<Past>) {
    let now = world.facts.now;
    for _ in 0..ENOUGH {
        let Some(wake) = &mut remembered.wake else { break };
        match step::step(world, wake, teller) {
            Next::Stay(why) => return (Err(why), None),
            Next::Do(effect) => return (Ok(effect), None),
            Next::Go(phase) => {
                wake.phase = phase;
                wake.since = now;
                teller.moved(wake, phase);
            }
            Next::Finish(how) => {
                if let Ended::Failed(why) = &how {
                    remembered.failures = remembered.failures.saturating_add(1);
                    teller.failed(wake, why, remembered.failures);
                }
                wake.verdict = Some(how);
                wake.phase = Phase::Restoring;
                wake.since = now;
                teller.moved(wake, Phase::Restoring);
            }
            Next::End => {
                let Some(mut wake) = remembered.wake.take() else { break };
                let how = wake.verdict.clone().unwrap_or(Ended::Done);
                teller.ended(&mut wake, &how);
                begin::end(&world.facts, remembered, &how, wake.keep_until);
                let why = Why::Ended(format!("wake {} is over: {how}", wake.number));
                let past = Past {
                    number: wake.number,
                    thing: world.thing.clone(),
                    demanded: wake.demanded,
                    ended: now,
                    ready: wake.time_to_service(),
                    served: wake.time_to_success(),
                    cause: wake.cause,
                    log: wake.log,
                    how,
                };
                return (Err(why), Some(past));
            }
        }
    }
    (Err(Why::Unknown("the phases do not come to an end".to_owned())), None)
}
