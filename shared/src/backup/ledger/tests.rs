use super::*;
use crate::backup::fixture::at;

#[test]
fn one_backup_at_a_time_and_a_dead_one_is_taken_over() {
    let mut ledger = BackupLedger::default();
    assert_eq!(ledger.begin(at(0), None), Ok(1));
    assert_eq!(ledger.begin(at(60), None), Err(Busy::Backup(1, at(0))));
    assert!(ledger.progressed(1, 0, Progress::default(), at(1000)));
    assert!(ledger.begin(at(2000), None).is_err(), "it was heard of");
    assert_eq!(ledger.begin(at(2201), None), Ok(2));
    assert!(
        !ledger.progressed(1, 0, Progress::default(), at(2202)),
        "the dead one has to stop"
    );
}

#[test]
fn a_continuation_that_comes_twice_or_late_does_nothing() {
    let mut ledger = BackupLedger::default();
    let job = ledger.begin(at(0), None).unwrap();
    assert_eq!(ledger.next_hop(2), Some((job, 1)));
    assert!(ledger.continues(job, 1, at(10)));
    assert!(!ledger.continues(job, 1, at(11)));
    assert!(
        !ledger.progressed(job, 0, Progress::default(), at(12)),
        "the one before has to stop"
    );
    assert!(ledger.continues(job, 2, at(20)));
    assert_eq!(ledger.next_hop(2), None, "bounded");
}

#[test]
fn a_new_config_is_backed_up_once_and_an_old_one_not_again() {
    let mut ledger = BackupLedger::default();
    assert!(ledger.lacks("v1", at(0)));
    ledger.begin(at(10), None).unwrap();
    assert!(!ledger.lacks("v1", at(0)), "it is at work");
    assert!(ledger.lacks("v2", at(20)), "it began before");
    ledger.backup = None;
    ledger.newest = Some(Kept {
        id: crate::backup::fixture::point(10).write().0,
        config: "v1".into(),
        completed: at(60),
        tally: Tally::default(),
        took: Duration::ZERO,
        by_size: 0,
    });
    assert!(!ledger.lacks("v1", at(100)));
    assert!(ledger.lacks("v2", at(100)));
}

#[test]
fn a_backup_is_due_every_so_often_and_sooner_after_trouble() {
    let every = Duration::from_secs(86_400);
    let mut ledger = BackupLedger::default();
    let due = |ledger: &BackupLedger, at_: i64| ledger.backup_is_due(every, at(at_));
    assert!(due(&ledger, 0), "there was none");
    ledger.begin(at(0), None).unwrap();
    assert!(!due(&ledger, 1199), "it is at work");
    assert!(due(&ledger, 1200), "it has died");
    ledger.backup = None;
    assert!(!due(&ledger, 86_339));
    assert!(
        due(&ledger, 86_340),
        "or a tick that comes a little early would make it late by one"
    );
    ledger.again = true;
    assert!(due(&ledger, 1), "something changed meanwhile");
    ledger.begin(at(2000), None).unwrap();
    assert!(!ledger.is_put_off());
    assert!(!due(&ledger, 2296));
    assert!(due(&ledger, 2297), "what passes may have passed");
    assert!(!ledger.is_put_off() && ledger.is_put_off(), "the third time it is told");
    ledger.put_off = 0;
    ledger.failing = Some(Trouble {
        since: at(0),
        times: 1,
        why: "x".into(),
    });
    assert!(!due(&ledger, 5563));
    assert!(due(&ledger, 5564), "a person may have removed the cause");
}

#[test]
fn a_command_is_obeyed_once() {
    let mut ledger = BackupLedger::default();
    assert!(!ledger.obeyed("a"));
    assert!(ledger.obeyed("a"));
    for index in 0..60 {
        ledger.obeyed(&index.to_string());
    }
    assert_eq!(ledger.commands.len(), COMMANDS);
}

#[test]
fn a_document_of_an_older_build_is_read() {
    let ledger: BackupLedger = serde_json::from_str("{}").unwrap();
    assert_eq!(ledger, BackupLedger::default());
}
