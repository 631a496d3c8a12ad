//! What restores and drills leave behind.

use std::collections::{BTreeMap, BTreeSet};

use steward::endpoint::EndpointStatus;

use super::region::Region;

/// The tag of everything that a restore or drill makes.
const MARK: &str = "steward:restored-by";

/// Everything of SageMaker's: kind, name, and whose restore or drill left it behind.
pub(super) fn definitions(region: &Region) -> Vec<(&'static str, String, Option<String>)> {
    let configs: BTreeSet<&str> = region
        .endpoints
        .values()
        .flat_map(|endpoint| {
            let green = endpoint.green.as_ref().map(|green| green.config.as_str());
            green.into_iter().chain([endpoint.config.as_str()])
        })
        .collect();
    let of_configs = region
        .configs
        .values()
        .flat_map(|config| config.variants.iter().map(|variant| variant.model.as_str()));
    let of_components = region.components.values().map(|component| component.model.as_str());
    let models: BTreeSet<&str> = of_configs.chain(of_components).collect();
    let model = |(name, model): (&String, &super::sagemaker::Model)| {
        ("model", name.clone(), left(&model.tags, models.contains(name.as_str())))
    };
    let config = |(name, config): (&String, &super::sagemaker::Config)| {
        let used = configs.contains(name.as_str());
        ("endpoint config", name.clone(), left(&config.tags, used))
    };
    let endpoint = |(name, endpoint): (&String, &super::sagemaker::Endpoint)| {
        let served = !matches!(endpoint.status, EndpointStatus::Failed | EndpointStatus::Creating);
        ("endpoint", name.clone(), left(&endpoint.tags, served))
    };
    let component = |(name, component): (&String, &super::sagemaker::Component)| {
        let served = region.endpoints.contains_key(&component.endpoint);
        ("inference component", name.clone(), left(&component.tags, served))
    };
    let models = region.models.iter().map(model);
    models
        .chain(region.configs.iter().map(config))
        .chain(region.endpoints.iter().map(endpoint))
        .chain(region.components.iter().map(component))
        .collect()
}

fn left(tags: &BTreeMap<String, String>, used: bool) -> Option<String> {
    let mark = tags.get(MARK)?;
    (!used || mark.contains("/drill-")).then(|| mark.clone())
}
