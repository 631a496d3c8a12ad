//! Why an event was not understood, in words for the person who sent it.

use serde_json::{Map, Value};

use crate::text::{and_list, printable};

/// What the sentence "is accepted" ends with, everywhere.
const ACCEPTED: &str = "Accepted are: \
an EventBridge schedule (source aws.events or aws.scheduler, detail-type \"Scheduled Event\"); \
a SageMaker endpoint event (source aws.sagemaker, detail-type \"SageMaker Endpoint State Change\" or \"SageMaker Endpoint Deployment State Change\"); \
a CloudWatch alarm, sent by the alarm itself (key alarmData), by EventBridge (source aws.cloudwatch, detail-type \"CloudWatch Alarm State Change\") or by SNS (key Records); \
a command (key command, for example {\"command\": \"check\"}).";

/// Why an event was not understood. Everything shown of the event is escaped and cut to a bearable length.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TriggerError {
    /// More bytes than any event has.
    #[error(
        "The event is larger than {limit} bytes, the most that Lambda passes on asynchronously. Send less: commands name endpoints, nothing else."
    )]
    TooLarge {
        /// In bytes.
        limit: usize,
    },
    /// Nested deeper than any event is.
    #[error("The event is nested deeper than {limit} levels; no event or command that Steward knows is.")]
    TooDeep {
        /// In levels.
        limit: usize,
    },
    /// Not JSON.
    #[error("The event is not JSON: {problem}. {ACCEPTED}")]
    NotJson {
        /// What the parser says, with line and column.
        problem: String,
    },
    /// JSON, but not an object.
    #[error("The event is {found} and not an object. {ACCEPTED}")]
    NotAnObject {
        /// `a list`, `a text` and so on.
        found: &'static str,
    },
    /// An object that is none of the known kinds.
    #[error("This event is not for Steward: it has {seen}. {hint}{ACCEPTED}")]
    Unrecognised {
        /// Keys, source and detail-type.
        seen: String,
        /// What to do, where the event is known to be sent by mistake; empty or a sentence with a trailing space.
        hint: &'static str,
    },
    /// An SNS event without a record.
    #[error("The SNS event has an empty list of Records; SNS always sends one.")]
    NoRecords,
    /// A known kind of event with a field missing or wrong.
    #[error("The {form} is incomplete or wrong: {path} {problem}; expected is {expected}.")]
    Field {
        /// The kind of event.
        form: &'static str,
        /// Where in it.
        path: String,
        /// `is missing`, or what it is.
        problem: String,
        /// What it has to be.
        expected: &'static str,
    },
    /// About an endpoint of another Region or account.
    #[error(
        "The event is about {endpoint} of {seen}, and this function watches {ours}: nothing was done. Install Steward there, or forward no events of other Regions and accounts."
    )]
    Elsewhere {
        /// The endpoint's name.
        endpoint: String,
        /// Region and account of the event.
        seen: String,
        /// Region and account of the function.
        ours: String,
    },
    /// One of several SNS records is not understood. Nothing of the event is used, so that it can be sent again whole.
    #[error("Record {number} of {of} in the SNS event is not understood, so none was used. {source}")]
    Record {
        /// From 1.
        number: usize,
        /// How many there are.
        of: usize,
        /// What is wrong with it.
        source: Box<TriggerError>,
    },
}

impl TriggerError {
    pub(super) fn unrecognised(map: &Map<String, Value>) -> Self {
        let said = |key: &str| map.get(key).and_then(Value::as_str).map(|text| printable(text, 128));
        let mut seen = match map.len() {
            0 => "no keys at all".to_owned(),
            many => {
                let mut keys: Vec<String> = map.keys().take(12).map(|key| printable(key, 40)).collect();
                if many > keys.len() {
                    keys.push(format!("{} more", many - keys.len()));
                }
                format!("the {} {}", if many == 1 { "key" } else { "keys" }, and_list(&keys))
            }
        };
        for key in ["source", "detail-type"] {
            if let Some(text) = said(key) {
                seen.push_str(&format!(", {key} \"{text}\""));
            }
        }
        let hint = match said("detail-type").as_deref() {
            Some("CloudWatch Alarm Configuration Change") => {
                "An alarm was created, edited or deleted, which is not a change of its state: restrict the rule's pattern to {\"detail-type\": [\"CloudWatch Alarm State Change\"]}. "
            }
            Some(other) if other.starts_with("SageMaker ") => {
                "Of SageMaker's events only those of endpoints are of use here: restrict the rule's pattern to {\"detail-type\": [\"SageMaker Endpoint State Change\", \"SageMaker Endpoint Deployment State Change\"]}. "
            }
            _ if map.contains_key("AlarmName") => {
                "This is what CloudWatch writes into an SNS message: send the whole event with its Records. "
            }
            _ if map.contains_key("endpoints") => "A command names itself in the key command. ",
            _ => "",
        };
        Self::Unrecognised { seen, hint }
    }

    pub(super) fn in_record(self, index: usize, of: usize) -> Self {
        if of == 1 {
            self
        } else {
            Self::Record {
                number: index + 1,
                of,
                source: Box::new(self),
            }
        }
    }
}
