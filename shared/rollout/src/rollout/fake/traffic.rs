//! What callers of the small world get, minute by minute, as CloudWatch has it.

use jiff::Timestamp;

use crate::{
    analysis::{Analysis, AnalysisPolicy, Errors, Minute, Series, judge, judge_alone},
    rollout::look::{Fleet, Known, Window},
};

/// The requests of each minute, and of how many of them fail.
#[derive(Clone, Debug)]
pub(in crate::rollout) struct Traffic {
    /// Requests of a minute, of whichever variant is asked for.
    pub(in crate::rollout) requests: u64,
    /// The chance that one of blue's fails.
    pub(in crate::rollout) blue: f64,
    /// The same of green's.
    pub(in crate::rollout) green: f64,
    /// The same seed has the same minutes.
    pub(in crate::rollout) seed: u64,
    /// The metrics can be read.
    pub(in crate::rollout) readable: bool,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            requests: 0,
            blue: 0.0,
            green: 0.0,
            seed: 0,
            readable: true,
        }
    }
}

impl Traffic {
    pub(super) fn judged(&self, window: &Window, policy: &AnalysisPolicy) -> Known<Analysis> {
        if !self.readable {
            return Known::No("throttled".to_owned());
        }
        let green = self.series(&window.green, window.from, window.to);
        Known::Yes(match (&window.blue, &window.before) {
            (Some(blue), _) => judge(policy, &self.series(blue, window.from, window.to), &green),
            (None, Some(before)) => {
                let hour = self.series(&before.blue, before.from, before.to);
                judge_alone(policy, &hour, &green)
            }
            (None, None) => panic!("green alone is judged by blue's hour"),
        })
    }

    fn series(&self, fleet: &Fleet, from: Timestamp, to: Timestamp) -> Series {
        let fails = if fleet.variant == "blue" { self.blue } else { self.green };
        let minutes = (from.as_second()..to.as_second())
            .step_by(60)
            .filter(|_| self.requests > 0);
        let minute = |second: i64| Minute {
            errors: Errors {
                client: Some(0),
                server: Some(self.failed(fails, second)),
                model: Some(0),
            },
            ..Minute::new(Timestamp::from_second(second).unwrap(), self.requests)
        };
        minutes.map(minute).collect()
    }

    /// Binomial, by its normal approximation: a sum of twelve uniform numbers.
    fn failed(&self, share: f64, second: i64) -> u64 {
        let mut state = self.seed ^ second.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ share.to_bits();
        let mut uniform = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut bits = state;
            bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        };
        let normal = (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
        let requests = self.requests as f64;
        let mean = requests * share;
        let drawn = mean + normal * (mean * (1.0 - share)).sqrt();
        drawn.round().clamp(0.0, requests) as u64
    }
}
