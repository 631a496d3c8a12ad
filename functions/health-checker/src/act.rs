//! Doing what was decided, each step under its endpoint's lease. No policy here: what to do is in the step.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt, stream};
use steward::{
    aws::{autoscaling::Scaled, sagemaker::Change},
    failure::{CallError, Retry},
    health::{
        ledger::HealthLedger,
        observation::{ActOutcome, Acted, OWN, Obstacle, Trouble},
        recovery::{Intent, Step, Verb},
    },
    lease::{Decision, Lease},
    text::printable,
};
use tracing::Instrument;

use crate::{
    Context,
    services::{Acting, Services},
    watch::trouble,
};

/// Steps at the same time: recoveries are few by their budgets.
const AT_ONCE: usize = 8;

/// A lease is renewed with every sweep while a recovery lasts; should the sweeps stop, it ends by itself.
const LEASE: Duration = Duration::from_secs(10 * 60);

/// How the steps went, and what stood in their way.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) acted: Vec<Acted>,
    pub(crate) troubles: Vec<Trouble>,
}

/// Takes the steps, keeps the leases of recoveries under way and gives back those of recoveries that ended.
pub(crate) async fn all(
    ctx: &Context,
    services: &Services,
    before: &HealthLedger,
    after: &HealthLedger,
    steps: &[Step],
) -> Done {
    let acting = &services.acting;
    let steps: BTreeMap<&str, &Step> = steps.iter().map(|step| (step.endpoint.as_str(), step)).collect();
    let under_way = intents(after);
    let taking = under_way.iter().map(|(endpoint, intent)| {
        let step = steps.get(endpoint).copied();
        let span = tracing::info_span!("endpoint", endpoint = *endpoint);
        take(ctx, acting, endpoint, intent, step).instrument(span)
    });
    let results: Vec<(Option<Acted>, Option<Trouble>)> = stream::iter(taking).buffer_unordered(AT_ONCE).collect().await;
    let mut done = Done::default();
    for (acted, trouble) in results {
        done.acted.extend(acted);
        done.troubles.extend(trouble);
    }
    for (endpoint, intent) in intents(before) {
        if under_way.get(endpoint).is_none_or(|now| now.id != intent.id) {
            release(acting, endpoint, &intent.id).await;
        }
    }
    done
}

/// Gives back the leases of recoveries that ended when their steps were noted.
pub(crate) async fn release_ended(services: &Services, before: &HealthLedger, after: &HealthLedger) {
    let under_way = intents(after);
    for (endpoint, intent) in intents(before) {
        if under_way.get(endpoint).is_none_or(|now| now.id != intent.id) {
            release(&services.acting, endpoint, &intent.id).await;
        }
    }
}

fn intents(ledger: &HealthLedger) -> BTreeMap<&str, &Intent> {
    let doing = ledger.endpoints.iter();
    doing
        .filter_map(|(name, record)| Some((name.as_str(), record.recovery.intent.as_ref()?)))
        .collect()
}

async fn release(acting: &Acting, endpoint: &str, intent: &str) {
    if let Err(error) = acting.leases.release(endpoint, intent).await {
        tracing::warn!(endpoint, %error, "the lease was not given back; it ends by itself");
    }
}

async fn take(
    ctx: &Context,
    acting: &Acting,
    endpoint: &str,
    intent: &Intent,
    step: Option<&Step>,
) -> (Option<Acted>, Option<Trouble>) {
    let now = ctx.deployed.now();
    let wish = Lease::wish(OWN, &intent.id, "recovery", intent.measure.urgency(), now, LEASE);
    let leased = acting.leases.acquire(endpoint, &wish).await;
    // Without a step SageMaker is at work: the lease keeps others away, and nothing is lost if it could not be had.
    let Some(step) = step else {
        if let Err(error) = leased {
            tracing::warn!(%error, "the lease was not renewed");
        }
        return (None, None);
    };
    let mut left = Vec::new();
    let (outcome, trouble) = match leased {
        Ok(Decision::Refuse { current, free_at }) => {
            let held = Obstacle {
                kind: format!("lease/{}", current.holder),
                said: format!(
                    "{} holds the endpoint until {free_at:.0}, for: {}",
                    current.holder, current.purpose
                ),
                advice: format!("Wait for {}, or end what it does to the endpoint.", current.holder),
            };
            (ActOutcome::Later(held), None)
        }
        Ok(Decision::Grant(_) | Decision::TakeOver { .. }) => match call(acting, step, &mut left).await {
            Ok(change) => {
                tracing::info!(step = ?step.verb, ?change, "recovery step taken");
                (ActOutcome::Accepted, None)
            }
            Err(error) => {
                left.extend(perhaps(&error));
                failed(&error)
            }
        },
        Err(error) => (
            ActOutcome::Later(match error.call() {
                Some(call) => Obstacle {
                    said: format!("no lease: {call}"),
                    ..obstacle(call)
                },
                None => Obstacle {
                    kind: "lease".to_owned(),
                    said: format!("no lease: {error}"),
                    advice: "Look at the endpoint's lease in the state bucket.".to_owned(),
                },
            }),
            error.call().map(trouble),
        ),
    };
    let acted = Acted {
        endpoint: endpoint.to_owned(),
        intent: intent.id.clone(),
        step: step.number,
        at: ctx.deployed.now(),
        outcome,
        left,
    };
    (Some(acted), trouble)
}

fn failed(error: &CallError) -> (ActOutcome, Option<Trouble>) {
    tracing::warn!(%error, advice = error.advice(), "recovery step not taken");
    let outcome = match error.retry() {
        Retry::Soon | Retry::NextTick => ActOutcome::Later(obstacle(error)),
        Retry::Never => ActOutcome::Refused(format!("{error}. {}", error.advice())),
    };
    let own = error.failure == steward::failure::Failure::Denied;
    (outcome, own.then(|| trouble(error)))
}

fn obstacle(error: &CallError) -> Obstacle {
    let code = error.code.as_deref().unwrap_or("no code");
    Obstacle {
        kind: format!(
            "{}:{} {}/{}",
            error.service,
            error.operation,
            error.failure,
            printable(code, 100)
        ),
        said: error.to_string(),
        advice: error.advice(),
    }
}

/// A change whose answer did not come may have been made.
fn perhaps(error: &CallError) -> Option<String> {
    let reads = error.operation.starts_with("Describe") || error.operation.starts_with("List");
    (!reads && error.failure.may_have_taken_effect())
        .then(|| format!("{} may have taken effect: {}.", error.operation, error.failure))
}

/// The one place where the health checker changes anything in SageMaker. `left`: what it changed on the way.
async fn call(acting: &Acting, step: &Step, left: &mut Vec<String>) -> Result<Change, CallError> {
    let endpoint = step.endpoint.as_str();
    let sagemaker = &acting.sagemaker;
    match &step.verb {
        Verb::SetWeights(weights) => sagemaker.set_weights(endpoint, weights).await,
        Verb::SetInstances { variant, count } => sagemaker.set_instances(endpoint, variant, *count).await,
        Verb::SetMinimum { variant, minimum } => {
            let scaled = Scaled::VariantInstances {
                endpoint: endpoint.to_owned(),
                variant: variant.clone(),
            };
            acting
                .autoscaling
                .register(&scaled, Some(*minimum), None)
                .await
                .map(|()| Change::Begun)
        }
        Verb::Redeploy { from, to } => {
            let config = sagemaker.describe_endpoint_config(from).await?;
            sagemaker.clone_endpoint_config(&config, to).await?;
            left.push(format!("Endpoint config {to} was created as a copy of {from}."));
            sagemaker.update_endpoint(endpoint, to, None).await
        }
        Verb::Delete { created, config } => sagemaker.delete_failed_endpoint(endpoint, *created, config).await,
        Verb::Create { config, tags } => sagemaker.create_endpoint(endpoint, config, tags).await,
    }
}
