//! How what the fleet file declares is compared with what is there, planned and applied.
//!
//! Pure: no SDK, no clock, no environment, no I/O; `now` is an argument.

pub mod capacity;

use shared::{alert, cron, endpoint, fleet, outbox, quantity, scaling, text, window};
