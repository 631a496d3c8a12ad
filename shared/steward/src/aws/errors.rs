//! What an SDK error means for the next step.
//!
//! SageMaker reports most things as an unmodelled `ValidationException`, told apart only by its message; S3 says some by
//! status alone. This is the one place that reads codes and messages; everything else matches on [`Failure`].

use aws_sdk_s3::operation::RequestId;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::{display::DisplayErrorContext, metadata::ProvideErrorMetadata};

use crate::failure::{CallError, Failure};

/// Classifies one SDK error.
pub fn classify<E>(service: &'static str, operation: &'static str, error: &SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + RequestId + std::error::Error + Send + Sync + 'static,
{
    let code = error.code().map(str::to_owned);
    let status = error.raw_response().map(|response| response.status().as_u16());
    let message = match error.message() {
        Some(message) => message.to_owned(),
        None => match status {
            Some(status) if code.is_none() => format!("HTTP status {status} without an error code"),
            _ => DisplayErrorContext(error).to_string(),
        },
    };
    let failure = match error {
        SdkError::TimeoutError(_) => Failure::TimedOut,
        SdkError::DispatchFailure(dispatch) if dispatch.is_timeout() => Failure::TimedOut,
        SdkError::DispatchFailure(dispatch) if dispatch.is_io() => Failure::Network,
        // Credentials are fetched on the way to the wire; without them nothing was sent.
        SdkError::DispatchFailure(dispatch) if dispatch.is_user() => Failure::Invalid,
        SdkError::DispatchFailure(_) if speaks_of_credentials(&message) => Failure::Denied,
        SdkError::DispatchFailure(_) => Failure::Network,
        SdkError::ConstructionFailure(_) => Failure::Invalid,
        SdkError::ResponseError(_) if status.is_some_and(|status| status >= 500) => Failure::Unavailable,
        // The head came, the body did not, or did not parse: the connection was cut in between.
        SdkError::ResponseError(_) => Failure::Network,
        _ => failure(code.as_deref(), &message, status),
    };
    CallError {
        service,
        operation,
        failure,
        code,
        message,
        request_id: error.request_id().map(str::to_owned),
    }
}

fn speaks_of_credentials(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("credential") || message.contains("identity")
}

const THROTTLED: &[&str] = &[
    "Throttling",
    "ThrottlingException",
    "Throttled",
    "ThrottledException",
    "TooManyRequestsException",
    "TooManyRequests",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "EC2ThrottledException",
    "KMSThrottling",
    "KMSThrottlingException",
    "SlowDown",
];
const DENIED: &[&str] = &[
    "AllAccessDisabled",
    "AuthFailure",
    "AuthorizationError",
    "AuthorizationErrorException",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSecurity",
    "InvalidSecurityException",
    "InvalidSignatureException",
    "InvalidToken",
    "KMSOptInRequired",
    "KMSAccessDenied",
    "KMSAccessDeniedException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "OptInRequired",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
];
const NOT_FOUND: &[&str] = &[
    "ImageNotFoundException",
    "KMS.NotFoundException",
    "NoSuchBucket",
    "NoSuchKey",
    "NotFound",
    "NotFoundException",
    "ObjectNotFoundException",
    "RepositoryNotFoundException",
    "ResourceNotFound",
    "ResourceNotFoundException",
];
const QUOTA: &[&str] = &[
    "LimitExceeded",
    "LimitExceededException",
    "ResourceLimitExceeded",
    "ServiceQuotaExceededException",
];
const BUSY: &[&str] = &[
    "ConcurrentUpdateException",
    "OperationAborted",
    "ResourceInUse",
    "ResourceInUseException",
];
const CONFLICT: &[&str] = &["ConditionalRequestConflict", "ConflictException", "PreconditionFailed"];
const UNAVAILABLE: &[&str] = &[
    "InternalDependencyException",
    "InternalError",
    "InternalErrorException",
    "InternalFailure",
    "InternalServerError",
    "InternalServiceError",
    "InternalServiceException",
    "InternalServiceFault",
    "ModelNotReadyException",
    "ServiceFailure",
    "ServiceUnavailable",
    "ServiceUnavailableException",
];

/// The class by code, then by message, then by HTTP status. Codes are stronger than statuses: S3 sends `SlowDown` with
/// 503 and SageMaker Runtime `ModelNotReadyException` with 429.
fn failure(code: Option<&str>, message: &str, status: Option<u16>) -> Failure {
    let said = message.to_ascii_lowercase();
    let by_code = code.and_then(|code| {
        if THROTTLED.contains(&code) {
            Some(Failure::Throttled)
        } else if DENIED.contains(&code) || code.starts_with("AccessDenied") {
            Some(Failure::Denied)
        } else if said.contains("already exist") {
            Some(Failure::AlreadyThere)
        } else if NOT_FOUND.contains(&code) {
            Some(Failure::NotFound)
        } else if QUOTA.contains(&code) {
            Some(Failure::Quota)
        } else if BUSY.contains(&code) {
            Some(Failure::Busy)
        } else if CONFLICT.contains(&code) {
            Some(Failure::Conflict)
        } else if UNAVAILABLE.contains(&code) {
            Some(Failure::Unavailable)
        } else if matches!(code, "RequestTimeout" | "RequestTimeoutException") {
            Some(Failure::TimedOut)
        } else if code.starts_with("Validation") || code.starts_with("Invalid") {
            Some(validation(&said))
        } else {
            None
        }
    });
    by_code.unwrap_or(match status {
        // The bucket is in another Region.
        Some(301 | 307) => Failure::Invalid,
        Some(401 | 403) => Failure::Denied,
        Some(404) => Failure::NotFound,
        Some(408) => Failure::TimedOut,
        Some(409 | 412) => Failure::Conflict,
        Some(429) => Failure::Throttled,
        Some(500..=599) => Failure::Unavailable,
        Some(400..=499) => Failure::Invalid,
        _ => Failure::Unknown,
    })
}

/// SageMaker's `ValidationException` by its message, lower case.
fn validation(said: &str) -> Failure {
    if said.contains("could not find") || said.contains("does not exist") {
        Failure::NotFound
    } else if [
        "in-progress endpoint",
        "in progress endpoint",
        "in-progress inference component",
    ]
    .iter()
    .any(|busy| said.contains(busy))
    {
        Failure::Busy
    } else if said.contains("rate exceeded") {
        Failure::Throttled
    } else {
        Failure::Invalid
    }
}

#[cfg(test)]
mod tests;
