//! The rehearsal: a simulated AWS on a virtual clock, and what plays scenarios on it.

pub mod clock;
pub mod cloud;
pub mod faults;
pub mod runtime_api;
pub mod serve;
pub mod store;
pub mod wire;
pub mod world;
