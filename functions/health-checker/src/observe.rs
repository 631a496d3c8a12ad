//! Looking at endpoints, as many at a time as the fleet file allows, for as long as there is time.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use futures::{StreamExt, future::join_all, stream::FuturesUnordered};
use steward::{
    aws::{autoscaling::Scaled, probes},
    endpoint::{Endpoint, EndpointStatus},
    failure::{CallError, Failure},
    health::{
        ledger::{EndpointRecord, HealthLedger, Level},
        observation::{Hint, Holder, Observation, ProbeResult, Seen, Target, Trouble, Unserved},
        policy::{HealthPolicy, ProbeKind, Rung},
        reach,
        recovery::Measure,
    },
    probe::Judgement,
};
use tracing::Instrument;

use crate::{
    Context, async_probe,
    services::Services,
    watch::{Selected, trouble},
};

/// What was seen, and what there was no time for.
pub(crate) struct Looks {
    pub(crate) observations: Vec<Observation>,
    /// Endpoints that were not looked at, or not to the end: these are among `observations` with what they said so far.
    pub(crate) unreached: Vec<String>,
}

/// Every call of a look ends in time by itself. What is not back so long after is given up all the same.
const GRACE: Duration = Duration::from_secs(2);

/// Looks at `names`, in this order.
pub(crate) async fn all(
    ctx: &Context,
    services: &Services,
    selected: &Selected,
    ledger: &HealthLedger,
    names: Vec<String>,
    hint: Option<Hint>,
    concurrency: usize,
) -> Looks {
    let mut waiting = VecDeque::from(names);
    let mut looks = Looks {
        observations: Vec::new(),
        unreached: Vec::new(),
    };
    let mut under_way = FuturesUnordered::new();
    let mut pending = BTreeSet::new();
    loop {
        let left = remaining(ctx, services);
        // A look without time for its probes would put the endpoint behind those that were not looked at at all.
        while under_way.len() < concurrency.max(1) && services.has_time_for_probes() {
            let Some(name) = waiting.pop_front() else { break };
            let Some(policy) = selected.watch.policies.get(&name) else {
                continue;
            };
            pending.insert(name.clone());
            let record = ledger.endpoints.get(&name);
            let tags = selected.tags.get(&name).cloned();
            let span = tracing::info_span!("endpoint", endpoint = name);
            let look = One {
                ctx,
                services,
                policy,
                record,
                name: name.clone(),
            };
            under_way.push(Box::pin(
                async move { (name, look.look(tags, hint).await) }.instrument(span),
            ));
        }
        if under_way.is_empty() {
            break;
        }
        match tokio::time::timeout(left + GRACE, under_way.next()).await {
            Ok(Some((name, seen))) => {
                pending.remove(&name);
                if seen
                    .as_ref()
                    .is_none_or(|look| look.probes.iter().any(reach::cut_short))
                {
                    looks.unreached.push(name);
                }
                looks.observations.extend(seen);
            }
            Ok(None) => {}
            // Out of time: what is under way is given up and comes first in the next sweep.
            Err(_) => break,
        }
    }
    looks.unreached.extend(pending);
    looks.unreached.extend(waiting);
    looks
}

fn remaining(ctx: &Context, services: &Services) -> Duration {
    Duration::try_from(services.looking_until.duration_since(ctx.deployed.now())).unwrap_or_default()
}

/// One look at one endpoint.
struct One<'a> {
    ctx: &'a Context,
    services: &'a Services,
    policy: &'a HealthPolicy,
    record: Option<&'a EndpointRecord>,
    name: String,
}

impl One<'_> {
    /// `None` when there was no time.
    async fn look(&self, tags: Option<BTreeMap<String, String>>, hint: Option<Hint>) -> Option<Observation> {
        let at = self.ctx.deployed.now();
        let mut look = Observation {
            endpoint: self.name.clone(),
            at,
            seen: Seen::Nothing,
            hint,
            probes: Vec::new(),
            jobs: self.record.map(|record| record.jobs.clone()).unwrap_or_default(),
            asleep: false,
            resting: BTreeSet::new(),
            unserved: BTreeMap::new(),
            scaling: None,
            tags,
            holder: None,
            troubles: Vec::new(),
        };
        let endpoint = match Box::pin(self.services.sagemaker.describe_endpoint(&self.name)).await {
            Ok(endpoint) => endpoint,
            Err(call) if call.failure == Failure::NotFound => {
                look.seen = Seen::Absent;
                return Some(look);
            }
            Err(call) => return self.could_not(look, &call),
        };
        if endpoint.status.serves() {
            let empty = without_instances(&endpoint);
            if empty {
                Box::pin(self.sleeping(&endpoint, &mut look)).await;
            } else {
                let held = Box::pin(self.without_copies(&mut look)).await;
                let probes = self.policy.probes.iter();
                let sent = probes.filter(|probe| !held.contains(&probe.name));
                let asked = probes::all(&self.services.runtime, &endpoint, sent);
                look.probes = Box::pin(asked).await;
            }
            let probes = &self.policy.probes;
            let standing = async_probe::Standing {
                // What could not be queued for want of time is not asked at all.
                asleep: empty || look.asleep || endpoint.goes_to_zero() || !self.services.has_time_for_probes(),
                unhealthy: self.record.is_some_and(|record| record.level == Level::Unhealthy),
            };
            let looked = async_probe::look(self.services, &self.name, probes, &look.jobs, standing, at);
            let looked = Box::pin(looked).await;
            look.probes.extend(looked.results);
            look.jobs = looked.jobs;
            look.troubles.extend(looked.troubles);
        }
        for result in look
            .probes
            .iter()
            .filter(|result| result.verdict.judgement != Judgement::Passed)
        {
            let variant = result.variant.as_deref();
            tracing::warn!(probe = result.probe, variant, judgement = ?result.verdict.judgement, "{}", result.verdict.reason);
        }
        if self.wants_scaling(&endpoint, &look) {
            match Box::pin(self.scaling(&endpoint)).await {
                Ok(scaling) => look.scaling = Some(scaling),
                Err(call) => look.troubles.extend(self.met(&call)),
            }
        }
        if self.wants_holder(&endpoint, &look) {
            look.holder = self.holder().await;
        }
        if look.tags.is_none() && endpoint.status == EndpointStatus::Failed && self.allows(Rung::Recreate) {
            match self.services.sagemaker.list_tags(&endpoint.arn).await {
                Ok(tags) => look.tags = Some(tags),
                Err(call) => look.troubles.extend(self.met(&call)),
            }
        }
        look.seen = Seen::Described(endpoint);
        Some(look)
    }

    /// An asynchronous endpoint without instances: whether it rests, or should have some. A probe would wake it.
    async fn sleeping(&self, endpoint: &Endpoint, look: &mut Observation) {
        let mut empty = Unserved::endpoint(endpoint, 0);
        if empty.rests() {
            match Box::pin(self.scaling(endpoint)).await {
                Ok(targets) => {
                    let minimums = targets.iter().map(|target| target.min);
                    empty = Unserved::endpoint(endpoint, minimums.fold(0, u32::saturating_add));
                }
                // Whether it should have instances is not known.
                Err(call) => return look.troubles.extend(self.met(&call)),
            }
        }
        look.asleep = empty.rests();
        if !look.asleep {
            let probes = self.policy.probes.iter();
            look.unserved = probes.map(|probe| (probe.name.clone(), empty.clone())).collect();
        }
    }

    /// The probes that are not sent, because what they ask has no copy in service, or nobody knows: one refused request
    /// wakes a component. Where nothing is to be in service it rests, and that is well.
    async fn without_copies(&self, look: &mut Observation) -> BTreeSet<String> {
        let probed = self.policy.probes.iter().filter_map(|probe| match &probe.kind {
            ProbeKind::InferenceComponent(name) => Some((probe.name.clone(), name)),
            ProbeKind::Sync | ProbeKind::Serverless | ProbeKind::Async { .. } => None,
        });
        let asked = probed.map(async |(probe, name)| (probe, self.copyless(name).await));
        let mut held = BTreeSet::new();
        for (probe, copyless) in join_all(asked).await {
            match copyless {
                Ok(None) => continue,
                Ok(Some(unserved)) if unserved.rests() => drop(look.resting.insert(probe.clone())),
                Ok(Some(unserved)) => drop(look.unserved.insert(probe.clone(), unserved)),
                // The probe itself says so.
                Err(call) if call.failure == Failure::NotFound => continue,
                Err(call) => match self.met(&call) {
                    Some(trouble) => look.troubles.push(trouble),
                    // No time is left for the probe either, and that is what it says.
                    None => continue,
                },
            }
            held.insert(probe);
        }
        let probes = &self.policy.probes;
        look.asleep = !probes.is_empty() && probes.iter().all(|probe| look.resting.contains(&probe.name));
        held
    }

    /// `None` when a request finds a copy. Only of a component that seems to sleep it is asked whether it may: that is a
    /// call in each sweep.
    async fn copyless(&self, component: &str) -> Result<Option<Unserved>, CallError> {
        let copies = self.services.sagemaker.copies(component).await?;
        if copies.serves() {
            return Ok(None);
        }
        let minimum = if copies.sleeps() {
            let scaled = Scaled::ComponentCopies {
                component: component.to_owned(),
            };
            let targets = self.services.autoscaling.scalable_targets(&[scaled]).await?;
            targets.first().map_or(0, |target| target.min)
        } else {
            0
        };
        let (status, desired) = (copies.status, copies.desired.unwrap_or(0));
        Ok(Some(Unserved::component(
            component,
            status,
            desired,
            copies.failure,
            minimum,
        )))
    }

    /// A call that failed because the time for looking was over says nothing; any other is the monitor's trouble.
    fn could_not(&self, mut look: Observation, call: &CallError) -> Option<Observation> {
        let trouble = self.met(call)?;
        tracing::warn!(%call, "could not look");
        look.troubles.push(Trouble {
            detail: format!("endpoint {}: {}", self.name, trouble.detail),
            ..trouble
        });
        Some(look)
    }

    fn met(&self, call: &CallError) -> Option<Trouble> {
        let out_of_time = call.failure == Failure::TimedOut && remaining(self.ctx, self.services).is_zero();
        (!out_of_time).then(|| trouble(call))
    }

    fn allows(&self, rung: Rung) -> bool {
        self.policy.recovery.rungs.contains(&rung)
    }

    /// Only where something may be repaired or undone, as for [`Self::wants_scaling`].
    fn wants_holder(&self, endpoint: &Endpoint, look: &Observation) -> bool {
        let ill = sick(look)
            || endpoint.status == EndpointStatus::Failed
            || self.record.is_some_and(|record| record.incident.is_some());
        let doing = self.record.is_some_and(|record| !record.recovery.is_idle());
        doing || (ill && !self.policy.recovery.rungs.is_empty())
    }

    /// Who else holds the endpoint. A lease that cannot be read is taken for one that is held: repairs wait.
    async fn holder(&self) -> Option<Holder> {
        let current = Box::pin(self.services.acting.leases.current(&self.name));
        let problem = match tokio::time::timeout(remaining(self.ctx, self.services), current).await {
            Ok(Ok(lease)) => return lease.as_ref().and_then(Holder::of),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "there was no time to read its lease".to_owned(),
        };
        tracing::warn!(problem, "who holds the endpoint is not known");
        Some(Holder {
            name: "somebody".to_owned(),
            purpose: format!("what is not known: {problem}"),
            trial: None,
        })
    }

    /// Only where a recovery may need it: a call for each endpoint in each sweep would throttle the account.
    fn wants_scaling(&self, endpoint: &Endpoint, look: &Observation) -> bool {
        let recovery = self.record.map(|record| &record.recovery);
        let doing = recovery.is_some_and(|recovery| {
            !recovery.raised.is_empty()
                || matches!(
                    recovery.intent.as_ref().map(|intent| &intent.measure),
                    Some(Measure::AddInstance { .. } | Measure::LowerMinimum { .. })
                )
        });
        doing
            || (self.allows(Rung::AddInstance) && sick(look))
            || (self.allows(Rung::Recreate) && endpoint.status == EndpointStatus::Failed)
    }

    /// The scalable targets of the endpoint's variants. Where it shows none, as when it is `Failed`, those of its configs are
    /// asked for: they are there all the same, and a deletion would take them along. Without any config every target of the
    /// account is.
    async fn scaling(&self, endpoint: &Endpoint) -> Result<Vec<Target>, CallError> {
        let shown = endpoint.variants.iter().map(|variant| variant.name.clone());
        let mut variants: BTreeSet<String> = shown.collect();
        if variants.is_empty() {
            let good = self.record.and_then(|record| record.last_good.as_ref());
            let configs = endpoint.config.iter().chain(good.map(|good| &good.config));
            for config in configs.collect::<BTreeSet<_>>() {
                match self.services.sagemaker.describe_endpoint_config(config).await {
                    Ok(config) => variants.extend(config.seen().variants.into_iter().map(|variant| variant.name)),
                    Err(error) if error.failure == Failure::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let wanted: Vec<Scaled> = variants
            .into_iter()
            .map(|variant| Scaled::VariantInstances {
                endpoint: endpoint.name.clone(),
                variant,
            })
            .collect();
        let targets = self.services.autoscaling.scalable_targets(&wanted).await?;
        let of_variants = targets.into_iter().filter_map(|target| match target.scaled {
            Scaled::VariantInstances { endpoint: of, variant }
            | Scaled::VariantConcurrency { endpoint: of, variant }
                if of == endpoint.name =>
            {
                Some(Target {
                    variant,
                    min: target.min,
                    max: target.max,
                })
            }
            Scaled::VariantInstances { .. } | Scaled::VariantConcurrency { .. } | Scaled::ComponentCopies { .. } => {
                None
            }
        });
        Ok(of_variants.collect())
    }
}

fn sick(look: &Observation) -> bool {
    let judged = |result: &ProbeResult| matches!(result.verdict.judgement, Judgement::Failed | Judgement::Degraded);
    look.probes.iter().any(judged)
}

/// An asynchronous endpoint whose variants all have no instance: a probe would wake it.
fn without_instances(endpoint: &Endpoint) -> bool {
    endpoint.asynchronous
        && !endpoint.variants.is_empty()
        && endpoint
            .variants
            .iter()
            .all(|variant| variant.current_instances == Some(0))
}
