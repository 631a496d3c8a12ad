use proptest::prelude::*;

use super::*;

/// How likely `hits` of `n` are when each has the chance `q`.
fn binomial(n: u64, hits: u64, q: f64) -> f64 {
    let ways = (0..hits).fold(1.0, |ways, i| ways * (n - i) as f64 / (i + 1) as f64);
    ways * q.powi(hits as i32) * (1.0 - q).powi((n - hits) as i32)
}

/// The wealth after one minute, from a wealth of 1.
fn wealth(hits: u64, misses: u64, expected: f64) -> f64 {
    let mut evidence = Evidence::new(Alpha::default());
    evidence.observe(Timestamp::UNIX_EPOCH, hits, misses, expected);
    evidence.log_wealth().exp()
}

proptest! {
    /// Not simulated: summed over all that can happen.
    #[test]
    fn against_blue_the_expected_wealth_never_grows_however_frequent_failures_are(
        green in 1_u64..15, blue in 1_u64..15, margin in 1.0..5.0_f64, q in 0.0..1.0_f64, better in 0.0..=1.0_f64,
    ) {
        let blue_fails = q / margin;
        let green_fails = q * better;
        let expected = margin * green as f64 / (margin * green as f64 + blue as f64);
        let mean: f64 = (0..=green)
            .flat_map(|hits| (0..=blue).map(move |misses| (hits, misses)))
            .map(|(hits, misses)| {
                binomial(green, hits, green_fails) * binomial(blue, misses, blue_fails) * wealth(hits, misses, expected)
            })
            .sum();
        prop_assert!(mean <= 1.0 + 1e-9, "{mean}");
    }

    #[test]
    fn against_a_limit_the_expected_wealth_never_grows(
        requests in 1_u64..40, limit in 0.0..1.0_f64, better in 0.0..=1.0_f64,
    ) {
        let fails = limit * better;
        let mean: f64 = (0..=requests)
            .map(|hits| binomial(requests, hits, fails) * wealth(hits, requests - hits, limit))
            .sum();
        prop_assert!(mean <= 1.0 + 1e-9, "{mean}");
    }

    /// From any wealth, with a part that begins in this very minute.
    #[test]
    fn in_no_later_minute_does_the_expected_wealth_grow_either(
        before in prop::collection::vec((0_u64..6, 0_u64..60), 0..30), requests in 1_u64..30, limit in 0.001..1.0_f64,
        better in 0.0..=1.0_f64,
    ) {
        let after = |minutes: &[(u64, u64)]| {
            let mut evidence = Evidence::new(Alpha::default());
            for (hits, misses) in minutes {
                evidence.observe(Timestamp::UNIX_EPOCH, *hits, *misses, limit);
            }
            evidence.log_wealth()
        };
        let now = after(&before);
        let mean: f64 = (0..=requests)
            .map(|hits| {
                let longer: Vec<(u64, u64)> = before.iter().copied().chain([(hits, requests - hits)]).collect();
                binomial(requests, hits, limit * better) * (after(&longer) - now).exp()
            })
            .sum();
        prop_assert!(mean <= 1.0 + 1e-9, "{mean}");
    }

    #[test]
    fn any_counts_at_any_share_are_calculated_with(
        minutes in prop::collection::vec((any::<u64>(), any::<u64>(), 0.0..=1.0_f64), 0..20),
    ) {
        let mut evidence = Evidence::new(Alpha::default());
        let mut before = evidence.peak;
        for (hits, misses, expected) in minutes {
            evidence.observe(Timestamp::UNIX_EPOCH, hits, misses, expected);
            prop_assert!(evidence.peak.is_finite() && evidence.peak >= before);
            before = evidence.peak;
        }
    }
}

/// 1% is allowed, and with 0.2% for ten hours even three bad minutes leave the mean far below that.
#[test]
fn harm_that_comes_after_hours_of_good_minutes_is_found_in_minutes() {
    let mut evidence = Evidence::new(Alpha::default());
    for minute in 0..600 {
        evidence.observe(Timestamp::UNIX_EPOCH, u64::from(minute % 5 == 0), 99, 0.01);
    }
    assert_eq!(evidence.since(), None);
    let found = (1..=30).find(|_| {
        evidence.observe(Timestamp::UNIX_EPOCH, 10, 90, 0.01);
        evidence.since().is_some()
    });
    assert!(found.is_some_and(|minutes| minutes <= 3), "{found:?}");
}

#[test]
fn all_that_is_bet_is_no_more_than_there_was() {
    let bet: f64 = (0..100_000).map(begins).sum();
    assert!(bet <= 1.0 && bet > 0.9999, "{bet}");
}

#[test]
fn what_is_worse_than_it_may_be_makes_wealth_grow_and_what_is_better_makes_it_shrink() {
    assert!(wealth(40, 960, 0.01) > 100.0);
    // A tenth is kept for later minutes.
    assert!(wealth(5, 995, 0.01) < 0.2);
}

#[test]
fn what_was_impossible_is_certain() {
    let mut evidence = Evidence::new(Alpha::default());
    evidence.observe(Timestamp::UNIX_EPOCH, 0, u64::MAX, 0.0);
    assert_eq!(evidence.since(), None);
    evidence.observe(Timestamp::UNIX_EPOCH, 1, 1_000_000, 0.0);
    assert_eq!(evidence.since(), Some(Timestamp::UNIX_EPOCH));
    assert_eq!(evidence.said(), "e-value over 1000000 (fails at 100)");
}

#[test]
fn a_hit_that_was_certain_says_nothing() {
    let mut evidence = Evidence::new(Alpha::default());
    evidence.observe(Timestamp::UNIX_EPOCH, 1_000, 0, 1.0);
    assert_eq!(evidence.said(), "e-value 1.0 (fails at 100)");
}
