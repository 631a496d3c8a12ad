use super::*;
use crate::{
    backup::{
        copy::progress::Tally,
        fixture::{at, facts, point, policy},
        ledger::Against,
        manifest::PointId,
        restore::{Ask, Figures, Intent, Line, Look, Phase, Plan, Restoration, Thing, ThingKind, plan},
        verify::Verified,
    },
    outbox::HasOutbox,
};

fn id(began: i64) -> PointId {
    point(began).write().0
}

pub(super) fn kept(began: i64) -> Kept {
    Kept {
        id: id(began),
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

fn objectives() -> Objectives {
    Objectives {
        rpo: Duration::from_secs(26 * 3600),
        rto: Duration::from_secs(1800),
    }
}

fn past(kind: Kind, how: Ended, rto: Option<u64>) -> Past {
    Past {
        number: 4,
        kind,
        point: id(0),
        endpoint: "fraud-drill-4".into(),
        started: at(7200),
        ended: at(9000),
        how,
        figures: Figures {
            rpo: Duration::from_secs(7200),
            rto: rto.map(Duration::from_secs),
            probed: true,
        },
        left: match kind {
            Kind::Drill => vec![],
            Kind::Restore => vec![Thing {
                kind: ThingKind::Model,
                name: "fraud-v1".into(),
            }],
        },
        objects: vec![],
        lacks: None,
        other_code: vec![],
        restless: None,
        log: vec![Line {
            at: at(7200),
            what: "create model fraud-v1-drill-4".into(),
        }],
    }
}

fn drill() -> Plan {
    let (point, policy) = (point(0), policy());
    let verified = Verified::default();
    let ask = Ask {
        kind: Kind::Drill,
        number: 1,
        point: (&id(0), &point),
        name: None,
        cover: Default::default(),
        policy: &policy,
        probed: true,
        verified: &verified,
        notes: &[],
        now: at(134_000),
    };
    plan(&ask, &Look::default()).plan
}

fn kinds(ledger: &BackupLedger) -> Vec<AlertKind> {
    ledger.outbox().pending().iter().map(|alert| alert.kind).collect()
}

fn said(ledger: &BackupLedger) -> String {
    ledger.outbox().pending()[0].evidence.join("\n")
}

#[test]
fn each_alert_reads_like_this() {
    let mut ledger = BackupLedger::default();
    ledger.completed(&facts(100), kept(0));
    ledger.failed(
        &facts(90_000),
        "2 things cannot be taken to the other Region\n- model fraud at /Image",
    );
    ledger.check_age(&facts(100_000), &objectives());
    ledger.completed(&facts(110_000), kept(109_000));
    ledger.damaged(
        &facts(120_000),
        "20260131T020000Z-1a2b3c4d",
        &["3 objects are missing".into()],
    );
    ledger.restored(
        &facts(130_000),
        past(Kind::Drill, Ended::Passed, Some(400)),
        &objectives(),
    );
    ledger.restored(
        &facts(131_000),
        past(Kind::Restore, Ended::Passed, Some(4000)),
        &objectives(),
    );
    let failed = Ended::Failed("the endpoint fraud is Failed: no capacity".into());
    ledger.restored(
        &facts(132_000),
        past(Kind::Restore, failed.clone(), None),
        &objectives(),
    );
    ledger.restored(&facts(133_000), past(Kind::Drill, failed, None), &objectives());
    let plan = drill();
    let due = DueDrill {
        number: plan.number,
        point: &plan.point,
        promised: plan.promised(),
    };
    let stands = Against::Stands(vec!["The image prep:3 is not there.".into()]);
    ledger.cannot_drill(&facts(134_000), due, &stands);
    assert!(
        ledger.restore(Restoration::new(plan.clone(), at(0), None)).is_err(),
        "its number is used up"
    );
    let plan = Plan {
        number: ledger.serial + 1,
        ..plan
    };
    ledger.restore(Restoration::new(plan, at(134_000), None)).unwrap();
    let drill = ledger.restore.as_mut().unwrap();
    let number = drill.plan.number;
    (drill.phase, drill.since) = (Phase::TearingDown, at(135_000));
    drill.problem = Some("delete endpoint fraud-drill-1: sagemaker:DeleteEndpoint is denied".into());
    drill.intents.push(Intent {
        thing: Thing {
            kind: ThingKind::Endpoint,
            name: "fraud-drill-1".into(),
        },
        last: at(134_000),
    });
    assert!(!drill.is_stuck(at(138_599)) && drill.is_stuck(at(138_600)));
    ledger.not_torn_down(&facts(138_600), number);
    assert!(
        !ledger.restore.as_ref().unwrap().is_stuck(at(200_000)),
        "it is told once"
    );
    let told: Vec<String> = ledger
        .outbox()
        .pending()
        .iter()
        .map(|alert| {
            let Alert {
                kind,
                severity,
                title,
                evidence,
                done,
                ..
            } = alert;
            format!(
                "{kind} ({severity}): {title}\n  {}\n  {}",
                evidence.join("\n  "),
                done.join("\n  ")
            )
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_restore_of_what_served_already_promises_and_claims_no_rto() {
    let mut ledger = BackupLedger::default();
    ledger.restored(&facts(0), past(Kind::Restore, Ended::Passed, None), &objectives());
    let alert = &ledger.outbox().pending()[0];
    assert_eq!(alert.kind, AlertKind::BackupRestored);
    assert_eq!(alert.title, "it served already, so no RTO was measured");
    assert!(!said(&ledger).contains("promised"), "{}", said(&ledger));
}

#[test]
fn the_same_refusal_with_another_request_id_is_no_news() {
    let mut ledger = BackupLedger::default();
    for request in ["1", "2", "3"] {
        let why =
            format!("a: s3:CopyObject failed (denied): no [request {request}].\nb: likewise [request {request}x]");
        ledger.failed(&facts(0), &why);
    }
    assert_eq!(kinds(&ledger), [AlertKind::BackupFailed]);
    assert_eq!(ledger.failing.as_ref().map(|trouble| trouble.times), Some(3));
}

#[test]
fn what_passes_is_told_when_it_does_not() {
    let mut ledger = BackupLedger::default();
    for time in 0..3 {
        ledger.begin(at(time * 300), None).expect("none is at work");
        ledger.postponed(&facts(time * 300), "throttled");
    }
    assert_eq!(kinds(&ledger), [AlertKind::BackupFailed]);
    ledger.begin(at(4000), None).expect("none is at work");
    ledger.postponed(&facts(4000), "throttled");
    assert_eq!(kinds(&ledger).len(), 1, "it is counted anew");
}

#[test]
fn the_same_trouble_is_told_once_and_its_end_too() {
    let mut ledger = BackupLedger::default();
    for day in 0..5 {
        ledger.failed(&facts(day * 86_400), "KMS says no");
    }
    ledger.failed(&facts(6 * 86_400), "the bucket is gone");
    ledger.completed(&facts(7 * 86_400), kept(7 * 86_400));
    ledger.completed(&facts(8 * 86_400), kept(8 * 86_400));
    assert_eq!(
        kinds(&ledger),
        [
            AlertKind::BackupFailed,
            AlertKind::BackupFailed,
            AlertKind::BackupCompleted
        ]
    );
}

#[test]
fn a_point_that_is_too_old_is_told_once() {
    let mut ledger = BackupLedger::default();
    ledger.completed(&facts(0), kept(0));
    for hour in 0..50 {
        ledger.check_age(&facts(hour * 3600), &objectives());
    }
    assert_eq!(kinds(&ledger), [AlertKind::BackupCompleted, AlertKind::BackupOverdue]);
}

#[test]
fn ids_of_alerts_differ_and_keep_their_pattern() {
    let mut ledger = BackupLedger::default();
    ledger.failed(&facts(0), "a");
    ledger.failed(&facts(0), "b");
    let ids: Vec<&str> = ledger
        .outbox()
        .pending()
        .iter()
        .map(|alert| alert.id.as_str())
        .collect();
    assert_ne!(ids[0], ids[1]);
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:/-".contains(c);
    assert!(ids.iter().all(|id| id.len() <= 128 && id.chars().all(plain)));
}

#[test]
fn that_there_never_was_a_recovery_point_is_told_once_as_soon_as_one_was_promised() {
    let mut ledger = BackupLedger::default();
    ledger.check_age(&facts(0), &objectives());
    ledger.begin(at(0), None).unwrap();
    ledger.check_age(&facts(26 * 3600), &objectives());
    assert_eq!(kinds(&ledger), []);
    // It goes on and on, each time a new backup, and none fails.
    for hour in 27..60 {
        ledger.begin_again();
        ledger.begin(at(hour * 3600), None).unwrap();
        ledger.check_age(&facts(hour * 3600 + 60), &objectives());
    }
    assert_eq!(kinds(&ledger), [AlertKind::BackupOverdue]);
    let alert = &ledger.outbox().pending()[0];
    assert_eq!(alert.title, "none for 1d 3h, promised is one every 1d 2h");
    assert_eq!(alert.evidence[0], "there is no recovery point");
    ledger.completed(&facts(250_000), kept(249_000));
    assert_eq!(kinds(&ledger), [AlertKind::BackupOverdue, AlertKind::BackupCompleted]);
}

#[test]
fn what_is_not_there_to_be_backed_up_is_not_overdue() {
    let mut ledger = BackupLedger::default();
    for hour in 0..60 {
        ledger.begin(at(hour * 3600), None).unwrap();
        ledger.not_now();
        ledger.check_age(&facts(hour * 3600), &objectives());
    }
    assert_eq!(kinds(&ledger), []);
}

#[test]
fn a_set_that_never_stands_still_is_told_when_the_invocations_of_a_backup_are_spent() {
    let (vault, of) = (
        crate::backup::fixture::vault(),
        crate::location::Location::new("models", "llm/"),
    );
    let mut ledger = BackupLedger::default();
    for chain in 0..3 {
        ledger.begin(at(chain * 20_000), None).unwrap();
        for change in 0..4 {
            let now = chain * 20_000 + change * 600;
            ledger.collects(&vault, &of, &format!("listing {now}"), at(now));
        }
        ledger.spent(
            &facts(chain * 20_000 + 11_000),
            true,
            "not done after 12 continuations: 3 of 7 objects",
        );
    }
    assert_eq!(
        kinds(&ledger),
        [AlertKind::BackupFailed],
        "the same reason is told once"
    );
    assert!(said(&ledger).contains("s3://models/llm/"));
    assert!(
        !ledger.unfinished.is_empty(),
        "and the next backup goes on from what is there"
    );
}

#[test]
fn a_backup_that_only_takes_long_is_gone_on_with_in_silence() {
    let mut ledger = BackupLedger::default();
    ledger.begin(at(0), None).unwrap();
    ledger.spent(&facts(11_000), true, "not done");
    assert_eq!((kinds(&ledger), ledger.again), (vec![], true));
}

#[test]
fn an_alert_claims_no_more_than_was_compared() {
    let told = |by_size| {
        let mut ledger = BackupLedger::default();
        ledger.completed(&facts(100), Kept { by_size, ..kept(0) });
        said(&ledger)
    };
    assert!(told(0).contains("copied and compared"));
    assert!(told(1).contains("1 of them by nothing but the size"));
    assert!(told(3).contains("nothing but the sizes could be compared"));
}

#[test]
fn an_endpoint_under_a_name_that_nothing_looks_after_is_told_with_what_to_write() {
    let lacks = "no entry of the fleet file in eu-central-1 selects fraud-eu".to_owned();
    let mut ledger = BackupLedger::default();
    let past = Past {
        lacks: Some(lacks.clone()),
        restless: Some("nothing would wake fraud-eu".into()),
        ..past(Kind::Restore, Ended::Passed, Some(400))
    };
    ledger.restored(&facts(131_000), past, &objectives());
    let said = said(&ledger);
    assert!(said.contains(&format!("when it began, {lacks}")), "{said}");
    assert!(
        said.contains("a minimum of 1, to be set to 0 by hand: nothing would wake fraud-eu"),
        "{said}"
    );
}

#[test]
fn a_drill_that_ran_other_code_passed_with_a_warning_that_says_so() {
    let mut ledger = BackupLedger::default();
    let past = Past {
        other_code: vec!["it names b, and a served: other code will run".into()],
        ..past(Kind::Drill, Ended::Passed, Some(400))
    };
    ledger.restored(&facts(131_000), past, &objectives());
    assert_eq!(ledger.outbox().pending()[0].severity, Severity::Warning);
    assert!(said(&ledger).contains("a served: other code will run"));
}
