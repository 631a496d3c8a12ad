//! Definitions as the API writes them: the JSON that a Describe call answered, and that a Create call is sent.
//!
//! The SDK's types know the members of their own release. A definition that was read through them and written again would
//! lose whatever is newer, and nobody would notice before it is needed. So the documents pass by the types: an interceptor
//! takes the body of the answer as it came, another puts the body of the request in place before it is signed. Endpoints,
//! signatures, retries and the classes of errors stay the SDK's.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut},
            dyn_dispatch_hint,
        },
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{body::SdkBody, config_bag::ConfigBag};
use serde_json::{Map, Value};

use super::{Change, SERVICE, SageMaker, change::not_sent};
use crate::{
    aws::incomplete,
    failure::{CallError, Failure},
};

/// Members by the names of the API model.
pub type Document = Map<String, Value>;

/// What a document defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Noun {
    /// A model.
    Model,
    /// An endpoint config.
    EndpointConfig,
    /// An endpoint.
    Endpoint,
    /// An inference component.
    InferenceComponent,
}

impl Noun {
    /// Every noun, in the order in which they are created.
    pub const ALL: [Self; 4] = [
        Self::Model,
        Self::EndpointConfig,
        Self::Endpoint,
        Self::InferenceComponent,
    ];

    /// The member that holds the name.
    pub fn name_member(self) -> &'static str {
        match self {
            Self::Model => "ModelName",
            Self::EndpointConfig => "EndpointConfigName",
            Self::Endpoint => "EndpointName",
            Self::InferenceComponent => "InferenceComponentName",
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Model => "DescribeModel",
            Self::EndpointConfig => "DescribeEndpointConfig",
            Self::Endpoint => "DescribeEndpoint",
            Self::InferenceComponent => "DescribeInferenceComponent",
        }
    }

    fn create(self) -> &'static str {
        match self {
            Self::Model => "CreateModel",
            Self::EndpointConfig => "CreateEndpointConfig",
            Self::Endpoint => "CreateEndpoint",
            Self::InferenceComponent => "CreateInferenceComponent",
        }
    }
}

/// Keeps the body of the last answer.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Option<Vec<u8>>>>);

#[dyn_dispatch_hint]
impl Intercept for Kept {
    fn name(&self) -> &'static str {
        "KeptAnswer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().map(<[u8]>::to_vec);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = body;
        Ok(())
    }
}

/// Sends this body instead of the one that the SDK wrote.
#[derive(Clone, Debug)]
struct Sent(Arc<[u8]>);

#[dyn_dispatch_hint]
impl Intercept for Sent {
    fn name(&self) -> &'static str {
        "SentDocument"
    }

    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        *request.body_mut() = SdkBody::from(self.0.to_vec());
        request.headers_mut().insert("content-length", self.0.len().to_string());
        Ok(())
    }
}

impl SageMaker {
    /// What a Describe call answers, with every member it has, also those that tell of the state (`CreationTime`,
    /// `ModelArn`) and are no definition. Tags are not among them.
    ///
    /// # Errors
    /// [`Failure::NotFound`] when there is nothing of that name.
    pub async fn document(&self, noun: Noun, name: &str) -> Result<Document, CallError> {
        let operation = noun.describe();
        let kept = Kept::default();
        let with = kept.clone();
        let bound = &self.bound;
        match noun {
            Noun::Model => {
                let request = self.client.describe_model().model_name(name).customize();
                let sent = bound.call(SERVICE, operation, request.interceptor(with).send());
                sent.await.map(drop)?;
            }
            Noun::EndpointConfig => {
                let request = self.client.describe_endpoint_config().endpoint_config_name(name);
                let request = request.customize().interceptor(with);
                bound.call(SERVICE, operation, request.send()).await.map(drop)?;
            }
            Noun::Endpoint => {
                let request = self.client.describe_endpoint().endpoint_name(name).customize();
                let sent = bound.call(SERVICE, operation, request.interceptor(with).send());
                sent.await.map(drop)?;
            }
            Noun::InferenceComponent => {
                let request = self.client.describe_inference_component();
                let request = request.inference_component_name(name).customize().interceptor(with);
                bound.call(SERVICE, operation, request.send()).await.map(drop)?;
            }
        }
        let body = kept.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let body = body.ok_or_else(|| incomplete(SERVICE, operation, "body"))?;
        serde_json::from_slice(&body).map_err(|_| incomplete(SERVICE, operation, "JSON object"))
    }

    /// Creates what a document defines; `Tags` may be among its members. Whether what exists under the name is what was
    /// to be created is not known when the answer is [`Failure::AlreadyThere`]: read it and compare.
    ///
    /// # Errors
    /// [`Failure::AlreadyThere`] when there is something of that name, [`Failure::Invalid`] also, without a call, when the
    /// document has no name, [`Failure::Quota`] when the account may have no more.
    pub async fn create(&self, noun: Noun, document: &Document) -> Result<(), CallError> {
        let operation = noun.create();
        let member = noun.name_member();
        let Some(name) = document.get(member).and_then(Value::as_str) else {
            return Err(not_sent(operation, &format!("the document has no {member}")));
        };
        let body = serde_json::to_vec(document)
            .map_err(|problem| not_sent(operation, &format!("the document cannot be written: {problem}")))?;
        let sent = Sent(body.into());
        let bound = &self.bound;
        match noun {
            Noun::Model => {
                let request = self.client.create_model().model_name(name).customize();
                let call = bound.call(SERVICE, operation, request.interceptor(sent).send());
                call.await.map(drop)
            }
            Noun::EndpointConfig => {
                let request = self.client.create_endpoint_config().endpoint_config_name(name);
                let request = request.customize().interceptor(sent);
                bound.call(SERVICE, operation, request.send()).await.map(drop)
            }
            Noun::Endpoint => {
                let request = self.client.create_endpoint().endpoint_name(name).customize();
                let call = bound.call(SERVICE, operation, request.interceptor(sent).send());
                call.await.map(drop)
            }
            Noun::InferenceComponent => {
                let request = self.client.create_inference_component();
                let request = request.inference_component_name(name).customize().interceptor(sent);
                bound.call(SERVICE, operation, request.send()).await.map(drop)
            }
        }
    }

    /// Deletes something; what is gone is as good as deleted. An endpoint or a component takes its time to go.
    ///
    /// # Errors
    /// [`Failure::Busy`] when an endpoint is in a transition.
    pub async fn delete(&self, noun: Noun, name: &str) -> Result<Change, CallError> {
        let bound = &self.bound;
        let deleted = match noun {
            Noun::Model => {
                let request = self.client.delete_model().model_name(name);
                bound.call(SERVICE, "DeleteModel", request.send()).await.map(drop)
            }
            Noun::EndpointConfig => return self.delete_endpoint_config(name).await,
            Noun::Endpoint => return self.delete_endpoint(name).await,
            Noun::InferenceComponent => {
                let request = self.client.delete_inference_component().inference_component_name(name);
                let sent = bound.call(SERVICE, "DeleteInferenceComponent", request.send());
                sent.await.map(drop)
            }
        };
        match deleted {
            Ok(()) => Ok(Change::Begun),
            Err(error) if error.failure == Failure::NotFound => Ok(Change::Already),
            Err(error) => Err(error),
        }
    }
}
