//! What is held back, and what is told when that ends: silences, maintenance windows, common causes.

use crate::{
    endpoint::EndpointStatus,
    health::{
        fixture::{bare, look, minutes, policy, stage, start, time},
        ledger::{HealthLedger, State},
        silence::{self, Silence},
        suppression::LIMIT,
    },
    probe::Cause,
    window::{When, Window},
};

#[test]
fn a_silence_holds_alerts_back_and_tells_what_is_left_when_it_ends() {
    let mut stage = stage();
    let asked = Silence {
        endpoints: vec!["fr*".into()],
        until: start().checked_add(minutes(30)).unwrap(),
        reason: Some("load test".into()),
        by: None,
        at: stage.now,
    };
    silence::silence(&mut stage.ledger, asked).unwrap();
    stage.sweeps(28, &look("fraud").failed(Cause::ServerError));
    assert_eq!(
        (stage.heard().as_str(), stage.record("fraud").state),
        ("", State::Unhealthy)
    );
    stage.sweep([look("fraud").failed(Cause::ServerError)]);
    assert_eq!(stage.heard(), "08:30 fraud endpoint.unhealthy critical: errors");
    assert!(stage.ledger.silences.is_empty());
}

#[test]
fn what_fell_ill_and_recovered_in_a_maintenance_window_is_never_told() {
    let window = Window {
        name: None,
        when: When::Once {
            from: start(),
            until: start().checked_add(minutes(20)).unwrap(),
        },
    };
    let mut stage = stage().with(|policy| policy.maintenance = vec![window.clone()]);
    stage
        .sweeps(10, &look("fraud").failed(Cause::ServerError))
        .sweeps(12, &look("fraud"));
    assert_eq!(stage.heard(), "");
}

#[test]
fn everything_failing_at_once_is_one_alert_and_those_left_follow() {
    let names = ["a", "b", "c", "d", "e"];
    let mut stage = bare(&names);
    stage.sweep(names.map(look));
    for _ in 0..4 {
        stage.sweep(names.map(|name| look(name).failed(Cause::TimedOut)));
    }
    assert_eq!(
        stage.heard(),
        "08:04 - fleet.suppressed critical: 5 of 5 endpoints fail at once"
    );
    for _ in 0..3 {
        stage.sweep(names.map(|name| {
            if name == "c" {
                look(name).failed(Cause::TimedOut)
            } else {
                look(name)
            }
        }));
    }
    insta::assert_snapshot!(stage.heard(), @r"
    08:06 c endpoint.unhealthy critical: no answer in time
    08:06 - fleet.suppressed info: over: 1 of 5 endpoints still fail
    ");
}

#[test]
fn a_common_failure_that_lasts_lets_the_single_alerts_through() {
    let names = ["a", "b", "c"];
    let mut stage = bare(&names);
    stage.sweep(names.map(look));
    let sweeps = 4 + LIMIT.as_secs() / 60;
    for _ in 0..sweeps {
        stage.sweep(names.map(|name| look(name).failed(Cause::TimedOut)));
    }
    insta::assert_snapshot!(stage.heard(), @r"
    08:04 - fleet.suppressed critical: 3 of 3 endpoints fail at once
    08:34 a endpoint.unhealthy critical: no answer in time
    08:34 b endpoint.unhealthy critical: no answer in time
    08:34 c endpoint.unhealthy critical: no answer in time
    ");
}

#[test]
fn two_of_two_failing_is_no_common_cause() {
    let mut stage = bare(&["a", "b"]);
    stage.sweep([look("a"), look("b")]);
    for _ in 0..3 {
        stage.sweep(["a", "b"].map(|name| look(name).failed(Cause::TimedOut)));
    }
    assert_eq!(stage.heard().lines().count(), 2);
}

#[test]
fn unsilence_ends_the_silences_that_cover_the_name() {
    let mut ledger = HealthLedger::default();
    for endpoints in [vec!["fraud-*".to_owned()], vec!["search".to_owned()]] {
        let asked = Silence {
            endpoints,
            until: time("2026-03-03T00:00:00Z"),
            reason: None,
            by: None,
            at: start(),
        };
        silence::silence(&mut ledger, asked).unwrap();
    }
    assert_eq!(silence::unsilence(&mut ledger, &["fraud-eu".into()]).len(), 1);
    assert_eq!(ledger.silences.len(), 1);
    assert!(silence::mute(start(), &ledger, &policy(), "search").is_some());
}

#[test]
fn silences_have_a_limit_and_what_is_over_makes_room() {
    let mut ledger = HealthLedger::default();
    let asked = |number: usize, at| Silence {
        endpoints: vec![format!("fraud-{number}")],
        until: time("2026-03-03T00:00:00Z"),
        reason: None,
        by: None,
        at,
    };
    for number in 0..silence::MOST_SILENCES {
        silence::silence(&mut ledger, asked(number, start())).unwrap();
    }
    assert_eq!(
        silence::silence(&mut ledger, asked(200, start())),
        Err(silence::TooManySilences)
    );
    assert_eq!(
        silence::silence(&mut ledger, asked(7, start())),
        Ok(()),
        "the same again"
    );
    assert_eq!(ledger.silences.len(), silence::MOST_SILENCES);
    let later = time("2026-03-03T00:00:01Z");
    assert_eq!(
        silence::silence(&mut ledger, asked(200, later)),
        Ok(()),
        "all others are over"
    );
    assert_eq!(ledger.silences.len(), 1);
}

#[test]
fn a_common_cause_that_ends_because_nothing_is_judged_any_more_says_so() {
    let names = ["a", "b", "c"];
    let mut stage = bare(&names);
    stage.sweep(names.map(look));
    for _ in 0..4 {
        stage.sweep(names.map(|name| look(name).failed(Cause::TimedOut)));
    }
    assert!(stage.heard().contains("3 of 3 endpoints fail at once"));
    let began = stage.now;
    for _ in 0..45 {
        stage.sweep(names.map(|name| look(name).status(EndpointStatus::Updating, began)));
    }
    insta::assert_snapshot!(stage.heard(), @r"
    08:34 a endpoint.unhealthy critical: no answer in time
    08:34 b endpoint.unhealthy critical: no answer in time
    08:34 c endpoint.unhealthy critical: no answer in time
    08:34 - fleet.suppressed info: no common cause can be seen any more: no endpoint was judged in the last 10 min
    ");
}
