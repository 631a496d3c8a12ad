//! What Steward thinks of an endpoint, and what it does about it.

pub mod policy;
