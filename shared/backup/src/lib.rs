//! How endpoints are backed up in another Region, and restored from there.
//!
//! Pure: no SDK, no clock, no environment, no I/O; `now` is an argument.

pub mod backup;

#[cfg(test)]
use shared::trigger;
use shared::{alert, failure, fleet, health, location, outbox, probe, scaling, text};
