//! Requests in the shape of the API models, and what they are answered.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{alarms, apis, functions, keys, registry, roles, runtime, sagemaker, scaling, sns};

/// One request to the simulated AWS.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The Region whose endpoint was called, from the SigV4 scope: `eu-west-1`.
    pub region: &'a str,
    /// Who calls: a function's name, or `operator`.
    pub caller: &'a str,
    /// The service called.
    pub service: Service,
    /// The operation, spelled as in the API model: `DescribeEndpoint`.
    pub operation: &'a str,
    /// Members by their names in the API model; blobs as base64 strings, timestamps as epoch seconds (a number).
    pub input: Value,
}

/// The services [`World`] answers for. S3 is not one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// Amazon SageMaker, the control plane.
    SageMaker,
    /// Amazon SageMaker Runtime.
    Runtime,
    /// Amazon CloudWatch metrics and alarms.
    CloudWatch,
    /// Application Auto Scaling.
    AutoScaling,
    /// Amazon SNS.
    Sns,
    /// AWS STS.
    Sts,
    /// Amazon ECR.
    Ecr,
    /// AWS IAM, which has no Region.
    Iam,
    /// AWS KMS.
    Kms,
    /// AWS Lambda.
    Lambda,
    /// Amazon API Gateway, its REST APIs.
    ApiGateway,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 11] = [
        Self::SageMaker,
        Self::Runtime,
        Self::CloudWatch,
        Self::AutoScaling,
        Self::Sns,
        Self::Sts,
        Self::Ecr,
        Self::Iam,
        Self::Kms,
        Self::Lambda,
        Self::ApiGateway,
    ];

    /// The operations simulated; every other is refused with `UnknownOperationException`.
    pub fn operations(self) -> &'static [&'static str] {
        match self {
            Self::SageMaker => sagemaker::OPERATIONS,
            Self::Runtime => runtime::OPERATIONS,
            Self::CloudWatch => alarms::OPERATIONS,
            Self::AutoScaling => scaling::OPERATIONS,
            Self::Sns => sns::OPERATIONS,
            Self::Sts => &["GetCallerIdentity"],
            Self::Ecr => registry::OPERATIONS,
            Self::Iam => roles::OPERATIONS,
            Self::Kms => keys::OPERATIONS,
            Self::Lambda => functions::OPERATIONS,
            Self::ApiGateway => apis::OPERATIONS,
        }
    }

    /// The name as it appears in IAM actions: `sagemaker`, `cloudwatch`, `application-autoscaling`, `sns`, `sts`, `ecr`,
    /// `iam`, `kms`, `lambda`, `apigateway`.
    pub fn iam_prefix(self) -> &'static str {
        match self {
            Self::SageMaker | Self::Runtime => "sagemaker",
            Self::CloudWatch => "cloudwatch",
            Self::AutoScaling => "application-autoscaling",
            Self::Sns => "sns",
            Self::Sts => "sts",
            Self::Ecr => "ecr",
            Self::Iam => "iam",
            Self::Kms => "kms",
            Self::Lambda => "lambda",
            Self::ApiGateway => "apigateway",
        }
    }
}

impl std::fmt::Display for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::SageMaker => "sagemaker",
            Self::Runtime => "sagemaker-runtime",
            Self::CloudWatch => "cloudwatch",
            Self::AutoScaling => "application-autoscaling",
            Self::Sns => "sns",
            Self::Sts => "sts",
            Self::Ecr => "ecr",
            Self::Iam => "iam",
            Self::Kms => "kms",
            Self::Lambda => "lambda",
            Self::ApiGateway => "apigateway",
        })
    }
}

/// A refusal, as the service gives it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{code} ({status}): {message}")]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// The error code on the wire: `ValidationException`, `ModelError`.
    pub code: String,
    /// The message on the wire.
    pub message: String,
    /// Further members of a modelled error, by their names in the API model: `OriginalStatusCode`, `OriginalMessage`.
    pub detail: BTreeMap<String, Value>,
    /// How long the caller waits for this refusal; a model that times out keeps its caller for a minute.
    pub takes: Duration,
}

impl ApiError {
    /// A refusal at once, without further members.
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            detail: BTreeMap::new(),
            takes: Duration::ZERO,
        }
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// Members by their names in the API model; blobs as base64 strings, timestamps as epoch seconds (a number).
    pub output: Value,
    /// How long the caller waits: the model's latency for `InvokeEndpoint`, zero for control planes.
    pub takes: Duration,
}
