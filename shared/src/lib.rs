//! What Steward's functions share.
//!
//! Everything outside `aws` is pure: no SDK, no clock, no environment, no I/O; `now` is an argument.
//! `cargo test -p shared --no-default-features` builds without the SDKs and so proves it.

pub mod alert;
pub mod analysis;
#[cfg(feature = "aws")]
pub mod aws;
pub mod backup;
pub mod capacity;
pub mod command;
pub mod cron;
pub mod emf;
pub mod endpoint;
pub mod failure;
pub mod fleet;
pub mod health;
pub mod lease;
pub mod location;
pub mod outbox;
pub mod probe;
pub mod quantity;
pub mod report;
pub mod rollout;
pub mod scaling;
pub mod settings;
pub mod text;
pub mod trigger;
pub mod wake;
pub mod window;
pub mod yaml;
