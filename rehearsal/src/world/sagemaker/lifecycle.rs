//! How an endpoint's changes go on after the call was accepted: instances come one after another, the new fleet takes
//! over, and sometimes it does not.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use shared::endpoint::EndpointStatus;

use crate::world::{
    HappeningKind,
    region::{Ctx, Region, What},
    runtime::asynchronous::Backlog,
    sagemaker::{Variant, endpoints::capture},
    spec::{Cure, NextChange},
    traffic::Minute,
};

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
    /// `DeploymentConfig`.
    deployment: Option<Value>,
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
            deployment: None,
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
    /// It did not work: back.
    RollBack,
    /// Over.
    Finish,
}

/// No instances to be had, in SageMaker's words.
const NO_CAPACITY: &str = "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. \
                           Please retry using a different ML instance type or after some time.";
/// The container never became healthy, in SageMaker's words.
const NO_PING: &str = "The primary container for production variant {variant} did not pass the ping health check. Please \
                       check CloudWatch logs for this endpoint.";

impl Region {
    /// Starts a change: the status, and everything that will happen. The caller has checked that it is allowed.
    pub(crate) fn begin(&mut self, ctx: &mut Ctx, name: &str, kind: Kind, goal: Fleet, deployment: Option<Value>) {
        self.settle(ctx, name);
        let fate = self.armed.remove(name);
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
        endpoint.change = Some(Change {
            id,
            kind,
            began: ctx.now,
            prior,
            goal,
            fate,
            deployment,
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

    /// Gives the change under way another end; `false` when there is none.
    pub(crate) fn refate(&mut self, ctx: &mut Ctx, name: &str, fate: NextChange) -> bool {
        let id = ctx.next();
        let Some(change) = self
            .endpoints
            .get_mut(name)
            .and_then(|endpoint| endpoint.change.as_mut())
        else {
            return false;
        };
        change.id = id;
        change.fate = Some(fate);
        self.plan(ctx, name);
        true
    }

    /// Schedules the steps of the change under way, from now.
    fn plan(&mut self, ctx: &mut Ctx, name: &str) {
        let Some(change) = self.endpoints.get(name).and_then(|endpoint| endpoint.change.as_ref()) else {
            return;
        };
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
            Kind::Scripted => {}
            Kind::Update => {
                let whole = timing.update.duration() + queueing + waits(change.deployment.as_ref());
                match change.fate {
                    None | Some(NextChange::RollsBackSilently) => steps.push((whole, Step::Finish)),
                    Some(_) => steps.push((whole.mul_f64(0.6), Step::RollBack)),
                }
            }
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
                    Some(NextChange::Fails | NextChange::RollsBack) => Some(whole),
                    _ => None,
                };
                match step {
                    Some(at) => {
                        steps.retain(|(due, step)| *due < at && !matches!(step, Step::Instance(_)));
                        steps.push((at, Step::RollBack));
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
            Step::Finish => self.finish(ctx, name, change),
        }
    }

    fn instance_up(&mut self, ctx: &mut Ctx, name: &str, variant: &str) {
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

    fn roll_back(&mut self, ctx: &mut Ctx, name: &str) {
        let rollback = ctx.timing.rollback.duration();
        self.set_status(ctx, name, EndpointStatus::RollingBack, None);
        let Some(change) = self
            .endpoints
            .get_mut(name)
            .and_then(|endpoint| endpoint.change.as_mut())
        else {
            return;
        };
        change.fate = Some(NextChange::RollsBackSilently);
        let what = What::Endpoint {
            endpoint: name.to_owned(),
            change: change.id,
            step: Step::Finish,
        };
        ctx.schedule(ctx.now + rollback, &self.name, what);
    }

    fn finish(&mut self, ctx: &mut Ctx, name: &str, change: Change) {
        match (change.kind, change.fate) {
            (Kind::Delete, _) => self.vanish(ctx, name),
            (Kind::Create, Some(fate)) => {
                let reason = match fate {
                    NextChange::LacksCapacity => NO_CAPACITY.to_owned(),
                    _ => {
                        let variant = change
                            .goal
                            .variants
                            .first()
                            .map_or("AllTraffic", |variant| &variant.name);
                        NO_PING.replace("{variant}", variant)
                    }
                };
                self.end_change(name);
                self.set_status(ctx, name, EndpointStatus::Failed, Some(reason));
            }
            (_, Some(_)) => {
                self.install(ctx, name, change.prior);
                self.end_change(name);
                self.set_status(ctx, name, EndpointStatus::InService, None);
            }
            (Kind::Update, None) if self.rollback_alarm(change.deployment.as_ref()) => self.roll_back(ctx, name),
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
                    endpoint.deployment = change.deployment;
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
        let old = std::mem::replace(&mut endpoint.variants, fleet.variants);
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
        self.scaling.forget_endpoint(name);
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

    /// One of the deployment's rollback alarms is in ALARM.
    fn rollback_alarm(&self, deployment: Option<&Value>) -> bool {
        deployment
            .and_then(|deployment| deployment.pointer("/AutoRollbackConfiguration/Alarms"))
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|alarm| self.alarms.get(alarm.get("AlarmName")?.as_str()?))
            .any(|alarm| alarm.in_alarm())
    }
}

/// What a deployment config adds to an update: every wait it asks for, as if traffic moved in equal steps.
fn waits(deployment: Option<&Value>) -> Duration {
    let Some(deployment) = deployment else {
        return Duration::ZERO;
    };
    let seconds = |pointer: &str| deployment.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let routing = "/BlueGreenUpdatePolicy/TrafficRoutingConfiguration";
    let step = seconds(&format!("{routing}/LinearStepSize/Value")).clamp(1, 100);
    let steps = match deployment.pointer(&format!("{routing}/Type")).and_then(Value::as_str) {
        Some("CANARY") => 2,
        Some("LINEAR") => 100_u64.div_ceil(step),
        _ => 1,
    };
    let batch = seconds("/RollingUpdatePolicy/MaximumBatchSize/Value").clamp(1, 100);
    Duration::from_secs(
        seconds(&format!("{routing}/WaitIntervalInSeconds")) * steps
            + seconds("/BlueGreenUpdatePolicy/TerminationWaitInSeconds")
            + seconds("/RollingUpdatePolicy/WaitIntervalInSeconds") * 100_u64.div_ceil(batch),
    )
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
