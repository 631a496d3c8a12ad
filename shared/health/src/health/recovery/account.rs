//! What was and was not done of an intent that did not come to its end.
//!
//! "Nothing was changed" is said only when it is known: no call was accepted, none may have taken effect, and every
//! attempt was heard of.

use super::{Intent, Measure};

/// For the alert's list of what Steward did. `gone`: SageMaker has no such endpoint now.
pub(super) fn of_attempt(intent: &Intent, gone: bool) -> Vec<String> {
    let mut lines = Vec::new();
    if gone && matches!(intent.measure, Measure::Recreate { .. }) {
        lines.push("The endpoint was deleted and is not created again.".to_owned());
    } else if let Some(accepted) = intent.accepted {
        lines.push(format!(
            "AWS accepted a change at {accepted:.0}; its whole effect was not seen."
        ));
    }
    lines.extend(intent.left.iter().cloned());
    if !intent.unheard.is_empty() {
        lines.push("The outcome of an attempt was not heard of: it may have taken effect.".to_owned());
    }
    let wanted = format!("this was wanted: Steward {}.", intent.measure.describe());
    if lines.is_empty() {
        vec![format!("Nothing was changed; {wanted}")]
    } else {
        lines.push(format!("Nothing else was changed; {wanted}"));
        lines
    }
}

/// It is not known whether a call took effect.
pub(super) fn is_open(intent: &Intent) -> bool {
    intent.accepted.is_some() || !intent.left.is_empty() || !intent.unheard.is_empty()
}
