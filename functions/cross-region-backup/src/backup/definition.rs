//! What an endpoint is made of, as this Region describes it now.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde_json::Value;
use steward::{
    aws::{
        autoscaling::Scaled,
        sagemaker::{Noun, SageMaker},
    },
    backup::{
        definition::{self, Definition, Described, Document, Kind, Live, ScaledThing, Serving, named_models},
        ledger::InForce,
    },
    failure::{CallError, Failure},
    trigger::moment,
};

use super::{
    Stop,
    held::{self, Held},
};
use crate::services::{Regional, Services};

/// Documents described at the same time.
const AT_ONCE: usize = 8;

/// Times that inference components are listed and described, where some go meanwhile.
const LOOKS: usize = 3;

/// An endpoint as it was described.
pub(super) struct Looked {
    pub(super) definition: Definition,
    /// Its `CreationTime`.
    pub(super) created: Option<Timestamp>,
}

/// What an endpoint serves now; `None` where nothing is in force.
///
/// # Errors
/// What SageMaker says.
pub(crate) async fn in_force(services: &Services<'_>, endpoint: &str) -> Result<Option<InForce>, CallError> {
    let sagemaker = services.looking(services.home()).sagemaker;
    let described = match sagemaker.describe_endpoint(endpoint).await {
        Ok(described) => described,
        Err(error) if error.failure == Failure::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let weights = described.variants.iter();
    let serving = Serving::of(weights.map(|variant| (variant.name.as_str(), variant.current_weight)));
    Ok(described.config.map(|config| InForce {
        config,
        created: Some(described.created),
        serving: Some(serving),
    }))
}

/// Describes an endpoint with everything that it is made of. `known`: it was backed up before.
pub(super) async fn look(services: &Services<'_>, endpoint: &str, known: bool) -> Result<Looked, Stop> {
    let region = services.looking(services.home());
    let sagemaker = &region.sagemaker;
    let described = match sagemaker.document(Noun::Endpoint, endpoint).await {
        Ok(described) => Value::Object(described),
        Err(error) if error.failure == Failure::NotFound => {
            let fleet = services.fleet().await;
            if let Some(unmade) = fleet.ok().and_then(|fleet| fleet.unmade(endpoint, services.home()))
                && !known
            {
                return Err(Stop::NotNow(format!("{endpoint} is {unmade}")));
            }
            return Err(Stop::Failed(format!(
                "There is no endpoint {endpoint}: make it, or take its `backup` section out of the fleet file."
            )));
        }
        Err(error) => return Err(error.into()),
    };
    serves(endpoint, text(&described, "EndpointStatus")?)?;
    let (config, components) = futures::try_join!(
        document(sagemaker, Kind::Config, text(&described, "EndpointConfigName")?),
        components(sagemaker, endpoint),
    )?;
    let mut deployed = definition::deployed(&described, &config.body);
    deployed.extend(components.iter().flat_map(|component| component.deployed.clone()));
    let (components, left_out) = definition::kept(components);
    for one in &left_out {
        tracing::warn!("not in the recovery point: {one}");
    }
    let names = named_models(&config.body, components.iter().map(|component| &component.body));
    let models = stream::iter(&names).map(|name| document(sagemaker, Kind::Model, name));
    let models: Vec<Document> = models.buffered(AT_ONCE).try_collect().await?;
    let tags = sagemaker.list_tags(text(&described, "EndpointArn")?).await?;
    let live = live(&described);
    let before = Held::look(services, endpoint, &tags).await;
    let scaling = scaling(&region, endpoint, &live, &components).await?;
    let mut definition = Definition {
        endpoint: endpoint.to_owned(),
        tags: tags.into_iter().filter(|(key, _)| !key.starts_with("aws:")).collect(),
        config,
        models,
        components,
        scaling,
        live,
        left_out,
        deployed: Vec::new(),
        during: None,
        unsure: Vec::new(),
    };
    definition.serves(deployed);
    let wakes = services.fleet().await.ok();
    let wakes = wakes.and_then(|fleet| fleet.wake_for(endpoint, Some(&definition.tags))?.variant);
    let live = definition.live.clone();
    let looks = [before, Held::look(services, endpoint, &definition.tags).await];
    held::undo(
        &mut definition,
        &looks,
        definition::sleeper(&live, wakes.as_deref()),
        services.now(),
    );
    Ok(Looked {
        definition,
        created: described.get("CreationTime").and_then(moment),
    })
}

/// What SageMaker would start another instance of an endpoint from.
pub(crate) struct Composed {
    /// Without tags, and without what scales it.
    pub(crate) definition: Definition,
    /// What of it SageMaker does not have any more: a live endpoint keeps nobody from deleting its config or models.
    pub(crate) lacking: Vec<(Kind, String)>,
}

/// Describes what an endpoint would be deployed from again, and no more: it is asked often. `None`: there is no such
/// endpoint.
pub(super) async fn compose(services: &Services<'_>, endpoint: &str) -> Result<Option<Composed>, Stop> {
    let sagemaker = &services.looking(services.home()).sagemaker;
    let described = match sagemaker.document(Noun::Endpoint, endpoint).await {
        Ok(described) => Value::Object(described),
        Err(error) if error.failure == Failure::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    serves(endpoint, text(&described, "EndpointStatus")?)?;
    let mut lacking = Vec::new();
    let name = text(&described, "EndpointConfigName")?;
    let config = match bare(sagemaker, Kind::Config, name).await? {
        Some(config) => config.document,
        None => {
            lacking.push((Kind::Config, name.to_owned()));
            Document {
                name: name.to_owned(),
                body: Value::Object(serde_json::Map::new()),
                tags: BTreeMap::new(),
            }
        }
    };
    let names = sagemaker.components_of(endpoint).await?;
    let components = stream::iter(&names).map(|name| bare(sagemaker, Kind::Component, name));
    let components: Vec<Option<Described>> = components.buffered(AT_ONCE).try_collect().await?;
    // One that went since it was listed is none of the endpoint's any more.
    let components: Vec<Described> = components.into_iter().flatten().collect();
    let mut deployed = definition::deployed(&described, &config.body);
    deployed.extend(components.iter().flat_map(|component| component.deployed.clone()));
    let (components, left_out) = definition::kept(components);
    let names = named_models(&config.body, components.iter().map(|component| &component.body));
    let models = stream::iter(&names).map(|name| bare(sagemaker, Kind::Model, name));
    let models: Vec<Option<Described>> = models.buffered(AT_ONCE).try_collect().await?;
    let gone = names.iter().zip(&models).filter(|(_, model)| model.is_none());
    lacking.extend(gone.map(|(name, _)| (Kind::Model, name.clone())));
    let mut definition = Definition {
        endpoint: endpoint.to_owned(),
        tags: BTreeMap::new(),
        config,
        models: models.into_iter().flatten().map(|model| model.document).collect(),
        components,
        scaling: Vec::new(),
        live: live(&described),
        left_out,
        deployed: Vec::new(),
        during: None,
        unsure: Vec::new(),
    };
    definition.serves(deployed);
    Ok(Some(Composed { definition, lacking }))
}

/// A document without its tags; `None`: there is none of that name.
async fn bare(sagemaker: &SageMaker, kind: Kind, name: &str) -> Result<Option<Described>, Stop> {
    let noun = match kind {
        Kind::Model => Noun::Model,
        Kind::Config => Noun::EndpointConfig,
        Kind::Component => Noun::InferenceComponent,
    };
    let described = match sagemaker.document(noun, name).await {
        Ok(described) => Value::Object(described),
        Err(error) if error.failure == Failure::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let field = |field: &str| described.get(field).and_then(Value::as_str).map(str::to_owned);
    let (status, reason) = (field("InferenceComponentStatus"), field("FailureReason"));
    let deployed = definition::deployed_by(name, &described);
    let document = Document::described(kind, described, BTreeMap::new()).map_err(Stop::Failed)?;
    Ok(Some(Described {
        document,
        status: status.unwrap_or_default(),
        reason,
        deployed,
    }))
}

/// What is backed up is what serves.
fn serves(endpoint: &str, status: &str) -> Result<(), Stop> {
    match status {
        "InService" | "Updating" | "SystemUpdating" | "RollingBack" | "UpdateRollbackFailed" => Ok(()),
        "Creating" | "Deleting" => Err(Stop::NotNow(format!("{endpoint} is {status}"))),
        _ => Err(Stop::Failed(format!(
            "{endpoint} is {status}: what is backed up is what serves, and it does not."
        ))),
    }
}

async fn document(sagemaker: &SageMaker, kind: Kind, name: &str) -> Result<Document, Stop> {
    let (noun, arn) = match kind {
        Kind::Model => (Noun::Model, "ModelArn"),
        Kind::Config => (Noun::EndpointConfig, "EndpointConfigArn"),
        Kind::Component => (Noun::InferenceComponent, "InferenceComponentArn"),
    };
    let described = match sagemaker.document(noun, name).await {
        Ok(described) => Value::Object(described),
        Err(error) if error.failure == Failure::NotFound => {
            let kind = kind.as_str();
            return Err(Stop::Failed(format!(
                "The {kind} {name} is gone: SageMaker cannot deploy the endpoint again, and nobody can say what it was made of."
            )));
        }
        Err(error) => return Err(error.into()),
    };
    let tags = sagemaker.list_tags(text(&described, arn)?).await?;
    Document::described(kind, described, tags).map_err(Stop::Failed)
}

/// Its inference components. Where one of them goes between being listed and being described, all are looked at again.
async fn components(sagemaker: &SageMaker, endpoint: &str) -> Result<Vec<Described>, Stop> {
    for _ in 0..LOOKS {
        let names = sagemaker.components_of(endpoint).await?;
        let described = stream::iter(&names).map(|name| component(sagemaker, name));
        let described: Vec<Option<Described>> = described.buffered(AT_ONCE).try_collect().await?;
        if let Some(all) = described.into_iter().collect() {
            return Ok(all);
        }
    }
    Err(Stop::Later(format!(
        "The inference components of {endpoint} come and go while they are described"
    )))
}

/// `None`: there is none of that name any more.
async fn component(sagemaker: &SageMaker, name: &str) -> Result<Option<Described>, Stop> {
    let described = match sagemaker.document(Noun::InferenceComponent, name).await {
        Ok(described) => Value::Object(described),
        Err(error) if error.failure == Failure::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let tags = match sagemaker.list_tags(text(&described, "InferenceComponentArn")?).await {
        Ok(tags) => tags,
        Err(error) if error.failure == Failure::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let status = text(&described, "InferenceComponentStatus")?.to_owned();
    let reason = described
        .get("FailureReason")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let deployed = definition::deployed_by(name, &described);
    let document = Document::described(Kind::Component, described, tags).map_err(Stop::Failed)?;
    Ok(Some(Described {
        document,
        status,
        reason,
        deployed,
    }))
}

/// The variants as they serve now.
fn live(described: &Value) -> Vec<Live> {
    let variants = described.get("ProductionVariants").and_then(Value::as_array);
    let variants = variants.into_iter().flatten().filter_map(|variant| {
        Some(Live {
            variant: variant.get("VariantName")?.as_str()?.to_owned(),
            weight: variant.get("CurrentWeight").and_then(Value::as_f64),
            instances: variant
                .get("CurrentInstanceCount")
                .and_then(Value::as_u64)
                .and_then(|count| u32::try_from(count).ok()),
        })
    });
    variants.collect()
}

async fn scaling(
    region: &Regional,
    endpoint: &str,
    live: &[Live],
    components: &[Document],
) -> Result<Vec<definition::Scaled>, Stop> {
    let of_variants = live.iter().flat_map(|live| {
        let (endpoint, variant) = (endpoint.to_owned(), live.variant.clone());
        let of = (endpoint.clone(), variant.clone());
        [
            Scaled::VariantInstances { endpoint, variant },
            Scaled::VariantConcurrency {
                endpoint: of.0,
                variant: of.1,
            },
        ]
    });
    let of_components = components.iter().map(|component| Scaled::ComponentCopies {
        component: component.name.clone(),
    });
    let wanted: Vec<Scaled> = of_variants.chain(of_components).collect();
    // Nothing wanted would mean everything there is.
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = BTreeMap::new();
    for target in region.autoscaling.scalable_targets(&wanted).await? {
        let Some(mut scaling) = region.autoscaling.scaling(&target.scaled).await? else {
            continue;
        };
        // A policy has another ARN wherever it is made again, and is the same policy.
        scaling.policies.iter_mut().for_each(|policy| policy.arn = None);
        let of = match &target.scaled {
            Scaled::VariantInstances { variant, .. } | Scaled::VariantConcurrency { variant, .. } => {
                ScaledThing::Variant(variant.clone())
            }
            Scaled::ComponentCopies { component } => ScaledThing::Component(component.clone()),
        };
        let dimension = target.scaled.dimension().to_owned();
        found.insert(
            (of.clone(), dimension.clone()),
            definition::Scaled { of, dimension, scaling },
        );
    }
    Ok(found.into_values().collect())
}

fn text<'a>(described: &'a Value, field: &str) -> Result<&'a str, Stop> {
    let found = described.get(field).and_then(Value::as_str);
    found.ok_or_else(|| Stop::Later(format!("SageMaker's description has no {field}")))
}
