//! An endpoint config, whole: everything needed to create it again under another name.

use std::{collections::BTreeMap, fmt};

use aws_sdk_sagemaker::operation::{
    create_endpoint_config::builders::CreateEndpointConfigFluentBuilder,
    describe_endpoint_config::DescribeEndpointConfigOutput,
};

/// What `DescribeEndpointConfig` said, kept as it came, with the tags.
#[derive(Clone, PartialEq)]
pub struct EndpointConfig {
    described: DescribeEndpointConfigOutput,
    pub(super) tags: BTreeMap<String, String>,
}

/// What decisions need of one production variant of a config.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigVariant {
    /// `VariantName`.
    pub name: String,
    /// `ModelName`; absent when the variant hosts inference components.
    pub model: Option<String>,
    /// `InstanceType`; absent for serverless.
    pub instance_type: Option<String>,
    /// `InitialInstanceCount`; absent for serverless.
    pub initial_instances: Option<u32>,
    /// `InitialVariantWeight`, 1 when not given.
    pub initial_weight: f64,
}

impl EndpointConfig {
    pub(super) fn new(described: DescribeEndpointConfigOutput, tags: BTreeMap<String, String>) -> Self {
        Self { described, tags }
    }

    /// `EndpointConfigName`.
    pub fn name(&self) -> &str {
        self.described.endpoint_config_name().unwrap_or_default()
    }

    /// The tags, `aws:` ones included.
    pub fn tags(&self) -> &BTreeMap<String, String> {
        &self.tags
    }

    /// `ProductionVariants`, in order.
    pub fn variants(&self) -> Vec<ConfigVariant> {
        let variants = self.described.production_variants().iter();
        variants
            .map(|variant| ConfigVariant {
                name: variant.variant_name().unwrap_or_default().to_owned(),
                model: variant.model_name().map(str::to_owned),
                instance_type: variant.instance_type().map(|kind| kind.as_str().to_owned()),
                initial_instances: variant
                    .initial_instance_count()
                    .and_then(|count| u32::try_from(count).ok()),
                initial_weight: f64::from(variant.initial_variant_weight().unwrap_or(1.0)),
            })
            .collect()
    }

    /// The two configs differ in nothing but name, ARN, age and tags.
    pub fn same_content(&self, other: &Self) -> bool {
        fn content(config: &EndpointConfig) -> impl PartialEq + '_ {
            let from = &config.described;
            (
                (
                    from.production_variants(),
                    from.shadow_production_variants(),
                    from.data_capture_config(),
                ),
                (
                    from.kms_key_id(),
                    from.async_inference_config(),
                    from.explainer_config(),
                    from.metrics_config(),
                ),
                (
                    from.execution_role_arn(),
                    from.vpc_config(),
                    from.enable_network_isolation().unwrap_or(false),
                ),
            )
        }
        content(self) == content(other)
    }

    /// Everything but the name and the tags.
    pub(super) fn create(&self, request: CreateEndpointConfigFluentBuilder) -> CreateEndpointConfigFluentBuilder {
        let from = self.described.clone();
        request
            .set_production_variants(from.production_variants)
            .set_data_capture_config(from.data_capture_config)
            .set_kms_key_id(from.kms_key_id)
            .set_async_inference_config(from.async_inference_config)
            .set_explainer_config(from.explainer_config)
            .set_shadow_production_variants(from.shadow_production_variants)
            .set_execution_role_arn(from.execution_role_arn)
            .set_vpc_config(from.vpc_config)
            .set_enable_network_isolation(from.enable_network_isolation)
            .set_metrics_config(from.metrics_config)
    }
}

impl fmt::Debug for EndpointConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointConfig")
            .field("name", &self.name())
            .field("variants", &self.variants())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sagemaker::{
        operation::create_endpoint_config::CreateEndpointConfigInput,
        types::{DataCaptureConfig, ProductionVariant, VpcConfig},
    };

    use super::*;

    fn config(name: &str, model: &str) -> EndpointConfig {
        let variant = ProductionVariant::builder()
            .variant_name("blue")
            .model_name(model)
            .initial_instance_count(2);
        let described = DescribeEndpointConfigOutput::builder()
            .endpoint_config_name(name)
            .production_variants(variant.build())
            .data_capture_config(DataCaptureConfig::builder().destination_s3_uri("s3://b/p").build())
            .kms_key_id("key")
            .vpc_config(VpcConfig::builder().subnets("subnet-1").build())
            .build();
        EndpointConfig::new(described, BTreeMap::new())
    }

    /// The names of the top-level fields in a pretty-printed `Debug`.
    fn fields(debug: &str) -> Vec<&str> {
        let lines = debug
            .lines()
            .filter(|line| line.starts_with("    ") && !line.starts_with("     "));
        lines
            .filter_map(|line| line.trim().split_once(':').map(|(name, _)| name))
            .collect()
    }

    #[test]
    fn a_clone_carries_every_field_the_sdk_knows() {
        let described = format!("{:#?}", DescribeEndpointConfigOutput::builder().build());
        let created = format!(
            "{:#?}",
            CreateEndpointConfigInput::builder()
                .build()
                .expect("no required fields")
        );
        let mut told = fields(&described);
        told.retain(|field| !matches!(*field, "endpoint_config_arn" | "creation_time" | "_request_id"));
        let mut taken = fields(&created);
        taken.retain(|field| *field != "tags");
        told.sort_unstable();
        taken.sort_unstable();
        assert_eq!(told, taken, "the SDK has a field that `create` does not know");
        insta::assert_snapshot!(told.join(" "), @"async_inference_config data_capture_config enable_network_isolation endpoint_config_name execution_role_arn explainer_config kms_key_id metrics_config production_variants shadow_production_variants vpc_config");
    }

    #[test]
    fn configs_are_the_same_when_only_their_names_differ() {
        assert!(config("a", "m").same_content(&config("b", "m")));
        assert!(!config("a", "m").same_content(&config("a", "n")));
    }
}
