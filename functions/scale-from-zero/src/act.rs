//! Doing what was decided: slots on condition that nobody else wrote, everything else under the endpoint's lease. No policy
//! here: what to do is in the effect.

use std::time::Duration;

use steward::{
    aws::{autoscaling::Scaled, ledger::LedgerError},
    failure::{CallError, Retry},
    lease::{Decision, Lease, Urgency},
    text::sentence,
    wake::{Acted, Effect, Outcome, Slot, Target, Thing, lease_owner},
};

use crate::services::Services;

/// Renewed at every tick while capacity is on its way; should the ticks stop, it ends by itself.
const LEASE: Duration = Duration::from_secs(5 * 60);

/// What acts on which endpoint, for people who meet its lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Actor {
    pub(crate) endpoint: String,
    pub(crate) purpose: String,
}

/// Makes the call. `most` wakes of the fleet may be under way.
pub(crate) async fn act(services: &Services<'_>, actor: &Actor, effect: Effect, urgency: Urgency, most: u32) -> Acted {
    let outcome = match &effect {
        Effect::Claim(slot) => claim(services, slot, most).await,
        Effect::Release(id) => release_slot(services, id).await,
        Effect::RaiseMinimum(..) | Effect::RestoreMinimum(..) | Effect::Nudge(_) | Effect::SetCount(..) => {
            match hold(services, actor, urgency).await {
                Err(later) => Outcome::Later(later),
                Ok(()) => match Box::pin(call(services, &actor.endpoint, &effect)).await {
                    Ok(()) => {
                        tracing::info!(%effect, "done");
                        Outcome::Accepted
                    }
                    Err(error) => failed(&error),
                },
            }
        }
    };
    Acted {
        effect,
        at: services.now(),
        outcome,
    }
}

async fn claim(services: &Services<'_>, slot: &Slot, most: u32) -> Outcome {
    let now = services.now();
    let change = |slots: &steward::wake::Slots| {
        let mut claimed = slots.clone();
        let answer = claimed.claim(slot, most, now);
        ((claimed != *slots).then_some(claimed), answer)
    };
    match services.slots().change(change).await {
        Ok((_, Ok(()))) => Outcome::Accepted,
        Ok((_, Err(full))) => Outcome::Later(full.to_string()),
        Err(error) => unwritten(&error),
    }
}

async fn release_slot(services: &Services<'_>, id: &str) -> Outcome {
    let change = |slots: &steward::wake::Slots| {
        let mut released = slots.clone();
        released.release(id);
        ((released != *slots).then_some(released), ())
    };
    match services.slots().change(change).await {
        Ok(_) => Outcome::Accepted,
        Err(error) => unwritten(&error),
    }
}

fn unwritten(error: &LedgerError) -> Outcome {
    tracing::warn!(%error, "the slots were not written");
    Outcome::Later(error.to_string())
}

/// Takes or prolongs the lease. `Err` says who has it, or why it is not known.
pub(crate) async fn hold(services: &Services<'_>, actor: &Actor, urgency: Urgency) -> Result<(), String> {
    let owner = lease_owner(&actor.endpoint);
    let wish = Lease::wish(
        "scale-from-zero",
        &owner,
        &actor.purpose,
        urgency,
        services.now(),
        LEASE,
    );
    match services.acting.leases.acquire(&actor.endpoint, &wish).await {
        Ok(Decision::Grant(_)) => Ok(()),
        Ok(Decision::TakeOver { from, .. }) => {
            tracing::warn!(holder = from.holder, purpose = from.purpose, "the lease was taken over");
            Ok(())
        }
        Ok(Decision::Refuse { current, free_at }) => Err(format!(
            "{} holds the endpoint until {free_at:.0}, for: {}",
            current.holder, current.purpose
        )),
        Err(error) => Err(format!("no lease: {error}")),
    }
}

/// Gives the lease back.
pub(crate) async fn release(services: &Services<'_>, endpoint: &str) {
    let owner = lease_owner(endpoint);
    if let Err(error) = services.acting.leases.release(endpoint, &owner).await {
        tracing::warn!(%error, "the lease was not given back; it ends by itself");
    }
}

fn failed(error: &CallError) -> Outcome {
    tracing::warn!(%error, advice = error.advice(), "not done");
    match error.retry() {
        Retry::Soon | Retry::NextTick => Outcome::Later(error.to_string()),
        Retry::Never => Outcome::Refused(format!("{} {}", sentence(&error.to_string()), error.advice())),
    }
}

/// The one place where anything outside of the state bucket is changed.
async fn call(services: &Services<'_>, endpoint: &str, effect: &Effect) -> Result<(), CallError> {
    let (sagemaker, autoscaling) = (&services.acting.sagemaker, &services.acting.autoscaling);
    match effect {
        // Slots are no calls of this kind.
        Effect::Claim(_) | Effect::Release(_) => Ok(()),
        Effect::RaiseMinimum(target, min) | Effect::RestoreMinimum(target, min) => {
            autoscaling.register(&scaled(endpoint, target), Some(*min), None).await
        }
        Effect::Nudge(target) => autoscaling.register(&scaled(endpoint, target), None, None).await,
        Effect::SetCount(target, count) => match &target.thing {
            Thing::Variant => sagemaker.set_instances(endpoint, &target.name, *count).await.map(drop),
            Thing::Component(name) => sagemaker.set_copies(name, *count).await.map(drop),
        },
    }
}

fn scaled(endpoint: &str, target: &Target) -> Scaled {
    match &target.thing {
        Thing::Variant => Scaled::VariantInstances {
            endpoint: endpoint.to_owned(),
            variant: target.name.clone(),
        },
        Thing::Component(name) => Scaled::ComponentCopies {
            component: name.clone(),
        },
    }
}
