//! What operators may ask of the traffic shifter.

mod start;

use serde_json::Value;

pub use self::start::{Start, still_meant, watched};
use super::{
    CommandError, Spec,
    fields::{Fields, shown},
};
use crate::{
    rollout::request::Order,
    trigger::{Command, is_endpoint_name},
};

/// A command to the traffic shifter.
#[derive(Clone, Debug, PartialEq)]
pub enum RolloutCommand {
    /// Begin a rollout, or show what it would do.
    Start(Box<Start>),
    /// Say what is known, without changing anything.
    Status {
        /// Absent: every endpoint that has or had a rollout.
        endpoint: Option<String>,
    },
    /// Say which rollouts there were.
    History {
        /// `EndpointName`.
        endpoint: String,
    },
    /// Start the last rollout that was rolled back or failed again, as it was asked for.
    Retry {
        /// `EndpointName`.
        endpoint: String,
        /// Who and why.
        said: Said,
    },
    /// Something about the rollout there is.
    Order {
        /// What.
        order: Order,
        /// `EndpointName`.
        endpoint: String,
        /// Only for a rollout at this step, from 1 as `status` counts.
        step: Option<usize>,
        /// Only for the rollout of this inference component.
        component: Option<String>,
        /// Who and why.
        said: Said,
    },
}

/// Who gives a command, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The same order with the same id is obeyed once in a rollout; the invocation's own when absent.
    pub id: Option<String>,
    /// Who; safe to show.
    pub by: Option<String>,
    /// Why; safe to show.
    pub reason: Option<String>,
}

const ORDER: &[&str] = &["endpoint", "id", "by", "reason"];
const SKIP: &[&str] = &["endpoint", "step", "id", "by", "reason"];
const ROLLBACK: &[&str] = &["endpoint", "component", "id", "by", "reason"];
const PROMOTE: &[&str] = &["endpoint", "step", "full", "id", "by", "reason"];

/// What the traffic shifter is asked.
const COMMANDS: [Spec; 10] = [
    Spec {
        name: "start",
        fields: start::FIELDS,
        example: r#"{"command": "start", "endpoint": "fraud-detector", "model": "fraud-v2", "strategy": "canary-10", "by": "ana", "reason": "retrained"}"#,
    },
    Spec {
        name: "status",
        fields: &["endpoint"],
        example: r#"{"command": "status", "endpoint": "fraud-detector"}"#,
    },
    order(
        "pause",
        r#"{"command": "pause", "endpoint": "fraud-detector", "by": "ana", "reason": "looking at the logs"}"#,
    ),
    order(
        "resume",
        r#"{"command": "resume", "endpoint": "fraud-detector", "by": "ana"}"#,
    ),
    Spec {
        name: "promote",
        fields: PROMOTE,
        example: r#"{"command": "promote", "endpoint": "fraud-detector", "step": 2, "by": "ana", "reason": "accuracy is right"}"#,
    },
    Spec {
        name: "skip",
        fields: SKIP,
        example: r#"{"command": "skip", "endpoint": "fraud-detector", "step": 1, "by": "ana", "reason": "seen enough"}"#,
    },
    order(
        "abort",
        r#"{"command": "abort", "endpoint": "fraud-detector", "by": "ana", "reason": "wrong model"}"#,
    ),
    order(
        "retry",
        r#"{"command": "retry", "endpoint": "fraud-detector", "by": "ana", "reason": "the quota was raised"}"#,
    ),
    Spec {
        name: "rollback",
        fields: ROLLBACK,
        example: r#"{"command": "rollback", "endpoint": "fraud-detector", "by": "ana", "reason": "customers complain"}"#,
    },
    Spec {
        name: "history",
        fields: &["endpoint"],
        example: r#"{"command": "history", "endpoint": "fraud-detector"}"#,
    },
];

const fn order(name: &'static str, example: &'static str) -> Spec {
    Spec {
        name,
        fields: ORDER,
        example,
    }
}

impl RolloutCommand {
    /// Reads a command.
    ///
    /// # Errors
    /// When the command is unknown, or with every field that is unknown, missing or wrong.
    pub fn parse(command: &Command) -> Result<Self, CommandError> {
        let mut fields = Fields::of(&COMMANDS, command)?;
        let read = match fields.spec.name {
            "start" => start::read(&mut fields).map(|start| Self::Start(Box::new(start))),
            "status" => {
                let endpoint = fields.endpoint(false);
                Some(Self::Status { endpoint })
            }
            "history" => fields.endpoint(true).map(|endpoint| Self::History { endpoint }),
            name => {
                let endpoint = fields.endpoint(true);
                let (step, full, component) = (step(&mut fields), full(&mut fields), component(&mut fields));
                let said = Said {
                    id: fields.id(),
                    by: fields.words("by"),
                    reason: fields.words("reason"),
                };
                let order = match order_of(name) {
                    Some(Order::Promote) if full => Some(Order::PromoteFull),
                    order => order,
                };
                endpoint.map(|endpoint| match order {
                    Some(order) => Self::Order {
                        order,
                        endpoint,
                        step,
                        component,
                        said,
                    },
                    None => Self::Retry { endpoint, said },
                })
            }
        };
        fields.done(read)
    }

    /// The endpoint it is about; `None` for the status of all.
    pub fn endpoint(&self) -> Option<&str> {
        match self {
            Self::Start(start) => Some(start.endpoint()),
            Self::Status { endpoint } => endpoint.as_deref(),
            Self::History { endpoint } | Self::Retry { endpoint, .. } | Self::Order { endpoint, .. } => Some(endpoint),
        }
    }
}

fn order_of(name: &str) -> Option<Order> {
    let orders = [
        Order::Pause,
        Order::Resume,
        Order::Promote,
        Order::Skip,
        Order::Abort,
        Order::Rollback,
    ];
    orders.into_iter().find(|order| order.as_str() == name)
}

fn step(fields: &mut Fields<'_>) -> Option<usize> {
    if fields.is_absent("step") {
        return None;
    }
    let value = fields.args().get("step")?;
    let read = value.as_u64().and_then(|step| usize::try_from(step).ok());
    fields.take(read.filter(|step| *step > 0).ok_or_else(|| {
        let shown = shown(value);
        format!("`step` is {shown}: it has to be the number of a step as `status` shows it, such as 2.")
    }))
}

fn component(fields: &mut Fields<'_>) -> Option<String> {
    if fields.is_absent("component") {
        return None;
    }
    let value = fields.args().get("component")?;
    let read = value.as_str().map(str::trim).filter(|name| is_endpoint_name(name));
    fields.take(read.map(str::to_owned).ok_or_else(|| {
        let shown = shown(value);
        format!("`component` is {shown}: it has to be the name of an inference component.")
    }))
}

fn full(fields: &mut Fields<'_>) -> bool {
    let read = match fields.args().get("full") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(full)) => Ok(*full),
        Some(other) => Err(format!("`full` is {}: it has to be true or false.", shown(other))),
    };
    fields.take(read).unwrap_or(false)
}

#[cfg(test)]
mod tests;
