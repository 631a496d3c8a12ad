//! What is declared of capacity, and the nouns it is declared in. How it is compared and made is the crate `capacity`.

pub mod dashboard;
pub mod provision;
pub mod thing;

use std::time::Duration;

/// How far back Application Auto Scaling remembers.
pub const REMEMBERED: Duration = Duration::from_secs(42 * 86_400);
