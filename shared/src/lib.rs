//! What Steward's functions share: what is declared, seen and told, and the nouns that decisions are made in.
//!
//! Everything here is pure: no SDK, no clock, no environment, no I/O; `now` is an argument. What is decided of it is a crate
//! for each domain beside this one; `cargo test -p shared` runs the tests of them all.

pub mod alert;
pub mod analysis;
pub mod backup;
pub mod capacity;
pub mod command;
pub mod cron;
pub mod emf;
pub mod endpoint;
pub mod failure;
pub mod fleet;
pub mod health;
pub mod known;
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
