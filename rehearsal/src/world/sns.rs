//! SNS: topics, what they refuse, who is subscribed, and every message they took.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value, json};

use crate::world::{
    ApiError, HappeningKind, Published, PublishedMessage, Reply, Service,
    api::{Input, reply, unknown_operation},
    region::{Ctx, Region},
    sagemaker::tags,
};

/// A topic.
#[derive(Clone, Debug, Default)]
pub(crate) struct Topic {
    pub(crate) fifo: bool,
    /// FIFO: the same body is the same message.
    content_dedup: bool,
    pub(crate) subscriptions: Vec<Subscription>,
    tags: BTreeMap<String, String>,
}

/// Who receives a topic's messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    arn: String,
    protocol: String,
    endpoint: String,
}

/// The operations simulated.
pub(crate) const OPERATIONS: &[&str] = &[
    "CreateTopic",
    "DeleteTopic",
    "GetTopicAttributes",
    "ListSubscriptionsByTopic",
    "ListTopics",
    "Publish",
    "Subscribe",
];

/// Bytes of a message with its attributes.
const LARGEST: usize = 262_144;

fn invalid(message: impl std::fmt::Display) -> ApiError {
    ApiError::new(400, "InvalidParameter", format!("Invalid parameter: {message}"))
}

impl Topic {
    /// A topic by this name.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            fifo: name.ends_with(".fifo"),
            ..Self::default()
        }
    }
}

impl Region {
    /// Answers one operation of SNS.
    pub(crate) fn sns_call(
        &mut self,
        ctx: &mut Ctx,
        caller: &str,
        operation: &str,
        input: Input<'_>,
    ) -> Result<Reply, ApiError> {
        match operation {
            "CreateTopic" => self.create_topic(ctx, input),
            "DeleteTopic" => {
                self.topics.remove(input.need("TopicArn")?);
                reply(json!({}))
            }
            "GetTopicAttributes" => self.topic_attributes(ctx, input),
            "ListSubscriptionsByTopic" => self.list_subscriptions(ctx, input),
            "ListTopics" => {
                let topics: Vec<Value> = self.topics.keys().map(|arn| json!({"TopicArn": arn})).collect();
                reply(json!({"Topics": topics}))
            }
            "Publish" => self.publish(ctx, caller, input),
            "Subscribe" => self.subscribe(ctx, input),
            _ => Err(unknown_operation(Service::Sns, operation, OPERATIONS)),
        }
    }

    fn topic(&self, input: Input<'_>, member: &str) -> Result<(&String, &Topic), ApiError> {
        let arn = input.need(member)?;
        if arn.split(':').count() != 6 || !arn.starts_with("arn:aws:sns:") {
            return Err(invalid(format!("{member} Reason: {arn} is not the ARN of a topic")));
        }
        self.topics
            .get_key_value(arn)
            .ok_or_else(|| ApiError::new(404, "NotFound", "Topic does not exist"))
    }

    fn create_topic(&mut self, ctx: &Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let name = input.need("Name")?;
        let bare = name.strip_suffix(".fifo").unwrap_or(name);
        let sound = bare
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if bare.is_empty() || name.len() > 256 || !sound {
            return Err(invalid("Topic Name"));
        }
        let attributes = input.get("Attributes").cloned().unwrap_or_else(|| json!({}));
        let attributes = input.of(&attributes)?;
        let fifo = attributes.text("FifoTopic") == Some("true");
        if fifo != name.ends_with(".fifo") {
            return Err(invalid(
                "a FIFO topic's name ends in .fifo and its attribute FifoTopic is true",
            ));
        }
        let tags = tags::read(input, "Tags")?;
        let arn = self.arn(ctx, "sns", name);
        let content_dedup = attributes.text("ContentBasedDeduplication") == Some("true");
        let topic = self.topics.entry(arn.clone()).or_insert_with(|| Topic::named(name));
        topic.content_dedup = content_dedup;
        topic.tags.extend(tags);
        reply(json!({"TopicArn": arn}))
    }

    fn topic_attributes(&self, ctx: &Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let (arn, topic) = self.topic(input, "TopicArn")?;
        let mut attributes = Map::from_iter([
            ("TopicArn".to_owned(), json!(arn)),
            ("Owner".to_owned(), json!(ctx.account)),
            ("DisplayName".to_owned(), json!("")),
            (
                "SubscriptionsConfirmed".to_owned(),
                json!(topic.subscriptions.len().to_string()),
            ),
            ("SubscriptionsPending".to_owned(), json!("0")),
            ("SubscriptionsDeleted".to_owned(), json!("0")),
        ]);
        if topic.fifo {
            attributes.insert("FifoTopic".to_owned(), json!("true"));
            attributes.insert(
                "ContentBasedDeduplication".to_owned(),
                json!(topic.content_dedup.to_string()),
            );
        }
        reply(json!({"Attributes": attributes}))
    }

    fn subscribe(&mut self, ctx: &mut Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let arn = self.topic(input, "TopicArn")?.0.clone();
        let (protocol, endpoint) = (input.need("Protocol")?.to_owned(), input.need("Endpoint")?.to_owned());
        let id = ctx.uuid();
        let topic = self.topics.get_mut(&arn).expect("found above");
        let known = topic
            .subscriptions
            .iter()
            .find(|sub| sub.protocol == protocol && sub.endpoint == endpoint);
        let subscription = match known {
            Some(known) => known.arn.clone(),
            None => {
                let subscription = format!("{arn}:{id}");
                topic.subscriptions.push(Subscription {
                    arn: subscription.clone(),
                    protocol,
                    endpoint,
                });
                subscription
            }
        };
        reply(json!({"SubscriptionArn": subscription}))
    }

    fn list_subscriptions(&self, ctx: &Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let (arn, topic) = self.topic(input, "TopicArn")?;
        let all: Vec<Value> = topic
            .subscriptions
            .iter()
            .map(|sub| {
                json!({
                    "SubscriptionArn": sub.arn,
                    "Owner": ctx.account,
                    "Protocol": sub.protocol,
                    "Endpoint": sub.endpoint,
                    "TopicArn": arn,
                })
            })
            .collect();
        reply(json!({"Subscriptions": all}))
    }

    fn publish(&mut self, ctx: &mut Ctx, caller: &str, input: Input<'_>) -> Result<Reply, ApiError> {
        let member = if input.get("TopicArn").is_some() {
            "TopicArn"
        } else {
            "TargetArn"
        };
        let body = input.need("Message")?.to_owned();
        let (arn, topic) = self.topic(input, member)?;
        let (arn, fifo, content_dedup) = (arn.clone(), topic.fifo, topic.content_dedup);
        if body.is_empty() {
            return Err(invalid("Empty message"));
        }
        let subject = input.text("Subject").map(str::to_owned);
        if let Some(subject) = &subject
            && (subject.is_empty() || subject.chars().count() >= 100 || subject.chars().any(char::is_control))
        {
            return Err(invalid("Subject"));
        }
        let (attributes, attribute_bytes) = read_attributes(input)?;
        if body.len() + attribute_bytes > LARGEST {
            return Err(invalid("Message too long"));
        }
        let group = input.text("MessageGroupId").map(str::to_owned);
        let mut dedup_id = input.text("MessageDeduplicationId").map(str::to_owned);
        if fifo {
            if group.is_none() {
                return Err(invalid("The MessageGroupId parameter is required for FIFO topics"));
            }
            if dedup_id.is_none() && content_dedup {
                dedup_id = Some(body.clone());
            }
            let Some(dedup) = &dedup_id else {
                return Err(invalid(
                    "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided \
                     explicitly",
                ));
            };
            if !content_dedup && (dedup.is_empty() || dedup.len() > 128) {
                return Err(invalid("MessageDeduplicationId has 1 to 128 characters"));
            }
            while self
                .recent
                .front()
                .is_some_and(|(at, ..)| *at + Duration::from_secs(300) < ctx.now)
            {
                self.recent.pop_front();
            }
            if self
                .recent
                .iter()
                .any(|(_, topic, seen)| *topic == arn && seen == dedup)
            {
                return reply(json!({"MessageId": ctx.uuid(), "SequenceNumber": format!("{:020}", ctx.next())}));
            }
            self.recent.push_back((ctx.now, arn.clone(), dedup.clone()));
        } else if dedup_id.is_some() {
            return Err(invalid("MessageDeduplicationId is for FIFO topics only"));
        }
        let id = ctx.uuid();
        let message = PublishedMessage {
            id: id.clone(),
            subject,
            body,
            attributes,
            group,
            dedup_id: dedup_id.filter(|_| fifo),
            by: caller.to_owned(),
        };
        self.keep(ctx, arn, message);
        let mut output = json!({"MessageId": id});
        if fifo {
            output["SequenceNumber"] = json!(format!("{:020}", ctx.next()));
        }
        reply(output)
    }

    /// A service publishes; nothing happens when the topic is gone, as with the real ones.
    pub(crate) fn notify(&mut self, ctx: &mut Ctx, topic: &str, subject: Option<String>, body: String, by: &str) {
        if !self.topics.contains_key(topic) {
            return;
        }
        let message = PublishedMessage {
            id: ctx.uuid(),
            subject,
            body,
            attributes: BTreeMap::new(),
            group: None,
            dedup_id: None,
            by: by.to_owned(),
        };
        self.keep(ctx, topic.to_owned(), message);
    }

    fn keep(&mut self, ctx: &mut Ctx, topic: String, message: PublishedMessage) {
        ctx.tell(
            &self.name,
            HappeningKind::Published {
                topic: topic.clone(),
                message: message.clone(),
            },
        );
        ctx.published.push(Published {
            at: ctx.now,
            region: self.name.clone(),
            topic,
            message,
        });
    }

    /// Protocol and endpoint of a topic's subscribers.
    pub(crate) fn subscribers(&self, topic: &str) -> Vec<(String, String)> {
        self.topics.get(topic).map_or_else(Vec::new, |topic| {
            topic
                .subscriptions
                .iter()
                .map(|sub| (sub.protocol.clone(), sub.endpoint.clone()))
                .collect()
        })
    }
}

/// `MessageAttributes`, and their bytes.
fn read_attributes(input: Input<'_>) -> Result<(BTreeMap<String, String>, usize), ApiError> {
    let mut all = BTreeMap::new();
    let mut bytes = 0;
    let Some(Value::Object(given)) = input.get("MessageAttributes") else {
        return Ok((all, 0));
    };
    for (name, value) in given {
        let value = input.of(value)?;
        let sound = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        if name.is_empty() || name.len() > 256 || !sound {
            return Err(invalid(format!("the message attribute name '{name}' is not valid")));
        }
        let kind = value.text("DataType").unwrap_or_default();
        let base = kind.split('.').next().unwrap_or_default();
        if !matches!(base, "String" | "Number" | "Binary") {
            return Err(invalid(format!(
                "The message attribute '{name}' has an invalid message attribute type"
            )));
        }
        let content = value
            .text(if base == "Binary" { "BinaryValue" } else { "StringValue" })
            .unwrap_or_default();
        if content.is_empty() {
            return Err(ApiError::new(
                400,
                "ParameterValueInvalid",
                format!(
                    "The message attribute '{name}' must contain non-empty message attribute value for type '{kind}'."
                ),
            ));
        }
        if base == "Number" && content.parse::<f64>().is_err() {
            return Err(invalid(format!(
                "Could not cast message attribute '{name}' value to number."
            )));
        }
        bytes += name.len() + kind.len() + content.len();
        all.insert(name.clone(), content.to_owned());
    }
    Ok((all, bytes))
}
