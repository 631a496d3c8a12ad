//! An endpoint config, whole: everything needed to create it again under another name.

use std::{collections::BTreeMap, fmt};

use aws_sdk_sagemaker::{
    operation::{
        create_endpoint_config::builders::CreateEndpointConfigFluentBuilder,
        describe_endpoint_config::DescribeEndpointConfigOutput,
    },
    types::{InstancePool, ProductionVariant, ProductionVariantInstanceType},
};

use crate::rollout::{
    effect::{ConfigPlan, VariantPlan},
    look::{ConfigSeen, ConfigVariantSeen},
};

/// What `DescribeEndpointConfig` said, kept as it came, with the tags.
#[derive(Clone, PartialEq)]
pub struct EndpointConfig {
    described: DescribeEndpointConfigOutput,
    pub(super) tags: BTreeMap<String, String>,
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

    /// What decisions need of it.
    pub fn seen(&self) -> ConfigSeen {
        let variants = self.described.production_variants().iter();
        let variants = variants.map(|variant| ConfigVariantSeen {
            name: variant.variant_name().unwrap_or_default().to_owned(),
            model: variant.model_name().map(str::to_owned),
            instance_type: variant.instance_type().map(|kind| kind.as_str().to_owned()),
            instances: variant
                .initial_instance_count()
                .and_then(|count| u32::try_from(count).ok()),
            weight: f64::from(variant.initial_variant_weight().unwrap_or(1.0)),
            overridden: variant.instance_pools().iter().any(overridden),
        });
        ConfigSeen {
            variants: variants.collect(),
            shadowed: !self.described.shadow_production_variants().is_empty(),
            tags: self.tags.clone(),
        }
    }

    /// The same config with other production variants. `Err` says what of the plan cannot be had.
    pub(super) fn planned(&self, plan: &ConfigPlan) -> Result<Self, String> {
        let variants = plan.variants.iter().map(|variant| self.variant(variant));
        let mut planned = self.clone();
        planned.described.production_variants = Some(variants.collect::<Result<_, _>>()?);
        Ok(planned)
    }

    fn variant(&self, plan: &VariantPlan) -> Result<ProductionVariant, String> {
        let mut all = self.described.production_variants().iter();
        let like = all.find(|variant| variant.variant_name() == Some(&plan.like));
        let mut variant = like
            .ok_or_else(|| format!("the config {} has no variant {}", self.name(), plan.like))?
            .clone();
        variant.variant_name = Some(plan.name.clone());
        // SageMaker's weights are 32-bit floats.
        variant.initial_variant_weight = Some(plan.weight as f32);
        if let Some(model) = &plan.model {
            if variant.instance_pools().iter().any(overridden) {
                return Err(format!(
                    "the variant {} names other models in its InstancePools, which this build does not replace",
                    plan.like
                ));
            }
            variant.model_name = Some(model.clone());
        }
        if let Some(kind) = &plan.instance_type {
            variant.instance_type = Some(ProductionVariantInstanceType::from(kind.as_str()));
            variant.instance_pools = None;
        }
        if let Some(count) = plan.instances {
            variant.initial_instance_count = Some(i32::try_from(count).unwrap_or(i32::MAX));
        }
        Ok(variant)
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

fn overridden(pool: &InstancePool) -> bool {
    pool.model_name_override().is_some()
}

impl fmt::Debug for EndpointConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointConfig")
            .field("name", &self.name())
            .field("variants", &self.seen().variants)
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

    fn plan(variants: Vec<VariantPlan>) -> ConfigPlan {
        ConfigPlan {
            name: "b".into(),
            from: "a".into(),
            variants,
        }
    }

    fn like_blue(name: &str) -> VariantPlan {
        VariantPlan {
            name: name.into(),
            like: "blue".into(),
            model: None,
            instance_type: None,
            instances: None,
            weight: 1.0,
        }
    }

    #[test]
    fn a_planned_config_differs_in_what_the_plan_names_and_in_nothing_else() {
        let green = VariantPlan {
            model: Some("m-2".into()),
            instances: Some(3),
            weight: 0.0,
            ..like_blue("green")
        };
        let old = config("a", "m-1");
        let new = old.planned(&plan(vec![like_blue("blue"), green])).expect("possible");
        let [blue, green] = &new.seen().variants[..] else {
            panic!("{new:?}")
        };
        assert_eq!(
            (blue.model.as_deref(), blue.instances, blue.weight),
            (Some("m-1"), Some(2), 1.0)
        );
        assert_eq!(
            (green.model.as_deref(), green.instances, green.weight),
            (Some("m-2"), Some(3), 0.0)
        );
        assert_eq!(new.described.kms_key_id(), old.described.kms_key_id());
    }

    #[test]
    fn a_plan_that_copies_a_variant_that_is_not_there_is_refused_by_name() {
        let other = VariantPlan {
            like: "teal".into(),
            ..like_blue("green")
        };
        let problem = config("a", "m")
            .planned(&plan(vec![other]))
            .expect_err("no such variant");
        assert_eq!(problem, "the config a has no variant teal");
    }
}
