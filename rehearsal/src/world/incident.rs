//! What the scenario does to the world: incidents that begin, last, and end by themselves or by a cure.

use std::time::Duration;

use serde_json::json;
use steward::endpoint::EndpointStatus;

use crate::world::{
    HappeningKind, Service,
    api::Input,
    behaviour::Behaviour,
    region::{Ctx, Region, What},
    sagemaker::lifecycle::{Armed, Change, Fleet, Kind},
    spec::{Becomes, ChangeKind, Cure, IncidentSpec, NextChange},
};

mod zone;

pub(crate) use zone::ZONES;

/// Containers that behave otherwise while an incident lasts.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    incident: usize,
    /// Any, where the incident is a model's.
    endpoint: Option<String>,
    variant: Option<String>,
    model: Option<String>,
    cured_by: Vec<Cure>,
    pub(crate) behaviour: Behaviour,
}

impl Condition {
    /// It is about this variant while it runs this model.
    pub(crate) fn touches(&self, endpoint: &str, variant: &str, model: &str) -> bool {
        let is = |own: &Option<String>, wanted: &str| own.as_deref().is_none_or(|own| own == wanted);
        is(&self.endpoint, endpoint) && is(&self.variant, variant) && is(&self.model, model)
    }

    /// A fresh fleet is free of it.
    pub(crate) fn a_redeployment_cures(&self) -> bool {
        self.cured_by.contains(&Cure::Redeploy)
    }
}

/// Instances that are not to be had while an incident lasts.
#[derive(Clone, Debug)]
pub(crate) struct Shortage {
    incident: usize,
    endpoint: Option<String>,
    variant: Option<String>,
    instance_type: Option<String>,
}

impl Shortage {
    /// It is about instances for this variant.
    pub(crate) fn touches(&self, endpoint: &str, variant: &str, instance_type: &str) -> bool {
        let is = |own: &Option<String>, wanted: &str| own.as_deref().is_none_or(|own| own == wanted);
        is(&self.endpoint, endpoint) && is(&self.variant, variant) && is(&self.instance_type, instance_type)
    }
}

impl Becomes {
    /// The status meant; `None` for `vanished`.
    pub(crate) fn status(self) -> Option<EndpointStatus> {
        Some(match self {
            Self::InService => EndpointStatus::InService,
            Self::Creating => EndpointStatus::Creating,
            Self::Updating => EndpointStatus::Updating,
            Self::SystemUpdating => EndpointStatus::SystemUpdating,
            Self::RollingBack => EndpointStatus::RollingBack,
            Self::Deleting => EndpointStatus::Deleting,
            Self::Failed => EndpointStatus::Failed,
            Self::OutOfService => EndpointStatus::OutOfService,
            Self::UpdateRollbackFailed => EndpointStatus::UpdateRollbackFailed,
            Self::Vanished => return None,
        })
    }
}

/// An incident in words.
fn words(spec: &IncidentSpec) -> String {
    let mut who = spec.endpoint.clone().unwrap_or_default();
    if let Some(variant) = &spec.variant {
        who = format!("{who} variant {variant}");
    }
    if let Some(model) = &spec.model {
        who = format!("{who} model {model}").trim_start().to_owned();
    }
    if let (Some(component), Some(_)) = (&spec.component, spec.becomes) {
        return format!("component {component} of {who} becomes Failed");
    }
    if let Some(behaves) = &spec.behaves {
        let mut traits = Vec::new();
        if let Some(latency) = behaves.latency {
            traits.push(format!("answers in {latency}"));
        }
        if let Some(slower) = behaves.slower_by {
            traits.push(format!("is slower by {slower}"));
        }
        if let Some(errors) = behaves.errors {
            let status = behaves.status.unwrap_or(500);
            traits.push(format!(
                "answers {status} to {:.0}% of requests",
                errors.fraction() * 100.0
            ));
        }
        if let Some(share) = behaves.times_out {
            traits.push(format!(
                "leaves {:.0}% of requests unanswered",
                share.fraction() * 100.0
            ));
        }
        if let Some(capacity) = behaves.capacity {
            traits.push(format!("serves {} requests a second per instance", capacity.0));
        }
        if behaves.answer.is_some() || behaves.content_type.is_some() {
            traits.push("answers something else".to_owned());
        }
        if traits.is_empty() {
            traits.push("behaves as before".to_owned());
        }
        return format!("{who} {}", traits.join(", "));
    }
    if let Some(becomes) = spec.becomes {
        return match becomes.status() {
            Some(status) => format!("{who} becomes {status}"),
            None => format!("{who} vanishes"),
        };
    }
    if let Some(config) = &spec.deploys {
        return format!("somebody updates {who} to {config}");
    }
    if let Some(next) = spec.next_change {
        let how = match next {
            NextChange::Fails => "fails",
            NextChange::Sticks => "never ends",
            NextChange::RollsBack => "rolls back",
            NextChange::RollsBackSilently => "rolls back without a word",
            NextChange::LacksCapacity => "finds no capacity",
            NextChange::EndsFailed => "ends Failed",
            NextChange::RollbackFails => "fails, and so does its rollback",
        };
        let what = match spec.of {
            None => "change",
            Some(ChangeKind::Create) => "creation",
            Some(ChangeKind::Update) => "update",
            Some(ChangeKind::Weights) => "change of weights or counts",
            Some(ChangeKind::Delete) => "deletion",
        };
        return format!("the next {what} of {who} {how}");
    }
    if spec.no_capacity.is_some() {
        let instances = spec.instance_type.as_deref().unwrap_or("instances");
        let whose = if who.is_empty() {
            String::new()
        } else {
            format!(" for {who}")
        };
        return format!("no further {instances} to be had{whose}");
    }
    if let Some(late) = spec.metrics_late_by {
        return format!("SageMaker's metrics arrive {late} late");
    }
    if spec.zone_lost.is_some() {
        return match who.as_str() {
            "" => "an Availability Zone is lost".to_owned(),
            who => format!("an Availability Zone of {who} is lost"),
        };
    }
    if let Some(requests) = spec.requests {
        let to = match &spec.component {
            Some(component) => format!("component {component} of {who}"),
            None => who,
        };
        let plural = if requests == 1 { "" } else { "s" };
        return format!("{requests} request{plural} to {to}");
    }
    if let Some(image) = &spec.pushes {
        let build = spec.build.as_deref().unwrap_or_default();
        return format!("somebody pushes build {build} as {image}");
    }
    if let Some(image) = &spec.expires {
        return match image.rsplit('/').next().is_some_and(|name| name.contains([':', '@'])) {
            true => format!("the image {image} is deleted"),
            false => format!("every image of {image} without a tag is deleted"),
        };
    }
    match spec.dark {
        Some(true) => "the Region goes dark".to_owned(),
        Some(false) => "the Region is back".to_owned(),
        None => format!("other traffic to {who}"),
    }
}

impl Region {
    pub(crate) fn incident_begins(&mut self, ctx: &mut Ctx, index: usize) {
        let spec = ctx.incidents[index].clone();
        ctx.tell(&self.name, HappeningKind::Incident { text: words(&spec) });
        let name = spec.endpoint.clone().unwrap_or_default();
        self.settle_all(ctx, &name);
        if let Some(lasts) = spec.lasts {
            ctx.schedule(ctx.now + lasts.duration(), &self.name, What::IncidentEnds(index));
        }
        if let Some(behaves) = &spec.behaves {
            self.conditions.push(Condition {
                incident: index,
                endpoint: spec.endpoint,
                variant: spec.variant,
                model: spec.model,
                cured_by: spec.cured_by,
                behaviour: Behaviour::from(behaves),
            });
        } else if let (Some(component), Some(_)) = (&spec.component, spec.becomes) {
            self.component_fails(ctx, component, spec.reason);
        } else if let Some(becomes) = spec.becomes {
            self.force(ctx, &name, becomes, spec.reason);
        } else if let Some(config) = &spec.deploys {
            self.deploy(ctx, &name, config);
        } else if let Some(fate) = spec.next_change {
            let armed = Armed { of: spec.of, fate };
            if !self.refate(ctx, &name, armed) {
                self.armed.entry(name).or_default().push(armed);
            }
        } else if spec.no_capacity.is_some() {
            self.shortages.push(Shortage {
                incident: index,
                endpoint: spec.endpoint,
                variant: spec.variant,
                instance_type: spec.instance_type,
            });
        } else if let Some(late) = spec.metrics_late_by {
            self.metrics.late_by(late.duration());
        } else if let Some(traffic) = spec.traffic {
            if let Some(demand) = self.demand.get_mut(&name) {
                demand.shape = traffic;
                demand.since = ctx.now;
            }
        } else if let Some(requests) = spec.requests {
            match &spec.component {
                Some(component) => self.ask_component(ctx, &name, component, requests),
                None => self.ask_queue(ctx, &name, requests),
            }
        } else if spec.zone_lost.is_some() {
            self.lose_zone(ctx, spec.zones.unwrap_or(ZONES), spec.endpoint.as_deref());
        } else if let Some(image) = &spec.pushes {
            self.push_image(ctx, image, spec.build.as_deref().unwrap_or_default());
        } else if let Some(image) = &spec.expires {
            self.expire_images(ctx, image);
        } else if let Some(dark) = spec.dark {
            self.dark = dark;
        }
    }

    pub(crate) fn incident_ends(&mut self, ctx: &mut Ctx, index: usize) {
        let spec = ctx.incidents[index].clone();
        let name = spec.endpoint.clone().unwrap_or_default();
        self.settle_all(ctx, &name);
        if spec.behaves.is_some() {
            let before = self.conditions.len();
            self.conditions.retain(|condition| condition.incident != index);
            if before == self.conditions.len() {
                return;
            }
        } else if let (Some(component), Some(_)) = (&spec.component, spec.becomes) {
            self.component_recovers(ctx, component);
        } else if let Some(becomes) = spec.becomes {
            let scripted = self.endpoints.get(&name).is_some_and(|endpoint| {
                becomes.status() == Some(endpoint.status)
                    && endpoint
                        .change
                        .as_ref()
                        .is_none_or(|change| change.kind == Kind::Scripted)
            });
            if !scripted {
                return;
            }
            self.force(ctx, &name, Becomes::InService, None);
        } else if spec.no_capacity.is_some() {
            self.shortages.retain(|shortage| shortage.incident != index);
        } else if spec.metrics_late_by.is_some() {
            self.metrics.late_by(Duration::ZERO);
        } else if spec.traffic.is_some() {
            if let Some(demand) = self.demand.get_mut(&name) {
                demand.shape = demand.usual.clone();
                demand.since = ctx.start;
            }
        } else if let Some(dark) = spec.dark {
            self.dark = !dark;
        }
        let text = format!("over: {}", words(&spec));
        ctx.tell(&self.name, HappeningKind::Incident { text });
    }

    /// Ends what this cures, on one variant or on all.
    pub(crate) fn cure(&mut self, ctx: &mut Ctx, endpoint: &str, variant: Option<&str>, by: Cure) {
        let incidents = &ctx.incidents;
        let mut cured = Vec::new();
        self.conditions.retain(|condition| {
            let about = condition.endpoint.as_deref() == Some(endpoint)
                && (variant.is_none() || condition.variant.is_none() || condition.variant.as_deref() == variant);
            let ends = about && condition.cured_by.contains(&by);
            if ends {
                cured.push(words(&incidents[condition.incident]));
            }
            !ends
        });
        for text in cured {
            ctx.tell(
                &self.name,
                HappeningKind::Incident {
                    text: format!("cured: {text}"),
                },
            );
        }
    }

    /// Traffic up to now meets the world as it was.
    fn settle_all(&mut self, ctx: &mut Ctx, name: &str) {
        if name.is_empty() {
            let names: Vec<String> = self.endpoints.keys().cloned().collect();
            for name in names {
                self.settle(ctx, &name);
            }
        } else {
            self.settle(ctx, name);
        }
    }

    /// Somebody updates an endpoint, and SageMaker takes it or not.
    fn deploy(&mut self, ctx: &mut Ctx, name: &str, config: &str) {
        let input = json!({"EndpointName": name, "EndpointConfigName": config});
        let done = Input::new(Service::SageMaker, &input).and_then(|input| self.update_endpoint(ctx, input));
        if let Err(refused) = done {
            let text = format!("SageMaker refuses that: {}", refused.message);
            ctx.tell(&self.name, HappeningKind::Incident { text });
        }
    }

    /// Puts an endpoint into a status, whatever it was doing.
    fn force(&mut self, ctx: &mut Ctx, name: &str, becomes: Becomes, reason: Option<String>) {
        let Some(status) = becomes.status() else {
            self.vanish(ctx, name);
            return;
        };
        let id = ctx.next();
        let Some(endpoint) = self.endpoints.get_mut(name) else {
            return;
        };
        let fleet = Fleet {
            config: endpoint.config.clone(),
            variants: endpoint.variants.clone(),
        };
        endpoint.green = None;
        endpoint.change = status.in_transition().then(|| Change::scripted(id, ctx.now, fleet));
        let reason = match status {
            EndpointStatus::Failed => Some(reason.unwrap_or_else(|| "The endpoint failed.".to_owned())),
            _ => None,
        };
        self.set_status(ctx, name, status, reason);
    }
}
