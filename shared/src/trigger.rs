//! What woke a function: one parser for everything that can.
//!
//! AWS hands a Lambda function bare JSON, and the same alarm arrives in three shapes. The shape is told by keys, never by
//! trying types one after the other: an EventBridge event reads as an empty alarm without any error. Everything is read
//! leniently where AWS varies (missing and null fields, numbers as floats, times in four notations) and strictly where
//! it matters (names, ARNs, states); what is not understood is a [`TriggerError`] that says what was seen and what is
//! accepted. Text that came in is either checked against its pattern or made [`printable`], so that whatever leaves this
//! module may go into a log, a name or an alert.

mod alarm;
mod endpoint;
mod error;
mod read;

use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value};

use self::read::Fields;
pub use self::{
    alarm::{AlarmChange, AlarmForm, AlarmMetric, AlarmState},
    endpoint::EndpointStateChange,
    error::TriggerError,
    read::{is_endpoint_name, moment},
};
use crate::text::printable;

/// The largest event taken, in bytes of JSON: Lambda's own limit for asynchronous invocations, 1 MiB.
pub const MAX_BYTES: usize = 1024 * 1024;

/// The deepest nesting taken. AWS's own events stay below 12.
pub const MAX_DEPTH: usize = 32;

/// What woke the function.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// An EventBridge rule with a schedule, or EventBridge Scheduler without an input of its own.
    Schedule(Schedule),
    /// SageMaker says that an endpoint changed.
    EndpointStateChange(EndpointStateChange),
    /// CloudWatch alarms changed: one, or as many as SNS put into one event. Never empty.
    Alarms(Vec<AlarmChange>),
    /// An operator asks for something.
    Command(Command),
}

/// One tick of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The event's id; a rule may deliver the same tick twice.
    pub id: Option<String>,
    /// When the tick was due.
    pub at: Option<Timestamp>,
    /// The ARN of the rule or schedule.
    pub rule: Option<String>,
}

/// An operator's command, not yet known to any function: `{"command": "check", "endpoints": ["a"]}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// The value of `command`: lower-case letters, digits, `-` and `_`, at most 64.
    pub name: String,
    /// The other fields, as sent: unchecked, and not safe to show.
    pub args: Map<String, Value>,
}

impl Trigger {
    /// Reads an event as Lambda received it: bytes of JSON.
    ///
    /// # Errors
    /// When the event is larger than [`MAX_BYTES`], is no JSON, or is nothing that [`Trigger::parse`] takes.
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, TriggerError> {
        if bytes.len() > MAX_BYTES {
            return Err(TriggerError::TooLarge { limit: MAX_BYTES });
        }
        let event = serde_json::from_slice(bytes).map_err(|error| TriggerError::NotJson {
            problem: error.to_string(),
        })?;
        Self::parse(&event)
    }

    /// Reads an event.
    ///
    /// # Errors
    /// When it is larger than [`MAX_BYTES`] or deeper than [`MAX_DEPTH`], or neither a schedule, a SageMaker endpoint
    /// state change, a CloudWatch alarm state change (from the alarm itself, EventBridge or SNS) nor a command; or when
    /// it is one of them and a field that is needed is missing or wrong.
    pub fn parse(event: &Value) -> Result<Self, TriggerError> {
        measure(event)?;
        let Value::Object(map) = event else {
            return Err(TriggerError::NotAnObject {
                found: read::kind(event),
            });
        };
        let has = |key: &str| map.contains_key(key);
        if let Some(beside) = ["alarmData", "detail-type", "Records"].into_iter().find(|key| has(key))
            && has("command")
        {
            return Err(TriggerError::Field {
                form: "event",
                path: "command".to_owned(),
                problem: format!("stands beside {beside}"),
                expected: "either a command or an event of AWS, alone",
            });
        }
        if has("alarmData") {
            Ok(Self::Alarms(vec![alarm::direct(&Fields::new(
                "CloudWatch alarm",
                map,
            ))?]))
        } else if has("detail-type") {
            from_eventbridge(map)
        } else if has("Records") {
            from_sns(map)
        } else if has("command") {
            command(map).map(Self::Command)
        } else if has("EndpointName") && has("EndpointStatus") {
            let fields = Fields::new("SageMaker endpoint state change", map);
            Ok(Self::EndpointStateChange(endpoint::from_detail(&fields)?))
        } else {
            Err(TriggerError::unrecognised(map))
        }
    }

    /// The word for logs, metrics and reports.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Schedule(_) => "schedule",
            Self::EndpointStateChange(_) => "endpoint-state-change",
            Self::Alarms(_) => "alarm",
            Self::Command(_) => "command",
        }
    }
}

/// One line for a log.
impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schedule(Schedule { at: Some(at), .. }) => write!(f, "schedule due {at}"),
            Self::Schedule(_) => f.write_str("schedule"),
            Self::EndpointStateChange(change) => write!(f, "endpoint {} is {}", change.endpoint, change.status),
            Self::Alarms(changes) => {
                for (index, change) in changes.iter().enumerate() {
                    write!(
                        f,
                        "{}alarm {} is {}",
                        if index == 0 { "" } else { "; " },
                        change.name,
                        change.state
                    )?;
                }
                Ok(())
            }
            Self::Command(command) => write!(f, "command {}", command.name),
        }
    }
}

fn from_eventbridge(map: &Map<String, Value>) -> Result<Trigger, TriggerError> {
    let envelope = Fields::new("EventBridge event", map);
    let detail_type = map.get("detail-type").and_then(Value::as_str).unwrap_or_default();
    let source = map.get("source").and_then(Value::as_str).unwrap_or_default();
    match (source, detail_type) {
        ("aws.events" | "aws.scheduler", "Scheduled Event") => Ok(Trigger::Schedule(Schedule {
            id: envelope.text("id"),
            at: envelope.moment_if_any("time"),
            rule: map
                .get("resources")
                .and_then(|all| all.get(0))
                .and_then(Value::as_str)
                .map(|arn| printable(arn, 300)),
        })),
        ("aws.sagemaker", "SageMaker Endpoint State Change" | "SageMaker Endpoint Deployment State Change") => {
            Ok(Trigger::EndpointStateChange(endpoint::from_event(&envelope)?))
        }
        ("aws.cloudwatch", "CloudWatch Alarm State Change") => {
            Ok(Trigger::Alarms(vec![alarm::from_eventbridge(&envelope)?]))
        }
        _ => Err(TriggerError::unrecognised(map)),
    }
}

fn from_sns(map: &Map<String, Value>) -> Result<Trigger, TriggerError> {
    let records = Fields::new("SNS event", map).list("Records")?;
    if records.is_empty() {
        return Err(TriggerError::NoRecords);
    }
    let read = |(index, record): (usize, &Value)| {
        alarm::from_sns(record).map_err(|error| error.in_record(index, records.len()))
    };
    Ok(Trigger::Alarms(
        records.iter().enumerate().map(read).collect::<Result<_, _>>()?,
    ))
}

fn command(map: &Map<String, Value>) -> Result<Command, TriggerError> {
    let fields = Fields::new("command", map);
    let name = fields.required_text("command")?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        return Err(fields.wrong(
            "command",
            &printable(name, 64),
            "lower-case letters, digits, - and _, 1 to 64 characters, for example \"check\"",
        ));
    }
    let args = map
        .iter()
        .filter(|(key, _)| *key != "command")
        .map(|(key, value)| (key.clone(), value.clone()));
    Ok(Command {
        name: name.to_owned(),
        args: args.collect(),
    })
}

/// Refuses what is too deep or too large to be an event. The size is that of the compact JSON without escapes, a little
/// less than what was sent.
fn measure(event: &Value) -> Result<(), TriggerError> {
    let mut size = 0_usize;
    let mut open = vec![(event, 1_usize)];
    while let Some((value, depth)) = open.pop() {
        if depth > MAX_DEPTH {
            return Err(TriggerError::TooDeep { limit: MAX_DEPTH });
        }
        size += match value {
            Value::String(text) => text.len() + 3,
            Value::Array(items) => {
                open.extend(items.iter().map(|item| (item, depth + 1)));
                3
            }
            Value::Object(fields) => {
                open.extend(fields.values().map(|field| (field, depth + 1)));
                3 + fields.keys().map(|key| key.len() + 3).sum::<usize>()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => 2,
        };
        if size > MAX_BYTES {
            return Err(TriggerError::TooLarge { limit: MAX_BYTES });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
