//! Alarms: how those of the users stand, and the one of a rollout's own that stops SageMaker's deployments.

use aws_sdk_cloudwatch::types::{
    AlarmType::{CompositeAlarm, MetricAlarm},
    ComparisonOperator, Dimension, StateValue, Statistic as Statistics,
};

use super::{CloudWatch, SERVICE};
use crate::{
    aws::{incomplete, timestamp},
    failure::{CallError, Failure},
    rollout::look::{Action, AlarmSeen, MissingData, Watched},
    text::printable,
    trigger::AlarmState,
};

/// `DescribeAlarms` takes this many names at once.
const NAMES: usize = 100;

/// `StateReason` is at most this long, in characters.
const REASON: usize = 1023;

impl CloudWatch {
    /// The alarms of these names, metric and composite; a name without an alarm is simply not among them.
    ///
    /// # Errors
    /// What CloudWatch says.
    pub async fn alarms(&self, names: &[String]) -> Result<Vec<AlarmSeen>, CallError> {
        let operation = "DescribeAlarms";
        let missing = |what| incomplete(SERVICE, operation, what);
        let mut found = Vec::new();
        for batch in names.chunks(NAMES) {
            let mut token = None;
            loop {
                let request = self
                    .client
                    .describe_alarms()
                    .set_alarm_names(Some(batch.to_vec()))
                    .set_alarm_types(Some(vec![MetricAlarm, CompositeAlarm]))
                    .set_next_token(token);
                let page = self.bound.call(SERVICE, operation, request.send()).await?;
                let metric = page.metric_alarms.unwrap_or_default().into_iter();
                let metric = metric.map(|alarm| {
                    let since = alarm.state_updated_timestamp;
                    let metrics = alarm.metrics.unwrap_or_default().into_iter();
                    let of_metrics = metrics.filter_map(|query| Some(query.metric_stat?.metric?.dimensions));
                    // Of one metric without dimensions there is neither a list nor an item in it.
                    let of_one = alarm.metric_name.is_some().then_some(alarm.dimensions);
                    let watches = of_one.into_iter().chain(of_metrics);
                    let watches = watches
                        .map(|dimensions| watched(&dimensions.unwrap_or_default()))
                        .collect();
                    let seen = (alarm.alarm_name, alarm.state_value, alarm.state_reason, since);
                    let actions = [
                        (AlarmState::Alarm, alarm.alarm_actions),
                        (AlarmState::Ok, alarm.ok_actions),
                        (AlarmState::InsufficientData, alarm.insufficient_data_actions),
                    ];
                    let actions = actions.into_iter().flat_map(|(on, arns)| {
                        let arns = arns.unwrap_or_default().into_iter();
                        arns.map(move |arn| Action { on, arn })
                    });
                    let actions = actions.collect();
                    (
                        seen,
                        watches,
                        missing_data(alarm.treat_missing_data.as_deref()),
                        actions,
                    )
                });
                let composite = page.composite_alarms.unwrap_or_default().into_iter();
                let composite = composite.map(|alarm| {
                    let since = alarm.state_updated_timestamp;
                    let seen = (alarm.alarm_name, alarm.state_value, alarm.state_reason, since);
                    // It cannot scale anything.
                    (seen, Vec::new(), MissingData::default(), Vec::new())
                });
                for ((name, state, reason, since), watches, without, actions) in metric.chain(composite) {
                    let state = state.ok_or_else(|| missing("StateValue"))?;
                    let seen = AlarmSeen {
                        name: name.ok_or_else(|| missing("AlarmName"))?,
                        state: match state {
                            StateValue::Ok => AlarmState::Ok,
                            StateValue::Alarm => AlarmState::Alarm,
                            _ => AlarmState::InsufficientData,
                        },
                        reason: printable(&reason.unwrap_or_default(), REASON),
                        since: since.as_ref().and_then(timestamp),
                        watches,
                        missing: without,
                        actions,
                    };
                    found.push(seen);
                }
                token = page.next_token;
                if token.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// Creates an alarm that nothing but [`CloudWatch::trip`] ever trips: its metric has no data, and missing data leaves
    /// its state as it is. One that is there stays as it is, a tripped one tripped.
    ///
    /// # Errors
    /// What CloudWatch says.
    pub async fn put_abort_alarm(&self, name: &str) -> Result<(), CallError> {
        let there = self.alarms(&[name.to_owned()]).await?;
        let state = there.into_iter().next().map(|seen| seen.state);
        if state.is_none() {
            let request = self
                .client
                .put_metric_alarm()
                .alarm_name(name)
                .alarm_description(
                    "Made by Steward for one rollout and deleted with its end. Setting it to ALARM makes SageMaker take \
                     the deployment back.",
                )
                .namespace("Steward")
                .metric_name("RolloutAborted")
                .dimensions(Dimension::builder().name("AlarmName").value(name).build())
                .statistic(Statistics::Maximum)
                .period(60)
                .evaluation_periods(1)
                .threshold(1.0)
                .comparison_operator(ComparisonOperator::GreaterThanOrEqualToThreshold)
                .treat_missing_data("ignore");
            self.bound.call(SERVICE, "PutMetricAlarm", request.send()).await?;
        }
        match state {
            None | Some(AlarmState::InsufficientData) => {
                let reason = "Nothing has been found that would take the rollout back.";
                self.set(name, StateValue::Ok, reason).await
            }
            Some(_) => Ok(()),
        }
    }

    /// Sets an alarm to ALARM.
    ///
    /// # Errors
    /// What CloudWatch says; [`Failure::NotFound`] when there is no such alarm.
    pub async fn trip(&self, name: &str, reason: &str) -> Result<(), CallError> {
        self.set(name, StateValue::Alarm, &printable(reason, REASON)).await
    }

    async fn set(&self, name: &str, state: StateValue, reason: &str) -> Result<(), CallError> {
        let request = self
            .client
            .set_alarm_state()
            .alarm_name(name)
            .state_value(state)
            .state_reason(reason);
        self.bound
            .call(SERVICE, "SetAlarmState", request.send())
            .await
            .map(drop)
    }

    /// Deletes an alarm; one that is not there is done.
    ///
    /// # Errors
    /// What CloudWatch says.
    pub async fn delete_alarm(&self, name: &str) -> Result<(), CallError> {
        let request = self.client.delete_alarms().alarm_names(name);
        match self.bound.call(SERVICE, "DeleteAlarms", request.send()).await {
            Err(error) if error.failure == Failure::NotFound => Ok(()),
            sent => sent.map(drop),
        }
    }
}

pub(super) fn watched(dimensions: &[Dimension]) -> Watched {
    let mut watched = Watched::default();
    for dimension in dimensions {
        match dimension.name() {
            Some("EndpointName") => watched.endpoint.clone_from(&dimension.value),
            Some("VariantName") => watched.variant.clone_from(&dimension.value),
            _ => {}
        }
    }
    watched
}

fn missing_data(said: Option<&str>) -> MissingData {
    match said {
        Some("notBreaching") => MissingData::NotBreaching,
        Some("breaching") => MissingData::Breaching,
        Some("ignore") => MissingData::Ignore,
        _ => MissingData::Missing,
    }
}
