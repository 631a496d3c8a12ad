//! What an alarm tells: the direct payload of a Lambda action, the detail of its event, and the text it sends to a topic.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::world::{
    alarms::{Alarm, Watch},
    metrics::Source,
    region::Ctx,
};

/// `2023-08-04T12:36:15.490+0000`.
pub(super) fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string()
}

/// A Region's display name, which is what SNS messages carry.
pub(super) fn region_title(region: &str) -> &str {
    match region {
        "us-east-1" => "US East (N. Virginia)",
        "us-east-2" => "US East (Ohio)",
        "us-west-1" => "US West (N. California)",
        "us-west-2" => "US West (Oregon)",
        "eu-west-1" => "EU (Ireland)",
        "eu-west-2" => "EU (London)",
        "eu-west-3" => "EU (Paris)",
        "eu-central-1" => "EU (Frankfurt)",
        "eu-north-1" => "EU (Stockholm)",
        "eu-south-1" => "EU (Milan)",
        "ap-northeast-1" => "Asia Pacific (Tokyo)",
        "ap-southeast-1" => "Asia Pacific (Singapore)",
        "ap-southeast-2" => "Asia Pacific (Sydney)",
        "ap-south-1" => "Asia Pacific (Mumbai)",
        other => other,
    }
}

fn state(alarm: &Alarm) -> Value {
    let mut state = json!({
        "value": alarm.state.as_str(),
        "reason": alarm.reason,
        "timestamp": stamp(alarm.transitioned),
    });
    if let Some(data) = &alarm.reason_data {
        state["reasonData"] = json!(data);
    }
    state
}

/// `alarmData` of the direct payload, which is also the event's `detail`.
pub(super) fn alarm_data(name: &str, alarm: &Alarm, before: &Alarm) -> Value {
    let mut configuration = Map::new();
    if let Some(description) = alarm.input.get("AlarmDescription") {
        configuration.insert("description".to_owned(), description.clone());
    }
    match &alarm.watch {
        Watch::Composite(_) => {
            configuration.insert(
                "alarmRule".to_owned(),
                alarm.input.get("AlarmRule").cloned().unwrap_or_default(),
            );
        }
        Watch::Metric { queries, .. } => {
            let metrics: Vec<Value> = queries
                .iter()
                .map(|query| match &query.source {
                    Source::Metric { metric, period, stat_text, .. } => json!({
                        "id": query.id,
                        "metricStat": {
                            "metric": {
                                "namespace": metric.namespace,
                                "name": metric.name,
                                "dimensions": metric.dimensions.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
                            },
                            "period": period,
                            "stat": stat_text,
                        },
                        "returnData": query.returned,
                    }),
                    Source::Math { text, .. } => json!({
                        "id": query.id,
                        "expression": text,
                        "label": query.label.clone().unwrap_or_else(|| query.id.clone()),
                        "returnData": query.returned,
                    }),
                })
                .collect();
            configuration.insert("metrics".to_owned(), Value::Array(metrics));
        }
    }
    json!({
        "alarmName": name,
        "state": state(alarm),
        "previousState": state(before),
        "configuration": configuration,
    })
}

/// What a Lambda function receives directly.
pub(super) fn direct(ctx: &Ctx, region: &str, alarm: &Alarm, data: &Value) -> Value {
    json!({
        "source": "aws.cloudwatch",
        "alarmArn": alarm.arn,
        "accountId": ctx.account,
        "time": stamp(ctx.now),
        "region": region,
        "alarmData": data,
    })
}

/// The JSON text a topic's subscribers receive.
pub(super) fn sns_message(ctx: &Ctx, region: &str, name: &str, alarm: &Alarm, before: &Alarm) -> Value {
    let list = |member: &str| alarm.input.get(member).cloned().unwrap_or_else(|| json!([]));
    let mut message = json!({
        "AlarmName": name,
        "AlarmDescription": alarm.input.get("AlarmDescription"),
        "AWSAccountId": ctx.account,
        "AlarmConfigurationUpdatedTimestamp": stamp(alarm.configured),
        "NewStateValue": alarm.state.as_str(),
        "NewStateReason": alarm.reason,
        "StateChangeTime": stamp(ctx.now),
        "Region": region_title(region),
        "AlarmArn": alarm.arn,
        "OldStateValue": before.state.as_str(),
        "OKActions": list("OKActions"),
        "AlarmActions": list("AlarmActions"),
        "InsufficientDataActions": list("InsufficientDataActions"),
    });
    match &alarm.watch {
        Watch::Composite(_) => {
            message["AlarmRule"] = alarm.input.get("AlarmRule").cloned().unwrap_or_default();
        }
        Watch::Metric {
            queries,
            main,
            periods,
            datapoints,
            threshold,
            ..
        } => {
            let mut trigger = json!({
                "Period": queries[*main].period(queries),
                "EvaluationPeriods": periods,
                "DatapointsToAlarm": datapoints,
                "ComparisonOperator": alarm.input.get("ComparisonOperator"),
                "Threshold": threshold,
                "TreatMissingData": alarm.input.get("TreatMissingData").and_then(Value::as_str).unwrap_or("missing"),
                "EvaluateLowSampleCountPercentile": "",
            });
            match (&queries[*main].source, queries.len()) {
                (Source::Metric { metric, stat_text, .. }, 1) => {
                    trigger["MetricName"] = json!(metric.name);
                    trigger["Namespace"] = json!(metric.namespace);
                    if alarm.input.get("ExtendedStatistic").is_some() {
                        trigger["StatisticType"] = json!("ExtendedStatistic");
                        trigger["ExtendedStatistic"] = json!(stat_text);
                    } else {
                        trigger["StatisticType"] = json!("Statistic");
                        trigger["Statistic"] = json!(stat_text.to_ascii_uppercase());
                    }
                    trigger["Unit"] = alarm.input.get("Unit").cloned().unwrap_or(Value::Null);
                    trigger["Dimensions"] = metric
                        .dimensions
                        .iter()
                        .map(|(name, value)| json!({"value": value, "name": name}))
                        .collect();
                }
                _ => trigger["Metrics"] = queries.iter().map(|query| query.raw.clone()).collect(),
            }
            message["Trigger"] = trigger;
        }
    }
    message
}
