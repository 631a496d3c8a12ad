//! What CloudWatch gets of an alarm.

use std::collections::BTreeMap;

use super::{
    super::{list::List, seconds},
    AlarmSection, Compare, Missing, Purpose,
};
use crate::{
    capacity::thing::{Action, Alarm},
    fleet::text::{Arn, Text},
    quantity::Number,
};

impl AlarmSection {
    fn description(&self, endpoint: &str) -> Option<String> {
        if let Some(text) = &self.description {
            return Some(text.as_str().to_owned());
        }
        Some(match self.purpose? {
            Purpose::Health => format!("The health of {endpoint}; declared in Steward's fleet file."),
            Purpose::Rollback => format!("Rolls a rollout of {endpoint} back; declared in Steward's fleet file."),
            Purpose::Wake => format!("Wakes {endpoint} from zero; declared in Steward's fleet file."),
        })
    }

    pub(in crate::fleet::capacity) fn alarm(&self, endpoint: &str) -> Alarm {
        let mut own = vec![("EndpointName".to_owned(), endpoint.to_owned())];
        own.extend(
            self.variant
                .iter()
                .map(|name| ("VariantName".to_owned(), name.as_str().to_owned())),
        );
        if let Some(component) = &self.component {
            own = vec![("InferenceComponentName".to_owned(), component.as_str().to_owned())];
        }
        let average = || "Average".to_owned();
        let from = "GreaterThanOrEqualToThreshold";
        let above = "GreaterThanThreshold";
        let sagemaker = "AWS/SageMaker".to_owned();
        let (namespace, metric, dimensions, statistic, unit, comparison, threshold) = if let Some(share) = self.errors {
            let metric = "Invocation5XXErrors".to_owned();
            (sagemaker, metric, own, average(), None, above, share.fraction())
        } else if let Some(latency) = self.latency {
            let statistic = self
                .percentile
                .as_ref()
                .map_or_else(average, |text| text.as_str().to_owned());
            let microseconds = u32::try_from(latency.duration().as_millis()).map_or(0.0, f64::from) * 1000.0;
            (
                sagemaker,
                "ModelLatency".to_owned(),
                own,
                statistic,
                None,
                above,
                microseconds,
            )
        } else if let Some(waiting) = self.waiting {
            let metric = "ApproximateAgeOfOldestRequest".to_owned();
            (
                sagemaker,
                metric,
                own,
                "Maximum".to_owned(),
                None,
                above,
                f64::from(seconds(waiting)),
            )
        } else if let Some(metric) = &self.metric {
            let comparison = match self.compare.unwrap_or(Compare::Above) {
                Compare::Above => above,
                Compare::From => from,
                Compare::Below => "LessThanThreshold",
                Compare::UpTo => "LessThanOrEqualToThreshold",
            };
            let (namespace, name) = (metric.namespace.as_str().to_owned(), metric.name.as_str().to_owned());
            let threshold = self.threshold.map_or(0.0, Number::get);
            (
                namespace,
                name,
                metric.dimensions(),
                metric.statistic(),
                metric.unit(),
                comparison,
                threshold,
            )
        } else if self.component.is_some() {
            let metric = "NoCapacityInvocationFailures".to_owned();
            (sagemaker, metric, own, "Sum".to_owned(), None, from, 1.0)
        } else {
            let metric = "HasBacklogWithoutCapacity".to_owned();
            (sagemaker, metric, own, average(), None, from, 1.0)
        };
        let missing = match self.missing.unwrap_or(Missing::Good) {
            Missing::Good => "notBreaching",
            Missing::Bad => "breaching",
            Missing::Ignore => "ignore",
            Missing::Unknown => "missing",
        };
        let (datapoints, periods) = self.evaluated();
        Alarm {
            name: named(self.name(), endpoint),
            description: self.description(endpoint),
            namespace,
            metric,
            dimensions: BTreeMap::from_iter(dimensions),
            statistic,
            unit,
            period: self.period(),
            periods,
            datapoints,
            comparison: comparison.to_owned(),
            threshold,
            missing: missing.to_owned(),
            enabled: self.enabled.unwrap_or(true),
            actions: arns(self.actions.as_ref()),
            ok_actions: arns(self.ok_actions.as_ref()),
            insufficient_actions: arns(self.insufficient_actions.as_ref()),
        }
    }
}

/// A name for this endpoint.
pub(in crate::fleet::capacity) fn named(name: &str, endpoint: &str) -> String {
    name.replace("<endpoint>", endpoint)
}

fn arns(list: Option<&List<Text<Arn>, 5>>) -> Vec<Action> {
    let list = list.into_iter().flat_map(|list| &list.0);
    list.map(|arn| Action::Arn(arn.as_str().to_owned())).collect()
}
