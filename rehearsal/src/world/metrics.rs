//! Metrics as CloudWatch keeps them: one aggregate per period, from which every statistic can be computed later.
//!
//! A minute's latencies are kept as pieces of log-normal distributions rather than as samples, so that percentiles stay
//! exact to the model while a busy minute costs a few bytes.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

mod api;
mod math;
mod publish;
mod query;
mod stat;

pub(crate) use api::{metric_id, statistic};
pub(crate) use math::Expression;
pub(crate) use query::{Query, Source, last_windows};
pub(crate) use stat::{Piece, Stat, Statistic};

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
    /// How much later than usual what SageMaker publishes arrives.
    late_by: Duration,
    /// What has not arrived yet.
    on_the_way: Vec<Late>,
}

/// A datapoint that arrives late.
#[derive(Clone, Debug)]
struct Late {
    arrives: Timestamp,
    id: MetricId,
    unit: String,
    at: Timestamp,
    stat: Stat,
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

    /// As [`Metrics::put`], for what SageMaker publishes of the minute that began at `at`: it may arrive late.
    pub(crate) fn publish(&mut self, id: MetricId, unit: &str, at: Timestamp, stat: &Stat) {
        if self.late_by.is_zero() {
            self.put(id, unit, at, stat);
        } else {
            self.on_the_way.push(Late {
                arrives: at + Duration::from_secs(60) + self.late_by,
                id,
                unit: unit.to_owned(),
                at,
                stat: stat.clone(),
            });
        }
    }

    /// From now on SageMaker's metrics arrive so late; what is on its way arrives at once when they are late no longer.
    pub(crate) fn late_by(&mut self, late: Duration) {
        self.late_by = late;
    }

    /// What has arrived by `now`.
    pub(crate) fn arrive(&mut self, now: Timestamp) {
        if self.on_the_way.is_empty() {
            return;
        }
        let all = std::mem::take(&mut self.on_the_way);
        for late in all {
            if self.late_by.is_zero() || late.arrives <= now {
                self.put(late.id, &late.unit, late.at, &late.stat);
            } else {
                self.on_the_way.push(late);
            }
        }
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
