//! One period's values in a few numbers: CloudWatch's statistic set, and the distribution where percentiles, ranks and
//! counts within bounds are asked for.

use crate::world::dice;

/// `n` values, log-normal around `median` with standard deviation `sigma` of the logarithm; `sigma` 0 is one value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Piece {
    median: f64,
    sigma: f64,
    n: f64,
    /// How the values fell: standard normal, above zero for a slow lot. Counts of them vary by it as counts of so many
    /// draws do, so that the statistics over them are neither smoother nor rougher than CloudWatch's.
    luck: f64,
}

impl Piece {
    /// Values that have not fallen yet: [`Stat::add`] throws the dice.
    pub(crate) fn new(median: f64, sigma: f64, n: f64) -> Self {
        Self {
            median,
            sigma,
            n,
            luck: 0.0,
        }
    }

    /// How many of the values are at or below `value`: a whole number, the same whenever it is asked.
    fn count_below(&self, value: f64) -> f64 {
        dice::binomial_at(self.n, self.below(value), -self.luck)
    }

    /// Share of the values at or below `value`.
    fn below(&self, value: f64) -> f64 {
        if self.sigma <= 0.0 || self.median <= 0.0 {
            return f64::from(u8::from(self.median <= value));
        }
        if value <= 0.0 {
            return 0.0;
        }
        dice::normal_below((value / self.median).ln() / self.sigma)
    }
}

/// One aggregate: CloudWatch's statistic set, and the distribution where percentiles are asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Stat {
    pub(crate) count: f64,
    pub(crate) sum: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) pieces: Vec<Piece>,
}

impl Stat {
    /// One value.
    pub(crate) fn of(value: f64) -> Self {
        Self {
            count: 1.0,
            sum: value,
            min: value,
            max: value,
            pieces: vec![Piece::new(value, 0.0, 1.0)],
        }
    }

    /// A statistic set without distribution.
    pub(crate) fn set(count: f64, sum: f64, min: f64, max: f64) -> Self {
        Self {
            count,
            sum,
            min,
            max,
            pieces: Vec::new(),
        }
    }

    /// `ones` times 1 among `count` values, the rest 0: SageMaker's error metrics.
    pub(crate) fn zero_one(ones: f64, count: f64) -> Self {
        Self::set(
            count,
            ones,
            f64::from(u8::from(ones >= count && count > 0.0)),
            f64::from(u8::from(ones > 0.0)),
        )
    }

    /// Adds the values of a piece; their mean and extremes are sampled as so many values would have them.
    pub(crate) fn add(&mut self, rng: &mut fastrand::Rng, mut piece: Piece) {
        if piece.n <= 0.0 {
            return;
        }
        let (mut min, mut max, mut mean) = (piece.median, piece.median, piece.median);
        if piece.sigma > 0.0 {
            mean *= (piece.sigma * piece.sigma / 2.0).exp();
            if piece.n <= 1.0 {
                mean = piece.median * (piece.sigma * dice::gauss(rng)).exp();
                (min, max) = (mean, mean);
                piece = Piece::new(mean, 0.0, piece.n);
            } else {
                piece.luck = dice::gauss(rng);
                mean *= 1.0 + piece.sigma / piece.n.sqrt() * piece.luck.clamp(-3.0, 3.0);
                let reach = piece.sigma * (2.0 * piece.n.ln()).sqrt();
                max = piece.median * (reach * (0.9 + 0.2 * rng.f64())).exp();
                min = piece.median * (-reach * (0.9 + 0.2 * rng.f64())).exp();
                mean = mean.clamp(min, max);
            }
        }
        self.merge(&Self {
            count: piece.n,
            sum: mean * piece.n,
            min,
            max,
            pieces: Vec::new(),
        });
        match self.pieces.last_mut() {
            Some(last) if last.median == piece.median && last.sigma == piece.sigma => {
                let n = last.n + piece.n;
                last.luck = (last.luck * last.n.sqrt() + piece.luck * piece.n.sqrt()) / n.sqrt();
                last.n = n;
            }
            _ => self.pieces.push(piece),
        }
    }

    /// All values of both.
    pub(crate) fn merge(&mut self, other: &Self) {
        if other.count == 0.0 {
            return;
        }
        if self.count == 0.0 {
            *self = other.clone();
            return;
        }
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.pieces.extend_from_slice(&other.pieces);
    }

    /// One statistic: `Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`, a percentile `p99.9`, a percentile rank
    /// `PR(:500000)`, or a trimmed count `TC(500000:)`. `None` when it cannot be had of these data.
    pub(crate) fn value(&self, statistic: &Statistic) -> Option<f64> {
        if self.count == 0.0 {
            return None;
        }
        match statistic {
            Statistic::Average => Some(self.sum / self.count),
            Statistic::Sum => Some(self.sum),
            Statistic::Minimum => Some(self.min),
            Statistic::Maximum => Some(self.max),
            Statistic::SampleCount => Some(self.count),
            Statistic::Percentile(percent) => self.percentile(percent / 100.0),
            Statistic::Rank(within) => Some(100.0 * self.count_within(within)? / self.count),
            Statistic::TrimmedCount(within) => self.count_within(within),
        }
    }

    /// How many values are above the lower and at most at the upper bound; `None` without a distribution.
    fn count_within(&self, (from, to): &Within) -> Option<f64> {
        if self.pieces.is_empty() {
            return None;
        }
        let below = |limit: f64| self.pieces.iter().map(|piece| piece.count_below(limit)).sum::<f64>();
        let upper = to.map_or(self.count, below);
        let lower = from.map_or(0.0, below);
        Some((upper - lower).max(0.0))
    }

    fn percentile(&self, share: f64) -> Option<f64> {
        let total: f64 = self.pieces.iter().map(|piece| piece.n).sum();
        if total <= 0.0 {
            return (self.min == self.max).then_some(self.min);
        }
        if share <= 0.0 {
            return Some(self.min);
        }
        if share >= 1.0 {
            return Some(self.max);
        }
        let (mut low, mut high) = (self.min, self.max);
        for _ in 0..48 {
            let middle = f64::midpoint(low, high);
            let below: f64 = self
                .pieces
                .iter()
                .map(|piece| piece.n * piece.below(middle))
                .sum::<f64>()
                / total;
            if below < share { low = middle } else { high = middle }
        }
        Some(high)
    }
}

/// A statistic by name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Statistic {
    Average,
    Sum,
    Minimum,
    Maximum,
    SampleCount,
    Percentile(f64),
    /// Percent of the values within bounds.
    Rank(Within),
    /// How many values are within bounds.
    TrimmedCount(Within),
}

/// Above the first, at most at the second; no limit where there is none.
type Within = (Option<f64>, Option<f64>);

/// `(:300000)`, `(300000:)`, `(10:20)`: absolute values only.
fn within(text: &str) -> Option<Within> {
    let (from, to) = text.strip_prefix('(')?.strip_suffix(')')?.split_once(':')?;
    let bound = |text: &str| match text {
        "" => Some(None),
        _ => text.parse().ok().filter(|bound: &f64| bound.is_finite()).map(Some),
    };
    let (from, to) = (bound(from)?, bound(to)?);
    match (from, to) {
        (None, None) => None,
        (Some(from), Some(to)) if from >= to => None,
        both => Some(both),
    }
}

impl Statistic {
    /// One of the five that CloudWatch calls `Statistic`; the others are its `ExtendedStatistic`.
    pub(crate) fn is_simple(self) -> bool {
        !matches!(self, Self::Percentile(_) | Self::Rank(_) | Self::TrimmedCount(_))
    }

    /// Reads `Average`, `p99`, `PR(:500000)`, `TC(500000:)`; `None` for a statistic that is not simulated.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "Average" => Self::Average,
            "Sum" => Self::Sum,
            "Minimum" | "p0" => Self::Minimum,
            "Maximum" | "p100" => Self::Maximum,
            "SampleCount" => Self::SampleCount,
            _ => {
                if let Some(bounds) = text.strip_prefix("PR") {
                    return within(bounds).map(Self::Rank);
                }
                if let Some(bounds) = text.strip_prefix("TC") {
                    return within(bounds).map(Self::TrimmedCount);
                }
                let percent: f64 = text.strip_prefix('p')?.parse().ok()?;
                return (0.0..=100.0).contains(&percent).then_some(Self::Percentile(percent));
            }
        })
    }
}
