//! Inference components: read, and moved to another model.

use aws_sdk_sagemaker::{
    operation::describe_inference_component::DescribeInferenceComponentOutput,
    types::{
        InferenceComponentDataCacheConfig, InferenceComponentSpecification, InferenceComponentSpecificationSummary,
        InferenceComponentStatus,
    },
};

use super::{
    Change, SERVICE, SageMaker,
    change::{already, not_sent},
    deployment,
};
use crate::{
    aws::incomplete,
    failure::{CallError, Failure},
    rollout::{effect::Deployment, look::ComponentSeen},
};

impl SageMaker {
    /// `DescribeInferenceComponent`.
    ///
    /// # Errors
    /// [`Failure::NotFound`] when there is no such component.
    pub async fn describe_inference_component(&self, name: &str) -> Result<ComponentSeen, CallError> {
        let described = self.component(name).await?;
        let missing = |what| incomplete(SERVICE, "DescribeInferenceComponent", what);
        let runtime = described.runtime_config();
        Ok(ComponentSeen {
            endpoint: described
                .endpoint_name()
                .ok_or_else(|| missing("EndpointName"))?
                .to_owned(),
            variant: described.variant_name().unwrap_or_default().to_owned(),
            status: described
                .inference_component_status()
                .ok_or_else(|| missing("InferenceComponentStatus"))?
                .as_str()
                .to_owned(),
            failure: described.failure_reason().map(str::to_owned),
            model: model(&described),
            copies: runtime
                .and_then(|runtime| runtime.current_copy_count())
                .and_then(|count| u32::try_from(count).ok()),
        })
    }

    pub(super) async fn component(&self, name: &str) -> Result<DescribeInferenceComponentOutput, CallError> {
        let request = self
            .client
            .describe_inference_component()
            .inference_component_name(name);
        let sent = self.bound.call(SERVICE, "DescribeInferenceComponent", request.send());
        sent.await
    }

    /// Moves a component to another model, in batches; everything else of it stays.
    ///
    /// # Errors
    /// [`Failure::Busy`] when a change is under way, which may be that of an earlier attempt, [`Failure::Invalid`], without a call, when the component has
    /// no model of its own to replace.
    pub async fn update_inference_component(
        &self,
        name: &str,
        model: &str,
        deployment: &Deployment,
    ) -> Result<Change, CallError> {
        let operation = "UpdateInferenceComponent";
        let refused = |problem: String| not_sent(operation, &problem);
        let now = self.component(name).await?;
        let request = self
            .client
            .update_inference_component()
            .inference_component_name(name)
            .specification(specification(&now, model).map_err(refused)?)
            .deployment_config(deployment::of_component(deployment).map_err(refused)?);
        match self.bound.call(SERVICE, operation, request.send()).await {
            Ok(_) => Ok(Change::Begun),
            Err(error) if matches!(error.failure, Failure::Busy | Failure::Invalid) => {
                let now = self.component(name).await?;
                let coming = matches!(
                    now.inference_component_status(),
                    Some(InferenceComponentStatus::Updating | InferenceComponentStatus::InService)
                );
                already(coming && self::model(&now).as_deref() == Some(model), error)
            }
            Err(error) => Err(error),
        }
    }
}

fn model(described: &DescribeInferenceComponentOutput) -> Option<String> {
    let specification = described.specification()?;
    specification.model_name().map(str::to_owned)
}

fn specification(
    now: &DescribeInferenceComponentOutput,
    model: &str,
) -> Result<InferenceComponentSpecification, String> {
    let name = now.inference_component_name().unwrap_or_default();
    if !now.specifications().is_empty() {
        return Err(format!(
            "the inference component {name} has a specification for each instance type, which this build does not replace"
        ));
    }
    let now = now
        .specification()
        .filter(|now| now.model_name().is_some())
        .ok_or_else(|| {
            format!(
                "the inference component {name} names no model (its container is given directly, or it is an adapter of \
                 another one), so there is none to replace"
            )
        })?;
    Ok(moved(now, model))
}

/// The container of a component with a model is the model's own, so it does not move along.
fn moved(now: &InferenceComponentSpecificationSummary, model: &str) -> InferenceComponentSpecification {
    let cache = now.data_cache_config().map(|cache| {
        InferenceComponentDataCacheConfig::builder()
            .set_enable_caching(cache.enable_caching())
            .build()
    });
    InferenceComponentSpecification::builder()
        .set_instance_type(now.instance_type().cloned())
        .model_name(model)
        .set_startup_parameters(now.startup_parameters().cloned())
        .set_compute_resource_requirements(now.compute_resource_requirements().cloned())
        .set_base_inference_component_name(now.base_inference_component_name().map(str::to_owned))
        .set_data_cache_config(cache)
        .set_scheduling_config(now.scheduling_config().cloned())
        .build()
}

#[cfg(test)]
mod tests {
    use aws_sdk_sagemaker::types::InferenceComponentComputeResourceRequirements as Resources;

    use super::*;

    fn described(specification: InferenceComponentSpecificationSummary) -> DescribeInferenceComponentOutput {
        DescribeInferenceComponentOutput::builder()
            .inference_component_name("llm")
            .specification(specification)
            .build()
    }

    #[test]
    fn everything_but_the_model_stays() {
        let resources = Resources::builder().min_memory_required_in_mb(1024).build();
        let now = InferenceComponentSpecificationSummary::builder()
            .model_name("llm-1")
            .compute_resource_requirements(resources.clone())
            .build();
        let next = specification(&described(now), "llm-2").expect("has a model");
        assert_eq!(next.model_name(), Some("llm-2"));
        assert_eq!(next.compute_resource_requirements(), Some(&resources));
    }

    #[test]
    fn a_component_without_a_model_is_refused_by_name() {
        let now = InferenceComponentSpecificationSummary::builder().build();
        let problem = specification(&described(now), "llm-2").expect_err("no model");
        assert!(
            problem.starts_with("the inference component llm names no model"),
            "{problem}"
        );
    }
}
