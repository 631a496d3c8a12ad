//! How many things of the whole fleet are woken at the same time: one small document for all endpoints.
//!
//! A wake holds a slot from before its first call until it is in service. Whoever waited longest comes next. A slot whose
//! holder died is free when the longest wake is over, a place in the queue when nobody asked for it any more.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Kind and version of the document. A build that finds another one leaves it alone.
pub const SCHEMA: &str = "wake-slots/1";

/// Whoever waits asks at every tick; who did not for so long has gone.
const FORGOTTEN: Duration = Duration::from_secs(5 * 60);

/// A wish for a slot. The same whenever the same wake asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Of the wake: no other has it.
    pub id: String,
    /// Nobody asked yet: it is woken by schedule. Requests come first.
    pub ahead: bool,
    /// Since when it waits.
    pub since: Timestamp,
    /// How long it may be held at most.
    pub lasts: Duration,
}

/// The document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots {
    /// Held, by id, each until it is free by itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub held: BTreeMap<String, Timestamp>,
    /// Waiting, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub waiting: BTreeMap<String, Waiting>,
}

/// One that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Waiting {
    /// Woken by schedule.
    pub ahead: bool,
    /// Since when.
    pub since: Timestamp,
    /// When it last asked.
    pub asked: Timestamp,
}

/// No slot is free.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{held} of {most} simultaneous wakes of the fleet are under way, {before} wait before it")]
pub struct Full {
    /// Under way.
    pub held: usize,
    /// How many there may be: `fleet.simultaneous_wakes`.
    pub most: u32,
    /// Waiting before it.
    pub before: usize,
}

impl Slots {
    /// Takes a slot, or a place in the queue. The document is to be written in both cases, unless it did not change.
    ///
    /// # Errors
    /// When no slot is free for it.
    pub fn claim(&mut self, slot: &Slot, most: u32, now: Timestamp) -> Result<(), Full> {
        let later = |span| now.checked_add(span).unwrap_or(Timestamp::MAX);
        self.held.retain(|_, until| *until > now);
        self.waiting
            .retain(|_, one| one.asked.checked_add(FORGOTTEN).unwrap_or(Timestamp::MAX) > now);
        // Asked for again when the answer was lost: the time of the wake begins anew, and so does the slot's.
        if let Some(until) = self.held.get_mut(&slot.id) {
            *until = later(slot.lasts).max(*until);
            return Ok(());
        }
        let mine = Waiting {
            ahead: slot.ahead,
            since: slot.since,
            asked: now,
        };
        let order = |id: &str, one: &Waiting| (one.ahead, one.since, id.to_owned());
        let own = order(&slot.id, &mine);
        let waiting = self.waiting.iter().filter(|(id, _)| **id != slot.id);
        let before = waiting.filter(|(id, one)| order(id, one) < own).count();
        let free = usize::try_from(most)
            .unwrap_or(usize::MAX)
            .saturating_sub(self.held.len());
        if before < free {
            self.waiting.remove(&slot.id);
            self.held.insert(slot.id.clone(), later(slot.lasts));
            Ok(())
        } else {
            self.waiting.insert(slot.id.clone(), mine);
            Err(Full {
                held: self.held.len(),
                most,
                before,
            })
        }
    }

    /// Gives a slot or a place in the queue back. One that is not there is done.
    pub fn release(&mut self, id: &str) {
        self.held.remove(id);
        self.waiting.remove(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
    }

    fn slot(id: &str, since: i64, ahead: bool) -> Slot {
        Slot {
            id: id.to_owned(),
            ahead,
            since: at(since),
            lasts: Duration::from_secs(1800),
        }
    }

    #[test]
    fn whoever_waited_longest_comes_next_and_requests_before_schedules() {
        let mut slots = Slots::default();
        assert_eq!(slots.claim(&slot("a", 0, false), 1, at(0)), Ok(()));
        assert!(slots.claim(&slot("early", 5, true), 1, at(5)).is_err());
        assert!(slots.claim(&slot("b", 10, false), 1, at(10)).is_err());
        assert!(slots.claim(&slot("c", 20, false), 1, at(20)).is_err());
        slots.release("a");
        let full = slots.claim(&slot("c", 20, false), 1, at(30)).expect_err("b is next");
        assert_eq!(
            full.to_string(),
            "0 of 1 simultaneous wakes of the fleet are under way, 1 wait before it"
        );
        assert_eq!(slots.claim(&slot("b", 10, false), 1, at(40)), Ok(()));
        assert_eq!(slots.claim(&slot("b", 10, false), 1, at(50)), Ok(()), "its own already");
    }

    #[test]
    fn what_the_dead_held_is_free_again() {
        let mut slots = Slots::default();
        assert_eq!(slots.claim(&slot("dead", 0, false), 1, at(0)), Ok(()));
        assert!(slots.claim(&slot("gone", 1, false), 1, at(1)).is_err());
        assert!(slots.claim(&slot("b", 2, false), 1, at(1799)).is_err());
        assert_eq!(slots.claim(&slot("b", 2, false), 1, at(1800)), Ok(()));
        assert!(!slots.waiting.contains_key("gone"));
    }
}
