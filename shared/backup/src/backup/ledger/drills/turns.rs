//! Whose turn a drill is. They are made one after the other, so where more are due than fit into the time between two of the
//! same endpoint, some come late: all of them by as much, and that is told.

use std::time::Duration;

use jiff::Timestamp;

use super::super::{BackupLedger, after};
use crate::{
    alert::AlertKind,
    backup::{restore::Kind, retention::spoken, tell::Facts},
    text::and_list,
};

/// Endpoints named in one alert at most.
const NAMED: usize = 20;

/// An endpoint whose drill is due, and waits for those of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its name.
    pub endpoint: String,
    /// Since when.
    pub since: Timestamp,
    /// How often it is to be drilled.
    pub every: Duration,
}

/// In which order drills of these endpoints begin, as far as they are due: those never drilled first, then by the start of
/// the last one. So nobody is passed over twice while another has two turns.
pub fn in_turn<'a>(all: impl IntoIterator<Item = (&'a str, Option<&'a BackupLedger>)>) -> Vec<&'a str> {
    let last = |ledger: Option<&BackupLedger>| ledger.and_then(BackupLedger::drilled_last);
    let mut turns: Vec<_> = all
        .into_iter()
        .map(|(endpoint, ledger)| (last(ledger), endpoint))
        .collect();
    turns.sort();
    turns.into_iter().map(|(_, endpoint)| endpoint).collect()
}

/// Those that wait for longer than the whole time between two drills, those of longest ago first, when that is to be told:
/// it was last `told` of any, and is told again after that time while it lasts.
pub fn late(waiting: &[Waiting], told: Option<Timestamp>, now: Timestamp) -> Vec<Waiting> {
    let is_late = |one: &&Waiting| after(one.since, one.every) <= now;
    let mut late: Vec<Waiting> = waiting.iter().filter(is_late).cloned().collect();
    late.sort_by(|a, b| (a.since, &a.endpoint).cmp(&(b.since, &b.endpoint)));
    let every = late.iter().map(|one| one.every).min().unwrap_or_default();
    match told {
        Some(told) if now < after(told, every) => vec![],
        _ => late,
    }
}

impl BackupLedger {
    /// When the last drill began, or could not.
    pub(super) fn drilled_last(&self) -> Option<Timestamp> {
        let drills = self.past.iter().filter(|past| past.kind == Kind::Drill);
        drills.map(|past| past.started).max()
    }

    /// A drill that is due waits for those of other endpoints; one that is not, or not any more, for nothing.
    pub fn waits_for_its_drill(&mut self, due: bool, now: Timestamp) {
        self.drill_waits = due.then(|| self.drill_waits.unwrap_or(now));
    }

    /// Tells that drills come later than they are asked for by a whole turn: this endpoint's, the first of `late`, and the
    /// others'.
    pub fn drills_are_late(&mut self, facts: &Facts<'_>, late: &[Waiting]) {
        let Some((first, others)) = late.split_first() else {
            return;
        };
        self.drills_late_told = Some(facts.now);
        let spoken_since = spoken(Duration::try_from(facts.now.duration_since(first.since)).unwrap_or_default());
        let title = match others.len() {
            0 => format!("due for {spoken_since} and not begun"),
            1 => format!("due for {spoken_since} and not begun, nor is 1 more"),
            more => format!("due for {spoken_since} and not begun, nor are {more} more"),
        };
        let last = match self.drilled_last() {
            Some(last) => format!(
                "the last one began at {last:.0}; one is asked for every {}",
                spoken(first.every)
            ),
            None => format!("there was none yet; one is asked for every {}", spoken(first.every)),
        };
        let mut named: Vec<String> = others.iter().take(NAMED).map(|one| one.endpoint.clone()).collect();
        match others.len().saturating_sub(NAMED) {
            0 => {}
            more => named.push(format!("{more} more")),
        }
        self.tell(facts, AlertKind::BackupDrillFailed, |alert| {
            let alert = alert.titled(title).next(NEXT).seen(last);
            let alert = alert.seen("drills are made one after the other, and none beside a restore or soon after one");
            match named.is_empty() {
                true => alert,
                false => alert.seen(format!("as late: {}", and_list(&named))),
            }
        });
    }
}

/// What to do about drills that come late.
const NEXT: &str = "More drills are asked for than fit into the time: let `drill.every` be longer, or see why each takes as \
     long (`status` shows the last ones; one that hangs lasts to `drill.deadline`). `drill` makes one beside the others.";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        backup::{
            fixture::{at, facts, point},
            restore::{Ended, Figures, Past},
        },
        outbox::HasOutbox,
    };

    const DAY: Duration = Duration::from_secs(86_400);

    fn drilled(ledger: &mut BackupLedger, started: i64) {
        ledger.ended(Past {
            number: 1,
            kind: Kind::Drill,
            point: point(0).write().0,
            endpoint: "drill".into(),
            started: at(started),
            ended: at(started + 60),
            how: Ended::Passed,
            figures: Figures {
                rpo: DAY,
                rto: Some(DAY),
                probed: true,
            },
            left: vec![],
            objects: vec![],
            lacks: None,
            other_code: vec![],
            restless: None,
            log: vec![],
        });
    }

    fn waiting(endpoint: &str, since: i64) -> Waiting {
        Waiting {
            endpoint: endpoint.to_owned(),
            since: at(since),
            every: DAY,
        }
    }

    fn names(late: &[Waiting]) -> Vec<&str> {
        late.iter().map(|one| one.endpoint.as_str()).collect()
    }

    #[test]
    fn those_never_drilled_come_first_and_then_those_of_the_longest_ago() {
        let (mut a, mut b) = (BackupLedger::default(), BackupLedger::default());
        drilled(&mut a, 200);
        drilled(&mut b, 100);
        let none = BackupLedger::default();
        let all = [("a", Some(&a)), ("b", Some(&b)), ("c", Some(&none)), ("d", None)];
        assert_eq!(in_turn(all), ["c", "d", "b", "a"]);
    }

    proptest! {
        /// However long each drill takes and whatever is asked of each endpoint.
        #[test]
        fn nobody_whose_drill_is_due_is_passed_over_twice_while_another_has_two_turns(
            every in prop::collection::vec(1..6_i64, 2..12),
            took in prop::collection::vec(1..4_i64, 60..120),
        ) {
            let mut ledgers: Vec<(String, BackupLedger)> =
                every.iter().enumerate().map(|(n, _)| (format!("e{n:02}"), BackupLedger::default())).collect();
            let span = |n: usize| Duration::from_secs(every[n].unsigned_abs() * 100);
            let number = |name: &str| name[1..].parse::<usize>().unwrap();
            // The turns since each endpoint became due for its next drill, by who had them.
            let mut passed_over: Vec<Vec<usize>> = vec![vec![]; every.len()];
            let mut now = 0;
            for took in took {
                let due = |n: usize| ledgers[n].1.drill_is_due(Some(span(n)), at(now));
                let order = in_turn(ledgers.iter().map(|(name, ledger)| (name.as_str(), Some(ledger))));
                let turn = order.into_iter().map(number).find(|n| due(*n));
                if let Some(turn) = turn {
                    for other in (0..every.len()).filter(|n| *n != turn && due(*n)) {
                        prop_assert!(!passed_over[other].contains(&turn), "{turn} had two turns while {other} waited");
                        passed_over[other].push(turn);
                    }
                    passed_over[turn].clear();
                    drilled(&mut ledgers[turn].1, now);
                }
                now += took * 40;
            }
        }
    }

    #[test]
    fn a_drill_that_is_late_by_a_whole_turn_is_told_and_one_that_became_due_now_is_not() {
        let all = [waiting("new", 86_000), waiting("old", 100), waiting("older", 0)];
        assert!(late(&all, None, at(86_399)).is_empty());
        assert_eq!(names(&late(&all, None, at(86_400))), ["older"]);
        assert_eq!(names(&late(&all, None, at(86_500))), ["older", "old"]);
    }

    #[test]
    fn that_drills_are_late_is_told_again_only_after_another_turn() {
        let all = [waiting("old", 100), waiting("older", 0)];
        assert!(
            late(&all, Some(at(86_400)), at(86_500)).is_empty(),
            "it was told with the first one"
        );
        assert_eq!(names(&late(&all, Some(at(86_400)), at(172_800))), ["older", "old"]);
    }

    #[test]
    fn a_drill_waits_since_it_was_first_due_until_it_begins_or_is_not_due_any_more() {
        let mut ledger = BackupLedger::default();
        ledger.waits_for_its_drill(true, at(0));
        ledger.waits_for_its_drill(true, at(60));
        assert_eq!(ledger.drill_waits, Some(at(0)));
        ledger
            .restore(crate::backup::fixture::begun(Kind::Drill, 1, 120))
            .unwrap();
        assert_eq!(ledger.drill_waits, None);
        ledger.waits_for_its_drill(true, at(180));
        ledger.waits_for_its_drill(false, at(240));
        assert_eq!(ledger.drill_waits, None);
    }

    #[test]
    fn what_is_told_of_late_drills_names_those_that_wait_too() {
        let mut ledger = BackupLedger::default();
        drilled(&mut ledger, 0);
        let mut all = vec![waiting("fraud", 86_400)];
        all.extend((0..25).map(|n| waiting(&format!("e{n:02}"), 90_000)));
        ledger.drills_are_late(&facts(200_000), &all);
        assert_eq!(ledger.drills_late_told, Some(at(200_000)));
        let told: Vec<_> = ledger.outbox().pending().iter().collect();
        let [alert] = told[..] else { panic!("{told:?}") };
        assert_eq!(alert.kind, AlertKind::BackupDrillFailed);
        assert_eq!(alert.title, "due for 1d 7h and not begun, nor are 25 more");
        assert_eq!(
            alert.evidence[0],
            "the last one began at 2026-09-21T14:13:20Z; one is asked for every 1d"
        );
        assert!(
            alert.evidence[2].ends_with("e18, e19 and 5 more"),
            "{:?}",
            alert.evidence
        );
    }
}
