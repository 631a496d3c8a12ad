//! Copying one object into another Region: which call is next, given what came of the calls before.
//!
//! A [`Transfer`] begins with what is found under the copy's key and goes on from there, so an invocation that dies is
//! continued by one that knows nothing of it. Where a call may or may not have taken effect, it looks again instead of
//! guessing. Invariants, held under every order of calls, losses, crashes and changes of the source:
//!
//! 1. No copy is ever made of parts of two versions, and every byte is copied exactly once.
//! 2. Nothing is called a copy that was not compared with its source.
//! 3. A transfer that ends has left no upload behind, unless it ended to be continued.
//! 4. Whatever was done before, a transfer in a fair world ends with the copy.
//!
//! Two functions may copy the same object at once (endpoints share models): both choose the oldest upload, so they end up
//! working on the same one.

mod flow;
pub mod layout;
pub mod leftovers;
mod outcome;
pub mod progress;
mod proof;
mod rate;
mod transfer;

pub use self::{
    flow::{Flow, Ticket},
    outcome::{Outcome, Refusal},
    proof::{Proof, Verdict, compare, compare_found, identify},
    rate::Rate,
    transfer::Transfer,
};

#[cfg(test)]
mod fake;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
