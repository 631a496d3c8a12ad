use super::{shipped::tests::shipped, *};
use crate::backup::fixture::{at, facts, point, vault};

pub(super) fn kept(vault: Option<Vault>) -> Kept {
    Kept {
        id: point(10).write().0,
        config: "v1".into(),
        completed: at(60),
        tally: Tally::default(),
        took: Duration::ZERO,
        by_size: 0,
        left_out: vec![],
        other_code: std::collections::BTreeMap::new(),
        created: None,
        serving: None,
        during: None,
        vault,
        mappings: None,
    }
}

#[test]
fn a_backup_is_due_when_the_fleet_file_maps_otherwise_than_for_the_newest_point() {
    let [before, now] = ["subnet-wrong", "subnet-right"].map(|to| Mappings {
        subnets: [("subnet-0a1b".to_owned(), to.to_owned())].into(),
        ..Mappings::default()
    });
    let mut ledger = BackupLedger {
        newest: Some(kept(None)),
        ..BackupLedger::default()
    };
    assert!(
        !ledger.is_mapped_otherwise(&now, at(100)),
        "an earlier build did not say"
    );
    ledger.newest = Some(Kept {
        mappings: Some(fingerprint(&before)),
        ..kept(None)
    });
    assert!(!ledger.is_mapped_otherwise(&before, at(100)));
    assert!(ledger.is_mapped_otherwise(&now, at(100)));
    ledger.begin(at(100), None).unwrap();
    assert!(!ledger.is_mapped_otherwise(&now, at(160)), "one is at work");
    ledger.failed(&facts(200), "something is not mapped");
    assert!(
        !ledger.is_mapped_otherwise(&now, at(260)),
        "it is tried again within the hour, and not with each tick"
    );
    let written = serde_json::to_string(&kept(None)).unwrap();
    assert!(!written.contains("mappings"));
}

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

#[test]
fn a_point_of_another_place_is_none_and_a_backup_is_due_at_once() {
    let every = Duration::from_secs(86_400);
    let of_vault = |change: fn(&mut Vault)| {
        let mut vault = vault();
        change(&mut vault);
        vault
    };
    for other in [
        of_vault(|vault| vault.bucket = "other".into()),
        of_vault(|vault| vault.region = "eu-west-3".into()),
        of_vault(|vault| vault.prefix = "other/".into()),
    ] {
        let mut ledger = BackupLedger::default();
        ledger.begin(at(0), None).unwrap();
        ledger.backup = None;
        ledger.newest = Some(kept(Some(vault())));
        ledger.unfinished.insert("s3://models/llm/".into(), unfinished());
        let before = ledger.clone();
        ledger.kept_in(&vault());
        assert_eq!(ledger, before, "nothing moved");
        assert!(!ledger.backup_is_due(every, at(60)));

        ledger.kept_in(&other);
        assert!(ledger.newest.is_none() && ledger.lacks(&shipped("v1", 60)) && ledger.unfinished.is_empty());
        assert!(ledger.backup_is_due(every, at(60)));
        assert_eq!(ledger.outbox.len(), 0, "nothing is damaged");
        let once = ledger.clone();
        ledger.kept_in(&other);
        assert_eq!(ledger, once);

        ledger.kept_in(&vault());
        assert_eq!(
            ledger.newest,
            Some(kept(Some(vault()))),
            "it is where it was, and so is the fleet file"
        );
        assert_eq!(ledger.elsewhere, None);
    }
}

#[test]
fn another_key_is_no_other_place_but_nothing_is_taken_from_copies_under_the_one_before() {
    let encrypted = |key: &str| Vault {
        key: Some(key.to_owned()),
        ..vault()
    };
    let mut ledger = BackupLedger {
        newest: Some(kept(Some(encrypted("old")))),
        ..BackupLedger::default()
    };
    ledger.kept_in(&encrypted("new"));
    let newest = ledger.newest.unwrap();
    assert!(!newest.has_key_of(&encrypted("new")) && newest.has_key_of(&encrypted("old")));
    assert!(kept(None).has_key_of(&encrypted("new")), "nobody knows: it is tried");
}

#[test]
fn a_point_of_which_an_earlier_build_does_not_say_where_it_lies_is_taken_to_lie_here() {
    let mut json = serde_json::to_value(kept(Some(vault()))).unwrap();
    json.as_object_mut().unwrap().remove("vault");
    let mut ledger: BackupLedger = serde_json::from_value(serde_json::json!({ "newest": json })).unwrap();
    ledger.kept_in(&vault());
    assert_eq!(ledger.newest, Some(kept(None)));
}

fn unfinished() -> Unfinished {
    Unfinished {
        listing: "one".into(),
        since: at(0),
        changes: 1,
        collected: Some(at(0)),
        key: None,
        earlier: vec!["steward/artifacts/sets/x/".into()],
    }
}
