//! The log of every AWS call: who called what, needing which permission, and what came of it.
//!
//! Two tests live on it: that the permissions a function uses and those its role grants are the same set, and that every
//! call of a sweep can fail.

use bytes::Bytes;
use http::Response;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::{
    faults::FaultKind,
    wire::{Asked, What},
    world::Service,
};

/// One AWS call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallRecord {
    /// When it was made.
    pub at: Timestamp,
    /// The function that made it, or `operator`.
    pub caller: String,
    /// The Region it went to.
    pub region: String,
    /// `sagemaker`, `runtime`, `cloudwatch`, `autoscaling`, `sns`, `sts`, `ecr`, `iam`, `kms`, `lambda`, `apigateway` or `s3`.
    pub service: String,
    /// The API's operation name.
    pub operation: String,
    /// The IAM actions it needs, e.g. `sagemaker:DescribeEndpoint`; a copy in S3 needs two.
    pub actions: Vec<String>,
    /// What it is about, as far as its input says: `endpoint/fraud`, a topic's ARN, `bucket/key`.
    pub resource: Option<String>,
    /// The bucket that it copies from.
    pub copied_from: Option<String>,
    /// What came of it.
    pub outcome: Outcome,
    /// The fault that struck it, by its name in scenario files.
    pub fault: Option<String>,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Made, and not answered yet.
    Pending,
    /// It took effect. Whether the answer arrived is told by the fault.
    Done,
    /// It was refused with this HTTP status.
    Refused(u16),
    /// It never arrived.
    Lost,
}

/// The log itself.
#[derive(Debug, Default)]
pub struct CallLog {
    records: Vec<CallRecord>,
    taken: usize,
}

impl CallLog {
    /// The records not yet taken, in the order the calls were made.
    pub fn records(&self) -> &[CallRecord] {
        &self.records
    }

    pub(super) fn take(&mut self) -> Vec<CallRecord> {
        self.taken += self.records.len();
        std::mem::take(&mut self.records)
    }

    /// Records a call as it is made; the answer's fate is added with [`CallLog::close`].
    pub(super) fn open(
        &mut self,
        at: Timestamp,
        caller: &str,
        asked: &Asked,
        service: &str,
        operation: &str,
        struck: Option<FaultKind>,
    ) -> usize {
        let (actions, resource) = match &asked.what {
            What::Api {
                service,
                operation,
                input,
                ..
            } => (actions(*service, operation, input), resource(input)),
            What::S3(call) => {
                let resource = match (&call.bucket, &call.key) {
                    (Some(bucket), Some(key)) => Some(format!("{bucket}/{key}")),
                    (bucket, _) => bucket.clone(),
                };
                (
                    call.actions.iter().map(|action| (*action).to_owned()).collect(),
                    resource,
                )
            }
        };
        self.records.push(CallRecord {
            at,
            caller: caller.to_owned(),
            region: asked.scope.region.clone(),
            service: service.to_owned(),
            operation: operation.to_owned(),
            actions,
            resource,
            copied_from: match &asked.what {
                What::S3(call) => call.copied_from(),
                What::Api { .. } => None,
            },
            outcome: Outcome::Pending,
            fault: struck.map(|kind| kind.to_string()),
        });
        self.taken + self.records.len() - 1
    }

    /// Adds what came of a call. Records taken meanwhile stay as they were taken.
    pub(super) fn close(&mut self, entry: usize, outcome: Outcome) {
        let record = entry.checked_sub(self.taken).and_then(|at| self.records.get_mut(at));
        if let Some(record) = record {
            record.outcome = outcome;
        }
    }
}

pub(super) fn outcome_of(response: &Response<Bytes>) -> Outcome {
    let status = response.status();
    if status.is_client_error() || status.is_server_error() || status == http::StatusCode::MOVED_PERMANENTLY {
        Outcome::Refused(status.as_u16())
    } else {
        Outcome::Done
    }
}

/// The IAM action of an operation. `PublishBatch` is allowed by `sns:Publish`, and `ListEndpoints` and its like by
/// actions of their own name (Service Authorization Reference).
fn action(service: Service, operation: &str) -> String {
    let name = match (service, operation) {
        (Service::Sns, "PublishBatch") => "Publish",
        (Service::Lambda, "Invoke") => "InvokeFunction",
        // API Gateway's actions are the methods of HTTP.
        (Service::ApiGateway, "UpdateStage") => "PATCH",
        (Service::ApiGateway, _) => "GET",
        (_, operation) => operation,
    };
    format!("{}:{name}", service.iam_prefix())
}

/// The IAM actions of a call, beside its own: whoever makes something of SageMaker, CloudWatch or Application Auto Scaling
/// with tags may tag it, too, whoever hands a role to SageMaker may pass it, and whoever names a key for instances' volumes
/// may make grants on it.
fn actions(service: Service, operation: &str, input: &Value) -> Vec<String> {
    let named = |member: &str| input.get(member).is_some_and(|value| !value.is_null());
    let tag = match service {
        Service::CloudWatch | Service::AutoScaling => Some("TagResource"),
        Service::SageMaker => Some("AddTags"),
        _ => None,
    };
    let tag = tag.filter(|tag| operation != *tag && named("Tags"));
    let passes = service == Service::SageMaker && named("ExecutionRoleArn");
    let mut all = vec![action(service, operation)];
    all.extend(tag.map(|tag| action(service, tag)));
    all.extend(passes.then(|| "iam:PassRole".to_owned()));
    let encrypts = service == Service::SageMaker && named("KmsKeyId");
    all.extend(encrypts.then(|| "kms:CreateGrant".to_owned()));
    all
}

fn resource(input: &Value) -> Option<String> {
    const NAMED: [(&str, &str); 17] = [
        ("EndpointName", "endpoint/"),
        ("EndpointConfigName", "endpoint-config/"),
        ("InferenceComponentName", "inference-component/"),
        ("ModelName", "model/"),
        ("ResourceId", ""),
        ("TopicArn", ""),
        ("TargetArn", ""),
        ("AlarmName", "alarm:"),
        ("ResourceArn", ""),
        ("ResourceARN", ""),
        ("DashboardName", "dashboard/"),
        ("restApiId", "/restapis/"),
        ("Namespace", ""),
        ("repositoryName", "repository/"),
        ("RoleName", "role/"),
        ("KeyId", ""),
        ("FunctionName", "function:"),
    ];
    NAMED
        .iter()
        .find_map(|(member, prefix)| input[*member].as_str().map(|name| format!("{prefix}{name}")))
}
