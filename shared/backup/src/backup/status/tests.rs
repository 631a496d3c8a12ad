use super::*;
use crate::backup::{
    copy::progress::{Progress, Tally},
    fixture::{at, begun, point, policy},
    ledger::{Kept, Trouble},
    places::Placed,
    restore::Figures,
};

fn kept(began: i64) -> Kept {
    Kept {
        id: point(began).write().0,
        config: "fraud-config".into(),
        completed: at(began + 60),
        tally: Tally {
            objects: 3,
            bytes: 100_000_000_000,
        },
        took: Duration::from_secs(60),
        by_size: 0,
        left_out: vec![],
        other_code: std::collections::BTreeMap::new(),
        created: None,
        serving: None,
        during: None,
        vault: None,
        mappings: None,
    }
}

fn drilled() -> Past {
    Past {
        number: 3,
        kind: Kind::Drill,
        point: kept(0).id,
        endpoint: "fraud-drill-3".into(),
        started: at(100),
        ended: at(900),
        how: Ended::Passed,
        figures: Figures {
            rpo: Duration::from_secs(100),
            rto: Some(Duration::from_secs(410)),
            probed: true,
        },
        left: vec![],
        objects: vec![],
        lacks: None,
        other_code: vec![],
        restless: None,
        log: vec![],
    }
}

#[test]
fn what_is_known_reads_like_this() {
    let mut quiet = BackupLedger {
        newest: Some(kept(0)),
        ..BackupLedger::default()
    };
    quiet.past.push(drilled());
    let mut restored = quiet.clone();
    restored.past.push(Past {
        number: 4,
        kind: Kind::Restore,
        endpoint: "fraud".into(),
        figures: Figures {
            rto: None,
            ..drilled().figures
        },
        ..drilled()
    });
    let said = status("fraud", &restored, Some(&policy()), at(4500));
    let served = "The last restore passed 1h ago: fraud served already, so no RTO was measured.";
    assert!(said.contains(served), "{said}");
    let mut busy = quiet.clone();
    busy.failing = Some(Trouble {
        since: at(80_000),
        times: 2,
        why: "kms:Decrypt is denied".into(),
    });
    busy.begin(at(99_000), None).unwrap();
    let progress = Progress {
        total: Tally {
            objects: 3,
            bytes: 100_000_000_000,
        },
        partial: 40_000_000_000,
        busy: Duration::from_secs(100),
        ..Progress::default()
    };
    assert!(busy.progressed(1, 0, progress, at(99_900)));
    busy.past[0].how = Ended::Failed("the endpoint is Failed: no capacity".into());
    let mut restless = quiet.clone();
    if let Some(kept) = &mut restless.newest {
        kept.by_size = 2;
    }
    let of = crate::location::Location::new("models", "llm/");
    for (listing, now) in [("one", 0), ("two", 60), ("three", 120)] {
        restless.collects(&policy().vault, &of, listing, at(now));
    }
    let policy = policy();
    let said = [
        status("fraud", &BackupLedger::default(), None, at(0)),
        status("fraud", &BackupLedger::default(), Some(&policy), at(0)),
        status("fraud", &quiet, Some(&policy), at(3600)),
        status("fraud", &busy, Some(&policy), at(100_000)),
        status("fraud", &restless, Some(&policy), at(3600)),
    ];
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_point_of_another_place_is_none_to_restore_from_and_it_is_said_where_it_lies() {
    let mut ledger = BackupLedger {
        newest: Some(Kept {
            vault: Some(policy().vault),
            ..kept(0)
        }),
        ..BackupLedger::default()
    };
    let mut moved = policy();
    moved.vault.bucket = "models-dr2".into();
    ledger.kept_in(&moved.vault);
    assert_eq!(
        status("fraud", &ledger, Some(&moved), at(3600)),
        "fraud has no recovery point in eu-west-1.\nIts last one, 20260921T141320Z-27dbd504, lies below \
         s3://dr/steward/points/ in eu-west-1, where backups were kept before: no restore looks there.\n"
    );
}

#[test]
fn a_restored_endpoint_that_is_looked_for_in_vain_is_said_to_be() {
    let mut ledger = BackupLedger::default();
    ledger.restore(begun(Kind::Restore, 1, 0)).unwrap();
    ledger.held[0].gone_since = Some(at(3600));
    let said = status("fraud", &ledger, Some(&policy()), at(4000));
    assert!(
        said.contains(
            "fraud was not there at 2026-09-21T15:13:20Z, nor since. If a look an hour or more after that does not find it \
             either, and nobody holds it to create it again, its copies are kept no longer."
        ),
        "{said}"
    );
}

#[test]
fn a_drill_that_waits_for_its_turn_is_said_to() {
    let mut ledger = BackupLedger::default();
    ledger.waits_for_its_drill(true, at(0));
    let said = status("fraud", &ledger, Some(&policy()), at(7200));
    assert!(
        said.contains("A drill is due since 2h and waits for its turn: they are made one after the other.\n"),
        "{said}"
    );
}

#[test]
fn what_is_at_work_is_told_also_of_an_endpoint_of_which_nothing_else_is_known() {
    let mut ledger = BackupLedger::default();
    assert_eq!(at_work(&ledger, at(0)), "");
    ledger.restore(begun(Kind::Restore, 1, 0)).unwrap();
    let said = at_work(&ledger, at(60));
    assert!(
        said.starts_with("restore-1 of fraud from ") && said.contains("begun 1m ago"),
        "{said}"
    );
}

#[test]
fn a_list_reads_like_this() {
    let points = [0, 86_400].map(|began| {
        let point = point(began);
        Found {
            placed: Placed::new("fraud", &point.from, point.write().0),
            read: Ok(point),
        }
    });
    let mut points = points.to_vec();
    points.push(Found {
        placed: Placed::earlier("fraud", point(200).write().0),
        read: Err("it is damaged".into()),
    });
    insta::assert_snapshot!(list("fraud", &points, at(90_000)));
    assert_eq!(list("fraud", &[], at(0)), "fraud has no recovery point.\n");
}
