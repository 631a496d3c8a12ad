//! Changes to endpoints and their configs.
//!
//! Every change here is safe to repeat. When SageMaker refuses one because it is already so, or already on its way
//! (an earlier attempt took effect and its answer was lost), the call reads back and succeeds; when it is refused for
//! another reason it fails. Whether a change *ended well* is never known here: read the endpoint back later.

use std::collections::BTreeMap;

use aws_sdk_sagemaker::types::{DesiredWeightAndCapacity, Tag};

use super::{EndpointConfig, SERVICE, SageMaker, deployment};
use crate::{
    endpoint::{Endpoint, EndpointStatus},
    failure::{CallError, Failure},
    rollout::effect::{ConfigPlan, Deployment},
};

/// How a change was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// SageMaker has begun it.
    Begun,
    /// It is already so, or already on its way.
    Already,
}

/// What `UpdateEndpointWeightsAndCapacities` sets on one variant; what is `None` stays as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct VariantChange {
    /// `VariantName`.
    pub variant: String,
    /// `DesiredWeight`, 0 or more.
    pub weight: Option<f32>,
    /// `DesiredInstanceCount`.
    pub instances: Option<u32>,
}

impl SageMaker {
    /// Creates `config` again under a new name, tags included (`aws:` ones excepted, which nobody may set).
    ///
    /// # Errors
    /// [`Failure::AlreadyThere`] when a *different* config has that name.
    pub async fn clone_endpoint_config(&self, config: &EndpointConfig, name: &str) -> Result<Change, CallError> {
        let operation = "CreateEndpointConfig";
        let tags = config.tags.iter().filter(|(key, _)| !key.starts_with("aws:"));
        let tags: Vec<_> = tags
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect();
        let request = config.create(self.client.create_endpoint_config().endpoint_config_name(name));
        let request = request.set_tags((!tags.is_empty()).then_some(tags));
        match self.bound.call(SERVICE, operation, request.send()).await {
            Ok(_) => Ok(Change::Begun),
            Err(error) if error.failure == Failure::AlreadyThere => {
                let there = self.describe_endpoint_config(name).await?;
                if there.same_content(config) {
                    return Ok(Change::Already);
                }
                Err(CallError {
                    message: format!("{} It differs from {}.", error.message, config.name()),
                    ..error
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Creates the config of a plan.
    ///
    /// # Errors
    /// [`Failure::AlreadyThere`] when a *different* config has its name, [`Failure::NotFound`] when the config it is a
    /// copy of is gone, [`Failure::Invalid`], without a call, when that config has no such variant.
    pub async fn create_endpoint_config(&self, plan: &ConfigPlan) -> Result<Change, CallError> {
        let from = self.describe_endpoint_config(&plan.from).await?;
        let planned = from
            .planned(plan)
            .map_err(|problem| not_sent("CreateEndpointConfig", &problem))?;
        self.clone_endpoint_config(&planned, &plan.name).await
    }

    /// Deletes a config; one that is not there is as good as deleted. Nothing here keeps a live one from being deleted.
    ///
    /// # Errors
    /// What SageMaker says.
    pub async fn delete_endpoint_config(&self, name: &str) -> Result<Change, CallError> {
        let request = self.client.delete_endpoint_config().endpoint_config_name(name);
        match self.bound.call(SERVICE, "DeleteEndpointConfig", request.send()).await {
            Err(error) if error.failure == Failure::NotFound => Ok(Change::Already),
            sent => sent.map(|_| Change::Begun),
        }
    }

    /// Moves an endpoint to another config, keeping every variant's present instance count and weight; all at once, or
    /// by one of SageMaker's own deployments.
    ///
    /// # Errors
    /// [`Failure::Busy`] when another change is under way.
    pub async fn update_endpoint(
        &self,
        endpoint: &str,
        config: &str,
        deployment: Option<&Deployment>,
    ) -> Result<Change, CallError> {
        let operation = "UpdateEndpoint";
        let deployment = deployment.map(deployment::of_endpoint).transpose();
        let request = self
            .client
            .update_endpoint()
            .endpoint_name(endpoint)
            .endpoint_config_name(config)
            .retain_all_variant_properties(true)
            .set_deployment_config(deployment.map_err(|problem| not_sent(operation, &problem))?);
        match self.bound.call(SERVICE, operation, request.send()).await {
            Ok(_) => Ok(Change::Begun),
            // An attempt that took effect makes the next one be refused.
            Err(error) if matches!(error.failure, Failure::Busy | Failure::Invalid) => {
                let now = self.describe_endpoint(endpoint).await?;
                already(now.pending.or(now.config).as_deref() == Some(config), error)
            }
            Err(error) => Err(error),
        }
    }

    /// Sets weights by variant, and nothing else.
    ///
    /// # Errors
    /// As [`SageMaker::update_weights_and_capacities`].
    pub async fn set_weights(&self, endpoint: &str, weights: &BTreeMap<String, f64>) -> Result<Change, CallError> {
        let changes: Vec<VariantChange> = weights
            .iter()
            .map(|(variant, weight)| VariantChange {
                variant: variant.clone(),
                // SageMaker's weights are 32-bit floats.
                weight: Some(*weight as f32),
                instances: None,
            })
            .collect();
        self.update_weights_and_capacities(endpoint, &changes).await
    }

    /// Sets the instance count of one variant, and nothing else.
    ///
    /// # Errors
    /// As [`SageMaker::update_weights_and_capacities`].
    pub async fn set_instances(&self, endpoint: &str, variant: &str, count: u32) -> Result<Change, CallError> {
        let change = VariantChange {
            variant: variant.to_owned(),
            weight: None,
            instances: Some(count),
        };
        self.update_weights_and_capacities(endpoint, &[change]).await
    }

    /// Sets the weights of any variants and the instance count of at most one, in one call.
    ///
    /// # Errors
    /// [`Failure::Busy`] when another change is under way; [`Failure::Invalid`], without a call, for no change at all,
    /// a weight below zero, all weights of the call zero while it names several variants, or two instance counts.
    pub async fn update_weights_and_capacities(
        &self,
        endpoint: &str,
        changes: &[VariantChange],
    ) -> Result<Change, CallError> {
        let operation = "UpdateEndpointWeightsAndCapacities";
        if let Some(problem) = refused(changes) {
            return Err(not_sent(operation, problem));
        }
        let wanted = changes.iter().map(|change| {
            DesiredWeightAndCapacity::builder()
                .variant_name(&change.variant)
                .set_desired_weight(change.weight)
                .set_desired_instance_count(change.instances.map(|count| i32::try_from(count).unwrap_or(i32::MAX)))
                .build()
        });
        let request = self
            .client
            .update_endpoint_weights_and_capacities()
            .endpoint_name(endpoint)
            .set_desired_weights_and_capacities(Some(wanted.collect()));
        match self.bound.call(SERVICE, operation, request.send()).await {
            Ok(_) => Ok(Change::Begun),
            Err(error) if error.failure == Failure::Busy => {
                let now = self.describe_endpoint(endpoint).await?;
                already(changes.iter().all(|change| desired(&now, change)), error)
            }
            Err(error) => Err(error),
        }
    }

    /// Deletes an endpoint; one that is gone or going is as good as deleted.
    ///
    /// # Errors
    /// [`Failure::Busy`] when another change is under way.
    pub async fn delete_endpoint(&self, endpoint: &str) -> Result<Change, CallError> {
        let request = self.client.delete_endpoint().endpoint_name(endpoint);
        match self.bound.call(SERVICE, "DeleteEndpoint", request.send()).await {
            Ok(_) => Ok(Change::Begun),
            Err(error) if error.failure == Failure::NotFound => Ok(Change::Already),
            Err(error) if error.failure == Failure::Busy => match self.describe_endpoint(endpoint).await {
                Ok(now) => already(now.status == EndpointStatus::Deleting, error),
                Err(gone) if gone.failure == Failure::NotFound => Ok(Change::Already),
                Err(other) => Err(other),
            },
            Err(error) => Err(error),
        }
    }

    /// Creates an endpoint from a config.
    ///
    /// # Errors
    /// [`Failure::AlreadyThere`] when an endpoint of that name runs another config, [`Failure::Quota`] when there are
    /// no instances to be had.
    pub async fn create_endpoint(
        &self,
        endpoint: &str,
        config: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<Change, CallError> {
        let tags = tags.iter().filter(|(key, _)| !key.starts_with("aws:"));
        let tags: Vec<_> = tags
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect();
        let request = self
            .client
            .create_endpoint()
            .endpoint_name(endpoint)
            .endpoint_config_name(config)
            .set_tags((!tags.is_empty()).then_some(tags));
        match self.bound.call(SERVICE, "CreateEndpoint", request.send()).await {
            Ok(_) => Ok(Change::Begun),
            Err(error) if error.failure == Failure::AlreadyThere => {
                let now = self.describe_endpoint(endpoint).await?;
                let coming = matches!(now.status, EndpointStatus::Creating | EndpointStatus::InService);
                already(coming && now.config.as_deref() == Some(config), error)
            }
            Err(error) => Err(error),
        }
    }
}

/// The request is wrong before SageMaker has seen it.
pub(super) fn not_sent(operation: &'static str, problem: &str) -> CallError {
    CallError {
        service: SERVICE,
        operation,
        failure: Failure::Invalid,
        code: None,
        message: format!("not sent: {problem}"),
        request_id: None,
    }
}

pub(super) fn already(so: bool, otherwise: CallError) -> Result<Change, CallError> {
    if so { Ok(Change::Already) } else { Err(otherwise) }
}

fn refused(changes: &[VariantChange]) -> Option<&'static str> {
    let mut weights = changes.iter().filter_map(|change| change.weight);
    if changes.is_empty()
        || changes
            .iter()
            .any(|change| change.weight.is_none() && change.instances.is_none())
    {
        Some("a variant is named without a weight or an instance count to set")
    } else if !weights.clone().all(|weight| weight.is_finite() && weight >= 0.0) {
        Some("a weight must be a number of 0 or more")
    } else if weights.clone().count() > 1 && weights.all(|weight| weight == 0.0) {
        Some("the weights of all variants named are 0, which would leave the traffic nowhere to go")
    } else if changes.iter().filter(|change| change.instances.is_some()).count() > 1 {
        Some("SageMaker takes the instance count of only one variant in a call")
    } else {
        None
    }
}

fn desired(now: &Endpoint, change: &VariantChange) -> bool {
    now.variants.iter().any(|variant| {
        variant.name == change.variant
            && change
                .weight
                .is_none_or(|weight| variant.desired_weight == f64::from(weight))
            && change
                .instances
                .is_none_or(|count| variant.desired_instances == Some(count))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(variant: &str, weight: Option<f32>, instances: Option<u32>) -> VariantChange {
        VariantChange {
            variant: variant.into(),
            weight,
            instances,
        }
    }

    #[test]
    fn a_change_that_would_leave_traffic_nowhere_is_not_sent() {
        assert_eq!(
            refused(&[change("a", Some(0.0), None), change("b", Some(1.0), None)]),
            None
        );
        assert_eq!(refused(&[change("a", None, Some(2))]), None);
        let wrong: [&[VariantChange]; 6] = [
            &[],
            &[change("a", None, None)],
            &[change("a", Some(-1.0), None)],
            &[change("a", Some(f32::NAN), None)],
            &[change("a", Some(0.0), None), change("b", Some(0.0), None)],
            &[change("a", None, Some(1)), change("b", None, Some(1))],
        ];
        for changes in wrong {
            assert!(refused(changes).is_some(), "{changes:?}");
        }
    }
}
