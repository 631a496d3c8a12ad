//! Many transfers at once, within what S3 takes: the parts of a large object side by side with many small ones.
//!
//! Only so many transfers are open as calls may be in flight, so memory does not grow with the number of objects: whoever
//! drives it adds more only while [`Flow::wants_more`].

use std::collections::BTreeMap;

use super::{Outcome, Rate, Transfer};
use crate::{
    backup::inventory::{CopyAnswer, CopyCall},
    failure::Failure,
};

/// Names a transfer among the open ones.
pub type Ticket = u64;

/// The transfers at work.
#[derive(Clone, Debug)]
pub struct Flow {
    rate: Rate,
    /// Oldest first: what was begun is finished before more is begun.
    open: BTreeMap<Ticket, Transfer>,
    next: Ticket,
    in_flight: u32,
    stopped: bool,
}

impl Flow {
    /// At most `most` calls in flight.
    pub fn new(most: u32) -> Self {
        Self {
            rate: Rate::new(most),
            open: BTreeMap::new(),
            next: 0,
            in_flight: 0,
            stopped: false,
        }
    }

    /// There is room for another transfer.
    pub fn wants_more(&self) -> bool {
        !self.stopped && self.open.len() < self.rate.limit() as usize
    }

    /// Opens a transfer.
    pub fn add(&mut self, transfer: Transfer) -> Ticket {
        let ticket = self.next;
        self.next += 1;
        self.open.insert(ticket, transfer);
        ticket
    }

    /// Hands out no further calls; those in flight are still answered. For the end of an invocation's time.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// The next call to make; `None` when the limit is reached, or every transfer waits for answers.
    pub fn next_call(&mut self) -> Option<(Ticket, CopyCall)> {
        if self.stopped || self.in_flight >= self.rate.limit() {
            return None;
        }
        let (ticket, call) = self
            .open
            .iter_mut()
            .find_map(|(ticket, transfer)| Some((*ticket, transfer.next_call()?)))?;
        self.in_flight += 1;
        Some((ticket, call))
    }

    /// Takes in an answer. Once the transfer has ended, hands it out with how.
    pub fn answer(&mut self, ticket: Ticket, call: &CopyCall, answer: CopyAnswer) -> Option<(Transfer, Outcome)> {
        self.in_flight = self.in_flight.saturating_sub(1);
        let throttled = matches!(&answer, CopyAnswer::Failed(error) if error.failure == Failure::Throttled);
        self.rate.answered(throttled, self.in_flight);
        self.open.get_mut(&ticket)?.answer(call, answer);
        self.close(ticket)
    }

    /// Closes a transfer that has ended: also one that had ended before its first call.
    pub fn close(&mut self, ticket: Ticket) -> Option<(Transfer, Outcome)> {
        let outcome = self.open.get(&ticket)?.ended()?.clone();
        self.open.remove(&ticket).map(|transfer| (transfer, outcome))
    }

    /// Calls handed out and not answered.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Transfers that have not ended.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// The pace.
    pub fn rate(&self) -> &Rate {
        &self.rate
    }
}
