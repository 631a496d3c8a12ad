//! One common cause: when nearly everything starts failing at once, one alert says so instead of a hundred.
//!
//! A dead Region, a revoked role or a broken shared dependency fails all endpoints at the same time. The single alerts
//! are held back, and no recovery begins, because no endpoint's own fleet is the cause. They are let through when the
//! common failure has lasted [`LIMIT`], and those still sick when it ends are told then.

pub(super) mod sweeps;

use std::time::Duration;

use super::{
    Facts, Why, alerts,
    ledger::{EndpointRecord, HealthLedger, Level, Suppression, after, between},
    observation::Watch,
    silence,
};
use crate::{
    alert::{AlertKind, Severity},
    probe::seconds,
};

pub use self::sweeps::FailingSweeps;

/// After this the single alerts follow: by then somebody needs to know which endpoints they are.
pub const LIMIT: Duration = Duration::from_secs(30 * 60);

/// An endpoint judged longer ago says nothing of now.
const RECENT: Duration = Duration::from_secs(10 * 60);

/// Who fails, of those that were well, and who among them is beyond its threshold.
struct Count {
    judged: u32,
    failing: Vec<String>,
    confirmed: Vec<String>,
}

impl Count {
    fn failing(&self) -> u32 {
        u32::try_from(self.failing.len()).unwrap_or(u32::MAX)
    }
}

/// An endpoint whose checks say something about a common cause.
fn says_something(
    facts: &Facts<'_>,
    watch: &Watch,
    ledger: &HealthLedger,
    name: &str,
    record: &EndpointRecord,
) -> bool {
    let policy = watch.policies.get(name);
    let quiet = policy.is_some_and(|policy| silence::mute(facts.now, ledger, policy, name).is_some());
    let recent = record
        .counted
        .is_some_and(|counted| between(counted, facts.now) <= RECENT);
    !quiet
        && recent
        && (record.status.serves() || !record.status.in_transition())
        && policy.is_none_or(|policy| !policy.probes.is_empty())
        && !known_before(ledger, name, record)
}

fn count(facts: &Facts<'_>, watch: &Watch, ledger: &HealthLedger) -> Count {
    let mut count = Count {
        judged: 0,
        failing: Vec::new(),
        confirmed: Vec::new(),
    };
    for (name, record) in &ledger.endpoints {
        if !says_something(facts, watch, ledger, name, record) {
            continue;
        }
        count.judged += 1;
        let unhealthy = record.level == Level::Unhealthy;
        if record.streak.failing > 0 || (unhealthy && record.streak.serving == 0) {
            count.failing.push(name.clone());
            if unhealthy {
                count.confirmed.push(name.clone());
            }
        }
    }
    count
}

/// People know of this endpoint's own trouble from before; it says nothing about a common cause.
fn known_before(ledger: &HealthLedger, name: &str, record: &EndpointRecord) -> bool {
    match &ledger.suppression {
        Some(suppression) => suppression.known.contains(name),
        None => record.incident.is_some(),
    }
}

/// What the suppression means for the single endpoints in this decision.
pub(super) struct Verdict {
    /// Single alerts are held back.
    pub(super) holds_alerts: bool,
    /// No recovery begins.
    pub(super) holds_recovery: bool,
}

/// Begins, ends or goes on.
pub(super) fn update(facts: &Facts<'_>, watch: &Watch, ledger: &mut HealthLedger) -> (Verdict, Option<Why>) {
    let count = count(facts, watch, ledger);
    let at_once =
        count.judged >= facts.fleet.suppression_minimum.max(1) && facts.fleet.is_common(count.failing(), count.judged);
    let sweeps = ledger.failing_sweeps.clone().filter(|sweeps| sweeps.is_recent(facts));
    let enough = sweeps.clone().filter(FailingSweeps::is_enough);
    let common = at_once || enough.is_some();
    match (&mut ledger.suppression, common) {
        // What the last sweeps saw may be a common cause: nothing single is done until that is clear.
        (None, false) => (
            Verdict {
                holds_alerts: false,
                holds_recovery: sweeps.is_some(),
            },
            None,
        ),
        // Not yet beyond the thresholds: nothing to tell, and nothing single to tell either until it is clear which.
        (None, true) if count.confirmed.is_empty() && enough.is_none() => (
            Verdict {
                holds_alerts: false,
                holds_recovery: true,
            },
            None,
        ),
        (None, true) => {
            begin(facts, ledger, &count, enough.as_ref().filter(|_| !at_once));
            (
                Verdict {
                    holds_alerts: true,
                    holds_recovery: true,
                },
                Some(Why::SuppressionBegan),
            )
        }
        (Some(suppression), true) => {
            suppression.released |= facts.now >= after(suppression.since, LIMIT);
            (
                Verdict {
                    holds_alerts: !suppression.released,
                    holds_recovery: true,
                },
                None,
            )
        }
        // Too few judged of late to say that it is over.
        (Some(suppression), false)
            if count.judged < facts.fleet.suppression_minimum.max(1) && facts.now < after(suppression.since, LIMIT) =>
        {
            (
                Verdict {
                    holds_alerts: !suppression.released,
                    holds_recovery: true,
                },
                None,
            )
        }
        (Some(_), false) => {
            end(facts, ledger, &count);
            (
                Verdict {
                    holds_alerts: false,
                    holds_recovery: false,
                },
                Some(Why::SuppressionEnded),
            )
        }
    }
}

fn begin(facts: &Facts<'_>, ledger: &mut HealthLedger, count: &Count, sweeps: Option<&FailingSweeps>) {
    let failing = match count.confirmed.is_empty() {
        true => &count.failing,
        false => &count.confirmed,
    };
    let since = failing
        .iter()
        .filter_map(|name| ledger.endpoints[name].ill_since)
        .min()
        .unwrap_or(facts.now);
    let serial = ledger.next_serial();
    let id = format!("fleet:suppressed:{}-{serial}", facts.now.as_second());
    let mut alert = alerts::new(facts, format!("{id}:1"), AlertKind::FleetSuppressed, None, since, None);
    alert.title = match sweeps {
        None => format!("{} of {} endpoints fail at once", count.failing(), count.judged),
        Some(sweeps) => format!(
            "{} of {} checks in {} sweeps fail at once",
            sweeps.failing, sweeps.judged, sweeps.sweeps
        ),
    };
    for name in failing.iter().take(5) {
        let evidence = ledger.endpoints[name].evidence.first().cloned().unwrap_or_default();
        alert.evidence.push(format!("{name}: {evidence}"));
    }
    if failing.len() > 5 {
        alert.evidence.push(format!("and {} more", failing.len() - 5));
    }
    if sweeps.is_some() {
        alert.evidence.push(format!(
            "{} of the endpoints were not reached by the last sweep: those that do not answer take its time",
            ledger.sweep.unreached.len()
        ));
    }
    alert.done.push(format!(
        "Single alerts are held back for {}, and no recovery begins.",
        seconds(LIMIT)
    ));
    ledger.outbox.push(alert);
    ledger.suppression = Some(Suppression {
        id,
        known: ledger
            .endpoints
            .iter()
            .filter(|(name, record)| known_before(ledger, name, record))
            .map(|(name, _)| name.clone())
            .collect(),
        since: facts.now,
        released: false,
    });
}

fn end(facts: &Facts<'_>, ledger: &mut HealthLedger, count: &Count) {
    let Some(suppression) = ledger.suppression.take() else {
        return;
    };
    let mut alert = alerts::new(
        facts,
        format!("{}:2", suppression.id),
        AlertKind::FleetSuppressed,
        None,
        suppression.since,
        None,
    );
    if count.judged == 0 {
        alert.title = format!(
            "no common cause can be seen any more: no endpoint was judged in the last {}",
            seconds(RECENT)
        );
    } else {
        alert.title = format!("over: {} of {} endpoints still fail", count.failing(), count.judged);
    }
    alert.severity = Severity::Info;
    alert.resolved = true;
    alert.next = if count.judged == 0 {
        "Find out why no endpoint is judged: alerts about the monitor, maintenance windows, silences, updates. Those that are still sick follow in alerts of their own.".into()
    } else {
        "Those that are still sick follow in alerts of their own.".into()
    };
    ledger.outbox.push(alert);
}
