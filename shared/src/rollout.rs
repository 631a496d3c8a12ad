//! Blue/green rollouts: what to do next, so that a bad model is taken back and a good one arrives.

pub mod effect;
pub mod look;
pub mod policy;
pub mod request;
pub mod strategy;
