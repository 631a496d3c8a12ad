//! What there is, by name: for finding what belongs to a backup, and what a drill left behind.

use super::{Noun, SERVICE, SageMaker};
use crate::{aws::incomplete, failure::CallError};

/// Reads every page of a listing. Listings differ in nothing but their names.
macro_rules! every_page {
    ($self:ident, $operation:literal, $request:expr, $items:ident, $name:ident, $member:literal) => {{
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let request = $request.max_results(100).set_next_token(token);
            let page = $self.bound.call(SERVICE, $operation, request.send()).await?;
            for item in page.$items.unwrap_or_default() {
                let name = item.$name.ok_or_else(|| incomplete(SERVICE, $operation, $member))?;
                found.push(name);
            }
            token = page.next_token;
            if token.is_none() {
                break found;
            }
        }
    }};
}

impl SageMaker {
    /// The names of everything of a kind whose name contains `part` (letter case aside), in order.
    ///
    /// # Errors
    /// What SageMaker says; there is no partial list.
    pub async fn names(&self, noun: Noun, part: &str) -> Result<Vec<String>, CallError> {
        let part = (!part.is_empty()).then(|| part.to_owned());
        let client = &self.client;
        let mut found = match noun {
            Noun::Model => {
                let request = || client.list_models().set_name_contains(part.clone());
                every_page!(self, "ListModels", request(), models, model_name, "ModelName")
            }
            Noun::EndpointConfig => {
                let request = || client.list_endpoint_configs().set_name_contains(part.clone());
                every_page!(
                    self,
                    "ListEndpointConfigs",
                    request(),
                    endpoint_configs,
                    endpoint_config_name,
                    "EndpointConfigName"
                )
            }
            Noun::Endpoint => {
                let request = || client.list_endpoints().set_name_contains(part.clone());
                every_page!(
                    self,
                    "ListEndpoints",
                    request(),
                    endpoints,
                    endpoint_name,
                    "EndpointName"
                )
            }
            Noun::InferenceComponent => {
                let request = || client.list_inference_components().set_name_contains(part.clone());
                every_page!(
                    self,
                    "ListInferenceComponents",
                    request(),
                    inference_components,
                    inference_component_name,
                    "InferenceComponentName"
                )
            }
        };
        found.sort();
        // Something created while the pages are read can be listed twice.
        found.dedup();
        Ok(found)
    }

    /// Every inference component with the endpoint that it is on.
    ///
    /// # Errors
    /// What SageMaker says; there is no partial list.
    pub async fn placed_components(&self) -> Result<Vec<(String, String)>, CallError> {
        let operation = "ListInferenceComponents";
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let request = self
                .client
                .list_inference_components()
                .max_results(100)
                .set_next_token(token);
            let page = self.bound.call(SERVICE, operation, request.send()).await?;
            for component in page.inference_components.unwrap_or_default() {
                let missing = |what| incomplete(SERVICE, operation, what);
                found.push((
                    component
                        .inference_component_name
                        .ok_or_else(|| missing("InferenceComponentName"))?,
                    component.endpoint_name.ok_or_else(|| missing("EndpointName"))?,
                ));
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// The names of the inference components of an endpoint, in order.
    ///
    /// # Errors
    /// What SageMaker says; there is no partial list.
    pub async fn components_of(&self, endpoint: &str) -> Result<Vec<String>, CallError> {
        let request = || self.client.list_inference_components().endpoint_name_equals(endpoint);
        let mut found = every_page!(
            self,
            "ListInferenceComponents",
            request(),
            inference_components,
            inference_component_name,
            "InferenceComponentName"
        );
        found.sort();
        found.dedup();
        Ok(found)
    }
}
