//! Alarms as a whole and dashboards: described, written, deleted.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{
    AlarmType::MetricAlarm as OfMetric, ComparisonOperator, Dimension, MetricAlarm, StandardUnit,
    Statistic as Statistics, Tag,
};
use serde_json::Value;

use super::{CloudWatch, SERVICE};
use crate::{
    aws::incomplete,
    capacity::thing::{Action, Alarm},
    failure::{CallError, Failure},
};

/// `DescribeAlarms` takes this many names at once, and answers as many in a page.
const NAMES: usize = 100;

/// Which alarms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which<'a> {
    /// Every one.
    All,
    /// Those whose names begin so.
    Prefix(&'a str),
    /// Those of these names.
    Named(&'a [String]),
}

/// An alarm on one metric. Its actions are ARNs.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundAlarm {
    /// The alarm.
    pub alarm: Alarm,
    /// `AlarmArn`.
    pub arn: Option<String>,
    /// It watches an expression or an anomaly band instead of one metric: what it watches is not in `alarm`.
    pub expression: bool,
}

impl CloudWatch {
    /// Metric alarms, by name.
    ///
    /// # Errors
    /// What CloudWatch says; there is no partial list.
    pub async fn whole_alarms(&self, which: Which<'_>) -> Result<Vec<FoundAlarm>, CallError> {
        let batches: Vec<Option<Vec<String>>> = match which {
            Which::All | Which::Prefix(_) => vec![None],
            Which::Named(names) => names.chunks(NAMES).map(|names| Some(names.to_vec())).collect(),
        };
        let prefix = match which {
            Which::Prefix(prefix) => Some(prefix.to_owned()),
            Which::All | Which::Named(_) => None,
        };
        let mut found: Vec<FoundAlarm> = Vec::new();
        for names in batches {
            let mut token = None;
            loop {
                let request = self
                    .client
                    .describe_alarms()
                    .alarm_types(OfMetric)
                    .set_alarm_names(names.clone())
                    .set_alarm_name_prefix(prefix.clone())
                    .max_records(i32::try_from(NAMES).unwrap_or(i32::MAX))
                    .set_next_token(token);
                let page = self.bound.call(SERVICE, "DescribeAlarms", request.send()).await?;
                for described in page.metric_alarms.unwrap_or_default() {
                    found.push(alarm(described)?);
                }
                token = page.next_token;
                if token.is_none() {
                    break;
                }
            }
        }
        found.sort_by(|a, b| a.alarm.name.cmp(&b.alarm.name));
        found.dedup_by(|a, b| a.alarm.name == b.alarm.name);
        Ok(found)
    }

    /// Makes an alarm this one; a new one bears these tags. `actions`, `ok` and `insufficient` are ARNs.
    ///
    /// # Errors
    /// What CloudWatch says.
    pub async fn put_alarm(
        &self,
        alarm: &Alarm,
        [actions, ok, insufficient]: [Vec<String>; 3],
        tags: &[(&str, &str)],
    ) -> Result<(), CallError> {
        let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let dimensions = alarm
            .dimensions
            .iter()
            .map(|(name, value)| Dimension::builder().name(name).value(value).build());
        let tags = tags
            .iter()
            .map(|(key, value)| Tag::builder().key(*key).value(*value).build());
        let plain = is_plain(&alarm.statistic);
        let request = self
            .client
            .put_metric_alarm()
            .alarm_name(&alarm.name)
            .set_alarm_description(alarm.description.clone())
            .namespace(&alarm.namespace)
            .metric_name(&alarm.metric)
            .set_dimensions(Some(dimensions.collect()))
            .set_statistic(plain.then(|| Statistics::from(alarm.statistic.as_str())))
            .set_extended_statistic((!plain).then(|| alarm.statistic.clone()))
            .set_unit(alarm.unit.as_deref().map(StandardUnit::from))
            .period(number(alarm.period))
            .evaluation_periods(number(alarm.periods))
            .datapoints_to_alarm(number(alarm.datapoints))
            .comparison_operator(ComparisonOperator::from(alarm.comparison.as_str()))
            .threshold(alarm.threshold)
            .treat_missing_data(&alarm.missing)
            .actions_enabled(alarm.enabled)
            .set_alarm_actions(Some(actions))
            .set_ok_actions(Some(ok))
            .set_insufficient_data_actions(Some(insufficient))
            .set_tags((tags.len() > 0).then(|| tags.collect()));
        let sent = self.bound.call(SERVICE, "PutMetricAlarm", request.send());
        sent.await.map(drop)
    }

    /// The tags of an alarm; none for one that is gone.
    ///
    /// # Errors
    /// What CloudWatch says.
    pub async fn alarm_tags(&self, arn: &str) -> Result<Vec<(String, String)>, CallError> {
        let request = self.client.list_tags_for_resource().resource_arn(arn);
        match self.bound.call(SERVICE, "ListTagsForResource", request.send()).await {
            Ok(listed) => {
                let tags = listed.tags.unwrap_or_default().into_iter();
                Ok(tags.filter_map(|tag| Some((tag.key?, tag.value?))).collect())
            }
            Err(error) if error.failure == Failure::NotFound => Ok(vec![]),
            Err(error) => Err(error),
        }
    }

    /// The names of the dashboards that begin so.
    ///
    /// # Errors
    /// What CloudWatch says; there is no partial list.
    pub async fn dashboards(&self, prefix: &str) -> Result<Vec<String>, CallError> {
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let request = self
                .client
                .list_dashboards()
                .dashboard_name_prefix(prefix)
                .set_next_token(token);
            let page = self.bound.call(SERVICE, "ListDashboards", request.send()).await?;
            let names = page.dashboard_entries.unwrap_or_default().into_iter();
            found.extend(names.filter_map(|entry| entry.dashboard_name));
            token = page.next_token;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// `DashboardBody`, parsed; `None` when there is no such dashboard.
    ///
    /// # Errors
    /// What CloudWatch says; [`Failure::Unknown`] for a body that is no JSON.
    pub async fn dashboard(&self, name: &str) -> Result<Option<Value>, CallError> {
        let operation = "GetDashboard";
        let request = self.client.get_dashboard().dashboard_name(name);
        match self.bound.call(SERVICE, operation, request.send()).await {
            Err(error) if error.failure == Failure::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(described) => {
                let body = described.dashboard_body.unwrap_or_default();
                let body = serde_json::from_str(&body);
                body.map(Some)
                    .map_err(|_| incomplete(SERVICE, operation, "DashboardBody that is JSON"))
            }
        }
    }

    /// Makes a dashboard this one.
    ///
    /// # Errors
    /// What CloudWatch says; its messages on the body's widgets are in the log only, since they do not keep it from being
    /// shown.
    pub async fn put_dashboard(&self, name: &str, body: &Value) -> Result<(), CallError> {
        let request = self
            .client
            .put_dashboard()
            .dashboard_name(name)
            .dashboard_body(body.to_string());
        let put = self.bound.call(SERVICE, "PutDashboard", request.send()).await?;
        for said in put.dashboard_validation_messages() {
            let (at, message) = (said.data_path(), said.message());
            tracing::warn!(at, message, "CloudWatch on the dashboard");
        }
        Ok(())
    }

    /// Deletes a dashboard; one that is gone is done.
    ///
    /// # Errors
    /// What CloudWatch says.
    pub async fn delete_dashboard(&self, name: &str) -> Result<(), CallError> {
        let request = self.client.delete_dashboards().dashboard_names(name);
        match self.bound.call(SERVICE, "DeleteDashboards", request.send()).await {
            Err(error) if error.failure == Failure::NotFound => Ok(()),
            sent => sent.map(drop),
        }
    }
}

/// One of `Statistic`; everything else, such as `p99`, is an `ExtendedStatistic`.
fn is_plain(statistic: &str) -> bool {
    ["SampleCount", "Average", "Sum", "Minimum", "Maximum"].contains(&statistic)
}

fn alarm(described: MetricAlarm) -> Result<FoundAlarm, CallError> {
    let missing = |what| incomplete(SERVICE, "DescribeAlarms", what);
    let number = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok());
    let arns = |arns: Option<Vec<String>>| arns.unwrap_or_default().into_iter().map(Action::Arn).collect();
    let expression = described.metric_name.is_none() || described.threshold.is_none();
    let periods = number(described.evaluation_periods).ok_or_else(|| missing("EvaluationPeriods"))?;
    let dimensions = described.dimensions.unwrap_or_default().into_iter();
    let dimensions: BTreeMap<String, String> = dimensions
        .filter_map(|dimension| Some((dimension.name?, dimension.value?)))
        .collect();
    let statistic = described.statistic.map(|statistic| statistic.as_str().to_owned());
    let alarm = Alarm {
        name: described.alarm_name.ok_or_else(|| missing("AlarmName"))?,
        description: described.alarm_description.filter(|text| !text.is_empty()),
        namespace: described.namespace.unwrap_or_default(),
        metric: described.metric_name.unwrap_or_default(),
        dimensions,
        statistic: statistic.or(described.extended_statistic).unwrap_or_default(),
        unit: described.unit.map(|unit| unit.as_str().to_owned()),
        period: number(described.period).unwrap_or_default(),
        periods,
        datapoints: number(described.datapoints_to_alarm).unwrap_or(periods),
        comparison: described
            .comparison_operator
            .map(|operator| operator.as_str().to_owned())
            .unwrap_or_default(),
        threshold: described.threshold.unwrap_or_default(),
        missing: described.treat_missing_data.unwrap_or_else(|| "missing".to_owned()),
        enabled: described.actions_enabled.unwrap_or(true),
        actions: arns(described.alarm_actions),
        ok_actions: arns(described.ok_actions),
        insufficient_actions: arns(described.insufficient_data_actions),
    };
    Ok(FoundAlarm {
        alarm,
        arn: described.alarm_arn,
        expression,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cloudwatch_fills_in_by_itself_is_filled_in() {
        let described = MetricAlarm::builder()
            .alarm_name("errors")
            .metric_name("Invocation5XXErrors")
            .namespace("AWS/SageMaker")
            .extended_statistic("p99")
            .threshold(0.1)
            .evaluation_periods(3)
            .period(60)
            .comparison_operator(ComparisonOperator::GreaterThanThreshold);
        let found = alarm(described.build()).expect("complete");
        assert_eq!((found.alarm.datapoints, found.alarm.missing.as_str()), (3, "missing"));
        assert_eq!((found.alarm.statistic.as_str(), found.alarm.enabled), ("p99", true));
        assert!(!found.expression && !is_plain(&found.alarm.statistic));
        let expression = MetricAlarm::builder().alarm_name("share").evaluation_periods(1).build();
        assert!(alarm(expression).expect("complete").expression);
    }

    #[test]
    fn an_alarm_without_its_promised_fields_is_an_error() {
        let error = alarm(MetricAlarm::builder().alarm_name("a").build()).expect_err("incomplete");
        assert!(error.to_string().contains("EvaluationPeriods"), "{error}");
    }
}
