//! What `GetMetricData` and alarms ask of metrics: a statistic of one metric, or an expression over several.

use jiff::Timestamp;
use serde_json::Value;

use crate::world::{
    ApiError,
    api::Input,
    metrics::{Expression, MetricId, Metrics, Statistic, api::period, metric_id, statistic},
};

/// One `MetricDataQuery`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Query {
    pub(crate) id: String,
    pub(crate) label: Option<String>,
    pub(crate) returned: bool,
    pub(crate) source: Source,
    /// As it came, to be described again.
    pub(crate) raw: Value,
}

/// Where its values come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    Metric {
        metric: MetricId,
        period: i64,
        stat: Statistic,
        stat_text: String,
    },
    Math {
        text: String,
        expression: Expression,
    },
}

impl Query {
    /// Reads a list of queries; expressions may only read ids of the same list.
    pub(crate) fn read_all(input: Input<'_>, member: &str) -> Result<Vec<Self>, ApiError> {
        let mut all = Vec::new();
        for raw in input.list(member) {
            all.push(Self::read(input.of(raw)?, raw)?);
        }
        for query in &all {
            let Source::Math { expression, text } = &query.source else {
                continue;
            };
            for id in expression.ids() {
                let known = all
                    .iter()
                    .any(|other: &Self| other.id == id && matches!(other.source, Source::Metric { .. }));
                if !known {
                    return Err(ApiError::new(
                        400,
                        "ValidationError",
                        format!("Error in expression '{text}': `{id}` is not the Id of a metric in this request"),
                    ));
                }
            }
        }
        Ok(all)
    }

    fn read(input: Input<'_>, raw: &Value) -> Result<Self, ApiError> {
        let source = match (input.get("MetricStat"), input.text("Expression")) {
            (Some(stat), None) => {
                let stat = input.of(stat)?;
                let metric = stat.of(stat.get("Metric").ok_or_else(|| stat.missing("Metric"))?)?;
                let text = stat.need("Stat")?;
                Source::Metric {
                    metric: metric_id(metric)?,
                    period: period(stat)?,
                    stat: statistic(input, text)?,
                    stat_text: text.to_owned(),
                }
            }
            (None, Some(text)) => Source::Math {
                text: text.to_owned(),
                expression: Expression::parse(text).map_err(|why| {
                    ApiError::new(400, "ValidationError", format!("Error in expression '{text}': {why}"))
                })?,
            },
            _ => return Err(input.refuse("a query needs exactly one of MetricStat and Expression")),
        };
        Ok(Self {
            id: input.need("Id")?.to_owned(),
            label: input.text("Label").map(str::to_owned),
            returned: input.get("ReturnData").is_none_or(|value| value != &Value::Bool(false)),
            source,
            raw: raw.clone(),
        })
    }

    /// Its period; an expression has the longest of the metrics it reads.
    pub(crate) fn period(&self, all: &[Self]) -> i64 {
        match &self.source {
            Source::Metric { period, .. } => *period,
            Source::Math { expression, .. } => expression
                .ids()
                .iter()
                .filter_map(|id| all.iter().find(|query| query.id == *id))
                .map(|query| match &query.source {
                    Source::Metric { period, .. } => *period,
                    Source::Math { .. } => 60,
                })
                .max()
                .unwrap_or(60),
        }
    }

    /// Its value over `[from, to)`; `None` without data.
    pub(crate) fn value(&self, all: &[Self], metrics: &Metrics, from: i64, to: i64) -> Option<f64> {
        match &self.source {
            Source::Metric { metric, stat, .. } => metrics.window(metric, from, to)?.value(stat),
            Source::Math { expression, .. } => {
                let of = expression
                    .ids()
                    .iter()
                    .filter_map(|id| all.iter().find(|query| query.id == *id))
                    .map(|query| (query.id.clone(), query.value(all, metrics, from, to)))
                    .collect();
                expression.value(&of)
            }
        }
    }

    pub(super) fn label(&self) -> String {
        self.label.clone().unwrap_or_else(|| match &self.source {
            Source::Metric { metric, .. } => metric.name.clone(),
            Source::Math { .. } => self.id.clone(),
        })
    }
}

/// `[from, to)` of the `periods` periods that end at `now`, oldest first. A window ends at a whole minute, or at a
/// multiple of its own period when that is shorter.
pub(crate) fn last_windows(now: Timestamp, period: i64, periods: u32) -> Vec<(i64, i64)> {
    let grain = period.min(60);
    let end = now.as_second() - now.as_second().rem_euclid(grain);
    (0..i64::from(periods))
        .rev()
        .map(|back| (end - (back + 1) * period, end - back * period))
        .collect()
}
