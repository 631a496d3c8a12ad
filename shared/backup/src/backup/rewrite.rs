//! A definition as it has to be in another Region.
//!
//! Every string of every document is looked at. What is known to name something of the old Region is replaced by its like
//! in the new one; what cannot be, and every string of which nobody knows what it names but that it names something of the
//! old Region, is refused. All refusals come at once, each with its place and what to write in the fleet file: a
//! restore is no time for finding them one by one.

mod error;
mod laid;
mod text;

use std::collections::BTreeMap;

use serde_json::Value;

pub use self::{
    error::{Refused, RefusedAll},
    laid::{Here, fingerprint, laid_over},
};
use super::{
    definition::{Definition, Document, Kind, ScaledThing},
    images,
    references::{Form, Reference, artifacts, each_text_mut, references},
};
use crate::scaling::{ScalingRule, TrackedMetric};
pub use shared::backup::policy::Mappings;

/// What of the old Region becomes what of the new one.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The account whose endpoint it is.
    pub account: String,
    /// The Region of the endpoint.
    pub from: String,
    /// The Region of the backup.
    pub to: String,
    /// The copies of artifacts: S3 URIs as the documents write them, with their form, to where they were copied.
    pub copied: BTreeMap<(String, Form), String>,
    /// What the fleet file says.
    pub mappings: Mappings,
}

/// What is rewritten becomes these names. Those absent keep theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renames {
    /// `EndpointName`.
    pub endpoint: Option<String>,
    /// Models, configs and components by kind and old name.
    pub documents: BTreeMap<(Kind, String), String>,
}

/// The definition for the new Region, under the same names.
///
/// # Errors
/// Everything that cannot be rewritten.
pub fn rewrite(definition: &Definition, rules: &Rules) -> Result<Definition, RefusedAll> {
    let named: BTreeMap<(Kind, String, String), Reference> = references(definition)
        .into_iter()
        .map(|reference| {
            let (kind, name) = reference.document.clone();
            ((kind, name, reference.pointer.clone()), reference)
        })
        .collect();
    let mut refused = vec![];
    let mut moved = definition.clone();
    // They name what serves, and not what is to be made.
    moved.deployed.clear();
    for (kind, document) in moved.documents_mut() {
        let name = document.name.clone();
        each_text_mut(&mut document.body, &mut |pointer, value| {
            let Some(reference) = named.get(&(kind, name.clone(), pointer.to_owned())) else {
                return;
            };
            match text::rewritten(reference, rules) {
                Ok(new) => *value = new,
                Err((why, advice)) => refused.push(Refused {
                    place: reference.clone(),
                    why,
                    advice,
                }),
            }
        });
        without_etags(&mut document.body);
    }
    match refused.is_empty() {
        true => Ok(moved),
        false => Err(RefusedAll(refused)),
    }
}

/// The artifacts that have to be copied, with the places that name them: those that the rules do not take elsewhere.
pub fn to_copy(definition: &Definition, rules: &Rules) -> BTreeMap<(String, Form), Vec<Reference>> {
    let mut artifacts = artifacts(definition);
    artifacts.retain(|(uri, _), places| {
        let mapped = |place: &Reference| text::is_mapped(place, rules);
        text::elsewhere(uri, rules).is_none() && !places.iter().all(mapped)
    });
    artifacts
}

/// The ETag in an `S3DataSource` pins the very object; a copy has another.
fn without_etags(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_etags),
        Value::Object(fields) => {
            if let Some(Value::Object(source)) = fields.get_mut("S3DataSource") {
                source.remove("ETag");
                source.remove("ManifestEtag");
            }
            fields.values_mut().for_each(without_etags);
        }
        _ => {}
    }
}

/// The definition under other names: documents name each other, and scaling names the endpoint.
pub fn renamed(definition: &Definition, renames: &Renames) -> Definition {
    let mut renamed = definition.clone();
    let new = |kind: Kind, name: &str| renames.documents.get(&(kind, name.to_owned())).cloned();
    let old_endpoint = definition.endpoint.clone();
    let endpoint = renames.endpoint.clone().unwrap_or_else(|| old_endpoint.clone());
    for (kind, document) in renamed.documents_mut() {
        if let Some(name) = new(kind, &document.name) {
            document.name = name;
        }
        each_text_mut(&mut document.body, &mut |pointer, value| {
            let field = pointer.rsplit('/').next().unwrap_or_default();
            let becomes = match field {
                "ModelName" => new(Kind::Model, value),
                "EndpointConfigName" => new(Kind::Config, value),
                "InferenceComponentName" | "BaseInferenceComponentName" => new(Kind::Component, value),
                "EndpointName" if *value == old_endpoint => Some(endpoint.clone()),
                _ => None,
            };
            if let Some(name) = becomes.filter(|_| !pointer.contains("/Environment/")) {
                *value = name;
            }
        });
    }
    for scaled in &mut renamed.scaling {
        let mut of = vec![("EndpointName".to_owned(), old_endpoint.clone(), endpoint.clone())];
        if let ScaledThing::Component(component) = &mut scaled.of
            && let Some(name) = new(Kind::Component, component)
        {
            of.push(("InferenceComponentName".to_owned(), component.clone(), name.clone()));
            *component = name;
        }
        for policy in &mut scaled.scaling.policies {
            policy.alarms.clear();
            let ScalingRule::TargetTracking { metric, .. } = &mut policy.rule else {
                continue;
            };
            let dimensions: Vec<&mut (String, String)> = match metric {
                TrackedMetric::Predefined { .. } => continue,
                TrackedMetric::Customized { dimensions, .. } => dimensions.iter_mut().collect(),
                TrackedMetric::Math(queries) => queries
                    .iter_mut()
                    .filter_map(|query| query.metric.as_mut())
                    .flat_map(|metric| metric.dimensions.iter_mut())
                    .collect(),
            };
            for (name, value) in dimensions {
                if let Some((_, _, new)) = of.iter().find(|(field, old, _)| field == name && old == value) {
                    value.clone_from(new);
                }
            }
        }
    }
    renamed.endpoint = endpoint;
    renamed
}

/// Names of everything for an endpoint that must not be mistaken for another: each with this suffix.
pub fn apart(definition: &Definition, suffix: &str) -> Renames {
    let suffixed = |name: &str| super::names::suffixed(name, suffix);
    let documents = definition
        .documents()
        .map(|(kind, Document { name, .. })| ((kind, name.clone()), suffixed(name)));
    Renames {
        documents: documents.collect(),
        endpoint: Some(suffixed(&definition.endpoint)),
    }
}

#[cfg(test)]
mod tests;
