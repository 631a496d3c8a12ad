//! A CloudWatch alarm's change of state, however it arrives.
//!
//! The direct invocation and EventBridge share one shape (`alarmData` is `detail`); SNS has one of its own, with other
//! names, a Region for people ("EU (Milan)") and dimensions as a list. Metric, math, anomaly and composite alarms differ
//! only in which fields are missing.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{TriggerError, read::Fields};
use crate::text::printable;

/// What an alarm is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AlarmState {
    /// The condition does not hold.
    Ok,
    /// The condition holds.
    Alarm,
    /// Too few data points to tell; every new alarm begins so.
    InsufficientData,
}

impl AlarmState {
    fn parse(text: &str) -> Option<Self> {
        [Self::Ok, Self::Alarm, Self::InsufficientData]
            .into_iter()
            .find(|state| state.as_str() == text)
    }

    /// CloudWatch's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

impl fmt::Display for AlarmState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The way an alarm took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AlarmForm {
    /// The alarm invoked the function itself.
    Direct,
    /// A rule on the event bus.
    EventBridge,
    /// A topic.
    Sns,
}

/// One metric an alarm looks at.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmMetric {
    /// E.g. `AWS/SageMaker`.
    pub namespace: String,
    /// E.g. `ModelLatency`.
    pub name: String,
    /// E.g. `EndpointName`.
    pub dimensions: BTreeMap<String, String>,
    /// E.g. `Average`, as CloudWatch spells it in that form of the event (SNS: `AVERAGE`).
    pub statistic: Option<String>,
    /// In seconds.
    pub period: Option<u64>,
}

/// One change of one alarm's state.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmChange {
    /// The way it took.
    pub form: AlarmForm,
    /// The alarm's ARN.
    pub arn: String,
    /// The alarm's name.
    pub name: String,
    /// From the ARN, because SNS sends a display name.
    pub region: String,
    /// From the ARN: 12 digits.
    pub account: String,
    /// The state now.
    pub state: AlarmState,
    /// The state before, where it was sent.
    pub previous: Option<AlarmState>,
    /// When the state changed.
    pub at: Timestamp,
    /// Why, in CloudWatch's words; empty when it was not said.
    pub reason: String,
    /// What whoever made the alarm wrote about it.
    pub description: Option<String>,
    /// The metrics behind it; none for a composite alarm.
    pub metrics: Vec<AlarmMetric>,
    /// The metric math expressions behind it.
    pub expressions: Vec<String>,
    /// The rule of a composite alarm.
    pub rule: Option<String>,
    /// `WaitPeriod`, `ExtensionPeriod` or `Alarm`, while a composite alarm's actions are suppressed.
    pub suppressed_by: Option<String>,
}

impl AlarmChange {
    /// The same for one change, however often and by whichever way it arrives.
    pub fn dedup_key(&self) -> String {
        format!("{}|{}|{}", self.arn, self.state, self.at.as_millisecond())
    }

    /// The distinct values of a dimension such as `EndpointName`, sorted.
    pub fn dimension(&self, name: &str) -> Vec<&str> {
        let mut values: Vec<&str> = self
            .metrics
            .iter()
            .filter_map(|metric| metric.dimensions.get(name))
            .map(String::as_str)
            .collect();
        values.sort_unstable();
        values.dedup();
        values
    }
}

pub(super) fn direct(event: &Fields<'_>) -> Result<AlarmChange, TriggerError> {
    // AWS's documentation shows the direct event of a composite alarm with the envelope of EventBridge around it.
    let arn = match event.get("alarmArn") {
        Some(_) => Arn::read(event, "alarmArn", event.required_text("alarmArn")?)?,
        None => Arn::first_resource(event, "alarmArn")?,
    };
    alarm_data(
        AlarmForm::Direct,
        arn,
        &event.object("alarmData")?,
        event.moment_if_any("time"),
    )
}

pub(super) fn from_eventbridge(event: &Fields<'_>) -> Result<AlarmChange, TriggerError> {
    let arn = Arn::first_resource(event, "resources")?;
    alarm_data(
        AlarmForm::EventBridge,
        arn,
        &event.object("detail")?,
        event.moment_if_any("time"),
    )
}

fn alarm_data(
    form: AlarmForm,
    arn: Arn,
    data: &Fields<'_>,
    sent: Option<Timestamp>,
) -> Result<AlarmChange, TriggerError> {
    let state = data.object("state")?;
    let configuration = data.object_if_any("configuration");
    let configured = |key: &str| configuration.as_ref().and_then(|fields| fields.long_text(key, 2000));
    let items = configuration
        .as_ref()
        .map(|fields| fields.list_if_any("metrics"))
        .unwrap_or_default();
    Ok(AlarmChange {
        form,
        name: data.name("alarmName")?,
        arn: arn.whole,
        region: arn.region,
        account: arn.account,
        state: state_of(&state, "value")?,
        previous: data
            .object_if_any("previousState")
            .and_then(|previous| state_of(&previous, "value").ok()),
        at: match (state.get("timestamp"), sent) {
            (None, Some(sent)) => sent,
            _ => state.moment("timestamp")?,
        },
        reason: state.long_text("reason", 1100).unwrap_or_default(),
        description: configured("description"),
        metrics: items.iter().filter_map(|item| metric(item, Names::EVENT)).collect(),
        expressions: expressions(items, "expression"),
        rule: configured("alarmRule"),
        suppressed_by: state.text("actionsSuppressedBy"),
    })
}

pub(super) fn from_sns(record: &Value) -> Result<AlarmChange, TriggerError> {
    const FORM: &str = "SNS event";
    let empty = Map::new();
    let record = Fields::new(FORM, record.as_object().unwrap_or(&empty));
    let sns = record.object("Sns")?;
    let text = sns.required_text("Message")?;
    let message: Value = serde_json::from_str(text).unwrap_or_default();
    let Some(map) = message.as_object().filter(|map| map.contains_key("AlarmName")) else {
        let expected = "the JSON that a CloudWatch alarm sends, with AlarmName and NewStateValue";
        return Err(sns.wrong("Message", &printable(text, 100), expected));
    };
    super::measure(&message)?;
    let message = Fields::rooted(FORM, "Sns.Message", map);
    let arn = Arn::read(&message, "AlarmArn", message.required_text("AlarmArn")?)?;
    let trigger = message.object_if_any("Trigger");
    let items = trigger
        .as_ref()
        .map(|trigger| trigger.list_if_any("Metrics"))
        .unwrap_or_default();
    let single = message
        .get("Trigger")
        .and_then(|value| metric_stat(value, None, Names::SNS));
    Ok(AlarmChange {
        form: AlarmForm::Sns,
        name: message.name("AlarmName")?,
        arn: arn.whole,
        region: arn.region,
        account: arn.account,
        state: state_of(&message, "NewStateValue")?,
        previous: state_of(&message, "OldStateValue").ok(),
        at: match message.get("StateChangeTime") {
            Some(_) => message.moment("StateChangeTime")?,
            None => sns.moment("Timestamp")?,
        },
        reason: message.long_text("NewStateReason", 1100).unwrap_or_default(),
        description: message.long_text("AlarmDescription", 2000),
        metrics: single
            .into_iter()
            .chain(items.iter().filter_map(|item| metric(item, Names::SNS)))
            .collect(),
        expressions: expressions(items, "Expression"),
        rule: message.long_text("AlarmRule", 2000),
        suppressed_by: message.text("ActionsSuppressedBy"),
    })
}

fn state_of(fields: &Fields<'_>, key: &str) -> Result<AlarmState, TriggerError> {
    let text = fields.required_text(key)?;
    AlarmState::parse(text).ok_or_else(|| fields.wrong(key, &printable(text, 40), "OK, ALARM or INSUFFICIENT_DATA"))
}

/// The names under which one form keeps the same things.
#[derive(Clone, Copy)]
struct Names {
    stat: &'static str,
    metric: &'static str,
    namespace: &'static str,
    name: &'static str,
    dimensions: &'static str,
    period: &'static str,
    statistics: [&'static str; 3],
}

impl Names {
    const EVENT: Self = Self {
        stat: "metricStat",
        metric: "metric",
        namespace: "namespace",
        name: "name",
        dimensions: "dimensions",
        period: "period",
        statistics: ["stat", "statistic", "extendedStatistic"],
    };
    const SNS: Self = Self {
        stat: "MetricStat",
        metric: "Metric",
        namespace: "Namespace",
        name: "MetricName",
        dimensions: "Dimensions",
        period: "Period",
        statistics: ["Stat", "Statistic", "ExtendedStatistic"],
    };
}

/// One item of the list of metrics; `None` for an expression.
fn metric(item: &Value, names: Names) -> Option<AlarmMetric> {
    let stat = item.get(names.stat)?;
    metric_stat(stat, stat.get(names.metric), names)
}

/// The metric lies in a field of its own, or beside the statistic.
fn metric_stat(stat: &Value, metric: Option<&Value>, names: Names) -> Option<AlarmMetric> {
    let metric = metric.unwrap_or(stat);
    let text = |value: &Value, key: &str| Some(printable(value.get(key)?.as_str()?, 255));
    Some(AlarmMetric {
        namespace: text(metric, names.namespace)?,
        name: text(metric, names.name)?,
        dimensions: dimensions(metric.get(names.dimensions)),
        statistic: names.statistics.iter().find_map(|key| text(stat, key)),
        period: stat
            .get(names.period)
            .and_then(Value::as_f64)
            .filter(|seconds| *seconds >= 1.0)
            .map(|s| s as u64),
    })
}

/// `{"EndpointName": "a"}`, or SNS's `[{"name": "EndpointName", "value": "a"}]`, in either case of letters.
fn dimensions(value: Option<&Value>) -> BTreeMap<String, String> {
    let pair = |name: &str, value: &str| (printable(name, 255), printable(value, 1024));
    match value {
        Some(Value::Object(map)) => map
            .iter()
            .filter_map(|(name, value)| Some(pair(name, value.as_str()?)))
            .collect(),
        Some(Value::Array(items)) => {
            let either = |item: &Value, lower: &str, upper: &str| {
                item.get(lower)
                    .or_else(|| item.get(upper))
                    .and_then(Value::as_str)
                    .map(str::to_owned)
            };
            let read = |item| Some(pair(&either(item, "name", "Name")?, &either(item, "value", "Value")?));
            items.iter().filter_map(read).collect()
        }
        _ => BTreeMap::new(),
    }
}

fn expressions(items: &[Value], key: &str) -> Vec<String> {
    items
        .iter()
        .filter_map(|item| Some(printable(item.get(key)?.as_str()?, 2048)))
        .collect()
}

/// The ARN of an alarm, taken apart.
struct Arn {
    whole: String,
    region: String,
    account: String,
}

impl Arn {
    const EXPECTED: &'static str = "the ARN of an alarm, arn:aws:cloudwatch:REGION:ACCOUNT:alarm:NAME";

    fn first_resource(event: &Fields<'_>, said: &str) -> Result<Self, TriggerError> {
        let resources = event.list_if_any("resources");
        match resources.first().and_then(Value::as_str) {
            Some(arn) => Self::read(event, "resources", arn),
            None => Err(TriggerError::Field {
                form: "CloudWatch alarm",
                path: event.path(said),
                problem: "is missing".into(),
                expected: Self::EXPECTED,
            }),
        }
    }

    fn read(fields: &Fields<'_>, key: &str, text: &str) -> Result<Self, TriggerError> {
        // AWS's printed samples have a blank after some colons.
        let parts: Vec<&str> = text.splitn(7, ':').map(str::trim).collect();
        let plain = |part: &str| {
            !part.is_empty()
                && part.len() <= 40
                && part
                    .bytes()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'))
        };
        match parts.as_slice() {
            ["arn", partition, "cloudwatch", region, account, "alarm", name]
                if plain(partition) && plain(region) && plain(account) && !name.is_empty() && text.len() <= 1600 =>
            {
                Ok(Self {
                    whole: printable(&parts.join(":"), 400),
                    region: (*region).to_owned(),
                    account: (*account).to_owned(),
                })
            }
            _ => Err(fields.wrong(key, &printable(text, 100), Self::EXPECTED)),
        }
    }
}
