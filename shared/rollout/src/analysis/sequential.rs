//! A one-sided test that may be looked at after every minute.
//!
//! Each minute brings `hits` and `misses`, and a share `p` of hits that is expected when green does exactly as badly as it
//! may. Were the odds of a hit `s > 1` times as high, the minute would be so many times as likely:
//!
//! ```text
//! s^hits / (1 + (s - 1) p)^(hits + misses)
//! ```
//!
//! The product over the minutes is a wealth that a gambler without luck does not increase: its expectation stays at most
//! 1 as long as green is no worse than it may be (below). So is that of the mean over a grid of `s`, which stands for not
//! knowing how bad a bad green is. By Ville's inequality such a wealth ever reaches `1/alpha` with a chance of at most
//! `alpha`, however often it is looked at. The wealth is called e-value; the most it ever was is what counts.
//!
//! # Harm that comes late
//!
//! A wealth that shrank through hours of good minutes would have to be won back before it says anything, as the mean over
//! a long bake hides a bad end. So not all of it is bet from the first minute on: a tenth is kept, and a part of that,
//! `1/(10 j (j + 1))`, begins afresh with each later minute `j`. The wealth is the sum of all that was begun and of what
//! is still kept. What each part is worth is expected not to grow, so neither is the sum: the bound of `alpha` is one for
//! the whole step and all of its ends together, not one for each. Its price is `ln(10/9)` for harm from the beginning,
//! and about `ln 10 + 2 ln j` for harm from minute `j` on: 10.5 after an hour, 16.8 after a day, beside the `ln(1/alpha)`
//! and at most `ln 12` that all harm has to show, which are 7.1 for 1%. So harm after a day of good minutes has to show
//! three and a half times as much, and no more, however good that day was.
//!
//! Mixing over begins is what Shiryaev and Roberts do to find changes; here the parts are bounded by a capital of 1, so
//! that it stays a test with a bound for all time.
//!
//! # Why its expectation is at most 1
//!
//! Let the requests of a minute fail one independent of the other, given everything before and given how many there
//! are. Traffic may be split in another way each minute, and the share of failures may be another one each minute,
//! as in an outage that hits both variants: only the minute's own numbers enter its factor.
//!
//! - *Against a limit* (`p` is the limit, a request is a trial): with a true share `q <= p` the factor's expectation is
//!   `((1 + (s - 1) q) / (1 + (s - 1) p))^n <= 1`.
//! - *Against blue* (a failed request is a trial, one of green's is a hit): with a margin `m`, `p = m g / (m g + b)` for
//!   `g` and `b` requests. Were failures rare, this would be the share of a Poisson count thinned into two. They need not
//!   be: with `c = 1 + (s - 1) p` the factor is `(s/c)^green (1/c)^blue`, and for a variable between 0 and 1 of mean `q`
//!   and any `a > 0`, `E[a^X] <= 1 + q (a - 1) <= exp(q (a - 1))`. Let blue fail with `q` and green with at most `m q`; then
//!   the logarithm of the expectation is at most `q (m g (s/c - 1) + b (1/c - 1))`, and the bracket is
//!   `(m g s + b) / c - (m g + b) = 0`. So the bound holds for failures of any frequency, and for a frequency that is
//!   random as long as both variants share it. Above some 10% it is cautious rather than exact: it counts with the
//!   variance of rare failures, and takes up to `1/(1 - q)` times the requests to be as sure.
//! - *Paired minutes* (a minute is a trial): a coin that shows green worse with a chance of at most `p = 1/2`.

use std::f64::consts::LN_2;

use jiff::Timestamp;

use super::policy::Alpha;

/// Odds of a hit times `2^(1/2)`, `2`, `2^(3/2)` and so on up to 64, each believed as much as the other.
const GRID: usize = 12;

/// What is bet from the first minute on, of a capital of 1.
const AT_FIRST: f64 = 0.9;

/// Wealth after a hit that was impossible. Its logarithm stands for infinity, and can be calculated with.
const CERTAIN: f64 = 1e30;

/// What speaks against green so far.
pub(super) struct Evidence {
    grid: [Odds; GRID],
    /// The logarithm of what was begun until now, for each of the grid.
    wealth: [f64; GRID],
    /// Minutes until now.
    minutes: u64,
    /// The logarithm of the greatest mean wealth after a minute, at least that of the beginning.
    peak: f64,
    threshold: f64,
    since: Option<Timestamp>,
}

/// How many times as high the odds of a hit are.
struct Odds {
    /// `ln s`
    log: f64,
    /// `s - 1`
    excess: f64,
}

impl Evidence {
    pub(super) fn new(alpha: Alpha) -> Self {
        Self {
            grid: std::array::from_fn(|at| {
                let log = (at + 1) as f64 * LN_2 / 2.0;
                let excess = log.exp_m1();
                Odds { log, excess }
            }),
            wealth: [f64::NEG_INFINITY; GRID],
            minutes: 0,
            peak: 0.0,
            threshold: alpha.threshold(),
            since: None,
        }
    }

    /// A further minute; `expected` is the share of hits among hits and misses, from 0 to 1.
    pub(super) fn observe(&mut self, at: Timestamp, hits: u64, misses: u64, expected: f64) {
        let begins = begins(self.minutes).ln();
        self.minutes = self.minutes.saturating_add(1);
        for wealth in &mut self.wealth {
            *wealth = log_sum(*wealth, begins);
        }
        if hits > 0 && expected <= 0.0 {
            self.wealth = [CERTAIN; GRID];
        }
        for (wealth, odds) in self.wealth.iter_mut().zip(&self.grid) {
            let normal = (odds.excess * expected).ln_1p();
            // A hit speaks against green, a miss for it; each term only ever grows with its count.
            *wealth += hits as f64 * (odds.log - normal).max(0.0) - misses as f64 * normal;
        }
        self.peak = self.peak.max(self.log_wealth());
        if self.since.is_none() && self.peak >= self.threshold.ln() {
            self.since = Some(at);
        }
    }

    /// The logarithm of the whole wealth: what was begun, and what is kept.
    fn log_wealth(&self) -> f64 {
        if self.minutes == 0 {
            return 0.0;
        }
        let kept = (1.0 - AT_FIRST) / self.minutes as f64;
        log_sum(mean_log(&self.wealth), kept.ln())
    }

    /// The minute in which the threshold was reached.
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// `e-value 3400 (fails at 100)`.
    pub(super) fn said(&self) -> String {
        const MOST: f64 = 1e6;
        let e_value = match self.peak {
            log if log >= MOST.ln() => format!("over {MOST}"),
            log if log >= 1000_f64.ln() => format!("{:.0}", log.exp()),
            log => format!("{:.1}", log.exp()),
        };
        format!("e-value {e_value} (fails at {:.0})", self.threshold)
    }
}

/// The part of the capital that begins with this minute, the first one being 0. All parts together are 1.
fn begins(minute: u64) -> f64 {
    match minute {
        0 => AT_FIRST,
        later => (1.0 - AT_FIRST) / (later as f64 * (later as f64 + 1.0)),
    }
}

/// The logarithm of the sum, without leaving logarithms. Of two numbers not both minus infinity.
fn log_sum(a: f64, b: f64) -> f64 {
    let (most, least) = if a > b { (a, b) } else { (b, a) };
    most + (least - most).exp().ln_1p()
}

/// The logarithm of the mean, without leaving logarithms.
fn mean_log(logs: &[f64; GRID]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logs.iter().map(|log| (log - most).exp()).sum();
    most + sum.ln() - (GRID as f64).ln()
}

#[cfg(test)]
mod tests;
