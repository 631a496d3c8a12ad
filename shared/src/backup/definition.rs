//! What an endpoint is made of, as AWS's own JSON: kept in a recovery point, and created again from it.
//!
//! A document is what `Describe…` answered, minus what only AWS can say (ARNs, times, statuses). No typed mirror stands in
//! between, so no field is lost, also none that is newer than this build.

mod asked;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    scaling::{Scaling, Suspended},
    text::printable,
};

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
    /// The number of the rollout that was at work on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<u64>,
}

/// Which variants serve, as far as another recovery point has to follow when it changes: not each step of a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serving {
    /// Those with a weight.
    pub any: BTreeSet<String>,
    /// The one with the largest.
    pub most: Option<String>,
}

/// An inference component that is in no recovery point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Its name.
    pub component: String,
    /// Why, as what follows "the inference component NAME".
    pub why: String,
}

/// An inference component as it was described.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// What it is.
    pub document: Document,
    /// `InferenceComponentStatus`.
    pub status: String,
    /// `FailureReason`.
    pub reason: Option<String>,
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

/// What Application Auto Scaling scales.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScaledThing {
    /// A variant of the endpoint, by name.
    Variant(String),
    /// An inference component, by name.
    Component(String),
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
        Ok(Self {
            name,
            body,
            tags: tags.into_iter().filter(|(key, _)| !key.starts_with("aws:")).collect(),
        })
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

    /// A rollout is at work on it, which suspended the scale-in of this variant: it is taken as it was suspended before,
    /// since in another Region nobody would end that.
    pub fn during_rollout(&mut self, number: u64, variant: &str, before: Option<Suspended>) {
        // Once only one of them is there, nothing of the traffic will move.
        self.during = (self.live.len() > 1).then_some(number);
        let Some(before) = before else { return };
        let of = ScaledThing::Variant(variant.to_owned());
        for scaled in self.scaling.iter_mut().filter(|scaled| scaled.of == of) {
            scaled.scaling.suspended = before;
        }
    }

    /// Which variants served.
    pub fn serving(&self) -> Serving {
        let weights = self.live.iter();
        Serving::of(weights.map(|live| (live.variant.as_str(), live.weight.unwrap_or_default())))
    }

    /// That a rollout was at work when it was described, and how the traffic was shared then, in words.
    pub fn during(&self) -> Option<String> {
        let number = self.during?;
        let weights: Vec<f64> = self.live.iter().map(|live| live.weight.unwrap_or_default()).collect();
        let whole: f64 = weights.iter().sum();
        let shares = self.live.iter().zip(&weights).map(|(live, weight)| {
            let share = if whole > 0.0 { weight / whole * 100.0 } else { 0.0 };
            format!("{} {share:.0}%", live.variant)
        });
        let shares: Vec<String> = shares.collect();
        Some(format!(
            "the point was made during rollout {number}, with the traffic shared as then: {}",
            shares.join(", ")
        ))
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

/// The specifications of a component: one, or one for each instance type.
fn specifications(component: &Value) -> Vec<&Value> {
    let one = component.get("Specification");
    let many = component.get("Specifications").and_then(Value::as_array);
    one.into_iter().chain(many.into_iter().flatten()).collect()
}

/// The component that a component is based on (`BaseInferenceComponentName`), by name.
pub fn base(component: &Value) -> Option<&str> {
    specifications(component)
        .into_iter()
        .find_map(|of| of.get("BaseInferenceComponentName")?.as_str())
}

impl Serving {
    /// Of variants with these weights.
    pub fn of<'a>(weights: impl Iterator<Item = (&'a str, f64)>) -> Self {
        let mut most: Option<(&str, f64)> = None;
        let mut any = BTreeSet::new();
        for (variant, weight) in weights.filter(|(_, weight)| *weight > 0.0) {
            any.insert(variant.to_owned());
            if most.is_none_or(|(_, largest)| weight > largest) {
                most = Some((variant, weight));
            }
        }
        Self {
            any,
            most: most.map(|(variant, _)| variant.to_owned()),
        }
    }
}

/// What of these components is kept, those that others are based on first, and what is left out: one that failed or is
/// being deleted serves nothing, and made again in another Region it would fail, or be one that nobody wants. What is based
/// on it goes with it.
pub fn kept(components: Vec<Described>) -> (Vec<Document>, Vec<LeftOut>) {
    let mut left_out: Vec<LeftOut> = components
        .iter()
        .filter(|described| matches!(described.status.as_str(), "Failed" | "Deleting"))
        .map(|described| {
            let reason = described.reason.as_deref().map(|reason| format!(": {}", printable(reason, 300)));
            LeftOut {
                component: described.document.name.clone(),
                why: format!("is {}{}", described.status, reason.unwrap_or_default()),
            }
        })
        .collect();
    let mut kept = vec![];
    for document in bases_first(components.into_iter().map(|described| described.document).collect()) {
        let is_out = |name: &str| left_out.iter().any(|one| one.component == name);
        if is_out(&document.name) {
            continue;
        }
        match base(&document.body).filter(|base| is_out(base)) {
            None => kept.push(document),
            Some(base) => {
                let why = format!("is based on {base}");
                let component = document.name;
                left_out.push(LeftOut { component, why });
            }
        }
    }
    (kept, left_out)
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the inference component {} {}", self.component, self.why)
    }
}

/// Puts components after those that they are based on (`BaseInferenceComponentName`).
fn bases_first(components: Vec<Document>) -> Vec<Document> {
    let (mut based, mut sorted): (Vec<Document>, Vec<Document>) = components
        .into_iter()
        .partition(|component| base(&component.body).is_some());
    while !based.is_empty() {
        let there: Vec<String> = sorted.iter().map(|component| component.name.clone()).collect();
        let (ready, rest): (Vec<Document>, Vec<Document>) = based
            .into_iter()
            .partition(|component| base(&component.body).is_none_or(|base| there.iter().any(|one| one == base)));
        if ready.is_empty() {
            sorted.extend(rest);
            break;
        }
        sorted.extend(ready);
        based = rest;
    }
    sorted
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

    #[test]
    fn components_come_after_those_they_are_based_on_and_a_circle_loses_none() {
        let component = |name: &str, base: Option<&str>| Document {
            name: name.into(),
            body: json!({"Specification": {"BaseInferenceComponentName": base}}),
            tags: BTreeMap::new(),
        };
        let sorted = bases_first(vec![
            component("adapter", Some("base")),
            component("a", Some("b")),
            component("b", Some("a")),
            component("base", None),
        ]);
        let names: Vec<&str> = sorted.iter().map(|component| component.name.as_str()).collect();
        assert_eq!(names, ["base", "adapter", "a", "b"]);
    }

    #[test]
    fn a_rollout_s_suspension_is_not_kept_and_its_shares_are_said() {
        let mut definition = crate::backup::fixture::definition();
        let held = Suspended {
            scale_in: true,
            ..Suspended::default()
        };
        definition.scaling[0].scaling.suspended = held;
        definition.live[0].weight = Some(9.0);
        definition.live[1].weight = Some(1.0);
        let mut other = definition.clone();
        definition.during_rollout(3, "blue", Some(Suspended::default()));
        assert_eq!(definition.scaling[0].scaling.suspended, Suspended::default());
        assert_eq!(
            definition.during().as_deref(),
            Some("the point was made during rollout 3, with the traffic shared as then: blue 90%, green 10%")
        );
        other.during_rollout(3, "blue", Some(held));
        assert_eq!(other.scaling[0].scaling.suspended, held, "somebody wants it so");
    }

    #[test]
    fn other_variants_serve_when_one_begins_ends_or_takes_the_lead_and_not_with_each_step() {
        let serving = |blue: f64, green: f64| Serving::of([("blue", blue), ("green", green)].into_iter());
        let steps = [(1.0, 0.0), (0.9, 0.1), (0.6, 0.4), (0.4, 0.6), (0.1, 0.9), (0.0, 1.0)];
        let changes = steps.windows(2).map(|pair| serving(pair[0].0, pair[0].1) != serving(pair[1].0, pair[1].1));
        assert_eq!(changes.collect::<Vec<_>>(), [true, false, true, false, true]);
    }

    #[test]
    fn a_component_that_serves_nothing_is_left_out_and_what_is_based_on_it_too() {
        let described = |name: &str, status: &str, base: Option<&str>| Described {
            document: Document {
                name: name.into(),
                body: json!({"Specification": {"BaseInferenceComponentName": base}}),
                tags: BTreeMap::new(),
            },
            status: status.into(),
            reason: (status == "Failed").then(|| "The container did not pass its health check.".into()),
        };
        let (kept, left_out) = kept(vec![
            described("adapter", "InService", Some("broken")),
            described("going", "Deleting", None),
            described("coming", "Creating", None),
            described("good", "InService", None),
            described("broken", "Failed", None),
        ]);
        let kept: Vec<&str> = kept.iter().map(|component| component.name.as_str()).collect();
        assert_eq!(kept, ["coming", "good"]);
        let said: Vec<String> = left_out.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "the inference component going is Deleting",
                "the inference component broken is Failed: The container did not pass its health check.",
                "the inference component adapter is based on broken",
            ]
        );
    }
}
