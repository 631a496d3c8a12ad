//! Random numbers with the shapes that traffic has.

use fastrand::Rng;

/// Standard normal.
pub(crate) fn gauss(rng: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.f64()).cos()
}

/// How many events of a Poisson process with this mean happened; normal above 30.
pub(crate) fn poisson(rng: &mut Rng, mean: f64) -> u64 {
    if mean <= 0.0 {
        return 0;
    }
    if mean > 30.0 {
        return (mean + mean.sqrt() * gauss(rng)).round().max(0.0) as u64;
    }
    let limit = (-mean).exp();
    let mut product = rng.f64();
    let mut events = 0;
    while product > limit {
        events += 1;
        product *= rng.f64();
    }
    events
}

/// How many of `n` with probability `p` each; normal where both outcomes are plenty, never outside 0 to `n`.
pub(crate) fn binomial(rng: &mut Rng, n: u64, p: f64) -> u64 {
    if n == 0 || p <= 0.0 {
        return 0;
    }
    if p >= 1.0 {
        return n;
    }
    let count = n as f64;
    if count * p > 20.0 && count * (1.0 - p) > 20.0 {
        return (count * p + (count * p * (1.0 - p)).sqrt() * gauss(rng))
            .round()
            .clamp(0.0, count) as u64;
    }
    if n <= 200 {
        return (0..n).filter(|_| rng.f64() < p).count() as u64;
    }
    if p <= 0.5 {
        poisson(rng, count * p).min(n)
    } else {
        n - poisson(rng, count * (1.0 - p)).min(n)
    }
}

/// Splits `n` by `weights`: the parts always sum to `n`, and a weight of zero gets nothing. All zero gives nothing to all.
pub(crate) fn split(rng: &mut Rng, n: u64, weights: &[f64]) -> Vec<u64> {
    let mut left = n;
    let mut rest: f64 = weights.iter().sum();
    let last = weights.iter().rposition(|weight| *weight > 0.0);
    weights
        .iter()
        .enumerate()
        .map(|(index, weight)| {
            if *weight <= 0.0 {
                return 0;
            }
            let part = if Some(index) == last {
                left
            } else {
                binomial(rng, left, weight / rest)
            };
            left -= part;
            rest -= weight;
            part
        })
        .collect()
}

/// The standard normal's distribution function, to about 1e-7 (Abramowitz and Stegun 26.2.17).
pub(crate) fn normal_below(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let tail = t
        * (0.319_381_530 + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))))
        * (-z * z / 2.0).exp()
        / std::f64::consts::TAU.sqrt();
    if z >= 0.0 { 1.0 - tail } else { tail }
}

/// How many of `n` with probability `p` each, where the dice have already fallen: `luck` is standard normal, and the more
/// of it, the more. Rises with `p` and with `luck`; whole, and never outside 0 to `n`.
pub(crate) fn binomial_at(n: f64, p: f64, luck: f64) -> f64 {
    if n <= 0.0 || p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return n;
    }
    let (mean, variance) = (n * p, n * p * (1.0 - p));
    if variance > 20.0 {
        return (mean + variance.sqrt() * luck).round().clamp(0.0, n);
    }
    if p > 0.5 {
        return n - binomial_at(n, 1.0 - p, -luck);
    }
    // The smallest count whose cumulated probability reaches the luck's.
    let wanted = normal_below(luck).min(1.0 - 1e-9);
    let mut probability = (n * (1.0 - p).ln()).exp();
    let (mut sum, mut count) = (probability, 0.0);
    while sum < wanted && count < n {
        probability *= (n - count) / (count + 1.0) * p / (1.0 - p);
        count += 1.0;
        sum += probability;
    }
    count
}
