//! Which build of each image serves.
//!
//! SageMaker resolves the tag of an image when the model or the component is made, and from then on pulls that digest,
//! wherever the tag goes. `DescribeEndpoint` and `DescribeInferenceComponent` tell it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Definition, Kind, components::specifications};

/// The digest that an image of a model or component was resolved to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Deployed {
    /// Of what.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The image as it is written there.
    pub image: String,
    /// `sha256:…`.
    pub digest: String,
}

/// What the variants of an endpoint serve (`DeployedImages` of `DescribeEndpoint`), by the models that its config names.
pub fn deployed(endpoint: &Value, config: &Value) -> Vec<Deployed> {
    let lists = ["ProductionVariants", "ShadowProductionVariants"];
    let variants = |of: &'_ Value| -> Vec<Value> {
        let lists = lists.iter().filter_map(|list| of.get(list)?.as_array().cloned());
        lists.flatten().collect()
    };
    let declared = variants(config);
    let mut found = vec![];
    for variant in variants(endpoint) {
        let same = |one: &&Value| one.get("VariantName") == variant.get("VariantName");
        let model = declared
            .iter()
            .find(same)
            .and_then(|one| one.get("ModelName")?.as_str());
        let images = variant.get("DeployedImages").and_then(Value::as_array);
        if let (Some(model), Some(images)) = (model, images) {
            found.extend(images.iter().filter_map(|image| resolved(Kind::Model, model, image)));
        }
    }
    found
}

/// What the containers of an inference component serve, as `DescribeInferenceComponent` answered.
pub fn deployed_by(name: &str, component: &Value) -> Vec<Deployed> {
    let images = specifications(component).into_iter();
    let images = images.filter_map(|of| resolved(Kind::Component, name, of.pointer("/Container/DeployedImage")?));
    images.collect()
}

fn resolved(kind: Kind, name: &str, image: &Value) -> Option<Deployed> {
    let text = |field: &str| image.get(field).and_then(Value::as_str);
    let (_, digest) = text("ResolvedImage")?.split_once('@')?;
    Some(Deployed {
        kind,
        name: name.to_owned(),
        image: text("SpecifiedImage")?.to_owned(),
        digest: digest.to_owned(),
    })
}

impl Definition {
    /// Notes which builds serve, as far as they are of what is in here.
    pub fn serves(&mut self, deployed: Vec<Deployed>) {
        let is_here = |one: &Deployed| {
            let mut documents = self.documents();
            documents.any(|(kind, document)| (kind, &document.name) == (one.kind, &one.name))
        };
        let mut deployed: Vec<Deployed> = deployed.into_iter().filter(is_here).collect();
        deployed.sort();
        deployed.dedup();
        self.deployed = deployed;
    }

    /// The digests that an image of a document was resolved to: several where a model was made again under its name.
    pub(in crate::backup) fn digests<'a>(
        &'a self,
        (kind, name): &'a (Kind, String),
        image: &'a str,
    ) -> impl Iterator<Item = &'a str> {
        let of = move |one: &&Deployed| (one.kind, &one.name, one.image.as_str()) == (*kind, name, image);
        self.deployed.iter().filter(of).map(|one| one.digest.as_str())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::backup::fixture;

    #[test]
    fn the_digest_that_serves_is_kept_by_model_and_by_the_name_that_it_was_written_under() {
        let image = "111122223333.dkr.ecr.us-east-1.amazonaws.com/fraud:1.4";
        let resolved = format!("{}@sha256:aa", image.trim_end_matches(":1.4"));
        let endpoint = json!({"ProductionVariants": [
            {"VariantName": "blue", "DeployedImages": [{"SpecifiedImage": image, "ResolvedImage": resolved}]},
            {"VariantName": "green", "DeployedImages": [{"SpecifiedImage": image, "ResolvedImage": image}]},
            {"VariantName": "of-another-config", "DeployedImages": [{"SpecifiedImage": image, "ResolvedImage": resolved}]},
        ]});
        let mut definition = fixture::definition();
        let found = deployed(&endpoint, &definition.config.body);
        let gone = json!({"Specification": {"Container": {
            "DeployedImage": {"SpecifiedImage": image, "ResolvedImage": resolved},
        }}});
        definition.serves([found, deployed_by("left-out", &gone)].concat());
        let expected = Deployed {
            kind: Kind::Model,
            name: "fraud-v1".into(),
            image: image.into(),
            digest: "sha256:aa".into(),
        };
        assert_eq!(definition.deployed, [expected]);
        let of = |name: &str| definition.digests(&(Kind::Model, name.to_owned()), image).count();
        assert_eq!((of("fraud-v1"), of("fraud-pipeline")), (1, 0));
    }

    #[test]
    fn a_component_tells_what_its_own_container_serves() {
        let one = json!({"SpecifiedImage": "r/chat:prod", "ResolvedImage": "r/chat@sha256:bb", "ResolutionTime": 1.0});
        let component = json!({"Specifications": [{"Container": {"DeployedImage": one}}, {"ModelName": "m"}]});
        let found = deployed_by("chat", &component);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].image.as_str(), found[0].digest.as_str()),
            ("r/chat:prod", "sha256:bb")
        );
    }
}
