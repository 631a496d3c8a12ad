//! From what the fleet file declares to what is there: scaling, alarms, concurrency, throttling, endpoints, the dashboard.
//!
//! The order of things. [`thing`] has the nouns, which are the same for what is declared and what AWS describes. The fleet file
//! gives [`desired`], AWS gives a [`world`]; a [`plan`] is the way from one to the other, with [`difference`]s field by field,
//! and only what was planned is applied. Beside them [`drift`] (what others changed), [`audit`] (what is wrong), [`activities`]
//! (what scaling did), [`export`] (a fleet file of what is there) and the [`dashboard`].
//!
//! Everything here is a function of what was seen and the time: no call is made here, and none is remembered to have taken
//! effect.

pub mod activities;
pub mod audit;
pub mod dashboard;
pub mod desired;
pub mod difference;
pub mod drift;
pub mod export;
pub mod ledger;
pub mod needs;
pub mod plan;
pub mod tell;
pub mod world;

pub use shared::capacity::{provision, thing};

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
