//! The rehearsal: a simulated AWS on a virtual clock, and what plays scenarios on it.

pub mod clock;
pub mod faults;
pub mod world;
