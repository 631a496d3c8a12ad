//! The ranges of scalable targets as they are by now. Scheduled actions move what is registered, and nothing else: a point
//! made at night says the range of the night, also when it is restored by day.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{record::Plan, size::size_range};
use crate::{
    backup::{
        definition::{Definition, Scaled},
        manifest::RecoveryPoint,
    },
    text::printable,
};

/// An action that was due so long before a range was seen may have come too late for it.
pub(super) const LATE: Duration = Duration::from_secs(60);

/// How the ranges of a plan move on until they are registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ranges {
    /// When the ranges were what the plan says.
    pub since: Timestamp,
    /// The instances that each variant has at least, or in a drill at most.
    pub instances: u32,
}

/// What is made from a point, scaled as it would be at `now`.
pub(super) fn caught_up(point: &RecoveryPoint, now: Timestamp) -> Definition {
    let mut definition = point.restored.clone();
    let since = point.began.checked_sub(LATE).unwrap_or(point.began);
    for Scaled { scaling, .. } in &mut definition.scaling {
        *scaling = scaling.caught_up(since, now).still_to_come(now);
    }
    definition
}

/// What people should know of the difference between a point and the `definition` that was made of it, which may call
/// components otherwise.
pub(super) fn notes(point: &RecoveryPoint, definition: &Definition, now: Timestamp) -> Vec<String> {
    let by_now = caught_up(point, now);
    let was = point.restored.scaling.iter().map(|scaled| &scaled.scaling);
    let is = by_now.scaling.iter().map(|scaled| &scaled.scaling);
    let mut notes = Vec::new();
    for ((was, is), Scaled { of, .. }) in was.zip(is).zip(&definition.scaling) {
        if (was.min, was.max) != (is.min, is.max) {
            notes.push(format!(
                "by its scheduled actions the range of {of} is {} to {} by now; it was {} to {} when the point was made",
                is.min, is.max, was.min, was.max
            ));
        }
        let over = was.actions.iter().filter(|action| !is.actions.contains(action));
        notes.extend(over.map(|action| {
            format!(
                "scheduled action {} of {of} is over, so it is not registered",
                printable(&action.name, 100)
            )
        }));
    }
    notes
}

impl Plan {
    /// How a target of the plan is scaled at `now`.
    pub(super) fn by_now(&self, scaled: &Scaled, now: Timestamp) -> Scaled {
        let mut scaled = scaled.clone();
        if let Some(Ranges { since, instances }) = self.ranges {
            scaled.scaling = scaled.scaling.caught_up(since, now);
            size_range(&mut scaled, self.kind, instances);
        }
        scaled.scaling = scaled.scaling.still_to_come(now);
        scaled
    }
}
