//! One story a test: a fleet, a few sweeps, what people heard.

mod account;
mod flapping;
mod ladder;
mod let_go;
mod monitor;
mod moving;
mod night;
mod outcome;
mod own;
mod quiet;
mod reach;
mod undo;
mod unmade;
mod unserved;
mod waiting;

use super::{
    decide,
    fixture::{Stage, bare, look, minutes, stage, start, time},
    ledger::{HealthLedger, State},
    observation::{Hint, News, Observation},
    silence::{self, Silence},
    status,
};
use crate::{endpoint::EndpointStatus, probe::Cause};

#[test]
fn three_failed_checks_make_it_unhealthy_and_two_passed_make_it_healthy() {
    let mut stage = stage();
    stage.sweeps(2, &look("fraud").failed(Cause::ServerError));
    assert_eq!(stage.heard(), "");
    stage.sweep([look("fraud").failed(Cause::ServerError)]);
    assert_eq!(stage.heard(), "08:04 fraud endpoint.unhealthy critical: errors");
    stage.sweep([look("fraud")]);
    assert_eq!(
        (stage.heard().as_str(), stage.record("fraud").state),
        ("", State::Unhealthy)
    );
    stage.sweep([look("fraud")]);
    assert_eq!(stage.heard(), "08:06 fraud endpoint.recovered info: after 4 min");
    assert_eq!(stage.record("fraud").state, State::Healthy);
}

#[test]
fn a_passed_check_that_does_not_make_it_healthy_is_not_the_end_of_an_illness() {
    let none = std::collections::BTreeSet::new();
    let mut stage = stage();
    let first = stage.now + minutes(1);
    stage
        .sweeps(3, &look("fraud").failed(Cause::ServerError))
        .sweep([look("fraud")])
        .sweep([look("fraud").failed(Cause::ServerError)]);
    let seen = stage.record("fraud").seen(&none);
    let last = stage.record("fraud").seen;
    assert_eq!(
        (seen.ill_since, seen.failing_since, seen.counted),
        (Some(first), Some(last), Some(last))
    );
    stage
        .sweeps(2, &look("fraud"))
        .sweep([look("fraud").failed(Cause::ServerError)]);
    let seen = stage.record("fraud").seen(&none);
    let last = stage.record("fraud").seen;
    assert_eq!((seen.ill_since, seen.failing_since), (Some(last), Some(last)));
}

#[test]
fn what_is_unhealthy_now_is_not_as_old_as_when_it_was_only_degraded() {
    let mut stage = stage();
    stage
        .sweeps(3, &look("fraud").degraded())
        .sweeps(3, &look("fraud").failed(Cause::ServerError));
    let seen = stage.record("fraud").seen(&std::collections::BTreeSet::new());
    assert_eq!(seen.ill_since, Some(stage.record("fraud").seen));
}

#[test]
fn all_alerts_of_an_incident_share_the_stem_of_their_ids() {
    let mut stage = stage();
    stage
        .sweeps(3, &look("fraud").degraded())
        .sweeps(3, &look("fraud").failed(Cause::TimedOut))
        .sweeps(2, &look("fraud"));
    let ids: Vec<String> = stage
        .told
        .iter()
        .map(|alert| format!("{} {}", alert.id, alert.kind))
        .collect();
    insta::assert_snapshot!(ids.join("\n"), @r"
    health:fraud:1772438520-1:1 endpoint.degraded
    health:fraud:1772438520-1:2 endpoint.unhealthy
    health:fraud:1772438520-1:3 endpoint.recovered
    ");
}

#[test]
fn a_first_alert_says_what_since_when_on_what_evidence_and_what_next() {
    let mut stage = stage();
    stage.sweeps(3, &look("fraud").failed(Cause::ServerError));
    insta::assert_snapshot!(stage.told[0].message().text);
}

#[test]
fn an_endpoint_sick_from_the_first_sight_is_told_after_twice_the_threshold() {
    let mut stage = bare(&["fraud"]);
    stage.sweeps(5, &look("fraud").failed(Cause::NotReady));
    assert_eq!(stage.heard(), "");
    stage.sweep([look("fraud").failed(Cause::NotReady)]);
    assert_eq!(
        stage.heard(),
        "08:06 fraud endpoint.unhealthy critical: model not ready"
    );
}

#[test]
fn an_endpoint_first_seen_failed_is_told_at_once() {
    let mut stage = bare(&["fraud"]);
    stage.sweep([look("fraud").status(EndpointStatus::Failed, start())]);
    assert_eq!(stage.heard(), "08:01 fraud endpoint.failed critical: it serves nothing");
}

#[test]
fn a_single_slow_answer_says_nothing_and_three_say_degraded() {
    let mut stage = stage();
    stage.sweep([look("fraud").degraded()]).sweep([look("fraud")]);
    assert_eq!(stage.heard(), "");
    stage.sweeps(3, &look("fraud").degraded());
    assert_eq!(stage.heard(), "08:06 fraud endpoint.degraded warning: too slow");
}

#[test]
fn one_sick_variant_beside_a_well_one_degrades_and_two_sick_ones_fail() {
    let mut stage = stage();
    stage.sweeps(3, &look("fraud").two(Some(Cause::ServerError)));
    assert_eq!(stage.heard(), "08:04 fraud endpoint.degraded warning: errors");
    let both = look("fraud")
        .two(Some(Cause::ServerError))
        .variant_failed("green", Cause::TimedOut);
    stage.sweeps(3, &both);
    assert_eq!(
        stage.heard(),
        "08:07 fraud endpoint.unhealthy critical: no answer in time, errors"
    );
}

#[test]
fn checks_closer_than_half_a_minute_count_once() {
    let mut stage = stage();
    let sick = look("fraud").failed(Cause::ServerError);
    stage.sweep([sick.clone()]);
    for _ in 0..5 {
        stage.later(std::time::Duration::from_secs(4)).check([sick.clone()]);
    }
    assert_eq!((stage.record("fraud").streak.failing, stage.heard().as_str()), (1, ""));
}

#[test]
fn an_older_observation_changes_nothing() {
    let mut stage = stage();
    stage.sweep([look("fraud")]);
    let before = stage.ledger.clone();
    let late = Observation {
        at: start(),
        ..look("fraud").failed(Cause::ServerError).0
    };
    stage.hear(&News {
        observations: vec![late],
        ..News::default()
    });
    assert_eq!(stage.ledger, before);
}

#[test]
fn a_reminder_comes_as_often_as_asked_and_stops_when_it_is_over() {
    let mut stage = stage().with(|policy| policy.reminder = Some(minutes(5)));
    stage
        .sweeps(14, &look("fraud").failed(Cause::ServerError))
        .sweeps(8, &look("fraud"));
    insta::assert_snapshot!(stage.heard(), @r"
    08:04 fraud endpoint.unhealthy critical: errors
    08:09 fraud endpoint.unhealthy critical reminder 1: errors
    08:14 fraud endpoint.unhealthy critical reminder 2: errors
    08:17 fraud endpoint.recovered info: after 15 min
    ");
}

#[test]
fn nobody_is_reminded_of_what_waits_in_the_outbox_and_later_only_by_the_newest() {
    let mut stage = stage().with(|policy| policy.reminder = Some(minutes(5)));
    let unpublished = |stage: &mut Stage, sweeps: u32| {
        for _ in 0..sweeps {
            stage.later(minutes(1));
            let at = stage.now;
            let news = News {
                observations: vec![Observation {
                    at,
                    ..look("fraud").failed(Cause::ServerError).0
                }],
                ..News::default()
            };
            stage.ledger = decide(&stage.facts(), &stage.watch, &stage.ledger, &news).ledger;
        }
    };
    unpublished(&mut stage, 120);
    assert_eq!(stage.ledger.outbox.len(), 1);
    stage.sweep([look("fraud").failed(Cause::ServerError)]);
    assert_eq!(stage.heard(), "08:04 fraud endpoint.unhealthy critical: errors");
    unpublished(&mut stage, 120);
    assert_eq!(stage.ledger.outbox.len(), 1);
    stage.sweep([look("fraud").failed(Cause::ServerError)]);
    insta::assert_snapshot!(stage.heard(), @"11:59 fraud endpoint.unhealthy critical reminder 24: errors");
}

#[test]
fn an_update_of_which_no_probe_says_anything_is_not_judged_until_it_takes_too_long() {
    let mut stage = stage();
    let began = stage.now;
    stage.sweeps(60, &look("fraud").status(EndpointStatus::Updating, began));
    assert_eq!(
        (stage.heard().as_str(), stage.record("fraud").state),
        ("", State::Changing)
    );
    stage.sweeps(31, &look("fraud").status(EndpointStatus::Updating, began));
    assert_eq!(
        stage.heard(),
        "09:32 fraud endpoint.stuck warning: a transition does not end"
    );
    stage.sweep([look("fraud")]);
    assert_eq!(stage.heard(), "09:33 fraud endpoint.recovered info: after 60 s");
}

#[test]
fn a_stuck_creation_has_a_limit_of_its_own() {
    let mut stage = bare(&["fraud"]);
    stage
        .later(minutes(61))
        .check([look("fraud").status(EndpointStatus::Creating, start())]);
    assert_eq!(
        stage.heard(),
        "09:01 fraud endpoint.stuck warning: a transition does not end"
    );
}

#[test]
fn a_failed_rollback_is_told_although_it_serves() {
    let mut stage = stage();
    let mixed = look("fraud").endpoint(|endpoint| endpoint.status = EndpointStatus::UpdateRollbackFailed);
    stage.sweep([mixed]);
    assert_eq!(
        stage.heard(),
        "08:02 fraud endpoint.degraded warning: an update and its rollback failed"
    );
}

#[test]
fn a_named_endpoint_that_is_gone_has_vanished() {
    let mut stage = stage();
    stage.sweep([look("fraud").absent()]);
    assert_eq!(
        stage.heard(),
        "08:02 fraud endpoint.vanished critical: no such endpoint"
    );
    let reborn = look("fraud").endpoint(|endpoint| endpoint.created = time("2026-03-02T08:02:30Z"));
    stage.sweep([reborn.clone()]);
    assert_eq!(stage.heard(), "08:03 fraud endpoint.recovered info: after 60 s");
}

#[test]
fn a_named_endpoint_that_somebody_deleted_is_a_fleet_file_to_correct() {
    let mut stage = stage();
    let now = stage.now;
    stage
        .sweep([look("fraud").status(EndpointStatus::Deleting, now)])
        .sweep([look("fraud").absent()]);
    assert_eq!(stage.heard(), "08:03 fraud endpoint.vanished warning: no such endpoint");
}

#[test]
fn an_endpoint_of_a_pattern_may_be_deleted_but_not_vanish() {
    let mut deleted = stage().by_pattern();
    let now = deleted.now;
    deleted
        .sweep([look("fraud").status(EndpointStatus::Deleting, now)])
        .sweep([look("fraud").absent()]);
    assert_eq!(deleted.heard(), "");
    assert!(deleted.ledger.endpoints.is_empty());
    let mut vanished = stage().by_pattern();
    vanished.sweep([look("fraud").absent()]);
    assert_eq!(
        vanished.heard(),
        "08:02 fraud endpoint.vanished critical: no such endpoint"
    );
    vanished.later(minutes(24 * 60)).check([look("fraud").absent()]);
    assert!(vanished.heard().contains("endpoint.dismissed info: forgotten"));
    assert!(vanished.ledger.endpoints.is_empty());
}

#[test]
fn a_deletion_told_by_a_late_event_is_believed() {
    let mut stage = stage().by_pattern();
    let mut gone = look("fraud").absent();
    gone.0.hint = Some(Hint {
        status: EndpointStatus::Deleting,
        at: stage.now,
    });
    stage.sweep([gone]);
    assert_eq!((stage.heard().as_str(), stage.ledger.endpoints.len()), ("", 0));
}

#[test]
fn an_endpoint_no_entry_selects_any_more_closes_its_incident() {
    let mut stage = stage();
    stage.sweeps(3, &look("fraud").failed(Cause::ServerError)).heard();
    stage.watch.policies.clear();
    stage.sweep([]);
    assert_eq!(
        stage.heard(),
        "08:05 fraud endpoint.dismissed info: watched no more: no entry of the fleet file selects it"
    );
}

#[test]
fn an_endpoint_without_probes_is_judged_by_its_status() {
    let mut stage = bare(&["fraud"]).with(|policy| policy.probes.clear());
    let mut quiet = look("fraud");
    quiet.0.probes.clear();
    stage.sweep([quiet]);
    assert_eq!(stage.record("fraud").state, State::Healthy);
}

#[test]
fn an_endpoint_asleep_at_zero_is_well() {
    let mut stage = bare(&["fraud"]);
    let mut asleep = look("fraud");
    asleep.0.probes.clear();
    asleep.0.asleep = true;
    stage.sweeps(3, &asleep);
    assert_eq!(
        (stage.record("fraud").state, stage.heard().as_str()),
        (State::Healthy, "")
    );
}

#[test]
fn the_ledger_is_read_back_as_it_was_written() {
    let mut stage = stage();
    stage.sweeps(4, &look("fraud").two(Some(Cause::Slow)));
    let written = serde_json::to_vec(&stage.ledger).unwrap();
    assert_eq!(serde_json::from_slice::<HealthLedger>(&written).unwrap(), stage.ledger);
}

#[test]
fn the_status_reads_like_a_table_with_the_sick_ones_first() {
    let names = ["alpha", "beta", "fraud"];
    let mut stage = bare(&names);
    stage.sweep(names.map(look));
    let now = stage.now;
    for _ in 0..3 {
        stage.sweep([
            look("alpha"),
            look("beta").status(EndpointStatus::Updating, now),
            look("fraud").failed(Cause::ServerError),
        ]);
    }
    let asked = Silence {
        endpoints: vec!["alpha".into()],
        until: time("2026-03-02T10:00:00Z"),
        reason: None,
        by: None,
        at: stage.now,
    };
    silence::silence(&mut stage.ledger, asked).unwrap();
    let status = status::status(stage.now, &stage.watch, &stage.ledger, &[]);
    insta::assert_snapshot!(status.summary);
    assert_eq!(status.endpoints["fraud"]["state"], "unhealthy");
}
