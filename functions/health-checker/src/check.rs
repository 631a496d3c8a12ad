//! One check, of the whole fleet or of some endpoints: observe, decide, commit, act, publish, report.

use std::collections::BTreeMap;

use jiff::Timestamp;
use steward::{
    aws::{
        Invocation,
        fleet_source::{self, InForce, NoFleet},
        ledger::{LedgerError, Loaded},
    },
    endpoint::EndpointStatus,
    health::{
        Decision, Facts, decide,
        ledger::HealthLedger,
        observation::{Hint, News, SweepNews, Trouble, Watch},
        policy::FleetHealthPolicy,
        reach,
        silence::covers,
    },
    report::Report,
};

use crate::{
    Context, HandlerError, act,
    observe::{self, Looks},
    outcome::Outcome,
    services::Services,
    watch::{self, Selected},
};

/// What to check.
pub(crate) enum Scope {
    /// Everything.
    Sweep,
    /// What an event is about.
    Changed {
        /// The endpoint.
        endpoint: String,
        /// What the event said.
        hint: Hint,
    },
    /// Names or globs.
    Some {
        /// Names or globs.
        patterns: Vec<String>,
        /// A person asked: answer every probe's outcome.
        details: bool,
    },
}

/// Checks and answers the report. A burst of state changes writes one ledger: an event that comes to no write among them
/// has lost nothing that the next sweep would not see, unless it announces a deletion, after which there is nothing to see.
pub(crate) async fn run(ctx: &Context, call: &Invocation, scope: Scope) -> Result<Report, HandlerError> {
    let waits = match &scope {
        Scope::Changed { endpoint, hint } if hint.status != EndpointStatus::Deleting => Some(endpoint.clone()),
        _ => None,
    };
    let checked = Box::pin(checked(ctx, call, scope)).await;
    if let Err(HandlerError::Ledger(LedgerError::Conflict { attempts, .. })) = &checked
        && let Some(endpoint) = waits
    {
        tracing::warn!(endpoint, attempts, "others wrote first: left to the next sweep");
        return Ok(Report::done(format!(
            "Others wrote the ledger first, {attempts} times: what changed about {endpoint} is seen by the next sweep."
        )));
    }
    checked
}

async fn checked(ctx: &Context, call: &Invocation, scope: Scope) -> Result<Report, HandlerError> {
    let began = ctx.deployed.now();
    let services = Services::new(ctx, call);
    let (loaded, fleet) = tokio::join!(
        Box::pin(services.ledger.load()),
        Box::pin(ctx.deployed.fleet.load(&services.s3))
    );
    let loaded = loaded?;
    // What an earlier invocation could not say comes first, whatever happens next.
    let (loaded, mut published) = Box::pin(services.teller.drain(&services.ledger, loaded)).await?;
    let InForce {
        fleet,
        troubles: fleet_troubles,
        ..
    } = match fleet {
        Ok(in_force) => in_force,
        Err(none) => return Box::pin(no_fleet(ctx, &services, (loaded, published), none, (&scope, began))).await,
    };
    let fleet_health = fleet.fleet_health();
    let mut troubles: Vec<Trouble> = fleet_troubles
        .iter()
        .map(|trouble| trouble.of_the_monitor(told(trouble)))
        .collect();
    let (selected, names, hint) = Box::pin(select(ctx, &services, &fleet, &loaded.document, &scope)).await;
    troubles.extend(selected.troubles.iter().cloned());
    let concurrency = usize::try_from(fleet_health.concurrency).unwrap_or(usize::MAX);
    let looks = Box::pin(observe::all(
        ctx,
        &services,
        &selected,
        &loaded.document,
        names,
        hint,
        concurrency,
    ))
    .await;
    let Looks {
        observations,
        unreached,
    } = looks;
    if !unreached.is_empty() {
        tracing::warn!(count = unreached.len(), "not reached in this sweep");
    }
    let swept = matches!(scope, Scope::Sweep);
    let news = News {
        observations,
        troubles,
        sweep: swept.then(|| SweepNews {
            unreached: unreached.clone(),
        }),
        acted: Vec::new(),
    };
    let before = loaded.document.clone();
    let (loaded, mut decision) =
        Box::pin(commit(ctx, &services, &selected.watch, &fleet_health, loaded, &news)).await?;
    let done = Box::pin(act::all(ctx, &services, &before, &loaded.document, &decision.steps)).await;
    let loaded = if done.acted.is_empty() && done.troubles.is_empty() {
        loaded
    } else {
        let before = loaded.document.clone();
        let news = News {
            acted: done.acted,
            troubles: done.troubles,
            ..News::default()
        };
        let (loaded, after) = Box::pin(commit(ctx, &services, &selected.watch, &fleet_health, loaded, &news)).await?;
        act::release_ended(&services, &before, &loaded.document).await;
        decision.reasons.extend(after.reasons);
        loaded
    };
    let (loaded, more) = Box::pin(services.teller.drain(&services.ledger, loaded)).await?;
    published += more;
    let result = Outcome {
        news: &news,
        unreached: &unreached,
        decision: &decision,
        ledger: &loaded.document,
        published,
    };
    result.log();
    let lasted = std::time::Duration::try_from(ctx.deployed.now().duration_since(began)).unwrap_or_default();
    if swept {
        result.emit(ctx, &selected.watch, lasted);
    }
    Ok(result.report(&selected.watch, &scope, lasted))
}

/// Decides on the news, again on every newer ledger, until the decision is written.
async fn commit(
    ctx: &Context,
    services: &Services,
    watch: &Watch,
    fleet: &FleetHealthPolicy,
    loaded: Loaded<HealthLedger>,
    news: &News,
) -> Result<(Loaded<HealthLedger>, Decision), LedgerError> {
    let round = |ledger: &HealthLedger| {
        let facts = Facts {
            now: ctx.deployed.now(),
            fleet,
            links: &ctx.deployed.links,
        };
        let decision = decide(&facts, watch, ledger, news);
        let changed = (decision.ledger != *ledger).then(|| decision.ledger.clone());
        (changed, decision)
    };
    services.ledger.change_from(loaded, round).await
}

/// What is watched, what of it is looked at now and in which order.
async fn select(
    ctx: &Context,
    services: &Services,
    fleet: &steward::fleet::Fleet,
    ledger: &HealthLedger,
    scope: &Scope,
) -> (Selected, Vec<String>, Option<Hint>) {
    match scope {
        Scope::Sweep => {
            let selected = watch::whole_fleet(ctx, services, fleet, ledger).await;
            let names = reach::order(&selected.watch, ledger);
            (selected, names, None)
        }
        Scope::Changed { endpoint, hint } => {
            let mut selected = watch::from_ledger(ctx, fleet, ledger);
            watch::add(ctx, services, fleet, &mut selected, endpoint).await;
            (selected, vec![endpoint.clone()], Some(*hint))
        }
        Scope::Some { patterns, .. } => {
            let globs = patterns.iter().any(|pattern| !fleet_name(pattern));
            let mut selected = if globs {
                let mut selected = watch::whole_fleet(ctx, services, fleet, ledger).await;
                selected.watch.complete = false;
                selected
            } else {
                watch::from_ledger(ctx, fleet, ledger)
            };
            for name in patterns.iter().filter(|pattern| fleet_name(pattern)) {
                watch::add(ctx, services, fleet, &mut selected, name).await;
            }
            let names = reach::order(&selected.watch, ledger);
            let names = names.into_iter().filter(|name| covers(patterns, name)).collect();
            (selected, names, None)
        }
    }
}

fn fleet_name(pattern: &str) -> bool {
    pattern.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// What of the fleet file is told while one is in force.
fn told(trouble: &fleet_source::Trouble) -> String {
    match trouble {
        fleet_source::Trouble::Call(_) => format!("{trouble} The last good fleet file stays in force."),
        _ => trouble.to_string(),
    }
}

/// People are told of it before the invocation fails, or says that there is none yet; what waits in the outbox was
/// published already.
async fn no_fleet(
    ctx: &Context,
    services: &Services,
    (loaded, mut published): (Loaded<HealthLedger>, usize),
    none: NoFleet,
    (scope, began): (&Scope, Timestamp),
) -> Result<Report, HandlerError> {
    let news = News {
        troubles: vec![none.of_the_monitor()],
        ..News::default()
    };
    let fleet = FleetHealthPolicy {
        suppression_minimum: 1,
        suppression_share: 1.0,
        recoveries_per_hour: 0,
        concurrency: 1,
        labels: BTreeMap::new(),
    };
    let watch = Watch::default();
    let (loaded, decision) = commit(ctx, services, &watch, &fleet, loaded, &news).await?;
    let (loaded, more) = services.teller.drain(&services.ledger, loaded).await?;
    published += more;
    if matches!(scope, Scope::Some { details: true, .. }) {
        return Err(none.into());
    }
    let report = none.answered()?.with("alerts_published", published);
    if matches!(scope, Scope::Sweep) {
        let result = Outcome {
            news: &news,
            unreached: &[],
            decision: &decision,
            ledger: &loaded.document,
            published,
        };
        let lasted = std::time::Duration::try_from(ctx.deployed.now().duration_since(began)).unwrap_or_default();
        result.emit(ctx, &watch, lasted);
    }
    Ok(report)
}
