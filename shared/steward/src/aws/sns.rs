//! SNS: publishing one message.

use aws_sdk_sns::{Client, types::MessageAttributeValue};

use super::{Base, Bound};
use crate::{
    alert::Message,
    failure::{CallError, Failure},
};

const SERVICE: &str = "sns";

/// SNS in the function's Region.
#[derive(Clone, Debug)]
pub struct Sns {
    client: Client,
    bound: Bound,
}

impl Sns {
    /// A client on `base`.
    pub fn new(base: &Base) -> Self {
        let mut config = aws_sdk_sns::config::Builder::from(&base.sdk).retry_partition(base.partition(SERVICE));
        config.set_retry_config(base.few_calls());
        Self {
            client: Client::from_conf(config.build()),
            bound: base.bound(),
        }
    }

    /// The same, giving up at `deadline`.
    #[must_use]
    pub fn until(&self, deadline: jiff::Timestamp) -> Self {
        Self {
            client: self.client.clone(),
            bound: self.bound.until(deadline),
        }
    }

    /// Publishes one message, in a form for each kind of subscriber, and answers its message id.
    ///
    /// Standard topics may deliver it twice. On FIFO topics a repetition of `id` (at most 128 characters) within five
    /// minutes is dropped, and messages of one `group` keep their order.
    ///
    /// # Errors
    /// What SNS says.
    pub async fn publish(
        &self,
        topic_arn: &str,
        message: &Message,
        id: &str,
        group: &str,
    ) -> Result<String, CallError> {
        let operation = "Publish";
        let mut request = self
            .client
            .publish()
            .topic_arn(topic_arn)
            .subject(&message.subject)
            .message(message.body())
            .message_structure("json");
        for (name, value) in &message.attributes {
            let value = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value)
                .build()
                .map_err(|error| CallError {
                    service: SERVICE,
                    operation,
                    failure: Failure::Invalid,
                    code: None,
                    message: format!("attribute {name}: {error}"),
                    request_id: None,
                })?;
            request = request.message_attributes(name, value);
        }
        if topic_arn.ends_with(".fifo") {
            request = request.message_group_id(group).message_deduplication_id(id);
        }
        let answer = self.bound.call(SERVICE, operation, request.send()).await?;
        answer
            .message_id
            .ok_or_else(|| super::incomplete(SERVICE, operation, "MessageId"))
    }
}
