//! How a change ends: the fleet is in place, or the endpoint failed, or it is gone.

use steward::endpoint::EndpointStatus;

use super::{Change, Fleet, Kind, tell_capacity};
use crate::world::{
    HappeningKind,
    region::{Ctx, Region},
    runtime::asynchronous::Backlog,
    sagemaker::{Variant, endpoints::capture},
    spec::{Cure, NextChange},
    traffic::Minute,
};

/// No instances to be had, in SageMaker's words.
pub(crate) const NO_CAPACITY: &str = "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. \
                           Please retry using a different ML instance type or after some time.";
/// The container never became healthy, in SageMaker's words.
const NO_PING: &str = "The primary container for production variant {variant} did not pass the ping health check. Please \
                       check CloudWatch logs for this endpoint.";

impl Region {
    pub(super) fn fail(&mut self, ctx: &mut Ctx, name: &str, change: &Change) {
        let reason = no_ping(change);
        if let Some(endpoint) = self.endpoints.get_mut(name) {
            endpoint.green = None;
        }
        self.end_change(name);
        self.set_status(ctx, name, EndpointStatus::Failed, Some(reason));
    }

    /// What the containers of a fleet lack to start: their model, or something of it, or the key of their volumes.
    fn cannot_start(&self, ctx: &Ctx, fleet: &Fleet) -> Option<String> {
        if !ctx.strict {
            return None;
        }
        let config = self.configs.get(&fleet.config).map(|config| &config.input);
        if let Some(key) = config.and_then(|config| config["KmsKeyId"].as_str()) {
            let state = self.key_named(key).and_then(|name| self.keys.get(name));
            if state.is_none_or(|key| !key.enabled || key.denied) {
                return Some(format!(
                    "The KMS key {key} cannot be used: it does not exist, is disabled, or its policy denies it."
                ));
            }
        }
        let names = fleet.variants.iter().map(|variant| &variant.model);
        names
            .filter(|name| !name.is_empty())
            .find_map(|name| match self.models.get(name) {
                Some(model) => self.what_is_missing(ctx, &model.input, Some(&model.images)),
                None => Some(format!("Could not find model \"{name}\".")),
            })
    }

    pub(super) fn finish(&mut self, ctx: &mut Ctx, name: &str, change: Change) {
        match (change.kind, change.fate) {
            (Kind::Delete, _) => self.vanish(ctx, name),
            (Kind::Create, None) if self.cannot_start(ctx, &change.goal).is_some() => {
                let reason = self.cannot_start(ctx, &change.goal);
                self.end_change(name);
                self.set_status(ctx, name, EndpointStatus::Failed, reason);
            }
            (Kind::Create, fate) if fate.is_some() || self.lacks_any(name) => {
                let reason = match fate {
                    None | Some(NextChange::LacksCapacity) => NO_CAPACITY.to_owned(),
                    Some(_) => no_ping(&change),
                };
                self.end_change(name);
                self.set_status(ctx, name, EndpointStatus::Failed, Some(reason));
            }
            (_, Some(_)) => {
                self.install(ctx, name, change.prior);
                self.end_change(name);
                self.set_status(ctx, name, EndpointStatus::InService, None);
            }
            (kind, None) => {
                let grown: Vec<String> = change
                    .goal
                    .variants
                    .iter()
                    .filter(|after| {
                        let before = change.prior.variants.iter().find(|before| before.name == after.name);
                        before.is_some_and(|before| after.desired_instances > before.current_instances)
                    })
                    .map(|variant| variant.name.clone())
                    .collect();
                self.install(ctx, name, change.goal);
                self.end_change(name);
                if kind == Kind::Update
                    && let Some(endpoint) = self.endpoints.get_mut(name)
                {
                    endpoint.updated = true;
                }
                match kind {
                    Kind::Update => self.cure(ctx, name, None, Cure::Redeploy),
                    Kind::Create => self.cure(ctx, name, None, Cure::Recreate),
                    Kind::Capacity => {
                        for variant in &grown {
                            self.cure(ctx, name, Some(variant), Cure::AddInstance);
                        }
                    }
                    Kind::Delete | Kind::Scripted => {}
                }
                self.set_status(ctx, name, EndpointStatus::InService, None);
            }
        }
    }

    /// Puts a fleet in place. What the old one did in this minute is published first.
    fn install(&mut self, ctx: &mut Ctx, name: &str, fleet: Fleet) {
        self.publish_minute(ctx, name);
        let config = self.configs.get(&fleet.config).map(|config| config.input.clone());
        let Some(endpoint) = self.endpoints.get_mut(name) else {
            return;
        };
        if endpoint.config != fleet.config
            && let Some(config) = &config
        {
            endpoint.data_capture = capture(config);
            endpoint.asynchronous = match (endpoint.asynchronous.take(), Backlog::of(config)) {
                (Some(waiting), Some(_)) => Some(waiting),
                (_, new) => new,
            };
        }
        // Another fleet is placed in Zones that are there.
        let same_fleet = endpoint.config == fleet.config;
        endpoint.config = fleet.config;
        let green = endpoint.green.take();
        let old = std::mem::replace(&mut endpoint.variants, fleet.variants);
        for variant in green.into_iter().flat_map(|green| green.variants) {
            let same = |live: &&mut Variant| live.name == variant.name && live.model == variant.model;
            if let Some(live) = endpoint.variants.iter_mut().find(same) {
                live.last_asked = live.last_asked.max(variant.last_asked);
            }
        }
        for variant in &mut endpoint.variants {
            variant.minute = Minute::default();
            let was = old.iter().find(|was| was.name == variant.name);
            let before = was.map_or((Some(0), 0.0), |was| (was.current_instances, was.current_weight));
            variant.lost = was.filter(|_| same_fleet).map_or(0, |was| was.lost);
            variant.desired_instances = variant.desired_instances.or(variant.current_instances);
            variant.current_instances = variant.desired_instances;
            variant.current_weight = variant.desired_weight;
            if before != (variant.current_instances, variant.current_weight) {
                tell_capacity(ctx, &self.name, name, variant);
            }
        }
    }

    pub(super) fn end_change(&mut self, name: &str) {
        if let Some(endpoint) = self.endpoints.get_mut(name) {
            endpoint.change = None;
        }
    }

    /// The endpoint is gone, and its scalable targets with it. Inference components stay behind.
    pub(crate) fn vanish(&mut self, ctx: &mut Ctx, name: &str) {
        self.settle(ctx, name);
        self.publish_minute(ctx, name);
        let Some(gone) = self.endpoints.remove(name) else {
            return;
        };
        self.forget_scaling_of(name);
        ctx.tell(
            &self.name,
            HappeningKind::EndpointStatus {
                endpoint: name.to_owned(),
                from: Some(gone.status.as_str().to_owned()),
                to: None,
                reason: None,
            },
        );
    }
}

/// The container of a change's first variant never became healthy.
fn no_ping(change: &Change) -> String {
    let first = change.goal.variants.first();
    NO_PING.replace("{variant}", first.map_or("AllTraffic", |variant| &variant.name))
}
