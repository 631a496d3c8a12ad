//! What the metrics of something that may sleep say, minute by minute, as [`crate::wake`] judges it.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use super::{CloudWatch, Datapoint, Statistic};
use crate::{failure::CallError, wake::Minute};

const MINUTE: Duration = Duration::from_secs(60);

/// What one query asks: each is charged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// Nothing but that something was published.
    Pulse,
    Refused,
    Backlog,
    Done,
    Failed,
    Running,
}

const SAGEMAKER: &str = "AWS/SageMaker";
const COMPONENTS: &str = "/aws/sagemaker/InferenceComponents";

/// Of an asynchronous endpoint; the last says whether the dimension `VariantName` belongs to it.
const ASYNCHRONOUS: [(Reading, &str, &str, bool); 4] = [
    (Reading::Backlog, "ApproximateBacklogSize", "Maximum", false),
    (Reading::Refused, "HasBacklogWithoutCapacity", "Maximum", false),
    (Reading::Done, "TotalProcessingTime", "SampleCount", true),
    (Reading::Failed, "InvocationFailures", "Sum", true),
];

/// Of an inference component.
const COMPONENT: [(Reading, &str, &str, &str); 6] = [
    (Reading::Refused, SAGEMAKER, "NoCapacityInvocationFailures", "Sum"),
    (Reading::Done, SAGEMAKER, "Invocations", "Sum"),
    (Reading::Failed, SAGEMAKER, "Invocation4XXErrors", "Sum"),
    (Reading::Failed, SAGEMAKER, "Invocation5XXErrors", "Sum"),
    (Reading::Running, SAGEMAKER, "ConcurrentRequestsPerCopy", "Maximum"),
    (Reading::Pulse, COMPONENTS, "CPUUtilizationNormalized", "SampleCount"),
];

fn statistic(namespace: &str, metric: &str, statistic: &str, dimensions: &[(&str, &str)]) -> Statistic {
    let dimensions = dimensions
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Statistic {
        namespace: namespace.to_owned(),
        metric: metric.to_owned(),
        dimensions: dimensions.collect(),
        statistic: statistic.to_owned(),
        period: MINUTE,
    }
}

impl CloudWatch {
    /// The minutes of `[from, to)` of an asynchronous endpoint; one of which nothing was published is left out.
    ///
    /// # Errors
    /// What CloudWatch says; there is no partial answer.
    pub async fn queue_minutes(
        &self,
        endpoint: &str,
        variant: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Minute>, CallError> {
        let whole = [("EndpointName", endpoint), ("VariantName", variant)];
        let wanted = ASYNCHRONOUS.map(|(_, metric, stat, by_variant)| {
            statistic(SAGEMAKER, metric, stat, &whole[..if by_variant { 2 } else { 1 }])
        });
        let data = self.metric_data(&wanted, whole_minute(from), to).await?;
        Ok(assemble(ASYNCHRONOUS.iter().map(|(reading, ..)| *reading).zip(&data)))
    }

    /// The minutes of `[from, to)` of an inference component; one of which nothing was published is left out.
    ///
    /// # Errors
    /// What CloudWatch says; there is no partial answer.
    pub async fn component_minutes(
        &self,
        component: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Minute>, CallError> {
        let wanted = COMPONENT.map(|(_, namespace, metric, stat)| {
            statistic(namespace, metric, stat, &[("InferenceComponentName", component)])
        });
        let data = self.metric_data(&wanted, whole_minute(from), to).await?;
        Ok(assemble(COMPONENT.iter().map(|(reading, ..)| *reading).zip(&data)))
    }
}

/// CloudWatch answers whole periods only when asked from the beginning of one.
fn whole_minute(from: Timestamp) -> Timestamp {
    let second = from.as_second();
    Timestamp::from_second(second - second.rem_euclid(60)).unwrap_or(from)
}

fn assemble<'a>(read: impl Iterator<Item = (Reading, &'a Vec<Datapoint>)>) -> Vec<Minute> {
    let mut minutes: BTreeMap<Timestamp, Minute> = BTreeMap::new();
    for (reading, points) in read {
        for point in points {
            let minute = minutes.entry(point.at).or_insert_with(|| Minute::at(point.at));
            let value = if point.value.is_finite() {
                point.value.max(0.0)
            } else {
                0.0
            };
            match reading {
                Reading::Pulse => minute.pulse = true,
                Reading::Backlog => (minute.pulse, minute.backlog) = (true, value),
                Reading::Refused => (minute.told, minute.refused) = (true, value),
                Reading::Done => minute.served = value,
                Reading::Failed => minute.failed += value,
                Reading::Running => minute.running = value,
            }
        }
    }
    let mut minutes: Vec<Minute> = minutes.into_values().collect();
    for minute in &mut minutes {
        minute.served = (minute.served - minute.failed).max(0.0);
    }
    minutes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minute).expect("a time")
    }

    fn points(values: &[(i64, f64)]) -> Vec<Datapoint> {
        let points = values.iter().map(|(minute, value)| Datapoint {
            at: at(*minute),
            value: *value,
        });
        points.collect()
    }

    #[test]
    fn only_what_must_be_published_is_a_pulse_and_failures_are_no_successes() {
        let backlog = points(&[(0, 3.0), (2, 0.0)]);
        let done = points(&[(0, 4.0), (1, 1.0)]);
        let failed = points(&[(0, 1.0), (3, 2.0)]);
        let read = [
            (Reading::Backlog, &backlog),
            (Reading::Done, &done),
            (Reading::Failed, &failed),
        ];
        let minutes = assemble(read.into_iter());
        let told: Vec<_> = minutes
            .iter()
            .map(|one| (one.at, one.pulse, one.backlog, one.served, one.failed))
            .collect();
        assert_eq!(
            told,
            [
                (at(0), true, 3.0, 3.0, 1.0),
                (at(1), false, 0.0, 1.0, 0.0),
                (at(2), true, 0.0, 0.0, 0.0),
                (at(3), false, 0.0, 0.0, 2.0),
            ]
        );
    }

    #[test]
    fn both_kinds_of_errors_of_a_component_are_failures() {
        let (client, server) = (points(&[(0, 2.0)]), points(&[(0, 3.0)]));
        let done = points(&[(0, 4.0)]);
        let read = [
            (Reading::Done, &done),
            (Reading::Failed, &client),
            (Reading::Failed, &server),
        ];
        let minutes = assemble(read.into_iter());
        assert_eq!((minutes[0].failed, minutes[0].served), (5.0, 0.0), "never below none");
    }
}
