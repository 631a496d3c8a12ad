//! What is declared, what is there, and what a wake moved: all that a decision is made from.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use shared::{
    aws::capacity::{Asked, Breadth},
    capacity::{
        desired::Desired,
        drift::Applied,
        plan::{Plan, Situation, plan},
        thing::{Scalable, Thing},
        world::World,
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
    let raised = Box::pin(raised(services, fleet, &world)).await?;
    Ok(View {
        desired: Desired::of(fleet, &world, region),
        world,
        raised,
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

/// The minima that wakes have raised for their time, of the targets that are there and may be woken.
async fn raised(services: &Services<'_>, fleet: &Fleet, world: &World) -> Result<BTreeMap<Scalable, u32>, String> {
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
            let Some(min) = remembered.wake.as_ref().and_then(|wake| wake.raised.last()) else {
                continue;
            };
            for of in &targets {
                let woken = match (thing, of) {
                    (Woken::Variant, Scalable::Instances { endpoint, .. }) => *endpoint == seen.name,
                    (Woken::Component(name), Scalable::Copies { component }) => name == component,
                    _ => false,
                };
                if woken {
                    raised.push(((*of).clone(), *min));
                }
            }
        }
        Ok::<_, String>(raised)
    });
    let raised: Vec<Vec<(Scalable, u32)>> = stream::iter(reading).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(raised.into_iter().flatten().collect())
}
