//! How an endpoint's changes go on after the call was accepted: instances come one after another, the new fleet takes
//! over, and sometimes it does not. What an `UpdateEndpoint` does to the traffic meanwhile is `deploy`'s.

use std::time::Duration;

use jiff::Timestamp;
use shared::endpoint::EndpointStatus;

use crate::world::{
    HappeningKind,
    region::{Ctx, Region, What},
    runtime::asynchronous::Backlog,
    sagemaker::{Endpoint, Variant, endpoints::capture, guardrails::Guardrails},
    spec::{ChangeKind, Cure, NextChange},
    traffic::Minute,
};

mod deploy;

pub(crate) use deploy::{Green, Phase};

/// A config and the variants of it, with their counts and weights.
#[derive(Clone, Debug)]
pub(crate) struct Fleet {
    pub(crate) config: String,
    pub(crate) variants: Vec<Variant>,
}

/// A change under way.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) id: u64,
    pub(crate) kind: Kind,
    pub(crate) began: Timestamp,
    pub(crate) prior: Fleet,
    pub(crate) goal: Fleet,
    /// How it ends, if not well.
    pub(crate) fate: Option<NextChange>,
    /// How the new fleet of an update takes over.
    guardrails: Guardrails,
}

impl Change {
    /// A status that only the scenario ends.
    pub(crate) fn scripted(id: u64, began: Timestamp, fleet: Fleet) -> Self {
        Self {
            id,
            kind: Kind::Scripted,
            began,
            prior: fleet.clone(),
            goal: fleet,
            fate: None,
            guardrails: Guardrails::default(),
        }
    }
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `CreateEndpoint`.
    Create,
    /// `UpdateEndpoint`.
    Update,
    /// `UpdateEndpointWeightsAndCapacities`.
    Capacity,
    /// `DeleteEndpoint`.
    Delete,
    /// By the scenario.
    Scripted,
}

/// A moment within a change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// One more instance of a variant answers.
    Instance(String),
    /// Weights and smaller counts are in force.
    Weights,
    /// One more instance of an update's new fleet answers.
    Green(String),
    /// The new fleet is about to take its nth share of the traffic.
    Activate(usize),
    /// It takes the share, and bakes.
    Bake(usize),
    /// The last bake has passed: the old fleet waits for its end.
    Retire,
    /// A rolling deployment's next instances answer in the place of old ones.
    Batch,
    /// A rolling deployment being undone has so many old instances back.
    BatchBack,
    /// `MaximumExecutionTimeoutInSeconds` is over.
    TimedOut,
    /// It did not work: back.
    RollBack,
    /// It did not work: the endpoint is `Failed`.
    Fail,
    /// Over.
    Finish,
}

/// How a change that has not begun will end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Armed {
    /// Only a change of this kind.
    pub(crate) of: Option<ChangeKind>,
    pub(crate) fate: NextChange,
}

impl Kind {
    fn is(self, of: ChangeKind) -> bool {
        match of {
            ChangeKind::Create => self == Self::Create,
            ChangeKind::Update => self == Self::Update,
            ChangeKind::Weights => self == Self::Capacity,
            ChangeKind::Delete => self == Self::Delete,
        }
    }
}

/// No instances to be had, in SageMaker's words.
const NO_CAPACITY: &str = "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. \
                           Please retry using a different ML instance type or after some time.";
/// The container never became healthy, in SageMaker's words.
const NO_PING: &str = "The primary container for production variant {variant} did not pass the ping health check. Please \
                       check CloudWatch logs for this endpoint.";

impl Region {
    /// Starts a change: the status, and everything that will happen. The caller has checked that it is allowed.
    pub(crate) fn begin(&mut self, ctx: &mut Ctx, name: &str, kind: Kind, goal: Fleet, guardrails: Guardrails) {
        self.settle(ctx, name);
        let armed = self.armed.get_mut(name).and_then(|armed| {
            let at = armed.iter().position(|armed| armed.of.is_none_or(|of| kind.is(of)))?;
            Some(armed.remove(at))
        });
        let fate = armed.map(|armed| armed.fate);
        let id = ctx.next();
        let Some(endpoint) = self.endpoints.get_mut(name) else {
            return;
        };
        let prior = Fleet {
            config: endpoint.config.clone(),
            variants: endpoint.variants.clone(),
        };
        if kind == Kind::Capacity {
            for (live, wanted) in endpoint.variants.iter_mut().zip(&goal.variants) {
                live.desired_weight = wanted.desired_weight;
                live.desired_instances = wanted.desired_instances;
            }
        }
        if kind == Kind::Update {
            endpoint.green = Some(Green::coming(&goal, ctx.now));
        }
        endpoint.change = Some(Change {
            id,
            kind,
            began: ctx.now,
            prior,
            goal,
            fate,
            guardrails,
        });
        match kind {
            Kind::Create => {}
            Kind::Update | Kind::Capacity | Kind::Scripted => {
                self.set_status(ctx, name, EndpointStatus::Updating, None);
            }
            Kind::Delete => self.set_status(ctx, name, EndpointStatus::Deleting, None),
        }
        self.plan(ctx, name);
    }

    /// Gives the change under way another end; `false` when there is none of this kind.
    pub(crate) fn refate(&mut self, ctx: &mut Ctx, name: &str, Armed { of, fate }: Armed) -> bool {
        let id = ctx.next();
        let change = self
            .endpoints
            .get_mut(name)
            .and_then(|endpoint| endpoint.change.as_mut());
        let Some(change) = change.filter(|change| of.is_none_or(|of| change.kind.is(of))) else {
            return false;
        };
        change.fate = Some(fate);
        // An update goes on as it was going, only to another end.
        let goes_on = matches!(fate, NextChange::RollsBackSilently | NextChange::RollbackFails);
        if change.kind == Kind::Update && goes_on {
            return true;
        }
        change.id = id;
        self.plan(ctx, name);
        true
    }

    /// Schedules the steps of the change under way, from now.
    fn plan(&mut self, ctx: &mut Ctx, name: &str) {
        let Some(change) = self.endpoints.get(name).and_then(|endpoint| endpoint.change.as_ref()) else {
            return;
        };
        if change.kind == Kind::Update {
            self.plan_update(ctx, name);
            return;
        }
        if change.fate == Some(NextChange::Sticks) {
            return;
        }
        let timing = ctx.timing.clone();
        let mut steps: Vec<(Duration, Step)> = Vec::new();
        let counts = change
            .goal
            .variants
            .iter()
            .map(|variant| variant.desired_instances.unwrap_or(1));
        let queueing = timing.further_instance.duration() * counts.max().unwrap_or(1).saturating_sub(1);
        match change.kind {
            Kind::Create => steps.push((timing.create.duration() + queueing, Step::Finish)),
            Kind::Delete => steps.push((timing.delete.duration(), Step::Finish)),
            Kind::Scripted | Kind::Update => {}
            Kind::Capacity => {
                let mut whole = timing.weights.duration();
                steps.push((timing.weights.duration(), Step::Weights));
                let mut grows = false;
                for (before, after) in change.prior.variants.iter().zip(&change.goal.variants) {
                    let (from, to) = (
                        before.current_instances.unwrap_or(0),
                        after.desired_instances.unwrap_or(0),
                    );
                    for nth in 0..to.saturating_sub(from) {
                        grows = true;
                        let at = timing.instance.duration() + timing.further_instance.duration() * nth;
                        whole = whole.max(at);
                        steps.push((at, Step::Instance(after.name.clone())));
                    }
                }
                let step = match change.fate {
                    Some(NextChange::LacksCapacity) if grows => Some(timing.instance.duration()),
                    Some(
                        NextChange::Fails | NextChange::RollsBack | NextChange::RollbackFails | NextChange::EndsFailed,
                    ) => Some(whole),
                    _ => None,
                };
                match step {
                    Some(at) => {
                        steps.retain(|(due, step)| *due < at && !matches!(step, Step::Instance(_)));
                        let fails = change.fate == Some(NextChange::EndsFailed);
                        steps.push((at, if fails { Step::Fail } else { Step::RollBack }));
                    }
                    None => steps.push((whole, Step::Finish)),
                }
            }
        }
        let id = change.id;
        for (after, step) in steps {
            let what = What::Endpoint {
                endpoint: name.to_owned(),
                change: id,
                step,
            };
            ctx.schedule(ctx.now + after, &self.name, what);
        }
    }

    /// Carries out one step, unless the endpoint has gone on to another change.
    pub(crate) fn endpoint_step(&mut self, ctx: &mut Ctx, name: &str, id: u64, step: Step) {
        let Some(change) = self.endpoints.get(name).and_then(|endpoint| endpoint.change.clone()) else {
            return;
        };
        if change.id != id {
            return;
        }
        self.settle(ctx, name);
        match step {
            Step::Instance(variant) => self.instance_up(ctx, name, &variant),
            Step::Weights => self.weights_in_force(ctx, name, &change.goal),
            Step::RollBack => self.roll_back(ctx, name),
            Step::Fail => self.fail(ctx, name, &change),
            Step::Finish => self.finish(ctx, name, change),
            step => self.deploy_step(ctx, name, &change, step),
        }
    }

    /// Puts the next step of the change under way on the schedule.
    fn next_step(&self, ctx: &mut Ctx, name: &str, after: Duration, step: Step) {
        let Some(change) = self.endpoints.get(name).and_then(|endpoint| endpoint.change.as_ref()) else {
            return;
        };
        let what = What::Endpoint {
            endpoint: name.to_owned(),
            change: change.id,
            step,
        };
        ctx.schedule(ctx.now + after, &self.name, what);
    }

    fn instance_up(&mut self, ctx: &mut Ctx, name: &str, variant: &str) {
        if self.lacks_instances(name, variant, |endpoint| &endpoint.variants) {
            self.roll_back(ctx, name);
            return;
        }
        let Some(endpoint) = self.endpoints.get_mut(name) else {
            return;
        };
        let Some(live) = endpoint.variants.iter_mut().find(|live| live.name == variant) else {
            return;
        };
        live.current_instances = Some(live.current_instances.unwrap_or(0) + 1);
        tell_capacity(ctx, &self.name, name, live);
    }

    fn weights_in_force(&mut self, ctx: &mut Ctx, name: &str, goal: &Fleet) {
        let Some(endpoint) = self.endpoints.get_mut(name) else {
            return;
        };
        for live in &mut endpoint.variants {
            let Some(wanted) = goal.variants.iter().find(|wanted| wanted.name == live.name) else {
                continue;
            };
            let instances = live
                .current_instances
                .map(|now| now.min(wanted.desired_instances.unwrap_or(now)));
            if live.current_weight != wanted.desired_weight || live.current_instances != instances {
                live.current_weight = wanted.desired_weight;
                live.current_instances = instances;
                tell_capacity(ctx, &self.name, name, live);
            }
        }
    }

    /// Undoes the change under way. An update's new fleet takes no traffic from now on, unless it rolls.
    fn roll_back(&mut self, ctx: &mut Ctx, name: &str) {
        let rollback = ctx.timing.rollback.duration();
        let id = ctx.next();
        self.set_status(ctx, name, EndpointStatus::RollingBack, None);
        let Some(endpoint) = self.endpoints.get_mut(name) else {
            return;
        };
        let Some(change) = endpoint.change.as_mut() else {
            return;
        };
        change.id = id;
        if change.kind == Kind::Update {
            self.undo_update(ctx, name);
            return;
        }
        change.fate = Some(NextChange::RollsBackSilently);
        self.next_step(ctx, name, rollback, Step::Finish);
    }

    fn fail(&mut self, ctx: &mut Ctx, name: &str, change: &Change) {
        let reason = no_ping(change);
        if let Some(endpoint) = self.endpoints.get_mut(name) {
            endpoint.green = None;
        }
        self.end_change(name);
        self.set_status(ctx, name, EndpointStatus::Failed, Some(reason));
    }

    /// No instance of this variant of a fleet is to be had now.
    fn lacks_instances(&self, name: &str, variant: &str, fleet: impl Fn(&Endpoint) -> &[Variant]) -> bool {
        let Some(endpoint) = self.endpoints.get(name) else {
            return false;
        };
        fleet(endpoint)
            .iter()
            .find(|live| live.name == variant)
            .is_some_and(|live| {
                self.shortages
                    .iter()
                    .any(|shortage| shortage.touches(name, variant, &live.instance_type))
            })
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
                Some(model) => self.what_is_missing(ctx, &model.input),
                None => Some(format!("Could not find model \"{name}\".")),
            })
    }

    fn finish(&mut self, ctx: &mut Ctx, name: &str, change: Change) {
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
            variant.desired_instances = variant.desired_instances.or(variant.current_instances);
            variant.current_instances = variant.desired_instances;
            variant.current_weight = variant.desired_weight;
            if before != (variant.current_instances, variant.current_weight) {
                tell_capacity(ctx, &self.name, name, variant);
            }
        }
    }

    fn end_change(&mut self, name: &str) {
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

    /// No instance of some variant is to be had now.
    fn lacks_any(&self, name: &str) -> bool {
        self.endpoints.get(name).is_some_and(|endpoint| {
            endpoint
                .variants
                .iter()
                .any(|variant| self.lacks_instances(name, &variant.name, |endpoint| &endpoint.variants))
        })
    }
}

/// The container of a change's first variant never became healthy.
fn no_ping(change: &Change) -> String {
    let first = change.goal.variants.first();
    NO_PING.replace("{variant}", first.map_or("AllTraffic", |variant| &variant.name))
}

/// Tells of a variant's present capacity.
fn tell_capacity(ctx: &mut Ctx, region: &str, endpoint: &str, variant: &Variant) {
    ctx.tell(
        region,
        HappeningKind::Capacity {
            endpoint: endpoint.to_owned(),
            variant: variant.name.clone(),
            instances: variant.current_instances,
            weight: variant.current_weight,
        },
    );
}
