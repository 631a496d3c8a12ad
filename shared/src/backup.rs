//! Backups of endpoints in another Region, and the way back from them.

pub mod artifact;
pub mod copy;
pub mod definition;
pub mod images;
pub mod inventory;
pub mod manifest;
pub mod names;
pub mod references;
pub mod retention;
pub mod rewrite;

#[cfg(test)]
mod fixture;
