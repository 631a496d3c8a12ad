//! The errors a fault answers with: each service's own, as its model or its documentation words them.

use crate::{faults::FaultKind, world::ApiError};

/// The refusal of a fault that refuses; `None` for those that break the connection, delay or crash.
pub(super) fn refusal(kind: FaultKind, service: &str, operation: &str, caller: &str) -> Option<ApiError> {
    let (status, code, message) = match kind {
        FaultKind::Throttle => match service {
            "s3" => (503, "SlowDown", "Please reduce your request rate.".to_owned()),
            "sns" | "sts" | "iam" => (400, "Throttling", "Rate exceeded".to_owned()),
            "lambda" | "apigateway" => (429, "TooManyRequestsException", "Rate exceeded".to_owned()),
            _ => (400, "ThrottlingException", "Rate exceeded".to_owned()),
        },
        FaultKind::Quota => {
            let code = match service {
                "sagemaker" | "runtime" => "ResourceLimitExceeded",
                "iam" => "LimitExceeded",
                _ => "LimitExceededException",
            };
            (
                400,
                code,
                format!(
                    "The account-level service limit for {operation} is used up. Please request an increase for this quota."
                ),
            )
        }
        FaultKind::Error200 if matches!(operation, "CopyObject" | "UploadPartCopy" | "CompleteMultipartUpload") => (
            200,
            "InternalError",
            "We encountered an internal error. Please try again.".to_owned(),
        ),
        FaultKind::Error500 | FaultKind::Error200 => {
            let code = match service {
                "s3" | "sns" => "InternalError",
                "iam" | "lambda" => "ServiceException",
                "ecr" => "ServerException",
                "kms" => "KMSInternalException",
                "cloudwatch" => "InternalServiceError",
                "autoscaling" => "InternalServiceException",
                _ => "InternalFailure",
            };
            (
                500,
                code,
                "We encountered an internal error. Please try again.".to_owned(),
            )
        }
        FaultKind::Conflict => match service {
            "s3" => (
                412,
                "PreconditionFailed",
                "At least one of the pre-conditions you specified did not hold".to_owned(),
            ),
            _ => (
                409,
                "ConflictException",
                "Another change is in the way of this one.".to_owned(),
            ),
        },
        FaultKind::Denied => {
            let (status, code) = match service {
                "s3" | "sts" | "iam" => (403, "AccessDenied"),
                "sns" => (403, "AuthorizationError"),
                "cloudwatch" => (403, "AccessDenied"),
                "runtime" | "lambda" | "apigateway" => (403, "AccessDeniedException"),
                _ => (400, "AccessDeniedException"),
            };
            let prefix = match service {
                "runtime" => "sagemaker",
                "autoscaling" => "application-autoscaling",
                other => other,
            };
            let message = format!(
                "User: {caller} is not authorized to perform: {prefix}:{operation} because no identity-based policy \
                 allows the {prefix}:{operation} action"
            );
            (status, code, message)
        }
        FaultKind::CutBefore
        | FaultKind::CutAfter
        | FaultKind::Slow(_)
        | FaultKind::Corrupt
        | FaultKind::CrashBefore
        | FaultKind::CrashAfter => return None,
    };
    Some(ApiError::new(status, code, message))
}
