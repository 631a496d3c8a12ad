//! The calls that change an endpoint, and what SageMaker refuses of them.

use serde_json::{Value, json};
use steward::endpoint::EndpointStatus;

use crate::world::{
    ApiError, Reply,
    api::{Input, reply},
    region::{Ctx, Region},
    runtime::asynchronous::Backlog,
    sagemaker::{
        Endpoint, Variant,
        configs::check_serverless,
        done,
        guardrails::{Guardrails, same_names},
        invalid,
        lifecycle::{Fleet, Kind},
        name_of, tags,
    },
};

/// What a change is called in a refusal.
#[derive(Clone, Copy, PartialEq)]
enum Verb {
    Update,
    Delete,
}

impl Region {
    /// Refuses a change that the endpoint's status does not allow.
    fn may_change(&self, ctx: &Ctx, name: &str, verb: Verb) -> Result<&Endpoint, ApiError> {
        let endpoint = self.endpoint(ctx, name)?;
        // SageMaker says "update" of a refused DeleteEndpoint, too.
        if endpoint.status.in_transition() {
            return Err(invalid(format!(
                "Cannot update in-progress endpoint \"{}\".",
                endpoint.arn
            )));
        }
        if endpoint.status == EndpointStatus::Failed && verb == Verb::Update {
            return Err(invalid(format!(
                "Cannot update endpoint \"{}\" in status Failed; a failed endpoint can only be deleted.",
                endpoint.arn
            )));
        }
        Ok(endpoint)
    }

    pub(super) fn create_endpoint(&mut self, ctx: &mut Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let name = name_of(input, "EndpointName")?;
        let config_name = name_of(input, "EndpointConfigName")?;
        let arn = self.endpoint_arn(ctx, name);
        if self.endpoints.contains_key(name) {
            return Err(invalid(format!("Cannot create already existing endpoint \"{arn}\".")));
        }
        let config = self.config(ctx, config_name)?;
        let variants: Vec<Variant> = config.variants.iter().map(Variant::new).collect();
        let deployment = input.get("DeploymentConfig").cloned();
        let guardrails = match &deployment {
            Some(deployment) => self.read_guardrails(input, deployment, &variants)?,
            None => Guardrails::default(),
        };
        let asynchronous = Backlog::of(&config.input);
        let goal = Fleet {
            config: config_name.to_owned(),
            variants: variants.clone(),
        };
        let endpoint = Endpoint {
            arn: arn.clone(),
            status: EndpointStatus::Creating,
            config: config_name.to_owned(),
            created: ctx.now,
            modified: ctx.now,
            failure: None,
            variants: variants.into_iter().map(without_instances).collect(),
            change: None,
            green: None,
            updated: false,
            deployment,
            data_capture: capture(&config.input),
            asynchronous,
            tags: tags::read(input, "Tags")?,
            settled: ctx.now,
            rng: ctx.dice(&format!("{}/{name}", self.name)),
        };
        self.endpoints.insert(name.to_owned(), endpoint);
        self.status_changed(ctx, name, None, None);
        self.begin(ctx, name, Kind::Create, goal, guardrails);
        reply(json!({"EndpointArn": arn}))
    }

    pub(crate) fn update_endpoint(&mut self, ctx: &mut Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let name = name_of(input, "EndpointName")?;
        let config_name = name_of(input, "EndpointConfigName")?;
        let endpoint = self.may_change(ctx, name, Verb::Update)?;
        let arn = endpoint.arn.clone();
        let config = self.config(ctx, config_name)?;
        self.config(ctx, &endpoint.config)?;
        if endpoint.config == config_name {
            return Err(invalid(format!(
                "Cannot update endpoint \"{arn}\" with the endpoint configuration it already uses, \"{config_name}\"."
            )));
        }
        let retain = input.flag("RetainAllVariantProperties");
        let mut excluded = Vec::new();
        for property in input.list("ExcludeRetainedVariantProperties") {
            let property = input.of(property)?.need("VariantPropertyType")?;
            match property {
                "DesiredInstanceCount" | "DesiredWeight" => excluded.push(property),
                "DataCaptureConfig" => {
                    return Err(invalid(
                        "Excluding the variant property DataCaptureConfig is not supported.",
                    ));
                }
                other => {
                    return Err(invalid(format!(
                        "VariantPropertyType {other} is none of DesiredInstanceCount, DesiredWeight, DataCaptureConfig."
                    )));
                }
            }
        }
        if !excluded.is_empty() && !retain {
            return Err(invalid(
                "ExcludeRetainedVariantProperties requires RetainAllVariantProperties.",
            ));
        }
        let mut goal = Fleet {
            config: config_name.to_owned(),
            variants: Vec::new(),
        };
        for wanted in &config.variants {
            let mut variant = Variant::new(wanted);
            if retain && let Some(live) = endpoint.variants.iter().find(|live| live.name == variant.name) {
                if !excluded.contains(&"DesiredInstanceCount") && variant.serverless.is_none() {
                    variant.desired_instances = live.desired_instances.or(variant.desired_instances);
                    variant.current_instances = variant.desired_instances;
                }
                if !excluded.contains(&"DesiredWeight") {
                    variant.desired_weight = live.desired_weight;
                    variant.current_weight = live.desired_weight;
                }
            }
            goal.variants.push(variant);
        }
        if goal.variants.iter().map(|variant| variant.desired_weight).sum::<f64>() <= 0.0 {
            return Err(invalid("The weights of the production variants must not all be 0."));
        }
        for live in &endpoint.variants {
            if !self.scaling.has_variant(name, &live.name) {
                continue;
            }
            let kept = goal.variants.iter().find(|variant| variant.name == live.name);
            if kept.is_none_or(|kept| kept.instance_type != live.instance_type) {
                return Err(invalid(format!(
                    "The variant \"{}\" of endpoint \"{arn}\" is registered with Application Auto Scaling: it cannot be \
                     removed, and its instance type cannot change. Deregister the scalable target first.",
                    live.name
                )));
            }
        }
        let deployment = match input.get("DeploymentConfig") {
            Some(deployment) => Some(deployment.clone()),
            None if input.flag("RetainDeploymentConfig") => endpoint.deployment.clone(),
            None => None,
        };
        let guardrails = match &deployment {
            Some(deployment) => {
                same_names(&endpoint.variants, &goal.variants)?;
                self.read_guardrails(input, deployment, &goal.variants)?
            }
            None => Guardrails::default(),
        };
        if let Some(endpoint) = self.endpoints.get_mut(name) {
            endpoint.deployment = deployment;
        }
        self.begin(ctx, name, Kind::Update, goal, guardrails);
        reply(json!({"EndpointArn": arn}))
    }

    pub(super) fn update_weights(&mut self, ctx: &mut Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let name = name_of(input, "EndpointName")?;
        let endpoint = self.may_change(ctx, name, Verb::Update)?;
        let arn = endpoint.arn.clone();
        let wanted = input.list("DesiredWeightsAndCapacities");
        if wanted.is_empty() {
            return Err(input.missing("DesiredWeightsAndCapacities"));
        }
        let mut goal = Fleet {
            config: endpoint.config.clone(),
            variants: endpoint.variants.clone(),
        };
        let asynchronous = endpoint.asynchronous.is_some();
        for item in wanted {
            let item = input.of(item)?;
            let variant_name = item.need("VariantName")?;
            let variant = goal
                .variants
                .iter_mut()
                .find(|variant| variant.name == variant_name)
                .ok_or_else(|| {
                    invalid(format!(
                        "Could not find variant \"{variant_name}\" of endpoint \"{arn}\"."
                    ))
                })?;
            if let Some(weight) = item.number("DesiredWeight") {
                if !(weight.is_finite() && weight >= 0.0) {
                    return Err(invalid(format!(
                        "DesiredWeight {weight} of variant {variant_name} is below 0."
                    )));
                }
                variant.desired_weight = weight;
            }
            if let Some(count) = item.count("DesiredInstanceCount")? {
                if variant.serverless.is_some() {
                    return Err(invalid(format!(
                        "Variant {variant_name} is serverless and has no instance count."
                    )));
                }
                if count == 0 && !asynchronous && !self.has_components(name) {
                    return Err(invalid(format!(
                        "DesiredInstanceCount of variant {variant_name} must be at least 1 for a real-time endpoint."
                    )));
                }
                variant.desired_instances = Some(count);
            }
            if let Some(update) = item.get("ServerlessUpdateConfig") {
                let Some(serverless) = &mut variant.serverless else {
                    return Err(invalid(format!(
                        "Variant {variant_name} is not serverless and takes no ServerlessUpdateConfig."
                    )));
                };
                let update = item.of(update)?;
                for member in ["MaxConcurrency", "ProvisionedConcurrency"] {
                    if let Some(wanted) = update.count(member)? {
                        serverless[member] = json!(wanted);
                    }
                }
                check_serverless(variant_name, serverless)?;
            }
        }
        if goal.variants.iter().map(|variant| variant.desired_weight).sum::<f64>() <= 0.0 {
            return Err(invalid("The weights of the production variants must not all be 0."));
        }
        self.begin(ctx, name, Kind::Capacity, goal, Guardrails::default());
        reply(json!({"EndpointArn": arn}))
    }

    pub(super) fn delete_endpoint(&mut self, ctx: &mut Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let name = name_of(input, "EndpointName")?;
        let endpoint = self.may_change(ctx, name, Verb::Delete)?;
        let goal = Fleet {
            config: endpoint.config.clone(),
            variants: Vec::new(),
        };
        self.begin(ctx, name, Kind::Delete, goal, Guardrails::default());
        done()
    }
}

/// The variant before any instance of it has come.
fn without_instances(mut variant: Variant) -> Variant {
    variant.current_instances = variant.current_instances.map(|_| 0);
    variant.current_weight = 0.0;
    variant
}

/// `DataCaptureConfigSummary` of a config's `DataCaptureConfig`.
pub(super) fn capture(config: &Value) -> Option<Value> {
    let capture = config.get("DataCaptureConfig")?;
    let on = capture.get("EnableCapture").and_then(Value::as_bool).unwrap_or(false);
    Some(json!({
        "EnableCapture": on,
        "CaptureStatus": if on { "Started" } else { "Stopped" },
        "CurrentSamplingPercentage": capture.get("InitialSamplingPercentage"),
        "DestinationS3Uri": capture.get("DestinationS3Uri"),
        "KmsKeyId": capture.get("KmsKeyId").cloned().unwrap_or_else(|| json!("")),
    }))
}
