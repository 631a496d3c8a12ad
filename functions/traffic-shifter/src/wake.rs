//! What wakes the traffic shifter besides people: the schedule, SageMaker's events, alarms.

use std::{collections::BTreeSet, time::Duration};

use futures::{StreamExt, stream};
use steward::{
    aws::{
        Invocation,
        ledger::{LedgerError, Loaded},
    },
    report::Report,
    rollout::{AlarmNews, Meant, RolloutLedger, meant, of_here},
    text::sentence,
    trigger::{AlarmChange, AlarmState},
};
use tracing::Instrument;

use crate::{
    Context, HandlerError,
    drive::{self, Driven, Heard},
    ledgers, outcome,
    services::Services,
};

/// Endpoints driven at the same time.
const AT_ONCE: usize = 16;

/// Everything that is due.
pub(crate) async fn tick(ctx: &Context, call: &Invocation) -> Result<Report, HandlerError> {
    let began = ctx.deployed.now();
    let services = Services::new(ctx, call);
    let due = ledgers::due(ctx, &services).await?;
    let waiting = due.into_iter().map(|endpoint| (endpoint, Heard::default()));
    let driven = all(ctx, &services, waiting.collect()).await?;
    let lasted = Duration::try_from(ctx.deployed.now().duration_since(began)).unwrap_or_default();
    outcome::emit(ctx, &driven, Some(lasted));
    Ok(outcome::report(&driven))
}

/// One endpoint, of which SageMaker says that it changed.
pub(crate) async fn endpoint(ctx: &Context, call: &Invocation, endpoint: &str) -> Result<Report, HandlerError> {
    let services = Services::new(ctx, call);
    let driven = all(ctx, &services, vec![(endpoint.to_owned(), Heard::default())]).await?;
    outcome::emit(ctx, &driven, None);
    Ok(outcome::report(&driven))
}

/// Every rollout that goes back on one of these alarms, now.
pub(crate) async fn alarms(ctx: &Context, call: &Invocation, changes: &[AlarmChange]) -> Result<Report, HandlerError> {
    let settings = ctx.settings();
    let (region, account) = (settings.region.as_str(), settings.account());
    let here: Vec<&AlarmChange> = of_here(changes, region, account).collect();
    if here.is_empty() {
        let others: BTreeSet<&str> = changes.iter().map(|change| change.arn.as_str()).collect();
        return Ok(Report::done(format!(
            "{} is of another Region or account than the rollouts here ({region}, {account}); there is nothing to do.",
            others.into_iter().collect::<Vec<_>>().join(", ")
        )));
    }
    let services = Services::new(ctx, call);
    let due = ledgers::due(ctx, &services).await?;
    let reading = due.into_iter().map(async |endpoint| {
        let loaded = services.ledger(&endpoint).load().await;
        (endpoint, loaded)
    });
    let read: Vec<(String, Result<Loaded<RolloutLedger>, LedgerError>)> =
        stream::iter(reading).buffer_unordered(AT_ONCE).collect().await;
    let (mut concerned, mut not_now, mut unread) = (Vec::new(), BTreeSet::new(), None);
    for (endpoint, loaded) in read {
        match loaded {
            Ok(loaded) => {
                let mut counts = Vec::new();
                for change in &here {
                    match meant(&loaded.document, change) {
                        Meant::Nothing => {}
                        Meant::Counts => counts.push(*change),
                        Meant::NotNow(why) => {
                            tracing::info!(endpoint, "{why}");
                            not_now.insert(why);
                        }
                    }
                }
                if counts.is_empty() {
                    ctx.ledgers.keep(&endpoint, &loaded);
                    continue;
                }
                let alarming = counts.iter().filter(|change| change.state == AlarmState::Alarm);
                let news = alarming.map(|change| AlarmNews {
                    name: change.name.clone(),
                    at: change.at,
                    reason: change.reason.clone(),
                });
                let heard = Heard {
                    alarms: news.collect(),
                    ..Heard::default()
                };
                concerned.push((endpoint, heard));
            }
            Err(error) => {
                tracing::error!(endpoint, %error, "the ledger cannot be read");
                unread = Some(error);
            }
        }
    }
    let driven = all(ctx, &services, concerned).await?;
    outcome::emit(ctx, &driven, None);
    if let Some(error) = unread {
        return Err(error.into());
    }
    unheard(&driven)?;
    let not_now: String = not_now.iter().map(|why| sentence(why)).collect::<Vec<_>>().join("\n");
    if driven.is_empty() && !not_now.is_empty() {
        return Ok(Report::done(not_now).noting("There is nothing to do."));
    }
    if driven.is_empty() {
        let names: BTreeSet<&str> = here.iter().map(|change| change.name.as_str()).collect();
        return Ok(Report::done(format!(
            "No rollout at work names the alarm {}; there is nothing to do.",
            names.into_iter().collect::<Vec<_>>().join(", ")
        )));
    }
    let told = outcome::report(&driven);
    Ok(match not_now.as_str() {
        "" => told,
        not_now => told.noting(not_now),
    })
}

/// Every alarm was told to a decision, or green cannot go back on it any more. An alarm's event counts also when the alarm is
/// OK again at the next look, so nothing makes up for a lost one.
///
/// # Errors
/// Which were not.
fn unheard(driven: &[Driven]) -> Result<(), HandlerError> {
    let of = driven.iter().filter(|one| !one.unheard.is_empty());
    let unheard: Vec<String> = of
        .map(|one| format!("{} of {}, because {}", one.unheard.join(", "), one.endpoint, one.why))
        .collect();
    match unheard.as_slice() {
        [] => Ok(()),
        some => Err(HandlerError::Unheard(some.join("; "))),
    }
}

/// Drives all of these, some at the same time. One whose ledger fails does not keep the others.
///
/// # Errors
/// The first failure, when all others have been driven.
pub(crate) async fn all(
    ctx: &Context,
    services: &Services<'_>,
    waiting: Vec<(String, Heard)>,
) -> Result<Vec<Driven>, HandlerError> {
    let driving = waiting.into_iter().map(|(endpoint, heard)| {
        let span = tracing::info_span!("endpoint", endpoint);
        let one = async move { Box::pin(drive::drive(services, &endpoint, heard)).await };
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
