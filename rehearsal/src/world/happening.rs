//! What happened in the world, and what is kept of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::call::Service;

/// Something that happened in the world, in order of time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Happening {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub region: String,
    /// What.
    #[serde(flatten)]
    pub kind: HappeningKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum HappeningKind {
    /// An endpoint changed status.
    EndpointStatus {
        /// The endpoint.
        endpoint: String,
        /// `EndpointStatus` before, as the API spells it; `None` when it did not exist.
        from: Option<String>,
        /// `EndpointStatus` now; `None` when it is gone.
        to: Option<String>,
        /// `FailureReason`, if there is one.
        reason: Option<String>,
    },
    /// A variant has another number of instances or another weight in force.
    Capacity {
        /// The endpoint.
        endpoint: String,
        /// The variant.
        variant: String,
        /// `CurrentInstanceCount`; `None` for serverless.
        instances: Option<u32>,
        /// `CurrentWeight`.
        weight: f64,
    },
    /// The fleet that an update brings goes on.
    Deployment {
        /// The endpoint.
        endpoint: String,
        /// The config of the new fleet.
        config: String,
        /// What the new fleet does: `ActivatingTraffic`, `Baking`, `Updating` (it serves, the old one is about to go) or
        /// `Deleting`.
        phase: String,
        /// Its share of the traffic from now on, 0 to 1.
        share: f64,
    },
    /// An inference component has another specification in force, or is there no more.
    Component {
        /// The endpoint it is on.
        endpoint: String,
        /// The component.
        component: String,
        /// `ModelName` of the specification; `None` when it is gone.
        model: Option<String>,
    },
    /// An alarm changed state.
    AlarmState {
        /// The alarm.
        alarm: String,
        /// The state before: `OK`, `ALARM` or `INSUFFICIENT_DATA`.
        from: String,
        /// The state now.
        to: String,
        /// `StateReason`.
        reason: String,
    },
    /// An event on the default EventBridge bus.
    Event {
        /// The whole event, as a rule's target receives it.
        event: Value,
    },
    /// An alarm invokes a Lambda function.
    AlarmAction {
        /// The function, version or alias.
        target_arn: String,
        /// The payload the function receives.
        payload: Value,
    },
    /// A message was accepted by a topic.
    Published {
        /// The topic's ARN.
        topic: String,
        /// The message.
        message: PublishedMessage,
    },
    /// A function was invoked asynchronously.
    Invoked {
        /// The function, version or alias.
        target_arn: String,
        /// The payload the function receives.
        payload: Value,
    },
    /// Application Auto Scaling changed a capacity, or wanted to.
    Scaled {
        /// `endpoint/NAME/variant/VARIANT`.
        resource: String,
        /// Before.
        from: u32,
        /// Asked for.
        to: u32,
        /// Why.
        cause: String,
    },
    /// A scripted incident began or ended.
    Incident {
        /// In words, as the scenario's author would say it.
        text: String,
    },
}

/// A message as SNS keeps it for its subscribers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublishedMessage {
    /// `MessageId`.
    pub id: String,
    /// `Subject`.
    pub subject: Option<String>,
    /// `Message`.
    pub body: String,
    /// `MessageAttributes`: the string value of each; binary values in base64.
    pub attributes: BTreeMap<String, String>,
    /// `MessageGroupId`, FIFO topics.
    pub group: Option<String>,
    /// `MessageDeduplicationId`, FIFO topics.
    pub dedup_id: Option<String>,
    /// The publisher: a function's name, `operator`, or `cloudwatch` for an alarm's notification.
    pub by: String,
}

/// One accepted message with its place and time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Published {
    /// When.
    pub at: Timestamp,
    /// The Region of the topic.
    pub region: String,
    /// The topic's ARN.
    pub topic: String,
    /// The message.
    pub message: PublishedMessage,
}

/// One call, as the record keeps it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallRecord {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub region: String,
    /// Who.
    pub caller: String,
    /// The service.
    pub service: Service,
    /// The operation.
    pub operation: String,
    /// `None` when it succeeded, or the refusal's code.
    pub refused: Option<String>,
}

/// An object SageMaker writes: the output of an asynchronous inference, or its failure.
#[derive(Clone, Debug, PartialEq)]
pub struct S3Put {
    /// When.
    pub at: Timestamp,
    /// The Region of the endpoint that writes.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The object's content.
    pub body: Vec<u8>,
    /// `Content-Type`.
    pub content_type: String,
}
