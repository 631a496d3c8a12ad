//! CloudWatch's alarm operations.

use serde_json::{Value, json};

use crate::world::{
    ApiError, Reply, Service,
    alarms::{Alarm, Comparison, Rule, State, TreatMissing, Verdict, Watch},
    api::{Input, epoch, page, reply, unknown_operation},
    dashboards,
    metrics::{Query, Source, metric_id, statistic},
    region::{Ctx, Region},
    sagemaker::tags,
};

/// The operations of CloudWatch simulated.
pub(crate) const OPERATIONS: &[&str] = &[
    "DeleteAlarms",
    "DeleteDashboards",
    "DescribeAlarms",
    "GetDashboard",
    "GetMetricData",
    "GetMetricStatistics",
    "ListDashboards",
    "ListMetrics",
    "ListTagsForResource",
    "PutCompositeAlarm",
    "PutDashboard",
    "PutMetricAlarm",
    "PutMetricData",
    "SetAlarmState",
    "TagResource",
    "UntagResource",
];

impl Region {
    /// Answers one operation of CloudWatch.
    pub(crate) fn cloudwatch_call(
        &mut self,
        ctx: &mut Ctx,
        operation: &str,
        input: Input<'_>,
    ) -> Result<Reply, ApiError> {
        match operation {
            "PutMetricData" | "GetMetricStatistics" | "GetMetricData" | "ListMetrics" => {
                self.metrics_call(ctx, operation, input)
            }
            "PutMetricAlarm" => {
                let watch = read_metric_watch(input)?;
                self.put_alarm(ctx, input, watch)
            }
            "PutCompositeAlarm" => {
                let rule = Rule::parse(input.need("AlarmRule")?)
                    .map_err(|why| ApiError::new(400, "ValidationError", format!("AlarmRule: {why}")))?;
                for child in rule.names() {
                    if !self.alarms.contains_key(child) {
                        return Err(ApiError::new(
                            400,
                            "ValidationError",
                            format!(
                                "Could not save the composite alarm as alarm {child} in the alarm rule does not exist"
                            ),
                        ));
                    }
                }
                self.put_alarm(ctx, input, Watch::Composite(rule))
            }
            "DescribeAlarms" => self.describe_alarms(input),
            "DeleteAlarms" => {
                let names = input.texts("AlarmNames");
                if let Some(name) = names.iter().find(|name| !self.alarms.contains_key(*name)) {
                    return Err(ApiError::new(404, "ResourceNotFound", format!("Unknown alarm {name}")));
                }
                for name in names {
                    self.alarms.remove(&name);
                }
                reply(json!({}))
            }
            "SetAlarmState" => self.set_alarm_state(ctx, input),
            "TagResource" | "UntagResource" | "ListTagsForResource" => self.alarm_tags(ctx, operation, input),
            _ if dashboards::OPERATIONS.contains(&operation) => dashboards::call(ctx, operation, input),
            _ => Err(unknown_operation(Service::CloudWatch, operation, OPERATIONS)),
        }
    }

    /// Puts an alarm. A new one starts in INSUFFICIENT_DATA; an updated one keeps its state.
    fn put_alarm(&mut self, ctx: &Ctx, input: Input<'_>, watch: Watch) -> Result<Reply, ApiError> {
        let name = input.need("AlarmName")?;
        if name.is_empty() || name.chars().count() > 255 {
            return Err(ApiError::new(
                400,
                "ValidationError",
                "AlarmName has 1 to 255 characters",
            ));
        }
        for member in super::ACTIONS {
            let actions = input.texts(member);
            if actions.len() > 5 {
                return Err(ApiError::new(
                    400,
                    "ValidationError",
                    format!("{member} takes at most 5 actions"),
                ));
            }
            if let Some(wrong) = actions.iter().find(|action| !action.starts_with("arn:")) {
                return Err(ApiError::new(
                    400,
                    "ValidationError",
                    format!("Invalid arn syntax: {wrong}"),
                ));
            }
        }
        let arn = self.arn(ctx, "cloudwatch", &format!("alarm:{name}"));
        let fresh = Alarm {
            arn,
            input: tags::without(input, &["Tags"]),
            tags: tags::read(input, "Tags")?,
            watch,
            state: State::InsufficientData,
            reason: "Unchecked: Initial alarm creation".to_owned(),
            reason_data: None,
            configured: ctx.now,
            updated: ctx.now,
            transitioned: ctx.now,
        };
        let alarm = match self.alarms.remove(name) {
            None => fresh,
            Some(old) => Alarm {
                state: old.state,
                reason: old.reason,
                reason_data: old.reason_data,
                // Tags are for a new alarm; those of an old one are changed by TagResource.
                tags: old.tags,
                updated: old.updated,
                transitioned: old.transitioned,
                ..fresh
            },
        };
        self.alarms.insert(name.to_owned(), alarm);
        reply(json!({}))
    }

    fn describe_alarms(&self, input: Input<'_>) -> Result<Reply, ApiError> {
        let names = input.texts("AlarmNames");
        let types = input.texts("AlarmTypes");
        let prefix = input.text("AlarmNamePrefix");
        if prefix.is_some() && !names.is_empty() {
            return Err(ApiError::new(
                400,
                "ValidationError",
                "AlarmNamePrefix and AlarmNames cannot be given together",
            ));
        }
        let fits = |name: &str, alarm: &Alarm| {
            let composite = matches!(alarm.watch, Watch::Composite(_));
            let kind = if composite { "CompositeAlarm" } else { "MetricAlarm" };
            // Without AlarmTypes, only metric alarms are returned.
            let of_type = if types.is_empty() {
                !composite
            } else {
                types.iter().any(|wanted| wanted == kind)
            };
            let acts = |prefix: &str| {
                ["AlarmActions", "OKActions", "InsufficientDataActions"]
                    .iter()
                    .any(|member| {
                        let actions = alarm.input.get(*member).and_then(Value::as_array);
                        actions
                            .into_iter()
                            .flatten()
                            .filter_map(Value::as_str)
                            .any(|action| action.starts_with(prefix))
                    })
            };
            of_type
                && (names.is_empty() || names.iter().any(|wanted| wanted == name))
                && prefix.is_none_or(|prefix| name.starts_with(prefix))
                && input
                    .text("StateValue")
                    .is_none_or(|state| state == alarm.state.as_str())
                && input.text("ActionPrefix").is_none_or(acts)
        };
        let all: Vec<Value> = self
            .alarms
            .iter()
            .filter(|(name, alarm)| fits(name, alarm))
            .map(|(_, alarm)| {
                let mut output = alarm.input.clone();
                for member in super::ACTIONS {
                    if output.get(member).is_none() {
                        output[member] = json!([]);
                    }
                }
                if output.get("ActionsEnabled").is_none() {
                    output["ActionsEnabled"] = json!(true);
                }
                output["AlarmArn"] = json!(alarm.arn);
                output["AlarmConfigurationUpdatedTimestamp"] = epoch(alarm.configured);
                output["StateValue"] = json!(alarm.state.as_str());
                output["StateReason"] = json!(alarm.reason);
                if let Some(data) = &alarm.reason_data {
                    output["StateReasonData"] = json!(data);
                }
                output["StateUpdatedTimestamp"] = epoch(alarm.updated);
                output["StateTransitionedTimestamp"] = epoch(alarm.transitioned);
                output
            })
            .collect();
        let mut paged = page(input, "All", "MaxRecords", 50, all)?;
        let items = paged["All"].take();
        let (composite, metric): (Vec<Value>, Vec<Value>) = items
            .as_array()
            .cloned()
            .unwrap_or_default()
            .into_iter()
            .partition(|alarm| alarm.get("AlarmRule").is_some());
        let mut output = json!({"MetricAlarms": metric, "CompositeAlarms": composite});
        if let Some(token) = paged.get("NextToken") {
            output["NextToken"] = token.clone();
        }
        reply(output)
    }

    /// Tags of alarms and dashboards.
    fn alarm_tags(&mut self, ctx: &mut Ctx, operation: &str, input: Input<'_>) -> Result<Reply, ApiError> {
        let arn = input.need("ResourceARN")?;
        let given = tags::read(input, "Tags")?;
        let alarms = self.alarms.values_mut().map(|alarm| (&alarm.arn, &mut alarm.tags));
        let dashboards = ctx.dashboards.values_mut().map(|it| (&it.arn, &mut it.tags));
        let found = alarms.chain(dashboards).find(|(its, _)| its.as_str() == arn);
        let (_, tags) =
            found.ok_or_else(|| ApiError::new(404, "ResourceNotFoundException", format!("{arn} does not exist")))?;
        match operation {
            "ListTagsForResource" => return reply(json!({"Tags": tags::write(tags)})),
            "UntagResource" => {
                let keys = input.texts("TagKeys");
                tags.retain(|key, _| !keys.contains(key));
            }
            _ => tags.extend(given),
        }
        reply(json!({}))
    }

    fn set_alarm_state(&mut self, ctx: &mut Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let name = input.need("AlarmName")?;
        let text = input.need("StateValue")?;
        let state = State::parse(text).ok_or_else(|| {
            ApiError::new(
                400,
                "ValidationError",
                format!("StateValue {text} is none of OK, ALARM, INSUFFICIENT_DATA"),
            )
        })?;
        let reason = input.need("StateReason")?.to_owned();
        let data = input.text("StateReasonData").map(str::to_owned);
        let alarm = self
            .alarms
            .get_mut(name)
            .ok_or_else(|| ApiError::new(404, "ResourceNotFound", "Unknown alarm"))?;
        if alarm.state == state {
            alarm.reason = reason;
            alarm.updated = ctx.now;
        } else {
            self.conclude(ctx, name, Verdict { state, reason, data });
        }
        reply(json!({}))
    }
}

/// What a metric alarm watches.
fn read_metric_watch(input: Input<'_>) -> Result<Watch, ApiError> {
    let wrong = |message: String| ApiError::new(400, "ValidationError", message);
    let periods = input
        .count("EvaluationPeriods")?
        .ok_or_else(|| input.missing("EvaluationPeriods"))?;
    let datapoints = input.count("DatapointsToAlarm")?.unwrap_or(periods);
    if periods == 0 || datapoints == 0 || datapoints > periods {
        return Err(wrong(format!(
            "DatapointsToAlarm {datapoints} must be between 1 and EvaluationPeriods {periods}, which is at least 1"
        )));
    }
    let operator = input.need("ComparisonOperator")?;
    let comparison = Comparison::ALL
        .iter()
        .find(|(_, name, _)| *name == operator)
        .map(|(comparison, ..)| *comparison)
        .ok_or_else(|| {
            wrong(format!(
                "ComparisonOperator {operator} is not simulated; anomaly detection is not"
            ))
        })?;
    let threshold = input.number("Threshold").ok_or_else(|| input.missing("Threshold"))?;
    let missing = match input.text("TreatMissingData").unwrap_or("missing") {
        "breaching" => TreatMissing::Breaching,
        "notBreaching" => TreatMissing::NotBreaching,
        "ignore" => TreatMissing::Ignore,
        "missing" => TreatMissing::Missing,
        other => {
            return Err(wrong(format!(
                "TreatMissingData {other} is none of breaching, notBreaching, ignore, missing"
            )));
        }
    };
    let queries = if input.list("Metrics").is_empty() {
        let period = input.count("Period")?.ok_or_else(|| input.missing("Period"))?;
        if !(matches!(period, 10 | 20 | 30) || (period > 0 && period % 60 == 0)) {
            return Err(wrong(format!(
                "Period {period} is none of 10, 20, 30 and the multiples of 60"
            )));
        }
        if i64::from(period) * i64::from(periods) > 604_800 {
            return Err(wrong(
                "EvaluationPeriods times Period must be at most seven days".to_owned(),
            ));
        }
        let text = match (input.text("Statistic"), input.text("ExtendedStatistic")) {
            (Some(text), None) | (None, Some(text)) => text,
            _ => {
                return Err(wrong(
                    "exactly one of Statistic and ExtendedStatistic is required".to_owned(),
                ));
            }
        };
        let source = Source::Metric {
            metric: metric_id(input)?,
            period: i64::from(period),
            stat: statistic(input, text)?,
            stat_text: text.to_owned(),
        };
        vec![Query {
            id: "m1".to_owned(),
            label: None,
            returned: true,
            source,
            raw: Value::Null,
        }]
    } else {
        Query::read_all(input, "Metrics")?
    };
    let mut returned = queries
        .iter()
        .enumerate()
        .filter(|(_, query)| query.returned)
        .map(|(index, _)| index);
    let (Some(main), None) = (returned.next(), returned.next()) else {
        return Err(wrong("exactly one of Metrics must have ReturnData true".to_owned()));
    };
    Ok(Watch::Metric {
        queries,
        main,
        periods,
        datapoints,
        threshold,
        comparison,
        missing,
    })
}
