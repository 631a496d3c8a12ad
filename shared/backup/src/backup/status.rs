//! Where the backups of an endpoint are, for people.

use std::{fmt::Write as _, time::Duration};

use jiff::Timestamp;

mod gone;

pub use self::gone::{all_gone, audited, lacks};
use super::{
    ledger::BackupLedger,
    places::Found,
    policy::{BackupPolicy, Objectives},
    restore::{Ended, Kind, Past},
    retention::spoken,
};
use crate::text::{bytes, printable};

/// Lines of a log that are shown.
const RECENT: usize = 6;

/// What is known of one endpoint.
pub fn status(endpoint: &str, ledger: &BackupLedger, policy: Option<&BackupPolicy>, now: Timestamp) -> String {
    let mut said = String::new();
    let Some(policy) = policy else {
        let _ = writeln!(
            said,
            "{endpoint} is not backed up: the fleet file says no `backup.destination` for it."
        );
        return said;
    };
    let vault = &policy.vault;
    match &ledger.newest {
        None => {
            let _ = writeln!(said, "{endpoint} has no recovery point in {}.", vault.region);
            let elsewhere = ledger.elsewhere.as_ref();
            if let Some((kept, place)) = elsewhere.and_then(|kept| Some((kept, kept.vault.as_ref()?))) {
                let _ = writeln!(
                    said,
                    "Its last one, {}, lies below {} in {}, where backups were kept before: no restore looks there.",
                    kept.id,
                    place.all_points(),
                    place.region
                );
            }
        }
        Some(kept) => {
            let age = since(kept.id.began, now);
            let judged = match age > policy.objectives.rpo {
                true => "older than",
                false => "within",
            };
            let _ = writeln!(
                said,
                "{endpoint} can be restored in {} from {}: {}; {} old, {judged} the RPO of {}.",
                vault.region,
                kept.id,
                kept.tally,
                spoken(age),
                spoken(policy.objectives.rpo)
            );
        }
    }
    if let Some(kept) = ledger.newest.as_ref().filter(|kept| kept.by_size > 0) {
        let _ = writeln!(
            said,
            "Of {} of its objects nothing but the size could be compared with the source: a drill says more.",
            kept.by_size
        );
    }
    for one in ledger.newest.iter().flat_map(|kept| &kept.left_out) {
        let _ = writeln!(said, "Not in it, so that no restore makes it: {one}.");
    }
    if let Some(trouble) = &ledger.failing {
        let since = spoken(since(trouble.since, now));
        let _ = writeln!(
            said,
            "Backups fail since {since}, {} times: {}",
            trouble.times, trouble.why
        );
    }
    if let Some(job) = &ledger.backup {
        let _ = writeln!(
            said,
            "Backup {} is at work since {}: {}; last heard of {} ago.",
            job.number,
            spoken(since(job.began, now)),
            job.progress,
            spoken(since(job.touched, now))
        );
    }
    for (of, set) in ledger.unfinished.iter().filter(|(_, set)| set.changes > 0) {
        let times = match set.changes {
            1 => "once".to_owned(),
            n => format!("{n} times"),
        };
        let _ = writeln!(
            said,
            "{of} changed {times} since {:.0}, before all of it was copied: what differs is copied again.",
            set.since
        );
    }
    said.push_str(&at_work(ledger, now));
    for held in &ledger.held {
        let claim = &held.hold.claim;
        let _ = writeln!(
            said,
            "In use: {claim}. The copies of {} are kept as long as that endpoint is there.",
            claim.point
        );
        if let Some(gone) = held.gone_since {
            let _ = writeln!(
                said,
                "{} was not there at {gone:.0}, nor since. If a look an hour or more after that does not find it either, and \
                 nobody holds it to create it again, its copies are kept no longer.",
                claim.restored
            );
        }
    }
    if let Some(undrilled) = &ledger.undrilled {
        let for_long = spoken(since(undrilled.since, now));
        let why = &undrilled.why;
        let _ = writeln!(said, "A drill is due since {for_long} and could not begin: {why}");
    }
    if let Some(since_when) = ledger.drill_waits {
        let for_long = spoken(since(since_when, now));
        let _ = writeln!(
            said,
            "A drill is due since {for_long} and waits for its turn: they are made one after the other."
        );
    }
    let last = |kind| ledger.past.iter().rev().find(move |past| past.kind == kind);
    let ended_last = [last(Kind::Restore), last(Kind::Drill)];
    for past in ended_last.into_iter().flatten() {
        let _ = writeln!(said, "{}", ended(past, &policy.objectives, now));
    }
    if ended_last == [None, None] && ledger.newest.is_some() {
        let _ = writeln!(
            said,
            "No drill of it is known here. Drills are made and remembered in {}; until one passed, nobody knows whether it \
             can be restored.",
            vault.region
        );
    }
    said
}

/// The restore and the drill that are at work, with their last steps; empty when none is.
pub fn at_work(ledger: &BackupLedger, now: Timestamp) -> String {
    let mut said = String::new();
    for restoration in ledger.restorations() {
        let plan = &restoration.plan;
        let _ = writeln!(
            said,
            "{} of {} from {} is {} since {}, begun {} ago; its deadline is after {}.",
            plan.id(),
            plan.definition.endpoint,
            plan.point,
            restoration.phase,
            spoken(since(restoration.since, now)),
            spoken(since(restoration.started, now)),
            spoken(plan.deadline)
        );
        if let Some(problem) = &restoration.problem {
            let _ = writeln!(said, "Last problem: {problem}.");
        }
        let recent = restoration.log.iter().rev().take(RECENT).rev();
        for line in recent {
            let _ = writeln!(said, "  {:.0} {}", line.at, line.what);
        }
    }
    said
}

fn ended(past: &Past, objectives: &Objectives, now: Timestamp) -> String {
    let ago = spoken(since(past.ended, now));
    let kind = past.kind.as_str();
    match (&past.how, past.figures.rto) {
        (Ended::Passed, Some(rto)) => {
            let judged = if rto > objectives.rto { "longer than" } else { "within" };
            let (rto, promised) = (spoken(rto), spoken(objectives.rto));
            format!(
                "The last {kind} passed {ago} ago: RTO {rto}, {judged} the {promised} promised; RPO {}.",
                spoken(past.figures.rpo)
            )
        }
        (Ended::Passed, None) => {
            let name = &past.endpoint;
            format!("The last {kind} passed {ago} ago: {name} served already, so no RTO was measured.")
        }
        (how, _) => format!("The last {kind} {how} ({ago} ago)."),
    }
}

/// The recovery points of an endpoint, newest first.
pub fn list(endpoint: &str, points: &[Found], now: Timestamp) -> String {
    if points.is_empty() {
        return format!("{endpoint} has no recovery point.\n");
    }
    let mut newest_first: Vec<_> = points.iter().collect();
    newest_first.sort_by(|a, b| b.placed.cmp(&a.placed));
    let mut said = String::new();
    let _ = writeln!(
        said,
        "{:<26} {:>8}  {:<14} {:>8} {:>9}  models",
        "point", "age", "from", "objects", "size"
    );
    for found in newest_first {
        let id = &found.placed.id;
        let age = spoken(since(id.began, now));
        let from = printable(found.source().unwrap_or("-"), 30);
        let _ = match &found.read {
            Ok(point) => {
                let tally = point.tally();
                let models: Vec<&str> = point.source.models.iter().map(|model| model.name.as_str()).collect();
                let (objects, size) = (tally.objects, bytes(tally.bytes));
                let models = models.join(", ");
                writeln!(said, "{id:<26} {age:>8}  {from:<14} {objects:>8} {size:>9}  {models}")
            }
            Err(why) => writeln!(said, "{id:<26} {age:>8}  {from:<14} cannot be used: {why}"),
        };
    }
    said
}

fn since(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
