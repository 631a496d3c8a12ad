//! Pointing a user's alarm at another scaling policy, with nothing else of it changed.

use aws_sdk_cloudwatch::{
    operation::put_metric_alarm::builders::PutMetricAlarmInputBuilder,
    types::{AlarmType::MetricAlarm as OfMetric, Dimension, MetricAlarm},
};

use super::{CloudWatch, SERVICE, alarms::watched};
use crate::{
    failure::CallError,
    rollout::{look::Watched, triggers::Pointing},
    trigger::AlarmState,
};

impl CloudWatch {
    /// Lets an alarm trigger these policies and watch their variant. `PutMetricAlarm` replaces the whole of an alarm, so the
    /// rest is written as it was just described; state and tags stay by themselves. One that is as wished is not written,
    /// and one that is not there is done.
    ///
    /// # Errors
    /// What CloudWatch says.
    pub async fn point(&self, name: &str, at: &Pointing) -> Result<(), CallError> {
        let request = self.client.describe_alarms().alarm_names(name).alarm_types(OfMetric);
        let described = self.bound.call(SERVICE, "DescribeAlarms", request.send()).await?;
        let Some(alarm) = described.metric_alarms.unwrap_or_default().into_iter().next() else {
            return Ok(());
        };
        let pointed = pointed(alarm.clone(), at);
        if pointed == alarm {
            return Ok(());
        }
        let sent = whole(pointed).send_with(&self.client);
        self.bound.call(SERVICE, "PutMetricAlarm", sent).await.map(drop)
    }
}

fn pointed(mut alarm: MetricAlarm, at: &Pointing) -> MetricAlarm {
    let lists = [
        (AlarmState::Alarm, &mut alarm.alarm_actions),
        (AlarmState::Ok, &mut alarm.ok_actions),
        (AlarmState::InsufficientData, &mut alarm.insufficient_data_actions),
    ];
    let mut triggers = false;
    for (on, actions) in lists {
        let pointed = at.actions(on, actions.as_deref().unwrap_or_default());
        triggers |= pointed.iter().any(|action| at.triggers(action));
        if actions.is_some() || !pointed.is_empty() {
            *actions = Some(pointed);
        }
    }
    let of_metrics = alarm.metrics.iter_mut().flatten();
    let of_metrics = of_metrics.filter_map(|query| query.metric_stat.as_mut()?.metric.as_mut()?.dimensions.as_mut());
    let mut watching: Vec<&mut Vec<Dimension>> = alarm.dimensions.iter_mut().chain(of_metrics).collect();
    let watches: Vec<Watched> = watching.iter().map(|dimensions| watched(dimensions)).collect();
    if triggers && at.moves_metrics(&watches) {
        let left = watching
            .iter_mut()
            .zip(&watches)
            .filter(|(_, watched)| at.left(watched));
        for (dimensions, _) in left {
            for dimension in dimensions
                .iter_mut()
                .filter(|dimension| dimension.name() == Some("VariantName"))
            {
                dimension.value = Some(at.variant.clone());
            }
        }
    }
    alarm
}

/// The request that makes an alarm what it was described as.
fn whole(alarm: MetricAlarm) -> PutMetricAlarmInputBuilder {
    PutMetricAlarmInputBuilder::default()
        .set_alarm_name(alarm.alarm_name)
        .set_alarm_description(alarm.alarm_description)
        .set_actions_enabled(alarm.actions_enabled)
        .set_ok_actions(alarm.ok_actions)
        .set_alarm_actions(alarm.alarm_actions)
        .set_insufficient_data_actions(alarm.insufficient_data_actions)
        .set_metric_name(alarm.metric_name)
        .set_namespace(alarm.namespace)
        .set_statistic(alarm.statistic)
        .set_extended_statistic(alarm.extended_statistic)
        // Not to be given at all beside `Metrics`.
        .set_dimensions(alarm.dimensions.filter(|dimensions| !dimensions.is_empty()))
        .set_period(alarm.period)
        .set_unit(alarm.unit)
        .set_evaluation_periods(alarm.evaluation_periods)
        .set_datapoints_to_alarm(alarm.datapoints_to_alarm)
        .set_threshold(alarm.threshold)
        .set_comparison_operator(alarm.comparison_operator)
        .set_treat_missing_data(alarm.treat_missing_data)
        .set_evaluate_low_sample_count_percentile(alarm.evaluate_low_sample_count_percentile)
        .set_metrics(alarm.metrics.filter(|metrics| !metrics.is_empty()))
        .set_threshold_metric_id(alarm.threshold_metric_id)
        .set_evaluation_window(alarm.evaluation_window)
        .set_warm_up_configuration(alarm.warm_up_configuration)
        .set_evaluation_criteria(alarm.evaluation_criteria)
        .set_evaluation_interval(alarm.evaluation_interval)
        .set_action_configuration(alarm.action_configuration)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use aws_sdk_cloudwatch::types::{ComparisonOperator, Metric, MetricDataQuery, MetricStat, StandardUnit, Statistic};

    use super::*;
    use crate::rollout::triggers::Named;

    fn arn(id: &str, variant: &str) -> String {
        format!(
            "arn:aws:autoscaling:eu-west-1:111122223333:scalingPolicy:{id}:resource/sagemaker/endpoint/fraud/variant/\
             {variant}:policyName/backlog"
        )
    }

    fn at() -> Pointing {
        Pointing {
            endpoint: "fraud".to_owned(),
            variant: "green".to_owned(),
            other: "blue".to_owned(),
            policies: BTreeMap::from([("backlog".to_owned(), arn("new", "green"))]),
            again: BTreeSet::new(),
        }
    }

    fn of(endpoint: &str, variant: &str) -> [Dimension; 2] {
        [("EndpointName", endpoint), ("VariantName", variant)]
            .map(|(name, value)| Dimension::builder().name(name).value(value).build())
    }

    fn base() -> aws_sdk_cloudwatch::types::builders::MetricAlarmBuilder {
        let topic = "arn:aws:sns:eu-west-1:111122223333:people";
        MetricAlarm::builder()
            .alarm_name("busy")
            .alarm_description("Asks for instances.")
            .alarm_arn("arn:aws:cloudwatch:eu-west-1:111122223333:alarm:busy")
            .actions_enabled(false)
            .alarm_actions(topic)
            .alarm_actions(arn("old", "blue"))
            .ok_actions(arn("older", "green"))
            .insufficient_data_actions(topic)
            .evaluation_periods(3)
            .datapoints_to_alarm(2)
            .threshold(7.5)
            .comparison_operator(ComparisonOperator::GreaterThanThreshold)
            .treat_missing_data("notBreaching")
    }

    #[test]
    fn an_alarm_on_one_metric_keeps_everything_but_its_policy_and_its_variant() {
        let [endpoint, variant] = of("fraud", "blue");
        let alarm = base()
            .namespace("AWS/SageMaker")
            .metric_name("ConcurrentRequestsPerModel")
            .dimensions(endpoint.clone())
            .dimensions(variant)
            .statistic(Statistic::Maximum)
            .unit(StandardUnit::Count)
            .period(60)
            .evaluate_low_sample_count_percentile("ignore")
            .build();
        let put = whole(pointed(alarm, &at())).build().expect("complete");
        let [_, green] = of("fraud", "green");
        let policy = arn("new", "green");
        assert_eq!(
            put.alarm_actions(),
            ["arn:aws:sns:eu-west-1:111122223333:people".to_owned(), policy.clone()]
        );
        assert_eq!(put.ok_actions(), [policy]);
        assert_eq!(put.insufficient_data_actions().len(), 1);
        assert_eq!(put.dimensions(), [endpoint, green]);
        assert_eq!((put.actions_enabled(), put.threshold()), (Some(false), Some(7.5)));
        assert_eq!(
            (put.evaluation_periods(), put.datapoints_to_alarm()),
            (Some(3), Some(2))
        );
        assert_eq!((put.period(), put.unit()), (Some(60), Some(&StandardUnit::Count)));
        assert_eq!(put.statistic(), Some(&Statistic::Maximum));
        assert_eq!(put.treat_missing_data(), Some("notBreaching"));
        assert_eq!(put.evaluate_low_sample_count_percentile(), Some("ignore"));
        assert_eq!(put.alarm_description(), Some("Asks for instances."));
        assert_eq!(
            (put.namespace(), put.metric_name()),
            (Some("AWS/SageMaker"), Some("ConcurrentRequestsPerModel"))
        );
        assert!(put.tags().is_empty() && put.metrics().is_empty());
    }

    fn math(variants: &[(&str, &str)]) -> MetricAlarm {
        let queries = variants.iter().enumerate().map(|(index, (endpoint, variant))| {
            let metric = Metric::builder()
                .set_dimensions(Some(of(endpoint, variant).to_vec()))
                .build();
            let stat = MetricStat::builder().metric(metric).period(60).stat("Sum").build();
            MetricDataQuery::builder()
                .id(format!("m{index}"))
                .metric_stat(stat)
                .build()
        });
        base()
            .set_dimensions(Some(vec![]))
            .set_metrics(Some(queries.collect()))
            .build()
    }

    fn watching(alarm: &MetricAlarm) -> Vec<String> {
        let metrics = alarm.metrics().iter().filter_map(|query| query.metric_stat()?.metric());
        metrics
            .map(|metric| metric.dimensions()[1].value().unwrap_or_default().to_owned())
            .collect()
    }

    #[test]
    fn each_metric_of_an_expression_follows_and_those_of_other_endpoints_stay() {
        let alarm = pointed(math(&[("fraud", "blue"), ("ranker", "blue"), ("fraud", "blue")]), &at());
        assert_eq!(watching(&alarm), ["green", "blue", "green"]);
        assert!(whole(alarm).build().expect("complete").dimensions.is_none());
    }

    #[test]
    fn an_alarm_that_compares_the_two_variants_goes_on_comparing_them() {
        let alarm = pointed(math(&[("fraud", "blue"), ("fraud", "green")]), &at());
        assert_eq!(watching(&alarm), ["blue", "green"]);
    }

    #[test]
    fn what_a_deregistration_took_from_an_alarm_is_put_back_in_its_lists_and_the_metric_moves() {
        let mut at = at();
        let named = |policy: &str, on| Named {
            policy: policy.to_owned(),
            on,
        };
        at.again = BTreeSet::from([
            named("backlog", AlarmState::Alarm),
            named("backlog", AlarmState::InsufficientData),
            named("gone", AlarmState::Ok),
        ]);
        let mut alarm = math(&[("fraud", "blue")]);
        let topic = "arn:aws:sns:eu-west-1:111122223333:people".to_owned();
        alarm.alarm_actions = Some(vec![topic.clone()]);
        alarm.ok_actions = Some(vec![]);
        alarm.insufficient_data_actions = None;
        let put = pointed(alarm, &at);
        assert_eq!(put.alarm_actions(), [topic, arn("new", "green")]);
        assert_eq!(put.ok_actions(), <[String; 0]>::default());
        assert_eq!(put.insufficient_data_actions(), [arn("new", "green")]);
        assert_eq!(watching(&put), ["green"]);
        assert_eq!(pointed(put.clone(), &at), put);
    }

    #[test]
    fn an_alarm_that_triggers_nothing_of_the_two_variants_is_left_as_it_is() {
        let mut alarm = math(&[("fraud", "blue")]);
        alarm.alarm_actions = Some(vec![arn("old", "third"), arn("old", "blue").replace("fraud", "ranker")]);
        alarm.ok_actions = Some(vec![arn("old", "blue").replace("backlog", "another")]);
        assert_eq!(pointed(alarm.clone(), &at()), alarm);
    }
}
