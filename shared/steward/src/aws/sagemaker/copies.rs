//! How many copies an inference component has, and which instances SageMaker tries for it: what waking needs.

use aws_sdk_sagemaker::types::InferenceComponentRuntimeConfig;

use super::{Change, SERVICE, SageMaker, change::already};
use crate::{
    aws::incomplete,
    failure::{CallError, Failure},
    wake::CopiesSeen,
};

impl SageMaker {
    /// The copies of an inference component, by `DescribeInferenceComponent`.
    ///
    /// # Errors
    /// [`Failure::NotFound`] when there is no such component.
    pub async fn copies(&self, name: &str) -> Result<CopiesSeen, CallError> {
        let described = self.component(name).await?;
        let missing = |what| incomplete(SERVICE, "DescribeInferenceComponent", what);
        let runtime = described.runtime_config();
        let count = |count: i32| u32::try_from(count).ok();
        Ok(CopiesSeen {
            endpoint: described
                .endpoint_name()
                .ok_or_else(|| missing("EndpointName"))?
                .to_owned(),
            status: described
                .inference_component_status()
                .ok_or_else(|| missing("InferenceComponentStatus"))?
                .as_str()
                .to_owned(),
            failure: described.failure_reason().map(str::to_owned),
            current: runtime.and_then(|runtime| runtime.current_copy_count()).and_then(count),
            desired: runtime.and_then(|runtime| runtime.desired_copy_count()).and_then(count),
        })
    }

    /// Sets the copies of an inference component, and nothing else.
    ///
    /// # Errors
    /// [`Failure::Busy`] when another change is under way, [`Failure::NotFound`] when there is no such component.
    pub async fn set_copies(&self, name: &str, count: u32) -> Result<Change, CallError> {
        let operation = "UpdateInferenceComponentRuntimeConfig";
        let wanted = InferenceComponentRuntimeConfig::builder()
            .copy_count(i32::try_from(count).unwrap_or(i32::MAX))
            .build();
        let request = self
            .client
            .update_inference_component_runtime_config()
            .inference_component_name(name)
            .desired_runtime_config(wanted);
        match self.bound.call(SERVICE, operation, request.send()).await {
            Ok(_) => Ok(Change::Begun),
            // An attempt that took effect makes the next one be refused.
            Err(error) if matches!(error.failure, Failure::Busy | Failure::Invalid) => {
                let now = self.copies(name).await?;
                already(now.desired == Some(count), error)
            }
            Err(error) => Err(error),
        }
    }

    /// The instance types of the pools of a config, the first choice first; of one variant, or of all. Empty when there
    /// are none.
    ///
    /// # Errors
    /// [`Failure::NotFound`] when there is no such config.
    pub async fn instance_pools(&self, config: &str, variant: Option<&str>) -> Result<Vec<String>, CallError> {
        let request = self.client.describe_endpoint_config().endpoint_config_name(config);
        let described = self
            .bound
            .call(SERVICE, "DescribeEndpointConfig", request.send())
            .await?;
        let variants = described.production_variants().iter();
        let mut pools: Vec<_> = variants
            .filter(|one| variant.is_none_or(|name| one.variant_name() == Some(name)))
            .flat_map(|one| one.instance_pools())
            .collect();
        pools.sort_by_key(|pool| pool.priority());
        let mut types: Vec<String> = Vec::new();
        for pool in pools {
            if let Some(kind) = pool.instance_type().map(|kind| kind.as_str().to_owned())
                && !types.contains(&kind)
            {
                types.push(kind);
            }
        }
        Ok(types)
    }
}
