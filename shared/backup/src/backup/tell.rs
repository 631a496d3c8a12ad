//! What people are told of backups: what changed and asks for somebody, and that it is over.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use super::{
    ledger::{BackupLedger, DueDrill, Kept, Trouble},
    policy::Objectives,
    restore::{Ended, Figures, Kind, Line, Past, Plan},
    retention::spoken,
};
use crate::{
    alert::{Alert, AlertKind, Severity},
    text::{and_list, printable},
};

/// What every alert says.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Now.
    pub now: Timestamp,
    /// The endpoint of the ledger.
    pub endpoint: &'a str,
    /// Where it is restored.
    pub region: &'a str,
    /// The user's labels.
    pub labels: &'a BTreeMap<String, String>,
}

impl BackupLedger {
    pub(super) fn tell(&mut self, facts: &Facts<'_>, kind: AlertKind, alert: impl FnOnce(Alert) -> Alert) {
        self.alerts += 1;
        let mut new = Alert::new(kind, Some(facts.endpoint), facts.now, facts.now);
        let (at, serial) = (facts.now.as_millisecond(), self.alerts % 1_000_000);
        new.id = format!("{kind}:{}:{at}:{serial}", facts.endpoint);
        new.labels.clone_from(facts.labels);
        self.outbox.push(alert(new));
    }

    /// A backup came to nothing. Told the first time, and then each time that the reason changes.
    pub fn failed(&mut self, facts: &Facts<'_>, why: &str) {
        self.is_over();
        self.put_off = 0;
        let lines: Vec<String> = why.lines().take(30).map(|line| printable(line, 500)).collect();
        let why = lines.join("\n");
        let known = self.failing.as_ref().map(|trouble| without_requests(&trouble.why));
        let news = known.is_none_or(|known| known != without_requests(&why));
        let trouble = self.failing.get_or_insert_with(|| Trouble {
            since: facts.now,
            times: 0,
            why: String::new(),
        });
        trouble.times = trouble.times.saturating_add(1);
        trouble.why.clone_from(&why);
        if news {
            let newest = newest(self.newest.as_ref(), facts.now);
            let first = lines.first().cloned().unwrap_or_default();
            self.tell(facts, AlertKind::BackupFailed, |alert| {
                let alert = alert
                    .titled(printable(first.trim_end_matches(['.', ':']), 120))
                    .seen(newest);
                lines.into_iter().fold(alert, Alert::seen)
            });
        }
    }

    /// Something that passes stood in the way of the backup at work: it is made again soon. Told when that happens again
    /// and again.
    pub fn postponed(&mut self, facts: &Facts<'_>, why: &str) {
        if self.is_put_off() {
            self.failed(facts, why);
        }
    }

    /// The backup at work is not done, and its invocations are spent. One that made its way is gone on with by the next
    /// one, unless what it copies changes so often that this may go on for ever: that is told.
    pub fn spent(&mut self, facts: &Facts<'_>, moved: bool, why: &str) {
        let restless = self.restless();
        if !restless.is_empty() {
            let restless = restless.join(", ");
            let why = format!(
                "What is to be copied changes faster than it is copied: {restless}\nUntil it is left alone for long \
                 enough, no recovery point holds it. What was copied is kept, and the next backup corrects only what differs."
            );
            return self.failed(facts, &why);
        }
        match moved {
            true => self.begin_again(),
            false => self.postponed(facts, why),
        }
    }

    /// The newest recovery point has become older than was promised, or none was made in that time. Told once for each.
    pub fn check_age(&mut self, facts: &Facts<'_>, objectives: &Objectives) {
        let Some(kept) = &self.newest else {
            return self.check_for_any(facts, objectives);
        };
        let age = since(kept.id.began, facts.now);
        if age <= objectives.rpo || self.overdue.as_ref() == Some(&kept.id) {
            return;
        }
        let title = format!("{} old, promised are {}", spoken(age), spoken(objectives.rpo));
        let id = kept.id.clone();
        let trouble = self.failing.as_ref().map(|trouble| headline(&trouble.why).to_owned());
        self.overdue = Some(id.clone());
        self.tell(facts, AlertKind::BackupOverdue, |alert| {
            let alert = alert.titled(title).seen(format!("the newest recovery point is {id}"));
            match trouble {
                Some(why) => alert.seen(format!("the last backup failed: {why}")),
                None => alert.seen("no backup failed: none was made"),
            }
        });
    }

    /// There is no recovery point, though backups are begun for longer than was promised. Told once.
    fn check_for_any(&mut self, facts: &Facts<'_>, objectives: &Objectives) {
        let Some(lacking) = &mut self.lacking else { return };
        let lasts = since(lacking.since, facts.now);
        if lacking.told || lasts <= objectives.rpo {
            return;
        }
        lacking.told = true;
        let title = format!(
            "none for {}, promised is one every {}",
            spoken(lasts),
            spoken(objectives.rpo)
        );
        let begun = lacking.since;
        let trouble = match (&self.failing, &self.backup) {
            (Some(trouble), _) => format!("the last backup failed: {}", headline(&trouble.why)),
            (None, Some(job)) => format!("backup {} is at work: {}", job.number, job.progress),
            (None, None) => "no backup failed: none came to its end".to_owned(),
        };
        self.tell(facts, AlertKind::BackupOverdue, |alert| {
            let alert = alert.titled(title).seen("there is no recovery point");
            alert.seen(format!("backups are begun since {begun:.0}")).seen(trouble)
        });
    }

    /// A recovery point is not what it was: what was found.
    pub fn damaged(&mut self, facts: &Facts<'_>, point: &str, found: &[String]) {
        if self.newest.as_ref().is_some_and(|kept| kept.id.to_string() == point) {
            self.newest = None;
            self.again = true;
        }
        let title = printable(point, 60);
        self.tell(facts, AlertKind::BackupDamaged, |alert| {
            found
                .iter()
                .take(20)
                .fold(alert.titled(title), |alert, one| alert.seen(printable(one, 500)))
        });
    }

    /// A restore begins. A drill is told when it ends.
    pub fn restoring(&mut self, facts: &Facts<'_>, plan: &Plan, by: Option<&str>) {
        if plan.kind == Kind::Drill {
            return;
        }
        let title = format!("as {} in {}", plan.definition.endpoint, facts.region);
        let warnings = plan.warnings.clone();
        let point = plan.point.to_string();
        let by = by.map(|by| printable(by, 300));
        let drill = self.aside.as_ref().map(|drill| drill.plan.id());
        self.tell(facts, AlertKind::BackupRestoring, |alert| {
            let alert = alert.titled(title).seen(format!("from recovery point {point}"));
            let alert = by
                .iter()
                .fold(alert, |alert, by| alert.seen(format!("asked for by {by}")));
            let alert = drill.iter().fold(alert, |alert, drill| {
                alert.seen(format!("{drill} makes way for it, and is only torn down"))
            });
            warnings.into_iter().fold(alert, Alert::seen)
        });
    }

    /// A restore or drill has ended: what it came to, and its figures against what was promised.
    pub fn restored(&mut self, facts: &Facts<'_>, past: Past, objectives: &Objectives) {
        let kind = match (past.kind, &past.how) {
            (Kind::Restore, Ended::Passed) => AlertKind::BackupRestored,
            (Kind::Restore, _) => AlertKind::BackupRestoreFailed,
            (Kind::Drill, Ended::Passed) => AlertKind::BackupDrilled,
            (Kind::Drill, _) => AlertKind::BackupDrillFailed,
        };
        let late = past.figures.rto.is_some_and(|rto| rto > objectives.rto);
        let title = match (&past.how, past.figures.rto) {
            (Ended::Passed, Some(rto)) => {
                let rpo = spoken(past.figures.rpo);
                format!("RTO {}, RPO {rpo}", spoken(rto))
            }
            (Ended::Passed, None) => SERVED.to_owned(),
            (how, _) => printable(&how.to_string(), 160),
        };
        let measured = past.how != Ended::Passed || past.figures.rto.is_some();
        let promised = measured.then(|| {
            format!(
                "promised are RTO {} and RPO {}",
                spoken(objectives.rto),
                spoken(objectives.rpo)
            )
        });
        let point = past.point.to_string();
        let (name, probed) = (past.endpoint.clone(), past.figures.probed);
        let passed = past.how == Ended::Passed;
        let left: Vec<String> = past.left.iter().map(ToString::to_string).collect();
        let (objects, restless, lacks) = (past.objects.clone(), past.restless.clone(), past.lacks.clone());
        let other_code = past.other_code.clone();
        let log: Vec<String> = past
            .log
            .iter()
            .rev()
            .take(8)
            .rev()
            .map(|line| line.what.clone())
            .collect();
        let region = facts.region.to_owned();
        self.ended(past);
        self.tell(facts, kind, |alert| {
            let alert = alert
                .titled(title)
                .seen(format!("{name} in {region}, from recovery point {point}"));
            let alert = promised.into_iter().fold(alert, Alert::seen);
            let alert = match (passed, probed) {
                (true, false) => alert.seen("it has no probes: that it is in service is all that is known"),
                _ => alert,
            };
            let alert = match late {
                true => alert.severe(Severity::Warning).seen("it took longer than was promised"),
                false => alert,
            };
            let alert = match objects.is_empty() {
                true => alert,
                false => alert.seen(format!(
                    "objects of its probes stay, to be removed by hand: {}",
                    and_list(&objects)
                )),
            };
            let alert = match restless {
                None => alert,
                Some(why) => alert.seen(format!(
                    "what may scale to zero keeps a minimum of 1, to be set to 0 by hand: {why}"
                )),
            };
            let alert = match other_code.is_empty() {
                true => alert,
                false => alert.severe(Severity::Warning),
            };
            let alert = other_code.into_iter().fold(alert, Alert::seen);
            let alert = lacks
                .into_iter()
                .fold(alert, |alert, lacks| alert.seen(format!("when it began, {lacks}")));
            if passed {
                return alert;
            }
            let alert = match left.is_empty() {
                true => alert,
                false => alert.seen(format!("what it made stays: {}", and_list(&left))),
            };
            log.into_iter().fold(alert, Alert::did)
        });
    }

    /// A drill that is due did not begin: what it would have been called, and why. It counts as one that failed.
    pub(super) fn not_drilled(
        &mut self,
        facts: &Facts<'_>,
        drill: DueDrill<'_>,
        (endpoint, how): (String, String),
        problems: &[String],
    ) {
        self.serial = self.serial.max(drill.number);
        let why = problems
            .iter()
            .flat_map(|problem| problem.lines())
            .map(|line| printable(line, 500));
        let past = Past {
            number: drill.number,
            kind: Kind::Drill,
            point: drill.point.clone(),
            endpoint,
            started: facts.now,
            ended: facts.now,
            how: Ended::Failed(how),
            figures: Figures {
                rpo: since(drill.point.began, facts.now),
                rto: None,
                probed: false,
            },
            left: vec![],
            objects: vec![],
            lacks: None,
            other_code: vec![],
            restless: None,
            log: why.take(20).map(|what| Line { at: facts.now, what }).collect(),
        };
        self.restored(facts, past, &drill.promised);
    }

    /// A drill cannot be torn down, so what it made goes on costing. Told once.
    pub fn not_torn_down(&mut self, facts: &Facts<'_>, number: u64) {
        let Some(restoration) = self.restoration_mut(number) else {
            return;
        };
        restoration.told = true;
        let plan = &restoration.plan;
        let title = format!("{} is not torn down", plan.id());
        let for_long = spoken(since(restoration.since, facts.now));
        let mut seen = vec![format!("tearing down since {for_long}")];
        seen.extend(restoration.problem.clone());
        let made: Vec<String> = restoration
            .intents
            .iter()
            .map(|intent| intent.thing.to_string())
            .collect();
        seen.push(format!("what it made costs until it is gone: {}", and_list(&made)));
        self.tell(facts, AlertKind::BackupDrillFailed, |alert| {
            seen.into_iter().fold(alert.titled(title), Alert::seen)
        });
    }
}

/// Said of a restore that passed and measured no RTO.
const SERVED: &str = "it served already, so no RTO was measured";

/// The first line.
fn headline(why: &str) -> &str {
    why.lines().next().unwrap_or_default().trim_end_matches(['.', ':'])
}

/// The same call refused again has another request id, and is no news for that.
fn without_requests(why: &str) -> String {
    let mut parts = why.split("[request ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once(']').map_or("", |(_, rest)| rest)
    })
}

fn times(times: u32) -> String {
    match times {
        1 => "once".to_owned(),
        n => format!("{n} times"),
    }
}

fn newest(kept: Option<&Kept>, now: Timestamp) -> String {
    match kept {
        None => "there is no recovery point".to_owned(),
        Some(kept) => {
            let age = spoken(since(kept.id.began, now));
            format!("the newest recovery point is {}, {age} old", kept.id)
        }
    }
}

fn since(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

mod completed;
#[cfg(test)]
mod tests;
