use super::*;
use crate::{
    alert::{Alert, AlertKind},
    backup::{
        fixture::{self, at, facts, point, policy},
        restore::{Ended, Figures, Past, Restoration},
    },
    outbox::HasOutbox,
};

const HOUR: i64 = 3600;

fn past(kind: Kind, started: i64) -> Past {
    Past {
        number: 1,
        kind,
        point: point(0).write().0,
        endpoint: "fraud-drill-1".into(),
        started: at(started),
        ended: at(started + 600),
        how: Ended::Failed("no capacity".into()),
        figures: Figures {
            rpo: Duration::from_secs(60),
            rto: None,
            probed: false,
        },
        left: vec![],
        objects: vec![],
        lacks: None,
        other_code: vec![],
        restless: None,
        log: vec![],
    }
}

fn begun(kind: Kind) -> Restoration {
    fixture::begun(kind, 1, 0)
}

fn told(ledger: &BackupLedger) -> Vec<&Alert> {
    ledger.outbox().pending().iter().collect()
}

/// The drill that is due does not begin for this reason, at a time.
fn kept_off(ledger: &mut BackupLedger, now: i64, against: &Against) {
    let (id, _) = point(0).write();
    let drill = DueDrill {
        number: ledger.may_restore(Kind::Drill).expect("nothing is at work"),
        point: &id,
        promised: policy().objectives,
    };
    ledger.cannot_drill(&facts(now), drill, against);
}

#[test]
fn drills_are_due_when_the_last_one_began_long_enough_ago() {
    let week = Duration::from_secs(7 * 86_400);
    let mut ledger = BackupLedger::default();
    assert!(ledger.drill_is_due(Some(week), at(0)), "it was never drilled");
    assert!(!ledger.drill_is_due(None, at(0)), "nobody asked for drills");
    ledger.past = vec![past(Kind::Drill, 0), past(Kind::Restore, 500_000)];
    assert!(!ledger.drill_is_due(Some(week), at(604_799)));
    assert!(ledger.drill_is_due(Some(week), at(604_800)));
}

#[test]
fn no_drill_begins_by_itself_beside_a_restore_or_soon_after_one() {
    let mut ledger = BackupLedger::default();
    assert!(!ledger.keeps_drills_off(at(0)));
    for kind in [Kind::Restore, Kind::Drill] {
        ledger.restore = Some(Box::new(begun(kind)));
        assert!(ledger.keeps_drills_off(at(0)), "{kind:?}");
    }
    if let Some(drill) = &mut ledger.restore {
        drill.phase = Phase::TearingDown;
    }
    assert!(!ledger.keeps_drills_off(at(0)), "it needs no instances any more");
    ledger.restore = None;
    ledger.past = vec![past(Kind::Drill, 0)];
    assert!(!ledger.keeps_drills_off(at(601)));
    ledger.past = vec![past(Kind::Restore, 0)];
    assert!(ledger.keeps_drills_off(at(6 * HOUR)), "a failed one is made again");
    assert!(!ledger.keeps_drills_off(at(6 * HOUR + 600)));
}

#[test]
fn what_may_pass_keeps_a_drill_off_for_an_hour_and_is_told_then() {
    let mut ledger = BackupLedger::default();
    let may = Against::May(vec!["sagemaker:DescribeModel is denied".into()]);
    for minute in 0..60 {
        kept_off(&mut ledger, minute * 60, &may);
    }
    assert!(told(&ledger).is_empty() && ledger.past.is_empty());
    assert_eq!(ledger.undrilled.as_ref().map(|one| one.since), Some(at(0)));
    kept_off(&mut ledger, HOUR, &may);
    let [alert] = told(&ledger)[..] else {
        panic!("{:?}", told(&ledger))
    };
    assert_eq!(alert.kind, AlertKind::BackupDrillFailed);
    assert_eq!(alert.title, "failed: it could not begin within 1h");
    assert_eq!(alert.done, ["sagemaker:DescribeModel is denied"]);
    assert_eq!(ledger.undrilled, None);
    let day = Some(Duration::from_secs(86_400));
    assert!(!ledger.drill_is_due(day, at(2 * HOUR)), "it counts as one that failed");
    assert!(ledger.drill_is_due(day, at(25 * HOUR)));
}

#[test]
fn what_stands_against_a_drill_is_told_at_once() {
    let mut ledger = BackupLedger::default();
    kept_off(&mut ledger, 0, &Against::Stands(vec!["The role is missing.".into()]));
    let titles: Vec<&str> = told(&ledger).iter().map(|alert| alert.title.as_str()).collect();
    assert_eq!(titles, ["failed: it could not begin"]);
    assert_eq!(ledger.past[0].endpoint, "fraud-drill-1");
}

#[test]
fn what_passed_is_forgotten_when_a_drill_begins_and_after_a_day() {
    let may = Against::May(vec!["throttled".into()]);
    let mut ledger = BackupLedger::default();
    kept_off(&mut ledger, 0, &may);
    kept_off(&mut ledger, 30 * HOUR, &may);
    assert!(told(&ledger).is_empty(), "nobody looked for more than a day");
    assert_eq!(ledger.undrilled.as_ref().map(|one| one.since), Some(at(30 * HOUR)));
    ledger.restore(begun(Kind::Drill)).unwrap();
    assert_eq!(ledger.undrilled, None);
}

#[test]
fn what_was_seen_to_be_missing_counts_before_what_was_not_seen() {
    let mut proposal = fixture::proposed(Kind::Drill, 1);
    assert!(
        matches!(Against::of(&proposal), Some(Against::May(_))),
        "nothing was looked for"
    );
    proposal.problems = vec!["The image is gone.".into()];
    let Some(Against::Stands(why)) = Against::of(&proposal) else {
        panic!("{proposal:?}")
    };
    assert_eq!(why.len(), 1 + proposal.unseen.len());
    (proposal.problems, proposal.unseen) = (vec![], vec![]);
    assert_eq!(Against::of(&proposal), None);
}
