//! How a new model is shipped to live traffic, judged, and taken back.
//!
//! Pure: no SDK, no clock, no environment, no I/O; `now` is an argument.

pub mod analysis;
pub mod rollout;

#[cfg(test)]
use shared::fleet;
use shared::{alert, endpoint, health, lease, outbox, quantity, scaling, text, trigger};
