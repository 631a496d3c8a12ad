//! The SageMaker control plane: endpoints, their configs, their tags.
//!
//! Every change here is safe to repeat. When SageMaker refuses one because it is already so, or already on its way
//! (an earlier attempt took effect and its answer was lost), the call reads back and succeeds; when it is refused for
//! another reason it fails. Whether a change *ended well* is never known here: read the endpoint back later.

mod config;

use std::collections::BTreeMap;

use aws_sdk_sagemaker::{
    Client,
    operation::describe_endpoint::DescribeEndpointOutput,
    types::{DesiredWeightAndCapacity, ProductionVariantSummary, Tag},
};

use super::{Base, Bound, incomplete, timestamp};
use crate::{
    endpoint::{Endpoint, EndpointStatus, Listed, Variant},
    failure::{CallError, Failure},
};

pub use config::{ConfigVariant, EndpointConfig};

const SERVICE: &str = "sagemaker";

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

/// The SageMaker control plane in the function's Region.
#[derive(Clone, Debug)]
pub struct SageMaker {
    client: Client,
    bound: Bound,
}

impl SageMaker {
    /// A client on `base`.
    pub fn new(base: &Base) -> Self {
        let config = aws_sdk_sagemaker::config::Builder::from(&base.sdk).retry_partition(base.partition(SERVICE));
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

    /// `DescribeEndpoint`.
    ///
    /// # Errors
    /// [`Failure::NotFound`] when there is no such endpoint.
    pub async fn describe_endpoint(&self, name: &str) -> Result<Endpoint, CallError> {
        endpoint(&self.describe(name).await?)
    }

    async fn describe(&self, name: &str) -> Result<DescribeEndpointOutput, CallError> {
        let request = self.client.describe_endpoint().endpoint_name(name);
        self.bound.call(SERVICE, "DescribeEndpoint", request.send()).await
    }

    /// Every endpoint of the account in this Region, by name, without tags.
    ///
    /// # Errors
    /// What SageMaker says; there is no partial list.
    pub async fn list_endpoints(&self) -> Result<Vec<Listed>, CallError> {
        let operation = "ListEndpoints";
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let request = self.client.list_endpoints().max_results(100).set_next_token(token);
            let page = self.bound.call(SERVICE, operation, request.send()).await?;
            for summary in page.endpoints.unwrap_or_default() {
                found.push(Listed {
                    name: summary
                        .endpoint_name
                        .ok_or_else(|| incomplete(SERVICE, operation, "EndpointName"))?,
                    arn: summary
                        .endpoint_arn
                        .ok_or_else(|| incomplete(SERVICE, operation, "EndpointArn"))?,
                    status: summary
                        .endpoint_status
                        .map(|status| EndpointStatus::parse(status.as_str()))
                        .ok_or_else(|| incomplete(SERVICE, operation, "EndpointStatus"))?,
                    tags: None,
                });
            }
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        // An endpoint created while the pages are read can be listed twice.
        found.dedup_by(|a, b| a.name == b.name);
        Ok(found)
    }

    /// All tags of a resource.
    ///
    /// # Errors
    /// What SageMaker says.
    pub async fn list_tags(&self, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
        let mut tags = BTreeMap::new();
        let mut token = None;
        loop {
            let request = self.client.list_tags().resource_arn(arn).set_next_token(token);
            let page = self.bound.call(SERVICE, "ListTags", request.send()).await?;
            for tag in page.tags.unwrap_or_default() {
                if let (Some(key), Some(value)) = (tag.key, tag.value) {
                    tags.insert(key, value);
                }
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(tags);
            }
        }
    }

    /// `DescribeEndpointConfig`, with the tags.
    ///
    /// # Errors
    /// [`Failure::NotFound`] when there is no such config.
    pub async fn describe_endpoint_config(&self, name: &str) -> Result<EndpointConfig, CallError> {
        let operation = "DescribeEndpointConfig";
        let request = self.client.describe_endpoint_config().endpoint_config_name(name);
        let described = self.bound.call(SERVICE, operation, request.send()).await?;
        let arn = described
            .endpoint_config_arn()
            .ok_or_else(|| incomplete(SERVICE, operation, "EndpointConfigArn"))?;
        let tags = self.list_tags(arn).await?;
        Ok(EndpointConfig::new(described, tags))
    }

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

    /// Moves an endpoint to another config, keeping every variant's present instance count and weight.
    ///
    /// # Errors
    /// [`Failure::Busy`] when another change is under way.
    pub async fn update_endpoint(&self, endpoint: &str, config: &str) -> Result<Change, CallError> {
        let request = self
            .client
            .update_endpoint()
            .endpoint_name(endpoint)
            .endpoint_config_name(config)
            .retain_all_variant_properties(true);
        match self.bound.call(SERVICE, "UpdateEndpoint", request.send()).await {
            Ok(_) => Ok(Change::Begun),
            Err(error) if error.failure == Failure::Busy => {
                let now = self.describe(endpoint).await?;
                let pending = now
                    .pending_deployment_summary()
                    .and_then(|pending| pending.endpoint_config_name());
                already(
                    pending == Some(config) || now.endpoint_config_name() == Some(config),
                    error,
                )
            }
            Err(error) => Err(error),
        }
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
            return Err(CallError {
                service: SERVICE,
                operation,
                failure: Failure::Invalid,
                code: None,
                message: format!("not sent: {problem}"),
                request_id: None,
            });
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

fn already(so: bool, otherwise: CallError) -> Result<Change, CallError> {
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

fn endpoint(described: &DescribeEndpointOutput) -> Result<Endpoint, CallError> {
    let missing = |what| incomplete(SERVICE, "DescribeEndpoint", what);
    Ok(Endpoint {
        name: described
            .endpoint_name()
            .ok_or_else(|| missing("EndpointName"))?
            .to_owned(),
        arn: described
            .endpoint_arn()
            .ok_or_else(|| missing("EndpointArn"))?
            .to_owned(),
        config: described.endpoint_config_name().map(str::to_owned),
        status: described
            .endpoint_status()
            .map(|status| EndpointStatus::parse(status.as_str()))
            .ok_or_else(|| missing("EndpointStatus"))?,
        failure_reason: described.failure_reason().map(str::to_owned),
        created: described
            .creation_time()
            .and_then(timestamp)
            .ok_or_else(|| missing("CreationTime"))?,
        modified: described
            .last_modified_time()
            .and_then(timestamp)
            .ok_or_else(|| missing("LastModifiedTime"))?,
        variants: described
            .production_variants()
            .iter()
            .map(variant)
            .collect::<Result<_, _>>()?,
        asynchronous: described.async_inference_config().is_some(),
    })
}

fn variant(summary: &ProductionVariantSummary) -> Result<Variant, CallError> {
    let count = |count: i32| u32::try_from(count).unwrap_or(0);
    let name = summary
        .variant_name()
        .ok_or_else(|| incomplete(SERVICE, "DescribeEndpoint", "VariantName"))?;
    Ok(Variant {
        name: name.to_owned(),
        current_weight: f64::from(summary.current_weight().unwrap_or(0.0)),
        desired_weight: f64::from(summary.desired_weight().or(summary.current_weight()).unwrap_or(0.0)),
        current_instances: summary.current_instance_count().map(count),
        desired_instances: summary.desired_instance_count().map(count),
        serverless: summary
            .current_serverless_config()
            .or(summary.desired_serverless_config())
            .is_some(),
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

    #[test]
    fn an_endpoint_without_its_promised_fields_is_an_error_that_names_them() {
        let described = DescribeEndpointOutput::builder().endpoint_name("fraud").build();
        let error = endpoint(&described).expect_err("incomplete");
        assert_eq!(
            error.to_string(),
            "sagemaker:DescribeEndpoint failed (unknown): the answer has no EndpointArn, which the API promises"
        );
    }
}
