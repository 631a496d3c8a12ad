//! How often a green that is exactly as bad as it may be is failed, when it is looked at every minute of an hour.
//!
//! Seeds are fixed, so these tests pass or fail for ever. `alpha` is 10%, so that a bound which does not hold shows in
//! a few hundred runs.

use fastrand::Rng;
use jiff::Timestamp;

use super::{
    Against, Alpha, AnalysisPolicy, ErrorCheck, ErrorKind, Errors, LatencyCheck, Minute, Percentile, Ratio, Series,
    ShareLimit, Verdict, judge,
};
use crate::quantity::Share;

const RUNS: u64 = 300;
const MINUTES: i64 = 60;
const ALPHA: u32 = 10;
/// Green's share of the traffic, each for a quarter of the hour.
const SPLITS: [f64; 4] = [0.05, 0.1, 0.3, 0.5];

/// How many of `n` requests fail.
fn failing(rng: &mut Rng, n: u64, chance: f64) -> u64 {
    (0..n).filter(|_| rng.f64() < chance).count() as u64
}

/// One hour of both variants; `chances` gives for each minute how likely a request of blue and of green fails.
fn hour(seed: u64, per_minute: u64, chances: impl Fn(i64, &mut Rng) -> (f64, f64)) -> (Series, Series) {
    let mut rng = Rng::with_seed(seed);
    let (mut blue, mut green) = (Vec::new(), Vec::new());
    for number in 0..MINUTES {
        let at = Timestamp::from_second(number * 60).unwrap();
        let split = SPLITS[(number * SPLITS.len() as i64 / MINUTES) as usize];
        let total = rng.u64(per_minute / 2..per_minute * 3 / 2);
        let ours = failing(&mut rng, total, split);
        let (blue_fails, green_fails) = chances(number, &mut rng);
        for (series, requests, chance) in [(&mut blue, total - ours, blue_fails), (&mut green, ours, green_fails)] {
            let server = Some(failing(&mut rng, requests, chance));
            let errors = Errors {
                server,
                ..Errors::default()
            };
            series.push(Minute {
                errors,
                ..Minute::new(at, requests)
            });
        }
    }
    (Series::new(blue), Series::new(green))
}

fn alpha() -> Alpha {
    Alpha::new(Share::from_percent(ALPHA).unwrap()).unwrap()
}

fn errors(limit: Option<Share>, ratio: Option<f64>) -> AnalysisPolicy {
    AnalysisPolicy {
        errors: Some(ErrorCheck {
            counted: [ErrorKind::Server].into(),
            limit: limit.map(|share| ShareLimit {
                alpha: alpha(),
                ..ShareLimit::new(share)
            }),
            against_blue: ratio.map(|ratio| Against {
                ratio: Ratio::new(ratio).unwrap(),
                alpha: alpha(),
            }),
            dry_run: false,
        }),
        ..AnalysisPolicy::default()
    }
}

/// Of all runs, how many failed at some minute. Failing is sticky, so the end of the hour tells.
fn failures(policy: &AnalysisPolicy, run: impl Fn(u64) -> (Series, Series)) -> u64 {
    let failed = (0..RUNS).filter(|seed| {
        let (blue, green) = run(*seed);
        judge(policy, &blue, &green).verdict == Verdict::Fail
    });
    failed.count() as u64
}

fn within_the_bound(failed: u64) {
    assert!(
        failed * 100 <= u64::from(ALPHA) * RUNS,
        "{failed} of {RUNS} healthy hours were failed, at most {ALPHA}% may be"
    );
}

#[test]
fn a_green_exactly_at_the_margin_is_failed_within_the_bound_while_splits_shift() {
    for (margin, q) in [(1.0, 0.005), (1.0, 0.05), (1.2, 0.02), (1.5, 0.1)] {
        let policy = errors(None, Some(margin));
        within_the_bound(failures(&policy, |seed| hour(seed, 80, |_, _| (q, q * margin))));
    }
}

#[test]
fn the_bound_holds_when_most_requests_fail() {
    for (margin, q) in [(1.0, 0.3), (1.0, 0.9), (1.2, 0.5), (1.9, 0.5)] {
        let policy = errors(None, Some(margin));
        within_the_bound(failures(&policy, |seed| hour(seed, 80, |_, _| (q, q * margin))));
    }
}

#[test]
fn the_bound_holds_through_outages_that_hit_both() {
    let policy = errors(None, Some(1.0));
    let shaken = |number: i64, rng: &mut Rng| {
        let q = if number % 20 < 5 { 0.6 * rng.f64() } else { 0.002 };
        (q, q)
    };
    within_the_bound(failures(&policy, |seed| hour(seed, 80, shaken)));
}

#[test]
fn a_green_exactly_at_its_limit_is_failed_within_the_bound() {
    for percent in [1, 5, 40] {
        let share = Share::from_percent(percent).unwrap();
        let policy = errors(Some(share), None);
        let q = share.fraction();
        within_the_bound(failures(&policy, |seed| hour(seed, 60, |_, _| (q, q))));
    }
}

#[test]
fn a_test_made_for_one_look_is_fooled_by_the_same_traffic() {
    let q = 0.05;
    let failed = (0..RUNS).filter(|seed| {
        let (blue, green) = hour(*seed, 80, |_, _| (q, q));
        let mut sums = [0.0_f64; 4];
        green.minutes().iter().zip(blue.minutes()).any(|(ours, theirs)| {
            let now = [
                ours.requests,
                ours.errors.server.unwrap(),
                theirs.requests,
                theirs.errors.server.unwrap(),
            ];
            for (sum, now) in sums.iter_mut().zip(now) {
                *sum += now as f64;
            }
            let [g, x, b, y] = sums;
            let pooled = (x + y) / (g + b);
            let z = (x / g - y / b) / (pooled * (1.0 - pooled) * (1.0 / g + 1.0 / b)).sqrt();
            // One-sided, at the same 10%.
            z > 1.2816
        })
    });
    let failed = failed.count() as u64;
    assert!(failed * 100 > 3 * u64::from(ALPHA) * RUNS, "{failed} of {RUNS}");
}

#[test]
fn a_bad_green_is_found_in_nearly_every_hour() {
    let policy = errors(None, Some(1.2));
    for (times, least) in [(3.0, 70), (5.0, 99), (10.0, 100)] {
        let found = failures(&policy, |seed| hour(seed, 80, |_, _| (0.01, 0.01 * times)));
        assert!(
            found * 100 >= least * RUNS,
            "{times} times the errors: {found} of {RUNS}"
        );
    }
}

/// The same service times for both, with a long tail; the p90 by nearest rank, as a small sample has it.
#[test]
fn percentiles_of_very_different_amounts_of_traffic_are_not_taken_for_a_difference() {
    let percentile = |rng: &mut Rng, n: usize| {
        let mut times: Vec<f64> = (0..n).map(|_| 0.02 * (1.0 - rng.f64()).powf(-0.5)).collect();
        times.sort_by(f64::total_cmp);
        std::time::Duration::from_secs_f64(times[(n * 9).div_ceil(10) - 1])
    };
    let policy = AnalysisPolicy {
        latency: vec![LatencyCheck {
            against_blue: Some(Against {
                ratio: Ratio::new(1.0).unwrap(),
                alpha: alpha(),
            }),
            ..LatencyCheck::against_blue(Percentile::P90)
        }],
        ..AnalysisPolicy::none()
    };
    within_the_bound(failures(&policy, |seed| {
        let mut rng = Rng::with_seed(seed);
        let mut series = |requests: usize| {
            let minutes = (0..MINUTES / 3).map(|number| {
                let at = Timestamp::from_second(number * 60).unwrap();
                let latency = [(Percentile::P90, percentile(&mut rng, requests))].into();
                Minute {
                    latency,
                    ..Minute::new(at, requests as u64)
                }
            });
            minutes.collect::<Vec<_>>().into_iter().collect::<Series>()
        };
        (series(300), series(50))
    }));
}
