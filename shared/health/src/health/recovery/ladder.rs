//! Which rung, if any, is safe for what is wrong.
//!
//! | what is wrong | rungs that are safe |
//! |---|---|
//! | a variant is sick, the others are well and can carry its traffic | shift-away |
//! | slow, or no answer in time, or the queue does not drain | add-instance |
//! | errors, no answer in time, model not ready, not found, refuses what it took, queue does not drain: Unhealthy, or a sick variant | redeploy |
//! | wrong answers alone | none but shift-away: the same model gives the same answers again |
//! | `Failed` | recreate |
//! | stuck, out of service, rollback failed, vanished | none: SageMaker takes no change, or what it would do is not known |
//!
//! Endpoints probed through an inference component only get alerts: their copies belong to the component's own scaling,
//! and to delete or replace the endpoint leaves the component behind.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    super::ledger::{EndpointRecord, HealthLedger, Level, State, Told, after, between},
    Measure, Situation,
};
use crate::{
    endpoint::{Endpoint, EndpointStatus},
    health::{
        Facts, Why,
        observation::Seen,
        policy::{ProbeKind, Rung},
    },
    probe::{Cause, seconds},
};

/// The variants that are left must have at least this share of the instances that carry traffic. Half of them carry
/// double the load, which a fleet sized for peaks bears; a ninth would only fall too.
const REMAINING_CAPACITY: f64 = 0.5;

/// The period of [`crate::health::policy::FleetHealthPolicy::recoveries_per_hour`].
const HOUR: Duration = Duration::from_secs(3600);

pub(super) enum Choice {
    Begin(Measure),
    Nothing(Option<Why>),
    Exhausted(String),
}

pub(super) fn choose(facts: &Facts<'_>, ledger: &HealthLedger, at: Situation<'_>) -> Choice {
    let not = |why: &str| Choice::Nothing(Some(Why::NoRecovery(why.to_owned())));
    let policy = &at.policy.recovery;
    let Some(record) = ledger.endpoints.get(at.name) else {
        return Choice::Nothing(None);
    };
    let Some(incident) = &record.incident else {
        return Choice::Nothing(None);
    };
    if policy.rungs.is_empty() || incident.exhausted {
        return Choice::Nothing(None);
    }
    let Told::Ill(state) = incident.told else {
        return not("it is flapping: what is seen contradicts itself");
    };
    if at.held {
        return not("alerts are muted, or a common cause is assumed");
    }
    // Only on what was seen now: people are told by the ledger, the world is changed by the world.
    let Seen::Described(endpoint) = &at.look.seen else {
        return Choice::Nothing(None);
    };
    if record.state != state || endpoint.status.in_transition() {
        return Choice::Nothing(None);
    }
    if !matches!(record.state, State::Degraded | State::Unhealthy | State::Failed) {
        return Choice::Nothing(None);
    }
    if at
        .policy
        .probes
        .iter()
        .any(|probe| matches!(probe.kind, ProbeKind::InferenceComponent(_)))
    {
        return not("its copies belong to the inference component's own scaling");
    }
    let mut unsafe_now = Vec::new();
    let next = policy
        .rungs
        .iter()
        .filter(|rung| !incident.tried.contains(rung))
        .find_map(|rung| {
            match measure(*rung, record, endpoint, at).and_then(|measure| {
                measure.beside(at.look.holder.as_ref())?;
                Ok(measure)
            }) {
                Ok(measure) => Some(measure),
                Err(why) => {
                    unsafe_now.push(format!("{}: {why}", rung.as_str()));
                    None
                }
            }
        });
    let Some(measure) = next else {
        return if incident.tried.is_empty() || at.look.holder.is_some() {
            not(&unsafe_now.join("; "))
        } else if cooling(record, policy.cooldown, facts.now) {
            not("the last try is given time to show its effect")
        } else if record.state != State::Failed && record.streak.impaired == 0 {
            not("the last check passed: it may be well again soon")
        } else {
            Choice::Exhausted("every rung that is safe here was tried".into())
        };
    };
    if cooling(record, policy.cooldown, facts.now) {
        return not("the cooldown is not over");
    }
    let spent = ledger
        .recoveries
        .iter()
        .filter(|started| started.endpoint == at.name && between(started.at, facts.now) < policy.period);
    if spent.count() as u64 >= u64::from(policy.budget) {
        return Choice::Exhausted(format!(
            "the budget of {} in {} is spent",
            policy.budget,
            seconds(policy.period)
        ));
    }
    let in_fleet = ledger
        .recoveries
        .iter()
        .filter(|started| between(started.at, facts.now) < HOUR);
    if in_fleet.count() as u64 >= u64::from(facts.fleet.recoveries_per_hour) {
        return not("the fleet's limit of recoveries in an hour is reached");
    }
    Choice::Begin(measure)
}

fn cooling(record: &EndpointRecord, cooldown: Duration, now: jiff::Timestamp) -> bool {
    record.recovery.ended.is_some_and(|ended| now < after(ended, cooldown))
}

fn measure(rung: Rung, record: &EndpointRecord, endpoint: &Endpoint, at: Situation<'_>) -> Result<Measure, String> {
    match rung {
        Rung::Recreate => recreate(record, endpoint, at),
        _ if endpoint.status != EndpointStatus::InService => Err(format!("its status is {}", endpoint.status)),
        Rung::ShiftAway => shift_away(record, endpoint, at),
        Rung::AddInstance => add_instance(record, endpoint, at),
        Rung::Redeploy => redeploy(record, endpoint),
    }
}

fn sick_variants(record: &EndpointRecord) -> BTreeSet<String> {
    record
        .variants
        .iter()
        .filter(|(_, variant)| variant.level.is_ill())
        .map(|(name, _)| name.clone())
        .collect()
}

fn shift_away(record: &EndpointRecord, endpoint: &Endpoint, at: Situation<'_>) -> Result<Measure, String> {
    let carrying: Vec<_> = endpoint
        .variants
        .iter()
        .filter(|variant| variant.current_weight > 0.0)
        .collect();
    let sick: BTreeSet<String> = sick_variants(record)
        .into_iter()
        .filter(|name| carrying.iter().any(|variant| variant.name == *name))
        .collect();
    if sick.is_empty() {
        return Err("no variant that carries traffic is known to be the sick one".into());
    }
    others_carry(record, endpoint, &sick)?;
    let kept = record.recovery.shifted.iter().any(|shifted| {
        shifted
            .back
            .is_some_and(|back| between(back, at.look.at) < at.policy.recovery.period)
            && shifted.variants.iter().any(|name| sick.contains(name))
    });
    let before: BTreeMap<_, _> = endpoint
        .variants
        .iter()
        .map(|variant| (variant.name.clone(), variant.current_weight))
        .collect();
    Ok(Measure::ShiftAway {
        variants: sick,
        before,
        keep: kept,
    })
}

/// The variants that carry traffic beside the sick ones are well, and enough.
pub(super) fn others_carry(
    record: &EndpointRecord,
    endpoint: &Endpoint,
    sick: &BTreeSet<String>,
) -> Result<(), String> {
    let carrying: Vec<_> = endpoint
        .variants
        .iter()
        .filter(|variant| variant.current_weight > 0.0)
        .collect();
    let left: Vec<_> = carrying
        .iter()
        .filter(|variant| !sick.contains(&variant.name))
        .collect();
    let well = |name: &str| {
        record
            .variants
            .get(name)
            .is_some_and(|variant| variant.level == Level::Healthy && variant.streak.impaired == 0)
    };
    if left.is_empty() || !left.iter().all(|variant| well(&variant.name)) {
        return Err("no other variant that carries traffic is known to be well".into());
    }
    let instances =
        |serving: &mut dyn Iterator<Item = Option<u32>>| serving.map(|count| count.unwrap_or(0)).sum::<u32>();
    let elastic = left.iter().any(|variant| variant.serverless);
    let total = instances(&mut carrying.iter().map(|variant| variant.current_instances));
    let remaining = instances(&mut left.iter().map(|variant| variant.current_instances));
    if !elastic && (remaining == 0 || f64::from(remaining) < REMAINING_CAPACITY * f64::from(total)) {
        return Err(format!(
            "the well variants have only {remaining} of {total} instances and could not carry the traffic"
        ));
    }
    Ok(())
}

fn add_instance(record: &EndpointRecord, endpoint: &Endpoint, at: Situation<'_>) -> Result<Measure, String> {
    if !record
        .causes
        .iter()
        .any(|cause| matches!(cause, Cause::Slow | Cause::TimedOut | Cause::Backlog))
    {
        return Err("more instances do not help against what is wrong".into());
    }
    let sick = sick_variants(record);
    let wanted: Vec<_> = match (sick.len(), endpoint.variants.as_slice()) {
        (0, [only]) => vec![only],
        (0, _) => return Err("it has several variants, and none is known to be the slow one".into()),
        _ => endpoint
            .variants
            .iter()
            .filter(|variant| sick.contains(&variant.name))
            .collect(),
    };
    let Some((variant, has)) = wanted
        .iter()
        .filter(|variant| !variant.serverless && variant.current_weight > 0.0)
        .find_map(|variant| Some((variant, variant.current_instances?)).filter(|(_, has)| *has > 0))
    else {
        return Err("the variant has no instances to add to".into());
    };
    if variant.desired_instances != variant.current_instances {
        return Err("instances are already being added or removed".into());
    }
    let count = has.saturating_add(1);
    if at.policy.recovery.max_instances.is_some_and(|most| count > most) {
        return Err(format!(
            "variant {} has {has} instances, and max-instances allows no more",
            variant.name
        ));
    }
    let Some(scaling) = &at.look.scaling else {
        return Err("its autoscaling is not known".into());
    };
    let target = scaling.iter().find(|target| target.variant == variant.name);
    if let Some(target) = target.filter(|target| count > target.max) {
        return Err(format!("its autoscaling allows at most {} instances", target.max));
    }
    Ok(Measure::AddInstance {
        variant: variant.name.clone(),
        count,
        minimum: target.map(|target| target.min),
    })
}

fn redeploy(record: &EndpointRecord, endpoint: &Endpoint) -> Result<Measure, String> {
    if record.state == State::Degraded && sick_variants(record).is_empty() {
        return Err("it still serves".into());
    }
    let curable = |cause: &Cause| {
        matches!(
            cause,
            Cause::ServerError
                | Cause::TimedOut
                | Cause::NotReady
                | Cause::NotFound
                | Cause::PayloadRefused
                | Cause::Backlog
        )
    };
    if !record.causes.iter().any(curable) {
        return Err("a fresh fleet of the same config does not help against what is wrong".into());
    }
    match &endpoint.config {
        Some(config) => Ok(Measure::Redeploy {
            from: config.clone(),
            to: String::new(),
        }),
        None => Err("it has no config".into()),
    }
}

fn recreate(record: &EndpointRecord, endpoint: &Endpoint, at: Situation<'_>) -> Result<Measure, String> {
    if endpoint.status != EndpointStatus::Failed {
        return Err(format!("its status is {}, not Failed", endpoint.status));
    }
    let Some(good) = &record.last_good else {
        return Err("no config is known under which it was healthy".into());
    };
    let Some(tags) = &at.look.tags else {
        return Err("its tags are not known, and would be lost".into());
    };
    match at.look.scaling.as_deref() {
        None => Err("its autoscaling is not known".into()),
        Some([]) => Ok(Measure::Recreate {
            config: good.config.clone(),
            tags: tags.clone(),
        }),
        Some(_) => Err("its autoscaling policies would be lost with it".into()),
    }
}
