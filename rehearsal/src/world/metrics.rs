//! Metrics as CloudWatch keeps them: one aggregate per period, from which every statistic can be computed later.
//!
//! A minute's latencies are kept as pieces of log-normal distributions rather than as samples, so that percentiles stay
//! exact to the model while a busy minute costs a few bytes.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::world::dice;

mod api;
mod math;
mod publish;

pub(crate) use api::{Query, Source, last_windows, metric_id, statistic};
pub(crate) use math::Expression;

/// `n` values, log-normal around `median` with standard deviation `sigma` of the logarithm; `sigma` 0 is one value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Piece {
    pub(crate) median: f64,
    pub(crate) sigma: f64,
    pub(crate) n: f64,
}

impl Piece {
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
            pieces: vec![Piece {
                median: value,
                sigma: 0.0,
                n: 1.0,
            }],
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
    pub(crate) fn add(&mut self, rng: &mut fastrand::Rng, piece: Piece) {
        if piece.n <= 0.0 {
            return;
        }
        let (mut min, mut max, mut mean) = (piece.median, piece.median, piece.median);
        if piece.sigma > 0.0 {
            mean *= (piece.sigma * piece.sigma / 2.0).exp();
            if piece.n <= 1.0 {
                mean = piece.median * (piece.sigma * dice::gauss(rng)).exp();
                (min, max) = (mean, mean);
            } else {
                let noise = piece.sigma / piece.n.sqrt() * dice::gauss(rng).clamp(-3.0, 3.0);
                mean *= 1.0 + noise;
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
            Some(last) if last.median == piece.median && last.sigma == piece.sigma => last.n += piece.n,
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

    /// One statistic: `Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`, a percentile `p99.9`, or a percentile rank
    /// `PR(:500000)`. `None` when it cannot be had of these data.
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
            Statistic::Rank(from, to) => {
                let total: f64 = self.pieces.iter().map(|piece| piece.n).sum();
                let below = |limit: f64| {
                    self.pieces
                        .iter()
                        .map(|piece| piece.n * piece.below(limit))
                        .sum::<f64>()
                };
                let upper = to.map_or(total, below);
                let lower = from.map_or(0.0, below);
                (total > 0.0).then(|| 100.0 * (upper - lower).max(0.0) / total)
            }
        }
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
    Rank(Option<f64>, Option<f64>),
}

impl Statistic {
    /// Reads `Average`, `p99`, `PR(:500000)`; `None` for a statistic that is not simulated.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "Average" => Self::Average,
            "Sum" => Self::Sum,
            "Minimum" | "p0" => Self::Minimum,
            "Maximum" | "p100" => Self::Maximum,
            "SampleCount" => Self::SampleCount,
            _ => {
                if let Some(inside) = text.strip_prefix("PR(").and_then(|rest| rest.strip_suffix(')')) {
                    let (from, to) = inside.split_once(':')?;
                    let bound = |text: &str| {
                        if text.is_empty() {
                            Some(None)
                        } else {
                            text.parse().ok().map(Some)
                        }
                    };
                    return Some(Self::Rank(bound(from)?, bound(to)?));
                }
                let percent: f64 = text.strip_prefix('p')?.parse().ok()?;
                return (0.0..=100.0).contains(&percent).then_some(Self::Percentile(percent));
            }
        })
    }
}

/// What names a metric. Dimensions are sorted by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MetricId {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) dimensions: Vec<(String, String)>,
}

impl MetricId {
    pub(crate) fn new(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Self {
        let mut dimensions: Vec<_> = dimensions
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        dimensions.sort();
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions,
        }
    }
}

/// One metric's data.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    pub(crate) unit: String,
    /// By epoch second of the beginning of the datapoint.
    points: BTreeMap<i64, Stat>,
}

/// Every metric of a Region.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    series: BTreeMap<MetricId, Series>,
}

impl Metrics {
    /// Adds to the datapoint that begins at `at`.
    pub(crate) fn put(&mut self, id: MetricId, unit: &str, at: Timestamp, stat: &Stat) {
        let series = self.series.entry(id).or_default();
        if series.unit.is_empty() {
            unit.clone_into(&mut series.unit);
        }
        series.points.entry(at.as_second()).or_default().merge(stat);
    }

    /// Everything of a metric from `from` up to but not including `to`, as one aggregate; `None` without a datapoint.
    pub(crate) fn window(&self, id: &MetricId, from: i64, to: i64) -> Option<Stat> {
        let mut whole = Stat::default();
        for stat in self.series.get(id)?.points.range(from..to).map(|(_, stat)| stat) {
            whole.merge(stat);
        }
        (whole.count > 0.0).then_some(whole)
    }

    /// The unit a metric is published in.
    pub(crate) fn unit(&self, id: &MetricId) -> &str {
        self.series.get(id).map_or("None", |series| series.unit.as_str())
    }

    /// Every metric there is.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &MetricId> {
        self.series.keys()
    }

    /// Drops what CloudWatch would no longer give at this resolution.
    pub(crate) fn forget_before(&mut self, at: Timestamp) {
        let limit = at.as_second();
        if self.series.values().next().is_none() {
            return;
        }
        for series in self.series.values_mut() {
            while let Some(oldest) = series.points.first_entry().filter(|entry| *entry.key() < limit) {
                oldest.remove();
            }
        }
    }
}
