use std::{num::NonZeroU32, time::Duration};

use insta::{assert_json_snapshot, assert_snapshot};
use jiff::Timestamp;

use super::*;
use crate::quantity::{Share, Span};

mod probes;
mod readings;

/// `requests` in the minute `number` after seven o'clock, of which the server failed `failed`.
fn minute(number: i64, requests: u64, failed: u64) -> Minute {
    let seven: Timestamp = "2026-03-02T07:00:00Z".parse().unwrap();
    let errors = Errors {
        client: Some(0),
        server: Some(failed),
        model: Some(failed),
    };
    Minute {
        errors,
        ..Minute::new(seven + Duration::from_secs(60).saturating_mul(number as u32), requests)
    }
}

/// The same minute again and again.
fn steady(minutes: i64, requests: u64, failed: u64) -> Series {
    (0..minutes).map(|number| minute(number, requests, failed)).collect()
}

fn with_p99(series: Series, millis: impl Fn(usize) -> u64) -> Series {
    let minutes = series.minutes().iter().cloned().enumerate();
    let with = minutes.map(|(at, minute)| Minute {
        latency: [(Percentile::P99, Duration::from_millis(millis(at)))].into(),
        ..minute
    });
    with.collect()
}

fn share(text: &str) -> Share {
    text.parse().unwrap()
}

fn span(text: &str) -> Span {
    text.parse().unwrap()
}

fn limited(limit: ShareLimit) -> AnalysisPolicy {
    AnalysisPolicy {
        errors: Some(ErrorCheck {
            limit: Some(limit),
            against_blue: None,
            ..ErrorCheck::default()
        }),
        ..AnalysisPolicy::default()
    }
}

fn latency(check: LatencyCheck) -> AnalysisPolicy {
    AnalysisPolicy {
        latency: vec![check],
        ..AnalysisPolicy::none()
    }
}

fn last(analysis: &Analysis) -> &CheckResult {
    analysis.checks.last().unwrap()
}

fn everything() -> AnalysisPolicy {
    AnalysisPolicy {
        errors: Some(ErrorCheck {
            limit: Some(ShareLimit {
                bad_minutes: Some(BadMinutes {
                    total: NonZeroU32::new(6),
                    ..BadMinutes::default()
                }),
                ..ShareLimit::new(share("2%"))
            }),
            ..ErrorCheck::default()
        }),
        latency: vec![
            LatencyCheck {
                limit: Some(LatencyLimit::new(span("500ms"))),
                minute_requests: Some(100),
                ..LatencyCheck::against_blue(Percentile::P99)
            },
            LatencyCheck {
                dry_run: true,
                ..LatencyCheck::limit(Percentile::P50, span("100ms"))
            },
        ],
        slow: Some(SlowCheck {
            limit: Some(ShareLimit::new(share("5%"))),
            ..SlowCheck::against_blue(span("300ms"))
        }),
        ..AnalysisPolicy::default()
    }
}

fn slow(series: Series, slow: u64) -> Series {
    let minutes = series.minutes().iter().cloned();
    let with = minutes.map(|minute| Minute {
        slow: Some(slow),
        ..minute
    });
    with.collect()
}

#[test]
fn a_good_green_reads_like_this() {
    let blue = slow(with_p99(steady(10, 2_160, 3), |_| 240), 21);
    let green = slow(with_p99(steady(10, 240, 0), |at| 200 + 10 * at as u64), 2);
    assert_snapshot!(judge(&everything(), &blue, &green));
}

#[test]
fn a_bad_green_reads_like_this() {
    let blue = slow(with_p99(steady(10, 2_160, 3), |_| 240), 21);
    let green = slow(with_p99(steady(10, 240, 12), |_| 900), 60);
    assert_snapshot!(judge(&everything(), &blue, &green));
}

#[test]
fn a_green_without_metrics_reads_like_this() {
    assert_snapshot!(judge(&everything(), &steady(10, 2_160, 3), &Series::default()));
}

#[test]
fn a_green_with_few_requests_reads_like_this() {
    let blue = slow(with_p99(steady(4, 36, 0), |_| 240), 1);
    let green = slow(with_p99(steady(4, 4, 0), |_| 230), 0);
    assert_snapshot!(judge(&everything(), &blue, &green));
}

#[test]
fn a_green_without_a_blue_reads_like_this() {
    let green = slow(with_p99(steady(10, 240, 1), |_| 230), 1);
    assert_snapshot!(judge(&everything(), &Series::default(), &green));
}

#[test]
fn what_is_missing_is_told_apart() {
    let policy = AnalysisPolicy::default();
    let missing = |blue: Series, green: Series| -> Vec<Option<Missing>> {
        let checks = judge(&policy, &blue, &green).checks;
        checks.into_iter().map(|check| check.missing).collect()
    };
    let blue = || steady(10, 900, 1);
    assert_eq!(
        missing(blue(), Series::default()),
        [Some(Missing::Metrics), Some(Missing::Metrics)]
    );
    assert_eq!(
        missing(blue(), steady(10, 0, 0)),
        [Some(Missing::Traffic), Some(Missing::Traffic)]
    );
    assert_eq!(
        missing(blue(), steady(7, 7, 0)),
        [Some(Missing::Requests), Some(Missing::Requests)]
    );
    assert_eq!(
        missing(steady(3, 10, 0), steady(10, 100, 0)),
        [None, Some(Missing::Blue)]
    );
    assert_eq!(missing(blue(), steady(10, 100, 0)), [None, None]);
}

#[test]
fn variants_that_are_never_busy_in_the_same_minute_are_not_compared() {
    let busy = |even: bool| -> Series {
        let requests = |number: i64| if (number % 2 == 0) == even { 500 } else { 0 };
        (0..10).map(|number| minute(number, requests(number), 0)).collect()
    };
    let analysis = judge(&AnalysisPolicy::default(), &busy(true), &busy(false));
    assert_eq!(last(&analysis).missing, Some(Missing::Blue));
}

#[test]
fn requests_without_a_reading_of_their_errors_do_not_pass() {
    let green: Series = steady(10, 100, 0)
        .minutes()
        .iter()
        .map(|m| Minute::new(m.at, m.requests))
        .collect();
    let analysis = judge(&AnalysisPolicy::default(), &steady(10, 900, 0), &green);
    assert_eq!(analysis.verdict, Verdict::Inconclusive);
    assert_eq!(last(&analysis).missing, Some(Missing::Metrics));
}

#[test]
fn an_outage_that_hits_both_is_not_greens() {
    let outage = |requests: u64| -> Series {
        let failing = |number| if (3..6).contains(&number) { requests / 2 } else { 0 };
        (0..10)
            .map(|number| minute(number, requests, failing(number)))
            .collect()
    };
    assert_eq!(
        judge(&AnalysisPolicy::default(), &outage(900), &outage(100)).verdict,
        Verdict::Pass
    );
}

#[test]
fn harm_needs_no_minimum_of_requests() {
    let analysis = judge(&AnalysisPolicy::default(), &steady(2, 500, 0), &steady(2, 5, 5));
    assert_eq!(analysis.verdict, Verdict::Fail);
    assert_eq!(last(&analysis).since, Some(minute(0, 0, 0).at));
}

#[test]
fn one_failure_of_three_requests_is_not_above_one_percent_but_five_of_ten_are() {
    let policy = limited(ShareLimit::new(share("1%")));
    assert_eq!(
        judge(&policy, &Series::default(), &steady(1, 3, 1)).verdict,
        Verdict::Inconclusive
    );
    assert_eq!(
        judge(&policy, &Series::default(), &steady(1, 10, 5)).verdict,
        Verdict::Fail
    );
}

#[test]
fn with_a_limit_of_none_the_first_failure_is_one_too_many() {
    let policy = limited(ShareLimit::new(share("0%")));
    assert_eq!(
        judge(&policy, &Series::default(), &steady(10, 1_000, 0)).verdict,
        Verdict::Pass
    );
    assert_eq!(
        judge(&policy, &Series::default(), &steady(1, 1_000_000, 1)).verdict,
        Verdict::Fail
    );
}

#[test]
fn bad_minutes_in_a_row_fail_where_the_share_of_all_would_not() {
    let rule = BadMinutes::default();
    let plain = ShareLimit::new(share("5%"));
    let with_row = ShareLimit {
        bad_minutes: Some(rule),
        ..plain.clone()
    };
    let failing = |bad: &'static [i64]| -> Series {
        let failed = move |number| if bad.contains(&number) { 2 } else { 0 };
        (0..20).map(|number| minute(number, 30, failed(number))).collect()
    };
    let verdict =
        |limit: &ShareLimit, green: &Series| judge(&limited(limit.clone()), &Series::default(), green).verdict;
    assert_eq!(verdict(&plain, &failing(&[3, 4, 5])), Verdict::Pass);
    assert_eq!(verdict(&with_row, &failing(&[3, 4, 5])), Verdict::Fail);
    assert_eq!(verdict(&with_row, &failing(&[3, 4, 6, 7, 9, 10])), Verdict::Pass);
}

#[test]
fn a_minute_exactly_at_the_limit_is_not_bad() {
    let limit = ShareLimit {
        bad_minutes: Some(BadMinutes::default()),
        ..ShareLimit::new(share("5%"))
    };
    let verdict = |failed| judge(&limited(limit.clone()), &Series::default(), &steady(3, 100, failed)).verdict;
    assert_eq!(verdict(5), Verdict::Pass);
    assert_eq!(verdict(6), Verdict::Fail);
}

#[test]
fn a_minute_with_too_few_requests_neither_counts_nor_breaks_the_row() {
    let mut minutes: Vec<Minute> = (0..4).map(|number| minute(number, 100, 0)).collect();
    let policy = latency(LatencyCheck::limit(Percentile::P99, span("500ms")));
    minutes[2].requests = 1;
    let slow_but = |fast: usize| {
        with_p99(
            Series::new(minutes.clone()),
            move |at| if at == fast { 10 } else { 900 },
        )
    };
    let found = judge(&policy, &Series::default(), &slow_but(2));
    assert_eq!(found.verdict, Verdict::Fail);
    assert_eq!(last(&found).since, Some(minutes[3].at));
    let found = judge(&policy, &Series::default(), &slow_but(1));
    assert_eq!(found.verdict, Verdict::Pass, "two in a row at most: {found}");
}

#[test]
fn so_many_bad_minutes_in_all_fail_too() {
    let rule = BadMinutes {
        total: NonZeroU32::new(4),
        ..BadMinutes::default()
    };
    let policy = latency(LatencyCheck {
        limit: Some(LatencyLimit {
            bad_minutes: rule,
            ..LatencyLimit::new(span("500ms"))
        }),
        ..LatencyCheck::limit(Percentile::P99, span("500ms"))
    });
    let every_other = |minutes| with_p99(steady(minutes, 100, 0), |at| if at % 2 == 0 { 900 } else { 10 });
    assert_eq!(
        judge(&policy, &Series::default(), &every_other(6)).verdict,
        Verdict::Pass
    );
    assert_eq!(
        judge(&policy, &Series::default(), &every_other(7)).verdict,
        Verdict::Fail
    );
}

#[test]
fn eight_slow_minutes_of_eight_fail_against_blue_and_seven_are_too_few_to_pass() {
    let policy = latency(LatencyCheck::against_blue(Percentile::P99));
    let judged = |minutes, millis| {
        let blue = with_p99(steady(minutes, 5_000, 0), |_| 200);
        judge(&policy, &blue, &with_p99(steady(minutes, 600, 0), move |_| millis))
    };
    assert_eq!(judged(8, 241).verdict, Verdict::Fail);
    assert_eq!(judged(8, 240).verdict, Verdict::Pass, "exactly 1.2 times as slow");
    assert_eq!(last(&judged(7, 241)).missing, Some(Missing::Minutes));
    assert_eq!(last(&judged(7, 100)).missing, Some(Missing::Minutes));
}

#[test]
fn a_percentile_of_few_requests_is_not_compared() {
    let policy = latency(LatencyCheck::against_blue(Percentile::P99));
    let blue = with_p99(steady(10, 5_000, 0), |_| 200);
    let few = with_p99(steady(10, 499, 0), |_| 900);
    assert_eq!(last(&judge(&policy, &blue, &few)).missing, Some(Missing::Minutes));
    let enough = with_p99(steady(10, 500, 0), |_| 900);
    assert_eq!(judge(&policy, &blue, &enough).verdict, Verdict::Fail);
    assert_eq!(last(&judge(&policy, &few, &enough)).missing, Some(Missing::Blue));
}

#[test]
fn what_is_no_measurement_is_refused() {
    assert_eq!(count(12.4), Ok(12));
    assert_eq!(count(1e300), Ok(u64::MAX));
    assert_eq!(microseconds(1_500.0), Ok(Duration::from_micros(1_500)));
    for value in [f64::NAN, f64::INFINITY, -1.0] {
        assert!(count(value).is_err() && microseconds(value).is_err(), "{value}");
    }
    assert!(microseconds(1e300).is_err());
    assert_snapshot!(count(-3.0).unwrap_err(), @"-3 is no count: a finite number of at least 0 was expected");
}

#[test]
fn what_a_policy_cannot_be_is_refused() {
    for factor in [0.99, 1000.1, f64::NAN, f64::INFINITY, -2.0] {
        assert!(Ratio::new(factor).is_err(), "{factor}");
    }
    assert_snapshot!(Ratio::new(0.5).unwrap_err(), @"0.5 is out of range; accepted: a factor from 1 to 1000, such as 1.2");
    for alpha in ["0%", "20.0001%", "100%"] {
        assert!(Alpha::new(share(alpha)).is_err(), "{alpha}");
    }
    assert!(serde_json::from_str::<AnalysisPolicy>(r#"{"errors":{"against_blue":{"ratio":0.5}}}"#).is_err());
    assert!(serde_json::from_str::<AnalysisPolicy>(r#"{"errors":{"against_blue":{"alpha":"0%"}}}"#).is_err());
}

#[test]
fn what_a_policy_cannot_mean_is_said_all_at_once() {
    let nothing = ErrorCheck {
        counted: [].into(),
        limit: None,
        against_blue: None,
        dry_run: false,
    };
    let policy = AnalysisPolicy {
        errors: Some(nothing),
        latency: vec![
            LatencyCheck::against_blue(Percentile::P50),
            LatencyCheck {
                against_blue: None,
                ..LatencyCheck::against_blue(Percentile::P99)
            },
        ],
        slow: Some(SlowCheck {
            limit: Some(ShareLimit::new(share("100%"))),
            ..SlowCheck::against_blue(span("0s"))
        }),
        ..AnalysisPolicy::default()
    };
    assert_snapshot!(policy.problems().join("\n"));
    assert!(AnalysisPolicy::default().problems().is_empty());
    assert!(everything().problems().is_empty());
}

#[test]
fn the_ledger_holds_a_policy_and_what_it_found_like_this() {
    assert_json_snapshot!("policy", everything());
    let analysis = judge(&AnalysisPolicy::default(), &steady(2, 500, 0), &steady(2, 50, 9));
    assert_json_snapshot!("analysis", analysis);
    let text = serde_json::to_string(&analysis).unwrap();
    assert_eq!(serde_json::from_str::<Analysis>(&text).unwrap(), analysis);
    assert_eq!(
        serde_json::from_str::<AnalysisPolicy>("{}").unwrap(),
        AnalysisPolicy::default()
    );
}
