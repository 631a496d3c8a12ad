//! The protocols of AWS, from HTTP to [`Call`](crate::world::Call) and back.
//!
//! What a request means is decided here and only here: its service and Region come from the SigV4 credential scope
//! (the signature itself is not verified, but a request without one is refused as AWS refuses it), its operation and
//! input from whichever protocol it speaks. Answers and errors go back in the same protocol. S3 is recognised here and
//! spoken by `store`.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use serde_json::Value;

use crate::world::{ApiError, Service};

mod answer;
mod cbor;
mod control;
mod query;
mod rest;
mod s3;
mod scope;

pub(crate) use s3::OPERATIONS as S3_OPERATIONS;
pub use s3::S3Call;
pub use scope::Scope;

/// A request, understood.
#[derive(Debug)]
pub struct Asked {
    /// Who signed it, and for which Region and service.
    pub scope: Scope,
    /// What it asks for.
    pub what: What,
}

/// What a request asks for.
#[derive(Debug)]
pub enum What {
    /// An operation of one of the world's services.
    Api {
        /// The service.
        service: Service,
        /// The operation, as the API model spells it.
        operation: String,
        /// Members by their names in the API model.
        input: Value,
        /// How it was asked, which is how it must be answered.
        protocol: Protocol,
    },
    /// An S3 request, addressed by path and without transfer coding.
    S3(Box<S3Call>),
}

/// The protocols of the world's services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// awsJson 1.0 or 1.1: the operation in `X-Amz-Target`.
    Json,
    /// Smithy RPC v2 with CBOR: the operation in the path.
    Cbor,
    /// awsQuery: a form in, XML out.
    Query,
    /// restJson: of SageMaker Runtime, Lambda and API Gateway.
    Rest,
}

/// A request that is refused before any service sees it.
#[derive(Debug)]
pub struct Refusal {
    error: Box<ApiError>,
    protocol: Option<Protocol>,
}

impl Refusal {
    fn new(protocol: Option<Protocol>, status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            error: Box::new(ApiError::new(status, code, message)),
            protocol,
        }
    }

    /// The error code on the wire.
    pub fn code(&self) -> &str {
        &self.error.code
    }

    /// The refusal in the request's protocol; S3's XML when even that is unknown.
    pub fn respond(&self, request_id: &str) -> Response<Bytes> {
        match self.protocol {
            Some(protocol) => answer::error(protocol, "", &self.error, request_id),
            None => s3::error(&self.error, request_id),
        }
    }
}

/// Understands a request.
///
/// # Errors
/// Requests without SigV4 authentication, for an unknown service or operation form, or with a body that its protocol
/// does not allow.
pub fn read(request: Request<Bytes>) -> Result<Asked, Refusal> {
    let scope = Scope::of(&request)?;
    if scope.service == "s3" {
        return Ok(Asked {
            scope,
            what: What::S3(Box::new(S3Call::read(request)?)),
        });
    }
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let body = inflated(&parts.headers, body)?;
    let target = parts
        .headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    let (protocol, operation, input) = if let Some((_, operation)) = path.split_once("/operation/") {
        (Protocol::Cbor, operation.to_owned(), cbor::read(&body)?)
    } else if let Some(target) = target {
        let operation = target.rsplit('.').next().unwrap_or(target).to_owned();
        (Protocol::Json, operation, json(&body)?)
    } else if path.starts_with("/endpoints/") || matches!(scope.service.as_str(), "lambda" | "apigateway") {
        let (operation, input) = match control::read(&parts.method, path, parts.uri.query(), &body)? {
            Some(asked) => asked,
            None => rest::read(path, &parts.headers, &body)?,
        };
        (Protocol::Rest, operation.to_owned(), input)
    } else {
        let (operation, input) = query::read(&body)?;
        (Protocol::Query, operation, input)
    };
    let service = match (scope.service.as_str(), protocol) {
        ("sagemaker", Protocol::Rest) => Service::Runtime,
        ("sagemaker", Protocol::Json) => Service::SageMaker,
        ("monitoring", Protocol::Cbor | Protocol::Json) => Service::CloudWatch,
        ("application-autoscaling", Protocol::Json) => Service::AutoScaling,
        ("sns", Protocol::Query) => Service::Sns,
        ("sts", Protocol::Query) => Service::Sts,
        ("ecr", Protocol::Json) => Service::Ecr,
        ("iam", Protocol::Query) => Service::Iam,
        ("kms", Protocol::Json) => Service::Kms,
        ("lambda", Protocol::Rest) => Service::Lambda,
        ("apigateway", Protocol::Rest) => Service::ApiGateway,
        (service, _) => {
            let message = format!(
                "The rehearsal does not answer {operation} for service {service:?} in this protocol ({protocol:?}). It \
                 answers sagemaker, application-autoscaling, ecr and kms (JSON), sagemaker-runtime, lambda, apigateway, \
                 monitoring (CBOR or JSON), sns, sts and iam (query), and s3."
            );
            return Err(Refusal::new(Some(protocol), 404, "UnknownOperationException", message));
        }
    };
    Ok(Asked {
        scope,
        what: What::Api {
            service,
            operation,
            input,
            protocol,
        },
    })
}

/// The answer to an understood request, and how long its caller waits for it.
pub fn respond(
    asked: (Service, &str, Protocol),
    outcome: Result<crate::world::Reply, ApiError>,
    request_id: &str,
) -> (Response<Bytes>, Duration) {
    let (service, operation, protocol) = asked;
    match outcome {
        Ok(reply) => (
            answer::success(service, protocol, operation, &reply.output, request_id),
            reply.takes,
        ),
        Err(error) => (
            answer::error(protocol, service_namespace(service), &error, request_id),
            error.takes,
        ),
    }
}

/// An S3 error, for requests that never reach the store.
pub fn s3_error(error: &ApiError, request_id: &str) -> Response<Bytes> {
    s3::error(error, request_id)
}

fn service_namespace(service: Service) -> &'static str {
    match service {
        Service::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
        Service::Sns => "http://sns.amazonaws.com/doc/2010-03-31/",
        Service::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
        _ => "",
    }
}

fn json(body: &[u8]) -> Result<Value, Refusal> {
    if body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    serde_json::from_slice(body).map_err(|problem| {
        Refusal::new(
            Some(Protocol::Json),
            400,
            "SerializationException",
            format!("the body is not JSON: {problem}"),
        )
    })
}

/// The largest body that is accepted after decompression, in bytes.
const LARGEST_BODY: u64 = 64 << 20;

fn inflated(headers: &HeaderMap, body: Bytes) -> Result<Bytes, Refusal> {
    use std::io::Read;
    if headers
        .get(http::header::CONTENT_ENCODING)
        .is_none_or(|coding| coding != "gzip")
    {
        return Ok(body);
    }
    let mut plain = Vec::new();
    let read = flate2::read::GzDecoder::new(&*body)
        .take(LARGEST_BODY + 1)
        .read_to_end(&mut plain);
    let problem = match read {
        Ok(_) if plain.len() as u64 <= LARGEST_BODY => return Ok(plain.into()),
        Ok(_) => format!("the body is larger than {LARGEST_BODY} bytes after decompression"),
        Err(problem) => format!("the body is not gzip as its Content-Encoding says: {problem}"),
    };
    Err(Refusal::new(
        Some(Protocol::Json),
        400,
        "SerializationException",
        problem,
    ))
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
