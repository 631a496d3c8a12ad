//! The alarms of a description, put as any client puts them.

use serde_json::{Map, Value, json};

use crate::world::{
    ApiError, Service, SpecProblem,
    api::Input,
    metrics::Statistic,
    region::{Ctx, Region},
    scaling::VARIANT,
    spec::{AlarmSpec, Missing, RegionSpec},
};

impl Region {
    /// Puts the alarms, a composite after those it watches.
    pub(super) fn stand_alarms(&mut self, ctx: &mut Ctx, spec: &RegionSpec, problems: &mut Vec<SpecProblem>) {
        let mut left: Vec<(&String, &AlarmSpec)> = spec.alarms.iter().collect();
        loop {
            let before = left.len();
            let mut refused = Vec::new();
            left.retain(|(name, alarm)| {
                let (operation, input) = self.alarm_input(ctx, name, alarm);
                let put = Input::new(Service::CloudWatch, &input)
                    .and_then(|input| self.cloudwatch_call(ctx, operation, input).map(|_| ()));
                match put {
                    Ok(()) => false,
                    Err(ApiError { message, .. }) => {
                        refused.push(SpecProblem {
                            path: format!("regions.{}.alarms.{name}", self.name),
                            problem: message,
                            accepted: format!("what CloudWatch's {operation} accepts"),
                        });
                        true
                    }
                }
            });
            if left.is_empty() || left.len() == before {
                problems.extend(refused);
                return;
            }
        }
    }

    /// The ARN of `ENDPOINT/VARIANT/POLICY`.
    fn policy_arn(&self, policy: &str) -> Option<String> {
        let mut parts = policy.splitn(3, '/');
        let (endpoint, variant, name) = (parts.next()?, parts.next()?, parts.next()?);
        let id = (format!("endpoint/{endpoint}/variant/{variant}"), VARIANT.to_owned());
        let found = self.scaling.policies.get(&(id, name.to_owned()));
        found.map(|policy| policy.arn.clone())
    }

    /// The call that puts an alarm of the scenario.
    fn alarm_input(&self, ctx: &Ctx, name: &str, spec: &AlarmSpec) -> (&'static str, Value) {
        let arns = |actions: &[String]| -> Vec<String> {
            actions
                .iter()
                .map(|action| match action.split_once(':') {
                    Some(("function", function)) => self.arn(ctx, "lambda", &format!("function:{function}")),
                    // Of one that is not there the text stays, which CloudWatch refuses.
                    Some(("policy", policy)) => self.policy_arn(policy).unwrap_or_else(|| action.clone()),
                    Some(_) => action.clone(),
                    None => self.arn(ctx, "sns", action),
                })
                .collect()
        };
        let mut input = Map::from_iter([
            ("AlarmName".to_owned(), json!(name)),
            ("AlarmActions".to_owned(), json!(arns(&spec.actions))),
            ("OKActions".to_owned(), json!(arns(&spec.ok_actions))),
            (
                "InsufficientDataActions".to_owned(),
                json!(arns(&spec.insufficient_data_actions)),
            ),
        ]);
        if let Some(description) = &spec.description {
            input.insert("AlarmDescription".to_owned(), json!(description));
        }
        if let Some(rule) = &spec.rule {
            input.insert("AlarmRule".to_owned(), json!(rule));
            return ("PutCompositeAlarm", Value::Object(input));
        }
        let mut dimensions = spec.dimensions.0.clone();
        for (name, value) in [("EndpointName", &spec.endpoint), ("VariantName", &spec.variant)] {
            if let Some(value) = value {
                dimensions.insert(name.to_owned(), value.clone());
            }
        }
        let comparisons = [
            (spec.above, "GreaterThanThreshold"),
            (spec.at_least, "GreaterThanOrEqualToThreshold"),
            (spec.below, "LessThanThreshold"),
            (spec.at_most, "LessThanOrEqualToThreshold"),
        ];
        for (threshold, operator) in comparisons {
            if let Some(threshold) = threshold {
                input.insert("Threshold".to_owned(), json!(threshold));
                input.insert("ComparisonOperator".to_owned(), json!(operator));
            }
        }
        let statistic = spec.statistic.clone().unwrap_or_else(|| "Average".to_owned());
        let simple = Statistic::parse(&statistic).is_none_or(Statistic::is_simple);
        let member = if simple { "Statistic" } else { "ExtendedStatistic" };
        let periods = spec.periods.unwrap_or(1);
        let missing = match spec.missing.unwrap_or(Missing::Missing) {
            Missing::Breaching => "breaching",
            Missing::NotBreaching => "notBreaching",
            Missing::Ignore => "ignore",
            Missing::Missing => "missing",
        };
        let dimensions: Vec<Value> = dimensions
            .iter()
            .map(|(name, value)| json!({"Name": name, "Value": value}))
            .collect();
        input.extend([
            ("MetricName".to_owned(), json!(spec.metric)),
            (
                "Namespace".to_owned(),
                json!(spec.namespace.clone().unwrap_or_else(|| "AWS/SageMaker".to_owned())),
            ),
            ("Dimensions".to_owned(), json!(dimensions)),
            (member.to_owned(), json!(statistic)),
            (
                "Period".to_owned(),
                json!(spec.period.map_or(60, |period| period.duration().as_secs())),
            ),
            ("EvaluationPeriods".to_owned(), json!(periods)),
            (
                "DatapointsToAlarm".to_owned(),
                json!(spec.datapoints.unwrap_or(periods)),
            ),
            ("TreatMissingData".to_owned(), json!(missing)),
        ]);
        ("PutMetricAlarm", Value::Object(input))
    }
}
