//! Application Auto Scaling: the scalable targets of SageMaker.

mod activities;
mod every;
mod nouns;
mod whole;

use aws_sdk_applicationautoscaling::{
    Client,
    types::{ScalableDimension, ServiceNamespace},
};

use super::{Base, Bound};
use crate::{failure::CallError, scaling::Suspended};

pub use every::Found;

const SERVICE: &str = "application-autoscaling";

/// What scales.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scaled {
    /// `sagemaker:variant:DesiredInstanceCount`.
    VariantInstances {
        /// `EndpointName`.
        endpoint: String,
        /// `VariantName`.
        variant: String,
    },
    /// `sagemaker:variant:DesiredProvisionedConcurrency` of a serverless variant.
    VariantConcurrency {
        /// `EndpointName`.
        endpoint: String,
        /// `VariantName`.
        variant: String,
    },
    /// `sagemaker:inference-component:DesiredCopyCount`.
    ComponentCopies {
        /// `InferenceComponentName`.
        component: String,
    },
}

impl Scaled {
    /// `ResourceId`.
    pub fn resource_id(&self) -> String {
        match self {
            Self::VariantInstances { endpoint, variant } | Self::VariantConcurrency { endpoint, variant } => {
                format!("endpoint/{endpoint}/variant/{variant}")
            }
            Self::ComponentCopies { component } => format!("inference-component/{component}"),
        }
    }

    /// `ScalableDimension`.
    pub fn dimension(&self) -> &'static str {
        match self {
            Self::VariantInstances { .. } => "sagemaker:variant:DesiredInstanceCount",
            Self::VariantConcurrency { .. } => "sagemaker:variant:DesiredProvisionedConcurrency",
            Self::ComponentCopies { .. } => "sagemaker:inference-component:DesiredCopyCount",
        }
    }

    /// Reads the pair back; `None` for what is not SageMaker's.
    pub fn parse(resource_id: &str, dimension: &str) -> Option<Self> {
        let parts: Vec<_> = resource_id.split('/').collect();
        let found = match parts[..] {
            ["endpoint", endpoint, "variant", variant] => {
                let (endpoint, variant) = (endpoint.to_owned(), variant.to_owned());
                if dimension == "sagemaker:variant:DesiredInstanceCount" {
                    Self::VariantInstances { endpoint, variant }
                } else {
                    Self::VariantConcurrency { endpoint, variant }
                }
            }
            ["inference-component", component] => Self::ComponentCopies {
                component: component.to_owned(),
            },
            _ => return None,
        };
        (found.dimension() == dimension).then_some(found)
    }
}

/// One registered scalable target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalableTarget {
    /// What scales.
    pub scaled: Scaled,
    /// `MinCapacity`.
    pub min: u32,
    /// `MaxCapacity`.
    pub max: u32,
    /// What of it is suspended.
    pub suspended: Suspended,
}

/// Application Auto Scaling in the function's Region.
#[derive(Clone, Debug)]
pub struct AutoScaling {
    client: Client,
    bound: Bound,
}

impl AutoScaling {
    /// A client on `base`.
    pub fn new(base: &Base) -> Self {
        let mut config =
            aws_sdk_applicationautoscaling::config::Builder::from(&base.sdk).retry_partition(base.partition(SERVICE));
        config.set_retry_config(base.few_calls());
        Self {
            client: Client::from_conf(config.build()),
            bound: base.bound(),
        }
    }

    /// The same, giving up at `deadline`.
    #[must_use]
    pub fn until(&self, deadline: jiff::Timestamp) -> Self {
        Self {
            client: self.client.clone(),
            bound: self.bound.until(deadline),
        }
    }

    /// The registered targets among `wanted`, or all of SageMaker's when `wanted` is empty.
    ///
    /// # Errors
    /// What the service says; there is no partial list.
    pub async fn scalable_targets(&self, wanted: &[Scaled]) -> Result<Vec<ScalableTarget>, CallError> {
        let mut ids: Vec<_> = wanted.iter().map(Scaled::resource_id).collect();
        ids.sort();
        ids.dedup();
        let mut found = Vec::new();
        // At most 50 ids are taken in a call. No ids at all means every target.
        let batches: Vec<_> = if ids.is_empty() {
            vec![None]
        } else {
            ids.chunks(50).map(Some).collect()
        };
        for batch in batches {
            let mut token = None;
            loop {
                let request = self
                    .client
                    .describe_scalable_targets()
                    .service_namespace(ServiceNamespace::Sagemaker)
                    .set_resource_ids(batch.map(<[_]>::to_vec))
                    .set_next_token(token);
                let page = self
                    .bound
                    .call(SERVICE, "DescribeScalableTargets", request.send())
                    .await?;
                found.extend(page.scalable_targets.unwrap_or_default().iter().filter_map(|target| {
                    let scaled = Scaled::parse(&target.resource_id, target.scalable_dimension.as_str())?;
                    let capacity = |capacity: i32| u32::try_from(capacity).unwrap_or(0);
                    let (min, max) = (capacity(target.min_capacity), capacity(target.max_capacity));
                    Some(ScalableTarget {
                        scaled,
                        min,
                        max,
                        suspended: nouns::suspended(target.suspended_state.as_ref()),
                    })
                }));
                token = page.next_token;
                if token.is_none() {
                    break;
                }
            }
        }
        found.retain(|target| wanted.is_empty() || wanted.contains(&target.scaled));
        Ok(found)
    }

    /// Registers a target or changes its range; what is `None` stays as it is. The present capacity is moved into the
    /// range by the service, so this also scales.
    ///
    /// # Errors
    /// What the service says.
    pub async fn register(&self, scaled: &Scaled, min: Option<u32>, max: Option<u32>) -> Result<(), CallError> {
        let capacity = |capacity: Option<u32>| capacity.map(|capacity| i32::try_from(capacity).unwrap_or(i32::MAX));
        let request = self
            .client
            .register_scalable_target()
            .service_namespace(ServiceNamespace::Sagemaker)
            .resource_id(scaled.resource_id())
            .scalable_dimension(ScalableDimension::from(scaled.dimension()))
            .set_min_capacity(capacity(min))
            .set_max_capacity(capacity(max));
        self.bound
            .call(SERVICE, "RegisterScalableTarget", request.send())
            .await
            .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scales_is_read_back_from_its_resource_id_and_dimension() {
        let (endpoint, variant) = ("fraud".to_owned(), "blue".to_owned());
        for scaled in [
            Scaled::VariantInstances {
                endpoint: endpoint.clone(),
                variant: variant.clone(),
            },
            Scaled::VariantConcurrency { endpoint, variant },
            Scaled::ComponentCopies {
                component: "llm".into(),
            },
        ] {
            assert_eq!(Scaled::parse(&scaled.resource_id(), scaled.dimension()), Some(scaled));
        }
        assert_eq!(
            Scaled::parse("inference-component/llm", "sagemaker:variant:DesiredInstanceCount"),
            None
        );
        assert_eq!(Scaled::parse("service/cluster/web", "ecs:service:DesiredCount"), None);
    }
}
