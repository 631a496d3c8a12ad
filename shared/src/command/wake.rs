//! What operators may ask of scale-from-zero.

use serde_json::Value;

use super::{
    CommandError, Spec,
    fields::{Fields, shown},
};
use crate::{
    quantity::Span,
    trigger::{Command, is_endpoint_name},
    wake::{Command as Ordered, Order},
};

/// A command to scale-from-zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WakeCommand {
    /// Wake something, or put it to sleep.
    Order {
        /// `EndpointName`.
        endpoint: String,
        /// What, by whom and why.
        command: Ordered,
    },
    /// Say what is known, without changing anything.
    Status {
        /// Absent: of every endpoint that may sleep.
        endpoint: Option<String>,
    },
}

const COMMANDS: [Spec; 3] = [
    Spec {
        name: "wake",
        fields: &["endpoint", "component", "instances", "for", "id", "by", "reason"],
        example: r#"{"command": "wake", "endpoint": "images", "instances": 2, "for": "2h", "by": "ana", "reason": "the demo"}"#,
    },
    Spec {
        name: "sleep",
        fields: &["endpoint", "component", "force", "id", "by", "reason"],
        example: r#"{"command": "sleep", "endpoint": "images", "by": "ana", "reason": "the demo is over"}"#,
    },
    Spec {
        name: "status",
        fields: &["endpoint"],
        example: r#"{"command": "status", "endpoint": "images"}"#,
    },
];

/// What is kept awake by a command is for a day at most.
const LONGEST: u64 = 24 * 3600;

impl WakeCommand {
    /// Reads a command.
    ///
    /// # Errors
    /// When the command is unknown, or with every field that is unknown, missing or wrong.
    pub fn parse(command: &Command) -> Result<Self, CommandError> {
        let mut fields = Fields::of(&COMMANDS, command)?;
        let name = fields.spec.name;
        let endpoint = fields.endpoint(name != "status");
        if name == "status" {
            return fields.done(Some(Self::Status { endpoint }));
        }
        let component = component(&mut fields);
        let order = match name {
            "wake" => Order::Wake {
                instances: instances(&mut fields),
                lasts: lasts(&mut fields),
            },
            _ => Order::Sleep {
                force: force(&mut fields),
            },
        };
        let command = Ordered {
            order,
            component,
            id: fields.id(),
            by: fields.words("by"),
            reason: fields.words("reason"),
        };
        let read = endpoint.map(|endpoint| Self::Order { endpoint, command });
        fields.done(read)
    }

    /// The endpoint it is about; `None` for all.
    pub fn endpoint(&self) -> Option<&str> {
        match self {
            Self::Order { endpoint, .. } => Some(endpoint),
            Self::Status { endpoint } => endpoint.as_deref(),
        }
    }
}

fn component(fields: &mut Fields<'_>) -> Option<String> {
    if fields.is_absent("component") {
        return None;
    }
    let value = fields.args().get("component")?;
    let read = value.as_str().filter(|name| is_endpoint_name(name));
    fields.take(read.map(str::to_owned).ok_or_else(|| {
        let shown = shown(value);
        format!("`component` is {shown}: it has to be the name of an inference component, such as \"llm-7b\".")
    }))
}

fn instances(fields: &mut Fields<'_>) -> Option<u32> {
    if fields.is_absent("instances") {
        return None;
    }
    let value = fields.args().get("instances")?;
    let read = value.as_u64().filter(|count| (1..=1000).contains(count));
    let read = read.and_then(|count| u32::try_from(count).ok());
    fields.take(read.ok_or_else(|| {
        let shown = shown(value);
        format!("`instances` is {shown}: it has to be a number of instances or copies from 1 to 1000.")
    }))
}

fn lasts(fields: &mut Fields<'_>) -> Option<std::time::Duration> {
    if fields.is_absent("for") {
        return None;
    }
    let value = fields.args().get("for")?;
    let read = value.as_str().and_then(|text| text.parse::<Span>().ok());
    let read = read
        .map(Span::duration)
        .filter(|span| (60..=LONGEST).contains(&span.as_secs()));
    fields.take(read.ok_or_else(|| {
        let shown = shown(value);
        format!("`for` is {shown}: it has to be a time from 1m to 1d, such as \"2h\".")
    }))
}

fn force(fields: &mut Fields<'_>) -> bool {
    let read = match fields.args().get("force") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(force)) => Ok(*force),
        Some(other) => Err(format!("`force` is {}: it has to be true or false.", shown(other))),
    };
    fields.take(read).unwrap_or(false)
}

#[cfg(test)]
mod tests;
