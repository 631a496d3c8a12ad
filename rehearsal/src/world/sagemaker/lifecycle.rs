//! How an endpoint's changes go on after the call was accepted: instances come one after another, the new fleet takes
//! over, and sometimes it does not. What an `UpdateEndpoint` does to the traffic meanwhile is `deploy`'s.

use std::time::Duration;

use jiff::Timestamp;
use steward::endpoint::EndpointStatus;

use crate::world::{
    HappeningKind,
    region::{Ctx, Region, What},
    sagemaker::{Endpoint, Variant, guardrails::Guardrails},
    spec::{ChangeKind, NextChange},
};

mod deploy;
mod ending;

pub(crate) use deploy::{Green, Phase};
pub(crate) use ending::NO_CAPACITY;

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
            self.capacity_lacked(ctx, &format!("endpoint/{name}/variant/{variant}"));
            self.roll_back(ctx, name);
            return;
        }
        let found = self.first_to_be_had(name, variant);
        let Some(endpoint) = self.endpoints.get_mut(name) else {
            return;
        };
        let Some(live) = endpoint.variants.iter_mut().find(|live| live.name == variant) else {
            return;
        };
        live.current_instances = Some(live.current_instances.unwrap_or(0) + 1);
        if let Some(found) = found {
            live.instance_type = found;
        }
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

    /// No instance of this variant of a fleet is to be had now.
    pub(super) fn lacks_instances(&self, name: &str, variant: &str, fleet: impl Fn(&Endpoint) -> &[Variant]) -> bool {
        let Some(endpoint) = self.endpoints.get(name) else {
            return false;
        };
        let short = |kind: &String| {
            let mut shortages = self.shortages.iter();
            shortages.any(|shortage| shortage.touches(name, variant, kind))
        };
        fleet(endpoint)
            .iter()
            .find(|live| live.name == variant)
            .is_some_and(|live| match self.pools(name, variant).as_slice() {
                [] => short(&live.instance_type),
                pools => pools.iter().all(short),
            })
    }

    /// The instance types of a variant's pools, the first choice first.
    fn pools(&self, name: &str, variant: &str) -> Vec<String> {
        let config = self
            .endpoints
            .get(name)
            .and_then(|endpoint| self.configs.get(&endpoint.config));
        let variants = config.and_then(|config| config.input["ProductionVariants"].as_array());
        let mut named = variants.into_iter().flatten();
        let named = named.find(|one| one["VariantName"] == variant);
        named.map(super::configs::pools).unwrap_or_default()
    }

    /// The pool that the next instance comes from; `None` where there are no pools.
    fn first_to_be_had(&self, name: &str, variant: &str) -> Option<String> {
        let mut pools = self.pools(name, variant).into_iter();
        pools.find(|kind| {
            let mut shortages = self.shortages.iter();
            !shortages.any(|shortage| shortage.touches(name, variant, kind))
        })
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

/// Tells of a variant's present capacity.
pub(crate) fn tell_capacity(ctx: &mut Ctx, region: &str, endpoint: &str, variant: &Variant) {
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
