use super::*;
use crate::backup::{
    fixture::{self, at},
    restore::{Ended, Phase},
};

fn begun(kind: Kind, number: u64) -> Restoration {
    fixture::begun(kind, number, 60)
}

#[test]
fn a_drill_that_comes_up_makes_way_for_a_restore_at_once() {
    let mut ledger = BackupLedger::default();
    ledger.restore(begun(Kind::Drill, 1)).unwrap();
    assert_eq!(ledger.may_restore(Kind::Restore), Ok(2));
    ledger.restore(begun(Kind::Restore, 2)).unwrap();
    let [restore, drill] = ledger.restorations().collect::<Vec<_>>()[..] else {
        panic!("both are at work: {ledger:?}")
    };
    assert_eq!((restore.plan.number, restore.phase), (2, Phase::Creating));
    assert_eq!((drill.plan.number, drill.phase), (1, Phase::TearingDown));
    assert_eq!(
        drill.verdict,
        Some(Ended::Aborted("it made way for restore-2".into())),
        "nothing that it does later is told as a drill that passed"
    );
}

#[test]
fn a_drill_that_is_torn_down_goes_on_beside_a_restore_as_it_was() {
    let mut ledger = BackupLedger::default();
    let mut drill = begun(Kind::Drill, 1);
    (drill.phase, drill.verdict, drill.since) = (Phase::TearingDown, Some(Ended::Passed), at(30));
    ledger.restore(drill.clone()).unwrap();
    ledger.restore(begun(Kind::Restore, 2)).unwrap();
    assert_eq!(ledger.aside.as_deref(), Some(&drill));
    // Each is kept and ends by its number.
    let mut restore = begun(Kind::Restore, 2);
    restore.rounds = 3;
    ledger.keep(restore);
    drill.told = true;
    ledger.keep(drill.clone());
    assert_eq!(ledger.restoration(1), Some(&drill));
    assert_eq!(ledger.restoration(2).map(|one| one.rounds), Some(3));
}

#[test]
fn there_is_never_more_than_one_drill_to_be_undone_and_no_restore_waits_for_it() {
    let mut ledger = BackupLedger::default();
    let next = |ledger: &mut BackupLedger, kind| {
        let number = ledger.may_restore(kind)?;
        ledger.restore(begun(kind, number))
    };
    next(&mut ledger, Kind::Drill).unwrap();
    assert!(next(&mut ledger, Kind::Drill).is_err(), "one at a time");
    next(&mut ledger, Kind::Restore).unwrap();
    for kind in [Kind::Drill, Kind::Restore] {
        assert_eq!(next(&mut ledger, kind), Err(Busy::Restore("restore-2".into())));
    }
    // The restore ends, and SageMaker still keeps what the drill made.
    ledger.restore = None;
    assert_eq!(next(&mut ledger, Kind::Drill), Err(Busy::Restore("drill-1".into())));
    assert!(!ledger.drill_is_due(Some(std::time::Duration::ZERO), at(9_999_999)));
    next(&mut ledger, Kind::Restore).unwrap();
    assert_eq!(ledger.restorations().count(), 2);
}

#[test]
fn a_plan_from_before_another_job_began_is_made_anew() {
    let mut ledger = BackupLedger::default();
    ledger.restore(begun(Kind::Drill, 1)).unwrap();
    assert_eq!(ledger.restore(begun(Kind::Restore, 1)), Err(Busy::Meanwhile(1)));
    assert!(ledger.aside.is_none(), "the drill goes on");
}

#[test]
fn a_drill_of_an_earlier_build_makes_way_too() {
    let mut ledger = BackupLedger::default();
    ledger.restore(begun(Kind::Drill, 1)).unwrap();
    let written = serde_json::to_string(&ledger).unwrap();
    assert!(!written.contains("aside"));
    let mut read: BackupLedger = serde_json::from_str(&written).unwrap();
    read.restore(begun(Kind::Restore, 2)).unwrap();
    let written = serde_json::to_string(&read).unwrap();
    assert_eq!(serde_json::from_str::<BackupLedger>(&written).unwrap(), read);
}
