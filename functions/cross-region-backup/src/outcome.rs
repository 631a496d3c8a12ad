//! What came of it, for the three who want to know: the log, the metrics and whoever asked.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use steward::{
    aws::lambda::{self, refused},
    backup::{copy::progress::Progress, ledger::BackupLedger, retention::spoken},
    emf::{Metrics, Unit},
    report::Report,
    text::sentence,
};

use crate::{
    backup::{Came, Told},
    services::Services,
    tick::{Standing, is_well},
};

/// A tick, to be counted.
#[derive(Clone, Copy)]
pub(crate) struct Ticked<'a> {
    pub(crate) began: Timestamp,
    pub(crate) standings: &'a [Standing],
    /// Alerts of audits that wait to be published.
    pub(crate) audits_pending: usize,
}

impl Ticked<'_> {
    fn pending(&self) -> usize {
        let of_backups = self.standings.iter().map(|one| one.ledger.document.outbox.len());
        of_backups.sum::<usize>() + self.audits_pending
    }
}

/// Endpoints named in one answer at most.
const MOST_NAMED: usize = 200;

/// `BackupTicks` is the heartbeat: an alarm on its absence tells that nobody makes backups any more. What came of backups is
/// counted whatever woke the function; how they stand only with the schedule (`ticked`).
pub(crate) fn emit(services: &Services<'_>, told: &[Told], ticked: Option<Ticked<'_>>) {
    let settings = services.settings();
    let now = services.now();
    let mut metrics = Metrics::new(settings.metrics_namespace.clone(), now).dimension("Name", settings.name.clone());
    let begun: Vec<&Told> = told
        .iter()
        .filter(|one| !matches!(one.came, Came::NotBegun(_)))
        .collect();
    if begun.is_empty() && ticked.is_none() {
        return;
    }
    if !begun.is_empty() {
        let came = |is: fn(&Came) -> bool| begun.iter().filter(|told| is(&told.came)).count() as f64;
        metrics.put(
            "BackupsCompleted",
            came(|came| matches!(came, Came::Completed(_))),
            Unit::Count,
        );
        metrics.put(
            "BackupsFailed",
            came(|came| matches!(came, Came::Failed(_))),
            Unit::Count,
        );
        let objects: u64 = begun.iter().map(|told| told.copied.objects).sum();
        let bytes: u64 = begun.iter().map(|told| told.copied.bytes).sum();
        metrics.put("BackupObjectsCopied", objects as f64, Unit::Count);
        metrics.put("BackupBytesCopied", bytes as f64, Unit::Bytes);
    }
    if let Some(ticked) = ticked {
        let Ticked { began, standings, .. } = ticked;
        let of = |is: fn(&BackupLedger) -> bool| standings.iter().filter(|one| is(&one.ledger.document)).count() as f64;
        metrics.put("BackupTicks", 1.0, Unit::Count);
        metrics.put("BackupsActive", of(|ledger| ledger.backup.is_some()), Unit::Count);
        metrics.put("BackupsFailing", of(|ledger| ledger.failing.is_some()), Unit::Count);
        metrics.put("BackupAlertsPending", ticked.pending() as f64, Unit::Count);
        let lasted = since(began, now);
        metrics.put("BackupTickDuration", lasted.as_secs_f64() * 1000.0, Unit::Milliseconds);
        let at_home = || {
            standings
                .iter()
                .filter(|one| one.backed.policy.vault.region != services.home())
        };
        let without = at_home().filter(|one| one.ledger.document.newest.is_none()).count();
        metrics.put("EndpointsWithoutRecoveryPoint", without as f64, Unit::Count);
        let ages = at_home().filter_map(|one| Some((one, age(&one.ledger.document, now)?)));
        let mut oldest = None;
        for (standing, age) in ages {
            oldest = oldest.max(Some(age));
            if standing.backed.metrics {
                let about = [("EndpointName", standing.endpoint.as_str())];
                metrics.put_for(&about, "RecoveryPointAge", age.as_secs_f64(), Unit::Seconds);
            }
        }
        if let Some(oldest) = oldest {
            metrics.put("OldestRecoveryPointAge", oldest.as_secs_f64(), Unit::Seconds);
        }
    }
    if let Err(error) = lambda::emit_metrics(&services.ctx.deployed.base.emit, &metrics) {
        tracing::error!(%error, "the metrics of this invocation are lost");
    }
}

/// How old the newest recovery point is: what would be lost with the Region.
fn age(ledger: &BackupLedger, now: Timestamp) -> Option<Duration> {
    Some(since(ledger.newest.as_ref()?.id.began, now))
}

fn since(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// The answer to the schedule.
pub(crate) fn ticked(services: &Services<'_>, told: &[Told], ticked: Ticked<'_>) -> Report {
    let now = services.now();
    let standings = ticked.standings;
    let oldest = standings.iter().filter_map(|one| age(&one.ledger.document, now)).max();
    let count = match standings.len() {
        0 => "No endpoint is backed up".to_owned(),
        1 => "1 endpoint is backed up".to_owned(),
        count => format!("{count} endpoints are backed up"),
    };
    let mut summary = match oldest {
        Some(age) => format!("{count}; the newest recovery points are up to {} old.", spoken(age)),
        None => format!("{count}."),
    };
    for told in told.iter().take(MOST_NAMED) {
        summary.push_str(&format!("\n{}", line(told)));
    }
    with_backups(Report::done(summary), told)
        .with("endpoints", standings.len())
        .with("alerts_pending", ticked.pending())
}

/// The answer to what was about some endpoints.
pub(crate) fn of_some(told: &[Told]) -> Report {
    if told.is_empty() {
        return refused(&"No endpoint is backed up: the fleet file says no `backup.destination` for any.");
    }
    let lines: Vec<String> = told.iter().take(MOST_NAMED).map(line).collect();
    let summary = lines.join("\n");
    let report = match told.iter().all(is_well) {
        true => Report::done(summary),
        false => Report::partial(summary),
    };
    with_backups(report, told)
}

/// The answer to what was about one endpoint.
pub(crate) fn of_one(told: &Told) -> Report {
    of_some(std::slice::from_ref(told)).with("endpoint", told.endpoint.clone())
}

fn with_backups(report: Report, told: &[Told]) -> Report {
    let published: usize = told.iter().map(|one| one.published).sum();
    let backups: Map<String, Value> = told
        .iter()
        .take(MOST_NAMED)
        .map(|one| (one.endpoint.clone(), detail(one)))
        .collect();
    report.with("backups", backups).with("alerts_published", published)
}

fn line(told: &Told) -> String {
    let endpoint = &told.endpoint;
    match &told.came {
        Came::Completed(kept) => format!(
            "{endpoint}: recovery point {}: {}, of which {} were copied now.",
            kept.id, kept.tally, told.copied
        ),
        Came::Failed(why) => format!("{endpoint}: the backup failed: {}", sentence(why)),
        Came::PutOff(why) => format!("{endpoint}: to be made again soon: {}", sentence(why)),
        Came::GoesOn(hop) => {
            let job = told.ledger.document.backup.as_ref();
            let progress = job.map(|job| job.progress.to_string()).unwrap_or_default();
            format!("{endpoint}: {progress}; invocation {hop} goes on.")
        }
        Came::NotBegun(why) => format!("{endpoint}: {}", sentence(why)),
    }
}

fn detail(told: &Told) -> Value {
    let came = match &told.came {
        Came::Completed(_) => "completed",
        Came::Failed(_) => "failed",
        Came::PutOff(_) => "put-off",
        Came::GoesOn(_) => "goes-on",
        Came::NotBegun(_) => "not-begun",
    };
    let point = match &told.came {
        Came::Completed(kept) => Some(kept.id.to_string()),
        _ => None,
    };
    let job = told.ledger.document.backup.as_ref();
    json!({
        "came": came,
        "point": point,
        "copied": told.copied,
        "progress": job.map(|job| progress(&job.progress)),
    })
}

/// How far a backup is, for programs.
pub(crate) fn progress(progress: &Progress) -> Value {
    json!({
        "bytes": progress.total.bytes,
        "bytes_left": progress.remaining(),
        "objects": progress.total.objects,
        "objects_done": progress.copied.objects.saturating_add(progress.present.objects),
        "bytes_per_second": progress.rate(),
        "seconds_left": progress.left().map(|left| left.as_secs()),
    })
}
