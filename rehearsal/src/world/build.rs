//! From the description of a world to the world at its start: everything stands, nothing has happened yet.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use steward::endpoint::EndpointStatus;

use crate::world::{
    SpecProblem, WorldSpec,
    behaviour::Behaviour,
    contents::Contents,
    region::{Ctx, Region, What},
    registry::{all_of, containers},
    runtime::asynchronous::Backlog,
    sagemaker::{
        Component, Config, ConfigVariant, Endpoint, Model, Variant,
        lifecycle::{Change, Fleet},
    },
    sns::Topic,
    spec::{EndpointSpec, ModelSpec, RegionSpec, TrafficSpec, VariantSpec, check::endpoint_names},
    traffic::{Demand, Minute},
};

mod account;
mod alarms;
mod config;
mod scaling;

use config::{config_input, define};
use scaling::Scaled;

/// An endpoint without variants gets this one, as SageMaker's own examples name it.
const ONLY_VARIANT: &str = "AllTraffic";

/// Every Region of `spec`.
pub(crate) fn regions(ctx: &mut Ctx, spec: &WorldSpec) -> Result<BTreeMap<String, Region>, Vec<SpecProblem>> {
    let mut problems = Vec::new();
    let mut regions = BTreeMap::new();
    for (name, region_spec) in &spec.regions {
        let mut region = Region {
            name: name.clone(),
            ..Region::default()
        };
        region.stand(ctx, region_spec, &mut problems);
        regions.insert(name.clone(), region);
    }
    let originals: BTreeMap<Contents, Behaviour> = regions.values().flat_map(Region::originals).collect();
    for region in regions.values_mut() {
        region.originals.clone_from(&originals);
    }
    for (index, incident) in spec.incidents.iter().enumerate() {
        let home = incident.region.clone().or_else(|| {
            let has = |region: &&String| match (&incident.endpoint, &incident.model) {
                (Some(endpoint), _) => regions[*region].endpoints.contains_key(endpoint),
                (None, Some(model)) => spec.regions[*region].models.contains_key(model),
                (None, None) => true,
            };
            regions.keys().find(has).cloned()
        });
        if let Some(home) = home {
            ctx.schedule(ctx.start + incident.at.duration(), &home, What::Incident(index));
        }
    }
    if problems.is_empty() {
        Ok(regions)
    } else {
        Err(problems)
    }
}

impl Region {
    fn stand(&mut self, ctx: &mut Ctx, spec: &RegionSpec, problems: &mut Vec<SpecProblem>) {
        for topic in &spec.topics {
            let arn = self.arn(ctx, "sns", topic);
            self.topics.insert(arn, Topic::named(topic));
        }
        for image in &spec.images {
            self.stand_image(ctx, image);
        }
        self.keys = spec.keys.0.clone();
        for (name, model) in &spec.models {
            self.behaviours.insert(name.clone(), Behaviour::from(model));
            self.stand_model(ctx, name, model);
        }
        for (key, endpoint) in &spec.endpoints {
            for name in endpoint_names(key, endpoint) {
                self.stand_endpoint(ctx, &name, endpoint, problems);
            }
        }
        self.stand_account(ctx, spec, problems);
        self.stand_alarms(ctx, spec, problems);
    }

    fn stand_model(&mut self, ctx: &Ctx, name: &str, spec: &ModelSpec) {
        let image = spec.image.clone().unwrap_or_else(|| {
            format!(
                "{}.dkr.ecr.{}.amazonaws.com/{}:1",
                ctx.account,
                self.name,
                name.to_ascii_lowercase()
            )
        });
        let artifact = spec
            .artifact
            .clone()
            .unwrap_or_else(|| format!("s3://models-{}/{name}/model.tar.gz", self.name));
        let mut input = json!({
            "ModelName": name,
            "PrimaryContainer": {"Image": image, "Mode": "SingleModel", "ModelDataUrl": artifact, "Environment": {}},
            "ExecutionRoleArn": format!("arn:aws:iam::{}:role/inference", ctx.account),
        });
        if let Value::Object(members) = &mut input {
            if spec.define.0.contains_key("Containers") {
                members.remove("PrimaryContainer");
            }
            members.extend(spec.define.0.clone());
        }
        // What stands at the start was there when it was made.
        let here: Vec<String> = containers(&input)
            .into_iter()
            .filter_map(|container| container["Image"].as_str().map(str::to_owned))
            .collect();
        for image in here {
            self.stand_image(ctx, &image);
        }
        let made = ctx.start - Duration::from_secs(7 * 86_400);
        let model = Model {
            arn: self.arn(ctx, "sagemaker", &format!("model/{}", name.to_ascii_lowercase())),
            created: made,
            images: all_of(self, &input, made),
            input,
            tags: spec.tags.0.clone(),
        };
        self.models.insert(name.to_owned(), model);
    }

    fn stand_endpoint(&mut self, ctx: &mut Ctx, name: &str, spec: &EndpointSpec, problems: &mut Vec<SpecProblem>) {
        let path = format!("regions.{}.endpoints.{name}", self.name);
        let only = BTreeMap::from([(ONLY_VARIANT.to_owned(), VariantSpec::default())]);
        let specs = if spec.variants.is_empty() {
            &only
        } else {
            &spec.variants
        };
        let variants: Vec<ConfigVariant> = specs
            .iter()
            .map(|(variant, it)| self.stand_variant(ctx, name, variant, it, spec))
            .collect();
        let config_name = spec.config.clone().unwrap_or_else(|| format!("{name}-1"));
        let since = ctx.start - spec.age.map_or(Duration::from_secs(86_400), |age| age.duration());
        let mut input = config_input(ctx, self, &config_name, &variants, spec.asynchronous.as_ref());
        define(&mut input, &spec.define.0);
        let fleet = Fleet {
            config: config_name.clone(),
            variants: variants.iter().map(Variant::new).collect(),
        };
        let asynchronous = Backlog::of(&input);
        let config = Config {
            arn: self.config_arn(ctx, &config_name),
            created: since,
            input,
            variants,
            tags: spec.config_tags.0.clone(),
        };
        self.configs.insert(config_name.clone(), config);
        let status = spec
            .status
            .and_then(crate::world::spec::Becomes::status)
            .unwrap_or(EndpointStatus::InService);
        let failed = status == EndpointStatus::Failed;
        let id = ctx.next();
        let endpoint = Endpoint {
            arn: self.endpoint_arn(ctx, name),
            status,
            config: config_name,
            created: since,
            modified: since,
            failure: failed.then(|| "The endpoint failed.".to_owned()),
            variants: fleet.variants.clone(),
            change: status.in_transition().then(|| Change::scripted(id, since, fleet)),
            green: None,
            updated: false,
            deployment: None,
            data_capture: None,
            asynchronous,
            tags: spec.tags.0.clone(),
            settled: ctx.start,
            rng: ctx.dice(&format!("{}/{name}", self.name)),
        };
        self.endpoints.insert(name.to_owned(), endpoint);
        let shape = spec.traffic.clone();
        let demand = Demand {
            usual: shape.clone(),
            shape,
            since: ctx.start,
        };
        if spec.traffic != TrafficSpec::None || !spec.components.is_empty() || spec.copies.is_none() {
            self.demand.insert(name.to_owned(), demand);
        }
        self.stand_components(ctx, name, specs, spec, problems);
        for (variant, it) in specs {
            if let Some(scaling) = &it.scaling {
                let path = format!("{path}.variants.{variant}.scaling");
                self.stand_scaling(ctx, Scaled::variant(name, variant), scaling, &path, problems);
            }
        }
    }

    fn stand_variant(
        &mut self,
        ctx: &Ctx,
        endpoint: &str,
        name: &str,
        spec: &VariantSpec,
        of: &EndpointSpec,
    ) -> ConfigVariant {
        let model = spec.model.clone().unwrap_or_else(|| own_model(endpoint, name));
        let behaviour = Behaviour::from(spec);
        if spec.model.is_some() {
            if behaviour != Behaviour::default() {
                let key = (endpoint.to_owned(), name.to_owned(), model.clone());
                self.overlays.insert(key, behaviour);
            }
        } else if of.components.is_empty() {
            self.behaviours.insert(model.clone(), behaviour);
            self.stand_model(ctx, &model, &ModelSpec::default());
        }
        ConfigVariant {
            name: name.to_owned(),
            model: if spec.model.is_none() && !of.components.is_empty() {
                String::new()
            } else {
                model
            },
            weight: spec.weight.unwrap_or(1.0),
            instances: spec.serverless.is_none().then(|| spec.instances.unwrap_or(1)),
            instance_type: match spec.serverless {
                Some(_) => String::new(),
                None => spec.instance_type.clone().unwrap_or_else(|| "ml.m5.xlarge".to_owned()),
            },
            serverless: spec.serverless.as_ref().map(|it| match it.provisioned {
                None => json!({"MemorySizeInMB": it.memory, "MaxConcurrency": it.concurrency}),
                Some(kept) => json!({
                    "MemorySizeInMB": it.memory, "MaxConcurrency": it.concurrency, "ProvisionedConcurrency": kept,
                }),
            }),
        }
    }

    fn stand_components(
        &mut self,
        ctx: &mut Ctx,
        endpoint: &str,
        variants: &BTreeMap<String, VariantSpec>,
        spec: &EndpointSpec,
        problems: &mut Vec<SpecProblem>,
    ) {
        for (name, component) in &spec.components {
            let model = component.model.clone().unwrap_or_else(|| name.clone());
            if component.model.is_none() {
                self.behaviours.insert(model.clone(), Behaviour::from(component));
                self.stand_model(ctx, &model, &ModelSpec::default());
            }
            let variant = component
                .variant
                .clone()
                .or_else(|| variants.keys().next().cloned())
                .unwrap_or_default();
            let copies = component.copies.unwrap_or(1);
            let standing = Component {
                arn: self.arn(
                    ctx,
                    "sagemaker",
                    &format!("inference-component/{}", name.to_ascii_lowercase()),
                ),
                endpoint: endpoint.to_owned(),
                variant,
                model: model.clone(),
                status: "InService",
                current: copies,
                desired: copies,
                created: ctx.start - Duration::from_secs(86_400),
                modified: ctx.start - Duration::from_secs(86_400),
                input: json!({
                    "InferenceComponentName": name,
                    "EndpointName": endpoint,
                    "Specification": {
                        "ModelName": model,
                        "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 1024},
                    },
                }),
                image: None,
                update: None,
                deployment: None,
                tags: BTreeMap::new(),
                minute: Minute::default(),
                without_capacity: 0.0,
                failure: None,
            };
            self.components.insert(name.clone(), standing);
            if let Some(scaling) = &component.scaling {
                let path = format!("regions.{}.endpoints.{endpoint}.components.{name}.scaling", self.name);
                self.stand_scaling(ctx, Scaled::component(name), scaling, &path, problems);
            }
        }
    }
}

/// The model of a variant that names none, within the 63 characters of a name.
fn own_model(endpoint: &str, variant: &str) -> String {
    let whole = format!("{endpoint}-{variant}");
    whole.get(..63).unwrap_or(&whole).trim_end_matches('-').to_owned()
}
