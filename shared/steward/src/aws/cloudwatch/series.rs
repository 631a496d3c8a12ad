//! What two fleets of one endpoint did, minute by minute, as [`crate::analysis`] judges it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

use super::{CloudWatch, Datapoint, SERVICE, Statistic};
use crate::{
    analysis::{AnalysisPolicy, ErrorKind, Minute, NotMeasured, Percentile, Series, count, microseconds},
    aws::incomplete,
    failure::CallError,
    rollout::look::Fleet,
};

const MINUTE: Duration = Duration::from_secs(60);

/// What one query asks of one fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reading {
    Requests,
    Failed(ErrorKind),
    Slow,
    Latency(Percentile),
}

/// The readings that a policy needs: each is charged for.
fn readings(policy: &AnalysisPolicy) -> BTreeSet<Reading> {
    let failed = policy.errors.iter().flat_map(|errors| &errors.counted);
    let latency = policy.latency.iter().map(|check| Reading::Latency(check.percentile));
    let mut readings: BTreeSet<Reading> = failed.map(|kind| Reading::Failed(*kind)).chain(latency).collect();
    readings.insert(Reading::Requests);
    readings.extend(policy.slow.as_ref().map(|_| Reading::Slow));
    readings
}

fn statistic(endpoint: &str, fleet: &Fleet, reading: Reading, policy: &AnalysisPolicy) -> Statistic {
    let (metric, statistic) = match reading {
        Reading::Requests => ("Invocations", "Sum".to_owned()),
        Reading::Failed(ErrorKind::Client) => ("Invocation4XXErrors", "Sum".to_owned()),
        Reading::Failed(ErrorKind::Server) => ("Invocation5XXErrors", "Sum".to_owned()),
        Reading::Failed(ErrorKind::Model) => ("InvocationModelErrors", "Sum".to_owned()),
        Reading::Latency(percentile) => ("ModelLatency", percentile.to_string()),
        Reading::Slow => {
            let limit = policy.slow.as_ref().map(|slow| slow.slower_than.duration());
            let limit = limit.unwrap_or_default().as_micros();
            // The trimmed count of what lies above the limit.
            ("ModelLatency", format!("TC({limit}:)"))
        }
    };
    let mut dimensions = vec![
        ("EndpointName".to_owned(), endpoint.to_owned()),
        ("VariantName".to_owned(), fleet.variant.clone()),
    ];
    dimensions.extend(
        fleet
            .config
            .clone()
            .map(|config| ("EndpointConfigName".to_owned(), config)),
    );
    Statistic {
        namespace: "AWS/SageMaker".to_owned(),
        metric: metric.to_owned(),
        dimensions,
        statistic,
        period: MINUTE,
    }
}

impl CloudWatch {
    /// The minutes of `[from, to)` of each fleet, with whatever `policy` judges. A minute without `Invocations` is left
    /// out: SageMaker publishes nothing when there is no traffic. A reading that is missing in a minute with traffic is
    /// unknown there, because SageMaker publishes zeros for requests that did not fail.
    ///
    /// # Errors
    /// What CloudWatch says, or a datapoint that is no measurement; there is no partial answer.
    pub async fn fleets<const N: usize>(
        &self,
        endpoint: &str,
        fleets: [&Fleet; N],
        policy: &AnalysisPolicy,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<[Series; N], CallError> {
        let readings = readings(policy);
        let wanted: Vec<Statistic> = fleets
            .iter()
            .flat_map(|fleet| {
                readings
                    .iter()
                    .map(|reading| statistic(endpoint, fleet, *reading, policy))
            })
            .collect();
        let data = self.metric_data(&wanted, from, to).await?;
        let mut of_fleets = data.chunks(readings.len());
        let mut told = [const { None }; N];
        for series in &mut told {
            let of_fleet = of_fleets.next().unwrap_or_default();
            let read = readings.iter().copied().zip(of_fleet);
            *series = Some(assemble(read).map_err(|error| CallError {
                message: error.to_string(),
                ..incomplete(SERVICE, "GetMetricData", "")
            })?);
        }
        Ok(told.map(Option::unwrap_or_default))
    }
}

fn assemble<'a>(read: impl Iterator<Item = (Reading, &'a Vec<Datapoint>)> + Clone) -> Result<Series, NotMeasured> {
    let mut minutes = BTreeMap::new();
    let of = |wanted: Reading| {
        let read = read.clone().filter(move |(reading, _)| *reading == wanted);
        read.flat_map(|(_, points)| points)
    };
    for point in of(Reading::Requests) {
        minutes.insert(point.at, Minute::new(point.at, count(point.value)?));
    }
    for (reading, points) in read.clone() {
        for point in points {
            let Some(minute) = minutes.get_mut(&point.at) else {
                continue;
            };
            match reading {
                Reading::Requests => {}
                Reading::Failed(ErrorKind::Client) => minute.errors.client = Some(count(point.value)?),
                Reading::Failed(ErrorKind::Server) => minute.errors.server = Some(count(point.value)?),
                Reading::Failed(ErrorKind::Model) => minute.errors.model = Some(count(point.value)?),
                Reading::Slow => minute.slow = Some(count(point.value)?),
                Reading::Latency(percentile) => {
                    minute.latency.insert(percentile, microseconds(point.value)?);
                }
            }
        }
    }
    Ok(minutes.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{ErrorCheck, LatencyCheck, SlowCheck};

    fn fleet(config: Option<&str>) -> Fleet {
        Fleet {
            variant: "green".into(),
            config: config.map(str::to_owned),
        }
    }

    fn policy() -> AnalysisPolicy {
        let slow = SlowCheck::against_blue("250ms".parse().expect("a span"));
        AnalysisPolicy {
            latency: vec![LatencyCheck::against_blue(Percentile::P99)],
            slow: Some(slow),
            errors: Some(ErrorCheck::default()),
            ..AnalysisPolicy::none()
        }
    }

    #[test]
    fn only_what_is_judged_is_asked_for() {
        assert_eq!(Vec::from_iter(readings(&AnalysisPolicy::none())), [Reading::Requests]);
        let policy = policy();
        let asked: Vec<String> = readings(&policy)
            .into_iter()
            .map(|reading| statistic("fraud", &fleet(None), reading, &policy))
            .map(|asked| format!("{} {}", asked.metric, asked.statistic))
            .collect();
        assert_eq!(
            asked,
            [
                "Invocations Sum",
                "Invocation5XXErrors Sum",
                "InvocationModelErrors Sum",
                "ModelLatency TC(250000:)",
                "ModelLatency p99",
            ]
        );
    }

    #[test]
    fn with_sagemakers_engines_a_fleet_is_told_by_its_config() {
        let of = |config| statistic("fraud", &fleet(config), Reading::Requests, &AnalysisPolicy::none()).dimensions;
        assert_eq!(of(None).len(), 2);
        assert_eq!(
            of(Some("fraud-2"))[2],
            ("EndpointConfigName".to_owned(), "fraud-2".to_owned())
        );
    }

    #[test]
    fn a_reading_that_is_not_there_is_unknown_and_a_minute_without_requests_is_none() {
        let at = |minute: i64| Timestamp::from_second(minute * 60).expect("a time");
        let point = |minute, value| Datapoint { at: at(minute), value };
        let read = [
            (Reading::Requests, vec![point(1, 40.0), point(2, 50.0)]),
            (Reading::Failed(ErrorKind::Server), vec![point(2, 3.0), point(3, 1.0)]),
            (Reading::Latency(Percentile::P99), vec![point(1, 120_000.0)]),
        ];
        let series = assemble(read.iter().map(|(reading, points)| (*reading, points))).expect("measured");
        let [first, second] = series.minutes() else {
            panic!("{series:?}")
        };
        assert_eq!((first.requests, first.errors.server), (40, None));
        assert_eq!((second.requests, second.errors.server), (50, Some(3)));
        assert_eq!(first.latency[&Percentile::P99], Duration::from_millis(120));
    }

    #[test]
    fn a_count_below_zero_is_no_measurement() {
        let point = Datapoint {
            at: Timestamp::UNIX_EPOCH,
            value: -1.0,
        };
        let read = [(Reading::Requests, vec![point])];
        assert!(assemble(read.iter().map(|(reading, points)| (*reading, points))).is_err());
    }
}
