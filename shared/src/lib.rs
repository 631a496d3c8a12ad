//! What Steward's functions share.
//!
//! Everything outside `aws` is pure: no SDK, no clock, no environment, no I/O; `now` is an argument.
//! `cargo test -p shared --no-default-features` builds without the SDKs and so proves it.

pub mod endpoint;
pub mod health;
pub mod probe;
pub mod quantity;
pub mod window;
pub mod yaml;
