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
    mean_log(&evidence.wealth).exp()
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

#[test]
fn what_is_worse_than_it_may_be_makes_wealth_grow_and_what_is_better_makes_it_shrink() {
    assert!(wealth(40, 960, 0.01) > 100.0);
    assert!(wealth(5, 995, 0.01) < 0.1);
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
