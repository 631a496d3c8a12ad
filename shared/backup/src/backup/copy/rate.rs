//! How many calls may be in flight at once: as many as allowed, half of it after each time S3 says it is too much, and
//! slowly more again (additive increase, multiplicative decrease).
//!
//! It begins at the top, not at the bottom: S3 scales with what it is asked, and most backups are never throttled.

use std::time::Duration;

/// Calls in flight at most, as S3's answers have it.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    most: u32,
    limit: f64,
    /// Calls that were already under way at the last decrease: their being throttled is the same news.
    stale: u32,
    throttled: u32,
    in_a_row: u32,
}

/// After so many bursts of throttled answers in a row the pause grows no further.
const STEPS: u32 = 7;

impl Rate {
    /// At most `most` calls at once (at least one).
    pub fn new(most: u32) -> Self {
        let most = most.max(1);
        Self {
            most,
            limit: f64::from(most),
            stale: 0,
            throttled: 0,
            in_a_row: 0,
        }
    }

    /// Calls that may be in flight now: 1 to the most.
    pub fn limit(&self) -> u32 {
        (self.limit as u32).clamp(1, self.most)
    }

    /// An answer that S3 gave when `in_flight` other calls were under way.
    pub fn answered(&mut self, throttled: bool, in_flight: u32) {
        let fresh = self.stale == 0;
        self.stale = self.stale.saturating_sub(1);
        if !throttled {
            self.in_a_row = 0;
            self.limit = (self.limit + 1.0 / self.limit).min(f64::from(self.most));
            return;
        }
        self.throttled += 1;
        if fresh {
            self.in_a_row = self.in_a_row.saturating_add(1);
            self.limit = (self.limit / 2.0).max(1.0);
            self.stale = in_flight;
        }
    }

    /// How long to wait before the next call: nothing unless the last answer was a throttled one, then 100 ms and twice
    /// as long each time, up to 12.8 s.
    pub fn pause(&self) -> Duration {
        match self.in_a_row {
            0 => Duration::ZERO,
            n => Duration::from_millis(100 << (n - 1).min(STEPS)),
        }
    }

    /// Throttled answers so far.
    pub fn throttled(&self) -> u32 {
        self.throttled
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_burst_of_throttling_halves_it_once() {
        let mut rate = Rate::new(32);
        for still in (0..32).rev() {
            rate.answered(true, still);
        }
        assert_eq!(rate.limit(), 16);
        assert_eq!(rate.throttled(), 32);
        assert_eq!(
            rate.pause(),
            Duration::from_millis(100),
            "one burst is one reason to wait"
        );
    }

    #[test]
    fn it_grows_by_about_one_for_each_round_that_passes() {
        let mut rate = Rate::new(32);
        rate.answered(true, 0);
        for _ in 0..17 {
            rate.answered(false, 15);
        }
        assert_eq!(rate.limit(), 17);
    }

    #[test]
    fn the_pause_doubles_while_nothing_passes_and_ends_with_the_first_that_does() {
        let mut rate = Rate::new(4);
        assert_eq!(rate.pause(), Duration::ZERO);
        let pauses: Vec<u128> = (0..9)
            .map(|_| {
                rate.answered(true, 0);
                rate.pause().as_millis()
            })
            .collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 12_800]);
        rate.answered(false, 0);
        assert_eq!(rate.pause(), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn the_limit_stays_within_one_and_the_most(
            most in 0..200_u32,
            answers in proptest::collection::vec((any::<bool>(), 0..200_u32), 0..300),
        ) {
            let mut rate = Rate::new(most);
            for (throttled, in_flight) in answers {
                rate.answered(throttled, in_flight);
                prop_assert!((1..=most.max(1)).contains(&rate.limit()));
            }
        }

        #[test]
        fn after_any_throttling_it_comes_back_to_the_most(most in 1..64_u32, times in 1..50_u32) {
            let mut rate = Rate::new(most);
            for _ in 0..times {
                rate.answered(true, 0);
            }
            for _ in 0..most * most {
                rate.answered(false, 0);
            }
            prop_assert_eq!(rate.limit(), most);
        }
    }
}
