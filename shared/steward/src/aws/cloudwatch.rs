//! CloudWatch: metric data and the present state of alarms.

mod alarms;
mod declared;
mod point;
mod series;
mod sleep;

use std::time::Duration;

use aws_sdk_cloudwatch::{
    Client,
    types::{Dimension, Metric, MetricDataQuery, MetricStat, ScanBy, StatusCode},
};
use jiff::Timestamp;

use super::{Base, Bound, incomplete, sdk_time, timestamp};
use crate::failure::{CallError, Failure};

pub use declared::{FoundAlarm, Which};

const SERVICE: &str = "cloudwatch";

/// `GetMetricData` takes this many queries at once.
const QUERIES: usize = 500;

/// One statistic of one metric.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Statistic {
    /// E.g. `AWS/SageMaker`, with or without its leading slash exactly as the service writes it.
    pub namespace: String,
    /// E.g. `ApproximateBacklogSize`.
    pub metric: String,
    /// Exactly the dimensions the metric is published with; another set is another metric.
    pub dimensions: Vec<(String, String)>,
    /// `Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`, `p99`, `TC(500000:)`, `PR(:500000)` and so on.
    pub statistic: String,
    /// 1, 5, 10, 20, 30 or a multiple of 60 seconds.
    pub period: Duration,
}

/// One value, in the metric's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Datapoint {
    /// When the period begins.
    pub at: Timestamp,
    /// In the metric's own unit (SageMaker's latencies are microseconds).
    pub value: f64,
}

/// CloudWatch in the function's Region.
#[derive(Clone, Debug)]
pub struct CloudWatch {
    client: Client,
    bound: Bound,
}

impl CloudWatch {
    /// A client on `base`.
    pub fn new(base: &Base) -> Self {
        let mut config = aws_sdk_cloudwatch::config::Builder::from(&base.sdk).retry_partition(base.partition(SERVICE));
        config.set_retry_config(base.few_calls());
        Self {
            client: Client::from_conf(config.build()),
            bound: base.bound(),
        }
    }

    /// The same, giving up at `deadline`.
    #[must_use]
    pub fn until(&self, deadline: Timestamp) -> Self {
        Self {
            client: self.client.clone(),
            bound: self.bound.until(deadline),
        }
    }

    /// The datapoints of each statistic in `[from, to)`, oldest first, in the order asked. No datapoint means that
    /// nothing was published, which for SageMaker's latencies and errors means no traffic.
    ///
    /// # Errors
    /// What CloudWatch says; there is no partial answer.
    pub async fn metric_data(
        &self,
        wanted: &[Statistic],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Vec<Datapoint>>, CallError> {
        let operation = "GetMetricData";
        let mut found: Vec<Vec<Datapoint>> = vec![Vec::new(); wanted.len()];
        for (batch, statistics) in wanted.chunks(QUERIES).enumerate() {
            let queries: Vec<_> = statistics
                .iter()
                .enumerate()
                .map(|(index, one)| query(batch * QUERIES + index, one))
                .collect();
            let mut token = None;
            loop {
                let request = self
                    .client
                    .get_metric_data()
                    .set_metric_data_queries(Some(queries.clone()))
                    .start_time(sdk_time(from))
                    .end_time(sdk_time(to))
                    .scan_by(ScanBy::TimestampAscending)
                    .set_next_token(token);
                let page = self.bound.call(SERVICE, operation, request.send()).await?;
                for result in page.metric_data_results() {
                    let index = result
                        .id()
                        .and_then(|id| id.strip_prefix('q'))
                        .and_then(|id| id.parse::<usize>().ok());
                    let points = index
                        .and_then(|index| found.get_mut(index))
                        .ok_or_else(|| incomplete(SERVICE, operation, "result id that was asked for"))?;
                    let pairs = result.timestamps().iter().zip(result.values());
                    if let Some(failure) = failed(result.status_code()) {
                        let said = result.messages().iter().filter_map(|said| said.value());
                        return Err(CallError {
                            failure,
                            message: format!("a metric could not be read: {}", said.collect::<Vec<_>>().join("; ")),
                            ..incomplete(SERVICE, operation, "")
                        });
                    }
                    points.extend(pairs.filter_map(|(at, value)| {
                        Some(Datapoint {
                            at: timestamp(at)?,
                            value: *value,
                        })
                    }));
                }
                token = page.next_token;
                if token.is_none() {
                    break;
                }
            }
        }
        for points in &mut found {
            points.sort_by_key(|point| point.at);
        }
        Ok(found)
    }
}

/// A metric that could not be read comes without datapoints, like one that was never published.
fn failed(status: Option<&StatusCode>) -> Option<Failure> {
    match status {
        Some(StatusCode::InternalError) => Some(Failure::Unavailable),
        Some(StatusCode::Forbidden) => Some(Failure::Denied),
        _ => None,
    }
}

fn query(index: usize, wanted: &Statistic) -> MetricDataQuery {
    let dimensions = wanted
        .dimensions
        .iter()
        .map(|(name, value)| Dimension::builder().name(name).value(value).build());
    let metric = Metric::builder()
        .namespace(&wanted.namespace)
        .metric_name(&wanted.metric)
        .set_dimensions(Some(dimensions.collect()))
        .build();
    let statistic = MetricStat::builder()
        .metric(metric)
        .period(i32::try_from(wanted.period.as_secs()).unwrap_or(i32::MAX))
        .stat(&wanted.statistic)
        .build();
    MetricDataQuery::builder()
        .id(format!("q{index}"))
        .metric_stat(statistic)
        .return_data(true)
        .build()
}
