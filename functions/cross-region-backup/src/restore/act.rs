//! Doing what was decided, under the lease of the endpoint that is made. No policy here: what to do is in the effect.

use std::time::Duration;

use serde_json::Value;
use steward::{
    aws::sagemaker::Noun,
    backup::{
        claim::Hold,
        definition::ScaledThing,
        restore::{Acted, Effect, Outcome, Plan, Restoration, ThingKind},
    },
    failure::{CallError, Failure, Retry},
    lease::{Decision, Lease, Urgency},
    text::sentence,
};

use super::{look, probe};
use crate::{
    claims,
    services::{Regional, Services},
};

/// A lease is renewed at every wake-up while a restore lasts; should the wake-ups stop, it ends by itself.
const LEASE: Duration = Duration::from_secs(10 * 60);

/// Takes the lease and makes the call. `endpoint` is the one of the ledger, whose probes are sent.
pub(super) async fn act(services: &Services<'_>, endpoint: &str, restoration: &Restoration, effect: Effect) -> Acted {
    let held = match &effect {
        // Its names are its own: nobody else needs to be kept away.
        Effect::Remove(_) | Effect::Claim(_) => Ok(()),
        _ => hold(services, &restoration.plan).await,
    };
    let outcome = match held {
        Err(later) => Outcome::Later(later),
        Ok(()) => Box::pin(done(services, endpoint, &restoration.plan, &effect)).await,
    };
    tracing::info!(%effect, ?outcome, "acted");
    Acted {
        effect,
        outcome,
        at: services.now(),
    }
}

/// The same for every invocation of one restore or drill.
fn owner(plan: &Plan) -> String {
    format!("cross-region-backup/{}", plan.mark.1)
}

/// Takes or prolongs the lease. `Err` says who has it, or why it is not known.
pub(super) async fn hold(services: &Services<'_>, plan: &Plan) -> Result<(), String> {
    let purpose = format!("{} from recovery point {}", plan.id(), plan.point);
    let wish = Lease::wish(
        "cross-region-backup",
        &owner(plan),
        &purpose,
        Urgency::Failover,
        services.now(),
        LEASE,
    );
    match services.leases().acquire(&plan.definition.endpoint, &wish).await {
        Ok(Decision::Grant(_)) => Ok(()),
        Ok(Decision::TakeOver { from, .. }) => {
            tracing::warn!(holder = from.holder, purpose = from.purpose, "the lease was taken over");
            Ok(())
        }
        Ok(Decision::Refuse { current, free_at }) => Err(format!(
            "{} holds {} until {free_at:.0}, for: {}",
            current.holder, plan.definition.endpoint, current.purpose
        )),
        Err(error) => Err(format!("no lease: {error}")),
    }
}

/// Gives the lease back.
pub(super) async fn release(services: &Services<'_>, plan: &Plan) {
    let released = services.leases().release(&plan.definition.endpoint, &owner(plan)).await;
    if let Err(error) = released {
        tracing::warn!(%error, "the lease was not given back; it ends by itself");
    }
}

async fn done(services: &Services<'_>, endpoint: &str, plan: &Plan, effect: &Effect) -> Outcome {
    match effect {
        Effect::Probe(name) => return Outcome::Probed(probe::round(services, endpoint, plan, name).await),
        Effect::Ask(name, later) => return probe::ask(services, endpoint, name, later).await,
        Effect::Await(awaited) => return probe::answers(services, endpoint, awaited).await,
        Effect::Remove(objects) => return probe::remove(services, objects).await,
        Effect::Claim(hold) => return claim(services, hold).await,
        _ => {}
    }
    let acting = services.acting(services.home());
    match Box::pin(call(&acting, &plan.definition.endpoint, effect)).await {
        Ok(()) => Outcome::Accepted,
        Err(Undone::Unknown(why)) => Outcome::Refused(why),
        Err(Undone::Call(error)) => {
            tracing::warn!(%error, advice = error.advice(), "not done");
            match error.retry() {
                Retry::Soon | Retry::NextTick => Outcome::Later(error.to_string()),
                Retry::Never => Outcome::Refused(format!("{} {}", sentence(&error.to_string()), error.advice())),
            }
        }
    }
}

/// Whatever keeps the claim from being written does not keep the restore.
async fn claim(services: &Services<'_>, hold: &Hold) -> Outcome {
    let s3 = services.acting(&hold.vault.region).s3;
    let there = async {
        claims::write(&s3, hold).await?;
        claims::point_is_there(&s3, hold).await
    };
    match there.await {
        Ok(true) => Outcome::Accepted,
        Ok(false) => Outcome::Refused(format!(
            "recovery point {} was deleted meanwhile, and maybe its copies with it",
            hold.claim.point
        )),
        Err(error) => {
            tracing::warn!(%error, advice = error.advice(), "the claim is not written");
            Outcome::Later(error.to_string())
        }
    }
}

enum Undone {
    Call(CallError),
    /// This build does not know how.
    Unknown(String),
}

/// The one place where a restore changes anything outside of its ledger.
async fn call(acting: &Regional, endpoint: &str, effect: &Effect) -> Result<(), Undone> {
    let Regional {
        sagemaker, autoscaling, ..
    } = acting;
    let scaled = |of: &ScaledThing, dimension: &str| {
        let target = look::target(endpoint, of, dimension);
        target.ok_or_else(|| Undone::Unknown(format!("this version knows no dimension {dimension}")))
    };
    match effect {
        Effect::Create { thing, body } => {
            let Value::Object(document) = body else {
                return Err(Undone::Unknown(format!(
                    "the definition of the {thing} is no JSON object"
                )));
            };
            match sagemaker.create(noun(thing.kind), document).await {
                // Whose it is, the next look tells.
                Err(error) if error.failure == Failure::AlreadyThere => Ok(()),
                made => made.map_err(Undone::Call),
            }
        }
        Effect::Scale(wanted) => {
            let target = scaled(&wanted.of, &wanted.dimension)?;
            autoscaling.apply(&target, &wanted.scaling).await.map_err(Undone::Call)
        }
        Effect::Unscale(of, dimension) => {
            let target = scaled(of, dimension)?;
            autoscaling.deregister(&target).await.map_err(Undone::Call)
        }
        Effect::Delete(thing) => {
            let deleted = sagemaker.delete(noun(thing.kind), &thing.name).await;
            deleted.map(drop).map_err(Undone::Call)
        }
        // Done by `done`, since what comes of them is more than taken or not.
        Effect::Claim(_) | Effect::Probe(_) | Effect::Ask(..) | Effect::Await(_) | Effect::Remove(_) => Ok(()),
    }
}

fn noun(kind: ThingKind) -> Noun {
    match kind {
        ThingKind::Model => Noun::Model,
        ThingKind::Config => Noun::EndpointConfig,
        ThingKind::Endpoint => Noun::Endpoint,
        ThingKind::Component => Noun::InferenceComponent,
    }
}
