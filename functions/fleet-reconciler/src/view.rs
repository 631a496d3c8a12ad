//! What is declared, what is there, and what a wake moved: all that a decision is made from.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use steward::{
    aws::capacity::{Asked, Breadth},
    capacity::{
        desired::Desired,
        drift::Applied,
        plan::{Plan, Situation, plan},
        thing::{Key, Scalable, Thing},
        world::{Seen, World},
    },
    fleet::Fleet,
    text::sentence,
    wake::Thing as Woken,
};

use crate::services::Services;

/// Ledgers of wakes read at the same time.
const AT_ONCE: usize = 16;

/// One look.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) world: World,
    pub(crate) desired: Desired,
    pub(crate) raised: BTreeMap<Scalable, u32>,
    /// The minima that those targets had before, and get again.
    pub(crate) lowest: BTreeMap<Scalable, u32>,
    prefix: String,
    now: Timestamp,
}

/// Looks. `Err` says in words what could not be read, and what to do about it.
pub(crate) async fn look(
    services: &Services<'_>,
    fleet: &Fleet,
    applied: &Applied,
    breadth: Breadth,
) -> Result<View, String> {
    let region = services.ctx.settings().region.as_str();
    let asked = Asked {
        fleet,
        applied,
        breadth,
        region,
        owner: &services.ctx.settings().name,
    };
    let world = Box::pin(services.looking.look(asked)).await;
    let world = world.map_err(|call| format!("{} {}", sentence(&call.to_string()), call.advice()))?;
    let (raised, lowest) = Box::pin(raised(services, fleet, &world)).await?;
    let desired = Desired::of(fleet, &world, region);
    let mut world = world;
    Box::pin(rolled_out(services, &desired, applied, &mut world)).await?;
    Ok(View {
        desired,
        world,
        raised,
        lowest,
        prefix: fleet.reconcile().prefix.clone(),
        now: services.now(),
    })
}

impl View {
    /// What has to be done.
    pub(crate) fn plan(&self, prune: bool) -> Plan {
        plan(Situation {
            desired: &self.desired,
            world: &self.world,
            prefix: &self.prefix,
            prune,
            raised: &self.raised,
            now: self.now,
        })
    }

    /// What Steward's own names begin with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }
}

/// Notes which endpoints serve something else than what is declared and was found there, because a rollout gave it to them.
async fn rolled_out(
    services: &Services<'_>,
    desired: &Desired,
    applied: &Applied,
    world: &mut World,
) -> Result<(), String> {
    let changed = |seen: &Seen| {
        let key = Key::Endpoint(seen.name.clone());
        let (Some(wanted), Some(there)) = (desired.get(&key), world.get(&key)) else {
            return false;
        };
        wanted != there && applied.things.contains(wanted)
    };
    let changed: Vec<String> = world
        .endpoints
        .iter()
        .filter(|seen| changed(seen))
        .map(|seen| seen.name.clone())
        .collect();
    for name in changed {
        let ledger = services.rollouts(&name).load().await;
        let ledger = ledger.map_err(|error| format!("What rollouts did is not known: {error}."))?;
        let good = ledger.document.last_good;
        for seen in world.endpoints.iter_mut().filter(|seen| seen.name == name) {
            seen.rolled_out = good.is_some() && seen.config == good;
        }
    }
    Ok(())
}

/// Minima by what scales.
type Minima = BTreeMap<Scalable, u32>;

/// The minima that wakes have raised for their time, of the targets that are there and may be woken; and those that they had
/// before.
async fn raised(services: &Services<'_>, fleet: &Fleet, world: &World) -> Result<(Minima, Minima), String> {
    let targets: Vec<&Scalable> = world
        .things()
        .filter_map(|(_, thing)| match thing {
            Thing::Target { of, .. } => Some(of),
            _ => None,
        })
        .collect();
    let sleeping = world.endpoints.iter().filter(|seen| {
        let scales = targets
            .iter()
            .any(|of| world.endpoint_of(of).is_some_and(|on| on.name == seen.name));
        scales && fleet.wake_for(&seen.name, seen.tags.as_ref()).is_some()
    });
    let reading = sleeping.map(async |seen| {
        let ledger = services.wakes(&seen.name).load().await;
        let ledger = ledger.map_err(|error| format!("What wakes have raised is not known: {error}."))?;
        let mut raised = vec![];
        for (thing, remembered) in &ledger.document.things {
            let Some((min, original)) = remembered.wake.as_ref().and_then(|wake| {
                let raised = wake.raised.last()?;
                Some((*raised, wake.original))
            }) else {
                continue;
            };
            for of in &targets {
                let woken = match (thing, of) {
                    (Woken::Variant, Scalable::Instances { endpoint, .. }) => *endpoint == seen.name,
                    (Woken::Component(name), Scalable::Copies { component }) => name == component,
                    _ => false,
                };
                if woken {
                    raised.push(((*of).clone(), min, original));
                }
            }
        }
        Ok::<_, String>(raised)
    });
    let found: Vec<Vec<(Scalable, u32, Option<u32>)>> =
        stream::iter(reading).buffer_unordered(AT_ONCE).try_collect().await?;
    let (mut raised, mut lowest) = (Minima::new(), Minima::new());
    for (of, min, original) in found.into_iter().flatten() {
        lowest.extend(original.map(|original| (of.clone(), original)));
        raised.insert(of, min);
    }
    Ok((raised, lowest))
}
