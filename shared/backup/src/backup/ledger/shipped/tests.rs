use std::time::Duration;

use super::{super::tests::kept, *};
use crate::backup::fixture::{at, vault};

fn in_force(config: &str) -> InForce {
    InForce {
        config: config.to_owned(),
        created: None,
        serving: None,
    }
}

pub(in super::super) fn shipped(config: &str, seconds: i64) -> Shipped {
    Shipped {
        what: in_force(config),
        at: at(seconds),
    }
}

fn point_of(config: &str) -> Kept {
    Kept {
        config: config.to_owned(),
        ..kept(Some(vault()))
    }
}

/// A backup of which the point is this one ends.
fn ends(ledger: &mut BackupLedger, point: Kept) {
    ledger.newest = Some(point);
    ledger.is_over();
}

#[test]
fn a_new_config_is_backed_up_once_and_an_old_one_not_again() {
    let mut ledger = BackupLedger::default();
    assert!(ledger.lacks(&shipped("v1", 0)));
    ledger.begin(at(10), None).unwrap();
    assert!(!ledger.lacks(&shipped("v1", 0)), "it is at work");
    assert!(ledger.lacks(&shipped("v2", 20)), "it began before");
    ends(&mut ledger, point_of("v1"));
    assert!(!ledger.lacks(&shipped("v1", 100)));
    assert!(ledger.lacks(&shipped("v2", 100)));
}

#[test]
fn what_was_rolled_back_while_its_backup_was_at_work_does_not_stay_the_newest_point() {
    let every = Duration::from_secs(86_400);
    let mut ledger = BackupLedger {
        newest: Some(point_of("v1")),
        ..BackupLedger::default()
    };
    ledger.begin(at(60), None).unwrap();
    let back = shipped("v1", 300);
    assert!(ledger.lacks(&back), "the backup at work may be of what was taken back");
    ledger.meanwhile(&back);
    ends(&mut ledger, point_of("v2"));
    assert!(ledger.backup_is_due(every, at(900)));
    ledger.begin(at(900), None).unwrap();
    ends(&mut ledger, point_of("v1"));
    assert!(!ledger.backup_is_due(every, at(960)));
}

#[test]
fn the_same_coming_into_service_again_while_it_is_backed_up_makes_no_other_backup() {
    let mut ledger = BackupLedger::default();
    ledger.begin(at(0), None).unwrap();
    ledger.meanwhile(&shipped("v1", 300));
    ends(&mut ledger, point_of("v1"));
    assert!(
        !ledger.again && ledger.shipped.is_none(),
        "each scaling ends in service"
    );
}

#[test]
fn of_what_came_meanwhile_the_latest_counts_in_whatever_order_it_is_told() {
    for order in [[("v2", 100), ("v3", 200)], [("v3", 200), ("v2", 100)]] {
        for (point, follows) in [("v2", true), ("v3", false)] {
            let mut ledger = BackupLedger::default();
            ledger.begin(at(0), None).unwrap();
            order
                .iter()
                .for_each(|(config, at)| ledger.meanwhile(&shipped(config, *at)));
            ends(&mut ledger, point_of(point));
            assert_eq!(ledger.again, follows, "{order:?}, {point}");
        }
    }
}

#[test]
fn what_came_while_a_backup_failed_is_backed_up_at_once() {
    let mut ledger = BackupLedger::default();
    ledger.begin(at(0), None).unwrap();
    ledger.meanwhile(&shipped("v2", 100));
    assert!(!ledger.is_put_off());
    assert!(ledger.backup_is_due(Duration::from_secs(86_400), at(101)));
}

#[test]
fn a_point_is_compared_with_what_is_in_force_when_it_is_written_also_where_no_event_came() {
    let mut ledger = BackupLedger::default();
    ends(&mut ledger, point_of("v2"));
    for (found, follows) in [
        (Ok(Some(&in_force("v2"))), false),
        (Ok(None), false),
        (Ok(Some(&in_force("v1"))), true),
        (Err(()), true),
    ] {
        ledger.again = false;
        ledger.found(found);
        assert_eq!(ledger.again, follows, "{found:?}");
    }
}

#[test]
fn an_endpoint_that_was_deleted_and_created_again_under_its_names_serves_something_else() {
    let created = |milliseconds: i64| InForce {
        created: Some(Timestamp::from_millisecond(milliseconds).unwrap()),
        ..in_force("fraud")
    };
    let of = |created| Kept {
        created,
        ..point_of("fraud")
    };
    let known = of(created(60_000).created);
    assert!(!known.is_behind(&created(60_000)));
    assert!(
        !known.is_behind(&created(60_499)),
        "AWS writes one time in several ways"
    );
    assert!(known.is_behind(&created(95_000)));
    assert!(!known.is_behind(&in_force("fraud")), "nobody said when");
    assert!(!of(None).is_behind(&created(95_000)), "an earlier build did not say");
}

#[test]
fn what_came_into_service_by_the_same_config_is_backed_up_when_other_variants_serve() {
    let serving = |blue: f64, green: f64| Some(Serving::of([("blue", blue), ("green", green)].into_iter()));
    let now = |blue, green| InForce {
        serving: serving(blue, green),
        ..in_force("v1")
    };
    let known = Kept {
        serving: serving(1.0, 0.0),
        ..point_of("v1")
    };
    assert!(!known.is_behind(&now(4.0, 0.0)), "the same serves");
    assert!(known.is_behind(&now(0.0, 1.0)), "the other one does");
    assert!(
        !point_of("v1").is_behind(&now(0.0, 1.0)),
        "an earlier build did not say"
    );
}
