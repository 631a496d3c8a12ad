//! The rehearsal's clock: what time it is in the simulated AWS.
//!
//! Time is tokio's own, so one clock serves both ways of running. In-process, on a paused current-thread runtime, an
//! hour of waiting costs nothing and every run sees the same instants. Served over HTTP, the same arithmetic follows
//! the machine's time, as it is or sped up.

use std::time::{Duration, SystemTime};

use aws_smithy_async::time::TimeSource;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Virtual time: a start, and the tokio time that passed since.
#[derive(Clone, Copy, Debug)]
pub struct SimClock {
    start: Timestamp,
    started: Instant,
    speed: f64,
}

impl SimClock {
    /// A clock that shows `start` now and runs as fast as tokio's time does.
    pub fn new(start: Timestamp) -> Self {
        Self {
            start,
            started: Instant::now(),
            speed: 1.0,
        }
    }

    /// A clock that shows `start` now and runs `speed` virtual seconds per second. A speed that is not a positive,
    /// finite number would stop or reverse time, and is taken as 1.
    pub fn accelerated(start: Timestamp, speed: f64) -> Self {
        let speed = if speed.is_finite() && speed > 0.0 { speed } else { 1.0 };
        Self {
            start,
            started: Instant::now(),
            speed,
        }
    }

    /// The virtual time at which the clock was started.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// The virtual time now. It stands still at the end of the representable years rather than wrap.
    pub fn now(&self) -> Timestamp {
        let elapsed = scaled(self.started.elapsed(), self.speed);
        SignedDuration::try_from(elapsed)
            .ok()
            .and_then(|elapsed| self.start.checked_add(elapsed).ok())
            .unwrap_or(Timestamp::MAX)
    }

    /// How much virtual time has passed since the start.
    pub fn elapsed(&self) -> Duration {
        scaled(self.started.elapsed(), self.speed)
    }

    /// Waits until `lasting` of virtual time has passed.
    pub async fn sleep(&self, lasting: Duration) {
        if !lasting.is_zero() {
            tokio::time::sleep(scaled(lasting, self.speed.recip())).await;
        }
    }

    /// Waits until the clock shows `moment`; returns at once if it already has.
    pub async fn sleep_until(&self, moment: Timestamp) {
        let left = moment.duration_since(self.now());
        if let Ok(left) = Duration::try_from(left) {
            self.sleep(left).await;
        }
    }
}

/// SigV4 dates, credential expiry and retry budgets of the SDKs follow the virtual clock too.
impl TimeSource for SimClock {
    fn now(&self) -> SystemTime {
        SystemTime::from(SimClock::now(self))
    }
}

fn scaled(lasting: Duration, by: f64) -> Duration {
    if by == 1.0 {
        lasting
    } else {
        Duration::try_from_secs_f64(lasting.as_secs_f64() * by).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Timestamp {
        "2026-03-01T08:00:00Z".parse().expect("a valid timestamp")
    }

    #[tokio::test(start_paused = true)]
    async fn an_hour_of_virtual_time_passes_without_waiting() {
        let clock = SimClock::new(start());
        let real = std::time::Instant::now();
        clock.sleep(Duration::from_secs(3600)).await;
        assert_eq!(clock.now().to_string(), "2026-03-01T09:00:00Z");
        assert!(
            real.elapsed() < Duration::from_secs(5),
            "the wait was real: {:?}",
            real.elapsed()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_sped_up_clock_runs_ahead_of_tokio_and_its_sleeps_shrink() {
        let clock = SimClock::accelerated(start(), 60.0);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(clock.now().to_string(), "2026-03-01T09:00:00Z");
        let before = Instant::now();
        clock
            .sleep_until("2026-03-01T10:00:00Z".parse().expect("a valid timestamp"))
            .await;
        assert_eq!(before.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_moment_that_has_passed_is_not_waited_for() {
        let clock = SimClock::new(start());
        clock.sleep(Duration::from_secs(5)).await;
        clock.sleep_until(start()).await;
        assert_eq!(clock.elapsed(), Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_senseless_speed_is_real_time() {
        for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let clock = SimClock::accelerated(start(), speed);
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(clock.elapsed(), Duration::from_secs(1), "speed {speed}");
        }
    }
}
