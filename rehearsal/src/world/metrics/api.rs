//! CloudWatch's metric operations.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::world::{
    ApiError, Reply,
    api::{Input, page, reply},
    metrics::{MetricId, Metrics, Piece, Query, Stat, Statistic},
    region::{Ctx, Region},
};

/// `[{Name, Value}]`.
pub(crate) fn dimensions(input: Input<'_>, member: &str) -> Result<Vec<(String, String)>, ApiError> {
    let mut all = Vec::new();
    for dimension in input.list(member) {
        let dimension = input.of(dimension)?;
        all.push((dimension.need("Name")?.to_owned(), dimension.need("Value")?.to_owned()));
    }
    all.sort();
    Ok(all)
}

/// `[{Name, Value}]` again.
pub(crate) fn dimensions_value(id: &MetricId) -> Value {
    id.dimensions
        .iter()
        .map(|(name, value)| json!({"Name": name, "Value": value}))
        .collect()
}

/// A metric named by `Namespace`, `MetricName` and `Dimensions`.
pub(crate) fn metric_id(input: Input<'_>) -> Result<MetricId, ApiError> {
    Ok(MetricId {
        namespace: input.need("Namespace")?.to_owned(),
        name: input.need("MetricName")?.to_owned(),
        dimensions: dimensions(input, "Dimensions")?,
    })
}

/// A period: 1, 5, 10, 20, 30 or a multiple of 60 seconds.
pub(super) fn period(input: Input<'_>) -> Result<i64, ApiError> {
    let period = input.count("Period")?.ok_or_else(|| input.missing("Period"))?;
    if matches!(period, 1 | 5 | 10 | 20 | 30) || (period > 0 && period % 60 == 0) {
        Ok(i64::from(period))
    } else {
        Err(input.refuse(format!(
            "Period must be 1, 5, 10, 20, 30 or a multiple of 60, not {period}"
        )))
    }
}

/// `StartTime` and `EndTime`.
fn span(input: Input<'_>) -> Result<(i64, i64), ApiError> {
    let from = input.time("StartTime")?.ok_or_else(|| input.missing("StartTime"))?;
    let to = input.time("EndTime")?.ok_or_else(|| input.missing("EndTime"))?;
    if from >= to {
        return Err(input.refuse("The parameter StartTime must be less than the parameter EndTime."));
    }
    Ok((from.as_second(), to.as_second()))
}

/// A statistic that is simulated.
pub(crate) fn statistic(input: Input<'_>, text: &str) -> Result<Statistic, ApiError> {
    Statistic::parse(text).ok_or_else(|| {
        input.refuse(format!(
            "the statistic {text} is not simulated; supported: Average, Sum, Minimum, Maximum, SampleCount, p0 to p100, \
             PR(from:to), TC(from:to)"
        ))
    })
}

/// Every period of `[from, to)` that has data, with its aggregate. Periods begin at multiples of themselves.
fn windows(metrics: &Metrics, id: &MetricId, (from, to): (i64, i64), period: i64) -> BTreeMap<i64, Stat> {
    let Some(series) = metrics.series.get(id) else {
        return BTreeMap::new();
    };
    let mut all: BTreeMap<i64, Stat> = BTreeMap::new();
    let first = from - from.rem_euclid(period);
    for (at, stat) in series.points.range(first..to) {
        all.entry(at - at.rem_euclid(period)).or_default().merge(stat);
    }
    all
}

impl Region {
    /// Answers one of CloudWatch's metric operations.
    pub(crate) fn metrics_call(&mut self, ctx: &Ctx, operation: &str, input: Input<'_>) -> Result<Reply, ApiError> {
        match operation {
            "PutMetricData" => self.put_metric_data(ctx, input),
            "GetMetricStatistics" => self.get_metric_statistics(input),
            "GetMetricData" => self.get_metric_data(input),
            _ => self.list_metrics(input),
        }
    }

    fn put_metric_data(&mut self, ctx: &Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let namespace = input.need("Namespace")?;
        if namespace.starts_with("AWS/") {
            return Err(input.refuse("The value AWS/ for parameter Namespace is invalid."));
        }
        let mut ready = Vec::new();
        for datum in input.list("MetricData") {
            let datum = input.of(datum)?;
            let id = MetricId {
                namespace: namespace.to_owned(),
                name: datum.need("MetricName")?.to_owned(),
                dimensions: dimensions(datum, "Dimensions")?,
            };
            if id.dimensions.len() > 30 {
                return Err(input.refuse("The collection Dimensions must not have a size greater than 30."));
            }
            let at = datum.time("Timestamp")?.unwrap_or(ctx.now);
            let fine = datum.count("StorageResolution")? == Some(1);
            let second = if fine {
                at.as_second()
            } else {
                at.as_second() - at.as_second().rem_euclid(60)
            };
            let at = Timestamp::from_second(second).map_err(|error| input.refuse(error.to_string()))?;
            ready.push((
                id,
                datum.text("Unit").unwrap_or("None").to_owned(),
                at,
                datum_stat(datum)?,
            ));
        }
        for (id, unit, at, stat) in ready {
            self.metrics.put(id, &unit, at, &stat);
        }
        reply(json!({}))
    }

    fn get_metric_statistics(&self, input: Input<'_>) -> Result<Reply, ApiError> {
        let id = metric_id(input)?;
        let (period, range) = (period(input)?, span(input)?);
        if (range.1 - range.0) / period > 1440 {
            return Err(ApiError::new(
                400,
                "InvalidParameterCombinationException",
                format!(
                    "You have requested up to {} datapoints, which exceeds the limit of 1,440. You may reduce the \
                     datapoints requested by increasing Period, or decreasing the time range.",
                    (range.1 - range.0) / period
                ),
            ));
        }
        let plain = input.texts("Statistics");
        let extended = input.texts("ExtendedStatistics");
        if plain.is_empty() && extended.is_empty() {
            return Err(ApiError::new(
                400,
                "InvalidParameterCombinationException",
                "At least one of the parameters Statistics and ExtendedStatistics must be specified.",
            ));
        }
        let mut wanted = Vec::new();
        for text in plain.iter().chain(&extended) {
            wanted.push((text.as_str(), statistic(input, text)?));
        }
        let unit = self.metrics.unit(&id);
        if input.text("Unit").is_some_and(|asked| asked != unit) {
            return reply(json!({"Label": id.name, "Datapoints": []}));
        }
        let mut datapoints = Vec::new();
        for (at, stat) in windows(&self.metrics, &id, range, period) {
            let mut point = Map::from_iter([("Timestamp".to_owned(), json!(at)), ("Unit".to_owned(), json!(unit))]);
            let mut percentiles = Map::new();
            for (text, statistic) in &wanted {
                let Some(value) = stat.value(statistic) else { continue };
                if statistic.is_simple() {
                    point.insert((*text).to_owned(), json!(value));
                } else {
                    percentiles.insert((*text).to_owned(), json!(value));
                }
            }
            if !percentiles.is_empty() {
                point.insert("ExtendedStatistics".to_owned(), Value::Object(percentiles));
            }
            datapoints.push(Value::Object(point));
        }
        reply(json!({"Label": id.name, "Datapoints": datapoints}))
    }

    fn get_metric_data(&self, input: Input<'_>) -> Result<Reply, ApiError> {
        let range = span(input)?;
        let queries = Query::read_all(input, "MetricDataQueries")?;
        if queries.len() > 500 {
            return Err(input.refuse("at most 500 MetricDataQueries"));
        }
        let newest_first = input.text("ScanBy") != Some("TimestampAscending");
        let mut results = Vec::new();
        for query in queries.iter().filter(|query| query.returned) {
            let period = query.period(&queries);
            let mut points: Vec<(i64, f64)> = Vec::new();
            let mut at = range.0 - range.0.rem_euclid(period);
            while at < range.1 {
                if let Some(value) = query.value(&queries, &self.metrics, at, at + period) {
                    points.push((at, value));
                }
                at += period;
            }
            if newest_first {
                points.reverse();
            }
            results.push(json!({
                "Id": query.id,
                "Label": query.label(),
                "Timestamps": points.iter().map(|(at, _)| *at).collect::<Vec<_>>(),
                "Values": points.iter().map(|(_, value)| *value).collect::<Vec<_>>(),
                "StatusCode": "Complete",
            }));
        }
        reply(json!({"MetricDataResults": results, "Messages": []}))
    }

    fn list_metrics(&self, input: Input<'_>) -> Result<Reply, ApiError> {
        let mut wanted = Vec::new();
        for filter in input.list("Dimensions") {
            let filter = input.of(filter)?;
            wanted.push((filter.need("Name")?, filter.text("Value")));
        }
        let fits = |id: &&MetricId| {
            input
                .text("Namespace")
                .is_none_or(|namespace| namespace == id.namespace)
                && input.text("MetricName").is_none_or(|name| name == id.name)
                && wanted.iter().all(|(name, value)| {
                    id.dimensions
                        .iter()
                        .any(|(n, v)| n == name && value.is_none_or(|value| value == v))
                })
        };
        let all = self
            .metrics
            .ids()
            .filter(fits)
            .map(|id| json!({"Namespace": id.namespace, "MetricName": id.name, "Dimensions": dimensions_value(id)}))
            .collect();
        reply(page(input, "Metrics", "MaxRecords", 500, all)?)
    }
}

/// `Value`, `StatisticValues`, or `Values` with `Counts`.
fn datum_stat(datum: Input<'_>) -> Result<Stat, ApiError> {
    if let Some(value) = datum.number("Value") {
        return Ok(Stat::of(value));
    }
    if let Some(set) = datum.get("StatisticValues") {
        let set = datum.of(set)?;
        let need = |member: &str| set.number(member).ok_or_else(|| set.missing(member));
        return Ok(Stat::set(
            need("SampleCount")?,
            need("Sum")?,
            need("Minimum")?,
            need("Maximum")?,
        ));
    }
    let values: Vec<f64> = datum.list("Values").iter().filter_map(Value::as_f64).collect();
    let counts: Vec<f64> = datum.list("Counts").iter().filter_map(Value::as_f64).collect();
    if values.is_empty() || (!counts.is_empty() && counts.len() != values.len()) {
        return Err(datum.refuse("a datum needs Value, StatisticValues, or Values with as many Counts"));
    }
    let mut stat = Stat::default();
    for (index, value) in values.iter().enumerate() {
        let n = counts.get(index).copied().unwrap_or(1.0);
        stat.merge(&Stat {
            count: n,
            sum: value * n,
            min: *value,
            max: *value,
            pieces: vec![Piece::new(*value, 0.0, n)],
        });
    }
    Ok(stat)
}
