//! Backups of endpoints in another Region, and the way back from them.
//!
//! The order of things. A backup: [`definition`] of what AWS describes, [`references`] to what has to be copied, [`copy`] of
//! each [`artifact`], [`rewrite`] for the other Region (with [`images`]), and last the recovery point, a [`manifest`]. A
//! restore or a drill: [`restore`]. Beside them [`places`], [`claim`], [`retention`], [`audit`], and what of it is remembered ([`ledger`]) and told
//! ([`tell`], [`status`]).
//!
//! Everything here is a function of what was seen and the time: no call is made here, and none is remembered to have taken
//! effect.

pub mod artifact;
pub mod audit;
pub mod claim;
pub mod copy;
pub mod definition;
pub mod gather;
pub mod images;
pub mod inventory;
pub mod ledger;
pub mod manifest;
pub mod names;
pub mod places;
pub mod references;
pub mod restore;
pub mod retention;
pub mod rewrite;
pub mod status;
pub mod tell;
pub mod verify;

pub use shared::backup::policy;

#[cfg(test)]
mod fixture;
