//! The SageMaker control plane: endpoints, their configs, their tags. What is read is here; what is changed is in
//! `change`.

mod change;
mod component;
mod config;
mod copies;
mod deployment;
mod document;
mod names;
mod recreate;
mod users;

use std::collections::BTreeMap;

use aws_sdk_sagemaker::{
    Client, operation::describe_endpoint::DescribeEndpointOutput, types::ProductionVariantSummary,
};

use super::{Base, Bound, incomplete, timestamp};
use crate::{
    endpoint::{Endpoint, EndpointStatus, Listed, Variant},
    failure::{CallError, Failure},
};

pub use change::{Change, VariantChange};
pub use config::EndpointConfig;
pub use document::{Document, Noun};

const SERVICE: &str = "sagemaker";

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

    /// Whether there is a model of this name.
    ///
    /// # Errors
    /// What SageMaker says.
    pub async fn has_model(&self, name: &str) -> Result<bool, CallError> {
        let request = self.client.describe_model().model_name(name);
        match self.bound.call(SERVICE, "DescribeModel", request.send()).await {
            Err(error) if error.failure == Failure::NotFound => Ok(false),
            described => described.map(|_| true),
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
        pending: described
            .pending_deployment_summary()
            .and_then(|pending| pending.endpoint_config_name())
            .map(str::to_owned),
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
