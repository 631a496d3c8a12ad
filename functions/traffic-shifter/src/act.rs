//! Doing what was decided, under the endpoint's lease. No policy here: what to do is in the effect.

use std::time::Duration;

use steward::{
    aws::autoscaling::Scaled,
    failure::{CallError, Retry},
    lease::{Decision, Lease, Urgency},
    rollout::{
        effect::{ActOutcome, Acted, Effect},
        lease_owner,
    },
    text::sentence,
};

use crate::services::{Acting, Services};

/// A lease is renewed at every wake-up while a rollout lasts; should the wake-ups stop, it ends by itself.
const LEASE: Duration = Duration::from_secs(10 * 60);

/// What acts on which endpoint, for people who meet its lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Actor {
    pub(crate) endpoint: String,
    pub(crate) purpose: String,
    /// The variant on trial.
    pub(crate) trial: Option<String>,
}

/// Takes the lease and makes the call.
pub(crate) async fn act(services: &Services<'_>, actor: &Actor, effect: Effect, urgency: Urgency) -> Acted {
    let outcome = match hold(services, actor, urgency).await {
        Err(later) => ActOutcome::Later(later),
        Ok(()) => match Box::pin(call(&services.acting, &actor.endpoint, &effect)).await {
            Ok(()) => {
                tracing::info!(?effect, "done");
                ActOutcome::Accepted
            }
            Err(error) => failed(&error),
        },
    };
    Acted {
        effect,
        at: services.now(),
        outcome,
    }
}

/// Takes or prolongs the lease. `Err` says who has it, or why it is not known.
pub(crate) async fn hold(services: &Services<'_>, actor: &Actor, urgency: Urgency) -> Result<(), String> {
    let owner = lease_owner(&actor.endpoint);
    let wish = Lease::wish(
        "traffic-shifter",
        &owner,
        &actor.purpose,
        urgency,
        services.now(),
        LEASE,
    )
    .trying(actor.trial.clone());
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

fn failed(error: &CallError) -> ActOutcome {
    tracing::warn!(%error, advice = error.advice(), "not done");
    match error.retry() {
        Retry::Soon | Retry::NextTick => ActOutcome::Later(error.to_string()),
        Retry::Never => ActOutcome::Refused(format!("{} {}", sentence(&error.to_string()), error.advice())),
    }
}

/// The one place where the traffic shifter changes anything outside of its ledgers.
async fn call(acting: &Acting, endpoint: &str, effect: &Effect) -> Result<(), CallError> {
    let Acting {
        sagemaker,
        autoscaling,
        cloudwatch,
        ..
    } = acting;
    let scaled = |variant: &str| Scaled::VariantInstances {
        endpoint: endpoint.to_owned(),
        variant: variant.to_owned(),
    };
    match effect {
        Effect::CreateConfig(plan) => sagemaker.create_endpoint_config(plan).await.map(drop),
        Effect::UpdateEndpoint { config, deployment } => sagemaker
            .update_endpoint(endpoint, config, deployment.as_ref())
            .await
            .map(drop),
        Effect::SetWeights(weights) => sagemaker.set_weights(endpoint, weights).await.map(drop),
        Effect::SetInstances { variant, count } => sagemaker.set_instances(endpoint, variant, *count).await.map(drop),
        Effect::Scale { variant, scaling } => autoscaling.apply(&scaled(variant), scaling).await,
        Effect::Suspend { variant, suspended } => autoscaling.suspend(&scaled(variant), *suspended).await,
        Effect::Unscale { variant } => autoscaling.deregister(&scaled(variant)).await,
        Effect::Point { alarm, at } => cloudwatch.point(alarm, at).await,
        Effect::DeleteConfig(name) => sagemaker.delete_endpoint_config(name).await.map(drop),
        Effect::UpdateComponent {
            component,
            model,
            deployment,
        } => sagemaker
            .update_inference_component(component, model, deployment)
            .await
            .map(drop),
        Effect::PutAbortAlarm(name) => cloudwatch.put_abort_alarm(name).await,
        Effect::TripAlarm { alarm, reason } => cloudwatch.trip(alarm, reason).await,
        Effect::DeleteAlarm(name) => cloudwatch.delete_alarm(name).await,
    }
}
