//! API Gateway, as far as the stages of its REST APIs are throttled.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::world::{
    ApiError, Reply, Service,
    api::{Input, epoch, reply, unknown_operation},
    region::{Ctx, Region},
};

/// The operations simulated.
pub(crate) const OPERATIONS: &[&str] = &["GetRestApi", "GetRestApis", "GetStage", "GetStages", "UpdateStage"];

/// What a Region's account may take by default, and what a method has as soon as anything is set for it: requests per
/// second, and at once. Source: quotas of API Gateway.
const USUAL: Limits = Limits {
    rate: 10_000.0,
    burst: 5_000,
};

/// A REST API.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) name: String,
    pub(crate) created: Timestamp,
    pub(crate) stages: BTreeMap<String, Stage>,
}

/// A stage of it.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    /// By the key of `methodSettings`: `*/*`, or the path with its slashes as `~1`, and the method.
    pub(crate) methods: BTreeMap<String, Limits>,
}

/// `throttlingRateLimit` and `throttlingBurstLimit`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limits {
    rate: f64,
    burst: i64,
}

impl Stage {
    pub(crate) fn new(at: Timestamp) -> Self {
        Self {
            created: at,
            updated: at,
            methods: BTreeMap::new(),
        }
    }

    fn described(&self, name: &str) -> Value {
        let methods: serde_json::Map<String, Value> = self
            .methods
            .iter()
            .map(|(key, limits)| {
                let settings = json!({
                    "metricsEnabled": false,
                    "dataTraceEnabled": false,
                    "throttlingBurstLimit": limits.burst,
                    "throttlingRateLimit": limits.rate,
                    "cachingEnabled": false,
                    "cacheTtlInSeconds": 300,
                    "cacheDataEncrypted": false,
                    "requireAuthorizationForCacheControl": true,
                    "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
                });
                (key.clone(), settings)
            })
            .collect();
        json!({
            "deploymentId": "d1",
            "stageName": name,
            "cacheClusterEnabled": false,
            "cacheClusterStatus": "NOT_AVAILABLE",
            "methodSettings": methods,
            "tracingEnabled": false,
            "createdDate": epoch(self.created),
            "lastUpdatedDate": epoch(self.updated),
        })
    }

    /// One operation of a patch.
    pub(crate) fn patch(&mut self, input: Input<'_>) -> Result<(), ApiError> {
        let (op, path) = (input.need("op")?, input.need("path")?);
        if op != "replace" {
            return Err(input.refuse(format!("The rehearsal does op 'replace' of a stage, not '{op}'.")));
        }
        let parts: Vec<&str> = path.split('/').collect();
        let (key, limit) = match parts.as_slice() {
            ["", resource, method, "throttling", limit @ ("rateLimit" | "burstLimit")]
                if is_method(resource, method) =>
            {
                (format!("{resource}/{method}"), *limit)
            }
            _ => {
                return Err(input.refuse(format!(
                    "Invalid patch path  '{path}' specified for op 'replace'. Must be one of: \
                     [/{{resourcePath}}/{{httpMethod}}/throttling/burstLimit, \
                     /{{resourcePath}}/{{httpMethod}}/throttling/rateLimit, /*/*/throttling/burstLimit, \
                     /*/*/throttling/rateLimit], as far as the rehearsal goes"
                )));
            }
        };
        // Values of a patch are strings.
        let text = input.need("value")?;
        let wrong = || input.refuse(format!("Invalid value specified for path '{path}': {text}"));
        let limits = self.methods.entry(key).or_insert(USUAL);
        if limit == "rateLimit" {
            let rate: f64 = text.parse().map_err(|_| wrong())?;
            limits.rate = Some(rate)
                .filter(|rate| rate.is_finite() && (*rate >= 0.0 || *rate == -1.0))
                .ok_or_else(wrong)?;
        } else {
            let burst: i64 = text.parse().map_err(|_| wrong())?;
            limits.burst = Some(burst)
                .filter(|burst| (-1..=i64::from(i32::MAX)).contains(burst))
                .ok_or_else(wrong)?;
        }
        Ok(())
    }
}

/// `*` and `*`, or a path with its slashes escaped, and a method.
fn is_method(resource: &str, method: &str) -> bool {
    const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY"];
    (resource, method) == ("*", "*") || resource.starts_with("~1") && METHODS.contains(&method)
}

impl Region {
    /// Answers one operation of API Gateway.
    pub(crate) fn apigateway_call(&mut self, ctx: &Ctx, operation: &str, input: Input<'_>) -> Result<Reply, ApiError> {
        let not_found = |what: &str| ApiError::new(404, "NotFoundException", format!("Invalid {what} specified"));
        let api_of = |all: &BTreeMap<String, Api>| -> Result<(String, Api), ApiError> {
            let id = input.need("restApiId")?;
            let api = all.get(id).ok_or_else(|| not_found("API identifier"))?;
            Ok((id.to_owned(), api.clone()))
        };
        match operation {
            "GetRestApis" => {
                let all: Vec<Value> = self.apis.iter().map(|(id, api)| described(id, api)).collect();
                let size = input.count("limit")?.unwrap_or(25).clamp(1, 500) as usize;
                let from: usize = match input.text("position") {
                    None => 0,
                    Some(text) => text.parse().map_err(|_| input.refuse("Invalid position parameter"))?,
                };
                let more = all.len() > from.saturating_add(size);
                let items: Vec<Value> = all.into_iter().skip(from).take(size).collect();
                let mut output = json!({"item": items});
                if more {
                    output["position"] = json!((from + size).to_string());
                }
                reply(output)
            }
            "GetRestApi" => {
                let (id, api) = api_of(&self.apis)?;
                reply(described(&id, &api))
            }
            "GetStages" => {
                let (_, api) = api_of(&self.apis)?;
                let all: Vec<Value> = api.stages.iter().map(|(name, stage)| stage.described(name)).collect();
                reply(json!({"item": all}))
            }
            "GetStage" | "UpdateStage" => {
                let (id, mut api) = api_of(&self.apis)?;
                let name = input.need("stageName")?;
                let stage = api.stages.get_mut(name).ok_or_else(|| not_found("stage identifier"))?;
                if operation == "UpdateStage" {
                    // All of a patch, or nothing.
                    for patch in input.list("patchOperations") {
                        stage.patch(input.of(patch)?)?;
                    }
                    stage.updated = ctx.now;
                }
                let answer = stage.described(name);
                self.apis.insert(id, api);
                reply(answer)
            }
            _ => Err(unknown_operation(Service::ApiGateway, operation, OPERATIONS)),
        }
    }
}

fn described(id: &str, api: &Api) -> Value {
    json!({
        "id": id,
        "name": api.name,
        "createdDate": epoch(api.created),
        "apiKeySource": "HEADER",
        "endpointConfiguration": {"types": ["REGIONAL"]},
        "disableExecuteApiEndpoint": false,
    })
}
