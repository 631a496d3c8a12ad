//! How many repairs may begin yet: on one endpoint in its period, and in the fleet in an hour.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    health::{
        ledger::{HealthLedger, after, between},
        policy::{FleetHealthPolicy, RecoveryPolicy},
    },
    probe::seconds,
};

/// The period of [`FleetHealthPolicy::recoveries_per_hour`].
const HOUR: Duration = Duration::from_secs(3600);

/// Repairs that may begin yet on `name` within its period.
pub(in crate::health) fn left(ledger: &HealthLedger, name: &str, policy: &RecoveryPolicy, now: Timestamp) -> u32 {
    let begun = ledger
        .recoveries
        .iter()
        .filter(|started| started.endpoint == name && between(started.at, now) < policy.period);
    rest(policy.budget, begun.count())
}

/// Repairs that may begin yet in the fleet within the hour.
pub(super) fn left_in_fleet(ledger: &HealthLedger, fleet: &FleetHealthPolicy, now: Timestamp) -> u32 {
    rest(fleet.recoveries_per_hour, in_fleet(ledger, now).count())
}

/// When the fleet's limit lets one begin again; `None` when it never does.
pub(super) fn free_in_fleet(ledger: &HealthLedger, fleet: &FleetHealthPolicy, now: Timestamp) -> Option<Timestamp> {
    let mut begun: Vec<Timestamp> = in_fleet(ledger, now).collect();
    begun.sort();
    let most = usize::try_from(fleet.recoveries_per_hour)
        .ok()
        .filter(|most| *most > 0)?;
    let oldest = begun.len().checked_sub(most)?;
    begun.get(oldest).map(|at| after(*at, HOUR))
}

fn in_fleet(ledger: &HealthLedger, now: Timestamp) -> impl Iterator<Item = Timestamp> {
    let begun = ledger.recoveries.iter().map(|started| started.at);
    begun.filter(move |at| between(*at, now) < HOUR)
}

fn rest(most: u32, begun: usize) -> u32 {
    most.saturating_sub(u32::try_from(begun).unwrap_or(u32::MAX))
}

/// `of the budget of 3 in 24 h, 2 are left`.
pub(in crate::health) fn described(left: u32, policy: &RecoveryPolicy) -> String {
    format!(
        "of the budget of {} in {}, {left} {} left",
        policy.budget,
        seconds(policy.period),
        if left == 1 { "is" } else { "are" }
    )
}
