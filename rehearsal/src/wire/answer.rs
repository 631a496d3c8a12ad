//! Answers and errors in the protocol that the request spoke.

use bytes::Bytes;
use http::{HeaderValue, Response, header::CONTENT_TYPE};
use serde_json::{Map, Value};

use super::{Protocol, cbor, control, query, rest, service_namespace, status};
use crate::world::{ApiError, Service};

pub(super) fn success(
    service: Service,
    protocol: Protocol,
    operation: &str,
    output: &Value,
    request_id: &str,
) -> Response<Bytes> {
    let (headers, body) = match protocol {
        Protocol::Json => (Default::default(), without_nulls(output).to_string().into_bytes()),
        Protocol::Cbor => (Default::default(), cbor::write(output)),
        Protocol::Query => (
            Default::default(),
            query::write(service_namespace(service), operation, output, request_id).into_bytes(),
        ),
        Protocol::Rest => rest::write(operation, output),
    };
    let code = match operation {
        "InvokeEndpointAsync" => 202,
        // Lambda tells its outcome by the status.
        "Invoke" => output["StatusCode"]
            .as_u64()
            .and_then(|it| u16::try_from(it).ok())
            .unwrap_or(200),
        other => control::status(other).unwrap_or(200),
    };
    let mut response = response(protocol, code, body, request_id);
    response.headers_mut().extend(headers);
    response
}

pub(super) fn error(protocol: Protocol, namespace: &str, error: &ApiError, request_id: &str) -> Response<Bytes> {
    let ApiError {
        status,
        code,
        message,
        detail,
        ..
    } = error;
    let members = |message_name: &str| {
        let mut members = Map::new();
        members.insert("__type".to_owned(), code.as_str().into());
        members.insert(message_name.to_owned(), message.as_str().into());
        members.extend(detail.clone());
        Value::Object(members)
    };
    let body = match protocol {
        Protocol::Json => members("message").to_string().into_bytes(),
        Protocol::Cbor => cbor::write(&members("message")),
        Protocol::Rest => members("Message").to_string().into_bytes(),
        Protocol::Query => query::error(namespace, *status, code, message, request_id).into_bytes(),
    };
    let mut response = response(protocol, *status, body, request_id);
    if let Ok(code_value) = HeaderValue::from_str(code) {
        match protocol {
            Protocol::Rest => {
                response.headers_mut().insert("x-amzn-errortype", code_value);
            }
            Protocol::Cbor => {
                let fault = if *status < 500 { "Sender" } else { "Receiver" };
                if let Ok(value) = HeaderValue::from_str(&format!("{code};{fault}")) {
                    response.headers_mut().insert("x-amzn-query-error", value);
                }
            }
            Protocol::Json | Protocol::Query => {}
        }
    }
    response
}

fn response(protocol: Protocol, code: u16, body: Vec<u8>, request_id: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status(code);
    let kind = match protocol {
        Protocol::Json => "application/x-amz-json-1.1",
        Protocol::Cbor => "application/cbor",
        Protocol::Query => "text/xml",
        Protocol::Rest => "application/json",
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if protocol == Protocol::Cbor {
        headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

/// AWS leaves absent members out; so that the SDKs see the same, nulls are never sent.
pub(super) fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name.clone(), without_nulls(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        scalar => scalar.clone(),
    }
}
