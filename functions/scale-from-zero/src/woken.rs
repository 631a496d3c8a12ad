//! What wakes the function besides people: the schedule, SageMaker's events, alarms.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::{StreamExt, stream};
use steward::{
    aws::{Invocation, ledger::LedgerError},
    fleet::Fleet,
    report::Report,
    trigger::AlarmChange,
    wake::{AlarmNews, Asks, Thing, WakeLedger, asks, due},
};
use tracing::Instrument;

use crate::{
    Context, HandlerError,
    drive::{self, Asked, Driven, Wide},
    ledgers, outcome, selected,
    services::Services,
};

/// Endpoints driven at the same time.
const AT_ONCE: usize = 16;

/// Everything that is due.
pub(crate) async fn tick(ctx: &Context, call: &Invocation) -> Result<Report, HandlerError> {
    let began = ctx.deployed.now();
    let services = Services::new(ctx, call);
    let lasted = || Duration::try_from(ctx.deployed.now().duration_since(began)).unwrap_or_default();
    let fleet = match services.fleet().await {
        Ok(fleet) => fleet,
        Err(none) => {
            let report = none.answered()?;
            outcome::emit(ctx, &[], Some(lasted()));
            return Ok(report);
        }
    };
    let (selected, ledgers) =
        Box::pin(async { tokio::join!(selected::all(&services, &fleet), ledgers::all(ctx, &services)) }).await;
    let (ledgers, unread) = ledgers?;
    let mut trouble = selected.trouble;
    let mut policies = selected.policies;
    let names: BTreeSet<String> = policies.keys().chain(ledgers.keys()).cloned().collect();
    let (nothing, mut waiting) = (WakeLedger::default(), Vec::new());
    for name in names {
        let ledger = ledgers.get(&name).unwrap_or(&nothing);
        let mut policy = policies.remove(&name);
        if !due(began, &name, policy.as_ref(), ledger) {
            continue;
        }
        // What is at work and not selected may only not have been listed.
        if policy.is_none() {
            policy = match selected::one(&services, &fleet, &name).await {
                Ok(policy) => policy,
                Err(call) => {
                    tracing::warn!(endpoint = name, %call, "nobody knows whether it may sleep");
                    trouble = Some(format!("{call}. {}", call.advice()));
                    continue;
                }
            };
        }
        waiting.push(Asked::tick(name, policy));
    }
    let driven = all(ctx, &services, &wide(&fleet), waiting).await?;
    outcome::emit(ctx, &driven, Some(lasted()));
    match unread {
        Some(error) => Err(error.into()),
        None => Ok(outcome::report(&driven, trouble.as_deref())),
    }
}

/// One endpoint, of which SageMaker says that it changed: capacity may have come.
pub(crate) async fn endpoint(ctx: &Context, call: &Invocation, endpoint: &str) -> Result<Report, HandlerError> {
    let services = Services::new(ctx, call);
    let ledger = services.ledger(endpoint).load().await?;
    if !ledger.document.at_work() {
        return Ok(Report::done(format!("{endpoint} is not being woken or put to sleep.")));
    }
    let fleet = match services.fleet().await {
        Ok(fleet) => fleet,
        Err(none) => return Ok(none.answered()?),
    };
    let policy = match selected::one(&services, &fleet, endpoint).await {
        Ok(policy) => policy,
        Err(call) => return Err(HandlerError::Fleet(format!("{call}. {}", call.advice()))),
    };
    let waiting = vec![Asked::tick(endpoint.to_owned(), policy)];
    let driven = all(ctx, &services, &wide(&fleet), waiting).await?;
    outcome::emit(ctx, &driven, None);
    Ok(outcome::report(&driven, None))
}

/// Whatever these alarms ask for, now.
pub(crate) async fn alarms(ctx: &Context, call: &Invocation, changes: &[AlarmChange]) -> Result<Report, HandlerError> {
    let services = Services::new(ctx, call);
    let settings = &ctx.deployed.settings;
    let here = |change: &&AlarmChange| change.region == settings.region && change.account == settings.account();
    let asking: Vec<(&AlarmChange, Asks)> = changes
        .iter()
        .filter(here)
        .flat_map(|change| asks(change).into_iter().map(move |asks| (change, asks)))
        .collect();
    if asking.is_empty() {
        let names: BTreeSet<&str> = changes.iter().map(|change| change.name.as_str()).collect();
        let names: Vec<&str> = names.into_iter().collect();
        return Ok(Report::done(format!(
            "The alarm {} asks for nothing: it is not in ALARM, not of this account and Region, or does not look at \
             HasBacklogWithoutCapacity, ApproximateBacklogSize or NoCapacityInvocationFailures.",
            names.join(", ")
        )));
    }
    let fleet = match services.fleet().await {
        Ok(fleet) => fleet,
        Err(none) => return Ok(none.answered()?),
    };
    let mut waiting: BTreeMap<String, Asked> = BTreeMap::new();
    let mut unasked = Vec::new();
    for (change, asks) in asking {
        let found = match asks {
            Asks::Endpoint(name) => Ok(Some((name, Thing::Variant))),
            Asks::Component(name) => {
                let endpoint = selected::endpoint_of(&services, &fleet, &name).await;
                endpoint.map(|endpoint| Some((endpoint?, Thing::Component(name))))
            }
        };
        let unknown = |call: steward::failure::CallError| HandlerError::Fleet(format!("{call}. {}", call.advice()));
        let Some((endpoint, thing)) = found.map_err(unknown)? else {
            unasked.push(format!("{}: there is no such inference component", change.name));
            continue;
        };
        let news = AlarmNews {
            thing,
            name: change.name.clone(),
            at: change.at,
        };
        if let Some(asked) = waiting.get_mut(&endpoint) {
            asked.alarms.push(news);
            continue;
        }
        let policy = selected::one(&services, &fleet, &endpoint).await.map_err(unknown)?;
        match policy {
            None => unasked.push(format!(
                "{}: the fleet file does not say `wake: {{ enabled: true }}` for {endpoint}",
                change.name
            )),
            Some(policy) if !policy.things().contains(&news.thing) => unasked.push(format!(
                "{}: the `wake` section of {endpoint} is not about {}",
                change.name, news.thing
            )),
            Some(policy) => {
                let asked = Asked {
                    alarms: vec![news],
                    ..Asked::tick(endpoint.clone(), Some(policy))
                };
                waiting.insert(endpoint, asked);
            }
        }
    }
    let driven = all(ctx, &services, &wide(&fleet), waiting.into_values().collect()).await?;
    outcome::emit(ctx, &driven, None);
    let unasked = (!unasked.is_empty()).then(|| unasked.join("; "));
    Ok(outcome::report(&driven, unasked.as_deref()))
}

/// What holds for all.
pub(crate) fn wide(fleet: &Fleet) -> Wide {
    Wide {
        labels: Services::labels(fleet),
        most: fleet.simultaneous_wakes(),
    }
}

/// Drives all of these, some at the same time. One whose ledger fails does not keep the others.
///
/// # Errors
/// The first failure, when all others have been driven.
pub(crate) async fn all(
    ctx: &Context,
    services: &Services<'_>,
    wide: &Wide,
    waiting: Vec<Asked>,
) -> Result<Vec<Driven>, HandlerError> {
    let driving = waiting.into_iter().map(|asked| {
        let span = tracing::info_span!("endpoint", endpoint = asked.endpoint);
        let one = async move { Box::pin(drive::drive(services, wide, asked)).await };
        one.instrument(span)
    });
    let results: Vec<Result<Driven, LedgerError>> = stream::iter(driving).buffer_unordered(AT_ONCE).collect().await;
    let (mut driven, mut failed) = (Vec::new(), None);
    for result in results {
        match result {
            Ok(one) => {
                ctx.ledgers.keep(&one.endpoint, &one.ledger);
                driven.push(one);
            }
            Err(error) => {
                tracing::error!(%error, "the ledger cannot be used");
                failed = Some(error);
            }
        }
    }
    driven.sort_by(|a, b| a.endpoint.cmp(&b.endpoint));
    match failed {
        Some(error) => {
            outcome::emit(ctx, &driven, None);
            Err(error.into())
        }
        None => Ok(driven),
    }
}
