//! All that Steward's functions are made of.
//!
//! What is declared, seen and told is the crate `shared`; each domain's decisions are a crate of their own. They are pure: no
//! SDK, no clock, no environment, no I/O; `now` is an argument. The compiler proves it, since none of them depends on an SDK.
//! What leaves the process is in [`aws`].

#[cfg(feature = "aws")]
pub mod aws;

pub use ::backup::backup;
pub use ::capacity::capacity;
pub use ::health::health;
pub use ::rollout::{analysis, rollout};
pub use ::wake::wake;
pub use shared::{
    alert, command, cron, emf, endpoint, failure, fleet, known, lease, location, outbox, probe, quantity, report,
    scaling, settings, text, trigger, window, yaml,
};
