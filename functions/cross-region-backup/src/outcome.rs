//! What came of it, for whoever asked.

use shared::{aws::lambda::refused, report::Report};

/// The answer to what this version cannot do.
pub(crate) fn not_yet(what: &str) -> Report {
    refused(&format!("{what}: not part of this version."))
}
