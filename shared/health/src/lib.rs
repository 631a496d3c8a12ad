//! Whether each endpoint is well, what people are told of it, and what is done about it.
//!
//! Pure: no SDK, no clock, no environment, no I/O; `now` is an argument.

pub mod health;

#[cfg(test)]
use shared::window;
use shared::{alert, endpoint, failure, fleet, lease, outbox, probe, scaling, text, wake};
