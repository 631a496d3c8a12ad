//! SageMaker's control plane: models, endpoint configs, endpoints, inference components and tags, with the refusals and
//! the slow transitions of the real one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use steward::endpoint::EndpointStatus;

use crate::world::{
    ApiError, Reply,
    api::{Input, reply, unknown_operation},
    region::{Ctx, Region},
    registry::Deployed,
    runtime::asynchronous::Backlog,
    spec::check::is_name,
    traffic::Minute,
};

mod component_update;
mod components;
mod configs;
mod describe;
mod endpoints;
pub(crate) mod guardrails;
pub(crate) mod lifecycle;
mod models;
pub(crate) mod tags;

/// A model; `input` is what `CreateModel` was given.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) arn: String,
    pub(crate) created: Timestamp,
    pub(crate) input: Value,
    /// The images of its containers, as they were resolved when it was made.
    pub(crate) images: Vec<Deployed>,
    pub(crate) tags: BTreeMap<String, String>,
}

/// An endpoint config; `input` is what `CreateEndpointConfig` was given.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) arn: String,
    pub(crate) created: Timestamp,
    pub(crate) input: Value,
    pub(crate) variants: Vec<ConfigVariant>,
    pub(crate) tags: BTreeMap<String, String>,
}

/// One production variant of a config.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConfigVariant {
    pub(crate) name: String,
    pub(crate) model: String,
    pub(crate) weight: f64,
    pub(crate) instances: Option<u32>,
    pub(crate) instance_type: String,
    /// `ServerlessConfig`.
    pub(crate) serverless: Option<Value>,
}

/// An endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) arn: String,
    pub(crate) status: EndpointStatus,
    pub(crate) config: String,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    pub(crate) failure: Option<String>,
    pub(crate) variants: Vec<Variant>,
    pub(crate) change: Option<lifecycle::Change>,
    /// What an update under way brings.
    pub(crate) green: Option<lifecycle::Green>,
    /// The fleet in place came by an update.
    pub(crate) updated: bool,
    /// `LastDeploymentConfig`.
    pub(crate) deployment: Option<Value>,
    pub(crate) data_capture: Option<Value>,
    pub(crate) asynchronous: Option<Backlog>,
    pub(crate) tags: BTreeMap<String, String>,
    /// Traffic is accounted for up to here.
    pub(crate) settled: Timestamp,
    pub(crate) rng: fastrand::Rng,
}

impl Endpoint {
    /// The variants of the fleet that an update brings; none without one.
    pub(crate) fn green_variants(&self) -> &[Variant] {
        self.green.as_ref().map_or(&[], |green| &green.variants)
    }

    /// The share of the traffic that the fleet of an update takes, 0 to 1.
    pub(crate) fn green_share(&self) -> f64 {
        self.green.as_ref().map_or(0.0, |green| green.share)
    }

    /// The variants of the fleet in place, or of the one that an update brings.
    pub(crate) fn fleet(&self, green: bool) -> &[Variant] {
        if green { self.green_variants() } else { &self.variants }
    }

    /// As [`Endpoint::fleet`].
    pub(crate) fn fleet_mut(&mut self, green: bool) -> &mut [Variant] {
        match &mut self.green {
            Some(coming) if green => &mut coming.variants,
            _ => &mut self.variants,
        }
    }
}

/// A production variant at work.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) model: String,
    pub(crate) instance_type: String,
    pub(crate) current_weight: f64,
    pub(crate) desired_weight: f64,
    pub(crate) current_instances: Option<u32>,
    pub(crate) desired_instances: Option<u32>,
    /// Instances that went down with their Availability Zone and are not replaced yet.
    pub(crate) lost: u32,
    /// `ServerlessConfig` in force.
    pub(crate) serverless: Option<Value>,
    /// When a serverless variant was last asked; cold before.
    pub(crate) last_asked: Option<Timestamp>,
    pub(crate) minute: Minute,
}

impl Variant {
    /// A variant of `config`, with everything it asks for in place.
    pub(crate) fn new(config: &ConfigVariant) -> Self {
        Self {
            name: config.name.clone(),
            model: config.model.clone(),
            instance_type: config.instance_type.clone(),
            current_weight: config.weight,
            desired_weight: config.weight,
            current_instances: config.instances,
            desired_instances: config.instances,
            lost: 0,
            serverless: config.serverless.clone(),
            last_asked: None,
            minute: Minute::default(),
        }
    }

    /// What works in parallel: instances, or the one pool of a serverless variant.
    pub(crate) fn workers(&self) -> u32 {
        self.current_instances.unwrap_or(1).saturating_sub(self.lost)
    }
}

/// An inference component; `input` is what `CreateInferenceComponent` was given.
#[derive(Clone, Debug)]
pub(crate) struct Component {
    pub(crate) arn: String,
    pub(crate) endpoint: String,
    pub(crate) variant: String,
    pub(crate) model: String,
    pub(crate) status: &'static str,
    pub(crate) current: u32,
    pub(crate) desired: u32,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    pub(crate) input: Value,
    /// The image of its own container, as it was resolved when it was said.
    pub(crate) image: Option<Deployed>,
    /// A new specification on its way.
    pub(crate) update: Option<component_update::Update>,
    /// `LastDeploymentConfig`.
    pub(crate) deployment: Option<Value>,
    pub(crate) tags: BTreeMap<String, String>,
    /// Requests answered and refused for want of copies in the minute under way.
    pub(crate) minute: Minute,
    pub(crate) without_capacity: f64,
    /// `FailureReason`: why the last copies did not come.
    pub(crate) failure: Option<String>,
}

/// The operations simulated.
pub(crate) const OPERATIONS: &[&str] = &[
    "AddTags",
    "CreateEndpoint",
    "CreateEndpointConfig",
    "CreateInferenceComponent",
    "CreateModel",
    "DeleteEndpoint",
    "DeleteEndpointConfig",
    "DeleteInferenceComponent",
    "DeleteModel",
    "DeleteTags",
    "DescribeEndpoint",
    "DescribeEndpointConfig",
    "DescribeInferenceComponent",
    "DescribeModel",
    "ListEndpointConfigs",
    "ListEndpoints",
    "ListInferenceComponents",
    "ListModels",
    "ListTags",
    "UpdateEndpoint",
    "UpdateEndpointWeightsAndCapacities",
    "UpdateInferenceComponent",
    "UpdateInferenceComponentRuntimeConfig",
];

/// A `ValidationException`, SageMaker's answer to nearly everything.
pub(crate) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "ValidationException", message)
}

/// A name that must be there and must be one.
fn name_of<'a>(input: Input<'a>, member: &str) -> Result<&'a str, ApiError> {
    let name = input.need(member)?;
    if is_name(name) {
        return Ok(name);
    }
    let member = member[..1].to_ascii_lowercase() + &member[1..];
    Err(invalid(format!(
        "1 validation error detected: Value '{name}' at '{member}' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: ^[a-zA-Z0-9](-*[a-zA-Z0-9]){{0,62}}"
    )))
}

/// Sorts and filters what a List operation lists. Each item: name, created, modified, status, output.
fn listed(
    input: Input<'_>,
    mut items: Vec<(String, Timestamp, Timestamp, &'static str, Value)>,
    default_sort: &str,
    default_order: &str,
) -> Result<Vec<Value>, ApiError> {
    let (created_after, created_before) = (input.time("CreationTimeAfter")?, input.time("CreationTimeBefore")?);
    let (modified_after, modified_before) = (
        input.time("LastModifiedTimeAfter")?,
        input.time("LastModifiedTimeBefore")?,
    );
    let contains = input.text("NameContains").map(str::to_ascii_lowercase);
    items.retain(|(name, created, modified, status, _)| {
        contains
            .as_ref()
            .is_none_or(|part| name.to_ascii_lowercase().contains(part.as_str()))
            && created_after.is_none_or(|limit| *created > limit)
            && created_before.is_none_or(|limit| *created < limit)
            && modified_after.is_none_or(|limit| *modified > limit)
            && modified_before.is_none_or(|limit| *modified < limit)
            && input.text("StatusEquals").is_none_or(|wanted| wanted == *status)
    });
    match input.text("SortBy").unwrap_or(default_sort) {
        "Name" => items.sort_by(|a, b| a.0.cmp(&b.0)),
        "Status" => items.sort_by(|a, b| (a.3, &a.0).cmp(&(b.3, &b.0))),
        "CreationTime" => items.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0))),
        other => {
            return Err(invalid(format!(
                "Value '{other}' at 'sortBy' failed to satisfy constraint"
            )));
        }
    }
    match input.text("SortOrder").unwrap_or(default_order) {
        "Ascending" => {}
        "Descending" => items.reverse(),
        other => {
            return Err(invalid(format!(
                "Value '{other}' at 'sortOrder' failed to satisfy constraint"
            )));
        }
    }
    Ok(items.into_iter().map(|item| item.4).collect())
}

impl Region {
    /// Answers one operation of the control plane.
    pub(crate) fn sagemaker_call(
        &mut self,
        ctx: &mut Ctx,
        operation: &str,
        input: Input<'_>,
    ) -> Result<Reply, ApiError> {
        match operation {
            "CreateModel" => self.create_model(ctx, input),
            "DescribeModel" => self.describe_model(input),
            "ListModels" => self.list_models(input),
            "DeleteModel" => self.delete_model(input),
            "CreateEndpointConfig" => self.create_config(ctx, input),
            "DescribeEndpointConfig" => self.describe_config(ctx, input),
            "ListEndpointConfigs" => self.list_configs(input),
            "DeleteEndpointConfig" => self.delete_config(ctx, input),
            "CreateEndpoint" => self.create_endpoint(ctx, input),
            "DescribeEndpoint" => self.describe_endpoint(ctx, input),
            "ListEndpoints" => self.list_endpoints(input),
            "UpdateEndpoint" => self.update_endpoint(ctx, input),
            "UpdateEndpointWeightsAndCapacities" => self.update_weights(ctx, input),
            "DeleteEndpoint" => self.delete_endpoint(ctx, input),
            "AddTags" => self.add_tags(input),
            "ListTags" => self.list_tags(input),
            "DeleteTags" => self.delete_tags(input),
            "CreateInferenceComponent" => self.create_component(ctx, input),
            "DescribeInferenceComponent" => self.describe_component(ctx, input),
            "ListInferenceComponents" => self.list_components(ctx, input),
            "UpdateInferenceComponent" => self.update_component(ctx, input),
            "UpdateInferenceComponentRuntimeConfig" => self.update_component_runtime(ctx, input),
            "DeleteInferenceComponent" => self.delete_component(ctx, input),
            _ => Err(unknown_operation(
                crate::world::Service::SageMaker,
                operation,
                OPERATIONS,
            )),
        }
    }
}

/// Nothing to say.
fn done() -> Result<Reply, ApiError> {
    reply(json!({}))
}
