//! What a failed AWS call means to us: not which of the SDK's errors it was, but what to do next.
//!
//! `aws/errors` sorts the SDK's errors into these classes; decisions, retries and alerts know only the classes.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::printable;

/// The classes of failure, one for each thing that can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// Too many calls; the same call succeeds later.
    Throttled,
    /// IAM, a bucket policy or a key policy says no.
    Denied,
    /// What was named does not exist.
    NotFound,
    /// What was to be created exists.
    AlreadyThere,
    /// The endpoint is in a transition; SageMaker takes no change until it ends.
    Busy,
    /// A conditional write lost its race: somebody else wrote first.
    Conflict,
    /// A service quota or the capacity of an instance type is used up.
    Quota,
    /// The service answered 5xx.
    Unavailable,
    /// No connection, no name resolution, or the connection broke. The call may have taken effect.
    Network,
    /// No answer in time. The call may have taken effect.
    TimedOut,
    /// The service refused the request as wrong; the same call never succeeds.
    Invalid,
    /// Anything this build does not know.
    Unknown,
}

/// When the same call is worth making again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// In this invocation, after a pause that grows.
    Soon,
    /// Not in this invocation; the next tick looks at the world again and decides anew.
    NextTick,
    /// Only after a person, or a re-read of the world, has changed something.
    Never,
}

impl Failure {
    /// Every class.
    pub const ALL: [Self; 12] = [
        Self::Throttled,
        Self::Denied,
        Self::NotFound,
        Self::AlreadyThere,
        Self::Busy,
        Self::Conflict,
        Self::Quota,
        Self::Unavailable,
        Self::Network,
        Self::TimedOut,
        Self::Invalid,
        Self::Unknown,
    ];

    /// The class in one word, as it appears in logs, metrics and alerts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Denied => "denied",
            Self::NotFound => "not-found",
            Self::AlreadyThere => "already-there",
            Self::Busy => "busy",
            Self::Conflict => "conflict",
            Self::Quota => "quota",
            Self::Unavailable => "unavailable",
            Self::Network => "network",
            Self::TimedOut => "timed-out",
            Self::Invalid => "invalid",
            Self::Unknown => "unknown",
        }
    }

    /// When the same call is worth making again.
    pub fn retry(self) -> Retry {
        match self {
            Self::Throttled | Self::Unavailable | Self::Network | Self::TimedOut => Retry::Soon,
            Self::Busy | Self::Conflict | Self::Quota | Self::Unknown => Retry::NextTick,
            Self::Denied | Self::NotFound | Self::AlreadyThere | Self::Invalid => Retry::Never,
        }
    }

    /// The call may have changed the world although it failed, so the world must be read before it is made again.
    pub fn may_have_taken_effect(self) -> bool {
        matches!(self, Self::Unavailable | Self::Network | Self::TimedOut | Self::Unknown)
    }

    /// What a person can do about it, for any service. [`CallError::advice`] knows the call and says more.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Throttled => {
                "Nothing at first: it is asked again. If it lasts, lower the concurrency in the fleet file or ask for a higher API rate quota."
            }
            Self::Denied => {
                "Allow the action in the function's role, and check the resource's own policy and any service control policy."
            }
            Self::NotFound => "Check the name and the Region: what was named does not exist there.",
            Self::AlreadyThere => "Nothing: it exists already and is read again.",
            Self::Busy => "Nothing at first: the endpoint is in a transition and is looked at again on the next tick.",
            Self::Conflict => "Nothing: another invocation wrote first, and the next tick decides on what it wrote.",
            Self::Quota => "Ask for a higher quota in Service Quotas, or use an instance type that has capacity.",
            Self::Unavailable => {
                "Nothing at first: the service had an error of its own. If it lasts, look at the AWS Health Dashboard."
            }
            Self::Network => {
                "Check the function's subnets, security groups, NAT gateway or VPC endpoints, and name resolution."
            }
            Self::TimedOut => {
                "Check whether the function reaches the service (subnets, VPC endpoints); for an inference, raise the probe's timeout."
            }
            Self::Invalid => "Correct the request: the service says what it did not accept.",
            Self::Unknown => "Read the message; if it is a known condition, it deserves a class of its own in Steward.",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One AWS call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// The service as IAM spells it in actions: `sagemaker`, `s3`, `sns`, `cloudwatch`, `application-autoscaling`.
    pub service: &'static str,
    /// The operation as the API spells it: `DescribeEndpoint`.
    pub operation: &'static str,
    /// What it means.
    pub failure: Failure,
    /// The service's error code, e.g. `ValidationException`; absent when there was no answer.
    pub code: Option<String>,
    /// The service's message, or what went wrong on the way.
    pub message: String,
    /// The request id, for AWS Support.
    pub request_id: Option<String>,
}

impl CallError {
    /// When the same call is worth making again.
    pub fn retry(&self) -> Retry {
        self.failure.retry()
    }

    /// What a person can do about it, naming the call.
    pub fn advice(&self) -> String {
        match self.failure {
            Failure::Denied => format!(
                "Allow `{}` in the function's role, and check the resource's own policy and any service control policy.",
                self.refused().map_or_else(|| self.iam_action(), str::to_owned)
            ),
            failure => failure.advice().to_owned(),
        }
    }

    /// The action that IAM says is not allowed. It is not always that of the call: who makes a model of a role needs
    /// `iam:PassRole`, too.
    fn refused(&self) -> Option<&str> {
        let (_, rest) = self.message.split_once("not authorized to perform: ")?;
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != ':' && c != '-');
        let action = &rest[..end.unwrap_or(rest.len())];
        action.contains(':').then_some(action)
    }

    /// The IAM action that allows the call. Most carry the operation's name; the exceptions are listed here.
    pub fn iam_action(&self) -> String {
        let action = match (self.service, self.operation) {
            ("s3", "ListObjectsV2") => "ListBucket",
            ("s3", "HeadObject") => "GetObject",
            ("s3", "HeadBucket") => "ListBucket",
            ("s3", "ListMultipartUploads") => "ListBucketMultipartUploads",
            ("s3", "ListParts") => "ListMultipartUploadParts",
            ("s3", "DeleteObjects") => "DeleteObject",
            ("lambda", "Invoke") => "InvokeFunction",
            // API Gateway's actions are the methods of HTTP.
            ("apigateway", "UpdateStage") => "PATCH",
            ("apigateway", _) => "GET",
            (
                "s3",
                "CopyObject" | "CreateMultipartUpload" | "UploadPart" | "UploadPartCopy" | "CompleteMultipartUpload",
            ) => "PutObject",
            (_, operation) => operation,
        };
        format!("{}:{action}", self.service)
    }
}

impl CallError {
    /// What it says without the request's id: the same refusal tomorrow has the same words.
    pub fn without_request(&self) -> String {
        let mut said = format!("{}:{} failed ({}", self.service, self.operation, self.failure);
        if let Some(code) = &self.code {
            said.push_str(&format!(", {}", printable(code, 100)));
        }
        said.push_str(&format!("): {}", printable(&self.message, 500)));
        said
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.without_request())?;
        if let Some(id) = &self.request_id {
            write!(f, " [request {}]", printable(id, 100))?;
        }
        Ok(())
    }
}

impl std::error::Error for CallError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_says_when_to_retry_and_what_to_do() {
        let table: String = Failure::ALL
            .into_iter()
            .map(|failure| format!("{failure}: {:?}. {}\n", failure.retry(), failure.advice()))
            .collect();
        insta::assert_snapshot!(table);
    }

    #[test]
    fn a_denied_call_names_the_action_to_allow() {
        let error = CallError {
            service: "s3",
            operation: "ListObjectsV2",
            failure: Failure::Denied,
            code: Some("AccessDenied".into()),
            message: "User is not\nauthorized".into(),
            request_id: Some("4B1".into()),
        };
        insta::assert_snapshot!(format!("{error}\n{}", error.advice()));
    }

    #[test]
    fn the_action_that_iam_names_is_the_one_to_allow() {
        let denied = |message: &str| CallError {
            service: "sagemaker",
            operation: "CreateModel",
            failure: Failure::Denied,
            code: Some("AccessDeniedException".into()),
            message: message.into(),
            request_id: None,
        };
        let role = "User: arn:aws:sts::111122223333:assumed-role/steward is not authorized to perform: iam:PassRole on \
                    resource: arn:aws:iam::111122223333:role/inference because no identity-based policy allows it";
        assert!(denied(role).advice().starts_with("Allow `iam:PassRole` in"));
        for unsaid in ["User is not authorized to perform: that", "no"] {
            let advice = denied(unsaid).advice();
            assert!(advice.starts_with("Allow `sagemaker:CreateModel` in"), "{advice}");
        }
    }

    #[test]
    fn the_word_of_a_class_is_its_serde_name() {
        for failure in Failure::ALL {
            assert_eq!(serde_json::to_value(failure).unwrap(), failure.as_str());
        }
    }
}
