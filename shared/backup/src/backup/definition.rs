//! What an endpoint is made of, as AWS's own JSON: kept in a recovery point, and created again from it.
//!
//! A document is what `Describe…` answered, minus what only AWS can say (ARNs, times, statuses). No typed mirror stands in
//! between, so no field is lost, also none that is newer than this build.

mod asked;
mod components;
mod deployed;
mod serving;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::components::specifications;
pub use self::{
    components::{Described, LeftOut, base, kept},
    deployed::{Deployed, deployed, deployed_by},
    serving::{Serving, sleeper},
};
use super::references;
use crate::scaling::Scaling;

/// `ScalableDimension` of a variant's instances.
pub const INSTANCES: &str = "sagemaker:variant:DesiredInstanceCount";

/// Everything one endpoint is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// `EndpointName`.
    pub endpoint: String,
    /// Its tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The endpoint config in force.
    pub config: Document,
    /// Every model that the config or a component names, by name.
    pub models: Vec<Document>,
    /// Inference components, those that others are based on before them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Document>,
    /// How variants and components are scaled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scaling: Vec<Scaled>,
    /// The variants as they served, since autoscaling and weights move on from what the config says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub live: Vec<Live>,
    /// Inference components that the endpoint had, and that are not in here: what served nothing cannot be restored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// Which builds of its images serve. Earlier builds of Steward kept none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deployed: Vec<Deployed>,
    /// The number of the rollout that was at work on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<u64>,
    /// What Steward may have held of it for a time, which could not be looked up, and so may be in here: sentences for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsure: Vec<String>,
}

/// One model, endpoint config or inference component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Its name.
    pub name: String,
    /// The body of the `Create…` that makes it, without tags. What an earlier build kept of an answer and no `Create…`
    /// takes is left out when it is read.
    #[serde(deserialize_with = "asked::body")]
    pub body: Value,
    /// Its tags, without those of AWS (`aws:`), which nobody can set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// One scalable target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaled {
    /// What is scaled.
    pub of: ScaledThing,
    /// `ScalableDimension`, e.g. `sagemaker:variant:DesiredInstanceCount`.
    pub dimension: String,
    /// The whole of it.
    pub scaling: Scaling,
}

impl Scaled {
    /// It scales the instances of this variant, and not the concurrency of a serverless one.
    pub(super) fn counts_instances_of(&self, variant: &str) -> bool {
        let is_it = matches!(&self.of, ScaledThing::Variant(name) if name == variant);
        is_it && self.dimension == INSTANCES
    }
}

/// What Application Auto Scaling scales.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScaledThing {
    /// A variant of the endpoint, by name.
    Variant(String),
    /// An inference component, by name.
    Component(String),
}

impl fmt::Display for ScaledThing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variant(name) => write!(f, "variant {name}"),
            Self::Component(name) => write!(f, "component {name}"),
        }
    }
}

/// A variant as it served.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Live {
    /// `VariantName`.
    pub variant: String,
    /// `CurrentWeight`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// `CurrentInstanceCount`; absent for serverless variants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<u32>,
}

/// The kinds of documents, each with its `Describe…` and `Create…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// `CreateModel`.
    Model,
    /// `CreateEndpointConfig`.
    Config,
    /// `CreateInferenceComponent`.
    Component,
}

impl Kind {
    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Config => "endpoint config",
            Self::Component => "inference component",
        }
    }

    /// The field of its name.
    pub const fn name_field(self) -> &'static str {
        match self {
            Self::Model => "ModelName",
            Self::Config => "EndpointConfigName",
            Self::Component => "InferenceComponentName",
        }
    }

    /// What `Describe…` answers and `Create…` does not take.
    const fn answered_only(self) -> &'static [&'static str] {
        match self {
            Self::Model => &["ModelArn", "CreationTime", "DeploymentRecommendation"],
            Self::Config => &["EndpointConfigArn", "CreationTime"],
            Self::Component => &[
                "InferenceComponentArn",
                "EndpointArn",
                "InferenceComponentStatus",
                "FailureReason",
                "CreationTime",
                "LastModifiedTime",
                "LastDeploymentConfig",
            ],
        }
    }
}

impl Document {
    /// The document of what `Describe…` answered.
    ///
    /// # Errors
    /// What is missing from the answer.
    pub fn described(kind: Kind, answer: Value, tags: BTreeMap<String, String>) -> Result<Self, String> {
        let field = kind.name_field();
        let Value::Object(mut body) = answer else {
            return Err(format!("the description of the {} is no JSON object", kind.as_str()));
        };
        let Some(name) = body.get(field).and_then(Value::as_str).map(str::to_owned) else {
            return Err(format!("the description of the {} has no {field}", kind.as_str()));
        };
        for answered in kind.answered_only() {
            body.remove(*answered);
        }
        body.retain(|_, value| !value.is_null());
        if kind == Kind::Component {
            asked::component(&mut body);
        }
        let mut body = Value::Object(body);
        asked::model(&mut body);
        let mut document = Self {
            name,
            body,
            tags: tags.into_iter().filter(|(key, _)| !key.starts_with("aws:")).collect(),
        };
        references::as_uris(kind, &mut document);
        Ok(document)
    }

    /// The body of the `Create…`, tags included.
    pub fn request(&self) -> Value {
        let mut body = self.body.clone();
        if !self.tags.is_empty()
            && let Value::Object(body) = &mut body
        {
            let tags = self.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value}));
            body.insert("Tags".into(), tags.collect());
        }
        body
    }

    /// The text at a JSON pointer.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.body.pointer(pointer)?.as_str()
    }
}

impl Definition {
    /// Every document with its kind: in the order in which they have to be created.
    pub fn documents(&self) -> impl Iterator<Item = (Kind, &Document)> {
        let models = self.models.iter().map(|model| (Kind::Model, model));
        let components = self.components.iter().map(|component| (Kind::Component, component));
        models.chain([(Kind::Config, &self.config)]).chain(components)
    }

    /// The same, to change them.
    pub(super) fn documents_mut(&mut self) -> impl Iterator<Item = (Kind, &mut Document)> {
        let models = self.models.iter_mut().map(|model| (Kind::Model, model));
        let components = self.components.iter_mut().map(|component| (Kind::Component, component));
        models.chain([(Kind::Config, &mut self.config)]).chain(components)
    }

    /// Names of the models that the config and the components name, each once.
    pub fn named_models(&self) -> Vec<String> {
        named_models(
            &self.config.body,
            self.components.iter().map(|component| &component.body),
        )
    }
}

/// Names of the models that a config and components name, each once.
pub fn named_models<'a>(config: &'a Value, components: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    let variants = ["ProductionVariants", "ShadowProductionVariants"]
        .into_iter()
        .filter_map(|list| config.get(list)?.as_array())
        .flatten();
    let specifications = components.into_iter().flat_map(specifications);
    let mut names: Vec<String> = variants
        .chain(specifications)
        .filter_map(|of| of.get("ModelName")?.as_str())
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_becomes_the_request_that_makes_it_and_keeps_fields_nobody_knows() {
        let answer = json!({
            "ModelName": "fraud-v1",
            "ModelArn": "arn:aws:sagemaker:us-east-1:111122223333:model/fraud-v1",
            "CreationTime": 1_700_000_000.5,
            "PrimaryContainer": {"Image": "i", "FieldOfNextYear": {"Deep": [1, 2]}},
            "VpcConfig": null,
            "EnableNetworkIsolation": false,
        });
        let tags = [("team", "risk"), ("aws:cloudformation:stack-name", "ml")];
        let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let document = Document::described(Kind::Model, answer, tags).unwrap();
        assert_eq!(
            document.request(),
            json!({
                "ModelName": "fraud-v1",
                "PrimaryContainer": {"Image": "i", "FieldOfNextYear": {"Deep": [1, 2]}},
                "EnableNetworkIsolation": false,
                "Tags": [{"Key": "team", "Value": "risk"}],
            })
        );
    }

    #[test]
    fn a_component_is_turned_back_into_what_was_asked() {
        let answer = json!({
            "InferenceComponentName": "llm",
            "InferenceComponentArn": "arn",
            "EndpointName": "shared",
            "EndpointArn": "arn",
            "VariantName": "AllTraffic",
            "InferenceComponentStatus": "InService",
            "Specification": {
                "Container": {
                    "DeployedImage": {"SpecifiedImage": "image:1", "ResolvedImage": "image@sha256:aa", "ResolutionTime": 1.0},
                    "ArtifactUrl": "s3://models/llm.tar.gz",
                },
                "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 1024},
            },
            "RuntimeConfig": {"DesiredCopyCount": 2, "CurrentCopyCount": 1},
        });
        let document = Document::described(Kind::Component, answer, BTreeMap::new()).unwrap();
        assert_eq!(
            document.request(),
            json!({
                "InferenceComponentName": "llm",
                "EndpointName": "shared",
                "VariantName": "AllTraffic",
                "Specification": {
                    "Container": {"ArtifactUrl": "s3://models/llm.tar.gz", "Image": "image:1"},
                    "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 1024},
                },
                "RuntimeConfig": {"CopyCount": 2},
            })
        );
    }

    #[test]
    fn an_answer_without_a_name_is_refused() {
        let refused = Document::described(Kind::Config, json!({}), BTreeMap::new());
        assert_eq!(
            refused.unwrap_err(),
            "the description of the endpoint config has no EndpointConfigName"
        );
    }
}
