use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_sagemaker::{
    error::ErrorMetadata,
    operation::{describe_endpoint::DescribeEndpointError, update_endpoint::UpdateEndpointError},
};
use aws_smithy_runtime_api::{client::result::ConnectorError, http::StatusCode};
use aws_smithy_types::body::SdkBody;

use super::*;

fn answer(status: u16) -> HttpResponse {
    let mut answer = HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::empty());
    answer.headers_mut().insert("x-amzn-requestid", "4f1c");
    answer
}

fn said(status: u16, code: &str, message: &str) -> CallError {
    let meta = ErrorMetadata::builder().code(code).message(message).build();
    let error = SdkError::service_error(UpdateEndpointError::generic(meta), answer(status));
    classify("sagemaker", "UpdateEndpoint", &error)
}

#[test]
fn codes_and_messages_become_classes() {
    let cases = [
        (
            400,
            "ValidationException",
            "Could not find endpoint \"arn:aws:sagemaker:eu-west-1:1:endpoint/fraud\".",
        ),
        (
            400,
            "ValidationException",
            "Cannot update in-progress endpoint \"arn:aws:sagemaker:eu-west-1:1:endpoint/a\".",
        ),
        (
            400,
            "ValidationException",
            "Cannot create already existing endpoint \"arn:aws:sagemaker:eu-west-1:1:endpoint/a\".",
        ),
        (
            400,
            "ValidationException",
            "1 validation error detected: Value '' at 'endpointName' failed",
        ),
        (400, "ThrottlingException", "Rate exceeded"),
        (503, "SlowDown", "Please reduce your request rate."),
        (
            400,
            "ResourceLimitExceeded",
            "The account-level service limit 'ml.g5.xlarge for endpoint usage' is 1",
        ),
        (
            400,
            "AccessDeniedException",
            "User is not authorized to perform: sagemaker:UpdateEndpoint",
        ),
        (
            400,
            "ImageNotFoundException",
            "The image with imageId {tag: 4} does not exist within the repository",
        ),
        (404, "NoSuchEntity", "The role with name x cannot be found."),
        (400, "KMS.NotFoundException", "Invalid arn eu-west-1"),
        (
            301,
            "PermanentRedirect",
            "The bucket you are attempting to access must be addressed using the specified endpoint.",
        ),
        (
            403,
            "ExpiredTokenException",
            "The security token included in the request is expired",
        ),
        (
            400,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
        (
            412,
            "PreconditionFailed",
            "At least one of the pre-conditions you specified did not hold",
        ),
        (
            409,
            "ConditionalRequestConflict",
            "The conditional request cannot succeed due to a conflicting operation",
        ),
        (404, "NoSuchKey", "The specified key does not exist."),
        (404, "NoSuchBucket", "The specified bucket does not exist"),
        (400, "ResourceInUse", "Endpoint config already exists"),
        (
            400,
            "ConcurrentUpdateException",
            "Concurrent modification of the scalable target",
        ),
        (
            400,
            "RequestTimeout",
            "Your socket connection to the server was not read from or written to",
        ),
        (500, "InternalFailure", "An internal failure occurred."),
        (429, "ModelNotReadyException", "Model is loading"),
        (418, "SomethingNew", "unheard of"),
        (599, "SomethingNew", "unheard of"),
        (302, "SomethingNew", "unheard of"),
    ];
    let table: String = cases
        .iter()
        .map(|(status, code, message)| {
            let (start, _) = message.split_at(message.len().min(45));
            format!(
                "{:<13} {status} {code}: {start}\n",
                said(*status, code, message).failure.as_str()
            )
        })
        .collect();
    insta::assert_snapshot!(table);
}

#[test]
fn what_the_service_said_is_kept_with_its_request_id() {
    let error = said(400, "ValidationException", "Could not find endpoint \"fraud\".");
    insta::assert_snapshot!(error, @r#"sagemaker:UpdateEndpoint failed (not-found, ValidationException): Could not find endpoint "fraud". [request 4f1c]"#);
}

#[test]
fn a_status_without_a_code_still_has_a_class() {
    let bare = |status| {
        let error = DescribeEndpointError::generic(ErrorMetadata::builder().build());
        classify(
            "sagemaker",
            "DescribeEndpoint",
            &SdkError::service_error(error, answer(status)),
        )
    };
    let classes: Vec<_> = [401, 403, 404, 408, 409, 412, 429, 400, 502]
        .into_iter()
        .map(|status| bare(status).failure)
        .collect();
    assert_eq!(
        classes,
        [
            Failure::Denied,
            Failure::Denied,
            Failure::NotFound,
            Failure::TimedOut,
            Failure::Conflict,
            Failure::Conflict,
            Failure::Throttled,
            Failure::Invalid,
            Failure::Unavailable
        ]
    );
    assert_eq!(bare(502).message, "HTTP status 502 without an error code");
}

#[test]
fn what_went_wrong_on_the_way_is_not_the_services_word() {
    let of = |error: SdkError<PutObjectError, HttpResponse>| classify("s3", "PutObject", &error).failure;
    assert_eq!(
        of(SdkError::dispatch_failure(ConnectorError::io("reset by peer".into()))),
        Failure::Network
    );
    assert_eq!(
        of(SdkError::dispatch_failure(ConnectorError::timeout("connect".into()))),
        Failure::TimedOut
    );
    assert_eq!(of(SdkError::timeout_error("operation timeout")), Failure::TimedOut);
    assert_eq!(of(SdkError::construction_failure("no bucket")), Failure::Invalid);
    assert_eq!(of(SdkError::response_error("cut off", answer(200))), Failure::Network);
    assert_eq!(
        of(SdkError::response_error("cut off", answer(503))),
        Failure::Unavailable
    );
    let no_credentials = ConnectorError::other("the credential provider was not enabled".into(), None);
    assert_eq!(of(SdkError::dispatch_failure(no_credentials)), Failure::Denied);
}
