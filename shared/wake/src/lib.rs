//! How what sleeps is woken, and put to sleep again.
//!
//! Pure: no SDK, no clock, no environment, no I/O; `now` is an argument.

pub mod wake;

use shared::{alert, endpoint, lease, outbox, scaling, text, trigger};
