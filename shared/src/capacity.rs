//! From what the fleet file declares to what is there: scaling, alarms, concurrency, throttling, endpoints, the dashboard.
//!
//! [`thing`] has the nouns, which are the same for what is declared and what AWS describes.
//!
//! Everything here is a function of what was seen and the time: no call is made here, and none is remembered to have taken
//! effect.

pub mod dashboard;
pub mod provision;
pub mod thing;
