//! `CreateEndpointConfig` and its kin.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::world::{
    ApiError, HappeningKind, Reply,
    api::{Input, epoch, page, reply},
    region::{Ctx, Region},
    sagemaker::{Config, ConfigVariant, done, invalid, listed, name_of, tags},
};

/// The limits of a `ServerlessConfig`.
pub(super) fn check_serverless(variant: &str, config: &Value) -> Result<(), ApiError> {
    let number = |member: &str| config.get(member).and_then(Value::as_u64);
    let memory = number("MemorySizeInMB").unwrap_or(0);
    if !(1024..=6144).contains(&memory) || memory % 1024 != 0 {
        return Err(invalid(format!(
            "MemorySizeInMB of variant {variant} must be 1024, 2048, 3072, 4096, 5120 or 6144, not {memory}."
        )));
    }
    let most = number("MaxConcurrency").unwrap_or(0);
    let provisioned = number("ProvisionedConcurrency");
    for (member, value) in [("MaxConcurrency", Some(most)), ("ProvisionedConcurrency", provisioned)] {
        if let Some(value) = value.filter(|value| !(1..=200).contains(value)) {
            return Err(invalid(format!(
                "{member} of variant {variant} must be between 1 and 200, not {value}."
            )));
        }
    }
    if provisioned.is_some_and(|provisioned| provisioned > most) {
        return Err(invalid(format!(
            "ProvisionedConcurrency of variant {variant} must be at most its MaxConcurrency of {most}."
        )));
    }
    Ok(())
}

/// The instance types of `InstancePools`, the first choice first.
pub(super) fn pools(variant: &Value) -> Vec<String> {
    let pools = variant["InstancePools"].as_array().into_iter().flatten();
    let mut pools: Vec<(u64, &str)> = pools
        .filter_map(|pool| {
            Some((
                pool["Priority"].as_u64().unwrap_or(u64::MAX),
                pool["InstanceType"].as_str()?,
            ))
        })
        .collect();
    pools.sort_by_key(|(priority, _)| *priority);
    pools.into_iter().map(|(_, kind)| kind.to_owned()).collect()
}

impl Region {
    pub(super) fn create_config(&mut self, ctx: &Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let name = name_of(input, "EndpointConfigName")?;
        let arn = self.config_arn(ctx, name);
        if self.configs.contains_key(name) {
            return Err(invalid(format!(
                "Cannot create already existing endpoint configuration \"{arn}\"."
            )));
        }
        let raw = input.list("ProductionVariants");
        if raw.is_empty() || raw.len() > 10 {
            return Err(invalid(format!(
                "{} production variants; 1 to 10 are accepted.",
                raw.len()
            )));
        }
        let mut variants = Vec::new();
        for variant in raw {
            variants.push(self.read_variant(input.of(variant)?)?);
        }
        for shadow in input.list("ShadowProductionVariants") {
            self.read_variant(input.of(shadow)?)?;
        }
        if !input.list("ShadowProductionVariants").is_empty()
            && (raw.len() != 1 || input.list("ShadowProductionVariants").len() != 1)
        {
            return Err(invalid(
                "Shadow mode takes exactly one production variant and one shadow variant.",
            ));
        }
        let names: BTreeSet<&str> = variants.iter().map(|variant| variant.name.as_str()).collect();
        if names.len() < variants.len() {
            return Err(invalid(
                "The variant names of an endpoint configuration must be unique.",
            ));
        }
        if variants.iter().map(|variant| variant.weight).sum::<f64>() <= 0.0 {
            return Err(invalid(
                "The sum of the initial variant weights must be greater than 0.",
            ));
        }
        if let Some(asynchronous) = input.get("AsyncInferenceConfig") {
            let output = input.of(asynchronous)?;
            let output = output.of(output
                .get("OutputConfig")
                .ok_or_else(|| input.missing("OutputConfig"))?)?;
            if output
                .text("S3OutputPath")
                .is_some_and(|path| !path.starts_with("s3://"))
            {
                return Err(invalid("S3OutputPath must be an S3 URI."));
            }
        }
        self.check_key_region("KmsKeyId", input.text("KmsKeyId"))?;
        let tags = tags::read(input, "Tags")?;
        let config = Config {
            arn: arn.clone(),
            created: ctx.now,
            input: tags::without(input, &["Tags"]),
            variants,
            tags,
        };
        self.configs.insert(name.to_owned(), config);
        reply(json!({"EndpointConfigArn": arn}))
    }

    fn read_variant(&self, input: Input<'_>) -> Result<ConfigVariant, ApiError> {
        let name = name_of(input, "VariantName")?.to_owned();
        let model = input.text("ModelName").unwrap_or_default().to_owned();
        if !model.is_empty() && !self.models.contains_key(&model) {
            return Err(invalid(format!("Could not find model \"{model}\".")));
        }
        let weight = input.number("InitialVariantWeight").unwrap_or(1.0);
        if !(weight.is_finite() && weight >= 0.0) {
            return Err(invalid(format!(
                "InitialVariantWeight {weight} of variant {name} is below 0."
            )));
        }
        let instances = input.count("InitialInstanceCount")?;
        let serverless = input.get("ServerlessConfig").cloned();
        let pools = pools(&Value::Object(input.all().clone()));
        let instance_type = input.text("InstanceType").or(pools.first().map(String::as_str));
        match (&serverless, instances, instance_type) {
            (None, Some(1..), Some(_)) => {}
            (None, Some(0), _) => {
                return Err(invalid(format!(
                    "InitialInstanceCount of variant {name} must be at least 1."
                )));
            }
            (None, ..) => {
                return Err(invalid(format!(
                    "Variant {name} needs InstanceType and InitialInstanceCount, or ServerlessConfig."
                )));
            }
            (Some(_), None, None) => {}
            (Some(_), ..) => {
                return Err(invalid(format!(
                    "Variant {name} cannot have both ServerlessConfig and instances."
                )));
            }
        }
        if let Some(serverless) = &serverless {
            check_serverless(&name, serverless)?;
        }
        let instance_type = instance_type.unwrap_or_default().to_owned();
        Ok(ConfigVariant {
            name,
            model,
            weight,
            instances,
            instance_type,
            serverless,
        })
    }

    pub(crate) fn config_arn(&self, ctx: &Ctx, name: &str) -> String {
        self.arn(
            ctx,
            "sagemaker",
            &format!("endpoint-config/{}", name.to_ascii_lowercase()),
        )
    }

    /// The config by this name.
    ///
    /// # Errors
    /// As SageMaker refuses one it cannot find.
    pub(super) fn config(&self, ctx: &Ctx, name: &str) -> Result<&Config, ApiError> {
        self.configs.get(name).ok_or_else(|| {
            invalid(format!(
                "Could not find endpoint configuration \"{}\".",
                self.config_arn(ctx, name)
            ))
        })
    }

    pub(super) fn describe_config(&self, ctx: &Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let config = self.config(ctx, name_of(input, "EndpointConfigName")?)?;
        let mut output = config.input.clone();
        output["EndpointConfigArn"] = json!(config.arn);
        output["CreationTime"] = epoch(config.created);
        reply(output)
    }

    pub(super) fn list_configs(&self, input: Input<'_>) -> Result<Reply, ApiError> {
        let items = self
            .configs
            .iter()
            .map(|(name, config)| {
                let output = json!({
                    "EndpointConfigName": name,
                    "EndpointConfigArn": config.arn,
                    "CreationTime": epoch(config.created),
                });
                (name.clone(), config.created, config.created, "", output)
            })
            .collect();
        reply(page(
            input,
            "EndpointConfigs",
            "MaxResults",
            10,
            listed(input, items, "CreationTime", "Descending")?,
        )?)
    }

    /// SageMaker accepts this also for a config in use, which then cannot be updated any more; so does the rehearsal, and
    /// says so in the timeline.
    pub(super) fn delete_config(&mut self, ctx: &mut Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let name = name_of(input, "EndpointConfigName")?;
        self.config(ctx, name)?;
        self.configs.remove(name);
        let users: Vec<&str> = self
            .endpoints
            .iter()
            .filter(|(_, endpoint)| {
                endpoint.config == name
                    || endpoint
                        .change
                        .as_ref()
                        .is_some_and(|change| change.goal.config == name)
            })
            .map(|(name, _)| name.as_str())
            .collect();
        if !users.is_empty() {
            let text = format!(
                "endpoint config {name} was deleted while in use by {}",
                users.join(", ")
            );
            ctx.tell(&self.name, HappeningKind::Incident { text });
        }
        done()
    }
}
