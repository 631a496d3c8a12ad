//! Backups of endpoints in another Region, and the way back from them.

pub mod copy;
pub mod inventory;

#[cfg(test)]
mod fixture;
