//! Texts with a rule: names, URLs, JSON pointers.

use std::{borrow::Cow, fmt, marker::PhantomData};

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::yaml::Found;

/// A rule that a text must keep.
pub(crate) trait Rule {
    /// For people: "a JSON pointer such as /score".
    const ACCEPTED: &str;

    fn keeps(text: &str) -> bool;
}

/// A text that keeps its rule.
pub(crate) struct Text<R>(String, PhantomData<R>);

impl<R> Text<R> {
    pub(crate) fn into_string(self) -> String {
        self.0
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<R> Clone for Text<R> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<R> PartialEq for Text<R> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<R> fmt::Debug for Text<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<R: Rule> Deserr<Found> for Text<R> {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        match value {
            Value::String(text) if R::keeps(&text) => Ok(Self(text, PhantomData)),
            other => Err(Found::kind(at, other, R::ACCEPTED)),
        }
    }
}

impl<R: Rule> JsonSchema for Text<R> {
    fn schema_name() -> Cow<'static, str> {
        R::ACCEPTED.into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "title": R::ACCEPTED })
    }
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident: $accepted:literal, |$text:ident| $keeps:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum $name {}

        impl Rule for $name {
            const ACCEPTED: &str = $accepted;

            fn keeps($text: &str) -> bool {
                $keeps
            }
        }
    )*};
}

rules! {
    /// SageMaker's `[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}`, at most 63 characters.
    ResourceName: "a SageMaker name: up to 63 letters, digits and hyphens, first and last no hyphen", |text|
        length(text, 63)
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-');
    /// Stands in alerts and in the ledger.
    ProbeName: "a name: up to 63 letters, digits, hyphens and underscores", |text|
        length(text, 63) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    /// How a strategy is called.
    StrategyName: "a name: up to 63 letters, digits, hyphens and underscores, and not `inline`", |text|
        ProbeName::keeps(text) && text != "inline";
    /// CloudWatch's `AlarmName`.
    AlarmName: "the name of a CloudWatch alarm: up to 255 characters in one line", |text|
        (1..=255).contains(&text.chars().count()) && text.chars().all(|c| !c.is_control()) && !text.starts_with("arn:");
    /// SageMaker's `InstanceType` is an enumeration that grows; this is its form.
    InstanceType: "an instance type such as ml.m5.xlarge", |text|
        text.len() <= 63
            && text.strip_prefix("ml.").and_then(|rest| rest.split_once('.')).is_some_and(|(family, size)| {
                let plain = |part: &str| {
                    !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                };
                plain(family) && plain(size)
            });
    /// RFC 6901.
    Pointer: "a JSON pointer such as /predictions/0/score, or \"\" for the whole answer", |text|
        (text.is_empty() || text.starts_with('/'))
            && text.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
    /// Where an asynchronous probe puts its input.
    S3Prefix: "a prefix in a bucket, such as s3://my-bucket/probes/", |text|
        text.strip_prefix("s3://").and_then(|rest| rest.split_once('/')).is_some_and(|(bucket, prefix)| {
            is_bucket(bucket)
                && prefix.len() <= 900
                && prefix.chars().all(|c| !c.is_control())
                && (prefix.is_empty() || prefix.ends_with('/'))
        });
    /// Where endpoints are restored.
    Region: "an AWS Region such as eu-central-1", |text| is_region(text);
    /// S3's rules for new buckets.
    Bucket: "the name of a bucket: 3 to 63 lower-case letters, digits, hyphens and dots", |text| is_bucket(text);
    /// What keys begin with.
    Prefix: "the beginning of keys: empty, or up to 200 characters without spaces, ending with a slash", |text|
        text.is_empty()
            || (text.len() <= 200
                && text.ends_with('/')
                && !text.starts_with('/')
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./=".contains(&b)));
    /// KMS's `KeyId`, as S3 takes it.
    KeyId: "a KMS key: its id, ARN or alias", |text|
        length(text, 2048) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b":/_-".contains(&b));
    /// What something of one Region becomes in the other.
    Entry: "a text of 1 to 2048 characters in one line", |text|
        length(text, 2048) && text.chars().all(|c| !c.is_control()) && text.trim() == text;
    /// Goes into alerts as a link.
    Url: "an http or https address", |text|
        text.len() <= 2048
            && ["https://", "http://"].iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme))
            && text.chars().all(|c| !c.is_whitespace() && !c.is_control());
    /// The value of an HTTP header.
    Header: "up to 1024 printable ASCII characters", |text|
        length(text, 1024) && text.bytes().all(|b| (b' '..=b'~').contains(&b)) && text.trim() == text;
    /// A few words in one line.
    Words: "up to 100 characters in one line", |text|
        (1..=100).contains(&text.chars().count()) && text.chars().all(|c| !c.is_control()) && text.trim() == text;
    /// Application Auto Scaling's `PolicyName`.
    PolicyName: "the name of a scaling policy: up to 256 characters in one line", |text|
        (1..=256).contains(&text.chars().count()) && text.chars().all(|c| !c.is_control()) && text.trim() == text;
    /// Application Auto Scaling's `ScheduledActionName`.
    ActionName: "the name of a scheduled action: up to 256 characters in one line, without : / |", |text|
        PolicyName::keeps(text) && !text.contains([':', '/', '|']);
    /// CloudWatch's `DashboardName`.
    DashboardName: "the name of a dashboard: up to 255 letters, digits, hyphens and underscores", |text|
        length(text, 255) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    /// Lambda's `FunctionName`, without account and version.
    FunctionName: "the name of a Lambda function: up to 64 letters, digits, hyphens and underscores", |text|
        length(text, 64) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    /// What names begin with; long enough that nobody else's do.
    OwnPrefix: "the beginning of names: 4 to 32 letters, digits, hyphens and underscores", |text|
        (4..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    /// CloudWatch's `Namespace`.
    Namespace: "a namespace of CloudWatch such as AWS/SageMaker", |text|
        length(text, 255) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._/#:-".contains(&b));
    /// CloudWatch's `MetricName`, and the names and values of dimensions.
    Name: "1 to 255 printable ASCII characters", |text|
        length(text, 255) && text.bytes().all(|b| (b' '..=b'~').contains(&b)) && text.trim() == text;
    /// `Statistic` and `ExtendedStatistic` of an alarm.
    Statistic: "Average, Sum, Minimum, Maximum, SampleCount, or a percentile such as p99 or p99.9", |text|
        ["Average", "Sum", "Minimum", "Maximum", "SampleCount"].contains(&text)
            || text.strip_prefix('p').is_some_and(|rest| {
                let plain = rest.bytes().all(|b| b.is_ascii_digit() || b == b'.') && !rest.ends_with('.');
                plain && rest.len() <= 8 && rest.parse::<f64>().is_ok_and(|rank| (0.0..=100.0).contains(&rank))
            });
    /// CloudWatch's `AlarmDescription`.
    Description: "up to 1024 characters", |text| (1..=1024).contains(&text.chars().count());
    /// Something of AWS by its whole name.
    Arn: "an ARN such as arn:aws:sns:us-east-1:111122223333:alerts", |text|
        text.len() <= 1024
            && text.starts_with("arn:")
            && text.split(':').count() >= 6
            && text.chars().all(|c| !c.is_control() && !c.is_whitespace());
    /// SageMaker's `Image`.
    Image: "an image such as 111122223333.dkr.ecr.us-east-1.amazonaws.com/fraud:1", |text|
        length(text, 255) && text.contains('/') && text.chars().all(|c| !c.is_whitespace() && !c.is_control());
    /// SageMaker's `S3Uri` and `Url`.
    S3Place: "a place in a bucket, such as s3://my-bucket/models/fraud.tar.gz", |text|
        text.len() <= 1024
            && text.strip_prefix("s3://").is_some_and(|rest| is_bucket(rest.split('/').next().unwrap_or_default()))
            && text.chars().all(|c| !c.is_control());
    /// What an answer is searched for.
    Piece: "a text of 1 to 4096 characters", |text| (1..=4096).contains(&text.chars().count());
}

fn length(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len())
}

/// Shaped like the name of a Region.
pub(crate) fn is_region(text: &str) -> bool {
    text.len() <= 30
        && (3..=4).contains(&text.split('-').count())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && text.ends_with(|c: char| c.is_ascii_digit())
}

fn is_bucket(text: &str) -> bool {
    (3..=63).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && !text.contains("..")
}
