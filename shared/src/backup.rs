//! Backups of endpoints in another Region, and the way back from them.

pub mod inventory;
