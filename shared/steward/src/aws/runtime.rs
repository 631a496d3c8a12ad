//! SageMaker Runtime: asking a model.
//!
//! No call here is retried by the SDK: a probe's attempts are counted by its own policy, and an error of the model is
//! an answer to be judged, not a call to be repeated.

mod beginning;

use std::{ops::RangeInclusive, time::Duration};

use aws_config::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_sagemakerruntime::{
    Client, config::Builder, operation::invoke_endpoint::InvokeEndpointError, primitives::Blob,
};
use tokio::time::Instant;

use self::beginning::Beginning;
use super::{Base, Bound, errors};
use crate::{
    failure::{CallError, Failure},
    probe::{Outcome, ProbeAnswer, fit::AFTER_INFERENCES},
};

// The IAM prefix is `sagemaker` for the runtime too.
const SERVICE: &str = "sagemaker";

/// How long a request may wait in the queue, in seconds (`RequestTTLSeconds` of `InvokeEndpointAsync`, SageMaker's API
/// reference).
pub const TTL: RangeInclusive<i32> = 60..=21_600;

/// One synchronous inference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inference<'a> {
    /// `EndpointName`.
    pub endpoint: &'a str,
    /// `TargetVariant`: send it to this production variant, whatever its weight.
    pub variant: Option<&'a str>,
    /// `InferenceComponentName`.
    pub component: Option<&'a str>,
    /// `ContentType`.
    pub content_type: &'a str,
    /// `Accept`.
    pub accept: Option<&'a str>,
    /// The payload.
    pub payload: &'a [u8],
    /// For the whole call.
    pub timeout: Duration,
    /// So much of the answer's body is kept, in bytes.
    pub kept: usize,
}

/// What `InvokeEndpointAsync` answered: the work is queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// `OutputLocation`, an `s3://` URI: where the answer will be.
    pub output: String,
    /// `FailureLocation`, an `s3://` URI: where an error would be.
    pub failure: Option<String>,
    /// `InferenceId`.
    pub inference_id: Option<String>,
}

/// SageMaker Runtime in the function's Region.
#[derive(Clone, Debug)]
pub struct Runtime {
    client: Client,
    bound: Bound,
}

impl Runtime {
    /// A client on `base`, without retries.
    pub fn new(base: &Base) -> Self {
        let config = Builder::from(&base.sdk).retry_config(RetryConfig::disabled()).build();
        Self {
            client: Client::from_conf(config),
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

    /// How long an inference that begins now may take; `None` without a deadline.
    pub fn time_left(&self) -> Option<Duration> {
        let left = self.bound.remaining()?;
        Some(left.saturating_sub(AFTER_INFERENCES))
    }

    /// Sends one inference, once. Whatever comes of it, an error of the model or of SageMaker included, is an answer to
    /// be judged; its latency runs from sending until all of it was there. With less than its timeout left it gets that
    /// much, and is [`Outcome::CutShort`] when nothing came.
    pub async fn invoke(&self, inference: &Inference<'_>) -> ProbeAnswer {
        let operation = "InvokeEndpoint";
        let time = self
            .time_left()
            .map_or(inference.timeout, |left| left.min(inference.timeout));
        let begun = Instant::now();
        let cut_short = |after| ProbeAnswer {
            latency: after,
            outcome: Outcome::CutShort { after },
        };
        if time.is_zero() {
            return cut_short(Duration::ZERO);
        }
        let limits = TimeoutConfig::builder()
            .operation_timeout(time)
            .operation_attempt_timeout(time)
            .build();
        let beginning = Beginning::new(inference.kept);
        let request = self
            .client
            .invoke_endpoint()
            .endpoint_name(inference.endpoint)
            .content_type(inference.content_type)
            .set_accept(inference.accept.map(str::to_owned))
            .set_target_variant(inference.variant.map(str::to_owned))
            .set_inference_component_name(inference.component.map(str::to_owned))
            .body(Blob::new(inference.payload))
            .customize()
            .interceptor(beginning.clone())
            .config_override(aws_sdk_sagemakerruntime::config::Config::builder().timeout_config(limits));
        let Ok(sent) = self.bound.limit(SERVICE, operation, request.send()).await else {
            return cut_short(begun.elapsed());
        };
        let latency = begun.elapsed();
        let outcome = match sent {
            Ok(answer) => Outcome::Answered {
                status: 200,
                body: answer.body.map(Blob::into_inner).unwrap_or_default(),
                whole: !beginning.is_cut(),
            },
            Err(error) => {
                let call = errors::classify(SERVICE, operation, &error);
                let status = error.raw_response().map(|response| response.status().as_u16());
                match refused(error.as_service_error(), status, call) {
                    Outcome::TimedOut if time < inference.timeout => return cut_short(time),
                    outcome => outcome,
                }
            }
        };
        ProbeAnswer { latency, outcome }
    }

    /// Queues one asynchronous inference on an input object that is already in S3. What waits in the queue for longer than
    /// `waits` expires there; SageMaker takes [`TTL`] (`RequestTTLSeconds`, its API reference).
    ///
    /// # Errors
    /// What SageMaker says.
    pub async fn invoke_async(
        &self,
        endpoint: &str,
        input: &str,
        content_type: &str,
        accept: Option<&str>,
        inference_id: &str,
        waits: Duration,
    ) -> Result<Queued, CallError> {
        let operation = "InvokeEndpointAsync";
        let request = self
            .client
            .invoke_endpoint_async()
            .endpoint_name(endpoint)
            .input_location(input)
            .content_type(content_type)
            .set_accept(accept.map(str::to_owned))
            .inference_id(inference_id)
            .request_ttl_seconds(
                i32::try_from(waits.as_secs())
                    .unwrap_or(i32::MAX)
                    .clamp(*TTL.start(), *TTL.end()),
            );
        let answer = self.bound.call(SERVICE, operation, request.send()).await?;
        Ok(Queued {
            output: answer
                .output_location
                .ok_or_else(|| super::incomplete(SERVICE, operation, "OutputLocation"))?,
            failure: answer.failure_location,
            inference_id: answer.inference_id,
        })
    }
}

fn refused(said: Option<&InvokeEndpointError>, status: Option<u16>, call: CallError) -> Outcome {
    match (said, status) {
        (Some(InvokeEndpointError::ModelError(error)), _) => Outcome::ModelError {
            original_status: error.original_status_code.and_then(|status| u16::try_from(status).ok()),
            message: error.original_message.clone().unwrap_or(call.message),
        },
        (_, Some(status)) => Outcome::Refused {
            status,
            code: call.code.unwrap_or_default(),
            message: call.message,
        },
        (_, None) if call.failure == Failure::TimedOut => Outcome::TimedOut,
        (_, None) => Outcome::NoConnection { message: call.message },
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sagemakerruntime::types::error::{ModelError, ServiceUnavailable};

    use super::*;

    fn call(failure: Failure, code: Option<&str>) -> CallError {
        let (code, message) = (code.map(str::to_owned), "said".to_owned());
        CallError {
            service: SERVICE,
            operation: "InvokeEndpoint",
            failure,
            code,
            message,
            request_id: None,
        }
    }

    #[test]
    fn the_containers_own_status_is_told_apart_from_sagemakers() {
        let error = ModelError::builder()
            .original_status_code(500)
            .original_message("out of memory")
            .build();
        let error = InvokeEndpointError::ModelError(error);
        assert_eq!(
            refused(Some(&error), Some(424), call(Failure::Invalid, Some("ModelError"))),
            Outcome::ModelError {
                original_status: Some(500),
                message: "out of memory".into()
            }
        );
        let error = InvokeEndpointError::ServiceUnavailable(ServiceUnavailable::builder().build());
        assert_eq!(
            refused(
                Some(&error),
                Some(503),
                call(Failure::Unavailable, Some("ServiceUnavailable"))
            ),
            Outcome::Refused {
                status: 503,
                code: "ServiceUnavailable".into(),
                message: "said".into()
            }
        );
    }

    #[test]
    fn no_answer_in_time_and_no_connection_are_different_outcomes() {
        assert_eq!(refused(None, None, call(Failure::TimedOut, None)), Outcome::TimedOut);
        let cut = refused(None, None, call(Failure::Network, None));
        assert_eq!(cut, Outcome::NoConnection { message: "said".into() });
    }
}
