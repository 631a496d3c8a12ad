//! What a plan makes, as the bodies of the calls that make it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    mark::marked,
    record::{Plan, Thing, ThingKind},
};
use crate::backup::definition::Document;

impl Plan {
    /// The things to make, in order, each with the body of its `Create…`.
    pub fn things(&self) -> Vec<(Thing, Value)> {
        let documents: Vec<(Thing, Document)> = self.documents();
        let marked = documents.into_iter().map(|(thing, mut document)| {
            document.tags = marked(&document.tags, &self.mark);
            (thing, document.request())
        });
        marked.collect()
    }

    /// The things to make, each with the tags that it had.
    pub(super) fn tagged(&self) -> impl Iterator<Item = (Thing, BTreeMap<String, String>)> {
        let documents = self.documents().into_iter();
        documents.map(|(thing, document)| (thing, document.tags))
    }

    /// In the order in which they have to be made: components need the endpoint.
    fn documents(&self) -> Vec<(Thing, Document)> {
        let definition = &self.definition;
        let endpoint = Document {
            name: definition.endpoint.clone(),
            body: json!({
                "EndpointName": definition.endpoint,
                "EndpointConfigName": definition.config.name,
            }),
            tags: definition.tags.clone(),
        };
        let mut all: Vec<(ThingKind, Document)> = definition
            .documents()
            .map(|(kind, document)| (kind.into(), document.clone()))
            .collect();
        let config = all.iter().position(|(kind, _)| *kind == ThingKind::Config);
        all.insert(config.map_or(all.len(), |at| at + 1), (ThingKind::Endpoint, endpoint));
        let named = all.into_iter().map(|(kind, document)| {
            let name = document.name.clone();
            (Thing { kind, name }, document)
        });
        named.collect()
    }
}
