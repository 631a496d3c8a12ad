//! Simulated requests of two variants, minute by minute.

use std::fmt;

use fastrand::Rng;

/// One kind of rollout.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    /// Requests of both variants in a minute, on average.
    per_minute: f64,
    /// The share of blue's requests that fails.
    blue: f64,
    /// Green's share, in blue's.
    times: f64,
    /// From minute 12 on, this share fails in both variants for five minutes.
    outage: Option<f64>,
}

/// What one variant did in one minute.
#[derive(Clone, Copy)]
pub(crate) struct Count {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
}

impl Case {
    /// Healthy greens and bad ones, with little and with much traffic.
    pub(crate) fn all() -> Vec<Self> {
        let mut cases = Vec::new();
        for per_minute in [10.0, 3_000.0] {
            for times in [1.0, 2.0, 5.0, 10.0] {
                for blue in [0.001, 0.01, 0.05] {
                    cases.push(Self {
                        per_minute,
                        blue,
                        times,
                        outage: None,
                    });
                }
            }
            cases.push(Self {
                per_minute,
                blue: 0.001,
                times: 1.0,
                outage: Some(0.2),
            });
        }
        cases
    }

    /// Whether green fails no more often than blue.
    pub(crate) fn healthy(&self) -> bool {
        self.times <= 1.0
    }

    /// Blue and green in minute `minute` of the rollout `run`, with `weight` (0 to 1) of the requests going to green.
    ///
    /// A function of its arguments: whoever has the same weight in the same minute sees the same requests.
    pub(crate) fn minute(&self, run: u64, minute: u64, weight: f64) -> (Count, Count) {
        let mut rng = Rng::with_seed(mix(&[
            self.per_minute.to_bits(),
            self.blue.to_bits(),
            self.times.to_bits(),
            self.outage.map_or(0, f64::to_bits),
            run,
            minute,
            weight.to_bits(),
        ]));
        let outage = self.outage.filter(|_| (12..17).contains(&minute));
        let mut variant = |share: f64, chance: f64| {
            let requests = poisson(&mut rng, self.per_minute * share);
            let errors = binomial(&mut rng, requests, outage.unwrap_or(chance));
            Count { requests, errors }
        };
        (
            variant(1.0 - weight, self.blue),
            variant(weight, self.blue * self.times),
        )
    }
}

impl fmt::Display for Case {
    /// The first cells of its line: `3000 | 0.1% and 0.5%`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| format!("{}%", (share * 1e5).round() / 1e3);
        write!(f, "{} | {}", self.per_minute, percent(self.blue))?;
        match self.outage {
            Some(outage) => write!(f, ", five minutes {} in both", percent(outage)),
            None if self.healthy() => Ok(()),
            None => write!(f, " and {}", percent(self.blue * self.times)),
        }
    }
}

/// SplitMix64 over all of them.
fn mix(parts: &[u64]) -> u64 {
    parts.iter().fold(0x5EED, |state, part| {
        let mut z = (state ^ part).wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    })
}

/// Above 0 and up to 1.
fn uniform(rng: &mut Rng) -> f64 {
    1.0 - rng.f64()
}

/// Knuth's method; from 60 on the normal distribution that it comes near, which is as good for numbers of requests.
fn poisson(rng: &mut Rng, mean: f64) -> u64 {
    if mean < 60.0 {
        let (limit, mut product, mut count) = ((-mean).exp(), uniform(rng), 0);
        while product > limit {
            product *= uniform(rng);
            count += 1;
        }
        return count;
    }
    let normal = (-2.0 * uniform(rng).ln()).sqrt() * (std::f64::consts::TAU * rng.f64()).cos();
    (mean + mean.sqrt() * normal).round().max(0.0) as u64
}

/// Exact: from one failure to the next by the geometric distribution.
fn binomial(rng: &mut Rng, trials: u64, chance: f64) -> u64 {
    if chance <= 0.0 {
        return 0;
    }
    let survives = (-chance).ln_1p();
    let (mut at, mut failures) = (0.0, 0);
    loop {
        at += (uniform(rng).ln() / survives).floor() + 1.0;
        if at > trials as f64 {
            return failures;
        }
        failures += 1;
    }
}
