//! SageMaker Runtime, and `Invoke` of Lambda: members in headers, the payload as the raw body.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::{Protocol, Refusal, answer::without_nulls, control, percent_decoded};

/// Headers of `InvokeEndpoint` and the members they carry (botocore service model 2017-05-13).
const INVOKE: [(&str, &str); 11] = [
    ("content-type", "ContentType"),
    ("accept", "Accept"),
    ("x-amzn-sagemaker-custom-attributes", "CustomAttributes"),
    ("x-amzn-sagemaker-target-model", "TargetModel"),
    ("x-amzn-sagemaker-target-variant", "TargetVariant"),
    ("x-amzn-sagemaker-target-container-hostname", "TargetContainerHostname"),
    ("x-amzn-sagemaker-inference-id", "InferenceId"),
    ("x-amzn-sagemaker-enable-explanations", "EnableExplanations"),
    ("x-amzn-sagemaker-inference-component", "InferenceComponentName"),
    ("x-amzn-sagemaker-session-id", "SessionId"),
    ("x-amzn-sagemaker-prefix-aware-id", "PrefixAwareId"),
];

/// Headers of `InvokeEndpointAsync` and the members they carry.
const INVOKE_ASYNC: [(&str, &str); 9] = [
    ("x-amzn-sagemaker-content-type", "ContentType"),
    ("x-amzn-sagemaker-accept", "Accept"),
    ("x-amzn-sagemaker-custom-attributes", "CustomAttributes"),
    ("x-amzn-sagemaker-inference-id", "InferenceId"),
    ("x-amzn-sagemaker-inputlocation", "InputLocation"),
    ("x-amzn-sagemaker-s3outputpathextension", "S3OutputPathExtension"),
    ("x-amzn-sagemaker-filename", "Filename"),
    ("x-amzn-sagemaker-requestttlseconds", "RequestTTLSeconds"),
    ("x-amzn-sagemaker-invocationtimeoutseconds", "InvocationTimeoutSeconds"),
];

/// Headers of Lambda's `Invoke` and the members they carry (botocore service model 2015-03-31).
const INVOKE_FUNCTION: [(&str, &str); 3] = [
    ("x-amz-invocation-type", "InvocationType"),
    ("x-amz-log-type", "LogType"),
    ("x-amz-client-context", "ClientContext"),
];

/// Output members that go into headers; `InferenceId` of the asynchronous call goes into the body.
const ANSWERED: [(&str, &str); 7] = [
    ("ContentType", "content-type"),
    ("InvokedProductionVariant", "x-amzn-invoked-production-variant"),
    ("CustomAttributes", "x-amzn-sagemaker-custom-attributes"),
    ("NewSessionId", "x-amzn-sagemaker-new-session-id"),
    ("ClosedSessionId", "x-amzn-sagemaker-closed-session-id"),
    ("OutputLocation", "x-amzn-sagemaker-outputlocation"),
    ("FailureLocation", "x-amzn-sagemaker-failurelocation"),
];

pub(super) fn read(path: &str, headers: &HeaderMap, body: &[u8]) -> Result<(&'static str, Value), Refusal> {
    let refuse = |code: &str, problem: String| Refusal::new(Some(Protocol::Rest), 400, code, problem);
    if let Some(rest) = path.strip_prefix("/2015-03-31/functions/")
        && let Some(name) = rest.strip_suffix("/invocations")
    {
        let mut input = carried(headers, &INVOKE_FUNCTION)?;
        input.insert("FunctionName".to_owned(), percent_decoded(name).into());
        input.insert("Payload".to_owned(), BASE64_STANDARD.encode(body).into());
        return Ok(("Invoke", Value::Object(input)));
    }
    let mut segments = path.trim_start_matches('/').split('/');
    let (operation, members, name) = match (segments.next(), segments.next(), segments.next(), segments.next()) {
        (Some("endpoints"), Some(name), Some("invocations"), None) => ("InvokeEndpoint", &INVOKE[..], name),
        (Some("endpoints"), Some(name), Some("async-invocations"), None) => {
            ("InvokeEndpointAsync", &INVOKE_ASYNC[..], name)
        }
        _ => {
            let problem = format!(
                "The rehearsal does not answer {path}: it answers /endpoints/NAME/invocations, \
                 /endpoints/NAME/async-invocations, Lambda's /2015-03-31/functions/NAME/invocations and {}.",
                control::known()
            );
            return Err(refuse("UnknownOperationException", problem));
        }
    };
    let mut input = carried(headers, members)?;
    input.insert("EndpointName".to_owned(), percent_decoded(name).into());
    if operation == "InvokeEndpoint" || !body.is_empty() {
        input.insert("Body".to_owned(), BASE64_STANDARD.encode(body).into());
    }
    Ok((operation, Value::Object(input)))
}

/// The members that headers carry.
fn carried(headers: &HeaderMap, members: &[(&str, &str)]) -> Result<Map<String, Value>, Refusal> {
    let refuse = |problem: String| Refusal::new(Some(Protocol::Rest), 400, "ValidationError", problem);
    let mut input = Map::new();
    for (header, member) in members {
        let Some(held) = headers.get(*header) else { continue };
        let text = held
            .to_str()
            .map_err(|_| refuse(format!("header {header} is not ASCII text")))?;
        let value = if member.ends_with("Seconds") {
            let seconds: i64 = text
                .parse()
                .map_err(|_| refuse(format!("header {header} is not a number: {text}")))?;
            seconds.into()
        } else {
            text.into()
        };
        input.insert((*member).to_owned(), value);
    }
    Ok(input)
}

/// The headers and the body of an answer.
pub(super) fn write(operation: &str, output: &Value) -> (HeaderMap, Vec<u8>) {
    let mut headers = HeaderMap::new();
    for (member, header) in ANSWERED {
        let held = output[member]
            .as_str()
            .and_then(|text| HeaderValue::from_str(text).ok());
        if let Some(held) = held {
            headers.insert(HeaderName::from_static(header), held);
        }
    }
    let body = if control::status(operation).is_some() {
        without_nulls(output).to_string().into_bytes()
    } else if operation == "InvokeEndpointAsync" {
        serde_json::json!({ "InferenceId": output["InferenceId"] })
            .to_string()
            .into_bytes()
    } else {
        let encoded = output["Body"].as_str().unwrap_or_default();
        BASE64_STANDARD
            .decode(encoded)
            .unwrap_or_else(|_| encoded.as_bytes().to_vec())
    };
    (headers, body)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_come_from_path_headers_and_body() {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        headers.insert("x-amzn-sagemaker-target-variant", HeaderValue::from_static("blue"));
        let (operation, input) = read("/endpoints/fraud/invocations", &headers, b"{}").expect("a valid request");
        assert_eq!(operation, "InvokeEndpoint");
        let expected = json!({
            "EndpointName": "fraud", "ContentType": "application/json", "TargetVariant": "blue", "Body": "e30="
        });
        assert_eq!(input, expected);
    }

    #[test]
    fn numbers_of_the_asynchronous_call_are_numbers() {
        let mut headers = HeaderMap::new();
        headers.insert("x-amzn-sagemaker-requestttlseconds", HeaderValue::from_static("60"));
        let (operation, input) = read("/endpoints/fraud/async-invocations", &headers, b"").expect("a valid request");
        assert_eq!(
            (operation, &input["RequestTTLSeconds"]),
            ("InvokeEndpointAsync", &json!(60))
        );
        headers.insert("x-amzn-sagemaker-requestttlseconds", HeaderValue::from_static("soon"));
        let refused = read("/endpoints/fraud/async-invocations", &headers, b"").map_err(|it| it.code().to_owned());
        assert_eq!(refused, Err("ValidationError".to_owned()));
    }
}
